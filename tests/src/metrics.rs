//! What a server counts, as its metrics say it.

use std::time::Instant;

use crate::http::{self, Answer};
use crate::server::Server;
use crate::wait::wait_until;

impl Server {
    /// The sum of a metric over its labels; names are without `millpond_`.
    ///
    /// # Panics
    /// When there is no such metric.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics();
        let values: Vec<f64> = rows(&text, name).map(|(_, value)| value).collect();
        assert!(!values.is_empty(), "no metric {name} in:\n{text}");
        values.iter().sum()
    }

    /// The same over those rows alone that have each of these labels, as `outcome="made"`. What was never counted is 0.
    pub fn metric_of(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.metrics();
        let has = |row: &str, label: &str| row.split(['{', ',', '}']).any(|one| one == label);
        let mine = rows(&text, name).filter(|(row, _)| labels.iter().all(|label| has(row, label)));
        mine.map(|(_, value)| value).sum()
    }

    /// All metrics as Prometheus text. Under pressure they may be refused for a while, as any list may be.
    ///
    /// # Panics
    /// When they do not come within half a minute.
    pub fn metrics(&self) -> String {
        let bearer = self.admin.bearer();
        let fields = [("Authorization", &*bearer), ("Accept", "text/plain")];
        let mut answer = Answer::default();
        let came = wait_until(Instant::now() + http::ANSWER_WITHIN, || {
            answer = self.get("/metrics", &fields);
            answer.status == 200 || !answer.has("retry-after")
        });
        assert!(came, "no metrics: {} {}", answer.head(), answer.text());
        answer.text()
    }
}

/// Labels and value of each row of a metric in the text of all; names are without `millpond_`.
pub fn rows<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let (row, value) = line.rsplit_once(' ')?;
        let labels = row.strip_prefix("millpond_")?.strip_prefix(name)?;
        (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
    })
}

#[test]
fn rows_are_told_apart_by_their_whole_names() {
    let text = "# TYPE a gauge\nmillpond_a{b=\"c\",d=\"e f\"} 2\nmillpond_a 1.5\nmillpond_ab 4\nmillpond_a_sum{b=\"c\"} 8\n";
    let found: Vec<_> = rows(text, "a").collect();
    assert_eq!(found, [("{b=\"c\",d=\"e f\"}", 2.0), ("", 1.5)]);
}
