use super::*;

/// Three clients that nobody here wrote, each of which sends 20 MB to somebody who answers before reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_answer_reaches_python_curl_and_node() {
    // Clients that share two processors with other tests may need more than two seconds for 20 MB.
    let running = start(Deadlines { linger: PATIENCE, ..patient() }, |_| {});
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/listen/tests");
    let (host, port) = ("127.0.0.1".to_owned(), running.socket().port().to_string());
    let body = tempfile::NamedTempFile::new().unwrap();
    body.as_file().set_len(20_000_000).unwrap();
    for status in ["401", "413", "507"] {
        let path = format!("/refuse/{status}");
        for (program, script) in [("python3", "early_answer.py"), ("node", "early_answer.mjs")] {
            let arguments = vec![format!("{folder}/{script}"), host.clone(), port.clone(), path.clone()];
            assert_eq!(run(program, arguments).await, format!("{status} no close"), "{program}");
        }
        for expect in ["Expect:", "Expect: 100-continue"] {
            let url = format!("http://{host}:{port}{path}");
            let file = body.path().display().to_string();
            for version in ["--http1.1", "--http2-prior-knowledge"] {
                let flags =
                    [version, "-sS", "-X", "POST", "-H", expect, "-w", " %{http_code}", "-T", &file, &url];
                let arguments = flags.iter().map(|flag| (*flag).to_owned()).collect();
                assert_eq!(
                    run("curl", arguments).await,
                    format!("no {status}"),
                    "curl {version} with {expect}"
                );
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn a_short_body_that_nobody_read_does_not_end_the_connection() {
    let running = start(patient(), |_| {});
    let mut client = running.connect().await;
    for _ in 0..3 {
        let body = "b".repeat(20_000);
        let request =
            format!("POST /refuse/401 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = one_answer(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("no"), "{answer}");
    }
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_on_sending_for_ever_is_closed_after_the_linger() {
    let deadlines = Deadlines { linger: SOON, linger_bytes: 1_000_000, ..patient() };
    let running = start(deadlines, |_| {});
    let (mut reader, mut writer) = running.connect().await.into_split();
    let send = async {
        let head = "POST /refuse/413 HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n";
        writer.write_all(head.as_bytes()).await.unwrap();
        while writer.write_all(&[0; 8_192]).await.is_ok() {}
    };
    tokio::time::timeout(PATIENCE, send).await.expect("the server closes");
    let mut answer = [0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    running.stop().await;
}

#[tokio::test]
async fn heads_pass_up_to_their_limit_and_are_answered_beyond_it() {
    let running = start(patient(), |_| {});
    for (bytes, status) in [(30_000, "200"), (40_000, "431"), (400_000, "431")] {
        let request =
            format!("GET /ok?{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "q".repeat(bytes));
        let answer = running.ask(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_request_of_http_1_1_names_its_host_once() {
    let running = start(patient(), |_| {});
    let cases = [
        ("HTTP/1.1\r\nHost: a\r\n", "200"),
        ("HTTP/1.1\r\n", "400"),
        ("HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "400"),
        ("HTTP/1.0\r\n", "200"),
    ];
    for (head, status) in cases {
        let answer = running.ask(&format!("GET /ok {head}Connection: close\r\n\r\n")).await;
        assert!(answer.split(' ').nth(1) == Some(status), "{head}: {answer}");
    }
    running.stop().await;
}
