//! One connection from its accept to its end.
//!
//! It is silent until its first byte, and quiet again between requests that are far apart; only between these does it
//! have hyper's state and buffers, in a future of their own.

use std::convert::Infallible;
use std::sync::Arc;

use budget::{Permit, Pool, Refused, limits};
use hyper_util::rt::TokioIo;
use stream::Peer;
use stream::wire::{Line, Outlet};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};

use super::conversation::{Conversation, Opening};
use super::drive::Outcome;
use super::exchange::{Exchange, Shared};
use super::linger::farewell;
use super::metrics::{Ended, Why};
use super::pulse::Pulse;
use super::refuse::refuse;
use super::socket::{Remote, Socket};
use super::tls::Secure;
use super::{House, http1, http2, rush};

/// What a transport must be able to do.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Outlet + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Outlet + Unpin + Send + 'static> Transport for T {}

/// Whose connection it is, and what it shares with the others.
pub(crate) struct Caller {
    pub(crate) remote: Remote,
    pub(crate) peer: Arc<Peer>,
    pub(crate) house: Arc<House>,
}

/// A connection between two requests, without hyper.
pub(crate) struct Quiet<S> {
    pub(crate) transport: S,
    /// When the last answer had been sent.
    pub(crate) since: Instant,
    /// What was read of the next request already.
    pub(crate) opening: Option<Opening>,
}

/// A connection that waits.
enum Waiting {
    Clear(Socket),
    Tls(Box<Secure>),
}

/// Talks until one side is done. What comes after the first byte is allocated after the first byte, so that silent
/// connections cost next to nothing. What is `_held` is given back with the end.
pub(crate) async fn run(socket: Socket, caller: Caller, _held: impl Send) {
    let open = caller.house.metrics.opened();
    let Err(how) = live(socket, &caller).await;
    tracing::trace!(remote = ?caller.remote, ?how, "a connection ended");
    open.end(how);
}

/// From silence to speech and back, until one of them ends.
async fn live(socket: Socket, caller: &Caller) -> Result<Infallible, Ended> {
    caller.first_byte(&socket).await?;
    // Drawn once: a connection that is parked and comes back is the same one.
    let line = caller.house.wire.line();
    let mut quiet = match caller.voice() {
        Ok(memory) => Box::pin(caller.speak(socket, &line, memory)).await?,
        Err(refused) if caller.is_clear() => return caller.refuse(socket, &refused).await,
        Err(refused) => return Err(caller.refused(&refused)),
    };
    loop {
        let opening = match (caller.next(&mut quiet).await, &mut quiet.transport) {
            (Ok(opening), _) => opening,
            (Err(how), Waiting::Clear(_)) => return Err(how),
            (Err(how), Waiting::Tls(tls)) => {
                Box::pin(farewell(tls, caller.house.deadlines.linger)).await;
                return Err(how);
            }
        };
        let memory = caller.voice();
        quiet = match (quiet.transport, memory) {
            (Waiting::Clear(socket), Ok(memory)) => {
                Box::pin(caller.talk(socket, opening, false, &line, memory)).await?.map(Waiting::Clear)
            }
            (Waiting::Tls(tls), Ok(memory)) => {
                Box::pin(caller.talk(*tls, opening, true, &line, memory)).await?.map(Waiting::tls)
            }
            (Waiting::Clear(socket), Err(refused)) => return caller.refuse(socket, &refused).await,
            (Waiting::Tls(tls), Err(refused)) => return caller.refuse(tls, &refused).await,
        };
    }
}

impl Caller {
    /// Whether this connection speaks without TLS.
    pub(crate) fn is_clear(&self) -> bool {
        self.house.tls.is_none() || self.remote == Remote::Unix
    }

