//! A data folder on which one server after the other is started, and what may lie in it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tests::{Login, Options, Server};

/// Uploads of any number and speed; a step of disk work at a time, so that a run can be repeated. No ffmpeg is looked for:
/// `strace` never lets go of a thread that waits for the child that it starts.
pub(crate) const CONFIG: &str = "[limits]\nuploads_per_user = 1000\n[store]\nfree_bytes_min = \"16MiB\"\nio_threads = 1\n\
    [transform]\nffmpeg = \"/nowhere/ffmpeg\"\n";

/// A data folder with its people, in which no server runs.
pub(crate) struct Ground {
    pub(crate) data: PathBuf,
    pub(crate) admin: Login,
    pub(crate) mira: Login,
    _temporary: Option<tempfile::TempDir>,
}

impl Ground {
    /// In a temporary folder.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let data = temporary.path().join("data");
        fs::create_dir(&data).expect("a folder");
        Ground { _temporary: Some(temporary), ..Self::at(&data) }
    }

    /// In this empty folder.
    pub(crate) fn at(data: &Path) -> Self {
        let mut first = Server::start(&Options::default());
        let (admin, mira) = (first.admin.clone(), first.mira.clone());
        first.stop();
        copy(&first.data, data);
        Ground { data: data.to_path_buf(), admin, mira, _temporary: None }
    }

    pub(crate) fn options(&self, config: &str) -> Options {
        Options {
            data: Some(self.data.clone()),
            people: Some((self.admin.clone(), self.mira.clone())),
            ..Options::default()
        }
        .config(config)
    }

    /// Starts a server that was not made for speed of starting: how fast it was it says itself.
    pub(crate) fn start(&self) -> Server {
        Server::start(&self.options(CONFIG))
    }
}

/// A folder with what is in it; files that only a running server has stay away.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut command = std::process::Command::new("cp");
    let status = command.arg("-a").arg(from.join(".")).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()), "{} could not be copied", from.display());
    let _ = fs::remove_file(to.join("lock"));
}

/// Every file below a folder, by its path there, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(folder).expect("below").display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// The names of the stored blobs: the hexadecimal digits of their SHA-256.
pub(crate) fn blobs(data: &Path) -> Vec<String> {
    let files = files(&data.join("blobs"));
    let names = files.iter().filter_map(|path| Path::new(path).file_name()?.to_str());
    names.filter(|name| name.len() == 64).map(str::to_owned).collect()
}

/// What is wrong with the stored blobs: a name that does not fit the bytes.
pub(crate) fn wrong_blobs(data: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for path in files(&data.join("blobs")) {
        let name = Path::new(&path).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.len() == 64 {
            let (digest, length) = digest(&data.join("blobs").join(&path));
            if digest != name {
                wrong.push(format!("blobs/{path} has {length} bytes whose SHA-256 is {digest}"));
            }
        }
    }
    wrong
}

/// The SHA-256 of a file, read piece by piece, and its length.
fn digest(path: &Path) -> (String, u64) {
    let mut file = File::open(path).expect("a blob");
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut piece = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut piece).expect("a blob can be read");
        if count == 0 {
            return (hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), length);
        }
        hash.update(&piece[..count]);
        length += count as u64;
    }
}

/// What lies in the spool.
pub(crate) fn spool(data: &Path) -> Vec<String> {
    files(&data.join("spool"))
}
