//! `/events`: what happens, as it happens, on one connection for a whole page (the HTML standard, section 9.2).
//!
//! Everybody hears when what lists show has changed, or a playlist that he sees, who he is and what he may, when he is nobody
//! any more, what of his goes on, and how it ended. Admins hear what goes on of everybody's, and how the server stands;
//! whoever becomes one or is one no longer hears it from the next look on. What did not change is not said again, and nothing
//! is kept for whoever is slow: each look tells how things are then. The database is asked only after somebody wrote to it: a
//! thousand pages on which nothing happens cost it nothing. A database that is silent or slow holds up nobody's figures of
//! the server: whoever was an admin when it was asked last hears them on, and as nobody can be made anything else meanwhile,
//! he still is one.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::Response;
use budget::{Level, Pool, PoolFigures, Slot, limits};
use bytes::Bytes;
use catalog::{Refusal, User};
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};
use utoipa::ToSchema;

use crate::account::UserAnswer;
use crate::caller::{self, Caller, Proof};
use crate::ended::EndedAnswer;
use crate::error::Error;
use crate::events::{HEARTBEAT, X_ACCEL_BUFFERING, text};
use crate::memory::ProcessAnswer;
use crate::scan::ScanAnswer;
use crate::stems::{self, ModelAnswer};
use crate::under_way::{UnderWayAnswer, Wanted, whose};
use crate::{App, json, memory, streams};

/// How the server stands: the memory that it may have, and who has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServerAnswer {
    /// When this was read, as RFC 3339.
    at: String,
    /// `memory.limit`, which is divided into the pools.
    limit_bytes: u64,
    /// What the server and its children have in memory.
    resident_bytes: u64,
    /// The most that they had at once, as it was seen in four looks a second, and never less than the most that the server had
    /// by itself.
    resident_peak_bytes: u64,
    /// Whose memory it is: the server's first, then that of each child.
    processes: Vec<ProcessAnswer>,
    /// `calm`, `raised`, `high` or `full`.
    pressure: &'static str,
    pools: Vec<PoolAnswer>,
    /// Models that are in memory.
    models: Vec<ModelAnswer>,
    scan: ScanAnswer,
}

/// A part of the memory, and who waits for it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PoolAnswer {
    #[schema(example = "streams")]
    name: &'static str,
    /// What no other pool can take.
    floor_bytes: u64,
    /// What this pool never exceeds.
    ceiling_bytes: u64,
    /// What permits stand for now.
    used_bytes: u64,
    /// The most that they stood for at once.
    peak_bytes: u64,
    /// Requests that wait.
    waiting: usize,
    /// Requests refused since the start.
    refused: u64,
}

impl From<PoolFigures> for PoolAnswer {
    fn from(pool: PoolFigures) -> Self {
        PoolAnswer {
            name: pool.pool.name(),
            floor_bytes: pool.floor_bytes,
            ceiling_bytes: pool.ceiling_bytes,
            used_bytes: pool.used_bytes,
            peak_bytes: pool.peak_bytes,
            waiting: pool.waiting,
            refused: pool.refused_total,
        }
    }
}

impl ServerAnswer {
    fn now(app: &App) -> Self {
        let process = budget::memory::process();
        let processes = memory::processes(process.resident_bytes);
        let resident_bytes = memory::sum(&processes);
        let resident_peak_bytes =
            app.budget.resident_peak_bytes().max(resident_bytes).max(process.peak_bytes);
        let pressure = match app.budget.pressure() {
            Level::Calm => "calm",
            Level::Raised => "raised",
            Level::High => "high",
            Level::Full => "full",
        };
        ServerAnswer {
            at: json::moment(json::now()),
            limit_bytes: app.budget.limit_bytes(),
            resident_bytes,
            resident_peak_bytes,
            processes,
            pressure,
            pools: app.budget.figures().into_iter().map(PoolAnswer::from).collect(),
            models: stems::loaded(app),
            scan: ScanAnswer::from(app.scanner.status()),
        }
    }
}

/// What lists show has changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct LibraryChangedAnswer {
    /// When, as RFC 3339.
    changed: String,
}

/// Playlists that the listener sees may have changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaylistsChangedAnswer {
    /// Another text after each change.
    changed: String,
}

