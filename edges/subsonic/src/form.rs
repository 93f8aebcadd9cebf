//! A form on its way in. What is held of it is under a permit that grows with the bytes that came: what a client says
//! will come costs nobody anything.

use std::time::Duration;

use axum::body::Body;
use budget::limits::{FORM_BYTES_MAX, FORM_FIRST_BYTES, FORM_MS};
use budget::{Budget, Permit, Pool};
use http_body_util::BodyExt;

use crate::error::{Error, ErrorKind};

/// The text of a form and the permit that it is held under; nothing at all for a request without one.
#[derive(Debug, Default)]
pub(crate) struct Form {
    text: Vec<u8>,
    permit: Option<Permit>,
}

impl Form {
    /// Reads a form of at most [`FORM_BYTES_MAX`] within [`FORM_MS`].
    pub(crate) async fn read(budget: &Budget, declared: Option<usize>, body: Body) -> Result<Self, Error> {
        if declared.is_some_and(|bytes| bytes > FORM_BYTES_MAX) {
            return Err(Error::too_large());
        }
        let whole = tokio::time::timeout(Duration::from_millis(FORM_MS), Self::gather(budget, body));
        whole.await.map_err(|_| Error::stalled())?
    }

    async fn gather(budget: &Budget, mut body: Body) -> Result<Self, Error> {
        let mut form = Form::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(broken)?;
            if let Some(data) = frame.data_ref() {
                form.append(budget, data).await?;
            }
        }
        Ok(form)
    }

    async fn append(&mut self, budget: &Budget, data: &[u8]) -> Result<(), Error> {
        let bytes = self.text.len() + data.len();
        if bytes > FORM_BYTES_MAX {
            return Err(Error::too_large());
        }
        if bytes > self.text.capacity() {
            let room = bytes.next_power_of_two().clamp(FORM_FIRST_BYTES, FORM_BYTES_MAX);
            // While the text moves, both places are held.
            let permit = budget.wait(Pool::Listings, room as u64).await?;
            self.text.reserve_exact(room - self.text.len());
            self.permit = Some(permit);
        }
        self.text.extend_from_slice(data);
        Ok(())
    }

    /// The text as it came.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Keeps these pairs, in place, and gives back the room of all others.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&[u8]) -> bool) {
        let (mut from, mut kept) = (0, 0);
        while let Some(rest) = self.text.get(from..).filter(|rest| !rest.is_empty()) {
            let end = from + rest.iter().position(|byte| *byte == b'&').unwrap_or(rest.len());
            if self.text.get(from..end).is_some_and(&is_kept) {
                self.text.copy_within(from..end, kept);
                kept += end - from;
                // There was one behind this pair, or this is the end.
                if end < self.text.len() {
                    self.text.copy_within(end..=end, kept);
                    kept += 1;
                }
            }
            from = end + 1;
        }
        self.text.truncate(kept);
        self.text.shrink_to_fit();
        if let Some(permit) = &mut self.permit {
            permit.shrink(self.text.capacity() as u64);
        }
    }
}

/// The connection ends a body of which nothing came for too long, and says so by the kind of its error.
fn broken(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
        {
            return Error::stalled();
        }
        cause = inner.source();
    }
    Error::inside(ErrorKind::Generic, "The request body broke off", error)
}

#[cfg(test)]
mod tests;
