//! What renditions take of memory, time and room, and what becomes of those for whom there is not enough.

#![expect(clippy::expect_used, reason = "a test may fail in this way")]

mod kitchen;

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use budget::limits::{FLIGHTS_PER_ADDRESS_MAX, FLIGHTS_WAITING_MAX, MIB, PROBE_BYTES, PROBE_LONG_BYTES};
use budget::{Permit, Pool, PoolFigures};
use futures_util::future::join_all;
use kitchen::house::{HERE, House, LONG, narrow};
use rustix::process::{Pid, Signal};
use transform::{Clip, Edge, ErrorKind, Fit, Quality, Recipe, Select, Size, Sprite, Video};

/// What renditions have of memory.
fn pool(house: &House) -> PoolFigures {
    house.budget.figures()[Pool::Transforms as usize]
}

/// Takes all that they may have but so much. What other pools have of the middle is not there for them.
fn take_all_but(house: &House, left_bytes: u64) -> Permit {
    let ceiling_bytes = pool(house).ceiling_bytes;
    let all = (0..).find_map(|step| house.budget.take(Pool::Transforms, ceiling_bytes - step * 4_096).ok());
    let mut permit = all.expect("there is some");
    permit.shrink(permit.bytes() - left_bytes);
    permit
}

async fn until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LONG, "it never is so");
        // sleep: it is nobody's to await here.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_the_kernel_kills_is_tried_again_by_the_next_who_asks() {
    let house = House::new(512, 256).await;
    house.media.video("a.mp4", 20, 2_000);
    // A file that was just written has another key a moment later.
    until(|| house.material("a.mp4").source.validator().is_strong()).await;
    let find = async || house.transforms.find(&house.material("a.mp4"), &narrow(300)).await;
    // A kill may hit anybody; one that is killed whenever it is tried is too large.
    for expected in [ErrorKind::Killed, ErrorKind::TooLarge] {
        assert!(find().await.expect("nothing is remembered").is_none());
        let flight = house.ask("a.mp4", &narrow(300)).unwrap();
        let child = house.child_of(&flight).await;
        rustix::process::kill_process(Pid::from_raw(child.cast_signed()).unwrap(), Signal::KILL).unwrap();
        assert_eq!(flight.made(LONG).await.expect_err("it was killed").kind, expected);
    }
    assert_eq!(find().await.expect_err("it is remembered").kind, ErrorKind::TooLarge);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_that_is_too_long_refuses_nothing_that_fits() {
    let house = House::new(512, 8).await;
    // Ten minutes in which nothing moves are a few hundred kilobytes, and no plan can know it.
    let still = "color=c=gray:size=320x240:rate=15:duration=600";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i", still, "-c:v", "libx264"]);
    ffmpeg.args(["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1"]);
    assert!(ffmpeg.arg(house.media.path("a.mp4")).status().unwrap().success());
    let fine = Recipe::Video(Video { quality: Quality::High, ..Video::default() });
    let made = house.made("a.mp4", &fine).await.expect("it fits");
    assert!(made.source.len() < 4 * MIB);
    drop(made);
    // What is really too long is found out when it is, and remembered.
    house.media.video("b.mp4", 60, 4_000);
    let long = Recipe::Video(Video { quality: Quality::High, ..Video::default() });
    let error = house.made("b.mp4", &long).await.expect_err("it does not fit");
    assert!(error.kind == ErrorKind::TooLarge && error.context.contains("the cache may take"), "{error:?}");
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_its_share_of_looks_and_all_together_have_a_line() {
    let house = House::new(512, 64).await;
    for number in 0..150 {
        house.write(
            &format!("{number}.mp4"),
            format!("    ftypisom is all that is right in {number}").as_bytes(),
        );
    }
    // Nobody gets memory to look.
    let permit = take_all_but(&house, 0);
    let look = |number: usize, address: Option<IpAddr>| {
        let (transforms, material) = (house.transforms.clone(), house.material(&format!("{number}.mp4")));
        tokio::spawn(async move { transforms.probe(&material, address).await.expect_err("it is broken") })
    };
    let mut looks: Vec<_> = (0..=FLIGHTS_PER_ADDRESS_MAX).map(|number| look(number, Some(HERE))).collect();
    until(|| looks.iter().any(|look| look.is_finished())).await;
    let refused = looks.iter().position(|look| look.is_finished()).expect("one of them");
    let more = looks.swap_remove(refused).await.unwrap();
    assert!(matches!(more.kind, ErrorKind::Busy { is_callers: true, .. }), "{more:?}");
    let strangers = 30..30 + FLIGHTS_WAITING_MAX;
    let from = |number: usize| Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + 0x100 * number as u32)));
    looks.extend(strangers.map(|number| look(number, from(number))));
    until(|| looks.iter().any(|look| look.is_finished())).await;
    drop(permit);
    let kinds: Vec<ErrorKind> = join_all(looks).await.into_iter().map(|error| error.unwrap().kind).collect();
    let is_full = |kind: &&ErrorKind| matches!(kind, ErrorKind::Busy { is_callers: false, .. });
    let full = kinds.iter().filter(is_full).count();
    assert!((1..10).contains(&full), "the line has an end: {full} did not get into it");
    let looked = kinds.iter().filter(|kind| **kind == ErrorKind::Unsupported).count();
    assert_eq!(looked + full, kinds.len(), "{kinds:?}");
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_to_know_the_same_source_look_once_and_what_is_broken_stays_so() {
    for name in ["a.mp4", "b.mp4"] {
        let house = House::new(512, 64).await;
        house.media.video("a.mp4", 2, 300);
        house.write("b.mp4", b"    ftypisom is all that is right here");
        // A file that was written a moment ago is looked at anew each time.
        until(|| house.material(name).source.validator().is_strong()).await;
        let material = house.material(name);
        let looks = join_all((0..4).map(|_| house.transforms.probe(&material, Some(HERE)))).await;
        let first = looks[0].as_ref().map(std::sync::Arc::clone).map_err(|e| e.kind.clone());
        for look in &looks {
            assert_eq!(look.as_ref().map(std::sync::Arc::clone).map_err(|e| e.kind.clone()), first);
        }
        assert_eq!(first.is_ok(), name == "a.mp4");
        assert_eq!(pool(&house).peak_bytes, PROBE_BYTES, "one look at a time");
        let begun = Instant::now();
        let permit = take_all_but(&house, 0);
        assert_eq!(house.transforms.probe(&material, Some(HERE)).await.is_ok(), first.is_ok());
        drop(permit);
        assert!(begun.elapsed() < Duration::from_secs(1), "it is known");
        house.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_a_long_index_is_looked_at_with_the_memory_that_it_takes() {
    let house = House::new(512, 64).await;
    let run = |args: &[&str], name: &str| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-y", "-loglevel", "error"]).args(args);
        assert!(ffmpeg.arg(house.media.path(name)).status().unwrap().success());
    };
    run(&["-f", "lavfi", "-i", "color=size=16x16:rate=60:duration=100", "-c:v", "mpeg4"], "short.mp4");
    let short = house.media.path("short.mp4");
    run(&["-stream_loop", "299", "-i", short.to_str().unwrap(), "-c", "copy"], "long.mp4");
    for (name, needed_bytes) in [("short.mp4", PROBE_BYTES), ("long.mp4", PROBE_LONG_BYTES)] {
        let probe = house.transforms.probe(&house.material(name), None::<transform::Asker>).await.unwrap();
        assert!(probe.video.is_some(), "{name}");
        assert_eq!(pool(&house).peak_bytes, needed_bytes, "{name}");
    }
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_nearly_all_memory_gets_it_though_small_work_never_ends() {
    let house = House::new(512, 64).await;
    house.media.video("a.mp4", 2, 300);
    let share_bytes = 16 * MIB;
    let rest = take_all_but(&house, 3 * share_bytes);
    let workers: Vec<_> = (0..3)
        .map(|number| {
            let budget = house.budget.clone();
            tokio::spawn(async move {
                // sleep: they hold their shares one after the other, and ask again at once.
                tokio::time::sleep(Duration::from_secs(number)).await;
                loop {
                    let permit = budget.wait(Pool::Transforms, share_bytes).await;
                    // sleep: as above.
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    drop(permit);
                }
            })
        })
        .collect();
    until(|| pool(&house).used_bytes == rest.bytes() + 3 * share_bytes).await;
    let begun = Instant::now();
    house.made("a.mp4", &narrow(160)).await.expect("its turn comes");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for worker in workers {
        worker.abort();
        drop(worker.await);
    }
    drop(rest);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sheet_of_a_long_part_is_at_work_though_it_says_nothing() {
    let stall = Duration::from_millis(600);
    let house = House::with(512, 64, |parts| parts.stall = stall).await;
    house.media.video("a.mp4", 390, 3_000);
    let size = Size { width: Some(Edge::new(64).unwrap()), height: None, fit: Fit::Contain };
    let sheet = Recipe::Sprite(Sprite::new(Clip::default(), size, 100, 10).unwrap());
    let begun = Instant::now();
    house.made("a.mp4", &sheet).await.expect("it is made");
    assert!(begun.elapsed() > 2 * stall, "that was too quick to show anything: {:?}", begun.elapsed());
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_pass_gives_back_what_the_encoder_had() {
    let house = House::new(512, 64).await;
    house.media.video("a.mp4", 4, 1_000);
    let flight = house.ask("a.mp4", &narrow(160)).unwrap();
    let mut seen = Vec::new();
    while flight.made(Duration::from_millis(1)).await.unwrap().is_none() {
        let used_bytes = pool(&house).used_bytes;
        if used_bytes > 0 && seen.last() != Some(&used_bytes) {
            seen.push(used_bytes);
        }
    }
    // The look, the encoder, and what copies packets.
    assert_eq!(seen, [PROBE_BYTES, 36 * MIB, 20 * MIB]);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_means_what_waits_to_be_made_too() {
    let house = House::new(512, 64).await;
    house.media.video("a.mp4", 2, 300);
    let permit = take_all_but(&house, 0);
    let flight = house.ask("a.mp4", &narrow(160)).unwrap();
    until(|| pool(&house).waiting > 0).await;
    let what = Select::Path { origin: "clips".to_owned(), path: "a.mp4".to_owned() };
    house.transforms.cache().purge(&what).await.unwrap();
    drop(permit);
    assert!(flight.made(LONG).await.unwrap().is_some(), "who waited gets it");
    let found = house.transforms.find(&house.material("a.mp4"), &narrow(160)).await.unwrap();
    assert!(found.is_none(), "and it is not kept");
    drop(flight);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_search_that_broke_off_is_told() {
    let broken = async { panic!("the search for ffmpeg breaks off") };
    let house = House::with(512, 64, |parts| parts.ffmpeg = Box::pin(broken)).await;
    house.media.video("a.mp4", 1, 300);
    let flight = house.ask("a.mp4", &narrow(160)).unwrap();
    let told = tokio::time::timeout(Duration::from_secs(20), flight.made(LONG)).await;
    assert_eq!(told.expect("an answer").expect_err("no rendition").kind, ErrorKind::NoFfmpeg);
    assert_eq!(house.transforms.flights(), 0);
}
