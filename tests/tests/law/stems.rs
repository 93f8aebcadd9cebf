//! Songs that are sent to be taken apart while people listen.

use std::sync::atomic::Ordering;
use std::time::Instant;

use load::{Findings, loopback};
use tests::http::{Answer, Connection};
use tests::sound::wav;
use tests::wait_until;

use crate::{Stage, TRIES_MAX};

/// How many songs.
const SONGS: usize = 5;
/// Twenty seconds of sound each.
const SONG_BYTES: usize = 44 + 20 * 44_100 * 4;
/// The network that those come from who send them.
const NET: u8 = 23;
/// What stands between the parts of a form.
const BOUNDARY: &str = "a-form-of-the-law";

/// When every listener is there, sends all of them at once. Each must be done, whatever else there is.
pub(crate) fn songs(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let began = Instant::now();
    let bearer = stage.server.add_user("musician", &[]).bearer();
    let outcomes: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let bearer = &bearer;
        let all: Vec<_> = (0..SONGS).map(|number| scope.spawn(move || song(stage, bearer, number))).collect();
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

fn song(stage: &Stage<'_>, bearer: &str, number: usize) -> Result<(), String> {
    let mut form = Vec::with_capacity(SONG_BYTES + 512);
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"async_mode\"\r\n\r\ntrue\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"engine\"\r\n\r\nspectral\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"song {number}.wav\"\r\n\r\n"
    );
    form.extend_from_slice(head.as_bytes());
    form.extend_from_slice(&wav(number as u64, SONG_BYTES));
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    for _ in 0..TRIES_MAX {
        let answer = asked(stage, bearer, number, "POST", "/separate", &form)?;
        match answer.status {
            202 => return done(stage, bearer, number, &answer),
            429 | 503 => {
                answer.come_back();
            }
            _ => return Err(format!("{} {}", answer.head(), answer.text())),
        }
    }
    Err(format!("refused {TRIES_MAX} times"))
}

/// Asks until the job has ended.
fn done(stage: &Stage<'_>, bearer: &str, number: usize, accepted: &Answer) -> Result<(), String> {
    let job = accepted.json()["job_id"].as_str().unwrap_or_default().to_owned();
    for _ in 0..100 * TRIES_MAX {
        let answer = asked(stage, bearer, number, "GET", &format!("/jobs/{job}/status"), b"")?;
        let status = answer.json()["job"]["status"].as_str().unwrap_or_default().to_owned();
        match (answer.status, status.as_str()) {
            (200, "completed") => return Ok(()),
            (200, "pending" | "processing") => {
                wait_until(Instant::now() + std::time::Duration::from_millis(500), || false);
            }
            (429 | 503, _) => {
                answer.come_back();
            }
            _ => return Err(format!("{} {}", answer.head(), answer.text())),
        }
    }
    Err("it is in line for too long".to_owned())
}

fn asked(
    stage: &Stage<'_>,
    bearer: &str,
    number: usize,
    method: &str,
    target: &str,
    body: &[u8],
) -> Result<Answer, String> {
    let failed = |error: std::io::Error| error.to_string();
    let from = loopback(NET, number);
    let mut connection = Connection::open_from(from, stage.server.address).map_err(failed)?;
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut fields = vec![("Authorization", bearer), ("Connection", "close")];
    if method == "POST" {
        fields.push(("Content-Type", &form));
    }
    connection.send(method, target, &fields, body).map_err(failed)?;
    connection.read(false).map_err(failed)
}
