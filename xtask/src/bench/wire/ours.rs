//! Millpond as people run it: catalog, sign-in, limits and metrics on, the sound behind signed links.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::walls::Walls;
use super::super::{account, server};
use super::music::{Music, Part};
use crate::{Error, ErrorKind, Result, run};

const SENDFILE_BYTES: &str = "millpond_wire_bytes_total{how=\"sendfile\"}";
/// A scan of ten files is long done by then.
const SCAN: Duration = Duration::from_secs(120);

/// A data folder with a user, and links to every file, which outlive the server that signed them.
pub(super) struct Ours {
    pub(super) binary: PathBuf,
    data: PathBuf,
    key: String,
    links: BTreeMap<String, String>,
    /// Whether the binary has a wire that can be switched off.
    pub(super) has_wire: bool,
    flags: String,
}

impl Ours {
    /// Makes a user, lets a server scan, and signs the links.
    pub(super) fn prepared(binary: &Path, home: &Path, music: &Music) -> Result<Ours> {
        let data = home.join("data");
        let key = account::key(binary, &data)?;
        let flags = run::quiet(Command::new(binary).args(["serve", "--help"]))?;
        let has_wire = flags.contains("--stream-wire");
        let mut ours = Ours { binary: binary.to_owned(), data, key, links: BTreeMap::new(), has_wire, flags };
        let port = server::free_port()?;
        let words = ours.command(music, port, &[]);
        let _server = server::Process::start(&words, home, port, &Walls::default())?;
        let deadline = Instant::now() + SCAN;
        loop {
            let tracks = ours.tracks(port)?;
            if tracks.len() == Part::all().count() {
                for (title, id) in tracks {
                    let link = ours.link(port, &id)?;
                    ours.links.insert(title, link);
                }
                return Ok(ours);
            }
            if Instant::now() > deadline {
                return Err(Error::new(ErrorKind::Failed, "Millpond did not find the files of the bench"));
            }
            server::pause(Duration::from_millis(200));
        }
    }

    /// The command of a server with no limit in the way of one user with thousands of clients.
    pub(super) fn command(&self, music: &Music, port: u16, more: &[String]) -> Vec<String> {
        let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut command = vec![self.binary.display().to_string()];
        command.extend(words(format!(
            "serve --listen 127.0.0.1:{port} --memory-limit 2GiB --server-drain-ms 300"
        )));
        command.extend(words("--limits-connections 0 --limits-connections-per-address 0".to_owned()));
        command.extend(words("--limits-streams 0 --limits-streams-per-user 0 --data".to_owned()));
        command.push(self.data.display().to_string());
        command.extend(["--library".to_owned(), music.root.display().to_string()]);
        command.extend(more.iter().cloned());
        command
    }

    /// Whether the server has a flag of that name.
    pub(super) fn has_flag(&self, flag: &str) -> bool {
        self.flags.split_whitespace().any(|word| word == flag)
    }

    /// Path and query of the signed link to a file.
    pub(super) fn target(&self, part: Part) -> String {
        self.links.get(&part.title()).cloned().unwrap_or_default()
    }

    /// Bytes that a running server has sent by `sendfile`, from its metrics.
    pub(super) fn sendfile_bytes(&self, base: &str) -> Result<Option<f64>> {
        let text = self.api(&format!("{base}/metrics"), &["-H", "Accept: text/plain"])?;
        let line = text.lines().find_map(|line| line.strip_prefix(SENDFILE_BYTES));
        Ok(line.and_then(|value| value.trim().parse().ok()))
    }

    fn tracks(&self, port: u16) -> Result<Vec<(String, String)>> {
        let text = self.api(&format!("http://127.0.0.1:{port}/tracks?limit=100"), &[])?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|error| Error::because(ErrorKind::Failed, "reading the list of tracks", error))?;
        let list = answer.as_array().or_else(|| answer.as_object()?.values().find_map(Value::as_array));
        let text = |track: &Value, name: &str| track.get(name)?.as_str().map(str::to_owned);
        let tracks = list.into_iter().flatten();
        Ok(tracks.filter_map(|track| Some((text(track, "title")?, text(track, "id")?))).collect())
    }

    fn link(&self, port: u16, id: &str) -> Result<String> {
        let text = self.api(&format!("http://127.0.0.1:{port}/tracks/{id}/link"), &["-X", "POST"])?;
        let url = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|answer| answer.get("url")?.as_str().map(str::to_owned));
        let url = url.ok_or_else(|| Error::new(ErrorKind::Failed, format!("no link: {text}")))?;
        let path = url.split_once("://").and_then(|(_, rest)| Some(rest[rest.find('/')?..].to_owned()));
        Ok(path.unwrap_or(url))
    }

    fn api(&self, url: &str, more: &[&str]) -> Result<String> {
        let bearer = format!("Authorization: Bearer {}", self.key);
        run::quiet(Command::new("curl").args(["-sk", "-m", "10", "-H", &bearer]).args(more).arg(url))
    }
}
