//! The files that both sides serve: real sound, so that the catalog takes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, ErrorKind, Result, files, run};

/// Raise it whenever the files change, so that no old ones are found.
const VERSION: u32 = 1;
/// Bytes that a second of CD sound has.
const BYTES_PER_SECOND: u64 = 176_400;
/// Files that are read from a slow disk.
const COLD_FILES: usize = 8;

/// The folder and the names in it.
pub(super) struct Music {
    /// The folder, without anything else in it.
    pub(super) root: PathBuf,
}

/// A file by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// 8 MB: a song.
    Song,
    /// 200 MB: a long recording, for ranges and for slow clients.
    Long,
    /// One of the files of 100 MB for the slow disk.
    Cold(usize),
}

impl Part {
    /// Every file.
    pub(super) fn all() -> impl Iterator<Item = Part> {
        [Part::Song, Part::Long].into_iter().chain(Part::cold())
    }

    /// The files for the slow disk.
    pub(super) fn cold() -> impl Iterator<Item = Part> {
        (0..COLD_FILES).map(Part::Cold)
    }

    /// The title, which is the name of the file too.
    pub(super) fn title(self) -> String {
        match self {
            Part::Song => "song".to_owned(),
            Part::Long => "long".to_owned(),
            Part::Cold(number) => format!("cold{number}"),
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Part::Song => 8_000_000,
            Part::Long => 200_000_000,
            Part::Cold(_) => 100_000_000,
        }
    }
}

impl Music {
    /// The folder under `target`, made when it is not there.
    pub(super) fn made() -> Result<Music> {
        let root = files::target().join("bench").join(format!("wire-music-{VERSION}"));
        for part in Part::all() {
            let path = root.join(format!("{}.wav", part.title()));
            if !path.is_file() {
                make(part, &path)?;
            }
        }
        Ok(Music { root })
    }

    pub(super) fn path(&self, part: Part) -> PathBuf {
        self.root.join(format!("{}.wav", part.title()))
    }

    pub(super) fn length(&self, part: Part) -> Result<u64> {
        let path = self.path(part);
        let length = path.metadata().map(|data| data.len());
        length.map_err(|error| Error::because(ErrorKind::Io, format!("reading {}", path.display()), error))
    }
}

fn make(part: Part, path: &Path) -> Result<()> {
    println!("making {}", path.display());
    files::make_folder(path.parent().unwrap_or(path))?;
    let seconds = part.bytes() as f64 / BYTES_PER_SECOND as f64;
    let sound = format!("anoisesrc=r=44100:c=pink:seed=1:d={seconds}");
    let title = format!("title={}", part.title());
    let half = path.with_extension("part");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &sound, "-ac", "2"]);
    ffmpeg.args(["-metadata", &title, "-c:a", "pcm_s16le", "-f", "wav"]);
    run::quiet(ffmpeg.arg(&half))?;
    let failed = |error| Error::because(ErrorKind::Io, format!("writing {}", path.display()), error);
    // What is not on the disk yet could not be thrown out of memory.
    std::fs::File::open(&half).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&half, path).map_err(failed)
}
