//! The server, its sources, and one request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::super::server::pause;
use super::super::{account, server};
use crate::corpus::Video;
use crate::{Error, ErrorKind, Result, files};

const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Nothing that is asked for takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// What is read of an answer at once.
const PIECE_BYTES: usize = 64 * 1024;

fn failed(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |error| Error::because(ErrorKind::Failed, what, error)
}

/// A running server with an origin of videos.
pub(super) struct Ours {
    child: Child,
    pub(super) address: SocketAddr,
    home: tempfile::TempDir,
    key: String,
    copies: AtomicUsize,
}

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) took: Duration,
}

impl Ours {
    /// Starts it, with these videos made.
    pub(super) fn start(binary: &Path, videos: &[Video]) -> Result<Ours> {
        videos.iter().try_for_each(|video| video.kept().map(drop))?;
        let home = tempfile::tempdir().map_err(failed("making a folder"))?;
        let (data, clips, config) =
            (home.path().join("data"), home.path().join("clips"), home.path().join("config.toml"));
        files::make_folder(&clips)?;
        files::write(
            &config,
            format!(
                "[memory]\nlimit = \"2GiB\"\n[limits]\nstreams = 0\nstreams_per_user = 0\n[cdn]\nsign = \"off\"\n\
                 [[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{}\"\npublic = true\n",
                clips.display()
            ),
        )?;
        let key = account::key(binary, &data)?;
        let address = SocketAddr::from(([127, 0, 0, 1], server::free_port()?));
        let log = std::fs::File::create(home.path().join("server.log")).map_err(failed("making a log"))?;
        let mut serve = Command::new(binary);
        serve
            .arg("serve")
            .args(["--listen", &address.to_string(), "--data"])
            .arg(&data)
            .arg("--config")
            .arg(&config);
        serve.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed("a log"))?).stderr(log);
        let child = serve.spawn().map_err(failed("starting Millpond"))?;
        let mut ours = Ours { child, address, home, key, copies: AtomicUsize::new(0) };
        ours.await_start()?;
        Ok(ours)
    }

    fn await_start(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(self.address).is_err() {
            if self.child.try_wait().ok().flatten().is_some() || Instant::now() > deadline {
                let said = files::read_text(&self.home.path().join("server.log")).unwrap_or_default();
                return Err(Error::new(ErrorKind::Failed, format!("Millpond did not start\n{said}")));
            }
            pause(LOOK_EVERY);
        }
        Ok(())
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A new source with the bytes of this file, so that nothing of it is made yet. Gives its path in addresses, and its
    /// file.
    pub(super) fn copy(&self, of: &Path) -> Result<(String, PathBuf)> {
        let number = self.copies.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number}.mp4");
        let file = self.home.path().join("clips").join(&name);
        std::fs::copy(of, &file).map_err(failed(format!("copying {}", of.display())))?;
        Ok((format!("/clips/{name}"), file))
    }

    /// The files of all renditions that are kept.
    pub(super) fn kept(&self) -> Result<Vec<PathBuf>> {
        let listed = |folder: &Path| -> Result<Vec<PathBuf>> {
            let entries =
                std::fs::read_dir(folder).map_err(failed(format!("listing {}", folder.display())))?;
            Ok(entries.flatten().map(|entry| entry.path()).collect())
        };
        let folders = listed(&self.home.path().join("data/cache/made"))?;
        folders.iter().map(|folder| listed(folder)).collect::<Result<Vec<_>>>().map(|files| files.concat())
    }

    /// A place for what is thrown away.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// CPU seconds so far of the server, and of the children that it has waited for.
    pub(super) fn cpu_s(&self) -> f64 {
        cpu_s(&self.id().to_string())
    }

    /// CPU seconds so far of the server's threads that run now, to the nanosecond (`/proc/ID/task/ID/schedstat`): what is
    /// short is lost between the ticks of [`cpu_s`].
    pub(super) fn threads_cpu_s(&self) -> f64 {
        let tasks = format!("/proc/{}/task", self.id());
        let threads = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let ran_ns = threads.filter_map(|thread| {
            let text = files::read_text(&thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        ran_ns.sum::<u64>() as f64 / 1e9
    }

    /// GET with these lines in its head; each piece of the answer is shown, its head included, with the time since the request.
    pub(super) fn get(
        &self,
        target: &str,
        lines: &str,
        mut show: impl FnMut(&[u8], Duration),
    ) -> Result<Answer> {
        let asking = || format!("asking for {target}");
        let mut socket = TcpStream::connect(self.address).map_err(failed(asking()))?;
        socket.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed(asking()))?;
        let began = Instant::now();
        let head = format!("GET {target} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n{lines}\r\n");
        socket.write_all(head.as_bytes()).map_err(failed(asking()))?;
        let (mut piece, mut start) = (vec![0; PIECE_BYTES], Vec::new());
        loop {
            let count = socket.read(&mut piece).map_err(failed(asking()))?;
            let bytes = piece.get(..count).unwrap_or_default();
            if start.len() < 16 {
                start.extend_from_slice(bytes);
            }
            if count == 0 {
                let status = start
                    .get(9..12)
                    .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok())
                    .unwrap_or(0);
                return Ok(Answer { status, took: began.elapsed() });
            }
            show(bytes, began.elapsed());
        }
    }

    /// Returns when a rendition is made and kept: who asks for two bytes gets them when all are there.
    pub(super) fn made(&self, target: &str) -> Result<Duration> {
        let answer = self.get(target, "Range: bytes=0-1\r\n", |_, _| {})?;
        match answer.status {
            206 => Ok(answer.took),
            status => Err(Error::new(ErrorKind::Failed, format!("{target} was answered with {status}"))),
        }
    }

    /// The body of an answer with a length.
    pub(super) fn body(&self, target: &str) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        self.get(target, "", |bytes, _| all.extend_from_slice(bytes))?;
        let head = all.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        Ok(all.split_off(head))
    }

    /// The value of a metric, by its name and labels.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        let bearer = format!("Authorization: Bearer {}\r\nAccept: text/plain\r\n", self.key);
        let mut text = Vec::new();
        self.get("/metrics", &bearer, |bytes, _| text.extend_from_slice(bytes))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.and_then(|value| value.trim().parse().ok());
        value.ok_or_else(|| Error::new(ErrorKind::Failed, format!("there is no metric {name}")))
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            pause(LOOK_EVERY);
        }
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// CPU seconds of a process and of the children that it has waited for: fields 14 to 17 of `/proc/ID/stat`.
pub(super) fn cpu_s(id: &str) -> f64 {
    let text = files::read_text(format!("/proc/{id}/stat").as_ref()).unwrap_or_default();
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 =
        after.split_whitespace().skip(11).take(4).filter_map(|word| word.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
