//! Fifty thousand random requests with `Range` and conditional fields, sent to Millpond and to nginx on the same file:
//! every difference is one that a rule names and explains by RFC 9110.
//!
//! `MILLPOND_SEED` repeats a run, `MILLPOND_REQUESTS` changes its length.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

mod dates;
mod oracle;
mod request;
mod rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use oracle::{Expected, File};
use request::{Places, Request};
use tests::http::{self, Answer, Connection};
use tests::{Library, Nginx, Options, Random, Server, eventually};

/// Enough that every pair of fields meets often.
const REQUESTS: usize = 50_000;
/// Requests sent to Millpond before the first answer of a round is read.
const PIPELINED: usize = 16;
const SONG: &str = "Bulrush";
const NAME: &str = "song.opus";

/// One of the two servers, and how its validators read.
struct Side {
    address: SocketAddr,
    connection: Connection,
    target: String,
    fields: Vec<(String, String)>,
    places: Places,
}

impl Side {
    fn new(address: SocketAddr, target: &str, fields: &[(&str, &str)], modified_s: u64) -> Self {
        let answer = http::get(address, target, fields);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.header("last-modified"), dates::usual(modified_s), "{target}");
        let places =
            Places { tag: answer.header("etag").to_owned(), modified_s, length: answer.body.len() as u64 };
        assert!(places.tag.starts_with('"'), "a strong tag is needed, this is {}", places.tag);
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let connection = Connection::open(address).expect("a connection");
        Side { address, connection, target: target.to_owned(), fields, places }
    }

    /// The answers to these requests, so many of which are sent at once. nginx closes the connection after each 412, and
    /// says so only after GET.
    fn answers(&mut self, requests: &[Request], at_once: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        for requests in requests.chunks(at_once) {
            self.send(requests);
            for request in requests {
                let answer = self.read(request);
                if at_once == 1 && answer.status == 412 {
                    self.connection = Connection::open(self.address).expect("a connection");
                }
                answers.push(answer);
            }
        }
        answers
    }

    fn send(&mut self, requests: &[Request]) {
        let mut bytes = Vec::new();
        for request in requests {
            let mut fields = self.fields.clone();
            fields.extend(request.fields(&self.places));
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            bytes.extend(http::request_head(request.method, &self.target, &fields).into_bytes());
        }
        self.connection.send_raw(&bytes).expect("requests are taken");
    }

    fn read(&mut self, request: &Request) -> Answer {
        let answer = self.connection.read(request.method == "HEAD");
        let shown = || format!("{} {}", self.target, request.shown(&self.places));
        let answer = answer.unwrap_or_else(|error| panic!("no answer to {}: {error}", shown()));
        assert!(answer.whole, "the answer to {} broke off", shown());
        answer
    }
}

/// The two servers on the same file.
struct Pair {
    ours: Side,
    theirs: Side,
    whole: Vec<u8>,
    dated: Dated,
    _library: Library,
    _millpond: Server,
    _nginx: Nginx,
}

/// How the file's modification time came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dated {
    /// A program set it, as copies that keep times do.
    Set,
    /// The kernel did, when the bytes were written.
    Written,
}

impl Pair {
    fn start(dated: Dated) -> Self {
        let fixture = Library::small();
        let song = fixture.song(SONG);
        let library = Library::empty();
        let (path, whole) = (library.root.join(NAME), fixture.bytes(&song));
        std::fs::write(&path, &whole).expect("a copy");
        let file = std::fs::File::options().write(true).open(&path).expect("a copy");
        if dated == Dated::Set {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_704_067_200)).expect("a date");
        }
        let modified = file.metadata().and_then(|data| data.modified()).expect("a date");
        let modified_s = modified.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let millpond = Server::start(&Options { tracks: 1, ..Options::library(&library) });
        let nginx =
            Nginx::start(&format!("    root \"{}\";\n    if_modified_since before;", library.root.display()));
        let bearer = millpond.mira.bearer();
        let fields = [("Authorization", bearer.as_str())];
        let target = format!("/tracks/{}/audio", millpond.track(SONG));
        // A validator is weak while another write could leave the file's times as they are.
        eventually("the tag is strong", Duration::from_secs(10), || {
            http::send(millpond.address, "HEAD", &target, &fields, b"").header("etag").starts_with('"')
        });
        let ours = Side::new(millpond.address, &target, &fields, modified_s);
        let theirs = Side::new(nginx.address, &format!("/{NAME}"), &[], modified_s);
        Pair { ours, theirs, whole, dated, _library: library, _millpond: millpond, _nginx: nginx }
    }

    fn file(&self) -> File<'_> {
        File { bytes: &self.whole, date_is_strong: self.dated == Dated::Written }
    }
}

/// What of an answer is compared: text of errors is each server's own.
fn compared(answer: &Answer, request: &Request) -> Vec<(&'static str, String)> {
    let mut parts = vec![("status", answer.status.to_string())];
    parts.push(("Content-Range", answer.header("content-range").to_owned()));
    if matches!(answer.status, 200 | 206) {
        parts.push(("Content-Length", answer.header("content-length").to_owned()));
        parts.push(("Accept-Ranges", answer.header("accept-ranges").to_owned()));
        if request.method == "GET" {
            parts.push(("body length", answer.body.len().to_string()));
            parts.push(("body", fingerprint(&answer.body)));
        }
    }
    parts
}