/// Follow what happens
///
/// Server-sent events, one connection for everything: `library` when what lists show has changed, `playlists` when a playlist
/// may have that the listener sees, `rights` when whoever listens has another role, other rights or other libraries, with what
/// he is now, `under_way` when what goes on of his changes, of everybody's for admins, `ended` when there is another end among
/// his own newest uploads and jobs, and for admins `server` every second. The first look tells each of them as it is then, so
/// whoever connects again has missed nothing. It ends with `signed_out` when what proved who he is has been taken back or its
/// time is over, and without when the server stops.
#[utoipa::path(get, path = "/events", tag = "server",
    responses((status = 200, description = "events",
        content((ServerAnswer = "text/event-stream"), (UserAnswer = "text/event-stream"),
            (UnderWayAnswer = "text/event-stream"), (EndedAnswer = "text/event-stream"), (PlaylistsChangedAnswer = "text/event-stream"),
            (LibraryChangedAnswer = "text/event-stream")))))]
pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller,
    head: request::Parts,
) -> Result<Response, Error> {
    let user = caller.identity.user;
    let listening = Listening {
        is_admin: whose(&user).is_none(),
        next: Instant::now(),
        quiet_since: Instant::now(),
        over: false,
        _slot: app.watchers.take(user.id.0)?,
        app: Arc::clone(&app),
        looking: Listener {
            proof: Proof::shown(&head.headers)?.ok_or(Refusal::Wrong)?,
            from: caller::client(&head).address,
            proved: None,
            rights: Said::default(),
            library: Said::default(),
            playlists: Said::default(),
            under_way: Said::default(),
            ended: Said::default(),
            known: None,
            going: (0, 0),
            moved: None,
            user,
            app,
        }
        .begin(),
    };
    let body = Body::from_stream(stream::unfold(listening, next));
    let mut answer = json::typed(StatusCode::OK, "text/event-stream", body);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(answer)
}

/// What is another when there may be something to tell: the numbers of the database's news and of that of his playlists, and the
/// age of his credentials.
type News = (u64, u64, u64);

/// A connection over which somebody listens.
struct Listening {
    app: Arc<App>,
    /// The next look, or the one under way, which a database may take its time for.
    looking: Pin<Box<dyn Future<Output = Looked> + Send>>,
    /// Whether he was an admin when it was looked last.
    is_admin: bool,
    next: Instant,
    quiet_since: Instant,
    over: bool,
    _slot: Slot<i64>,
}

/// What a look found.
struct Looked {
    listener: Listener,
    events: Vec<u8>,
    /// Whether he is nobody any more.
    over: bool,
}

/// Whoever listens, and what he was told.
struct Listener {
    app: Arc<App>,
    /// What proves who he is.
    proof: Proof,
    from: IpAddr,
    /// Of which age his credentials were when it was last asked whether that still holds; none when it has yet to be.
    proved: Option<u64>,
    /// As he was then.
    user: Arc<User>,
    rights: Said,
    library: Said,
    playlists: Said,
    under_way: Said,
    ended: Said,
    /// By which he knows the news that he has, and since when; none when he has yet to be told how things are.
    known: Option<(News, Instant)>,
    /// How many uploads and jobs go on of what he sees.
    going: (u64, u64),
    /// By which it is known again how far what goes on was, as far as memory tells.
    moved: Option<u64>,
}

/// What is new at the next look, or a heartbeat when there was nothing for long.
async fn next(mut listening: Listening) -> Option<(Result<Bytes, Infallible>, Listening)> {
    let heartbeat = Duration::from_millis(limits::EVENT_HEARTBEAT_MS);
    let stop = listening.app.stop.clone();
    while !listening.over {
        let at = listening.next;
        // A server that stops lets answers finish, and this one never would. Browsers ask again.
        stop.run_until_cancelled(sleep_until(at)).await?;
        listening.next = Instant::now() + Duration::from_millis(limits::LIVE_EVENT_MS);
        let mut events = listening.look().await;
        if events.is_empty() && listening.quiet_since.elapsed() >= heartbeat {
            events.extend_from_slice(HEARTBEAT);
        }
        if !events.is_empty() {
            listening.quiet_since = Instant::now();
            return Some((Ok(Bytes::from(events)), listening));
        }
    }
    None
}

