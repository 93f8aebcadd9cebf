//! Every release opens the data of the ones before it: people, tracks, finished uploads and open ones, and what lies in
//! a bucket.
//!
//! `golden/data-vN` is a data folder as a release left it, with what a test must know of it beside it: `key.txt`,
//! `app-password.txt` and, since there are uploads, `uploads.json`. `golden/bucket-vN` has objects of a bucket.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]
#![allow(dead_code, reason = "the house has more than this test needs")]

#[path = "old_data/making.rs"]
mod making;
#[path = "s3/house.rs"]
mod store_house;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use store::{BlobKey, Blobs, Checked};
use tests::tus::{UPLOADS, metadata, sha256_hex, told_offset};
use tests::{Library, Login, Options, Seaweed, Server, Tus, eventually};

/// Far longer than golden data will be kept, since an upload says when it expires.
const CONFIG: &str = "[limits]\nupload_lifetime_ms = 3153600000000\n[store]\nfree_bytes_min = \"16MiB\"\n";
const PASSWORD: &str = "golden-pond-1";

/// The folder of golden data.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Those whose names begin so, the oldest first.
fn all(prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(golden()).expect("golden data").map(|entry| entry.expect("an entry").path());
    let named = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir() && named(path)).collect();
    folders.sort();
    assert!(!folders.is_empty(), "there is golden data {prefix}");
    folders
}

/// Golden data names its library, so that is always here.
fn golden_music() -> PathBuf {
    let folder = std::env::temp_dir().join("millpond-golden-music");
    let library = Library::small();
    fs::create_dir_all(&folder).expect("a folder");
    let song = library.song("Bulrush");
    let to = folder.join("02 Bulrush.opus");
    if !to.is_file() {
        fs::copy(library.path(&song), &to).expect("a copy");
    }
    folder
}

/// Copies a folder for its owner alone, as a data folder is and a checkout is not.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, Permissions::from_mode(0o700)).expect("a folder of ours");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::write(&to, fs::read(&path).expect("a file")).expect("a copy");
            fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("a file of ours");
        }
    }
}

/// A server on a copy of a data folder, and who used it.
struct Opened {
    server: Server,
    login: Login,
    _data: tempfile::TempDir,
}

fn open(folder: &Path) -> Opened {
    let data = tempfile::tempdir().expect("a folder");
    copy(folder, data.path());
    let mut options =
        Options { data: Some(data.path().into()), libraries: vec![golden_music()], ..Options::default() };
    options.tracks = 1;
    let server = Server::start(&options.config(CONFIG));
    let secret = |name: &str| {
        fs::read_to_string(folder.join(name)).expect("a secret of the golden data").trim().to_owned()
    };
    let login = Login {
        name: "mira".to_owned(),
        password: PASSWORD.to_owned(),
        app_password: secret("app-password.txt"),
        key: secret("key.txt"),
    };
    Opened { server, login, _data: data }
}

