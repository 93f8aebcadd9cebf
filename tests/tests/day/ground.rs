//! The server, its music, and what those who use it share.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use load::{Findings, Group};
use tests::http::{Answer, Connection};
use tests::rendition::origin;
use tests::{Later, Library, Login, LongMusic, Options, Server, children_of, eventually, wall};
use xtask::corpus::{self, Video};

/// All that the server and its children may have, and what of it is for socket buffers.
pub(crate) const MEMORY_MIB: u64 = 512;
const SOCKETS_MIB: u64 = 96;
/// Tracks of the library that stays.
const TRACKS: usize = 3_000;
/// What renditions may take of the disk: so little that old ones go all the time.
const CACHE_MIB: u64 = 64;
/// The videos that renditions are made of.
pub(crate) const VIDEO: Video = Video { width: 1280, height: 720, seconds: 4 };
/// A request that was refused this often will not be answered any more.
const TRIES_MAX: usize = 100;
/// Nothing of a day waits longer for its end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A song whose bytes are known.
pub(crate) struct Tune {
    pub(crate) id: String,
    pub(crate) bytes: Arc<Vec<u8>>,
}

pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) group: Group,
    pub(crate) uploader: Login,
    pub(crate) musician: Login,
    pub(crate) tunes: Vec<Tune>,
    /// Covers of albums.
    pub(crate) covers: Vec<String>,
    /// A library that comes and goes, and the folders that come.
    pub(crate) later: Later,
    pub(crate) albums: Vec<PathBuf>,
    /// Uploads that nobody goes on with, and when they were left.
    pub(crate) left: Mutex<Vec<(Instant, String)>>,
    pub(crate) lifetime: Duration,
    /// The homes of all that is generated and that tests keep.
    libraries: [PathBuf; 2],
    /// What the server keeps: renditions, and what was uploaded.
    kept: [PathBuf; 2],
}

