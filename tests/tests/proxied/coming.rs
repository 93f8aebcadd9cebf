//! What happens before an answer, and when nobody waits for it any more.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tests::http::Connection;

use super::House;
use super::origin::{Origin, Then};

const LINK: &str = "</a.css>; rel=preload";

#[test]
fn interim_answers_go_through_while_the_final_one_is_waited_for() {
    let is_heard = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&is_heard);
    let origin = Origin::doing(move |asked, stream| {
        let early = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\
             Link: {LINK}\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-My: 2\r\n\r\n"
        );
        let last = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\na";
        if asked.path != "/a" {
            let written = stream.write_all(format!("{early}{last}").as_bytes());
            return if written.is_ok() { Then::Next } else { Then::Close };
        }
        stream.write_all(early.as_bytes()).unwrap();
        // Only who has heard them gets the final one.
        while !heard.load(Ordering::SeqCst) {
            // sleep: the client says when it goes on
            std::thread::sleep(Duration::from_millis(10));
        }
        if stream.write_all(last.as_bytes()).is_ok() { Then::Next } else { Then::Close }
    });
    let house = House::new(origin, true, "");
    let mut connection = Connection::open(house.server.address).unwrap();
    connection.send("GET", "/far/a", &[], b"").unwrap();
    let interim = [connection.read(false).unwrap(), connection.read(false).unwrap()];
    assert_eq!(interim.each_ref().map(|one| one.status), [102, 103]);
    assert_eq!((interim[1].header("link"), interim[1].header("x-my")), (LINK, "2"));
    assert!(!interim[1].has("x-hop") && !interim[1].has("connection"), "{}", interim[1].head());
    is_heard.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let answer = connection.read(false).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "a"), "{}", answer.head());
        assert!(!answer.has("link") && !answer.has("x-my"), "{}", answer.head());
        connection.send("GET", "/far/a", &[], b"").unwrap();
    }
    assert_eq!(connection.read(false).unwrap().header("cache-status"), "millpond; hit");
    for number in 0..20 {
        connection.send("GET", &format!("/far/at-once/{number}"), &[], b"").unwrap();
        let statuses = [(); 3].map(|()| connection.read(false).unwrap().status);
        assert_eq!(statuses, [102, 103, 200], "they come with the final one");
    }
    let mut old = Connection::open(house.server.address).unwrap();
    old.send_raw(b"GET /far/old HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(old.read(false).unwrap().status, 200);
}

#[test]
fn what_nobody_reads_any_more_is_not_fetched_to_its_end() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 640;
    let (is_left, is_broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let sent = Arc::new(AtomicUsize::new(0));
    let (left, broken, count) = (Arc::clone(&is_left), Arc::clone(&is_broken), Arc::clone(&sent));
    let origin = Origin::doing(move |_, stream| {
        let length = PIECE * PIECES;
        let head =
            format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {length}\r\n\r\n");
        let mut written = stream.write_all(head.as_bytes());
        for number in 0..PIECES {
            while number == 8 && !left.load(Ordering::SeqCst) {
                // sleep: the client says when it has gone
                std::thread::sleep(Duration::from_millis(10));
            }
            // sleep: a line that takes its time, so that the end does not come before the client has gone
            std::thread::sleep(Duration::from_millis(5));
            written = written.and_then(|()| stream.write_all(&[7; PIECE]));
            if written.is_err() {
                break;
            }
            count.fetch_add(1, Ordering::SeqCst);
        }
        broken.store(written.is_err(), Ordering::SeqCst);
        Then::Close
    });
    let house = House::new(origin, true, "");
    let mut connections: Vec<Connection> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(house.server.address).unwrap();
            connection.send("GET", "/far/long", &[], b"").unwrap();
            assert_eq!(connection.read_head().unwrap().status, 200);
            connection.read_some(1_000).unwrap();
            connection
        })
        .collect();
    assert_eq!(house.origin.asked().len(), 1);
    connections.clear();
    is_left.store(true, Ordering::SeqCst);
    tests::eventually("the origin is left", Duration::from_secs(20), || is_broken.load(Ordering::SeqCst));
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < PIECES / 2, "{sent} pieces of {PIECES}");
}
