//! Reading a few files, one after the other, on a thread that may block.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use store::{Entry, LibraryFolder, RelPath, Source};

use super::beside::Beside;
use super::inventory::{Found, Known};
use super::tags;
use super::window::Window;
use crate::model::TrackId;

/// A file to be read.
pub(super) struct Job {
    pub(super) path: RelPath,
    /// The track that it was before.
    pub(super) was: Option<Was>,
    pub(super) beside: Arc<Beside>,
}

impl Job {
    pub(super) fn of(entry: Entry, known: Option<&Known>, beside: Arc<Beside>) -> Self {
        let was = known.map(|known| Was { id: known.id, missing: known.missing });
        Job { path: entry.path, was, beside }
    }
}

/// A track that the catalog has.
#[derive(Clone, Copy)]
pub(super) struct Was {
    pub(super) id: TrackId,
    pub(super) missing: bool,
}

/// What became of a file.
pub(super) enum Outcome {
    /// It is a track.
    Track(Box<Found>, Option<Was>),
    /// It is none.
    NoTrack { path: RelPath, reason: String, was: Option<Was> },
    /// It is not there any more.
    Gone(Option<Was>),
    /// It may be one: the disk failed, or somebody is writing it.
    Failed { path: RelPath, reason: String },
}

/// Reads files through one window. Blocks while the disk works.
pub(super) fn read_files(folder: &LibraryFolder, job: Vec<Job>) -> Vec<Outcome> {
    let mut window = None;
    job.into_iter().map(|job| read_file(folder, &mut window, job)).collect()
}

fn read_file(folder: &LibraryFolder, window: &mut Option<Window<Source>>, job: Job) -> Outcome {
    let Job { path, was, beside } = job;
    let source = match folder.open_source(&path) {
        Ok(source) => source,
        Err(e) => {
            return match e.kind {
                store::ErrorKind::NotFound | store::ErrorKind::Escapes | store::ErrorKind::NotAFile => {
                    Outcome::Gone(was)
                }
                _ => Outcome::Failed { path, reason: e.to_string() },
            };
        }
    };
    source.expect_jumps();
    let window = match window {
        Some(window) => {
            window.turn_to(source.clone());
            window
        }
        None => window.insert(Window::new(source.clone())),
    };
    let cover = beside.cover(folder);
    // A mistake in a parser costs the file that met it, and no other.
    let read = catch_unwind(AssertUnwindSafe(|| tags::read(window, &path, cover)))
        .unwrap_or_else(|_| Err(io::Error::other("the parser gave up")));
    if let Err(e) = source.check_unchanged() {
        return Outcome::Failed { path, reason: e.to_string() };
    }
    match read {
        Ok(tags) => Outcome::Track(Box::new(Found { path, stamp: source.stamp(), tags }), was),
        Err(e) if e.raw_os_error().is_some() => Outcome::Failed { path, reason: e.to_string() },
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Outcome::NoTrack { path, reason: "it breaks off before its sound begins".to_owned(), was }
        }
        Err(e) => Outcome::NoTrack { path, reason: e.to_string(), was },
    }
}
