//! Generated music libraries of any size: real files with real tags, the same tree for the same seed.
//!
//! A few short clips are encoded once in every format; each track is a copy of one with its own tags. Albums have 6 to
//! 16 tracks on one to three discs, 8 % are compilations, a few artists have most of the albums and most have one,
//! names mix scripts and awkward characters, and covers lie beside the tracks (60 % of the albums) or inside them.
//! Every file's modification time is in the past and fixed, so that even a scan's bookkeeping is repeatable.

mod clips;
mod names;
mod plan;
mod random;
mod tags;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};

pub use clips::Video;
pub use random::Random;
pub use tags::{Format, SongTags, tagged};

use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files};
use clips::Clips;
use plan::{Album, Plan};

/// From this many tracks on, the clips are 0.3 s long, which makes a track about 5 KB.
const SHORT_FROM_TRACKS: usize = 500_000;
/// 2026-01-01 00:00 UTC, in seconds: no file of a generated library is younger.
const YOUNGEST_S: u64 = 1_767_225_600;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many tracks, exactly.
    pub tracks: usize,
    /// Different seeds give different libraries, the same seed the same one.
    pub seed: u64,
    /// Whether to show a progress bar on a terminal.
    pub progress: bool,
}

impl Options {
    /// So many tracks, by the usual seed, without a progress bar.
    pub fn tracks(tracks: usize) -> Self {
        Self { tracks, seed: 1, progress: false }
    }
}

/// What was generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Audio files.
    pub tracks: usize,
    /// Albums, compilations among them.
    pub albums: usize,
    /// Bytes of the audio files and covers.
    pub bytes: u64,
}

/// Writes a library into a folder, which is made if it is not there; what else lies in it stays.
///
/// Two threads write. The memory needed is that of the clips, about 5 MB, whatever the number of tracks.
///
/// # Errors
/// [`ErrorKind::Missing`] when ffmpeg is not there and cannot be installed, [`ErrorKind::Io`] when a file cannot be
/// written.
pub fn generate(folder: &Path, options: &Options) -> Result<Summary> {
    install::need(&[Tool::Ffmpeg])?;
    let clip_ms = if options.tracks >= SHORT_FROM_TRACKS { 300 } else { 2_000 };
    let clips = Clips::encode(clip_ms)?;
    let plan = Plan::new(options.tracks, options.seed);
    let bar = if options.progress { ProgressBar::new(options.tracks as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} tracks, {eta} left")
    {
        bar.set_style(style);
    }
    let next = AtomicUsize::new(0);
    let work = || -> Result<u64> {
        let mut bytes = 0;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= plan.albums() {
                return Ok(bytes);
            }
            let album = plan.album(number);
            bytes += write_album(folder, &album, &clips)?;
            bar.inc(album.tracks.len() as u64);
        }
    };
    let bytes = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mine = work()?;
        let theirs =
            other.join().map_err(|_| Error::new(ErrorKind::Failed, "a writing thread stopped"))??;
        Ok::<u64, Error>(mine + theirs)
    })?;
    bar.finish_and_clear();
    Ok(Summary { tracks: options.tracks, albums: plan.albums(), bytes })
}

fn write_album(folder: &Path, album: &Album, clips: &Clips) -> Result<u64> {
    let mut bytes = 0;
    if album.cover_beside {
        let cover = clips.cover(album.cover);
        bytes += write_dated(&folder.join(&album.folder).join("cover.jpg"), cover, album.age_s)?;
    }
    for track in &album.tracks {
        let cover = (!album.cover_beside).then(|| clips.cover(album.cover));
        let song = tagged(clips.clip(track.format, track.clip), track.format, &track.tags, cover)?;
        bytes += write_dated(&folder.join(&track.path), &song, album.age_s + u64::from(track.tags.track))?;
    }
    Ok(bytes)
}

/// Writes a file whose modification time lies so many seconds before the youngest of the library.
fn write_dated(path: &Path, bytes: &[u8], age_s: u64) -> Result<u64> {
    files::write(path, bytes)?;
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(YOUNGEST_S.saturating_sub(age_s));
    let dated = std::fs::File::options().write(true).open(path).and_then(|file| file.set_modified(modified));
    dated.map_err(|error| Error::because(ErrorKind::Io, format!("dating {}", path.display()), error))?;
    Ok(bytes.len() as u64)
}

/// A generated library that is kept under `target` and made only when it is not there yet.
///
/// # Errors
/// As [`generate`].
pub fn kept(options: &Options) -> Result<PathBuf> {
    let _lock = locked()?;
    let folder = home().join(format!("{}-{}", options.tracks, options.seed));
    let complete = folder.with_extension("complete");
    if !complete.is_file() {
        files::remove_folder(&folder)?;
        generate(&folder, options)?;
        files::write(&complete, "")?;
    }
    Ok(folder)
}

/// Where generated files are kept: a folder for each library and each video.
pub fn home() -> PathBuf {
    files::target().join("corpus")
}

/// Held while something is looked for there and made, so that two tests that want the same make it once.
fn locked() -> Result<std::fs::File> {
    let path = home().join("lock");
    files::write(&path, "")?;
    let locked = std::fs::File::open(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| Error::because(ErrorKind::Io, "locking the generated files", error))
}

#[cfg(test)]
mod tests;
