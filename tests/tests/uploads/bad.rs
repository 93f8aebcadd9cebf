//! Bad input of an upload's bytes and life: a table, each row with its own named error, and nothing left behind.

use std::io::Write;
use std::time::{Duration, Instant};

use tests::http::{Answer, Connection, request_head};
use tests::tus::{PATCH_TYPE, checksum, location, metadata, told_offset};
use tests::{Login, Options, Server, Tus, eventually, sound, wait_until};

use crate::ground::{blobs, files, spool};
use crate::sender::tracks;

/// What the rows share: a server with nothing in it, and two people.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) tus: Tus,
    pub(crate) other: Tus,
    pub(crate) wav: Vec<u8>,
}

/// The largest upload of the table's server.
pub(crate) const LARGEST: usize = 4 << 20;

/// One bad thing, and how it must be answered.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Stage) -> Answer,
    pub(crate) status: u16,
    /// Words of the answer, in lower case, that name what is wrong.
    pub(crate) words: &'static [&'static str],
}

impl Stage {
    pub(crate) fn new() -> Self {
        let config = format!("[limits]\nupload_bytes_max = {LARGEST}\n[store]\nfree_bytes_min = \"16MiB\"\n");
        let server = Server::start(&Options::default().config(&config));
        let tus = Tus::of(&server, &server.mira);
        let other = Tus::of(&server, &server.add_user("otto", &[]));
        Stage { server, tus, other, wav: sound::wav(1, 100_000) }
    }

    /// An upload that is begun, of the length of `wav`.
    pub(crate) fn begun(&self) -> String {
        self.begun_with(self.wav.len() as u64, "some.wav")
    }

    fn begun_with(&self, length: u64, file: &str) -> String {
        let made = self.tus.create(Some(length), &metadata(&[("filename", file)]), &[]).expect("an answer");
        assert_eq!(made.status, 201, "{} {}", made.head(), made.text());
        location(&made).expect("a Location")
    }

    /// An upload with its first 50,000 bytes.
    fn half(&self) -> String {
        let at = self.begun();
        let answer = self.tus.patch(&at, 0, &self.wav[..50_000], &[]).expect("an answer");
        assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
        at
    }

    /// Sends a bad PATCH to an upload that stays as it was, and can be ended.
    fn unharmed(&self, offset: u64, piece: &[u8], fields: &[(&str, &str)]) -> Answer {
        let at = self.half();
        let answer = self.tus.patch(&at, offset, piece, fields).expect("an answer");
        let head = self.tus.head(&at).expect("an answer");
        assert_eq!(told_offset(&head), Some(50_000), "the upload stays as it was: {}", head.head());
        self.end(&at);
        answer
    }

    fn end(&self, at: &str) {
        let answer = self.tus.request("DELETE", at, &[], b"").expect("an answer");
        assert_eq!(answer.status, 204, "DELETE: {} {}", answer.head(), answer.text());
        let gone = self.tus.head(at).expect("an answer");
        assert!(matches!(gone.status, 404 | 410), "after DELETE: {}", gone.head());
    }

    /// Nothing lies anywhere that a bad request brought.
    fn is_clean(&self, after: &str) {
        let data = &self.server.data;
        // Who broke off is noticed a moment later.
        eventually(&format!("the spool is empty after {after}"), Duration::from_secs(3), || {
            spool(data).is_empty()
        });
        assert_eq!(blobs(data), Vec::<String>::new(), "after {after}");
        let query = format!("query=&songCount=10&{}", self.server.mira.by_key());
        let found = self.server.get(&format!("/rest/search3?{query}"), &[]).json();
        assert!(found["subsonic-response"]["searchResult3"]["song"][0].is_null(), "after {after}: {found}");
        assert_eq!(self.server.get("/health", &[]).status, 200, "after {after}");
    }

