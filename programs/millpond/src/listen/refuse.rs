//! Answers that no handler gives: to a connection over a ceiling, which costs a slot among a few, one write and no
//! parsing, and to a head that never became a request.

use std::hash::{BuildHasher, RandomState};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use budget::{Fault, Refused, limits};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::House;
use super::linger::linger;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// Tells the client that it is one too many, and closes. It must be one that reads us in clear: the caller closes
/// others without a word.
pub(crate) async fn refuse(transport: impl AsyncRead + AsyncWrite + Unpin, refused: &Refused, house: &House) {
    // What such a client still sends is not worth much of our time.
    let patience = (limits::UNREAD_BODY_BYTES_MAX, house.deadlines.linger / 2);
    say(transport, &refusal(refused), patience, house).await;
}

/// Answers a head that never became a request, and closes.
pub(crate) async fn give_up(
    transport: impl AsyncRead + AsyncWrite + Unpin,
    status: StatusCode,
    house: &House,
) {
    let text = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            answer("431 Request Header Fields Too Large", "the head of this request is too long\n", None)
        }
        StatusCode::URI_TOO_LONG => {
            answer("414 URI Too Long", "the address of this request is too long\n", None)
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            answer("503 Service Unavailable", "the server is full\n", Some(limits::RETRY_AFTER.as_secs()))
        }
        _ => answer("400 Bad Request", "this is no request that HTTP/1.1 knows (RFC 9112)\n", None),
    };
    say(transport, &text, (house.deadlines.linger_bytes, house.deadlines.linger), house).await;
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
        Fault::Caller => answer("429 Too Many Requests", "too many connections from your address\n", seconds),
        Fault::Server | Fault::Never => answer("503 Service Unavailable", "the server is full\n", seconds),
    }
}

/// The same fields as every answer has. The time is nought, since nothing was processed.
fn answer(status: &str, body: &str, retry_after_seconds: Option<u64>) -> String {
    let retry_after = retry_after_seconds.map_or_else(String::new, |s| format!("Retry-After: {s}\r\n"));
    let (id, length) = (request_id(), body.len());
    tracing::debug!(id, status, "answered a connection without a request");
    format!(
        "HTTP/1.1 {status}\r\n{retry_after}Content-Type: text/plain\r\nContent-Length: {length}\r\n\
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
