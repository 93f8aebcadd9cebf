//! A day of everything: plays of all kinds, uploads, renditions, stems and a library that changes, at a low rate, for hours.
//! Nothing may add up: memory has no direction, and after the last request the server holds what it held after the first
//! quarter of an hour. `cargo x prove day` is the long form; `MILLPOND_DAY=short` has two hours of it, the suite a minute.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

mod ground;
mod plays;
mod samples;
mod works;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ground::Ground;
use load::{Findings, loopback};
use samples::Sampler;
use tests::{Random, Rest, wait_until};

/// How much of a day.
struct Size {
    /// Until everything that is kept has come: then the first rest is taken…
    warm: Duration,
    /// …and it goes on for so long.
    time: Duration,
    /// How many times as often as the table of loads says.
    pace: f64,
    sample_every: Duration,
    /// What memory may grow by in an hour, in MiB.
    slope_max_mib: f64,
    plays_min: usize,
    /// How long an upload lives that nobody goes on with, and what was sent stays open that was played.
    lifetime: Duration,
    /// How many of these the server's own round, once an hour, must have removed.
    expired_min: f64,
}

const DAY: Size =
    Size { time: Duration::from_secs(23 * 3_600 + 45 * 60), expired_min: 200.0, plays_min: 120_000, ..SHORT };
const SHORT: Size = Size {
    warm: Duration::from_secs(15 * 60),
    time: Duration::from_secs(105 * 60),
    pace: 1.0,
    sample_every: Duration::from_secs(60),
    slope_max_mib: 1.0,
    plays_min: 10_000,
    lifetime: Duration::from_secs(300),
    expired_min: 5.0,
};
/// Too short for a slope by the hour, while caches fill: what it may grow by is 6 MiB. What is not given back is seen all the same.
const SUITE: Size = Size {
    warm: Duration::from_secs(25),
    time: Duration::from_secs(50),
    pace: 4.0,
    sample_every: Duration::from_millis(500),
    slope_max_mib: 400.0,
    plays_min: 480,
    lifetime: Duration::from_secs(5),
    expired_min: 0.0,
};

/// Whether it counts as a play.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Play,
    Work,
}

/// One thing that somebody does again and again.
struct Load {
    name: &'static str,
    kind: Kind,
    per_hour: u32,
    /// Does it once; the number is another each time.
    once: fn(&Ground, &mut Random, u64) -> Result<(), String>,
}

#[rustfmt::skip]
const LOADS: &[Load] = &[
    Load { name: "songs, whole", kind: Kind::Play, per_hour: 1_200, once: plays::whole },
    Load { name: "songs, by ranges", kind: Kind::Play, per_hour: 1_800, once: plays::range },
    Load { name: "songs, at their own pace and left", kind: Kind::Play, per_hour: 360, once: plays::paced },
    Load { name: "songs, broken off at once", kind: Kind::Play, per_hour: 720, once: plays::broken_off },
    Load { name: "songs, in another coding", kind: Kind::Play, per_hour: 300, once: plays::transcoded },
    Load { name: "renditions that are kept", kind: Kind::Play, per_hour: 600, once: plays::kept },
    Load { name: "covers", kind: Kind::Play, per_hour: 600, once: plays::cover },
    Load { name: "lists", kind: Kind::Play, per_hour: 720, once: plays::list },
    Load { name: "uploads, finished", kind: Kind::Work, per_hour: 120, once: works::upload },
    Load { name: "uploads, given up", kind: Kind::Work, per_hour: 60, once: works::upload_given_up },
    Load { name: "uploads, left until they expire", kind: Kind::Work, per_hour: 30, once: works::upload_left },
    Load { name: "renditions, new ones", kind: Kind::Work, per_hour: 60, once: works::rendition },
    Load { name: "songs taken apart", kind: Kind::Work, per_hour: 60, once: works::stems },
    Load { name: "songs taken apart, cancelled", kind: Kind::Work, per_hour: 30, once: works::stems_cancelled },
    Load { name: "folders that come or go", kind: Kind::Work, per_hour: 60, once: works::folder },
];

/// What came of one load.
#[derive(Default)]
struct Tally {
    tried: u64,
    failures: Vec<String>,
}

impl Tally {
    fn done(&self) -> usize {
        self.tried as usize - self.failures.len()
    }
}

