use std::time::Duration;

use bytes::Bytes;
use catalog::Phase;
use tokio::time::Instant;

use super::house::{House, line, wav, whole};
use crate::{Checksum, ErrorKind};

#[tokio::test]
async fn a_new_request_ends_a_hung_one_and_goes_on_where_it_was() {
    let house = House::new().await;
    let bytes = wav(500_000, 2);
    let id = house.create(Some(500_000), "x.wav").await;
    let mut hung = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[..300_001]))).unwrap();
    let hanging = tokio::spawn(async move {
        let ended = hung.append(body, None).await;
        (hung, ended)
    });
    while house.ingest.0.table.get(id).unwrap().desk().active.elapsed() > Duration::from_secs(60)
        || send.capacity() != send.max_capacity()
    {
        tokio::task::yield_now().await;
    }
    let since = Instant::now();
    let mut receiving = house.take(id).await;
    assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
    assert_eq!(receiving.offset(), 300_001, "all that came was synced");
    let (mut hung, ended) = hanging.await.unwrap();
    assert_eq!(ended.unwrap_err().kind, ErrorKind::TakenOver);
    // What the old request still has on its way reaches nothing.
    let stale = hung.append(whole(&bytes[..10]), None).await.unwrap_err();
    assert_eq!(stale.kind, ErrorKind::TakenOver);
    assert_eq!(receiving.append(whole(&bytes[300_001..]), None).await.unwrap(), 500_000);
    drop(hung);
    receiving.end().await.unwrap();
    drop(send);
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn of_many_who_take_one_gets_it_and_all_are_told() {
    let house = House::new().await;
    let id = house.create(Some(100_000), "x.wav").await;
    let first = house.take(id).await;
    let takers: Vec<_> = (0..10)
        .map(|_| {
            let (ingest, ann) = (house.ingest.clone(), house.ann.clone());
            tokio::spawn(async move { ingest.take(&ann, id).await })
        })
        .collect();
    while house.ingest.0.table.get(id).unwrap().claim_count() < 11 {
        tokio::task::yield_now().await;
    }
    drop(first);
    let mut got = 0;
    for taker in takers {
        match taker.await.unwrap() {
            Ok(receiving) => {
                got += 1;
                drop(receiving);
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::TakenOver),
        }
    }
    assert_eq!(got, 1, "the last of them");
}

#[tokio::test]
async fn asking_tells_what_is_synced_and_lets_a_running_request_run() {
    let house = House::new().await;
    let bytes = wav(400_000, 5);
    let id = house.create(Some(400_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[..200_000]))).unwrap();
    let running = tokio::spawn(async move {
        let offset = receiving.append(body, None).await?;
        receiving.end().await.map(|row| (offset, row))
    });
    // A second after bytes stop they are synced, though the request goes on.
    let mut progress = house.ingest.watch(&house.ann, id).await.unwrap();
    let synced = progress.wait_for(|progress| progress.received_bytes > 0).await.unwrap().received_bytes;
    assert_eq!(synced, 200_000);
    house.ingest.0.table.get(id).unwrap().desk().active = Instant::now();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 200_000);
    send.send(Ok(Bytes::copy_from_slice(&bytes[200_000..]))).await.unwrap();
    drop(send);
    let (offset, row) = running.await.unwrap().unwrap();
    assert_eq!((offset, row.phase), (400_000, Phase::Ready));
    progress.wait_for(|progress| progress.phase == Phase::Ready && progress.track.is_some()).await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn asking_ends_a_request_from_which_nothing_comes() {
    let house = House::new().await;
    let id = house.create(Some(400_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::from(wav(1_000, 0)))).unwrap();
    let hanging = tokio::spawn(async move { receiving.append(body, None).await });
    while send.capacity() != send.max_capacity() {
        tokio::task::yield_now().await;
    }
    // Long ago, as far as anybody can tell.
    let entry = house.ingest.0.table.get(id).unwrap();
    entry.desk().active = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 1_000);
    assert_eq!(hanging.await.unwrap().unwrap_err().kind, ErrorKind::TakenOver);
    drop(send);
}

#[tokio::test]
async fn the_offset_that_is_told_is_the_one_to_go_on_from_also_while_a_request_is_silent() {
    let house = House::new().await;
    let bytes = wav(400_000, 5);
    for (check, expected) in [(None, 200_001), (Some(Checksum::Sha256([7; 32])), 0)] {
        let id = house.create(Some(400_000), "x.wav").await;
        let mut receiving = house.take(id).await;
        let (send, body) = line();
        send.try_send(Ok(Bytes::copy_from_slice(&bytes[..200_001]))).unwrap();
        let silent = tokio::spawn(async move { receiving.append(body, check).await });
        while send.capacity() != send.max_capacity() {
            tokio::task::yield_now().await;
        }
        let since = Instant::now();
        let told = house.ingest.status(&house.ann, id).await.unwrap().offset;
        assert_eq!(told, expected, "all that came, unless its checksum is still to come");
        assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
        let mut next = house.take(id).await;
        assert_eq!(next.offset(), told);
        assert_eq!(silent.await.unwrap().unwrap_err().kind, ErrorKind::TakenOver);
        next.append(whole(&bytes[told as usize..]), None).await.unwrap();
        next.end().await.unwrap();
        drop(send);
        house.is_track(id, &bytes).await;
    }
}

#[tokio::test]
async fn giving_up_ends_a_running_request_and_leaves_nothing() {
    let house = House::new().await;
    let id = house.create(Some(400_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::from(wav(1_000, 0)))).unwrap();
    let running = tokio::spawn(async move { receiving.append(body, None).await });
    while send.capacity() != send.max_capacity() {
        tokio::task::yield_now().await;
    }
    house.ingest.cancel(&house.ann, id).await.unwrap();
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::TakenOver);
    house.is_clean();
    for again in
        [house.ingest.cancel(&house.ann, id).await, house.ingest.take(&house.ann, id).await.map(drop)]
    {
        assert_eq!(again.unwrap_err().kind, ErrorKind::Gone);
    }
    drop(send);
}

#[tokio::test]
async fn p08_anothers_upload_does_not_exist() {
    let house = House::new().await;
    let id = house.create(Some(400_000), "x.wav").await;
    let (ingest, bob) = (&house.ingest, &house.bob);
    for refused in [
        ingest.status(bob, id).await.map(drop),
        ingest.take(bob, id).await.map(drop),
        ingest.cancel(bob, id).await,
        ingest.watch(bob, id).await.map(drop),
        ingest.join(bob, vec![id], Default::default()).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
    }
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 0);
}
