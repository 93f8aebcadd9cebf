//! Somebody who uploads one file after the other through every end of the server, and remembers what he was told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::http::Answer;
use tests::tus::{checksum, location, metadata, sha256_hex, told_offset};
use tests::{Login, Random, Server, Tus, sound, wait_until};

/// Checksums that the protocol's extension has here.
const ALGORITHMS: [&str; 3] = ["sha1", "sha256", "md5"];
/// An upload that is whole by its offset is published soon after.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A file that was uploaded whole, as its sender was told.
#[derive(Clone)]
pub(crate) struct Finished {
    pub(crate) title: String,
    pub(crate) digest: String,
    bytes: Arc<Vec<u8>>,
}

/// What he is at.
struct Current {
    title: String,
    bytes: Arc<Vec<u8>>,
    /// Where the upload is; nothing while no answer told it.
    at: Option<String>,
    /// The highest offset that he was told.
    told: u64,
    /// What he has sent at most.
    sent: u64,
}

/// Why he stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The connection broke, or the server is excused.
    Broke,
    /// He has uploaded as many files as he wanted.
    Done,
    /// A promise is broken.
    Wronged(String),
}

pub(crate) struct Sender {
    name: String,
    login: Login,
    random: Random,
    sizes: std::ops::Range<u64>,
    /// The length of every piece; otherwise chance decides.
    pub(crate) piece_bytes: Option<u64>,
    current: Option<Current>,
    made: u64,
    pub(crate) finished: Vec<Finished>,
    /// Uploads whose POST was never answered.
    pub(crate) unanswered: usize,
    /// Uploads that went on after an end of the server.
    pub(crate) resumed: usize,
}

type Step<T> = Result<T, Stopped>;

impl Sender {
    pub(crate) fn new(name: &str, login: &Login, seed: u64, sizes: std::ops::Range<u64>) -> Self {
        Sender {
            name: name.to_owned(),
            login: login.clone(),
            random: Random::new(seed),
            sizes,
            piece_bytes: None,
            current: None,
            made: 0,
            finished: Vec::new(),
            unanswered: 0,
            resumed: 0,
        }
    }

    /// Uploads until the server is gone, or until so many files are whole. `excused` says whether an error of the server
    /// is none of its own.
    pub(crate) fn live(
        &mut self,
        server: &Server,
        wanted: usize,
        excused: &(dyn Fn() -> bool + Sync),
    ) -> Stopped {
        let tus = Tus::of(server, &self.login);
        match self.uploads(&tus, wanted, excused) {
            Ok(()) => Stopped::Done,
            Err(Stopped::Wronged(_)) if excused() => Stopped::Broke,
            Err(Stopped::Wronged(why)) => Stopped::Wronged(format!("{}: {why}", self.name)),
            Err(other) => other,
        }
    }

    fn uploads(&mut self, tus: &Tus, wanted: usize, excused: &(dyn Fn() -> bool + Sync)) -> Step<()> {
        if !self.finished.is_empty() {
            let one = self.random.pick(&self.finished).clone();
            stored(tus, &one.digest, &one.bytes)?;
        }
        if let Some(current) = &mut self.current {
            // A POST that nobody answered may have made an upload; its bytes are sent to a new one.
            if current.at.is_none() {
                self.unanswered += 1;
            } else {
                offset_after_an_end(tus, current)?;
                self.resumed += 1;
            }
        }
        loop {
            if self.current.is_none() {
                if self.finished.len() >= wanted {
                    return Ok(());
                }
                self.current = Some(self.another());
            }
            let Some(current) = &mut self.current else { continue };
            if current.at.is_none() {
                create(tus, current, excused)?;
            }
            while current.told < current.bytes.len() as u64 {
                send_a_piece(tus, current, &mut self.random, self.piece_bytes)?;
            }
            let digest = sha256_hex(&current.bytes);
            stored(tus, &digest, &current.bytes)?;
            let whole = Finished { title: current.title.clone(), digest, bytes: Arc::clone(&current.bytes) };
            self.finished.push(whole);
            self.current = None;
        }
    }

    /// Makes the next upload and sends nothing yet.
    pub(crate) fn begin(&mut self, server: &Server) -> Stopped {
        let mut current = self.another();
        let made = create(&Tus::of(server, &self.login), &mut current, &|| false);
        self.current = Some(current);
        made.err().unwrap_or(Stopped::Done)
    }

    /// Asks how far his upload is, and holds the server to the answer from then on. Gives the offset.
    pub(crate) fn ask(&mut self, server: &Server) -> Result<u64, Stopped> {
        let Some(current) = &mut self.current else { return Ok(0) };
        offset_after_an_end(&Tus::of(server, &self.login), current)?;
        Ok(current.told)
    }

