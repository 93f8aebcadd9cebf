//! Somebody who wants one rendition and comes back for as long as he is told to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use load::{Findings, Spread};
use sha2::{Digest, Sha256};

use crate::http::Connection;

/// A rendition may wait for its turn before the first byte of it comes.
const SILENCE: Duration = Duration::from_secs(90);
/// Somebody who was refused so often asks no more.
const TRIES_MAX: usize = 200;
/// A refusal that comes sooner than this was said at the door; a later one to somebody who waited in line…
const AT_THE_DOOR: Duration = Duration::from_secs(1);
/// …which nobody does for longer than this: the server's half a minute for a turn, and what a busy machine adds.
const IN_LINE: Duration = Duration::from_secs(35);

/// The whole body of one answer.
#[derive(Clone, Debug)]
pub struct Body {
    /// SHA-256 of the bytes, in hexadecimal digits.
    pub digest: String,
    /// The bytes; equal ones are there once.
    pub bytes: Arc<Vec<u8>>,
    /// Whether it came as it was made, without a length.
    pub grew: bool,
}

/// Bodies by their digest, so that a thousand equal ones are one.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<HashMap<String, Arc<Vec<u8>>>>);

impl Shelf {
    fn put(&self, bytes: Vec<u8>, grew: bool) -> Body {
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut shelf = self.0.lock().expect("nobody panics here");
        let bytes = Arc::clone(shelf.entry(digest.clone()).or_insert_with(|| Arc::new(bytes)));
        Body { digest, bytes, grew }
    }
}

/// What a viewer met with.
#[derive(Debug, Default)]
pub struct Seen {
    /// The whole rendition, or why there was none in the end.
    pub body: Option<Result<Body, String>>,
    /// From the request that was answered to the first byte of its answer.
    pub first_byte: Duration,
    /// How long each refusal took.
    pub refusals: Vec<Duration>,
    /// Refusals that did not say when to come back.
    pub without_time: usize,
    /// Answers that broke off.
    pub broken: usize,
}

impl Seen {
    /// The whole rendition, if there was one in the end.
    pub fn whole(&self) -> Option<&Body> {
        self.body.as_ref()?.as_ref().ok()
    }
}

/// One viewer.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The server.
    pub server: SocketAddr,
    /// The address that he comes from.
    pub from: IpAddr,
    /// Path and query of what he wants.
    pub target: &'a str,
    /// Where his bytes go.
    pub shelf: &'a Shelf,
}

impl Viewer<'_> {
    /// Asks until he has all of it.
    pub fn watch(&self) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..TRIES_MAX {
            match self.once(&mut seen) {
                Ok(None) => {}
                Ok(Some(body)) => {
                    seen.body = Some(Ok(body));
                    return seen;
                }
                Err(why) => {
                    seen.body = Some(Err(format!("{}: {why}", self.target)));
                    return seen;
                }
            }
        }
        seen.body = Some(Err(format!("{}: refused {TRIES_MAX} times", self.target)));
        seen
    }

    /// One request; nothing when he was told to come back and the time has come.
    fn once(&self, seen: &mut Seen) -> Result<Option<Body>, String> {
        let began = Instant::now();
        let failed = |error: std::io::Error| format!("after {:.1} s: {error}", began.elapsed().as_secs_f64());
        let mut connection = Connection::open_from(self.from, self.server).map_err(failed)?;
        connection.socket().set_read_timeout(Some(SILENCE)).map_err(failed)?;
        connection.send("GET", self.target, &[("Connection", "close")], b"").map_err(failed)?;
        let mut answer = connection.read_head().map_err(failed)?;
        let first_byte = began.elapsed();
        connection.read_rest(&mut answer, false).map_err(failed)?;
        match answer.status {
            200 if answer.whole => {
                seen.first_byte = first_byte;
                Ok(Some(self.shelf.put(std::mem::take(&mut answer.body), !answer.has("content-length"))))
            }
            200 => {
                seen.broken += 1;
                Ok(None)
            }
            status @ (202 | 429 | 503) => {
                if status != 202 {
                    seen.refusals.push(began.elapsed());
                }
                seen.without_time += usize::from(!answer.come_back());
                Ok(None)
            }
            _ => Err(format!("{} {}", answer.head(), answer.text())),
        }
    }
}

/// What a crowd of viewers met with, as rows.
pub fn told(who: &str, crowd: &[Seen], findings: &mut Findings) {
    let served = crowd.iter().filter_map(Seen::whole).count();
    findings.equal(format!("{who}: served to the end"), served, crowd.len());
    let failures = crowd.iter().filter_map(|seen| seen.body.as_ref()?.as_ref().err());
    failures.take(3).for_each(|why| findings.note("one who was not", why));
    let broken: usize = crowd.iter().map(|seen| seen.broken).sum();
    findings.equal(format!("{who}: answers that broke off"), broken, 0);
    let without: usize = crowd.iter().map(|seen| seen.without_time).sum();
    findings.equal(format!("{who}: refusals that did not say when to come back"), without, 0);
    let all = crowd.iter().flat_map(|seen| seen.refusals.iter().copied());
    let (door, line): (Vec<_>, Vec<_>) = all.partition(|took| *took < AT_THE_DOOR);
    let (door, line) = (Spread::of(door), Spread::of(line));
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    findings.note(format!("{who}: refused at the door"), door.len().to_string());
    findings.note(format!("{who}: the longest of these took"), ms(door.longest()));
    findings.note(format!("{who}: refused in line"), line.len().to_string());
    let longest_s = line.longest().as_secs_f64();
    findings.at_most(format!("{who}: the longest of these waited"), longest_s, IN_LINE.as_secs_f64(), "s");
    let first = Spread::of(crowd.iter().map(|seen| seen.first_byte).collect());
    let (median, longest) = (ms(first.percentile(50.0)), ms(first.longest()));
    findings.note(format!("{who}: first byte, median and longest"), format!("{median}, {longest}"));
}
