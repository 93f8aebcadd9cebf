//! A house that plays music: real files behind the real registry of streams and the real layers of every answer, and a
//! client that keeps every byte.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use budget::limits::CHUNK_BYTES;
use budget::{Chunks, Peaks, Pool};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use store::{LibraryFolder, RelPath};
use stream::wire::{Share, Wire};
use stream::{Disposition, Kind, Listener, Segment, Streams};
use web::{BaseUrl, Observed, Operations, Origins, observe};

use super::*;

/// What the longest of the songs has: more than there are places for blanks, and more than a connection holds.
pub(super) const LONG: usize = 6 * MIB as usize + 12_345;
/// The page that may read answers of other origins.
pub(super) const PAGE: &str = "https://player.example";

/// The files, and what serves them.
#[derive(Clone)]
pub(super) struct Music {
    folder: Arc<tempfile::TempDir>,
    pub(super) streams: Streams,
    pub(super) chunks: Chunks,
    pub(super) budget: Budget,
    registry: Arc<Registry>,
}

/// Bytes of which no two neighbouring kilobytes are equal, nor those that are one round of places apart.
pub(super) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ (at / 1024) as u8).collect()
}

/// The bytes of the longest song.
pub(super) fn long() -> &'static [u8] {
    static LONG_SONG: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(LONG));
    &LONG_SONG
}

/// A text that gzip makes shorter.
pub(super) fn verses() -> &'static [u8] {
    static VERSES: LazyLock<String> =
        LazyLock::new(|| (0..20_000).map(|line| format!("line {line} of the song\n")).collect());
    VERSES.as_bytes()
}

