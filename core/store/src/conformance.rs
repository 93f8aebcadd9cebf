//! What every place that keeps blobs must do, as one suite: `all` over a maker of empty stores.

#![expect(clippy::expect_used, reason = "a suite of checks fails by panicking")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use budget::limits::BLOB_BLOCK_BYTES;

use crate::{
    BlobKey, Blobs, Checked, ErrorKind, Publication, Source, Spool, SpoolId, Spooled, Suffix, Whole,
};

/// Flips a bit of a stored blob at an offset, behind the store's back.
pub type Damage = Box<dyn Fn(BlobKey, u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// An empty store, and what the suite does to it.
pub struct Kit {
    /// The spool that uploads come from.
    pub spool: Spool,
    /// The store.
    pub blobs: Arc<dyn Blobs>,
    /// The same store as a new process would open it.
    pub again: Box<dyn Fn() -> Arc<dyn Blobs> + Send + Sync>,
    /// How to damage a blob.
    pub damage: Damage,
    /// What the kit keeps alive: temporary folders, servers.
    pub held: Box<dyn std::any::Any + Send + Sync>,
}

/// Runs every test, each on a store of its own.
pub async fn all<F: Future<Output = Kit>>(make: impl Fn() -> F) {
    a_published_upload_is_read_byte_by_byte_and_outlives_its_spool(make().await).await;
    publishing_twice_and_after_a_restart_gives_the_same_blob(make().await).await;
    an_upload_that_is_not_what_it_was_is_no_blob(make().await).await;
    what_is_removed_is_gone_and_removing_it_again_is_fine(make().await).await;
    lists_are_in_order_and_go_on_behind_any_key(make().await).await;
    a_flipped_bit_is_never_read_is_reported_and_is_found_by_a_check(make().await).await;
    what_is_put_aside_is_no_longer_found(make().await).await;
    an_abandoned_upload_leaves_nothing(make().await).await;
}

fn bytes_of(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Lengths at which something begins: nothing of a block, one block, and more.
fn lengths() -> [usize; 5] {
    let block = BLOB_BLOCK_BYTES as usize;
    [1, 70_001, block, block + 1, 2 * block + 77_777]
}

fn job(spool: SpoolId, length: usize) -> Publication {
    Publication {
        spool,
        suffix: Suffix::ALL[0],
        content_type: "audio/mpeg",
        length: Some(length as u64),
        names: vec![("filename".to_owned(), "a \"b\"\né.mp3".to_owned())],
    }
}

/// Spools bytes as an upload would come, with a few syncs that the store hears of.
async fn spooled(kit: &Kit, bytes: &[u8]) -> (Publication, Whole) {
    let id = SpoolId::random().expect("random bytes");
    let job = job(id, bytes.len());
    let mut upload: Spooled = {
        let spool = kit.spool.clone();
        kit.spool.io().run(move || spool.create(id)).await.expect("a turn").expect("an upload")
    };
    for piece in bytes.chunks(300_000) {
        let piece = piece.to_vec();
        upload = kit
            .spool
            .io()
            .run(move || {
                upload.write(&piece).expect("written");
                upload.sync().expect("synced");
                upload
            })
            .await
            .expect("a turn");
        kit.blobs.advance(&job, upload.acked());
    }
    let whole = kit.spool.io().run(move || upload.finish()).await.expect("a turn").expect("whole");
    (job, whole)
}

async fn published(kit: &Kit, bytes: &[u8]) -> BlobKey {
    let (job, whole) = spooled(kit, bytes).await;
    let key = kit.blobs.publish(&job, &whole).await.expect("published");
    let spool = kit.spool.clone();
    kit.spool.io().run(move || spool.remove(job.spool)).await.expect("a turn").expect("removed");
    key
}

/// Reads as a server does: in pieces, on a thread that may block.
async fn read(source: &Source, from: u64, piece: usize) -> io::Result<Vec<u8>> {
    let source = source.clone();
    let work = move || {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match source.read_at(&mut buffer, from + bytes.len() as u64)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

async fn a_published_upload_is_read_byte_by_byte_and_outlives_its_spool(kit: Kit) {
    for (seed, length) in (1..).zip(lengths()) {
        let bytes = bytes_of(length, seed);
        let key = published(&kit, &bytes).await;
        for blobs in [Arc::clone(&kit.blobs), (kit.again)()] {
            let source = blobs.open(&key).await.expect("a blob");
            assert_eq!(source.len(), length as u64);
            assert!(source.validator().is_strong(), "a blob never changes");
            assert!(read(&source, 0, 65_536).await.expect("read") == bytes, "{length} bytes, from the start");
            let from = length as u64 * 2 / 3;
            let tail = read(&source, from, 4_097).await.expect("read");
            assert!(tail == bytes[from as usize..], "{length} bytes, from {from}");
            assert_eq!(read(&source, length as u64, 10).await.expect("the end"), [0; 0]);
            source.check_unchanged().expect("unchanged");
            assert_eq!(blobs.check(&key).await.expect("checked"), Checked::Sound);
        }
    }
}

async fn publishing_twice_and_after_a_restart_gives_the_same_blob(kit: Kit) {
    let bytes = bytes_of(1_500_000, 7);
    let (job, whole) = spooled(&kit, &bytes).await;
    let key = kit.blobs.publish(&job, &whole).await.expect("published");
    assert_eq!(kit.blobs.publish(&job, &whole).await.expect("published again"), key);
    let again = (kit.again)();
    assert_eq!(again.publish(&job, &whole).await.expect("published by another process"), key);
    // The same bytes, uploaded by somebody else.
    let (other, whole) = spooled(&kit, &bytes).await;
    let second = kit.blobs.publish(&other, &whole).await.expect("published");
    let source = again.open(&second).await.expect("a blob");
    assert!(read(&source, 0, 65_536).await.expect("read") == bytes);
    let listed = again.list(None, 10).await.expect("a list");
    let mut keys = vec![key, second];
    keys.sort();
    keys.dedup();
    assert_eq!(listed.iter().map(|listed| listed.key.clone()).collect::<Vec<_>>(), keys);
}

async fn an_upload_that_is_not_what_it_was_is_no_blob(kit: Kit) {
    let (job, mut whole) = spooled(&kit, &bytes_of(1_000, 1)).await;
    whole.length += 1;
    assert_eq!(kit.blobs.publish(&job, &whole).await.expect_err("too long").kind, ErrorKind::Lost);
    let gone = Publication { spool: SpoolId::random().expect("random bytes"), ..job };
    assert!(kit.blobs.publish(&gone, &whole).await.is_err(), "an upload that is not there");
    assert_eq!(kit.blobs.list(None, 10).await.expect("a list"), []);
}

async fn what_is_removed_is_gone_and_removing_it_again_is_fine(kit: Kit) {
    let bytes = bytes_of(1_200_000, 3);
    let key = published(&kit, &bytes).await;
    let stays = published(&kit, &bytes_of(10, 4)).await;
    let source = kit.blobs.open(&key).await.expect("a blob");
    read(&source, 0, 65_536).await.expect("read");
    for _ in 0..2 {
        kit.blobs.remove(&key).await.expect("removed");
        assert_eq!(kit.blobs.open(&key).await.expect_err("gone").kind, ErrorKind::NotFound);
        assert_eq!(kit.blobs.check(&key).await.expect("looked at"), Checked::Missing);
    }
    assert_eq!((kit.again)().open(&key).await.expect_err("gone").kind, ErrorKind::NotFound);
    let listed = kit.blobs.list(None, 10).await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].key, listed[0].length), (&stays, 10));
    let again = published(&kit, &bytes).await;
    let source = kit.blobs.open(&again).await.expect("back");
    assert!(read(&source, 0, 65_536).await.expect("read") == bytes);
}

async fn lists_are_in_order_and_go_on_behind_any_key(kit: Kit) {
    let mut keys = Vec::new();
    for seed in 1..8 {
        keys.push(published(&kit, &bytes_of(100 + seed as usize, seed)).await);
    }
    keys.sort();
    assert_eq!(kit.blobs.list(None, 0).await.expect("a list"), []);
    for max in [1, 3, 7, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = kit.blobs.list(after.as_ref(), max).await.expect("a list");
            assert!(page.len() <= max);
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            seen.extend(page.into_iter().map(|listed| listed.key));
        }
        assert_eq!(seen, keys, "{max} at a time");
    }
    kit.blobs.remove(&keys[2]).await.expect("removed");
    let behind = kit.blobs.list(Some(&keys[2]), 100).await.expect("a list");
    assert_eq!(behind.into_iter().map(|listed| listed.key).collect::<Vec<_>>(), keys[3..]);
}

