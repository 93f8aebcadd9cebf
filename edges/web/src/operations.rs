//! What every class of route did: how often, how long, with how much memory.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use budget::limits;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The operation of taking a song apart, which is no request.
pub(crate) const SEPARATION: &str = "separation";
/// The class of a request that no route matched.
pub(crate) const UNMATCHED: &str = "unmatched";
/// The class of all routes beyond [`limits::OPERATIONS_MAX`].
const OTHER: &str = "other";

/// Upper bounds of the time histogram, in seconds.
const BUCKETS_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What the label `status` may say.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The figures of all operations. Clones are the same figures.
///
/// The class of an operation is the path of its route, never the path of the request, so there are only as many as
/// there are routes.
#[derive(Clone)]
pub struct Operations(Arc<Inner>);

struct Inner {
    seconds: Family<OfOperation, Histogram, fn() -> Histogram>,
    requests: Family<OfRequest, Counter>,
    rows: Mutex<BTreeMap<&'static str, Row>>,
    classes: Mutex<HashSet<&'static str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    operation: &'static str,
    status: &'static str,
}

/// The figures of one class of route, found once: to look each up by its labels costs a lock and a hash for each.
struct Row {
    totals: Totals,
    seconds: Histogram,
    /// By class of status, from the first answer of that class on.
    requests: [Option<Counter>; STATUS_CLASSES.len()],
}

/// What one class of route did since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) time: Duration,
    pub(crate) time_min: Duration,
    pub(crate) time_max: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) memory_bytes_max: u64,
}

impl Operations {
    /// No figures yet.
    pub fn new() -> Self {
        Operations(Arc::new(Inner {
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS_SECONDS)),
            requests: Family::default(),
            rows: Mutex::default(),
            classes: Mutex::default(),
        }))
    }

    /// Shows `operation_seconds{operation}` and `requests_total{operation,status}`, the status as `2xx`.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Time from a whole request head to a whole answer head, by path of the route";
        registry.register_with_unit("operation", help, Unit::Seconds, self.0.seconds.clone());
        let help = "Requests answered, by path of the route and class of status";
        registry.register("requests", help, self.0.requests.clone());
    }

    /// The class of a matched path. The text of each is kept for the life of the process: matched paths are those of
    /// the router, not of requests, and a limit stands behind that.
    pub(crate) fn class(&self, matched: Option<&str>) -> &'static str {
        let Some(path) = matched else { return UNMATCHED };
        let mut classes = lock(&self.0.classes);
        if let Some(class) = classes.get(path) {
            return class;
        }
        if classes.len() >= limits::OPERATIONS_MAX {
            return OTHER;
        }
        let class: &'static str = Box::leak(path.to_owned().into_boxed_str());
        classes.insert(class);
        class
    }

    /// Counts one answer and the most memory that its permits stood for until its head was ready.
    pub(crate) fn record(
        &self,
        operation: &'static str,
        status: StatusCode,
        time: Duration,
        memory_bytes: u64,
    ) {
        let Inner { seconds, requests, rows, .. } = &*self.0;
        let mut rows = lock(rows);
        let row = rows.entry(operation).or_insert_with(|| Row {
            totals: Totals::default(),
            seconds: seconds.get_or_create_owned(&OfOperation { operation }),
            requests: Default::default(),
        });
        row.seconds.observe(time.as_secs_f64());
        let class = class_of(status);
        let count = || requests.get_or_create_owned(&OfRequest { operation, status: STATUS_CLASSES[class] });
        row.requests[class].get_or_insert_with(count).inc();
        let of = &mut row.totals;
        of.time_min = if of.count == 0 { time } else { of.time_min.min(time) };
        of.time_max = of.time_max.max(time);
        of.time += time;
        of.count += 1;
        of.memory_bytes = of.memory_bytes.saturating_add(memory_bytes);
        of.memory_bytes_max = of.memory_bytes_max.max(memory_bytes);
    }

    /// Counts a song that was taken apart: how long that took, and the most memory that the process held that did it.
    pub fn separated(&self, took: Duration, memory_bytes: u64) {
        self.record(SEPARATION, StatusCode::OK, took, memory_bytes);
    }

    /// The figures by class, in the order of the classes.
    pub(crate) fn figures(&self) -> Vec<(&'static str, Totals)> {
        lock(&self.0.rows).iter().map(|(class, row)| (*class, row.totals)).collect()
    }
}

impl Default for Operations {
    fn default() -> Self {
        Operations::new()
    }
}

/// Figures stay usable after a panic elsewhere: each is right by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a status in [`STATUS_CLASSES`].
fn class_of(status: StatusCode) -> usize {
    match status.as_u16() {
        100..=199 => 0,
        200..=299 => 1,
        300..=399 => 2,
        400..=499 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_bounded_whatever_is_asked() {
        let operations = Operations::new();
        for i in 0..limits::OPERATIONS_MAX * 2 {
            operations.class(Some(&format!("/{i}")));
        }
        assert_eq!(operations.class(Some("/0")), "/0");
        assert_eq!(operations.class(Some("/one-more")), OTHER);
        assert_eq!(operations.class(None), UNMATCHED);
    }

    #[test]
    fn the_totals_are_those_of_what_was_recorded() {
        let operations = Operations::new();
        for (ms, bytes) in [(4, 100), (2, 300), (9, 200)] {
            operations.record("/a", StatusCode::OK, Duration::from_millis(ms), bytes);
        }
        let figures = operations.figures();
        let [("/a", totals)] = figures[..] else { panic!("{figures:?}") };
        assert_eq!((totals.count, totals.time.as_millis()), (3, 15));
        assert_eq!((totals.time_min.as_millis(), totals.time_max.as_millis()), (2, 9));
        assert_eq!((totals.memory_bytes, totals.memory_bytes_max), (600, 300));
    }
}
