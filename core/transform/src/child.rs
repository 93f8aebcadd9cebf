//! ffmpeg and ffprobe as children: found, started through the guard, watched, and gone when nobody holds them.
//!
//! A [`Child`] is a handle. The process belongs to a task of its own, which alone waits for it: it reads what the child
//! says, serves it its input, and reaps it. Dropping the handle kills the process and all that it started, at once.

mod ended;
mod find;
mod leash;
mod start;
mod supervise;
mod words;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store::Source;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::argv::Argv;
use crate::error::Error;
use crate::guard::Fed;
use crate::sandbox::{Protection, Sandbox};
pub use ended::{Ended, Outcome};
pub(crate) use find::ask;
use leash::Leash;
pub(crate) use start::Starter;
pub use words::Progress;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// What changes media.
    Ffmpeg,
    /// What looks at them.
    Ffprobe,
}

/// What a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Memory of its own, in bytes. Text of shared libraries is not among it.
    pub memory_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
    /// The length of a file that it writes, in bytes. What goes through a pipe has no cap here.
    pub file_bytes: u64,
}

/// The program that becomes a guard when its arguments begin with the given ones.
#[derive(Clone, Debug)]
pub struct Guard {
    program: PathBuf,
}

impl Program {
    /// The word for it in figures.
    const fn name(self) -> &'static str {
        match self {
            Program::Ffmpeg => "ffmpeg",
            Program::Ffprobe => "ffprobe",
        }
    }
}

impl Guard {
    /// The running program itself, which calls [`guard::main`](crate::guard::main) when its first argument is
    /// [`guard::WORD`](crate::guard::WORD). It is found also when it was replaced by a newer one.
    pub fn this_program() -> Guard {
        Guard::other(Path::new("/proc/self/exe"))
    }

    /// Another program that does so.
    pub fn other(program: &Path) -> Guard {
        Guard { program: program.to_owned() }
    }

    /// Which program it is.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

/// Where ffmpeg is looked for and how it is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `transform.ffmpeg`: its path; without one it is looked for on `PATH`. ffprobe is expected beside it.
    pub ffmpeg: Option<PathBuf>,
    /// `transform.sandbox`.
    pub sandbox: Sandbox,
    /// What children are started through.
    pub guard: Guard,
}

/// What a child reads.
#[derive(Debug)]
pub enum ChildInput {
    /// Nothing.
    Nothing,
    /// A regular file: its standard input, which it may open again as `/proc/self/fd/0`.
    File(File),
    /// A socket over which it is told what to do, or given what it encodes.
    Line(OwnedFd),
    /// What is read for it by ranges, at `http://127.0.0.1:`[`SERVED_PORT`](crate::guard::SERVED_PORT)`/`.
    Served(Source),
}

impl ChildInput {
    /// The file, where all its bytes may be given as they are; otherwise they are served, and each is checked.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn of(source: &Source) -> io::Result<ChildInput> {
        if source.is_checked(0, source.len()) {
            return ChildInput::read_through(source);
        }
        Ok(ChildInput::Served(source.clone()))
    }

    /// The file of a source that was just read through, whatever is known of its blocks by now: they do not stay checked
    /// for as long as it may take to read a long one.
    ///
    /// # Errors
    /// As [`ChildInput::of`].
    pub fn read_through(source: &Source) -> io::Result<ChildInput> {
        match source.file() {
            Some(file) => Ok(ChildInput::File(file.try_clone_to_owned()?.into())),
            None => Ok(ChildInput::Served(source.clone())),
        }
    }

    fn fed(&self) -> Fed {
        match self {
            ChildInput::Nothing | ChildInput::Line(_) => Fed::Nothing,
            ChildInput::File(_) => Fed::Descriptor,
            ChildInput::Served(_) => Fed::Served,
        }
    }
}

/// Where a child writes.
#[derive(Debug)]
pub enum ChildOutput {
    /// Into a pipe, which is read by [`Output`].
    Pipe,
    /// Into a regular file: its standard output, which it may open again as `/proc/self/fd/1`.
    File(File),
}

/// ffmpeg and ffprobe, and what starts them. A clone is the same.
#[derive(Clone, Debug)]
pub struct Ffmpeg(Arc<Shared>);

#[derive(Clone, Debug)]
struct Shared {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
    protection: Protection,
    starter: Starter,
}

