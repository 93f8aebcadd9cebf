//! Where sources are.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use budget::limits::{
    ORIGIN_CLIENT_ERROR_MS, ORIGIN_OK_MS, ORIGIN_REDIRECT_MS, ORIGIN_SERVER_ERROR_MS, ORIGIN_TAGS_MAX,
    RENDITION_WORD_BYTES_MAX,
};
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::presets::is_name;

/// `[[cdn.origin]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What it is called in logs, figures and tags.
    pub name: String,
    /// The beginning of the paths of its sources: `/clips/`.
    pub path: String,
    /// A folder on this machine.
    pub folder: Option<PathBuf>,
    /// The address of a server, with `{path}` where the rest of the path comes.
    pub url: Option<Template>,
    /// Our own store: the rest of the path begins with the id of a track.
    #[serde(default)]
    pub store: bool,
    /// A bucket: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub s3: Option<String>,
    /// Whether everybody may see its sources.
    #[serde(default)]
    pub public: bool,
    /// Whether everything under its path is passed on and kept as HTTP allows, not renditions alone. For `url`.
    #[serde(default)]
    pub proxy: bool,
    /// Who we say that we are.
    #[serde(default)]
    pub auth: Auth,
    /// The region of a bucket; what the variable `AWS_REGION` says without it.
    pub region: Option<String>,
    /// The server of a bucket; what the variable `AWS_ENDPOINT_URL` says without it.
    pub endpoint: Option<Template>,
    /// Networks that may be dialled for it though they are private.
    #[serde(default, deserialize_with = "networks")]
    pub private: Vec<IpNet>,
    /// Connections to it at once; what the server takes to be enough without it.
    pub connections_max: Option<usize>,
    /// How long what it says is kept, and what is made of it.
    #[serde(default)]
    pub ttl: Kept,
    /// By what its renditions can be purged, beside its name and their paths.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether renditions of it are kept at all.
    #[serde(default = "yes")]
    pub cache: bool,
}

fn yes() -> bool {
    true
}

/// Where an origin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A folder on this machine.
    Folder(&'a PathBuf),
    /// The address of a server.
    Url(&'a Template),
    /// Our own store.
    Store,
    /// A bucket and what stands before its keys.
    S3 {
        /// The bucket.
        bucket: &'a str,
        /// With a slash at its end, or empty.
        prefix: &'a str,
    },
}

impl Origin {
    /// Where it is. An origin that was checked is at one place.
    pub fn place(&self) -> Option<Place<'_>> {
        let folder = self.folder.as_ref().map(Place::Folder);
        let url = self.url.as_ref().map(Place::Url);
        let store = self.store.then_some(Place::Store);
        let s3 = self.s3.as_deref().and_then(bucket);
        let places = [folder, url, store, s3];
        let mut named = places.into_iter().flatten();
        named.next().filter(|_| named.next().is_none())
    }

    pub(super) fn check(&self, reserved: &[&str]) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err("its name must be 1 to 63 of the characters a-z, A-Z, 0-9, - and _".to_owned());
        }
        path(&self.path, reserved)?;
        if self.s3.as_deref().is_some_and(|text| bucket(text).is_none()) {
            return Err("s3 must be s3://BUCKET or s3://BUCKET/PREFIX".to_owned());
        }
        let Some(place) = self.place() else {
            return Err("it must have exactly one of folder, url, store = true and s3".to_owned());
        };
        let (is_url, is_s3) = (matches!(place, Place::Url(_)), matches!(place, Place::S3 { .. }));
        if self.proxy && !is_url {
            return Err("proxy = true needs a url".to_owned());
        }
        if (self.region.is_some() || self.endpoint.is_some()) && !is_s3 {
            return Err("region and endpoint are for s3".to_owned());
        }
        if self.endpoint.as_ref().is_some_and(|endpoint| endpoint.0.contains(PATH)) {
            return Err("endpoint has no {path}".to_owned());
        }
        tags(&self.tags)?;
        let dials = is_url || is_s3;
        if !dials && !self.private.is_empty() {
            return Err("private is for url and s3".to_owned());
        }
        match (&self.auth, place) {
            (Auth::None, _) | (_, Place::Url(_)) => self.auth.check(),
            (Auth::Sigv4 { service: Some(service), .. }, Place::S3 { .. }) if service != "s3" => {
                Err("a bucket is signed for with the service s3".to_owned())
            }
            (Auth::Sigv4 { .. }, Place::S3 { .. }) => Ok(()),
            (_, Place::S3 { .. }) => Err("a bucket takes auth with kind = \"sigv4\"".to_owned()),
            _ => Err("auth is for url and s3".to_owned()),
        }
    }
}

