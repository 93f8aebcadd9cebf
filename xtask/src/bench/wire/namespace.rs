//! A network namespace of its own, with cubic: other traffic and other settings of the machine stay outside.

use std::process::Command;

use super::super::server::CLIENT_CORE;
use crate::{Error, ErrorKind, Result, run};

/// Says to the run inside that it is inside.
const INSIDE: &str = "MILLPOND_BENCH_INSIDE";
/// For thousands of clients, and for a server with a socket and a file for each.
const DESCRIPTORS: u64 = 20_000;

/// Whether this is the run inside.
pub(super) fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this same command again in a new namespace, with `server` as the server to measure, and waits for it.
pub(super) fn enter(server: &std::path::Path) -> Result<()> {
    // A namespace may take only what the machine allows to everybody.
    let allowed = run::quiet(Command::new("sysctl").args(["-n", "net.ipv4.tcp_allowed_congestion_control"]))?;
    if !allowed.split_whitespace().any(|name| name == "cubic") {
        let wanted = format!("net.ipv4.tcp_allowed_congestion_control={} cubic", allowed.trim());
        run::quiet(Command::new("sysctl").args(["-w", &wanted]))?;
    }
    let program = std::env::current_exe()
        .map_err(|error| Error::because(ErrorKind::Failed, "finding this program", error))?;
    let script = "ip link set lo up && sysctl -q -w net.ipv4.tcp_congestion_control=cubic && exec \"$@\"";
    let mut again = Command::new("unshare");
    again.args(["--net", "sh", "-c", script, "sh"]).arg(program).args(std::env::args_os().skip(1));
    run::run(again.env(INSIDE, "1").env("MILLPOND_BIN", server))
}

/// Puts this process on the clients' core and gives it, and what it starts, as many descriptors as thousands of
/// clients need.
pub(super) fn settle() -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(CLIENT_CORE);
    rustix::thread::sched_setaffinity(None, &cores).map_err(|error| {
        let error = std::io::Error::from(error);
        Error::because(ErrorKind::Failed, "the clients need a second core", error)
    })?;
    match load::raise_descriptors(DESCRIPTORS) {
        DESCRIPTORS.. => Ok(()),
        few => Err(Error::new(
            ErrorKind::Missing,
            format!("{few} descriptors are allowed, {DESCRIPTORS} are needed"),
        )),
    }
}
