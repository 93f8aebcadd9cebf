//! Whole answers in memory, for tests alone.

use std::io::Read;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;

/// Reads a body to its end. The bytes are copied, because those of a body may hold their permit as long as they live.
#[expect(clippy::disallowed_methods, reason = "a test compares whole answers, and made them itself")]
pub(crate) async fn whole(body: Body) -> Result<Bytes, axum::Error> {
    body.collect().await.map(|collected| Bytes::copy_from_slice(&collected.to_bytes()))
}

/// Undoes gzip.
#[expect(clippy::disallowed_methods, reason = "a test compares whole answers, and made them itself")]
pub(crate) fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}
