//! Which windows the wire should have: for each size, what a byte costs, and how long a tiny request waits beside 64
//! clients without patience.

use std::time::Duration;

use load::flood::{Ask, Flood};

use super::super::walls::Walls;
use super::loads::{self, Figures};
use super::music::Part;
use super::nginx::Manner;
use super::side::{Bench, Side};
use super::verdict::{self, Rounds};
use super::{Options, report};
use crate::{Error, ErrorKind, Result};

const KIB: u64 = 1024;
const SIZES: [u64; 6] = [64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, 1024 * KIB, 2048 * KIB];
const NGINX: Side = Side::Nginx(Manner::Plain);

/// A kind of answer, the flag that sets its window, and what the clients ask for.
struct Kind {
    name: &'static str,
    flag: &'static str,
    part: Part,
    ask: fn(u64) -> Ask,
}

const KINDS: &[Kind] = &[
    Kind { name: "whole", flag: "--stream-segment-bytes-whole", part: Part::Song, ask: |_| Ask::Whole },
    Kind {
        name: "ranges of 1 MB",
        flag: "--stream-segment-bytes-range",
        part: Part::Long,
        ask: |of| Ask::Anywhere { bytes: 1024 * KIB, of },
    },
    Kind {
        name: "ranges of 256 KB",
        flag: "--stream-segment-bytes-range",
        part: Part::Long,
        ask: |of| Ask::Anywhere { bytes: 256 * KIB, of },
    },
];

pub(in super::super) fn run(options: &Options) -> Result<()> {
    super::inside(options, |bench| {
        if let Some(kind) = KINDS.iter().find(|kind| !bench.ours.has_flag(kind.flag)) {
            let text = format!("this millpond has no {}: there is nothing to sweep", kind.flag);
            return Err(Error::new(ErrorKind::Missing, text));
        }
        let mut body = "Each size in turn within each round, a fresh server for every run, as `cargo x bench wire` does \
                        it: 64 clients as fast as they can, and a range of two bytes 3 ms after the last. The ratio is \
                        CPU per byte over nginx's in the same round; nginx stands in the last line of each table.\n\n"
            .to_owned();
        for kind in KINDS {
            body += &table(kind, &swept(bench, kind, options.rounds)?);
        }
        let keep = !options.short && options.rounds >= super::KEPT_FROM_ROUNDS;
        report::write(
            "windows",
            &format!("cargo x bench windows --rounds {}", options.rounds),
            body.trim_end(),
            keep,
        )
    })
}

/// For each size, the rounds of ours with that size beside the nginx of the round.
fn swept(bench: &Bench, kind: &Kind, count: usize) -> Result<Vec<(u64, Rounds)>> {
    let mut sizes: Vec<(u64, Rounds)> = SIZES.iter().map(|size| (*size, Rounds::new())).collect();
    for number in 0..count {
        let nginx = one(bench, kind, NGINX, &[])?;
        for (size, rounds) in &mut sizes {
            let flags = [kind.flag.to_owned(), size.to_string()];
            let figures = one(bench, kind, Side::Wire, &flags)?;
            println!("round {} {} {} KiB: {figures:.3?}", number + 1, kind.name, *size / KIB);
            rounds.push(vec![(Side::Wire, figures), (NGINX, nginx.clone())]);
        }
    }
    Ok(sizes)
}

fn one(bench: &Bench, kind: &Kind, side: Side, flags: &[String]) -> Result<Figures> {
    let running = bench.start_checked(side, &Walls::default(), flags, false)?;
    let plan = Flood {
        address: running.process.address,
        targets: &[running.target(kind.part)],
        ask: (kind.ask)(bench.music.length(kind.part)?),
        connections: 64,
        lasts: Duration::from_secs_f64(bench.hot_s),
        finish: true,
        awake: false,
    };
    let before = running.process.cpu_s();
    let (tally, times) = loads::with_probe(&running, &plan)?;
    let cpu_s = running.process.cpu_s() - before;
    let mut figures = vec![(loads::CPU_PER_GB, cpu_s / (tally.bytes as f64 / 1e9))];
    figures.extend(loads::latency(times));
    Ok(figures)
}

fn table(kind: &Kind, sizes: &[(u64, Rounds)]) -> String {
    let mut text =
        format!("## {}\n\n| window | CPU s/GB | ÷ nginx | tiny p50 ms | p99 ms | max ms |\n", kind.name);
    text += "|---|---|---|---|---|---|\n";
    let mut line = |name: String, side: Side, rounds: &Rounds| {
        let said = |figure: &str| verdict::text(verdict::spread(rounds, side, figure));
        let ratio = verdict::text(verdict::ratio(rounds, side, NGINX, loads::CPU_PER_GB));
        let columns = [said(loads::CPU_PER_GB), ratio, said(loads::P50), said(loads::P99), said(loads::MAX)];
        text += &format!("| {name} | {} |\n", columns.join(" | "));
    };
    for (size, rounds) in sizes {
        line(format!("{} KiB", size / KIB), Side::Wire, rounds);
    }
    if let Some((_, rounds)) = sizes.last() {
        line("nginx".to_owned(), NGINX, rounds);
    }
    text + "\n"
}
