//! The routes of renditions, and the way of a request from its address to an answer.

use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use budget::Budget;
use catalog::{Action, Identity};
use http::{HeaderValue, Method, StatusCode, request};
use http_body::Body as _;
use stream::{Client, Disposition, Held, Kind, Listener, Peer, Segment, Streams};
use transform::{Flight, Made, Readable, Recipe, Transforms};

use crate::address::{Address, CLOUDFLARE, MEDIA, SourceAt, has_option, split_query};
use crate::answer::{self, Told};
use crate::api;
use crate::error::Refused;
use crate::hints::Hints;
use crate::hls::Asking;
use crate::jobs::Jobs;
use crate::map::map;
use crate::options::{Asked, Rules, Spoken, Wanted};
use crate::proxy::{AnswerIndex, Ask, Proxy};
use crate::settings::Settings;
use crate::sign::{BadSignature, Signer};
use crate::sources::{Found, Proxied, Sources, by_suffix};

/// Who somebody is, by what his request shows. The faces that sign people in know that.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    /// Who it is; nobody when the request shows nothing.
    ///
    /// # Errors
    /// The answer to a request that shows something wrong.
    async fn who(&self, head: &request::Parts) -> Result<Option<Identity>, Response>;
}

/// What the routes work with.
pub struct Parts {
    /// Where sources are.
    pub sources: Sources,
    /// What makes renditions.
    pub transforms: Transforms,
    /// The way out.
    pub streams: Streams,
    /// What signs addresses.
    pub signer: Signer,
    /// Who somebody is.
    pub door: Arc<dyn Door>,
    /// What is remembered of jobs.
    pub jobs: Jobs,
    /// The law.
    pub budget: Budget,
    /// The path of `server.base_url`, before every address that is told.
    pub prefix: Box<str>,
    /// Where answers of origins are kept whose every request is passed on, if there are such origins.
    pub answers: Option<AnswerIndex>,
    /// The name of the cookie of our own sessions, which no origin gets to see.
    pub session_cookie: &'static str,
}

pub(crate) struct Face {
    pub(crate) parts: Parts,
    pub(crate) rules: Rules,
    proxy: Option<Proxy>,
}

/// What the paths of those routes begin with that say themselves who may read their answers.
pub fn paths(settings: &Settings) -> Vec<String> {
    let mut paths = media_paths(settings);
    paths.push(api::JOBS.to_owned());
    paths
}

