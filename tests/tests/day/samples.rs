//! What the server holds, looked at again and again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use load::{Findings, Group, Process, slope_per_hour};
use tests::metrics::rows;
use tests::{children_of, eventually, http, wait_until};

use crate::ground::{Ground, PATIENCE};

/// What stays for so long is at rest.
const STILL: Duration = Duration::from_millis(500);

/// What is held at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    at: Duration,
    process: Process,
    /// What the group is charged with and nobody can take back, in KiB.
    group_kib: u64,
    children: usize,
    tasks: f64,
    /// Bytes that permits stand for, by pool.
    permits: BTreeMap<String, f64>,
    /// Entries of every bounded map, by its name.
    entries: BTreeMap<String, f64>,
}

impl Sample {
    fn sum(of: &BTreeMap<String, f64>) -> f64 {
        of.values().sum()
    }
}

/// Looks from a thread of its own until it is stopped.
pub(crate) struct Sampler {
    look: Arc<Look>,
    over: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<Sample>>>,
    thread: JoinHandle<()>,
}

/// What is needed to look.
struct Look {
    address: std::net::SocketAddr,
    bearer: String,
    server: u32,
    group: Group,
    began: Instant,
}

impl Look {
    fn now(&self) -> Sample {
        let fields =
            [("Authorization", self.bearer.as_str()), ("Accept", "text/plain"), ("Connection", "close")];
        let mut text = String::new();
        // Under pressure they may be refused for a while, as any list may be.
        wait_until(Instant::now() + http::ANSWER_WITHIN, || {
            let answer = http::get(self.address, "/metrics", &fields);
            text = answer.text();
            answer.status == 200
        });
        let by_label = |name| rows(&text, name).map(|(labels, value)| (labels.to_owned(), value)).collect();
        Sample {
            at: self.began.elapsed(),
            process: Process::of(self.server),
            group_kib: self.group.charged().lasting() / 1_024,
            children: children_of(self.server),
            tasks: rows(&text, "tasks_alive").map(|(_, value)| value).sum(),
            permits: by_label("budget_used_bytes"),
            entries: by_label("map_entries"),
        }
    }
}

impl Sampler {
    pub(crate) fn start(ground: &Ground, every: Duration, began: Instant) -> Self {
        let look = Arc::new(Look {
            address: ground.server.address,
            bearer: ground.server.admin.bearer(),
            server: ground.server.id(),
            group: ground.group.clone(),
            began,
        });
        let (over, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (looks, is_over, kept) = (Arc::clone(&look), Arc::clone(&over), Arc::clone(&samples));
        println!("{}", HEAD.trim_end());
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Acquire) {
                let due = Instant::now() + every;
                let mut samples = kept.lock().expect("nobody panics here");
                let sample = looks.now();
                // Whoever watches sees how far it is, and a run that breaks off leaves its samples.
                print!("{}", line(&sample));
                samples.push(sample);
                drop(samples);
                wait_until(due, || is_over.load(Ordering::Acquire));
            }
        });
        Sampler { look, over, samples, thread }
    }

    /// Does this while nobody looks, and then looks until what is held stays as it is: each look is a connection itself.
    pub(crate) fn at_rest<T>(&self, settle: impl FnOnce() -> T) -> (T, Sample) {
        let _nobody_looks = self.samples.lock().expect("nobody panics here");
        let settled = settle();
        let mut seen = self.look.now();
        eventually("the server is at rest", PATIENCE, || {
            wait_until(Instant::now() + STILL, || false);
            let now = self.look.now();
            let is_still =
                (now.tasks, &now.permits, &now.entries) == (seen.tasks, &seen.permits, &seen.entries);
            seen = now;
            is_still
        });
        (settled, seen)
    }

    /// All samples.
    pub(crate) fn stop(self) -> Vec<Sample> {
        self.over.store(true, Ordering::Release);
        self.thread.join().expect("it only looks");
        std::mem::take(&mut *self.samples.lock().expect("nobody panics here"))
    }
}

