//! Answers of any length from constant memory.
//!
//! A [`List`] reads its rows from the catalog in pages, each a short read of its own, and writes them into the text of
//! the answer at once. The first page is read before the status goes out, so a failure there is an ordinary error; a
//! failure later breaks the connection visibly instead of passing a part for the whole. Nothing is read ahead: while
//! the client takes nothing, only the text of the page that it is taking is held, [`LISTING_TEXT_BYTES_MAX`] and a row.
//! The permit stands for rows and text while a page is made, and shrinks to the text before the client gets any of it.
//! Each user has so many lists on their way at once, so that one who takes nothing is in his own way alone.

mod artists;
mod drawn;
mod keyed;
mod nested;
mod pages;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::StatusCode;
use budget::limits::{
    CHUNK_BYTES, LISTING_ASKS_MAX, LISTING_BYTES, LISTING_ROWS_FIRST, LISTING_TEXT_BYTES_MAX, PAGE_ROWS_MAX,
};
use budget::{Account, Budget, Permit, Pool, Slot, Slots};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

use crate::call::Answer;
use crate::error::Error;
use crate::reply::{Format, Writer};

pub(crate) use artists::{Artists, View};
pub(crate) use drawn::{Drawn, draws};
pub(crate) use keyed::Keyed;
pub(crate) use nested::Nested;
pub(crate) use pages::Pages;

/// How long it waits before it asks again, at most.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// One list of an answer, page by page.
#[async_trait]
pub(crate) trait Rows: Send {
    /// Reads the next page and writes its rows; `false` when there are no more.
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error>;
}

#[async_trait]
impl Rows for Box<dyn Rows> {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        (**self).page(out).await
    }
}

/// How many rows to read, by the size of those before: rows that do not fit into the text are read again.
#[derive(Default)]
pub(crate) struct Pace {
    /// Rows of the last read that were written, and their text.
    rows: usize,
    bytes: usize,
}

impl Pace {
    /// As many rows as there seems to be room for.
    fn rows_max(&self, out: &Writer) -> usize {
        if self.rows == 0 {
            return LISTING_ROWS_FIRST;
        }
        let room = LISTING_TEXT_BYTES_MAX.saturating_sub(out.len());
        let row_bytes = self.bytes.div_ceil(self.rows).max(1);
        room.div_ceil(row_bytes).clamp(1, PAGE_ROWS_MAX)
    }

    fn wrote(&mut self, rows: usize, bytes: usize) {
        (self.rows, self.bytes) = (rows, bytes);
    }
}

/// What a list may take up, and of whom.
pub(crate) struct Room {
    pub(crate) budget: Budget,
    pub(crate) listings: Slots<i64>,
    /// The number of the user who asks.
    pub(crate) user: i64,
}

/// An answer that is one object with lists in it: `"searchResult3": {"artist": […], "album": […], "song": […]}`.
pub(crate) struct List {
    writer: Writer,
    format: Format,
    room: Room,
    account: Option<Arc<Account>>,
    /// The lists to come; the first is open when `is_open`.
    parts: VecDeque<(&'static str, Box<dyn Rows>)>,
    is_open: bool,
    is_finished: bool,
}

impl List {
    /// Opens the envelope and the object with what is known of it at once.
    pub(crate) fn new<T: Serialize>(
        mut writer: Writer,
        room: Room,
        name: &'static str,
        head: &T,
    ) -> Result<Self, Error> {
        let format = writer.format().clone();
        writer.begin(true)?;
        writer.object(name, head)?;
        let account = Account::current();
        Ok(List { writer, format, room, account, parts: VecDeque::new(), is_open: false, is_finished: false })
    }

    /// Adds a list.
    pub(crate) fn part(mut self, name: &'static str, rows: impl Rows + 'static) -> Self {
        self.parts.push_back((name, Box::new(rows)));
        self
    }

