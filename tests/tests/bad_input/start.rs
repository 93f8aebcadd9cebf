//! What a start can be told that is wrong.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Duration;

use tests::{Library, Options, Server, binary, clients, free_port};

use crate::probe;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A configuration that must be refused, and the words of the refusal.
struct Case {
    config: &'static str,
    arguments: &'static [&'static str],
    words: &'static [&'static str],
}

fn check(case: &Case) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("millpond.toml");
    fs::write(&config, case.config).expect("a file");
    let listen = format!("127.0.0.1:{}", free_port());
    let config = config.to_str().expect("a path in UTF-8").to_owned();
    let data = folder.path().join("data");
    let data = data.to_str().expect("a path in UTF-8");
    let named = case.arguments.first().is_some_and(|argument| *argument == "--config");
    let config = if named { Vec::new() } else { vec!["--config", config.as_str()] };
    let arguments = [&["serve", "--data", data, "--listen", &listen][..], &config, case.arguments].concat();
    let output = clients::run(binary(), &arguments, Duration::from_secs(20));
    let text = said(&output);
    assert!(!output.status.success(), "{:?} {:?} must be refused: {text}", case.config, case.arguments);
    for word in case.words {
        assert!(
            text.contains(word),
            "the refusal of {:?} {:?} names {word:?}: {text}",
            case.config,
            case.arguments
        );
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_wrong_configuration_is_refused_by_name() {
    let cases = [
        Case { config: "[limits]\nstream = 5\n", arguments: &[], words: &["limits.stream"] },
        Case { config: "[stream]\nwrite_stal_ms = 5\n", arguments: &[], words: &["stream.write_stal_ms"] },
        Case { config: "[nothing]\nx = 1\n", arguments: &[], words: &["nothing"] },
        Case {
            config: "[limits]\nstreams = \"many\"\n",
            arguments: &[],
            words: &["limits.streams", "whole number"],
        },
        Case { config: "[limits]\nstreams = -1\n", arguments: &[], words: &["limits.streams"] },
        Case { config: "[limits\n", arguments: &[], words: &["millpond.toml"] },
        Case { config: "", arguments: &["--limits-stream", "5"], words: &["--limits-stream"] },
        Case {
            config: "",
            arguments: &["--memory-limit", "5 bananas"],
            words: &["memory.limit", "number of bytes"],
        },
        Case { config: "", arguments: &["--memory-limit", "1MiB"], words: &["memory", "64"] },
        Case {
            config: "[server]\ntrusted_proxies = [\"everybody\"]\n",
            arguments: &[],
            words: &["server.trusted_proxies", "everybody"],
        },
        Case { config: "[server]\nbase_url = \"music\"\n", arguments: &[], words: &["server.base_url"] },
        Case {
            config: "[server]\ntls_cert = \"/nowhere/cert.pem\"\ntls_key = \"/nowhere/key.pem\"\n",
            arguments: &[],
            words: &["/nowhere/cert.pem"],
        },
        Case {
            config: "",
            arguments: &["--config", "/nowhere/millpond.toml"],
            words: &["/nowhere/millpond.toml"],
        },
        Case { config: "", arguments: &["--listen", "no-port"], words: &["listen", "no-port"] },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let output = tests::run(&folder.path().join("data"), &["serve", "--listen", &address], "");
    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
}

#[test]
fn a_library_that_is_not_there_is_named_and_the_others_are_served() {
    let library = Library::small();
    let mut options = Options::library(&library);
    options.libraries.insert(0, "/nowhere/music".into());
    let server = Server::start(&options);
    assert!(server.output().contains("/nowhere/music"), "{}", server.output());
    probe(&server, "a library that is not there");
    let song = library.song("Cattail");
    let answer = server.get(
        &format!("/tracks/{}/audio", server.track(song.title)),
        &[("Authorization", &server.mira.bearer())],
    );
    assert_eq!((answer.status, answer.body), (200, library.bytes(&song)));
}

/// Without capabilities even root must keep to permissions.
#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o555)).expect("a folder of ours");
    let mut command = if rustix_is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-all", "--inh-caps", "-all"]).arg(binary());
        command
    } else {
        Command::new(binary())
    };
    let listen = format!("127.0.0.1:{}", free_port());
    let output =
        command.args(["serve", "--listen", &listen, "--data"]).arg(&data).output().expect("it starts");
    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains(data.to_str().expect("UTF-8")), "{text}");
    assert!(text.to_lowercase().contains("writ") || text.to_lowercase().contains("permission"), "{text}");
    assert_eq!(fs::read_dir(&data).expect("a folder").count(), 0, "nothing was written");
}

fn rustix_is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
    })
}