/// By which something is known again.
fn print(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// By which an event is known again that was said last of its kind.
#[derive(Default)]
struct Said(u64);

impl Said {
    /// Adds an event, unless it is the one that was said last.
    fn say(&mut self, event: &[u8], events: &mut Vec<u8>) {
        let print = print(&event);
        if std::mem::replace(&mut self.0, print) != print {
            events.extend_from_slice(event);
        }
    }
}

impl Listening {
    /// What there is to tell by the time of the next look.
    async fn look(&mut self) -> Vec<u8> {
        let mut events = Vec::new();
        if let Ok(looked) = timeout_at(self.next, &mut self.looking).await {
            (events, self.over) = (looked.events, looked.over);
            self.is_admin = whose(&looked.listener.user).is_none();
            self.looking = looked.listener.begin();
        }
        if self.is_admin
            && !self.over
            && self.app.budget.take(Pool::Connections, limits::LIVE_EVENT_BYTES).is_ok()
        {
            events.extend_from_slice(&text(Some("server"), &ServerAnswer::now(&self.app)));
        }
        events
    }
}

impl Listener {
    /// The next look, which begins when somebody waits for it.
    fn begin(mut self) -> Pin<Box<dyn Future<Output = Looked> + Send>> {
        Box::pin(async move {
            let mut events = Vec::new();
            let over = self.look(&mut events).await.is_err();
            Looked { listener: self, events, over }
        })
    }

    /// Tells what is new; an error when he is nobody any more.
    async fn look(&mut self, events: &mut Vec<u8>) -> Result<(), Refusal> {
        // Taken before anything is read: what is written meanwhile is news at the next look.
        let age = self.app.sign_in.age_of(self.user.id);
        let playlists = self.app.catalog.playlist_news(self.user.id);
        let news = (self.app.catalog.news(), playlists, age);
        let anew = Duration::from_millis(limits::LIVE_ANEW_MS);
        let is_news = self.known.is_none_or(|(known, since)| known != news || since.elapsed() >= anew);
        if is_news {
            match self.prove(age).await {
                Ok(()) => self.rights.say(&text(Some("rights"), &UserAnswer::of(&self.user)), events),
                Err(Refusal::Wrong) => {
                    events.extend_from_slice(b"event: signed_out\ndata: {}\n\n");
                    return Err(Refusal::Wrong);
                }
                // Whoever cannot be recognised just now is told nothing of people until he can be.
                Err(_) => return Ok(()),
            }
        }
        // Not of the pool of lists, which refuses everybody when memory is short: that is when these figures are wanted.
        let Ok(_permit) = self.app.budget.take(Pool::Connections, limits::LIVE_EVENT_BYTES) else {
            return Ok(());
        };
        if is_news {
            let changed = PlaylistsChangedAnswer { changed: playlists.to_string() };
            self.playlists.say(&text(Some("playlists"), &changed), events);
            // A database that is busy is asked again at the next look.
            self.known = self.hear(events).await.ok().map(|()| (news, Instant::now()));
        }
        // While it is not known what goes on, nobody is told that nothing does.
        if self.known.is_some() {
            self.follow(is_news, events).await;
        }
        Ok(())
    }

    /// What the database tells.
    async fn hear(&mut self, events: &mut Vec<u8>) -> Result<(), Error> {
        let changed = json::moment(self.app.catalog.changed().await?);
        self.library.say(&text(Some("library"), &LibraryChangedAnswer { changed }), events);
        self.going = self.app.catalog.under_way(whose(&self.user)).await?;
        let ended = EndedAnswer::of(&self.app, self.user.id).await?;
        self.ended.say(&text(Some("ended"), &ended), events);
        Ok(())
    }

    /// What goes on, if anything of it is another than before.
    async fn follow(&mut self, is_news: bool, events: &mut Vec<u8>) {
        let whose = whose(&self.user);
        let wanted = Wanted { whose, after: None, rows: limits::LIVE_ROWS_MAX };
        let streams = text(None, &streams::page(&self.app, &wanted));
        let moved = Some(print(&(streams, self.app.ingest.print(whose))));
        if !is_news && moved == self.moved {
            return;
        }
        let told = UnderWayAnswer::of(&self.app, whose, self.going, limits::LIVE_ROWS_MAX).await;
        self.moved = moved.filter(|_| told.is_ok());
        if let Ok(under_way) = told {
            self.under_way.say(&text(Some("under_way"), &under_way), events);
        }
    }

    /// Asks who he is now. A session may end by itself and is asked for at all news, which is cheap; a key or a password ends
    /// only with a change that makes his credentials of another age, and a password costs a hash.
    async fn prove(&mut self, age: u64) -> Result<(), Refusal> {
        if self.proved == Some(age) && !matches!(self.proof, Proof::Session(_)) {
            return Ok(());
        }
        // Boxed like every password check: its future is larger than all others.
        self.user = Box::pin(self.proof.check(&self.app.sign_in, self.from)).await?.user;
        self.proved = Some(age);
        Ok(())
    }
}