/// FNV-1a over the bytes, because two bodies are compared fifty thousand times.
fn fingerprint(bytes: &[u8]) -> String {
    let mixed = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("{mixed:016x}")
}

/// The parts in which two answers differ.
fn differences(ours: &Answer, theirs: &Answer, request: &Request) -> Vec<String> {
    let (ours, theirs) = (compared(ours, request), compared(theirs, request));
    let find = |parts: &[(&'static str, String)], name: &str| {
        parts.iter().find(|(have, _)| *have == name).map_or(String::new(), |(_, value)| value.clone())
    };
    let mut names: Vec<_> = ours.iter().chain(&theirs).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| find(&ours, name) != find(&theirs, name));
    names
        .iter()
        .map(|name| format!("{name}: ours {:?}, nginx {:?}", find(&ours, name), find(&theirs, name)))
        .collect()
}

/// What the RFC asks for must be what we say; where nginx says something else, a rule must know why.
fn check(request: &Request, ours: &Answer, theirs: &Answer, pair: &Pair) -> Option<&'static str> {
    let shown =
        || format!("{}\nours: {}\nnginx: {}", request.shown(&pair.ours.places), ours.head(), theirs.head());
    if let Err(wrong) = Expected::of(request, pair.file()).holds(ours, request, &pair.whole) {
        panic!("by RFC 9110, {wrong}:\n{}", shown());
    }
    let differences = differences(ours, theirs, request);
    if differences.is_empty() {
        return None;
    }
    let rule = rules::RULES.iter().find(|rule| (rule.explains)(request, ours, theirs));
    let rule = rule.unwrap_or_else(|| panic!("no rule explains {differences:?}:\n{}", shown()));
    Some(rule.name)
}

/// What came of a run.
#[derive(Default)]
struct Counts {
    rules: BTreeMap<&'static str, usize>,
    statuses: BTreeMap<u16, usize>,
}

fn run(dated: Dated, requests: usize, random: &mut Random, counts: &mut Counts) {
    let mut pair = Pair::start(dated);
    let mut done = 0;
    while done < requests {
        let requests: Vec<_> =
            (0..PIPELINED).map(|_| Request::random(random, pair.ours.places.length)).collect();
        let answers =
            pair.ours.answers(&requests, PIPELINED).into_iter().zip(pair.theirs.answers(&requests, 1));
        for (request, (ours, theirs)) in requests.iter().zip(answers) {
            *counts.statuses.entry(ours.status).or_default() += 1;
            *counts.rules.entry(check(request, &ours, &theirs, &pair).unwrap_or("the same")).or_default() +=
                1;
        }
        done += requests.len();
    }
}

#[test]
fn p02_every_difference_to_nginx_is_explained_by_the_rfc() {
    let (mut random, seed) = Random::seeded();
    let wanted =
        std::env::var("MILLPOND_REQUESTS").ok().and_then(|text| text.parse().ok()).unwrap_or(REQUESTS);
    let mut counts = Counts::default();
    for dated in [Dated::Set, Dated::Written] {
        run(dated, wanted / 2, &mut random, &mut counts);
    }
    let Counts { rules: counts, statuses } = counts;
    println!("{} requests with seed {seed}; our statuses {statuses:?}", counts.values().sum::<usize>());
    for (name, count) in &counts {
        let why = rules::RULES.iter().find(|rule| rule.name == *name).map_or("", |rule| rule.why);
        println!("{count:6}  {name}  {why}");
    }
    for status in [200, 206, 304, 412, 416] {
        assert!(statuses.contains_key(&status), "no request led to {status}: the generator is too narrow");
    }
}

/// The control: a comparison that never finds anything would pass the test above.
#[test]
fn a_wrong_answer_is_noticed() {
    let request = Request::plain("GET", "bytes=2-5");
    let whole: Vec<u8> = (0..100).collect();
    let right = Answer {
        status: 206,
        headers: [("content-range", "bytes 2-5/100"), ("content-length", "4"), ("accept-ranges", "bytes")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: whole[2..6].to_vec(),
        whole: true,
    };
    let expected = Expected::of(&request, File { bytes: &whole, date_is_strong: true });
    assert_eq!(expected.holds(&right, &request, &whole), Ok(()));
    assert!(differences(&right, &right, &request).is_empty());
    let wrongs: [fn(&mut Answer); 4] = [
        |answer| answer.body[1] ^= 1,
        |answer| answer.status = 200,
        |answer| answer.headers[0].1 = "bytes 2-5/101".to_owned(),
        |answer| answer.body.truncate(3),
    ];
    for (number, break_it) in wrongs.iter().enumerate() {
        let mut wrong = right.clone();
        break_it(&mut wrong);
        assert!(!differences(&right, &wrong, &request).is_empty(), "comparison {number} missed it");
        assert!(expected.holds(&wrong, &request, &whole).is_err(), "expectation {number} missed it");
        let explained = rules::RULES.iter().find(|rule| (rule.explains)(&request, &right, &wrong));
        assert!(explained.is_none(), "rule {:?} explains everything", explained.map(|rule| rule.name));
    }
}