    async fn first_byte(&self, socket: &Socket) -> Result<(), Ended> {
        tokio::select! {
            biased;
            () = self.house.stop.cancelled() => Err(Ended::Stopped),
            first = timeout(self.house.deadlines.first_byte, socket.first_byte()) => match first {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Ended::Broken),
                Err(_) => Err(Ended::Silent),
            },
        }
    }

    /// The memory of speech, beside that of silence.
    fn voice(&self) -> Result<Permit, Refused> {
        let more_bytes = limits::CONNECTION_BYTES - limits::SILENT_CONNECTION_BYTES;
        self.house.budget.take(Pool::Connections, more_bytes)
    }

    fn refused(&self, refused: &Refused) -> Ended {
        self.house.metrics.refused(Why::Server);
        tracing::debug!(remote = ?self.remote, what = refused.what, "no memory for a connection that speaks");
        Ended::Refused
    }

    /// Says so, while few others are being told the same.
    async fn refuse(
        &self,
        transport: impl AsyncRead + AsyncWrite + Unpin,
        refused: &Refused,
    ) -> Result<Infallible, Ended> {
        let how = self.refused(refused);
        if let Ok(_slot) = self.house.refusals.take(()) {
            Box::pin(refuse(transport, refused, &self.house)).await;
        }
        Err(how)
    }

    /// TLS or clear.
    async fn speak(
        &self,
        socket: Socket,
        line: &Option<Arc<Line>>,
        memory: Permit,
    ) -> Result<Quiet<Waiting>, Ended> {
        let house = &self.house;
        let acceptor = house.tls.as_ref().filter(|_| !self.is_clear());
        let Some(acceptor) = acceptor else {
            let (socket, opening) = self.open(socket).await?;
            return Ok(self.talk(socket, opening, false, line, memory).await?.map(Waiting::Clear));
        };
        let handshake = tokio::select! {
            biased;
            () = house.stop.cancelled() => return Err(Ended::Stopped),
            handshake = timeout(house.deadlines.head, Secure::accept(acceptor, socket)) => handshake,
        };
        let Ok(Ok(tls)) = handshake else { return Err(Ended::Handshake) };
        let (tls, opening) = Box::pin(self.open(tls)).await?;
        Ok(Box::pin(self.talk(tls, opening, true, line, memory)).await?.map(Waiting::tls))
    }

    /// Reads enough to tell HTTP/2 from HTTP/1.
    async fn open<S: Transport>(&self, mut transport: S) -> Result<(S, Opening), Ended> {
        tokio::select! {
            biased;
            () = self.house.stop.cancelled() => Err(Ended::Stopped),
            opening = timeout(self.house.deadlines.head, Opening::read(&mut transport)) => match opening {
                Ok(Ok(opening)) => Ok((transport, opening)),
                Ok(Err(_)) => Err(Ended::Broken),
                Err(_) => Err(Ended::SlowHead),
            },
        }
    }

    /// HTTP/2 if the connection opens with its preface, else HTTP/1, until it ends or is quiet.
    async fn talk<S: Transport>(
        &self,
        transport: S,
        opening: Opening,
        tls: bool,
        line: &Option<Arc<Line>>,
        _memory: Permit,
    ) -> Result<Quiet<S>, Ended> {
        let http2 = opening.is_http2();
        let pulse = Pulse::new(!http2);
        // The streams of HTTP/2 come in frames, between which no file fits.
        let line = line.clone().filter(|_| !http2);
        let exchange = Exchange::new(Shared {
            house: Arc::clone(&self.house),
            peer: Arc::clone(&self.peer),
            pulse: Arc::clone(&pulse),
            remote: self.remote,
            tls,
            line: line.clone(),
        });
        let (budget, heard) = (self.house.budget.clone(), Arc::clone(&pulse));
        let io =
            TokioIo::new(Conversation::new(transport, opening, pulse, budget, line, Arc::clone(&self.peer)));
        if !http2 {
            let speech = Box::pin(http1::speak(io, exchange));
            return rush::hear(speech, &heard, self.house.disk.as_ref()).await.unwrap_or(Err(Ended::Broken));
        }
        match Box::pin(http2::speak(io, exchange)).await {
            Outcome::Over(how) => Err(how),
            Outcome::Quiet => Err(Ended::Properly),
        }
    }

    /// Waits for the next request: until its first bytes, the end of either side, or the deadline of idle connections.
    async fn next(&self, quiet: &mut Quiet<Waiting>) -> Result<Opening, Ended> {
        if let Some(opening) = quiet.opening.take() {
            return Ok(opening);
        }
        let _parked = self.house.metrics.parked();
        match &mut quiet.transport {
            Waiting::Clear(socket) => socket.rest(),
            Waiting::Tls(tls) => tls.rest(),
        }
        let next = async {
            match &mut quiet.transport {
                Waiting::Clear(socket) => Opening::next(socket).await,
                Waiting::Tls(tls) => Opening::next(tls).await,
            }
        };
        tokio::select! {
            biased;
            () = self.house.stop.cancelled() => Err(Ended::Stopped),
            () = self.peer.cut_asked() => Err(Ended::Cut),
            next = timeout_at(quiet.since + self.house.deadlines.idle, next) => match next {
                Ok(Ok(Some(opening))) => Ok(opening),
                Ok(Ok(None)) => Err(Ended::Properly),
                Ok(Err(_)) => Err(Ended::Broken),
                Err(_) => Err(Ended::Idle),
            },
        }
    }
}

impl<S> Quiet<S> {
    fn map<T>(self, waiting: impl FnOnce(S) -> T) -> Quiet<T> {
        Quiet { transport: waiting(self.transport), since: self.since, opening: self.opening }
    }
}

impl Waiting {
    fn tls(tls: Secure) -> Self {
        Waiting::Tls(Box::new(tls))
    }
}
