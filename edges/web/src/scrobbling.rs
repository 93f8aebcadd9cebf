//! `/me/scrobbling`: the caller's accounts at services that are told what he plays. What proves who he is there is
//! written and never read.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use budget::limits::SERVICE_TOKEN_CHARS_MAX;
use catalog::{AccountState, Service, ServiceAccount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Fields, Form, Id};

/// An account at a service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountAnswer {
    /// `listenbrainz` or `lastfm`.
    service: &'static str,
    /// `new`: the service is being asked. `asked`: you must approve at `approval`. `connected`. `refused`: nothing is sent
    /// until you connect anew.
    state: &'static str,
    /// Where the service is, if it is not the public one.
    url: Option<String>,
    /// What the service calls you.
    account: Option<String>,
    /// Where you approve.
    approval: Option<String>,
    /// What went wrong last.
    trouble: Option<String>,
    /// Since when, as RFC 3339.
    since: String,
    plays: ServicePlaysAnswer,
}

/// What became of plays.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServicePlaysAnswer {
    /// Still to be told.
    waiting: u64,
    /// Told.
    told: u64,
    /// The service does not want them: they are too short, too old, or without an artist.
    unwanted: u64,
    /// They gave way to later ones, because too many waited.
    dropped: u64,
    /// When one was told last, as RFC 3339.
    told_at: Option<String>,
}

impl From<ServiceAccount> for ServiceAccountAnswer {
    fn from(account: ServiceAccount) -> Self {
        ServiceAccountAnswer {
            service: account.service.name(),
            state: match account.state {
                AccountState::New => "new",
                AccountState::Asked => "asked",
                AccountState::Connected => "connected",
                AccountState::Refused => "refused",
            },
            url: account.url,
            account: account.account,
            approval: account.approval,
            trouble: account.trouble,
            since: json::moment(account.created),
            plays: ServicePlaysAnswer {
                waiting: account.waiting,
                told: account.told,
                unwanted: account.unwanted,
                dropped: account.dropped,
                told_at: account.told_at.map(json::moment),
            },
        }
    }
}

/// The caller's accounts at services.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountsAnswer {
    accounts: Vec<ServiceAccountAnswer>,
}

/// List accounts at services that are told what you play
#[utoipa::path(get, path = "/me/scrobbling", tag = "account",
    responses((status = 200, description = "the caller's accounts", body = ServiceAccountsAnswer)))]
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let accounts = app.catalog.service_accounts(caller.identity.user.id).await?;
    let accounts = accounts.into_iter().map(Into::into).collect();
    Ok(json::answer(StatusCode::OK, &ServiceAccountsAnswer { accounts }))
}

/// What connects an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectForm {
    /// Your token, for ListenBrainz alone.
    #[schema(format = Password)]
    token: Option<String>,
    /// Where a ListenBrainz is that somebody runs himself, above `/1/`.
    #[schema(example = "https://listens.example.org")]
    url: Option<String>,
}

impl Fields for ConnectForm {
    const NAMES: &'static [&'static str] = &["token", "url"];
}

/// Connect an account at a service
///
/// The service is asked at once, and the list of accounts shows what it said. Last.fm needs no token: you approve at the
/// address that the list shows a moment later.
#[utoipa::path(put, path = "/me/scrobbling/{id}", tag = "account", request_body = ConnectForm,
    params(("id" = String, Path, example = "listenbrainz")),
    responses((status = 202, description = "the service is being asked", body = ServiceAccountAnswer)))]
pub(crate) async fn connect(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(service): Id<Service>,
    Form(form): Form<ConnectForm>,
) -> Result<Response, Error> {
    let user = caller.identity.user.id;
    let (token, url) = checked(service, &form)?;
    let sealed = token.map(|token| app.seal.close(user, token.as_bytes())).transpose()?;
    let account = app.catalog.connect_service(user, service, url, sealed.as_deref()).await?;
    Ok(json::answer(StatusCode::ACCEPTED, &ServiceAccountAnswer::from(account)))
}

/// Forget an account at a service
///
/// With the plays that were still to be told.
#[utoipa::path(delete, path = "/me/scrobbling/{id}", tag = "account",
    params(("id" = String, Path, example = "listenbrainz")),
    responses((status = 204, description = "it is told nothing any more")))]
pub(crate) async fn disconnect(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(service): Id<Service>,
) -> Result<StatusCode, Error> {
    app.catalog.disconnect_service(caller.identity.user.id, service).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the form has for this service.
fn checked(service: Service, form: &ConnectForm) -> Result<(Option<&str>, Option<&str>), Error> {
    let invalid = |text: String| Err(Error::new(Code::Invalid, text));
    let (token, url) = (form.token.as_deref().map(str::trim), form.url.as_deref().map(str::trim));
    match service {
        Service::LastFm if token.is_some() || url.is_some() => {
            invalid("Last.fm needs no token and no url; you approve there".to_owned())
        }
        Service::LastFm => Ok((None, None)),
        Service::ListenBrainz => {
            let fits = |token: &str| {
                (1..=SERVICE_TOKEN_CHARS_MAX).contains(&token.len())
                    && token.bytes().all(|byte| byte.is_ascii_graphic())
            };
            if !token.is_some_and(fits) {
                let text = format!("token must have 1 to {SERVICE_TOKEN_CHARS_MAX} letters, digits or marks");
                return invalid(text);
            }
            if !url.is_none_or(is_base) {
                return invalid("url must be an address such as https://listens.example.org".to_owned());
            }
            Ok((token, url))
        }
    }
}

/// Whether an address may be one that paths are appended to. Whether it may be asked is found out when it is.
fn is_base(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_takes_what_it_needs() {
        let check = |service: Service, token: Option<&str>, url: Option<&str>, expected: bool| {
            let form = ConnectForm { token: token.map(str::to_owned), url: url.map(str::to_owned) };
            assert_eq!(checked(service, &form).is_ok(), expected, "{service} {token:?} {url:?}");
        };
        check(Service::LastFm, None, None, true);
        check(Service::LastFm, Some("t"), None, false);
        check(Service::LastFm, None, Some("https://a.example"), false);
        check(Service::ListenBrainz, Some(" t-1 "), None, true);
        check(Service::ListenBrainz, None, None, false);
        check(Service::ListenBrainz, Some("t\n1"), None, false);
        check(Service::ListenBrainz, Some(&"t".repeat(SERVICE_TOKEN_CHARS_MAX + 1)), None, false);
        check(Service::ListenBrainz, Some("t"), Some("http://a.example:80/apis/listenbrainz"), true);
        for url in ["a.example", "ftp://a.example", "https://", "/1/", "https://a.example/?x=1"] {
            check(Service::ListenBrainz, Some("t"), Some(url), false);
        }
    }
}
