//! `/metrics`: every figure as Prometheus text for a scraper, the operations as JSON for a person with `jq`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use budget::{Pool, limits};
use prometheus_client::encoding::text;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::operations::{SEPARATION, Totals};
use crate::stems::Asker;
use crate::{App, held, json};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The figures of every operation.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetricsAnswer {
    /// `ok`.
    status: &'static str,
    /// By path of the route; `separation` is the taking apart of songs.
    metrics: BTreeMap<&'static str, OperationAnswer>,
    /// When this was read, as RFC 3339.
    timestamp: String,
}

/// The figures of one operation: times in seconds, memory in MiB of permits held at once.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperationAnswer {
    count: u64,
    avg_time: f64,
    min_time: f64,
    max_time: f64,
    total_time: f64,
    avg_memory_mb: f64,
    max_memory_mb: f64,
}

impl From<Totals> for OperationAnswer {
    fn from(totals: Totals) -> Self {
        let times = totals.count.max(1) as f64;
        let mib = limits::MIB as f64;
        OperationAnswer {
            count: totals.count,
            avg_time: totals.time.as_secs_f64() / times,
            min_time: totals.time_min.as_secs_f64(),
            max_time: totals.time_max.as_secs_f64(),
            total_time: totals.time.as_secs_f64(),
            avg_memory_mb: totals.memory_bytes as f64 / times / mib,
            max_memory_mb: totals.memory_bytes_max as f64 / mib,
        }
    }
}

/// Every figure
///
/// Prometheus text when `Accept` names `text/plain` or `application/openmetrics-text`, as every scraper's does;
/// otherwise the operations as JSON. Strangers, where they may split songs, are shown that operation alone.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, description = "the figures", content(
        (MetricsAnswer = "application/json"), (String = "text/plain"), (String = "application/openmetrics-text")))))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    asker: Asker,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let is_stranger = matches!(asker, Asker::Stranger(_));
    // Not of the pool of lists, which refuses everybody when memory is short: that is when these figures are wanted.
    let permit = app.budget.wait(Pool::Connections, limits::LISTING_BYTES).await?;
    let (content_type, text) = match wanted(&headers).filter(|_| !is_stranger) {
        Some(content_type) => {
            let mut text = String::new();
            text::encode(&mut text, &app.registry)
                .map_err(|error| Error::broken("the metrics cannot be written", &error))?;
            (content_type, text.into_bytes())
        }
        None => {
            let figures = app.operations.figures().into_iter();
            let shown = figures.filter(|(name, _)| !is_stranger || *name == SEPARATION);
            let metrics = shown.map(|(name, totals)| (name, totals.into())).collect();
            let figures = MetricsAnswer { status: "ok", metrics, timestamp: json::moment(json::now()) };
            let text = serde_json::to_vec(&figures)
                .map_err(|error| Error::broken("the metrics cannot be written", &error))?;
            ("application/json", text)
        }
    };
    drop(permit);
    let mut answer = held::answer(&app.budget, Pool::Connections, content_type, text)?;
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// The text format that `Accept` names, the newer one first.
fn wanted(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> = values
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .collect();
    let names = |wanted: &str| named.iter().any(|name| name == wanted);
    if names("application/openmetrics-text") {
        Some(OPENMETRICS)
    } else if names("text/plain") {
        Some(PROMETHEUS)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_text_and_everybody_else_json() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let cases = [
            (prometheus, Some(OPENMETRICS)),
            ("text/plain", Some(PROMETHEUS)),
            ("Text/Plain;version=0.0.4", Some(PROMETHEUS)),
            ("*/*", None),
            ("application/json", None),
            ("text/html, text/plainer", None),
        ];
        for (accept, expected) in cases {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wanted(&headers), expected, "{accept}");
        }
        assert_eq!(wanted(&HeaderMap::new()), None);
    }
}
