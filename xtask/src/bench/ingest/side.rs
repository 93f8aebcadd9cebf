//! The servers, each started on a folder of its own, and what one upload costs them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{self, Request};
use crate::{Error, ErrorKind, Result, files, run};

/// A server of another kind needs a moment.
const START_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who receives. Each has the path of what is started.
#[derive(Clone, Debug)]
pub(super) enum Side {
    Ours(PathBuf),
    /// `@tus/server` 2.4.5 on Node: the folder of its packages.
    Node(PathBuf),
    /// `rustus` 0.5.10.
    Rustus(PathBuf),
    /// The same, with a SHA-256 of the whole piece to check.
    RustusHashing(PathBuf),
}

/// What one upload cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
    pub(super) peak_kib: u64,
}

impl Side {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Side::Ours(_) => "Millpond",
            Side::Node(_) => "@tus/server 2.4.5",
            Side::Rustus(_) => "rustus 0.5.10",
            Side::RustusHashing(_) => "rustus 0.5.10 with a checksum",
        }
    }

    pub(super) fn hashes(&self) -> &'static str {
        match self {
            Side::Ours(_) => "SHA-256, CRC32C",
            Side::Node(_) | Side::Rustus(_) => "no",
            Side::RustusHashing(_) => "SHA-256",
        }
    }

    fn command(&self, home: &Path, port: u16) -> Command {
        let port = port.to_string();
        match self {
            Side::Ours(binary) => {
                let mut command = Command::new(binary);
                command
                    .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
                    .arg(home.join("data"));
                command
            }
            Side::Node(folder) => {
                let mut command = Command::new("node");
                command.arg(folder.join("oracle.mjs")).arg(&port).arg(home.join("files")).arg("0");
                command
            }
            Side::Rustus(binary) | Side::RustusHashing(binary) => {
                let mut command = Command::new(binary);
                command.args(["--host", "127.0.0.1", "--port", &port, "--url", "/uploads", "--data-dir"]);
                command.arg(home.join("files")).arg("--info-dir").arg(home.join("infos"));
                command.args(["--workers", "2", "--max-body-size", "2000000000"]);
                command
            }
        }
    }

    /// What the client must show; ours has users.
    fn authorization(&self, home: &Path) -> Result<String> {
        let Side::Ours(binary) = self else { return Ok(String::new()) };
        let data = home.join("data");
        let password = home.join("password");
        files::write(&password, "a password of the bench\n")?;
        let input = std::fs::File::open(&password);
        let input = input.map_err(|error| Error::because(ErrorKind::Io, "opening a file of ours", error))?;
        let mut add = Command::new(binary);
        add.args(["user", "add", "bench", "--password-stdin", "--data"]).arg(&data);
        run::run(add.stdin(input).stdout(Stdio::null()))?;
        let mut key = Command::new(binary);
        let printed = run::quiet(key.args(["user", "key", "bench", "--data"]).arg(&data))?;
        Ok(format!("Bearer {}", printed.split_whitespace().last().unwrap_or_default()))
    }
}

/// A server that ends when it is dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One upload to a server that was just started.
pub(super) fn measured(side: &Side, bytes: u64) -> Result<Run> {
    let io = |what: &'static str| move |error| Error::because(ErrorKind::Io, what, error);
    files::make_folder(&files::target().join("bench"))?;
    let home = tempfile::tempdir_in(files::target().join("bench")).map_err(io("making a folder"))?;
    for folder in ["files", "infos"] {
        files::make_folder(&home.path().join(folder))?;
    }
    let authorization = side.authorization(home.path())?;
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(io("a port"))?;
    let mut command = side.command(home.path(), port.port());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(io("starting a server"))?;
    let server = Started(child);
    await_port(port)?;
    let request = Request {
        address: port,
        authorization: &authorization,
        bytes,
        checksum: matches!(side, Side::RustusHashing(_)),
    };
    let before = load::Process::of(server.0.id());
    let began = Instant::now();
    client::upload(&request)?;
    let wall_s = began.elapsed().as_secs_f64();
    let after = load::Process::of(server.0.id());
    Ok(Run { wall_s, cpu_s: after.cpu_s - before.cpu_s, peak_kib: after.peak_kib })
}

fn await_port(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + START_WITHIN;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::Failed, "a server of the bench did not come up"));
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}
