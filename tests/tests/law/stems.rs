//! Songs that are sent to be taken apart while people listen.

use std::sync::atomic::Ordering;
use std::time::Instant;

use load::{Findings, loopback};
use tests::sound::wav;
use tests::{Musician, wait_until};

use crate::Stage;

/// How many songs.
const SONGS: usize = 5;
/// Twenty seconds of sound each.
const SONG_BYTES: usize = 44 + 20 * 44_100 * 4;
/// The network that those come from who send them.
const NET: u8 = 23;

/// When every listener is there, sends all of them at once. Each must be done, whatever else there is.
pub(crate) fn songs(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let began = Instant::now();
    let login = stage.server.add_user("musician", &[]);
    let musician = |number| Musician::of(stage.server, &login, loopback(NET, number));
    let outcomes: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let one = |number| {
            let musician = musician(number);
            scope.spawn(move || song(&musician, number))
        };
        let all: Vec<_> = (0..SONGS).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it broke off".to_owned()))).collect()
    });
    let mut findings = Findings::new();
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    findings.equal("songs that were taken apart", outcomes.len() - failed.len(), SONGS);
    failed.iter().take(3).for_each(|why| findings.note("one that was not", why.as_str()));
    findings.note("songs: all of them took", format!("{:.1} s", began.elapsed().as_secs_f64()));
    // What is kept warm is held, and everything must be given back.
    let admin = stage.server.admin.bearer();
    let cleared = stage.server.send("DELETE", "/models/cache", &[("Authorization", &admin)], b"");
    findings.equal("the models are cleared", usize::from(cleared.status), 200);
    findings
}

fn song(musician: &Musician, number: usize) -> Result<(), String> {
    let job = musician.send(&format!("song {number}.wav"), &wav(number as u64, SONG_BYTES))?;
    musician.done(&job)
}
