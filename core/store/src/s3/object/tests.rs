use std::time::Duration;

use budget::limits::{MIB, S3_READERS_MAX};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::blob::BlobId;
use crate::remote::blocks::{BlockFigures, OpenObject, Reading};
use crate::remote::cache::{Blocks, ObjectId};
use crate::s3::{CROWD, S3Settings};
use crate::source::{Source, Validator};
use crate::sums::BlockSums;

/// An object of so many blocks in a bucket behind this address.
fn object(folder: &std::path::Path, address: &str, blocks: usize) -> OpenObject<Stored> {
    let settings = S3Settings {
        bucket: "media".to_owned(),
        prefix: String::new(),
        endpoint: Some(address.to_owned()),
        region: "anywhere".to_owned(),
        access_key_id: "who".to_owned(),
        secret_access_key: "hush".to_owned(),
        session_token: None,
        cache_bytes: 64 * MIB,
        verified: Duration::ZERO,
    };
    let bucket = Arc::new(Bucket::new(&settings).unwrap());
    let cache = Blocks::within(folder, settings.cache_bytes);
    let reading = Reading::new(cache, BlockFigures::default(), settings.verified, CROWD).unwrap();
    let known = Known {
        id: BlobId::from_bytes([7; 32]),
        created: std::time::SystemTime::UNIX_EPOCH,
        sums: BlockSums::new(blocks as u64 * MIB, vec![0; blocks]).unwrap(),
    };
    let key = BlobKey::parse("audio/1.wav").unwrap();
    let stored = Stored { bucket, bad: Arc::default(), key, known };
    OpenObject::new(Arc::new(reading), ObjectId::of(b"1"), stored)
}

#[test]
fn readers_of_a_bucket_that_hangs_take_no_thread_from_others_and_its_name_is_still_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // One thread for everything that blocks, which a single reader could take.
    let runtime = builder.worker_threads(2).max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let blocks = S3_READERS_MAX + 4;
        let object = object(folder.path(), &address, blocks);
        let length = blocks as u64 * MIB;
        let source = Source::remote(
            object,
            "audio/1.wav",
            length,
            std::time::SystemTime::UNIX_EPOCH,
            Validator::fixed("7"),
        );
        let reads: Vec<_> = (0..blocks as u64)
            .map(|block| {
                let reader = source.clone();
                source.run(block * MIB, 1, move || reader.read_at(&mut [0], block * MIB))
            })
            .collect();
        let asked = timeout(Duration::from_secs(4), listener.accept()).await;
        let silent = asked.expect("the bucket is found by its name").unwrap();
        let other = tokio::task::spawn_blocking(|| 7);
        let done = timeout(Duration::from_secs(4), other).await.expect("the thread is free");
        assert_eq!(done.unwrap(), 7);
        assert!(reads.iter().all(|read| !read.is_finished()), "all of them wait");
        drop((silent, listener));
        for read in reads {
            read.await.unwrap().unwrap_err();
        }
    });
}