    pub(crate) fn check(&self, case: &Case) -> Result<(), String> {
        let answer = (case.run)(self);
        let text = format!("{:?} {}", answer.headers, answer.text()).to_lowercase();
        let missing: Vec<_> = case.words.iter().filter(|word| !text.contains(*word)).collect();
        self.is_clean(case.name);
        if answer.status != case.status || !missing.is_empty() {
            let (status, body) = (answer.status, answer.text());
            return Err(format!(
                "{}: {status}, not {}; {missing:?} missing in {body}",
                case.name, case.status
            ));
        }
        Ok(())
    }
}

pub(crate) const TEXT: &[u8] = b"This is a letter. It has words, and no sound at all.\n";

fn text_named_mp3(stage: &Stage) -> Answer {
    let text = TEXT.repeat(1_000);
    let at = stage.begun_with(text.len() as u64, "song.mp3");
    let answer = stage.tus.patch(&at, 0, &text[..20_000], &[]).expect("an answer");
    let after = stage.tus.head(&at).expect("an answer");
    assert!(matches!(after.status, 404 | 410), "it is over after the first bytes: {}", after.head());
    answer
}

/// A request that says a length and breaks off sooner: what came is kept.
fn length_that_lies(stage: &Stage) -> Answer {
    let at = stage.begun();
    let fields = [
        ("Tus-Resumable", "1.0.0"),
        ("Authorization", stage.tus.authorization.as_str()),
        ("Upload-Offset", "0"),
        ("Content-Type", PATCH_TYPE),
        ("Content-Length", "90000"),
    ];
    let mut connection = Connection::open(stage.server.address).expect("a connection");
    connection.send_raw(request_head("PATCH", &at, &fields).as_bytes()).expect("a request is taken");
    connection.send_raw(&stage.wav[..30_000]).expect("bytes are taken");
    drop(connection);
    let mut head = Answer::default();
    eventually("what came is kept", Duration::from_secs(3), || {
        head = stage.tus.head(&at).expect("an answer");
        told_offset(&head).is_some_and(|offset| offset > 0)
    });
    assert!(told_offset(&head) <= Some(30_000), "{}", head.head());
    stage.end(&at);
    head
}

fn other_person(stage: &Stage, method: &str) -> Answer {
    let at = stage.half();
    let answer = match method {
        "PATCH" => stage.other.patch(&at, 50_000, &stage.wav[50_000..], &[]),
        method => stage.other.request(method, &at, &[], b""),
    };
    let head = stage.tus.head(&at).expect("an answer");
    assert_eq!(told_offset(&head), Some(50_000), "the upload stays as it was: {}", head.head());
    stage.end(&at);
    answer.expect("an answer")
}

