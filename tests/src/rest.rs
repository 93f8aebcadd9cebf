//! What a server holds when nobody wants anything, so that a load can be asked whether it gave everything back.

use std::path::Path;
use std::time::{Duration, Instant};

use load::Findings;

use crate::http::Connection;
use crate::{Server, wait_until};

/// Threads of file reads end when they had nothing to do for a while.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// One writer and four readers have the database and its log open each; with them its index in memory and the lock. One
/// writer and two readers have the index of renditions open likewise.
const DATABASE_MAX: usize = 12 + 7;
/// A figure that stays for so long is at rest.
const STILL: Duration = Duration::from_millis(300);

/// What a server holds at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    /// What is open, without files of the libraries, because those played last stay open in a cache of bounded size, and
    /// without those of the data folder, because the database's connections come when they are needed and stay.
    pub open: Vec<String>,
    /// What is open in the data folder.
    pub database: usize,
    /// Threads of the process.
    pub threads: u64,
    /// The gauges of what clients can hold, by their names and labels.
    pub gauges: Vec<(String, f64)>,
}

/// Permits of every pool, streams, connections (that of the question is one), tasks.
const GAUGES: &[&str] = &[
    "millpond_budget_used_bytes",
    "millpond_streams_in_flight",
    "millpond_connections_open",
    "millpond_tasks_alive",
    "millpond_orphans_total",
];

impl Rest {
    /// Of this server, once the figures stay as they are.
    ///
    /// # Panics
    /// When they do not come to rest.
    pub fn of(server: &Server, libraries: &[&Path]) -> Self {
        let mut seen = Self::now(server, libraries);
        let deadline = Instant::now() + BACK_WITHIN;
        loop {
            wait_until(Instant::now() + STILL, || false);
            let now = Self::now(server, libraries);
            if now == seen {
                return now;
            }
            assert!(Instant::now() < deadline, "the server does not come to rest: {seen:?}, then {now:?}");
            seen = now;
        }
    }

    fn now(server: &Server, libraries: &[&Path]) -> Self {
        let metrics = server.metrics();
        let gauge = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            let wanted = GAUGES.iter().any(|gauge| name.split('{').next() == Some(gauge));
            Some((name.to_owned(), value.parse().ok()?)).filter(|_| wanted)
        };
        let open = outside(server, libraries).filter(|name| !Path::new(name).starts_with(&server.data));
        Rest {
            open: open.map(anonymous).collect(),
            database: Self::of_database(server, libraries).count(),
            threads: server.figures().threads,
            gauges: metrics.lines().filter_map(gauge).collect(),
        }
    }

    /// What is open in the data folder.
    fn of_database<'a>(server: &'a Server, libraries: &'a [&'a Path]) -> impl Iterator<Item = String> + 'a {
        outside(server, libraries).filter(|name| Path::new(name).starts_with(&server.data))
    }

    /// Waits for everything to be as it was, and says what was and what is.
    pub fn given_back(&self, server: &Server, libraries: &[&Path], findings: &mut Findings) {
        if Connection::open(server.address).is_err() {
            findings.row("the server afterwards", "takes no connection", "still there", false);
            return;
        }
        // Nobody asks anything while threads end: each question would wake one that was about to.
        // Each connection to the database that came meanwhile, with two files open, has a thread of its own and stays.
        let database = Self::of_database(server, libraries).count();
        let threads_max = self.threads + (database.saturating_sub(self.database) / 2) as u64;
        wait_until(Instant::now() + BACK_WITHIN, || server.figures().threads <= threads_max);
        let threads = server.figures().threads;
        let mut now = Self::now(server, libraries);
        wait_until(Instant::now() + BACK_WITHIN, || {
            now = Self::now(server, libraries);
            now.open.len() == self.open.len() && now.gauges == self.gauges
        });
        findings.equal("descriptors afterwards", now.open.len(), self.open.len());
        if now.open.len() != self.open.len() {
            findings.note("descriptors, before and after", format!("{:?} {:?}", self.open, now.open));
        }
        findings.at_most(
            "descriptors of the database afterwards",
            now.database as f64,
            DATABASE_MAX as f64,
            "",
        );
        findings.at_most("threads afterwards", threads as f64, threads_max as f64, "");
        for name in GAUGES {
            let sum = |rest: &Rest| -> Option<f64> {
                let values: Vec<f64> = rest
                    .gauges
                    .iter()
                    .filter(|(gauge, _)| gauge.split('{').next() == Some(name))
                    .map(|(_, value)| *value)
                    .collect();
                (!values.is_empty()).then(|| values.iter().sum())
            };
            let what = name.trim_start_matches("millpond_").replace('_', " ");
            match (sum(self), sum(&now)) {
                (Some(before), Some(after)) => findings.equal(format!("{what} afterwards"), after, before),
                (None, None) => findings.note(what, "not counted by this server"),
                _ => findings.row(what, "it came or went", "the same as before", false),
            }
        }
        let differ = self.gauges.iter().zip(&now.gauges).filter(|(before, after)| before != after);
        differ
            .for_each(|(before, after)| findings.note(&before.0, format!("{} became {}", before.1, after.1)));
    }
}

/// What is open outside of these folders.
fn outside<'a>(server: &Server, libraries: &'a [&'a Path]) -> impl Iterator<Item = String> + 'a {
    let inside = |name: &String| libraries.iter().any(|root| Path::new(name).starts_with(root));
    server.open_names().into_iter().filter(move |name| !inside(name))
}

/// Sockets and the like without their numbers, which are new each time.
fn anonymous(name: String) -> String {
    match name.split_once(":[") {
        Some((kind, _)) => kind.to_owned(),
        None => name,
    }
}
