use std::sync::atomic::{AtomicBool, Ordering};

use store::Io;

use super::*;

/// Counts the bytes of a body, and says when it is heard on a disk thread.
async fn count(State(here): State<Arc<AtomicBool>>, request: Request) -> String {
    let (mut body, mut bytes) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().map_or(0, |data| data.len());
        here.fetch_or(Io::is_here(), Ordering::Relaxed);
    }
    bytes.to_string()
}

#[tokio::test]
async fn a_body_that_comes_fast_is_heard_on_a_disk_thread_and_the_connection_goes_on() {
    let here = Arc::new(AtomicBool::new(false));
    let io = Io::new(1);
    let running = start(patient(), |house| {
        house.disk = Some(io.clone());
        house.router = Router::new().route("/count", post(count)).with_state(Arc::clone(&here));
    });
    let mut client = running.connect().await;
    let piece = vec![b'x'; 1 << 20];
    let head = "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for _ in 0..2 {
        here.store(false, Ordering::Relaxed);
        client.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        let rush = async {
            while !here.load(Ordering::Relaxed) {
                client.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
                client.write_all(&piece).await.unwrap();
                client.write_all(b"\r\n").await.unwrap();
                sent += piece.len();
            }
        };
        tokio::time::timeout(PATIENCE, rush).await.expect("it comes fast enough");
        // There is one turn: when another has it, the rest is heard as any other body.
        io.run(|| ()).await.unwrap();
        client.write_all(b"5\r\nslow!\r\n").await.unwrap();
        io.run(|| ()).await.unwrap();
        client.write_all(b"0\r\n\r\n").await.unwrap();
        let answer = one_answer(&mut client).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{}", sent + 5)), "{answer}");
    }
    client.write_all(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    assert!(one_answer(&mut client).await.ends_with("\r\n\r\n2"));
    drop(client);
    running.stop().await;
}
