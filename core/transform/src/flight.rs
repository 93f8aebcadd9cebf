//! One rendition in the making, and those who wait for it.
//!
//! A flight belongs to a task of its own and to nobody who waits: whoever came first may leave, and the others stay.
//! Each holds a [`Flight`]; when the last one is dropped and nobody comes back within the time that its recipe has for it,
//! the task ends what it does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use budget::limits::{RENDITION_PART_WAIT_MS, RENDITION_PATIENCE_MS, RENDITION_SHORT_MS, RENDITION_WAIT_MS};
use store::Growing;
use tokio::sync::{Notify, watch};

use crate::cache::Made;
use crate::error::{Error, ErrorKind};
use crate::recipe::Key;

/// How far a rendition has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether its turn has come.
    pub has_begun: bool,
    /// What is made, in milliseconds of media.
    pub made_ms: u64,
    /// How much there will be, when it is known.
    pub whole_ms: Option<u64>,
    /// Bytes that were made.
    pub bytes: u64,
    /// How many there will be, where that is certain before.
    pub whole_bytes: Option<u64>,
}

/// What the task and those who wait share.
pub(crate) struct Running {
    key: Key,
    /// How long it goes on when nobody waits.
    linger: Duration,
    waiting: AtomicUsize,
    /// All who ever waited.
    came: AtomicUsize,
    /// It comes to its end also when nobody waits.
    goes_on: AtomicBool,
    someone_left: Notify,
    progress: watch::Sender<Progress>,
    /// The bytes as they come, once there are any that may be read.
    growing: OnceLock<Growing>,
    ended: watch::Sender<Option<Result<Made, Error>>>,
}

impl Running {
    pub(crate) fn new(key: Key, linger: Duration) -> Arc<Running> {
        Arc::new(Running {
            key,
            linger,
            waiting: AtomicUsize::new(0),
            came: AtomicUsize::new(0),
            goes_on: AtomicBool::new(false),
            someone_left: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
            growing: OnceLock::new(),
            ended: watch::Sender::new(None),
        })
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// One more who waits.
    pub(crate) fn join(self: &Arc<Self>) -> Flight {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.came.fetch_add(1, Ordering::SeqCst);
        // Whoever has just left need not wait for the end of what goes on for this one.
        self.progress.send_modify(|_| {});
        Flight(Arc::clone(self))
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Says how far it is.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(tell);
    }

    /// It comes to its end from here, whoever leaves.
    pub(crate) fn go_on(&self) {
        self.goes_on.store(true, Ordering::SeqCst);
    }

    /// Lets those who wait read what is there.
    pub(crate) fn show(&self, growing: Growing) {
        // There is one file to a flight, so this is the first and only time.
        let _ = self.growing.set(growing);
        self.progress.send_modify(|_| {});
    }

    /// Tells all how it ended.
    pub(crate) fn end(&self, outcome: Result<Made, Error>) {
        self.ended.send_replace(Some(outcome));
    }

    fn is_left(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && !self.goes_on.load(Ordering::SeqCst)
    }

    /// Returns when nobody has waited for a while.
    pub(crate) async fn abandoned(&self) {
        loop {
            let left = self.someone_left.notified();
            if self.is_left() {
                let came = self.came.load(Ordering::SeqCst);
                if self.linger.is_zero() {
                    return;
                }
                tokio::time::sleep(self.linger).await;
                // Who came and left in the meantime may well come again.
                if self.is_left() && self.came.load(Ordering::SeqCst) == came {
                    return;
                }
            } else {
                left.await;
            }
        }
    }
}

/// A place among those who wait for one rendition.
pub struct Flight(Arc<Running>);

impl Flight {
    /// What is being made.
    pub fn key(&self) -> Key {
        self.0.key
    }

    /// Waits until it is made, for so long; `None` when it takes longer.
    ///
    /// # Errors
    /// How it failed, which all who wait are told alike.
    pub async fn made(&self, within: Duration) -> Result<Option<Made>, Error> {
        let mut ended = self.0.ended.subscribe();
        let outcome = match tokio::time::timeout(within, ended.wait_for(Option::is_some)).await {
            Err(_) => return Ok(None),
            Ok(Err(_)) => None,
            Ok(Ok(outcome)) => outcome.clone(),
        };
        let gone = || Err(Error::new(ErrorKind::Gone, "the server stopped making it"));
        outcome.unwrap_or_else(gone).map(Some)
    }

