//! A server with songs, and what can be seen of its jobs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::http::Answer;
use tests::sound::{WAV_HEAD_BYTES, wav, wav_head};
use tests::{Options, Server, binary, eventually};

/// A song may take so long on a machine that has other things to do.
pub(crate) const DONE_WITHIN: Duration = Duration::from_secs(300);
/// What a song needs in memory without a model, in bytes: what the law is asked for.
pub(crate) const RESERVE_BYTES: f64 = 48.0 * 1024.0 * 1024.0;

pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) songs: PathBuf,
    options: Options,
    formers: Vec<Server>,
    folder: tempfile::TempDir,
}

/// A song of noise of so many seconds, another for each seed.
pub(crate) fn song(to: &Path, seed: u64, seconds: u32) {
    let second = &wav(seed, WAV_HEAD_BYTES + 44_100 * 4)[WAV_HEAD_BYTES..];
    let mut file = fs::File::create(to).expect("a file");
    file.write_all(&wav_head(seconds * 44_100 * 4)).expect("room");
    for _ in 0..seconds {
        file.write_all(second).expect("room");
    }
}

impl House {
    /// A server on a library with songs of these names and lengths in seconds, with these arguments.
    pub(crate) fn new(songs: &[(&str, u32)], arguments: &[&str]) -> House {
        Self::with(arguments, songs.len(), |root| {
            for (seed, (name, seconds)) in (1..).zip(songs) {
                song(&root.join(format!("{name}.wav")), seed, *seconds);
            }
        })
    }

    /// The same on whatever `fill` puts into the library: so many tracks.
    pub(crate) fn with(arguments: &[&str], tracks: usize, fill: impl FnOnce(&Path)) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let songs = folder.path().join("songs");
        fs::create_dir(&songs).expect("a folder");
        fill(&songs);
        let options = Options {
            libraries: vec![songs.clone()],
            tracks,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            ..Options::default()
        };
        House { server: Server::start(&options), songs, options, formers: Vec::new(), folder }
    }

    /// Ends the server as a power button does, and starts it again on what it left.
    pub(crate) fn kill_and_start(&mut self) {
        self.server.kill();
        let Options { libraries, tracks, arguments, .. } = self.options.clone();
        let options = Options { libraries, tracks, arguments, ..Options::on(&self.server) };
        let former = std::mem::replace(&mut self.server, Server::start(&options));
        // Its data go with it.
        self.formers.push(former);
    }

    /// A request by the plain user.
    pub(crate) fn ask(&self, method: &str, target: &str) -> Answer {
        self.server.send(method, target, &[("Authorization", &self.server.mira.bearer())], b"")
    }

    /// Has a song taken apart; the answer as it is.
    pub(crate) fn wish(&self, title: &str, query: &str) -> Answer {
        let track = self.server.track(title);
        self.ask("POST", &format!("/tracks/{track}/stems?{query}"))
    }

    /// The same for a wish that must be taken: the job.
    pub(crate) fn split(&self, title: &str) -> String {
        let answer = self.wish(title, "stems=2");
        assert!(matches!(answer.status, 200 | 202), "{title}: {} {}", answer.head(), answer.text());
        answer.json()["job_id"].as_str().expect("a job").to_owned()
    }

    pub(crate) fn job(&self, job: &str) -> Value {
        let answer = self.ask("GET", &format!("/jobs/{job}/status"));
        assert_eq!(answer.status, 200, "{} {}", answer.head(), answer.text());
        answer.json()["job"].clone()
    }

    pub(crate) fn state(&self, job: &str) -> String {
        self.job(job)["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a job is in this state.
    pub(crate) fn await_state(&self, job: &str, state: &str) {
        let mut last = Value::Null;
        let what = format!("the job is {state}");
        let is_there = tests::wait_until(std::time::Instant::now() + DONE_WITHIN, || {
            last = self.job(job);
            last["status"] == state
        });
        assert!(is_there, "{what}: {last}\n{}", self.server.output());
    }

    /// Waits until a child is at work for a job, and has done some of it. Gives its share.
    pub(crate) fn await_progress(&self, job: &str) -> f64 {
        let mut share = 0.0;
        eventually("the job comes further", DONE_WITHIN, || {
            let now = self.job(job);
            assert!(now["status"] != "completed" && now["status"] != "failed", "it was too quick: {now}");
            share = now["progress"].as_f64().unwrap_or(0.0);
            share > 0.0
        });
        share
    }

    /// The children that take songs apart, or could.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let mine = |entry: fs::DirEntry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent: u32 = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let is_worker = line.split(|byte| *byte == 0).nth(1) == Some(b"stems-worker");
            (parent == self.server.id() && is_worker).then_some(id)
        };
        fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(mine).collect()
    }

    /// What the law has given to children that take songs apart, in bytes.
    pub(crate) fn reserved(&self) -> f64 {
        self.server.metric_of("budget_used_bytes", &["pool=\"stems\""])
    }

    /// Files that are being made.
    pub(crate) fn making(&self) -> usize {
        fs::read_dir(self.server.data.join("cache/making")).map_or(0, Iterator::count)
    }

    /// A stem of a song, as it is sent.
    pub(crate) fn stem(&self, title: &str, name: &str) -> Answer {
        self.ask("GET", &format!("/tracks/{}/stems/{name}", self.server.track(title)))
    }

    /// Whether the stems of a song are those that the command line makes of it, byte by byte.
    pub(crate) fn check_stems(&self, title: &str) {
        let out = self.folder.path().join(format!("{title}-by-hand"));
        let file = self.songs.join(format!("{title}.wav"));
        let mut command = Command::new(binary());
        command.arg("split").arg(&file).arg("--out").arg(&out).args(["--engine", "spectral", "--replace"]);
        let made = command.output().expect("millpond starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for name in ["vocals.wav", "accompaniment.wav"] {
            let expected = fs::read(out.join(name)).expect("a stem");
            let answer = self.stem(title, name);
            assert_eq!(answer.status, 200, "{name}: {} {}", answer.head(), answer.text());
            assert!(expected.len() > 44 && answer.body == expected, "{title}, {name}: other bytes");
        }
    }
}
