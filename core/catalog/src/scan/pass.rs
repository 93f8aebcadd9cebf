//! One pass through one folder, or through parts of it: the merge, and what follows from its steps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use budget::limits::{
    PAGE_ROWS_MAX, SCAN_BATCH_BYTES, SCAN_BATCH_ROWS, SCAN_READER_BYTES, SCAN_READER_FILES, SCAN_READERS_MAX,
    SCAN_UNSEEN_MAX, WATCH_SETTLE_MS,
};
use store::{Entry, FolderId, LibraryFolder, Part, RelPath, Stamp, Unseen};
use tokio::task::JoinSet;

use super::beside::Beside;
use super::entries::Entries;
use super::inventory::{Found, Known, Picture};
use super::merge::{self, Step};
use super::reader::{Job, Outcome, Was, read_files};
use super::scanner::Shared;
use super::status::Counts;
use crate::error::{Error, ErrorKind};
use crate::model::TrackId;

/// The status moves in steps of so many files.
const PROGRESS_FILES: u64 = 64;

/// A pass through one folder, with what it has not told the catalog yet.
pub(super) struct Pass<'a> {
    shared: &'a Shared,
    id: FolderId,
    folder: Arc<LibraryFolder>,
    /// What is gone through now, and whether a file in it was left for later.
    part: Part,
    is_left: bool,
    entries: Entries,
    /// Known files, a page at a time.
    known: VecDeque<Known>,
    after: Option<RelPath>,
    known_ended: bool,
    unseen: Vec<RelPath>,
    job: Vec<Job>,
    readers: JoinSet<Vec<Outcome>>,
    found: Vec<Found>,
    found_bytes: usize,
    missing: Vec<TrackId>,
    back: Vec<TrackId>,
    /// Files seen that the status does not show yet.
    seen: u64,
}

