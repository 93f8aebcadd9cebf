//! A file to samples as they come: songs for who takes them apart at home, in codings that only ffmpeg reads.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use budget::limits::{CHILD_STALL_MS, PROBE_MS, STEMS_CHILD_CPU_SECONDS_MAX, STEMS_ENCODER_BYTES};

use crate::argv::{Argv, Input};
use crate::child::{Caps, Child, ChildInput, ChildOutput, Ffmpeg, Output, Program};
use crate::error::{Error, ErrorKind};
use crate::plan::floats_args;
use crate::probe::{Probe, UNREADABLE, probe_args, unreadable};
use crate::sniff::Demuxer;
use crate::work::look::{head_of, read_all};

/// Samples on their way out of a child: floats of little end first, interleaved.
#[derive(Debug)]
pub struct Decoding {
    /// How many channels, in the order that WAV files have.
    pub channels: u16,
    /// Samples of one channel in a second.
    pub sample_rate_hz: u32,
    /// How many of them there are, about, where the file says how long it is.
    pub samples: Option<u64>,
    child: Child,
    output: Output,
}

/// As one that encodes a stem by hand.
const CAPS: Caps = Caps {
    memory_bytes: STEMS_ENCODER_BYTES,
    cpu_seconds: STEMS_CHILD_CPU_SECONDS_MAX,
    // It writes none.
    file_bytes: 0,
};

impl Ffmpeg {
    /// Looks at a file, and starts a child that decodes its sound: of several tracks the one that is meant to be heard.
    ///
    /// # Errors
    /// `Unsupported` for what is no media, or is coded in a way that is none of those that are read here; `NoSound`; `Io`
    /// when the file cannot be read, or the system has no process or descriptor left; and those of ffprobe.
    pub async fn decode(&self, from: &File) -> Result<Decoding, Error> {
        let input = || from.try_clone().map(ChildInput::File).map_err(unread);
        let probe = self.look(demuxer_of(from)?, input()?).await?;
        let track = probe.audio.as_ref().ok_or_else(|| Error::new(ErrorKind::NoSound, "it has no sound"))?;
        let mut child = self.out_of(Program::Ffmpeg, &floats_args(&probe, track), input()?).await?;
        let output =
            child.take_output().ok_or_else(|| Error::new(ErrorKind::Io, "a decoder has no output"))?;
        let of_ms = |ms: u64| ms.saturating_mul(u64::from(track.sample_rate_hz)) / 1_000;
        Ok(Decoding {
            channels: track.channels,
            sample_rate_hz: track.sample_rate_hz,
            samples: probe.duration_ms.map(of_ms),
            child,
            output,
        })
    }

    async fn look(&self, demuxer: Demuxer, input: ChildInput) -> Result<Probe, Error> {
        let args = probe_args(demuxer, Input::Descriptor);
        let mut child = self.out_of(Program::Ffprobe, &args, input).await?;
        let looked = async {
            let printed = read_all(&mut child).await?;
            Ok::<_, Error>((printed, child.wait().await))
        };
        let late = |_| Error::new(ErrorKind::Stalled, "the file does not say what it is");
        let (printed, ended) =
            tokio::time::timeout(Duration::from_millis(PROBE_MS), looked).await.map_err(late)??;
        ended.result().map_err(|e| match e.kind {
            ErrorKind::Failed => Error { kind: ErrorKind::Unsupported, context: unreadable(&e.words), ..e },
            _ => e,
        })?;
        Probe::read_json(demuxer, &printed)
    }

    async fn out_of(&self, program: Program, argv: &Argv, input: ChildInput) -> Result<Child, Error> {
        self.start(program, argv, input, ChildOutput::Pipe, CAPS).await
    }
}

impl Decoding {
    /// The next bytes; 0 is the end, before which the child must have ended well.
    ///
    /// # Errors
    /// How the child ended, and `Stalled` when nothing comes of it.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let late = |_| Error::new(ErrorKind::Stalled, "the decoder came no further");
        let within = Duration::from_millis(CHILD_STALL_MS);
        match tokio::time::timeout(within, self.output.read(buffer)).await.map_err(late)? {
            Ok(0) => self.child.wait().await.result().map(|()| 0),
            Ok(count) => Ok(count),
            Err(e) => Err(unread(e)),
        }
    }
}

fn demuxer_of(file: &File) -> Result<Demuxer, Error> {
    let head = head_of(|buffer, at| file.read_at(buffer, at)).map_err(unread)?;
    Demuxer::of(&head).ok_or_else(|| Error::new(ErrorKind::Unsupported, UNREADABLE))
}

fn unread(e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the file cannot be read").with_words(e.to_string())
}
