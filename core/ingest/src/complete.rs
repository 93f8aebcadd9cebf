//! From all bytes to a track: checked, published, committed. Each step can be done again after a crash, and finds what
//! the one before it left.

use std::sync::Arc;
use std::time::Duration;

use budget::Pool;
use budget::limits::{
    PUBLISH_BUSY_TRIES, PUBLISH_RETRY_MS, PUBLISH_RETRY_MS_MAX, SCAN_READER_BYTES, SNIFF_BYTES,
};
use catalog::scan::{Details, Tags, read_tags};
use catalog::{Action, Begun, BlobRow, MediaKind, Phase, UploadRow, Verdict, access};
use store::{BlobId, BlobKey, Publication, RelPath, Source, Suffix, Whole};
use tokio::time::Instant;

use crate::engine::{Engine, now_ms};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;
use crate::name;
use crate::sniff::{Format, Sniffed, Sort, id3_bytes, sniff};
use crate::table::{Entry, Held};

/// A whole file that was looked at.
struct Known {
    whole: Whole,
    format: Format,
    /// What is in it; pictures have none.
    tags: Option<Tags>,
}

/// What became of an attempt.
enum Outcome {
    Ready(UploadRow),
    /// A remote store is to publish it, or its picture, and its sender need not wait.
    Publishing(UploadRow),
    /// Somebody ended it meanwhile.
    Over,
}

impl Engine {
    /// Completes an upload for its sender, who may go away: then it goes on without him.
    pub(crate) async fn complete_for_sender(self: &Arc<Self>, held: Held) -> Result<UploadRow, Error> {
        let engine = Arc::clone(self);
        let done = self.completions.spawn(async move { engine.complete(held, true).await });
        let broke = |e| Error::new(ErrorKind::Store, "the upload is completed later").because(e);
        done.await.map_err(broke)?
    }

    /// Completes an upload whose bytes are all there. `inline` is for its sender: with a remote store he need not wait
    /// until that has the bytes.
    pub(crate) async fn complete(&self, held: Held, inline: bool) -> Result<UploadRow, Error> {
        let entry = Arc::clone(&held.entry);
        entry.desk().completing = true;
        let (mut held, claims) = (Some(held), entry.claim_count());
        match self.try_complete(&mut held, &entry, claims, inline).await {
            Ok(Outcome::Ready(row)) => {
                let took = entry.begun.elapsed();
                self.metrics.ended(Ended::Ready, row.length, Some(took));
                self.close(&entry, held, &row).await;
                Ok(row)
            }
            Ok(Outcome::Publishing(row)) => {
                drop(held);
                self.wake.notify_one();
                Ok(row)
            }
            Ok(Outcome::Over) => {
                let row = self.catalog.upload(None, entry.id).await?;
                let is_ready = row.phase == Phase::Ready;
                self.close(&entry, held, &row).await;
                if is_ready { Ok(row) } else { Err(Error::gone("this upload has ended")) }
            }
            Err(error) if error.kind == ErrorKind::NotFound && self.is_forgotten(&entry).await => {
                self.vanish(&entry, held).await;
                Err(error)
            }
            Err(error) if is_final(&error.kind) => {
                self.fail(&entry, held, &error).await;
                Err(error)
            }
            Err(error) => {
                self.retry_later(&entry, &error);
                Err(error)
            }
        }
    }

    fn retry_later(&self, entry: &Entry, error: &Error) {
        let mut desk = entry.desk();
        desk.failures = desk.failures.saturating_add(1);
        let doubled = PUBLISH_RETRY_MS.saturating_mul(1 << desk.failures.min(16));
        let pause = Duration::from_millis(doubled.min(PUBLISH_RETRY_MS_MAX));
        desk.retry_at = Some(Instant::now() + pause);
        let failures = desk.failures;
        drop(desk);
        tracing::warn!(upload = %entry.id, %error, failures, "a whole upload cannot be completed yet");
        self.wake.notify_one();
    }

