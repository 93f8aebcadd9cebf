//! Samples to a file as they come: stems for who takes them home in a format that only ffmpeg writes.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use budget::limits::{CHILD_STALL_MS, STEMS_CHILD_CPU_SECONDS_MAX, STEMS_ENCODER_BYTES};

use crate::child::{Caps, Child, ChildInput, ChildOutput, Ffmpeg, Program};
use crate::error::{Error, ErrorKind};
use crate::plan::samples_args;
use crate::recipe::{Bitrate, Encoding};

impl Ffmpeg {
    /// Starts a child that encodes what is written to the socket: floats of two channels, interleaved, little end first, so many
    /// of each channel in a second. It puts a whole file into `to`, which is open for reading and writing, and ends when
    /// the socket is closed.
    ///
    /// # Errors
    /// `Io` when the system has no process or descriptor left.
    pub async fn encode(
        &self,
        encoding: Encoding,
        bitrate: Bitrate,
        rate_hz: u32,
        to: File,
    ) -> Result<(UnixStream, Child), Error> {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Io, "an encoder could not be started").with_words(e.to_string())
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_write_timeout(Some(Duration::from_millis(CHILD_STALL_MS))).map_err(failed)?;
        let argv = samples_args(encoding, bitrate, rate_hz);
        let caps = Caps {
            memory_bytes: STEMS_ENCODER_BYTES,
            cpu_seconds: STEMS_CHILD_CPU_SECONDS_MAX,
            // What there is room for.
            file_bytes: i64::MAX.unsigned_abs(),
        };
        let (input, output) = (ChildInput::Line(theirs.into()), ChildOutput::File(to));
        Ok((ours, self.start(Program::Ffmpeg, &argv, input, output, caps).await?))
    }
}
