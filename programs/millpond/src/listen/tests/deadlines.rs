use super::*;

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let running = start(Deadlines { first_byte: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(running.ended(Ended::Silent), 1);
    running.stop().await;
}

#[tokio::test]
async fn p05_a_slow_head_is_closed_however_it_trickles() {
    let running = start(Deadlines { head: SOON, ..patient() }, |_| {});
    for head in ["G", "GET /ok HTTP/1.1\r\nHost: a\r\n", "PRI * HTT"] {
        let mut client = running.connect().await;
        client.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut client).await, "", "after {head:?}");
    }
    let (mut reader, mut writer) = running.connect().await.into_split();
    let mut between = tokio::time::interval(SOON / 10);
    let trickle = async {
        writer.write_all(b"GET /ok HTTP/1.1\r\n").await.unwrap();
        loop {
            between.tick().await;
            if writer.write_all(b"A: b\r\n").await.is_err() {
                break;
            }
        }
    };
    let mut text = Vec::new();
    tokio::select! {
        () = trickle => {}
        () = async { while reader.read_buf(&mut text).await.is_ok_and(|count| count > 0) {} } => {}
    }
    assert!(text.is_empty());
    assert_eq!(running.ended(Ended::SlowHead), 4);
    running.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let running = start(Deadlines { idle: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    for _ in 0..3 {
        client.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(one_answer(&mut client).await.ends_with("ok"));
    }
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(running.ended(Ended::Idle), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_second_head_has_the_same_deadline_as_the_first() {
    let running = start(Deadlines { head: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    client.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut client).await.ends_with("ok"));
    client.write_all(b"GET /ok HTT").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    assert_eq!(running.ended(Ended::SlowHead), 1);
    running.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_ended() {
    let running = start(Deadlines { write_stall: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    client.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let ended = async {
        while running.ended(Ended::Stalled) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_body_of_which_nothing_comes_is_answered_with_408() {
    let running = start(Deadlines { body_stall: SOON, linger: SOON, ..patient() }, |_| {});
    let answer = running.ask("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn a_quiet_http2_connection_is_idle_and_not_a_slow_head() {
    let running = start(Deadlines { head: SOON / 3, idle: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    rest(&mut client).await;
    assert_eq!(running.ended(Ended::Idle), 1);
    running.stop().await;
}

/// One frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// The fields of a GET (RFC 7541).
fn request(path: &[u8]) -> Vec<u8> {
    [&[0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()], path].concat()
}

/// Reads frames until one is of this kind on this stream.
async fn frame_of(client: &mut TcpStream, kind: u8, stream: u8) -> Vec<u8> {
    let found = async {
        loop {
            let mut head = [0; 9];
            client.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            client.read_exact(&mut payload).await.unwrap();
            if (head[3], head[8]) == (kind, stream) {
                return payload;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the frame comes")
}

#[tokio::test]
async fn p05_a_stream_of_an_http2_connection_is_cut_alone() {
    let running = start(patient(), |_| {});
    let mut client = running.connect().await;
    // No window at all: only the task that owns the stream can end it, since its body is not asked for anything.
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    client.write_all(&frame(1, 5, 1, &request(b"/gated"))).await.unwrap();
    frame_of(&mut client, 1, 1).await;
    client.write_all(&frame(1, 5, 3, &request(b"/cut"))).await.unwrap();
    frame_of(&mut client, 3, 3).await;
    running.gate.notify_one();
    client.write_all(&frame(8, 0, 1, &[0, 0, 0, 6])).await.unwrap();
    assert_eq!(frame_of(&mut client, 0, 1).await, b"first ", "the neighbour goes on");
    assert_eq!(running.ended(Ended::Cut), 0);
    drop(client);
    running.stop().await;
}

#[tokio::test]
async fn p05_an_http2_stream_without_window_is_reset_alone() {
    let running = start(Deadlines { write_stall: SOON, ..patient() }, |_| {});
    let mut client = running.connect().await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0, then GET of a body that has no end.
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    client.write_all(&frame(1, 5, 1, &request(b"/endless"))).await.unwrap();
    let reset = async {
        loop {
            let mut head = [0; 9];
            client.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            client.read_exact(&mut payload).await.unwrap();
            if head[3] == 3 {
                return head[8];
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, reset).await.unwrap(), 1, "the stream that was reset");
    assert_eq!(running.ended(Ended::Stalled), 0, "the connection goes on");
    client.write_all(&frame(6, 0, 0, &[7; 8])).await.unwrap();
    let mut pong = [0; 17];
    client.read_exact(&mut pong).await.unwrap();
    assert_eq!((pong[3], &pong[9..]), (6, &[7; 8][..]));
    drop(client);
    running.stop().await;
}
