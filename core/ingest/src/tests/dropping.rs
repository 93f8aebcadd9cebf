use bytes::Bytes;
use catalog::{Asked, UploadId};
use tokio::runtime::Handle;

use super::house::{House, STORES, line, polled, wav, whole};
use crate::{Checksum, ErrorKind, Fleeting, Receiving, plain};

/// Takes an upload whose last request was dropped, as its sender does: what that gave to a disk thread may take a busy disk
/// longer than anybody waits, and then he is told to come back.
async fn taken_again(house: &House, id: UploadId) -> Receiving {
    for _ in 0..30 {
        match house.ingest.take(&house.ann, id).await {
            Err(error) if matches!(error.kind, ErrorKind::Refused(_)) => {}
            taken => return taken.unwrap(),
        }
    }
    panic!("the disk hangs");
}

/// A request is dropped after each number of polls, so at each await point; another one goes on, and the bytes are right.
#[tokio::test]
async fn a_request_may_be_dropped_anywhere() {
    let house = House::new().await;
    let bytes = wav(400_000, 6);
    for check in [false, true] {
        for polls in 1..40 {
            let id = house.create(Some(400_000), "x.wav").await;
            let mut receiving = house.take(id).await;
            let (send, body) = line();
            for piece in bytes[..390_000].chunks(30_000) {
                send.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
            }
            drop(send);
            let check = check.then(|| Checksum::Sha256(*super::house::digest(&bytes[..390_000]).as_bytes()));
            let done = polled(polls, receiving.append(body, check)).await.map(Result::unwrap);
            let told = receiving.offset();
            drop(receiving);
            let mut receiving = taken_again(&house, id).await;
            let offset = receiving.offset();
            assert!(offset >= told, "{polls}: {offset} after {told}");
            if check.is_some() {
                assert!([0, 390_000].contains(&offset), "{polls}: {offset} has no checksum");
            }
            if let Some(offset) = done {
                assert_eq!(offset, 390_000);
            }
            receiving.append(whole(&bytes[offset as usize..]), None).await.unwrap();
            receiving.end().await.unwrap();
            house.is_track(id, &bytes).await;
        }
    }
}

#[tokio::test]
async fn a_completion_may_be_dropped_anywhere() {
    for kept in STORES {
        let house = House::of(kept).await;
        for polls in 1..40 {
            let bytes = wav(50_000 + polls, 7);
            let id = house.create(Some(bytes.len() as u64), "x.wav").await;
            let mut receiving = house.take(id).await;
            receiving.append(whole(&bytes), None).await.unwrap();
            let done = polled(polls, receiving.end()).await;
            house.settle().await;
            house.is_track(id, &bytes).await;
            if done.is_some_and(|done| done.is_ok()) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn all_bytes_without_an_end_are_completed_all_the_same() {
    let house = House::new().await;
    let bytes = wav(50_000, 8);
    let id = house.create(Some(50_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    drop(receiving);
    // Nobody comes back to ask.
    house.settle().await;
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn what_nobody_can_go_on_with_is_left_to_whoever_looks_after_the_table() {
    let house = House::new().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let id = house.create(Some(50_000), "x.wav").await;
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
    drop(Fleeting::new(&house.ingest, &house.ann, id));
    assert_eq!(tasks(), 0, "nobody owns a task that is begun here");
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 0);
    house.settle().await;
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap_err().kind, ErrorKind::Gone);
    house.is_clean();
}

/// What is sent in one plain request is dropped with it, unless all of it came.
#[tokio::test]
async fn a_plain_request_may_be_dropped_anywhere() {
    let house = House::new().await;
    let bytes = wav(300_000, 9);
    for polls in 1..60 {
        let (send, body) = line();
        for piece in bytes[..200_000].chunks(30_000) {
            send.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
        }
        send.try_send(Err(())).unwrap();
        let request = http::Request::put("/uploads").body(body).unwrap();
        let answer = plain::answer(&house.ingest, &house.ann, "", Asked::default(), request);
        let answered = polled(polls, Box::pin(answer)).await;
        house.settle().await;
        assert_eq!(house.catalog.open_uploads_of(house.ann.id).await.unwrap(), 0, "{polls}");
        assert_eq!(house.ingest.0.table.len(), 0, "{polls}");
        if let Some(answer) = answered {
            assert_eq!(answer.unwrap_err().error.kind, ErrorKind::BrokenOff);
            break;
        }
    }
}

#[tokio::test]
async fn what_the_engine_does_can_be_sent_to_another_thread() {
    fn sends<T: Send>(value: T) -> T {
        value
    }
    let house = House::new().await;
    let id = house.create(None, "x.wav").await;
    let mut receiving = sends(house.ingest.take(&house.ann, id)).await.unwrap();
    sends(receiving.append(whole(&wav(44, 0)), None)).await.unwrap();
    sends(receiving.set_length(44)).await.unwrap();
    sends(receiving.describe(Default::default())).await.unwrap();
    sends(receiving.end()).await.unwrap();
    drop(sends(house.ingest.join(&house.ann, vec![id], Default::default())));
    drop(sends(house.ingest.create(&house.ann, Default::default())));
    drop(sends(house.ingest.recover()));
    drop(sends(house.ingest.clone().run(std::future::ready(()))));
}
