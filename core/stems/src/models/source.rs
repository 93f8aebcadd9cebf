//! Where a model is taken from: a wheel, or a folder with its files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::registry::Model;
use crate::{Error, ErrorKind, Result};

/// What has the files of a model.
pub(super) enum Source {
    /// A wheel, which is a zip, and the folder in it.
    Wheel { archive: ZipArchive<File>, inside: &'static str },
    /// A folder, which has them directly.
    Folder(PathBuf),
}

impl Source {
    pub(super) fn open(from: &Path, model: &Model) -> Result<Self> {
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Model,
                format!("{} has no model `{}`: {why}; {}", from.display(), model.name, model.how_to_add()),
            )
        };
        let found = from.metadata().map_err(|e| wrong(e.to_string()))?;
        if found.is_dir() {
            let inner = from.join(model.origin.inside);
            return Ok(Source::Folder(if inner.is_dir() { inner } else { from.to_owned() }));
        }
        let file = File::open(from).map_err(|e| wrong(e.to_string()))?;
        match ZipArchive::new(file) {
            Ok(archive) => Ok(Source::Wheel { archive, inside: model.origin.inside }),
            Err(e) => Err(wrong(format!("it is neither a folder nor a wheel ({e})"))),
        }
    }

    /// One of its files.
    pub(super) fn file(&mut self, name: &str) -> Result<Box<dyn Read + '_>> {
        let missing = |why: String| Error::new(ErrorKind::Model, format!("{name} cannot be read: {why}"));
        match self {
            Source::Wheel { archive, inside } => archive
                .by_name(&format!("{inside}{name}"))
                .map(|file| Box::new(file) as Box<dyn Read>)
                .map_err(|e| missing(e.to_string())),
            Source::Folder(folder) => File::open(folder.join(name))
                .map(|file| Box::new(file) as Box<dyn Read>)
                .map_err(|e| missing(e.to_string())),
        }
    }
}
