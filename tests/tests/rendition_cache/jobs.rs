//! Renditions in the making as jobs: what a client is told that does not wait.

use serde_json::Value;
use tests::eventually;
use tests::http::{Answer, Connection};

use crate::ground::{House, WITHIN, video};

/// What follows `data: ` in each event.
fn data(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).expect("JSON"))
        .collect()
}

fn job(house: &House, target: &str) -> Answer {
    house.server.get(target, &[("Prefer", "respond-async"), ("Authorization", &house.server.mira.bearer())])
}

#[test]
fn a_job_is_followed_from_its_beginning_to_its_end() {
    let house = House::new("", "");
    video(&house.public("long.mp4"), "1280x720", 20, 0);
    let target = "/clips/long.mp4?width=640";
    let accepted = job(&house, target);
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let (place, told) = (accepted.header("location").to_owned(), accepted.json());
    let key = told["jobId"].as_str().expect("a key").to_owned();
    assert_eq!(
        (place.clone(), told["sse"].as_str()),
        (format!("/renditions/{key}"), Some(&*format!("{place}/events")))
    );
    assert_eq!((key.len(), told["address"].as_str()), (64, Some(target)));
    assert_eq!(accepted.header("retry-after"), "10");
    // Nobody needs to be signed in: the key is the proof.
    let events = house.server.get(&format!("{place}/events"), &[]);
    assert_eq!((events.status, events.header("content-type")), (200, "text/event-stream"));
    assert_eq!(events.header("cache-control"), "no-store");
    assert_eq!(events.header("access-control-allow-origin"), "*");
    let news = data(&events.text());
    let (last, before) = news.split_last().expect("events");
    assert!(
        before.iter().all(|one| matches!(one["status"].as_str(), Some("queued" | "processing"))),
        "{news:?}"
    );
    assert!(before.iter().any(|one| one["status"] == "processing"), "{news:?}");
    let made: Vec<u64> = before.iter().filter_map(|one| one["made_ms"].as_u64()).collect();
    assert!(made.is_sorted() && made.iter().all(|ms| *ms <= 25_000), "what is said is measured: {made:?}");
    assert!(news.iter().all(|one| one.get("percent").is_none() && one["jobId"] == *key), "{news:?}");
    let whole = house.kept(target);
    assert_eq!(
        (last["status"].as_str(), last["bytes"].as_u64()),
        (Some("done"), Some(whole.body.len() as u64))
    );
    let status = house.server.get(&place, &[]);
    assert_eq!((status.status, status.json()), (200, last.clone()), "and it is told later too");
    let again = data(&house.server.get(&format!("{place}/events"), &[]).text());
    assert_eq!(again, std::slice::from_ref(last));
}

#[test]
fn a_job_that_fails_says_why_and_a_job_that_is_none_is_not_found() {
    let house = House::new("", "");
    std::fs::write(
        house.public("broken.mp4"),
        [&b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"[..], &[7; 5_000]].concat(),
    )
    .expect("a file");
    let accepted = job(&house, "/clips/broken.mp4?width=162&signer=x");
    // What is found out at once is said at once.
    if accepted.status == 202 {
        let place = accepted.header("location").to_owned();
        let mut status = Answer::default();
        eventually("it fails", WITHIN, || {
            status = house.server.get(&place, &[]);
            status.json()["status"] == "failed"
        });
        assert_eq!(status.code(), "not_media", "{}", status.text());
        assert!(
            !status.text().contains("signer="),
            "the address is told without its signature: {}",
            status.text()
        );
    } else {
        assert_eq!(accepted.code(), "not_media", "{}", accepted.text());
    }
    for place in ["/renditions/abc", "/renditions/", &format!("/renditions/{}", "0".repeat(64))] {
        let answer = house.server.get(place, &[]);
        assert_eq!(answer.status, 404, "{place}");
        assert_eq!(house.server.get(&format!("{place}/events"), &[]).status, 404, "{place}");
    }
}

#[test]
fn p05_those_who_watch_are_bounded_and_leave_nothing() {
    let house = House::new("", "");
    video(&house.public("long.mp4"), "1280x720", 40, 0);
    let accepted = job(&house, "/clips/long.mp4?width=640");
    let events = format!("{}/events", accepted.header("location"));
    let mut watching = Vec::new();
    let refused = (0..100).find_map(|_| {
        let mut connection = Connection::open(house.server.address).expect("a connection");
        connection.send("GET", &events, &[], b"").expect("a request");
        let head = connection.read_head().expect("an answer");
        watching.push(connection);
        (head.status != 200).then_some(head.status)
    });
    assert_eq!(refused, Some(429), "one address may not watch over any number of connections");
    let used = || house.server.metric_of("slots_used", &["what=\"rendition_watchers\""]);
    assert_eq!(used(), watching.len() as f64 - 1.0);
    drop(watching);
    eventually("they are gone", WITHIN, || used() == 0.0);
}
