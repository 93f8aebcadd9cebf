//! The bound on the disk: however much is asked for, the cache never takes more than `cache.bytes`, what is being written
//! and what was removed but is still open included.
//!
//! It is looked at from outside, every few milliseconds, while the server works. A sample is what two looks agree on: files
//! that both see, each with the lesser of its two sizes. They were all there at the moment between the looks, so a sample
//! is never more than what there really was at one moment.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use tests::wait_until;

use crate::ground::{House, noise, walk};

/// Who ask at the same time. Each reserves more than he needs in the end, so that many would leave little to see.
const CLIENTS: usize = 2;

/// What was seen while a cache was asked for more than it may keep.
struct Seen {
    peak_bytes: u64,
    samples: u64,
    whole: u64,
    given_bytes: u64,
    refused: u64,
}

/// What files take of the disk, by inode: all of the folder, and those without a name that the server still has open.
fn taken(folder: &Path, process: u32) -> HashMap<u64, u64> {
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let within = folder.display().to_string();
    let nameless = open.map(|entry| entry.path()).filter(|path| {
        let target = std::fs::read_link(path).unwrap_or_default();
        let target = target.display().to_string();
        target.starts_with(&within) && target.ends_with(" (deleted)")
    });
    let files = walk(folder).into_iter().chain(nameless);
    let sizes = files.filter_map(|file| std::fs::metadata(file).ok());
    sizes.filter(std::fs::Metadata::is_file).map(|found| (found.ino(), found.blocks() * 512)).collect()
}

fn asked(cache_bytes: u64, asked_bytes: u64, each_seconds: u64) -> (House, Seen) {
    let house = House::new(&format!("[cache]\nbytes = {cache_bytes}\n"), "");
    let each_bytes = each_seconds * 192_000;
    let count = asked_bytes.div_ceil(each_bytes);
    noise(&house.public("noise.wav"), u32::try_from(each_seconds + count).expect("a short one"));
    let (folder, process) = (house.server.data.join("cache"), house.server.id());
    let next = AtomicU64::new(0);
    let (whole, given, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let mut seen = Seen { peak_bytes: 0, samples: 0, whole: 0, given_bytes: 0, refused: 0 };
    let client = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let target =
                format!("/clips/noise.wav?mode=audio&format=flac&time={number}s&duration={each_seconds}s");
            // Who finds no room is told to come back, and does.
            let got = wait_until(Instant::now() + Duration::from_secs(120), || {
                let answer = house.signed_in(&target);
                let is_whole = answer.status == 200 && answer.whole;
                if is_whole {
                    assert!(answer.body.starts_with(b"fLaC"), "{target}: {}", answer.head());
                    whole.fetch_add(1, Ordering::Relaxed);
                    given.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
                } else {
                    assert_eq!(answer.status, 503, "{target}: {} {}", answer.head(), answer.text());
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                is_whole
            });
            assert!(got, "{target} was never given");
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        // It looks every few milliseconds, also to the end of a client that fails.
        wait_until(Instant::now() + Duration::from_secs(3_600), || {
            let (first, second) = (taken(&folder, process), taken(&folder, process));
            let both = first.iter().filter_map(|(inode, bytes)| Some((*bytes).min(*second.get(inode)?)));
            seen.peak_bytes = seen.peak_bytes.max(both.sum());
            seen.samples += 1;
            clients.iter().all(ScopedJoinHandle::is_finished)
        });
    });
    seen.whole = whole.into_inner();
    seen.given_bytes = given.into_inner();
    seen.refused = refused.into_inner();
    (house, seen)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// `MILLPOND_CACHE_MIB` is the bound; five times as much is asked for, in renditions of a thirtieth of it or less.
#[test]
fn the_disk_never_holds_more_than_the_bound_whatever_is_asked_for() {
    let cache_mib: u64 =
        std::env::var("MILLPOND_CACHE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(32);
    let cache_bytes = cache_mib << 20;
    let each_seconds = (cache_bytes / 10 / 192_000).clamp(1, 300);
    let (house, seen) = asked(cache_bytes, 5 * cache_bytes, each_seconds);
    let ledger = house.server.metric("rendition_cache_peak_bytes") as u64;
    let evicted = house.server.metric("renditions_evicted_total");
    let Seen { peak_bytes, samples, whole, given_bytes, refused } = seen;
    println!(
        "{} allowed, {} given as {whole} renditions, {evicted} evicted, {refused} told to come back: {} at most on the disk in \
         {samples} samples, {} at most booked",
        mib(cache_bytes),
        mib(given_bytes),
        mib(peak_bytes),
        mib(ledger)
    );
    assert!(given_bytes >= 4 * cache_bytes, "so much was really made: {}", mib(given_bytes));
    assert!(samples > 100 && evicted > 0.0, "{samples} samples, {evicted} evicted");
    assert!(peak_bytes > cache_bytes / 3, "the samples see what there is: {}", mib(peak_bytes));
    assert!(ledger > cache_bytes / 10 * 9, "the bound was come near to: {}", mib(ledger));
    assert!(
        peak_bytes <= cache_bytes,
        "{} were on the disk, and {} are allowed",
        mib(peak_bytes),
        mib(cache_bytes)
    );
    assert!(ledger <= cache_bytes, "{} were booked, and {} are allowed", mib(ledger), mib(cache_bytes));
    assert!(ledger >= peak_bytes, "{} were booked, and {} were there", mib(ledger), mib(peak_bytes));
}

/// The same look at a server that may take three times as much must say so: else the proof would prove nothing.
#[test]
fn a_server_that_takes_more_is_seen() {
    let bound = 16_u64 << 20;
    let (_house, seen) = asked(3 * bound, 4 * bound, 8);
    assert!(seen.peak_bytes > bound, "{} at most, of more than {}", mib(seen.peak_bytes), mib(bound));
}
