//! Answers in and out of what is kept: heads in their index, bytes in the room that renditions share.

use std::time::Duration;

use budget::limits::{
    ANSWER_BYTES_KEPT_MS, ANSWER_UNTOLD_BYTES_MAX, BLOCK_MEDIA_BYTES_MIN, PROXY_UNREAD_BYTES_MAX,
};
use catalog::cache::{Answer, Select};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, DATE, ETAG, HeaderMap};
use http::{Method, StatusCode};
use store::{Forwarded, Pieces};
use transform::{Entry, Filling, Key};

use super::Proxy;
use super::ask::{Ask, now_ms};
use super::date::date;
use super::flights::{Lead, Place};
use super::freshness::Times;
use super::head::{Bytes, Head};
use super::{fields, vary};
use crate::purge::mode_tag;
use crate::settings::Origin;

/// A kept answer.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) head: Head,
    pub(crate) vary: String,
    pub(crate) variant: [u8; 32],
    /// What its bytes are found by, if they are in a file.
    pub(crate) key: Option<Key>,
}

impl Stored {
    /// What is kept of an answer to this request, without its bytes; nothing if it depends on what cannot be compared.
    pub(crate) fn of(ask: &Ask, status: StatusCode, answer: &HeaderMap, times: Times) -> Option<Stored> {
        let vary = vary::names(answer)?;
        let variant = vary::variant(&vary, &ask.fields);
        let head = Head { status, fields: fields::kept(answer), times, bytes: Bytes::None };
        Some(Stored { head, vary, variant, key: None })
    }
}

impl Proxy {
    /// What is kept for such a request.
    pub(crate) async fn find(&self, ask: &Ask) -> Option<Stored> {
        let found = self.0.index.answers.find(&ask.place, |names| vary::variant(names, &ask.fields)).await;
        let found = found.inspect_err(|error| tracing::warn!(%error, "the index of answers does not answer"));
        let Answer { variant, vary, body, head, .. } = found.ok()??;
        Some(Stored { head: Head::read(&head)?, vary, variant, key: body.map(Key::from_bytes) })
    }

    /// Keeps an answer whose bytes are there already. True when it is.
    pub(crate) async fn put(&self, ask: &Ask, stored: &Stored) -> bool {
        let answer = Answer {
            place: ask.place,
            origin: ask.origin.name.clone(),
            path: ask.name(),
            variant: stored.variant,
            vary: stored.vary.clone(),
            body: stored.key.map(|key| *key.as_bytes()),
            head: stored.head.written(),
            dated: date(&stored.head.fields, DATE).unwrap_or(stored.head.times.received),
            stored: now_ms(),
        };
        match self.0.index.answers.put(&answer).await {
            Ok(gone) => {
                self.drop_bytes(gone);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "an answer could not be kept");
                false
            }
        }
    }

    /// Lets go of all that is kept of a place, and of what comes from there now.
    pub(crate) async fn forget(&self, place: &Place) {
        self.0.index.flights.spoil(place);
        match self.0.index.answers.forget(place).await {
            Ok(gone) => self.drop_bytes(gone),
            Err(error) => tracing::warn!(%error, "answers that are not valid any more are still kept"),
        }
    }

    /// Lets go of the answers that a purge means. Their bytes are the cache's matter, who tells of it.
    pub(crate) async fn purge(&self, origins: &[Origin], what: &Select) {
        for origin in origins.iter().filter(|origin| origin.proxy) {
            let (path, is_prefix) = match what {
                Select::Path { origin: name, path } if *name == origin.name => (path.as_str(), false),
                Select::Prefix { origin: name, prefix } if *name == origin.name => (prefix.as_str(), true),
                Select::Tag(tag) if tags(origin).contains(tag) => ("", true),
                Select::All => ("", true),
                _ => continue,
            };
            if let Err(error) = self.0.index.answers.purge(&origin.name, path, is_prefix).await {
                tracing::warn!(%error, "answers that were purged are still kept");
            }
        }
    }

    /// Lets go of one answer.
    pub(crate) async fn drop_answer(&self, ask: &Ask, stored: &Stored) {
        if let Err(error) = self.0.index.answers.remove(&ask.place, &stored.variant).await {
            tracing::warn!(%error, "an answer without bytes is still kept");
        }
        self.drop_bytes(stored.key.map(|key| *key.as_bytes()).into_iter().collect());
    }

    /// Bytes that nothing speaks of go when there is time for it.
    fn drop_bytes(&self, keys: Vec<[u8; 32]>) {
        if keys.is_empty() {
            return;
        }
        let cache = self.0.cache.clone();
        self.0.tasks.spawn(async move {
            for key in keys {
                if let Err(error) = cache.release(Key::from_bytes(key)).await {
                    tracing::debug!(%error, "bytes of an answer go when room is needed");
                }
            }
        });
    }

    /// Room for the bytes of an answer, if there is some.
    pub(crate) async fn begin(&self, length: Option<u64>) -> Option<Filling> {
        let room = self.0.cache.reserve(length.unwrap_or(0)).await.ok()?;
        room.begin().await.ok()
    }
}

/// Keeps an answer when all of its bytes are there.
pub(crate) struct Keeping {
    proxy: Proxy,
    ask: Ask,
    stored: Stored,
    entry: Entry,
    lead: Lead,
}

