//! The law: the whole server in one memory group under everything at once. Listeners, a scan and full syncs of a large
//! library, uploads, renditions, pages of covers, and somebody who asks for more than there is. It ends with nothing killed,
//! nobody stalled, prompt refusals, everything asked for finished and everything given back. Each part of the system that
//! comes adds its row to `LOADS`; `cargo x prove law` is the long form, in three sizes one after the other, of which
//! `MILLPOND_LAW=small`, `middle` and `large` are one each.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

mod caller;
mod capacity;
mod covers;
mod library;
mod metronome;
mod renditions;
mod sizes;
mod stems;
mod uploads;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use load::{Findings, loopback};
use metronome::Metronome;
use sizes::Size;
use tests::rendition::origin;
use tests::{Demands, Later, Listening, LongMusic, Options, Rest, Server, wall};

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
    /// Tracks in the library.
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
    let form = std::env::var("MILLPOND_LAW").unwrap_or_default();
    let (mut tables, mut broken) = (Vec::new(), Vec::new());
    for size in sizes::chosen(&form) {
        let findings = under(size);
        let table = format!("## {size}\n\n{findings}");
        println!("{table}");
        tables.push(table);
        broken.extend(findings.broken().into_iter().map(|what| format!("{size}: {what}")));
    }
    if form == sizes::LONG {
        publish(&tables.join("\n"));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Whether the law holds under so much.
fn under(size: &Size) -> Findings {
    let music = LongMusic::of(Demands { time: size.music, ..size.demands }.track_bytes());
    let progress = size.tracks > 10_000;
    let corpus = xtask::corpus::kept(&xtask::corpus::Options {
        progress,
        ..xtask::corpus::Options::tracks(size.tracks)
    })
    .unwrap_or_else(|error| panic!("{error}"));
    // The music lies in the library that the rest comes to and goes from: one that is suddenly empty counts as not mounted, and
    // nothing of it is given up.
    let later = Later::empty();
    later.fill(&music.root);
    let group = wall(size.memory_mib, Some(size.sockets_mib));
    let server = started(size, &music, &later.folder, &group);
    stems::equipped(&server, &size.engine);
    let songs =
        music.tracks.iter().map(|track| (server.link(&server.track(&track.title)), Arc::clone(&track.bytes)));
    let listening =
        Listening { address: server.address, process: server.id(), songs: songs.collect(), group: &group };
    listening.warm(&size.demands);
    // Renditions and their sources stay open for a while, as files of libraries do.
    let cache = server.data.join("cache");
    let videos = xtask::corpus::home();
    let at_rest = [later.folder.as_path(), &cache, &videos];
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
    later.remove(&corpus);
    library::gone(&stage, music.tracks.len(), &mut findings);
    before.given_back(&server, &at_rest, &mut findings);
    findings
}

/// Writes the page with the tables of all sizes.
fn publish(tables: &str) {
    let body = format!(
        "The whole server and its children in one memory group, in three sizes one after the other. In each, everything at the same time: \
         paced listeners of 256 kbit/s, a scan and two full syncs of 100,000 tracks that come meanwhile, 50 uploads of 100 MB, 20 \
         renditions of 720p and 1080p, 200 pages of 20 covers, 5 songs to be taken apart, and somebody who asks for one song more than \
         there are places. Whoever is refused asks again after `Retry-After`. The listeners stay until all of it is done.\n\n{tables}"
    );
    let written = xtask::bench::report::write("law", "cargo x prove law", &body, true);
    written.unwrap_or_else(|error| panic!("{error}"));
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
        libraries: vec![later.to_path_buf()],
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
