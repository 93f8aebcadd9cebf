//! The files that the rules look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{Error, ErrorKind, Result, files};

/// Endings of files that are text and ours.
const TEXTS: &[&str] = &[
    "conf", "css", "html", "js", "json", "md", "py", "rs", "service", "sh", "sql", "toml", "ts", "txt",
    "yaml", "yml",
];

/// The texts of a checkout by their path from its root, and the paths of all files.
#[derive(Debug, Default)]
pub struct Tree {
    texts: BTreeMap<String, String>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads a checkout.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when a folder or a text cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        for path in files::ours(root)? {
            let inside = path
                .strip_prefix(root)
                .map_err(|error| Error::because(ErrorKind::Io, path.display().to_string(), error))?;
            let name = inside.to_string_lossy().into_owned();
            let text = inside.extension().is_some_and(|ending| TEXTS.iter().any(|known| ending == *known));
            if text || name == ".ci/run" {
                tree.texts.insert(name.clone(), files::read_text(&path)?);
            }
            tree.paths.insert(name);
        }
        Ok(tree)
    }

    /// A tree from paths and texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<String, String> =
            texts.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        Self { paths: texts.keys().cloned().collect(), texts }
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All texts, by path.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The texts whose path ends in `.` and this.
    pub(super) fn ending(&self, ending: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.rsplit_once('.').is_some_and(|(_, last)| last == ending))
    }

    /// Whether there is a file or a folder of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below))
    }
}

/// Whether a Rust file holds only tests: it lies in a `tests` folder, is called `tests.rs`, or belongs to a crate that
/// tests or builds the server and is no part of it.
pub(super) fn only_tests(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Whether a file is part of the server.
pub(super) fn of_the_server(path: &str) -> bool {
    ["core/", "edges/", "programs/"].iter().any(|folder| path.starts_with(folder))
}
