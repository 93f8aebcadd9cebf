//! A library that is scanned and gone through while it comes.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use load::{Findings, loopback};
use tests::{Login, wait_until};

use crate::Stage;
use crate::caller::Caller;

/// Songs, and albums, of one page.
const PAGE: usize = 500;
/// Nothing of the law takes longer.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Scans the library that has come, and again until the time is over.
pub(crate) fn scan(stage: &Stage<'_>) -> Findings {
    let mut caller = Caller::new(stage.server, &stage.server.admin, loopback(20, 3));
    let (mut scans, mut count) = (0, 0);
    let mut first = Duration::ZERO;
    let began = Instant::now();
    while scans == 0 || !stage.time_is_over() {
        caller.subsonic("startScan", "");
        let whole = wait_until(Instant::now() + PATIENCE, || {
            wait_until(Instant::now() + Duration::from_millis(200), || false);
            let status = &caller.subsonic("getScanStatus", "")["scanStatus"];
            count = status["count"].as_u64().unwrap_or(0) as usize;
            status["scanning"] == false || status.is_null()
        });
        if !whole || !caller.unanswered.is_empty() {
            break;
        }
        if scans == 0 {
            first = began.elapsed();
            stage.scanned.store(true, Ordering::Release);
        }
        scans += 1;
    }
    // Whoever waits for the first scan waits no longer, whatever came of it.
    stage.scanned.store(true, Ordering::Release);
    let mut findings = Findings::new();
    tracks("scan: tracks".to_owned(), count, stage, &mut findings);
    findings.note("scan: the first one took", format!("{:.1} s", first.as_secs_f64()));
    findings.note("scan: how many", scans.to_string());
    caller.report("scan", stage, &mut findings);
    findings
}

/// Waits until the server has noticed that the library which had come is gone, and only what was `before` is left: by itself,
/// but where there was no memory to watch so many folders, in the look that somebody asks for.
pub(crate) fn gone(stage: &Stage<'_>, before: usize, findings: &mut Findings) {
    let mut caller = Caller::new(stage.server, &stage.server.admin, loopback(20, 3));
    if stage.server.metric("watched_folders") == 0.0 {
        caller.subsonic("startScan", "");
    }
    let mut count = 0;
    let noticed = wait_until(Instant::now() + PATIENCE, || {
        wait_until(Instant::now() + Duration::from_millis(200), || false);
        let status = &caller.subsonic("getScanStatus", "")["scanStatus"];
        count = status["count"].as_u64().unwrap_or(0) as usize;
        status["scanning"] == false && count <= before + stage.size.uploads
    });
    findings.row(
        "scan: tracks once the library is gone",
        count.to_string(),
        format!("{before} and uploads"),
        noticed,
    );
}

/// Goes through everything as an app does that was just installed, again and again; the last time after the scan.
pub(crate) fn sync(stage: &Stage<'_>, login: &Login, from: IpAddr) -> Findings {
    let mut caller = Caller::new(stage.server, login, from);
    let (mut rounds, mut took) = (0, Duration::ZERO);
    let (mut by_search, mut by_album);
    loop {
        let last = stage.scanned.load(Ordering::Acquire);
        let began = Instant::now();
        caller.subsonic("getIndexes", "");
        by_search = songs_by_search(&mut caller);
        by_album = songs_by_album(&mut caller);
        took = took.max(began.elapsed());
        rounds += 1;
        if last && (stage.time_is_over() || !caller.unanswered.is_empty()) {
            break;
        }
    }
    let who = format!("sync of {}", login.name);
    let mut findings = Findings::new();
    tracks(format!("{who}: tracks by search"), by_search, stage, &mut findings);
    tracks(format!("{who}: tracks by album"), by_album, stage, &mut findings);
    findings.note(format!("{who}: rounds, the longest of"), format!("{rounds}, {:.1} s", took.as_secs_f64()));
    caller.report(&who, stage, &mut findings);
    findings
}

/// All tracks of the libraries are there, and of those that are uploaded as many as came so far.
fn tracks(what: String, count: usize, stage: &Stage<'_>, findings: &mut Findings) {
    let range = stage.tracks..=stage.tracks + stage.size.uploads;
    findings.row(
        what,
        count.to_string(),
        format!("{} to {}", range.start(), range.end()),
        range.contains(&count),
    );
}

fn songs_by_search(caller: &mut Caller<'_>) -> usize {
    let mut songs = 0;
    loop {
        let query = format!("query=&artistCount=0&albumCount=0&songCount={PAGE}&songOffset={songs}");
        let page = caller.subsonic("search3", &query)["searchResult3"]["song"].as_array().map_or(0, Vec::len);
        songs += page;
        if page == 0 {
            return songs;
        }
    }
}

fn songs_by_album(caller: &mut Caller<'_>) -> usize {
    let (mut songs, mut offset) = (0, 0);
    loop {
        let query = format!("type=alphabeticalByName&size={PAGE}&offset={offset}");
        let page = caller.subsonic("getAlbumList2", &query)["albumList2"]["album"].take();
        let albums = page.as_array().map(Vec::as_slice).unwrap_or_default();
        if albums.is_empty() {
            return songs;
        }
        offset += albums.len();
        for album in albums {
            let id = album["id"].as_str().unwrap_or_default();
            songs += caller.subsonic("getAlbum", &format!("id={id}"))["album"]["song"]
                .as_array()
                .map_or(0, Vec::len);
        }
    }
}