    async fn try_complete(
        &self,
        held: &mut Option<Held>,
        entry: &Arc<Entry>,
        claims: u64,
        inline: bool,
    ) -> Result<Outcome, Error> {
        let row = self.catalog.upload(None, entry.id).await?;
        if row.phase.is_end() {
            return Ok(Outcome::Over);
        }
        entry.progress.send_if_modified(|progress| {
            let first = progress.phase == Phase::Receiving;
            if first {
                progress.phase = Phase::Checking;
            }
            first
        });
        self.check_owner(&row).await?;
        let known = match self.look(held, &row).await {
            Err(error) if error.kind == ErrorKind::Gone => self.look_at_blob(&row).await?.ok_or(error)?,
            known => known?,
        };
        if known.format.sort() == Sort::Image && known.whole.length > self.limits.image_bytes_max {
            return Err(self.too_large(self.limits.image_bytes_max));
        }
        self.check_space(&row, &known.whole).await?;
        if let Some(promised) = row.ask.sha256.filter(|promised| *promised != known.whole.digest) {
            let said = format!("the bytes hash to {}, and not to {promised} as was said", known.whole.digest);
            return Err(Error::new(ErrorKind::Mismatch, said));
        }
        let begun = match self.begin(&row, &known).await {
            Err(error) if error.kind == ErrorKind::NotAllowed => return Ok(Outcome::Over),
            begun => begun?,
        };
        entry.progress.send_modify(|progress| {
            (progress.phase, progress.blob) = (Phase::Publishing, Some(known.whole.digest));
        });
        let is_there = matches!(begun, Begun::There(_));
        if inline && self.blobs.is_remote() && !is_there {
            return Ok(Outcome::Publishing(self.catalog.upload(None, row.id).await?));
        }
        let is_over = || entry.claim_count() != claims;
        let key = self.publish(&row, &known, begun, is_over).await?;
        match self.catalog.commit_upload(row.id, &key, known.tags.as_ref()).await {
            Ok(_) => {}
            Err(e) if e.kind() == catalog::ErrorKind::NotAllowed => {
                self.unpublish(&known, &key).await;
                return Ok(Outcome::Over);
            }
            Err(e) if e.kind() == catalog::ErrorKind::NotFound => {
                self.unpublish(&known, &key).await;
                return Err(e.into());
            }
            Err(e) if e.kind() == catalog::ErrorKind::Busy && row.ask.image.is_some() => {
                // Its picture is still on its way into the store.
                entry.desk().retry_at = Some(Instant::now() + Duration::from_millis(PUBLISH_RETRY_MS));
                return Ok(Outcome::Publishing(self.catalog.upload(None, row.id).await?));
            }
            Err(e) => return Err(e.into()),
        }
        Ok(Outcome::Ready(self.catalog.upload(None, row.id).await?))
    }

    /// It ended while the store wrote its bytes: nobody would ever remove them.
    async fn unpublish(&self, known: &Known, key: &BlobKey) {
        let Whole { digest, length, .. } = known.whole;
        match self.catalog.doom_unwanted(key, digest, length).await {
            Ok(_) => self.sweep.notify_one(),
            Err(error) => tracing::warn!(%key, %error, "bytes that nobody needs will be found later"),
        }
    }

    /// Whether its sender may still upload.
    async fn check_owner(&self, row: &UploadRow) -> Result<(), Error> {
        let owner = self.catalog.user(row.owner).await.map_err(|e| match e.kind() {
            catalog::ErrorKind::NotFound => {
                Error::new(ErrorKind::NotAllowed, "its sender is no user any more")
            }
            _ => e.into(),
        })?;
        if access::judge(Some(&owner), Action::Upload) != Verdict::Allowed {
            return Err(Error::new(ErrorKind::NotAllowed, "its sender may not upload any more"));
        }
        Ok(())
    }

