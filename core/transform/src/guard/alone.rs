//! Leaving behind what is around: the network, and descriptors that came along. The only unsafe code of this crate.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

/// Moves this process into a network and a set of System V objects of its own: with the rights that it has, or as its own
/// user in a user namespace, in which everybody may.
pub(super) fn leave_network() -> io::Result<()> {
    let apart = UnshareFlags::NEWNET | UnshareFlags::NEWIPC;
    match unshare(apart) {
        Err(Errno::PERM) => {}
        done => return Ok(done?),
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(apart | UnshareFlags::NEWUSER)?;
    // Whoever may set groups could leave one that keeps him from a file; the kernel wants that settled first.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

#[expect(unsafe_code, reason = "there is no safe call")]
fn unshare(what: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: the table of descriptors (CLONE_FILES) is never among the flags; nothing else can be seen by other code.
    unsafe { rustix::thread::unshare_unsafe(what) }
}

/// Descriptors behind the first three end with this program. Ours all do by themselves; whoever started the server may
/// have given it some that do not.
pub(super) fn leave_descriptors() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number @ 3..) = number else { continue };
        match end_with_the_program(number) {
            // The one over which this folder is read is gone by the next look.
            Ok(()) | Err(Errno::BADF) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "a descriptor of which there is only the number")]
fn end_with_the_program(number: i32) -> rustix::io::Result<()> {
    // SAFETY: the number was read a moment ago in a process with one thread, and a flag of it is all that changes.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(descriptor, FdFlags::CLOEXEC)
}

// format: rtnetlink(7), as the kernel's headers number it.
const REQUEST_BYTES: u32 = 32;
const NEW_LINK: u16 = 16;
const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
const LOOPBACK_INDEX: i32 = 1;
const UP: u32 = 1;

/// Brings the loopback up: in a new network it is down. What `ip link set lo up` says.
pub(super) fn raise_loopback() -> io::Result<()> {
    let mut request = Vec::with_capacity(REQUEST_BYTES as usize);
    request.extend(REQUEST_BYTES.to_ne_bytes());
    request.extend(NEW_LINK.to_ne_bytes());
    request.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // A sequence number, and nobody's port.
    request.extend(1_u32.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    // No address family, no type.
    request.extend(0_u32.to_ne_bytes());
    request.extend(LOOPBACK_INDEX.to_ne_bytes());
    // The flags, and which of them are meant.
    request.extend(UP.to_ne_bytes());
    request.extend(UP.to_ne_bytes());
    let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
    // Protocol 0 of this family is routing.
    let socket = rustix::net::socket_with(family, SocketType::RAW, flags, None)?;
    rustix::net::send(socket.as_fd(), &request, SendFlags::empty())?;
    let mut answer = [0; 256];
    let (count, _) = rustix::net::recv(socket.as_fd(), &mut answer, RecvFlags::empty())?;
    // Behind a header of 16 bytes stands a negative error number, or zero.
    let error =
        answer.get(..count).and_then(|answer| answer.get(16..20)).and_then(|error| error.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
