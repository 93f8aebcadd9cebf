//! A music server with the library in it: ours, or the peer.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::client::Client;
use super::super::server::{self, Process};
use super::super::walls::Walls;
use super::super::{account, scan};
use super::asked::Asking;
use crate::run::Usage;
use crate::{Error, ErrorKind, Result};

/// How long a start may take, with a look at every file of the library: so long, and so much longer for each track.
const READY: Duration = Duration::from_secs(120);
const READY_PER_TRACK: Duration = Duration::from_millis(2);

/// A side that has scanned the library and listens.
pub(super) struct Side {
    pub(super) name: &'static str,
    /// What the scan needed, where there was one.
    pub(super) scan: Option<Usage>,
    pub(super) process: Process,
    /// The part of a query that signs in.
    pub(super) sign_in: String,
    /// The number of the small library, where there is one.
    small: String,
    database: PathBuf,
}

impl Side {
    /// Ours: the scan in a process of its own, then the server, with a small library more, which it scans itself.
    pub(super) fn ours(
        program: &Path,
        scratch: &Path,
        music: &Path,
        small: &Path,
        tracks: usize,
    ) -> Result<Side> {
        let data = scratch.join("data");
        let scan = Some(scan::ours(program, scratch, music)?);
        let key = account::key(program, &data)?;
        let port = server::free_port()?;
        let words = [
            program.display().to_string(),
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{port}"),
            format!("--data={}", data.display()),
            format!("--library={}", music.display()),
            format!("--library={}", small.display()),
            "--memory-limit=256MiB".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let process = Process::start(&words, scratch, port, &Walls::default())?;
        let mut side = Side {
            name: "Millpond",
            scan,
            process,
            sign_in: format!("apiKey={key}&v=1.16.1&c=bench&f=json"),
            small: String::new(),
            database: data.join("millpond.db"),
        };
        let tracks = u32::try_from(tracks).unwrap_or(u32::MAX);
        side.settled(READY + READY_PER_TRACK * tracks)?;
        side.small = side.number_of(small)?;
        Ok(side)
    }

    /// Supysonic, in the server that its own manual names.
    pub(super) fn peer(environment: &Path, scratch: &Path, music: &Path) -> Result<Side> {
        let scan = scan::theirs(environment, scratch, music)?;
        let home = scratch.join("supysonic");
        let program = |name: &str| -> PathBuf { environment.join("bin").join(name) };
        let mut add = std::process::Command::new(program("supysonic-cli"));
        add.current_dir(&home).args(["user", "add", "bench", "-p", "bench"]);
        crate::run::quiet(&mut add)?;
        let port = server::free_port()?;
        let script = "cd \"$0\" && exec \"$@\"";
        let words = [
            "sh".to_owned(),
            "-c".to_owned(),
            script.to_owned(),
            home.display().to_string(),
            program("supysonic-server").display().to_string(),
            "-S".to_owned(),
            "waitress".to_owned(),
            "-h".to_owned(),
            "127.0.0.1".to_owned(),
            "-p".to_owned(),
            port.to_string(),
        ];
        let process = Process::start(&words, &home, port, &Walls::default())?;
        let sign_in = "u=bench&p=bench&v=1.12.0&c=bench&f=json".to_owned();
        let database = home.join("supysonic.db");
        Ok(Side { name: "Supysonic", scan: Some(scan), process, sign_in, small: String::new(), database })
    }

    /// What is asked of it, with so many tracks.
    pub(super) fn asking(&self, tracks: usize) -> Asking<'_> {
        Asking { sign_in: &self.sign_in, tracks, small: &self.small }
    }

    /// The number that a library's folder has.
    fn number_of(&self, folder: &Path) -> Result<String> {
        let failed = |error| Error::because(ErrorKind::Failed, "asking for the libraries", error);
        let answer =
            self.client()?.get(&format!("/rest/getMusicFolders?{}", self.sign_in), "").map_err(failed)?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.start).unwrap_or_default();
        let folders = answer["subsonic-response"]["musicFolders"]["musicFolder"].as_array();
        let name = folder.file_name().and_then(|name| name.to_str());
        let found = folders.into_iter().flatten().find(|one| one["name"].as_str() == name);
        let number = found.and_then(|one| one["id"].as_i64()).map(|number| number.to_string());
        number
            .ok_or_else(|| Error::new(ErrorKind::Failed, format!("there is no library {name:?} in {answer}")))
    }

    /// The largest resident memory of the scan, or of the server so far, in MiB.
    pub(super) fn peak_mib(&self) -> f64 {
        let scan = self.scan.map_or(0.0, |scan| scan.peak_kib as f64 / 1_024.0);
        self.process.peak_mib().max(scan)
    }

    /// Brings the database into the page cache. A machine that takes idle memory away has taken the one by the time that the
    /// other's library is there, and then it is the disk that is measured.
    pub(super) fn warm(&self) -> Result<()> {
        let read = |path: &Path| std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink());
        let failed =
            |error| Error::because(ErrorKind::Io, format!("reading {}", self.database.display()), error);
        read(&self.database).map(drop).map_err(failed)
    }

    pub(super) fn client(&self) -> Result<Client> {
        let failed = |error| Error::because(ErrorKind::Failed, format!("connecting to {}", self.name), error);
        Client::connect(self.process.address).map_err(failed)
    }

    /// Waits until the server has looked at its library, which it does at each start.
    fn settled(&self, within: Duration) -> Result<()> {
        let mut client = self.client()?;
        let target = format!("/rest/getScanStatus?{}", self.sign_in);
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            let answer = client
                .get(&target, "")
                .map_err(|error| Error::because(ErrorKind::Failed, "asking for the scan", error))?;
            if String::from_utf8_lossy(&answer.start).contains("\"scanning\":false") {
                return Ok(());
            }
            server::pause(Duration::from_millis(100));
        }
        Err(Error::new(ErrorKind::Failed, "the server's scan does not end"))
    }
}
