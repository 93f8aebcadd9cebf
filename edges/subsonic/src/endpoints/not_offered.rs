//! What this server does not have, as clients that ask for it expect: lists with nothing in them, and errors that say
//! so.

use serde::Serialize;

use crate::call::{Answer, Call};
use crate::error::{Error, ErrorKind};

/// A list with nothing in it, which is there all the same.
#[derive(Serialize)]
struct Nothing {}

/// `getChatMessages`: nobody said anything.
pub(crate) async fn chat_messages(call: Call) -> Answer {
    call.one("chatMessages", &Nothing {})
}

/// An endpoint that can only be refused.
pub(crate) async fn refuse(_: Call, why: &'static str) -> Answer {
    Err(Error::new(ErrorKind::Generic, why))
}
