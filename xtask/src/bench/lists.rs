//! What clients ask of a large library, beside Supysonic on the same files: pages at any depth, whole lists, memory.
//!
//! **Promise.** Both servers have scanned the same files and answer the same requests on one kept-alive connection, each
//! server pinned to one core; an answer that is too short to be the list fails the run.
//!
//! **Flow.** [`side`] scans and starts, [`asked`] says what is asked and measures, here it is judged.
//!
//! **Not here.** The scan by itself and the rescan: the bench `scan` has them.

mod asked;
mod side;

use super::scan::{self, PEAK_MIB_MAX, PEER, RATIO_MIN};
use super::{Options, report, server};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, corpus, files};
use asked::{Answers, Asked, LONGEST, PAGES, SMALL, WHOLE};
use side::Side;

/// How often ours is asked for each page, and the peer, who takes long.
const TIMES: usize = 200;
const PEER_TIMES: usize = 3;
const WHOLE_TIMES: usize = 20;
const MEDIAN_MS_MAX: f64 = 10.0;
const P99_MS_MAX: f64 = 30.0;
const FIRST_BYTE_MS_MAX: f64 = 50.0;
const GROWTH_MIB_MAX: f64 = 8.0;
/// Smaller runs are tries: printed, not kept as a page.
const KEPT_FROM_TRACKS: usize = 20_000;

/// A row of the page: a request, and what each side answered.
struct Row {
    asked: &'static Asked,
    ours: Answers,
    peer: Option<Answers>,
}

/// What was found.
struct Found {
    rows: Vec<Row>,
    longest: Answers,
    growth_mib: f64,
    /// The peak until the library was there: of the scan, or of the server's first look through it.
    coming_mib: f64,
    /// The peak of the server while it answered.
    answering_mib: f64,
    peer_peak_mib: Option<f64>,
    /// Tracks per CPU second of the scans, ours over the peer's.
    scan_ratio: Option<f64>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[Tool::Time, Tool::Ffmpeg])?;
    let program = server::program(&files::workspace())?;
    println!("making {} tracks", options.tracks);
    let music = corpus::kept(&corpus::Options { progress: true, ..corpus::Options::tracks(options.tracks) })?;
    let scratch = tempfile::tempdir().map_err(|e| Error::because(ErrorKind::Io, "making a folder", e))?;
    let small = corpus::kept(&corpus::Options { seed: 2, ..corpus::Options::tracks(options.tracks / 100) })?;
    // Where the scans are compared, neither side pays for the disk.
    if options.peer_rounds > 0 {
        scan::warm(&music)?;
    }
    let ours = Side::ours(&program, scratch.path(), &music, &small, options.tracks)?;
    let peer = match options.peer_rounds {
        0 => None,
        _ => Some(Side::peer(&install::python_environment("supysonic", PEER)?, scratch.path(), &music)?),
    };
    judge(options, &measured(&ours, peer.as_ref(), options.tracks)?)
}

fn measured(ours: &Side, peer: Option<&Side>, tracks: usize) -> Result<Found> {
    let coming_mib = ours.peak_mib();
    ours.process.forget_peak()?;
    println!("the library is there");
    let mut client = ours.client()?;
    let mut rows = Vec::new();
    let of_all = PAGES.iter().map(|page| (page, TIMES, peer));
    let whole = WHOLE.iter().map(|list| (list, WHOLE_TIMES, peer));
    // The peer has no small library.
    let of_small = SMALL.iter().map(|page| (page, TIMES, None));
    for (asked, times, peer) in of_all.chain(of_small).chain(whole) {
        for side in std::iter::once(ours).chain(peer) {
            side.warm()?;
        }
        let ours = asked.ask(&mut client, &ours.asking(tracks), times)?;
        let peer =
            peer.map(|peer| asked.ask(&mut peer.client()?, &peer.asking(tracks), PEER_TIMES)).transpose();
        let peer = match peer {
            // The peer looks for two words as one, and may lack other lists: that row has ours alone.
            Err(error) if error.kind() == ErrorKind::Broken => {
                println!("the peer has no such list: {error}");
                None
            }
            answered => answered?,
        };
        println!("{} done", asked.name);
        rows.push(Row { asked, ours, peer });
    }
    let so_far_mib = ours.process.peak_mib();
    let before_mib = ours.process.forget_peak()?;
    let longest = LONGEST.ask(&mut client, &ours.asking(tracks), 3)?;
    Ok(Found {
        rows,
        longest,
        growth_mib: ours.process.peak_mib() - before_mib,
        coming_mib,
        answering_mib: ours.process.peak_mib().max(so_far_mib),
        peer_peak_mib: peer.map(Side::peak_mib),
        scan_ratio: peer.and_then(|peer| Some(peer.scan?.cpu_s / ours.scan?.cpu_s)),
    })
}