    fn another(&mut self) -> Current {
        self.made += 1;
        let length = self.sizes.start + self.random.below(self.sizes.end - self.sizes.start);
        let bytes = Arc::new(sound::wav(self.random.bits(), length as usize));
        let title = format!("Upload {} of {}", self.made, self.name);
        Current { title, bytes, at: None, told: 0, sent: 0 }
    }
}

fn wronged<T>(what: &str, answer: &Answer) -> Step<T> {
    Err(Stopped::Wronged(format!("{what}: {} {}", answer.head(), answer.text())))
}

fn answered(answer: std::io::Result<Answer>) -> Step<Answer> {
    match answer {
        Ok(answer) if answer.whole => Ok(answer),
        _ => Err(Stopped::Broke),
    }
}

fn create(tus: &Tus, current: &mut Current, excused: &(dyn Fn() -> bool + Sync)) -> Step<()> {
    let file = format!("{}.wav", current.title);
    let names = metadata(&[("filename", &file), ("title", &current.title)]);
    let answer = answered(tus.create(Some(current.bytes.len() as u64), &names, &[]))?;
    match location(&answer) {
        Some(at) if answer.status == 201 => current.at = Some(at),
        _ if excused() => return Err(Stopped::Broke),
        _ => return wronged("POST", &answer),
    }
    Ok(())
}

/// The promise itself: what was told is there, and no more is claimed than was sent.
fn offset_after_an_end(tus: &Tus, current: &mut Current) -> Step<()> {
    let at = current.at.clone().unwrap_or_default();
    let answer = answered(tus.head(&at))?;
    let Some(offset) = told_offset(&answer).filter(|_| matches!(answer.status, 200 | 204)) else {
        return wronged(&format!("{} bytes were acknowledged, HEAD {at} afterwards", current.told), &answer);
    };
    if offset < current.told || offset > current.sent.max(current.told) {
        let (told, sent) = (current.told, current.sent);
        return wronged(&format!("offset {offset}, acknowledged {told}, sent {sent}"), &answer);
    }
    current.told = offset;
    Ok(())
}

fn send_a_piece(tus: &Tus, current: &mut Current, random: &mut Random, fixed: Option<u64>) -> Step<()> {
    let at = current.at.clone().unwrap_or_default();
    let left = current.bytes.len() as u64 - current.told;
    let count = left.min(fixed.unwrap_or_else(|| 1 + random.below(2 << 20)));
    let from = current.told as usize;
    let piece = &current.bytes[from..from + count as usize];
    let sum = (fixed.is_none() && random.percent(30))
        .then(|| checksum(ALGORITHMS[random.below(3) as usize], piece));
    let fields: Vec<_> = sum.iter().map(|sum| ("Upload-Checksum", sum.as_str())).collect();
    current.sent = current.sent.max(current.told + count);
    let answer = answered(tus.patch(&at, current.told, piece, &fields))?;
    if answer.status != 204 || told_offset(&answer) != Some(current.told + count) {
        return wronged(&format!("PATCH {at} from {} to {}", current.told, current.told + count), &answer);
    }
    current.told += count;
    Ok(())
}

/// What was acknowledged to its last byte is served, byte for byte.
fn stored(tus: &Tus, digest: &str, bytes: &[u8]) -> Step<()> {
    let mut answer = Answer::default();
    let deadline = Instant::now() + READY_WITHIN;
    let mut broke = false;
    wait_until(deadline, || match answered(tus.audio(digest)) {
        Ok(found) => {
            answer = found;
            answer.status == 200
        }
        Err(_) => {
            broke = true;
            true
        }
    });
    if broke {
        return Err(Stopped::Broke);
    }
    if answer.status != 200 || answer.body != bytes {
        return wronged(
            &format!("a file of {} bytes was acknowledged whole; {digest}", bytes.len()),
            &answer,
        );
    }
    Ok(())
}

/// Every finished file is a track once, and its bytes are served; what the store has fits.
pub(crate) fn settled(server: &Server, senders: &[Sender]) -> Vec<String> {
    let mut wrong = super::ground::wrong_blobs(&server.data);
    for sender in senders {
        let tus = Tus::of(server, &sender.login);
        for file in &sender.finished {
            match stored(&tus, &file.digest, &file.bytes) {
                Err(Stopped::Wronged(why)) => wrong.push(why),
                Err(_) => wrong.push(format!("{}: the connection broke", file.title)),
                Ok(()) => {}
            }
            let count = tracks(server, &sender.login, &file.title);
            if count != 1 {
                wrong.push(format!("{:?} is a track {count} times", file.title));
            }
        }
    }
    wrong
}

/// How often a title is found by a Subsonic app of that person.
pub(crate) fn tracks(server: &Server, login: &Login, title: &str) -> usize {
    let query = format!("query={}&songCount=500", tests::http::escaped(title));
    let answer = server.get(&format!("/rest/search3?{query}&{}", login.by_key()), &[]).json();
    let songs = answer["subsonic-response"]["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
    songs.iter().filter(|song| song["title"] == title).count()
}
