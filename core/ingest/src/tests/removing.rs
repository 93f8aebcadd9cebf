//! What goes, what must not, and what it takes to get there.

use std::time::{Duration, SystemTime};

use budget::limits::{
    MIB, QUARANTINE_MS, SCRUB_AGAIN_MS, SCRUB_IDLE_MS, SCRUB_REST_MS, UPLOAD_CONCAT_BYTES_MAX,
};
use catalog::{Phase, UploadChange, Viewer};
use store::{BlobKey, SpoolId};

use super::house::{House, Kept, STORES, ask, digest, line, png, wav, whole};
use crate::engine::{OPEN, now_ms};
use crate::{Ask, Created, ErrorKind, Limits};

impl House {
    /// Publishes bytes of which no row knows.
    async fn orphan(&self, bytes: &[u8]) -> BlobKey {
        let id = SpoolId::random().unwrap();
        let mut spooled = self.spool.create(id).unwrap();
        spooled.write(bytes).unwrap();
        let whole = spooled.finish().unwrap();
        let row = self.catalog.uploads_of(self.ann.id, 1).await.unwrap().remove(0);
        let job = store::Publication { spool: id, ..crate::complete::publication(&row, None) };
        let key = self.blobs.publish(&job, &whole).await.unwrap();
        drop(spooled);
        self.spool.remove(id).unwrap();
        key
    }

    async fn remove_track_of(&self, bytes: &[u8]) {
        let (_, track) = self.catalog.owned_blob(self.ann.id, digest(bytes)).await.unwrap().unwrap();
        self.ingest.remove_track(&Viewer::of(&self.ann), track.unwrap()).await.unwrap();
    }

    fn in_quarantine(&self, bytes: &[u8]) -> bool {
        self.folder.path().join("quarantine").join(digest(bytes).to_string()).exists()
    }