const CASES: &[Case] = &[
    Case {
        name: "an offset behind the bytes that are kept",
        run: |stage| stage.unharmed(10, &stage.wav[10..100], &[]),
        status: 409,
        words: &["offset"],
    },
    Case {
        name: "an offset beyond the bytes that are kept",
        run: |stage| stage.unharmed(60_000, &stage.wav[60_000..], &[]),
        status: 409,
        words: &["offset"],
    },
    Case {
        name: "a huge offset",
        run: |stage| stage.unharmed(0, &stage.wav[..100], &[("Upload-Offset", "9000000000000000000")]),
        status: 409,
        words: &["offset"],
    },
    Case {
        name: "an offset that is larger than any file",
        run: |stage| stage.unharmed(0, &stage.wav[..100], &[("Upload-Offset", "18446744073709551615")]),
        status: 400,
        words: &["upload-offset"],
    },
    Case {
        name: "a negative offset",
        run: |stage| stage.unharmed(0, &stage.wav[..100], &[("Upload-Offset", "-1")]),
        status: 400,
        words: &["upload-offset"],
    },
    Case {
        name: "no offset",
        run: |stage| stage.unharmed(0, &stage.wav[..100], &[("Upload-Offset", "")]),
        status: 400,
        words: &["upload-offset"],
    },
    Case {
        name: "a PATCH of another type",
        run: |stage| stage.unharmed(50_000, &stage.wav[50_000..], &[("Content-Type", "audio/wav")]),
        status: 415,
        words: &["application/offset+octet-stream"],
    },
    Case {
        name: "another version of the protocol",
        run: |stage| stage.unharmed(50_000, &stage.wav[50_000..], &[("Tus-Resumable", "0.2.2")]),
        status: 412,
        words: &["tus-version", "1.0.0"],
    },
    Case {
        name: "more bytes than the length",
        run: |stage| stage.unharmed(50_000, &stage.wav, &[]),
        status: 400,
        words: &["length"],
    },
    Case {
        name: "a checksum that does not match",
        run: |stage| {
            let sum = checksum("sha256", b"other bytes");
            stage.unharmed(50_000, &stage.wav[50_000..60_000], &[("Upload-Checksum", &sum)])
        },
        status: 460,
        words: &["checksum"],
    },
    Case {
        name: "a checksum that does not match the last piece",
        run: |stage| {
            let sum = checksum("sha1", b"other bytes");
            stage.unharmed(50_000, &stage.wav[50_000..], &[("Upload-Checksum", &sum)])
        },
        status: 460,
        words: &["checksum"],
    },
    Case {
        name: "a checksum by an algorithm that is not offered",
        run: |stage| stage.unharmed(50_000, &stage.wav[50_000..], &[("Upload-Checksum", "sha3 AAAA")]),
        status: 400,
        words: &["upload-checksum", "algorithm"],
    },
    Case {
        name: "a checksum that is none",
        run: |stage| stage.unharmed(50_000, &stage.wav[50_000..], &[("Upload-Checksum", "sha1 ???")]),
        status: 400,
        words: &["upload-checksum"],
    },
    Case { name: "a text named .mp3", run: text_named_mp3, status: 415, words: &["audio"] },
    Case { name: "a length that lies", run: length_that_lies, status: 200, words: &[] },
    Case { name: "HEAD by somebody else", run: |stage| other_person(stage, "HEAD"), status: 404, words: &[] },
    Case {
        name: "PATCH by somebody else",
        run: |stage| other_person(stage, "PATCH"),
        status: 404,
        words: &[],
    },
    Case {
        name: "DELETE by somebody else",
        run: |stage| other_person(stage, "DELETE"),
        status: 404,
        words: &[],
    },
    Case {
        name: "an upload that never was",
        run: |stage| stage.tus.head("/uploads/00000000000000000000000000000000").expect("an answer"),
        status: 404,
        words: &[],
    },
    Case {
        name: "an id that is none",
        run: |stage| stage.tus.head("/uploads/..%2F..%2Fsecret.key").expect("an answer"),
        status: 404,
        words: &[],
    },
];

