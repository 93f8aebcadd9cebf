//! Origins: files on other servers, each of which is asked for what it has and then read by blocks.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use budget::limits::{
    REMOTE_BYTES_MAX, REMOTE_FETCHES_AHEAD_MAX, REMOTE_FETCHES_MAX, REMOTE_KNOWN_MAX, REMOTE_READER_BYTES,
    REMOTE_READERS_MAX,
};
use budget::{BoundedMap, Budget, Permit, Pool};
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::{Duration, Instant};

use super::answer::Known;
use super::blocks::{Crowd, OpenObject, Reading, Upstream};
use super::cache::{Blocks, ObjectId};
use super::client::Client;
use super::figures::{Figures, OfOrigin};
use super::names::Names;
use super::settings::{RemoteBeliefs, RemoteSettings};
use super::target::RemotePath;
use super::transport::Tls;
use super::trouble::{Trouble, TroubleKind};
use crate::error::Error;
use crate::source::{Pieces, Remote, Source, Validator};

/// How many may read from an origin at the same time.
const CROWD: Crowd = Crowd {
    threads_name: "millpond-origin",
    readers_max: REMOTE_READERS_MAX,
    fetches_max: REMOTE_FETCHES_MAX,
    ahead_max: REMOTE_FETCHES_AHEAD_MAX,
};
/// A file is forgotten after this time at the latest, whatever the settings of its origin say.
const KNOWN_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// What all origins of a process share. A clone is the same.
#[derive(Clone)]
pub struct Remotes(Arc<Shared>);

struct Shared {
    blocks: Blocks,
    budget: Budget,
    tls: Tls,
    names: Arc<Names>,
    figures: Figures,
    known: BoundedMap<(u32, RemotePath), Arc<Asked>>,
    origins: AtomicU32,
}

impl Remotes {
    /// Blocks are kept in that cache, and readers take their memory from that budget.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(blocks: Blocks, budget: Budget) -> Result<Self, Error> {
        Ok(Remotes::with(blocks, budget, Tls::default(), Names::system()?))
    }

    pub(super) fn with(blocks: Blocks, budget: Budget, tls: Tls, names: Names) -> Self {
        Remotes(Arc::new(Shared {
            blocks,
            budget,
            tls,
            names: Arc::new(names),
            figures: Figures::default(),
            known: BoundedMap::new("remote_files", REMOTE_KNOWN_MAX, KNOWN_LIFETIME),
            origins: AtomicU32::new(0),
        }))
    }

    /// Adds the figures of all origins to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.known.register(registry);
        self.0.figures.register(registry);
    }
}

/// Files on another server. A clone is the same origin, with the same connections.
#[derive(Clone)]
pub struct RemoteOrigin(pub(super) Arc<Inner>);

pub(super) struct Inner {
    remotes: Remotes,
    /// What is known under another number is not believed any more.
    number: AtomicU32,
    pub(super) name: String,
    pub(super) client: Arc<Client>,
    reading: Arc<Reading>,
    beliefs: RemoteBeliefs,
    /// Held while it is looked up who asks for a file, so that one does.
    asking: Mutex<()>,
}

/// A file that is open, and what its origin says of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bytes.
    pub source: Source,
    /// Its media type as the origin says it.
    pub media_type: Option<Box<str>>,
}

/// What one request for a file found out, for all who ask meanwhile and for a while after.
#[derive(Default)]
struct Asked {
    cell: OnceCell<Answered>,
    /// What was known before, and until when it was believed.
    before: Option<(OpenObject<File>, Instant)>,
}

/// Whether what is known of a file can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteBelief {
    /// The origin said so a short while ago.
    Sure,
    /// That is too long ago: it should be asked.
    Stale,
    /// That is too long ago, and it is being asked, or was a moment ago and failed.
    Asked,
}

struct Answered {
    until: Instant,
    found: Result<OpenObject<File>, Trouble>,
}

impl Asked {
    fn before(&self) -> Option<OpenObject<File>> {
        self.before.as_ref().map(|(object, _)| object.clone())
    }