/// What the paths of all media begin with.
fn media_paths(settings: &Settings) -> Vec<String> {
    let origins = settings.origin.iter().map(|origin| origin.path.as_str());
    let mut paths: Vec<String> = [CLOUDFLARE, MEDIA].into_iter().chain(origins).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The routes: Cloudflare's spelling, our own, and one for each path of an origin.
pub fn router(parts: Parts) -> Router {
    let settings = parts.sources.settings();
    let (paths, rules) = (media_paths(settings), settings.rules());
    let proxied: Vec<String> =
        settings.origin.iter().filter(|origin| origin.proxy).map(|origin| origin.path.clone()).collect();
    let kept = parts.answers.clone();
    let proxy = kept.map(|index| Proxy::new(index, parts.transforms.cache().clone(), parts.streams.clone()));
    let face = Arc::new(Face { rules, parts, proxy });
    face.listen_to_purges();
    let router = api::add(Router::new(), &face);
    paths.into_iter().fold(router, |router, path| {
        let face = Arc::clone(&face);
        let serve = move |request: Request| {
            let face = Arc::clone(&face);
            async move { face.serve(request).await }
        };
        let below = format!("{path}{{*rest}}");
        if proxied.contains(&path) {
            return router
                .route(&below, axum::routing::any(serve.clone()))
                .route(&path, axum::routing::any(serve));
        }
        router.route(&below, axum::routing::get(serve.clone()).options(answer::preflight))
    })
}

impl Face {
    async fn serve(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let origins = self.parts.sources.proxied(head.uri.path());
        let query = head.uri.query().unwrap_or_default();
        // Of what is passed on, the rest of the query is the origin's.
        let query_parts = match origins.is_empty() {
            false => split_query(query),
            true => (query.to_owned(), String::new()),
        };
        if let Some(proxy) = self.proxy.as_ref().filter(|_| !origins.is_empty()) {
            let is_ours = head.uri.query().is_some_and(|query| self.is_ours(head.uri.path(), query));
            if is_ours && answer::is_preflight(&head) {
                return answer::preflight().await;
            }
            if !is_ours || !matches!(head.method, Method::GET | Method::HEAD) {
                return Box::pin(self.pass_on(proxy, &origins, &head, body)).await;
            }
        }
        // Boxed, because signing in may hash a password, and that future is larger than all the others.
        let who = match Box::pin(self.parts.door.who(&head)).await {
            Ok(who) => who,
            Err(refused) => return refused,
        };
        match self.answer(&head, query_parts, who.as_ref()).await {
            Ok(response) => response,
            Err(refused) => answer::refusal(&refused),
        }
    }

    /// Whether an address of what is passed on asks for something of ours. Origins sign addresses too, in fields of the
    /// same names: a signature is ours beside an option of ours, or when we made it.
    fn is_ours(&self, path: &str, query: &str) -> bool {
        let check = || self.parts.signer.check(path, query, now_ms());
        has_option(query) || matches!(check(), Ok(_) | Err(BadSignature::Expired { .. }))
    }

    /// A request that asks for nothing of ours. What is only read is asked of the next origin where one does not have it
    /// or fails.
    async fn pass_on(
        &self,
        proxy: &Proxy,
        origins: &[Proxied<'_>],
        head: &request::Parts,
        mut body: Body,
    ) -> Response {
        let is_read = matches!(head.method, Method::GET | Method::HEAD) && body.is_end_stream();
        let (mut first, most) = (None::<Response>, if is_read { origins.len() } else { 1 });
        for origin in origins.iter().take(most) {
            let body = std::mem::take(&mut body);
            let (answer, is_last) = match self.pass_on_to(proxy, origin, head, body).await {
                Ok(answer) => {
                    let is_last = !lacks_or_fails(answer.status());
                    (answer, is_last)
                }
                Err(NotPassed::Origin(refused)) => {
                    (answer::refusal(&refused), !refused.lets_another_answer())
                }
                Err(NotPassed::Door(answer)) => (answer, true),
            };
            if is_last {
                return answer;
            }
            // That it is nowhere is known only when all of them said so.
            if first.as_ref().is_none_or(|first| first.status() == StatusCode::NOT_FOUND) {
                first = Some(answer);
            }
        }
        first.unwrap_or_else(|| answer::refusal(&Refused::NotFound))
    }

    async fn pass_on_to(
        &self,
        proxy: &Proxy,
        Proxied { origin, remote, rest }: &Proxied<'_>,
        head: &request::Parts,
        body: Body,
    ) -> Result<Response, NotPassed> {
        let mut who = None;
        if !origin.public {
            who = Box::pin(self.parts.door.who(head)).await.map_err(NotPassed::Door)?;
            if who.is_none() {
                return Err(NotPassed::Door(answer::refusal(&Refused::SignInNeeded)));
            }
        }
        let path = match head.uri.query() {
            Some(query) => format!("{rest}?{query}"),
            None => (*rest).to_owned(),
        };
        let media_type = by_suffix(rest);
        let is_media = media_type.starts_with("video/") || media_type.starts_with("audio/");
        let kind = if is_media { Kind::Media } else { Kind::Picture };
        let listener = listener(head, who.as_ref(), kind, rest);
        let method = head.method.clone();
        let cookie = self.parts.session_cookie;
        let ask = Ask::new(Arc::clone(origin), remote, path, method, &head.headers, cookie, listener);
        proxy.serve(&ask.map_err(NotPassed::Origin)?, body).await.map_err(NotPassed::Origin)
    }

    /// Answers with something of ours: of the query, the first part is what is asked of us, and the other the origin's.
    async fn answer(
        &self,
        head: &request::Parts,
        (ours, others): (String, String),
        who: Option<&Identity>,
    ) -> Result<Response, Refused> {
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let hints = Hints::of(&head.headers);
        let address = self.rules.address(path, &ours, &hints)?.ok_or(Refused::NotFound)?;
        let Address { mut source, spoken } = address;
        if !others.is_empty() {
            // The file of a playlist lies behind the video, of which the origin knows.
            let path = if let SourceAt::Path(of_source) = &source { of_source.as_ref() } else { path };
            source = SourceAt::Path(format!("{path}?{others}").into());
        }
        let rights = self.rights(path, query, who, signers_action(&source, &spoken)).await?;
        let sources = &self.parts.sources;
        // What is kept of a source is given before its origin was asked again.
        let known_will_do = is_rendition(&spoken) && !answer::wants_the_newest(&head.headers);
        let found = match known_will_do {
            true => sources.find_known(&source, rights.viewer.as_ref()).await,
            false => sources.find(&source, rights.viewer.as_ref()).await,
        };
        let found = found.map_err(|refused| rights.explain(refused))?;
        let mut found = Found { rights, ..found };
        let asked = match spoken {
            Spoken::Original(extras) => return self.original(head, found, &extras, who),
            Spoken::Rendition(asked) => asked,
        };
        match asked.wanted {
            Wanted::Rendition => {}
            Wanted::Map => {
                if self.parts.transforms.find(&found.material, &asked.recipe).await?.is_none() {
                    self.may_make(&asked, &found)?;
                }
                return self.map(&Asking { head, asked: &asked, found, who }).await;
            }
            _ => return self.stream(&Asking { head, asked: &asked, found, who }).await,
        }
        if asked.extras.debug_view {
            return Ok(answer::view(&asked, &found.material));
        }
        let mut kept = self.parts.transforms.find(&found.material, &asked.recipe).await?;
        if kept.is_none() && found.material.is_stale {
            let now = sources.find(&source, found.rights.viewer.as_ref()).await?;
            found = Found { rights: found.rights, ..now };
            kept = self.parts.transforms.find(&found.material, &asked.recipe).await?;
        }
        let (is_stale, again) = (found.material.is_stale, found.again.take());
        let asking = Asking { head, asked: &asked, found, who };
        if let Some(made) = kept {
            if let Some((origin, path)) = again {
                // What it says is known to whoever asks next.
                self.parts.transforms.beside(async move { drop(origin.open(&path).await) });
            }
            return self.send(&asking, &made, None, if is_stale { Told::Stale } else { Told::Hit });
        }
        self.may_make(&asked, &asking.found)?;
        if let Some(former) = self.former(&asking).await? {
            return self.send(&asking, &former, None, Told::Stale);
        }
        self.make(&asking).await
    }

    /// What was made of the source before it became what it is now. It is given at once, while the new one is made.
    async fn former(&self, asking: &Asking<'_>) -> Result<Option<Made>, Refused> {
        let Asking { head, asked, found, .. } = asking;
        if answer::wants_the_newest(&head.headers) {
            return Ok(None);
        }
        let transforms = &self.parts.transforms;
        let Some(former) = transforms.former(&found.material, &asked.recipe).await? else { return Ok(None) };
        let (material, recipe) = (found.tagged(asked), asked.recipe.clone());
        // Who may not have more in the making now gets the former one all the same; the next who asks tries again.
        let _ = transforms.make_beside(material, recipe, client(head).address);
        Ok(Some(former))
    }

    /// Whether it may be made for this request; what is made already is served to whoever may see the source.
    pub(crate) fn may_make(&self, asked: &Asked, found: &Found) -> Result<(), Refused> {
        found.rights.to_make(self.parts.sources.settings(), asked.is_free, found.is_public)
    }

    /// Lets a purge forget too what is believed of sources.
    fn listen_to_purges(self: &Arc<Self>) {
        let face = Arc::downgrade(self);
        self.parts.transforms.cache().tell_of_purges(Box::new(move |what| {
            let face = face.upgrade();
            Box::pin(async move {
                if let Some(face) = face {
                    face.parts.sources.disbelieve(&what).await;
                    if let Some(proxy) = &face.proxy {
                        proxy.purge(&face.parts.sources.settings().origin, &what).await;
                    }
                }
            })
        }));
    }

    /// Where the pictures of a sheet are. It is small, and made anew each time.
    async fn map(&self, asking: &Asking<'_>) -> Result<Response, Refused> {
        let Recipe::Sprite(sprite) = &asking.asked.recipe else { return Err(Refused::NotFound) };
        let probe =
            self.parts.transforms.probe(&asking.found.material, Some(client(asking.head).address)).await?;
        let (cell, step_ms) = transform::cell_size(sprite, &probe)?;
        let text = map(sprite, cell, step_ms, &self.here(asking).child("sprite.jpg"));
        Ok(answer::text("text/vtt; charset=utf-8", text, asking))
    }

    async fn make(&self, asking: &Asking<'_>) -> Result<Response, Refused> {
        let Asking { head, asked, found, who } = asking;
        if answer::plays_with_ranges_alone(head)
            && !answer::prefers_async(&head.headers)
            && let Some(place) = self.playlist(asking).await?
        {
            return Ok(answer::elsewhere(&place, asking));
        }
        let flight = self.begin(asking, asked.recipe.clone())?;
        if answer::prefers_async(&head.headers) {
            return Ok(self.job(flight, asking));
        }
        let (bytes, length) = match flight.readable(stream::wants_part(&head.headers)).await? {
            Readable::Whole(made) => return self.send(asking, &made, None, Told::Made),
            Readable::Coming { bytes, length } => (bytes, length),
            Readable::NotYet => return Ok(self.job(flight, asking)),
        };
        let content_type = HeaderValue::from_static(asked.recipe.content_type());
        let listener = listener(head, *who, Kind::Media, &asked.recipe.canonical());
        let streams = &self.parts.streams;
        let response = match length {
            Some(length) => {
                let foreseen = (bytes, length);
                streams.answer_foreseen(&head.method, &head.headers, foreseen, content_type, listener)
            }
            None => streams.answer_growing(&head.method, bytes, content_type, listener),
        }?;
        // The child goes on for as long as this one reads.
        let mut response = response.map(|body| Body::new(Held::new(body, flight)));
        answer::describe(response.headers_mut(), asked, found, Told::Growing);
        Ok(response)
    }

    /// Begins to make something for who asks, or joins those who wait for it.
    pub(crate) fn begin(&self, asking: &Asking<'_>, recipe: Recipe) -> Result<Flight, Refused> {
        let material = asking.found.tagged(asking.asked);
        Ok(self.parts.transforms.make(material, recipe, client(asking.head).address)?)
    }

    /// What is made, or a part of it that is something by itself.
    pub(crate) fn send(
        &self,
        asking: &Asking<'_>,
        made: &Made,
        part: Option<Range<u64>>,
        told: Told,
    ) -> Result<Response, Refused> {
        let Asking { head, asked, found, who } = asking;
        let content_type = HeaderValue::try_from(&*made.content_type).map_err(|_| Refused::Broken)?;
        let (offset, count) = part.map_or((0, None), |part| (part.start, Some(part.end - part.start)));
        let segment = Segment::slice(made.source.clone(), offset, count, content_type, Disposition::Inline);
        let segment = segment.ok_or(Refused::Broken)?;
        let is_picture =
            made.content_type.starts_with("image/") || made.content_type.starts_with("application/");
        let kind = if is_picture { Kind::Picture } else { Kind::Media };
        let listener = listener(head, *who, kind, &asked.recipe.canonical());
        let response = self.parts.streams.answer(&head.method, &head.headers, segment, listener)?;
        let mut response = response.map(Body::new);
        answer::describe(response.headers_mut(), asked, found, told);
        // That a range or a condition did not fit is nothing to keep.
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            answer::cacheable(response.headers_mut(), made, found.is_public, told);
        }
        Ok(response)
    }

    /// The source as it is.
    fn original(
        &self,
        head: &request::Parts,
        found: Found,
        extras: &crate::Extras,
        who: Option<&Identity>,
    ) -> Result<Response, Refused> {
        if found.material.source.comes_whole() {
            return Err(Refused::OriginWhole);
        }
        let content_type = HeaderValue::try_from(&found.content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let segment = Segment::whole(found.material.source.clone(), content_type, Disposition::Inline);
        let listener = listener(head, who, Kind::Media, &found.material.path);
        let response = self.parts.streams.answer(&head.method, &head.headers, segment, listener)?;
        let mut response = response.map(Body::new);
        answer::beside(response.headers_mut(), extras, found.is_open());
        Ok(response)
    }
}

/// Why a request was not passed on to one of the origins of its path.
enum NotPassed {
    /// Who asked was turned away, whichever origin it is.
    Door(Response),
    /// The origin, or what is kept of it, gives nothing.
    Origin(Refused),
}

/// Whether an origin that answers so does not have it, which buckets say with 403, or fails. A circle does not become
/// shorter when another is asked.
fn lacks_or_fails(status: StatusCode) -> bool {
    let lacks = [StatusCode::NOT_FOUND, StatusCode::GONE, StatusCode::FORBIDDEN];
    lacks.contains(&status) || (status.is_server_error() && status != StatusCode::LOOP_DETECTED)
}

/// What whoever signs such an address must be allowed: sound is made for all who listen, and all else for those who may ask
/// for renditions.
fn signers_action(source: &SourceAt<'_>, spoken: &Spoken) -> Action {
    let is_sound = |asked: &Asked| {
        let is_stream =
            matches!(asked.wanted, Wanted::AudioPlaylist | Wanted::SoundHead | Wanted::SoundSegment(_));
        is_stream && matches!(asked.recipe, Recipe::Audio(_))
    };
    match (source, spoken) {
        (SourceAt::Media(_), Spoken::Rendition(asked)) if is_sound(asked) => Action::Listen,
        _ => Action::Transform,
    }
}

/// Whether it is a rendition itself that is asked for.
fn is_rendition(spoken: &Spoken) -> bool {
    matches!(spoken, Spoken::Rendition(asked) if asked.wanted == Wanted::Rendition && !asked.extras.debug_view)
}

pub(crate) fn client(head: &request::Parts) -> Client {
    let nobody = Client { address: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), secure: false };
    head.extensions.get::<Client>().copied().unwrap_or(nobody)
}

pub(crate) fn listener(head: &request::Parts, who: Option<&Identity>, kind: Kind, what: &str) -> Listener {
    let peer = head.extensions.get::<Arc<Peer>>().cloned().unwrap_or_else(Peer::new);
    let (user, user_name) = match who {
        Some(identity) => (identity.user.id.0, Arc::from(identity.user.name.as_str())),
        // Strangers share no number with a user: their limit is that of their address.
        None => (stranger(client(head).address), Arc::from("")),
    };
    Listener { kind, user, user_name, what: what.to_owned(), client: client(head), peer }
}

/// A number below all users' for the network of an address.
fn stranger(address: std::net::IpAddr) -> i64 {
    let network = match budget::network_of(address) {
        std::net::IpAddr::V4(address) => i64::from(u32::from(address)),
        std::net::IpAddr::V6(address) => i64::try_from(u128::from(address) >> 65).unwrap_or(0) | 1 << 32,
    };
    -1 - network
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
