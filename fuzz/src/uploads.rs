//! Requests in the protocols of uploads, against an engine with a spool and a store of its own.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::SystemTime;

use budget::Budget;
use budget::limits::MIB;
use bytes::Bytes;
use catalog::sqlite::Sqlite;
use catalog::{Asked, Phase, Role, UploadId, User, Users, Viewer};
use data_encoding::BASE64;
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use ingest::{Answer, Content, ErrorKind, Ingest, Limits, Parts, Status, draft, plain, tus};
use sha1::Digest as _;
use store::{BlobId, DataFolder, Io, MemoryBlobs, Room, Spool};
use tokio::runtime::Runtime;

/// The address that clients know the server by.
const BASE: &str = "http://h";
/// Requests of one input, at most.
const REQUESTS_MAX: usize = 6;

struct House {
    runtime: Runtime,
    ingest: Ingest,
    user: User,
    _folder: tempfile::TempDir,
}

/// One house for each target, since both write into its catalog.
static TUS: LazyLock<Mutex<House>> = LazyLock::new(|| Mutex::new(House::open()));
static DRAFT: LazyLock<Mutex<House>> = LazyLock::new(|| Mutex::new(House::open()));

impl House {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // Syncs are kept as promised and cost nothing there; a disk would be all that is measured.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let data = DataFolder::share(folder.path()).expect("a data folder");
        let spool = Spool::open(&data, Io::new(1)).expect("a spool");
        let (catalog, user) = runtime.block_on(async {
            let catalog = Arc::new(Sqlite::open(&data.database()).await.expect("a database"));
            let user = catalog.add_user("ann", Role::User, "none").await.expect("a user");
            (catalog, user)
        });
        let ingest = Ingest::new(Parts {
            catalog,
            io: spool.io().clone(),
            room: Room::new(folder.path(), 0),
            blobs: Arc::new(MemoryBlobs::new(spool.clone())),
            spool,
            budget: Budget::new(256 * MIB).expect("a budget"),
            // Small enough that an input can go over them.
            limits: Limits { upload_bytes_max: 64 * 1024, image_bytes_max: 2_048, ..Limits::default() },
        });
        Self { runtime, ingest, user, _folder: folder }
    }
}

/// An upload as whoever sent it knows it.
struct Sent {
    id: UploadId,
    /// What was acknowledged.
    bytes: Vec<u8>,
    metadata: Option<HeaderValue>,
    concat: Option<HeaderValue>,
}

/// One request of an input.
struct Ask<'a> {
    method: Method,
    /// Which upload it is for, by the order in which they were made; none for the resource that makes them.
    target: Option<usize>,
    headers: HeaderMap,
    body: &'a [u8],
}

/// Requests as [`parsed`] reads them, in the words of tus 1.0.
pub fn tus(data: &[u8]) {
    run(&TUS, data, |_| Protocol::Tus);
}

/// The same in the words of the IETF's draft; a first request that says nothing of it is a plain upload.
pub fn draft(data: &[u8]) {
    run(&DRAFT, data, |ask| match ask.target {
        None if !ask.headers.contains_key("upload-complete") => Protocol::Plain,
        _ => Protocol::Draft,
    });
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Tus,
    Draft,
    Plain,
}

fn run(house: &LazyLock<Mutex<House>>, data: &[u8], protocol: fn(&Ask<'_>) -> Protocol) {
    let house = house.lock().expect("no target has panicked before");
    house.runtime.block_on(async {
        let mut sent: Vec<Sent> = Vec::new();
        for text in pieces(data).take(REQUESTS_MAX) {
            let Some(ask) = parsed(text, &sent) else { continue };
            let protocol = protocol(&ask);
            // The face has these two routes for what begins an upload; tus judges methods itself.
            let begins = matches!(ask.method, Method::POST | Method::PUT);
            if protocol == Protocol::Tus || ask.target.is_some() || begins {
                house.one(protocol, ask, &mut sent).await;
            }
        }
        for upload in sent {
            house.forget(&upload).await;
        }
    });
}

/// Requests have a line `%%` between them.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BETWEEN: &[u8] = b"\n%%\n";
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let all = rest?;
        let at = all.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = at.map(|at| &all[at + BETWEEN.len()..]);
        Some(&all[..at.unwrap_or(all.len())])
    })
}

/// A line with a method and, for an upload that was made before, its number; lines `Name: value`; an empty line; the
/// body. `{0}` in a value is the address of the first upload.
fn parsed<'a>(text: &'a [u8], sent: &[Sent]) -> Option<Ask<'a>> {
    let (head, body) = match text.windows(2).position(|window| window == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut words = lines.next()?.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = match words.next() {
        None => None,
        Some(number) => Some(std::str::from_utf8(number).ok()?.parse().ok().filter(|at| *at < sent.len())?),
    };
    let mut headers = HeaderMap::new();
    for line in lines.take(24) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let mut value = line[colon + 1..].trim_ascii().to_vec();
        if let Ok(text) = std::str::from_utf8(&value) {
            let named = sent.iter().enumerate();
            let text = named.fold(text.to_owned(), |text, (at, upload)| {
                text.replace(&format!("{{{at}}}"), &format!("/uploads/{}", upload.id))
            });
            value = text.into_bytes();
        }
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    Some(Ask { method, target, headers, body })
}

