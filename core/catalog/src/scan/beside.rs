//! The picture of a folder: `cover.jpg`, `folder.png` and their like, looked for once for all tracks beside it. A folder that
//! holds one disc of an album has the album's, unless it has one of its own.

use std::io;
use std::sync::OnceLock;

use budget::limits::{COVER_BYTES_MAX, COVER_CANDIDATES_MAX};
use store::{LibraryFolder, RelPath, Unseen, Walk};

use super::inventory::{FoundCover, Picture};
use super::picture::{SNIFF_BYTES, sniff};
use crate::model::CoverMark;

/// Names of pictures, the best first.
const STEMS: [&str; 4] = ["cover", "folder", "front", "album"];
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// What folders are called that hold one disc of an album each, before the disc's number. Albums are called by the word
/// "volume", so it is none of these.
const DISC_WORDS: [&str; 3] = ["cd", "disc", "disk"];
/// Digits of that number at most.
// format: how people number discs; four digits are a year
const DISC_DIGITS_MAX: usize = 3;

/// The pictures that a folder may have, and the one that it has, once somebody asked.
#[derive(Debug, Default)]
pub(super) struct Beside {
    candidates: Vec<RelPath>,
    likeliest: Option<Picture>,
    chosen: OnceLock<Option<FoundCover>>,
}

impl Beside {
    /// Goes through the names of the folder that a walk stands in, and where that is a disc's through those of the folder above
    /// it, whose picture is the album's. Looks at the best and opens nothing.
    ///
    /// # Errors
    /// The folder above a disc's cannot be listed, or a picture not be looked at: then nobody knows what the pictures are. What that
    /// hides is this folder.
    pub(super) fn of(
        folder: &LibraryFolder,
        place: Option<&RelPath>,
        walk: &mut Walk,
    ) -> Result<Self, store::Error> {
        let mut candidates = among(place, walk.names_beside());
        if let Some(disc) = place.filter(|place| is_disc(place.file_name())) {
            candidates.extend(among(disc.parent().as_ref(), walk.names_above()?));
        }
        candidates.truncate(COVER_CANDIDATES_MAX);
        let likeliest = likeliest(folder, &candidates).map_err(|e| store::Error {
            unseen: Some(place.cloned().map_or(Unseen::Rest, Unseen::Path)),
            ..e
        })?;
        Ok(Beside { candidates, likeliest, chosen: OnceLock::new() })
    }

    /// The best by name, which need not be a picture, as it was when the walk came by. Opens nothing.
    pub(super) fn likeliest(&self) -> Option<&Picture> {
        self.likeliest.as_ref()
    }

    /// The first that is a picture by its content and not too large. Blocks the first time.
    pub(super) fn cover(&self, folder: &LibraryFolder) -> Option<FoundCover> {
        let choose = || self.candidates.iter().find_map(|path| look(folder, path));
        self.chosen.get_or_init(choose).clone()
    }
}

/// The first of them that is there.
fn likeliest(folder: &LibraryFolder, candidates: &[RelPath]) -> Result<Option<Picture>, store::Error> {
    for path in candidates {
        match folder.stamp(path) {
            Ok(stamp) => return Ok(Some(Picture { path: path.clone(), mark: Some(CoverMark::of(&stamp)) })),
            Err(e) if e.kind == store::ErrorKind::Io => return Err(e),
            // It went since its name was read, or leads out of the library.
            Err(_) => {}
        }
    }
    Ok(None)
}

/// The paths of the names that pictures of a folder (`None` is the root) have, the best first.
fn among<'a>(folder: Option<&RelPath>, names: impl Iterator<Item = &'a str>) -> Vec<RelPath> {
    let mut ranked: Vec<(usize, &str)> = names.filter_map(|name| Some((rank(name)?, name))).collect();
    ranked.sort_unstable();
    let path = |name: &str| match folder {
        Some(folder) => folder.join(name),
        None => RelPath::parse(name),
    };
    ranked.into_iter().take(COVER_CANDIDATES_MAX).filter_map(|(_, name)| path(name).ok()).collect()
}

