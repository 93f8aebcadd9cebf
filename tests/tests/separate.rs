//! Songs that are sent to be taken apart, from outside: what comes back, what is refused, and who sees what.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use budget::limits::{SEPARATE_STRANGER_JOBS_MAX, SEPARATE_STRANGER_SECONDS_MAX, SEPARATE_STRANGERS_MAX};
use serde_json::{Value, json};
use tests::http::Answer;
use tests::media::ffmpeg;
use tests::{Login, Options, Server, clients, eventually, form, sound};

const WITHIN: Duration = Duration::from_secs(120);
/// Samples of each side of the songs here: a second and a half.
const SAMPLES: usize = 66_150;

fn song(seed: u64) -> Vec<u8> {
    sound::wav(seed, sound::WAV_HEAD_BYTES + SAMPLES * 4)
}

/// Minutes of work in a small file, so that nobody is done with it before somebody else cancels it, however busy this machine is.
fn long(to: &Path) {
    silence(to, 7_200);
}

fn silence(to: &Path, seconds: u64) {
    let seconds = seconds.to_string();
    let coding = if to.extension().is_some_and(|extension| extension == "ogg") { "libopus" } else { "flac" };
    ffmpeg(["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", &seconds, "-c:a", coding], to);
}

struct House {
    server: Server,
}

impl House {
    fn new(config: &str) -> House {
        House { server: Server::start(&Options::default().config(config)) }
    }

