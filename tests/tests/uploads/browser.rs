//! A real browser: a page of an origin that is listed uploads and goes on, and a page of any other is refused by the
//! browser itself.

use std::time::Duration;

use serde_json::Value;
use tests::tus::{UPLOADS, sha256_hex};
use tests::{Options, Server, Tus, clients, free_port, sound};

use crate::sender::tracks;

/// A browser starts slowly on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

#[test]
fn a_browser_lets_a_page_of_a_listed_origin_upload_and_no_other() {
    let (listed, other) = (free_port().to_string(), free_port().to_string());
    let config = format!(
        "[server]\ncors_origins = [\"http://127.0.0.1:{listed}\"]\n[store]\nfree_bytes_min = \"16MiB\"\n"
    );
    let server = Server::start(&Options::default().config(&config));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("noise.wav");
    let bytes = sound::wav(61, 1_000_003);
    std::fs::write(&file, &bytes).expect("a file");
    let endpoint = format!("http://{}{UPLOADS}", server.address);
    let script = clients::browser_script("browser.mjs");
    let arguments = [
        script.to_str().expect("a path in UTF-8"),
        &endpoint,
        &server.mira.bearer(),
        file.to_str().expect("a path in UTF-8"),
        "Page",
        &listed,
        &other,
    ];
    let output = clients::run("node", &arguments, WITHIN);
    let erred = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{erred}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    was_let_in(&said[0], &endpoint, bytes.len());
    assert_eq!(tracks(&server, &server.mira, "Page 0"), 1, "{said}");
    let stored = Tus::of(&server, &server.mira).audio(&sha256_hex(&bytes)).expect("an answer");
    assert!(stored.status == 200 && stored.body == bytes, "{}", stored.head());
    was_refused(&said[1]);
    assert_eq!(tracks(&server, &server.mira, "Page 1"), 0, "{said}");
    assert_eq!(server.metric("uploads_open"), 0.0, "nothing was begun for the other page");
}

/// The page read the address of its upload and every offset, which are in fields that a browser hides unless it is told.
fn was_let_in(page: &Value, endpoint: &str, length: usize) {
    assert!(page["error"].is_null(), "{page}");
    let location = page["locations"][0].as_str().unwrap_or_default();
    assert!(location.starts_with(&format!("{endpoint}/")), "{page}");
    let offsets = page["offsets"].as_array().cloned().unwrap_or_default();
    assert!(offsets.iter().all(|seen| seen[1].is_string()), "{page}");
    assert!(offsets.iter().any(|seen| seen[0] == "HEAD"), "it asked where to go on: {page}");
    assert_eq!(page["last"], length.to_string(), "{page}");
    let preflights = page["preflights"].as_array().cloned().unwrap_or_default();
    assert!(!preflights.is_empty() && preflights.iter().all(|status| *status == 204), "{page}");
}

/// The browser asked first, and did not like the answer: nothing was sent, and nothing could be read.
fn was_refused(page: &Value) {
    assert!(page["error"].is_string() && page["done"].is_null(), "{page}");
    assert_eq!(page["locations"], serde_json::json!([]), "{page}");
    let messages = page["messages"].as_array().cloned().unwrap_or_default();
    let blamed =
        |message: &Value| message.as_str().is_some_and(|text| text.contains("blocked by CORS policy"));
    assert!(messages.iter().any(blamed), "{page}");
}
