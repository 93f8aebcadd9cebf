//! One question to a service: sent through the guard, answered in JSON.

use std::time::{Duration, SystemTime};

use budget::limits::SCROBBLE_ANSWER_BYTES_MAX;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use store::Outgoing;

use crate::service::Trouble;

/// How long ListenBrainz and those who speak as it does want to be left alone, in seconds.
const RESET_IN: &str = "x-ratelimit-reset-in";

/// What a service answered.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// Its body; null when that is no JSON.
    pub(crate) body: Value,
    /// When it wants to be asked again.
    pub(crate) after: Option<Duration>,
}

/// Sends a request and reads its answer.
///
/// # Errors
/// [`Trouble::Later`] for whatever is wrong on the way.
pub(crate) async fn ask(
    outgoing: &Outgoing,
    name: &str,
    request: http::Result<Request<Bytes>>,
) -> Result<Answered, Trouble> {
    let unusable = |e| Trouble::later(format!("{name} cannot be asked: {e}"));
    let request = request.map_err(|e| unusable(e.to_string()))?;
    let broken = |e: store::Error| {
        let said = e.trouble().map_or_else(|| e.to_string(), ToString::to_string);
        Trouble::later(format!("{name} cannot be reached: {said}"))
    };
    let answer = outgoing.send(request).await.map_err(broken)?;
    let (status, after) = (answer.status, after(answer.status, &answer.headers, SystemTime::now()));
    let body = answer.whole(SCROBBLE_ANSWER_BYTES_MAX).await.map_err(broken)?;
    Ok(Answered { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null), after })
}

impl Answered {
    /// That it has no time, or failed: as [`Trouble::Later`], with the status where it has no words.
    pub(crate) fn later(&self, name: &str, words: Option<&str>) -> Trouble {
        let status = format!("status {}", self.status.as_u16());
        let why = format!("{name} answered: {}", words.unwrap_or(&status));
        Trouble::Later { after: self.after, why }
    }
}

/// `X-RateLimit-Reset-In`, which stands in every answer and means something in that of too many requests alone; else
/// `Retry-After` (RFC 9110 section 10.2.3).
fn after(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| text.parse().ok().map(Duration::from_secs);
    let reset = text(RESET_IN).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    reset.and_then(seconds).or_else(|| {
        let text = text(RETRY_AFTER.as_str())?;
        let date = || httpdate::parse_http_date(text).ok()?.duration_since(now).ok();
        seconds(text).or_else(date)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_service_says_when_to_come_back_in_one_of_three_ways() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let check = |fields: &[(&'static str, &'static str)], expected: Option<u64>| {
            let fields = fields
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            let found = after(StatusCode::TOO_MANY_REQUESTS, &fields.collect(), now);
            assert_eq!(found, expected.map(Duration::from_secs));
        };
        check(&[], None);
        check(&[("retry-after", "120")], Some(120));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT")], None);
        check(&[("retry-after", "120"), ("x-ratelimit-reset-in", "7")], Some(7));
        check(&[("x-ratelimit-reset-in", "soon"), ("retry-after", "9")], Some(9));
    }
}
