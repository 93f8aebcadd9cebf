//! Origins whose every request is passed on, and whose answers are kept as HTTP allows (RFC 9110, 9111, 5861, 9211, 9213).
//!
//! A request becomes an [`ask::Ask`]. What is kept for it is found by place and variant ([`keep`], [`vary`]) and judged by
//! [`freshness`]; what may be given is [given](give), with the conditions and ranges of the request ([`conditions`]).
//! Otherwise one of all who ask goes to the origin ([`flights`]) and [asks](fetch): what comes is given on as it comes, and
//! kept in a file, or by blocks where it is long. What [changes](change) something there makes what is kept worthless.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use budget::limits::{PROXY_COLLAPSE_MS, PROXY_HOPS_MAX, PROXY_REFRESHES_MAX};
use http::Method;
use http_body::Body as _;
use http_body_util::BodyExt;
use stream::Streams;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use transform::Cache;

mod ask;
mod change;
mod conditions;
mod date;
mod directives;
mod fetch;
mod fields;
mod flights;
mod freshness;
mod give;
mod head;
mod index;
mod keep;
#[cfg(test)]
mod lines;
mod told;
mod vary;

pub(crate) use ask::Ask;
pub use index::AnswerIndex;

use crate::error::Refused;
use ask::now_ms;
use fetch::Lost;
use flights::{Lead, Seat, Waited, Waiting};
use freshness::{Use, Wish};
use head::Head;
use keep::Stored;
use told::{Told, Why};

/// What passes requests on. A clone is the same.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    index: AnswerIndex,
    cache: Cache,
    streams: Streams,
    tasks: TaskTracker,
    refreshes: Arc<Semaphore>,
}

/// Who goes to the origin, and what of the answer is whose.
pub(crate) enum Role {
    /// One for all.
    Lead(Lead),
    /// One for himself; nothing is kept of it.
    Alone,
}

impl Proxy {
    /// Answers are kept in this index, and their bytes in the room of renditions.
    pub(crate) fn new(index: AnswerIndex, cache: Cache, streams: Streams) -> Proxy {
        Proxy(Arc::new(Inner {
            index,
            cache,
            streams,
            tasks: TaskTracker::new(),
            refreshes: Arc::new(Semaphore::new(PROXY_REFRESHES_MAX)),
        }))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn serve(&self, ask: &Ask, body: Body) -> Result<Response, Refused> {
        if fields::hops(&ask.fields) >= PROXY_HOPS_MAX {
            return Err(Refused::Circle);
        }
        let is_read = matches!(ask.method, Method::GET | Method::HEAD) && body.is_end_stream();
        let response = match is_read {
            true => self.read(ask).await?,
            false => self.change(ask, body).await?,
        };
        if let Some(told) = response.extensions().get::<Told>() {
            self.0.index.count(*told);
        }
        Ok(response)
    }

    async fn read(&self, ask: &Ask) -> Result<Response, Refused> {
        let wish = ask.wish();
        let is_kept = ask.origin.cache && !wish.no_store && !conditions::are_the_origins(&ask.fields);
        if !is_kept {
            return match wish.only_if_cached {
                true => Err(Refused::NotKept),
                false => self.fetch(ask, &wish, None, Role::Alone, Why::Request).await,
            };
        }
        let mut has_waited = false;
        loop {
            self.0.index.flights.kept(&ask.place).await;
            let is_there =
                |head: &Head| conditions::is_there(conditions::part(&ask.method, &ask.fields, head), head);
            let kept = self.find(ask).await.filter(|stored| is_there(&stored.head));
            let mut why = Why::Miss;
            if let Some(stored) = &kept {
                why = Why::Stale;
                match Proxy::verdict(ask, &wish, &stored.head, has_waited) {
                    Use::Validate => {}
                    verdict => {
                        if verdict == Use::GiveAndRefresh {
                            self.refresh(ask, stored);
                        }
                        let told = if has_waited { Told::Collapsed } else { Told::Hit };
                        match self.give(ask, stored, told).await? {
                            Some(response) => return Ok(response),
                            None => continue,
                        }
                    }
                }
            }
            if wish.only_if_cached {
                return Err(Refused::NotKept);
            }
            if ask.method == Method::HEAD {
                return self.look(ask, kept, why).await;
            }
            match self.0.index.flights.enter(ask.place) {
                Seat::Lead(lead) => return self.fetch(ask, &wish, kept, Role::Lead(lead), why).await,
                Seat::Join(waiting) if !has_waited && wish.takes_anothers() && ask.is_anonymous() => {
                    has_waited = true;
                    let patience = Duration::from_millis(PROXY_COLLAPSE_MS);
                    match tokio::time::timeout(patience, self.wait(ask, &wish, waiting)).await {
                        Ok(Waited::Coming(coming)) => {
                            return self.give_coming(ask, &coming, Told::Collapsed);
                        }
                        Ok(Waited::Settled) => {}
                        Ok(Waited::Failed(refused)) => {
                            return self.instead(ask, &wish, kept.as_ref(), Lost::for_all(refused)).await;
                        }
                        _ => return self.fetch(ask, &wish, kept, Role::Alone, why).await,
                    }
                }
                _ => return self.fetch(ask, &wish, kept, Role::Alone, why).await,
            }
        }
    }

    /// What may be done with what is kept. Who waited for it takes what came meanwhile, unless it must be looked at each
    /// time: he would have got the same.
    fn verdict(ask: &Ask, wish: &Wish, head: &Head, has_waited: bool) -> Use {
        let rules = head.rules(&ask.origin.ttl);
        let verdict = rules.judge(wish, head.age_ms(now_ms()));
        let came_meanwhile = has_waited && head.times.received >= ask.arrived && rules.is_for_many();
        if verdict == Use::Validate && came_meanwhile { Use::Give } else { verdict }
    }

    /// Waits for what another gets: as it comes, if it is what this one means and wants all of, and else until it is kept.
    async fn wait(&self, ask: &Ask, wish: &Wish, mut waiting: Waiting) -> Waited {
        match waiting.wait().await {
            Waited::Coming(coming) => {
                let is_meant = vary::variant(&coming.vary, &ask.fields) == coming.variant;
                match is_meant
                    && !ask.has_range()
                    && Proxy::verdict(ask, wish, &coming.head, true) == Use::Give
                {
                    true => Waited::Coming(coming),
                    false if !is_meant => Waited::Apart,
                    false => waiting.wait_to_the_end().await,
                }
            }
            waited => waited,
        }
    }

    /// Asks anew for what is given as it is, unless somebody does, or many are asked for.
    fn refresh(&self, ask: &Ask, stored: &Stored) {
        let Ok(permit) = Arc::clone(&self.0.refreshes).try_acquire_owned() else { return };
        let Seat::Lead(lead) = self.0.index.flights.enter(ask.place) else { return };
        let (proxy, ask, stored) = (self.clone(), ask.plain(), stored.clone());
        self.0.tasks.spawn(async move {
            let asked = proxy.fetch(&ask, &ask.wish(), Some(stored), Role::Lead(lead), Why::Stale).await;
            // What is kept as it is read is read here to its end.
            if let Ok(response) = asked {
                let mut body = response.into_body();
                while let Some(Ok(_)) = body.frame().await {}
            }
            drop(permit);
        });
    }
}
