//! A server without ffmpeg says so wherever somebody could wonder, and does what it can do without.

use std::path::Path;
use std::time::Duration;

use tests::media::video;
use tests::{Library, Options, eventually};

use crate::house::House;

#[test]
fn without_ffmpeg_the_start_the_health_and_each_request_say_so_and_covers_are_made() {
    let nowhere = "[transform]\nffmpeg = \"/nowhere/ffmpeg\"\n";
    let off_path = vec![("PATH".to_owned(), String::new())];
    for (name, config, variables, words) in [
        ("a path that leads nowhere", nowhere, vec![], "/nowhere/ffmpeg is not a program"),
        ("no path at all", "", off_path, "no ffmpeg on PATH"),
    ] {
        let library = Library::small();
        let house = House::new(config, |options: &mut Options, clips: &Path| {
            video(&clips.join("a.mp4"), "320x180", 1, &[]);
            options.libraries = vec![library.root.clone()];
            options.tracks = library.songs.len();
            options.variables = variables;
        });
        assert!(house.server.output().contains(words), "{name}: {}", house.server.output());
        let health = house.get("/health", &[]).json();
        let check = &health["checks"]["ffmpeg"];
        assert_eq!(
            (health["status"].as_str(), check["status"].as_str()),
            (Some("degraded"), Some("degraded"))
        );
        assert!(check["why"].as_str().is_some_and(|why| why.contains("ffmpeg")), "{name}: {health}");
        for target in ["/clips/a.mp4?width=160", "/cdn-cgi/media/mode=frame/clips/a.mp4"] {
            let answer = house.get(target, &[]);
            assert_eq!((answer.status, answer.code()), (503, "no_ffmpeg".to_owned()), "{name}: {target}");
            assert!(answer.text().contains("ffmpeg"), "{name}: {}", answer.text());
        }
        assert_eq!(house.get("/clips/a.mp4", &[]).status, 200, "{name}: the original is there");
        cover(&house, name);
        assert!(house.children().is_empty(), "{name}");
    }
}

/// A cover of another size than its original, which is made by the server itself.
fn cover(house: &House, name: &str) {
    let albums = house.server.subsonic("getAlbumList2", "type=newest&size=50");
    let albums = albums["albumList2"]["album"].as_array().cloned().unwrap_or_default();
    let id = albums.iter().find_map(|album| album["coverArt"].as_str()).expect("an album with a cover");
    let target = format!("/rest/getCoverArt?id={id}&size=24&{}", house.server.admin.by_key());
    eventually("the cover is there", Duration::from_secs(30), || house.get(&target, &[]).status == 200);
    let answer = house.get(&target, &[]);
    assert!(answer.header("content-type").starts_with("image/"), "{name}: {}", answer.head());
}
