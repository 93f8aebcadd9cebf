//! Where the bucket is and who may use it.

use std::fmt;
use std::time::Duration;

use budget::limits::{S3_CACHE_BYTES, VERIFIED_MS};

use crate::error::{Error, ErrorKind};

/// What a bucket is reached by. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before every key, without slashes at its ends; empty for none.
    pub prefix: String,
    /// The address of the server; none means Amazon's own.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Who asks.
    pub access_key_id: String,
    /// The secret of that key.
    pub secret_access_key: String,
    /// The token of a key that is lent for a time.
    pub session_token: Option<String>,
    /// Blocks that are read are kept on the local disk up to this size.
    pub cache_bytes: u64,
    /// How long a block that matched its checksum is trusted; at least [`VERIFIED_MS_MIN`](budget::limits::VERIFIED_MS_MIN).
    pub verified: Duration,
}

impl S3Settings {
    /// Reads `s3://bucket` or `s3://bucket/prefix`, and the rest from variables of the usual names: `AWS_ENDPOINT_URL`
    /// (or `AWS_ENDPOINT_URL_S3`, which wins), `AWS_REGION` (or `AWS_DEFAULT_REGION`; `us-east-1` when there is an
    /// endpoint and no region), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if there is one, `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    /// `Format` names what is missing or wrong.
    pub fn read(url: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let wrong = |said: String| Error::new(ErrorKind::Format, said);
        let variable =
            |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
        let needed =
            |name: &str| variable(&[name]).ok_or_else(|| wrong(format!("{url} needs the variable {name}")));
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| wrong(format!("{url:?} is no address of a bucket: it begins with s3://")))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        if !is_bucket(bucket) || !is_prefix(prefix) {
            return Err(wrong(format!(
                "{url:?} is no address of a bucket: s3://bucket or s3://bucket/prefix"
            )));
        }
        let endpoint = variable(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
        if let Some(endpoint) = &endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            return Err(wrong(format!(
                "AWS_ENDPOINT_URL {endpoint:?} begins neither with https:// nor http://"
            )));
        }
        let region = match variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
            Some(region) => region,
            None if endpoint.is_some() => "us-east-1".to_owned(),
            None => return Err(wrong(format!("{url} needs the variable AWS_REGION or AWS_ENDPOINT_URL"))),
        };
        Ok(S3Settings {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint,
            region,
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: variable(&["AWS_SESSION_TOKEN"]),
            cache_bytes: S3_CACHE_BYTES,
            verified: Duration::from_millis(VERIFIED_MS),
        })
    }
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key_id", &self.access_key_id)
            .field("cache_bytes", &self.cache_bytes)
            .finish_non_exhaustive()
    }
}

fn is_bucket(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn is_prefix(prefix: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    prefix.is_empty() || (prefix.len() <= 255 && prefix.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, variables: &[(&str, &str)]) -> Result<S3Settings, Error> {
        S3Settings::read(url, |name| {
            variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "who"), ("AWS_SECRET_ACCESS_KEY", "hush")];

    #[test]
    fn an_address_and_four_variables_are_all_it_takes() {
        let own = [KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", "http://127.0.0.1:9000"), ("AWS_REGION", "garage")];
        let settings = read("s3://media/music/own/", &own).unwrap();
        assert_eq!(
            (&*settings.bucket, &*settings.prefix, settings.endpoint.as_deref(), &*settings.region),
            ("media", "music/own", Some("http://127.0.0.1:9000"), "garage")
        );
        let amazon = read("s3://media", &[KEYS[0], KEYS[1], ("AWS_DEFAULT_REGION", "eu-north-1")]).unwrap();
        assert_eq!((amazon.endpoint, &*amazon.region), (None, "eu-north-1"));
        assert!(!format!("{settings:?}").contains("hush"));
    }

    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let with = |name, value| [KEYS[0], KEYS[1], (name, value)];
        let cases: [Case<'_>; 8] = [
            ("http://media", &KEYS, "begins with s3://"),
            ("s3://", &KEYS, "s3://bucket"),
            ("s3://me dia", &KEYS, "s3://bucket"),
            ("s3://media/../up", &KEYS, "s3://bucket"),
            ("s3://media", &KEYS, "AWS_REGION"),
            ("s3://media", &with("AWS_ENDPOINT_URL", "garage:3900"), "AWS_ENDPOINT_URL"),
            ("s3://media", &[KEYS[1], ("AWS_REGION", "x")], "AWS_ACCESS_KEY_ID"),
            (
                "s3://media",
                &[KEYS[0], ("AWS_REGION", "x"), ("AWS_SECRET_ACCESS_KEY", "")],
                "AWS_SECRET_ACCESS_KEY",
            ),
        ];
        for (url, variables, said) in cases {
            let e = read(url, variables).unwrap_err();
            assert_eq!(e.kind, ErrorKind::Format);
            assert!(e.context.contains(said), "{url}: {e}");
        }
    }
}
