use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use budget::limits::{
    BLOB_ORPHAN_MS, EXPIRED_EVERY_MS, REAP_EVERY_MS, SPOOL_ORPHAN_MS, UPLOAD_LIFETIME_MS,
    UPLOAD_REMEMBERED_MS,
};
use catalog::{Phase, Viewer};
use store::{Blobs as _, SpoolId};
use tokio::time::Instant;

use super::house::{House, Kept, STORES, digest, line, wav, whole};
use crate::ErrorKind;

fn in_ms(ms: u64) -> SystemTime {
    SystemTime::now() + Duration::from_millis(ms)
}

#[tokio::test]
async fn an_upload_to_which_nothing_comes_expires() {
    let house = House::new().await;
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(1_000, 1)), None).await.unwrap();
    drop(receiving);
    house.ingest.reap_once(in_ms(UPLOAD_LIFETIME_MS - 60_000)).await.unwrap();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 1_000);
    // A request that hangs at that moment does not save it.
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    let hanging = tokio::spawn(async move { receiving.append(body, None).await });
    tokio::task::yield_now().await;
    house.ingest.reap_once(in_ms(UPLOAD_LIFETIME_MS + 60_000)).await.unwrap();
    assert_eq!(hanging.await.unwrap().unwrap_err().kind, ErrorKind::TakenOver);
    drop(send);
    house.is_clean();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap_err().kind, ErrorKind::Gone);
    house.ingest.reap_once(in_ms(UPLOAD_LIFETIME_MS + 2 * UPLOAD_REMEMBERED_MS)).await.unwrap();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap_err().kind, ErrorKind::NotFound);
}