    fn separate(&self, who: &Login, query: &str, parts: &[form::Part<'_>]) -> Answer {
        let fields = [("Authorization", who.bearer()), ("Content-Type", form::kind())];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.server.send("POST", &format!("/separate{query}"), &fields, &form::body(parts))
    }

    fn ask(&self, who: &Login, method: &str, target: &str, more: &[(&str, &str)]) -> Answer {
        let bearer = who.bearer();
        let fields: Vec<_> =
            [("Authorization", bearer.as_str())].into_iter().chain(more.iter().copied()).collect();
        self.server.send(method, target, &fields, b"")
    }

    /// Sends a song and gives the path of its job.
    fn begin(&self, who: &Login, query: &str, bytes: &[u8]) -> String {
        let answer =
            self.separate(who, &format!("?async_mode=true{query}"), &[("file", Some("song.wav"), bytes)]);
        assert_eq!(answer.status, 202, "{}", answer.text());
        format!("/jobs/{}", answer.json()["job_id"].as_str().expect("an id"))
    }

    /// The job when it has ended.
    fn ended(&self, who: &Login, job: &str) -> Value {
        let mut status = Value::Null;
        eventually("the job ends", WITHIN, || {
            let answer = self.ask(who, "GET", &format!("{job}/status"), &[]);
            assert_eq!(answer.status, 200, "{}", answer.text());
            status = answer.json()["job"].clone();
            !matches!(status["status"].as_str(), Some("pending" | "processing"))
        });
        status
    }
}

/// The files of a zip, as `unzip` takes them out of it.
fn unzipped(bytes: &[u8], names: &[&str]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stems.zip");
    fs::write(&path, bytes).expect("a file");
    let run = |program: &str, words: &[&str]| {
        let done = Command::new(program).args(words).arg(&path).current_dir(folder.path()).output();
        let done = done.expect("a program of this machine");
        assert!(done.status.success(), "{program}: {done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    run("unzip", &["-tq"]);
    let listed = run("python3", &["-m", "zipfile", "-t"]);
    assert!(listed.contains("Done testing"), "{listed}");
    run("unzip", &["-q"]);
    let mut found: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name != "stems.zip")
        .collect();
    found.sort();
    let mut expected: Vec<_> = names.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(found, expected, "nothing else, and no folder");
    names.iter().map(|name| fs::read(folder.path().join(name)).expect("a stem")).collect()
}

/// The samples of a 16-bit WAV with the plain head.
fn samples(wav: &[u8]) -> Vec<i32> {
    assert_eq!((&wav[..4], &wav[36..40], wav.len()), (&b"RIFF"[..], &b"data"[..], 44 + SAMPLES * 4));
    let words = wav[44..].chunks_exact(2);
    words.map(|two| i32::from(i16::from_le_bytes([two[0], two[1]]))).collect()
}

#[test]
fn a_song_comes_back_as_a_zip_of_its_stems() {
    let house = House::new("");
    let mut quiet = song(1);
    // A quarter as loud, so that no stem of it is beyond what 16 bits hold.
    for two in quiet[44..].chunks_exact_mut(2) {
        let sample = i16::from_le_bytes([two[0], two[1]]) / 4;
        two.copy_from_slice(&sample.to_le_bytes());
    }
    let answer = house.separate(&house.server.mira, "", &[("file", Some("Lied.wav"), &quiet)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/zip");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert!(answer.has("x-process-time") && answer.has("etag"), "{}", answer.head());
    assert_eq!((answer.header("x-stems-engine"), answer.has("x-stems-note")), ("spectral", false));
    let name = answer.header("content-disposition");
    assert!(
        name.starts_with("attachment; filename=\"separated_2stems_") && name.ends_with(".zip\""),
        "{name}"
    );
    let stems = unzipped(&answer.body, &["vocals.wav", "accompaniment.wav"]);
    let [vocals, rest] = [samples(&stems[0]), samples(&stems[1])];
    let mix = samples(&quiet);
    let worst = (0..mix.len()).map(|i| (vocals[i] + rest[i] - mix[i]).abs()).max();
    assert!(worst <= Some(2), "the stems sum to the mix: {worst:?} steps apart");

    let four: [&str; 4] = ["vocals.wav", "drums.wav", "bass.wav", "other.wav"];
    for (query, field) in [("?stems=4", None), ("", Some(&b"4"[..]))] {
        let mut parts = vec![("file", Some("Lied.wav"), &quiet[..])];
        parts.extend(field.map(|value| ("stems", None, value)));
        let answer = house.separate(&house.server.mira, query, &parts);
        assert_eq!(answer.status, 200, "{}", answer.text());
        unzipped(&answer.body, &four);
    }

    let metrics = house.ask(&house.server.admin, "GET", "/metrics", &[]).json();
    let figures = &metrics["metrics"]["separation"];
    assert_eq!(figures["count"], 3, "{metrics}");
    for name in ["avg_time", "min_time", "max_time", "total_time", "avg_memory_mb", "max_memory_mb"] {
        assert!(figures[name].as_f64() > Some(0.0), "{name}: {figures}");
    }
    assert!(figures["max_memory_mb"].as_f64() < Some(64.0), "{figures}");
}

#[test]
fn a_job_is_followed_to_its_end_and_its_zip_has_ranges() {
    let house = House::new("");
    let mira = &house.server.mira;
    let sent = house.separate(mira, "", &[("async_mode", None, b"true"), ("file", Some("a.wav"), &song(2))]);
    assert_eq!(sent.status, 202, "{}", sent.text());
    let sent = sent.json();
    let job = format!("/jobs/{}", sent["job_id"].as_str().expect("an id"));
    for what in ["status", "result"] {
        let url = sent[format!("{what}_url")].as_str().expect("an address").to_owned();
        assert!(url.starts_with("http://") && url.ends_with(&format!("{job}/{what}")), "{url}");
    }
    let events = house.ask(mira, "GET", &format!("{job}/events"), &[]);
    assert_eq!((events.status, events.header("content-type")), (200, "text/event-stream"));
    let text = events.text();
    let last = text.trim_end().rsplit_once("data: ").expect("an event").1;
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&last["status"], &last["progress"]), (&json!("completed"), &json!(1.0)), "{last}");
    let status = house.ended(mira, &job);
    assert_eq!(status["stems"], 2);
    assert_eq!(status["engine"], "spectral");
    assert!(status["processing_time_seconds"].as_f64() >= Some(0.0), "{status}");
    assert!(status["result_size_mb"].as_f64() > Some(0.4), "{status}");
    assert!(status["created_at"].is_string() && status["completed_at"].is_string(), "{status}");

    let result = format!("{job}/result");
    let whole = house.ask(mira, "GET", &result, &[]);
    assert_eq!(whole.status, 200, "{}", whole.text());
    unzipped(&whole.body, &["vocals.wav", "accompaniment.wav"]);
    assert_eq!(whole.header("x-stems-engine"), status["engine"].as_str().expect("an engine"));
    let head = house.ask(mira, "HEAD", &result, &[]);
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    let tag = whole.header("etag").to_owned();
    let length = whole.body.len();
    // Within a header, over the seams between header, file and directory, and at the very end.
    for (from, to) in
        [(0, 9), (20, 200), (35, 40), (SAMPLES * 4 - 50, SAMPLES * 4 + 300), (length - 200, length - 1)]
    {
        let range = format!("bytes={from}-{to}");
        let part = house.ask(mira, "GET", &result, &[("Range", &range), ("If-Range", &tag)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{to}/{length}"));
        assert!(part.body == whole.body[from..=to], "{range}");
    }
    let not_modified = house.ask(mira, "GET", &result, &[("If-None-Match", &tag)]);
    assert_eq!(not_modified.status, 304);
    let address = format!("http://{}{result}", house.server.address);
    let script = clients::script("zipped.py");
    let words = [script.to_str().expect("UTF-8"), &address, &mira.bearer()];
    let read = clients::run("python3", &words, Duration::from_secs(60));
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    let bytes = 44 + SAMPLES * 4;
    let expected = format!("vocals.wav {bytes} 0\naccompaniment.wav {bytes} 0\nsums right\nsmall\n");
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn p08_a_job_is_its_owners_and_the_admins() {
    let house = House::new("");
    let (mira, admin) = (&house.server.mira, &house.server.admin);
    let olga = house.server.add_user("olga", &[]);
    let job = house.begin(mira, "", &song(3));
    for (method, what) in [("GET", "/status"), ("GET", "/result"), ("GET", "/events"), ("DELETE", "")] {
        let answer = house.ask(&olga, method, &format!("{job}{what}"), &[]);
        assert_eq!(answer.status, 404, "{method} {what}: {}", answer.text());
        assert!(answer.json()["detail"].is_string(), "{}", answer.text());
    }
    assert_eq!(house.ended(admin, &job)["status"], "completed");
    assert_eq!(house.ask(admin, "GET", &format!("{job}/result"), &[]).status, 200);
    assert_eq!(house.ask(admin, "GET", "/jobs/00000000000000000000000000000000/status", &[]).status, 404);
}

#[test]
fn what_cannot_be_taken_apart_is_refused_or_fails_and_says_why() {
    let house = House::new("");
    let mira = &house.server.mira;
    let folder = tempfile::tempdir().expect("a folder");
    let tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=3", "-c:a", "flac"];
    let flac = folder.path().join("tone.flac");
    ffmpeg(tone, &flac);
    let flac = fs::read(&flac).expect("a file");
    let good = song(4);
    let mut silent = sound::wav_head(0).to_vec();
    silent[22] = 0;
    let claims = [&sound::wav_head(4_000_000_000)[..], &song(5)[44..]].concat();
    for (name, bytes, query, status, detail) in [
        ("song.mp3", &b"This is a text, and no song at all."[..], "", 400, "it is a text"),
        ("song.wav", b"", "", 400, "nothing in song.wav"),
        ("so:ng.wav", &good, "", 400, "contains :"),
        ("song.exe", &good, "", 400, ".exe are not taken apart"),
        ("song.wav", &good, "?stems=3", 422, "stems must be 2, 4 or 5"),
        // Five stems need a model, and there is none here.
        ("song.wav", &good, "?stems=5", 422, "model"),
        ("song.flac", &flac[..200], "", 422, "no sound of a kind that is known"),
        ("song.flac", &flac[..flac.len() / 2], "", 422, "its head promises 132300 samples, and "),
        ("song.wav", &silent, "", 422, "the song has no channels"),
        // A second and a half that claims a thousand million samples.
        ("song.wav", &claims, "", 422, "its head promises 1000000000 samples, and 66150 are there"),
    ] {
        let answer = house.separate(mira, query, &[("file", Some(name), bytes)]);
        assert_eq!(answer.status, status, "{name} {query}: {}", answer.text());
        let said = answer.json();
        let said = said["detail"].as_str().unwrap_or_else(|| panic!("{name} {query}: {said}"));
        assert!(said.contains(detail) && !said.is_empty(), "{name} {query}: {said}");
    }
    let job = house.begin(mira, "", &silent);
    let status = house.ended(mira, &job);
    assert_eq!(status["status"], "failed", "{status}");
    assert!(status["error"].as_str().is_some_and(|why| !why.is_empty()), "{status}");
    let result = house.ask(mira, "GET", &format!("{job}/result"), &[]);
    assert_eq!(result.status, 422, "{}", result.text());
    assert!(result.json()["detail"].as_str().is_some_and(|why| why.contains("failed")), "{}", result.text());
}

#[test]
fn a_song_whose_stems_can_never_fit_into_the_cache_is_refused_at_once() {
    let house = House::new("[cache]\nbytes = \"2GiB\"\n");
    let mira = &house.server.mira;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.flac");
    long(&path);
    let bytes = fs::read(&path).expect("a file");
    let check = |answer: Answer| {
        assert_eq!(answer.status, 507, "{}", answer.text());
        let said = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        for part in [
            "the song is 7200 seconds long",
            "its 2 stems need 2556953600 bytes",
            "cache.bytes is 2147483648",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    check(house.separate(mira, "", &[("file", Some("long.flac"), &bytes)]));
    let job = house.begin(mira, "", &bytes);
    assert_eq!(house.ended(mira, &job)["status"], "failed");
    check(house.ask(mira, "GET", &format!("{job}/result"), &[]));
    assert_eq!(
        house.server.metric_of("stems_jobs_retried_total", &[]),
        0.0,
        "no other try would end otherwise"
    );
}

#[test]
fn a_job_that_is_cancelled_stays_so_and_leaves_no_result() {
    let house = House::new("");
    let mira = &house.server.mira;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("song.flac");
    long(&path);
    let job = house.begin(mira, "", &fs::read(&path).expect("a file"));
    let answer = house.ask(mira, "DELETE", &job, &[]);
    assert_eq!((answer.status, &answer.json()["job"]["status"]), (200, &json!("cancelled")));
    assert_eq!(house.ask(mira, "GET", &format!("{job}/result"), &[]).status, 404);
    assert_eq!(house.ask(mira, "DELETE", &job, &[]).json()["job"]["status"], "cancelled");
    eventually("no child is left of it", WITHIN, || tests::children_of(house.server.id()) == 0);
    let cleared = house.ask(&house.server.admin, "DELETE", "/models/cache", &[]);
    assert_eq!((cleared.status, &cleared.json()["status"]), (200, &json!("ok")));
    assert_eq!(house.ask(mira, "DELETE", "/models/cache", &[]).status, 403);
}

/// How many files of each kind the cache says that it keeps.
fn kept(house: &House) -> Value {
    let told = house.ask(&house.server.admin, "GET", "/cdn/cache", &[]).json();
    let kinds = told["kinds"].as_array().expect("kinds").iter();
    kinds
        .map(|kind| (kind["mode"].as_str().unwrap_or_default().to_owned(), kind["entries"].clone()))
        .collect()
}

#[test]
fn a_song_that_is_sent_twice_has_stems_for_each_job_and_is_no_kind_that_may_be_purged() {
    let house = House::new("[stems]\nworkers = 1\n");
    let mira = &house.server.mira;
    let jobs = [(); 2].map(|()| house.begin(mira, "", &song(1)));
    for job in &jobs {
        let ended = house.ended(mira, job);
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    assert_eq!(kept(&house), json!({ "stem": 4 }), "two of each job, so that each goes with its own");
    let zips = jobs.map(|job| house.ask(mira, "GET", &format!("{job}/result"), &[]).body);
    let names = ["vocals.wav", "accompaniment.wav"];
    assert_eq!(unzipped(&zips[0], &names), unzipped(&zips[1], &names));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("song.flac");
    long(&path);
    let job = house.begin(mira, "", &fs::read(&path).expect("a file"));
    assert_eq!(kept(&house), json!({ "stem": 4 }), "the song in line cannot be made again");
    assert_eq!(house.ask(mira, "DELETE", &job, &[]).status, 200);
}

/// Runs a line as the splitter's users write it.
fn shell(line: &str, folder: &Path) -> String {
    let done = Command::new("bash").args(["-euo", "pipefail", "-c", line]).current_dir(folder).output();
    let done = done.expect("a shell");
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn with_an_open_door_the_lines_of_the_splitters_users_run_as_written() {
    let house = House::new("[stems]\npublic = true\n");
    let url = format!("http://{}", house.server.address);
    let folder = tempfile::tempdir().expect("a folder");
    let tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:a", "libmp3lame"];
    ffmpeg(tone, &folder.path().join("audio.mp3"));
    for output in ["output1.zip", "output2.zip"] {
        let line = format!(
            "time curl -sS -X POST \"{url}/separate\" -F \"file=@audio.mp3\" -F \"stems=2\" -o {output}"
        );
        shell(&line, folder.path());
        let bytes = fs::read(folder.path().join(output)).expect("a zip");
        unzipped(&bytes, &["vocals.wav", "accompaniment.wav"]);
    }
    let metrics = shell(&format!("curl -sS \"{url}/metrics\" | jq"), folder.path());
    let metrics: Value = serde_json::from_str(&metrics).expect("JSON");
    assert_eq!(metrics["status"], "ok");
    let names: Vec<_> = metrics["metrics"].as_object().expect("figures").keys().collect();
    assert_eq!(names, ["separation"], "strangers see nothing else");
    assert_eq!(metrics["metrics"]["separation"]["count"], 2);
    let head = shell(&format!("curl -sS -I \"{url}/health\""), folder.path());
    assert!(head.to_lowercase().contains("x-process-time: 0."), "{head}");
    assert_eq!(house.server.get("/tracks", &[]).status, 401, "nothing else is open");
    for (name, label, value) in [
        ("stems_stranger_songs_total", "", 2.0),
        ("stems_stranger_songs_refused_total", "", 0.0),
        ("map_entries", "map=\"strangers\"", 1.0),
        ("map_entries_max", "map=\"strangers\"", SEPARATE_STRANGERS_MAX as f64),
        ("slots_used", "what=\"strangers\"", 0.0),
        ("slots_peak", "what=\"strangers\"", 1.0),
        ("slots_refused_total", "what=\"strangers_per_address\"", 0.0),
    ] {
        let labels: &[&str] = if label.is_empty() { &[] } else { &[label] };
        assert_eq!(house.server.metric_of(name, labels), value, "{name} {label}");
    }
    let closed = House::new("");
    assert_eq!(closed.server.send("POST", "/separate", &[], b"").status, 401);
}

#[test]
fn p05_one_address_of_strangers_does_not_fill_the_line_for_all_others() {
    let house = House::new("[stems]\npublic = true\nworkers = 1\n");
    let url = format!("http://{}", house.server.address);
    let folder = tempfile::tempdir().expect("a folder");
    silence(&folder.path().join("long.flac"), SEPARATE_STRANGER_SECONDS_MAX - 1);
    let send = |address: &str| {
        let line = format!(
            "curl -sS --interface {address} -F file=@long.flac -F async_mode=true -w '\\n%{{http_code}}' {url}/separate"
        );
        let said = shell(&line, folder.path());
        let (body, status) = said.rsplit_once('\n').expect("two lines");
        let body: Value = serde_json::from_str(body).expect("JSON");
        (status.to_owned(), body)
    };
    let mut jobs = Vec::new();
    for _ in 0..SEPARATE_STRANGER_JOBS_MAX {
        let (status, said) = send("127.0.0.1");
        assert_eq!(status, "202", "{said}");
        jobs.push(said["job_id"].as_str().expect("an id").to_owned());
    }
    let (status, said) = send("127.0.0.1");
    assert_eq!(status, "429", "{said}");
    assert!(said["detail"].as_str().is_some_and(|why| why.contains("your address has 20 jobs")), "{said}");
    let (status, said) = send("127.0.0.9");
    assert_eq!(status, "202", "{said}");
    // A job that has ended gives its turn back.
    let turns = || house.server.metric_of("slots_used", &["what=\"stranger_jobs\""]);
    assert_eq!(turns(), SEPARATE_STRANGER_JOBS_MAX as f64 + 1.0);
    shell(&format!("curl -sSf -X DELETE {url}/jobs/{}", jobs[3]), folder.path());
    eventually("its turn is given back", WITHIN, || turns() == SEPARATE_STRANGER_JOBS_MAX as f64);
    assert_eq!(send("127.0.0.1").0, "202");
}

#[test]
fn p05_a_strangers_song_is_refused_where_it_is_longer_than_one_may_be() {
    let house = House::new("[stems]\npublic = true\n");
    let folder = tempfile::tempdir().expect("a folder");
    // A FLAC says how long it is; what only ffmpeg decodes is looked at before it is decoded.
    for name in ["long.flac", "long.ogg"] {
        let file = folder.path().join(name);
        silence(&file, SEPARATE_STRANGER_SECONDS_MAX + 60);
        let bytes = fs::read(&file).expect("a song");
        let body = form::body(&[("file", Some(name), &bytes)]);
        let refused = house.server.send("POST", "/separate", &[("Content-Type", &form::kind())], &body);
        assert_eq!(refused.status, 422, "{name}: {}", refused.text());
        let said = refused.json();
        let said = said["detail"].as_str().unwrap_or_default();
        for part in ["1860 seconds or more", "without a sign-in may have 1800"] {
            assert!(said.contains(part), "{name}: {said}");
        }
        eventually("nothing is left of it", WITHIN, || {
            house.server.metric_of("rendition_cache_entries", &[]) == 0.0
        });
    }
    // Who signed in may send one of any length.
    let mira = &house.server.mira;
    let bytes = fs::read(folder.path().join("long.flac")).expect("a song");
    let job = house.begin(mira, "", &bytes);
    let is_further = || {
        let now = house.ask(mira, "GET", &format!("{job}/status"), &[]).json();
        assert_ne!(now["job"]["status"], "failed", "{now}");
        now["job"]["progress"].as_f64().unwrap_or(0.0) > 0.0
    };
    eventually("it is taken apart", WITHIN, is_further);
    assert_eq!(house.ask(mira, "DELETE", &job, &[]).status, 200);
}
