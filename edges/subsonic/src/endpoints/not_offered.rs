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

/// `getPodcasts`: there are none.
pub(crate) async fn podcasts(call: Call) -> Answer {
    // Whoever names one wants that one.
    if call.params.get("id").is_some() {
        return Err(Error::not_found("No such podcast"));
    }
    call.one("podcasts", &Nothing {})
}

/// `getNewestPodcasts`: there are none.
pub(crate) async fn newest_podcasts(call: Call) -> Answer {
    call.one("newestPodcasts", &Nothing {})
}

/// An endpoint that can only be refused.
pub(crate) async fn refuse(_: Call, why: &'static str) -> Answer {
    Err(Error::new(ErrorKind::Generic, why))
}