/// Looks at tags: they stand in a field of the answer, with commas between them.
fn tags(tags: &[String]) -> Result<(), String> {
    let fits = |tag: &String| {
        let usual = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        !tag.is_empty() && tag.len() <= RENDITION_WORD_BYTES_MAX && tag.bytes().all(usual)
    };
    if tags.len() > ORIGIN_TAGS_MAX {
        return Err(format!("it may have at most {ORIGIN_TAGS_MAX} tags"));
    }
    match tags.iter().find(|tag| !fits(tag)) {
        Some(tag) => Err(format!("its tag {tag:?} must be of visible ASCII characters without commas")),
        None => Ok(()),
    }
}

/// The bucket and prefix of `s3://BUCKET/PREFIX`.
fn bucket(text: &str) -> Option<Place<'_>> {
    let rest = text.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits =
        !bucket.is_empty() && bucket.bytes().all(usual) && (prefix.is_empty() || prefix.ends_with('/'));
    fits.then_some(Place::S3 { bucket, prefix })
}

/// Looks at the path of an origin: it begins and ends with a slash, and has only parts that no proxy changes.
fn path(path: &str, reserved: &[&str]) -> Result<(), String> {
    let inner = path.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let fits = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(usual);
    if path == "/" {
        return Err("its path / lies over all other routes; give it one of its own, as /clips/".to_owned());
    }
    let Some(inner) = inner.filter(|inner| inner.split('/').all(fits)) else {
        return Err(format!(
            "its path {path:?} must be like /clips/: slashes at both ends, plain parts between"
        ));
    };
    let first = inner.split('/').next().unwrap_or_default();
    match reserved.iter().find(|taken| taken.eq_ignore_ascii_case(first)) {
        Some(taken) => Err(format!("its path {path} lies over /{taken}, which the server has for itself")),
        None => Ok(()),
    }
}

/// Who we say that we are to an origin.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// Nobody.
    #[default]
    None,
    /// A name and a password (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Hidden,
    },
    /// A token (RFC 6750).
    Bearer {
        /// The token.
        token: Hidden,
    },
    /// A field of our own.
    Header {
        /// The field's name.
        name: String,
        /// Its value.
        value: Hidden,
    },
    /// AWS Signature Version 4. Without keys the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` count.
    Sigv4 {
        /// The key's id.
        access_key_id: Option<String>,
        /// The key.
        secret_access_key: Option<Hidden>,
        /// The region, where the origin says none.
        region: Option<String>,
        /// The service that is signed for; `s3` without it.
        service: Option<String>,
    },
}

impl Auth {
    fn check(&self) -> Result<(), String> {
        match self {
            Auth::None | Auth::Sigv4 { .. } => Ok(()),
            Auth::Basic { user, .. } if user.contains(':') => Err("the user of auth has no colon".to_owned()),
            Auth::Basic { .. } => Ok(()),
            Auth::Bearer { token } => token.is_field().then_some(()).ok_or_else(|| field("token")),
            Auth::Header { name, value } => {
                let name = HeaderName::try_from(name.as_str()).map_err(|_| field("name"))?;
                // These say where a request ends or where it goes.
                let ours =
                    ["host", "content-length", "transfer-encoding", "connection", "range", "te", "upgrade"];
                if ours.contains(&name.as_str()) {
                    return Err(format!("auth cannot set the field {name}"));
                }
                value.is_field().then_some(()).ok_or_else(|| field("value"))
            }
        }
    }
}

