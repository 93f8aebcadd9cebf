//! What needs a catalog: requests in the Subsonic protocol, and files that a scan reads. The house is built once and
//! serves every input.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use budget::limits::{CHUNK_BYTES, MIB, TAG_TEXT_CHARS_MAX};
use budget::{Budget, Chunks, Slots};
use bytes::Bytes;
use catalog::scan::{Details, Found, Inventory, Scanner, Tags};
use catalog::sqlite::Sqlite;
use catalog::{Library, Role, SignIn, User, Users, Viewer};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use store::{DataFolder, FolderId, Folders, Io, MemoryBlobs, RelPath, Secret, Shelf, Spool, Stamp};
use stream::{Settings, Streams};
use tokio::runtime::Runtime;
use tower::ServiceExt;

struct House {
    runtime: Runtime,
    music: PathBuf,
    library: FolderId,
    catalog: Arc<Sqlite>,
    parts: Parts,
    admin: User,
    key: String,
    _folder: tempfile::TempDir,
}

struct Parts {
    sign_in: SignIn,
    shelf: Shelf,
    streams: Streams,
    budget: Budget,
    scanner: Scanner,
}

/// One house for each target, since both write into its catalog.
static REQUESTS: LazyLock<Mutex<House>> = LazyLock::new(|| Mutex::new(House::open()));
static SCANS: LazyLock<Mutex<House>> = LazyLock::new(|| Mutex::new(House::open()));

impl House {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let music = folder.path().join("music");
        std::fs::create_dir(&music).expect("a folder within");
        let (catalog, library, parts, admin, key) = runtime.block_on(async {
            let budget = Budget::new(256 * MIB).expect("a budget");
            let catalog =
                Arc::new(Sqlite::open(&folder.path().join("millpond.db")).await.expect("a database"));
            let name = music.to_string_lossy().into_owned();
            let library = catalog.set_libraries(&[name]).await.expect("a library")[0].id;
            let folders = Folders::new(8);
            assert!(folders.set(vec![(library, music.clone())]).is_empty());
            let sign_in = SignIn::new(catalog.clone(), &Secret::from_bytes([7; 32]), budget.clone());
            // Nobody signs in by password here, so no hash is computed.
            let admin = catalog.add_user("admin", Role::Admin, "none").await.expect("a user");
            let (_, key) = sign_in.issue_key(admin.id, "fuzz").await.expect("a key");
            let streams = Streams::new(Settings::default(), budget.clone(), Chunks::new(CHUNK_BYTES, 4));
            let scanner = Scanner::new(catalog.clone(), folders.clone(), budget.clone());
            let data = DataFolder::share(folder.path().join("data")).expect("a data folder");
            let spool = Spool::open(&data, Io::new(1)).expect("a spool");
            let shelf = Shelf::new(folders, Arc::new(MemoryBlobs::new(spool)));
            (catalog, library, Parts { sign_in, shelf, streams, budget, scanner }, admin, key)
        });
        Self { runtime, music, library, catalog, parts, admin, key, _folder: folder }
    }

    /// A song whose title, artist and genre are this text.
    async fn record(&self, text: &str) {
        let path = RelPath::parse("song.mp3").expect("a path");
        let stamp = Stamp { length: 1, modified_ns: 0, changed_ns: 0, inode: 1 };
        let name: String = text.chars().take(64).collect();
        let tags = Tags {
            title: name.clone(),
            artist: name.clone(),
            album_artist: name.clone(),
            album: name.clone(),
            genres: vec![name],
            track: Some(1),
            track_total: None,
            disc: None,
            year: Some(2026),
            duration_ms: 1_000,
            bitrate_kbps: 64,
            sample_rate_hz: 44_100,
            bit_depth: None,
            channels: 2,
            suffix: "mp3".into(),
            content_type: "audio/mpeg",
            cover: None,
            details: Details::default(),
        };
        self.catalog.record(self.library, &[Found { path, stamp, tags }]).await.expect("a recorded song");
        self.catalog.follow_moves(self.library).await.expect("a settled library");
    }

    async fn ask(&self, endpoint: &str, form: Vec<u8>) -> Response<Bytes> {
        let parts = &self.parts;
        let router = subsonic::router(subsonic::Parts {
            catalog: self.catalog.clone(),
            sign_in: parts.sign_in.clone(),
            shelf: parts.shelf.clone(),
            streams: parts.streams.clone(),
            budget: parts.budget.clone(),
            scanner: parts.scanner.clone(),
            listings: Slots::new("listings", "listings_per_user", 0, 0),
            covers: transform::Covers::default(),
            feeds: Arc::default(),
            begun: Arc::new(|_, _| ()),
            transforms: None,
            sign: Arc::new(|address, _| address.to_owned()),
            address_of: Arc::new(|_, _, _| String::new()),
        });
        let request = Request::post(format!("/rest/{endpoint}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .expect("a request");
        let (head, mut body) = router.oneshot(request).await.expect("an answer").into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(frame.expect("a whole answer").data_ref().map_or(&[], |data| data));
        }
        Response::from_parts(head, bytes.into())
    }
}