#[test]
fn p04_a_day_of_everything_leaves_the_server_as_it_was() {
    let form = std::env::var("MILLPOND_DAY").unwrap_or_default();
    let size = match form.as_str() {
        "" => &SUITE,
        "short" => &SHORT,
        "long" => &DAY,
        other => panic!("MILLPOND_DAY={other} is neither short nor long"),
    };
    let ground = Ground::new(size.lifetime);
    let tallies: Vec<Mutex<Tally>> = LOADS.iter().map(|_| Mutex::default()).collect();
    let mut findings = Findings::new();

    let began = Instant::now();
    let sampler = Sampler::start(&ground, size.sample_every, began);
    everybody(&ground, size.warm, size.pace, &tallies);
    let (before, first) = sampler.at_rest(|| {
        ground.calm();
        Rest::of(&ground.server, &ground.folders())
    });
    let warm = began.elapsed();
    everybody(&ground, size.time, size.pace, &tallies);
    let ((), last) = sampler.at_rest(|| {
        ground.calm();
        before.given_back(&ground.server, &ground.folders(), &mut findings);
    });
    let samples = sampler.stop();

    let mut all = counted(size, &tallies, size.warm + size.time);
    all.extend(ground.counted(size.expired_min));
    all.extend(samples::judged(&samples, warm, &first, &last, size.slope_max_mib));
    all.extend(findings);
    println!("{all}");
    if !form.is_empty() {
        publish(size, &all, &samples::table(&samples));
    }
    assert!(all.broken().is_empty(), "{}", all.broken().join("\n"));
}

/// Every load at its own pace for so long.
fn everybody(ground: &Ground, time: Duration, pace: f64, tallies: &[Mutex<Tally>]) {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (seed, (load, tally)) in (1..).zip(LOADS.iter().zip(tallies)) {
            scope.spawn(move || {
                let every = Duration::from_secs_f64(3_600.0 / f64::from(load.per_hour) / pace);
                let mut tally = tally.lock().expect("one at a time");
                let mut random = Random::new(seed << 32 | tally.tried);
                // Not all of them begin in the same moment.
                let mut due = began + every.mul_f64(seed as f64 / LOADS.len() as f64);
                while due < began + time {
                    wait_until(due, || false);
                    let number = tally.tried;
                    tally.tried += 1;
                    if let Err(why) = (load.once)(ground, &mut random, number) {
                        eprintln!("{}, number {number}: {why}", load.name);
                        tally.failures.push(why);
                    }
                    due += every;
                }
            });
        }
    });
}

/// How often everything was done, and that it was done as often as it was due.
fn counted(size: &Size, tallies: &[Mutex<Tally>], time: Duration) -> Findings {
    let mut findings = Findings::new();
    let mut plays = 0;
    for (load, tally) in LOADS.iter().zip(tallies) {
        let tally = tally.lock().expect("everybody is done");
        let due = f64::from(load.per_hour) * size.pace * time.as_secs_f64() / 3_600.0;
        // One less for each of both parts, whose ends fall between two of them.
        findings.at_least(load.name, tally.done() as f64, (due * 0.95 - 2.0).floor().max(1.0), "");
        findings.equal(format!("{}: failed", load.name), tally.failures.len(), 0);
        tally.failures.iter().take(3).for_each(|why| findings.note("one of them", why.as_str()));
        plays += if load.kind == Kind::Play { tally.done() } else { 0 };
    }
    findings.at_least("plays of all kinds", plays as f64, size.plays_min as f64, "");
    findings
}

/// Writes the page with the table, and every sample below it.
fn publish(size: &Size, findings: &Findings, samples: &str) {
    let minutes = (size.warm + size.time).as_secs() / 60;
    let body = format!(
        "The whole server and its children in one memory group of {} MiB for {minutes} minutes under everything at once at a low rate. \
         After {} minutes, and at the end, everybody stops and the server is looked at when it is at rest; between the two, \
         memory is looked at every {} s, and its slope is the median of the slopes between all pairs of samples (Theil–Sen).\n\n\
         {findings}\nEvery sample, in KiB where it is memory; `group` is what the memory group of the server and its children \
         is charged with and nobody can take back.\n\n```csv\n{samples}```\n",
        ground::MEMORY_MIB,
        size.warm.as_secs() / 60,
        size.sample_every.as_secs(),
    );
    let written = xtask::bench::report::write("day", "cargo x prove day", &body, true);
    written.unwrap_or_else(|error| panic!("{error}"));
}

/// The address that those come from who do one thing.
fn from(number: u64) -> std::net::IpAddr {
    loopback(30, (number % 50) as usize)
}
