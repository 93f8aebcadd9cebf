//! Writes the golden data of this release: `MILLPOND_MAKE_GOLDEN=v3 cargo test -p tests --test old_data`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::tus::{location, metadata, sha256_hex, told_offset};
use tests::{Options, Seaweed, Server, Tus, sound, wait_until};

use super::{CONFIG, PASSWORD, golden, golden_music, track};

/// Small, because it lies in the project for ever.
const FILE_BYTES: usize = 1_501;
/// What is acknowledged of an open one.
const SENT_BYTES: usize = 900;

#[test]
fn golden_data_can_be_made() {
    let Ok(version) = std::env::var("MILLPOND_MAKE_GOLDEN") else { return };
    let options = Options { libraries: vec![golden_music()], tracks: 1, ..Options::default() };
    let mut server = Server::start(&options.config(CONFIG));
    let input = format!("{PASSWORD}\n");
    let passwd = server.command(&["user", "passwd", "mira", "--password-stdin"], &input);
    assert!(passwd.status.success(), "{passwd:?}");
    let track = server.track("Bulrush");
    let stars = wait_until(Instant::now() + Duration::from_secs(5), || {
        server.get(&format!("/rest/star?id={track}&{}", server.mira.by_key()), &[]).status == 200
    });
    assert!(stars);
    let told = uploads(&Tus::of(&server, &server.mira));
    server.stop();
    let folder = golden().join(format!("data-{version}"));
    super::copy(&server.data, &folder);
    let _ = fs::remove_file(folder.join("lock"));
    let told = serde_json::to_string_pretty(&told).expect("JSON");
    fs::write(folder.join("uploads.json"), format!("{told}\n")).expect("a file");
    fs::write(folder.join("key.txt"), &server.mira.key).expect("a file");
    fs::write(folder.join("app-password.txt"), &server.mira.app_password).expect("a file");
    bucket(&golden().join(format!("bucket-{version}")));
}

/// A finished upload, open ones of known and of unknown length, and two parts that nobody has joined.
fn uploads(tus: &Tus) -> Value {
    let finished = sound::wav(201, FILE_BYTES);
    tus.upload(&finished, &metadata(&[("filename", "pond.wav"), ("title", "Golden pond")]), SENT_BYTES);
    let parts = sound::wav(204, FILE_BYTES);
    let (first, second) = parts.split_at(SENT_BYTES);
    json!({
        "finished": [{"title": "Golden pond", "sha256": sha256_hex(&finished)}],
        "open": [begun(tus, 202, "Golden mill", true), begun(tus, 203, "Golden reed", false)],
        "parts": {
            "title": "Golden weir",
            "sha256": sha256_hex(&parts),
            "uploads": [part(tus, first, first.len()), part(tus, second, 200)],
        },
    })
}

fn begun(tus: &Tus, seed: u64, title: &str, known: bool) -> Value {
    let bytes = sound::wav(seed, FILE_BYTES);
    let names = metadata(&[("filename", "begun.wav"), ("title", title)]);
    let made = tus.create(known.then_some(bytes.len() as u64), &names, &[]).expect("an answer");
    let at = location(&made).expect("a Location");
    let mut upload = sent(tus, &at, &bytes, SENT_BYTES);
    upload["title"] = title.into();
    upload["sha256"] = sha256_hex(&bytes).into();
    upload
}

fn part(tus: &Tus, bytes: &[u8], count: usize) -> Value {
    let made = tus.create(Some(bytes.len() as u64), "", &[("Upload-Concat", "partial")]).expect("an answer");
    sent(tus, &location(&made).expect("a Location"), bytes, count)
}

/// Sends so many bytes in two requests, and tells what is missing.
fn sent(tus: &Tus, at: &str, bytes: &[u8], count: usize) -> Value {
    let mut offset = 0;
    for piece in bytes[..count].chunks(count.div_ceil(2)) {
        let answer = tus.patch(at, offset, piece, &[]).expect("an answer");
        offset += piece.len() as u64;
        assert_eq!((answer.status, told_offset(&answer)), (204, Some(offset)), "{}", answer.text());
    }
    let rest: String = bytes[count..].iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"at": at, "offset": offset, "rest": rest})
}

/// An object with what lies beside it.
fn bucket(folder: &Path) {
    let seaweed = Seaweed::start();
    let config = format!("[store]\nurl = \"{}\"\nfree_bytes_min = \"16MiB\"\n", Seaweed::url());
    let options = Options { variables: seaweed.variables(), ..Options::default() };
    let server = Server::start(&options.config(&config));
    let names = metadata(&[("filename", "bucket.wav"), ("title", "Golden bucket")]);
    Tus::of(&server, &server.mira).upload(&sound::wav(205, FILE_BYTES), &names, FILE_BYTES);
    let ready = wait_until(Instant::now() + Duration::from_secs(30), || {
        track(&server, &server.mira, "Golden bucket").is_some()
    });
    assert!(ready);
    fs::create_dir_all(folder.join("audio")).expect("a folder");
    seaweed.python(
        "for found in s3.list_objects_v2(Bucket=bucket)['Contents']:\n\
         \x20 body = s3.get_object(Bucket=bucket, Key=found['Key'])['Body'].read()\n\
         \x20 open(sys.argv[1] + '/' + found['Key'], 'wb').write(body)\n",
        &[folder.to_str().expect("a path in UTF-8")],
    );
}
