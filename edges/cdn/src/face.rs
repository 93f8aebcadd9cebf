//! The routes of renditions, and the way of a request from its address to an answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use budget::limits::{RENDITION_PATIENCE_MS, RENDITION_WAIT_MS};
use catalog::{Action, Identity, Verdict, access};
use http::{HeaderValue, request};
use stream::{Client, Disposition, Kind, Listener, Peer, Segment, Streams};
use transform::{Flight, Made, Recipe, Transforms};

use crate::address::{Address, CLOUDFLARE, MEDIA};
use crate::answer::{self, Told};
use crate::error::Refused;
use crate::hints::Hints;
use crate::map::map;
use crate::options::{Asked, Rules, Spoken, Wanted};
use crate::settings::Settings;
use crate::sign::Signer;
use crate::sources::{Found, Sources};

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
}

struct Face {
    parts: Parts,
    rules: Rules,
}

/// What the paths of all routes begin with. These routes say themselves who may read their answers.
pub fn paths(settings: &Settings) -> Vec<String> {
    let origins = settings.origin.iter().map(|origin| origin.path.as_str());
    let mut paths: Vec<String> = [CLOUDFLARE, MEDIA].into_iter().chain(origins).map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The routes: Cloudflare's spelling, our own, and one for each path of an origin.
pub fn router(parts: Parts) -> Router {
    let settings = parts.sources.settings();
    let (paths, rules) = (paths(settings), settings.rules());
    let face = Arc::new(Face { rules, parts });
    paths.into_iter().fold(Router::new(), |router, path| {
        let face = Arc::clone(&face);
        let serve = move |request: Request| {
            let face = Arc::clone(&face);
            async move { face.serve(request).await }
        };
        router
            .route(&format!("{path}{{*rest}}"), axum::routing::get(serve.clone()).options(answer::preflight))
    })
}

impl Face {
    async fn serve(&self, request: Request) -> Response {
        let (head, _) = request.into_parts();
        // Boxed, because signing in may hash a password, and that future is larger than all the others.
        let who = match Box::pin(self.parts.door.who(&head)).await {
            Ok(who) => who,
            Err(refused) => return refused,
        };
        match self.answer(&head, who.as_ref()).await {
            Ok(response) => response,
            Err(refused) => answer::refusal(&refused),
        }
    }

    async fn answer(&self, head: &request::Parts, who: Option<&Identity>) -> Result<Response, Refused> {
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let hints = Hints::of(&head.headers);
        let address = self.rules.address(path, query, &hints)?.ok_or(Refused::NotFound)?;
        let Address { source, spoken } = address;
        let found = self.parts.sources.find(&source, who).await?;
        let asked = match spoken {
            Spoken::Original(extras) => return self.original(head, found, &extras, who),
            Spoken::Rendition(asked) => asked,
        };
        match asked.wanted {
            Wanted::Rendition => {}
            Wanted::Map => {
                self.may_make(path, query, &asked, &found, who)?;
                return self.map(&asked, &found, query).await;
            }
            // What a player of HLS asks for is refused by name until it is made here.
            _ => return Err(Refused::NotFound),
        }
        if asked.extras.debug_view {
            return Ok(answer::view(&asked, &found.material));
        }
        if let Some(made) = self.parts.transforms.find(&found.material, &asked.recipe).await? {
            return self.send(head, &made, &asked, &found, who, Told::Hit);
        }
        self.may_make(path, query, &asked, &found, who)?;
        self.make(head, &asked, found, who).await
    }

    /// Whether this person may have it made; what is made already is served to whoever may see the source.
    fn may_make(
        &self,
        path: &str,
        query: &str,
        asked: &Asked,
        found: &Found,
        who: Option<&Identity>,
    ) -> Result<(), Refused> {
        let settings = self.parts.sources.settings();
        let is_allowed = access::judge(who.map(|who| &*who.user), Action::Transform) == Verdict::Allowed;
        if is_allowed || !settings.sign.is_needed(asked.is_free, found.is_public) {
            return Ok(());
        }
        match self.parts.signer.check(path, query, now_ms()) {
            Ok(_) => Ok(()),
            Err(crate::BadSignature::Missing) => Err(Refused::Unsigned(settings.ladder.clone())),
            Err(bad) => Err(bad.into()),
        }
    }

    /// Where the pictures of a sheet are. It is small, and made anew each time.
    async fn map(&self, asked: &Asked, found: &Found, query: &str) -> Result<Response, Refused> {
        let Recipe::Sprite(sprite) = &asked.recipe else { return Err(Refused::NotFound) };
        let probe = self.parts.transforms.probe(&found.material).await?;
        let (cell, step_ms) = transform::cell_size(sprite, &probe)?;
        Ok(answer::text("text/vtt; charset=utf-8", map(sprite, cell, step_ms, query), found.is_public))
    }

    async fn make(
        &self,
        head: &request::Parts,
        asked: &Asked,
        found: Found,
        who: Option<&Identity>,
    ) -> Result<Response, Refused> {
        let transforms = &self.parts.transforms;
        let mut material = found.material.clone();
        material.tags.extend(asked.preset.iter().map(|preset| format!("derivative:{preset}")));
        let flight = transforms.make(material, asked.recipe.clone(), client(head).address)?;
        if answer::prefers_async(&head.headers) {
            return Ok(self.hold(flight, head));
        }
        // What is there in a moment is given whole, with a length and ranges.
        if let Some(made) = flight.made(Duration::from_millis(RENDITION_PATIENCE_MS)).await? {
            return self.send(head, &made, asked, &found, who, Told::Made);
        }
        let wait = Duration::from_millis(RENDITION_WAIT_MS);
        if asked.recipe.grows()
            && answer::takes_what_grows(head)
            && let Some(growing) = flight.growing(wait).await?
        {
            let content_type = HeaderValue::from_static(asked.recipe.content_type());
            let listener = listener(head, who, Kind::Media, &asked.recipe.canonical());
            let response =
                self.parts.streams.answer_growing(&head.method, growing, content_type, listener)?;
            // The child goes on for as long as this one reads.
            let mut response = response.map(|body| Body::new(answer::Held::new(body, flight)));
            answer::describe(response.headers_mut(), asked, &found, Told::Growing);
            return Ok(response);
        }
        match flight.made(wait).await? {
            Some(made) => self.send(head, &made, asked, &found, who, Told::Made),
            None => Ok(self.hold(flight, head)),
        }
    }

    fn send(
        &self,
        head: &request::Parts,
        made: &Made,
        asked: &Asked,
        found: &Found,
        who: Option<&Identity>,
        told: Told,
    ) -> Result<Response, Refused> {
        let content_type = HeaderValue::try_from(&*made.content_type).map_err(|_| Refused::Broken)?;
        let segment = Segment::whole(made.source.clone(), content_type, Disposition::Inline);
        let is_picture =
            made.content_type.starts_with("image/") || made.content_type.starts_with("application/");
        let kind = if is_picture { Kind::Picture } else { Kind::Media };
        let listener = listener(head, who, kind, &asked.recipe.canonical());
        let response = self.parts.streams.answer(&head.method, &head.headers, segment, listener)?;
        let mut response = response.map(Body::new);
        answer::describe(response.headers_mut(), asked, found, told);
        answer::cacheable(response.headers_mut(), made, found.is_public);
        Ok(response)
    }

    /// 202 (RFC 7240 section 4.1): it is being made, and goes on though nobody waits on this connection.
    fn hold(&self, flight: Flight, head: &request::Parts) -> Response {
        let response = answer::accepted(&flight, head);
        self.parts.transforms.go_on(flight);
        response
    }

    /// The source as it is.
    fn original(
        &self,
        head: &request::Parts,
        found: Found,
        extras: &crate::Extras,
        who: Option<&Identity>,
    ) -> Result<Response, Refused> {
        let content_type = HeaderValue::try_from(&found.content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let segment = Segment::whole(found.material.source.clone(), content_type, Disposition::Inline);
        let listener = listener(head, who, Kind::Media, &found.material.path);
        let response = self.parts.streams.answer(&head.method, &head.headers, segment, listener)?;
        let mut response = response.map(Body::new);
        answer::beside(response.headers_mut(), extras, found.is_public);
        Ok(response)
    }
}

fn client(head: &request::Parts) -> Client {
    let nobody = Client { address: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), secure: false };
    head.extensions.get::<Client>().copied().unwrap_or(nobody)
}

fn listener(head: &request::Parts, who: Option<&Identity>, kind: Kind, what: &str) -> Listener {
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

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