impl<'a> Pass<'a> {
    /// Goes through these parts of a folder, each from its first file to its last. Moves between them are followed at
    /// the end.
    pub(super) async fn run(shared: &'a Shared, id: FolderId, parts: Vec<Part>) -> Result<(), Error> {
        let (folder, parts) = open(shared, id, parts).await?;
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Ok(()) };
        let mut pass = Pass::of(shared, id, folder, first);
        loop {
            if pass.part.is_all() {
                pass.refuse_if_vanished().await?;
            }
            pass.merge().await?;
            if pass.is_left {
                shared.leave(id, pass.part.clone());
            }
            match parts.next() {
                Some(next) => pass.turn_to(next),
                None => break,
            }
        }
        let is_all = pass.part.is_all();
        pass.finish().await?;
        if is_all {
            shared.note_hearing(id);
        }
        Ok(())
    }

    fn of(shared: &'a Shared, id: FolderId, folder: Arc<LibraryFolder>, part: Part) -> Self {
        Pass {
            shared,
            id,
            entries: Entries::of(&folder, &part, shared.watch().map(|watch| (watch, id)), &shared.budget),
            folder,
            part,
            is_left: false,
            known: VecDeque::new(),
            after: None,
            known_ended: false,
            unseen: Vec::new(),
            job: Vec::new(),
            readers: JoinSet::new(),
            found: Vec::new(),
            found_bytes: 0,
            missing: Vec::new(),
            back: Vec::new(),
            seen: 0,
        }
    }

    /// Begins the next part. What was found in the others is still to be told.
    fn turn_to(&mut self, part: Part) {
        let watch = self.shared.watch().map(|watch| (watch, self.id));
        self.entries = Entries::of(&self.folder, &part, watch, &self.shared.budget);
        self.part = part;
        self.is_left = false;
        self.known.clear();
        self.after = None;
        self.known_ended = false;
        self.unseen.clear();
    }

    /// A mount that is not there is often an empty folder. That is no reason to hide a library.
    async fn refuse_if_vanished(&mut self) -> Result<(), Error> {
        if self.look_ahead().await?.is_some() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let rows =
                self.shared.inventory.known(self.id, &self.part, after.as_ref(), PAGE_ROWS_MAX).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            if rows.iter().any(|known| !known.missing) {
                let root = self.folder.root().display();
                let context = format!(
                    "library folder {root} has no audio file, but the catalog knows some: is it not mounted? nothing was marked missing"
                );
                return Err(Error::new(ErrorKind::Unavailable, context));
            }
            after = Some(last.path.clone());
        }
    }

    async fn merge(&mut self) -> Result<(), Error> {
        loop {
            self.look_ahead().await?;
            self.turn_page().await?;
            let step = merge::step(self.known.front(), self.entries.front(), &self.unseen);
            let known = if step.takes_known() { self.known.pop_front() } else { None };
            if let Some(known) = &known
                && !self.unseen.is_empty()
            {
                merge::forget_passed(&mut self.unseen, &known.path);
            }
            let next = if step.takes_entry() { self.entries.take() } else { None };
            if next.is_some() {
                self.seen += 1;
                self.tell_progress(PROGRESS_FILES);
            }
            match (step, known, next) {
                (Step::End, ..) => {
                    self.tell_progress(1);
                    let passed_over = self.entries.passed_over();
                    self.shared.count(Counts { passed_over, ..Counts::default() });
                    return Ok(());
                }
                (Step::New | Step::Changed, _, Some((entry, _))) if self.is_too_early(&entry.stamp) => {
                    self.is_left = true;
                }
                (Step::New | Step::Changed, known, Some((entry, beside))) => {
                    self.job.push(Job::of(entry, known.as_ref(), beside));
                }
                (Step::Unchanged, Some(known), Some((entry, beside)))
                    if self.has_other_picture(&known, &beside).await? =>
                {
                    self.job.push(Job::of(entry, Some(&known), beside));
                }
                (Step::Back, Some(known), _) => self.back.push(known.id),
                (Step::Missing, Some(known), _) => self.missing.push(known.id),
                _ => {}
            }
            if self.job.len() >= SCAN_READER_FILES {
                self.start_reader().await?;
            }
            if self.missing.len().max(self.back.len()) >= SCAN_BATCH_ROWS {
                self.mark().await?;
            }
        }
    }

    /// Whether a file is left for later, because somebody may still be writing it. A scan of everything takes what is
    /// there. A change in what is to come is a clock that was set, and no reason to wait for it.
    fn is_too_early(&self, stamp: &Stamp) -> bool {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let settle_ns = i64::try_from(WATCH_SETTLE_MS).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let age_ns = now_ns.saturating_sub(stamp.changed_ns);
        !self.part.is_all() && (0..settle_ns).contains(&age_ns)
    }

    /// A picture that came, changed or went changes the tracks beside it, though their own bytes are the same. Mostly the
    /// likeliest one tells that nothing did, and no file is opened.
    async fn has_other_picture(&self, known: &Known, beside: &Arc<Beside>) -> Result<bool, Error> {
        if beside.likeliest() == known.picture.as_ref() {
            return Ok(false);
        }
        let (folder, beside) = (Arc::clone(&self.folder), Arc::clone(beside));
        let cover = tokio::task::spawn_blocking(move || beside.cover(&folder)).await.map_err(stopped)?;
        let found = cover.map(|cover| Picture { path: cover.path, mark: cover.mark });
        Ok(found != known.picture)
    }

    /// Shows how many files were seen, once they are as many as that.
    fn tell_progress(&mut self, at_least: u64) {
        if self.seen >= at_least {
            self.shared.count(Counts { seen: std::mem::take(&mut self.seen), ..Counts::default() });
        }
    }

    /// Makes the next file be at the head of its stream, and takes note of what could not be looked at before it.
    async fn look_ahead(&mut self) -> Result<Option<&Entry>, Error> {
        while let Some(e) = self.entries.fill().await? {
            match e.unseen.clone() {
                Some(Unseen::Rest) => {
                    return Err(Error::new(ErrorKind::Unavailable, e.to_string()).because(e));
                }
                Some(Unseen::Path(path)) => {
                    tracing::warn!(error = %e, "a part of a library could not be looked at; what is known of it stays");
                    self.unseen.push(path);
                }
                // The store has said so already, once for each name.
                None if e.kind == store::ErrorKind::Escapes => {}
                None => tracing::warn!(error = %e, "a name in a library was left out"),
            }
            if self.unseen.len() > SCAN_UNSEEN_MAX {
                let root = self.folder.root().display();
                let context = format!(
                    "library folder {root} has more than {SCAN_UNSEEN_MAX} places that cannot be read"
                );
                return Err(Error::new(ErrorKind::Unavailable, context));
            }
        }
        Ok(self.entries.front())
    }

    /// Makes the next known file be at the head of its stream.
    async fn turn_page(&mut self) -> Result<(), Error> {
        if !self.known.is_empty() || self.known_ended {
            return Ok(());
        }
        let rows =
            self.shared.inventory.known(self.id, &self.part, self.after.as_ref(), PAGE_ROWS_MAX).await?;
        self.known_ended = rows.is_empty();
        if let Some(last) = rows.last() {
            self.after = Some(last.path.clone());
        }
        self.known = rows.into();
        Ok(())
    }

    /// Gives the gathered files to a reader, once one is free, background work has its turn, and there is memory for it.
    /// The turn comes first: a permit that waits for one would be memory that nobody uses. Both go when the reader ends,
    /// whether or not anybody still wants what it read.
    async fn start_reader(&mut self) -> Result<(), Error> {
        if self.job.is_empty() {
            return Ok(());
        }
        while self.readers.len() >= SCAN_READERS_MAX {
            self.take_results().await?;
        }
        let turn = self.shared.budget.background().await;
        let permit = self.shared.permit(SCAN_READER_BYTES).await?;
        let (folder, job) = (Arc::clone(&self.folder), std::mem::take(&mut self.job));
        self.readers.spawn_blocking(move || {
            let outcomes = read_files(&folder, job);
            drop((permit, turn));
            outcomes
        });
        Ok(())
    }

    /// Waits for one reader and keeps what it read.
    async fn take_results(&mut self) -> Result<(), Error> {
        let Some(outcomes) = self.readers.join_next().await else { return Ok(()) };
        let mut counts = Counts::default();
        for outcome in outcomes.map_err(stopped)? {
            match outcome {
                Outcome::Track(found, was) => {
                    match was {
                        Some(_) => counts.changed += 1,
                        None => counts.added += 1,
                    }
                    self.found_bytes += weight(&found);
                    self.found.push(*found);
                }
                Outcome::NoTrack { path, reason, was } => {
                    tracing::warn!(folder = self.id.0, %path, reason, "a file is no track");
                    counts.failed += 1;
                    self.no_longer(was);
                }
                Outcome::Gone(was) => self.no_longer(was),
                Outcome::Failed { path, reason } => {
                    tracing::warn!(folder = self.id.0, %path, reason, "a file could not be read; what is known of it stays");
                    counts.failed += 1;
                }
            }
        }
        self.shared.count(counts);
        if self.found.len() >= SCAN_BATCH_ROWS || self.found_bytes >= SCAN_BATCH_BYTES {
            self.record().await?;
        }
        Ok(())
    }

    /// A file that was a track is none any more.
    fn no_longer(&mut self, was: Option<Was>) {
        self.missing.extend(was.filter(|was| !was.missing).map(|was| was.id));
    }

    /// Tells the catalog of the tracks that were read.
    async fn record(&mut self) -> Result<(), Error> {
        // One transaction takes at most its share, though readers bring a few more at a time.
        for batch in self.found.chunks(SCAN_BATCH_ROWS) {
            self.shared.set_settled(self.id, false);
            self.shared.inventory.record(self.id, batch).await?;
        }
        self.found.clear();
        self.found_bytes = 0;
        Ok(())
    }

    /// Tells the catalog of the tracks that went and came.
    async fn mark(&mut self) -> Result<(), Error> {
        let inventory = &self.shared.inventory;
        for batch in self.missing.chunks(SCAN_BATCH_ROWS) {
            self.shared.set_settled(self.id, false);
            inventory.mark_missing(self.id, batch).await?;
            self.shared.count(Counts { missing: batch.len() as u64, ..Counts::default() });
        }
        for batch in self.back.chunks(SCAN_BATCH_ROWS) {
            self.shared.set_settled(self.id, false);
            inventory.mark_present(self.id, batch).await?;
            self.shared.count(Counts { back: batch.len() as u64, ..Counts::default() });
        }
        self.missing.clear();
        self.back.clear();
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        self.start_reader().await?;
        while !self.readers.is_empty() {
            self.take_results().await?;
        }
        self.record().await?;
        self.mark().await?;
        if self.shared.is_unsettled(self.id) {
            self.shared.inventory.follow_moves(self.id).await?;
            self.shared.set_settled(self.id, true);
        }
        Ok(())
    }
}

