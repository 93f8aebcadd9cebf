//! What neither an origin nor a stranger can do.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tests::{Options, Server};

use super::House;
use super::origin::{Asked, Origin, Then};

/// An origin that says the same to everybody, and a server before it whose configuration says more of it.
fn house(reply: &'static str, more: &str) -> House {
    let origin = Origin::doing(move |_, stream| match std::io::Write::write_all(stream, reply.as_bytes()) {
        Ok(()) => Then::Next,
        Err(_) => Then::Close,
    });
    let address = origin.address;
    let config = format!(
        "[[cdn.origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"http://{address}/\"\nproxy = true\n\
         private = [\"127.0.0.0/8\"]\n{more}\n"
    );
    House { server: Server::start(&Options::default().config(&config)), origin }
}

const THANKS: &str = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 6\r\n\r\nthanks";

#[test]
fn a_part_of_a_file_that_cannot_be_takes_no_memory() {
    let origin = Origin::doing(|asked, stream| {
        let total = asked.path.trim_start_matches('/');
        let reply = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nCache-Control: max-age=60\r\n\
             Content-Range: bytes 0-1/{total}\r\nContent-Length: 2\r\n\r\nab"
        );
        match std::io::Write::write_all(stream, reply.as_bytes()) {
            Ok(()) => Then::Next,
            Err(_) => Then::Close,
        }
    });
    let house = House::new(origin, true, "");
    let resident = house.server.figures().resident_kib;
    for total in [u64::MAX, 1 << 52, (64 << 30) + 1] {
        let part = house.get(&format!("/{total}"), &[("Range", "bytes=0-1")]);
        assert_eq!((part.status, part.text().as_str()), (206, "ab"), "{total}: {}", part.head());
    }
    let grown = house.server.figures().peak_kib.saturating_sub(resident);
    assert!(grown < 24 * 1_024, "{grown} KiB of memory");
}

#[test]
fn p09_strangers_read_in_our_name_and_write_in_their_own() {
    let auth = "auth = { kind = \"bearer\", token = \"hush\" }";
    let told = |asked: &Asked| asked.field("authorization").unwrap_or_default().to_owned();
    let house_of = |public: bool| house(THANKS, &format!("public = {public}\n{auth}"));
    let open = house_of(true);
    for (method, fields, expected) in [
        ("GET", vec![], "Bearer hush"),
        ("OPTIONS", vec![], "Bearer hush"),
        ("POST", vec![], ""),
        ("DELETE", vec![], ""),
        ("FROB", vec![], ""),
        ("PUT", vec![("Authorization", "Bearer theirs")], "Bearer theirs"),
    ] {
        let answer = open.server.send(method, "/far/a", &fields, b"");
        assert_eq!(answer.text(), "thanks", "{method}: {}", answer.head());
        assert_eq!(told(open.origin.asked().last().unwrap()), expected, "{method}");
    }
    let closed = house_of(false);
    let bearer = closed.server.mira.bearer();
    let answer = closed.server.send("POST", "/far/a", &[("Authorization", &bearer)], b"x");
    assert_eq!(answer.text(), "thanks", "{}", answer.head());
    assert_eq!(told(closed.origin.asked().last().unwrap()), "Bearer hush");
}

#[test]
fn a_body_is_signed_for_as_it_comes() {
    let auth = "public = false\nauth = { kind = \"sigv4\", access_key_id = \"who\", secret_access_key = \"hush\", \
                region = \"here\", service = \"media\" }";
    let house = house(THANKS, auth);
    let bearer = house.server.mira.bearer();
    let fields = [("Authorization", bearer.as_str()), ("Cookie", "a=1"), ("Cookie", "b=2")];
    for (method, body, payload) in [
        ("PUT", "abc", "UNSIGNED-PAYLOAD"),
        ("GET", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ] {
        let answer = house.server.send(method, "/far/a", &fields, body.as_bytes());
        assert_eq!(answer.text(), "thanks", "{}", answer.head());
        let asked = house.origin.asked().pop().unwrap();
        assert_eq!(asked.field("x-amz-content-sha256"), Some(payload), "{method}");
        let signed = asked.field("authorization").unwrap();
        assert!(signed.contains("/here/media/aws4_request"), "{signed}");
        assert_eq!(signed.matches("cookie").count(), 1, "{signed}");
    }
}

/// It takes connections and never says a word: TLS is not agreed on.
#[test]
fn an_origin_that_is_not_there_is_tried_once_for_all_who_wait() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    let config = format!(
        "[[cdn.origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"https://{address}/\"\nproxy = true\n\
         public = true\nprivate = [\"127.0.0.0/8\"]\n"
    );
    let server = Server::start(&Options::default().config(&config));
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let answer = server.get("/far/a", &[]);
                assert_eq!(answer.status, 504, "{}", answer.head());
            });
        }
    });
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

#[test]
fn a_purge_by_the_tag_of_an_origin_takes_what_was_passed_on() {
    let house = House::new(Origin::scripted(), true, "");
    house.origin.expect("/a", "200\nCache-Control: max-age=600\n\nold");
    assert_eq!(house.get("/a", &[]).text(), "old");
    assert!(house.get("/a", &[]).is_hit());
    let config = house.server.config.display().to_string();
    let purged = house.server.command(&["purge", "--tag", "origin:far", "--config", &config], "");
    assert!(purged.status.success(), "{}", String::from_utf8_lossy(&purged.stderr));
    tests::eventually("what was purged is asked for again", Duration::from_secs(20), || {
        house.origin.expect("/a", "200\nCache-Control: no-store\n\nnew");
        house.get("/a", &[]).text() == "new"
    });
}
