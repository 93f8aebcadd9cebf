//! Children and the law: admitted by memory, kept warm, and ended.

use std::time::Instant;

use tests::{eventually, wait_until};

use crate::house::{DONE_WITHIN, House, RESERVE_BYTES};

/// As much as [`RESERVE_BYTES`] fits into what stems may have of 512 MiB.
const AT_ONCE_MAX: usize = 3;

#[test]
fn p04_ten_songs_at_once_are_admitted_one_after_the_other_by_memory() {
    let names: Vec<String> = (0..10).map(|number| format!("song {number}")).collect();
    let songs: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 20)).collect();
    // As many children as there are songs may run, as far as the operator is concerned.
    let house = House::new(&songs, &["--memory-limit", "512MiB", "--stems-workers", "10"]);
    let jobs: Vec<String> = names.iter().map(|name| house.split(name)).collect();
    let (mut at_once, mut reserved, mut waited) = (0, 0.0_f64, 0.0_f64);
    let all_done = wait_until(Instant::now() + 2 * DONE_WITHIN, || {
        at_once = at_once.max(house.workers().len());
        reserved = reserved.max(house.reserved());
        waited = waited.max(jobs.iter().filter(|job| house.state(job) == "pending").count() as f64);
        jobs.iter().all(|job| house.state(job) == "completed")
    });
    let states: Vec<_> = jobs.iter().map(|job| house.job(job)).collect();
    assert!(all_done, "{states:#?}\n{}", house.server.output());
    println!("{at_once} at once, {reserved} bytes reserved at most, {waited} waited");
    assert!((1..=AT_ONCE_MAX).contains(&at_once), "{at_once} at once");
    assert!((RESERVE_BYTES..=AT_ONCE_MAX as f64 * RESERVE_BYTES).contains(&reserved), "{reserved} bytes");
    assert!(waited >= 5.0, "only {waited} waited: memory was not what they waited for");
    assert_eq!(house.server.metric_of("stems_jobs_retried_total", &[]), 0.0, "none was killed");
    assert_eq!(house.server.metric_of("stems_jobs_ended_total", &["state=\"done\""]), 10.0);
    let peak = house.server.metric_of("stems_worker_peak_bytes", &[]);
    assert!(
        peak > 0.0 && peak <= RESERVE_BYTES,
        "a child had {peak} bytes, and {RESERVE_BYTES} were reserved"
    );
}

#[test]
fn a_child_is_kept_for_the_next_song_and_ended_when_there_is_none() {
    let house = House::new(&[("one", 3), ("two", 3)], &["--stems-idle-ms", "1500"]);
    for name in ["one", "two"] {
        house.await_state(&house.split(name), "completed");
    }
    eventually("the child ends and its memory comes back", DONE_WITHIN, || {
        house.workers().is_empty() && house.reserved() == 0.0
    });
}

#[test]
fn clearing_the_models_ends_the_child_and_gives_its_memory_back() {
    let house = House::new(&[("one", 3)], &["--stems-idle-ms", "3600000"]);
    house.await_state(&house.split("one"), "completed");
    eventually("the child is kept", DONE_WITHIN, || house.workers().len() == 1);
    assert!(house.reserved() >= RESERVE_BYTES);
    let mira = house.ask("DELETE", "/models/cache");
    assert_eq!(mira.status, 403, "it is not everybody's to do: {}", mira.text());
    let bearer = house.server.admin.bearer();
    let cleared = house.server.send("DELETE", "/models/cache", &[("Authorization", &bearer)], b"");
    assert_eq!(cleared.status, 200, "{}", cleared.text());
    // No waiting: the answer comes when it is so.
    assert_eq!((house.workers().len(), house.reserved()), (0, 0.0), "{}", cleared.text());
}

#[test]
fn p04_a_song_that_can_never_fit_is_refused_by_name() {
    let house = House::new(&[("one", 2)], &["--memory-limit", "128MiB"]);
    let refused = house.wish("one", "stems=2");
    assert_eq!(refused.status, 507, "{}", refused.text());
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("spectral") && detail.contains("memory.limit"), "{detail}");
    assert_eq!(house.workers(), Vec::<u32>::new());
}

#[test]
fn a_song_waits_for_room_of_the_cache_that_another_has_and_no_try_is_lost() {
    let songs = [("long", 600), ("short", 180)];
    let house = House::new(&songs, &["--cache-bytes", "256MiB", "--stems-workers", "2"]);
    let long = house.split("long");
    house.await_progress(&long);
    // Both begin; but when it is known how long the other one is, there is no room for all of it.
    let short = house.split("short");
    eventually("it is refused room", DONE_WITHIN, || {
        house.server.metric_of("rendition_room_refused_total", &[]) >= 2.0
    });
    assert_eq!((house.state(&long), house.state(&short)), ("processing".to_owned(), "processing".to_owned()));
    assert_eq!(house.ask("DELETE", &format!("/jobs/{long}")).status, 200);
    house.await_state(&short, "completed");
    assert_eq!(house.server.metric_of("stems_jobs_retried_total", &[]), 0.0, "{}", house.server.output());
    house.check_stems("short");
}