impl Music {
    pub(super) fn new() -> Music {
        let budget = Budget::new(256 * MIB).unwrap();
        let chunks = Chunks::new(CHUNK_BYTES, 1_000);
        let settings =
            stream::Settings { streams_max: 0, streams_per_user_max: 0, ..stream::Settings::default() };
        let streams = Streams::new(settings, budget.clone(), chunks.clone());
        let mut registry = Registry::default();
        streams.register(&mut registry);
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let music = Music { folder, streams, chunks, budget, registry: Arc::new(registry) };
        music.write("long.flac", long());
        music.write("short.flac", &pattern(700));
        music.write("verses.txt", verses());
        music
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that is old enough for a strong validator.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
        let file = std::fs::File::options().write(true).open(self.path(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    }

    /// A house with this music, whose wire is for this share of its connections, changed by `change`.
    pub(super) fn play(&self, share: Share, change: impl FnOnce(&mut House)) -> Running {
        self.play_at(&"127.0.0.1:0".parse().unwrap(), share, change)
    }

    pub(super) fn play_at(
        &self,
        address: &Address,
        share: Share,
        change: impl FnOnce(&mut House),
    ) -> Running {
        start_at(address, patient(), |house| {
            house.budget = self.budget.clone();
            house.wire = Wire::new(share, self.budget.clone());
            house.router = self.router();
            change(house);
        })
    }

    fn router(&self) -> Router {
        let routes = Router::new()
            .route("/song/{name}", any(song))
            .route("/ok", get(|| async { "ok" }))
            .with_state(self.clone());
        let observed = Observed {
            operations: Operations::new(),
            peaks: Peaks::new(),
            budget: self.budget.clone(),
            base_url: BaseUrl::default(),
            cors_origins: Origins::parse(&[PAGE]).unwrap(),
            readers_by_route: Vec::new().into(),
        };
        observe(routes, &observed)
    }

    /// A counter of the streams.
    pub(super) fn count(&self, name: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    pub(super) fn sent_by_wire(&self) -> u64 {
        self.count("wire_bytes_total{how=\"sendfile\"}")
    }

    pub(super) fn copied_by_wire(&self) -> u64 {
        self.count("wire_bytes_total{how=\"copy\"}")
    }

    fn held_bytes(&self) -> u64 {
        self.budget.figures().iter().find(|pool| pool.pool == Pool::Streams).unwrap().used_bytes
    }

    /// Descriptors of its files that this process has.
    pub(super) fn open_files(&self) -> usize {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let names = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        names.filter(|name| name.starts_with(self.folder.path())).count()
    }

    /// Waits until nothing is held for anybody.
    pub(super) async fn at_rest(&self) {
        let held = || (self.streams.running(), self.streams.used(), self.held_bytes(), self.open_files());
        let rest = async {
            while held() != (0, 0, 0, 0) {
                tokio::task::yield_now().await;
            }
        };
        let rested = tokio::time::timeout(PATIENCE, rest).await;
        assert!(rested.is_ok(), "streams, slots, bytes and descriptors held: {:?}", held());
    }
}

async fn song(State(music): State<Music>, Path(name): Path<String>, request: Request) -> Response {
    let folder = LibraryFolder::open(music.folder.path()).unwrap();
    let Ok(source) = folder.open_source(&RelPath::parse(&name).unwrap()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let media = if name.ends_with(".txt") { "text/plain" } else { "audio/flac" };
    let listener = Listener {
        kind: Kind::Media,
        user: 1,
        user_name: Arc::from("mira"),
        what: name,
        client: *request.extensions().get::<Client>().unwrap(),
        peer: Arc::clone(request.extensions().get::<Arc<Peer>>().unwrap()),
    };
    let segment = Segment::whole(source, HeaderValue::from_static(media), Disposition::Inline);
    match music.streams.answer(request.method(), request.headers(), segment, listener) {
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// One answer.
pub(super) struct Heard {
    pub(super) status: u16,
    /// Names and values as they came.
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the body is as long as the head said.
    pub(super) is_whole: bool,
}

impl Heard {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// That it is these bytes to the end.
    pub(super) fn is(&self, bytes: &[u8]) {
        let (got, is_whole) = (self.body.len(), self.is_whole);
        assert!(is_whole && self.body == bytes, "{} {got} of {}", self.status, bytes.len());
    }
}

/// The text of a GET.
pub(super) fn get_of(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// The text of a GET for some bytes.
pub(super) fn range_of(target: &str, offset: usize, count: usize) -> String {
    get_of(target, &format!("Range: bytes={offset}-{}\r\n", offset + count - 1))
}

/// A client that reads when it is told to.
pub(super) struct Ear<S> {
    pub(super) stream: S,
    pub(super) unread: Vec<u8>,
}

impl Ear<TcpStream> {
    pub(super) async fn at(running: &Running) -> Ear<TcpStream> {
        Ear::of(running.connect().await)
    }

    /// One whose kernel takes about so many bytes for it.
    pub(super) async fn narrow(running: &Running, bytes: u32) -> Ear<TcpStream> {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        Ear::of(socket.connect(running.socket()).await.unwrap())
    }

    /// Its kernel takes more from now on.
    pub(super) fn widen(&self) {
        socket2::SockRef::from(&self.stream).set_recv_buffer_size(1 << 20).unwrap();
    }
}

impl<S: AsyncRead + AsyncWriteExt + Unpin> Ear<S> {
    pub(super) fn of(stream: S) -> Self {
        Ear { stream, unread: Vec::new() }
    }

    pub(super) async fn ask(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads more; false at the end.
    pub(super) async fn hear(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("the server goes on");
        read.is_ok_and(|count| count > 0)
    }

    /// The head of the next answer.
    pub(super) async fn head(&mut self) -> Heard {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.hear().await, "no answer: {:?}", String::from_utf8_lossy(&self.unread));
        };
        let text = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Heard { status, fields, body: Vec::new(), is_whole: false }
    }

    /// The body that belongs to a head.
    pub(super) async fn body(&mut self, mut heard: Heard) -> Heard {
        let length: usize = heard.field("content-length").parse().unwrap_or(0);
        self.unread.reserve(length.saturating_sub(self.unread.len()));
        while self.unread.len() < length && self.hear().await {}
        heard.is_whole = self.unread.len() >= length;
        heard.body = self.unread.drain(..length.min(self.unread.len())).collect();
        heard
    }

    pub(super) async fn answer(&mut self) -> Heard {
        let head = self.head().await;
        self.body(head).await
    }

    /// One GET and its answer.
    pub(super) async fn get(&mut self, target: &str) -> Heard {
        self.ask(&get_of(target, "")).await;
        self.answer().await
    }
}
