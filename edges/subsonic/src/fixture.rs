//! A small house for tests: a real catalog over tiny files, three users, and the router as it is served.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use budget::limits::{CHUNK_BYTES, LISTINGS_PER_USER_MAX, MIB};
use budget::{Budget, Chunks, Slots};
use catalog::scan::{Contribution, Details, Found, FoundCover, Inventory, Person, Scanner, Tags};
use catalog::sqlite::Sqlite;
use catalog::{
    Caption, ChannelText, CoverMark, Date, EpisodeFetched, EpisodeText, FeedRead, FeedState, Feeds, Gain,
    Library, LibrarySet, Look, Looks, MovingPicture, Part, Podcasts, Release, Role, SignIn, Sound,
    TrackChange, TrackDetails, TrackId, User, UserChange, Users, VideoFacts, Viewer, Visibility,
};
use http_body_util::BodyExt;
use store::{DataFolder, FolderId, Folders, Io, LibraryFolder, MemoryBlobs, RelPath, Secret, Shelf, Spool};
use stream::{Client, Peer, Settings, Streams};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::Parts;
use crate::call::Reader;

/// The picture of the first album: not a real one, but nobody looks at it.
pub(crate) const COVER: &[u8] = b"\x89PNG a picture of a pond";
/// Where the second album's picture lies in its first song, and what it is.
pub(crate) const EMBEDDED: (u64, &[u8]) = (4, b"\xff\xd8 a picture in a song");

/// The house with everybody in it.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) budget: Budget,
    pub(crate) catalog: Arc<Sqlite>,
    pub(crate) admin: User,
    /// Sees everything.
    pub(crate) ann: User,
    /// API keys of the admin, of Ann, and of Bob, who sees the second library alone.
    pub(crate) admin_key: String,
    pub(crate) ann_key: String,
    pub(crate) bob_key: String,
    /// An app password of Ann's. Her login password is [`PASSWORD`].
    pub(crate) ann_app_password: String,
    pub(crate) folder: TempDir,
}

/// Everybody's login password.
pub(crate) const PASSWORD: &str = "still waters & more";

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What stands in the JSON envelope.
    pub(crate) fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        value["subsonic-response"].clone()
    }

    /// The error's code, if it is an error in JSON.
    pub(crate) fn code(&self) -> Option<u64> {
        self.json()["error"]["code"].as_u64()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One song of the fixture.
struct Song {
    path: &'static str,
    title: &'static str,
    album: &'static str,
    artist: &'static str,
    genres: &'static [&'static str],
    track: u32,
    year: u32,
    cover: Option<(&'static str, u64, Option<u64>, &'static str)>,
}

const FIRST: &[Song] = &[
    Song {
        path: "Abba/Pond/01 Ripple.flac",
        title: "Ripple & <Wave>",
        album: "Pond",
        artist: "Abba",
        genres: &["Pop", "Disco"],
        track: 1,
        year: 1976,
        cover: Some(("Abba/Pond/cover.png", 0, None, "image/png")),
    },
    Song {
        path: "Abba/Pond/02 \"Still\".flac",
        title: "\"Still\"",
        album: "Pond",
        artist: "Abba",
        genres: &["Pop"],
        track: 2,
        year: 1976,
        cover: Some(("Abba/Pond/cover.png", 0, None, "image/png")),
    },
    Song {
        path: "Земфира/Пруд.mp3",
        title: "Пруд",
        album: "Вода",
        artist: "Земфира",
        genres: &["Rock"],
        track: 1,
        year: 2004,
        cover: Some(("Земфира/Пруд.mp3", EMBEDDED.0, Some(EMBEDDED.1.len() as u64), "image/jpeg")),
    },
];

const SECOND: &[Song] = &[Song {
    path: "2pac.ogg",
    title: "Quiet",
    album: "Loose",
    artist: "2pac",
    genres: &[],
    track: 1,
    year: 1995,
    cover: None,
}];

/// What a song's file holds: its cover, where one is embedded, within some bytes.
pub(crate) fn bytes_of(path: &str) -> Vec<u8> {
    let mut bytes = b"song".to_vec();
    bytes.extend_from_slice(EMBEDDED.1);
    bytes.extend((0..5_000u32).map(|n| (n * 31 + path.len() as u32) as u8));
    bytes
}

