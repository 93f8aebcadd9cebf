//! Many uploads at the same time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use load::{Findings, Spread, loopback};
use tests::sound::Noise;
use tests::tus::metadata;
use tests::{Tus, wait_until};

use crate::caller::prompt;
use crate::{Stage, TRIES_MAX};

/// How an upload went.
struct Sent {
    /// The hash of what was sent, or why it never came to its end.
    digest: Result<String, String>,
    /// How long each refusal took.
    refusals: Vec<Duration>,
}

/// When every listener is there, so many files are uploaded at the same time, each in one piece; whoever is refused asks
/// again. Every file must be stored under the hash of what was sent.
pub(crate) fn uploads(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let began = Instant::now();
    let tus = Tus::of(stage.server, &stage.server.add_user("uploader", &[]));
    let tus = &tus;
    let all: Vec<Sent> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..stage.size.uploads)
            .map(|number| scope.spawn(move || upload(stage, tus, number as u64)))
            .collect();
        let broken = || Sent { digest: Err("it broke off".to_owned()), refusals: Vec::new() };
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| broken())).collect()
    });
    let failed: Vec<_> = all.iter().filter_map(|sent| sent.digest.as_ref().err()).collect();
    let stored = all.iter().flat_map(|sent| &sent.digest).filter(|digest| is_stored(stage, digest)).count();
    let mut findings = Findings::new();
    findings.equal("uploads that did not come to their end", failed.len(), 0);
    failed.iter().take(3).for_each(|why| findings.note("one of them", why.as_str()));
    findings.equal("uploads stored under their hash", stored, stage.size.uploads);
    findings.note("uploads: all of them took", format!("{:.1} s", began.elapsed().as_secs_f64()));
    let refusals = Spread::of(all.into_iter().flat_map(|sent| sent.refusals).collect());
    findings.note("uploads: refusals", refusals.len().to_string());
    prompt("uploads", &refusals, &stage.metronome, &mut findings);
    findings
}

fn upload(stage: &Stage<'_>, tus: &Tus, number: u64) -> Sent {
    let names = metadata(&[("filename", "noise.wav"), ("title", &format!("Noise {number}"))]);
    let noise = Noise::new(number, stage.size.upload_bytes);
    let mut refusals = Vec::new();
    for _ in 0..TRIES_MAX {
        let began = Instant::now();
        let digest = match tus.stream(&noise, &names, Some(loopback(21, number as usize))) {
            Ok((answer, digest)) if answer.status == 204 => Ok(digest),
            Ok((answer, _)) if matches!(answer.status, 429 | 503) => {
                refusals.push(began.elapsed());
                answer.come_back();
                continue;
            }
            Ok((answer, _)) => Err(format!("{} {}", answer.head(), answer.text())),
            Err(error) => Err(error.to_string()),
        };
        return Sent { digest, refusals };
    }
    Sent { digest: Err(format!("refused {TRIES_MAX} times")), refusals }
}

/// Whether the data folder has the blob of that name, of the right length.
fn is_stored(stage: &Stage<'_>, digest: &str) -> bool {
    let (first, second) = (&digest[..2], &digest[2..4]);
    let path = stage.server.data.join("blobs").join(first).join(second).join(digest);
    path.metadata().is_ok_and(|data| data.len() == stage.size.upload_bytes)
}
