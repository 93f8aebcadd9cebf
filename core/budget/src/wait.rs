//! The future of somebody who waits for a permit.
//!
//! Its whole state is a ticket; whether the ticket was granted stands in the ledger, under the lock. So there is no
//! moment at which a grant is on its way and could be lost: a dropped waiter finds it in the ledger and gives it back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::ledger::{Ask, Ticket};
use crate::pool::Shared;
use crate::{Pool, Refused};

/// Ready when the bytes are granted. After `Ready` they belong to the caller.
pub(crate) struct Wait<'a> {
    shared: &'a Arc<Shared>,
    ask: Ask,
    /// The place in the line, while there is one.
    place: Option<Ticket>,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, pool: Pool, bytes: u64) -> Wait<'a> {
        Wait { shared, ask: Ask { pool, bytes }, place: None }
    }
}

impl Future for Wait<'_> {
    type Output = Result<(), Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shared.poll(&this.ask, &mut this.place, context.waker())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.place.take() {
            self.shared.leave(&self.ask, ticket);
        }
    }
}
