//! Requests that may change something at the origin, and all others that are not for a cache.

use std::io;

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LOCATION, LOCATION};
use http::{Method, StatusCode};
use http_body::Body as _;
use store::{Forwarded, Pieces};

use super::ask::{Ask, now_ms};
use super::flights::{Lead, Seat};
use super::freshness::{Rules, Times};
use super::keep::Stored;
use super::told::{Told, Why};
use super::{Proxy, conditions, fetch, fields};
use crate::error::Refused;

impl Proxy {
    /// Passes a request on with its body, a piece at a time. When something was changed, what is kept of the place is worth
    /// nothing any more, nor what is kept of the places that the answer names (RFC 9111 section 4.4).
    pub(super) async fn change(&self, ask: &Ask, body: Body) -> Result<Response, Refused> {
        if ask.wish().only_if_cached {
            return Err(Refused::NotKept);
        }
        let pieces: Option<Pieces> =
            (!body.is_end_stream()).then(|| body.into_data_stream().map_err(io::Error::other).boxed());
        let requested = now_ms();
        let mut answer = ask.remote.forward(ask.forward(ask.fields.clone(), pieces)).await?;
        fetch::dated(&mut answer.fields);
        fields::end_to_end(&mut answer.fields);
        let status = answer.status;
        if !ask.method.is_safe() && !status.is_client_error() && !status.is_server_error() {
            self.forget(&ask.place).await;
            for name in [LOCATION, CONTENT_LOCATION] {
                if let Some(place) = ask.place_in(&answer.fields, name) {
                    self.forget(&place).await;
                }
            }
        }
        let times = Times { requested, received: now_ms() };
        if let Some((as_read, stored, lead)) = self.kept_of_post(ask, &answer, times) {
            return self.take_and_keep(&as_read, stored, answer, lead, Why::Method).await;
        }
        self.pass(ask, answer, Told::Asked { why: Why::Method, status, is_stored: false })
    }

    /// What is kept of the answer to a POST: it is what a GET would get, if it says for how long and that it is of this
    /// very place (RFC 9110 section 9.3.3).
    fn kept_of_post(&self, ask: &Ask, answer: &Forwarded, times: Times) -> Option<(Ask, Stored, Lead)> {
        let fields = &answer.fields;
        let is_of_here = ask.method == Method::POST
            && answer.status == StatusCode::OK
            && ask.place_in(fields, CONTENT_LOCATION) == Some(ask.place);
        if !is_of_here || !ask.origin.cache || ask.wish().no_store {
            return None;
        }
        let rules = Rules::of(answer.status, fields, times.received, &ask.origin.ttl);
        if !rules.is_told() || !rules.may_keep(&Method::GET, &ask.fields, fields) {
            return None;
        }
        let mut as_read = ask.clone();
        as_read.method = Method::GET;
        conditions::take_out(&mut as_read.fields);
        let stored = Stored::of(&as_read, answer.status, fields, times)?;
        match self.0.index.flights.enter(ask.place) {
            Seat::Lead(lead) => Some((as_read, stored, lead)),
            _ => None,
        }
    }
}