impl House {
    pub(crate) async fn open() -> House {
        let folder = TempDir::new().unwrap();
        let budget = Budget::new(256 * MIB).unwrap();
        let catalog = Arc::new(Sqlite::open(&folder.path().join("millpond.db")).await.unwrap());
        let roots = ["music", "more"].map(|name| folder.path().join(name));
        for (root, songs) in roots.iter().zip([FIRST, SECOND]) {
            write_files(root, songs);
        }
        let names = roots.each_ref().map(|root| root.to_str().unwrap().to_owned());
        let libraries = catalog.set_libraries(&names).await.unwrap();
        let ids: Vec<FolderId> = libraries.iter().map(|row| row.id).collect();
        for ((id, root), songs) in ids.iter().zip(&roots).zip([FIRST, SECOND]) {
            record(&catalog, *id, root, songs).await;
        }
        let folders = Folders::new(8);
        assert!(folders.set(ids.iter().copied().zip(roots).collect()).is_empty());

        let sign_in = SignIn::new(catalog.clone(), &Secret::from_bytes([7; 32]), budget.clone());
        let hash = sign_in.hash_password(PASSWORD).await.unwrap();
        let admin = catalog.add_user("admin", Role::Admin, &hash).await.unwrap();
        let ann = catalog.add_user("ann", Role::User, &hash).await.unwrap();
        let bob = catalog.add_user("bob", Role::User, &hash).await.unwrap();
        let only = UserChange::libraries(LibrarySet::Only(vec![ids[1]]));
        let bob = catalog.change_user(bob.id, &only).await.unwrap();
        let mut keys = Vec::new();
        for user in [&admin, &ann, &bob] {
            keys.push(sign_in.issue_key(user.id, "test").await.unwrap().1);
        }
        let [admin_key, ann_key, bob_key] = keys.try_into().unwrap();
        let (_, ann_app_password) = sign_in.issue_app_password(ann.id, "test").await.unwrap();

        let data = DataFolder::share(folder.path().join("data")).unwrap();
        let spool = Spool::open(&data, Io::new(1)).unwrap();
        let shelf = Shelf::new(folders.clone(), Arc::new(MemoryBlobs::new(spool)));
        let router = crate::router(Parts {
            catalog: catalog.clone(),
            sign_in,
            shelf,
            streams: Streams::new(Settings::default(), budget.clone(), Chunks::new(CHUNK_BYTES, 4)),
            covers: transform::Covers::default(),
            feeds: Arc::default(),
            begun: Arc::new(|_, _| ()),
            transforms: None,
            sign: Arc::new(|address, _| address.to_owned()),
            address_of: Arc::new(|client, headers, _| {
                let scheme = if client.secure { "https" } else { "http" };
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
                host.map_or_else(String::new, |host| format!("{scheme}://{host}"))
            }),
            budget: budget.clone(),
            scanner: Scanner::new(catalog.clone(), folders, budget.clone()),
            listings: Slots::new("listings", "listings_per_user", 0, LISTINGS_PER_USER_MAX),
        });
        House { router, budget, catalog, admin, ann, admin_key, ann_key, bob_key, ann_app_password, folder }
    }

    /// Asks as Ann, in JSON.
    pub(crate) async fn ann(&self, endpoint: &str) -> Reply {
        self.get(&self.signed(endpoint, &self.ann_key)).await
    }

    /// The path of an endpoint with its parameters, a key and `f=json`.
    pub(crate) fn signed(&self, endpoint: &str, key: &str) -> String {
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        format!("/rest/{endpoint}{joint}apiKey={key}&f=json&v=1.16.1&c=test")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[], "").await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Ann's eyes.
    pub(crate) fn reader(&self) -> Reader {
        Reader { catalog: self.catalog.clone(), viewer: Arc::new(Viewer::of(&self.ann)) }
    }

    /// Asks and takes nothing of the body yet.
    pub(crate) async fn begin(&self, path: &str) -> Response<Body> {
        self.answer(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().insert(Peer::new());
        request.extensions_mut().insert(Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false });
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (head, mut body) = self.answer(request).await.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
        Reply { status: head.status, headers: head.headers, body: bytes }
    }

    /// The id of a track by its title.
    pub(crate) async fn track(&self, title: &str) -> TrackId {
        let page = self.catalog.tracks(&Viewer::of(&self.admin), None, 100).await.unwrap();
        page.rows.into_iter().find(|track| track.title == title).unwrap().id
    }

