//! seccomp: what a program that works for itself alone never asks the kernel for is refused from the moment that the filter is
//! loaded, and what it becomes is bound by it too.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// System calls, and which of their uses are meant: all where there is no rule.
type Calls = BTreeMap<c_long, Vec<SeccompRule>>;

/// Whether this kernel would keep the filter. It loads it.
pub(super) fn works() -> bool {
    rustix::thread::set_no_new_privs(true).is_ok() && close().is_ok()
}

/// Loads the filter. New privileges must have been given up before.
pub(super) fn close() -> Result<(), Error> {
    let refused = program(refused()?, libc::EPERM)?;
    // Its flags are out of a filter's sight. Who is told that there is no such call makes a thread by the older one.
    let unseen = program([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)?;
    apply_filter(&unseen)?;
    apply_filter(&refused)
}

fn program(calls: Calls, error: i32) -> Result<BpfProgram, Error> {
    let refuse = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

/// Signals to others, looks into others, sockets that are no network's, and other processes.
fn refused() -> Result<Calls, Error> {
    let me = u64::from(std::process::id());
    let family = |family: i32| argument(SeccompCmpOp::Ne, u64::from(family.unsigned_abs()));
    let socket = SeccompRule::new(vec![family(libc::AF_INET)?, family(libc::AF_INET6)?])?;
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let process = SeccompRule::new(vec![argument(SeccompCmpOp::MaskedEq(thread), 0)?])?;
    let other = || Ok::<_, Error>(SeccompRule::new(vec![argument(SeccompCmpOp::Ne, me)?])?);
    let mut calls = Calls::from([
        (libc::SYS_clone, vec![process]),
        (libc::SYS_kill, vec![other()?]),
        (libc::SYS_tgkill, vec![other()?]),
        (libc::SYS_tkill, Vec::new()),
        (libc::SYS_rt_sigqueueinfo, Vec::new()),
        (libc::SYS_rt_tgsigqueueinfo, Vec::new()),
        (libc::SYS_pidfd_send_signal, Vec::new()),
        // A limit of processor time kills as a signal does, and a ring does what its process was refused.
        (
            libc::SYS_prlimit64,
            vec![SeccompRule::new(vec![argument(SeccompCmpOp::Ne, 0)?, argument(SeccompCmpOp::Ne, me)?])?],
        ),
        (libc::SYS_io_uring_setup, Vec::new()),
        (libc::SYS_ptrace, Vec::new()),
        (libc::SYS_process_vm_readv, Vec::new()),
        (libc::SYS_process_vm_writev, Vec::new()),
        (libc::SYS_socket, vec![socket]),
    ]);
    #[cfg(target_arch = "x86_64")]
    calls.extend([(libc::SYS_fork, Vec::new()), (libc::SYS_vfork, Vec::new())]);
    Ok(calls)
}

/// What the first argument of a call must be for it to be refused.
fn argument(is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Error> {
    Ok(SeccompCondition::new(0, SeccompCmpArgLen::Dword, is, value)?)
}