impl House {
    async fn one(&self, protocol: Protocol, ask: Ask<'_>, sent: &mut Vec<Sent>) {
        let before = match ask.target {
            Some(at) => self.offset(sent[at].id).await,
            None => None,
        };
        let (status, headers, content) = self.answer(protocol, &ask, sent).await;
        if protocol == Protocol::Tus {
            speaks_tus(&ask, status, &headers);
        }
        if let Content::Problem(text) = &content {
            is_problem(text, status);
        }
        let taken = status.is_some_and(|status| status.is_success());
        let at = match ask.target {
            None if status == Some(StatusCode::CREATED) => {
                let field = |name: &str| ask.headers.get(name).cloned();
                let (metadata, concat) = (field("upload-metadata"), field("upload-concat"));
                let bytes = parts(concat.as_ref(), sent);
                sent.push(Sent { id: located(&headers), bytes, metadata, concat });
                sent.len() - 1
            }
            None => return,
            Some(at) => at,
        };
        let Ok(now) = self.ingest.status(&self.user, sent[at].id).await else { return };
        if protocol == Protocol::Tus && taken && method(protocol, &ask) == "HEAD" {
            repeats(&sent[at], &headers);
        }
        let known = is_known(&now, at, sent);
        let brings = matches!(&*method(protocol, &ask), "POST" | "PATCH" | "PUT");
        if taken && brings && !known && !sent[at].is_joined() {
            assert!(matches_sums(&ask), "taken against its checksum: {:?}", ask.headers);
            sent[at].bytes.extend_from_slice(ask.body);
        } else if let Some(more) = before.and_then(|before| now.offset.checked_sub(before)) {
            // What broke off in the middle keeps what was synced.
            let kept = usize::try_from(more).ok().and_then(|more| ask.body.get(..more));
            sent[at].bytes.extend_from_slice(kept.expect("no more is kept than was sent"));
        }
        assert!(now.offset >= before.unwrap_or(0), "the offset fell from {before:?}: {now:?}");
        check(&sent[at], &now, known);
    }

    /// Answers one request. What a refusal has to say is checked here; it has no status of its own.
    async fn answer(
        &self,
        protocol: Protocol,
        ask: &Ask<'_>,
        sent: &[Sent],
    ) -> (Option<StatusCode>, HeaderMap, Content) {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(ask.body)));
        *request.method_mut() = ask.method.clone();
        *request.headers_mut() = ask.headers.clone();
        let id = ask.target.map(|at| sent[at].id);
        let asked = Asked { filename: "plain.wav".to_owned(), ..Asked::default() };
        let (ingest, who) = (&self.ingest, &self.user);
        let answer: Answer = match protocol {
            Protocol::Tus => tus::answer(ingest, who, BASE, id, request).await,
            Protocol::Draft => draft::answer(ingest, who, BASE, id, asked, request).await,
            Protocol::Plain => plain::answer(ingest, who, BASE, asked, request).await,
        };
        match answer {
            Ok(answer) => {
                let (head, content) = answer.into_parts();
                (Some(head.status), head.headers, content)
            }
            Err(refusal) => {
                let broken = matches!(refusal.error.kind, ErrorKind::Store | ErrorKind::Catalog);
                assert!(!broken, "{:?} {:?}", refusal.error, ask.headers);
                let said = &refusal.error.said;
                assert!(!said.is_empty() && !said.contains(['\r', '\n']), "{said:?}");
                (None, refusal.headers, Content::Nothing)
            }
        }
    }

    async fn offset(&self, id: UploadId) -> Option<u64> {
        self.ingest.status(&self.user, id).await.ok().map(|status| status.offset)
    }

    /// Leaves nothing for the next input.
    async fn forget(&self, upload: &Sent) {
        let Ok(status) = self.ingest.status(&self.user, upload.id).await else { return };
        match status.row.track {
            Some(track) => {
                // Two uploads of the same bytes may be one track.
                let _gone = self.ingest.remove_track(&Viewer::of(&self.user), track).await;
                self.ingest.reap_once(SystemTime::now()).await.expect("what nobody needs goes");
            }
            None if status.row.phase == Phase::Receiving => {
                self.ingest.cancel(&self.user, upload.id).await.expect("an open upload can be cancelled");
            }
            None => {}
        }
        self.ingest.tend_once().await;
    }
}

impl Sent {
    fn is_joined(&self) -> bool {
        self.concat.as_ref().is_some_and(|concat| concat.as_bytes().trim_ascii().starts_with(b"final;"))
    }

    fn digest(&self) -> BlobId {
        BlobId::from_bytes(sha2::Sha256::digest(&self.bytes).into())
    }
}

