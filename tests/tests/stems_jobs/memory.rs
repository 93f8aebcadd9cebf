//! Children and the law: admitted by memory, kept warm, and ended.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{eventually, media, wait_until};

use crate::house::{DONE_WITHIN, House, RESERVE_BYTES};

/// As much as [`RESERVE_BYTES`] fits into what stems may have of 512 MiB.
const AT_ONCE_MAX: usize = 4;

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
fn a_child_that_is_killed_when_it_has_nothing_to_do_is_none_and_its_memory_comes_back() {
    let house = House::new(&[("one", 2), ("two", 2)], &["--stems-idle-ms", "3600000"]);
    house.await_state(&house.split("one"), "completed");
    eventually("the child is kept", DONE_WITHIN, || loaded(&house) == ["spectral"]);
    let pid = i32::try_from(house.workers()[0]).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it is there");
    eventually("it is no child any more", DONE_WITHIN, || loaded(&house).is_empty());
    eventually("its memory is back", DONE_WITHIN, || house.reserved() == 0.0);
    house.await_state(&house.split("two"), "completed");
}

/// The models that are in memory, the one that was used the longest ago first.
fn loaded(house: &House) -> Vec<String> {
    let bearer = house.server.admin.bearer();
    let answer = house.server.send("GET", "/models/cache", &[("Authorization", &bearer)], b"");
    let models = answer.json()["models"].as_array().cloned().expect("a list");
    let name =
        |model: &Value| model["model"].as_str().or(model["engine"].as_str()).unwrap_or_default().to_owned();
    models.iter().map(name).collect()
}

/// Adds models with weights that are made up to the data of a server.
fn add_models(house: &House, names: &[(&str, &str)]) {
    for (name, from) in names {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("core/stems/tests/data").join(from);
        let mut add = Command::new(tests::binary());
        add.args(["models", "add", name]).arg(data).arg("--data").arg(&house.server.data);
        let added = add.output().expect("millpond starts");
        assert!(added.status.success(), "{name}: {}", String::from_utf8_lossy(&added.stderr));
    }
}

const FOUR: &str = "spleeter:4stems";
const FIVE: &str = "spleeter:5stems";

#[test]
fn models_stay_in_memory_until_others_need_it_the_one_used_the_longest_ago_goes_first_and_a_pinned_one_last()
{
    // Memory for both of Spleeter's models, or for one and an engine without a model, and not for all three.
    let arguments = ["--memory-limit", "600MiB", "--stems-workers", "1", "--stems-idle-ms", "3600000"];
    let wishes =
        [("spectral", "stems=2&engine=spectral"), (FOUR, "stems=4&engine=spleeter"), (FIVE, "stems=5")];
    let check = |more: &[&str], order: &[(usize, &[usize])]| {
        let songs: Vec<String> = (0..order.len()).map(|number| format!("song {number}")).collect();
        let titles: Vec<(&str, u32)> = songs.iter().map(|title| (title.as_str(), 2)).collect();
        let house = House::new(&titles, &[&arguments[..], more].concat());
        add_models(&house, &[(FOUR, "4stems"), (FIVE, "5stems")]);
        let mut most = 0.0_f64;
        for ((title, _), (wish, left)) in titles.iter().zip(order) {
            let begun = house.wish(title, wishes[*wish].1);
            assert_eq!(begun.status, 202, "{}", begun.text());
            house.await_state(begun.json()["job_id"].as_str().expect("a job"), "completed");
            let expected: Vec<&str> = left.iter().map(|wish| wishes[*wish].0).collect();
            eventually("the child is kept", DONE_WITHIN, || loaded(&house).len() == expected.len());
            assert_eq!(loaded(&house), expected, "after {}", wishes[*wish].0);
            assert_eq!(house.workers().len(), expected.len(), "a model is let go of with its child");
            most = most.max(house.reserved());
        }
        assert!(most <= house.server.metric_of("budget_ceiling_bytes", &["pool=\"stems\""]), "{most}");
        let bearer = house.server.admin.bearer();
        let cleared = house.server.send("DELETE", "/models/cache", &[("Authorization", &bearer)], b"");
        assert_eq!(cleared.json()["workers"], order.last().map_or(0, |(_, left)| left.len()));
        assert_eq!((house.workers().len(), house.reserved()), (0, 0.0), "pinned ones too");
    };
    // The order of last use is what counts, not that of the first.
    check(&[], &[(0, &[0]), (1, &[0, 1]), (0, &[1, 0]), (2, &[0, 2])]);
    check(&[], &[(1, &[1]), (0, &[1, 0]), (1, &[0, 1]), (2, &[1, 2])]);
    // The same order ends another one where the oldest is pinned.
    check(&["--stems-pinned", FOUR], &[(1, &[1]), (0, &[1, 0]), (2, &[1, 2])]);
}

