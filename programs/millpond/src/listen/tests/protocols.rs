use std::os::unix::net::UnixListener as StdUnixListener;

use super::*;
use crate::listen::acceptor;

fn curl(arguments: &[&str]) -> Vec<String> {
    let always = ["-sS", "--max-time", "20", "-w", " HTTP/%{http_version} %{http_code}"];
    always.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_port_speaks_http1_and_http2_with_prior_knowledge() {
    let running = start(patient(), |_| {});
    let url = format!("http://{}/ok", running.address);
    for (flag, version) in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        // With HTTP/1.0 the server still answers as 1.0's superset; curl shows what the answer says.
        let said = run("curl", curl(&[flag, &url])).await;
        assert!(said.starts_with("ok HTTP/") && said.ends_with(" 200"), "{flag}: {said}");
        assert!(flag == "--http1.0" || said == format!("ok HTTP/{version} 200"), "{flag}: {said}");
    }
    let length = format!("http://{}/length", running.address);
    let sent =
        run("curl", curl(&["--http2-prior-knowledge", "--data-binary", &"x".repeat(100_000), &length])).await;
    assert_eq!(sent, "100000 HTTP/2 200");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_speaks_both_protocols_and_says_so_to_handlers() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let running = start(Deadlines { head: SOON * 10, ..patient() }, |house| {
        house.tls = Some(acceptor(&cert, &key).unwrap());
    });
    let url = format!("https://localhost:{}/client", running.socket().port());
    let trust = cert.display().to_string();
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let said = run("curl", curl(&["-4", flag, "--cacert", &trust, &url])).await;
        assert_eq!(said, format!("127.0.0.1 true HTTP/{version} 200"), "{flag}");
    }
    assert!(!running.ask("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.contains("ok"), "no answer in clear");
    let mut mute = running.connect().await;
    mute.write_all(&[22]).await.unwrap();
    rest(&mut mute).await;
    assert_eq!(running.ended(Ended::Handshake), 2, "one spoke no TLS, one was too slow");
    running.stop().await;
}

#[test]
fn a_wrong_certificate_is_named_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, empty) = (folder.path().join("absent.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for cert in [&absent, &empty] {
        let said = acceptor(cert, &absent).err().expect("the files are wrong").to_string();
        assert!(said.starts_with("error: server.tls_cert: ") && said.contains("\nhint: "), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_a_listener_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("millpond.sock");
    // What a killed server leaves behind: a file that nobody listens to.
    drop(StdUnixListener::bind(&path).unwrap());
    let running = start_at(&Address::Unix(path.clone()), patient(), |_| {});
    let shown = path.display().to_string();
    let said = run("curl", curl(&["--unix-socket", &shown, "http://pond/client"])).await;
    assert_eq!(said, "127.0.0.1 false HTTP/1.1 200");
    let said = bind_error(&format!("unix:{shown}"));
    assert!(said.contains("is in use"), "{said}");
    running.stop().await;
    assert!(!path.exists(), "the socket's file is removed");
}
