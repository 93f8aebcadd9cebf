//! Requests that may change something at the origin, and all others that are not for a cache.

use std::io;

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LOCATION, LOCATION};
use http_body::Body as _;
use store::Pieces;

use super::ask::Ask;
use super::told::{Told, Why};
use super::{Proxy, fetch, fields};
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
        self.pass(ask, answer, Told::Asked { why: Why::Method, status, is_stored: false })
    }
}
