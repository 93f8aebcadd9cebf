use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::Pace;

/// A server that answers one client by this and then does what `then` says.
fn server(
    answer: &'static [u8],
    then: impl FnOnce(std::net::TcpStream) + Send + 'static,
) -> (SocketAddr, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap_or(0) == 1 {
            request.push(byte[0]);
        }
        socket.write_all(answer).unwrap();
        then(socket);
        request
    });
    (address, thread)
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

fn one(address: SocketAddr, script: Script, run: Duration) -> Visit {
    let mut crowd = Crowd::new().unwrap();
    crowd.join(Some(loopback(3, 7)), address, ASK, &Arc::new(script)).unwrap();
    crowd.run_until(Instant::now() + run, |crowd| crowd.gone() == 1).unwrap();
    crowd.visits().next().unwrap().clone()
}

#[test]
fn a_whole_answer_is_compared_byte_by_byte() {
    let rows: [(&[u8], Option<u64>); 3] = [(b"water", None), (b"wAter", Some(0)), (b"wate", Some(0))];
    for (expected, wrong_at) in rows {
        let (address, thread) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwater", drop);
        let expects = Some(Arc::new(expected.to_vec()));
        let visit = one(address, Script { expects, ..Script::fast() }, Duration::from_secs(5));
        assert_eq!((visit.status, visit.body, visit.end), (200, 5, Some(End::Whole)));
        assert_eq!(visit.wrong_at, wrong_at);
        assert!(visit.first_byte.is_some());
        assert_eq!(thread.join().unwrap(), ASK);
    }
}

#[test]
fn an_answer_that_breaks_off_is_cut_and_one_that_stops_is_a_stall() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwater";
    let (address, _thread) = server(half, drop);
    assert_eq!(one(address, Script::fast(), Duration::from_secs(5)).end, Some(End::Cut));
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(0);
    let (address, _thread) = server(half, move |_socket| {
        let _ = stopped.recv();
    });
    let visit = one(address, Script::fast(), Duration::from_millis(300));
    assert_eq!((visit.end, visit.body), (None, 5));
    assert!(visit.longest_stall >= Duration::from_millis(200), "{:?}", visit.longest_stall);
    drop(stop);
}

#[test]
fn who_leaves_resets_and_who_speaks_slowly_takes_its_time() {
    let (address, _thread) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nwater", |mut socket| {
        let _ = socket.read(&mut [0]);
    });
    let script = Script { leaves_after_bytes: Some(20), says: Pace::PerSecond(100.0), ..Script::fast() };
    let before = Instant::now();
    assert_eq!(one(address, script, Duration::from_secs(5)).end, Some(End::Left));
    // 18 bytes by 25 are one piece; 100 a second means that the next would have come a quarter later.
    assert!(before.elapsed() < Duration::from_secs(2));
    let (address, _thread) = server(b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", drop);
    let script = Script { says: Pace::PerSecond(4.0 * 5.0), ..Script::fast() };
    let before = Instant::now();
    assert_eq!(one(address, script, Duration::from_secs(5)).end, Some(End::Whole));
    assert!(before.elapsed() >= Duration::from_millis(700), "{:?}", before.elapsed());
}

#[test]
fn a_listener_takes_its_rate_and_no_more() {
    let (address, _thread) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", |mut socket| {
        while socket.write_all(&[7; 8192]).is_ok() {}
    });
    let visit = one(address, Script::listener(40_000.0), Duration::from_secs(1));
    assert!((20_000..60_000).contains(&visit.received), "{} bytes in a second", visit.received);
}

#[test]
fn a_refused_connection_is_a_figure() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let visit = one(free, Script::fast(), Duration::from_secs(5));
    assert_eq!(visit.end, Some(End::Failed(std::io::ErrorKind::ConnectionRefused)));
}
