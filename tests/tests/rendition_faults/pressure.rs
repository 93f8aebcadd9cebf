//! The control loop, in a real memory group in which somebody else takes what there is.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use budget::limits::{JOBS_MIN, PRESSURE_QUIET_MS, PRESSURE_RAISED_PERCENT};
use load::Group;
use rustix::process::{Pid, Signal, kill_process_group};
use tests::{eventually, wait_until, wall};

use crate::house::House;

const LIMIT_MIB: u64 = 512;

/// Somebody who takes so many bytes and holds them until it is dropped.
struct Taker(Child);

impl Taker {
    fn start(group: &Group, bytes: u64) -> Taker {
        let mut command = Command::new("sh");
        // What `tail` keeps it cannot write, because nobody reads it.
        let script = format!("head -c {bytes} /dev/zero | tail -c {bytes} | sleep 60");
        command.args(["-c", &script]);
        let mut command = group.within(&command);
        // A process group of its own, so that all of it can be ended at once.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        Taker(command.spawn().expect("a shell"))
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a number");
        // It may be gone by itself.
        let _ = kill_process_group(id, Signal::KILL);
        let _ = self.0.wait();
    }
}

#[test]
fn p04_scarce_memory_lowers_the_number_at_once_within_a_second_and_it_recovers() {
    let group = wall(LIMIT_MIB, None);
    let config = format!("[memory]\nlimit = \"{LIMIT_MIB}MiB\"\n[transform]\njobs_max = 10\n");
    let house = House::alone(&config, |options, _| options.group = Some(group.clone()));
    let allowed = || house.server.metric("transform_jobs_allowed");
    assert_eq!(allowed(), 10.0);
    let limit = LIMIT_MIB << 20;
    let scarce = limit / 100 * PRESSURE_RAISED_PERCENT;
    let taken = group.charged().lasting();
    let taker = Taker::start(&group, limit / 100 * (PRESSURE_RAISED_PERCENT + 4) - taken);
    let came = wait_until(Instant::now() + Duration::from_secs(30), || group.charged().lasting() >= scarce);
    assert!(came, "{} of {limit} bytes", group.charged().lasting());
    let begun = Instant::now();
    eventually("fewer may be made at once", Duration::from_secs(10), || allowed() == JOBS_MIN as f64);
    let took = begun.elapsed();
    println!("{} MiB were taken; fewer were allowed after {took:?}", group.charged().lasting() >> 20);
    assert!(took <= Duration::from_secs(1), "{took:?}");
    drop(taker);
    let again = 3 * Duration::from_millis(PRESSURE_QUIET_MS);
    eventually("more may be made again", again, || allowed() > JOBS_MIN as f64);
    assert_eq!(group.peaks().killed, 0, "nothing was killed");
}
