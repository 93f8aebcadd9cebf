//! Start and stop: a running stream is finished, a second server is refused by name, a backup gives back the same
//! people with the same keys, a crash needs no repair, and the data of a later release is not touched.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tests::http::{self, Connection};
use tests::{Library, Login, Options, Server, eventually, free_port, wait_until};
use xtask::corpus;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A connection on which a long song has begun to play, and how long it is.
fn playing(server: &Server, library: &Library) -> (Connection, usize, Vec<u8>) {
    let song = library.song("Long Water");
    let link = server.link(&server.track(song.title));
    let socket = http::socket(None, server.address, Some(16 * 1024)).expect("a connection");
    let mut connection = Connection::over(socket).expect("a connection");
    connection.send("GET", &link, &[], b"").expect("a request is taken");
    let head = connection.read_head().expect("a head");
    assert_eq!(head.status, 200);
    let file = library.bytes(&song);
    assert_eq!(head.header("content-length"), file.len().to_string());
    let first = connection.read_some(10_000).expect("bytes");
    assert_eq!(first, file[..first.len()]);
    (connection, first.len(), file)
}

#[test]
fn p10_sigterm_finishes_a_running_stream_and_takes_no_new_ones() {
    let library = Library::small();
    let mut server = Server::start(&Options::library(&library).config("[server]\ndrain_ms = 20000\n"));
    let (mut connection, mut read, file) = playing(&server, &library);
    server.ask_to_stop();
    eventually("nobody new is let in", Duration::from_secs(5), || {
        Connection::open(server.address).is_err() || refused(&server)
    });
    assert!(server.runs(), "it does not leave its listener alone");
    while read < file.len() {
        let bytes = connection.read_some(256 * 1024).expect("the stream goes on");
        assert!(!bytes.is_empty(), "the stream ended after {read} of {} bytes", file.len());
        assert_eq!(bytes, file[read..read + bytes.len()], "right bytes at {read}");
        read += bytes.len();
    }
    let status = server.await_end();
    assert!(status.success(), "{status}");
}

/// Whether a new request gets no ordinary answer.
fn refused(server: &Server) -> bool {
    let Ok(mut connection) = Connection::open(server.address) else { return true };
    let sent = connection.send("GET", "/health", &[], b"");
    sent.is_err() || connection.read(false).map_or(true, |answer| answer.status == 503)
}

#[test]
fn p10_a_listener_who_stopped_taking_does_not_keep_the_server_from_ending() {
    let library = Library::small();
    let mut server = Server::start(&Options::library(&library).config("[server]\ndrain_ms = 1000\n"));
    let _stalled = playing(&server, &library);
    let asked = Instant::now();
    let status = server.stop();
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
}

/// Large enough that a scan is still running when the server is killed.
const MANY: usize = 20_000;

#[test]
fn p10_a_server_whose_log_nobody_reads_any_more_ends_when_it_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut serve = Command::new(tests::binary());
    serve.arg("serve").arg(format!("--listen={address}")).arg(format!("--data={}", data.path().display()));
    serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = serve.spawn().expect("the server starts");
    // It takes connections before it heeds signals, and heeds them before it answers.
    let serves = wait_until(Instant::now() + Duration::from_secs(30), || {
        Connection::open(address).is_ok() && http::get(address, "/health", &[]).status == 200
    });
    drop((server.stdout.take(), server.stderr.take()));
    let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::TERM).expect("a child of ours");
    let ended = wait_until(Instant::now() + Duration::from_secs(30), || {
        server.try_wait().is_ok_and(|status| status.is_some())
    });
    if !ended {
        server.kill().expect("a child of ours");
        server.wait().expect("a child of ours");
    }
    assert!(serves && ended, "it served: {serves}, it ended: {ended}");
}

#[test]
fn p10_a_server_killed_in_a_scan_starts_again_and_lists_everything() {
    let folder = corpus::kept(&corpus::Options::tracks(MANY)).expect("a generated library");
    let data = tempfile::tempdir().expect("a folder");
    let first = Server::start(&Options::default());
    let people = [first.admin.clone(), first.mira.clone()];
    copy_folder(&first.data, data.path());
    drop(first);
    let mut seen = vec![0];
    for _ in 0..3 {
        let options =
            Options { data: Some(data.path().into()), libraries: vec![folder.clone()], ..Options::default() };
        let server = Server::start(&options);
        let before = seen.last().copied().unwrap_or(0);
        eventually("the scan gets on", Duration::from_secs(20), || tracks(&server) > before);
        seen.push(tracks(&server));
        let id = Pid::from_raw(server.id() as i32).expect("a process id");
        kill_process(id, Signal::KILL).expect("a child of ours");
    }
    println!("tracks at the moments of three kills: {seen:?}");
    assert!(seen[1] < MANY, "the first kill came in the middle of a scan");
    let options = Options {
        data: Some(data.path().into()),
        libraries: vec![folder],
        tracks: MANY,
        ..Options::default()
    };
    let server = Server::start(&options);
    eventually("every track is there once", Duration::from_secs(60), || tracks(&server) == MANY);
    for login in &people {
        let me = server.get("/me", &[("Authorization", &login.basic())]);
        assert_eq!(me.status, 200, "{}", me.text());
    }
}

