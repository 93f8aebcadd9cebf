//! The processes that a server starts, as the system shows them from outside.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use load::Group;

use crate::wait_until;

/// How often the system is asked. A child that makes something lives longer.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// What a child does, by the words of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Does {
    /// It is our own program yet, before it becomes ffmpeg.
    Starts,
    /// It looks at a source.
    Looks,
    /// It makes a rendition.
    Makes,
    /// It puts the index of what was made in front.
    Indexes,
}

/// Everything but the server that ran in a memory group.
#[derive(Clone, Debug, Default)]
pub struct Started {
    children: HashMap<u32, Does>,
    at_once: usize,
}

impl Started {
    /// Children that looked at a source.
    pub fn looking(&self) -> usize {
        self.count(Does::Looks)
    }

    /// Children that made a rendition.
    pub fn making(&self) -> usize {
        self.count(Does::Makes)
    }

    /// Children that put an index in front.
    pub fn indexing(&self) -> usize {
        self.count(Does::Indexes)
    }

    /// The most of those who made a rendition that ran at the same moment.
    pub fn making_at_once(&self) -> usize {
        self.at_once
    }

    fn count(&self, does: Does) -> usize {
        self.children.values().filter(|does_that| **does_that == does).count()
    }

    fn look(&mut self, group: &Group, server: u32) {
        let mut making = 0;
        for id in group.processes().into_iter().filter(|id| *id != server) {
            // One that is gone by now did what it did when it was seen before.
            let Some(does) = does(id) else { continue };
            let known = self.children.entry(id).or_insert(does);
            *known = does.max(*known);
            making += usize::from(does == Does::Makes);
        }
        self.at_once = self.at_once.max(making);
    }
}

/// How many processes there are that this one started.
pub fn children_of(server: u32) -> usize {
    child_ids(server).len()
}

/// The processes that this one started.
pub fn child_ids(server: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_its = |entry: &std::fs::DirEntry| {
        // The name of a program stands in brackets and may hold anything; behind it are the state and the parent.
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        (parent == server).then_some(())
    };
    let id_of = |entry: std::fs::DirEntry| {
        is_its(&entry)?;
        entry.file_name().to_str()?.parse().ok()
    };
    processes.filter_map(id_of).collect()
}

fn does(id: u32) -> Option<Does> {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let program = words.first()?.rsplit('/').next()?;
    let copies = words.windows(2).any(|pair| pair[0] == "-c" && pair[1] == "copy");
    match program {
        "" => None,
        "ffprobe" => Some(Does::Looks),
        "ffmpeg" if copies => Some(Does::Indexes),
        "ffmpeg" => Some(Does::Makes),
        _ => Some(Does::Starts),
    }
}

/// Watches the children of a server that is alone in a memory group with them.
#[derive(Debug)]
pub struct Children {
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<Started>>,
}

impl Children {
    /// Watches from now on.
    pub fn watch(group: &Group, server: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (is_over, group) = (Arc::clone(&over), group.clone());
        let watcher = std::thread::spawn(move || {
            let mut started = Started::default();
            while !is_over.load(Ordering::Acquire) {
                started.look(&group, server);
                wait_until(Instant::now() + LOOK_EVERY, || false);
            }
            started
        });
        Children { over, watcher: Some(watcher) }
    }

    /// What was seen.
    ///
    /// # Panics
    /// When the watcher did.
    pub fn seen(mut self) -> Started {
        self.over.store(true, Ordering::Release);
        self.watcher.take().expect("it is asked once").join().expect("it only looks")
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}
