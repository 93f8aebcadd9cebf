use budget::limits::MIB;
use futures_util::FutureExt;

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
    let crowd = Crowd { threads_name: "readers", readers_max: 2, fetches_max: 2, ahead_max: 1 };
    let blocks = Blocks::within(folder, 64 * MIB);
    let reading = Reading::new(blocks, BlockFigures::default(), verified, crowd).unwrap();
    OpenObject::new(Arc::new(reading), ObjectId::of(b"nowhere"), Nowhere)
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
