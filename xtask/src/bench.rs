//! `cargo x bench`: measurements beside a peer, each written as a dated page into `docs/measurements`.

mod account;
mod client;
pub mod gate;
mod ingest;
mod lists;
mod renditions;
pub mod report;
mod resident;
mod scan;
mod server;
pub(crate) mod stems;
mod walls;
mod wire;

use crate::{Error, ErrorKind, Result};

/// One measurement.
#[derive(Debug)]
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: fn(&Options) -> Result<()>,
}

/// How much to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The size of the generated library.
    pub tracks: usize,
    /// How often we run; the median counts.
    pub rounds: usize,
    /// How often the peer runs; 0 leaves it out.
    pub peer_rounds: usize,
    /// One row alone, where a bench has rows.
    pub only: Option<String>,
    /// A try: less of everything, and no page.
    pub short: bool,
}

/// All measurements.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "scan",
        about: "first scan and rescan beside Supysonic: tracks per CPU second, peak memory",
        run: scan::run,
    },
    Bench {
        name: "lists",
        about: "pages and whole lists of a large library beside Supysonic: latency at any depth, memory",
        run: lists::run,
    },
    Bench {
        name: "wire",
        about: "bytes beside nginx: CPU per byte and per request, TLS, HTTP/2, slow clients, a slow disk",
        run: wire::run,
    },
    Bench {
        name: "windows",
        about: "the sizes of the wire's windows: CPU per byte, and a tiny request beside a flood",
        run: wire::windows,
    },
    Bench {
        name: "ingest",
        about: "one big upload beside @tus/server and rustus: bytes per CPU second",
        run: ingest::run,
    },
    Bench {
        name: "renditions",
        about: "renditions beside the bare ffmpeg commands: CPU and wall, the first media byte, hits, memory of each job",
        run: renditions::run,
    },
    Bench {
        name: "stems",
        about: "songs taken apart beside Spleeter and ONNX Runtime: CPU and peak memory, first and second request",
        run: stems::run,
    },
];

/// Runs one measurement by its name.
///
/// # Errors
/// [`ErrorKind::Broken`] for a name that none has, or for a result past its gate; else what went wrong on the way.
pub fn run(name: &str, options: &Options) -> Result<()> {
    match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => (bench.run)(options),
        None => Err(Error::new(
            ErrorKind::Broken,
            format!("there is no bench `{name}`; see cargo x bench --list"),
        )),
    }
}
