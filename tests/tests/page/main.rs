//! The page in a real browser: people sign in, listen, upload, resize and take apart, and nobody complains, neither the
//! console of the browser nor those who look at pages with the eyes of a screen reader.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod admin;
mod figures;
mod guards;
mod line;
mod listening;
mod looks;
mod people;
mod stems;
mod uploads;

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tests::media::noise;
use tests::people::Login;
use tests::{Options, Server, clients, sound};

/// A browser starts slowly on a busy machine.
const WITHIN: Duration = Duration::from_secs(400);
const CONFIG: &str = "[store]\nfree_bytes_min = \"16MiB\"\n";
/// The scenes, and what they share.
const PARTS: [&str; 9] = [
    "page-admin.mjs",
    "page-hands.mjs",
    "page-line.mjs",
    "page-listening.mjs",
    "page-looks.mjs",
    "page-people.mjs",
    "page-stems.mjs",
    "page-uploads.mjs",
    "page-window.mjs",
];

/// Plays a scene in the browser as this person, and tells what was seen; nothing may have been complained of.
fn play(address: SocketAddr, who: &Login, scene: &str, more: Value) -> Value {
    play_within(WITHIN, address, who, scene, more)
}

/// The same for a scene that takes longer.
fn play_within(within: Duration, address: SocketAddr, who: &Login, scene: &str, more: Value) -> Value {
    let mut told =
        json!({ "origin": format!("http://{address}"), "name": who.name, "password": who.password });
    told.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    for part in PARTS {
        clients::browser_script(part);
    }
    let script = clients::browser_script("page.mjs");
    let arguments = [script.to_str().expect("a path in UTF-8"), scene, &told.to_string()];
    let output = clients::run("node", &arguments, within);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&said["seen"]["failed"], &said["complaints"]), (&Value::Null, &json!([])), "{scene}: {said}");
    said["seen"].clone()
}

/// Whether the program has a page; where it was built without one, `/app/` says how to build it.
fn has_page(server: &Server) -> bool {
    let answer = server.get("/app/", &[]);
    let text = answer.text();
    assert!(answer.status == 200 || text.contains("npm ci"), "{text}");
    assert_eq!(answer.status, 200, "this suite wants a server with its page: {text}");
    answer.status == 200
}

/// A library with a song of ten minutes, and one whose name is a script.
struct Music {
    folder: tempfile::TempDir,
}

const LONG: &str = "Long";
const SCRIPT: &str = "<img src=x onerror=globalThis.ran=1>";

impl Music {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        noise(&folder.path().join(format!("{LONG}.wav")), 600);
        fs::write(folder.path().join(format!("{SCRIPT}.wav")), sound::wav(7, 200_000)).expect("a file");
        Music { folder }
    }

    fn serve(&self) -> Server {
        let libraries = vec![self.folder.path().to_owned()];
        Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG))
    }
}
