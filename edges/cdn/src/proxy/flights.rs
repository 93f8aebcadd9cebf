//! Requests that are under way to origins, so that many who want the same ask once (RFC 9111 section 4).
//!
//! Whoever asks first leads. The others wait until what he gets grows in a file that they may read too, or is kept, or
//! turns out to be his alone; then each asks for himself, and for a while nobody waits there. Where nobody can be reached,
//! all hear that at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{PROXY_APART_MAX, PROXY_APART_MS};
use prometheus_client::registry::Registry;
use store::Growing;
use tokio::sync::watch;

use super::head::Head;
use crate::error::Refused;

/// The digest of an absolute address at an origin.
pub(crate) type Place = [u8; 32];

/// An answer whose bytes are on their way into a file.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) head: Head,
    /// The names of the fields of requests that it depends on, and the digest of what they say.
    pub(crate) vary: String,
    pub(crate) variant: [u8; 32],
    pub(crate) growing: Growing,
}

#[derive(Clone, Debug)]
enum State {
    Asked,
    Coming(Arc<Coming>),
    /// All of it is there, and it is found in a moment.
    Keeping,
    /// What there is to keep is kept: look again.
    Settled,
    /// It is nobody else's.
    Apart,
    /// Nobody would get anything from there now.
    Failed(Refused),
}

struct Running {
    state: watch::Sender<State>,
    /// Something changed at this address since it was asked for: what comes may be older than that.
    is_spoilt: AtomicBool,
}

/// All of them. A clone is the same.
#[derive(Clone)]
pub(crate) struct Flights(Arc<Shared>);

struct Shared {
    running: Mutex<HashMap<Place, Arc<Running>>>,
    apart: BoundedMap<Place, ()>,
}

/// What somebody is who comes to ask.
pub(crate) enum Seat {
    /// The first.
    Lead(Lead),
    /// One who may wait.
    Join(Waiting),
    /// One who asks for himself, and keeps nothing: somebody else leads.
    Alone,
}

/// The one who asks. Dropped before it settled, it tells the others to ask for themselves.
pub(crate) struct Lead {
    flights: Flights,
    place: Place,
    running: Arc<Running>,
    /// What the others hear when it is dropped.
    end: State,
}

/// One who waits.
pub(crate) struct Waiting(watch::Receiver<State>);

/// What he waited for.
pub(crate) enum Waited {
    Coming(Arc<Coming>),
    Settled,
    Apart,
    Failed(Refused),
}

impl Default for Flights {
    fn default() -> Self {
        let lifetime = Duration::from_millis(PROXY_APART_MS);
        let apart = BoundedMap::new("proxy_apart", PROXY_APART_MAX, lifetime);
        Flights(Arc::new(Shared { running: Mutex::default(), apart }))
    }
}

impl Flights {
    fn running(&self) -> MutexGuard<'_, HashMap<Place, Arc<Running>>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the places where nobody waits to the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.0.apart.register(registry);
    }

    /// Takes a seat. There are as many flights as requests that lead them, which the listener bounds.
    pub(crate) fn enter(&self, place: Place) -> Seat {
        let mut running = self.running();
        if let Some(running) = running.get(&place) {
            let is_apart =
                matches!(*running.state.borrow(), State::Apart) || self.0.apart.get(&place).is_some();
            return if is_apart { Seat::Alone } else { Seat::Join(Waiting(running.state.subscribe())) };
        }
        let one = Running { state: watch::Sender::new(State::Asked), is_spoilt: AtomicBool::new(false) };
        let one = Arc::new(one);
        running.insert(place, Arc::clone(&one));
        Seat::Lead(Lead { flights: self.clone(), place, running: one, end: State::Apart })
    }

    /// Waits for what came already and is found in a moment: whoever saw its last byte must not come too early.
    pub(crate) async fn kept(&self, place: &Place) {
        let mut state = match self.running().get(place) {
            Some(running) if matches!(*running.state.borrow(), State::Keeping) => running.state.subscribe(),
            _ => return,
        };
        // A leader who went away without a word has kept nothing.
        let _ = state.wait_for(|state| !matches!(state, State::Keeping)).await;
    }

    /// What is under way there is not to be kept.
    pub(crate) fn spoil(&self, place: &Place) {
        if let Some(running) = self.running().get(place) {
            running.is_spoilt.store(true, Ordering::SeqCst);
            running.state.send_replace(State::Apart);
        }
    }
}

