//! The law: the whole server in one memory group under everything at once. Listeners, a scan and full syncs of a large
//! library, uploads, and somebody who asks for more than there is. It ends with nothing killed, nobody stalled, prompt refusals,
//! everything asked for finished and everything given back. Each part of the system that comes adds its row to `LOADS`;
//! `cargo x prove law` is the long form.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use load::{Findings, Spread, loopback};
use tests::http::{Answer, Connection};
use tests::sound::Noise;
use tests::tus::metadata;
use tests::{Demands, Listening, Login, LongMusic, Options, Rest, Server, Tus, wait_until, wall};

/// How much of everything.
struct Size {
    /// All that the server may have, in MiB, and what of it is for socket buffers.
    memory_mib: u64,
    sockets_mib: u64,
    /// Tracks of the library that comes while people listen.
    tracks: usize,
    /// Files that are uploaded at the same time, and the bytes of each.
    uploads: usize,
    upload_bytes: u64,
    demands: Demands,
}

const SHORT: Size = Size {
    memory_mib: 256,
    sockets_mib: 96,
    tracks: 3_000,
    uploads: 8,
    upload_bytes: 50_000_000,
    demands: Demands {
        listeners: 200,
        time: Duration::from_secs(20),
        arrivals_per_second: 100.0,
        peak_mib: 128.0,
        first_byte_ms: None,
        count_sockets: true,
    },
};
const LONG: Size = Size {
    tracks: 100_000,
    uploads: 50,
    upload_bytes: 100_000_000,
    demands: Demands {
        listeners: 1_000,
        time: Duration::from_secs(60),
        arrivals_per_second: 200.0,
        ..SHORT.demands
    },
    ..SHORT
};

/// One kind of work beside the listeners.
struct Load {
    name: &'static str,
    run: fn(&Stage<'_>) -> Findings,
}

const LOADS: &[Load] = &[
    Load { name: "scan", run: scan },
    Load { name: "sync by the admin", run: |stage| sync(stage, &stage.server.admin, loopback(20, 1)) },
    Load { name: "sync by a user", run: |stage| sync(stage, &stage.server.mira, loopback(20, 2)) },
    Load { name: "over capacity", run: over_capacity },
    Load { name: "uploads", run: uploads },
];

/// What the loads share.
struct Stage<'a> {
    server: &'a Server,
    /// A song, by a signed link.
    link: &'a str,
    /// Tracks in both libraries.
    tracks: usize,
    uploads: usize,
    upload_bytes: u64,
    /// Every listener is there.
    full: &'a AtomicBool,
    /// The library has been scanned once.
    scanned: AtomicBool,
    /// The loads go on at least until then.
    until: Instant,
}

impl Stage<'_> {
    fn time_is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Refusals come sooner than this.
const REFUSED_WITHIN_MS: f64 = 100.0;
/// A request that was refused this often will not be answered any more.
const TRIES_MAX: usize = 100;
/// Songs, and albums, of one page.
const PAGE: usize = 500;
/// Nothing of the law takes longer.
const PATIENCE: Duration = Duration::from_secs(1_800);

#[test]
fn p06_the_law_holds_when_everybody_wants_everything_at_once() {
    let size = if std::env::var("MILLPOND_LAW").is_ok_and(|form| form == "long") { &LONG } else { &SHORT };
    let music = LongMusic::of(size.demands.track_bytes().max(24 << 20));
    let progress = size.tracks > 10_000;
    let corpus = xtask::corpus::kept(&xtask::corpus::Options {
        progress,
        ..xtask::corpus::Options::tracks(size.tracks)
    })
    .unwrap_or_else(|error| panic!("{error}"));
    let later = Later::new();
    let group = wall(size.memory_mib, Some(size.sockets_mib));
    let server = started(size, &music, &later.folder, &group);
    let songs =
        music.tracks.iter().map(|track| (server.link(&server.track(&track.title)), Arc::clone(&track.bytes)));
    let listening =
        Listening { address: server.address, process: server.id(), songs: songs.collect(), group: &group };
    listening.warm(&size.demands);
    let libraries = [music.root.as_path(), &later.folder];
    let before = Rest::of(&server, &libraries);

    later.fill(&corpus);
    let (full, arrivals) =
        (AtomicBool::new(false), size.demands.listeners as f64 / size.demands.arrivals_per_second);
    let stage = Stage {
        server: &server,
        link: &listening.songs[0].0,
        tracks: size.tracks + music.tracks.len(),
        uploads: size.uploads,
        upload_bytes: size.upload_bytes,
        full: &full,
        scanned: AtomicBool::new(false),
        until: Instant::now() + size.demands.time + Duration::from_secs_f64(arrivals),
    };
    let mut findings = everything(&stage, &listening, &size.demands);
    before.given_back(&server, &libraries, &mut findings);
    println!("{} MiB, of which {} MiB for sockets\n\n{findings}", size.memory_mib, size.sockets_mib);
    assert!(findings.broken().is_empty(), "{}", findings.broken().join("\n"));
}