    /// Adds a video to the second library, at which somebody looked. It has no file, but captions.
    pub(crate) async fn add_video(&self) -> TrackId {
        let library = self.catalog.libraries(&Viewer::of(&self.admin)).await.unwrap()[1].id;
        let stamp = store::Stamp { length: 4_000_000, modified_ns: 1, changed_ns: 1, inode: 1 };
        let tags = Tags {
            title: "Frogs & <dragonflies>".into(),
            duration_ms: 0,
            suffix: "mkv".into(),
            content_type: "video/x-matroska",
            ..tags(&SECOND[0])
        };
        let root = self.folder.path().join("more");
        let captions = ["frogs.srt", "frogs.pt_BR.srt", "frogs.de.forced.vtt", "frogs.en.sdh.srt"];
        for name in captions.into_iter().chain(["frogs.txt", "frogs2.srt"]) {
            std::fs::write(root.join(name), "").unwrap();
        }
        let path = RelPath::parse("frogs.mkv").unwrap();
        self.catalog.record(library, &[Found { path, stamp, tags }]).await.unwrap();
        let id = self.catalog.unseen_video(None).await.unwrap().unwrap().id;
        let language = |word: &str| Some(word.to_owned());
        let sound = |stream, language| Sound {
            stream,
            codec: "aac".into(),
            language,
            channels: 6,
            sample_rate_hz: 48_000,
        };
        let facts = VideoFacts {
            duration_ms: Some(31_600),
            picture: Some(MovingPicture {
                width: 1_080,
                height: 1_920,
                codec: "hevc".into(),
                fps: Some((30, 1)),
            }),
            sounds: vec![sound(1, language("eng")), sound(2, None)],
            captions: vec![Caption { stream: 3, codec: "subrip".into(), language: language("fra") }],
        };
        assert!(self.catalog.looked(id, &stamp, &Look::Told(facts)).await.unwrap());
        id
    }

    /// Adds a song to the second library about which tags tell everything, and a file with its words.
    pub(crate) async fn add_duet(&self) -> TrackId {
        const MUSICBRAINZ: &str = "f27ec8db-af05-4f36-916e-3d57f91ecf5e";
        let library = self.catalog.libraries(&Viewer::of(&self.admin)).await.unwrap()[1].id;
        let root = self.folder.path().join("more");
        std::fs::write(root.join("duet.ogg"), bytes_of("duet.ogg")).unwrap();
        std::fs::write(root.join("duet.LRC"), "[offset:250]\n[00:12.50]Still & <deep>\n[00:15]<00:15>Wa<00:15.40>ters <00:16.10>r\u{fc}n<00:17>\n")
            .unwrap();
        let person = |name: &str| Person { musicbrainz: Some(MUSICBRAINZ.into()), ..Person::named(name) };
        let part = |role, name: &str, instrument: Option<&str>| Contribution {
            role,
            name: name.into(),
            instrument: instrument.map(str::to_owned),
        };
        let date = |year, month| Some(Date { year, month, day: None });
        let details = Details {
            artists: vec![person("2pac"), Person::named("Frog")],
            album_artists: vec![person("2pac"), Person::named("Toad")],
            contributors: vec![
                part(Part::Composer, "Bach", None),
                part(Part::Performer, "Newt", Some("oboe")),
            ],
            disc_title: Some("Night".into()),
            audio_md5: None,
            track: TrackDetails {
                bpm: Some(128),
                comment: Some("two & two".into()),
                sort_name: Some("Duet, The".into()),
                musicbrainz: Some(MUSICBRAINZ.into()),
                isrcs: vec!["USAT20300001".into()],
                moods: vec!["Calm".into(), "Wet".into()],
                is_explicit: Some(false),
                gain: Some(Gain {
                    track_gain_udb: Some(-6_540_000),
                    album_gain_udb: Some(250_000),
                    track_peak_millionths: Some(988_547),
                    album_peak_millionths: None,
                }),
                ..TrackDetails::default()
            },
            release: Release {
                musicbrainz: Some(MUSICBRAINZ.into()),
                types: vec!["Album".into(), "Live".into()],
                labels: vec!["Reed".into()],
                date: date(2001, Some(2)),
                original_date: date(1996, None),
                is_compilation: true,
                sort_name: Some("Pairs".into()),
                ..Release::default()
            },
        };
        let tags = Tags {
            title: "Duet".into(),
            album: "The Pairs".into(),
            artist: "2pac feat. Frog".into(),
            details,
            ..tags(&SECOND[0])
        };
        let path = RelPath::parse("duet.ogg").unwrap();
        let stamp = stamp_of(&root, "duet.ogg");
        self.catalog.record(library, &[Found { path, stamp, tags }]).await.unwrap();
        self.track("Duet").await
    }

    /// Makes a track Ann's own, for her eyes alone.
    pub(crate) async fn make_private(&self, id: TrackId) {
        let viewer = Viewer::of(&self.ann);
        self.catalog.change_track(&viewer, id, &TrackChange::visibility(Visibility::Private)).await.unwrap();
    }

