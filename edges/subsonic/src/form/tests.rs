use axum::body::Body;
use budget::limits::{FORM_BYTES_MAX, KIB, MIB};
use budget::{Budget, Pool};
use bytes::Bytes;
use futures_util::stream::{iter, pending};
use futures_util::{FutureExt, StreamExt};
use std::io;

use super::Form;

fn budget() -> Budget {
    Budget::new(128 * MIB).unwrap()
}

fn held(budget: &Budget) -> u64 {
    budget.figures().into_iter().find(|figures| figures.pool == Pool::Listings).unwrap().used_bytes
}

#[tokio::test]
async fn p05_a_form_holds_what_came_of_it_and_not_what_was_declared() {
    let budget = budget();
    for (bytes, expected) in [(0, 0), (1, 16), (16 << 10, 16), (20 << 10, 32), (200 << 10, 256)] {
        let came = (bytes > 0).then(|| Ok::<_, io::Error>(Bytes::from(vec![b'a'; bytes])));
        let body = Body::from_stream(iter(came).chain(pending()));
        let mut reading = std::pin::pin!(Form::read(&budget, Some(FORM_BYTES_MAX), body));
        assert!(reading.as_mut().now_or_never().is_none());
        assert_eq!(held(&budget), expected * KIB, "{bytes} bytes came");
    }
}

#[tokio::test(start_paused = true)]
async fn p05_a_form_that_trickles_has_an_end() {
    let trickle = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(b"a")), ()))
    });
    let budget = budget();
    let reading = Form::read(&budget, None, Body::from_stream(trickle));
    let within = tokio::time::timeout(std::time::Duration::from_secs(60), reading);
    assert_eq!(within.await.expect("an end").unwrap_err().status(), 408);
}

#[tokio::test]
async fn a_form_that_the_connection_ended_for_its_silence_is_a_timeout_and_any_other_end_is_not() {
    for (kind, status) in [(io::ErrorKind::TimedOut, 408), (io::ErrorKind::ConnectionReset, 200)] {
        let body = Body::from_stream(iter([Ok("u=ann"), Err(io::Error::from(kind))]));
        assert_eq!(Form::read(&budget(), None, body).await.unwrap_err().status(), status, "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_not_kept_is_given_back_with_its_permit() {
    let check = async |text: String, kept: &str| {
        let budget = budget();
        let mut form = Form::read(&budget, None, Body::from(text)).await.unwrap();
        form.retain(|pair| pair.starts_with(b"u="));
        assert_eq!(form.text(), kept.as_bytes());
        assert_eq!(held(&budget), form.text.capacity() as u64);
        assert!(form.text.capacity() <= 2 * kept.len(), "{} bytes for {kept}", form.text.capacity());
    };
    check("".into(), "").await;
    check("u=1".into(), "u=1").await;
    check("u=1&".into(), "u=1&").await;
    check("a&u=1&&x=2".into(), "u=1&").await;
    check("u=1&a&u=2".into(), "u=1&u=2").await;
    check(format!("u=1&{}u=2", "a&".repeat(100_000)), "u=1&u=2").await;
}