    /// Hashes to the end, tells the format, reads the tags.
    async fn look(&self, held: &mut Option<Held>, row: &UploadRow) -> Result<Known, Error> {
        let Some(mut mine) = held.take() else { return Err(Error::taken_over()) };
        let opened = if mine.spooled.is_none() { self.reopen_whole(&mut mine).await } else { Ok(()) };
        if let Err(error) = opened {
            *held = Some(mine);
            return Err(error);
        }
        let permit = self.budget.wait(Pool::Scans, SCAN_READER_BYTES).await;
        let (length, path, name) = (row.length, path_of(row), row.ask.filename.clone());
        let looked = self.io.run(move || {
            let known = match (&permit, mine.spooled.as_mut()) {
                (Ok(_permit), Some(spooled)) => {
                    let source = |spooled: &store::Spooled| spooled.source();
                    spooled.finish().map_err(Looked::Disk).and_then(|whole| {
                        look_into(whole, &source(spooled).map_err(Looked::Disk)?, length, &path, &name)
                    })
                }
                (Err(refused), _) => Err(Looked::No(refused.clone().into())),
                (_, None) => Err(Looked::No(Error::taken_over())),
            };
            (mine, known)
        });
        let (mut mine, known) = looked.await?;
        let known = known.map_err(|looked| match looked {
            Looked::No(error) => error,
            Looked::Disk(error) => {
                mine.spooled = None;
                self.not_synced(error)
            }
        });
        if let Ok(known) = &known {
            self.synced(&mine.entry, known.whole.length);
        }
        *held = Some(mine);
        known
    }

    /// Opens a file that was complete before a restart. `Gone` when the spool does not have it.
    async fn reopen_whole(&self, held: &mut Held) -> Result<(), Error> {
        let (spool, id) = (self.spool.clone(), held.entry.id);
        match self.io.run(move || spool.reopen(id.0)).await? {
            Ok(spooled) => {
                held.spooled = Some(spooled);
                Ok(())
            }
            Err(e) if matches!(e.kind(), store::ErrorKind::Lost | store::ErrorKind::NotFound) => {
                Err(Error::gone("the bytes of this upload were lost").because(e))
            }
            Err(e) => Err(self.not_synced(e)),
        }
    }

