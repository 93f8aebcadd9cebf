//! What an origin is reached by.

use std::time::Duration;

use budget::limits::{
    REMOTE_BYTES_MAX, REMOTE_CLIENT_ERROR_MS, REMOTE_CONNECT_MS, REMOTE_CONNECTIONS_MAX, REMOTE_HEAD_MS,
    REMOTE_OK_MS, REMOTE_SERVER_ERROR_MS, REMOTE_STALL_MS, REMOTE_TOTAL_MS, VERIFIED_MS,
};

use super::auth::RemoteAuth;
use super::guard::Private;
use crate::s3::S3Settings;

/// An origin: files on another server, under one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Its name, for logs and figures.
    pub name: String,
    /// The address that every path is appended to, with `http://` or `https://`, without query and user information.
    pub base: String,
    /// What follows every path: more of a path, a query that all have, or nothing.
    pub after: String,
    /// How we say who we are.
    pub auth: RemoteAuth,
    /// Which addresses beside the public internet's it may have, and those whom it redirects to.
    pub private: Private,
    /// Connections with a request on them; as many may be open without one. At least one.
    pub connections_max: usize,
    /// The largest file that is read, in bytes; never more than [`REMOTE_BYTES_MAX`].
    pub bytes_max: u64,
    /// How long a block that matched its checksum is trusted; at least [`VERIFIED_MS_MIN`](budget::limits::VERIFIED_MS_MIN).
    pub verified: Duration,
    /// How long things may take.
    pub waits: RemoteWaits,
    /// How long is believed what it said.
    pub beliefs: RemoteBeliefs,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteWaits {
    /// Until a connection is open, with the look-up of the name and TLS.
    pub connect: Duration,
    /// From a request to the head of its answer.
    pub head: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// For one request as a whole: a head, or one block, with all redirects and the wait for a connection. Of a request
    /// that may change something, the wait for a connection alone: its body may take as long as it moves.
    pub total: Duration,
}

/// How long is believed what an origin said of a file, by the class of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteBeliefs {
    /// That it is there, with its length and its validator. Blocks are asked for under the condition that it still is as
    /// it was, so that a change is seen earlier when something must be fetched.
    pub ok: Duration,
    /// That it is not there, or may not be had.
    pub client_error: Duration,
    /// That the origin failed, or lied.
    pub server_error: Duration,
}

impl RemoteSettings {
    /// A public origin on the public internet, with the defaults of [`budget::limits`].
    pub fn new(name: &str, base: &str) -> Self {
        let ms = Duration::from_millis;
        RemoteSettings {
            name: name.to_owned(),
            base: base.to_owned(),
            after: String::new(),
            auth: RemoteAuth::None,
            private: Private::Refused,
            connections_max: REMOTE_CONNECTIONS_MAX,
            bytes_max: REMOTE_BYTES_MAX,
            verified: ms(VERIFIED_MS),
            waits: RemoteWaits {
                connect: ms(REMOTE_CONNECT_MS),
                head: ms(REMOTE_HEAD_MS),
                stall: ms(REMOTE_STALL_MS),
                total: ms(REMOTE_TOTAL_MS),
            },
            beliefs: RemoteBeliefs {
                ok: ms(REMOTE_OK_MS),
                client_error: ms(REMOTE_CLIENT_ERROR_MS),
                server_error: ms(REMOTE_SERVER_ERROR_MS),
            },
        }
    }

    /// The objects of a bucket by their keys, read only. The bucket stands in the path of the address, which every server
    /// of S3 understands, and needs no certificate of its own.
    pub fn bucket(name: &str, bucket: &S3Settings) -> Self {
        let amazon = || format!("https://s3.{}.amazonaws.com", bucket.region);
        let endpoint = bucket.endpoint.clone().unwrap_or_else(amazon);
        let mut base = format!("{}/{}", endpoint.trim_end_matches('/'), bucket.bucket);
        if !bucket.prefix.is_empty() {
            base = format!("{base}/{}", bucket.prefix);
        }
        let verified = bucket.verified;
        RemoteSettings { auth: RemoteAuth::of_bucket(bucket), verified, ..RemoteSettings::new(name, &base) }
    }
}
