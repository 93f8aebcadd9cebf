use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;

use catalog::{BlobRow, MediaKind, Phase, UploadId};
use futures_util::future::BoxFuture;
use store::{BlobKey, Suffix};

use super::house::{House, Kept, digest, wav, whole};
use crate::complete::publication;
use crate::sniff::Format;
use crate::{ErrorKind, Limits};

/// What a crash leaves after each step of an upload, and what the next start makes of it.
#[tokio::test]
async fn p10_a_start_goes_on_where_the_last_one_was_killed() {
    for published in [false, true] {
        for without_spool in [false, true] {
            let house = House::new().await;
            let bytes = wav(80_000, 1);
            let id = house.create(Some(80_000), "x.wav").await;
            let mut receiving = house.take(id).await;
            receiving.append(whole(&bytes), None).await.unwrap();
            drop(receiving);
            // Transaction 1, and perhaps the link, and perhaps the loss of the spool.
            house.begin_blob(id, &bytes).await;
            if published {
                house.publish(id, &bytes).await;
            }
            let house = house.stopped().await;
            if without_spool {
                house.spool.remove(id.0).unwrap();
            }
            let house = house.restarted().await;
            house.settle().await;
            if published || !without_spool {
                house.is_track(id, &bytes).await;
            } else {
                let gone = house.ingest.status(&house.ann, id).await.unwrap_err();
                assert_eq!(gone.kind, ErrorKind::Gone);
                house.is_clean();
            }
        }
    }
}

#[tokio::test]
async fn p01_what_was_acknowledged_is_there_after_a_start_and_the_rest_is_cut_off() {
    let house = House::new().await;
    let bytes = wav(500_000, 1);
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let told = receiving.append(whole(&bytes[..200_000]), None).await.unwrap();
    // More is written and never synced.
    let held = receiving.held.as_mut().unwrap();
    held.spooled.as_mut().unwrap().write(&bytes[200_000..250_000]).unwrap();
    held.provisional = true;
    let spooled = held.spooled.take();
    drop((receiving, spooled));
    let path = house.spool.folder().join(id.to_string());
    assert_eq!(path.metadata().unwrap().len(), 250_000);

    let house = house.stopped().await.restarted().await;
    assert_eq!(path.metadata().unwrap().len(), told, "unproven bytes are cut off");
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, told);
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes[200_000..]), None).await.unwrap();
    receiving.end().await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn p01_an_upload_whose_bytes_are_gone_is_never_gone_on_with() {
    let house = House::new().await;
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(500_000, 1)[..200_000]), None).await.unwrap();
    drop(receiving);
    let house = house.stopped().await;
    let path = house.spool.folder().join(id.to_string());
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100_000).unwrap();
    let house = house.restarted().await;
    for refused in [
        house.ingest.status(&house.ann, id).await.map(drop),
        house.ingest.take(&house.ann, id).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Gone);
        assert!(refused.said.contains("lost"), "{}", refused.said);
    }
    house.is_clean();
}