/// How many tracks can be found, by bisection over the pages of an empty search, as one of the players counts.
fn tracks(server: &Server) -> usize {
    let exists = |offset: usize| {
        let query = format!("query=&artistCount=0&albumCount=0&songCount=1&songOffset={offset}");
        server.subsonic("search3", &query)["searchResult3"]["song"][0].is_object()
    };
    let (mut some, mut none) = (0, MANY * 2);
    while some < none {
        let middle = (some + none) / 2;
        if exists(middle) { some = middle + 1 } else { none = middle }
    }
    some
}

#[test]
fn p10_a_second_server_on_the_same_data_is_refused_by_name() {
    let server = Server::start(&Options::default());
    let listen = format!("127.0.0.1:{}", free_port());
    let second = server.command(&["serve", "--listen", &listen], "");
    let text = said(&second);
    assert!(!second.status.success(), "{text}");
    assert!(text.contains("another millpond") && text.contains(&server.id().to_string()), "{text}");
    assert_eq!(server.get("/health", &[]).status, 200, "the first goes on");
}

#[test]
fn the_first_start_makes_an_admin_and_shows_the_secrets_once() {
    let library = Library::small();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let options = Options { data: Some(data), first_start: true, tracks: 0, ..Options::library(&library) };
    let mut server = Server::start(&options);
    // It listens before the account is made: whoever comes first is not kept waiting by a password's hash.
    eventually("the secrets are shown", Duration::from_secs(20), || {
        server.output().contains("app password: ")
    });
    let output = server.output();
    let after = |word: &str| {
        output.split(word).nth(1).and_then(|rest| rest.split_whitespace().next()).map(str::to_owned)
    };
    let password = after("login: admin / ").unwrap_or_else(|| panic!("no login in {output}"));
    let app_password = after("app password: ").unwrap_or_else(|| panic!("no app password in {output}"));
    assert!(output.contains(&format!("http://{}", server.address)), "{output}");
    let login = Login { name: "admin".to_owned(), password, app_password, key: String::new() };
    let me = server.get("/me", &[("Authorization", &login.basic())]);
    assert_eq!(me.status, 200, "{}", me.text());
    eventually("the library is played by what was printed", Duration::from_secs(20), || {
        let found = server.get(&format!("/rest/search3?query=cattail&{}", login.by_token("sea")), &[]).json();
        let id = found["subsonic-response"]["searchResult3"]["song"][0]["id"].clone();
        let stream = format!("/rest/stream?id={}&{}", id.as_str().unwrap_or_default(), login.by_password());
        server.get(&stream, &[]).body == library.bytes(&library.song("Cattail"))
    });
    server.stop();
    let again = Server::start(&options);
    assert!(!again.output().contains("app password"), "{}", again.output());
    assert_eq!(again.get("/me", &[("Authorization", &login.basic())]).status, 200);
}

#[test]
fn p10_a_backup_of_a_running_server_gives_back_the_same_people_and_keys() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("Cattail");
    server.subsonic("star", &format!("id={track}"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("backup.tar");
    let backup = server.command(&["backup", file.to_str().expect("UTF-8")], "");
    assert!(backup.status.success(), "{}", said(&backup));
    assert_eq!(server.get("/health", &[]).status, 200, "the server goes on");

    let data = folder.path().join("restored");
    let restore = tests::run(&data, &["restore", file.to_str().expect("UTF-8")], "");
    assert!(restore.status.success(), "{}", said(&restore));
    let again = Server::start(&Options { data: Some(data), ..Options::library(&library) });
    for login in [&server.admin, &server.mira] {
        login.assert_known(&again);
    }
    let song = again.subsonic("getSong", &format!("id={track}"));
    assert!(song["song"]["starred"].is_string(), "{song}");
    let onto = again.command(&["restore", file.to_str().expect("UTF-8")], "");
    assert!(!onto.status.success(), "a restore under a running server is refused: {}", said(&onto));
    server.mira.assert_known(&again);
}

#[test]
fn p12_a_data_folder_of_a_later_release_is_refused_before_anything_is_written() {
    let mut server = Server::start(&Options::default());
    server.stop();
    fs::write(server.data.join("format"), "9999\n").expect("a file of ours");
    let before = listing(&server.data);
    for arguments in [&["serve", "--listen", "127.0.0.1:1"][..], &["user", "list"], &["scan"]] {
        let output = server.command(arguments, "");
        let text = said(&output);
        assert!(!output.status.success() && text.contains("9999"), "{arguments:?}: {text}");
    }
    assert_eq!(listing(&server.data), before);
}

/// Names, lengths and contents of a data folder's files.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Copies files for their owner alone, as a data folder has them and a checkout has not.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for (path, bytes) in listing(from) {
        let to = to.join(path.file_name().expect("a name"));
        fs::write(&to, bytes).expect("a copy");
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("a file of ours");
    }
}
