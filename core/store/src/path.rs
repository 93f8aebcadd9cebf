//! A name within a folder, which exists only parsed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// The longest relative path, in bytes.
// format: Linux's `PATH_MAX`
const PATH_BYTES_MAX: usize = 4096;
/// The longest name of one file or folder, in bytes.
// format: Linux's `NAME_MAX`
const NAME_BYTES_MAX: usize = 255;

/// The path of a file beneath a folder: UTF-8, parts joined by `/`, none of them empty, `.` or `..`, no NUL, never
/// absolute. At most 4,096 bytes, 255 in each part. Paths compare by their bytes; a clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Arc<str>);

impl RelPath {
    /// Parses a path.
    ///
    /// # Errors
    /// [`ErrorKind::Escapes`] when it is absolute or has a part `..`; [`ErrorKind::NotFound`] when no file could be
    /// called so.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.starts_with('/') {
            return Err(refused(ErrorKind::Escapes, text, "it is absolute"));
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(refused(ErrorKind::NotFound, text, "it is longer than 4096 bytes"));
        }
        for part in text.split('/') {
            check_part(part, text)?;
        }
        Ok(RelPath(text.into()))
    }

    /// The path of one name in a folder (`None` is the root): [`RelPath::parse`] without a second look at the folder,
    /// because a walk makes one of these for each file of a library.
    pub(crate) fn child(folder: Option<&RelPath>, name: &str) -> Result<Self, Error> {
        let Some(folder) = folder else { return RelPath::parse(name) };
        let mut text = String::with_capacity(folder.0.len() + 1 + name.len());
        text.push_str(&folder.0);
        text.push('/');
        text.push_str(name);
        if name.contains('/') || text.len() > PATH_BYTES_MAX {
            return RelPath::parse(&text);
        }
        check_part(name, &text)?;
        Ok(RelPath(text.into()))
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The folder that it lies in; `None` for a file in the root.
    pub fn parent(&self) -> Option<RelPath> {
        self.0.rsplit_once('/').map(|(parent, _)| RelPath(parent.into()))
    }

    /// The folders that lead to it, the uppermost first, and itself at the end.
    pub(crate) fn steps(&self) -> impl Iterator<Item = RelPath> {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain([self.0.len()]);
        ends.filter_map(|end| self.0.get(..end)).map(|start| RelPath(start.into()))
    }

    /// What follows the last dot of the name, in lower case; `None` when there is no dot, or only a leading one.
    pub fn extension(&self) -> Option<String> {
        match self.file_name().rsplit_once('.') {
            Some(("", _)) | None => None,
            Some((_, extension)) => Some(extension.to_lowercase()),
        }
    }

    /// The file's name without its extension.
    pub fn stem(&self) -> &str {
        match self.file_name().rsplit_once('.') {
            Some(("", _)) | None => self.file_name(),
            Some((stem, _)) => stem,
        }
    }

    /// Whether this is `folder` or lies somewhere beneath it.
    pub fn is_within(&self, folder: &RelPath) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The path of `name` in the folder that this path names.
    ///
    /// # Errors
    /// As [`RelPath::parse`]; `name` may have several parts.
    pub fn join(&self, name: &str) -> Result<RelPath, Error> {
        RelPath::parse(&format!("{}/{name}", self.0))
    }

    pub(crate) fn as_path(&self) -> &Path {
        Path::new(&*self.0)
    }
}

fn check_part(part: &str, text: &str) -> Result<(), Error> {
    match part {
        ".." => Err(refused(ErrorKind::Escapes, text, "it has a part \"..\"")),
        "" | "." => Err(refused(ErrorKind::NotFound, text, "it has an empty part")),
        part if part.len() > NAME_BYTES_MAX => {
            Err(refused(ErrorKind::NotFound, text, "a part is longer than 255 bytes"))
        }
        part if part.contains('\0') => Err(refused(ErrorKind::NotFound, text, "it has a NUL byte")),
        _ => Ok(()),
    }
}

