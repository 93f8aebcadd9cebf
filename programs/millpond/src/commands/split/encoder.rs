//! Stems as MP3, Opus and M4A, which ffmpeg makes of their samples as they come.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;

use stems::{ErrorKind, RATE_HZ, Sink, Stereo, Written};
use tokio::runtime::Handle;
use transform::{Bitrate, Child, Encoding, Ffmpeg, FfmpegSettings};

use crate::error::{Error, Result};

/// Starts a child for each stem. It is used where waiting is allowed, beside the runtime that watches the children.
pub(super) struct Encoder {
    ffmpeg: Ffmpeg,
    encoding: Encoding,
    bitrate: Bitrate,
    runtime: Handle,
}

impl Encoder {
    pub(super) fn find(
        settings: FfmpegSettings,
        encoding: Encoding,
        bitrate: Bitrate,
        runtime: Handle,
    ) -> Result<Self> {
        let ffmpeg = runtime.block_on(Ffmpeg::find(settings)).map_err(|e| {
            Error::failed(format!("{} needs ffmpeg: {e}", encoding.suffix()))
                .hint("install it, or name it by transform.ffmpeg; `--format wav` and `flac` need none")
        })?;
        Ok(Encoder { ffmpeg, encoding, bitrate, runtime })
    }

    /// A stem that goes into this file.
    pub(super) fn sink(&self, file: File) -> stems::Result<Box<dyn Sink>> {
        let to = file.try_clone().map_err(|e| stems::Error::new(ErrorKind::Write, e.to_string()))?;
        let (line, child) = self
            .runtime
            .block_on(self.ffmpeg.encode(self.encoding, self.bitrate, RATE_HZ, to))
            .map_err(|e| explained(&e))?;
        let (runtime, written) = (self.runtime.clone(), Written::default());
        Ok(Box::new(Encoded { line: Some(line), child, runtime, file, bytes: Vec::new(), written }))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Nobody finds a child that still writes.
        self.runtime.block_on(self.ffmpeg.settled());
    }
}

/// A stem on its way through a child.
struct Encoded {
    /// Where its samples go; closed, they have ended.
    line: Option<UnixStream>,
    child: Child,
    runtime: Handle,
    file: File,
    bytes: Vec<u8>,
    written: Written,
}

impl Encoded {
    /// What the child says of why it takes nothing more.
    fn ended(&mut self, e: &std::io::Error) -> stems::Error {
        self.line = None;
        self.child.cut();
        let ended = self.runtime.block_on(self.child.wait());
        match ended.words.trim() {
            "" => stems::Error::new(ErrorKind::Write, format!("ffmpeg takes nothing more: {e}")),
            words => stems::Error::new(ErrorKind::Write, format!("ffmpeg cannot encode it: {words}")),
        }
    }
}

impl Sink for Encoded {
    fn write(&mut self, samples: &Stereo) -> stems::Result<()> {
        self.bytes.clear();
        for sample in samples.left().iter().zip(samples.right()).flat_map(|(left, right)| [*left, *right]) {
            self.written.clipped += u64::from(sample.abs() > 1.0);
            self.bytes.extend(sample.clamp(-1.0, 1.0).to_le_bytes());
        }
        self.written.samples += samples.len() as u64;
        let Some(line) = &mut self.line else { return Ok(()) };
        line.write_all(&self.bytes).map_err(|e| self.ended(&e))
    }

    fn finish(&mut self) -> stems::Result<Written> {
        self.line = None;
        let ended = self.runtime.block_on(self.child.wait());
        ended.result().map_err(|e| explained(&e))?;
        let length =
            self.file.metadata().map_err(|e| stems::Error::new(ErrorKind::Write, e.to_string()))?.len();
        self.written.bytes = length;
        Ok(self.written)
    }
}

fn explained(e: &transform::Error) -> stems::Error {
    let words = if e.words.is_empty() { String::new() } else { format!(": {}", e.words.trim()) };
    stems::Error::new(ErrorKind::Write, format!("{e}{words}"))
}
