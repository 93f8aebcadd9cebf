//! How we say who we are.

use std::fmt;

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::sigv4::{self, Keys, Payload};
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::s3::S3Settings;

/// What proves to an origin who asks. `Debug` shows no secret, and no error repeats one. It is sent to the origin itself
/// and never to whom it redirects.
#[derive(Clone, PartialEq, Eq)]
pub enum RemoteAuth {
    /// Nothing: the origin is public.
    None,
    /// A name and a password (RFC 7617).
    Basic {
        /// Who asks; without a colon.
        user: String,
        /// The password.
        password: String,
    },
    /// A token (RFC 6750).
    Bearer(String),
    /// A field of the origin's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Amazon's signature, version 4. A body is sent as it comes, so that its digest is not signed: S3 takes that.
    SigV4 {
        /// The region that is signed for.
        region: String,
        /// The service that is signed for: `s3`.
        service: String,
        /// Who asks.
        access_key_id: String,
        /// The secret of that key.
        secret_access_key: String,
        /// The token of a key that is lent for a time.
        session_token: Option<String>,
    },
}

impl RemoteAuth {
    /// The signature by the keys of a bucket.
    pub(super) fn of_bucket(settings: &S3Settings) -> Self {
        RemoteAuth::SigV4 {
            region: settings.region.clone(),
            service: "s3".to_owned(),
            access_key_id: settings.access_key_id.clone(),
            secret_access_key: settings.secret_access_key.clone(),
            session_token: settings.session_token.clone(),
        }
    }

    fn said(&self) -> &'static str {
        match self {
            RemoteAuth::None => "none",
            RemoteAuth::Basic { .. } => "basic",
            RemoteAuth::Bearer(_) => "bearer",
            RemoteAuth::Header { .. } => "header",
            RemoteAuth::SigV4 { .. } => "sigv4",
        }
    }
}

impl fmt::Debug for RemoteAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteAuth({})", self.said())
    }
}

/// The same, ready to be used.
pub(super) enum Proof {
    None,
    Field(HeaderName, HeaderValue),
    Signature(Keys),
}

impl Proof {
    /// # Errors
    /// `Format` when it cannot be sent; what it is is not repeated.
    pub(super) fn new(auth: &RemoteAuth) -> Result<Self, Error> {
        let kind = auth.said();
        let wrong = |said| Error::new(ErrorKind::Format, format!("credentials of kind {kind} {said}"));
        let value = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| wrong("cannot be sent in a field"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        match auth {
            RemoteAuth::None => Ok(Proof::None),
            RemoteAuth::Basic { user, .. } if user.contains(':') => Err(wrong("have a name with a colon")),
            RemoteAuth::Basic { user, password } => {
                let both = BASE64.encode(format!("{user}:{password}").as_bytes());
                Ok(Proof::Field(AUTHORIZATION, value(&format!("Basic {both}"))?))
            }
            RemoteAuth::Bearer(token) => Ok(Proof::Field(AUTHORIZATION, value(&format!("Bearer {token}"))?)),
            RemoteAuth::Header { name, value: text } => {
                let name = HeaderName::try_from(name).map_err(|_| wrong("have no name that a field has"))?;
                Ok(Proof::Field(name, value(text)?))
            }
            RemoteAuth::SigV4 { region, service, access_key_id, secret_access_key, session_token } => {
                // They stand in fields too.
                value(&format!("{access_key_id}{region}{service}"))?;
                Ok(Proof::Signature(Keys {
                    region: region.clone(),
                    service: service.clone(),
                    id: access_key_id.clone(),
                    secret: secret_access_key.clone(),
                    token: session_token.as_deref().map(value).transpose()?,
                }))
            }
        }
    }

    /// Adds it to a request.
    pub(super) fn add(&self, method: &str, fields: &mut HeaderMap, target: &Target, payload: Payload) {
        match self {
            Proof::None => {}
            Proof::Field(name, value) => {
                fields.insert(name, value.clone());
            }
            Proof::Signature(keys) => {
                sigv4::sign(keys, method, target, fields, payload, jiff::Timestamp::now());
            }
        }
    }
}