    /// The spool is gone: a local store may have the blob already, when a crash came between publishing and committing.
    async fn look_at_blob(&self, row: &UploadRow) -> Result<Option<Known>, Error> {
        let Some(digest) = row.blob.filter(|_| !self.blobs.is_remote()) else { return Ok(None) };
        let source = match self.blobs.open(&BlobKey::of_digest(&digest)).await {
            Ok(source) => source,
            Err(e) if e.kind() == store::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let whole = Whole { id: row.id.0, digest, length: source.len() };
        let (length, path, name) = (row.length, path_of(row), row.ask.filename.clone());
        let looked = self.io.run(move || look_into(whole, &source, length, &path, &name)).await?;
        looked.map(Some).map_err(|looked| match looked {
            Looked::No(error) => error,
            Looked::Disk(error) => error.into(),
        })
    }

    /// The first transaction. The same bytes may just be being removed; that takes a moment.
    async fn begin(&self, row: &UploadRow, known: &Known) -> Result<Begun, Error> {
        let Known { whole, format, .. } = known;
        let blob = BlobRow {
            id: whole.digest,
            key: None,
            length: whole.length,
            suffix: suffix(*format)?,
            content_type: format.content_type(),
            kind: kind(*format),
            created: now_ms(),
            bad: false,
        };
        let mut tries = 1;
        loop {
            match self.catalog.begin_blob(row.id, &blob).await {
                Err(e) if e.kind() == catalog::ErrorKind::Busy && tries < PUBLISH_BUSY_TRIES => tries += 1,
                begun => return Ok(begun?),
            }
            tokio::time::sleep(Duration::from_millis(PUBLISH_RETRY_MS / u64::from(PUBLISH_BUSY_TRIES))).await;
        }
    }

    /// Has the store keep the bytes, if it does not. Whole uploads are claimed by those alone who end them; what they stop
    /// in the store must not begin behind their backs.
    async fn publish(
        &self,
        row: &UploadRow,
        known: &Known,
        begun: Begun,
        is_over: impl Fn() -> bool,
    ) -> Result<BlobKey, Error> {
        match begun {
            Begun::There(BlobRow { key: Some(key), .. }) if self.has(&key).await => return Ok(key),
            Begun::There(_) | Begun::New => {}
        }
        let was_bad = self.put_bad_aside(known.whole.digest).await?;
        let since = Instant::now();
        let job = publication(row, Some(known.format));
        if self.blobs.is_remote() && is_over() {
            return Err(Error::taken_over());
        }
        let published = self.blobs.publish(&job, &known.whole).await;
        self.metrics.published(since.elapsed(), published.is_ok());
        let key = published.map_err(|error| match error.kind() {
            store::ErrorKind::Lost => Error::gone("the bytes of this upload were lost").because(error),
            _ => error.into(),
        })?;
        if was_bad.as_ref() == Some(&key) {
            match self.catalog.mark_bad(known.whole.digest, false).await {
                // The upload ended meanwhile, and took its row along; the commit says so.
                Err(e) if e.kind() == catalog::ErrorKind::NotFound => {}
                marked => marked?,
            }
        }
        Ok(key)
    }

    /// Whether the store really has it. A remote one is believed: asking it would cost a turn over the network.
    async fn has(&self, key: &BlobKey) -> bool {
        self.blobs.is_remote() || self.blobs.open(key).await.is_ok()
    }

    /// A blob that went bad is replaced by the same bytes; what there is of it must not be in their way. Gives its key.
    async fn put_bad_aside(&self, digest: BlobId) -> Result<Option<BlobKey>, Error> {
        match self.catalog.blob(digest).await {
            Ok(BlobRow { bad: true, key: Some(key), .. }) => {
                self.blobs.quarantine(&key).await?;
                Ok(Some(key))
            }
            Ok(_) => Ok(None),
            Err(e) if e.kind() == catalog::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// Why a look failed.
enum Looked {
    No(Error),
    Disk(store::Error),
}

/// What a whole file is. Blocks.
fn look_into(
    whole: Whole,
    source: &Source,
    length: Option<u64>,
    path: &RelPath,
    name: &str,
) -> Result<Known, Looked> {
    if whole.length == 0 {
        return Err(Looked::No(Error::new(ErrorKind::Empty, "there is nothing in this file")));
    }
    if length.is_some_and(|length| length != whole.length) {
        // Parts were being joined when the server stopped.
        return Err(Looked::No(Error::gone("this upload was interrupted; begin it again")));
    }
    let read =
        |buffer: &mut [u8], offset: u64| read_full(source, buffer, offset).map_err(|e| Looked::No(unread(e)));
    let mut head = [0; SNIFF_BYTES];
    let count = read(&mut head, 0)?;
    let head = &head[..count];
    let mut format = match sniff(head, whole.length == count as u64, name) {
        Sniffed::Format(format) => format,
        Sniffed::Refused(looks) => return Err(Looked::No(not_media(looks))),
        Sniffed::Unknown => return Err(Looked::No(not_media("it begins like no format that is kept"))),
    };
    if let (Format::Mp3, Some(behind)) = (format, id3_bytes(head)) {
        let mut magic = [0; 4];
        if read(&mut magic, behind)? == 4 && magic == *b"fLaC" {
            format = Format::Flac;
        }
    }
    let tags = match format.sort() {
        Sort::Image => None,
        Sort::Audio | Sort::Video => Some(tags_of(source, path, format)?),
    };
    Ok(Known { whole, format, tags })
}

/// What it says about itself. A file whose container is plain but whose insides are not understood is kept: players may
/// know better. MPEG audio has no other sign than its frames.
fn tags_of(source: &Source, path: &RelPath, format: Format) -> Result<Tags, Looked> {
    match read_tags(source, path) {
        Ok(tags) => Ok(Tags { content_type: format.content_type(), ..tags }),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData && format == Format::Mp3 => {
            Err(Looked::No(not_media("there is no MPEG audio in it")))
        }
        Err(e) if matches!(e.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof) => {
            tracing::info!(%path, error = %e, "an uploaded file says nothing about itself");
            Ok(nameless(path, format))
        }
        Err(e) => Err(Looked::No(unread(e))),
    }
}

fn nameless(path: &RelPath, format: Format) -> Tags {
    let unknown = "[Unknown Artist]".to_owned();
    Tags {
        title: name::stem(path.file_name()).to_owned(),
        album: "[Unknown Album]".to_owned(),
        artist: unknown.clone(),
        album_artist: unknown,
        genres: Vec::new(),
        track: None,
        track_total: None,
        disc: None,
        year: None,
        duration_ms: 0,
        bitrate_kbps: 0,
        sample_rate_hz: 0,
        bit_depth: None,
        channels: 0,
        suffix: format.suffix().to_owned(),
        content_type: format.content_type(),
        cover: None,
        details: Details::default(),
    }
}

fn read_full(source: &Source, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64))? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

pub(crate) fn not_media(looks: &str) -> Error {
    Error::new(ErrorKind::NotMedia, format!("this is no audio, video or picture that is kept here: {looks}"))
}

fn unread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Store, "the bytes could not be read again").because(error)
}

/// Whether trying again cannot help.
fn is_final(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Mismatch
        | ErrorKind::TooLarge { .. }
        | ErrorKind::LengthConflict
        | ErrorKind::NotMedia
        | ErrorKind::Empty
        | ErrorKind::Quota { .. }
        | ErrorKind::NotAllowed
        | ErrorKind::Gone
        | ErrorKind::BadRequest
        | ErrorKind::Unsupported => true,
        ErrorKind::NotFound
        | ErrorKind::Conflict { .. }
        | ErrorKind::TakenOver
        | ErrorKind::Full { .. }
        | ErrorKind::TooManyUploads
        | ErrorKind::Refused(_)
        | ErrorKind::TooSlow
        | ErrorKind::BrokenOff
        | ErrorKind::Store
        | ErrorKind::Catalog => false,
    }
}