    /// Adds a podcast of Ann's with two episodes, of which one is a song of hers, and one of the admin's that could not be read.
    pub(crate) async fn add_podcasts(&self) {
        let catalog = &self.catalog;
        let text = |guid: &str, published| EpisodeText {
            guid: guid.into(),
            title: format!("About <{guid}>"),
            description: "Words & words".into(),
            url: format!("https://pond.example/{guid}.mp3"),
            content_type: "audio/mpeg".into(),
            length_bytes: Some(7),
            duration_ms: Some(61_000),
            published: Some(published),
        };
        let lost = catalog.add_channel(self.admin.id, "http://lost.example/feed").await.unwrap();
        catalog.feed_read(lost, &FeedRead::Failed("its server answers 404".into()), i64::MAX).await.unwrap();
        let pond = catalog.add_channel(self.ann.id, "http://pond.example/feed").await.unwrap();
        catalog
            .record_episodes(pond, &[text("frogs", 1_700_000_000_000), text("newts", 1_000)])
            .await
            .unwrap();
        let about = ChannelText {
            title: "Pond & Talk".into(),
            author: "The Frogs".into(),
            description: "About ponds".into(),
            image_url: Some("https://pond.example/p.png".into()),
        };
        let read = FeedRead::Whole { about, state: FeedState::default(), wanted_newest: 1 };
        catalog.feed_read(pond, &read, i64::MAX).await.unwrap();
        let wanted = catalog.claim_episode(i64::MAX, i64::MAX).await.unwrap().unwrap();
        let song = self.track("Ripple & <Wave>").await;
        catalog.episode_fetched(wanted.claim, &EpisodeFetched::Completed(song)).await.unwrap();
    }

    /// Adds so many songs of one album to the first library; they have no files.
    pub(crate) async fn add_many(&self, count: usize) {
        let stamp = stamp_of(&self.folder.path().join("music"), FIRST[0].path);
        let library = self.catalog.libraries(&Viewer::of(&self.admin)).await.unwrap()[0].id;
        let all: Vec<usize> = (0..count).collect();
        for part in all.chunks(500) {
            let found: Vec<Found> = part
                .iter()
                .map(|number| Found {
                    path: RelPath::parse(&format!("many/{number:05}.mp3")).unwrap(),
                    stamp,
                    tags: Tags {
                        title: format!("Many {number:05}"),
                        album: "Many".into(),
                        ..tags(&FIRST[0])
                    },
                })
                .collect();
            self.catalog.record(library, &found).await.unwrap();
        }
        self.catalog.follow_moves(library).await.unwrap();
    }
}

fn write_files(root: &Path, songs: &[Song]) {
    for song in songs {
        let path = root.join(song.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes_of(song.path)).unwrap();
        // Files that have just been written have weak validators; these are as old as a library's usually are.
        let old = std::time::SystemTime::now() - Duration::from_secs(3_600);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        if let Some((cover, 0, ..)) = song.cover {
            std::fs::write(root.join(cover), COVER).unwrap();
        }
    }
}

async fn record(catalog: &Sqlite, library: FolderId, root: &Path, songs: &[Song]) {
    let found: Vec<Found> = songs
        .iter()
        .map(|song| Found {
            path: RelPath::parse(song.path).unwrap(),
            stamp: stamp_of(root, song.path),
            tags: tags(song),
        })
        .collect();
    catalog.record(library, &found).await.unwrap();
    catalog.follow_moves(library).await.unwrap();
}

fn stamp_of(root: &Path, path: &str) -> store::Stamp {
    let path = RelPath::parse(path).unwrap();
    LibraryFolder::open(root).unwrap().open_source(&path).unwrap().stamp()
}

fn tags(song: &Song) -> Tags {
    let suffix = song.path.rsplit('.').next().unwrap();
    Tags {
        title: song.title.into(),
        album: song.album.into(),
        artist: song.artist.into(),
        album_artist: song.artist.into(),
        genres: song.genres.iter().map(|genre| (*genre).to_owned()).collect(),
        track: Some(song.track),
        track_total: None,
        disc: Some(1),
        year: Some(song.year),
        duration_ms: 181_500,
        bitrate_kbps: 900,
        sample_rate_hz: 44_100,
        bit_depth: (suffix == "flac").then_some(16),
        channels: 2,
        suffix: suffix.into(),
        content_type: match suffix {
            "flac" => "audio/flac",
            "mp3" => "audio/mpeg",
            _ => "audio/ogg",
        },
        cover: song.cover.map(|(path, offset, count, content_type)| FoundCover {
            path: RelPath::parse(path).unwrap(),
            offset,
            count,
            content_type,
            mark: Some(CoverMark(0x00c0_ffee)),
        }),
        details: Details::default(),
    }
}
