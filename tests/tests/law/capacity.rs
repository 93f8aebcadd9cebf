//! One listener more than there is room for.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use load::{Findings, Spread, loopback};
use tests::wait_until;

use crate::Stage;
use crate::caller::{Caller, prompt};

/// Asks for one song more than there are slots, ten times a second, while every slot is taken.
pub(crate) fn over_capacity(stage: &Stage<'_>) -> Findings {
    let full = wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let (mut refusals, mut others, mut healthy) = (Vec::new(), Vec::new(), Vec::new());
    while full && !stage.time_is_over() {
        // What needs neither a row nor a file: the rest of a refusal is what the machine and its line of clients take.
        let began = Instant::now();
        let mut caller = Caller::new(stage.server, &stage.server.mira, loopback(20, 4));
        if caller.once("/health").is_ok() {
            healthy.push(began.elapsed());
        }
        let began = Instant::now();
        let mut caller = Caller::new(stage.server, &stage.server.mira, loopback(20, 4));
        match caller.once(stage.link) {
            Ok(answer) if answer.status == 503 && answer.has("retry-after") => refusals.push(began.elapsed()),
            Ok(answer) => others.push(answer.head()),
            Err(error) => others.push(error.to_string()),
        }
        wait_until(began + Duration::from_millis(100), || false);
    }
    let refusals = Spread::of(refusals);
    let mut findings = Findings::new();
    findings.at_least("over capacity: refused", refusals.len() as f64, 10.0, "");
    findings.equal("over capacity: not refused, or not in order", others.len(), 0);
    others.iter().take(3).for_each(|other| findings.note("one of them", other));
    prompt("over capacity", &refusals, &stage.metronome, &mut findings);
    let healthy = Spread::of(healthy);
    let ms = |percent| healthy.percentile(percent).as_secs_f64() * 1_000.0;
    let figures = format!("{:.1} ms, {:.1} ms, {:.1} ms", ms(50.0), ms(99.0), ms(100.0));
    findings.note("beside each of them `/health`, median, p99 and longest", figures);
    findings
}
