//! Files of the checkout: where it lies, how its texts are read, and which of them are ours.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result};

/// Folders that hold what was built or fetched, never what we wrote.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules", "dist", "demo", "millpond-data"];

/// The folder that the workspace's `Cargo.toml` lies in.
///
/// Cargo names the crate's folder to what it runs; a program that is started without Cargo uses the folder that it
/// was built from.
pub fn workspace() -> PathBuf {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| built_from.to_path_buf(), PathBuf::from);
    folder
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("Cargo.lock").is_file())
        .or(built_from.parent())
        .unwrap_or(Path::new("."))
        .to_path_buf()
}

/// The folder that Cargo builds into, `target` in the workspace unless `CARGO_TARGET_DIR` says otherwise.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// The whole text of a file.
///
/// # Errors
/// [`ErrorKind::Io`] with the path when it cannot be read or is not UTF-8.
#[expect(clippy::disallowed_methods, reason = "files of the checkout are ours and small")]
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::because(ErrorKind::Io, format!("reading {}", path.display()), error))
}

/// The whole content of a file.
///
/// # Errors
/// [`ErrorKind::Io`] with the path when it cannot be read.
#[expect(clippy::disallowed_methods, reason = "files that the workshop made itself and knows to be small")]
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path)
        .map_err(|error| Error::because(ErrorKind::Io, format!("reading {}", path.display()), error))
}

/// Writes a file, with the folders above it.
///
/// # Errors
/// [`ErrorKind::Io`] with the path when a folder or the file cannot be written.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let failed = |error| Error::because(ErrorKind::Io, format!("writing {}", path.display()), error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`ErrorKind::Io`] with the path when it cannot be made.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path)
        .map_err(|error| Error::because(ErrorKind::Io, format!("making {}", path.display()), error))
}

/// Removes a folder with everything in it; a folder that is not there is fine.
///
/// # Errors
/// [`ErrorKind::Io`] with the path when it cannot be removed.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::because(ErrorKind::Io, format!("removing {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// Every file under a folder that we wrote ourselves, in the order of its path.
///
/// # Errors
/// [`ErrorKind::Io`] with the path of a folder that cannot be read.
pub fn ours(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error| Error::because(ErrorKind::Io, format!("reading {}", folder.display()), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name();
            if kind.is_dir() && !NOT_OURS.iter().any(|other| name == *other) {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
