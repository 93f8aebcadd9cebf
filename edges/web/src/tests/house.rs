//! One small installation: two libraries' worth of nothing but what the tests need.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use budget::limits::MIB;
use budget::{Budget, Chunks, Peaks, Slots, limits};
use bytes::Bytes;
use catalog::scan::{Details, Found, FoundCover, Inventory, Scanner, Tags};
use catalog::sqlite::Sqlite;
use catalog::{Catalog, Role, SignIn, TrackChange, TrackId, User, Viewer, Visibility};
use data_encoding::BASE64;
use ingest::Ingest;
use prometheus_client::registry::Registry;
use serde_json::Value;
use store::{DataFolder, FolderId, Folders, Io, LibraryFolder, MemoryBlobs, RelPath, Room, Shelf, Spool};
use stream::{Client, Peer, Settings, Streams};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::tests::stems::NoSplitter;
use crate::tests::whole;
use crate::{BaseUrl, Health, Observed, Operations, Origins, Parts, Strangers};

/// The login password of Bob.
pub(super) const PASSWORD: &str = "correct horse: battery staple";

/// What one user may play at once.
pub(super) const STREAMS_PER_USER: usize = 10;

/// The lists that one user may have on their way at once.
pub(super) const LISTINGS_PER_USER: usize = 3;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    WrongKey,
    /// Bob, a plain user, who owns the private track.
    Plain,
    /// Eve, another plain user.
    Other,
    Admin,
}

pub(super) struct House {
    pub(super) router: Router,
    database: Sqlite,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) sign_in: SignIn,
    pub(super) budget: Budget,
    pub(super) scanner: Scanner,
    pub(super) ingest: Ingest,
    pub(super) bob: User,
    pub(super) eve: User,
    keys: [String; 3],
    /// A track of the library with 100,000 bytes and an embedded cover.
    pub(super) shared: TrackId,
    /// A track that Bob made private, with a cover in a file.
    pub(super) private: TrackId,
    pub(super) library: PathBuf,
    pub(super) client: Client,
    _folder: TempDir,
    _data: DataFolder,
}

/// What a test may have otherwise.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) base_url: BaseUrl,
    pub(super) cors_origins: Origins,
    /// What uploads may take.
    pub(super) uploads: ingest::Limits,
    /// Ends what would go on for as long as somebody listens.
    pub(super) stop: CancellationToken,
    /// Routes of another face, merged in beside ours.
    pub(super) beside: Router,
    /// Connections over which one user may be told what happens; 2 if it is not said.
    pub(super) watchers_per_user: Option<usize>,
    /// Whether strangers may use the splitter.
    pub(super) stems_are_public: bool,
    /// The beginnings of those that say themselves who may read an answer.
    pub(super) readers_by_route: Vec<String>,
}

/// The bytes of the shared track.
pub(super) fn sound() -> Vec<u8> {
    (0..100_000_u32).map(|i| (i % 251) as u8).collect()
}

