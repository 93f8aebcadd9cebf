use std::sync::atomic::Ordering;
use std::time::Duration;

use budget::limits::UPLOAD_TAKE_OVER_MS;
use catalog::{Asked, Phase, UserChange};

use super::house::{House, Kept, STORES, ask, digest, png, wav, whole};
use crate::{Created, ErrorKind, draft, tus};

#[tokio::test]
async fn the_same_bytes_twice_are_one_blob_and_two_tracks() {
    for kept in STORES {
        let house = House::of(kept).await;
        let bytes = wav(70_000, 1);
        let (first, second) =
            (house.send(&bytes, "a.wav", 70_000).await, house.send(&bytes, "b.wav", 9_999).await);
        house.settle().await;
        let (first, second) = (house.is_track(first, &bytes).await, house.is_track(second, &bytes).await);
        assert_ne!(first.id, second.id, "{kept:?}");
        assert_eq!((first.blob, first.title.as_str()), (second.blob, "a"), "{kept:?}");
        assert_eq!(second.title, "b");
        assert_eq!(house.blobs.list(None, 10).await.unwrap().len(), 1, "{kept:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_named_are_refused() {
    let house = House::new().await;
    let mut named = ask(Some(9_000), "x.wav");
    named.asked = Asked { sha256: Some(digest(b"something else")), ..named.asked };
    let Created::Open(id, _) = house.ingest.create(&house.ann, named).await.unwrap() else { panic!() };
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(9_000, 0)), None).await.unwrap();
    assert_eq!(receiving.end().await.unwrap_err().kind, ErrorKind::Mismatch);
    let progress = house.ingest.watch(&house.ann, id).await.unwrap();
    assert_eq!(progress.borrow().phase, Phase::Failed);
    assert!(progress.borrow().failure.as_ref().unwrap().contains("hash to"));
    house.is_clean();
    assert_eq!(house.blobs.list(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn p08_who_lost_the_right_to_upload_meanwhile_gets_no_track() {
    let house = House::new().await;
    let id = house.create(Some(9_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(9_000, 0)), None).await.unwrap();
    let none = UserChange { upload: Some(false), ..UserChange::default() };
    house.catalog.change_user(house.ann.id, &none).await.unwrap();
    assert_eq!(receiving.end().await.unwrap_err().kind, ErrorKind::NotAllowed);
    house.is_clean();
}

#[tokio::test]
async fn with_the_remote_store_down_the_sender_is_answered_and_it_is_published_later() {
    let house = House::of(Kept::Far).await;
    house.down.store(true, Ordering::Relaxed);
    let bytes = wav(90_000, 2);
    let id = house.create(Some(90_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    let row = receiving.end().await.unwrap();
    assert_eq!((row.phase, row.blob), (Phase::Publishing, Some(digest(&bytes))));
    let mut progress = house.ingest.watch(&house.ann, id).await.unwrap();
    for _ in 0..3 {
        house.ingest.0.table.get(id).unwrap().desk().retry_at = None;
        house.ingest.tend_once().await;
        assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().row.phase, Phase::Publishing);
    }
    assert_eq!(house.take_refused(id).await, ErrorKind::Conflict { offset: 90_000 }, "all bytes are there");
    // A restart in between changes nothing.
    let house = house.restarted().await;
    house.ingest.tend_once().await;
    house.down.store(false, Ordering::Relaxed);
    progress.borrow_and_update();
    house.settle().await;
    house.is_track(id, &bytes).await;
}

/// All bytes came with a request that was not the last; that one says only that there are no more.
#[tokio::test]
async fn an_end_without_bytes_is_heard_before_the_upload_is_completed_meanwhile_and_after() {
    type Cases<'a> = [(&'a str, u16, &'a [(&'a str, &'a str)]); 2];
    let protocols: Cases<'_> = [
        ("tus", 204, &[("tus-resumable", "1.0.0"), ("content-type", "application/offset+octet-stream")]),
        ("draft", 201, &[("upload-complete", "?1"), ("content-type", "application/partial-upload")]),
    ];
    let house = House::new().await;
    for (protocol, status, fields) in protocols {
        for when in ["before", "meanwhile", "after"] {
            let id = house.create(Some(9_000), "x.wav").await;
            let mut receiving = house.take(id).await;
            receiving.append(whole(&wav(9_000, 0)), None).await.unwrap();
            drop(receiving);
            match when {
                "before" => {}
                "meanwhile" => house.ingest.0.table.get(id).unwrap().desk().completing = true,
                _ => house.settle().await,
            }
            for (bytes, status) in [(&b""[..], status), (b"more", 409)] {
                let mut request = http::Request::patch("/uploads").header("upload-offset", "9000");
                for (name, value) in fields {
                    request = request.header(*name, *value);
                }
                let request = request.body(whole(bytes)).unwrap();
                let (ingest, ann, id) = (&house.ingest, &house.ann, Some(id));
                let answered = match protocol {
                    "tus" => tus::answer(ingest, ann, "", id, request).await,
                    _ => draft::answer(ingest, ann, "", id, Asked::default(), request).await,
                };
                match answered {
                    Ok(answer) => assert_eq!(answer.status(), status, "{protocol} {when} {bytes:?}"),
                    Err(refused) => {
                        let late = ErrorKind::Conflict { offset: 9_000 };
                        assert_eq!((refused.error.kind, status), (late, 409), "{protocol} {when}");
                    }
                }
            }
            house.settle().await;
            house.is_track(id, &wav(9_000, 0)).await;
        }
    }
}

#[tokio::test]
async fn run_publishes_in_the_background_and_ends_when_told() {
    let house = House::of(Kept::Far).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(house.ingest.clone().run(async move { drop(stopped.await) }));
    let bytes = wav(90_000, 2);
    let id = house.send(&bytes, "x.wav", 10_000).await;
    let mut progress = house.ingest.watch(&house.ann, id).await.unwrap();
    progress.wait_for(|progress| progress.phase == Phase::Ready).await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn a_track_waits_for_its_picture_that_is_still_being_published() {
    for picture_comes in [true, false] {
        let house = House::of(Kept::Far).await;
        let (bytes, picture) = (wav(9_000, 2), png(5_000));
        let image = house.send(&picture, "x.png", 5_000).await;
        let mut asked = ask(Some(9_000), "x.wav");
        asked.asked.image = Some(digest(&picture));
        let Created::Open(id, _) = house.ingest.create(&house.ann, asked).await.unwrap() else { panic!() };
        let mut receiving = house.take(id).await;
        receiving.append(whole(&bytes), None).await.unwrap();
        receiving.end().await.unwrap();
        // The sound is in the store before the picture.
        let held = house.ingest.0.table.get(id).unwrap().free_baton().unwrap();
        let row = house.ingest.0.complete(held, false).await.unwrap();
        assert_eq!(row.phase, Phase::Publishing);
        if !picture_comes {
            house.ingest.cancel(&house.ann, image).await.unwrap();
        }
        house.settle().await;
        assert_eq!(house.is_track(id, &bytes).await.has_cover, picture_comes);
    }
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_published_is_no_track() {
    let house = House::of(Kept::Far).await;
    house.down.store(true, Ordering::Relaxed);
    let id = house.send(&wav(9_000, 2), "x.wav", 9_000).await;
    house.ingest.tend_once().await;
    house.ingest.cancel(&house.ann, id).await.unwrap();
    house.down.store(false, Ordering::Relaxed);
    house.settle().await;
    house.is_clean();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap_err().kind, ErrorKind::Gone);
}

/// The store is told to stop: else it would go on to send what nobody wants, and hold the upload for as long.
#[tokio::test]
async fn cancelling_stops_a_publication_that_is_under_way() {
    let house = House::of(Kept::Far).await;
    house.slow.store(true, Ordering::Relaxed);
    let id = house.send(&wav(9_000, 2), "x.wav", 9_000).await;
    let (ingest, entry) = (house.ingest.clone(), house.ingest.0.table.get(id).unwrap());
    let publishing = tokio::spawn(async move { ingest.tend_once().await });
    while house.slow.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    assert!(entry.is_held(), "it is in the store's hands");
    let since = std::time::Instant::now();
    house.ingest.cancel(&house.ann, id).await.unwrap();
    assert!(since.elapsed() < Duration::from_millis(UPLOAD_TAKE_OVER_MS), "took {:?}", since.elapsed());
    tokio::time::timeout(Duration::from_secs(20), publishing).await.unwrap().unwrap();
    house.is_clean();
    assert_eq!(house.catalog.upload(None, id).await.unwrap().phase, Phase::Cancelled);
}

/// Two seconds of sound with words before or behind it.
fn tagged_wav(before: bool) -> Vec<u8> {
    let plain = wav(44 + 2 * 176_400, 3);
    let mut info = b"INFO".to_vec();
    for (name, text) in [(b"INAM", "Pebble"), (b"IART", "Ben Reed"), (b"IPRD", "Stones"), (b"IGNR", "Folk")] {
        info.extend(name);
        info.extend((text.len() as u32 + 1).to_le_bytes());
        info.extend(text.as_bytes());
        info.extend(&[0; 2][..2 - text.len() % 2]);
    }
    let list = [&b"LIST"[..], &(info.len() as u32).to_le_bytes(), &info].concat();
    let (head, tail) = plain.split_at(if before { 36 } else { plain.len() });
    let mut file = [head, &list, tail].concat();
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}

#[tokio::test]
async fn a_tagged_wav_file_is_a_track_with_its_own_words() {
    for kept in STORES {
        let house = House::of(kept).await;
        for (before, piece) in [(true, usize::MAX), (true, 40_000), (false, usize::MAX), (false, 40_000)] {
            let bytes = tagged_wav(before);
            let id = house.send(&bytes, "01 something.wav", piece).await;
            house.settle().await;
            let track = house.is_track(id, &bytes).await;
            let words = (track.title.as_str(), track.artist.as_str(), track.album.as_str());
            assert_eq!(words, ("Pebble", "Ben Reed", "Stones"), "{kept:?} {before} {piece}");
            assert_eq!(track.duration_ms, 2_000, "{kept:?} {before} {piece}");
        }
    }
}

impl House {
    async fn take_refused(&self, id: catalog::UploadId) -> ErrorKind {
        self.ingest.take(&self.ann, id).await.unwrap_err().kind
    }
}
