//! Answers that no handler gives: to a connection over a ceiling, which costs a slot among a few, one write and no
//! parsing, and to a head that never became a request.

use std::hash::{BuildHasher, RandomState};

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use budget::{Fault, Refused, limits};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::exchange::without_prefix;
use super::linger::linger;
use super::{House, target};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

const PLAIN: &str = "Content-Type: text/plain";
const FULL: &str = "the server is full\n";

/// Tells the client that it is one too many, and closes. It must be one that reads us in clear: the caller closes
/// others without a word.
pub(crate) async fn refuse(transport: impl AsyncRead + AsyncWrite + Unpin, refused: &Refused, house: &House) {
    // What such a client still sends is not worth much of our time.
    let patience = (limits::UNREAD_BODY_BYTES_MAX, house.deadlines.linger / 2);
    say(transport, &refusal(refused), patience, house).await;
}

/// Answers a head that never became a request, of which this is what was read last, and closes.
pub(crate) async fn give_up(
    transport: impl AsyncRead + AsyncWrite + Unpin,
    status: StatusCode,
    head: Bytes,
    house: &House,
) {
    let text = unheard(status, &head, house).await;
    // Nothing of it is held while the client reads.
    drop(head);
    say(transport, &text, (house.deadlines.linger_bytes, house.deadlines.linger), house).await;
}

/// What is said to a head that never became a request: in the envelope, if it begins like one of a Subsonic app.
async fn unheard(status: StatusCode, head: &[u8], house: &House) -> String {
    let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(limits::RETRY_AFTER.as_secs());
    let target = target::of_head(head).map(|uri| without_prefix(&uri, &house.prefix).unwrap_or(uri));
    if let Some(enveloped) = target.and_then(|target| subsonic::unheard(&target, status)) {
        let (parts, mut body) = enveloped.into_parts();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let mut text = Vec::new();
        // It has a few hundred bytes and is there already.
        while let Some(Ok(frame)) = body.frame().await {
            text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        // Any page may read what an app is told, as it may when a handler answers.
        let fields = format!("Content-Type: {content_type}\r\nAccess-Control-Allow-Origin: *");
        return answer(status, &fields, &String::from_utf8_lossy(&text), retry_after);
    }
    let text = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => format!(
            "the head of this request has more than {} bytes or {} fields, which is the limit\n",
            limits::HEADER_BYTES_MAX,
            limits::HEADERS_MAX
        ),
        StatusCode::URI_TOO_LONG => "the address of this request is too long\n".to_owned(),
        StatusCode::SERVICE_UNAVAILABLE => FULL.to_owned(),
        _ => "this is no request that HTTP/1.1 knows (RFC 9112); in an address, a blank is written as %20\n"
            .to_owned(),
    };
    answer(status, PLAIN, &text, retry_after)
}

async fn say(
    mut transport: impl AsyncRead + AsyncWrite + Unpin,
    text: &str,
    (bytes_max, time_max): (u64, std::time::Duration),
    house: &House,
) {
    let work = async {
        let said = async {
            transport.write_all(text.as_bytes()).await?;
            transport.flush().await
        };
        if matches!(tokio::time::timeout(time_max, said).await, Ok(Ok(()))) {
            linger(transport, bytes_max, time_max).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = house.end.cancelled() => {}
    }
}

/// 429 when the ceiling is the address's own, 503 when it is the server's.
fn refusal(refused: &Refused) -> String {
    let seconds = Some(refused.retry_after.as_secs().max(1));
    match refused.fault {
        Fault::Caller => {
            answer(StatusCode::TOO_MANY_REQUESTS, PLAIN, "too many connections from your address\n", seconds)
        }
        Fault::Server | Fault::Never => answer(StatusCode::SERVICE_UNAVAILABLE, PLAIN, FULL, seconds),
    }
}

/// The same fields as every answer has, beside these. The time is nought, since nothing was processed.
fn answer(status: StatusCode, fields: &str, body: &str, retry_after_seconds: Option<u64>) -> String {
    let retry_after = retry_after_seconds.map_or_else(String::new, |s| format!("Retry-After: {s}\r\n"));
    let (id, length) = (request_id(), body.len());
    tracing::debug!(id, %status, "answered a connection without a request");
    format!(
        "HTTP/1.1 {status}\r\n{retry_after}{fields}\r\nContent-Length: {length}\r\n\
         X-Request-ID: {id}\r\nX-Process-Time: 0.000\r\nX-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// Gives an answer that passed no layer the fields that the layers put on all others.
pub(crate) fn mark(headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::try_from(request_id()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_PROCESS_TIME, HeaderValue::from_static("0.000"));
    headers.insert(axum::http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// An id that no other answer has: every `RandomState` hashes differently.
fn request_id() -> String {
    format!("{:016x}", RandomState::new().hash_one("request ids"))
}