#[test]
fn what_is_wrong_with_an_upload_is_named_and_nothing_is_left() {
    let stage = Stage::new();
    let wrong: Vec<_> = CASES.iter().filter_map(|case| stage.check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_a_new_upload_is_named_and_nothing_is_left() {
    let stage = Stage::new();
    let cases = crate::bad_fields::CASES;
    let wrong: Vec<_> = cases.iter().filter_map(|case| stage.check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A connection on which a PATCH of everything has brought 40,000 bytes, and nothing more comes.
fn hanging(stage: &Stage, at: &str) -> Connection {
    let length = stage.wav.len().to_string();
    let fields = [
        ("Tus-Resumable", "1.0.0"),
        ("Authorization", stage.tus.authorization.as_str()),
        ("Upload-Offset", "0"),
        ("Content-Type", PATCH_TYPE),
        ("Content-Length", length.as_str()),
    ];
    let mut connection = Connection::open(stage.server.address).expect("a connection");
    connection.send_raw(request_head("PATCH", at, &fields).as_bytes()).expect("a request is taken");
    connection.send_raw(&stage.wav[..40_000]).expect("bytes are taken");
    connection
}

/// Whoever sends ends whoever sent before, and is told what that one brought.
#[test]
fn a_patch_ends_the_one_before_it_and_nothing_is_mixed() {
    let stage = Stage::new();
    let at = stage.begun();
    let mut hung = hanging(&stage, &at);
    // Long enough for the first request to be at work, and not to count as one that hangs.
    wait_until(Instant::now() + Duration::from_millis(300), || false);
    let asked = Instant::now();
    let answer = stage.tus.patch(&at, 0, &stage.wav, &[]).expect("an answer");
    assert!(asked.elapsed() < Duration::from_millis(1_500), "it took {:?}", asked.elapsed());
    let kept = told_offset(&answer);
    assert_eq!((answer.status, kept), (409, Some(40_000)), "{} {}", answer.head(), answer.text());
    let answer = stage.tus.patch(&at, 40_000, &stage.wav[40_000..], &[]).expect("an answer");
    assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    let late = hung.read(false);
    assert!(late.map_or(true, |answer| answer.status >= 400), "the first request is told that it is over");
    let stored = stage.tus.audio(&tests::tus::sha256_hex(&stage.wav)).expect("an answer");
    assert!(stored.status == 200 && stored.body == stage.wav, "{}", stored.head());
}

/// The first one hangs, as after a lost network: whoever comes next takes over, and nothing is mixed.
#[test]
fn of_two_patches_at_once_the_later_one_takes_over() {
    let stage = Stage::new();
    let at = stage.begun();
    let mut hung = hanging(&stage, &at);
    // HEAD has what came synced and tells all of it, whether the request still runs or hangs.
    let mut offset = 0;
    eventually("all that came is told", Duration::from_millis(800), || {
        let head = stage.tus.head(&at).expect("an answer");
        let told = told_offset(&head).expect("an offset");
        assert!((offset..=40_000).contains(&told), "offset {told} after {offset}");
        offset = told;
        offset == 40_000
    });
    // So that what is sent on from there fits, with the first attempt.
    let asked = Instant::now();
    let answer = stage.tus.patch(&at, offset, &stage.wav[offset as usize..], &[]).expect("an answer");
    assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    // What the first one says now comes too late.
    let _ = hung.socket().write_all(&stage.wav[40_000..]);
    let late = hung.read(false);
    assert!(late.map_or(true, |answer| answer.status >= 400), "the hung request is told that it is over");
    let digest = tests::tus::sha256_hex(&stage.wav);
    let stored = stage.tus.audio(&digest).expect("an answer");
    assert!(stored.status == 200 && stored.body == stage.wav, "{}", stored.head());
}

/// Names are words for people and never paths.
#[test]
fn a_name_with_a_path_and_newlines_is_only_a_name() {
    let stage = Stage::new();
    for (number, name) in ["../../../etc/evil\n\r.wav", "/etc/passwd", "..", "a\u{0}b.wav", "C:\\x\\y.wav"]
        .into_iter()
        .enumerate()
    {
        let before = files(stage.server.data.parent().expect("a folder")).len();
        let wav = sound::wav(100 + number as u64, 50_000);
        let title = format!("Named {number}");
        let at = stage.tus.upload(&wav, &metadata(&[("filename", name), ("title", &title)]), 1 << 20);
        let found = song(&stage.server, &stage.server.mira, &title);
        let path = found["path"].as_str().unwrap_or_default().to_owned();
        let odd = path.contains("..") || path.contains(['\n', '\r', '\0', '\\']) || path.starts_with('/');
        assert!(!odd && !path.is_empty(), "{name:?} at {at} became {path:?}");
        // The blob, its sums, and no more: no file of that name anywhere.
        let after = files(stage.server.data.parent().expect("a folder"));
        assert!(after.len() <= before + 4, "{name:?}: {after:?}");
        assert!(!after.iter().any(|path| path.contains("evil") || path.contains("passwd")), "{after:?}");
        assert_eq!(tracks(&stage.server, &stage.server.mira, &title), 1);
    }
}

fn song(server: &Server, login: &Login, title: &str) -> serde_json::Value {
    let query = format!("query={}&songCount=10&{}", tests::http::escaped(title), login.by_key());
    let found = server.get(&format!("/rest/search3?{query}"), &[]).json();
    let songs = found["subsonic-response"]["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
    songs.into_iter().find(|song| song["title"] == title).unwrap_or_default()
}