/// The listeners and every load, at once.
fn everything(stage: &Stage<'_>, listening: &Listening<'_>, demands: &Demands) -> Findings {
    std::thread::scope(|scope| {
        let loads: Vec<_> =
            LOADS.iter().map(|load| (load.name, scope.spawn(move || (load.run)(stage)))).collect();
        let mut findings = listening.listen(demands, |crowd| {
            if crowd.len() == demands.listeners && crowd.with_status(0) == 0 {
                stage.full.store(true, Ordering::Release);
            }
            loads.iter().any(|(_, load)| !load.is_finished())
        });
        for (name, load) in loads {
            match load.join() {
                Ok(found) => findings.extend(found),
                Err(_) => findings.row(name, "it broke off", "to its end", false),
            }
        }
        findings
    })
}

fn started(size: &Size, music: &LongMusic, later: &Path, group: &load::Group) -> Server {
    let listeners = size.demands.listeners;
    let options = Options {
        libraries: vec![music.root.clone(), later.to_path_buf()],
        tracks: music.tracks.len(),
        config: format!(
            "[memory]\nlimit = \"{}MiB\"\n[limits]\nconnections = {}\nstreams = {listeners}\nstreams_per_user = 0\n\
             uploads_per_user = {}\n",
            size.memory_mib,
            listeners + 200 + size.uploads,
            size.uploads,
        ),
        ..Options::default()
    };
    Server::start(&options.within(group))
}

/// A library folder that is empty at first.
struct Later {
    folder: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Later {
    fn new() -> Self {
        // Beside the generated libraries, so that names of their files can be made here.
        let beside = xtask::files::target().join("tests");
        std::fs::create_dir_all(&beside).expect("target/tests");
        let temporary = tempfile::tempdir_in(beside).expect("a temporary folder");
        let folder = temporary.path().join("later");
        std::fs::create_dir(&folder).expect("a folder");
        Later { folder, _temporary: temporary }
    }

    /// Second names for the files of a library, at once: a copy would take longer than the scan.
    fn fill(&self, from: &Path) {
        let mut copy = Command::new("cp");
        let status = copy.args(["-al", "--"]).arg(from).arg(&self.folder).status();
        assert!(status.is_ok_and(|status| status.success()), "the library could not be put into its folder");
    }
}

/// Somebody who asks, and asks again when he was refused and the time has come.
struct Caller<'a> {
    server: &'a Server,
    from: IpAddr,
    credentials: String,
    connection: Option<Connection>,
    answered: usize,
    unanswered: Vec<String>,
    refusals: Vec<Duration>,
    without_time: usize,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server, login: &Login, from: IpAddr) -> Self {
        let credentials = login.by_key();
        Caller {
            server,
            from,
            credentials,
            connection: None,
            answered: 0,
            unanswered: Vec::new(),
            refusals: Vec::new(),
            without_time: 0,
        }
    }

    /// The answer's content under the name, or nothing when there was none in the end.
    fn subsonic(&mut self, endpoint: &str, query: &str) -> serde_json::Value {
        let target = format!("/rest/{endpoint}?{query}&{}", self.credentials);
        for _ in 0..TRIES_MAX {
            let began = Instant::now();
            let answer = match self.once(&target) {
                Ok(answer) => answer,
                Err(error) => {
                    self.unanswered.push(format!("{endpoint}?{query}: {error}"));
                    return serde_json::Value::Null;
                }
            };
            if !self.refused(&answer, began) {
                let mut body = answer.json();
                if body["subsonic-response"]["status"] == "ok" {
                    self.answered += 1;
                    return body["subsonic-response"].take();
                }
                self.unanswered.push(format!("{endpoint}?{query}: {} {}", answer.status, answer.text()));
                return serde_json::Value::Null;
            }
        }
        self.unanswered.push(format!("{endpoint}?{query}: refused {TRIES_MAX} times"));
        serde_json::Value::Null
    }

    fn once(&mut self, target: &str) -> std::io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open_from(self.from, self.server.address)?,
        };
        connection.send("GET", target, &[], b"")?;
        let answer = connection.read(false)?;
        if !answer.whole {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if !answer.header("connection").eq_ignore_ascii_case("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Whether that was a refusal; waits for as long as it says.
    fn refused(&mut self, answer: &Answer, began: Instant) -> bool {
        if !matches!(answer.status, 429 | 503) {
            return false;
        }
        self.refusals.push(began.elapsed());
        let seconds = answer.header("retry-after").parse().ok();
        self.without_time += usize::from(seconds.is_none());
        wait_until(Instant::now() + Duration::from_secs(seconds.unwrap_or(1)), || false);
        true
    }

    fn report(self, who: &str, findings: &mut Findings) {
        findings.note(format!("{who}: requests answered"), self.answered.to_string());
        findings.equal(format!("{who}: requests never answered"), self.unanswered.len(), 0);
        self.unanswered.iter().take(3).for_each(|what| findings.note("one of them", what));
        let refusals = Spread::of(self.refusals);
        findings.note(format!("{who}: refusals"), refusals.len().to_string());
        findings.equal(format!("{who}: refusals that did not say when to come back"), self.without_time, 0);
        prompt(who, &refusals, findings);
    }
}

/// Scans the library that has come, and again until the time is over.
fn scan(stage: &Stage<'_>) -> Findings {
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
    caller.report("scan", &mut findings);
    findings
}

/// Goes through everything as an app does that was just installed, again and again; the last time after the scan.
fn sync(stage: &Stage<'_>, login: &Login, from: IpAddr) -> Findings {
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
    caller.report(&who, &mut findings);
    findings
}

/// All tracks of the libraries are there, and of those that are uploaded as many as came so far.
fn tracks(what: String, count: usize, stage: &Stage<'_>, findings: &mut Findings) {
    let range = stage.tracks..=stage.tracks + stage.uploads;
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

/// Asks for one song more than there are slots, ten times a second, while every slot is taken.
fn over_capacity(stage: &Stage<'_>) -> Findings {
    let full = wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let (mut refusals, mut others) = (Vec::new(), Vec::new());
    while full && !stage.time_is_over() {
        let began = Instant::now();
        let mut caller = Caller::new(stage.server, &stage.server.mira, loopback(20, 4));
        match caller.once(stage.link) {
            Ok(answer) if answer.status == 503 && answer.has("retry-after") => refusals.push(began.elapsed()),
            Ok(answer) => others.push(answer.head()),
            Err(error) => others.push(error.to_string()),
        }
        wait_until(began + Duration::from_millis(100), || false);
    }
    let refusals = Spread::of(refusals);
    let mut findings = Findings::new();
    findings.at_least("over capacity: refused", refusals.len() as f64, 10.0, "");
    findings.equal("over capacity: not refused, or not in order", others.len(), 0);
    others.iter().take(3).for_each(|other| findings.note("one of them", other));
    prompt("over capacity", &refusals, &mut findings);
    findings
}

/// When every listener is there, so many files are uploaded at the same time, each in one piece; whoever is refused asks
/// again. Every file must be stored under the hash of what was sent.
fn uploads(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let began = Instant::now();
    let tus = Tus::of(stage.server, &stage.server.add_user("uploader", &[]));
    let tus = &tus;
    let outcomes: Vec<Result<String, String>> = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..stage.uploads).map(|number| scope.spawn(move || upload(stage, tus, number as u64))).collect();
        let joined = all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("it broke off".to_owned())));
        joined.collect()
    });
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let stored = outcomes.iter().flatten().filter(|digest| is_stored(stage, digest)).count();
    let mut findings = Findings::new();
    findings.equal("uploads that did not come to their end", failed.len(), 0);
    failed.iter().take(3).for_each(|why| findings.note("one of them", why.as_str()));
    findings.equal("uploads stored under their hash", stored, stage.uploads);
    findings.note("uploads: all of them took", format!("{:.1} s", began.elapsed().as_secs_f64()));
    findings
}

