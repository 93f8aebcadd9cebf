//! What is given while something newer is made, and for how long it is told to others.

use std::time::Duration;

use tests::http::Answer;
use tests::{Nginx, eventually, free_port, media, wait_until};

use crate::ground::{House, WITHIN, another, video};

fn max_age(answer: &Answer) -> u64 {
    let value = answer.header("cache-control").to_owned();
    let age = value.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok());
    age.unwrap_or_else(|| panic!("no max-age: {}", answer.head()))
}

/// Puts another video in the place of one, as somebody does who uploads it beside first.
fn replace(house: &House, name: &str, size: &str, seconds: u32) {
    another(&house.public("next.mp4"), size, seconds, 120);
    std::fs::rename(house.public("next.mp4"), house.public(name)).expect("another video under the same name");
    media::settle(&house.public(name));
}

#[test]
fn when_a_source_changes_the_former_rendition_is_given_while_one_child_makes_the_new_one() {
    let house = House::new("", "");
    video(&house.public("a.mp4"), "640x360", 8, 0);
    let target = "/clips/a.mp4?width=480";
    let old = house.kept(target);
    replace(&house, "a.mp4", "640x360", 8);
    // A child is counted a moment after what it made can be had.
    let ended = || house.server.metric("renditions_ended_total");
    eventually("the first one is counted", WITHIN, || ended() >= 1.0);
    let before = ended();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| house.get(target))).collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let stale: Vec<&Answer> =
        answers.iter().filter(|one| one.header("cache-status").contains("detail=stale")).collect();
    assert!(!stale.is_empty(), "the first who asks does not wait: {}", answers[0].head());
    for answer in &stale {
        assert_eq!((answer.status, answer.body == old.body), (200, true), "{}", answer.head());
        assert_eq!(answer.header("etag"), old.header("etag"));
        assert!(answer.has("age") && max_age(answer) == 0, "nobody takes it for new: {}", answer.head());
    }
    let mut new = Answer::default();
    eventually("the new one is made", WITHIN, || {
        new = house.get(target);
        new.is_hit()
    });
    assert!(new.body != old.body && new.header("etag") != old.header("etag"));
    eventually("the new one is counted", WITHIN, || ended() > before);
    assert_eq!(ended() - before, 1.0, "one child for all of them");
    assert!(house.server.metric("rendition_stale_total") >= 1.0);
    // A part of the old one cannot be joined to a part of the new one.
    let part = [("Range", "bytes=5-9"), ("If-Range", old.header("etag"))];
    assert_eq!(house.server.get(target, &part).status, 200);
}

#[test]
fn who_asks_past_all_caches_gets_the_new_one_and_a_purge_leaves_no_former_one() {
    let house = House::new("", "");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    let (target, purged) = ("/clips/a.mp4?width=160", "/clips/a.mp4?width=320");
    let (old, gone) = (house.kept(target), house.kept(purged));
    replace(&house, "a.mp4", "320x180", 1);
    let new = house.server.get(target, &[("Cache-Control", "no-cache"), crate::ground::WHOLE_ONLY]);
    assert!(new.status == 200 && new.body != old.body, "{}", new.head());
    let answer = house.post("/cdn/purge", &house.server.admin.bearer(), r#"{"paths":["/clips/a.mp4"]}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let new = house.get(purged);
    assert!(new.status == 200 && new.body != gone.body, "{}", new.head());
}

#[test]
fn the_time_of_an_origin_is_told_and_begins_anew_when_the_source_is_the_same() {
    let house = House::new("", "ttl = { ok_ms = \"2s\" }");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    let target = "/clips/a.mp4?width=160";
    let first = house.kept(target);
    assert_eq!(max_age(&first), 2, "{}", first.head());
    let begun = house.server.metric("renditions_ended_total");
    let mut later = Answer::default();
    let grew = wait_until(std::time::Instant::now() + Duration::from_secs(30), || {
        later = house.get(target);
        assert!(later.is_hit() && later.body == first.body, "{}", later.head());
        max_age(&later) > 2
    });
    let age: u64 = later.header("age").parse().expect("a number");
    assert!(grew && max_age(&later) > age, "it is fresh again: {}", later.head());
    assert_eq!(house.server.metric("renditions_ended_total"), begun, "nothing was made again");
}

#[test]
fn what_is_kept_of_another_server_is_given_before_that_is_asked_and_while_it_is_away() {
    let files = tempfile::tempdir().expect("a folder");
    let file = files.path().join("a.mp4");
    another(&file, "320x180", 1, 0);
    let (port, directives) = (free_port(), format!("root {};", files.path().display()));
    let nginx = Nginx::start_on(port, &directives);
    let far = format!(
        "[[cdn.origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"http://127.0.0.1:{port}/\"\npublic = true\n\
         private = [\"127.0.0.0/8\"]\nttl = {{ ok_ms = \"1s\", client_error_ms = \"1s\", server_error_ms = \"1s\" }}\n"
    );
    let house = House::new(&far, "");
    let target = "/far/a.mp4?width=160";
    let old = house.kept(target);
    let ended = house.server.metric("renditions_ended_total");
    let given = |for_ms: u64, is_enough: &dyn Fn(&Answer) -> bool| {
        wait_until(std::time::Instant::now() + Duration::from_millis(for_ms), || {
            let answer = house.get(target);
            assert_eq!((answer.status, answer.body == old.body), (200, true), "{}", answer.head());
            is_enough(&answer)
        })
    };
    let is_stale =
        |answer: &Answer| answer.header("cache-status").contains("detail=stale") && max_age(answer) == 0;
    assert!(given(30_000, &is_stale), "its time is over once");
    assert!(
        given(30_000, &|answer| answer.is_hit() && max_age(answer) > 0),
        "and begins anew when the origin was asked"
    );
    drop(nginx);
    given(4_000, &|_| false);
    assert!(given(10_000, &is_stale), "the origin is away, and what is kept is given all the same");
    assert_eq!(house.server.metric("renditions_ended_total"), ended, "nothing was made again");
    another(&file, "320x180", 1, 120);
    let nginx = Nginx::start_on(port, &directives);
    let mut new = Answer::default();
    eventually("the new one is made", WITHIN, || {
        new = house.get(target);
        assert_eq!(new.status, 200, "{}", new.text());
        new.is_hit() && new.body != old.body
    });
    std::fs::remove_file(&file).expect("it goes");
    eventually("an origin that has it not any more is believed", WITHIN, || house.get(target).status == 404);
    drop(nginx);
}
