//! Ours beside nginx on the same files: what a byte, a request, a slow client and a slow disk cost.
//!
//! **Promise.** Both servers are started anew for every run, checked byte by byte first, pinned to one core while the
//! clients have the other, and run in turn inside each round; a goal is judged by the median of the ratios taken within
//! the rounds. The page is written whether the goals hold or not.
//!
//! **Flow.** [`namespace`] runs this program again where nothing else happens; [`music`] and [`ours`] prepare; [`side`]
//! starts a server for each of the [`rows`], [`loads`] puts clients on it, [`verdict`] judges.
//!
//! **Not here.** The clients (`load::flood`), the choice of windows (the bench `windows`).

mod bytes;
mod loads;
mod music;
mod namespace;
mod nginx;
mod ours;
mod rows;
mod side;
mod verdict;
mod windows;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Options, report, server, walls};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, run, stages};

use rows::{ROWS, Row};
use side::Bench;
use verdict::Rounds;

pub(super) use windows::run as windows;

const TOOLS: &[Tool] = &[
    Tool::Ffmpeg,
    Tool::Nginx,
    Tool::Curl,
    Tool::Network,
    Tool::System,
    Tool::Wrk,
    Tool::H2load,
    Tool::Openssl,
];
/// A page is kept from so many rounds on.
const KEPT_FROM_ROUNDS: usize = 3;

pub(super) fn run(options: &Options) -> Result<()> {
    let wanted: Vec<&Row> =
        ROWS.iter().filter(|row| options.only.as_deref().is_none_or(|name| name == row.name)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(Error::new(
            ErrorKind::Broken,
            format!("there is no such row; there are {}", names.join(", ")),
        ));
    }
    inside(options, |bench| {
        let mut done: Vec<(&Row, Rounds)> = Vec::new();
        for row in wanted {
            println!("\n── {}: {}", row.name, row.about);
            done.push((row, rounds(bench, row, options.rounds)?));
        }
        judge(options, bench, &done)
    })
}

/// Runs `measure` in a namespace of its own, with everything prepared.
fn inside(options: &Options, measure: impl FnOnce(&Bench) -> Result<()>) -> Result<()> {
    if !namespace::inside() {
        install::need(TOOLS)?;
        let built = std::env::var_os("MILLPOND_BIN").map(PathBuf::from);
        let server = built.map_or_else(|| stages::server(&files::workspace()), Ok)?;
        // The files are made outside, where all cores are.
        music::Music::made()?;
        return namespace::enter(&server);
    }
    namespace::settle()?;
    let binary = std::env::var_os("MILLPOND_BIN").map(PathBuf::from).unwrap_or_default();
    let scratch =
        tempfile::tempdir().map_err(|error| Error::because(ErrorKind::Io, "making a folder", error))?;
    let music = music::Music::made()?;
    server::certificate(scratch.path())?;
    let ours = ours::Ours::prepared(&binary, scratch.path(), &music)?;
    let short = options.short;
    measure(&Bench {
        home: scratch.path().to_owned(),
        music,
        ours,
        hot_s: if short { 1.0 } else { 3.0 },
        slow_s: if short { 6.0 } else { 20.0 },
        cold_s: if short { 3.0 } else { 7.0 },
        slow_clients: if short { 1_000 } else { 5_000 },
    })
}

/// Every server of a row in turn, round by round, each second round the other way about.
fn rounds(bench: &Bench, row: &Row, count: usize) -> Result<Rounds> {
    let mut rounds = Rounds::new();
    for number in 0..count {
        let mut sides = row.sides.to_vec();
        if number % 2 == 1 {
            sides.reverse();
        }
        let mut round = Vec::new();
        for side in sides {
            let figures = (row.run)(bench, side).map_err(|error| {
                Error::because(error.kind(), format!("{} of {}", row.name, side.name()), error)
            })?;
            let said: Vec<String> =
                figures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
            println!("round {} {}: {}", number + 1, side.name(), said.join(", "));
            round.push((side, figures));
        }
        rounds.push(round);
    }
    Ok(rounds)
}

fn judge(options: &Options, bench: &Bench, done: &[(&Row, Rounds)]) -> Result<()> {
    let mut body = conditions(options, bench)?;
    body += "| row | server | figure | median (least–most) | goal | |\n|---|---|---|---|---|---|\n";
    let mut missed = 0;
    for (row, rounds) in done {
        for goal in row.goals {
            let verdict = verdict::judge(row, goal, rounds);
            missed += usize::from(!verdict.held);
            body += &format!("{}\n", verdict.line);
        }
    }
    body.push('\n');
    done.iter().for_each(|(row, rounds)| body += &verdict::table(row, rounds));
    let keep = options.only.is_none() && !options.short && options.rounds >= KEPT_FROM_ROUNDS;
    report::write("wire", &format!("cargo x bench wire --rounds {}", options.rounds), body.trim_end(), keep)?;
    match missed {
        0 => Ok(()),
        missed => Err(Error::new(ErrorKind::Broken, format!("{missed} goals are missed"))),
    }
}

/// What a reader needs to know to believe the table, or to repeat it.
fn conditions(options: &Options, bench: &Bench) -> Result<String> {
    let disk = bench.music.path(music::Part::Cold(0));
    let disk =
        walls::SlowDisk::new(&disk, loads::DISK_BYTES_PER_SECOND).map_or("not slowed here", |disk| disk.how);
    let wire = if bench.ours.has_wire {
        ""
    } else {
        " **This build has no wire: every row of ours is the ordinary body.**"
    };
    Ok(format!(
        "Versions: {}.\n\n\
         Millpond answers `/tracks/{{id}}/audio` by a signed link, with its catalog, limits and metrics on; its limits are \
         raised by `{}`.{wire} nginx: `worker_processes 1; sendfile on; tcp_nodelay on; access_log off`, as it is, with \
         `aio threads`, and with `open_file_cache max=1000` (the fair peer, since ours keeps open files). Everything runs \
         in a network namespace on 127.0.0.1 with cubic, servers on core {}, clients on core {}, in turn within each of {} \
         rounds, a fresh server for every run. Before each run the files were read and seen in memory (fincore), and \
         status, version, length and bytes of a whole song and seven ranges were compared with the files. CPU is user and \
         system time of all threads and processes of a server; GB are 10^9 bytes of bodies, and the clients take what is \
         on its way at the end. A ratio is taken within its round. Peak is VmHWM of all processes together. Memory of \
         sockets: memory.kmem.tcp of a version 1 group, the server alone in it. Slow disk: {disk}, files thrown out of memory before. MB/s is what the \
         clients got on a machine with other work, and no figure to compare.\n\n",
        versions(&bench.ours.binary)?,
        "limits.connections = 0, limits.connections_per_address = 0, limits.streams = 0, limits.streams_per_user = 0",
        server::SERVER_CORE,
        server::CLIENT_CORE,
        options.rounds,
    ))
}

fn versions(binary: &Path) -> Result<String> {
    let ours = run::quiet(Command::new(binary).arg("--version"))?;
    let nginx = if run::there("nginx", "-v") { "nginx" } else { "/usr/sbin/nginx" };
    let script = format!(
        "{nginx} -v 2>&1; openssl version; wrk -v 2>&1 | head -1 | cut -d' ' -f1-2; h2load --version"
    );
    let peers = run::quiet(Command::new("sh").args(["-c", &script]))?;
    let lines: Vec<&str> = ours.lines().chain(peers.lines()).map(str::trim).collect();
    Ok(lines.join("; "))
}