/// An error that says why without repeating a name of any length.
fn refused(kind: ErrorKind, text: &str, why: &str) -> Error {
    let start: String = text.chars().take(80).collect();
    Error::new(kind, format!("{start:?} is no path in a folder: {why}"))
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RelPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn p07_a_path_exists_only_when_it_stays_in_its_folder() {
        let long_part = "a".repeat(256);
        let long_path = "a/".repeat(2048) + "a";
        let cases: &[(&str, Result<(), ErrorKind>)] = &[
            ("a.mp3", Ok(())),
            ("Å/ö/…/x", Ok(())),
            ("a/..b/c", Ok(())),
            ("a/.hidden", Ok(())),
            ("back\\slash", Ok(())),
            ("a b/%2e%2e/c", Ok(())),
            (&"a".repeat(255), Ok(())),
            (&long_path[..4095], Ok(())),
            ("", Err(ErrorKind::NotFound)),
            (".", Err(ErrorKind::NotFound)),
            ("a/./b", Err(ErrorKind::NotFound)),
            ("a//b", Err(ErrorKind::NotFound)),
            ("a/", Err(ErrorKind::NotFound)),
            ("a\0b", Err(ErrorKind::NotFound)),
            (&long_part, Err(ErrorKind::NotFound)),
            (&long_path, Err(ErrorKind::NotFound)),
            ("..", Err(ErrorKind::Escapes)),
            ("../a", Err(ErrorKind::Escapes)),
            ("a/../b", Err(ErrorKind::Escapes)),
            ("a/..", Err(ErrorKind::Escapes)),
            ("/", Err(ErrorKind::Escapes)),
            ("/etc/passwd", Err(ErrorKind::Escapes)),
        ];
        for (text, expected) in cases {
            let parsed =
                RelPath::parse(text).map(|path| assert_eq!(path.as_str(), *text)).map_err(|e| e.kind);
            assert_eq!(parsed, *expected, "{text:?}");
        }
    }

    #[test]
    fn a_path_knows_its_parts() {
        // path, name, parent, extension, stem
        let cases = [
            ("a.MP3", "a.MP3", None, Some("mp3"), "a"),
            ("x/y/a.b.Flac", "a.b.Flac", Some("x/y"), Some("flac"), "a.b"),
            ("x/.hidden", ".hidden", Some("x"), None, ".hidden"),
            ("x.d/plain", "plain", Some("x.d"), None, "plain"),
            ("dot.", "dot.", None, Some(""), "dot"),
        ];
        for (text, name, parent, extension, stem) in cases {
            let path = RelPath::parse(text).unwrap();
            assert_eq!(path.file_name(), name, "{text}");
            assert_eq!(path.parent().as_ref().map(RelPath::as_str), parent, "{text}");
            assert_eq!(path.extension().as_deref(), extension, "{text}");
            assert_eq!(path.stem(), stem, "{text}");
        }
    }

    #[test]
    fn within_means_whole_parts() {
        let folder = RelPath::parse("a/b").unwrap();
        for (text, expected) in
            [("a/b", true), ("a/b/c", true), ("a/bc", false), ("a", false), ("x/a/b", false)]
        {
            assert_eq!(RelPath::parse(text).unwrap().is_within(&folder), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_child_is_what_its_whole_path_parses_to(folder in "[ab./]{1,6}", name in "[ab./\\x00]{0,6}") {
            if let Ok(folder) = RelPath::parse(&folder) {
                let whole = RelPath::parse(&format!("{folder}/{name}")).map_err(|e| e.to_string());
                prop_assert_eq!(RelPath::child(Some(&folder), &name).map_err(|e| e.to_string()), whole);
            }
        }

        #[test]
        fn what_parses_has_only_proper_parts(text in "[a./\\x00ü]{0,12}") {
            if let Ok(path) = RelPath::parse(&text) {
                let parts: Vec<&str> = path.as_str().split('/').collect();
                prop_assert!(parts.iter().all(|part| !["", ".", ".."].contains(part) && !part.contains('\0')));
            }
        }
    }
}
