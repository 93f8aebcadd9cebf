//! One big upload by tus: bytes for each CPU second of the whole server, beside `@tus/server` for Node and `rustus`, and
//! beside the limit, SHA-256 alone on one core.

mod client;
mod side;

use std::process::Command;

use side::{Run, Side};

use super::{Options, report};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, run, stages};

/// The upload, in bytes; the peers' default limits allow it, and one of them holds it in memory.
const BYTES: u64 = 1_000_000_000;
/// And when it is only a try.
const BYTES_SHORT: u64 = 100_000_000;
/// Our bytes for each CPU second over those of a peer that hashes, at least…
const RATIO_MIN: f64 = 3.0;
/// …or over the bare hash, at least.
const SHARE_MIN: f64 = 0.6;

/// One server and what it did.
struct Row {
    side: Side,
    runs: Vec<Run>,
}

impl Row {
    /// The middle one by CPU time.
    fn median(&self) -> Option<Run> {
        let mut runs = self.runs.clone();
        runs.sort_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s));
        runs.get(runs.len() / 2).copied()
    }
}

pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[Tool::Openssl])?;
    let server = stages::server(&files::workspace())?;
    let mut sides = vec![Side::Ours(server)];
    if options.peer_rounds > 0 {
        let (node, _) = install::upload_clients()?;
        // Node looks for packages beside the script.
        let script = files::read_text(&files::workspace().join("tests/src/clients/oracle.mjs"))?;
        files::write(&node.join("oracle.mjs"), script)?;
        let rustus = rustus()?;
        sides.extend([Side::Node(node), Side::Rustus(rustus.clone()), Side::RustusHashing(rustus)]);
    }
    let bytes = if options.short { BYTES_SHORT } else { BYTES };
    let mut rows: Vec<Row> = sides.into_iter().map(|side| Row { side, runs: Vec::new() }).collect();
    let hash = bare_hash()?;
    for round in 0..options.rounds.max(options.peer_rounds) {
        for row in &mut rows {
            let rounds = if matches!(row.side, Side::Ours(_)) { options.rounds } else { options.peer_rounds };
            if round < rounds {
                row.runs.push(side::measured(&row.side, bytes)?);
            }
        }
        println!("round {} done", round + 1);
    }
    judge(options, bytes, hash, &rows)
}

/// `rustus`, built once for release with its checksums.
fn rustus() -> Result<std::path::PathBuf> {
    let peers = files::target().join("peers");
    let program = peers.join("bin/rustus");
    if !program.is_file() {
        println!("installing rustus into {}", peers.display());
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", "rustus@0.5.10", "--features", "hashers", "--root"]);
        run::run(install.arg(&peers))?;
    }
    Ok(program)
}

/// Bytes of SHA-256 for each second of one core, by OpenSSL, in pieces of our size.
fn bare_hash() -> Result<f64> {
    let mut speed = Command::new("openssl");
    let said = run::quiet(speed.args(["speed", "-seconds", "3", "-bytes", "131072", "-evp", "sha256"]))?;
    let rate = said.lines().rev().find_map(|line| {
        let thousands = line.strip_prefix("sha256")?.trim().strip_suffix('k')?;
        thousands.parse::<f64>().ok()
    });
    let unread = || Error::new(ErrorKind::Failed, format!("openssl speed said what nobody reads:\n{said}"));
    Ok(rate.ok_or_else(unread)? * 1_000.0)
}

fn judge(options: &Options, bytes: u64, hash: f64, rows: &[Row]) -> Result<()> {
    let mut body = format!(
        "One upload of {} MB by tus on loopback: one POST, one PATCH of everything, the same bytes to each server. CPU is \
         user and system time of the whole server from before the POST until the answer to the PATCH; the client's is not \
         in it. Ours hashes with SHA-256 while it receives, keeps a CRC32C of each block, syncs before it answers, and the \
         answer says that the track is there. The peers run as they come, with a store of files. The median of {} runs by \
         CPU time, of the peers {}. The limit is SHA-256 alone on one core, by OpenSSL.\n\n",
        bytes / 1_000_000,
        options.rounds,
        options.peer_rounds,
    );
    body += "| server | hashes | wall s | CPU s | MB per CPU s | peak MiB | of the bare hash |\n|---|---|---|---|---|---|---|\n";
    let rate = |run: Run| bytes as f64 / run.cpu_s;
    let mut rates = Vec::new();
    for row in rows {
        let Some(run) = row.median() else { continue };
        rates.push((&row.side, rate(run)));
        body += &format!(
            "| {} | {} | {:.2} | {:.2} | {:.0} | {:.1} | {:.0} % |\n",
            row.side.name(),
            row.side.hashes(),
            run.wall_s,
            run.cpu_s,
            rate(run) / 1e6,
            run.peak_kib as f64 / 1024.0,
            100.0 * rate(run) / hash,
        );
    }
    body += &format!("| SHA-256 alone | | | | {:.0} | | 100 % |\n\n", hash / 1e6);
    let ours = rates.iter().find(|(side, _)| matches!(side, Side::Ours(_))).map_or(0.0, |(_, rate)| *rate);
    for (side, rate) in rates.iter().filter(|(side, _)| !matches!(side, Side::Ours(_))) {
        body += &format!("- {:.2} times the bytes per CPU second of {}\n", ours / rate, side.name());
    }
    let peer = rates.iter().find(|(side, _)| matches!(side, Side::RustusHashing(_)));
    let by_peer = peer.is_some_and(|(_, rate)| ours / rate >= RATIO_MIN);
    let held = by_peer || ours / hash >= SHARE_MIN;
    let gate = format!(
        "at least {RATIO_MIN} times the bytes per CPU second of a peer that hashes, or at least {:.0} % of the bare hash",
        100.0 * SHARE_MIN
    );
    body += &format!("- {}: {gate}\n", if held { "held" } else { "missed" });
    report::write("ingest", "cargo x bench ingest", &body, !options.short && options.peer_rounds > 0)?;
    if held { Ok(()) } else { Err(Error::new(ErrorKind::Broken, format!("a gate is missed: {gate}"))) }
}