async fn a_flipped_bit_is_never_read_is_reported_and_is_found_by_a_check(kit: Kit) {
    let bytes = bytes_of(2 * BLOB_BLOCK_BYTES as usize + 1_000, 11);
    let key = published(&kit, &bytes).await;
    let flipped = BLOB_BLOCK_BYTES + 123_456;
    (kit.damage)(key.clone(), flipped).await;
    let blobs = (kit.again)();
    let source = blobs.open(&key).await.expect("a blob");
    for from in [flipped, BLOB_BLOCK_BYTES, flipped + 1, 2 * BLOB_BLOCK_BYTES - 1] {
        let bad = read(&source, from, 4_096).await.expect_err("bytes of a block that is bad");
        assert_eq!(bad.kind(), io::ErrorKind::InvalidData, "{bad}");
        assert!(source.read_resident(&mut [0; 16], from).is_err(), "what is resident is not checked");
    }
    assert_eq!(blobs.reported(), std::slice::from_ref(&key));
    assert_eq!(blobs.reported(), [], "reported once");
    let tail = read(&source, 2 * BLOB_BLOCK_BYTES, 4_096).await.expect("a block that is sound");
    assert!(tail == bytes[2 * BLOB_BLOCK_BYTES as usize..]);
    assert_eq!(blobs.check(&key).await.expect("checked"), Checked::Bad { block: 1 });
}

async fn what_is_put_aside_is_no_longer_found(kit: Kit) {
    let bytes = bytes_of(1_100_000, 5);
    let key = published(&kit, &bytes).await;
    let source = kit.blobs.open(&key).await.expect("a blob");
    drop(source);
    for _ in 0..2 {
        kit.blobs.quarantine(&key).await.expect("put aside");
        assert_eq!(kit.blobs.open(&key).await.expect_err("aside").kind, ErrorKind::NotFound);
        assert_eq!(kit.blobs.list(None, 10).await.expect("a list"), []);
    }
    let again = published(&kit, &bytes).await;
    let source = kit.blobs.open(&again).await.expect("uploaded again");
    assert!(read(&source, 0, 65_536).await.expect("read") == bytes);
}

async fn an_abandoned_upload_leaves_nothing(kit: Kit) {
    let (job, _) = spooled(&kit, &bytes_of(2_000_000, 6)).await;
    for _ in 0..2 {
        kit.blobs.abandon(&job).await.expect("abandoned");
    }
    (kit.again)().abandon(&job).await.expect("abandoned after a restart");
    assert_eq!(kit.blobs.list(None, 10).await.expect("a list"), []);
}