impl Ground {
    pub(crate) fn new(lifetime: Duration) -> Self {
        let (small, music) = (Library::small(), LongMusic::of(4 << 20));
        let corpus = corpus::kept(&corpus::Options::tracks(TRACKS)).unwrap_or_else(|error| panic!("{error}"));
        let mut albums: Vec<PathBuf> =
            std::fs::read_dir(&corpus).expect("a library").flatten().map(|entry| entry.path()).collect();
        albums.sort();
        // A folder without any song is taken for a disk that is not there, so that one stays.
        let later = Later::empty();
        later.fill(&albums.remove(0));
        let group = wall(MEMORY_MIB, Some(SOCKETS_MIB));
        let options = Options {
            libraries: vec![small.root.clone(), music.root.clone(), corpus.clone(), later.folder.clone()],
            tracks: small.songs.len() + music.tracks.len() + TRACKS,
            config: format!(
                "[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n[cache]\nbytes = \"{CACHE_MIB}MiB\"\n[stems]\nidle_ms = 20000\n\
                 [limits]\nuploads_per_user = 0\nbytes_per_user = 0\nupload_lifetime_ms = {}\n[store]\nverified_ms = {}\n{}",
                lifetime.as_millis(),
                lifetime.as_millis(),
                origin(&[VIDEO]),
            ),
            ..Options::default()
        };
        let server = Server::start(&options.within(&group));
        let tune = |title: &str, bytes: Arc<Vec<u8>>| Tune { id: server.track(title), bytes };
        let known = small.songs.iter().map(|song| tune(song.title, Arc::new(small.bytes(song))));
        let tunes: Vec<Tune> = known
            .chain(music.tracks.iter().map(|track| tune(&track.title, Arc::clone(&track.bytes))))
            .collect();
        let page = server.subsonic("getAlbumList2", "type=alphabeticalByName&size=500");
        let page = page["albumList2"]["album"].as_array().cloned().unwrap_or_default();
        let covers = page.iter().filter_map(|album| Some(album["coverArt"].as_str()?.to_owned())).collect();
        let kept = ["cache", "blobs"].map(|name| server.data.join(name));
        // Each song is looked at once, and what was seen of it is remembered for an hour: all of them from now on.
        for tune in &tunes {
            let target = format!("/rest/stream?id={}&format=mp3&{}", tune.id, server.admin.by_key());
            let answer = server.get(&target, &[]);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        Ground {
            uploader: server.add_user("uploader", &[]),
            musician: server.add_user("musician", &[]),
            server,
            group,
            tunes,
            covers,
            later,
            albums,
            left: Mutex::default(),
            lifetime,
            libraries: [&corpus, &music.root].map(|root| root.parent().expect("a home").to_path_buf()),
            kept,
        }
    }

    /// Folders whose files stay open for a while, as files do that were played or made.
    pub(crate) fn folders(&self) -> [&Path; 4] {
        [&self.libraries[0], &self.libraries[1], &self.kept[0], &self.kept[1]]
    }

    /// Nobody asks anything any more; waits until nothing is in the making and no child is left.
    pub(crate) fn calm(&self) {
        let bearer = self.server.admin.bearer();
        let cleared = self.server.send("DELETE", "/models/cache", &[("Authorization", &bearer)], b"");
        assert_eq!(cleared.status, 200, "{}", cleared.text());
        eventually("nothing is in the making", PATIENCE, || {
            children_of(self.server.id()) == 0 && self.server.metric("streams_in_flight") == 0.0
        });
    }

    /// A GET from this address by the plain user of the Subsonic API, and again when it is refused and the time has come.
    pub(crate) fn rest(&self, from: IpAddr, endpoint: &str, query: &str) -> Result<Answer, String> {
        let target = format!("/rest/{endpoint}?{query}&{}", self.server.mira.by_key());
        let answer = self.get(from, &target, &[])?;
        match answer.status {
            200 | 206 => Ok(answer),
            _ => Err(format!("{endpoint}?{query}: {} {}", answer.head(), answer.text())),
        }
    }

    /// A GET on a connection of its own, and again when it is refused and the time has come; the answer must be whole.
    pub(crate) fn get(&self, from: IpAddr, target: &str, fields: &[(&str, &str)]) -> Result<Answer, String> {
        for _ in 0..TRIES_MAX {
            let (mut connection, mut answer) = self.begun(from, target, fields)?;
            connection.read_rest(&mut answer, false).map_err(|error| format!("{target}: {error}"))?;
            if !answer.whole {
                return Err(format!("{target}: {} broke off", answer.head()));
            }
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            answer.come_back();
        }
        Err(format!("{target}: refused {TRIES_MAX} times"))
    }

    /// The head of an answer, and the connection on which its body comes.
    pub(crate) fn begun(
        &self,
        from: IpAddr,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Result<(Connection, Answer), String> {
        let failed = |error: std::io::Error| format!("{target}: {error}");
        let mut connection = Connection::open_from(from, self.server.address).map_err(failed)?;
        connection.socket().set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let fields = [&[("Connection", "close")], fields].concat();
        connection.send("GET", target, &fields, b"").map_err(failed)?;
        let answer = connection.read_head().map_err(failed)?;
        Ok((connection, answer))
    }

    /// That the server did what it was asked for, by its own count.
    pub(crate) fn counted(&self, expired_min: f64) -> Findings {
        let mut findings = Findings::new();
        let mut at_least = |what: &str, name: &str, labels: &[&str], least: f64| {
            findings.at_least(what, self.server.metric_of(name, labels), least, "");
        };
        at_least("renditions removed to make room", "renditions_evicted_total", &[], 1.0);
        at_least(
            "uploads that the server let expire",
            "uploads_ended_total",
            &["reason=\"expired\""],
            expired_min,
        );
        at_least("uploads cancelled", "uploads_ended_total", &["reason=\"cancelled\""], 1.0);
        at_least("jobs done", "stems_jobs_ended_total", &["state=\"done\""], 1.0);
        at_least("jobs cancelled", "stems_jobs_ended_total", &["state=\"cancelled\""], 1.0);
        at_least("tracks that came", "scan_tracks_added_total", &[], TRACKS as f64 + 10.0);
        at_least("tracks that went", "scan_tracks_missing_total", &[], 10.0);
        let peaks = self.group.peaks();
        findings.equal("processes killed for want of memory", peaks.killed, 0);
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let limit = MEMORY_MIB as f64;
        findings.at_most(
            "memory that nobody can take back, peak",
            mib(peaks.lasting.lasting()),
            limit,
            "MiB",
        );
        findings
            .note("CPU of the server without its children", format!("{:.0} s", self.server.figures().cpu_s));
        findings
    }
}
