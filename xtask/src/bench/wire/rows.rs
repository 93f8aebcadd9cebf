//! The rows of the bench: which servers, which clients, and what must come out.

use load::flood::Ask;

use super::super::walls::Walls;
use super::loads::{self, CPU_PER_GB, CPU_PER_REQUEST, Figures, P99, PEAK, SOCKETS};
use super::music::Part;
use super::nginx::Manner;
use super::side::{Bench, Side};
use crate::Result;

const NGINX: Side = Side::Nginx(Manner::Plain);

/// One row.
pub(super) struct Row {
    /// Its name for `--only`.
    pub(super) name: &'static str,
    /// What the clients do.
    pub(super) about: &'static str,
    /// The servers, in the order of the first round; the next round goes the other way.
    pub(super) sides: &'static [Side],
    /// What must come out.
    pub(super) goals: &'static [Goal],
    /// One run of one server.
    pub(super) run: fn(&Bench, Side) -> Result<Figures>,
}

/// What must come out of a row.
pub(super) struct Goal {
    /// Of which server.
    pub(super) side: Side,
    /// Which figure.
    pub(super) figure: &'static str,
    /// How it is judged.
    pub(super) most: Most,
}

/// A bound from above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Most {
    /// So many times this server's, in the same round.
    Times(f64, Side),
    /// So much.
    Of(f64),
}

const fn times(side: Side, figure: &'static str, most: f64, peer: Side) -> Goal {
    Goal { side, figure, most: Most::Times(most, peer) }
}

const HTTP1: &[Side] =
    &[Side::Wire, NGINX, Side::Ordinary, Side::Nginx(Manner::Threads), Side::Nginx(Manner::OpenFiles)];

const WHOLE: &[Side] = &[
    Side::Wire,
    NGINX,
    Side::Ordinary,
    Side::Nginx(Manner::Threads),
    Side::Nginx(Manner::OpenFiles),
    Side::Nginx(Manner::Copies),
];

/// All rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "whole",
        about: "8 MB × 64 connections, whole songs",
        sides: WHOLE,
        goals: &[times(Side::Wire, CPU_PER_GB, 1.15, NGINX), times(Side::Ordinary, CPU_PER_GB, 2.5, NGINX)],
        run: |bench, side| hot(bench, side, Part::Song, |_| Ask::Whole),
    },
    Row {
        name: "ranges",
        about: "256 KB ranges × 64 connections, anywhere in 200 MB",
        sides: HTTP1,
        goals: &[times(Side::Wire, CPU_PER_GB, 1.1, NGINX)],
        run: |bench, side| hot(bench, side, Part::Long, |of| Ask::Anywhere { bytes: 256 * 1024, of }),
    },
    Row {
        name: "small",
        about: "1 KB ranges × 64 connections, anywhere in 200 MB",
        sides: HTTP1,
        goals: &[times(Side::Wire, CPU_PER_REQUEST, 1.0, NGINX)],
        run: |bench, side| hot(bench, side, Part::Long, |of| Ask::Anywhere { bytes: 1024, of }),
    },
    Row {
        name: "https",
        about: "whole songs over TLS 1.3 by wrk, 16 connections",
        sides: &[Side::WireTls, Side::Nginx(Manner::Tls)],
        goals: &[times(Side::WireTls, CPU_PER_GB, 0.7, Side::Nginx(Manner::Tls))],
        run: |bench, side| loads::https(bench, &bench.start_checked(side, &Walls::default(), &[], false)?),
    },
    Row {
        name: "http2",
        about: "whole songs over HTTP/2 without TLS by h2load, 16 connections × 2 streams",
        sides: &[Side::Wire, Side::Nginx(Manner::Http2)],
        goals: &[times(Side::Wire, CPU_PER_GB, 1.4, Side::Nginx(Manner::Http2))],
        run: |bench, side| loads::http2(bench, &bench.start_checked(side, &Walls::default(), &[], true)?),
    },
    Row {
        name: "slow",
        about: "5,000 slow clients, 40 KB/s each, SO_RCVBUF 64 KiB",
        sides: &[Side::Wire, NGINX],
        goals: &[
            Goal { side: Side::Wire, figure: PEAK, most: Most::Of(90.0) },
            times(Side::Wire, CPU_PER_GB, 0.8, NGINX),
            times(Side::Wire, SOCKETS, 0.1, NGINX),
        ],
        run: |bench, side| loads::slow(bench, side, bench.slow_clients),
    },
    Row {
        name: "few",
        about: "200 slow clients, so few that the kernel does not cut their sockets short",
        sides: &[Side::Wire, NGINX],
        goals: &[times(Side::Wire, SOCKETS, 0.1, NGINX)],
        run: |bench, side| loads::slow(bench, side, 200),
    },
    Row {
        name: "cold",
        about: "8 streams from a disk of 50 MB/s, a tiny request of a file in memory 3 ms after the last",
        sides: &[Side::Wire, NGINX, Side::Ordinary, Side::Nginx(Manner::Threads)],
        goals: &[Goal { side: Side::Wire, figure: P99, most: Most::Of(3.0) }],
        run: loads::cold,
    },
];

fn hot(bench: &Bench, side: Side, part: Part, ask: fn(u64) -> Ask) -> Result<Figures> {
    let running = bench.start_checked(side, &Walls::default(), &[], false)?;
    loads::hot(bench, &running, part, 64, ask(bench.music.length(part)?))
}