impl Keeping {
    pub(crate) fn new(proxy: &Proxy, ask: &Ask, stored: Stored, lead: Lead) -> Option<Keeping> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let entry = Entry {
            key: Key::from_bytes(bytes),
            content_type: String::new(),
            origin: ask.origin.name.clone(),
            path: ask.name(),
            mode: MODE.to_owned(),
            tags: tags(&ask.origin),
            source_tag: String::new(),
            status: stored.head.status.as_u16(),
            cost_ms: 0,
            fresh_for: Duration::from_millis(ANSWER_BYTES_KEPT_MS),
            recipe: 0,
        };
        Some(Keeping { proxy: proxy.clone(), ask: ask.clone(), stored, entry, lead })
    }

    async fn finish(mut self, filling: Filling) {
        match self.stored.head.bytes {
            Bytes::Part { count, .. } if count == filling.length() => {}
            // It broke off, or the origin sent more than it said.
            Bytes::Part { .. } => return,
            _ => self.stored.head.bytes = Bytes::File(filling.length()),
        }
        self.stored.key = Some(self.entry.key);
        match filling.keep(self.entry).await {
            Ok(_) if self.lead.is_spoilt() => {}
            Ok(_) => {
                if self.proxy.put(&self.ask, &self.stored).await {
                    self.lead.settle();
                }
            }
            Err(error) => tracing::warn!(%error, words = %error.words, "an answer is given and not kept"),
        }
    }

    /// Writes an answer whose length is known as it comes, for all who read it as it grows. When the last of them has
    /// gone, it is given up unless nearly all is there.
    pub(crate) async fn fill(self, mut pieces: Pieces, mut filling: Filling) {
        while let Some(piece) = pieces.next().await {
            let written = match piece {
                Ok(piece) => {
                    let length = filling.length() + piece.len() as u64;
                    let missing = self.stored.head.bytes.range().1.saturating_sub(length);
                    if missing == 0 {
                        self.lead.keeps();
                    } else if missing > PROXY_UNREAD_BYTES_MAX && self.lead.is_left() {
                        tracing::debug!("an answer that nobody reads any more is given up");
                        return;
                    }
                    filling.write(piece).await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = written {
                tracing::debug!(error, "an answer broke off, and is not kept");
                return;
            }
        }
        self.finish(filling).await;
    }

    /// Gives an answer of unknown length on as it comes, and keeps what it turns out to be. What becomes too long, or is
    /// not read to its end, is not kept.
    pub(crate) fn tee(self, pieces: Pieces, filling: Filling) -> Pieces {
        let state = (pieces, Some((filling, self)));
        let next = |(mut pieces, mut kept): (Pieces, Option<(Filling, Keeping)>)| async move {
            let next = pieces.next().await;
            match &next {
                Some(Ok(piece)) => {
                    if let Some((filling, _)) = &mut kept {
                        let is_short = filling.length() + piece.len() as u64 <= ANSWER_UNTOLD_BYTES_MAX;
                        if !is_short || filling.write(piece.clone()).await.is_err() {
                            kept = None;
                        }
                    }
                }
                Some(Err(_)) => kept = None,
                None => {
                    if let Some((filling, keeping)) = kept.take() {
                        keeping.lead.keeps();
                        let tasks = keeping.proxy.0.tasks.clone();
                        tasks.spawn(keeping.finish(filling));
                    }
                }
            }
            next.map(|piece| (piece, (pieces, kept)))
        };
        unfold(state, next).boxed()
    }
}

/// What kind of thing they are in the cache.
const MODE: &str = "answer";

/// What answers of an origin are purged by, as renditions of it are.
fn tags(origin: &Origin) -> Vec<String> {
    let named = format!("origin:{}", origin.name);
    origin.tags.iter().cloned().chain([named, mode_tag(MODE)]).collect()
}

/// The part of something that an answer is, if it is worth a place. One that is shorter than it says has the first bytes
/// of what it says (RFC 9111 section 3.3).
pub(crate) fn part_of(answer: &Forwarded) -> Option<Bytes> {
    let (offset, said, length) = match answer.status {
        StatusCode::PARTIAL_CONTENT => content_range(&answer.fields)?,
        _ => return None,
    };
    let most = said.min(ANSWER_UNTOLD_BYTES_MAX);
    let count = answer.length.filter(|count| (1..=most).contains(count))?;
    Some(if count == length { Bytes::File(length) } else { Bytes::Part { offset, count, length } })
}

/// The first byte, how many follow with it, and the length of the whole (RFC 9110 section 14.4).
fn content_range(fields: &HeaderMap) -> Option<(u64, u64, u64)> {
    let (range, length) =
        fields.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, length) = (number(first)?, number(last)?, number(length)?);
    (first <= last && last < length).then_some((first, last - first + 1, length))
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// How long something is that is fetched by blocks from now on: what is long, gives ranges, says by a strong tag when it
/// changes, and is the same for everybody (RFC 9110 section 14.2).
pub(crate) fn block_length(ask: &Ask, answer: &Forwarded) -> Option<u64> {
    let fields = &answer.fields;
    let length = match answer.status {
        StatusCode::OK => {
            let ranges = fields.get(ACCEPT_RANGES)?;
            answer.length.filter(|_| ranges.as_bytes().eq_ignore_ascii_case(b"bytes"))?
        }
        StatusCode::PARTIAL_CONTENT => content_range(fields)?.2,
        _ => return None,
    };
    let is_strong = fields.get(ETAG).is_some_and(|tag| tag.as_bytes().starts_with(b"\""));
    let is_one = matches!(vary::names(fields)?.as_str(), "" | "accept-encoding");
    let fits = ask.method == Method::GET
        && (BLOCK_MEDIA_BYTES_MIN..=ask.remote.bytes_max()).contains(&length)
        && is_strong
        && is_one
        && ask.is_anonymous()
        && !fields.contains_key(CONTENT_ENCODING)
        && ask.remote.file(&ask.path).is_some();
    fits.then_some(length)
}
