//! A server with one folder for everybody and one for those who signed in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::http::{Answer, Fields};
use tests::{Options, Server, media};

/// How long a rendition may take on a machine that has other things to do.
pub(crate) const WITHIN: Duration = Duration::from_secs(120);
/// A client that takes nothing but whole files with a length.
pub(crate) const WHOLE_ONLY: (&str, &str) = ("User-Agent", "AppleCoreMedia/1.0");

pub(crate) struct House {
    pub(crate) server: Server,
    /// The first of these has the data folder of all.
    former: Vec<Server>,
    clips: tempfile::TempDir,
}

impl House {
    /// A server whose configuration begins with this text; `tags` and more keys of the public origin are in `origin`.
    pub(crate) fn new(config: &str, origin: &str) -> House {
        let clips = tempfile::tempdir().expect("a folder");
        for folder in ["public", "private"] {
            std::fs::create_dir(clips.path().join(folder)).expect("a folder");
        }
        let root = clips.path().display();
        let config = format!(
            "{config}\n[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}/public\"\npublic = true\n{origin}\n\
             [[cdn.origin]]\nname = \"own\"\npath = \"/own/\"\nfolder = \"{root}/private\"\n"
        );
        let server = Server::start(&Options::default().config(&config));
        House { server, former: Vec::new(), clips }
    }

    /// Starts a server again on what the last one left.
    pub(crate) fn start_again(&mut self) {
        let again = Server::start(&Options::on(&self.server));
        self.former.push(std::mem::replace(&mut self.server, again));
    }

    pub(crate) fn public(&self, name: &str) -> PathBuf {
        self.clips.path().join("public").join(name)
    }

    pub(crate) fn private(&self, name: &str) -> PathBuf {
        self.clips.path().join("private").join(name)
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.server.get(target, &[WHOLE_ONLY])
    }

    /// As somebody who may have everything made.
    pub(crate) fn signed_in(&self, target: &str) -> Answer {
        self.server.get(target, &[("Authorization", &self.server.mira.bearer()), WHOLE_ONLY])
    }

    pub(crate) fn post(&self, target: &str, bearer: &str, body: &str) -> Answer {
        let fields: Fields<'_> = &[("Authorization", bearer), ("Content-Type", "application/json")];
        self.server.send("POST", target, fields, body.as_bytes())
    }

    /// Runs a command on the data folder, with the same configuration; what it printed.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let config = self.server.config.display().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--config", &config]).collect();
        let output = self.server.command(&arguments, "");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Asks until it comes out of the cache.
    pub(crate) fn kept(&self, target: &str) -> Answer {
        self.server.kept(target, &[("Authorization", &self.server.mira.bearer()), WHOLE_ONLY])
    }

    /// The files of renditions, by their names.
    pub(crate) fn made(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = walk(&self.server.data.join("cache/made"));
        files.retain(|file| file.extension().is_none());
        files.sort();
        files
    }
}

impl House {
    /// As if no rendition had been looked at for a long time. Nobody may serve the folder.
    pub(crate) fn forget_when_they_were_checked(&self) {
        let path = self.server.data.join("cache.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let index = catalog::cache::Index::open(&path).await.expect("the index");
            let rows = index.by_use(None).await.expect("its rows");
            let slots: Vec<i64> = rows.iter().map(|row| row.slot).collect();
            index.mark_checked(&slots, 0).await.expect("it is written");
            index.close().await;
        });
    }
}

/// All files beneath a folder.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.flat_map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => walk(&entry.path()),
        _ => vec![entry.path()],
    });
    each.collect()
}

/// A settled video of so many seconds, another one for each hue.
pub(crate) fn video(to: &Path, size: &str, seconds: u32, hue: u32) {
    another(to, size, seconds, hue);
    media::settle(to);
}

/// The same of this very moment: it is settled later.
pub(crate) fn another(to: &Path, size: &str, seconds: u32, hue: u32) {
    media::video(to, size, seconds, &["-vf", &format!("hue=h={hue}")]);
}

/// Settled noise.
pub(crate) fn noise(to: &Path, seconds: u32) {
    media::noise(to, seconds);
    media::settle(to);
}
