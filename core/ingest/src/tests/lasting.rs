//! What bytes on their way hold: the upload's life, room on the disk, the file, and the threads that work for them.

use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use budget::limits::{PUBLISHING_MAX, UPLOAD_CHUNK_BYTES};
use bytes::Bytes;
use catalog::{Phase, UploadChange, UploadId};
use tokio::time::Instant;

use super::house::{House, Kept, digest, line, wav, whole};
use crate::engine::now_ms;
use crate::table::lock;
use crate::upkeep::Tasks;
use crate::{Checksum, ErrorKind, Limits};

/// Has an upload expire at another time.
async fn expires_in(house: &House, id: UploadId, ms: i64) {
    let change = UploadChange { expires: Some(now_ms() + ms), ..UploadChange::default() };
    house.catalog.change_upload(id, &[Phase::Receiving], &change).await.unwrap();
}

/// Waits until something is so; gives up after a time in which it would long have been.
async fn until(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits).await.expect("it never came to that");
}

#[tokio::test]
async fn an_upload_lives_on_after_its_last_byte_however_its_request_ended() {
    for how in ["it broke off", "it was dropped", "another took over"] {
        let house = House::new().await;
        let id = house.create(Some(500_000), "x.wav").await;
        expires_in(&house, id, 60_000).await;
        let house = house.restarted().await;
        let mut receiving = house.take(id).await;
        let (send, body) = line();
        send.try_send(Ok(Bytes::from(wav(1_000, 0)))).unwrap();
        match how {
            "it broke off" => {
                send.try_send(Err(())).unwrap();
                assert_eq!(receiving.append(body, None).await.unwrap_err().kind, ErrorKind::BrokenOff);
            }
            "it was dropped" => {
                let held = receiving.held.as_mut().unwrap();
                held.spooled.as_mut().unwrap().write(&wav(1_000, 0)).unwrap();
                drop(receiving);
                house.ingest.tend_once().await;
            }
            _ => {
                let running = tokio::spawn(async move { receiving.append(body, None).await });
                until(|| send.capacity() == send.max_capacity()).await;
                drop(house.take(id).await);
                assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::TakenOver);
            }
        }
        let row = house.catalog.upload(None, id).await.unwrap();
        let left_ms = row.expires - now_ms();
        assert!(left_ms > house.limits.lifetime_ms as i64 - 60_000, "{how}: {left_ms} ms are left");
    }
}

