//! Which bytes of a file are in memory: brought there, or thrown out, before anything is timed.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;

use rustix::fs::Advice;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{Error, ErrorKind, Result, run};

const PIECE_BYTES: usize = 1024 * 1024;
/// A system short of memory may take pages while the file is read.
const WARM_TIMES_MAX: usize = 5;
const COOL_TIMES_MAX: usize = 5;

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Broken, what)
}

/// What is said of a file that cannot be read.
pub(super) fn unread(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::because(ErrorKind::Io, format!("reading {}", path.display()), error)
}

/// Reads a file, so that it is in memory, and sees that it is.
pub(super) fn warm(path: &Path) -> Result<()> {
    let failed = unread(path);
    let mut piece = vec![0; PIECE_BYTES];
    let mut seen = (0, 0);
    for _ in 0..WARM_TIMES_MAX {
        let mut file = File::open(path).map_err(&failed)?;
        while file.read(&mut piece).map_err(&failed)? > 0 {}
        // The last page is counted whole.
        seen = residency(path)?;
        if seen.0 >= seen.1 {
            return Ok(());
        }
    }
    Err(wrong(format!("{}: {} of {} bytes stayed in memory", path.display(), seen.0, seen.1)))
}

/// Throws a file out of memory, and sees that it is gone.
pub(super) fn cool(path: &Path) -> Result<()> {
    let failed = unread(path);
    let file = File::open(path).map_err(&failed)?;
    // What the disk has not got yet would stay.
    file.sync_all().map_err(&failed)?;
    let mut left = 0;
    for _ in 0..COOL_TIMES_MAX {
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| failed(error.into()))?;
        (left, _) = residency(path)?;
        if left == 0 {
            return Ok(());
        }
        free_what_was_sent();
    }
    Err(wrong(format!("{}: {left} bytes stayed in memory", path.display())))
}

/// A core that received on the loopback what another had sent leaves it to the other to free it, and that one does so when
/// it next has to do with the network; until then the pages are in use.
fn free_what_was_sent() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for core in 0..cores {
            scope.spawn(move || {
                let mut only = CpuSet::new();
                only.set(core);
                // Nobody listens there, and to be told so is enough.
                if sched_setaffinity(None, &only).is_ok() {
                    let _refused = TcpStream::connect((Ipv4Addr::LOCALHOST, 1));
                }
            });
        }
    });
}

/// Bytes of a file that are in memory, and all of them.
fn residency(path: &Path) -> Result<(u64, u64)> {
    let mut fincore = Command::new("fincore");
    let said = run::quiet(fincore.args(["--bytes", "--noheadings", "--output", "RES,SIZE"]).arg(path))?;
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(resident), Some(length)) => Ok((resident, length)),
        _ => Err(wrong(format!("fincore said {said:?}"))),
    }
}
