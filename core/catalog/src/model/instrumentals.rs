//! Instrumentals: where the accompaniments of songs stand among libraries, and where their bytes lie.

use budget::limits::INSTRUMENTAL_NAME_BYTES_MAX;
use store::{FolderId, RelPath, RenditionKey};

/// The folder that people see of all instrumentals. It has no row: each library has a twin of its own for those of its
/// songs, and this is all twins that somebody sees.
pub const INSTRUMENTALS: FolderId = FolderId(-2);

/// The twin of a library.
pub(crate) fn twin_of(library: FolderId) -> FolderId {
    FolderId(-(library.0 + 3))
}

/// Whether a library is the twin of one.
pub(crate) fn is_twin(library: FolderId) -> bool {
    library.0 < INSTRUMENTALS.0
}

/// The library that has the files of songs whose instrumentals are in this one; any other is its own.
pub(crate) fn home_of(library: FolderId) -> FolderId {
    if is_twin(library) { FolderId(-library.0 - 3) } else { library }
}

/// The path of an instrumental: the key of its bytes, and what it is called when it is saved.
pub(crate) fn path_of(key: &RenditionKey, song: &RelPath) -> Option<RelPath> {
    let name = song.file_name();
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut end = name.len().min(INSTRUMENTAL_NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    RelPath::parse(&format!("{key}/{} (Instrumental).wav", &name[..end])).ok()
}

/// The key in such a path.
pub(crate) fn key_in(library: FolderId, path: &RelPath) -> Option<RenditionKey> {
    let (key, _) = path.as_str().split_once('/').filter(|_| is_twin(library))?;
    key.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_has_one_twin_and_a_twin_one_home() {
        for id in [0, 1, 2, 500] {
            let twin = twin_of(FolderId(id));
            assert!(is_twin(twin) && !is_twin(FolderId(id)), "{id}");
            assert_eq!((home_of(twin), home_of(FolderId(id))), (FolderId(id), FolderId(id)));
        }
        assert!(!is_twin(INSTRUMENTALS) && !is_twin(FolderId(-1)));
    }

    #[test]
    fn a_path_has_its_key_and_a_name() {
        let key = RenditionKey::from_bytes([7; 32]);
        let long = "ä".repeat(127);
        for (song, name) in [
            ("Artist/01 A song.flac", "01 A song (Instrumental).wav".to_owned()),
            ("song", "song (Instrumental).wav".to_owned()),
            (long.as_str(), format!("{} (Instrumental).wav", "ä".repeat(100))),
        ] {
            let path = path_of(&key, &RelPath::parse(song).unwrap()).unwrap();
            assert_eq!(path.file_name(), name);
            assert_eq!(key_in(twin_of(FolderId(1)), &path), Some(key));
            assert_eq!(key_in(FolderId(1), &path), None, "a folder of a library may be called anything");
        }
        assert_eq!(key_in(twin_of(FolderId(1)), &RelPath::parse("a/b.wav").unwrap()), None);
    }
}
