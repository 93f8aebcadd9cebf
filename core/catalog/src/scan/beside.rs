//! The picture of a folder: `cover.jpg`, `folder.png` and their like, looked for once for all tracks beside it.

use std::io;
use std::sync::OnceLock;

use budget::limits::{COVER_BYTES_MAX, COVER_CANDIDATES_MAX};
use store::{LibraryFolder, RelPath};

use super::inventory::FoundCover;
use super::picture::{SNIFF_BYTES, sniff};

/// Names of pictures, the best first.
const STEMS: [&str; 4] = ["cover", "folder", "front", "album"];
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// The pictures that a folder may have, and the one that it has, once somebody asked.
#[derive(Debug, Default)]
pub(super) struct Beside {
    candidates: Vec<RelPath>,
    chosen: OnceLock<Option<FoundCover>>,
}

impl Beside {
    /// Goes through the names of a folder (`None` is the root) and opens nothing.
    pub(super) fn among<'a>(folder: Option<&RelPath>, names: impl Iterator<Item = &'a str>) -> Self {
        let mut ranked: Vec<(usize, &str)> = names.filter_map(|name| Some((rank(name)?, name))).collect();
        ranked.sort_unstable();
        let path = |name: &str| match folder {
            Some(folder) => folder.join(name),
            None => RelPath::parse(name),
        };
        let candidates =
            ranked.into_iter().take(COVER_CANDIDATES_MAX).filter_map(|(_, name)| path(name).ok()).collect();
        Beside { candidates, chosen: OnceLock::new() }
    }

    /// The best by name, which need not be a picture. Opens nothing.
    pub(super) fn likeliest(&self) -> Option<&RelPath> {
        self.candidates.first()
    }

    /// The first that is a picture by its content and not too large. Blocks the first time.
    pub(super) fn cover(&self, folder: &LibraryFolder) -> Option<FoundCover> {
        let choose = || self.candidates.iter().find_map(|path| look(folder, path));
        self.chosen.get_or_init(choose).clone()
    }
}

/// Whether a picture of that name may be the cover of what lies beside it.
pub(super) fn is_picture_name(name: &str) -> bool {
    rank(name).is_some()
}

/// How good a name is, without regard to case; `None` is no name of a picture.
fn rank(name: &str) -> Option<usize> {
    let (stem, extension) = name.rsplit_once('.')?;
    let stem = STEMS.iter().position(|known| known.eq_ignore_ascii_case(stem))?;
    let extension = EXTENSIONS.iter().position(|known| known.eq_ignore_ascii_case(extension))?;
    Some(stem * EXTENSIONS.len() + extension)
}

fn look(folder: &LibraryFolder, path: &RelPath) -> Option<FoundCover> {
    let source = folder.open_source(path).ok()?;
    if source.len() > COVER_BYTES_MAX {
        tracing::warn!(%path, bytes = source.len(), "a cover is larger than a cover may be and is left out");
        return None;
    }
    let mut start = [0; SNIFF_BYTES];
    let count: io::Result<usize> = source.read_at(&mut start, 0);
    let content_type = sniff(start.get(..count.ok()?)?)?;
    Some(FoundCover { path: path.clone(), offset: 0, count: None, content_type })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and so on, long enough";

    #[test]
    fn the_best_picture_by_name_that_is_one_by_content_is_chosen() {
        type Files<'a> = &'a [(&'a str, &'a [u8])];
        // names with content, the chosen one
        let cases: &[(Files<'_>, Option<&str>)] = &[
            (&[("cover.jpg", JPEG)], Some("cover.jpg")),
            (&[("Folder.JPG", JPEG), ("front.png", JPEG)], Some("Folder.JPG")),
            (
                &[("cover.png", b"no picture at all, but long"), ("album.gif", b"GIF89a and so on ...")],
                Some("album.gif"),
            ),
            (&[("cover.jpg.txt", JPEG), ("my cover.jpg", JPEG), ("cover", JPEG)], None),
            (&[("cover.jpg", b"")], None),
            (&[("COVER.WebP", b"RIFF\x10\0\0\0WEBPVP8 ")], Some("COVER.WebP")),
        ];
        for (files, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("a")).unwrap();
            for (name, content) in *files {
                fs::write(root.path().join("a").join(name), content).unwrap();
            }
            let folder = LibraryFolder::open(root.path()).unwrap();
            let beside =
                Beside::among(RelPath::parse("a").ok().as_ref(), files.iter().map(|(name, _)| *name));
            let chosen = beside.cover(&folder).map(|cover| cover.path.as_str().to_owned());
            assert_eq!(chosen, expected.map(|name| format!("a/{name}")), "{files:?}");
        }
    }

    #[test]
    fn a_picture_that_is_too_large_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cover.jpg"), JPEG).unwrap();
        fs::File::options()
            .write(true)
            .open(root.path().join("cover.jpg"))
            .unwrap()
            .set_len(COVER_BYTES_MAX + 1)
            .unwrap();
        let folder = LibraryFolder::open(root.path()).unwrap();
        assert_eq!(Beside::among(None, ["cover.jpg"].into_iter()).cover(&folder), None);
    }
}
