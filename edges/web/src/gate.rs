//! Before every handler: who asks, and may he.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{FromRequestParts, Request};
use axum::http::request;
use axum::response::{IntoResponse, Response};
use catalog::{Action, TrackId, Verdict, access};
use tower::{Layer, Service};

use crate::caller::{self, Caller};
use crate::error::{Code, Detail, Error};
use crate::json::Id;
use crate::{App, Route};

/// The gate of one route.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) app: Arc<App>,
    pub(crate) route: &'static Route,
}

impl Layer<axum::routing::Route> for Gate {
    type Service = Gated;

    fn layer(&self, handler: axum::routing::Route) -> Gated {
        Gated { gate: self.clone(), handler }
    }
}

/// A handler behind its gate: a service of our own, because axum's middleware of functions clones and boxes the handler
/// once more for each request.
#[derive(Clone)]
pub(crate) struct Gated {
    gate: Gate,
    handler: axum::routing::Route,
}

impl Service<Request> for Gated {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.handler, cx)
    }

    /// Lets a request through with its [`Caller`], or answers it.
    fn call(&mut self, request: Request) -> Self::Future {
        let (gate, mut handler) = (self.gate.clone(), self.handler.clone());
        let (mut head, body) = request.into_parts();
        Box::pin(async move {
            match admit(&gate.app, gate.route, &mut head).await {
                Ok(caller) => {
                    if let Some(caller) = caller {
                        head.extensions.insert(caller);
                    }
                    handler.call(Request::from_parts(head, body)).await
                }
                Err(error) if gate.route.platforms => Ok(Detail::from(error).into_response()),
                Err(error) => Ok(error.into_response()),
            }
        })
    }
}

/// Who it is, when the route wants to know; an error when the access table says no.
async fn admit(app: &App, route: &Route, head: &mut request::Parts) -> Result<Option<Caller>, Error> {
    if route.action == Action::Knock {
        return Ok(None);
    }
    let caller = caller::identify(app, route, head).await?;
    if let Some(caller) = &caller {
        caller.check_page(head, &app.base_url, &app.cors_origins)?;
    }
    let action = match (route.action, &caller) {
        (Action::ChangeTrack { .. }, Some(caller)) => owned_track(app, caller, head).await?,
        (action, _) => action,
    };
    match access::judge(caller.as_ref().map(|caller| &*caller.identity.user), action) {
        Verdict::Allowed => Ok(caller),
        // What strangers may then have of it is bounded where it is done.
        Verdict::SignIn if route.strangers && app.stems_are_public => Ok(None),
        Verdict::SignIn => Err(Error::new(Code::SignInNeeded, "sign in first")
            .hint("with POST /session, an API key as Bearer, or HTTP Basic")),
        Verdict::Denied => Err(Error::new(Code::NotAllowed, "you may not do this")),
    }
}

/// The action of a route that changes a track, with the owner of the track; a track that the caller may not even see
/// is not found.
async fn owned_track(app: &App, caller: &Caller, head: &mut request::Parts) -> Result<Action, Error> {
    let Id(id) = Id::<TrackId>::from_request_parts(head, &()).await?;
    let track = app.catalog.track(&caller.identity.managing(), id).await?;
    Ok(Action::ChangeTrack { owner: track.owner })
}