    /// Waits until there are bytes to be read as they come, or it has ended, for so long.
    ///
    /// # Errors
    /// As [`Flight::made`].
    pub async fn growing(&self, within: Duration) -> Result<Option<Growing>, Error> {
        let mut progress = self.0.progress.subscribe();
        let shown = async { progress.wait_for(|_| self.0.growing.get().is_some()).await.is_ok() };
        tokio::select! {
            biased;
            is_shown = shown => Ok(if is_shown { self.0.growing.get().cloned() } else { None }),
            ended = self.made(within) => ended.map(|_| None),
        }
    }

    /// Waits for something to send: what is there in a moment whole, with a length and ranges, and what takes longer as it
    /// comes. Who wants a part gets the bytes of it as soon as they are made where the length is certain before; else he waits
    /// a few seconds for the whole, and then gets what is made from its first byte on, as RFC 9110 section 14.2 lets him.
    ///
    /// # Errors
    /// As [`Flight::made`].
    pub async fn readable(&self, wants_part: bool) -> Result<Readable, Error> {
        let (patience, wait) =
            (Duration::from_millis(RENDITION_PATIENCE_MS), Duration::from_millis(RENDITION_WAIT_MS));
        let whole_wait = if wants_part { Duration::from_millis(RENDITION_PART_WAIT_MS) } else { patience };
        let begun = self.growing(patience).await?;
        let is_short = self.progress().whole_ms.is_some_and(|whole_ms| whole_ms <= RENDITION_SHORT_MS);
        if let Some(bytes) = begun.filter(|_| !is_short)
            && (!wants_part || self.progress().whole_bytes.is_some())
        {
            return Ok(self.coming(bytes));
        }
        if let Some(made) = self.made(whole_wait).await? {
            return Ok(Readable::Whole(made));
        }
        if let Some(bytes) = self.growing(wait).await? {
            return Ok(self.coming(bytes));
        }
        Ok(self.made(wait).await?.map_or(Readable::NotYet, Readable::Whole))
    }

    fn coming(&self, bytes: Growing) -> Readable {
        Readable::Coming { bytes, length: self.progress().whole_bytes }
    }

    /// Waits no more, and while nobody else does, until nothing of its work is left.
    pub async fn leave(self) {
        let running = Arc::clone(&self.0);
        drop(self);
        let mut ended = running.ended.subscribe();
        let somebody_came = async {
            let mut progress = running.progress.subscribe();
            while running.waiting() == 0 && progress.changed().await.is_ok() {}
        };
        tokio::select! {
            // It is an error when whoever would say so is gone.
            _ = ended.wait_for(Option::is_some) => {}
            () = somebody_came => {}
        }
    }

    /// What happens to it from now on. The first piece of news is how it stands.
    pub fn follow(self) -> News {
        let mut progress = self.0.progress.subscribe();
        progress.mark_changed();
        News { progress, ended: self.0.ended.subscribe(), flight: self, told: None }
    }

    /// Lets it come to its end, though nobody waits for it any more.
    pub fn go_on(&self) {
        self.0.go_on();
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        *self.0.progress.borrow()
    }
}

/// What there is to be sent of a rendition.
#[derive(Clone, Debug)]
pub enum Readable {
    /// All of it.
    Whole(Made),
    /// Its bytes as they come.
    Coming {
        /// Those that are there, and those that follow.
        bytes: Growing,
        /// How many it will be, where that is certain.
        length: Option<u64>,
    },
    /// Nothing, and whoever asks waited for as long as anybody does.
    NotYet,
}

/// What happens to a rendition in the making, one piece after another. Whoever has this waits for it.
#[derive(Debug)]
pub struct News {
    flight: Flight,
    progress: watch::Receiver<Progress>,
    ended: watch::Receiver<Option<Result<Made, Error>>>,
    told: Option<Progress>,
}

impl News {
    /// Waits for the next piece: how far it has come, or how it ended. It may be given up and called again.
    pub async fn next(&mut self) -> Result<Progress, Result<Made, Error>> {
        let gone = || Err(Error::new(ErrorKind::Gone, "the server stopped making it"));
        loop {
            tokio::select! {
                biased;
                ended = self.ended.wait_for(Option::is_some) => {
                    return Err(ended.ok().and_then(|ended| ended.clone()).unwrap_or_else(gone));
                }
                Ok(()) = self.progress.changed() => {
                    let progress = *self.progress.borrow_and_update();
                    if self.told.replace(progress) != Some(progress) {
                        return Ok(progress);
                    }
                }
            }
        }
    }

    /// What is being made.
    pub fn key(&self) -> Key {
        self.flight.key()
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.someone_left.notify_one();
        }
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Flight").field(&self.0.key).finish()
    }
}
