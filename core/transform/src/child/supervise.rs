//! The task of one child: it reads what the child says, serves it its input, looks at its memory, and reaps it.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::limits::{CHILD_ABOUT_BYTES_MAX, CHILD_LOOK_MS, CHILD_LOOK_MS_MIN};
use budget::memory;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Pid, Signal, WaitStatus};
use store::Source;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::leash::Leash;
use super::start::Hold;
use super::words::{Progress, Words};
use super::{Caps, Ended, Outcome};
use crate::guard::{EXIT_GUARD, WORD};
use crate::served;

/// An input that is served, and the socket over which the guard hands over where to listen.
pub(super) struct Served {
    pub(super) source: Source,
    pub(super) ours: UnixStream,
}

/// A process with everything that its task needs.
pub(super) struct Watched {
    pub(super) pid: Pid,
    /// Readable when the process is dead.
    pub(super) death: AsyncFd<OwnedFd>,
    pub(super) words: pipe::Receiver,
    pub(super) served: Option<Served>,
    pub(super) leash: Arc<Leash>,
    pub(super) hold: Hold,
    pub(super) caps: Caps,
    /// Where all see how much memory it has.
    pub(super) memory: memory::Child,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) ended: watch::Sender<Option<Ended>>,
}

/// What was seen of a process so far.
#[derive(Default)]
struct Seen {
    peak_bytes: u64,
    cpu_ms: u64,
    /// Whether it had more than it may, and was ended for it.
    is_over: bool,
}

/// What is said of a child whose task went away with its runtime.
pub(super) fn cut_short() -> Ended {
    let outcome = Outcome::Cut;
    Ended { outcome, words: String::new(), peak_bytes: 0, cpu_ms: 0, wall_ms: 0, served_bytes: 0 }
}

impl Watched {
    pub(super) async fn run(mut self) {
        let served_bytes = Arc::new(AtomicU64::new(0));
        let mut serving = std::pin::pin!(serve(self.served.take(), Arc::clone(&served_bytes)));
        let mut said = Words::default();
        let mut piece = [0; 1_024];
        let (mut seen, mut broken, mut is_talking) = (Seen::default(), None, true);
        let mut pause = Duration::from_millis(CHILD_LOOK_MS_MIN);
        loop {
            tokio::select! {
                biased;
                _ = self.death.readable() => break,
                read = self.words.read(&mut piece), if is_talking => {
                    let count = read.unwrap_or(0);
                    is_talking = count > 0;
                    if self.heard(&mut said, piece.get(..count).unwrap_or_default()) {
                        self.look(&mut seen);
                    }
                }
                error = &mut serving, if broken.is_none() => {
                    broken = Some(Arc::new(error));
                    self.leash.cut();
                }
                () = tokio::time::sleep(pause) => {
                    self.look(&mut seen);
                    // Short ones are over soon, and grow as quickly.
                    let pause_ms = (self.leash.age_ms() / 8).clamp(CHILD_LOOK_MS_MIN, CHILD_LOOK_MS);
                    pause = Duration::from_millis(pause_ms);
                }
            }
        }
        while let Ok(count @ 1..) = self.words.try_read(&mut piece) {
            self.heard(&mut said, piece.get(..count).unwrap_or_default());
        }
        let cpu_ms = processor_ms(self.pid);
        let status = self.leash.reap().ok().flatten();
        let words = said.last();
        let outcome = match broken {
            Some(error) => Outcome::Source(error),
            None if seen.is_over => Outcome::OutOfMemory,
            None if self.leash.is_cut() => Outcome::Cut,
            None => judge(status, &words, cpu_ms, self.caps),
        };
        let (wall_ms, served_bytes) = (self.leash.age_ms(), served_bytes.load(Ordering::Relaxed));
        let peak_bytes = seen.peak_bytes;
        self.ended.send_replace(Some(Ended { outcome, words, peak_bytes, cpu_ms, wall_ms, served_bytes }));
        drop(self.hold);
    }

    /// Looks at its memory, and at its work where that is the only sign of life.
    fn look(&self, seen: &mut Seen) {
        let resident = resident(self.pid);
        self.memory.has(resident.own_bytes);
        seen.peak_bytes = seen.peak_bytes.max(resident.peak_bytes);
        if resident.own_bytes > self.leash.own_bytes_max() && !self.leash.is_cut() {
            seen.is_over = true;
            self.leash.cut();
        }
        if self.leash.is_silent() {
            let cpu_ms = processor_ms(self.pid);
            if cpu_ms > seen.cpu_ms {
                seen.cpu_ms = cpu_ms;
                self.leash.moved();
            }
        }
    }

    /// Whether a block of progress ended in this piece: then it is time to look at the memory, for the last time maybe.
    fn heard(&self, said: &mut Words, piece: &[u8]) -> bool {
        let Some(told) = said.take(piece) else { return false };
        let is_other =
            |now: &Progress| (now.out_ms, now.frames, now.bytes) != (told.out_ms, told.frames, told.bytes);
        if is_other(&self.progress.borrow()) {
            self.leash.moved();
        }
        self.progress.send_replace(told);
        true
    }
}

/// Serves an input once the guard listens; returns when it cannot be read any more, and never otherwise.
async fn serve(served: Option<Served>, served_bytes: Arc<AtomicU64>) -> io::Error {
    let Some(Served { source, ours }) = served else { return std::future::pending().await };
    match listener(ours).await {
        Ok(Some(listener)) => served::serve(listener, source, served_bytes).await,
        // The guard ended before; how is seen where it is reaped.
        Ok(None) => std::future::pending().await,
        Err(e) => e,
    }
}

