//! Who asks: `u` with `p`, `u` with `t` and `s`, or `apiKey` alone. The secrets go to [`SignIn`] and nowhere else.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::{HeaderMap, header};
use catalog::{Identity, Opened, Refusal, SignIn, UnixMs, UserId};
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;

use crate::cover_id::without_mark;
use crate::error::{Error, ErrorKind};
use crate::params::{self, Params};

/// What a request brings as proof.
#[derive(PartialEq, Eq)]
enum Claim<'a> {
    /// A login password or an app password.
    Password { name: Cow<'a, str>, password: Cow<'a, str> },
    /// The MD5 of an app password and a salt, in hexadecimal.
    Token { name: Cow<'a, str>, token: Cow<'a, str>, salt: Cow<'a, str> },
    /// An API key.
    Key(Cow<'a, str>),
}

/// Proves who asks, or says by which error code that failed.
pub(crate) async fn identify(
    sign_in: &SignIn,
    params: &Params,
    headers: &HeaderMap,
    from: IpAddr,
) -> Result<Identity, Error> {
    match claim(params, headers)? {
        Claim::Password { name, password } => Ok(sign_in.password(&name, &password, from).await?),
        Claim::Token { name, token, salt } => Ok(sign_in.token(&name, &token, &salt, from).await?),
        Claim::Key(key) => sign_in.key(&key, from).await.map_err(|refusal| match refusal {
            Refusal::Wrong => Error::new(ErrorKind::WrongKey, "Invalid API key"),
            other => other.into(),
        }),
    }
}

/// Proves by a signed link, to the picture of `id`, in whose name it is asked for.
pub(crate) async fn by_link(sign_in: &SignIn, params: &Params, signature: &str) -> Result<Identity, Error> {
    let wrong = || {
        Error::new(
            ErrorKind::WrongLogin,
            "This link has expired, or is not one that we signed; ask for a new one",
        )
    };
    let item = params::item(without_mark(&params.text("id")?)).ok_or_else(wrong)?;
    let user: UserId = params.text("user")?.parse().map_err(|_| wrong())?;
    let expires: UnixMs = params.text("expires")?.parse().map_err(|_| wrong())?;
    let now = Timestamp::now().as_millisecond();
    sign_in.link(Opened::Picture(item), user, expires, signature, now).await.map_err(
        |refusal| match refusal {
            Refusal::Wrong => wrong(),
            other => other.into(),
        },
    )
}

/// Which of the three ways the parameters take; two at once is error 43.
fn claim<'a>(params: &'a Params, headers: &HeaderMap) -> Result<Claim<'a>, Error> {
    let [key, name, password, token, salt] = ["apiKey", "u", "p", "t", "s"].map(|name| params.get(name));
    let others = name.is_some() || password.is_some() || token.is_some() || salt.is_some();
    if key.is_some() && others || password.is_some() && (token.is_some() || salt.is_some()) {
        return Err(Error::new(ErrorKind::Conflicting, "Several ways to sign in at once"));
    }
    if let Some(key) = key {
        return Ok(Claim::Key(key));
    }
    if !others && headers.contains_key(header::AUTHORIZATION) {
        let message = "Sign in with the parameters u and p, u and t and s, or apiKey";
        return Err(Error::new(ErrorKind::MechanismNotSupported, message));
    }
    let name = name.ok_or_else(|| Error::missing("u"))?;
    match (password, token, salt) {
        (Some(password), _, _) => Ok(Claim::Password { name, password: decoded(password) }),
        (None, Some(token), Some(salt)) => Ok(Claim::Token { name, token, salt }),
        (None, Some(_), None) => Err(Error::missing("s")),
        (None, None, Some(_)) => Err(Error::missing("t")),
        (None, None, None) => Err(Error::missing("p")),
    }
}

/// Undoes `enc:` and hexadecimal. What only looks like it is taken as it stands.
pub(crate) fn decoded(password: Cow<'_, str>) -> Cow<'_, str> {
    let plain = password
        .strip_prefix("enc:")
        .and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    plain.map_or(password, Cow::Owned)
}

#[cfg(test)]
mod tests;