fn judge(options: &Options, found: &Found) -> Result<()> {
    let is_page = |row: &&Row| PAGES.iter().chain(SMALL).any(|page| page.name == row.asked.name);
    let pages: Vec<&Row> = found.rows.iter().filter(is_page).collect();
    let worst =
        |percent: f64| pages.iter().map(|row| ms(row.ours.took.percentile(percent))).fold(0.0, f64::max);
    let first_ms = ms(found.longest.first.longest());
    let mut goals = vec![
        (
            format!("the slowest page of 500: median {:.2} ms, at most {MEDIAN_MS_MAX}", worst(50.0)),
            worst(50.0) <= MEDIAN_MS_MAX,
        ),
        (
            format!("the slowest page of 500: p99 {:.2} ms, at most {P99_MS_MAX}", worst(99.0)),
            worst(99.0) <= P99_MS_MAX,
        ),
        (
            format!("first byte of the longest list after {first_ms:.2} ms, at most {FIRST_BYTE_MS_MAX}"),
            first_ms <= FIRST_BYTE_MS_MAX,
        ),
        (
            format!("the longest list takes {:.1} MiB more, at most {GROWTH_MIB_MAX}", found.growth_mib),
            found.growth_mib <= GROWTH_MIB_MAX,
        ),
        (
            format!(
                "peak of the server while it answers {:.1} MiB, at most {PEAK_MIB_MAX}",
                found.answering_mib
            ),
            found.answering_mib <= PEAK_MIB_MAX,
        ),
        (
            format!(
                "peak of the scan and of the first look {:.1} MiB, at most {PEAK_MIB_MAX}",
                found.coming_mib
            ),
            found.coming_mib <= PEAK_MIB_MAX,
        ),
    ];
    if let Some(ratio) = found.scan_ratio {
        goals.push((
            format!("scan: {ratio:.1} times the peer's tracks per CPU second, at least {RATIO_MIN}"),
            ratio >= RATIO_MIN,
        ));
    }
    let body = page(options.tracks, found, &goals);
    // Without a peer it is another page, which does not take the place of the one with a peer.
    let (name, command) = match options.peer_rounds {
        0 => (
            format!("lists-{}", options.tracks),
            format!("cargo x bench lists --tracks {} --peer-rounds 0", options.tracks),
        ),
        _ => ("lists".to_owned(), format!("cargo x bench lists --tracks {}", options.tracks)),
    };
    report::write(&name, &command, &body, options.tracks >= KEPT_FROM_TRACKS)?;
    match goals.iter().find(|(_, held)| !held) {
        None => Ok(()),
        Some((goal, _)) => Err(Error::new(ErrorKind::Broken, format!("a goal is missed: {goal}"))),
    }
}

fn page(tracks: usize, found: &Found, goals: &[(String, bool)]) -> String {
    let beside = match found.peer_peak_mib {
        Some(_) => format!(", Supysonic 0.7.9 under waitress {PEER_TIMES} times"),
        None => String::new(),
    };
    let mut body = format!(
        "{tracks} generated tracks (seed 1), and beside them a small library of {} (seed 2). One client on one kept-alive connection, JSON; ours asked {TIMES} times for \
         each page and {WHOLE_TIMES} for each whole list{beside}. Before each, databases are read into the page cache, and \
         it is asked for once for what is then remembered, which is not counted: cold.\n\n",
        tracks / 100
    );
    for (goal, held) in goals {
        body += &format!("- {}: {goal}\n", if *held { "held" } else { "**missed**" });
    }
    body += "\n| request | KB | median ms | p99 ms | cold ms | first byte ms | Supysonic's median ms | ratio |\n|---|---|---|---|---|---|---|---|\n";
    for Row { asked, ours, peer } in &found.rows {
        let median = ms(ours.took.percentile(50.0));
        let theirs = peer.as_ref().map(|peer| ms(peer.took.percentile(50.0)));
        body += &format!(
            "| {} | {:.0} | {median:.2} | {:.2} | {:.2} | {:.2} | {} | {} |\n",
            asked.name,
            ours.body_bytes as f64 / 1e3,
            ms(ours.took.percentile(99.0)),
            ms(ours.cold),
            ms(ours.first.percentile(50.0)),
            theirs.map_or_else(|| "-".to_owned(), |theirs| format!("{theirs:.0}")),
            theirs.map_or_else(|| "-".to_owned(), |theirs| format!("{:.0}", theirs / median)),
        );
    }
    let longest = &found.longest;
    body += &format!(
        "| {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.2} | - | - |\n",
        LONGEST.name,
        longest.body_bytes as f64 / 1e3,
        ms(longest.took.percentile(50.0)),
        ms(longest.took.longest()),
        ms(longest.cold),
        ms(longest.first.longest()),
    );
    let peer = found.peer_peak_mib.map(|peak| format!(", Supysonic's {peak:.1} MiB")).unwrap_or_default();
    body + &format!(
        "\nPeak of the scan and of the first look: {:.1} MiB; of the server while it answered: {:.1} MiB{peer}.\n",
        found.coming_mib, found.answering_mib
    )
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
