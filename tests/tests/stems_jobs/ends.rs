//! Jobs that are cancelled, and whose children or servers are killed.

use budget::limits::JOB_ATTEMPTS_MAX;
use rustix::process::{Pid, Signal, kill_process};
use tests::{children_of, eventually, media};

use crate::house::{DONE_WITHIN, House};

#[test]
fn a_job_that_is_cancelled_in_the_middle_leaves_no_child_no_file_and_no_permit() {
    let house = House::new(&[("long", 600)], &[]);
    let job = house.split("long");
    house.await_progress(&job);
    assert!(!house.workers().is_empty() && house.making() == 2 && house.reserved() > 0.0, "it is at work");
    let answer = house.ask("DELETE", &format!("/jobs/{job}"));
    assert!(matches!(answer.status, 200 | 204), "{} {}", answer.head(), answer.text());
    // No waiting: the answer comes when it is so.
    assert_eq!((house.workers(), house.making(), house.reserved()), (Vec::new(), 0, 0.0));
    assert_eq!(house.state(&job), "cancelled");
    // Cancelled once more it stays so, and the same wish is another job.
    house.ask("DELETE", &format!("/jobs/{job}"));
    assert_eq!(house.state(&job), "cancelled");
    let other = house.split("long");
    assert_ne!(other, job);
    house.ask("DELETE", &format!("/jobs/{other}"));
}

#[test]
fn a_job_that_is_cancelled_just_as_it_is_begun_with_has_no_child_afterwards() {
    let house = House::new(&[("long", 600)], &["--stems-workers", "1"]);
    // The line and whoever cancels look at each job at the same moment.
    for round in 0..60 {
        let job = house.split("long");
        let answer = house.ask("DELETE", &format!("/jobs/{job}"));
        assert_eq!((answer.status, house.state(&job).as_str()), (200, "cancelled"), "{}", answer.text());
        assert_eq!(house.workers(), [0; 0], "somebody works for job {round}");
    }
    // What the disk was just asked for comes and goes behind the answer.
    eventually("no file is left, and no child, not even a dead one", DONE_WITHIN, || {
        house.making() == 0 && children_of(house.server.id()) == 0
    });
}

#[test]
fn a_child_that_is_killed_in_the_middle_is_replaced_and_the_job_ends_right() {
    let house = House::new(&[("long", 150)], &["--stems-workers", "1"]);
    let job = house.split("long");
    house.await_progress(&job);
    let worker = house.workers()[0];
    let pid = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it is there");
    house.await_state(&job, "completed");
    assert_eq!(house.server.metric_of("stems_jobs_retried_total", &[]), 1.0, "{}", house.server.output());
    assert_eq!(house.server.metric_of("stems_workers_started_total", &[]), 2.0);
    house.check_stems("long");
    assert_eq!(house.making(), 0);
}

#[test]
fn a_server_that_is_killed_in_the_middle_takes_the_job_up_again() {
    let mut house = House::new(&[("long", 150)], &["--stems-workers", "1"]);
    let job = house.split("long");
    house.await_progress(&job);
    let worker = house.workers()[0];
    house.kill_and_start();
    eventually("the child ended with its server", DONE_WITHIN, || {
        !std::path::Path::new(&format!("/proc/{worker}")).exists()
    });
    house.await_state(&job, "completed");
    house.check_stems("long");
    assert_eq!(house.making(), 0);
}

#[test]
fn a_job_is_done_however_often_its_server_was_killed_in_the_middle() {
    let mut house = House::new(&[("long", 600)], &["--stems-workers", "1"]);
    let job = house.split("long");
    for _ in 0..=JOB_ATTEMPTS_MAX {
        // How far it was with the former server is told until this one has begun with it.
        eventually("a child of this server is at work", DONE_WITHIN, || {
            assert_ne!(house.state(&job), "failed", "{}", house.job(&job));
            !house.workers().is_empty()
        });
        house.await_progress(&job);
        house.kill_and_start();
    }
    house.await_state(&job, "completed");
    house.check_stems("long");
    assert_eq!(house.making(), 0);
}

/// A song that only ffmpeg decodes, for a while.
fn decoded_for_a_while() -> House {
    House::with(&["--stems-workers", "1"], 1, |root| {
        let noise = "anoisesrc=duration=900:sample_rate=96000";
        let coded = ["-f", "lavfi", "-i", noise, "-ac", "2", "-c:a", "wavpack"];
        media::ffmpeg(coded, &root.join("sedge.mkv"));
    })
}

#[test]
fn a_job_that_is_cancelled_while_ffmpeg_decodes_leaves_no_child_and_no_file() {
    let house = decoded_for_a_while();
    let in_flight = || house.server.metric_of("renditions_in_flight", &[]);
    for _ in 0..3 {
        let job = house.split("sedge");
        eventually("ffmpeg decodes", DONE_WITHIN, || in_flight() == 1.0 && house.making() > 2);
        let answer = house.ask("DELETE", &format!("/jobs/{job}"));
        assert_eq!((answer.status, house.state(&job).as_str()), (200, "cancelled"), "{}", answer.text());
        // No waiting: the answer comes when it is so.
        assert_eq!(in_flight(), 0.0, "ffmpeg decodes for nobody");
        eventually("no file is left, and no child, not even a dead one", DONE_WITHIN, || {
            house.making() == 0 && children_of(house.server.id()) == 0
        });
        assert_eq!(house.server.metric_of("rendition_cache_entries", &[]), 0.0);
    }
}

#[test]
fn a_server_that_stops_in_the_middle_gives_the_job_back_to_the_next_one() {
    let mut house = House::new(&[("long", 150)], &["--stems-workers", "1"]);
    let job = house.split("long");
    house.await_progress(&job);
    let worker = house.workers()[0];
    house.server.stop();
    assert!(!std::path::Path::new(&format!("/proc/{worker}")).exists(), "a child outlived its server");
    house.kill_and_start();
    house.await_state(&job, "completed");
    house.check_stems("long");
}
