//! The control loop, in a real memory group in which somebody else takes what there is.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use budget::limits::{JOBS_MIN, PRESSURE_QUIET_MS, PRESSURE_RAISED_PERCENT};
use load::Group;
use tests::{eventually, wait_until, wall};

use crate::house::House;

const LIMIT_MIB: u64 = 512;

/// Somebody who takes so many bytes and holds them.
struct Hoarder(Child);

impl Hoarder {
    fn start(group: &Group, bytes: u64) -> Hoarder {
        let mut command = Command::new("sh");
        // What `tail` keeps it cannot write, because nobody reads it.
        let script = format!("head -c {bytes} /dev/zero | tail -c {bytes} | sleep 60");
        command.args(["-c", &script]);
        let mut command = group.within(&command);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Hoarder(command.spawn().expect("a shell"))
    }
}

#[test]
fn p04_scarce_memory_lowers_the_number_at_once_within_a_second_and_it_recovers() {
    let group = wall(LIMIT_MIB, None);
    let config = format!("[memory]\nlimit = \"{LIMIT_MIB}MiB\"\n[transform]\njobs_max = 10\n");
    let house = House::new(&config, |options, _| options.group = Some(group.clone()));
    let allowed = || house.server.metric("transform_jobs_allowed");
    assert_eq!(allowed(), 10.0);
    let limit = LIMIT_MIB << 20;
    let scarce = limit / 100 * PRESSURE_RAISED_PERCENT;
    let taken = group.charged().lasting();
    let mut hoarder = Hoarder::start(&group, limit / 100 * (PRESSURE_RAISED_PERCENT + 4) - taken);
    let came = wait_until(Instant::now() + Duration::from_secs(30), || group.charged().lasting() >= scarce);
    assert!(came, "{} of {limit} bytes", group.charged().lasting());
    let begun = Instant::now();
    eventually("fewer may be made at once", Duration::from_secs(10), || allowed() == JOBS_MIN as f64);
    let took = begun.elapsed();
    println!("{} MiB were taken; fewer were allowed after {took:?}", group.charged().lasting() >> 20);
    assert!(took <= Duration::from_secs(1), "{took:?}");
    for process in group.processes().into_iter().filter(|process| *process != house.server.id()) {
        let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
        // One may be gone by itself.
        let _ = rustix::process::kill_process(process.expect("a number"), rustix::process::Signal::KILL);
    }
    hoarder.0.wait().expect("a child of ours");
    let again = 3 * Duration::from_millis(PRESSURE_QUIET_MS);
    eventually("more may be made again", again, || allowed() > JOBS_MIN as f64);
    assert_eq!(group.peaks().killed, 0, "nothing was killed");
}
