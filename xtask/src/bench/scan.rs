//! Scanning the same generated files by Millpond and by Supysonic, a music server in Python that needs no service
//! beside it and comes from a package registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Options, report};
use crate::corpus;
use crate::install::{self, Tool};
use crate::run::{self, Usage};
use crate::{Error, ErrorKind, Result, files, stages};

/// The peer, and the server in which it runs.
pub(super) const PEER: &[&str] = &["supysonic==0.7.9", "waitress==3.0.2"];
/// Tracks per CPU second, ours over the peer's, at least.
pub(super) const RATIO_MIN: f64 = 15.0;
/// Our peak resident set at most, in MiB.
pub(super) const PEAK_MIB_MAX: f64 = 48.0;
/// First scan over rescan without changes, in CPU seconds, at least.
const RESCAN_RATIO_MIN: f64 = 20.0;

/// Smaller runs are tries: printed, not kept as a page.
const KEPT_FROM_TRACKS: usize = 20_000;

struct Runs {
    first: Vec<Usage>,
    again: Vec<Usage>,
    peer: Vec<Usage>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[Tool::Time, Tool::Ffmpeg])?;
    let server = stages::server(&files::workspace())?;
    let peer = install::python_environment("supysonic", PEER)?;
    println!("making {} tracks", options.tracks);
    let music = corpus::kept(&corpus::Options { progress: true, ..corpus::Options::tracks(options.tracks) })?;
    let mut runs = Runs { first: Vec::new(), again: Vec::new(), peer: Vec::new() };
    warm(&music)?;
    for round in 0..options.rounds.max(options.peer_rounds) {
        let scratch =
            tempfile::tempdir().map_err(|error| Error::because(ErrorKind::Io, "making a folder", error))?;
        if round < options.rounds {
            runs.first.push(ours(&server, scratch.path(), &music)?);
            runs.again.push(ours(&server, scratch.path(), &music)?);
        }
        if round < options.peer_rounds {
            runs.peer.push(theirs(&peer, scratch.path(), &music)?);
        }
        println!("round {} done", round + 1);
    }
    judge(options, runs)
}

/// Reads a library once, so that no side pays for the disk.
pub(super) fn warm(music: &Path) -> Result<()> {
    for path in files::ours(music)? {
        files::read_bytes(&path)?;
    }
    Ok(())
}

pub(super) fn ours(server: &Path, scratch: &Path, music: &Path) -> Result<Usage> {
    let mut scan = Command::new(server);
    scan.arg("scan").arg("--data").arg(scratch.join("data")).arg("--library").arg(music);
    run::measured(&scan)
}

pub(super) fn theirs(peer: &Path, scratch: &Path, music: &Path) -> Result<Usage> {
    let home = scratch.join("supysonic");
    let cli: PathBuf = peer.join("bin/supysonic-cli");
    let (database, cache) = (home.join("supysonic.db"), home.join("cache"));
    let settings = format!(
        "[base]\ndatabase_uri = sqlite:///{}\n[webapp]\ncache_dir = {}\n[daemon]\nrun_watcher = false\n",
        database.display(),
        cache.display()
    );
    files::write(&home.join("supysonic.conf"), settings)?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&cli);
        command.current_dir(&home).args(arguments);
        command
    };
    let music = music.to_string_lossy();
    run::quiet(&mut command(&["folder", "add", "Music", &music]))?;
    run::measured(&command(&["folder", "scan", "--foreground", "Music"]))
}

fn judge(options: &Options, runs: Runs) -> Result<()> {
    let peer_runs = runs.peer.len();
    let (Some(first), Some(again)) = (report::median(runs.first), report::median(runs.again)) else {
        return Err(Error::new(ErrorKind::Broken, "no round was asked for"));
    };
    let peer = report::median(runs.peer);
    let rate = |usage: Usage| options.tracks as f64 / usage.cpu_s;
    let peak_mib = |usage: Usage| usage.peak_kib as f64 / 1024.0;
    let row = |name: &str, usage: Usage| {
        let (wall_s, cpu_s) = (usage.wall_s, usage.cpu_s);
        format!("| {name} | {wall_s:.2} | {cpu_s:.2} | {:.0} | {:.1} |\n", rate(usage), peak_mib(usage))
    };
    let mut body = format!(
        "{} generated tracks (seed 1) in the page cache; each run a new process. CPU is user and system time of the whole \
         process, the peak is its largest resident set, both as the kernel reports them. Ours: the median of {} runs by \
         CPU time. Supysonic 0.7.9 on the same files, interleaved: the median of {peer_runs}.\n\n",
        options.tracks, options.rounds,
    );
    body += "| run | wall s | CPU s | tracks per CPU s | peak MiB |\n|---|---|---|---|---|\n";
    body += &row("Millpond, first scan", first);
    body += &row("Millpond, rescan without changes", again);
    peer.iter().for_each(|peer| body += &row("Supysonic, first scan", *peer));
    let rescan = first.cpu_s / again.cpu_s;
    let peak = peak_mib(first).max(peak_mib(again));
    let mut gates = vec![
        (format!("peak {peak:.1} MiB, at most {PEAK_MIB_MAX}"), peak <= PEAK_MIB_MAX),
        (format!("rescan {rescan:.1} times faster, at least {RESCAN_RATIO_MIN}"), rescan >= RESCAN_RATIO_MIN),
    ];
    if let Some(peer) = peer {
        let ratio = rate(first) / rate(peer);
        gates.insert(
            0,
            (
                format!("{ratio:.1} times the peer's tracks per CPU second, at least {RATIO_MIN}"),
                ratio >= RATIO_MIN,
            ),
        );
    }
    body.push('\n');
    for (gate, held) in &gates {
        body += &format!("- {}: {gate}\n", if *held { "held" } else { "missed" });
    }
    let keep = options.tracks >= KEPT_FROM_TRACKS && peer_runs > 0;
    report::write("scan", &format!("cargo x bench scan --tracks {}", options.tracks), &body, keep)?;
    match gates.iter().find(|(_, held)| !held) {
        None => Ok(()),
        Some((gate, _)) => Err(Error::new(ErrorKind::Broken, format!("a gate is missed: {gate}"))),
    }
}
