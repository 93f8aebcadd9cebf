//! Crowds that want renditions, with the server and its children in one memory group. Nothing is killed, whoever is refused
//! is told when to come back, and everything that was finished is what it should be. `cargo x prove renditions` is the long
//! form.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

mod crowd;
mod jobs;
mod one;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use load::{Findings, Group, loopback};
use tests::rendition::{origin, renditions};
use tests::viewer::{Seen, Shelf};
use tests::{Children, Options, Rest, Server, Started, Viewer, eventually, wall};
use xtask::corpus::Video;

/// All that the server and its children may have, in MiB…
const MEMORY_MIB: u64 = 512;
/// …of which so much is for socket buffers.
const SOCKETS_MIB: u64 = 64;
/// The stack of a viewer, who does little.
const STACK_BYTES: usize = 128 * 1024;
/// The network that viewers come from.
const NET: u8 = 30;

/// What a server makes first.
const SMALL: Video = Video { width: 320, height: 180, seconds: 2 };

/// Whether this is the proof.
fn is_long() -> bool {
    std::env::var("MILLPOND_RENDITIONS").is_ok_and(|form| form == "long")
}

/// A server in walls, with the generated videos as an origin for everybody.
struct House {
    server: Server,
    group: Group,
    /// Figures of time and memory are true only when one test runs at a time.
    _alone: MutexGuard<'static, ()>,
}

impl House {
    fn new(viewers: usize, videos: &[Video]) -> House {
        House::within(MEMORY_MIB, viewers, videos)
    }

    /// Walls of so many MiB around a server that thinks that it may have more, or not.
    fn within(walls_mib: u64, viewers: usize, videos: &[Video]) -> House {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let group = wall(walls_mib, Some(SOCKETS_MIB));
        let config = format!(
            "[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n[limits]\nconnections = {}\nstreams = {viewers}\n{}",
            viewers + 100,
            origin(&[videos, &[SMALL]].concat())
        );
        let server = Server::start(&Options::default().config(&config).within(&group));
        // What comes once and stays is there before anything is counted: threads, connections to the index.
        let warm = renditions(&[SMALL], 3).pop().expect("a frame");
        assert_eq!(server.get(&warm.target, &[]).status, 200, "{}", server.output());
        House { server, group, _alone: alone }
    }

    /// One viewer for each target, all at once, each from an address of his own.
    fn watch(&self, targets: &[&str], shelf: &Shelf) -> (Vec<Seen>, Started) {
        let children = Children::watch(&self.group, self.server.id());
        let address = self.server.address;
        let seen = std::thread::scope(|scope| {
            let start = |(number, target)| {
                let viewer = Viewer { server: address, from: loopback(NET, number), target, shelf };
                let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, move || viewer.watch()).expect("a thread")
            };
            let all: Vec<_> = targets.iter().copied().enumerate().map(start).collect();
            all.into_iter().map(|one| one.join().expect("a viewer only fails in words")).collect()
        });
        // Who watched it grow has it before it is kept.
        eventually("everything is made", Duration::from_secs(60), || {
            self.server.metric("renditions_in_flight") == 0.0
        });
        (seen, children.seen())
    }

    /// What must be at rest before and after. Sources and renditions that were read last stay open for a while, a bounded
    /// number of them.
    fn rest(&self) -> Rest {
        Rest::of(&self.server, &[&self.server.data.join("cache"), &xtask::corpus::home()])
    }

    /// What holds for every crowd: nothing killed, every child ended well, everything given back.
    fn judge(&self, before: &Rest, findings: &mut Findings) {
        let (peaks, mib) =
            (self.group.peaks(), |bytes: u64| format!("{:.0} MiB", bytes as f64 / 1_048_576.0));
        findings.equal("processes killed for want of memory", peaks.killed, 0);
        findings
            .note("charges that the group refused, page cache made room", peaks.memory_refused.to_string());
        findings.note("memory that nobody can take back, peak", mib(peaks.lasting.lasting()));
        findings.note("of it anonymous", mib(peaks.lasting.anonymous));
        let ended = self.ended();
        let bad: Vec<_> = ended.keys().filter(|how| !matches!(how.as_str(), "made" | "busy")).collect();
        findings.equal("renditions that ended otherwise than made or refused", bad.len(), 0);
        ended.iter().for_each(|(how, count)| findings.note(format!("renditions {how}"), count.to_string()));
        let still_open = [&*self.server.data.join("cache"), &xtask::corpus::home()];
        before.given_back(&self.server, &still_open, findings);
    }

    /// How renditions ended, and how many so, without the first one.
    fn ended(&self) -> BTreeMap<String, usize> {
        let metrics = self.server.metrics();
        let mut ended = BTreeMap::new();
        for line in metrics.lines().filter(|line| line.starts_with("millpond_renditions_ended_total{")) {
            let how = line.split("outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
            let count = line.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok());
            *ended.entry(how.expect("a label").to_owned()).or_default() += count.expect("a number");
        }
        *ended.entry("made".to_owned()).or_default() -= 1;
        // Some are counted before there are any.
        ended.retain(|_, count| *count > 0);
        ended
    }
}

/// Prints the table, and fails when something is broken.
fn conclude(findings: &Findings, server: &Server) {
    println!("{MEMORY_MIB} MiB, of which {SOCKETS_MIB} MiB for sockets\n\n{findings}");
    let broken = findings.broken();
    if !broken.is_empty() {
        let output = server.output();
        let lines: Vec<_> =
            output.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        panic!("{}\n\n{}", broken.join("\n"), lines[..lines.len().min(20)].join("\n"));
    }
}