/// Opens the folder. Its parts are those of the folder in which something was heard: if another lies in its place now,
/// because a mount came or went, what is not in them says nothing, and all of it is looked at instead.
async fn open(
    shared: &Shared,
    id: FolderId,
    parts: Vec<Part>,
) -> Result<(Arc<LibraryFolder>, Vec<Part>), Error> {
    if let Some(watch) = shared.watch()
        && !parts.iter().any(Part::is_all)
        && let Some(folder) = shared.folders.folder(id)
        && folder.is_heard_by(&watch, id)
    {
        return Ok((folder, parts));
    }
    let folders = shared.folders.clone();
    let folder = tokio::task::spawn_blocking(move || folders.reopen(id)).await.map_err(stopped)?;
    let folder = folder.map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()).because(e))?;
    Ok((folder, vec![Part::all()]))
}

/// About how much memory a found track holds.
fn weight(found: &Found) -> usize {
    let tags = &found.tags;
    let texts = [&tags.title, &tags.album, &tags.artist, &tags.album_artist, &tags.suffix];
    let text_bytes =
        texts.into_iter().chain(&tags.genres).map(|text| text.len() + size_of::<String>()).sum::<usize>();
    size_of::<Found>() + found.path.as_str().len() + text_bytes
}

/// A task of ours that did not end by itself: the runtime is stopping, or there is a mistake in it.
fn stopped(e: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Unavailable, "a task of the scan was stopped").because(e)
}
