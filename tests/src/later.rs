//! A library folder to which music comes, and from which it goes, while a server watches.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A library folder that is empty at first.
#[derive(Debug)]
pub struct Later {
    /// The folder to serve.
    pub folder: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Later {
    /// A new one.
    ///
    /// # Panics
    /// When no folder can be made.
    pub fn empty() -> Self {
        // Beside the generated libraries, so that names of their files can be made here.
        let beside = xtask::files::target().join("tests");
        std::fs::create_dir_all(&beside).expect("target/tests");
        let temporary = tempfile::tempdir_in(beside).expect("a temporary folder");
        let folder = temporary.path().join("later");
        std::fs::create_dir(&folder).expect("a folder");
        Later { folder, _temporary: temporary }
    }

    /// Second names for all files of a generated folder, at once: a copy would take longer than the scan.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn fill(&self, from: &Path) {
        let mut copy = Command::new("cp");
        let status = copy.args(["-al", "--"]).arg(from).arg(&self.folder).status();
        assert!(status.is_ok_and(|status| status.success()), "the library could not be put into its folder");
    }

    /// Takes one of these folders away again.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub fn remove(&self, from: &Path) {
        let name = from.file_name().expect("a folder with a name");
        std::fs::remove_dir_all(self.folder.join(name)).expect("what came to be removed");
    }
}
