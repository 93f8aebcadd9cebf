//! What an answer says about its body, so that the wire may send it.

use std::sync::Arc;

use budget::limits::{SEGMENT_BYTES_MIN, WIRE_BYTES_MIN};
use budget::{Level, Permit};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::{Method, Response, StatusCode, Version};
use http_body::Body;
use store::Source;

use crate::registry::{Entry, Inner, Ticket};

/// Which bytes of which file a body gives. It travels with the answer, in its extensions.
#[derive(Clone)]
pub struct Offer {
    pub(super) inner: Arc<Inner>,
    pub(super) entry: Arc<Entry>,
    /// The stream's memory, for a read that outlives it.
    pub(super) permit: Arc<Permit>,
    pub(super) source: Source,
    pub(super) offset: u64,
    pub(super) count: u64,
    /// What is looked at, and sent at most, before others have their turn.
    pub(super) window_bytes: u64,
}

impl Offer {
    /// The bytes from `offset`, unless they are so few that to copy them is cheaper, or in no file that could be sent.
    pub(crate) fn of(
        ticket: &Ticket,
        source: &Source,
        (offset, count): (u64, u64),
        window_bytes: u64,
    ) -> Option<Offer> {
        (count >= WIRE_BYTES_MIN && source.has_file()).then(|| Offer {
            inner: Arc::clone(&ticket.inner),
            entry: Arc::clone(&ticket.entry),
            permit: Arc::clone(&ticket.permit),
            source: source.clone(),
            offset,
            count,
            window_bytes,
        })
    }

    /// Takes the offer out of an answer, if the answer to this request is still exactly the bytes that were offered:
    /// HTTP/1, a GET, whole or one range, no encoding or trailer that some layer added, and a length that the head, the
    /// body and the offer agree on.
    pub fn fits<B: Body>(method: &Method, version: Version, answer: &mut Response<B>) -> Option<Offer> {
        let offer = answer.extensions_mut().remove::<Offer>()?;
        let fields = answer.headers();
        let said: Option<u64> = fields.get(CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok());
        let fits = *method == Method::GET
            && matches!(version, Version::HTTP_10 | Version::HTTP_11)
            && matches!(answer.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT)
            && [CONTENT_ENCODING, TRANSFER_ENCODING, TRAILER].iter().all(|name| !fields.contains_key(name))
            && said == Some(offer.count)
            && answer.body().size_hint().exact() == said;
        fits.then_some(offer)
    }

    /// The window, halved for each level of pressure.
    pub(super) fn turn_bytes(&self) -> u64 {
        let level: Level = self.inner.budget.pressure();
        (self.window_bytes >> (level as u8)).max(SEGMENT_BYTES_MIN)
    }
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("offset", &self.offset)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