/// What a store is told about an upload. One whose format nobody knows is only spoken of to be abandoned.
pub(crate) fn publication(row: &UploadRow, format: Option<Format>) -> Publication {
    let known = format.and_then(|format| Some((suffix(format).ok()?, format.content_type())));
    let (suffix, content_type) =
        known.or(row.suffix.zip(row.content_type)).unwrap_or((Suffix::ALL[0], "application/octet-stream"));
    let ask = &row.ask;
    let fields = [("title", &ask.title), ("artist", &ask.artist), ("album", &ask.album)];
    let mut names = vec![("filename".to_owned(), ask.filename.clone())];
    names.extend(fields.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?))));
    Publication { spool: row.id.0, suffix, content_type, length: row.length, names }
}

fn suffix(format: Format) -> Result<Suffix, Error> {
    Suffix::parse(format.suffix()).map_err(Error::from)
}

fn kind(format: Format) -> MediaKind {
    match format.sort() {
        Sort::Audio => MediaKind::Audio,
        Sort::Video => MediaKind::Video,
        Sort::Image => MediaKind::Image,
    }
}

/// The path by which its tags are read: the folder is the upload, so that the file's own name alone counts.
fn path_of(row: &UploadRow) -> RelPath {
    let named = format!("{}/{}", row.id, name::file_name(&row.ask.filename));
    let plain = || RelPath::parse(&row.id.to_string());
    #[expect(clippy::expect_used, reason = "hexadecimal digits are a path")]
    RelPath::parse(&named).or_else(|_| plain()).expect("invariant: the digits of an id are a path")
}
