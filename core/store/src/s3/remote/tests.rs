use budget::limits::{MIB, S3_READERS_MAX};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::blob::BlobId;
use crate::s3::S3Settings;
use crate::source::{Source, Validator};
use crate::sums::BlockSums;

/// An object of so many blocks in a bucket behind this address.
fn object(folder: &std::path::Path, address: &str, blocks: usize, verified: Duration) -> OpenObject {
    let settings = S3Settings {
        bucket: "media".to_owned(),
        prefix: String::new(),
        endpoint: Some(address.to_owned()),
        region: "anywhere".to_owned(),
        access_key_id: "who".to_owned(),
        secret_access_key: "hush".to_owned(),
        session_token: None,
        cache_bytes: 64 * MIB,
        verified,
    };
    let bucket = Arc::new(Bucket::new(&settings).unwrap());
    let cache = BlockCache::open(folder, settings.cache_bytes).unwrap();
    let reading = Reading::new(bucket, cache, Figures::new(), settings.verified).unwrap();
    let known = Known {
        id: BlobId::from_bytes([7; 32]),
        created: std::time::SystemTime::UNIX_EPOCH,
        sums: BlockSums::new(blocks as u64 * MIB, vec![0; blocks]).unwrap(),
    };
    OpenObject::new(Arc::new(reading), BlobKey::parse("audio/1.wav").unwrap(), known)
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
        let object = object(folder.path(), &address, blocks, Duration::ZERO);
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

#[tokio::test]
async fn what_is_in_the_cache_is_read_on_the_threads_for_disks() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), "http://127.0.0.1:1", 4, Duration::ZERO);
    let (cache, id) = (&object.0.reading.cache, object.0.id);
    for block in [1, 2] {
        let fresh = cache.begin().unwrap();
        fresh.file.set_len(MIB).unwrap();
        cache.keep(fresh, id, block).unwrap();
    }
    let cases =
        [(0, 1, true), (MIB, 1, false), (MIB, 2 * MIB, false), (MIB, 2 * MIB + 1, true), (MIB - 1, 2, true)];
    for (offset, count, is_far) in cases {
        assert_eq!(object.threads(offset, count).is_some(), is_far, "{count} bytes at {offset}");
    }
}

#[tokio::test]
async fn a_block_is_trusted_for_as_long_as_is_configured() {
    let cases = [(0, 500, true), (0, 1_500, false), (60_000, 59_000, true), (60_000, 61_000, false)];
    for (verified_ms, age_ms, is_trusted) in cases {
        let folder = tempfile::tempdir().unwrap();
        let object = object(folder.path(), "http://127.0.0.1:1", 4, Duration::from_millis(verified_ms));
        let mut trusted = object.0.trusted();
        trusted.trust(3);
        trusted.since -= Duration::from_millis(age_ms);
        assert_eq!(trusted.is_trusted(3), is_trusted, "{verified_ms} ms, and it is {age_ms} ms old");
    }
}
