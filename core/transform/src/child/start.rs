//! Starting processes, on one thread that does nothing else.
//!
//! A child asks the kernel to be killed when the thread is gone that started it. Threads of the runtime come and go; this
//! one is there for as long as anybody can hold a child. And a start takes a millisecond or more, for which a thread of
//! the runtime would stand still.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use budget::memory;
use rustix::process::{Pid, PidfdFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

use super::leash::Leash;
use super::supervise::{self, Watched};
use super::{Caps, Child, ChildInput, ChildOutput, Ffmpeg, Guard, Output, Program, Progress};
use crate::error::{Error, ErrorKind};
use crate::guard::{Fed, Orders, WORD};

/// What is started, and who waits for it.
#[derive(Debug)]
struct Job {
    program: PathBuf,
    args: Vec<OsString>,
    input: Option<OwnedFd>,
    output: Option<File>,
    leash: Arc<Leash>,
    started: oneshot::Sender<io::Result<Started>>,
}

/// A process that is there, with our ends of its pipes. It is killed when nobody takes it.
#[derive(Debug)]
struct Started {
    pid: Pid,
    output: Option<OwnedFd>,
    words: OwnedFd,
    hold: Hold,
}

/// Ends the process of a leash when it is dropped, unless it was reaped.
#[derive(Debug)]
pub(super) struct Hold(Arc<Leash>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The thread, for as long as somebody has the sender.
fn thread(waiting_max: usize) -> io::Result<mpsc::Sender<Job>> {
    let (sender, mut jobs) = mpsc::channel::<Job>(waiting_max);
    let work = move || {
        while let Some(job) = jobs.blocking_recv() {
            let Job { program, args, input, output, leash, started } = job;
            let done = spawn(program, args, input, output, leash);
            // Whoever is gone meanwhile drops the process with the answer.
            let _ = started.send(done);
        }
    };
    std::thread::Builder::new().name("millpond-children".to_owned()).spawn(work)?;
    Ok(sender)
}

fn spawn(
    program: PathBuf,
    args: Vec<OsString>,
    input: Option<OwnedFd>,
    output: Option<File>,
    leash: Arc<Leash>,
) -> io::Result<Started> {
    let mut command = Command::new(program);
    command.args(args).env_clear().current_dir("/").process_group(0);
    command.stdin(input.map_or_else(Stdio::null, Stdio::from)).stderr(Stdio::piped());
    command.stdout(output.map_or_else(Stdio::piped, Stdio::from));
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("a process without a number"))?;
    leash.attach(pid);
    let hold = Hold(leash);
    let words = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?.into();
    Ok(Started { pid, output: child.stdout.take().map(OwnedFd::from), words, hold })
}

/// What starts processes through the guard, and the tasks that watch them. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Starter {
    guard: Guard,
    jobs: mpsc::Sender<Job>,
    pub(crate) children: TaskTracker,
}

impl Starter {
    pub(crate) fn new(guard: Guard, waiting_max: usize) -> io::Result<Starter> {
        Ok(Starter { guard, jobs: thread(waiting_max)?, children: TaskTracker::new() })
    }

    /// Starts a guard with these orders, which becomes their program; `name` is the word for that in figures.
    pub(crate) async fn guarded(
        &self,
        name: &'static str,
        orders: Orders,
        input: ChildInput,
        output: ChildOutput,
    ) -> Result<Child, Error> {
        let caps = orders.caps;
        let mut args = vec![WORD.into()];
        args.extend(orders.write());
        self.start(name, args, input, output, caps).await
    }

    /// Runs the guard's program with these arguments, and watches what becomes of it.
    pub(super) async fn start(
        &self,
        name: &'static str,
        args: Vec<OsString>,
        input: ChildInput,
        output: ChildOutput,
        caps: Caps,
    ) -> Result<Child, Error> {
        let failed = |e: io::Error| {
            Error::new(ErrorKind::Io, "a child could not be started").with_words(e.to_string())
        };
        let (input, served) = standard_input(input).map_err(failed)?;
        let output = match output {
            ChildOutput::Pipe => None,
            ChildOutput::File(file) => Some(file),
        };
        let leash = Arc::new(Leash::new());
        let (sender, started) = oneshot::channel();
        let program = self.guard.program.clone();
        let job = Job { program, args, input, output, leash: Arc::clone(&leash), started: sender };
        let gone = || failed(io::Error::other("the thread that starts children is gone"));
        self.jobs.send(job).await.map_err(|_| gone())?;
        let started = started.await.map_err(|_| gone())?.map_err(failed)?;
        self.watch(started, served, leash, caps, memory::Child::new(name)).map_err(failed)
    }

    /// Gives a process to a task that watches it.
    fn watch(
        &self,
        started: Started,
        served: Option<supervise::Served>,
        leash: Arc<Leash>,
        caps: Caps,
        memory: memory::Child,
    ) -> io::Result<Child> {
        let Started { pid, output, words, hold } = started;
        let death = death_of(pid)?;
        let pipe = output.map(pipe::Receiver::from_owned_fd).transpose()?;
        let words = pipe::Receiver::from_owned_fd(words)?;
        let progress = watch::Sender::new(Progress::default());
        let ended = watch::Sender::new(None);
        let child = Child {
            output: pipe.map(|pipe| Output { pipe, leash: Arc::clone(&leash) }),
            leash: Arc::clone(&leash),
            progress: progress.subscribe(),
            ended: ended.subscribe(),
        };
        let watched = Watched { pid, death, words, served, leash, hold, caps, memory, progress, ended };
        // The thread that started the child stays for as long as the child.
        let jobs = self.jobs.clone();
        self.children.spawn(async move {
            watched.run().await;
            drop(jobs);
        });
        Ok(child)
    }
}

impl Ffmpeg {
    /// Starts a child with any arguments.
    pub(crate) async fn start_with(
        &self,
        program: Program,
        args: Vec<OsString>,
        input: ChildInput,
        output: ChildOutput,
        caps: Caps,
    ) -> Result<Child, Error> {
        let fed = input.fed();
        if fed == Fed::Served && !self.can_serve() {
            let missing = "reading this needs a network namespace, which this machine does not allow";
            return Err(Error::new(ErrorKind::NoFfmpeg, missing));
        }
        let (protection, parent) = (self.protection(), std::process::id());
        let (name, program) = (program.name(), self.path_of(program).to_owned());
        let orders = Orders { protection, fed, caps, parent, reads: None, program, args };
        self.0.starter.guarded(name, orders, input, output).await
    }
}

/// What is readable when the process is dead.
#[expect(
    deprecated,
    reason = "it is called unsound for types that change their descriptor; this one does not"
)]
fn death_of(pid: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    let death = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    AsyncFd::with_interest(death, Interest::READABLE)
}

/// The standard input of a child, and our end of it where the input is served.
fn standard_input(input: ChildInput) -> io::Result<(Option<OwnedFd>, Option<supervise::Served>)> {
    match input {
        ChildInput::Nothing => Ok((None, None)),
        ChildInput::File(file) => Ok((Some(file.into()), None)),
        ChildInput::Line(socket) => Ok((Some(socket), None)),
        ChildInput::Served(source) => {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            let ours = tokio::net::UnixStream::from_std(ours)?;
            Ok((Some(theirs.into()), Some(supervise::Served { source, ours })))
        }
    }
}
