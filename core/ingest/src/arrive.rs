//! What all protocols do when bytes arrive.

use catalog::{Phase, UploadId, UploadRow, User};
use http::HeaderMap;

use crate::error::{Error, ErrorKind};
use crate::fields::{UPLOAD_EXPIRES, UPLOAD_OFFSET};
use crate::{Ingest, Receiving, answer};

/// An upload as it is after a request.
pub(crate) struct Received {
    pub(crate) offset: u64,
    pub(crate) row: UploadRow,
}

impl Received {
    /// How far it is and when it goes.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(UPLOAD_OFFSET, answer::number(self.offset));
        if self.row.phase == Phase::Receiving {
            answer::put_expires(headers, self.row.expires);
        } else {
            headers.remove(UPLOAD_EXPIRES);
        }
    }
}

/// What a request finds that wants to send bytes.
pub(crate) enum Taken {
    /// They may come.
    Open(Box<Receiving>),
    /// All bytes are there already, and the request brings none.
    Complete(Box<UploadRow>),
}

/// Takes the upload over, and judges the offset before anything is read. A request with nothing for an upload that has
/// everything is fine, also while that is being completed; any other comes too late.
pub(crate) async fn take(
    ingest: &Ingest,
    who: &User,
    id: UploadId,
    at: u64,
    is_empty: bool,
) -> Result<Taken, Error> {
    let receiving = match ingest.take(who, id).await {
        Ok(receiving) => receiving,
        Err(error) if is_empty && error.kind == (ErrorKind::Conflict { offset: at }) => {
            return Ok(Taken::Complete(Box::new(ingest.status(who, id).await?.row)));
        }
        Err(error) => return Err(error),
    };
    let offset = receiving.offset();
    if offset == at {
        return Ok(Taken::Open(Box::new(receiving)));
    }
    let said = format!("the bytes that are kept end at {offset}, and these begin at {at}");
    Err(Error::new(ErrorKind::Conflict { offset }, said))
}

/// Whether an upload whose request failed so can be gone on with, by whoever knows its address.
pub(crate) fn can_go_on(error: &Error) -> bool {
    match error.kind {
        ErrorKind::Full { .. }
        | ErrorKind::Refused(_)
        | ErrorKind::TooSlow
        | ErrorKind::TakenOver
        | ErrorKind::Store
        | ErrorKind::Catalog => true,
        ErrorKind::NotFound
        | ErrorKind::Gone
        | ErrorKind::Conflict { .. }
        | ErrorKind::Mismatch
        | ErrorKind::TooLarge { .. }
        | ErrorKind::LengthConflict
        | ErrorKind::NotMedia
        | ErrorKind::Empty
        | ErrorKind::Quota { .. }
        | ErrorKind::TooManyUploads
        | ErrorKind::BrokenOff
        | ErrorKind::BadRequest
        | ErrorKind::Unsupported
        | ErrorKind::NotAllowed => false,
    }
}

/// An upload whose address the client learns only with the answer to the request that sends its bytes. If that request
/// ends before, nobody can go on with it, and it would count against its sender until it expires: it is cancelled.
pub struct Fleeting {
    what: Option<(Ingest, User, UploadId)>,
}

impl Fleeting {
    /// An upload that was created a moment ago.
    pub fn new(ingest: &Ingest, who: &User, id: UploadId) -> Self {
        Fleeting { what: Some((ingest.clone(), who.clone(), id)) }
    }

    /// Somebody knows its address now, or it is complete.
    pub fn keep(mut self) {
        self.what = None;
    }

    /// Cancels it now.
    pub async fn cancel(mut self) {
        let Some((ingest, who, id)) = &self.what else { return };
        match ingest.cancel(who, *id).await {
            Ok(()) => self.what = None,
            // Whoever looks after the table tries again, if it did not end otherwise; so it is when this is dropped.
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "an upload could not be cancelled at once"
            ),
        }
    }
}

impl Drop for Fleeting {
    fn drop(&mut self) {
        // A request may be dropped at any await, and cannot wait then: whoever looks after the table cancels it.
        if let Some((ingest, _, id)) = self.what.take() {
            ingest.0.leave(id);
        }
    }
}
