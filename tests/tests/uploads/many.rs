//! Many uploads at once, and one that is larger than all memory: one small buffer each, and every hash right.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tests::sound::Noise;
use tests::tus::metadata;
use tests::{Options, Server, Tus, wait_until, wall};

use crate::asked;
use crate::ground::{blobs, spool, wrong_blobs};

/// What the resident memory of the process may grow by for each upload.
const GROWTH_KIB: u64 = 256;
/// The memory that a server has for one upload of any size, in MiB.
const MEMORY_MIB: u64 = 256;
/// Sampling in between would miss what the kernel's own peak does not.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

fn config(memory: &str) -> String {
    format!(
        "{memory}[limits]\nupload_bytes_max = \"8GiB\"\nuploads_per_user = 1000\n[store]\nfree_bytes_min = \"64MiB\"\n"
    )
}

/// Uploads so much noise and expects it to be taken; the SHA-256 of what was sent.
fn uploaded(tus: &Tus, noise: &Noise) -> String {
    let names = metadata(&[("filename", "noise.wav"), ("title", &format!("Noise {}", noise.seed))]);
    let (answer, digest) = tus.stream(noise, &names, None).expect("an answer");
    assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    digest
}

#[test]
fn p04_many_uploads_at_once_need_one_small_buffer_each() {
    let count = asked("MILLPOND_UPLOADS", 12);
    let length = asked("MILLPOND_UPLOAD_MB", 20) * 1_000_000;
    let server = Server::start(&Options::default().config(&config("")));
    let tus = Tus::of(&server, &server.mira);
    // What the first ones make, threads with their stacks and connections of the database, stays. They are large enough
    // to be taken in on disk threads.
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let tus = &tus;
            scope.spawn(move || uploaded(tus, &Noise::new(1_000 + seed, 20_000_000)));
        }
    });
    let before = server.figures().resident_kib;
    let (over, highest) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let digests: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                highest.fetch_max(server.figures().resident_kib, Ordering::Relaxed);
                wait_until(Instant::now() + SAMPLE_EVERY, || false);
            }
        });
        let uploads: Vec<_> = (0..count)
            .map(|seed| {
                scope.spawn({
                    let tus = &tus;
                    move || uploaded(tus, &Noise::new(seed, length))
                })
            })
            .collect();
        let digests = uploads.into_iter().map(|upload| upload.join());
        let digests: Vec<_> = digests.collect();
        over.store(true, Ordering::Release);
        digests.into_iter().map(|digest| digest.expect("an upload to its end")).collect()
    });
    let grew = highest.load(Ordering::Relaxed).saturating_sub(before);
    println!(
        "{count} uploads of {} MB at once in {:.1} s: resident {:.1} MiB before, {:.1} KiB more for each",
        length / 1_000_000,
        began.elapsed().as_secs_f64(),
        before as f64 / 1024.0,
        grew as f64 / count as f64
    );
    let stored = blobs(&server.data);
    assert!(digests.iter().all(|digest| stored.contains(digest)), "every file is stored under its hash");
    let wrong = wrong_blobs(&server.data);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(spool(&server.data), Vec::<String>::new());
    assert!(grew <= count * GROWTH_KIB, "the process grew by {grew} KiB for {count} uploads");
}

#[test]
fn p04_one_upload_may_be_larger_than_all_memory() {
    let length = asked("MILLPOND_BIG_MB", 400) * 1_000_000;
    let group = wall(MEMORY_MIB, None);
    let memory = format!("[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n");
    let server = Server::start(&Options::default().config(&config(&memory)).within(&group));
    let began = Instant::now();
    let digest = uploaded(&Tus::of(&server, &server.mira), &Noise::new(77, length));
    let took = began.elapsed();
    let peaks = group.peaks();
    println!(
        "{} MB in {:.1} s, peak of the process {:.1} MiB, {peaks:?}",
        length / 1_000_000,
        took.as_secs_f64(),
        server.figures().peak_kib as f64 / 1024.0
    );
    assert_eq!(peaks.killed, 0);
    assert_eq!((blobs(&server.data), wrong_blobs(&server.data)), (vec![digest], Vec::new()));
}
