//! Music that is long enough for somebody who listens for minutes: noise, so that no two places of a file are alike.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::media::ffmpeg;

/// Raise it whenever the files change.
const VERSION: u32 = 1;
/// Several files, so that they are more than what a server might keep of one.
const TRACKS: usize = 4;
/// 16-bit stereo at 44.1 kHz.
const BYTES_PER_SECOND: u64 = 176_400;

/// One long track.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its title, which only it has.
    pub title: String,
    /// Its file.
    pub path: PathBuf,
    /// The bytes of the file.
    pub bytes: Arc<Vec<u8>>,
}

/// A folder of a few long tracks.
#[derive(Debug)]
pub struct LongMusic {
    /// The folder to serve.
    pub root: PathBuf,
    /// The tracks.
    pub tracks: Vec<Track>,
}

impl LongMusic {
    /// Tracks of at least so many bytes each, kept under `target`. They are not in the page cache afterwards: whoever
    /// reads them first is charged with them.
    ///
    /// # Panics
    /// When ffmpeg is not there, or the disk is full.
    pub fn of(bytes: u64) -> Self {
        let seconds = bytes.div_ceil(BYTES_PER_SECOND);
        let kept = xtask::files::target().join("tests").join(format!("long-{VERSION}-{seconds}"));
        if !kept.is_dir() {
            let parent = kept.parent().expect("a parent");
            fs::create_dir_all(parent).expect("target/tests");
            let making = tempfile::tempdir_in(parent).expect("a temporary folder").keep();
            (0..TRACKS).for_each(|number| encode(number, seconds, &making.join(name(number))));
            // Somebody else may have been faster; then his files are as good.
            if fs::rename(&making, &kept).is_err() {
                let _ = fs::remove_dir_all(&making);
            }
        }
        let tracks = (0..TRACKS).map(|number| {
            let path = kept.join(name(number));
            let bytes = Arc::new(fs::read(&path).expect("a long track"));
            forget(&path);
            Track { title: title(number), path, bytes }
        });
        LongMusic { tracks: tracks.collect(), root: kept }
    }
}

fn title(number: usize) -> String {
    format!("Long Noise {number}")
}

fn name(number: usize) -> String {
    format!("{}.wav", title(number))
}

fn encode(number: usize, seconds: u64, to: &Path) {
    let sound = format!("anoisesrc=seed={}:sample_rate=44100:duration={seconds}", number + 1);
    let title = format!("title={}", title(number));
    let source = ["-f", "lavfi", "-i", &sound, "-map_metadata", "-1", "-ac", "2"];
    let tags = ["-metadata", &title, "-metadata", "album=Long Noise", "-metadata", "artist=Cy Lake"];
    let coded = ["-c:a", "pcm_s16le", "-fflags", "+bitexact"];
    ffmpeg([&source, &tags[..], &coded].concat(), to);
}

/// Asks the kernel to drop a file from the page cache. One that stays costs truth about reading, not the test.
fn forget(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    let _ = file.sync_all();
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
}
