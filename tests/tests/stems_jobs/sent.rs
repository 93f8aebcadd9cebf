//! Songs that are sent: those of jobs in line are held, those that were refused go, and all of them have a share of the cache.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::http::Answer;
use tests::sound::{WAV_HEAD_BYTES, wav};
use tests::{eventually, form};

use crate::house::{DONE_WITHIN, House};

/// Noise of so many seconds, as a file.
fn noise(seed: u64, seconds: usize) -> Vec<u8> {
    wav(seed, WAV_HEAD_BYTES + seconds * 44_100 * 4)
}

fn send(house: &House, query: &str, body: &[u8]) -> Answer {
    let (bearer, kind) = (house.server.mira.bearer(), form::kind());
    let fields = [("Authorization", bearer.as_str()), ("Content-Type", kind.as_str())];
    house.server.send("POST", &format!("/separate{query}"), &fields, body)
}

/// Sends a song for a job; the job.
fn put_in_line(house: &House, song: &[u8]) -> String {
    let answer = send(house, "?async_mode=true", &form::body(&[("file", Some("song.wav"), song)]));
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["job_id"].as_str().expect("a job").to_owned()
}

fn held_bytes(house: &House) -> f64 {
    house.server.metric_of("stems_songs_held_bytes", &[])
}

fn kept(house: &House) -> f64 {
    house.server.metric_of("rendition_cache_entries", &[])
}

/// A server with one worker, whose job stands still in the middle: what is sent stays in line.
fn standing(arguments: &[&str]) -> (House, String) {
    let arguments = [&["--stems-workers", "1"], arguments].concat();
    let house = House::new(&[("long", 150)], &arguments);
    let job = house.split("long");
    house.await_progress(&job);
    let pid = i32::try_from(house.workers()[0]).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::STOP).expect("it is there");
    (house, job)
}

#[test]
fn a_song_whose_request_is_refused_goes_whatever_the_reason() {
    let (house, long) = standing(&["--stems-jobs-per-user", "1"]);
    let song = noise(1, 1);
    let file: form::Part<'_> = ("file", Some("song.wav"), &song);
    let many: Vec<(String, Option<&str>, &[u8])> =
        (0..70).map(|number| (format!("field{number}"), None, &b"1"[..])).collect();
    let many: Vec<form::Part<'_>> = std::iter::once(file)
        .chain(many.iter().map(|(name, file, bytes)| (name.as_str(), *file, *bytes)))
        .collect();
    for (query, parts, status) in [
        ("?stems=5", vec![file], 422),
        ("?stems=5&engine=spectral", vec![file], 422),
        ("?engine=htdemucs", vec![file], 422),
        ("", vec![file, ("stems", None, b"3")], 422),
        ("?stems=4", vec![file, ("stems", None, b"2")], 422),
        ("", vec![file, file], 400),
        ("", vec![file, ("file", Some("so:ng.wav"), &song)], 400),
        ("", many, 400),
        ("?async_mode=true", vec![file], 429),
    ] {
        let answer = send(&house, query, &form::body(&parts));
        assert_eq!(answer.status, status, "{query} {}: {}", parts.len(), answer.text());
        eventually("the song is gone", DONE_WITHIN, || kept(&house) == 0.0 && held_bytes(&house) == 0.0);
    }
    // A form that breaks off behind the file.
    let body = form::body(&[file, ("stems", None, b"2")]);
    let body = &body[..body.len() - 40];
    let head = format!(
        "POST /separate HTTP/1.1\r\nHost: pond\r\nAuthorization: {}\r\nContent-Length: {}\r\n\
         Content-Type: {}\r\n\r\n",
        house.server.mira.bearer(),
        body.len() + 1_000,
        form::kind()
    );
    let mut line = TcpStream::connect(house.server.address).expect("a connection");
    line.write_all(&[head.as_bytes(), body].concat()).expect("the server reads");
    eventually("the song is there", DONE_WITHIN, || kept(&house) == 1.0);
    drop(line);
    eventually("the song is gone", DONE_WITHIN, || kept(&house) == 0.0);
    house.ask("DELETE", &format!("/jobs/{long}"));
}

#[test]
fn songs_of_jobs_in_line_are_held_also_by_the_server_that_comes_after() {
    let (mut house, long) = standing(&[]);
    let songs = [1, 2, 3].map(|seed| noise(seed, 2));
    let jobs = songs.each_ref().map(|song| put_in_line(&house, song));
    let bytes = songs.iter().map(Vec::len).sum::<usize>() as f64;
    eventually("the songs are held", DONE_WITHIN, || held_bytes(&house) == bytes);
    house.kill_and_start();
    eventually("the songs are held again", DONE_WITHIN, || held_bytes(&house) == bytes);
    house.ask("DELETE", &format!("/jobs/{long}"));
    for job in &jobs {
        house.await_state(job, "completed");
    }
    eventually("nothing is held any more", DONE_WITHIN, || held_bytes(&house) == 0.0);
    assert_eq!(kept(&house), 6.0, "the stems are left, and no song");
}

#[test]
fn songs_in_line_leave_half_of_the_cache_to_the_stems() {
    let (house, long) = standing(&["--cache-bytes", "256MiB"]);
    let large = noise(1, 320);
    let jobs = [(); 2].map(|()| put_in_line(&house, &large));
    let third = send(&house, "?async_mode=true", &form::body(&[("file", Some("song.wav"), &large)]));
    assert_eq!(third.status, 507, "{}", third.text());
    let said = third.json();
    let said = said["detail"].as_str().unwrap_or_default();
    for part in [&format!("have {} bytes already", large.len() * 2), "50 percent of cache.bytes"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // A small one has its place, and when the others are gone a large one too.
    let small = put_in_line(&house, &noise(2, 1));
    for job in jobs.iter().chain([&long]) {
        assert_eq!(house.ask("DELETE", &format!("/jobs/{job}")).status, 200);
    }
    house.await_state(&small, "completed");
    let job = put_in_line(&house, &large);
    assert_eq!(house.ask("DELETE", &format!("/jobs/{job}")).json()["job"]["status"], json!("cancelled"));
}

#[test]
fn the_stems_of_a_song_that_was_sent_go_with_the_user_who_sent_it() {
    let mut house = House::new(&[("brook", 2)], &[]);
    house.await_state(&put_in_line(&house, &noise(1, 2)), "completed");
    house.await_state(&house.split("brook"), "completed");
    assert_eq!(kept(&house), 4.0, "the stems of both");
    let removed = house.server.command(&["user", "remove", "mira"], "");
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    // A server looks at its start, and now and then.
    house.kill_and_start();
    eventually("those of what was sent are gone", DONE_WITHIN, || kept(&house) == 2.0);
}
