//! One goes to the origin: to ask whether what is kept is right still, or for what is not kept.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, HeaderMap, HeaderValue, SET_COOKIE};
use http::{Method, StatusCode};
use store::{Forwarded, Pieces, TroubleKind};

use super::ask::{Ask, now_ms};
use super::flights::{Coming, Lead};
use super::freshness::{Rules, Times, Wish};
use super::head::{Bytes, Head};
use super::keep::{Keeping, Stored, block_length, part_of};
use super::told::{self, Told, Why};
use super::{Proxy, Role, conditions, fields};
use crate::error::Refused;

/// What came, and when.
struct Came {
    answer: Forwarded,
    times: Times,
}

/// Why nothing came.
pub(super) struct Lost {
    refused: Refused,
    /// Whether the origin was not there to answer.
    is_unreachable: bool,
    /// Whether that is so whatever is asked of it. A connection that broke may have broken because of this request.
    is_for_all: bool,
}

impl Lost {
    /// What another heard, whatever he asked.
    pub(super) fn for_all(refused: Refused) -> Lost {
        Lost { refused, is_unreachable: true, is_for_all: true }
    }
}

impl From<store::Error> for Lost {
    fn from(error: store::Error) -> Lost {
        use TroubleKind as Kind;
        let kind = error.trouble().map(|trouble| trouble.kind);
        let is_for_all = matches!(kind, Some(Kind::Name | Kind::Connect | Kind::Time));
        let is_broken = matches!(kind, Some(Kind::Closed | Kind::Garbled | Kind::Broken));
        Lost { refused: error.into(), is_unreachable: is_for_all || is_broken, is_for_all }
    }
}

impl Proxy {
    /// Asks the origin, and gives what comes. Whoever leads keeps what may be kept.
    pub(super) async fn fetch(
        &self,
        ask: &Ask,
        wish: &Wish,
        kept: Option<Stored>,
        role: Role,
        why: Why,
    ) -> Result<Response, Refused> {
        let mut onward = ask.fields.clone();
        let mut validated = kept.as_ref().filter(|stored| {
            let mut asking = onward.clone();
            conditions::take_out(&mut asking);
            let is_asked = conditions::put_in(&mut asking, &stored.head);
            if is_asked {
                onward = asking;
            }
            is_asked
        });
        loop {
            let came = match self.send(ask, onward.clone()).await {
                Ok(came) => came,
                Err(lost) => {
                    if let Role::Lead(lead) = role
                        && lost.is_for_all
                    {
                        lead.fail(lost.refused.clone());
                    }
                    return self.instead(ask, wish, kept.as_ref(), lost).await;
                }
            };
            let status = came.answer.status;
            let Some(stored) = validated.filter(|_| status == StatusCode::NOT_MODIFIED) else {
                return self.take(ask, wish, kept.as_ref(), came, role, why).await;
            };
            if conditions::is_about(&stored.head, &came.answer.fields) {
                let told = Told::Asked { why, status, is_stored: false };
                let fresh = self.freshen(ask, stored, &came.answer.fields, came.times).await;
                if let Some(response) = self.give(ask, &fresh, told).await? {
                    if let Role::Lead(lead) = role {
                        lead.settle();
                    }
                    return Ok(response);
                }
                // It is right still, but its bytes went to make room: they are asked for as if it had never been.
                validated = None;
                onward = ask.fields.clone();
                continue;
            }
            // It speaks of something that we do not have (section 4.3.3): it is asked for as it is.
            validated = None;
            onward = ask.fields.clone();
            conditions::take_out(&mut onward);
        }
    }

    /// HEAD, which says about what is kept whether it is right still (section 4.3.5).
    pub(super) async fn look(&self, ask: &Ask, kept: Option<Stored>, why: Why) -> Result<Response, Refused> {
        let came = match self.send(ask, ask.fields.clone()).await {
            Ok(came) => came,
            Err(lost) => return self.instead(ask, &ask.wish(), kept.as_ref(), lost).await,
        };
        let (status, news) = (came.answer.status, &came.answer.fields);
        if let Some(stored) = kept.filter(|stored| status == StatusCode::OK && stored.head.status == status) {
            let length = news.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            let is_same = length.is_none_or(|length: u64| length == stored.head.bytes.length());
            if is_same && conditions::is_about(&stored.head, news) {
                let fresh = self.freshen(ask, &stored, news, came.times).await;
                let told = Told::Asked { why, status, is_stored: false };
                if let Some(response) = self.give(ask, &fresh, told).await? {
                    return Ok(response);
                }
            } else {
                self.drop_answer(ask, &stored).await;
            }
        }
        self.pass(ask, came.answer, Told::Asked { why, status, is_stored: false })
    }

