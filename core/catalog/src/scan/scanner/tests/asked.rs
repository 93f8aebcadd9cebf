//! The scanner's own task: at the start, when asked, and to its end.

use std::task::{Context, Waker};

use super::*;

/// The scanner's own task beside `work`, until `work` is done; then it is stopped, and joined.
async fn beside_run(scanner: &Scanner, work: impl Future<Output = ()>) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(scanner.clone().run(Upkeep::default(), async move { drop(stopped.await) }));
    work.await;
    drop(stop);
    run.await.unwrap();
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn it_scans_at_the_start_and_whenever_somebody_asks() {
    let house = House::with(&["a.flac"]);
    let scanner = &house.scanner;
    beside_run(scanner, async {
        until(|| house.memory.told() == ["a.flac"] && !scanner.status().running).await;
        put(&house.root.join("b.flac"), "b");
        assert_eq!(scanner.ask(), Asked::Begins);
        let status = scanner.status();
        assert!(status.running && status.counts == Counts::default(), "seen, though it has not begun");
        assert_eq!(scanner.ask(), Asked::Runs);
        until(|| !scanner.status().running).await;
        assert_eq!(house.memory.told(), ["a.flac", "b.flac"]);
    })
    .await;
    assert!(!scanner.status().running);
}

#[tokio::test]
async fn a_scan_that_somebody_else_began_answers_those_who_asked() {
    let house = House::with(&["a.flac"]);
    assert_eq!(house.scanner.ask(), Asked::Begins);
    house.scanner.scan().await.unwrap();
    assert!(!house.scanner.status().running);
    let mut asked = Box::pin(house.scanner.asked());
    let mut context = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut context).is_pending(), "nobody waits for another one");
    house.scanner.ask();
    assert!(asked.as_mut().poll(&mut context).is_ready());
}

#[tokio::test]
async fn a_stop_ends_a_running_scan_and_what_was_asked_for() {
    let house = House::with(&["a.flac"]);
    house.memory.is_stuck.store(true, Ordering::Relaxed);
    let scans = || house.scanner.0.budget.figures()[Pool::Scans as usize].used_bytes;
    beside_run(&house.scanner, until(|| scans() > 0)).await;
    assert!(!house.scanner.status().running);
    assert_eq!(scans(), 0, "what it held is back");
    let stopped = house.scanner.clone();
    stopped.run(Upkeep::default(), async {}).await;
    assert!(!house.scanner.status().running, "nobody is told of a scan that no one will begin");
}

#[tokio::test]
async fn the_metrics_say_whether_the_last_scan_failed() {
    let house = House::with(&["a.flac"]);
    let mut registry = Registry::with_prefix("millpond");
    house.scanner.register(&mut registry);
    let failed = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.lines().any(|line| line == "millpond_scan_last_failed 1")
    };
    house.scanner.scan().await.unwrap();
    assert!(!failed());
    fs::remove_file(house.root.join("a.flac")).unwrap();
    house.scanner.scan().await.unwrap_err();
    assert!(failed(), "a folder that is suddenly empty is not scanned");
    put(&house.root.join("a.flac"), "a");
    house.scanner.scan().await.unwrap();
    assert!(!failed());
}