/// The first byte chooses an endpoint, the second XML or JSON; up to the next line end come parameters as a form has
/// them, and then the text that the library's only song is called by. Every answer is well-formed.
pub fn subsonic_request(data: &[u8]) {
    let [endpoint, format, rest @ ..] = data else { return };
    let endpoint = subsonic::ROUTES[usize::from(*endpoint) % subsonic::ROUTES.len()].name;
    if endpoint == "startScan" {
        return;
    }
    let line_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (parameters, name) = rest.split_at(line_end);
    let name = String::from_utf8_lossy(name);
    let xml = format % 2 == 0;
    let house = REQUESTS.lock().expect("no target has panicked before");
    // The first of several values counts, so neither the key nor the format can be overridden.
    let mut form =
        format!("apiKey={}&f={}&v=1.16.1&c=fuzz&", house.key, if xml { "xml" } else { "json" }).into_bytes();
    form.extend_from_slice(parameters);
    let answer = house.runtime.block_on(async {
        house.record(&name).await;
        house.ask(endpoint, form).await
    });
    assert!(answer.status() != StatusCode::INTERNAL_SERVER_ERROR, "{endpoint} failed");
    let kind =
        answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = || std::str::from_utf8(answer.body()).unwrap_or_else(|error| panic!("{endpoint}: {error}"));
    if kind.starts_with("text/xml") {
        let document = roxmltree::Document::parse(text())
            .unwrap_or_else(|error| panic!("{endpoint}: {error}\n{}", text()));
        assert_eq!(document.root_element().tag_name().name(), "subsonic-response");
    } else if kind.starts_with("application/json") {
        let value: serde_json::Value =
            serde_json::from_str(text()).unwrap_or_else(|error| panic!("{endpoint}: {error}"));
        assert!(value["subsonic-response"]["status"].is_string(), "{endpoint}: {value}");
    }
}

/// The first byte chooses the ending of the file's name, the rest is the file. A scan reads it without falling over,
/// whatever its tags and pictures claim, and what it keeps is within the limits.
pub fn tags(data: &[u8]) {
    let [ending, bytes @ ..] = data else { return };
    let endings = ["mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff"];
    let ending = endings[usize::from(*ending) % endings.len()];
    let house = SCANS.lock().expect("no target has panicked before");
    for other in endings {
        // At most one of them is there.
        let _missing = std::fs::remove_file(house.music.join("song").with_extension(other));
    }
    std::fs::write(house.music.join("song").with_extension(ending), bytes).expect("a file");
    let page = house.runtime.block_on(async {
        house.parts.scanner.scan().await.expect("a scan");
        house.catalog.tracks(&Viewer::of(&house.admin), None, 10).await.expect("a page")
    });
    for track in page.rows {
        let texts = [&track.title, &track.artist, &track.album];
        assert!(texts.iter().all(|text| text.chars().count() <= TAG_TEXT_CHARS_MAX), "a text is too long");
        assert!(texts.iter().all(|text| !text.contains('\0')), "a text has a NUL");
    }
}
