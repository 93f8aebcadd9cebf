//! A server with a folder of clips, of which everybody may have made what he likes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tests::http::{Answer, Fields};
use tests::{Options, Server, eventually};

pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) clips: tempfile::TempDir,
}

impl House {
    /// With more configuration, and after something was done to the options and the folder.
    pub(crate) fn new(config: &str, change: impl FnOnce(&mut Options, &Path)) -> House {
        let clips = tempfile::tempdir().expect("a folder");
        let root = clips.path().display();
        let config = format!(
            "{config}\n[cdn]\nsign = \"off\"\n[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}\"\n\
             public = true\n"
        );
        let mut options = Options::default().config(&config);
        change(&mut options, clips.path());
        House { server: Server::start(&options), clips }
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
        let label = format!("outcome=\"{outcome}\"");
        let metrics = self.server.metrics();
        let lines = metrics.lines().filter(|line| line.starts_with("millpond_renditions_ended_total"));
        let of_it = lines.filter(|line| line.contains(&label));
        of_it.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
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

/// What an answer calls the reason for which there is no rendition.
pub(crate) fn code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// A video with sound, with its index at the end.
pub(crate) fn video(path: &Path, size: &str, seconds: u32, more: &[&str]) {
    let picture = format!("testsrc2=size={size}:rate=15:duration={seconds}");
    let sound = format!("sine=frequency=440:duration={seconds}");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .args(["-threads", "1"])
        .args(more)
        .arg(path)
        .status();
    assert!(made.expect("ffmpeg runs").success());
}