/// Whether anything has a direction after the warm-up, and whether the last rest is as the first.
pub(crate) fn judged(
    samples: &[Sample],
    warm: Duration,
    first: &Sample,
    last: &Sample,
    slope_max_mib: f64,
) -> Findings {
    let mut findings = Findings::new();
    let measured: Vec<&Sample> = samples.iter().filter(|sample| sample.at > warm).collect();
    findings.at_least("samples after the warm-up", measured.len() as f64, 50.0, "");
    let trend = |figure: &dyn Fn(&Sample) -> f64| {
        slope_per_hour(&measured.iter().map(|sample| (sample.at, figure(sample))).collect::<Vec<_>>())
    };
    let mib = |kib: u64| kib as f64 / 1_024.0;
    let anonymous = trend(&|sample| mib(sample.process.anonymous_kib));
    let resident = trend(&|sample| mib(sample.process.resident_kib));
    findings.row(
        "slope of anonymous memory (RssAnon)",
        format!("{anonymous:.2} MiB an hour"),
        format!("at most {slope_max_mib} MiB an hour"),
        anonymous <= slope_max_mib,
    );
    findings.row(
        "slope of resident memory (VmRSS)",
        format!("{resident:.2} MiB an hour"),
        format!("at most {slope_max_mib} MiB an hour"),
        resident <= slope_max_mib,
    );
    let group = trend(&|sample| mib(sample.group_kib));
    findings.note("slope of the group, with its children", format!("{group:.2} MiB an hour"));
    let slope = |figure: &dyn Fn(&Sample) -> f64| format!("{:.2} an hour", trend(figure));
    findings.note("slope of descriptors", slope(&|sample| sample.process.descriptors as f64));
    findings.note("slope of threads", slope(&|sample| sample.process.threads as f64));
    findings.note("slope of tasks", slope(&|sample| sample.tasks));
    findings.note("slope of entries of maps", slope(&|sample| Sample::sum(&sample.entries)));
    at_rest(samples, warm, first, last, &mut findings);
    findings
}

/// Figures at the first and at the last rest.
fn at_rest(samples: &[Sample], warm: Duration, first: &Sample, last: &Sample, findings: &mut Findings) {
    let kib = |sample: &Sample| format!("{} KiB", sample.process.anonymous_kib);
    findings.note("anonymous memory at rest, first and last", format!("{}, {}", kib(first), kib(last)));
    findings.equal("children at rest", last.children, 0);
    findings.equal("tasks at rest", last.tasks, first.tasks);
    for (pool, bytes) in &last.permits {
        findings.equal(
            format!("permits at rest {pool}"),
            *bytes,
            first.permits.get(pool).copied().unwrap_or(0.0),
        );
    }
    for (map, entries) in &last.entries {
        // What a map remembers depends on who came last; it must not be more than it was while everything was new, or hardly.
        let seen = samples.iter().filter(|sample| sample.at <= warm).chain([first]);
        let most = seen.filter_map(|sample| sample.entries.get(map)).copied().fold(0.0, f64::max);
        findings.at_most(format!("entries at rest {map}"), *entries, (most * 1.1).floor() + 2.0, "");
    }
}

const HEAD: &str = "second,anonymous,resident,group,descriptors,threads,children,tasks,permits,entries\n";

fn line(sample: &Sample) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{},{}\n",
        sample.at.as_secs(),
        sample.process.anonymous_kib,
        sample.process.resident_kib,
        sample.group_kib,
        sample.process.descriptors,
        sample.process.threads,
        sample.children,
        sample.tasks,
        Sample::sum(&sample.permits),
        Sample::sum(&sample.entries),
    )
}

/// All samples as a table of values.
pub(crate) fn table(samples: &[Sample]) -> String {
    samples.iter().fold(HEAD.to_owned(), |mut text, sample| {
        let _ = write!(text, "{}", line(sample));
        text
    })
}

/// The control: samples as they would come from a server that leaks, and from one that does not.
#[test]
fn a_leak_of_two_mebibytes_an_hour_breaks_the_proof_and_noise_does_not() {
    let sample = |minute: u64, leak_mib: f64| {
        let leaked_kib = (leak_mib * 1_024.0 * minute as f64 / 60.0) as u64;
        // Up and down by 8 MiB, never twice the same way, with a peak now and then.
        let noise_kib =
            (minute.wrapping_mul(2_654_435_761) >> 16 & 0x1fff) + if minute % 17 == 3 { 40_000 } else { 0 };
        let kib = 60_000 + leaked_kib + noise_kib;
        let process = Process { anonymous_kib: kib, resident_kib: kib + 20_000, ..Process::default() };
        Sample { at: Duration::from_secs(60 * minute), process, ..Sample::default() }
    };
    let check = |leak_mib: f64, broken: &[&str]| {
        let samples: Vec<Sample> = (0..120).map(|minute| sample(minute, leak_mib)).collect();
        let rest = Sample::default();
        let findings = judged(&samples, Duration::from_secs(15 * 60), &rest, &rest, 1.0);
        let found: Vec<String> = findings.broken();
        assert!(found.len() == broken.len(), "{found:?}");
        assert!(found.iter().zip(broken).all(|(found, broken)| found.starts_with(broken)), "{found:?}");
    };
    check(0.0, &[]);
    check(2.0, &["slope of anonymous memory", "slope of resident memory"]);
    let mut entries = Sample::default();
    entries.entries.insert("{map=\"any\"}".to_owned(), 7.0);
    entries.tasks = 1.0;
    let findings = judged(&[], Duration::ZERO, &Sample::default(), &entries, 1.0);
    let broken = findings.broken();
    assert_eq!(broken.len(), 3, "{broken:?}: too few samples, one more task, and entries");
}
