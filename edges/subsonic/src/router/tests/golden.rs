//! Golden answers: what each endpoint says about the fixture, in XML and JSON, and what it sends. `MILLPOND_GOLDEN=write` writes
//! them anew; read the difference before it is committed. The suite holds those in JSON against the OpenSubsonic document.

mod scenes;

use std::collections::BTreeSet;
use std::path::PathBuf;

use axum::http::Method;
use md5::{Digest, Md5};

use super::names::NAMES;
use crate::fixture::{House, Reply};
use scenes::{Asked, SCENES, SENT, Scene, Who};

const FORMATS: [&str; 2] = ["json", "xml"];

#[tokio::test]
async fn answers_are_golden() {
    let mut different = Vec::new();
    for scene in SCENES {
        for format in FORMATS {
            different.extend(play(scene, format).await);
        }
    }
    assert_none(&different);
}

/// Asks all of a scene in one format, and says what is not as it was.
async fn play(scene: &Scene, format: &str) -> Vec<String> {
    let house = House::open().await;
    (scene.set_up)(&house).await;
    let key = match scene.who {
        Who::Ann => &house.ann_key,
        Who::Admin => &house.admin_key,
    };
    let mut different = Vec::new();
    for asked in scene.asked {
        let text = answer(&house, key, asked, format).await;
        let name = format!("{}.{format}", asked.name);
        if !is_golden(&name, &text) {
            different.push(format!("{name}, {}:\n{text}", asked.path));
        }
    }
    different
}

/// What is answered, with a line for each element, so that a difference can be read.
async fn answer(house: &House, key: &str, asked: &Asked, format: &str) -> String {
    let path = house.signed(asked.path, key).replace("f=json", &format!("f={format}"));
    let reply = match asked.document {
        None => house.get(&path).await,
        Some(document) => {
            let fields = [("content-type", "application/json; charset=utf-8")];
            house.ask(Method::POST, &path, &fields, document).await
        }
    };
    let text = masked(reply.text());
    let (status, text) = if format == "json" {
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let status = json["subsonic-response"]["status"].as_str().unwrap().to_owned();
        (status, serde_json::to_string_pretty(&json).unwrap())
    } else {
        let status = roxmltree::Document::parse(&text).unwrap();
        let status = status.root_element().attribute("status").unwrap().to_owned();
        (status, text.replace("><", ">\n<"))
    };
    let expected = if asked.name.starts_with("error_") { "failed" } else { "ok" };
    assert_eq!((reply.status.as_u16(), &*status), (200, expected), "{}: {text}", asked.path);
    text + "\n"
}

/// What is sent instead of an answer: the status, all fields, and which bytes.
#[tokio::test]
async fn what_is_sent_is_golden() {
    let house = House::open().await;
    house.add_video().await;
    let captions = "1\n00:00:01,000 --> 00:00:02,500\nQuak & <quak>\n";
    std::fs::write(house.folder.path().join("more/frogs.srt"), captions).unwrap();
    let mut different = Vec::new();
    for (name, path, range) in SENT {
        let fields: Vec<_> = range.iter().map(|range| ("range", *range)).collect();
        let reply = house.ask(Method::GET, &house.signed(path, &house.ann_key), &fields, "").await;
        let name = format!("{name}.bytes");
        if !is_golden(&name, &told(&reply)) {
            different.push(format!("{name}, {path}:\n{}", told(&reply)));
        }
    }
    assert_none(&different);
}

/// A reply in lines. Validators are of the moment at which the file was written.
fn told(reply: &Reply) -> String {
    let mut lines: Vec<String> = reply
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "etag" | "last-modified" => format!("{name}: -"),
            _ => format!("{name}: {}", value.to_str().unwrap()),
        })
        .collect();
    lines.sort();
    let md5 = data_encoding::HEXLOWER.encode(&Md5::digest(&reply.body));
    format!("{}\n{}\n\n{} bytes, MD5 {md5}\n", reply.status, lines.join("\n"), reply.body.len())
}

/// A name of the document that nobody asks, and a file that nobody reads, are noticed.
#[test]
fn every_name_of_the_document_has_golden_answers_in_xml_and_json() {
    let rows = || SCENES.iter().flat_map(|scene| scene.asked);
    let asked: BTreeSet<&str> = rows().map(Asked::endpoint).collect();
    let unknown = BTreeSet::from(["getTheMoon"]);
    let wrong = &asked ^ &(&BTreeSet::from(NAMES) | &unknown);
    assert!(wrong.is_empty(), "nobody asks these, or nobody knows them: {wrong:?}");
    for Asked { name, path, .. } in rows() {
        let bare = name.trim_start_matches("error_").split('_').next().unwrap();
        assert_eq!(bare, path.split('?').next().unwrap(), "{name} is named after what is asked");
    }
    let answers = rows().flat_map(|row| FORMATS.map(|format| format!("{}.{format}", row.name)));
    let sent = SENT.iter().map(|(name, ..)| format!("{name}.bytes"));
    let expected: BTreeSet<String> = answers.chain(sent).collect();
    let files = std::fs::read_dir(folder()).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let wrong = &files ^ &expected;
    assert!(wrong.is_empty(), "nobody wrote these files, or nobody reads them: {wrong:?}");
}

fn assert_none(different: &[String]) {
    assert!(different.is_empty(), "{} answers are not golden:\n{}", different.len(), different.join("\n\n"));
}

/// Replaces what differs from run to run: moments of today, the release, and tokens of shares. Moments that the test gives
/// stay.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let text = &without_tokens(text);
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        masked.push_str(before);
        let length =
            from.find(|c: char| !c.is_ascii_alphanumeric() && !"-:.".contains(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(length);
        let is_moment = word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        let is_today_ms = word.len() == 13 && word.bytes().all(|b| b.is_ascii_digit());
        masked.push_str(match word {
            "2023-11-14T22:13:20Z" => word,
            _ if is_moment => "2026-01-01T00:00:00Z",
            _ if is_today_ms => "1767225600000",
            env!("CARGO_PKG_VERSION") => "0.0.0",
            _ => word,
        });
        rest = after;
    }
    masked + rest
}

fn without_tokens(text: &str) -> String {
    let mut parts = text.split("/share/");
    let mut masked = parts.next().unwrap().to_owned();
    for part in parts {
        let after = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
        masked.extend(["/share/TOKEN", after]);
    }
    masked
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn is_golden(name: &str, text: &str) -> bool {
    let path = folder().join(name);
    if std::env::var_os("MILLPOND_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, text).unwrap();
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a golden file of a few kilobytes that stands in the project"
    )]
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    golden == text
}
