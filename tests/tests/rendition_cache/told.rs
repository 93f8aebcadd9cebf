//! What answers say beside their bytes: to players that need another way, to caches, and to pages.

use tests::http::Answer;

use crate::ground::{House, video};

const SAFARI: (&str, &str) = (
    "User-Agent",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
);
const FIRST_BYTES: (&str, &str) = ("Range", "bytes=0-1");

#[test]
fn a_player_that_needs_ranges_is_sent_to_the_playlist_until_they_are_there() {
    let house = House::new("", "");
    video(&house.public("a.mp4"), "320x180", 8, 0);
    video(&house.private("b.mp4"), "320x180", 8, 90);
    let signed = house.url(&house.server.mira.bearer(), "/own/b.mp4?width=160");
    for (target, playlist) in [
        ("/clips/a.mp4?width=160", "/clips/a.mp4/index.m3u8?width=160"),
        (&*signed, "/own/b.mp4/index.m3u8?width=160&"),
    ] {
        let answer = house.server.get(target, &[SAFARI, FIRST_BYTES]);
        let place = answer.header("location").to_owned();
        assert_eq!((answer.status, place.starts_with(playlist)), (302, true), "{target}: {}", answer.head());
        assert_eq!(answer.header("cache-control"), "no-store");
        let list = house.server.get(&place, &[SAFARI]);
        assert_eq!(list.header("content-type"), "application/vnd.apple.mpegurl", "{place}: {}", list.text());
        // Who downloads it gets the file, and then it has ranges for everybody.
        let whole = house.server.get(target, &[SAFARI]);
        assert_eq!((whole.status, whole.header("content-type")), (200, "video/mp4"), "{}", whole.text());
        let ranged = house.server.get(target, &[SAFARI, FIRST_BYTES]);
        assert_eq!((ranged.status, ranged.body.as_slice()), (206, &whole.body[..2]));
    }
    let short = "/clips/a.mp4?mode=audio&duration=1s";
    let answer =
        house.server.get(short, &[SAFARI, FIRST_BYTES, ("Authorization", &house.server.mira.bearer())]);
    assert_eq!(answer.status, 206, "what has no playlist is waited for");
}

#[test]
fn caches_are_told_to_keep_what_may_be_kept_and_nothing_else() {
    let keeps = |answer: &Answer| answer.header("cache-control").contains("public");
    let house = House::new("", "");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    let frame = "/clips/a.mp4?mode=frame&width=160";
    let made = house.get(frame);
    assert!(keeps(&made), "{}", made.head());
    let tag = made.header("etag").to_owned();
    for (field, status, expected) in [
        (("Range", "bytes=0-1"), 206, true),
        (("If-None-Match", &*tag), 304, true),
        (("Range", "bytes=99999999-"), 416, false),
        (("If-Match", "\"other\""), 412, false),
    ] {
        let answer = house.server.get(frame, &[field]);
        assert_eq!((answer.status, keeps(&answer)), (status, expected), "{}", answer.head());
    }

    let house = House::new("", "cache = false");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    assert_eq!(house.get(frame).header("cache-control"), "no-store");
}

#[test]
fn what_was_dropped_and_what_was_granted_is_said_in_every_answer() {
    let house = House::new("[cdn]\nlenient = true", "");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    for (target, field, status) in [
        ("/clips/a.mp4?width=160&nonsense=1", ("Accept", "*/*"), 200),
        ("/clips/a.mp4?width=320&nonsense=1", ("Prefer", "respond-async"), 202),
        ("/clips/a.mp4/index.m3u8?nonsense=1", ("Accept", "*/*"), 200),
    ] {
        let answer = house.server.get(target, &[field]);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.header("x-param-warnings").contains("nonsense"), "{target}: {}", answer.head());
        let applied = answer.header("preference-applied");
        assert_eq!(applied == "respond-async", status == 202, "{target}: {}", answer.head());
    }
    let offered = house.server.get("/clips/a.mp4?mode=frame", &[("Sec-CH-UA-Mobile", "?1")]);
    assert!(offered.header("accept-ch").contains("Sec-CH-Width, "), "{}", offered.head());
    assert!(!offered.header("accept-ch").contains("Save-Data"), "{}", offered.head());
}

#[test]
fn that_a_source_is_nowhere_is_said_when_all_its_origins_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = |name: &str, path: &str, place: &str| {
        format!("[[cdn.origin]]\nname = \"{name}\"\npath = \"/{path}/\"\npublic = true\n{place}\n")
    };
    // Nobody listens at the port of discards.
    let dead = "url = \"http://127.0.0.1:9\"\nprivate = [\"127.0.0.0/8\"]";
    let here = format!("folder = \"{}\"", folder.path().display());
    let origins = [
        one("dead", "both", dead),
        one("here", "both", &here),
        one("first", "twice", &here),
        one("second", "twice", &here),
    ];
    let house = House::new("", &format!("\n{}", origins.concat()));
    video(&folder.path().join("a.mp4"), "320x180", 1, 0);
    assert_eq!(house.get("/both/a.mp4?mode=frame&width=160").status, 200, "the second has it");
    let absent = house.get("/both/none.mp4?mode=frame&width=160");
    assert_eq!(absent.json()["error"]["code"], "origin_unreachable", "{}", absent.text());
    assert_eq!(house.get("/twice/none.mp4?mode=frame&width=160").status, 404);
}
