//! Longer answers from memory, which keep the right to that memory until their client has taken them.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Budget, Permit, Pool, Refused, limits};
use bytes::Bytes;

use crate::json;

/// An answer of this text. What goes beyond [`limits::SMALL_BODY_BYTES_MAX`] is held under a permit of its own size:
/// the larger one, under which it was made, goes back before anybody waits for a client.
pub(crate) fn answer(
    budget: &Budget,
    content_type: &'static str,
    text: Vec<u8>,
) -> Result<Response, Refused> {
    let bytes = text.capacity() as u64;
    let body = if bytes > limits::SMALL_BODY_BYTES_MAX {
        let permit = budget.take(Pool::Listings, bytes)?;
        Bytes::from_owner(Held { text, _permit: permit })
    } else {
        Bytes::from(text)
    };
    Ok(json::typed(StatusCode::OK, content_type, Body::from(body)))
}

/// A text that goes with its permit, also into the write buffer of the connection.
struct Held {
    text: Vec<u8>,
    _permit: Permit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}