impl Lead {
    /// What comes is for others too.
    pub(crate) fn comes(&self, coming: Coming) {
        if !self.is_spoilt() {
            self.running.state.send_replace(State::Coming(Arc::new(coming)));
        }
    }

    /// What comes is of use to others when it is kept, and not before.
    pub(crate) fn alone(&self) {
        self.running.state.send_replace(State::Apart);
    }

    /// Whether nobody reads what comes, nor will: whoever comes from now on asks for himself.
    pub(crate) fn is_left(&self) -> bool {
        // Under the lock under which others take it.
        self.running.state.send_if_modified(|state| {
            let is_left = matches!(state, State::Coming(coming) if Arc::strong_count(coming) == 1 && coming.growing.readers() == 1);
            if is_left {
                *state = State::Apart;
            }
            is_left
        })
    }

    /// The last byte is there.
    pub(crate) fn keeps(&self) {
        if !self.is_spoilt() {
            self.running.state.send_replace(State::Keeping);
        }
    }

    /// What comes is for this one alone, and so is probably the next.
    pub(crate) fn apart(&self) {
        self.flights.0.apart.insert(self.place, ());
        self.running.state.send_replace(State::Apart);
    }

    /// What comes is kept, and nobody need ask for himself any more.
    pub(crate) fn together(&self) {
        self.flights.0.apart.remove(&self.place);
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.running.is_spoilt.load(Ordering::SeqCst)
    }

    /// It is kept by now.
    pub(crate) fn settle(mut self) {
        self.end = State::Settled;
    }

    /// Nothing comes, whoever asks.
    pub(crate) fn fail(mut self, refused: Refused) {
        self.end = State::Failed(refused);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.running().remove(&self.place);
        self.running.state.send_replace(std::mem::replace(&mut self.end, State::Apart));
    }
}

impl Waiting {
    /// Waits until the leader knows.
    pub(crate) async fn wait(&mut self) -> Waited {
        let known = self.0.wait_for(|state| !matches!(state, State::Asked | State::Keeping)).await;
        match known.as_deref() {
            Ok(State::Coming(coming)) => Waited::Coming(Arc::clone(coming)),
            Ok(State::Settled) => Waited::Settled,
            Ok(State::Failed(refused)) => Waited::Failed(refused.clone()),
            _ => Waited::Apart,
        }
    }

    /// Waits until it is kept, or will not be.
    pub(crate) async fn wait_to_the_end(&mut self) -> Waited {
        let ended = self.0.wait_for(|state| matches!(state, State::Settled | State::Apart)).await;
        match ended.as_deref() {
            Ok(State::Settled) => Waited::Settled,
            _ => Waited::Apart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_hears_what_became_of_the_one_who_asks() {
        type End = fn(Lead);
        let cases: [(&str, End, &str); 4] = [
            ("it is kept", |lead| lead.settle(), "settled"),
            ("nobody is there", |lead| lead.fail(Refused::OriginUnreachable), "failed OriginUnreachable"),
            ("it is his alone", |lead| lead.apart(), "apart"),
            ("he went away", drop, "apart"),
        ];
        for (name, end, expected) in cases {
            let flights = Flights::default();
            let Seat::Lead(lead) = flights.enter([7; 32]) else { panic!("{name}: somebody leads") };
            let Seat::Join(mut waiting) = flights.enter([7; 32]) else { panic!("{name}: nobody leads") };
            end(lead);
            let heard = match waiting.wait().await {
                Waited::Coming(_) => "coming".to_owned(),
                Waited::Settled => "settled".to_owned(),
                Waited::Apart => "apart".to_owned(),
                Waited::Failed(refused) => format!("failed {refused:?}"),
            };
            assert_eq!(heard, expected, "{name}");
            assert!(matches!(flights.enter([7; 32]), Seat::Lead(_)), "{name}: the next one asks");
        }
    }
}