    /// Where a local store keeps these bytes.
    fn blob_file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let name = digest(bytes).to_string();
        let found = walk(self.folder.path()).into_iter().find(|path| path.ends_with(&name));
        found.unwrap()
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn what_no_row_ever_knew_is_put_aside_also_after_a_restart_in_between() {
    let house = House::new().await;
    let (known, orphan) = (wav(9_000, 1), wav(9_000, 2));
    house.send(&known, "x.wav", 9_000).await;
    let key = house.orphan(&orphan).await;
    house.remove_track_of(&known).await;
    // The server stops after it wrote down that nobody knows these bytes.
    assert_eq!(house.catalog.doom_unknown(&[key]).await.unwrap(), 1);
    let house = house.restarted().await;
    house.ingest.reap_once(SystemTime::now()).await.unwrap();
    assert_eq!(house.blobs.list(None, 10).await.unwrap(), []);
    assert!(house.in_quarantine(&orphan), "a person can look at what nobody knew");
    assert!(!house.in_quarantine(&known), "what was known and is not needed any more is gone");
}

#[tokio::test]
async fn what_is_in_quarantine_goes_after_a_month_and_not_before() {
    let house = House::new().await;
    let orphan = wav(9_000, 2);
    house.send(&wav(9_000, 1), "x.wav", 9_000).await;
    let key = house.orphan(&orphan).await;
    // It was uploaded long ago, and is put aside now.
    let long_ago = SystemTime::now() - Duration::from_millis(3 * QUARANTINE_MS);
    let file = std::fs::File::options().write(true).open(house.blob_file(&orphan)).unwrap();
    file.set_modified(long_ago).unwrap();
    assert_eq!(house.catalog.doom_unknown(&[key]).await.unwrap(), 1);
    let quarantine = house.folder.path().join("quarantine");
    std::fs::write(quarantine.join("notes.txt"), "a person's own").unwrap();
    for (after_ms, there) in [(0, true), (QUARANTINE_MS - 60_000, true), (QUARANTINE_MS + 60_000, false)] {
        house.ingest.reap_once(SystemTime::now() + Duration::from_millis(after_ms)).await.unwrap();
        assert_eq!(house.in_quarantine(&orphan), there, "after {after_ms} ms");
    }
    assert_eq!(walk(&quarantine), [quarantine.join("notes.txt")], "and its checksums");
}

#[tokio::test]
async fn one_that_cannot_be_removed_keeps_no_other() {
    let house = House::new().await;
    let files = [wav(9_000, 1), wav(9_000, 2), wav(9_000, 3)];
    for bytes in &files {
        house.send(bytes, "x.wav", 9_000).await;
    }
    // A folder cannot be removed like a file.
    let stuck = house.blob_file(&files[0]);
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir(&stuck).unwrap();
    for bytes in &files {
        house.remove_track_of(bytes).await;
    }
    house.ingest.reap_once(SystemTime::now()).await.unwrap_err();
    let left = house.catalog.doomed_blobs(None, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|blob| &blob.key).collect::<Vec<_>>(),
        [&BlobKey::of_digest(&digest(&files[0]))]
    );
    // Uploads of the others are as good as ever.
    let again = house.send(&files[1], "x.wav", 9_000).await;
    house.is_track(again, &files[1]).await;
    std::fs::remove_dir(&stuck).unwrap();
    house.ingest.reap_once(SystemTime::now()).await.unwrap();
    assert_eq!(house.catalog.doomed_blobs(None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn p02_a_bad_track_that_is_removed_and_sent_again_at_once_is_sound() {
    let house = House::new().await;
    let bytes = wav(90_000, 1);
    house.send(&bytes, "x.wav", 90_000).await;
    let file = house.blob_file(&bytes);
    let mut rotten = bytes.clone();
    rotten[50_000] ^= 1;
    // In place of the name, as the file may be open.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &rotten).unwrap();
    assert_eq!(house.ingest.scrub_once().await.unwrap(), 1);
    let (_, track) = {
        let row = house.catalog.uploads_of(house.ann.id, 1).await.unwrap().remove(0);
        (row.id, row.track.unwrap())
    };
    house.ingest.remove_track(&Viewer::of(&house.ann), track).await.unwrap();
    let again = house.send(&bytes, "x.wav", 90_000).await;
    house.is_track(again, &bytes).await;
    assert!(!house.catalog.blob(digest(&bytes)).await.unwrap().bad);
    assert_eq!(house.ingest.scrub_once().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_published_for_an_upload_that_was_cancelled_meanwhile_goes() {
    for kept in STORES {
        let mut tries = 0;
        while !is_cancelled_while_it_is_published(kept).await {
            tries += 1;
            assert!(tries < 100, "{kept:?}: it was ready first each time");
        }
    }
}

/// `false` when it was ready before it could be cancelled.
async fn is_cancelled_while_it_is_published(kept: Kept) -> bool {
    let house = House::of(kept).await;
    let id = house.create(Some(9_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(9_000, 1)), None).await.unwrap();
    let mut progress = house.ingest.watch(&house.ann, id).await.unwrap();
    let ending = tokio::spawn(receiving.end());
    progress.wait_for(|progress| progress.phase == Phase::Publishing).await.unwrap();
    let changed = house.catalog.change_upload(id, &OPEN, &UploadChange::to(Phase::Cancelled)).await;
    let _ = ending.await.unwrap();
    match changed {
        Err(error) if error.kind() == catalog::ErrorKind::NotAllowed => return false,
        changed => changed.unwrap(),
    };
    house.settle().await;
    house.is_clean();
    house.ingest.reap_once(SystemTime::now()).await.unwrap();
    assert_eq!(house.blobs.list(None, 10).await.unwrap(), [], "{kept:?}");
    true
}

#[tokio::test]
async fn uploads_of_a_removed_user_go_with_him() {
    for kept in STORES {
        let house = House::of(kept).await;
        let idle = house.create(Some(9_000), "a.wav").await;
        let sending = house.create(Some(9_000), "b.wav").await;
        let mut done = house.take(sending).await;
        done.append(whole(&wav(9_000, 1)), None).await.unwrap();
        house.catalog.remove_user(house.ann.id).await.unwrap();
        done.end().await.unwrap_err();
        house.settle().await;
        assert!(house.ingest.0.table.get(sending).is_none(), "{kept:?}");
        assert!(house.ingest.0.table.get(idle).is_some(), "{kept:?}");
        house.ingest.reap_once(SystemTime::now()).await.unwrap();
        house.settle().await;
        house.is_clean();
    }
}

#[tokio::test]
async fn the_scrub_comes_to_a_blob_again_after_a_month_and_not_before() {
    for (kept, again) in [(Kept::Local, true), (Kept::Far, false)] {
        let house = House::of(kept).await;
        let bytes = wav(90_000, 1);
        house.send(&bytes, "x.wav", 90_000).await;
        house.settle().await;
        let idle = Duration::from_millis(SCRUB_IDLE_MS);
        let in_ms = |ms: u64| now_ms().saturating_add_unsigned(ms);
        assert_eq!(house.ingest.scrub_step(now_ms()).await.unwrap(), idle, "it just came");
        assert_eq!(house.ingest.scrub_step(in_ms(SCRUB_AGAIN_MS - 60_000)).await.unwrap(), idle);
        let rest = house.ingest.scrub_step(in_ms(SCRUB_AGAIN_MS + 60_000)).await.unwrap();
        let read = Duration::from_millis(SCRUB_REST_MS) + Duration::from_millis(90_000 * 1_000 / (16 * MIB));
        assert_eq!(rest, if again { read } else { idle }, "{kept:?}");
    }
}

#[tokio::test]
async fn parts_that_have_all_slots_of_their_user_can_be_joined() {
    let limits = Limits { uploads_per_user: 3, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let bytes = wav(30_000, 1);
    let mut parts = Vec::new();
    for piece in bytes.chunks(10_000) {
        parts.push(house.part_of(piece).await);
    }
    // One that fails gives back what it took.
    let no_bytes = ask(Some(1), "x.wav");
    house.ingest.join(&house.ann, parts.clone(), no_bytes).await.unwrap_err();
    let text = Ask { metadata: "x".repeat(100_000), ..ask(None, "x.wav") };
    house.ingest.join(&house.ann, parts.clone(), text).await.unwrap_err();
    let named = ask(None, "x.wav");
    let wrong = Ask {
        asked: catalog::Asked { sha256: Some(digest(b"else")), ..named.asked.clone() },
        ..named.clone()
    };
    assert_eq!(
        house.ingest.join(&house.ann, parts.clone(), wrong).await.unwrap_err().kind,
        ErrorKind::Mismatch
    );
    house.settle().await;
    assert_eq!(house.ingest.0.slots.used(), 3, "each part has its slot again");
    // The addresses of many parts are longer than the metadata of a file may be.
    let urls = format!("final;{}", "/uploads/0123456789abcdef0123456789abcdef ".repeat(300));
    assert!(urls.len() < UPLOAD_CONCAT_BYTES_MAX);
    let named = Ask { metadata: crate::asked::kept("filename eC53YXY=", Some(&urls)), ..named };
    let Created::Ready(row) = house.ingest.join(&house.ann, parts, named).await.unwrap() else { panic!() };
    house.is_track(row.id, &bytes).await;
}

#[tokio::test]
async fn a_picture_that_was_joined_is_no_larger_than_any_other() {
    let limits = Limits { image_bytes_max: 10_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    for (length, fits) in [(10_000, true), (10_001, false)] {
        let bytes = png(length);
        let parts = vec![house.part_of(&bytes[..5_000]).await, house.part_of(&bytes[5_000..]).await];
        let joined = house.ingest.join(&house.ann, parts.clone(), ask(None, "x.png")).await;
        match joined {
            Ok(_) => assert!(fits),
            Err(error) => assert_eq!((error.kind, fits), (ErrorKind::TooLarge { max: 10_000 }, false)),
        }
        for part in parts {
            let _ = house.ingest.cancel(&house.ann, part).await;
        }
    }
    house.settle().await;
    house.is_clean();
}

#[tokio::test]
async fn bytes_of_unknown_length_count_against_a_users_space() {
    let limits = Limits { bytes_per_user: 300_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let quota = ErrorKind::Quota { max: 300_000 };
    let first = house.create(None, "a.wav").await;
    house.take(first).await.append(whole(&wav(200_000, 1)), None).await.unwrap();
    let refused = house.ingest.create(&house.ann, ask(Some(150_000), "b.wav")).await.unwrap_err();
    assert_eq!(refused.kind, quota, "what came of the first counts");
    let second = house.create(None, "b.wav").await;
    for told in [true, false] {
        let mut receiving = house.take(second).await;
        let bytes = wav(150_000, 2);
        let refused = if told {
            receiving.append(whole(&bytes), None).await.unwrap_err()
        } else {
            let (send, body) = line();
            send.try_send(Ok(bytes::Bytes::from(bytes))).unwrap();
            drop(send);
            receiving.append(body, None).await.unwrap_err()
        };
        assert_eq!(refused.kind, quota, "{told}");
        drop(receiving);
    }
    house.settle().await;
    let kept = house.ingest.status(&house.ann, second).await.unwrap().offset;
    assert!(kept <= 100_000, "{kept} bytes of it are kept");
    let mut receiving = house.take(second).await;
    assert_eq!(receiving.set_length(100_001).await.unwrap_err().kind, quota);
    receiving.set_length(100_000).await.unwrap();
}
