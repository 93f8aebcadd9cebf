//! The servers beside each other: ours in its ways, nginx in its.

use std::path::PathBuf;

use super::super::resident;
use super::super::server::{self, Process};
use super::super::walls::Walls;
use super::bytes;
use super::music::{Music, Part};
use super::nginx::{self, Manner};
use super::ours::Ours;
use crate::Result;

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Millpond as it starts by itself.
    Wire,
    /// Millpond with `stream.wire = off`.
    Ordinary,
    /// Millpond with a certificate.
    WireTls,
    /// nginx.
    Nginx(Manner),
}

/// What is the same for all runs.
pub(super) struct Bench {
    pub(super) home: PathBuf,
    pub(super) music: Music,
    pub(super) ours: Ours,
    /// Seconds of one hot run, of slow clients, and of reads from the slow disk.
    pub(super) hot_s: f64,
    pub(super) slow_s: f64,
    pub(super) cold_s: f64,
    /// How many slow clients.
    pub(super) slow_clients: usize,
}

/// A server that was checked byte by byte and is ready to be timed.
pub(super) struct Running<'a> {
    pub(super) process: Process,
    pub(super) side: Side,
    bench: &'a Bench,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Side::Wire => "Millpond",
            Side::Ordinary => "Millpond, `stream.wire = off`",
            Side::WireTls => "Millpond, TLS",
            Side::Nginx(Manner::Plain) => "nginx",
            Side::Nginx(Manner::Threads) => "nginx + aio threads",
            Side::Nginx(Manner::OpenFiles) => "nginx + open_file_cache",
            Side::Nginx(Manner::Copies) => "nginx, sendfile off",
            Side::Nginx(Manner::Tls) => "nginx, TLS",
            Side::Nginx(Manner::Http2) => "nginx, http2",
        }
    }

    fn is_tls(self) -> bool {
        matches!(self, Side::WireTls | Side::Nginx(Manner::Tls))
    }
}

impl Bench {
    /// Starts a fresh server; `more` are further flags of Millpond.
    pub(super) fn start(&self, side: Side, walls: &Walls, more: &[String]) -> Result<Running<'_>> {
        let port = server::free_port()?;
        let mut flags = more.to_vec();
        match side {
            Side::Ordinary if self.ours.has_wire => {
                flags.extend(["--stream-wire".to_owned(), "off".to_owned()])
            }
            Side::WireTls => {
                for (flag, file) in [("--server-tls-cert", "cert.pem"), ("--server-tls-key", "key.pem")] {
                    flags.extend([flag.to_owned(), self.home.join(file).display().to_string()]);
                }
            }
            _ => {}
        }
        let words = match side {
            Side::Nginx(manner) => nginx::command(manner, &self.home, &self.music.root, port)?,
            _ => self.ours.command(&self.music, port, &flags),
        };
        let process = Process::start(&words, &self.home, port, walls)?;
        Ok(Running { process, side, bench: self })
    }

    /// The same with the song and the long file in memory, and every byte checked.
    pub(super) fn start_checked(
        &self,
        side: Side,
        walls: &Walls,
        more: &[String],
        http2: bool,
    ) -> Result<Running<'_>> {
        resident::warm(&self.music.path(Part::Song))?;
        resident::warm(&self.music.path(Part::Long))?;
        let running = self.start(side, walls, more)?;
        bytes::check(&self.music, &self.home, |part| running.url(part), http2)?;
        // What the page cache lost while the server started.
        resident::warm(&self.music.path(Part::Song))?;
        resident::warm(&self.music.path(Part::Long))?;
        Ok(running)
    }
}

impl Running<'_> {
    /// Path and query of a file.
    pub(super) fn target(&self, part: Part) -> String {
        match self.side {
            Side::Nginx(_) => format!("/f/{}.wav", part.title()),
            _ => self.bench.ours.target(part),
        }
    }

    /// The whole address of a file.
    pub(super) fn url(&self, part: Part) -> String {
        format!("{}{}", self.base(), self.target(part))
    }

    /// Bytes that a Millpond with a wire has sent by `sendfile` so far.
    pub(super) fn sendfile_bytes(&self) -> Result<Option<f64>> {
        match self.side {
            Side::Nginx(_) => Ok(None),
            _ => self.bench.ours.sendfile_bytes(&self.base()),
        }
    }

    fn base(&self) -> String {
        let scheme = if self.side.is_tls() { "https" } else { "http" };
        format!("{scheme}://{}", self.process.address)
    }
}
