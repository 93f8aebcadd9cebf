//! What the clients of each row do, and the figures of one run.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use load::flood::{self, Ask, Flood, Tally};
use load::{Crowd, Group, Pace, Room, Script};

use super::super::resident;
use super::super::server::CLIENT_CORE;
use super::super::walls::{SlowDisk, Walls};
use super::music::Part;
use super::side::{Bench, Running, Side};
use crate::{Error, ErrorKind, Result, files, run};

/// Figures of one run by their names.
pub(super) type Figures = Vec<(&'static str, f64)>;

pub(super) const CPU_PER_GB: &str = "CPU s/GB";
pub(super) const CPU_PER_REQUEST: &str = "CPU µs/request";
pub(super) const PEAK: &str = "peak MiB";
pub(super) const SOCKETS: &str = "sockets MiB";
pub(super) const P50: &str = "p50 ms";
pub(super) const P99: &str = "p99 ms";
pub(super) const MAX: &str = "max ms";
const MB_PER_S: &str = "MB/s";
const WIRE: &str = "by sendfile %";

/// A run counts when the server had this much to do; else the clients ask on.
const CPU_S_MIN: f64 = 2.0;
/// How often they may.
const TIMES_MAX: usize = 4;
/// What both sides must encrypt with.
const CIPHER: &str = "TLS_AES_256_GCM_SHA384";
/// The slow disk.
pub(super) const DISK_BYTES_PER_SECOND: u64 = 50_000_000;
/// A tiny request comes so long after the last.
const PROBE_EVERY: Duration = Duration::from_millis(3);
/// What each slow client takes in a second.
const SLOW_BYTES_PER_SECOND: f64 = 40_000.0;
const SLOW_RECEIVE_BYTES: usize = 64 * 1024;

fn failed(error: std::io::Error) -> Error {
    Error::because(ErrorKind::Failed, "a client", error)
}

fn harness(error: load::Error) -> Error {
    Error::because(ErrorKind::Failed, "the clients", error)
}

fn sound(tally: Tally) -> Result<Tally> {
    match &tally.first_error {
        None => Ok(tally),
        Some(first) => Err(Error::new(
            ErrorKind::Broken,
            format!("{} clients got something else: {first}", tally.errors),
        )),
    }
}

/// `connections` clients over one file in memory, `ask`ing as fast as they can.
pub(super) fn hot(
    bench: &Bench,
    running: &Running<'_>,
    part: Part,
    connections: usize,
    ask: Ask,
) -> Result<Figures> {
    let targets = [running.target(part)];
    let address = running.process.address;
    let lasts = Duration::from_secs_f64(bench.hot_s);
    let plan = Flood { address, targets: &targets, ask, connections, lasts, finish: true, awake: true };
    let sendfile = running.sendfile_bytes()?;
    let before = running.process.cpu_s();
    let (mut bytes, mut answers, mut seconds, mut cpu_s) = (0, 0, 0.0, 0.0);
    for _ in 0..TIMES_MAX {
        let tally = sound(flood::flood(&plan).map_err(failed)?)?;
        (bytes, answers, seconds) = (bytes + tally.bytes, answers + tally.answers, seconds + tally.seconds);
        cpu_s = running.process.cpu_s() - before;
        if cpu_s >= CPU_S_MIN.min(bench.hot_s * 0.6) {
            break;
        }
    }
    let mut figures = vec![
        (CPU_PER_GB, cpu_s / (bytes as f64 / 1e9)),
        (CPU_PER_REQUEST, cpu_s * 1e6 / answers.max(1) as f64),
        (MB_PER_S, bytes as f64 / 1e6 / seconds),
    ];
    figures.extend(wire(running, sendfile, bytes as f64)?);
    Ok(figures)
}

/// The share of `bytes` that went by `sendfile`, of a Millpond with a wire that had sent `before` of them before.
fn wire(running: &Running<'_>, before: Option<f64>, bytes: f64) -> Result<Option<(&'static str, f64)>> {
    let after = running.sendfile_bytes()?;
    // What is still on its way to slow clients was sent and has not come.
    let percent = |(before, after): (f64, f64)| (100.0 * (after - before) / bytes.max(1.0)).min(100.0);
    Ok(before.zip(after).map(|both| (WIRE, percent(both))))
}

/// Whole songs by wrk over TLS, 16 connections.
pub(super) fn https(bench: &Bench, running: &Running<'_>) -> Result<Figures> {
    let shown = format!("openssl s_client -connect {} -brief </dev/null 2>&1", running.process.address);
    let shown = run::quiet(Command::new("sh").args(["-c", &shown]))?;
    let cipher = shown.lines().find_map(|line| line.strip_prefix("Ciphersuite: ")).unwrap_or_default();
    if cipher != CIPHER {
        return Err(Error::new(ErrorKind::Broken, format!("the cipher is {cipher}, not {CIPHER}")));
    }
    let script = bench.home.join("done.lua");
    // wrk rounds what it prints by itself.
    let text = "done = function(s) local e = s.errors io.write(string.format('exact %d %d %d\\n', s.bytes, s.requests, \
                e.connect + e.read + e.write + e.status + e.timeout)) end\n";
    files::write(&script, text)?;
    let before = running.process.cpu_s();
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", &CLIENT_CORE.to_string(), "wrk", "-t1", "-c16", "--timeout", "20s"]);
    wrk.arg(format!("-d{}s", bench.hot_s.ceil())).arg("-s").arg(script).arg(running.url(Part::Song));
    let said = run::quiet(&mut wrk)?;
    let cpu_s = running.process.cpu_s() - before;
    let exact = said.lines().find_map(|line| line.strip_prefix("exact "));
    counted("wrk", exact, bench.hot_s, cpu_s)
}

/// Whole songs by h2load over HTTP/2 without TLS, 16 connections with 2 streams each.
pub(super) fn http2(bench: &Bench, running: &Running<'_>) -> Result<Figures> {
    let before = running.process.cpu_s();
    let mut h2load = Command::new("taskset");
    h2load.args(["-c", &CLIENT_CORE.to_string(), "h2load", "-t1", "-c16", "-m2"]);
    let said = run::quiet(h2load.arg(format!("-D{}", bench.hot_s.ceil())).arg(running.url(Part::Song)))?;
    let cpu_s = running.process.cpu_s() - before;
    let number = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
    let bytes = said.lines().find_map(|line| line.strip_prefix("traffic: "));
    let bytes =
        number(bytes.and_then(|line| line.rsplit_once('(')?.1.split_once(')')).map(|(bytes, _)| bytes));
    let requests = said.lines().find_map(|line| line.strip_prefix("requests: ")).unwrap_or_default();
    let of = |word: &str| number(requests.split(", ").find_map(|part| part.strip_suffix(word)));
    let wrong = of(" failed").parse::<u64>().unwrap_or(1) + of(" errored").parse::<u64>().unwrap_or(1);
    counted("h2load", Some(&format!("{bytes} {} {wrong}", of(" succeeded"))), bench.hot_s, cpu_s)
}

/// Figures from `BYTES REQUESTS ERRORS`.
fn counted(client: &str, exact: Option<&str>, seconds: f64, cpu_s: f64) -> Result<Figures> {
    let numbers: Vec<f64> =
        exact.into_iter().flat_map(str::split_whitespace).filter_map(|n| n.parse().ok()).collect();
    match numbers.as_slice() {
        &[bytes, _, 0.0] if bytes > 0.0 => {
            Ok(vec![(CPU_PER_GB, cpu_s / (bytes / 1e9)), (MB_PER_S, bytes / 1e6 / seconds.ceil())])
        }
        _ => Err(Error::new(
            ErrorKind::Broken,
            format!("{client} counted {exact:?} (bytes, requests, errors)"),
        )),
    }
}

/// Thousands of clients that each take a little.
pub(super) fn slow(bench: &Bench, side: Side, clients: usize) -> Result<Figures> {
    // Nothing is limited; sockets are counted only in a group whose limit was set.
    let room = Room { memory_bytes: 1 << 40, sockets_bytes: Some(1 << 40) };
    let walls = Walls { memory: Some(Group::new(room).map_err(harness)?), disk: None };
    let running = bench.start_checked(side, &walls, &[], false)?;
    let sendfile = running.sendfile_bytes()?;
    let before = running.process.cpu_s();
    let script = Arc::new(Script {
        takes: Pace::PerSecond(SLOW_BYTES_PER_SECOND),
        receive_bytes: SLOW_RECEIVE_BYTES,
        ..Script::fast()
    });
    let request = flood::request(&running.target(Part::Long), None);
    let mut crowd = Crowd::new().map_err(harness)?;
    for _ in 0..clients {
        crowd.join(None, running.process.address, request.as_bytes(), &script).map_err(harness)?;
    }
    crowd.run(Duration::from_secs_f64(bench.slow_s)).map_err(harness)?;
    let cpu_s = running.process.cpu_s() - before;
    if crowd.with_status(200) < clients || crowd.gone() > 0 {
        let (there, gone) = (crowd.with_status(200), crowd.gone());
        return Err(Error::new(ErrorKind::Broken, format!("{there} clients got an answer, {gone} lost it")));
    }
    let bytes = crowd.body_bytes() as f64;
    let sockets = walls.memory.as_ref().map_or(0, |group| group.peaks().sockets);
    let mut figures = vec![
        ("CPU s", cpu_s),
        (CPU_PER_GB, cpu_s / (bytes / 1e9)),
        (PEAK, running.process.peak_mib()),
        (SOCKETS, sockets as f64 / 1_048_576.0),
        ("sockets KiB/client", sockets as f64 / 1024.0 / clients as f64),
        (MB_PER_S, bytes / 1e6 / bench.slow_s),
        ("clients late by ms", crowd.latest().as_secs_f64() * 1e3),
    ];
    figures.extend(wire(&running, sendfile, bytes)?);
    drop(crowd);
    drop(running);
    Ok(figures)
}

/// Eight files from a slow disk, and a tiny request of another file all the time.
pub(super) fn cold(bench: &Bench, side: Side) -> Result<Figures> {
    let disk = SlowDisk::new(&bench.music.path(Part::Cold(0)), DISK_BYTES_PER_SECOND)?;
    let walls = Walls { memory: None, disk: Some(disk) };
    let running = bench.start_checked(side, &walls, &[], false)?;
    for part in Part::cold() {
        resident::cool(&bench.music.path(part))?;
    }
    let targets: Vec<String> = Part::cold().map(|part| running.target(part)).collect();
    let plan = Flood {
        address: running.process.address,
        targets: &targets,
        ask: Ask::Whole,
        connections: targets.len(),
        lasts: Duration::from_secs_f64(bench.cold_s),
        finish: false,
        awake: false,
    };
    let sendfile = running.sendfile_bytes()?;
    let before = running.process.cpu_s();
    let (tally, times) = with_probe(&running, &plan)?;
    let cpu_s = running.process.cpu_s() - before;
    let mut figures = latency(times);
    figures.push((MB_PER_S, tally.bytes as f64 / 1e6 / tally.seconds));
    figures.push((CPU_PER_GB, cpu_s / (tally.bytes as f64 / 1e9)));
    figures.extend(wire(&running, sendfile, tally.bytes as f64)?);
    Ok(figures)
}

/// A flood with a tiny request of the song every few milliseconds beside it.
pub(super) fn with_probe(running: &Running<'_>, plan: &Flood<'_>) -> Result<(Tally, Vec<Duration>)> {
    let stop = AtomicBool::new(false);
    let target = running.target(Part::Song);
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| flood::probe(plan.address, &target, PROBE_EVERY, &stop));
        let tally = flood::flood(plan);
        stop.store(true, Ordering::Relaxed);
        let times = probe.join().map_err(|_| Error::new(ErrorKind::Failed, "the probe broke"))?;
        Ok((sound(tally.map_err(failed)?)?, times.map_err(failed)?))
    })
}

pub(super) fn latency(mut times: Vec<Duration>) -> Figures {
    times.sort();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    vec![(P50, at(0.5)), (P99, at(0.99)), (MAX, at(1.0)), ("tiny answers", times.len() as f64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_read_from_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let expected = [("p50 ms", 51.0), (P99, 100.0), ("max ms", 100.0), ("tiny answers", 100.0)];
        assert_eq!(latency(times), expected);
    }

    #[test]
    fn a_client_that_saw_errors_or_nothing_measures_nothing() {
        assert_eq!(
            counted("x", Some("2000000000 9 0"), 2.0, 1.0).unwrap(),
            [(CPU_PER_GB, 0.5), (MB_PER_S, 1000.0)]
        );
        for said in [Some("2000000000 9 1"), Some("0 0 0"), Some("2000000000"), None] {
            assert!(counted("x", said, 2.0, 1.0).is_err(), "{said:?}");
        }
    }
}