#[tokio::test]
async fn a_request_whose_bytes_wait_for_their_checksum_does_not_expire() {
    let house = House::new().await;
    let bytes = wav(400_000, 3);
    let id = house.create(Some(400_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[..200_000]))).unwrap();
    let check = Some(Checksum::Sha256(*digest(&bytes).as_bytes()));
    let running = tokio::spawn(async move {
        receiving.append(body, check).await?;
        receiving.end().await
    });
    until(|| send.capacity() == send.max_capacity()).await;
    expires_in(&house, id, -1_000).await;
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 0);
    house.ingest.reap_once(SystemTime::now()).await.unwrap();
    assert!(house.catalog.upload(None, id).await.unwrap().expires > now_ms());
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[200_000..]))).unwrap();
    drop(send);
    running.await.unwrap().unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn a_file_that_could_not_be_written_is_opened_again_and_uploads_stay_on() {
    let house = House::new().await;
    let bytes = wav(100_000, 1);
    let id = house.create(Some(100_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let held = receiving.held.as_mut().unwrap();
    held.spooled = None;
    // A file that takes some bytes and then no more.
    let memory = rustix::fs::memfd_create("bytes", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
    let path = house.spool.folder().join(id.0.to_string());
    std::fs::remove_file(&path).unwrap();
    symlink(format!("/proc/self/fd/{}", memory.as_raw_fd()), &path).unwrap();
    let mut spooled = house.spool.reopen(id.0).unwrap();
    spooled.write(&bytes[..1_000]).unwrap();
    rustix::fs::fcntl_add_seals(&memory, rustix::fs::SealFlags::WRITE).unwrap();
    spooled.write(&bytes[1_000..]).unwrap_err();
    // That is when the request goes away.
    held.spooled = Some(spooled);
    drop(receiving);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    house.ingest.tend_once().await;
    assert!(house.ingest.is_on());
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    receiving.end().await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn a_failed_sync_of_a_request_that_went_away_ends_all_uploads() {
    let house = House::new().await;
    let id = house.create(Some(100_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let held = receiving.held.as_mut().unwrap();
    held.spooled = None;
    // It can be written and not be synced.
    let path = house.spool.folder().join(id.0.to_string());
    std::fs::remove_file(&path).unwrap();
    symlink("/dev/null", &path).unwrap();
    let mut spooled = house.spool.reopen(id.0).unwrap();
    spooled.write(&wav(1_000, 0)).unwrap();
    spooled.sync().unwrap_err();
    held.spooled = Some(spooled);
    drop(receiving);
    house.ingest.tend_once().await;
    assert!(!house.ingest.is_on());
}

#[tokio::test]
async fn the_desk_is_free_while_the_disk_is_asked_for_room() {
    let house = House::new().await;
    let id = house.create(Some(100_000), "x.wav").await;
    let entry = house.ingest.0.table.get(id).unwrap();
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let asked = entry.reserve(|reserved| {
        let entry = Arc::clone(&entry);
        std::thread::spawn(move || {
            drop(entry.desk());
            tell.send(())
        });
        reserved.as_mut().unwrap().grow(1).unwrap();
        told.recv_timeout(Duration::from_secs(10))
    });
    assert!(asked.is_ok(), "whoever looks at the upload waits for the disk");
    assert_eq!(entry.desk().reserved.as_ref().unwrap().bytes(), 100_001);
    // Once it is over nothing comes back.
    entry.release();
    entry.reserve(|reserved| house.room.reserve(5).map(|promised| *reserved = Some(promised))).unwrap();
    assert!(entry.desk().reserved.is_none());
}

#[tokio::test]
async fn what_is_written_is_not_promised_as_well_and_is_again_when_it_is_cut_off() {
    let house = House::new().await;
    let id = house.create(Some(400_000), "x.wav").await;
    let entry = house.ingest.0.table.get(id).unwrap();
    let promised = || entry.desk().reserved.as_ref().map_or(0, store::Reserved::bytes);
    assert_eq!(promised(), 400_000);
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::from(wav(2 * UPLOAD_CHUNK_BYTES + 9, 0)))).unwrap();
    let wrong = Some(Checksum::Sha256([0; 32]));
    let running = tokio::spawn(async move { receiving.append(body, wrong).await });
    until(|| promised() == 400_000 - 2 * UPLOAD_CHUNK_BYTES as u64).await;
    assert_eq!(entry.offset(), 0, "nothing is synced before its checksum is right");
    drop(send);
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::Mismatch);
    assert_eq!(promised(), 400_000);
}

#[tokio::test]
async fn asking_does_not_end_a_request_that_waits_for_our_own_disk() {
    let house = House::new().await;
    let bytes = wav(400_000, 5);
    let id = house.create(Some(400_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let entry = house.ingest.0.table.get(id).unwrap();
    // Every thread that waits for disks waits.
    let (open, gate) = std::sync::mpsc::sync_channel::<()>(1);
    let gate = Arc::new(Mutex::new(gate));
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let (io, gate) = (house.spool.io().clone(), Arc::clone(&gate));
            tokio::spawn(async move { io.run(move || lock(&gate).recv().is_ok()).await })
        })
        .collect();
    let (send, body) = line();
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[..200_000]))).unwrap();
    let running = tokio::spawn(async move {
        let offset = receiving.append(body, None).await?;
        receiving.end().await.map(|_| offset)
    });
    until(|| entry.desk().working).await;
    // Long ago, as far as anybody can tell.
    entry.desk().active = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 0);
    drop(open);
    for waits in waiting {
        waits.await.unwrap().unwrap();
    }
    send.try_send(Ok(Bytes::copy_from_slice(&bytes[200_000..]))).unwrap();
    drop(send);
    assert_eq!(running.await.unwrap().unwrap(), 400_000);
    drop(entry);
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn what_requests_left_is_not_behind_completions_that_wait_for_a_store() {
    let limits = Limits { uploads_per_user: 100, ..Limits::default() };
    let house = House::with(Kept::Far, limits).await;
    for _ in 0..=PUBLISHING_MAX {
        let id = house.create(Some(1_000), "x.wav").await;
        house.ingest.0.table.get(id).unwrap().desk().completing = true;
    }
    let mut tasks = Tasks::default();
    house.ingest.0.begin_chores(&mut tasks);
    assert_eq!((tasks.completions.len(), tasks.others.len()), (PUBLISHING_MAX, 0));
    let id = house.create(Some(1_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.held.as_mut().unwrap().spooled.as_mut().unwrap().write(&wav(100, 0)).unwrap();
    drop(receiving);
    house.ingest.0.begin_chores(&mut tasks);
    assert_eq!((tasks.completions.len(), tasks.others.len()), (PUBLISHING_MAX, 1));
}
