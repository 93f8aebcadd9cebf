//! One part of a song that was taken apart: a recipe that no ffmpeg carries out, but a child of our own.

use sha2::{Digest as _, Sha256};
use store::Validator;

use super::{Key, PROFILE};

/// What makes a stem the one that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stem {
    /// By which engine.
    pub engine: &'static str,
    /// The hashes of its model's files; nothing for one that needs none.
    pub model: String,
    /// What its masks say above a network's range.
    pub extension: &'static str,
    /// Of how many.
    pub count: usize,
    /// Which.
    pub stem: &'static str,
    /// As what.
    pub format: &'static str,
}

impl Stem {
    /// What this stem of the source with that validator is found by.
    pub fn key(&self, source: &Validator) -> Key {
        let Stem { engine, model, extension, count, stem, format } = self;
        let model = Sha256::digest(model.as_bytes());
        let model = data_encoding::HEXLOWER.encode(&model);
        let strength = if source.is_strong() { "strong" } else { "weak" };
        let recipe = format!(
            "stem {stem} of {count} engine={engine} model={model} extension={extension} format={format}"
        );
        let text = format!("{PROFILE}\n{recipe}\n{strength} {}", source.tag());
        Key(Sha256::digest(text.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_makes_another_stem_makes_another_key() {
        let stem = || Stem {
            engine: "spleeter",
            model: "ab  model\n".to_owned(),
            extension: "average",
            count: 2,
            stem: "vocals",
            format: "wav",
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("song.wav"), b"sound").unwrap();
        let library = store::LibraryFolder::open(folder.path()).unwrap();
        let song = library.open_source(&store::RelPath::parse("song.wav").unwrap()).unwrap();
        let of = song.validator().clone();
        let mut keys = vec![
            stem().key(&of),
            stem().key(&of.derived("other")),
            Stem { engine: "spectral", ..stem() }.key(&of),
            Stem { model: String::new(), ..stem() }.key(&of),
            Stem { extension: "zeros", ..stem() }.key(&of),
            Stem { count: 4, ..stem() }.key(&of),
            Stem { stem: "drums", ..stem() }.key(&of),
            Stem { format: "flac", ..stem() }.key(&of),
        ];
        assert_eq!(stem().key(&of), keys[0]);
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }
}