/// The bytes of the parts that an upload is joined of.
fn parts(concat: Option<&HeaderValue>, sent: &[Sent]) -> Vec<u8> {
    let text = concat.and_then(|concat| concat.to_str().ok()).unwrap_or_default();
    let urls = text.trim().strip_prefix("final;").unwrap_or_default().split(' ');
    let ids = urls.filter_map(|url| url.rsplit('/').next()?.parse::<UploadId>().ok());
    ids.flat_map(|id| sent.iter().find(|part| part.id == id).map_or(&[][..], |part| &part.bytes))
        .copied()
        .collect()
}

/// Whether nothing had to come, because an earlier upload brought these bytes.
fn is_known(now: &Status, at: usize, sent: &[Sent]) -> bool {
    let earlier = |blob: BlobId| sent[..at].iter().any(|upload| upload.digest() == blob);
    now.row.phase == Phase::Ready && now.row.ask.sha256.is_some_and(earlier)
}

/// Compares what is kept of an upload with what was sent for it.
fn check(upload: &Sent, now: &Status, known: bool) {
    assert!(now.row.length.is_none_or(|length| now.offset <= length), "{now:?}");
    let asked = &now.row.ask;
    let cleaned = ingest::name::file_name(&asked.filename);
    assert!(asked.filename.is_empty() || cleaned == asked.filename, "{asked:?}");
    if !known {
        assert_eq!(now.offset, upload.bytes.len() as u64, "{now:?}");
    }
    if now.row.phase == Phase::Ready {
        assert!(known || now.row.blob == Some(upload.digest()), "{now:?}");
        assert!(asked.sha256.is_none_or(|promised| Some(promised) == now.row.blob), "{now:?}");
    }
}

fn is_problem(text: &str, status: Option<StatusCode>) {
    let problem: serde_json::Value = serde_json::from_str(text).expect("a problem is JSON");
    assert!(problem["type"].is_string(), "{problem}");
    assert_eq!(problem["status"].as_u64(), status.map(|status| u64::from(status.as_u16())), "{problem}");
}

/// The method that counts: tus lets POST stand for others.
fn method(protocol: Protocol, ask: &Ask<'_>) -> String {
    let stands = protocol == Protocol::Tus && ask.method == Method::POST;
    let other = ask.headers.get("x-http-method-override").filter(|_| stands);
    let named = other.and_then(|value| value.to_str().ok()).map(|text| text.trim().to_ascii_uppercase());
    named.unwrap_or_else(|| ask.method.to_string())
}

fn speaks_tus(ask: &Ask<'_>, status: Option<StatusCode>, headers: &HeaderMap) {
    assert_eq!(headers.get("tus-resumable").map(HeaderValue::as_bytes), Some(&b"1.0.0"[..]));
    let version = ask.headers.get("tus-resumable").map(HeaderValue::as_bytes);
    if version != Some(b"1.0.0") {
        assert_eq!(status, Some(StatusCode::PRECONDITION_FAILED), "{version:?} was processed");
    }
}

/// Metadata and parts come back as they were sent.
fn repeats(upload: &Sent, headers: &HeaderMap) {
    let trimmed = |value: &HeaderValue| value.as_bytes().trim_ascii().to_vec();
    let metadata = upload.metadata.as_ref().map(trimmed).filter(|text| !text.is_empty());
    assert_eq!(headers.get("upload-metadata").map(trimmed), metadata);
    assert_eq!(headers.get("upload-concat").map(trimmed), upload.concat.as_ref().map(trimmed));
}

/// The upload that an answer names.
fn located(headers: &HeaderMap) -> UploadId {
    let at = headers.get(LOCATION).and_then(|value| value.to_str().ok()).expect("201 says where it is");
    let id = at.strip_prefix(BASE).and_then(|path| path.strip_prefix("/uploads/")?.parse().ok());
    id.unwrap_or_else(|| panic!("{at} names no upload"))
}

/// Whether the body of a request that was taken has the checksums that came with it, as far as they are written in the
/// plainest way; others are for the parsers to judge.
fn matches_sums(ask: &Ask<'_>) -> bool {
    let text = |name: &str| ask.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let of_tus = match text("upload-checksum").split_once(' ') {
        Some(("sha1", sum)) => sum == BASE64.encode(&sha1::Sha1::digest(ask.body)),
        Some(("sha256", sum)) => sum == BASE64.encode(&sha2::Sha256::digest(ask.body)),
        Some(("md5", sum)) => sum == BASE64.encode(&md5::Md5::digest(ask.body)),
        _ => true,
    };
    let promised = text("content-digest").strip_prefix("sha-256=:").and_then(|text| text.strip_suffix(':'));
    // One that is no dictionary counts as absent.
    let promised = promised.and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let of_message = promised.is_none_or(|promised| *promised == *sha2::Sha256::digest(ask.body));
    // Each protocol has its own, and passes over that of the other; without bytes there is nothing to compare.
    let is_tus = ask.headers.contains_key("tus-resumable");
    ask.body.is_empty() || if is_tus { of_tus } else { of_message }
}
