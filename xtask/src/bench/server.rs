//! One running server, pinned to its core, and what the system says of it and of its children.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::walls::Walls;
use crate::{Error, ErrorKind, Result, files, run, stages};

/// The core of every server.
pub(super) const SERVER_CORE: usize = 0;
/// The core of every client.
pub(super) const CLIENT_CORE: usize = 1;

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);
/// A server that used no more than this in `QUIET` has nothing left to do.
const QUIET_CPU_S: f64 = 0.011;
const QUIET: Duration = Duration::from_millis(300);

/// Waits, on the clients' side.
#[expect(clippy::disallowed_methods, reason = "the workshop's own thread, which has nothing else to do")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The server to measure: what `MILLPOND_BIN` names, or else a release build.
pub(super) fn program(root: &Path) -> Result<PathBuf> {
    std::env::var_os("MILLPOND_BIN").map_or_else(|| stages::server(root), |program| Ok(program.into()))
}

/// A port that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| Error::because(ErrorKind::Failed, "finding a port", error))
}

/// A server that ends when dropped.
pub(super) struct Process {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Process {
    /// Starts a program on the servers' core, inside these walls, and waits until it listens and has nothing left to do.
    pub(super) fn start(words: &[String], home: &Path, port: u16, walls: &Walls) -> Result<Process> {
        let failed =
            |error| Error::because(ErrorKind::Failed, format!("starting {}", words.join(" ")), error);
        let log = File::create(home.join("server.log")).map_err(failed)?;
        let mut command = Command::new("taskset");
        let mut command = walls.within({
            command.args(["-c", &SERVER_CORE.to_string()]).args(words);
            command
        });
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
        let child = command.spawn().map_err(failed)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Process { child, address };
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > deadline {
                let said = files::read_text(&home.join("server.log")).unwrap_or_default();
                return Err(Error::new(
                    ErrorKind::Failed,
                    format!("`{}` did not start\n{said}", words.join(" ")),
                ));
            }
            pause(Duration::from_millis(20));
        }
        while Instant::now() < deadline {
            let before = server.cpu_s();
            pause(QUIET);
            if server.cpu_s() - before <= QUIET_CPU_S {
                break;
            }
        }
        Ok(server)
    }

    /// CPU seconds of all its threads and processes so far, user and system.
    pub(super) fn cpu_s(&self) -> f64 {
        self.processes().into_iter().map(|id| load::Process::of(id).cpu_s).sum()
    }

    /// The largest resident memory so far, of all its processes together, in MiB.
    pub(super) fn peak_mib(&self) -> f64 {
        self.processes().into_iter().map(|id| load::Process::of(id).peak_kib as f64 / 1024.0).sum()
    }

    /// Begins to count [`Process::peak_mib`] anew, and tells what is resident now, in MiB (proc(5), `clear_refs`).
    pub(super) fn forget_peak(&self) -> Result<f64> {
        let mut resident_mib = 0.0;
        for id in self.processes() {
            files::write(format!("/proc/{id}/clear_refs").as_ref(), "5")?;
            resident_mib += load::Process::of(id).resident_kib as f64 / 1024.0;
        }
        Ok(resident_mib)
    }

    /// The process and its children.
    fn processes(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut looked = 0;
        while let Some(id) = found.get(looked).copied() {
            let children =
                files::read_text(format!("/proc/{id}/task/{id}/children").as_ref()).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            looked += 1;
        }
        found
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked, not killed: nginx's first process ends the others.
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            pause(Duration::from_millis(20));
        }
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Makes a key and a certificate of its own in `home`: P-256, as most public ones are.
pub(super) fn certificate(home: &Path) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split(' '),
    );
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]);
    run::quiet(openssl.arg("-keyout").arg(home.join("key.pem")).arg("-out").arg(home.join("cert.pem")))
        .map(drop)
}