fn upload(stage: &Stage<'_>, tus: &Tus, number: u64) -> Result<String, String> {
    let names = metadata(&[("filename", "noise.wav"), ("title", &format!("Noise {number}"))]);
    let noise = Noise::new(number, stage.upload_bytes);
    for _ in 0..TRIES_MAX {
        match tus.stream(&noise, &names, Some(loopback(21, number as usize))) {
            Ok((answer, digest)) if answer.status == 204 => return Ok(digest),
            Ok((answer, _)) if matches!(answer.status, 429 | 503) => {
                let seconds = answer.header("retry-after").parse().unwrap_or(1);
                wait_until(Instant::now() + Duration::from_secs(seconds), || false);
            }
            Ok((answer, _)) => return Err(format!("{} {}", answer.head(), answer.text())),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("refused {TRIES_MAX} times"))
}

/// Whether the data folder has the blob of that name, of the right length.
fn is_stored(stage: &Stage<'_>, digest: &str) -> bool {
    let (first, second) = (&digest[..2], &digest[2..4]);
    let path = stage.server.data.join("blobs").join(first).join(second).join(digest);
    path.metadata().is_ok_and(|data| data.len() == stage.upload_bytes)
}

/// Whether refusals were prompt. One in a hundred may be late: whoever asks shares two cores with whoever answers, and
/// waits for his own turn too.
fn prompt(who: &str, refusals: &Spread, findings: &mut Findings) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    findings.at_most(format!("{who}: refusals, p99"), ms(refusals.percentile(99.0)), REFUSED_WITHIN_MS, "ms");
    let (median, longest) = (ms(refusals.percentile(50.0)), ms(refusals.longest()));
    findings.note(format!("{who}: refusals, median and longest"), format!("{median:.1} ms, {longest:.1} ms"));
}
