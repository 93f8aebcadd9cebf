//! The line of those who wait for their turn, when nobody gets one.

use std::net::IpAddr;

use budget::limits::{FLIGHTS_PER_ADDRESS_MAX, FLIGHTS_WAITING_MAX};
use tests::http::{Answer, Connection};

use crate::house::{House, code, video};

/// Asks for a rendition of this width from an address of this machine, and to be told at once how it stands.
fn ask(house: &House, from: usize, width: usize) -> Answer {
    let from = IpAddr::from([127, 0, 1, u8::try_from(from).expect("few addresses")]);
    let mut connection = Connection::open_from(from, house.server.address).expect("a connection");
    let target = format!("/clips/a.mp4?width={width}");
    connection.send("GET", &target, &[("Prefer", "respond-async")], b"").expect("a request");
    connection.read(false).expect("an answer")
}

#[test]
fn p06_who_comes_behind_a_full_line_is_told_when_to_come_back() {
    let jobs = 2;
    let house = House::new("[transform]\njobs_max = 2\n", |_, clips| {
        video(&clips.join("a.mp4"), "1280x720", 20, &[]);
    });
    let looked = house.get("/clips/a.mp4?mode=frame&width=160", &[]);
    assert_eq!(looked.status, 200, "what it is is known from now on: {}", looked.text());
    let width = |number: usize| 100 + 2 * number;
    let address = |number: usize| 1 + number / FLIGHTS_PER_ADDRESS_MAX;
    for number in 0..jobs {
        assert_eq!(ask(&house, address(number), width(number)).status, 202, "number {number} is made");
    }
    house.stop_children(jobs);
    let last = jobs + FLIGHTS_WAITING_MAX;
    for number in jobs..last {
        let answer = ask(&house, address(number), width(number));
        assert_eq!(answer.status, 202, "number {number} waits: {}", answer.text());
    }
    assert_eq!(house.server.metric("transform_jobs_waiting"), FLIGHTS_WAITING_MAX as f64);
    let refused = ask(&house, 200, width(last));
    assert_eq!((refused.status, code(&refused)), (503, "busy".to_owned()), "{}", refused.text());
    let seconds: u64 = refused.header("retry-after").parse().expect("it says when to come back");
    assert!(seconds > 0, "{}", refused.head());
    for number in [0, last - 1] {
        assert_eq!(ask(&house, 201, width(number)).status, 202, "a join of number {number} is no new one");
    }
    assert_eq!(house.server.metric("renditions_in_flight"), last as f64);
    assert_eq!(house.children().len(), jobs);
}

#[test]
fn p05_one_address_has_its_share_of_the_line_and_no_more() {
    let house = House::new("[transform]\njobs_max = 2\n", |_, clips| {
        video(&clips.join("a.mp4"), "1280x720", 20, &[]);
    });
    for number in 0..FLIGHTS_PER_ADDRESS_MAX {
        assert_eq!(ask(&house, 1, 100 + 2 * number).status, 202, "{number}");
    }
    let refused = ask(&house, 1, 300);
    assert_eq!((refused.status, code(&refused)), (429, "too_many".to_owned()), "{}", refused.text());
    assert!(refused.has("retry-after"), "{}", refused.head());
    assert_eq!(ask(&house, 1, 100).status, 202, "a join is no new one");
    assert_eq!(ask(&house, 2, 300).status, 202, "somebody else has a share of his own");
}
