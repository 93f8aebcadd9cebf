use super::*;

#[tokio::test]
async fn p10_a_stop_closes_idle_connections_and_lets_a_running_answer_finish() {
    let running = start(patient(), |_| {});
    let mut idle = running.connect().await;
    idle.write_all(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut idle).await.ends_with("ok"));
    let mut silent = running.connect().await;
    let mut busy = running.connect().await;
    busy.write_all(b"GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("first ") {
        busy.read_buf(&mut seen).await.unwrap();
    }

    running.house.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    let refused = async {
        while let Ok(mut late) = TcpStream::connect(running.socket()).await {
            rest(&mut late).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("nobody listens any more");
    running.gate.notify_one();
    assert!(rest(&mut busy).await.contains("second"), "the answer went on");
    running.stop().await;
}

#[tokio::test]
async fn p10_an_answer_that_takes_longer_than_the_drain_is_ended() {
    let running = start(Deadlines { drain: SOON, ..patient() }, |_| {});
    let mut busy = running.connect().await;
    busy.write_all(b"GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    busy.read_exact(&mut head).await.unwrap();
    running.house.stop.cancel();
    assert!(!rest(&mut busy).await.contains("second"));
    running.stop().await;
}

#[tokio::test]
async fn p10_a_second_signal_ends_at_once() {
    let running = start(patient(), |_| {});
    let mut busy = running.connect().await;
    busy.write_all(b"GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    busy.read_exact(&mut head).await.unwrap();
    running.house.stop.cancel();
    running.house.end.cancel();
    assert!(!rest(&mut busy).await.contains("second"));
    running.stop().await;
}

#[tokio::test]
async fn a_handler_can_cut_its_connection() {
    let running = start(patient(), |_| {});
    running.ask("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(running.ended(Ended::Cut), 1);
    running.stop().await;
}

#[tokio::test]
async fn metrics_name_endings_in_words() {
    let running = start(Deadlines { head: SOON, ..patient() }, |_| {});
    running.ask("GET").await;
    let mut registry = prometheus_client::registry::Registry::default();
    running.house.metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("connections_ended_total{how=\"slow_head\"} 1\n"), "{text}");
    assert!(text.contains("\nconnections_parked 0\n"), "{text}");
    running.stop().await;
}