    /// Reads the first page and answers with it and with all that will follow.
    pub(crate) async fn answer(mut self) -> Answer {
        let slot = Arc::new(self.room.listings.take(self.room.user)?);
        let permit = self.room.budget.wait(Pool::Listings, LISTING_BYTES).await?;
        let mut ready = self.fill(permit, &slot).await?;
        let format = self.format.clone();
        let is_whole = self.is_finished && ready.len() <= 1;
        let body = if is_whole {
            Body::from(ready.pop_front().unwrap_or_default())
        } else {
            let begun = Begun { list: self, ready, slot };
            Body::from_stream(stream::try_unfold(begun, Self::next))
        };
        Ok(format.response(StatusCode::OK, body))
    }

    /// The body's next chunk; runs only when the connection has room for it.
    async fn next(mut begun: Begun) -> Result<Option<(Bytes, Begun)>, io::Error> {
        loop {
            if let Some(chunk) = begun.ready.pop_front() {
                return Ok(Some((chunk, begun)));
            }
            if begun.list.is_finished {
                return Ok(None);
            }
            let account = begun.list.account.clone();
            begun.ready = in_account(account, begun.list.next_page(&begun.slot)).await.map_err(|error| {
                tracing::warn!(%error, reason = error.reason().map(tracing::field::display), "a list broke off");
                io::Error::other(error)
            })?;
        }
    }

    /// The next page, with patience: an answer that has begun is worth waiting for.
    async fn next_page(&mut self, slot: &Arc<Slot<i64>>) -> Result<VecDeque<Bytes>, Error> {
        let mut asks = 1;
        loop {
            match self.room.budget.wait(Pool::Listings, LISTING_BYTES).await {
                Ok(permit) => return self.fill(permit, slot).await,
                Err(refused) if asks == LISTING_ASKS_MAX => return Err(refused.into()),
                Err(refused) => tokio::time::sleep(refused.retry_after.min(ASK_AGAIN)).await,
            }
            asks += 1;
        }
    }

    /// Reads pages until one chunk is full or nothing is left, and hands the text out.
    async fn fill(&mut self, mut permit: Permit, slot: &Arc<Slot<i64>>) -> Result<VecDeque<Bytes>, Error> {
        while self.writer.len() < CHUNK_BYTES {
            let Some((name, rows)) = self.parts.front_mut() else {
                self.writer.finish();
                self.is_finished = true;
                break;
            };
            if !std::mem::replace(&mut self.is_open, true) {
                self.writer.list(name);
            }
            if !rows.page(&mut self.writer).await? {
                self.writer.end();
                self.is_open = false;
                self.parts.pop_front();
            }
        }
        let mut texts = self.writer.take();
        // What a text had room to grow by is not held for a client who takes nothing.
        texts.iter_mut().for_each(Vec::shrink_to_fit);
        permit.shrink(texts.iter().map(|text| text.capacity() as u64).sum());
        let permit = Arc::new(permit);
        let held = |text| Held { text, _permit: permit.clone(), _slot: slot.clone() };
        Ok(texts.into_iter().map(|text| held(text).into()).collect())
    }
}

/// Whether a page has written as much text as its permit stands for; the rows behind are read again.
pub(crate) fn is_full(out: &Writer) -> bool {
    out.len() >= LISTING_TEXT_BYTES_MAX
}

/// A list whose status is on its way: what is ready of it, and its user's slot.
struct Begun {
    list: List,
    ready: VecDeque<Bytes>,
    slot: Arc<Slot<i64>>,
}

/// A chunk of text with the permit that it is held under: permit and slot go when the last chunk was sent.
struct Held {
    text: Vec<u8>,
    _permit: Arc<Permit>,
    _slot: Arc<Slot<i64>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl From<Held> for Bytes {
    fn from(held: Held) -> Self {
        Bytes::from_owner(held)
    }
}

/// Charges permits to the request that the list answers, though its handler is long done.
async fn in_account<T>(account: Option<Arc<Account>>, work: impl Future<Output = T> + Send) -> T {
    match account {
        Some(account) => account.scope(work).await,
        None => work.await,
    }
}

#[cfg(test)]
mod tests;
