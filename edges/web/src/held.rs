//! Longer answers from memory, which keep the right to that memory until their client has taken them.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Budget, Permit, Pool, Refused, Slot, limits};
use bytes::Bytes;

use crate::{App, json};

/// An answer of this text. What goes beyond [`limits::SMALL_BODY_BYTES_MAX`] is held under a permit of its own size:
/// the larger one, under which it was made, goes back before anybody waits for a client.
pub(crate) fn answer(
    budget: &Budget,
    pool: Pool,
    content_type: &'static str,
    text: Vec<u8>,
) -> Result<Response, Refused> {
    let bytes = text.capacity() as u64;
    let body = if bytes > limits::SMALL_BODY_BYTES_MAX {
        let permit = budget.take(pool, bytes)?;
        Bytes::from_owner(Held { text, _permit: permit })
    } else {
        Bytes::from(text)
    };
    Ok(json::typed(StatusCode::OK, content_type, Body::from(body)))
}

/// The same for a list that somebody asked for as himself, who may have so many on their way: a long one counts as
/// several, by [`limits::LISTING_TEXT_BYTES_MAX`].
pub(crate) fn listing(
    app: &App,
    slot: Slot<i64>,
    content_type: &'static str,
    text: Vec<u8>,
) -> Result<Response, Refused> {
    let bytes = text.capacity();
    let permit = app.budget.take(Pool::Listings, bytes as u64)?;
    let more = bytes.div_ceil(limits::LISTING_TEXT_BYTES_MAX).saturating_sub(1);
    let user = *slot.key();
    let more = (0..more).map(|_| app.listings.take(user));
    let slots = std::iter::once(Ok(slot)).chain(more).collect::<Result<Vec<_>, _>>()?;
    let body = Bytes::from_owner(Listing { text, _permit: permit, _slots: slots });
    Ok(json::typed(StatusCode::OK, content_type, Body::from(body)))
}

/// A text that goes with its permit and its reader's slots.
struct Listing {
    text: Vec<u8>,
    _permit: Permit,
    _slots: Vec<Slot<i64>>,
}

impl AsRef<[u8]> for Listing {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
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
