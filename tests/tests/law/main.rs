//! The law: the whole server in one memory group under everything at once. Listeners, a scan and full syncs of a large
//! library, uploads, renditions, pages of covers, and somebody who asks for more than there is. It ends with nothing killed,
//! nobody stalled, prompt refusals, everything asked for finished and everything given back. Each part of the system that
//! comes adds its row to `LOADS`; `cargo x prove law` is the long form.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

mod caller;
mod capacity;
mod covers;
mod library;
mod metronome;
mod renditions;
mod stems;
mod uploads;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use load::{Findings, loopback};
use metronome::Metronome;
use tests::rendition::origin;
use tests::{Demands, Later, Listening, LongMusic, Options, Rest, Server, wall};
use xtask::corpus::Video;

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
    /// Renditions that are asked for at the same time, and the videos that they are of.
    renditions: usize,
    /// How many of them must be there while people listen.
    renditions_min: usize,
    videos: [Video; 2],
    /// Pages that show covers, and how many each shows at once.
    pages: usize,
    covers: usize,
    demands: Demands,
}

const SHORT: Size = Size {
    memory_mib: 256,
    sockets_mib: 96,
    tracks: 3_000,
    uploads: 8,
    upload_bytes: 50_000_000,
    renditions: 6,
    renditions_min: 6,
    videos: videos(4),
    pages: 40,
    covers: 20,
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
    renditions: 20,
    // What needs more than a thousand listeners leave waits until they are gone.
    renditions_min: 10,
    // Long enough to be made while others are; the listeners' music lasts longer than all of them take.
    videos: videos(4),
    pages: 200,
    demands: Demands {
        listeners: 1_000,
        time: Duration::from_secs(60),
        arrivals_per_second: 200.0,
        ..SHORT.demands
    },
    ..SHORT
};

/// One of 720p, as most uploads are, and one of 1080p.
const fn videos(seconds: u32) -> [Video; 2] {
    [Video { width: 1280, height: 720, seconds }, Video { width: 1920, height: 1080, seconds }]
}

/// One kind of work beside the listeners.
struct Load {
    name: &'static str,
    run: fn(&Stage<'_>) -> Findings,
}

const LOADS: &[Load] = &[
    Load { name: "scan", run: library::scan },
    Load {
        name: "sync by the admin",
        run: |stage| library::sync(stage, &stage.server.admin, loopback(20, 1)),
    },
    Load { name: "sync by a user", run: |stage| library::sync(stage, &stage.server.mira, loopback(20, 2)) },
    Load { name: "over capacity", run: capacity::over_capacity },
    Load { name: "uploads", run: uploads::uploads },
    Load { name: "renditions", run: renditions::ordered },
    Load { name: "covers", run: covers::covers },
    Load { name: "stems", run: stems::songs },
];

/// What the loads share.
struct Stage<'a> {
    server: &'a Server,
    /// A song, by a signed link.
    link: &'a str,
    /// Tracks in both libraries.
    tracks: usize,
    size: &'a Size,
    /// Every listener is there.
    full: &'a AtomicBool,
    /// The library has been scanned once.
    scanned: AtomicBool,
    /// The loads go on at least until then.
    until: Instant,
    metronome: Metronome,
}

impl Stage<'_> {
    fn time_is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// A request that was refused this often will not be answered any more.
const TRIES_MAX: usize = 100;

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
    let later = Later::empty();
    let group = wall(size.memory_mib, Some(size.sockets_mib));
    let server = started(size, &music, &later.folder, &group);
    let songs =
        music.tracks.iter().map(|track| (server.link(&server.track(&track.title)), Arc::clone(&track.bytes)));
    let listening =
        Listening { address: server.address, process: server.id(), songs: songs.collect(), group: &group };
    listening.warm(&size.demands);
    // Renditions and their sources stay open for a while, as files of libraries do.
    let cache = server.data.join("cache");
    let videos = xtask::corpus::home();
    let at_rest = [music.root.as_path(), &later.folder, &cache, &videos];
    let before = Rest::of(&server, &at_rest);

    later.fill(&corpus);
    let (full, arrivals) =
        (AtomicBool::new(false), size.demands.listeners as f64 / size.demands.arrivals_per_second);
    let stage = Stage {
        server: &server,
        link: &listening.songs[0].0,
        tracks: size.tracks + music.tracks.len(),
        size,
        full: &full,
        scanned: AtomicBool::new(false),
        until: Instant::now() + size.demands.time + Duration::from_secs_f64(arrivals),
        metronome: Metronome::start(),
    };
    let mut findings = everything(&stage, &listening, &size.demands);
    renditions::looked_at(&stage, &mut findings);
    // What a watch holds of the folders that came it holds as long as they are there.
    later.clear();
    library::gone(&stage, music.tracks.len(), &mut findings);
    before.given_back(&server, &at_rest, &mut findings);
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
             uploads_per_user = {}\n{}",
            size.memory_mib,
            listeners + 200 + size.uploads,
            size.uploads,
            origin(&size.videos),
        ),
        ..Options::default()
    };
    Server::start(&options.within(group))
}
