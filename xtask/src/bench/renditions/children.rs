//! What a server starts, seen from outside: the words of each command, and the memory that it takes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::server::pause;
use super::median;
use super::ours::Ours;
use crate::{Result, files};

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One ffmpeg that ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its program and arguments.
    pub(super) words: Vec<String>,
    /// The largest resident set that was seen, in MiB.
    pub(super) peak_mib: f64,
    /// What of it was anonymous at the most.
    pub(super) own_mib: f64,
    /// What was reserved for all that ran, in MiB, each time that it was seen.
    reserves_mib: Vec<f64>,
}

impl Seen {
    /// What was reserved while it ran, in MiB; at its start and its end another's may be among it.
    pub(super) fn reserve_mib(&self) -> f64 {
        median(self.reserves_mib.clone())
    }

    /// Whether it only copies packets.
    pub(super) fn is_copy(&self) -> bool {
        self.words.windows(2).any(|pair| matches!(pair, [option, value] if option == "-c" && value == "copy"))
    }
}

/// Runs `work` and tells what ffmpeg children the server had meanwhile, in the order of their ids. The server is asked for its
/// figures all the time, so that nothing should be timed meanwhile.
pub(super) fn during<T>(ours: &Ours, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Seen>)> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
            while !over.load(Ordering::Acquire) {
                children(ours.id()).into_iter().for_each(|id| look(ours, id, &mut seen));
                pause(LOOK_EVERY);
            }
            seen
        });
        let done = work();
        over.store(true, Ordering::Release);
        let seen = watcher.join().unwrap_or_default();
        Ok((done?, seen.into_values().collect()))
    })
}

fn look(ours: &Ours, id: u32, seen: &mut BTreeMap<u32, Seen>) {
    let text = |name: &str| files::read_text(format!("/proc/{id}/{name}").as_ref()).unwrap_or_default();
    let words: Vec<String> = text("cmdline").split_terminator('\0').map(str::to_owned).collect();
    // Before it is ffmpeg it is our own program; and the server asks one what it is.
    let is_ffmpeg = words.first().is_some_and(|program| program.ends_with("ffmpeg"));
    if !is_ffmpeg || !words.iter().any(|word| word == "-i") {
        return;
    }
    let status = text("status");
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) / 1024.0
    };
    let reserve = ours.metric("millpond_budget_used_bytes{pool=\"transforms\"}").unwrap_or(0.0) / 1_048_576.0;
    let one = seen.entry(id).or_default();
    one.words = words;
    one.peak_mib = one.peak_mib.max(mib("VmHWM:"));
    one.own_mib = one.own_mib.max(mib("RssAnon:"));
    one.reserves_mib.push(reserve);
}

/// The ids of a process's children, whichever of its threads started them.
fn children(id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.map(|thread| files::read_text(&thread.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
