//! Formats that people have: which of them a scan reads, with which tags, and what it says of the others.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::time::Duration;

use tests::media::{ffmpeg, sound};
use tests::{Options, Server, eventually};

/// Name, and what ffmpeg is told to make it.
const FILES: [(&str, &str, &str); 4] = [
    ("reed.webm", "-c:a libopus", "audio/webm"),
    ("lily.weba", "-c:a libvorbis -f webm", "audio/webm"),
    ("coot.mka", "-c:a flac", "audio/x-matroska"),
    ("sedge.wv", "-c:a wavpack", "audio/x-wavpack"),
];

#[test]
fn sound_in_matroska_has_its_tags_and_formats_that_are_not_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, coded, _) in FILES {
        let title = name.split('.').next().unwrap_or_default();
        let words = format!(
            "-f lavfi -i sine=frequency=440:duration=3:sample_rate=48000 {coded} -metadata title={title} \
             -metadata artist=Heron -metadata album=Pond -metadata album_artist=Birds -metadata track=3/9 \
             -metadata date=1999 -metadata genre=Drone"
        );
        ffmpeg(words.split_whitespace(), &folder.path().join(name));
    }
    for name in ["a.ape", "b.APE", "c.wma", "notes.txt"] {
        fs::write(folder.path().join(name), "nobody looks at this").expect("a file");
    }
    let options = Options { libraries: vec![folder.path().into()], tracks: 4, ..Options::default() };
    let server = Server::start(&options);
    for (name, _, content_type) in FILES {
        let (title, suffix) = name.split_once('.').expect("an ending");
        let song = server.subsonic("getSong", &format!("id={}", server.track(title)))["song"].clone();
        let of = |field: &str| song[field].as_str().unwrap_or_default().to_owned();
        assert_eq!((of("artist"), of("album")), ("Heron".into(), "Pond".into()), "{name}: {song}");
        assert_eq!(
            (of("genre"), of("displayAlbumArtist")),
            ("Drone".into(), "Birds".into()),
            "{name}: {song}"
        );
        assert_eq!((of("suffix"), of("contentType")), (suffix.into(), content_type.into()), "{name}: {song}");
        let (track, year) = (song["track"].as_u64(), song["year"].as_u64());
        assert_eq!((track, year), (Some(3), Some(1999)), "{name}: {song}");
        assert_eq!(
            (song["duration"].as_u64(), song["isVideo"].as_bool()),
            (Some(3), Some(false)),
            "{name}: {song}"
        );
        let id = of("id");
        let answer = server.get(&format!("/rest/stream?id={id}&format=mp3&{}", server.mira.by_key()), &[]);
        assert!(sound(&answer.body).starts_with("mp3,48000,1"), "{name}: {}", answer.head());
    }

    let told = "3 files were passed over, because their formats are not read: 2 .ape, 1 .wma";
    eventually("the log names them", Duration::from_secs(10), || server.output().contains(told));
    let scanned = server.command(&["scan"], "");
    let said = String::from_utf8_lossy(&scanned.stdout).into_owned();
    assert!(scanned.status.success() && said.contains(told), "{scanned:?}");
}