    /// Sends a request without a body.
    async fn send(&self, ask: &Ask, onward: HeaderMap) -> Result<Came, Lost> {
        let requested = now_ms();
        let mut answer = ask.remote.forward(ask.forward(onward, None)).await?;
        let times = Times { requested, received: now_ms() };
        dated(&mut answer.fields);
        fields::end_to_end(&mut answer.fields);
        Ok(Came { answer, times })
    }

    async fn freshen(&self, ask: &Ask, stored: &Stored, news: &HeaderMap, times: Times) -> Stored {
        let mut fresh = stored.clone();
        fields::freshen(&mut fresh.head.fields, news);
        fresh.head.times = times;
        let mut kept = fresh.clone();
        if !kept.head.rules(&ask.origin.ttl).is_said() {
            // It is his who asked.
            kept.head.fields.remove(SET_COOKIE);
        }
        self.put(ask, &kept).await;
        fresh
    }

    /// What is kept in place of an answer that did not come, if it may be.
    pub(super) async fn instead(
        &self,
        ask: &Ask,
        wish: &Wish,
        kept: Option<&Stored>,
        lost: Lost,
    ) -> Result<Response, Refused> {
        match self.stand_in(ask, wish, kept, lost.is_unreachable).await? {
            Some(response) => Ok(response),
            None => Err(lost.refused),
        }
    }

    async fn stand_in(
        &self,
        ask: &Ask,
        wish: &Wish,
        kept: Option<&Stored>,
        is_unreachable: bool,
    ) -> Result<Option<Response>, Refused> {
        let Some(stored) = kept else { return Ok(None) };
        let rules = stored.head.rules(&ask.origin.ttl);
        match rules.may_stand_in(wish, stored.head.age_ms(now_ms()), is_unreachable) {
            true => self.give(ask, stored, Told::Hit).await,
            false => Ok(None),
        }
    }

    /// Gives an answer of the origin, and keeps it if it may be kept and this one leads.
    async fn take(
        &self,
        ask: &Ask,
        wish: &Wish,
        kept: Option<&Stored>,
        came: Came,
        role: Role,
        why: Why,
    ) -> Result<Response, Refused> {
        let status = came.answer.status;
        if status.is_server_error()
            && let Some(response) = self.stand_in(ask, wish, kept, false).await?
        {
            return Ok(response);
        }
        let passed = Told::Asked { why, status, is_stored: false };
        let Role::Lead(lead) = role else { return self.pass(ask, came.answer, passed) };
        if let Some(length) = block_length(ask, &came.answer) {
            return self.take_blocks(ask, length, came, lead, why).await;
        }
        if let Some(bytes) = part_of(&came.answer) {
            return self.take_part(ask, bytes, came, lead, why).await;
        }
        let fields = &came.answer.fields;
        let rules = Rules::of(status, fields, came.times.received, &ask.origin.ttl);
        let stored = match rules.may_keep(&ask.method, &ask.fields, fields) {
            true => Stored::of(ask, status, fields, came.times),
            false => None,
        };
        let Some(stored) = stored else {
            // What a part was asked of, or a condition, says nothing about the next who asks.
            if !matches!(status.as_u16(), 206 | 304 | 412 | 416) {
                lead.apart();
            }
            return self.pass(ask, came.answer, passed);
        };
        lead.together();
        self.take_and_keep(ask, stored, came.answer, lead, why).await
    }

    /// Gives an answer that may be kept, and keeps it.
    pub(super) async fn take_and_keep(
        &self,
        ask: &Ask,
        mut stored: Stored,
        mut answer: Forwarded,
        lead: Lead,
        why: Why,
    ) -> Result<Response, Refused> {
        let told = |is_stored| Told::Asked { why, status: answer.status, is_stored };
        let (kept, passed) = (told(true), told(false));
        if answer.length == Some(0) {
            if !lead.is_spoilt() && self.put(ask, &stored).await {
                lead.settle();
            }
            return self.pass(ask, answer, kept);
        }
        let Some(filling) = self.begin(answer.length).await else {
            lead.apart();
            return self.pass(ask, answer, passed);
        };
        let Some(length) = answer.length else {
            let Some(keeping) = Keeping::new(self, ask, stored, lead) else {
                return self.pass(ask, answer, passed);
            };
            answer.body = keeping.tee(answer.body, filling);
            return self.pass(ask, answer, kept);
        };
        stored.head.bytes = Bytes::File(length);
        let head = Head { fields: answer.fields, ..stored.head.clone() };
        let (vary, variant, growing) = (stored.vary.clone(), stored.variant, filling.growing());
        let own = Coming { head, vary: vary.clone(), variant, growing: growing.clone() };
        // The one who asked gets all fields, the others those that are kept.
        let response = self.give_coming(ask, &own, kept);
        lead.comes(Coming { head: stored.head.clone(), vary, variant, growing });
        if let Some(keeping) = Keeping::new(self, ask, stored, lead) {
            self.0.tasks.spawn(keeping.fill(answer.body, filling));
        }
        response
    }