    /// What was known last, and until when it was believed; nothing of a file that its origin has not any more.
    fn known_last(&self) -> Option<(OpenObject<File>, Instant)> {
        match self.cell.get() {
            Some(Answered { found: Ok(object), until }) => Some((object.clone(), *until)),
            Some(Answered { found: Err(trouble), .. }) if trouble.is_of_the_file() => None,
            _ => self.before.clone(),
        }
    }

    /// Whether it must be asked again.
    fn is_over(&self) -> bool {
        self.cell.get().is_some_and(|answered| {
            let has_changed = |file: &OpenObject<File>| file.upstream().has_changed.load(Ordering::Relaxed);
            answered.until <= Instant::now() || answered.found.as_ref().is_ok_and(has_changed)
        })
    }
}

impl RemoteOrigin {
    /// An origin as the settings say. Nothing is asked of it yet. Must be called within the runtime that everything runs
    /// on.
    ///
    /// # Errors
    /// `Format` when the settings make no sense, without repeating a secret.
    pub fn new(remotes: &Remotes, settings: &RemoteSettings) -> Result<Self, Error> {
        let shared = &remotes.0;
        let mut settings = settings.clone();
        settings.bytes_max = settings.bytes_max.min(REMOTE_BYTES_MAX);
        let client = Client::new(&settings, shared.tls.clone(), Arc::clone(&shared.names))?;
        let figures = shared.figures.blocks.clone();
        let reading = Reading::new(shared.blocks.clone(), figures, settings.verified, CROWD)?;
        Ok(RemoteOrigin(Arc::new(Inner {
            remotes: remotes.clone(),
            number: AtomicU32::new(shared.origins.fetch_add(1, Ordering::Relaxed)),
            name: settings.name,
            client: Arc::new(client),
            reading: Arc::new(reading),
            beliefs: settings.beliefs,
            asking: Mutex::new(()),
        })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The longest file that is read of it, in bytes.
    pub fn bytes_max(&self) -> u64 {
        self.0.client.bytes_max
    }

    /// Opens a file. The origin is asked unless it was a short while ago. The validator is strong when the origin gave a
    /// strong tag, and tells the file from those of other origins too. One of which the origin gives no parts can only be
    /// fetched [whole](Source::whole).
    ///
    /// # Errors
    /// `NotFound`, `Escapes` for an address that no request may go to, `Unreachable` for everything else that the origin
    /// does wrong; [`Error::trouble`] says what exactly.
    pub async fn open(&self, path: &RemotePath) -> Result<Found, Error> {
        let about = |trouble: Trouble| trouble.of(format!("{}/{path}", self.0.name));
        let permit = self.permit().await.map_err(about)?;
        let asked = self.asked(path);
        let answered = asked.cell.get_or_init(|| self.answered(path, asked.before())).await;
        self.measure();
        Ok(found(answered.found.clone().map_err(about)?, permit))
    }

    /// Opens a file of which an answer to somebody else's request told the fields and the length, without asking for it
    /// again. All who open the same read the same blocks.
    ///
    /// # Errors
    /// `Unreachable` for a length above [`RemoteSettings::bytes_max`]: somebody else said it, and nothing was read of it.
    /// `Changed` when somebody found another file in its place: ask for it anew. As [`RemoteOrigin::open`] otherwise.
    pub async fn open_told(
        &self,
        path: &RemotePath,
        length: u64,
        fields: &http::HeaderMap,
    ) -> Result<Found, Error> {
        let about = |trouble: Trouble| trouble.of(format!("{}/{path}", self.0.name));
        self.0.client.bounds(length).map_err(about)?;
        let permit = self.permit().await.map_err(about)?;
        let told = Known::told(length, fields).map_err(about)?;
        let (id, _) = identity(&self.0.client.base(), path, &told);
        let (key, known) = ((self.number(), path.clone()), &self.0.remotes.0.known);
        let before = known.get(&key).and_then(|old| old.cell.get()?.found.as_ref().ok().cloned());
        if let Some(object) = before.as_ref().filter(|object| object.id() == id) {
            if object.upstream().has_changed.load(Ordering::Relaxed) {
                known.remove(&key);
                self.drop_blocks(id).await;
                return Err(about(Trouble::new(
                    TroubleKind::Changed,
                    "the file at the origin is another by now",
                )));
            }
            return Ok(found(object.clone(), permit));
        }
        let object = self.object(path, told, before).await;
        let answered = Answered { until: Instant::now() + self.0.beliefs.ok, found: Ok(object.clone()) };
        known.insert(key, Arc::new(Asked { cell: OnceCell::from(answered), before: None }));
        Ok(found(object, permit))
    }

    /// Opens a file as it was known last, without asking its origin; nothing, where it was not known, or not believed any
    /// more for longer than this.
    pub async fn open_known(&self, path: &RemotePath, stale_max: Duration) -> Option<(Found, RemoteBelief)> {
        let asked = self.0.remotes.0.known.get(&(self.number(), path.clone()))?;
        let (object, until) = asked.known_last()?;
        let now = Instant::now();
        if object.upstream().has_changed.load(Ordering::Relaxed) || until + stale_max <= now {
            return None;
        }
        let is_settled = asked.cell.initialized() && asked.is_over();
        let belief = match (now < until, is_settled) {
            (true, _) => RemoteBelief::Sure,
            (false, true) => RemoteBelief::Stale,
            (false, false) => RemoteBelief::Asked,
        };
        Some((found(object, self.permit().await.ok()?), belief))
    }

    /// The memory of somebody who reads.
    pub(super) async fn permit(&self) -> Result<Permit, Trouble> {
        let permit = self.0.remotes.0.budget.wait(Pool::Origins, REMOTE_READER_BYTES).await;
        permit.map_err(Trouble::busy)
    }

    /// Counts what became of a request.
    pub(super) fn count<T>(&self, asked: &Result<T, Trouble>) {
        self.0.remotes.0.figures.count(asked);
        self.measure();
    }

    /// Forgets what is known of a file, and its blocks.
    pub async fn forget(&self, path: &RemotePath) {
        let asked = self.0.remotes.0.known.remove(&(self.number(), path.clone()));
        if let Some(Ok(object)) = asked.as_deref().and_then(|asked| asked.cell.get()).map(|one| &one.found) {
            self.drop_blocks(object.id()).await;
        }
    }

    /// Forgets what is known of all files. Their blocks stay, for those that are found to be the same.
    pub fn forget_all(&self) {
        let number = self.0.remotes.0.origins.fetch_add(1, Ordering::Relaxed);
        self.0.number.store(number, Ordering::Relaxed);
    }

    fn number(&self) -> u32 {
        self.0.number.load(Ordering::Relaxed)
    }

    async fn drop_blocks(&self, id: ObjectId) {
        let blocks = self.0.remotes.0.blocks.clone();
        // Whatever stays goes when it was not read for long.
        let _ = tokio::task::spawn_blocking(move || blocks.forget_object(id)).await;
    }

    /// The request that is under way for a file, or was a short while ago, or a new one.
    fn asked(&self, path: &RemotePath) -> Arc<Asked> {
        let key = (self.number(), path.clone());
        let known = &self.0.remotes.0.known;
        let _turn = self.0.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let old = known.get(&key);
        if let Some(asked) = &old
            && !asked.is_over()
        {
            return Arc::clone(asked);
        }
        let before = old.and_then(|old| old.known_last());
        let asked = Arc::new(Asked { cell: OnceCell::new(), before });
        known.insert(key, Arc::clone(&asked));
        asked
    }

    async fn answered(&self, path: &RemotePath, before: Option<OpenObject<File>>) -> Answered {
        let looked = self.0.client.look(path).await;
        self.0.remotes.0.figures.count(&looked);
        let beliefs = &self.0.beliefs;
        let lifetime = match &looked {
            Ok(_) => beliefs.ok,
            Err(trouble) if trouble.is_of_the_file() => beliefs.client_error,
            Err(_) => beliefs.server_error,
        };
        let until = Instant::now() + lifetime;
        let found = match looked {
            Ok(known) => Ok(self.object(path, known, before).await),
            Err(trouble) => Err(trouble),
        };
        Answered { until, found }
    }

    /// What is open already goes on when it is the same. Otherwise the blocks of what was go.
    async fn object(
        &self,
        path: &RemotePath,
        known: Known,
        before: Option<OpenObject<File>>,
    ) -> OpenObject<File> {
        let name = format!("{}/{path}", self.0.name);
        let (id, is_lasting) = identity(&self.0.client.base(), path, &known);
        if let Some(before) = before {
            if is_lasting && before.id() == id {
                return before;
            }
            self.drop_blocks(before.id()).await;
        }
        let tag = id.to_string();
        let is_strong = known.strong_tag().is_some();
        let validator = if is_strong { Validator::fixed(&tag) } else { Validator::weak(&tag) };
        let file = File {
            client: Arc::clone(&self.0.client),
            figures: self.0.remotes.0.figures.clone(),
            path: path.clone(),
            name,
            known,
            validator,
            has_changed: AtomicBool::new(false),
        };
        OpenObject::new(Arc::clone(&self.0.reading), id, file)
    }

    /// Brings the gauge up to date.
    fn measure(&self) {
        let open = self.0.client.connections().open();
        let label = OfOrigin { origin: self.0.name.clone() };
        let gauge = self.0.remotes.0.figures.connections.get_or_create_owned(&label);
        gauge.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}

fn found(object: OpenObject<File>, permit: Permit) -> Found {
    let file = object.upstream();
    let (length, modified) = (file.known.length, file.known.modified_at());
    let (validator, name) = (file.validator.clone(), file.name.clone());
    let media_type = file.known.media_type.clone();
    let source = Source::remote(Reader { object, _permit: permit }, &name, length, modified, validator);
    Found { source, media_type }
}

/// Which bytes these are, and whether the same id always means the same bytes. If not it is a new one each time, so that
/// blocks of two runs of bytes are never put together.
fn identity(base: &str, path: &RemotePath, known: &Known) -> (ObjectId, bool) {
    let mut salt = [0; 16];
    let (kind, validator) = match (known.strong_tag(), &known.modified) {
        (Some(tag), _) => ("tag", tag),
        (None, Some(modified)) if known.is_settled => ("date", &**modified),
        _ => {
            // Without a random number the id is still another than that of a strong validator.
            let _ = getrandom::fill(&mut salt);
            ("none", "")
        }
    };
    let mut text =
        format!("{base}\n{}\n{}\n{kind}\n{validator}\n", path.encoded(), known.length).into_bytes();
    text.extend_from_slice(&salt);
    (ObjectId::of(&text), kind != "none")
}

/// One file at an origin.
struct File {
    client: Arc<Client>,
    figures: Figures,
    path: RemotePath,
    name: String,
    known: Known,
    validator: Validator,
    /// Another file was found in its place.
    has_changed: AtomicBool,
}

impl Upstream for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> u64 {
        self.known.length
    }

    fn sum(&self, _block: u32) -> Option<u32> {
        None
    }

    fn fetch(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Pieces>> {
        Box::pin(async move {
            if self.known.comes_whole && range != (0..self.known.length) {
                return Err(Trouble::new(TroubleKind::NoRanges, "files come only whole from there").into());
            }
            let fetched = self.client.fetch(&self.path, &self.known, range).await;
            self.figures.count(&fetched);
            if fetched.as_ref().is_err_and(|trouble| trouble.kind == TroubleKind::Changed) {
                self.has_changed.store(true, Ordering::Relaxed);
            }
            Ok(fetched?)
        })
    }
}

/// One who reads a file, with the memory for it.
struct Reader {
    object: OpenObject<File>,
    _permit: Permit,
}

impl Remote for Reader {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.object.read_at(buffer, offset)
    }

    fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.object.read_resident(buffer, offset)
    }

    fn threads(&self, offset: u64, count: u64) -> Option<&Handle> {
        self.object.threads(offset, count)
    }

    fn will_need(&self, offset: u64, count: u64) {
        self.object.will_need(offset, count);
    }

    fn has_changed(&self) -> bool {
        self.object.upstream().has_changed.load(Ordering::Relaxed)
    }

    fn comes_whole(&self) -> bool {
        self.object.upstream().known.comes_whole
    }

    fn whole(&self) -> BoxFuture<'_, io::Result<Pieces>> {
        let file = self.object.upstream();
        file.fetch(0..file.known.length)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)
    }
}

impl fmt::Debug for RemoteOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteOrigin({})", self.0.name)
    }
}

impl fmt::Debug for Remotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remotes").field("known", &self.0.known.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
