//! The few sounds and pictures that every generated track and album is made of, encoded once by ffmpeg.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::Format;
use crate::{Error, ErrorKind, Result, files, run};

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
