//! Instructions and allocations of the paths in the crate `hot`, by valgrind.
//!
//! Each path runs with a smaller and a larger count; the difference, divided by the difference of the counts, is the
//! path without its set-up. Callgrind's and dhat's totals are the same from run to run where one thread runs, whatever
//! else the machine does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Figures;
use crate::{Error, ErrorKind, Result, files, run, stages};

/// The C library copies and compares memory by routines that it chooses by the processor, at sizes that it takes from
/// the size of its cache. The routines that every 64-bit processor has, and fixed sizes, make the counts those of any
/// machine. Measured here with the newest routines in their place: 0 to 2 % fewer instructions. What the standard
/// library and its friends choose by themselves has two forms only, since valgrind shows a program no more than AVX2.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX2_Usable,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI2,-MOVBE,-LZCNT,-RTM:\
     glibc.cpu.x86_non_temporal_threshold=0xc0000:glibc.cpu.x86_rep_movsb_threshold=0x800:\
     glibc.cpu.x86_rep_stosb_threshold=0x800";

/// One path of `hot`, as it lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hot {
    name: String,
    few: u64,
    many: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    Callgrind,
    Dhat,
}

/// What one run came to: names of figures and totals.
type Totals = Vec<(&'static str, f64)>;

/// Builds `hot` for release and counts every path of it.
pub(super) fn measure(root: &Path) -> Result<Figures> {
    // The server first, with its page, and then with it: what both depend on is compiled once.
    stages::server(root)?;
    run::run(&mut stages::cargo(root, &["build", "--quiet", "--release", "-p", "millpond", "-p", "hot"]))?;
    let program = files::target().join("release/hot");
    let paths = listed(&run::quiet(&mut Command::new(&program))?)
        .ok_or_else(|| Error::new(ErrorKind::Failed, format!("`{}` lists no paths", program.display())))?;
    let jobs: Vec<(&Hot, Counter)> =
        paths.iter().flat_map(|path| [(path, Counter::Callgrind), (path, Counter::Dhat)]).collect();
    println!("counting {} paths under valgrind", paths.len());
    let figures = Mutex::new(Figures::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<()> {
        while let Some((path, counter)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = counted(&program, path, *counter)?;
            let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
            figures.entry(path.name.clone()).or_default().extend(found);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(ErrorKind::Failed, "a thread of the gate fell over")),
        })
    })?;
    Ok(figures.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The lines `NAME FEW MANY`.
fn listed(text: &str) -> Option<Vec<Hot>> {
    let path = |line: &str| {
        let mut words = line.split(' ');
        let (name, few, many) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (few < many).then(|| Hot { name: name.to_owned(), few, many })
    };
    let paths: Option<Vec<Hot>> = text.lines().map(path).collect();
    paths.filter(|paths| !paths.is_empty())
}

/// The means of one path.
fn counted(program: &Path, path: &Hot, counter: Counter) -> Result<BTreeMap<String, f64>> {
    let few = totals(program, path, path.few, counter)?;
    let many = totals(program, path, path.many, counter)?;
    let runs = (path.many - path.few) as f64;
    let pairs = few.iter().zip(&many);
    Ok(pairs.map(|((name, few), (_, many))| ((*name).to_owned(), (many - few).max(0.0) / runs)).collect())
}

fn totals(program: &Path, path: &Hot, count: u64, counter: Counter) -> Result<Totals> {
    let mut valgrind = Command::new("valgrind");
    // What valgrind says goes to where we read; the path itself says nothing.
    valgrind.arg("--log-fd=1").args(match counter {
        Counter::Callgrind => ["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        Counter::Dhat => ["--tool=dhat", "--dhat-out-file=/dev/null"],
    });
    valgrind.arg(program).arg(&path.name).arg(count.to_string());
    valgrind.env("GLIBC_TUNABLES", TUNABLES).env("TMPDIR", scratch()?);
    let said = run::quiet(&mut valgrind)?;
    let found = match counter {
        Counter::Callgrind => instructions(&said),
        Counter::Dhat => allocations(&said),
    };
    found.ok_or_else(|| {
        Error::new(ErrorKind::Failed, format!("no totals from `{}`:\n{said}", run::line(&valgrind)))
    })
}

/// On the disk of the checkout: the files of a folder that lives in memory may not be readable without waiting.
pub(super) fn scratch() -> Result<PathBuf> {
    let folder = files::target().join("gate");
    files::make_folder(&folder)?;
    Ok(folder)
}

/// The line `==PID== Collected : NUMBER`.
fn instructions(said: &str) -> Option<Totals> {
    let (_, after) = said.split_once("Collected : ")?;
    Some(vec![("instructions", number(after)?)])
}

/// The line `==PID== Total:     BYTES bytes in BLOCKS blocks`.
fn allocations(said: &str) -> Option<Totals> {
    let (_, after) = said.split_once("Total:")?;
    let (bytes, after) = after.split_once(" bytes in ")?;
    Some(vec![("allocated_bytes", number(bytes)?), ("allocations", number(after)?)])
}

/// A number with its thousands apart.
fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_what_the_tools_say() {
        let callgrind =
            "==7== Events    : Ir\n==7== Collected : 279795789\n==7==\n==7== I   refs:      279,795,789\n";
        assert_eq!(instructions(callgrind), Some(vec![("instructions", 279_795_789.0)]));
        let dhat = "==7== Total:     140,603 bytes in 1,072 blocks\n==7== At t-gmax: 5 bytes in 2 blocks\n";
        let expected = vec![("allocated_bytes", 140_603.0), ("allocations", 1_072.0)];
        assert_eq!(allocations(dhat), Some(expected));
        assert_eq!((instructions("nothing"), allocations("Total: x bytes in y blocks")), (None, None));
    }

    #[test]
    fn paths_are_read_with_their_counts() {
        let path = |name: &str, few, many| Hot { name: name.to_owned(), few, many };
        assert_eq!(listed("range 1 3\nslot 2 9\n"), Some(vec![path("range", 1, 3), path("slot", 2, 9)]));
        for broken in ["", "range 1", "range 3 3", "range one 3"] {
            assert_eq!(listed(broken), None, "{broken}");
        }
    }
}