/// The track of that title, as its owner sees it.
fn track(server: &Server, login: &Login, title: &str) -> Option<Value> {
    let query = format!("query={}&songCount=50&{}", tests::http::escaped(title), login.by_key());
    let answer = server.get(&format!("/rest/search3?{query}"), &[]).json();
    let songs = answer["subsonic-response"]["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
    songs.into_iter().find(|song| song["title"] == title)
}

/// What a track plays.
fn played(server: &Server, login: &Login, title: &str) -> Vec<u8> {
    let found = track(server, login, title).unwrap_or_else(|| panic!("no track {title:?}"));
    let id = found["id"].as_str().unwrap_or_default();
    let answer = server.get(&format!("/rest/stream?id={id}&{}", login.by_key()), &[]);
    assert!(answer.status == 200 && answer.whole, "{title}: {}", answer.head());
    answer.body
}

#[test]
fn p12_the_data_of_every_release_opens() {
    for folder in all("data-v") {
        let Opened { server, login, .. } = open(&folder);
        login.assert_known(&server);
        let starred = server.get(&format!("/rest/getStarred2?{}", login.by_key()), &[]).json();
        let songs = &starred["subsonic-response"]["starred2"]["song"];
        assert_eq!(songs[0]["title"], "Bulrush", "{}: {starred}", folder.display());
    }
}

#[test]
fn p12_what_every_release_took_plays_and_what_it_had_begun_goes_on() {
    let mut seen = 0;
    for folder in all("data-v") {
        let Ok(text) = fs::read_to_string(folder.join("uploads.json")) else { continue };
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let opened = open(&folder);
        let (server, login) = (&opened.server, &opened.login);
        for file in told["finished"].as_array().expect("a list") {
            let bytes = played(server, login, text_of(file, "title"));
            assert_eq!(sha256_hex(&bytes), file["sha256"], "{}: {file}", folder.display());
            seen += 1;
        }
        let tus = Tus::of(server, login);
        for upload in told["open"].as_array().expect("a list") {
            goes_on(&tus, upload);
            is_a_track(server, login, upload);
            seen += 1;
        }
        let parts = told["parts"]["uploads"].as_array().expect("a list").iter().map(|part| {
            assert!(goes_on(&tus, part), "{part}");
            text_of(part, "at").to_owned()
        });
        let joined = format!("final;{}", parts.collect::<Vec<_>>().join(" "));
        let names = metadata(&[("filename", "joined.wav"), ("title", text_of(&told["parts"], "title"))]);
        let fields = [("Upload-Concat", joined.as_str()), ("Upload-Metadata", names.as_str())];
        let answer = tus.request("POST", UPLOADS, &fields, b"").expect("an answer");
        assert_eq!(answer.status, 201, "{} {}", answer.head(), answer.text());
        is_a_track(server, login, &told["parts"]);
        eventually("nothing is left in the spool", Duration::from_secs(10), || {
            fs::read_dir(server.data.join("spool")).is_ok_and(|mut files| files.next().is_none())
        });
    }
    assert!(seen > 0, "some release had uploads");
}

/// Sends what is missing of an upload that an earlier release had begun. Whether it has all bytes then.
fn goes_on(tus: &Tus, upload: &Value) -> bool {
    let (at, rest) = (text_of(upload, "at"), unhex(text_of(upload, "rest")));
    let head = tus.head(at).expect("an answer to HEAD");
    let offset = told_offset(&head).unwrap_or_else(|| panic!("{at}: {}", head.head()));
    assert_eq!(Some(offset), upload["offset"].as_u64(), "{at}: {}", head.head());
    let length = offset + rest.len() as u64;
    // The one of unknown length is told it now.
    let said = length.to_string();
    let known = head.header("upload-length");
    let fields: &[_] = if known.is_empty() { &[("Upload-Length", said.as_str())] } else { &[] };
    if rest.is_empty() {
        return known == said;
    }
    let answer = tus.patch(at, offset, &rest, fields).expect("an answer to PATCH");
    assert_eq!((answer.status, told_offset(&answer)), (204, Some(length)), "{at}: {}", answer.text());
    true
}

fn is_a_track(server: &Server, login: &Login, upload: &Value) {
    let title = text_of(upload, "title");
    eventually(title, Duration::from_secs(10), || track(server, login, title).is_some());
    assert_eq!(sha256_hex(&played(server, login, title)), upload["sha256"], "{title}");
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn p12_what_every_release_left_in_a_bucket_is_read_and_checked() {
    for folder in all("bucket-v") {
        let seaweed = Seaweed::start();
        let house = store_house::House::of(&seaweed, "");
        let names = seaweed.python(
            "import os\n\
             for name in sorted(os.listdir(sys.argv[1] + '/audio')):\n\
             \x20 s3.put_object(Bucket=bucket, Key='audio/' + name, Body=open(sys.argv[1] + '/audio/' + name, 'rb').read())\n\
             \x20 print(name)\n",
            &[folder.to_str().expect("a path in UTF-8")],
        );
        let object = names.lines().find(|name| !name.ends_with(".json")).expect("an object");
        let key = BlobKey::parse(&format!("audio/{object}")).expect("a key");
        store_house::runtime().block_on(async {
            let source = house.blobs.open(&key).await.expect("it opens");
            let bytes = store_house::read(&source, 0, source.len()).await.expect("it is read");
            assert_eq!(bytes, fs::read(folder.join("audio").join(object)).expect("the same file"));
            assert_eq!(house.blobs.check(&key).await.expect("it is looked at"), Checked::Sound);
        });
    }
}
