//! What an upload into a bucket, and a read out of it, hold in memory. It stands alone, so that nothing else runs in the
//! process that is measured.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "the test reads small files of its own whole")]
#![allow(dead_code, reason = "the house has more than this test needs")]

#[path = "s3/house.rs"]
mod house;

use house::{House, MIB};
use store::Blobs;
use tests::Seaweed;

/// Three parts are on their way at a time, each through a buffer of 64 KiB here and one in the connection. The rest is
/// what a build for tests needs for stacks and the first use of everything.
const MORE_MAX: u64 = 6 * MIB;

fn peak_since(work: impl FnOnce()) -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak is forgotten");
    let before = budget::memory::process().resident_bytes;
    work();
    budget::memory::process().peak_bytes.saturating_sub(before)
}

#[test]
fn neither_a_part_nor_a_block_is_ever_in_memory() {
    let seaweed = Seaweed::start();
    let house = House::with_cache(&seaweed, "", 200 * MIB);
    let runtime = house::runtime();
    let small = vec![7; 100_000];
    let key = runtime.block_on(house.published(&small));
    runtime.block_on(async {
        let source = house.blobs.open(&key).await.expect("a blob");
        house::read(&source, 0, 100).await.expect("warm");
    });
    let mut upload = house.begin("wav", Some(100 * MIB));
    runtime.block_on(async {
        for piece in 0..1_600_u32 {
            upload.receive_quietly((0..65_536_u32).map(|at| (at ^ piece) as u8).collect()).await;
        }
    });
    let mut key = None;
    let sending = peak_since(|| {
        runtime.block_on(async {
            let whole = upload.finish().await;
            key = Some(house.blobs.publish(&upload.job, &whole).await.expect("published"));
        });
    });
    assert!(sending < MORE_MAX, "{sending} bytes more while 100 MiB were sent");
    let key = key.expect("a key");
    let reading = peak_since(|| {
        runtime.block_on(async {
            let source = house.blobs.open(&key).await.expect("a blob");
            let reads = [0, 33 * MIB, 66 * MIB].map(|from| {
                let source = source.clone();
                tokio::task::spawn_blocking(move || {
                    let mut buffer = vec![0; 65_536];
                    let (mut at, end) = (from, from + 33 * MIB);
                    while at < end {
                        at += source.read_at(&mut buffer, at).expect("read") as u64;
                    }
                })
            });
            for read in reads {
                read.await.expect("a reader");
            }
        });
    });
    assert!(reading < MORE_MAX, "{reading} bytes more while three read 99 MiB");
}