/// Whatever else is looked after meanwhile.
#[tokio::test]
async fn a_removal_that_failed_is_tried_again_after_a_while() {
    let house = House::of(Kept::Far).await;
    let bytes = wav(9_000, 1);
    let id = house.send(&bytes, "x.wav", 9_000).await;
    house.settle().await;
    let track = house.is_track(id, &bytes).await;
    house.down.store(true, Ordering::Relaxed);
    house.ingest.remove_track(&Viewer::of(&house.ann), track.id).await.unwrap();
    let doomed = async || house.catalog.doomed_blobs(None, 10).await.unwrap().remove(0).doomed;
    let (first, (stop, stopped)) = (doomed().await, tokio::sync::oneshot::channel::<()>());
    let running = tokio::spawn(house.ingest.clone().run(async move { drop(stopped.await) }));
    while doomed().await == first {
        tokio::task::yield_now().await;
    }
    // The clock goes a second on for each few milliseconds that the disk has. Nothing here waits for anything, so that it
    // never runs on by itself.
    tokio::time::pause();
    let (began, memory) = (Instant::now(), house.memory.as_ref().unwrap());
    while !memory.list(None, 10).await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_millis(REAP_EVERY_MS / 2), "nobody tries again");
        // The store is away for as long as it takes until expired uploads were looked for.
        let is_back = began.elapsed() > Duration::from_millis(2 * EXPIRED_EVERY_MS);
        house.down.store(!is_back, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(1)).await;
        let since = std::time::Instant::now();
        while since.elapsed() < Duration::from_millis(5) {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::resume();
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn spool_files_of_nobody_go_when_they_are_old_and_those_of_somebody_stay() {
    let house = House::new().await;
    let mine = house.create(Some(500_000), "x.wav").await;
    let nobodys = SpoolId::random().unwrap();
    drop(house.spool.create(nobodys).unwrap());
    for (after_ms, left) in [(SPOOL_ORPHAN_MS - 60_000, 2), (SPOOL_ORPHAN_MS + 60_000, 1)] {
        house.ingest.reap_once(in_ms(after_ms)).await.unwrap();
        assert_eq!(house.spool.list(None, 10).unwrap().len(), left);
    }
    assert_eq!(house.ingest.status(&house.ann, mine).await.unwrap().offset, 0);
}

#[tokio::test]
async fn blobs_of_nobody_are_put_aside_when_they_are_old_and_those_of_somebody_stay() {
    let house = House::new().await;
    let bytes = wav(9_000, 1);
    let id = house.send(&bytes, "x.wav", 9_000).await;
    let orphan = SpoolId::random().unwrap();
    let mut spooled = house.spool.create(orphan).unwrap();
    spooled.write(&wav(9_000, 2)).unwrap();
    let whole = spooled.finish().unwrap();
    let row = house.catalog.upload(None, id).await.unwrap();
    let job = store::Publication { spool: orphan, ..crate::complete::publication(&row, None) };
    house.blobs.publish(&job, &whole).await.unwrap();
    drop(spooled);
    house.spool.remove(orphan).unwrap();
    for (after_ms, left) in [(BLOB_ORPHAN_MS - 60_000, 2), (BLOB_ORPHAN_MS + 60_000, 1)] {
        house.ingest.reap_once(in_ms(after_ms)).await.unwrap();
        assert_eq!(house.blobs.list(None, 10).await.unwrap().len(), left);
    }
    house.is_track(id, &bytes).await;
    let quarantine = house.folder.path().join("quarantine");
    assert!(quarantine.read_dir().unwrap().count() > 0, "it can still be looked at");
}

#[tokio::test]
async fn the_bytes_of_a_removed_track_go_with_the_last_track_that_has_them() {
    for kept in STORES {
        let house = House::of(kept).await;
        let bytes = wav(9_000, 1);
        let ids = [house.send(&bytes, "a.wav", 9_000).await, house.send(&bytes, "b.wav", 9_000).await];
        house.settle().await;
        let viewer = Viewer::of(&house.ann);
        for (id, left) in ids.into_iter().zip([1, 0]) {
            let track = house.is_track(id, &bytes).await;
            let foreign = house.ingest.remove_track(&Viewer::of(&house.bob), track.id).await.unwrap_err();
            assert_eq!(foreign.kind, ErrorKind::NotFound);
            house.ingest.remove_track(&viewer, track.id).await.unwrap();
            house.ingest.reap_once(SystemTime::now()).await.unwrap();
            assert_eq!(house.blobs.list(None, 10).await.unwrap().len(), left, "{kept:?}");
        }
        // Sent again it is there again.
        let id = house.send(&bytes, "c.wav", 9_000).await;
        house.settle().await;
        house.is_track(id, &bytes).await;
    }
}

#[tokio::test]
async fn p02_the_scrub_finds_a_flipped_byte_and_sending_the_file_again_heals_it() {
    let house = House::of(Kept::Memory).await;
    let bytes = wav(90_000, 1);
    let id = house.send(&bytes, "x.wav", 90_000).await;
    let track = house.is_track(id, &bytes).await;
    assert_eq!(house.ingest.scrub_once().await.unwrap(), 0);
    house.memory.as_ref().unwrap().damage(track.blob.as_ref().unwrap(), 50_000);
    assert_eq!(house.ingest.scrub_once().await.unwrap(), 1);
    assert!(house.catalog.blob(digest(&bytes)).await.unwrap().bad);
    let again = house.send(&bytes, "x.wav", 90_000).await;
    house.is_track(again, &bytes).await;
    assert_eq!(house.ingest.scrub_once().await.unwrap(), 0);
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn what_a_dropped_request_left_open_is_synced_and_closed() {
    let house = House::new().await;
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let held = receiving.held.as_mut().unwrap();
    held.spooled.as_mut().unwrap().write(&wav(1_000, 0)).unwrap();
    drop(receiving);
    let entry = house.ingest.0.table.get(id).unwrap();
    assert_eq!(entry.offset(), 0);
    house.ingest.tend_once().await;
    assert_eq!(entry.offset(), 1_000);
    assert!(entry.is_parked());
    let row = house.catalog.upload(None, id).await.unwrap();
    assert_eq!(row.phase, Phase::Receiving);
}
