//! The protocol's own server for Node, `@tus/server`, is asked the same as we are. Where we answer otherwise, the row
//! says why.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::http::{self, Answer, Fields};
use tests::tus::{checksum, location, metadata, told_offset};
use tests::{Options, Server, Tus, clients, eventually, free_port, sound};

/// The largest upload, there and here.
const LARGEST: u64 = 4 << 20;

/// `@tus/server` with its store of files.
struct Oracle {
    child: Child,
    tus: Tus,
    _folder: tempfile::TempDir,
}

impl Oracle {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut command = Command::new("node");
        command.arg(clients::node_script("oracle.mjs")).arg(port.to_string()).arg(folder.path());
        command.arg(LARGEST.to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("node starts");
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let tus = Tus { address, resource: "/uploads".to_owned(), authorization: String::new() };
        let oracle = Oracle { child, tus, _folder: folder };
        eventually("the oracle listens", Duration::from_secs(20), || http::Connection::open(address).is_ok());
        oracle
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What we answer otherwise, and why.
struct Otherwise {
    ours: u16,
    theirs: u16,
    #[expect(dead_code, reason = "for the reader")]
    why: &'static str,
}

struct Case {
    name: &'static str,
    ask: fn(&Tus, &[u8]) -> Answer,
    otherwise: Option<Otherwise>,
}

const fn same(name: &'static str, ask: fn(&Tus, &[u8]) -> Answer) -> Case {
    Case { name, ask, otherwise: None }
}

fn otherwise(
    name: &'static str,
    ask: fn(&Tus, &[u8]) -> Answer,
    (ours, theirs): (u16, u16),
    why: &'static str,
) -> Case {
    Case { name, ask, otherwise: Some(Otherwise { ours, theirs, why }) }
}

fn post(tus: &Tus, fields: Fields<'_>, body: &[u8]) -> Answer {
    tus.request("POST", &tus.resource, fields, body).expect("an answer")
}

/// An upload of the whole file, of which half is there.
fn half(tus: &Tus, wav: &[u8]) -> String {
    let at = begun(tus, wav);
    let answer = tus.patch(&at, 0, &wav[..wav.len() / 2], &[]).expect("an answer");
    assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
    at
}

fn begun(tus: &Tus, wav: &[u8]) -> String {
    let names = metadata(&[("filename", "a.wav")]);
    let made = tus.create(Some(wav.len() as u64), &names, &[]).expect("an answer");
    location(&made).unwrap_or_else(|| panic!("{} {}", made.head(), made.text()))
}

fn rest(tus: &Tus, wav: &[u8], fields: Fields<'_>) -> Answer {
    let at = half(tus, wav);
    tus.patch(&at, (wav.len() / 2) as u64, &wav[wav.len() / 2..], fields).expect("an answer")
}

fn cases() -> Vec<Case> {
    [creating(), sending(), ending()].into_iter().flatten().collect()
}

fn creating() -> Vec<Case> {
    vec![
        same("create", |tus, _| post(tus, &[("Upload-Length", "1000")], b"")),
        same("create without a length", |tus, _| post(tus, &[], b"")),
        same("create with a length put off", |tus, _| post(tus, &[("Upload-Defer-Length", "1")], b"")),
        same("create with two lengths", |tus, _| {
            post(tus, &[("Upload-Length", "1000"), ("Upload-Defer-Length", "1")], b"")
        }),
        same("create with a length that is none", |tus, _| post(tus, &[("Upload-Length", "ten")], b"")),
        same("create with a negative length", |tus, _| post(tus, &[("Upload-Length", "-1")], b"")),
        same("create what is too large", |tus, _| post(tus, &[("Upload-Length", "99000000")], b"")),
        same("create with metadata that is none", |tus, _| {
            post(tus, &[("Upload-Length", "1000"), ("Upload-Metadata", "a b c")], b"")
        }),
        same("create with the first bytes", |tus, wav| {
            let length = wav.len().to_string();
            let kind = ("Content-Type", "application/offset+octet-stream");
            post(tus, &[("Upload-Length", &length), kind], &wav[..20_000])
        }),
        otherwise(
            "create by another version",
            |tus, _| post(tus, &[("Upload-Length", "1000"), ("Tus-Resumable", "0.2.1")], b""),
            (412, 400),
            "412 is the protocol's word for it",
        ),
        otherwise(
            "create without a version",
            |tus, _| {
                http::send(
                    tus.address,
                    "POST",
                    &tus.resource,
                    &[
                        ("Upload-Length", "1000"),
                        ("Connection", "close"),
                        ("Authorization", &tus.authorization),
                    ],
                    b"",
                )
            },
            (400, 412),
            "without the field a POST is a plain upload, and this one is empty",
        ),
        otherwise(
            "create an empty file",
            |tus, _| post(tus, &[("Upload-Length", "0")], b""),
            (400, 201),
            "nothing is no music; theirs keeps any bytes",
        ),
    ]
}

fn sending() -> Vec<Case> {
    vec![
        same("HEAD of an upload that is begun", |tus, wav| tus.head(&begun(tus, wav)).expect("an answer")),
        same("HEAD of an upload that is half there", |tus, wav| {
            tus.head(&half(tus, wav)).expect("an answer")
        }),
        same("PATCH to the end", |tus, wav| rest(tus, wav, &[])),
        same("PATCH at a wrong offset", |tus, wav| rest(tus, wav, &[("Upload-Offset", "7")])),
        same("PATCH at a negative offset", |tus, wav| rest(tus, wav, &[("Upload-Offset", "-7")])),
        otherwise(
            "PATCH without an offset",
            |tus, wav| rest(tus, wav, &[("Upload-Offset", "")]),
            (400, 403),
            "the protocol has no word for it; nothing is forbidden",
        ),
        otherwise(
            "PATCH of another type",
            |tus, wav| rest(tus, wav, &[("Content-Type", "audio/wav")]),
            (415, 400),
            "415 is the protocol's word for it",
        ),
        same("PATCH of nothing", |tus, wav| {
            let at = half(tus, wav);
            tus.patch(&at, (wav.len() / 2) as u64, b"", &[]).expect("an answer")
        }),
        otherwise(
            "PATCH by another method's name",
            |tus, wav| {
                let at = begun(tus, wav);
                let fields = [
                    ("X-HTTP-Method-Override", "PATCH"),
                    ("Upload-Offset", "0"),
                    ("Content-Type", "application/offset+octet-stream"),
                ];
                tus.request("POST", &at, &fields, &wav[..20_000]).expect("an answer")
            },
            (204, 400),
            "theirs has the override switched off; the protocol has it",
        ),
        same("PATCH with the length that was put off", |tus, wav| {
            let made = post(tus, &[("Upload-Defer-Length", "1")], b"");
            let at = location(&made).expect("a Location");
            let length = wav.len().to_string();
            tus.patch(&at, 0, wav, &[("Upload-Length", &length)]).expect("an answer")
        }),
        same("PATCH of what is not there", |tus, _| {
            let at = format!("{}/00000000000000000000000000000000", tus.resource);
            tus.patch(&at, 0, b"bytes", &[]).expect("an answer")
        }),
        otherwise(
            "PATCH with a checksum that does not match",
            |tus, wav| rest(tus, wav, &[("Upload-Checksum", &checksum("sha1", b"other"))]),
            (460, 204),
            "theirs has no checksum extension and passes over the field",
        ),
    ]
}

fn ending() -> Vec<Case> {
    vec![
        same("DELETE", |tus, wav| tus.request("DELETE", &half(tus, wav), &[], b"").expect("an answer")),
        same("DELETE of what is not there", |tus, _| {
            let at = format!("{}/00000000000000000000000000000000", tus.resource);
            tus.request("DELETE", &at, &[], b"").expect("an answer")
        }),
        same("HEAD of what is not there", |tus, _| {
            tus.head(&format!("{}/00000000000000000000000000000000", tus.resource)).expect("an answer")
        }),
        same("OPTIONS", |tus, _| tus.request("OPTIONS", &tus.resource, &[], b"").expect("an answer")),
        otherwise(
            "create a part",
            |tus, _| post(tus, &[("Upload-Length", "1000"), ("Upload-Concat", "partial")], b""),
            (201, 501),
            "theirs has no concatenation",
        ),
    ]
}

/// Fields that both must carry or both must not, and those whose values must be the same.
const NAMES: &[&str] = &["location", "tus-resumable", "upload-length", "upload-defer-length"];
const VALUES: &[&str] = &["upload-length", "upload-defer-length", "tus-resumable"];

fn differences(case: &Case, ours: &Answer, theirs: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let expected =
        case.otherwise.as_ref().map_or((theirs.status, theirs.status), |row| (row.ours, row.theirs));
    if (ours.status, theirs.status) != expected {
        found.push(format!("{}: {} here, {} there; {}", case.name, ours.status, theirs.status, ours.text()));
    }
    if case.otherwise.is_some() || theirs.status >= 400 {
        return found;
    }
    for name in NAMES.iter().filter(|name| theirs.has(name) && !ours.has(name)) {
        found.push(format!("{}: {name} is there and not here", case.name));
    }
    for name in VALUES.iter().filter(|name| theirs.has(name) && ours.header(name) != theirs.header(name)) {
        found.push(format!("{}: {name} is {:?} here", case.name, ours.header(name)));
    }
    if told_offset(theirs).is_some() && told_offset(ours) != told_offset(theirs) {
        found.push(format!(
            "{}: offset {:?} here, {:?} there",
            case.name,
            told_offset(ours),
            told_offset(theirs)
        ));
    }
    found
}

#[test]
fn we_answer_as_the_protocols_own_server_does_or_say_why_not() {
    let oracle = Oracle::start();
    let config = format!(
        "[limits]\nupload_bytes_max = {LARGEST}\nuploads_per_user = 1000\n[store]\nfree_bytes_min = \"16MiB\"\n"
    );
    let server = Server::start(&Options::default().config(&config));
    let ours = Tus::of(&server, &server.mira);
    let mut found = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        // Other bytes each time: what we have already is answered otherwise.
        let wav = sound::wav(500 + number as u64, 80_000);
        let (here, there) = ((case.ask)(&ours, &wav), (case.ask)(&oracle.tus, &wav));
        println!("{:45} {} here, {} there", case.name, here.status, there.status);
        found.extend(differences(case, &here, &there));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
