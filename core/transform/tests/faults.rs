//! What goes wrong while a rendition is made: each fault has its name, and leaves nothing behind.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail in this way")]

mod kitchen;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use budget::Level;
use budget::limits::PRESSURE_QUIET_MS;
use kitchen::house::{House, LONG, narrow};
use prometheus_client::registry::Registry;
use rustix::process::{Pid, Signal};
use store::Growth;
use transform::{ErrorKind, Readable};

/// Something that happens to a file while it is read.
type Fault = fn(&Path);

fn append(file: &Path) {
    OpenOptions::new().append(true).open(file).unwrap().write_all(b"more").unwrap();
}

fn cut(file: &Path) {
    let file = OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

fn overwrite(file: &Path) {
    let length = file.metadata().unwrap().len();
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.write_all(&vec![7; usize::try_from(length).unwrap()]).unwrap();
}

fn replace(file: &Path) {
    let other = file.with_extension("new");
    std::fs::write(&other, "another one").unwrap();
    std::fs::rename(other, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_source_that_changes_while_it_is_read_is_nothing_that_is_kept() {
    let house = House::new(512, 256).await;
    let faults: [(&str, Fault, bool); 4] = [
        ("longer", append, true),
        ("shorter", cut, true),
        ("other bytes", overwrite, true),
        // Its name is another file's by now; what is open is what it was.
        ("another file", replace, false),
    ];
    for (name, fault, is_noticed) in faults {
        house.media.video("a.mp4", 20, 2_000);
        let material = house.material("a.mp4");
        let flight = house.transforms.make(material.clone(), narrow(300), kitchen::house::HERE).unwrap();
        let growing = flight.growing(LONG).await.unwrap().expect("it can be watched");
        fault(&house.media.path("a.mp4"));
        let made = flight.made(LONG).await;
        let seen = growing.more_than(u64::MAX).await;
        if is_noticed {
            assert_eq!(made.expect_err(name).kind, ErrorKind::Changed, "{name}");
            assert_eq!(seen, Growth::Failed, "{name}: who watched it is not told that this is all");
            let found = house.transforms.find(&material, &narrow(300)).await;
            assert!(found.expect("nothing is remembered").is_none(), "{name}");
        } else {
            assert!(made.unwrap().is_some() && matches!(seen, Growth::Whole(_)), "{name}: {seen:?}");
        }
        drop(flight);
        house.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_a_child_that_hangs_is_gone_at_its_limit_and_all_who_wait_get_one_error() {
    // Longer than a busy machine may keep a child from its first bytes.
    let stall = Duration::from_secs(3);
    let house = House::with(512, 256, |parts| parts.stall = stall).await;
    house.media.video("a.mp4", 20, 2_000);
    let flights: Vec<_> = (0..20).map(|_| house.ask("a.mp4", &narrow(300)).unwrap()).collect();
    let child = house.child_of(&flights[0]).await;
    let pid = Pid::from_raw(child.cast_signed()).unwrap();
    rustix::process::kill_process(pid, Signal::STOP).unwrap();
    let begun = Instant::now();
    for flight in &flights {
        let error = flight.made(LONG).await.expect_err("it hangs");
        assert_eq!((error.kind, &*error.context), (ErrorKind::Stalled, "ffmpeg made nothing for too long"));
    }
    let waited = begun.elapsed();
    assert!(waited < 10 * stall, "{waited:?}");
    drop(flights);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_a_part_of_what_takes_long_reads_it_from_its_beginning_as_it_comes() {
    let house = House::new(512, 256).await;
    house.media.video("a.mp4", 20, 2_000);
    let flight = house.ask("a.mp4", &narrow(300)).unwrap();
    let child = house.child_of(&flight).await;
    let pid = Pid::from_raw(child.cast_signed()).unwrap();
    let growing = flight.growing(LONG).await.unwrap().expect("it is watched while it is made");
    // From here on it takes as long as anybody can wait.
    rustix::process::kill_process(pid, Signal::STOP).unwrap();
    let readable = flight.readable(true).await.unwrap();
    assert!(matches!(readable, Readable::Coming { length: None, .. }), "{readable:?}");
    assert!(matches!(growing.more_than(0).await, Growth::So(1..)), "there is something to read");
    rustix::process::kill_process(pid, Signal::CONT).unwrap();
    let made = flight.made(LONG).await.unwrap().expect("it goes on");
    assert!(matches!(flight.readable(true).await.unwrap(), Readable::Whole(_)), "of {made:?}");
    drop((flight, made, readable, growing));
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_pressure_lowers_the_number_at_once_within_a_second_and_it_recovers() {
    let house = House::with(512, 64, |parts| parts.jobs_max = 10).await;
    let mut registry = Registry::default();
    house.transforms.register(&mut registry);
    let after = async |level: Level, expected: f64, within: Duration| {
        let begun = Instant::now();
        house.budget.set_pressure(level);
        while figure(&registry, "transform_jobs_allowed") != expected {
            assert!(begun.elapsed() < within, "{level:?} does not lead to {expected}");
            // sleep: the figure is nobody's to await.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    };
    let second = Duration::from_secs(1);
    let quiet = Duration::from_millis(PRESSURE_QUIET_MS);
    let work = async {
        after(Level::Calm, 10.0, second).await;
        after(Level::Raised, 2.0, second).await;
        after(Level::Full, 1.0, second).await;
        let one_more = after(Level::Calm, 2.0, quiet + second).await;
        assert!(one_more > quiet / 2, "it comes back slowly: {one_more:?}");
    };
    house.running(work).await;
}

/// What the metrics say under a name.
fn figure(registry: &Registry, name: &str) -> f64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.expect("a figure").parse().unwrap()
}
