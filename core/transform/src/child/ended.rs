//! How a child ended, and what that means for whoever waits for what it makes.

use std::io;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// How a child ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It did what it was told.
    Done,
    /// It ended with an error of its own.
    Failed,
    /// It wanted more memory than it was allowed.
    OutOfMemory,
    /// Somebody else killed it: the kernel, which takes it first when the machine has no memory left, or whoever may.
    /// That says nothing about what it was at.
    Killed,
    /// It took more processor time than it was allowed.
    OutOfTime,
    /// It wrote a longer file than it was allowed.
    OutOfRoom,
    /// Its input could not be read any more, and it was ended.
    Source(Arc<io::Error>),
    /// It was ended by us.
    Cut,
    /// What must keep it apart could not be put up; the program was never run.
    Unguarded,
}

/// What is left of a child.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// Its last words.
    pub words: String,
    /// The most memory that it had, in bytes, shared libraries included, as far as it was seen: it is looked at a few
    /// times a second and at its last progress.
    pub peak_bytes: u64,
    /// Processor time that it took, in milliseconds; the kernel counts in hundredths of a second.
    pub cpu_ms: u64,
    /// From its start to its end, in milliseconds.
    pub wall_ms: u64,
    /// What of a served input was given to it, in bytes.
    pub served_bytes: u64,
}

impl Ended {
    /// Nothing for a child that did what it was told; otherwise what to tell those who wait for it.
    ///
    /// # Errors
    /// `Failed`, `TooLarge` for a limit that it met, `Killed`, `Gone`, `NoFfmpeg`; `Source`, `Lied`,
    /// `Changed` or `Busy` for its input.
    pub fn result(&self) -> Result<(), Error> {
        let (kind, context) = match &self.outcome {
            Outcome::Done => return Ok(()),
            Outcome::Failed => (ErrorKind::Failed, "ffmpeg cannot do this with these bytes"),
            Outcome::OutOfMemory => {
                (ErrorKind::TooLarge, "ffmpeg needs more memory for this than is allowed")
            }
            Outcome::Killed => (ErrorKind::Killed, "ffmpeg was killed"),
            Outcome::OutOfTime => (ErrorKind::TooLarge, "ffmpeg needs more time for this than is allowed"),
            Outcome::OutOfRoom => (ErrorKind::TooLarge, "the result would be larger than is allowed"),
            Outcome::Source(e) => return Err(Error::unread(e).and_words(&self.words)),
            Outcome::Cut => (ErrorKind::Gone, "ffmpeg was ended"),
            Outcome::Unguarded => (ErrorKind::NoFfmpeg, "ffmpeg cannot be kept apart here"),
        };
        Err(Error::new(kind, context).with_words(&self.words))
    }
}