    /// From now on it is fetched by blocks, as each reader needs them.
    async fn take_blocks(
        &self,
        ask: &Ask,
        length: u64,
        came: Came,
        lead: Lead,
        why: Why,
    ) -> Result<Response, Refused> {
        let Came { mut answer, times } = came;
        let told = Told::Asked { why, status: answer.status, is_stored: true };
        let status = answer.status;
        let passed = Told::Asked { why, status, is_stored: false };
        let Some(stored) = of_whole(ask, &answer.fields, times, Bytes::Blocks(length)) else {
            lead.apart();
            return self.pass(ask, answer, passed);
        };
        if lead.is_spoilt() || !self.put(ask, &stored).await {
            return self.pass(ask, answer, passed);
        }
        // What is on its way of it is given up.
        answer.body = Box::pin(futures_util::stream::empty());
        lead.together();
        lead.settle();
        self.give(ask, &stored, told).await?.ok_or(Refused::SourceChanged)
    }

    /// Gives a part of something, and keeps it.
    async fn take_part(
        &self,
        ask: &Ask,
        bytes: Bytes,
        came: Came,
        lead: Lead,
        why: Why,
    ) -> Result<Response, Refused> {
        let Came { mut answer, times } = came;
        let told = |is_stored| Told::Asked { why, status: StatusCode::PARTIAL_CONTENT, is_stored };
        // The next may well ask for another part.
        lead.alone();
        let keeping = of_whole(ask, &answer.fields, times, bytes)
            .and_then(|stored| Keeping::new(self, ask, stored, lead));
        let filling = match keeping {
            Some(_) => self.begin(answer.length).await,
            None => None,
        };
        let Some((keeping, filling)) = keeping.zip(filling) else {
            return self.pass(ask, answer, told(false));
        };
        let growing = filling.growing();
        let nothing: Pieces = Box::pin(futures_util::stream::empty());
        self.0.tasks.spawn(keeping.fill(std::mem::replace(&mut answer.body, nothing), filling));
        self.give_part(ask, answer, growing, told(true))
    }

    /// Gives an answer on as it comes.
    pub(super) fn pass(&self, ask: &Ask, answer: Forwarded, told: Told) -> Result<Response, Refused> {
        let Forwarded { status, mut fields, length, body } = answer;
        let is_empty = length == Some(0);
        if let Some(length) = length
            && ask.method != Method::HEAD
            && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        // A tee must be read to its end to be kept, also one that has none.
        let body = match is_empty {
            true => Body::empty(),
            false => Body::new(self.0.streams.pass(body, ask.listener.clone())?),
        };
        Ok(told::answer(ask, status, fields, body, told))
    }
}

/// What is kept of something whole, of which a part came, if it may be kept.
fn of_whole(ask: &Ask, answer: &HeaderMap, times: Times, bytes: Bytes) -> Option<Stored> {
    let mut whole = answer.clone();
    whole.remove(CONTENT_RANGE);
    let rules = Rules::of(StatusCode::OK, &whole, times.received, &ask.origin.ttl);
    if !rules.may_keep(&Method::GET, &ask.fields, &whole) {
        return None;
    }
    let mut stored = Stored::of(ask, StatusCode::OK, &whole, times)?;
    stored.head.bytes = bytes;
    Some(stored)
}

/// Who has a clock says when an answer came that does not say when it was made (RFC 9110 section 6.6.1).
pub(super) fn dated(answer: &mut HeaderMap) {
    if !answer.contains_key(DATE) {
        let now = httpdate::fmt_http_date(std::time::SystemTime::now());
        if let Ok(now) = HeaderValue::try_from(now) {
            answer.insert(DATE, now);
        }
    }
}
