//! The line of those who wait for their turn, when nobody gets one.

use std::net::IpAddr;

use budget::limits::{FLIGHTS_PER_ADDRESS_MAX, FLIGHTS_WAITING_MAX};
use tests::http::{Answer, Connection};
use tests::media::video;

use crate::house::House;

/// Asks for a rendition of this width from an address of this machine, and to be told at once how it stands.
fn ask(house: &House, from: usize, width: usize) -> Answer {
    let from = IpAddr::from([127, 0, 1, u8::try_from(from).expect("few addresses")]);
    let mut connection = Connection::open_from(from, house.server.address).expect("a connection");
    let target = format!("/clips/a.mp4?width={width}");
    connection.send("GET", &target, &[("Prefer", "respond-async")], b"").expect("a request");
    connection.read(false).expect("an answer")
}

/// How many are made at the same time.
const JOBS: usize = 2;

/// What is asked for by number.
fn width(number: usize) -> usize {
    100 + 2 * number
}

/// A server whose children hang, each with one of the first renditions: nobody gets his turn. `address` is who asks.
fn stuck(address: impl Fn(usize) -> usize) -> House {
    let house = House::new(&format!("[transform]\njobs_max = {JOBS}\n"), |_, clips| {
        video(&clips.join("a.mp4"), "1280x720", 20, &[]);
    });
    let looked = house.get("/clips/a.mp4?mode=frame&width=160", &[]);
    assert_eq!(looked.status, 200, "what it is is known from now on: {}", looked.text());
    for number in 0..JOBS {
        assert_eq!(ask(&house, address(number), width(number)).status, 202, "number {number} is made");
    }
    house.stop_children(JOBS);
    house
}

#[test]
fn p06_who_comes_behind_a_full_line_is_told_when_to_come_back() {
    let address = |number: usize| 1 + number / FLIGHTS_PER_ADDRESS_MAX;
    let house = stuck(address);
    let last = JOBS + FLIGHTS_WAITING_MAX;
    for number in JOBS..last {
        let answer = ask(&house, address(number), width(number));
        assert_eq!(answer.status, 202, "number {number} waits: {}", answer.text());
    }
    assert_eq!(house.server.metric("transform_jobs_waiting"), FLIGHTS_WAITING_MAX as f64);
    let refused = ask(&house, 200, width(last));
    assert_eq!((refused.status, refused.code()), (503, "busy".to_owned()), "{}", refused.text());
    let seconds: u64 = refused.header("retry-after").parse().expect("it says when to come back");
    assert!(seconds > 0, "{}", refused.head());
    for number in [0, last - 1] {
        assert_eq!(ask(&house, 201, width(number)).status, 202, "a join of number {number} is no new one");
    }
    assert_eq!(house.server.metric("renditions_in_flight"), last as f64);
    assert_eq!(house.children().len(), JOBS);
}

#[test]
fn p05_one_address_has_its_share_of_the_line_and_no_more() {
    let house = stuck(|_| 1);
    for number in JOBS..FLIGHTS_PER_ADDRESS_MAX {
        assert_eq!(ask(&house, 1, width(number)).status, 202, "{number}");
    }
    let another = width(FLIGHTS_PER_ADDRESS_MAX);
    let refused = ask(&house, 1, another);
    assert_eq!((refused.status, refused.code()), (429, "too_many".to_owned()), "{}", refused.text());
    assert!(refused.has("retry-after"), "{}", refused.head());
    assert_eq!(ask(&house, 1, width(0)).status, 202, "a join is no new one");
    assert_eq!(ask(&house, 2, another).status, 202, "somebody else has a share of his own");
}