/// Where the guard listens; none when it is gone.
async fn listener(ours: UnixStream) -> io::Result<Option<tokio::net::TcpListener>> {
    let Some(listener) = ours.async_io(Interest::READABLE, || receive(&ours)).await? else { return Ok(None) };
    let listener = TcpListener::from(listener);
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener).map(Some)
}

/// The descriptor that was sent, once there is one.
fn receive(ours: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    rustix::net::recvmsg(ours, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(descriptors.flatten().next())
}

/// How a process ended that we did not end.
fn judge(status: Option<WaitStatus>, words: &str, cpu_ms: u64, caps: Caps) -> Outcome {
    const MEMORY: [&str; 5] =
        ["Cannot allocate memory", "malloc", "Out of memory", "out of memory", "bad_alloc"];
    let Some(status) = status else { return Outcome::Failed };
    let guards = words.rsplit('\n').next().is_some_and(|line| line.starts_with(WORD));
    // ffmpeg hears of the lower limit of its time and ends itself. The kernel counts in ticks, and where a hypervisor takes
    // some of them, what it says afterwards is less than what it judged by.
    let is_late = cpu_ms >= caps.cpu_seconds.saturating_mul(750);
    match (status.exit_status(), status.terminating_signal()) {
        (Some(0), _) => Outcome::Done,
        (Some(code), _) if code == i32::from(EXIT_GUARD) && guards => Outcome::Unguarded,
        (_, Some(signal)) if signal == Signal::XFSZ.as_raw() => Outcome::OutOfRoom,
        (_, Some(signal)) if signal == Signal::XCPU.as_raw() => Outcome::OutOfTime,
        _ if is_late => Outcome::OutOfTime,
        // We did not, and its own limits would have said so: the machine's memory was short, whoever took it.
        (_, Some(signal)) if signal == Signal::KILL.as_raw() => Outcome::Killed,
        _ if MEMORY.iter().any(|text| words.contains(text)) => Outcome::OutOfMemory,
        _ => Outcome::Failed,
    }
}

/// Memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Resident {
    /// The most that it had, what it shares with others included.
    peak_bytes: u64,
    /// What it has now that is its own and no file's.
    own_bytes: u64,
}

/// The memory of a process that is not dead; nothing afterwards.
fn resident(pid: Pid) -> Resident {
    // format: proc_pid_status(5), in kibibytes.
    let read = |text: &str| {
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
        };
        Some(Resident { peak_bytes: bytes("VmHWM:")?, own_bytes: bytes("RssAnon:")? })
    };
    proc_file(pid, "status", read).unwrap_or_default()
}

/// The most memory that a process had which is not dead.
pub(super) fn peak_bytes(pid: Pid) -> u64 {
    resident(pid).peak_bytes
}

/// Processor time of a process that is not reaped, in milliseconds.
fn processor_ms(pid: Pid) -> u64 {
    // format: proc_pid_stat(5), fields 14 and 15, counted behind the name, which may hold anything.
    let ticks = proc_file(pid, "stat", |text| {
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(next()?.saturating_add(next()?))
    });
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    ticks.map_or(0, |ticks| ticks.saturating_mul(1_000) / per_second)
}

fn proc_file<T>(pid: Pid, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut text = [0; CHILD_ABOUT_BYTES_MAX];
    let mut file = File::open(format!("/proc/{}/{name}", pid.as_raw_pid())).ok()?;
    let mut filled = 0;
    loop {
        match file.read(text.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    read(&String::from_utf8_lossy(text.get(..filled).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_judged_by_its_status_and_the_last_words() {
        let caps = Caps { memory_bytes: 1, cpu_seconds: 10, file_bytes: 0 };
        let exit = |code: i32| Some(code << 8);
        let check = |raw: Option<i32>, words: &str, cpu_ms: u64, expected: &str| {
            let status = raw.map(wait_status);
            let outcome = format!("{:?}", judge(status, words, cpu_ms, caps));
            assert_eq!(outcome, expected, "{raw:?} {words} {cpu_ms}");
        };
        check(exit(0), "malloc", 99_000, "Done");
        check(exit(1), "Invalid data found", 10, "Failed");
        check(exit(1), "x: Cannot allocate memory", 10, "OutOfMemory");
        check(exit(255), "", 9_950, "OutOfTime");
        check(exit(125), "child-guard: Landlock: no", 0, "Unguarded");
        check(exit(125), "child-guard: x\nother", 0, "Failed");
        check(Some(Signal::KILL.as_raw()), "", 10, "Killed");
        check(Some(Signal::KILL.as_raw()), "", 15_000, "OutOfTime");
        check(Some(Signal::XFSZ.as_raw()), "", 10, "OutOfRoom");
        check(Some(Signal::SEGV.as_raw()), "", 10, "Failed");
        check(None, "", 0, "Failed");
    }

    /// A status as the kernel writes it: a process that ends so is the only way to one.
    fn wait_status(raw: i32) -> WaitStatus {
        let script = match (raw & 0x7f, raw >> 8) {
            (0, code) => format!("exit {code}"),
            (signal, _) => format!("ulimit -c 0; kill -{signal} $$"),
        };
        let mut child = std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let waited = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        // There is nothing left for it to find.
        assert!(child.wait().is_err());
        waited.unwrap().unwrap().1
    }

    #[test]
    fn the_figures_of_a_process_are_read() {
        let me = rustix::process::getpid();
        let Resident { peak_bytes, own_bytes } = resident(me);
        assert!(peak_bytes > own_bytes && own_bytes > 100_000, "{peak_bytes} {own_bytes}");
        assert!(processor_ms(me) < 3_600_000);
        let nobody = Pid::from_raw(i32::MAX).unwrap();
        assert_eq!((resident(nobody), processor_ms(nobody)), (Resident::default(), 0));
    }
}