/// A quarter of a second of noise, other noise for each seed.
pub(super) fn wav(seed: u32) -> Vec<u8> {
    let samples: Vec<u8> =
        (0..22_050_u32).map(|i| (i.wrapping_mul(seed.wrapping_add(i)) % 251) as u8).collect();
    let length = samples.len() as u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(44_100_u32.to_le_bytes());
    wav.extend(88_200_u32.to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(length.to_le_bytes());
    wav.extend(samples);
    wav
}

/// A video whose front says no more than that it is one.
pub(super) fn mp4() -> Vec<u8> {
    let mut file = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\x03\xe8mdat".to_vec();
    file.resize(1_032, 7);
    file
}

/// A picture of one pixel.
pub(super) fn png() -> Vec<u8> {
    let text =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    BASE64.decode(text.as_bytes()).unwrap()
}

/// The bytes of every cover.
pub(super) const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n a picture";

impl House {
    pub(super) async fn new() -> Self {
        Self::with(Wishes::default()).await
    }

    pub(super) async fn with(wishes: Wishes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("music");
        std::fs::create_dir(&library).unwrap();
        std::fs::write(library.join("a.mp3"), sound()).unwrap();
        std::fs::write(library.join("b.flac"), b"a private sound").unwrap();
        std::fs::write(library.join("cover.png"), PICTURE).unwrap();
        std::fs::write(library.join("c.mp3"), [b"before ", PICTURE, b" behind"].concat()).unwrap();
        let data = DataFolder::serve(folder.path().join("data")).unwrap();
        let database = Sqlite::open(&data.database()).await.unwrap();
        let catalog: Arc<dyn Catalog> = Arc::new(database.clone());
        let budget = Budget::new(512 * MIB).unwrap();
        let folders = Folders::new(16);
        let id = catalog.set_libraries(&[library.to_str().unwrap().to_owned()]).await.unwrap()[0].id;
        assert!(folders.set(vec![(id, library.clone())]).is_empty());
        let ids = record(&*catalog, id, &library).await;

        let sign_in = SignIn::new(Arc::clone(&catalog), &data.secret(), budget.clone());
        let hash = sign_in.hash_password(PASSWORD).await.unwrap();
        let admin = catalog.add_user("ada", Role::Admin, &hash).await.unwrap();
        let bob = catalog.add_user("bob", Role::User, &hash).await.unwrap();
        let eve = catalog.add_user("eve", Role::User, &hash).await.unwrap();
        let mut keys = Vec::new();
        for user in [&bob, &eve, &admin] {
            keys.push(sign_in.issue_key(user.id, "test").await.unwrap().1);
        }
        let (shared, private) = (ids[0], ids[1]);
        catalog
            .change_track(&Viewer::of(&bob), private, &TrackChange::visibility(Visibility::Private))
            .await
            .unwrap();

        let ingest = ingest(&catalog, &data, &budget, &wishes);
        let parts =
            parts(&catalog, &sign_in, &folders, &ingest, &budget, folder.path().join("data"), &wishes);
        let scanner = parts.scanner.clone();
        let observed = Observed {
            operations: parts.operations.clone(),
            peaks: Peaks::new(),
            budget: budget.clone(),
            base_url: wishes.base_url,
            cors_origins: wishes.cors_origins,
            readers_by_route: wishes.readers_by_route.into(),
        };
        let router = crate::observe(crate::router(parts).merge(wishes.beside), &observed);
        let client = Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false };
        let keys = keys.try_into().unwrap();
        House {
            router,
            database,
            catalog,
            sign_in,
            budget,
            scanner,
            ingest,
            bob,
            eve,
            keys,
            shared,
            private,
            library,
            client,
            _folder: folder,
            _data: data,
        }
    }

    /// A request of somebody, who proves it by an API key.
    pub(super) fn request(&self, who: Who, method: &str, path: &str) -> Request {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        let key = match who {
            Who::Nobody => None,
            Who::WrongKey => Some("wrong"),
            Who::Plain => Some(self.keys[0].as_str()),
            Who::Other => Some(self.keys[1].as_str()),
            Who::Admin => Some(self.keys[2].as_str()),
        };
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        request.extension(self.client).extension(Peer::new()).body(Body::empty()).unwrap()
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn send(&self, request: Request) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = whole(body).await.unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// A GET of somebody.
    pub(super) async fn get(&self, who: Who, path: &str) -> Answer {
        self.send(self.request(who, "GET", path)).await
    }

    /// A request with a JSON body.
    pub(super) async fn json(&self, who: Who, method: &str, path: &str, body: Value) -> Answer {
        self.send(with_json(self.request(who, method, path), &body)).await
    }

    /// Sends a file of Bob's in one request, and gives what the answer says.
    pub(super) async fn upload(&self, name: &str, bytes: Vec<u8>) -> Value {
        let mut request = self.request(Who::Plain, "PUT", &format!("/uploads?filename={name}"));
        *request.body_mut() = Body::from(bytes);
        let answer = self.send(request).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.json()
    }

    /// Begins an upload of Bob's by tus, and gives its id.
    pub(super) async fn begin_upload(&self) -> String {
        let request = self.request(Who::Plain, "POST", "/uploads");
        let request = with(with(request, "tus-resumable", "1.0.0"), "upload-length", "100");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.header("location").rsplit_once('/').unwrap().1.to_owned()
    }

    /// How often the database was asked.
    pub(super) fn readings(&self) -> u64 {
        self.database.readings()
    }

    /// From now on the database says nothing but that it cannot.
    pub(super) async fn close_database(&self) {
        self.database.close().await;
    }

    /// Bytes that permits stand for now.
    pub(super) fn held_bytes(&self) -> u64 {
        self.budget.figures().iter().map(|pool| pool.used_bytes).sum()
    }
}

/// The tracks as a scan would have found them.
async fn record(catalog: &dyn Catalog, id: FolderId, library: &std::path::Path) -> Vec<TrackId> {
    let folder = LibraryFolder::open(library).unwrap();
    let path = |text: &str| RelPath::parse(text).unwrap();
    let embedded = FoundCover {
        path: path("c.mp3"),
        offset: 7,
        count: Some(PICTURE.len() as u64),
        content_type: "image/png",
        mark: None,
    };
    let file =
        FoundCover { path: path("cover.png"), offset: 0, count: None, content_type: "image/png", mark: None };
    let rows = [
        ("a.mp3", "audio/mpeg", Some(embedded)),
        ("b.flac", "audio/flac", Some(file)),
        ("c.mp3", "audio/mpeg", None),
    ];
    let found: Vec<Found> = rows
        .into_iter()
        .map(|(name, content_type, cover)| {
            let stamp = folder.open_source(&path(name)).unwrap().stamp();
            Found { path: path(name), stamp, tags: tags(name, content_type, cover) }
        })
        .collect();
    catalog.record(id, &found).await.unwrap();
    catalog.follow_moves(id).await.unwrap();
    catalog
        .known(id, &store::Part::all(), None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|known| known.id)
        .collect()
}

fn tags(name: &str, content_type: &'static str, cover: Option<FoundCover>) -> Tags {
    Tags {
        title: format!("Song of {name}"),
        album: "Album".into(),
        artist: "Artist".into(),
        album_artist: "Artist".into(),
        genres: vec!["Jazz".into()],
        track: Some(1),
        track_total: None,
        disc: None,
        year: Some(1999),
        duration_ms: 61_000,
        bitrate_kbps: 128,
        sample_rate_hz: 44_100,
        bit_depth: None,
        channels: 2,
        suffix: name.rsplit('.').next().unwrap().to_owned(),
        content_type,
        cover,
        details: Details::default(),
    }
}

/// What takes files in; whole ones are kept in memory.
fn ingest(catalog: &Arc<dyn Catalog>, data: &DataFolder, budget: &Budget, wishes: &Wishes) -> Ingest {
    let io = Io::new(2);
    let spool = Spool::open(data, io.clone()).unwrap();
    Ingest::new(ingest::Parts {
        catalog: Arc::clone(catalog),
        blobs: Arc::new(MemoryBlobs::new(spool.clone())),
        spool,
        io,
        room: Room::new(data.path(), 0),
        budget: budget.clone(),
        limits: wishes.uploads.clone(),
    })
}

fn parts(
    catalog: &Arc<dyn Catalog>,
    sign_in: &SignIn,
    folders: &Folders,
    ingest: &Ingest,
    budget: &Budget,
    data: PathBuf,
    wishes: &Wishes,
) -> Parts {
    let blobs = Arc::clone(ingest.blobs());
    let chunks = Chunks::new(limits::CHUNK_BYTES, 4);
    let write_stall = std::time::Duration::from_millis(limits::WRITE_STALL_MS);
    let settings = Settings {
        streams_max: 100,
        streams_per_user_max: STREAMS_PER_USER,
        write_stall,
        ..Settings::default()
    };
    let operations = Operations::new();
    let scanner = Scanner::new(Arc::clone(catalog) as Arc<dyn Inventory>, folders.clone(), budget.clone());
    let mut registry = Registry::with_prefix("millpond");
    operations.register(&mut registry);
    let strangers = Strangers::default();
    strangers.register(&mut registry);
    Parts {
        catalog: Arc::clone(catalog),
        sign_in: sign_in.clone(),
        seal: catalog::Seal::of_services(&store::Secret::from_bytes([3; 32])),
        shelf: Shelf::new(folders.clone(), blobs),
        ingest: ingest.clone(),
        streams: Streams::new(settings, budget.clone(), chunks),
        covers: transform::Covers::default(),
        transforms: None,
        splitter: Arc::new(NoSplitter),
        stems_are_public: wishes.stems_are_public,
        strangers,
        ladder: [320, 640].into(),
        budget: budget.clone(),
        scanner: scanner.clone(),
        listings: Slots::new("listings", "listings_per_user", 0, LISTINGS_PER_USER),
        watchers: Slots::new("watchers", "watchers_per_user", 0, wishes.watchers_per_user.unwrap_or(2)),
        stop: wishes.stop.clone(),
        registry: Arc::new(registry),
        operations,
        health: Health::new(data, Arc::clone(catalog), budget.clone(), folders.clone(), scanner, || true),
        base_url: wishes.base_url.clone(),
        cors_origins: wishes.cors_origins.clone(),
        beside: utoipa::openapi::OpenApi::default(),
    }
}

pub(super) fn with_json(mut request: Request, body: &Value) -> Request {
    request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    *request.body_mut() = Body::from(body.to_string());
    request
}

/// The same request with a header.
pub(super) fn with(mut request: Request, name: &'static str, value: &str) -> Request {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

pub(super) fn with_cookie(request: Request, token: &str) -> Request {
    with(request, "cookie", &format!("millpond_session={token}"))
}

pub(super) fn with_basic(request: Request, name: &str, secret: &str) -> Request {
    let text = BASE64.encode(format!("{name}:{secret}").as_bytes());
    with(request, "authorization", &format!("Basic {text}"))
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The word of the error.
    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    /// A header, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
