//! What the page holds in memory, however much there is to show, to send and to mix: of a little in the suite, of much with
//! `cargo x prove page`, which writes the figures down.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use serde_json::{Value, json};
use tests::media::noise;
use tests::sound::Noise;
use tests::{Options, Server, eventually};

use super::{WITHIN, play_within};

/// What is shown, sent and mixed.
struct Size {
    tracks: usize,
    scroll_steps: u32,
    scroll_ms: u32,
    song_seconds: u32,
    upload_bytes: u64,
    /// How long one scene may take.
    within: Duration,
}

const SHORT: Size = Size {
    tracks: 2_000,
    scroll_steps: 20,
    scroll_ms: 4_000,
    song_seconds: 40,
    upload_bytes: 100_000_000,
    within: WITHIN,
};

const LONG: Size = Size {
    tracks: 100_000,
    scroll_steps: 300,
    scroll_ms: 60_000,
    song_seconds: 600,
    upload_bytes: 5_000_000_000,
    within: Duration::from_secs(1_500),
};

/// What more the page may hold after it has scrolled through all songs.
const SCROLLED_BYTES_MAX: u64 = 20_000_000;
/// What it may hold while it mixes.
const MIXING_BYTES_MAX: u64 = 60_000_000;
/// What it may hold while it sends.
const SENDING_BYTES_MAX: u64 = 40_000_000;

/// Proved by hand: nothing in the suite asserts a time.
const FIRST_ROWS_MS: u64 = 300;

const CONFIG: &str = "[store]\nfree_bytes_min = \"64MiB\"\n[limits]\nupload_bytes_max = \"8GiB\"\n";

/// A row of the table: what, the bound, what was measured.
type Row = (String, String, String);

#[test]
fn the_page_is_as_light_with_much_as_with_little() {
    let is_long = std::env::var("MILLPOND_PAGE").is_ok_and(|form| form == "long");
    let size = if is_long { LONG } else { SHORT };
    let rows = [scrolled(&size), mixed(&size), sent(&size)].concat();
    let lines = rows.iter().map(|(what, bound, measured)| format!("| {what} | {bound} | {measured} |\n"));
    let body = format!(
        "Debian's Chromium, driven by `playwright-core`, on the page that is embedded in a release build. The heap is what V8 tells, with \
         the bytes of buffers outside of it, of the page and not of its workers: after a collection where it is told before and after, \
         and sampled while the page works, without a collection, where the most is told.\n\n\
         | what | bound | measured |\n|---|---|---|\n{}",
        lines.collect::<String>()
    );
    println!("{body}");
    if is_long {
        let written = xtask::bench::report::write("page-memory", "cargo x prove page", &body, true);
        written.unwrap_or_else(|error| panic!("{error}"));
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn number(seen: &Value, name: &str) -> u64 {
    seen[name].as_f64().unwrap_or_else(|| panic!("no {name}: {seen}")) as u64
}

/// All songs of a library, scrolled through from the first to the last and back.
fn scrolled(size: &Size) -> Vec<Row> {
    let tracks = size.tracks;
    let corpus = xtask::corpus::kept(&xtask::corpus::Options::tracks(tracks)).expect("a generated library");
    let server =
        Server::start(&Options { libraries: vec![corpus], tracks, ..Options::default() }.config(CONFIG));
    let more = json!({ "scroll_steps": size.scroll_steps, "scroll_ms": size.scroll_ms });
    let seen = play_within(size.within, server.address, &server.mira, "long", more);
    let [before, after] = ["heap_before", "heap_after"].map(|name| number(&seen, name));
    assert!(after < before + SCROLLED_BYTES_MAX, "{seen}");
    // A row of the list is some 50 pixels high.
    assert!(number(&seen, "high") > 20 * tracks as u64, "all of them are there: {seen}");
    let first_rows_ms = number(&seen, "first_rows_ms");
    let first_load_bytes = number(&seen, "first_load_script_bytes");
    vec![
        (
            "scripts that have come when somebody is signed in, as they are sent".into(),
            "100,000 bytes".into(),
            format!("{first_load_bytes} bytes"),
        ),
        (
            format!("{tracks} songs: first rows after navigation"),
            format!("{FIRST_ROWS_MS} ms"),
            format!("{first_rows_ms} ms"),
        ),
        (
            format!(
                "{tracks} songs: heap before, and after {} s of scrolling to the end and back",
                size.scroll_ms / 1_000
            ),
            format!("{} more", megabytes(SCROLLED_BYTES_MAX)),
            format!("{} before, {} after", megabytes(before), megabytes(after)),
        ),
    ]
}

/// Four stems of a song, mixed, with four seeks.
fn mixed(size: &Size) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    noise(&folder.path().join("Apart.wav"), size.song_seconds);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(CONFIG));
    let (track, bearer) = (server.track("Apart"), server.mira.bearer());
    let stems = format!("/tracks/{track}/stems");
    let asked =
        server.send("POST", &format!("{stems}?stems=4&engine=spectral"), &[("Authorization", &bearer)], b"");
    assert!(asked.status < 300, "{}", asked.text());
    eventually("it is taken apart", size.within, || {
        server.get(&stems, &[("Authorization", &bearer)]).json()["stems"][0].is_object()
    });
    let seen = play_within(size.within, server.address, &server.mira, "mix", json!({ "track": track }));
    let [before, most] = ["heap_before", "heap_most"].map(|name| number(&seen, name));
    assert!(most < MIXING_BYTES_MAX, "{seen}");
    vec![(
        format!("four stems of a song of {} s, mixed, with four seeks: most heap", size.song_seconds),
        megabytes(MIXING_BYTES_MAX),
        format!("{}, of which {} were there before", megabytes(most), megabytes(before)),
    )]
}

/// One large file, hashed and sent.
fn sent(size: &Size) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Large.wav");
    let mut writing = BufWriter::new(File::create(&file).expect("a file"));
    Noise::new(9, size.upload_bytes).each(|piece| writing.write_all(piece)).expect("room on the disk");
    drop(writing);
    let server = Server::start(&Options::default().config(CONFIG));
    let seen = play_within(size.within, server.address, &server.mira, "large", json!({ "file": file }));
    let [before, most] = ["heap_before", "heap_most"].map(|name| number(&seen, name));
    assert!(most < SENDING_BYTES_MAX, "{seen}");
    vec![(
        format!("an upload of {} bytes, with its SHA-256: most heap", size.upload_bytes),
        megabytes(SENDING_BYTES_MAX),
        format!("{}, of which {} were there before", megabytes(most), megabytes(before)),
    )]
}