impl Ffmpeg {
    /// The path of ffmpeg.
    pub fn path(&self) -> &Path {
        &self.0.ffmpeg
    }

    /// What it calls itself, in one line.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// What every child is kept from.
    pub fn protection(&self) -> Protection {
        self.0.protection
    }

    /// Whether a child can be served its input. Otherwise it must be a file.
    pub fn can_serve(&self) -> bool {
        self.0.protection.network
    }

    /// Starts a child. It is gone when the handle is dropped.
    ///
    /// # Errors
    /// `NoFfmpeg` for a served input where [`Ffmpeg::can_serve`] is false; `Io` when the system has no process or
    /// descriptor left.
    pub async fn start(
        &self,
        program: Program,
        argv: &Argv,
        input: ChildInput,
        output: ChildOutput,
        caps: Caps,
    ) -> Result<Child, Error> {
        let args = argv.words().to_vec();
        self.start_with(program, args, input, output, caps).await
    }

    /// Starts a child with arguments that no plan has: what a sandbox is for.
    ///
    /// # Errors
    /// As [`Ffmpeg::start`].
    #[doc(hidden)]
    pub async fn start_unplanned(
        &self,
        args: &[&str],
        input: ChildInput,
        output: ChildOutput,
        caps: Caps,
    ) -> Result<Child, Error> {
        let args = args.iter().map(Into::into).collect();
        self.start_with(Program::Ffmpeg, args, input, output, caps).await
    }

    /// Returns when every child is gone that was started, and nobody starts another meanwhile.
    pub async fn settled(&self) {
        let children = &self.0.starter.children;
        children.close();
        children.wait().await;
        children.reopen();
    }

    fn path_of(&self, program: Program) -> &Path {
        match program {
            Program::Ffmpeg => &self.0.ffmpeg,
            Program::Ffprobe => &self.0.ffprobe,
        }
    }
}

/// A process that runs. Dropping it kills it with everything that it started.
#[derive(Debug)]
pub struct Child {
    leash: Arc<Leash>,
    output: Option<Output>,
    progress: watch::Receiver<Progress>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Child {
    /// Its output, once; none for a child that writes into a file.
    pub fn take_output(&mut self) -> Option<Output> {
        self.output.take()
    }

    /// How far it is. ffprobe does not say.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.leash.id()
    }

    /// The most memory that it had until now, in bytes, what it shares with others included; 0 when it is gone.
    pub fn peak_bytes(&self) -> u64 {
        self.leash.pid().map_or(0, supervise::peak_bytes)
    }

    /// Something came of it that it did not write to its output.
    pub(crate) fn moved(&self) {
        self.leash.moved();
    }

    /// Ends it as one that wants too much when it has more memory of its own than this, in bytes. It is looked at a few
    /// times a second.
    pub fn hold_to(&self, own_bytes_max: u64) {
        self.leash.hold_to(own_bytes_max);
    }

    /// Says that it makes nothing before its end, so that processor time is what tells work from standing still.
    pub fn be_silent(&self) {
        self.leash.be_silent();
    }

    /// Kills it. [`Child::wait`] then says [`Outcome::Cut`].
    pub fn cut(&self) {
        self.leash.cut();
    }

    /// For how long it has made nothing: no byte of output was read, and its progress stood still; of a silent one, for how
    /// long it took no processor time either.
    pub fn idle(&self) -> Duration {
        self.leash.idle()
    }

    /// Returns when it has made nothing for so long.
    pub async fn stalled(&self, after: Duration) {
        while let Some(left) = after.checked_sub(self.idle()).filter(|left| !left.is_zero()) {
            tokio::time::sleep_until(Instant::now() + left).await;
        }
    }

    /// Returns when it is gone and reaped. It can be asked again. Whoever waits without reading the output of a child
    /// may wait for ever.
    pub async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        let found = ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        // The task was dropped with its runtime, and killed the process then.
        found.unwrap_or_else(supervise::cut_short)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.leash.cut();
    }
}

/// The bytes that a child makes. A child whose output nobody reads waits; one whose output was dropped fails.
#[derive(Debug)]
pub struct Output {
    pipe: pipe::Receiver,
    leash: Arc<Leash>,
}

impl Output {
    /// Reads what there is, and waits for the first byte; 0 is the end, which says nothing about how the child ends.
    ///
    /// # Errors
    /// Of the pipe.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer).await?;
        self.leash.moved();
        Ok(count)
    }
}
