//! What a child is before it is ffmpeg: our own program, started again, which gives away all that ffmpeg does not need and
//! then becomes it.
//!
//! A server cannot do this for a child: between its fork and its exec a program with threads may hardly do anything. Here
//! there is one thread and nobody to disturb. In this order:
//!
//! 1. it yields to others, and is the first to go when memory runs out;
//! 2. it leaves the network, and for a served input listens on the loopback of its own one and hands that socket over;
//! 3. it fences itself in: from then on only its input and its program can be opened;
//! 4. it drops every right and takes its limits;
//! 5. it starts no process and signals none from then on, and ends when the server does;
//! 6. it becomes the program, with an empty environment and three descriptors.

mod alone;
mod calls;
mod fence;
mod orders;

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use budget::limits::{CHILD_CPU_GRACE_SECONDS, CHILD_FILES_MAX, CHILD_NICE};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitySet, CapabilitySets};

pub(crate) use orders::{Fed, Orders};

use crate::sandbox::Protection;

/// The first argument with which the program is started again as a guard.
pub const WORD: &str = "child-guard";
/// The argument behind it when the question is only what this machine allows.
pub(crate) const ASK: &str = "ask";
/// How a guard ends that did not become the program.
// format: between a guard and the server that started it; ffmpeg does not end so.
pub(crate) const EXIT_GUARD: u8 = 125;
/// The port on which a child finds its served input, in its own network, where no other is taken.
pub const SERVED_PORT: u16 = 8_080;

/// The whole program of a guard, with the arguments behind [`WORD`]. It returns only when something failed, or when it
/// was only asked.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if args.first().is_some_and(|first| first == ASK) {
        // Inside the fence the way out of the network would be closed.
        let network = alone::leave_network().is_ok();
        let found = Protection { landlock: fence::works(), network, seccomp: calls::works() };
        let told = writeln!(io::stdout(), "{}", found.word());
        return told.map_or(ExitCode::from(EXIT_GUARD), |()| ExitCode::SUCCESS);
    }
    let failed = match Orders::read(args) {
        Ok(orders) => match follow(&orders) {
            Ok(never) => match never {},
            Err(failed) => failed,
        },
        Err(failed) => failed,
    };
    // Nobody is left to be told of a failure to tell.
    let _ = writeln!(io::stderr(), "{WORD}: {failed}");
    ExitCode::from(EXIT_GUARD)
}

fn follow(orders: &Orders) -> Result<Infallible, String> {
    yield_to_others();
    alone::leave_descriptors().map_err(said("closing descriptors"))?;
    if orders.protection.network {
        alone::leave_network().map_err(said("leaving the network"))?;
    }
    if orders.fed == Fed::Served {
        hand_over().map_err(said("listening for the input"))?;
    }
    if orders.protection.landlock {
        fence::close(orders).map_err(|e| format!("Landlock: {e}"))?;
    }
    rustix::thread::set_no_new_privs(true).map_err(said("giving up privileges"))?;
    let may_search = orders.protection.landlock && orders.fed == Fed::Descriptor;
    drop_rights(may_search).map_err(said("dropping rights"))?;
    take_limits(orders).map_err(said("taking limits"))?;
    if orders.protection.seccomp {
        calls::close().map_err(said("seccomp"))?;
    }
    end_with(orders.parent).map_err(said("ending with the server"))?;
    let mut program = Command::new(&orders.program);
    Err(said("becoming the program")(program.args(&orders.args).env_clear().exec()))
}

fn said<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> String {
    move |e| format!("{doing}: {e}")
}

/// A child that is not nice, or as dear to the kernel as we are, still does its work.
fn yield_to_others() {
    let _ = rustix::process::nice(CHILD_NICE);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// Listens in the new network, gives the socket to the server, which is at the other end of the standard input, and
/// leaves nothing there.
fn hand_over() -> io::Result<()> {
    alone::raise_loopback()?;
    // Small windows keep ffmpeg's reads close to what it needs; a container may not allow to set them.
    let _ = std::fs::write("/proc/sys/net/ipv4/tcp_rmem", "4096 65536 131072");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, SERVED_PORT))?;
    let descriptors = [listener.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(io::stdin(), &[IoSlice::new(b"l")], &mut message, SendFlags::NOSIGNAL)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(())
}

/// Keeps no right, also of those that the super-user has: with new privileges given up, becoming a program does not give
/// them back.
///
/// A super-user may read a file of somebody else's, and ffmpeg opens again the input that we opened. Where the fence
/// leaves nothing else to be opened, that one right stays.
fn drop_rights(may_search: bool) -> rustix::io::Result<()> {
    let had = rustix::thread::capabilities(None)?.effective;
    let wanted = if may_search { CapabilitySet::DAC_READ_SEARCH } else { CapabilitySet::empty() };
    let kept = had & wanted;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets)
}

fn take_limits(orders: &Orders) -> rustix::io::Result<()> {
    let set = |resource, current, maximum| {
        rustix::process::setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
    };
    let caps = orders.caps;
    set(Resource::Core, 0, 0)?;
    set(Resource::Nofile, CHILD_FILES_MAX, CHILD_FILES_MAX)?;
    set(Resource::Fsize, caps.file_bytes, caps.file_bytes)?;
    // At the lower one it is told, at the upper one it is killed.
    set(Resource::Cpu, caps.cpu_seconds, caps.cpu_seconds.saturating_add(CHILD_CPU_GRACE_SECONDS))?;
    set(Resource::Data, caps.memory_bytes, caps.memory_bytes)
}

/// Asks the kernel to kill this process when the server's thread that started it is gone. A change of rights undoes that,
/// so it comes last; and a server that was gone before is noticed by its number.
fn end_with(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_there = rustix::process::getppid().map(Pid::as_raw_pid) == i32::try_from(parent).ok();
    if is_there { Ok(()) } else { Err(io::Error::other("it is gone")) }
}
