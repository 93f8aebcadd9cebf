//! The few sounds and pictures that every generated track and album is made of, and the videos of tests and measurements,
//! all encoded once by ffmpeg.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Format, locked};
use crate::{Error, ErrorKind, Result, files, run};

/// A video with sound: a moving pattern under a little noise, 30 frames in a second, H.264 and AAC in MP4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Video {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Its length, in seconds.
    pub seconds: u32,
}

impl Video {
    /// Frames in a second.
    pub const FPS: u32 = 30;

    /// How many frames it has.
    pub fn frames(&self) -> u32 {
        self.seconds * Self::FPS
    }

    /// Its file, which is kept under `target` and made only when it is not there yet. Different videos lie in different
    /// folders, each alone.
    ///
    /// # Errors
    /// As [`generate`](super::generate).
    pub fn kept(&self) -> Result<PathBuf> {
        let Video { width, height, seconds } = self;
        let _lock = locked()?;
        let folder = super::home().join(format!("video-{width}x{height}-{seconds}"));
        let path = folder.join("video.mp4");
        if !path.is_file() {
            crate::install::need(&[crate::install::Tool::Ffmpeg])?;
            files::make_folder(&folder)?;
            let begun = folder.join("begun.mp4");
            self.encode(&begun)?;
            let named = std::fs::rename(&begun, &path);
            named.map_err(|error| {
                Error::because(ErrorKind::Io, format!("naming {}", path.display()), error)
            })?;
        }
        Ok(path)
    }

    fn encode(&self, path: &Path) -> Result<()> {
        let Video { width, height, seconds } = self;
        let picture = format!("testsrc2=size={width}x{height}:rate={}:duration={seconds}", Self::FPS);
        let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &picture]);
        ffmpeg.args(["-f", "lavfi", "-i", &sound, "-vf", "noise=alls=3:allf=t,format=yuv420p"]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "26", "-g", "60"]);
        ffmpeg.args(["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"]);
        run::quiet(ffmpeg.arg(path)).map(drop)
    }
}

const CLIPS: usize = 4;
/// Edges of the covers, in pixels.
const COVERS_PX: [u32; 8] = [160, 240, 300, 320, 400, 500, 600, 800];

pub(super) struct Clips {
    sounds: HashMap<(Format, usize), Vec<u8>>,
    covers: Vec<Vec<u8>>,
}

impl Clips {
    pub(super) fn encode(clip_ms: u32) -> Result<Self> {
        let folder = tempfile::tempdir()
            .map_err(|error| Error::because(ErrorKind::Io, "making a folder for the clips", error))?;
        Self::encode_in(folder.path(), clip_ms)
    }

    fn encode_in(folder: &Path, clip_ms: u32) -> Result<Self> {
        let mut sounds = HashMap::new();
        for format in Format::ALL {
            for clip in 0..CLIPS {
                let path = folder.join(format!("{clip}.{}", format.extension()));
                let pitch_hz = 220 + 55 * clip;
                let seconds = f64::from(clip_ms) / 1_000.0;
                let input = format!("sine=frequency={pitch_hz}:sample_rate=22050:duration={seconds}");
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &input]);
                ffmpeg.args(["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
                run::quiet(ffmpeg.args(format.encoder()).arg(&path))?;
                sounds.insert((format, clip), files::read_bytes(&path)?);
            }
        }
        let mut covers = Vec::new();
        for (number, edge_px) in COVERS_PX.iter().enumerate() {
            let path = folder.join(format!("{number}.jpg"));
            let input = format!("testsrc2=size={edge_px}x{edge_px}:rate=1:duration=1");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &input]);
            ffmpeg.args(["-vf", &format!("hue=h={}", number * 45), "-frames:v", "1", "-q:v", "12"]);
            run::quiet(ffmpeg.args(["-flags:v", "+bitexact", "-fflags", "+bitexact"]).arg(&path))?;
            covers.push(files::read_bytes(&path)?);
        }
        Ok(Self { sounds, covers })
    }

    pub(super) fn clip(&self, format: Format, clip: usize) -> &[u8] {
        self.sounds.get(&(format, clip % CLIPS)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn cover(&self, number: usize) -> &[u8] {
        self.covers.get(number % COVERS_PX.len()).map_or(&[], Vec::as_slice)
    }
}