/// Whether a folder of that name holds one disc of an album: `CD1`, `Disc 02`, `disk_3`, `cd 1 - Title`.
fn is_disc(name: &str) -> bool {
    let rest = DISC_WORDS.iter().find_map(|word| {
        let (start, rest) = name.split_at_checked(word.len())?;
        start.eq_ignore_ascii_case(word).then_some(rest)
    });
    let Some(rest) = rest else { return false };
    let number = rest.trim_start_matches([' ', '.', '_', '-', '#']);
    let behind = number.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = number.len() - behind.len();
    (1..=DISC_DIGITS_MAX).contains(&digits) && !behind.starts_with(char::is_alphanumeric)
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
    let mark = Some(CoverMark::of(&source.stamp()));
    Some(FoundCover { path: path.clone(), offset: 0, count: None, content_type, mark })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use store::Part;

    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and so on, long enough";

    /// The cover of what lies where the first file of this part does.
    fn beside(root: &Path, part: Part) -> Option<String> {
        let folder = Arc::new(LibraryFolder::open(root).unwrap());
        let mut walk = folder.walk().only(part);
        let place = walk.next().unwrap().unwrap().path.parent();
        let beside = Beside::of(&folder, place.as_ref(), &mut walk).unwrap();
        beside.cover(&folder).map(|cover| cover.path.as_str().to_owned())
    }

    fn put(root: &Path, file: &str, content: &[u8]) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_disc_is_told_by_the_name_of_its_folder() {
        for (name, expected) in [
            ("CD1", true),
            ("cd 01", true),
            ("Disc 2", true),
            ("DISK_03", true),
            ("disc-10", true),
            ("Disc #1", true),
            ("CD. 1", true),
            ("cd 1 - Live at the Pond", true),
            ("Disc 2 (Bonus)", true),
            ("CD1: Reeds", true),
            ("CD", false),
            ("Disc One", false),
            ("Disc", false),
            ("Discovery", false),
            ("Disco 2000", false),
            ("CD 2000", false),
            ("CD1999", false),
            ("Disc 1st", false),
            ("cd1é", false),
            ("Bonus CD1", false),
            ("Vol. 4", false),
            ("Volume 1", false),
            ("é", false),
            ("", false),
        ] {
            assert_eq!(is_disc(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_disc_has_the_cover_of_its_album_unless_it_has_its_own() {
        type Files<'a> = &'a [(&'a str, &'a [u8])];
        // what lies there, the folder of a song, its cover
        let cases: &[(Files<'_>, &str, Option<&str>)] = &[
            (&[("a/cover.jpg", JPEG)], "a/CD1", Some("a/cover.jpg")),
            (
                &[("a/cover.jpg", JPEG), ("a/CD1/album.gif", b"GIF89a and so on ...")],
                "a/CD1",
                Some("a/CD1/album.gif"),
            ),
            (
                &[("a/cover.jpg", JPEG), ("a/CD1/cover.jpg", b"no picture at all")],
                "a/CD1",
                Some("a/cover.jpg"),
            ),
            (&[("cover.jpg", JPEG)], "CD1", Some("cover.jpg")),
            (&[("cover.jpg", JPEG)], "a/CD1", None),
            (&[("a/cover.jpg", JPEG)], "a/Bonus", None),
            (&[("a/cover.jpg", JPEG)], "a/CD1/Bonus", None),
            (&[("a/CD2/cover.jpg", JPEG)], "a/CD1", None),
        ];
        for (files, place, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            put(root.path(), &format!("{place}/0.mp3"), b"");
            files.iter().for_each(|(file, content)| put(root.path(), file, content));
            let place = RelPath::parse(place).unwrap();
            // Whoever looks at the disc alone comes to the same end as who comes from the album.
            for part in [Part::files_of(Some(place.clone())), Part::beneath(place.clone())] {
                assert_eq!(beside(root.path(), part).as_deref(), *expected, "{files:?}, {place}");
            }
        }
    }

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
            files.iter().for_each(|(name, content)| put(root.path(), &format!("a/{name}"), content));
            let chosen = beside(root.path(), Part::all());
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
        assert_eq!(beside(root.path(), Part::all()), None);
    }
}
