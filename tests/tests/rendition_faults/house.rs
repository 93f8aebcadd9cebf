//! A server with a folder of clips, of which everybody may have made what he likes.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tests::http::{Answer, Fields};
use tests::{Options, Server, eventually, media};

/// One server that is measured by the clock has the machine to itself.
static MACHINE: RwLock<()> = RwLock::new(());

/// The machine's share of a house.
pub(crate) enum Share {
    Some { _guard: RwLockReadGuard<'static, ()> },
    All { _guard: RwLockWriteGuard<'static, ()> },
}

pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) clips: tempfile::TempDir,
    /// Goes after the server.
    _share: Share,
}

impl House {
    /// With more configuration, and after something was done to the options and the folder, whose files are settled then.
    pub(crate) fn new(config: &str, change: impl FnOnce(&mut Options, &Path)) -> House {
        let guard = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        House::with(Share::Some { _guard: guard }, config, change)
    }

    /// The same while no other test of this file's runs.
    pub(crate) fn alone(config: &str, change: impl FnOnce(&mut Options, &Path)) -> House {
        let guard = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        House::with(Share::All { _guard: guard }, config, change)
    }

    fn with(share: Share, config: &str, change: impl FnOnce(&mut Options, &Path)) -> House {
        let clips = tempfile::tempdir().expect("a folder");
        let root = clips.path().display();
        let config = format!(
            "{config}\n[cdn]\nsign = \"off\"\n[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}\"\n\
             public = true\n"
        );
        let mut options = Options::default().config(&config);
        change(&mut options, clips.path());
        let server = Server::start(&options);
        media::settle(clips.path());
        House { server, clips, _share: share }
    }

    pub(crate) fn get(&self, target: &str, fields: Fields<'_>) -> Answer {
        self.server.get(target, fields)
    }

    /// The server's children, dead ones that nobody reaped included.
    pub(crate) fn children(&self) -> Vec<u32> {
        let server = self.server.id().to_string();
        let folders = std::fs::read_dir("/proc").expect("the system shows processes");
        let numbers = folders.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_child = |number: &u32| {
            // One that is gone by now is nobody's child.
            let about = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let parent = about.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1));
            parent == Some(&server)
        };
        numbers.filter(is_child).collect()
    }

    /// Stops so many children, as soon as they are there: from then on they hang.
    pub(crate) fn stop_children(&self, count: usize) {
        eventually("children are there", Duration::from_secs(60), || self.children().len() == count);
        for child in self.children() {
            let child = i32::try_from(child).ok().and_then(Pid::from_raw).expect("a number");
            rustix::process::kill_process(child, Signal::STOP).expect("a child of the server");
        }
    }

    /// Files in the making.
    pub(crate) fn making(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.server.data.join("cache/making")).expect("the folder");
        files.flatten().map(|file| file.path()).collect()
    }

    /// How many renditions ended so.
    pub(crate) fn ended(&self, outcome: &str) -> f64 {
        self.server.metric_of("renditions_ended_total", &[&format!("outcome=\"{outcome}\"")])
    }

    /// Waits until nothing is made and nothing is left of what was.
    pub(crate) fn at_rest(&self) {
        eventually("nothing is made", Duration::from_secs(120), || {
            self.server.metric("renditions_in_flight") == 0.0
        });
        eventually("nothing is left of it", Duration::from_secs(30), || {
            self.children().is_empty() && self.making().is_empty()
        });
        for gauge in ["transform_jobs_running", "transform_jobs_waiting"] {
            assert_eq!(self.server.metric(gauge), 0.0, "{gauge}");
        }
    }
}
