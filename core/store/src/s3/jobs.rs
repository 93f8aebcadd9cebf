//! Uploads on their way into the bucket: each part is sent as soon as it is whole and synced.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use budget::Chunks;
use budget::limits::{
    S3_BACKOFF_MS, S3_BACKOFF_MS_MAX, S3_BUFFER_BYTES, S3_PARTS_IN_FLIGHT_MAX, S3_PARTS_MAX,
    S3_PARTS_PER_UPLOAD_MAX,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::BodyExt;
use tokio::sync::{Notify, Semaphore};

use super::bucket::Bucket;
use super::figures::Figures;
use super::part::{PartBody, Spooling};
use super::progress::{Part, Progress, part_bytes};
use super::sidecar::{Sidecar, sidecar_key};
use crate::blob::BlobKey;
use crate::blobs::Publication;
use crate::error::{Error, ErrorKind};
use crate::spool::{Spool, SpoolId, Whole};

/// All uploads that are on their way. A clone is the same set.
#[derive(Clone)]
pub(super) struct Jobs(Arc<Shared>);

struct Shared {
    bucket: Arc<Bucket>,
    spool: Spool,
    chunks: Chunks,
    room: Semaphore,
    jobs: Mutex<HashMap<SpoolId, Arc<Job>>>,
    figures: Figures,
}

struct Job {
    publication: Publication,
    synced_bytes: AtomicU64,
    is_running: AtomicBool,
    /// It is published or abandoned: nothing more is sent in the background.
    is_closing: AtomicBool,
    stop: Arc<AtomicBool>,
    woken: Notify,
    /// Held by whoever sends. Empty until it was read from the disk.
    progress: tokio::sync::Mutex<Option<Progress>>,
}

impl Jobs {
    pub(super) fn new(bucket: Arc<Bucket>, spool: Spool, figures: Figures) -> Self {
        Jobs(Arc::new(Shared {
            bucket,
            spool,
            chunks: Chunks::new(S3_BUFFER_BYTES, S3_PARTS_IN_FLIGHT_MAX),
            room: Semaphore::new(S3_PARTS_IN_FLIGHT_MAX),
            jobs: Mutex::default(),
            figures,
        }))
    }

    /// Sends what is whole of these bytes, in the background.
    pub(super) fn advance(&self, publication: &Publication, synced_bytes: u64) {
        let job = self.job(publication);
        job.synced_bytes.fetch_max(synced_bytes, Ordering::AcqRel);
        let first = part_bytes(publication.length);
        if synced_bytes < first || job.is_closing.load(Ordering::Acquire) {
            return;
        }
        if !job.is_running.swap(true, Ordering::AcqRel) {
            let jobs = self.clone();
            tokio::spawn(async move { jobs.run(job).await });
        }
    }

    /// Makes the object of all of it.
    pub(super) async fn publish(&self, publication: &Publication, whole: &Whole) -> Result<BlobKey, Error> {
        let job = self.job(publication);
        job.close();
        let mut progress = job.progress.lock().await;
        let held = progress.take();
        let was_read = held.is_none();
        let mut known = self.known(&job, held).await?;
        let found = if was_read { self.find_again(&job, &mut known, whole).await } else { Ok(()) };
        let finished = match found {
            Ok(()) => self.finish(&job, &mut known, whole).await,
            Err(e) => Err(e),
        };
        let key = known.key();
        *progress = Some(known);
        if finished.is_err() {
            // Whoever stopped this attempt stopped this one alone: the upload may go on all the same.
            job.stop.store(false, Ordering::Relaxed);
        }
        finished?;
        self.forget(publication.spool);
        key
    }

    /// Has an attempt to publish fail soon, and sends nothing in the background any more.
    pub(super) fn stop(&self, id: SpoolId) {
        let job = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(job) = job {
            job.stop.store(true, Ordering::Relaxed);
            job.close();
        }
    }

    /// What was written down as complete may be long ago, and who cleared up in the bucket since knew nothing of it: only
    /// what is there now may be told. The spool has all that is not.
    async fn find_again(&self, job: &Job, progress: &mut Progress, whole: &Whole) -> Result<(), Error> {
        if !progress.complete {
            return Ok(());
        }
        let key = progress.key()?;
        let lengths =
            [self.0.bucket.length(key.as_str()).await, self.0.bucket.length(&sidecar_key(&key)).await];
        let is_gone = |found: &Result<u64, Error>| matches!(found, Err(e) if e.kind == ErrorKind::NotFound);
        match lengths {
            [Ok(length), Ok(_)] if length == whole.length => return Ok(()),
            [Ok(_), Ok(_)] => {}
            lengths if lengths.iter().any(is_gone) => {}
            [Err(e), _] | [_, Err(e)] => return Err(Error { kind: ErrorKind::Unreachable, ..e }),
        }
        tracing::warn!(upload = %job.publication.spool, %key, "what was in the bucket is gone; it is sent again");
        progress.restart(Some(whole.length));
        self.write(job, progress).await
    }

    /// Forgets it, here and in the bucket. When the bucket cannot be told, the note of what was sent stays on the disk, so
    /// that a later call can go on; in memory nothing stays.
    pub(super) async fn abandon(&self, publication: &Publication) -> Result<(), Error> {
        let job = self.job(publication);
        job.stop.store(true, Ordering::Relaxed);
        job.close();
        let gone = self.abandon_job(&job).await;
        self.forget(publication.spool);
        gone
    }

    async fn abandon_job(&self, job: &Job) -> Result<(), Error> {
        let id = job.publication.spool;
        let mut progress = job.progress.lock().await;
        let folder = self.0.spool.folder().to_owned();
        let known = match progress.take() {
            Some(known) => Some(known),
            None => self.io(move || Progress::read(&folder, id)).await?,
        };
        // Somebody may have been told the key of what is whole: that goes by `remove`, or as an orphan.
        if let Some(known) = known.filter(|known| !known.complete) {
            if let Some(multipart) = &known.multipart {
                self.0.bucket.abort(&known.key, multipart).await?;
            }
            let key = known.key()?;
            self.0.bucket.remove(&sidecar_key(&key)).await?;
            self.0.bucket.remove(key.as_str()).await?;
        }
        let folder = self.0.spool.folder().to_owned();
        self.io(move || Progress::remove(&folder, id)).await
    }

    /// Uploads that have something to send.
    pub(super) fn len(&self) -> usize {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn job(&self, publication: &Publication) -> Arc<Job> {
        let mut jobs = self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs.entry(publication.spool).or_insert_with(|| Arc::new(Job::new(publication)));
        Arc::clone(job)
    }

    fn forget(&self, id: SpoolId) {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Runs work with the disk.
    async fn io<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.0.spool.io().run(work).await?
    }

    /// What was sent so far, also by an earlier process; the key is chosen and written down here.
    async fn known(&self, job: &Job, held: Option<Progress>) -> Result<Progress, Error> {
        if let Some(held) = held {
            return Ok(held);
        }
        let (spool, id) = (self.0.spool.clone(), job.publication.spool);
        let (suffix, length) = (job.publication.suffix, job.publication.length);
        self.io(move || match Progress::read(spool.folder(), id)? {
            Some(known) => Ok(known),
            None => {
                // Without an upload nothing is written down that nobody would remove.
                spool.acked(id)?;
                let begun = Progress::begin(id, suffix, length)?;
                begun.write(spool.folder(), id)?;
                Ok(begun)
            }
        })
        .await
    }

    async fn write(&self, job: &Job, progress: &Progress) -> Result<(), Error> {
        let (folder, id, progress) =
            (self.0.spool.folder().to_owned(), job.publication.spool, progress.clone());
        self.io(move || progress.write(&folder, id)).await
    }

    /// Sends whole parts until there are none, and waits longer and longer while the bucket cannot be reached.
    async fn run(&self, job: Arc<Job>) {
        let mut failures = 0;
        loop {
            let synced_bytes = job.synced_bytes.load(Ordering::Acquire);
            let sent = self.send_whole_parts(&job, synced_bytes).await;
            if job.is_closing.load(Ordering::Acquire) {
                break;
            }
            match sent {
                Ok(()) => {
                    failures = 0;
                    job.is_running.store(false, Ordering::Release);
                    let is_more = job.synced_bytes.load(Ordering::Acquire) > synced_bytes;
                    if !is_more || job.is_running.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
                Err(e) if e.worth_retrying() => {
                    let pause = backoff(failures);
                    failures += 1;
                    self.0.figures.retries.inc();
                    tracing::warn!(upload = %job.publication.spool, error = %e, pause_ms = pause.as_millis() as u64, "parts wait for the bucket");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = job.woken.notified() => {}
                    }
                }
                Err(e) => {
                    // Publishing meets it again, and says so to somebody.
                    tracing::warn!(upload = %job.publication.spool, error = %e, "parts cannot be sent");
                    break;
                }
            }
        }
        job.is_running.store(false, Ordering::Release);
    }

    async fn send_whole_parts(&self, job: &Job, bytes: u64) -> Result<(), Error> {
        let mut progress = job.progress.lock().await;
        if job.is_closing.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut known = self.known(job, progress.take()).await?;
        let sent = self.send(job, &mut known, bytes, false).await;
        *progress = Some(known);
        sent
    }

    /// Sends the parts that can be sent of so many bytes and were not yet.
    async fn send(&self, job: &Job, progress: &mut Progress, bytes: u64, is_end: bool) -> Result<(), Error> {
        let parts = progress.missing(bytes, is_end);
        if parts.is_empty() {
            return Ok(());
        }
        let multipart = match &progress.multipart {
            Some(multipart) => multipart.clone(),
            None => {
                let begun = self.0.bucket.begin(&progress.key, job.publication.content_type).await;
                let begun = begun.map_err(|e| Error { kind: ErrorKind::Unreachable, ..e })?;
                progress.multipart = Some(begun.clone());
                self.write(job, progress).await?;
                begun
            }
        };
        let from = self.spooling(job).await?;
        let sent = self.send_parts(job, progress, &multipart, parts, &from).await;
        if from.is_lost.load(Ordering::Relaxed) {
            let said = format!("the upload {} is not what was received", job.publication.spool);
            return Err(Error::new(ErrorKind::Lost, said));
        }
        match sent {
            // The bucket no longer knows the upload: somebody aborted it, or its rules did.
            Err(e) if e.kind == ErrorKind::NotFound => {
                progress.restart(job.publication.length);
                self.write(job, progress).await?;
                Err(Error { kind: ErrorKind::Unreachable, ..e })
            }
            sent => sent,
        }
    }

    async fn send_parts(
        &self,
        job: &Job,
        progress: &mut Progress,
        multipart: &str,
        parts: Vec<Part>,
        from: &Spooling,
    ) -> Result<(), Error> {
        let key = progress.key.clone();
        let mut waiting = parts.into_iter();
        let mut on_the_way = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while failed.is_none() && on_the_way.len() < S3_PARTS_PER_UPLOAD_MAX {
                let Some(part) = waiting.next() else { break };
                on_the_way.push(self.send_part(&key, multipart, part, from));
            }
            match on_the_way.next().await {
                None => break,
                Some((part, Ok(tag))) => {
                    progress.parts.insert(part.number, tag);
                    self.write(job, progress).await?;
                }
                Some((_, Err(e))) => failed = Some(e),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send_part(
        &self,
        key: &str,
        multipart: &str,
        part: Part,
        from: &Spooling,
    ) -> (Part, Result<String, Error>) {
        let Ok(_permit) = self.0.room.acquire().await else {
            return (part, Err(Error::new(ErrorKind::Unreachable, "no more parts are sent")));
        };
        let body = PartBody::new(from.clone(), part.offset, part.length).boxed_unsync();
        let sent = self.0.bucket.send_part(key, multipart, part.number, part.length, body).await;
        if sent.is_ok() {
            self.0.figures.sent_bytes.inc_by(part.length);
        }
        (part, sent)
    }

    async fn spooling(&self, job: &Job) -> Result<Spooling, Error> {
        let (spool, id) = (self.0.spool.clone(), job.publication.spool);
        let (reader, sums) = self.io(move || Ok((spool.reader(id)?, spool.sums(id)?))).await?;
        Ok(Spooling {
            reader: Arc::new(reader),
            sums: Arc::new(sums),
            io: self.0.spool.io().clone(),
            chunks: self.0.chunks.clone(),
            stop: Arc::clone(&job.stop),
            is_lost: Arc::default(),
        })
    }

    /// Sends the rest, completes the object and puts its sidecar beside it.
    async fn finish(&self, job: &Job, progress: &mut Progress, whole: &Whole) -> Result<(), Error> {
        if progress.complete {
            return Ok(());
        }
        let from = self.spooling(job).await?;
        if from.sums.length() != whole.length {
            let said = format!("the upload {} has not the bytes that were received", whole.id);
            return Err(Error::new(ErrorKind::Lost, said));
        }
        if whole.length.div_ceil(progress.part_bytes) > S3_PARTS_MAX {
            // Its length was not known when the parts were measured.
            if let Some(multipart) = &progress.multipart {
                self.0.bucket.abort(&progress.key, multipart).await?;
            }
            progress.restart(Some(whole.length));
        }
        if progress.multipart.is_none() && whole.length <= progress.part_bytes {
            self.send_in_one(job, progress, whole.length, &from).await?;
        } else {
            self.send(job, progress, whole.length, true).await?;
            self.complete(job, progress, whole.length).await?;
        }
        let (key, publication) = (progress.key()?, &job.publication);
        let sidecar =
            Sidecar::new(&key, &whole.digest, publication.content_type, &publication.names, &from.sums);
        self.0.bucket.write_small(&sidecar_key(&key), sidecar.to_json()?, "application/json").await?;
        progress.complete = true;
        self.write(job, progress).await
    }

    async fn send_in_one(
        &self,
        job: &Job,
        progress: &Progress,
        length: u64,
        from: &Spooling,
    ) -> Result<(), Error> {
        let body = PartBody::new(from.clone(), 0, length).boxed_unsync();
        let content_type = job.publication.content_type;
        let sent = self.0.bucket.send_whole(&progress.key, content_type, length, body).await;
        if from.is_lost.load(Ordering::Relaxed) {
            let said = format!("the upload {} is not what was received", job.publication.spool);
            return Err(Error::new(ErrorKind::Lost, said));
        }
        sent.map_err(|e| Error { kind: ErrorKind::Unreachable, ..e })?;
        self.0.figures.sent_bytes.inc_by(length);
        Ok(())
    }

    /// Completes the object. When the answer is an error and the object is there all the same, an earlier request of
    /// ours did it; the key is random, so that nobody else can have.
    async fn complete(&self, job: &Job, progress: &mut Progress, length: u64) -> Result<(), Error> {
        let Some(multipart) = progress.multipart.clone() else {
            return Err(Error::new(ErrorKind::Unreachable, "the upload was never begun in the bucket"));
        };
        let tags = progress.parts.values().cloned().collect();
        let Err(e) = self.0.bucket.complete(&progress.key, &multipart, tags).await else { return Ok(()) };
        match self.0.bucket.length(&progress.key).await {
            Ok(found) if found == length => return Ok(()),
            Ok(_) => {}
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(_) => return Err(Error { kind: ErrorKind::Unreachable, ..e }),
        }
        let is_forgotten = e.kind == ErrorKind::NotFound
            || ["NoSuchUpload", "InvalidPart", "EntityTooSmall"].iter().any(|word| e.context.contains(word));
        if is_forgotten {
            // The bucket lost parts that it had acknowledged. The spool has them all.
            if let Err(e) = self.0.bucket.abort(&progress.key, &multipart).await {
                tracing::debug!(error = %e, "an upload in parts stays until it is old");
            }
            progress.restart(Some(length));
            self.write(job, progress).await?;
        }
        Err(Error { kind: ErrorKind::Unreachable, ..e })
    }
}

impl Job {
    fn new(publication: &Publication) -> Self {
        Job {
            publication: publication.clone(),
            synced_bytes: AtomicU64::new(0),
            is_running: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            stop: Arc::default(),
            woken: Notify::new(),
            progress: tokio::sync::Mutex::default(),
        }
    }

    fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.woken.notify_one();
    }
}

/// A random time up to a limit that doubles with each failure, so that not everybody comes back at the same moment.
fn backoff(failures: u32) -> Duration {
    let most = S3_BACKOFF_MS.saturating_mul(1 << failures.min(16)).min(S3_BACKOFF_MS_MAX);
    let mut random = [0; 8];
    // Without random numbers everybody waits for the longest time.
    let share = if getrandom::fill(&mut random).is_ok() { u64::from_le_bytes(random) % most } else { most };
    Duration::from_millis((S3_BACKOFF_MS / 4 + share).min(S3_BACKOFF_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_a_limit() {
        for failures in 0..100 {
            let most = S3_BACKOFF_MS.saturating_mul(1 << failures.min(16)) + S3_BACKOFF_MS;
            let pause = backoff(failures);
            assert!(pause >= Duration::from_millis(S3_BACKOFF_MS / 4));
            assert!(pause <= Duration::from_millis(most.min(S3_BACKOFF_MS_MAX)), "{failures}: {pause:?}");
        }
    }
}
