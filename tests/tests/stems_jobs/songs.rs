//! What becomes of songs: done, refused, or failed with the reason.

use std::fs;

use tests::{eventually, media};

use crate::house::{DONE_WITHIN, House};

#[test]
fn stems_are_those_of_the_command_line_and_are_made_once() {
    let house = House::new(&[("brook", 8)], &["--stems-workers", "1"]);
    let job = house.split("brook");
    house.await_state(&job, "completed");
    house.check_stems("brook");
    let done = house.job(&job);
    assert_eq!((&done["engine"], &done["progress"]), (&"spectral".into(), &1.0.into()), "{done}");
    // They are there: the next job is done at once, and no child works for it.
    let again = house.wish("brook", "stems=2");
    assert_eq!((again.status, &again.json()["status"]), (200, &"completed".into()), "{}", again.text());
    let ended = || house.server.metric_of("stems_job_seconds_count", &[]);
    assert_eq!(ended(), 1.0);
    // Another wish is another job.
    let other = house.wish("brook", "stems=4");
    assert_eq!(other.status, 202, "{}", other.text());
    let job = other.json()["job_id"].as_str().expect("a job").to_owned();
    house.await_state(&job, "completed");
    assert_eq!(ended(), 2.0);
    for name in ["drums.wav", "drums.flac", "all.wav"] {
        let answer = house.stem("brook", name);
        assert_eq!((answer.status, answer.header("x-stems-engine")), (200, "spectral"), "{name}");
    }
    assert_eq!(house.server.metric_of("stems_workers_started_total", &[]), 1.0, "one child did both");
}

#[test]
fn what_is_wished_of_a_track_is_not_heard_from_a_body_and_that_is_said() {
    let house = House::new(&[("brook", 2)], &[]);
    let target = format!("/tracks/{}/stems", house.server.track("brook"));
    let bearer = house.server.mira.bearer();
    for (kind, body) in [
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"stems\"\r\n\r\n4\r\n--x--\r\n",
        ),
        ("application/x-www-form-urlencoded", "stems=4"),
        ("application/json", "{}"),
    ] {
        let fields = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        let refused = house.server.send("POST", &target, &fields, body.as_bytes());
        assert_eq!(refused.status, 422, "{kind}: {}", refused.text());
        let said = refused.json();
        assert!(said["detail"].as_str().is_some_and(|why| why.contains("?stems=4")), "{kind}: {said}");
    }
    assert_eq!(house.ask("GET", "/jobs").json()["jobs"], serde_json::json!([]), "nothing was begun");
}

#[test]
fn a_file_that_is_no_song_fails_with_its_reason_and_the_child_lives_on() {
    let house = House::with(&["--stems-workers", "1"], 3, |root| {
        crate::house::song(&root.join("first.wav"), 1, 3);
        crate::house::song(&root.join("second.wav"), 2, 3);
        // A head that promises more than comes.
        let mut cut = fs::read(root.join("first.wav")).expect("a song");
        cut.truncate(100_000);
        fs::write(root.join("cut.wav"), cut).expect("room");
    });
    house.await_state(&house.split("first"), "completed");
    let broken = house.split("cut");
    house.await_state(&broken, "failed");
    let job = house.job(&broken);
    let why = job["error"].as_str().unwrap_or_default();
    assert!(why.contains("ends too early"), "{job}");
    assert_eq!(house.making(), 0, "nothing is left of it");
    house.await_state(&house.split("second"), "completed");
    assert_eq!(house.server.metric_of("stems_workers_started_total", &[]), 1.0, "one child did all three");
    assert_eq!(
        house.server.metric_of("stems_jobs_retried_total", &[]),
        0.0,
        "no other try would end otherwise"
    );
}

#[test]
fn a_song_in_a_coding_that_only_ffmpeg_knows_is_taken_apart_too() {
    let songs =
        [("reed.opus", "libopus"), ("rush.mkv", "ac3"), ("sedge.mkv", "wmav2"), ("lily.mkv", "wavpack")];
    let house = House::with(&[], songs.len(), |root| {
        for (name, coding) in songs {
            let noise = "anoisesrc=duration=4:sample_rate=48000";
            media::ffmpeg(["-f", "lavfi", "-i", noise, "-c:a", coding], &root.join(name));
        }
    });
    for (name, _) in songs {
        let title = name.split('.').next().expect("a name");
        house.await_state(&house.split(title), "completed");
        let answer = house.stem(title, "accompaniment.wav");
        assert_eq!(answer.status, 200, "{name}");
        let samples = (answer.body.len() - 44) / 4;
        assert!(samples.abs_diff(4 * 44_100) < 44_100 / 10, "{name}: {samples} samples of four seconds");
    }
    let kept = house.server.metric_of("rendition_cache_entries", &[]);
    assert_eq!(kept, 2.0 * songs.len() as f64, "the stems are kept, and nothing that ffmpeg decoded");
}

#[test]
fn a_song_that_two_users_wish_at_once_is_taken_apart_once() {
    for is_first_cancelled in [false, true] {
        let house = House::new(&[("long", 300)], &["--stems-workers", "2"]);
        let first = house.split("long");
        house.await_progress(&first);
        let bearer = house.server.admin.bearer();
        let ask =
            |method, target: &str| house.server.send(method, target, &[("Authorization", &bearer)], b"");
        let other = ask("POST", &format!("/tracks/{}/stems?stems=2", house.server.track("long")));
        assert_eq!(other.status, 202, "{}", other.text());
        let other = other.json()["job_id"].as_str().expect("a job").to_owned();
        assert_ne!(other, first, "each has his own");
        if is_first_cancelled {
            house.ask("DELETE", &format!("/jobs/{first}"));
        } else {
            house.await_state(&first, "completed");
        }
        eventually("the other one's is done too", DONE_WITHIN, || {
            let now = ask("GET", &format!("/jobs/{other}/status")).json();
            assert_ne!(now["job"]["status"], "failed", "{now}");
            now["job"]["status"] == "completed"
        });
        assert_eq!(house.server.metric_of("stems_job_seconds_count", &[]), 1.0, "one did it for both");
        assert_eq!(ask("GET", &format!("/jobs/{other}/result")).status, 200);
        let of_first = house.ask("GET", &format!("/jobs/{first}/result")).status;
        assert_eq!(of_first, if is_first_cancelled { 404 } else { 200 });
    }
}

#[test]
fn a_user_has_no_more_in_line_than_he_may() {
    let house = House::new(&[("long", 240), ("short", 2)], &["--stems-jobs-per-user", "1"]);
    let job = house.split("long");
    let refused = house.wish("short", "stems=2");
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.has("retry-after") && refused.json()["detail"].is_string(), "{}", refused.text());
    assert_eq!(house.split("long"), job, "the same wish is the same job");
    house.ask("DELETE", &format!("/jobs/{job}"));
    house.await_state(&house.split("short"), "completed");
}
