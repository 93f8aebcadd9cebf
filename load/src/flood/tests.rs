use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// A server that gives each connection these answers, one for each request.
fn server(connections: usize, answers: &'static [&'static [u8]]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        for _ in 0..connections {
            let (mut socket, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = [0; 1024];
                if socket.read(&mut request).unwrap_or(0) == 0 {
                    break;
                }
                for piece in answer.chunks(40) {
                    socket.write_all(piece).unwrap();
                }
            }
        }
    };
    (address, std::thread::spawn(serve))
}

fn plan(address: SocketAddr, targets: &[String]) -> Flood<'_> {
    Flood {
        address,
        targets,
        ask: Ask::Whole,
        connections: 1,
        lasts: Duration::ZERO,
        finish: true,
        awake: false,
    }
}

#[test]
fn every_byte_of_an_answer_on_its_way_at_the_end_is_counted() {
    let (address, served) = server(1, &[b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"]);
    let tally = flood(&plan(address, &["/a".to_owned()])).unwrap();
    assert_eq!((tally.bytes, tally.answers, tally.errors), (100, 1, 0), "{tally:?}");
    served.join().unwrap();
}

#[test]
fn a_refusal_a_short_answer_and_a_wrong_length_are_errors() {
    let cases: [(&'static [&'static [u8]], Ask, &str); 3] = [
        (&[b"HTTP/1.1 429 No\r\nContent-Length: 2\r\n\r\nno"], Ask::Whole, "429"),
        (&[b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort"], Ask::Whole, "end of file"),
        (&[b"HTTP/1.1 206 OK\r\nContent-Length: 5\r\n\r\nwrong"], Ask::Range(0, 9), "10 were asked for"),
    ];
    for (answers, ask, expected) in cases {
        let (address, served) = server(1, answers);
        let tally = flood(&Flood { ask, ..plan(address, &["/a".to_owned()]) }).unwrap();
        let said = tally.first_error.unwrap_or_default();
        assert!(tally.errors == 1 && said.contains(expected), "{said:?} does not say {expected:?}");
        served.join().unwrap();
    }
}

#[test]
fn a_probe_times_each_answer_to_its_last_byte() {
    const TINY: &[u8] = b"HTTP/1.1 206 OK\r\nContent-Length: 2\r\n\r\nab";
    let (address, served) = server(1, &[TINY, TINY]);
    let stop = AtomicBool::new(false);
    // The server ends after two answers, which the probe tells.
    assert!(probe(address, "/a", Duration::ZERO, &stop).is_err());
    stop.store(true, Ordering::Relaxed);
    served.join().unwrap();
    let (address, served) = server(1, &[]);
    assert_eq!(probe(address, "/a", Duration::ZERO, &stop).unwrap(), []);
    served.join().unwrap();
}
