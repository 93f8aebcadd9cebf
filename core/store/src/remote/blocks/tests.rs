use std::sync::atomic::{AtomicUsize, Ordering};

use budget::limits::MIB;
use bytes::Bytes;
use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

/// Four blocks that nobody can fetch.
struct Nowhere;

impl Upstream for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn length(&self) -> u64 {
        4 * MIB
    }

    fn sum(&self, _block: u32) -> Option<u32> {
        None
    }

    fn fetch(&self, _range: Range<u64>) -> BoxFuture<'_, io::Result<Pieces>> {
        async { Err(io::ErrorKind::ConnectionRefused.into()) }.boxed()
    }
}

fn object(folder: &std::path::Path, verified: Duration) -> OpenObject<Nowhere> {
    opened(folder, verified, Nowhere)
}

fn opened<U: Upstream>(folder: &std::path::Path, verified: Duration, upstream: U) -> OpenObject<U> {
    let crowd = Crowd { threads_name: "readers", readers_max: 2, fetches_max: 2, ahead_max: 1 };
    let blocks = Blocks::within(folder, 64 * MIB);
    let reading = Reading::new(blocks, BlockFigures::default(), verified, crowd).unwrap();
    OpenObject::new(Arc::new(reading), ObjectId::of(b"nowhere"), upstream)
}

/// Two blocks and a bit, whose bytes arrive in pieces of the sizes that a test wants.
struct Arriving {
    sizes: Vec<usize>,
    held: Arc<Held>,
}

const ARRIVING_BYTES: u64 = 2 * MIB + 12_345;

/// Bytes that arrived and that somebody still holds: now, and at most.
#[derive(Default)]
struct Held {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// A piece that says when it goes.
struct Piece {
    bytes: Vec<u8>,
    held: Arc<Held>,
}

impl Piece {
    fn at(offset: u64, length: usize, held: &Arc<Held>) -> Bytes {
        let now = held.now.fetch_add(length, Ordering::SeqCst) + length;
        held.peak.fetch_max(now, Ordering::SeqCst);
        let bytes = (offset..).take(length).map(arriving_byte).collect();
        Bytes::from_owner(Piece { bytes, held: Arc::clone(held) })
    }
}

fn arriving_byte(at: u64) -> u8 {
    (at * 31 / 7 + at / 1_000) as u8
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.now.fetch_sub(self.bytes.len(), Ordering::SeqCst);
    }
}

impl Upstream for Arriving {
    fn name(&self) -> &str {
        "arriving"
    }

    fn length(&self) -> u64 {
        ARRIVING_BYTES
    }

    fn sum(&self, _block: u32) -> Option<u32> {
        None
    }

    fn fetch(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Pieces>> {
        let (mut at, held) = (range.start, Arc::clone(&self.held));
        let sizes = self.sizes.clone().into_iter().cycle();
        let pieces = sizes.map_while(move |size| {
            let left = usize::try_from(range.end - at).unwrap();
            let length = size.min(left);
            let piece = (left > 0).then(|| Piece::at(at, length, &held));
            at += length as u64;
            piece.map(Ok)
        });
        async move { Ok(futures_util::stream::iter(pieces).boxed()) }.boxed()
    }
}

/// The files of all blocks as they are on the disk, and the most that was held of what arrived.
fn blocks_of(sizes: Vec<usize>) -> (Vec<Vec<u8>>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let held = Arc::new(Held::default());
    let object = runtime.block_on(async {
        opened(folder.path(), Duration::from_secs(60), Arriving { sizes, held: Arc::clone(&held) })
    });
    let (reader, all) = (object.clone(), 0..ARRIVING_BYTES.div_ceil(BLOB_BLOCK_BYTES));
    all.clone().for_each(|block| {
        reader.read_at(&mut [0], block * BLOB_BLOCK_BYTES).unwrap();
    });
    let files = all.map(|block| {
        let file = object.0.reading.blocks.get(object.id(), u32::try_from(block).unwrap()).unwrap();
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    });
    (files.collect(), held.peak.load(Ordering::SeqCst))
}

#[test]
fn a_block_in_the_place_of_another_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arriving = || Arriving { sizes: vec![65_536], held: Arc::default() };
    let open = || runtime.block_on(async { opened(folder.path(), Duration::from_secs(60), arriving()) });
    let read = |object: &OpenObject<Arriving>, block: u64| {
        let mut first = [0; 64];
        object.read_at(&mut first, block * BLOB_BLOCK_BYTES).unwrap();
        first
    };
    let object = open();
    let right = [read(&object, 0), read(&object, 1)];
    let cache = &object.0.reading.blocks;
    let names: Vec<_> = [0, 1].map(|block| cache.get(object.id(), block).unwrap()).into();
    // Bytes and checksum of the second block under the name of the first.
    let mut bytes = vec![0; usize::try_from(names[1].metadata().unwrap().len()).unwrap()];
    names[1].read_exact_at(&mut bytes, 0).unwrap();
    let fresh = cache.begin().unwrap();
    fresh.file.write_all_at(&bytes, 0).unwrap();
    cache.keep(fresh, object.id(), 0).unwrap();
    assert_eq!([read(&open(), 0), read(&open(), 1)], right);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the bytes of an origin arrive, the blocks are the same to the byte, and no more than one block of what
    /// arrived is ever held.
    #[test]
    fn any_arrival_gives_identical_blocks_within_one_block_of_memory(
        sizes in prop::collection::vec(prop_oneof![1_usize..5, 1_000_usize..70_000, 900_000_usize..3_000_000], 1..12)
            .prop_filter("not a million of tiny pieces", |sizes| sizes.iter().sum::<usize>() > 400 * sizes.len()),
    ) {
        let (blocks, peak) = blocks_of(sizes);
        let mut at = 0;
        for block in &blocks {
            let (bytes, trailer) = block.split_at(block.len() - TRAILER_BYTES);
            let expected: Vec<u8> = (at..).take(bytes.len()).map(arriving_byte).collect();
            prop_assert!(bytes == expected, "the block at {at}");
            prop_assert_eq!(&trailer[28..], crc32c::crc32c(bytes).to_le_bytes());
            at += bytes.len() as u64;
        }
        prop_assert_eq!(at, ARRIVING_BYTES);
        prop_assert!(peak as u64 <= BLOB_BLOCK_BYTES, "{} bytes were held", peak);
    }
}

#[tokio::test]
async fn what_is_in_the_cache_is_read_on_the_threads_for_disks() {
    let folder = tempfile::tempdir().unwrap();
    let object = object(folder.path(), Duration::ZERO);
    let (cache, id) = (&object.0.reading.blocks, object.0.id);
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
        let object = object(folder.path(), Duration::from_millis(verified_ms));
        let mut trusted = object.0.trusted();
        trusted.trust(3);
        trusted.since -= Duration::from_millis(age_ms);
        assert_eq!(trusted.is_trusted(3), is_trusted, "{verified_ms} ms, and it is {age_ms} ms old");
    }
}
