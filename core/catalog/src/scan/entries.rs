//! The folder's stream: a walk on a thread of its own, a few hundred files ahead of the merge and never more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use budget::limits::{SCAN_AHEAD_BATCHES_MAX, SCAN_NAMES_BYTES_MAX, SCAN_NAMES_BYTES_MIN};
use budget::{Budget, Pool};
use store::{Entry, FolderId, LibraryFolder, Part, Walk, Watch};
use tokio::sync::mpsc;

use super::beside::Beside;
use super::passed_over::PassedOver;
use super::tags::is_media_name;
use crate::error::Error;

/// Files that go from one thread to the other at once.
const BATCH_ENTRIES: usize = 128;

type Item = Result<(Entry, Arc<Beside>), store::Error>;

/// The sound and video files of a part of a folder in the byte order of their paths, each with the pictures beside it.
pub(super) struct Entries {
    batches: mpsc::Receiver<Vec<Item>>,
    batch: VecDeque<Item>,
    /// Written by the walk at its end.
    passed_over: Arc<Mutex<PassedOver>>,
}

impl Entries {
    /// Starts the walk, which puts folders under this watch. It ends when this is dropped: nobody takes its batches then.
    pub(super) fn of(
        folder: &Arc<LibraryFolder>,
        part: &Part,
        watch: Option<(Watch, FolderId)>,
        budget: &Budget,
    ) -> Self {
        let (sender, batches) = mpsc::channel(SCAN_AHEAD_BATCHES_MAX);
        let mut found = folder.walk().only(part.clone());
        if let Some((watch, id)) = watch {
            found = found.watched(&watch, id);
        }
        // Without room for many names, a walk looks at smaller folders: the scan's own permit covers those.
        let names = budget.take(Pool::Scans, SCAN_NAMES_BYTES_MAX).ok();
        let names_bytes = if names.is_some() { SCAN_NAMES_BYTES_MAX } else { SCAN_NAMES_BYTES_MIN };
        let folder = Arc::clone(folder);
        let passed_over = Arc::<Mutex<PassedOver>>::default();
        let told = Arc::clone(&passed_over);
        tokio::task::spawn_blocking(move || {
            walk(found.with_names_bytes(names_bytes), &folder, &sender, &told);
            drop(names);
        });
        Entries { batches, batch: VecDeque::new(), passed_over }
    }

    /// Makes the next file be at the head. An error of the walk that comes before it is taken out and given instead.
    pub(super) async fn fill(&mut self) -> Result<Option<store::Error>, Error> {
        loop {
            match self.batch.pop_front() {
                Some(Err(e)) => return Ok(Some(e)),
                Some(item) => {
                    self.batch.push_front(item);
                    return Ok(None);
                }
                None => match self.batches.recv().await {
                    Some(batch) => self.batch = batch.into(),
                    None => return Ok(None),
                },
            }
        }
    }

    /// The file at the head; `None` at the end, or before [`Entries::fill`].
    pub(super) fn front(&self) -> Option<&Entry> {
        self.batch.front().and_then(|item| item.as_ref().ok()).map(|(entry, _)| entry)
    }

    /// Takes the file at the head.
    pub(super) fn take(&mut self) -> Option<(Entry, Arc<Beside>)> {
        self.batch.pop_front().and_then(Result::ok)
    }

    /// What the walk passed over, once it is at its end.
    pub(super) fn passed_over(&self) -> PassedOver {
        *self.passed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn walk(mut walk: Walk, folder: &LibraryFolder, sender: &mpsc::Sender<Vec<Item>>, told: &Mutex<PassedOver>) {
    let mut passed_over = PassedOver::default();
    let mut batch = Vec::with_capacity(BATCH_ENTRIES);
    let mut place: Option<String> = None;
    // `None` where nobody could look: what is known of the files there stays.
    let mut beside: Option<Arc<Beside>> = None;
    while let Some(item) = walk.next() {
        let item = match item {
            Ok(entry) if !is_media_name(&entry.path) => {
                passed_over.note(&entry.path);
                continue;
            }
            Ok(entry) => {
                let parent = entry.path.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
                if place.as_deref() != Some(parent) {
                    place = Some(parent.to_owned());
                    beside = match Beside::of(folder, entry.path.parent().as_ref(), &mut walk) {
                        Ok(found) => Some(Arc::new(found)),
                        Err(e) => {
                            batch.push(Err(e));
                            None
                        }
                    };
                }
                let Some(beside) = &beside else { continue };
                Ok((entry, Arc::clone(beside)))
            }
            Err(e) => Err(e),
        };
        batch.push(item);
        if batch.len() >= BATCH_ENTRIES {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ENTRIES));
            if sender.blocking_send(full).is_err() {
                return;
            }
        }
    }
    *told.lock().unwrap_or_else(PoisonError::into_inner) = passed_over;
    // Nobody there to take them is nobody there to miss them.
    let _ = sender.blocking_send(batch);
}