#[test]
fn stems_of_a_model_that_was_replaced_are_made_anew() {
    let house = House::new(&[("one", 2)], &[]);
    let asked = |status: u16| {
        let answer = house.wish("one", "stems=4&engine=spleeter");
        assert_eq!(answer.status, status, "{}", answer.text());
        house.await_state(answer.json()["job_id"].as_str().expect("a job"), "completed");
    };
    add_models(&house, &[(FOUR, "4stems")]);
    asked(202);
    asked(200);
    // The same weights, and a byte behind them that nobody reads.
    let other = house.songs.with_file_name("other model");
    fs::create_dir(&other).expect("a folder");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("core/stems/tests/data/4stems");
    for name in ["model.index", "model.data-00000-of-00001"] {
        let mut bytes = fs::read(data.join(name)).expect("a file");
        if name.starts_with("model.data") {
            bytes.push(0);
        }
        fs::write(other.join(name), bytes).expect("room");
    }
    let mut remove = Command::new(tests::binary());
    remove.args(["models", "remove", FOUR, "--data"]).arg(&house.server.data);
    assert!(remove.status().expect("millpond starts").success());
    add_models(&house, &[(FOUR, other.to_str().expect("UTF-8"))]);
    asked(202);
    asked(200);
}

#[test]
fn a_job_whose_model_is_broken_fails_at_once_and_says_so() {
    let house = House::new(&[("one", 2)], &[]);
    add_models(&house, &[(FOUR, "4stems")]);
    let weights = house.server.data.join("models/spleeter-4stems/model.data-00000-of-00001");
    let mut bytes = fs::read(&weights).expect("a file");
    bytes[40_000] ^= 1;
    fs::write(&weights, bytes).expect("room");
    let begun = house.wish("one", "stems=4");
    assert_eq!(begun.status, 202, "{}", begun.text());
    let job = begun.json()["job_id"].as_str().expect("a job").to_owned();
    house.await_state(&job, "failed");
    let failed = house.job(&job);
    assert!(failed["error"].as_str().is_some_and(|why| why.contains("SHA-256")), "{failed}");
    assert_eq!(
        house.server.metric_of("stems_jobs_retried_total", &[]),
        0.0,
        "no other try would end otherwise"
    );
}

#[test]
fn a_pinned_model_stays_when_others_had_nothing_to_do_for_too_long() {
    let house = House::new(&[("one", 2), ("two", 2)], &["--stems-idle-ms", "500", "--stems-pinned", FOUR]);
    add_models(&house, &[(FOUR, "4stems")]);
    for (title, query) in [("one", "stems=4&engine=spleeter"), ("two", "stems=2&engine=spectral")] {
        let begun = house.wish(title, query);
        house.await_state(begun.json()["job_id"].as_str().expect("a job"), "completed");
    }
    eventually("the other one ends", DONE_WITHIN, || loaded(&house) == [FOUR]);
    // It was idle before the other, so that its time is over for longer.
    assert_eq!(house.workers().len(), 1);
}

#[test]
fn who_names_no_engine_has_one_that_fits_and_who_names_one_that_never_does_is_told() {
    let house = House::new(&[("one", 2), ("two", 2)], &["--memory-limit", "256MiB"]);
    add_models(&house, &[(FOUR, "4stems")]);
    let named = house.wish("one", "stems=4&engine=spleeter");
    assert_eq!(named.status, 507, "{}", named.text());
    assert!(
        named.json()["detail"].as_str().is_some_and(|said| said.contains("`spleeter` needs")),
        "{}",
        named.text()
    );
    let job = house.wish("one", "stems=4");
    assert_eq!(job.status, 202, "{}", job.text());
    let job = job.json()["job_id"].as_str().expect("a job").to_owned();
    house.await_state(&job, "completed");
    assert_eq!(house.job(&job)["engine"], "spectral");
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

#[test]
fn of_two_songs_that_have_all_of_the_cache_together_the_later_gives_way_and_both_are_done() {
    // Nobody knows beforehand how long they are, so that each takes what it needs when it needs it.
    let house = House::with(&["--cache-bytes", "72MiB", "--stems-workers", "2"], 2, |root| {
        for (name, tone) in [("alder", 330), ("birch", 440)] {
            let sound = format!("sine=frequency={tone}:sample_rate=44100:duration=120");
            let whole = root.join(format!("{name}.flac"));
            media::ffmpeg(["-f", "lavfi", "-i", &sound, "-ac", "2", "-c:a", "flac"], &whole);
            let mut bytes = fs::read(&whole).expect("a song");
            // format: the total number of samples, 36 bits of the head of a FLAC, is unknown as 0
            bytes[21] &= 0xf0;
            bytes[22..26].fill(0);
            fs::write(&whole, bytes).expect("room");
        }
        media::settle(root);
    });
    let jobs = ["alder", "birch"].map(|title| house.split(title));
    for job in &jobs {
        house.await_state(job, "completed");
    }
    assert!(
        house.server.metric_of("rendition_room_refused_total", &[]) >= 2.0,
        "they were in each other's way"
    );
    assert_eq!(house.server.metric_of("stems_jobs_retried_total", &[]), 0.0, "{}", house.server.output());
    assert_eq!(house.making(), 0);
}