#[tokio::test]
async fn whole_uploads_that_nobody_ended_are_completed_by_the_next_start() {
    let house = House::new().await;
    let bytes = wav(80_000, 1);
    let id = house.create(Some(80_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    drop(receiving);
    let house = house.stopped().await.restarted().await;
    house.settle().await;
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn places_and_promises_are_rebuilt_by_a_start() {
    let limits = Limits { uploads_per_user: 1, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let id = house.create(Some(1_000_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(400_000, 1)), None).await.unwrap();
    drop(receiving);
    let house = house.stopped().await.restarted().await;
    let second = house.ingest.create(&house.ann, super::house::ask(Some(10), "y.wav")).await;
    assert_eq!(second.unwrap_err().kind, ErrorKind::TooManyUploads);
    let entry = house.ingest.0.table.get(id).unwrap();
    assert_eq!(entry.desk().reserved.as_ref().unwrap().bytes(), 600_000);
    drop(entry);
    house.ingest.cancel(&house.ann, id).await.unwrap();
    house.is_clean();
}

/// After a failed sync nobody knows what the disk keeps: nothing more is taken, and what is there is still told.
#[tokio::test]
async fn p01_a_disk_that_fails_to_sync_ends_uploads_until_the_next_start() {
    let house = House::new().await;
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let error = store::Error {
        kind: store::ErrorKind::Broken,
        context: "the disk says no".to_owned(),
        source: None,
        unseen: None,
    };
    house.ingest.0.switch_off(&error);
    assert!(!house.ingest.is_on());
    assert_eq!(receiving.append(whole(&wav(44, 0)), None).await.unwrap_err().kind, ErrorKind::Store);
    drop(receiving);
    assert_eq!(house.ingest.take(&house.ann, id).await.unwrap_err().kind, ErrorKind::Store);
    let second = house.ingest.create(&house.ann, super::house::ask(Some(10), "y.wav")).await;
    assert_eq!(second.unwrap_err().kind, ErrorKind::Store);
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 0);
    let house = house.stopped().await.restarted().await;
    house.take(id).await;
}

/// It is one rule, whoever opens an upload again and finds that what is known of it cannot be synced.
#[tokio::test]
async fn p01_a_checkpoint_that_cannot_be_synced_ends_uploads_whoever_meets_it() {
    type Meet = fn(House, UploadId) -> BoxFuture<'static, House>;
    let meetings: [(&str, u64, Meet); 3] = [
        ("a request", 200_000, |house, id| {
            Box::pin(async move {
                house.ingest.take(&house.ann, id).await.unwrap_err();
                house
            })
        }),
        ("a completion", 500_000, |house, _| {
            Box::pin(async move {
                house.ingest.tend_once().await;
                house
            })
        }),
        ("a start", 200_000, |house, _| Box::pin(house.restarted())),
    ];
    for (who, sent, meet) in meetings {
        let house = House::new().await;
        let id = house.create(Some(500_000), "x.wav").await;
        let mut receiving = house.take(id).await;
        receiving.append(whole(&wav(500_000, 1)[..sent as usize]), None).await.unwrap();
        drop(receiving);
        let house = house.stopped().await;
        let _sealed = house.seal_checkpoint(id);
        assert!(house.ingest.is_on());
        let house = meet(house, id).await;
        assert!(!house.ingest.is_on(), "{who} found it, and uploads go on");
    }
}

impl House {
    /// Puts the checkpoint of an upload where it can be read and not be written.
    fn seal_checkpoint(&self, id: UploadId) -> std::fs::File {
        let path = self.spool.folder().join(format!("{id}.state"));
        let memory = rustix::fs::memfd_create("state", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
        let mut memory = std::fs::File::from(memory);
        std::io::copy(&mut std::fs::File::open(&path).unwrap(), &mut memory).unwrap();
        rustix::fs::fcntl_add_seals(&memory, rustix::fs::SealFlags::WRITE).unwrap();
        std::fs::remove_file(&path).unwrap();
        symlink(format!("/proc/self/fd/{}", memory.as_raw_fd()), &path).unwrap();
        memory
    }

    /// As a process that is gone: nothing of it is open any more.
    async fn stopped(self) -> House {
        for entry in self.ingest.0.table.all() {
            if let Some(mut held) = entry.free_baton() {
                held.spooled = None;
            }
        }
        self
    }

    async fn begin_blob(&self, id: UploadId, bytes: &[u8]) {
        let row = BlobRow {
            id: digest(bytes),
            key: None,
            length: bytes.len() as u64,
            suffix: Suffix::parse("wav").unwrap(),
            content_type: "audio/wav",
            kind: MediaKind::Audio,
            created: 1,
            bad: false,
        };
        self.catalog.begin_blob(id, &row).await.unwrap();
    }

    async fn publish(&self, id: UploadId, bytes: &[u8]) {
        let row = self.catalog.upload(None, id).await.unwrap();
        assert_eq!(row.phase, Phase::Publishing);
        let whole = store::Whole { id: id.0, digest: digest(bytes), length: bytes.len() as u64 };
        let key = self.blobs.publish(&publication(&row, Some(Format::Wav)), &whole).await.unwrap();
        assert_eq!(key, BlobKey::of_digest(&digest(bytes)));
    }
}
