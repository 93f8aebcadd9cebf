//! Clients that nobody here wrote log in, browse, search, stream and resume.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::time::Duration;

use tests::{Library, Options, Server, clients};

/// What one of them is called with.
struct Case {
    script: &'static str,
    title: &'static str,
    scheme: &'static str,
}

fn check(case: &Case) {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let song = library.song(case.title);
    let path = library.path(&song);
    let (address, path) = (server.address.to_string(), path.to_str().expect("a path in UTF-8"));
    // The token scheme needs a text that the server knows; login passwords it has only as hashes.
    let needs_text = matches!(case.scheme, "token" | "post");
    let password = if needs_text { &server.mira.app_password } else { &server.mira.password };
    let (program, script) = match case.script.ends_with(".mjs") {
        true => ("node".into(), clients::subsonic_script(case.script)),
        false => (clients::venv_python(), clients::script(case.script)),
    };
    let mut arguments = vec![script.to_str().expect("a path in UTF-8").to_owned()];
    arguments.extend([address, server.mira.name.clone(), password.clone()]);
    if case.script != "sonic.py" {
        arguments.push(server.mira.key.clone());
    }
    arguments.extend([case.title.to_owned(), path.to_owned(), case.scheme.to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = clients::run(program, &arguments, Duration::from_secs(60));
    let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && said.ends_with("done\n"),
        "{} {}:\n{said}\n{erred}",
        case.script,
        case.scheme
    );
}

#[test]
fn py_sonic_plays_a_song_by_token() {
    check(&Case { script: "sonic.py", title: "First Ripple", scheme: "token" });
}

#[test]
fn py_sonic_plays_a_song_by_a_password_in_clear() {
    check(&Case { script: "sonic.py", title: "Zweite Welle ä & <ö>", scheme: "legacy" });
}

#[test]
fn py_opensonic_plays_a_song_by_token() {
    check(&Case { script: "opensonic.py", title: "Third Ripple", scheme: "token" });
}

#[test]
fn py_opensonic_plays_a_song_by_a_password_in_clear() {
    check(&Case { script: "opensonic.py", title: "Sweet Flag", scheme: "legacy" });
}

#[test]
fn py_opensonic_plays_a_song_by_api_key() {
    check(&Case { script: "opensonic.py", title: "Gravel", scheme: "key" });
}

#[test]
fn subsonic_api_for_node_plays_a_song_by_token() {
    check(&Case { script: "subsonic.mjs", title: "First Ripple", scheme: "token" });
}

#[test]
fn subsonic_api_for_node_plays_a_song_by_a_form() {
    check(&Case { script: "subsonic.mjs", title: "Zweite Welle ä & <ö>", scheme: "post" });
}

#[test]
fn subsonic_api_for_node_plays_a_song_by_api_key() {
    check(&Case { script: "subsonic.mjs", title: "Gravel", scheme: "key" });
}