fn field(which: &str) -> String {
    format!("the {which} of auth cannot stand in a field of a request")
}

/// A text that no log and no error shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text, for who sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn is_field(&self) -> bool {
        !self.0.is_empty() && HeaderValue::from_str(&self.0).is_ok()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The address of a server with `{path}` where the rest of a path comes, at its end where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(String);

const PATH: &str = "{path}";

impl Template {
    /// What stands before the rest of a path, without the slash between them, and what stands behind it.
    pub fn around(&self) -> (&str, &str) {
        let (before, after) = self.0.split_once(PATH).unwrap_or((&self.0, ""));
        (before.trim_end_matches('/'), after)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let shape = || "it must be like https://media.example/videos/{path}".to_owned();
        if text.matches('{').count() > 1 || text.contains('{') != text.contains(PATH) || text.contains('#') {
            return Err(shape());
        }
        // A rest of a path is names between slashes, and nothing that completes another name or a query.
        if text.split_once(PATH).is_some_and(|(before, _)| !before.ends_with('/') || before.contains('?')) {
            return Err("before {path} there must be a slash, and no query".to_owned());
        }
        let filled = text.replacen(PATH, "x", 1);
        let uri: Uri = filled.parse().map_err(|_| shape())?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        // The rest of a path must not choose the host: `https://a.example{path}` is refused.
        let host_ends = text.find("://").and_then(|at| text.get(at + 3..)).is_some_and(|rest| {
            let end = rest.find('/').unwrap_or(rest.len());
            !rest[..end].contains('{')
        });
        let fits = matches!(uri.scheme_str(), Some("http" | "https")) && !authority.is_empty() && host_ends;
        if authority.contains('@') {
            return Err("it must not name a user: auth does".to_owned());
        }
        if !text.contains(PATH) && uri.query().is_some() {
            return Err(shape());
        }
        fits.then_some(Template(text)).ok_or_else(shape)
    }
}

/// `ttl`: how long what an origin says is kept, by the class of its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kept {
    /// From 200 to 299.
    #[serde(rename = "ok_ms", deserialize_with = "millis")]
    pub ok: Duration,
    /// From 300 to 399.
    #[serde(rename = "redirects_ms", deserialize_with = "millis")]
    pub redirects: Duration,
    /// From 400 to 499.
    #[serde(rename = "client_error_ms", deserialize_with = "millis")]
    pub client_error: Duration,
    /// From 500 on.
    #[serde(rename = "server_error_ms", deserialize_with = "millis")]
    pub server_error: Duration,
}

impl Default for Kept {
    fn default() -> Self {
        Kept {
            ok: Duration::from_millis(ORIGIN_OK_MS),
            redirects: Duration::from_millis(ORIGIN_REDIRECT_MS),
            client_error: Duration::from_millis(ORIGIN_CLIENT_ERROR_MS),
            server_error: Duration::from_millis(ORIGIN_SERVER_ERROR_MS),
        }
    }
}

/// Renditions are as fresh as what is believed of their sources.
impl From<Kept> for transform::Lifetimes {
    fn from(kept: Kept) -> Self {
        let Kept { ok, redirects, client_error, server_error } = kept;
        transform::Lifetimes { ok, redirects, client_error, server_error }
    }
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: &String| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        network.map(|network| network.trunc()).map_err(|_| {
            D::Error::custom(format!("private: {text:?} must be an address or a network such as 10.0.0.0/8"))
        })
    };
    texts.iter().map(parse).collect()
}
