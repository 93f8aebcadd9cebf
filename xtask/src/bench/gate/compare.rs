//! Before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Figures, WRITE, thresholds};

/// One figure of one path.
pub(super) struct Row {
    path: String,
    figure: String,
    before: Option<f64>,
    after: Option<f64>,
    /// The most that passes; `None` for a figure that is shown and not judged.
    most: Option<f64>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Not judged.
    Shown,
    Held,
    TooMuch,
    /// The baseline does not have it.
    New,
    /// The baseline has it, and nobody measures it any more.
    Gone,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Outcome::Shown => "",
            Outcome::Held => "held",
            Outcome::TooMuch => "TOO MUCH",
            Outcome::New => "NEW",
            Outcome::Gone => "GONE",
        }
    }
}

impl Row {
    fn of(path: &str, figure: &str, before: Option<f64>, after: Option<f64>) -> Row {
        let judged = thresholds::most(path, figure, 0.0).is_some();
        let most = before.and_then(|before| thresholds::most(path, figure, before));
        let outcome = match (before, after, most) {
            _ if !judged => Outcome::Shown,
            (None, ..) => Outcome::New,
            (_, None, _) => Outcome::Gone,
            (Some(_), Some(after), Some(most)) if after <= most => Outcome::Held,
            (Some(_), Some(_), _) => Outcome::TooMuch,
        };
        Row { path: path.to_owned(), figure: figure.to_owned(), before, after, most, outcome }
    }

    /// Whether it fell by more than it may rise, so that the baseline would let a later rise pass unseen.
    pub(super) fn is_saving(&self) -> bool {
        let (Some(before), Some(after), Some(most)) = (self.before, self.after, self.most) else {
            return false;
        };
        after < before - (most - before)
    }

    fn ratio(&self) -> Option<f64> {
        self.before.zip(self.after).filter(|(before, _)| *before > 0.0).map(|(before, after)| after / before)
    }
}

/// All figures that either side has, path by path.
pub(super) fn compare(before: &Figures, after: &Figures) -> Vec<Row> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let nothing = BTreeMap::new();
    let mut rows = Vec::new();
    for path in paths {
        let (before, after) = (before.get(path).unwrap_or(&nothing), after.get(path).unwrap_or(&nothing));
        let figures: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        rows.extend(figures.into_iter().map(|figure| {
            let value = |of: &BTreeMap<String, f64>| of.get(figure).copied();
            // A call that one side never makes is made zero times there.
            let absent = |of: &BTreeMap<String, f64>| {
                value(of).or((figure.contains(' ') && !of.is_empty()).then_some(0.0))
            };
            Row::of(path, figure, absent(before), absent(after))
        }));
    }
    rows
}

/// A table in Markdown. Calls are listed by name below their sum, where there is at least one for every other answer.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| path | figure | before | after | ratio | most | |\n|---|---|---:|---:|---:|---:|---|\n",
    );
    let seen = |row: &&Row| {
        row.outcome != Outcome::Shown || row.before.into_iter().chain(row.after).any(|count| count >= 0.5)
    };
    for row in rows.iter().filter(seen) {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), shown);
        let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        text += &format!(
            "| {} | {} | {} | {} | {ratio} | {} | {} |\n",
            row.path,
            row.figure,
            number(row.before),
            number(row.after),
            number(row.most),
            row.outcome.name()
        );
    }
    text
}

/// Counts of one are whole; small means keep their fraction.
fn shown(value: f64) -> String {
    if value >= 1_000.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The same for programs.
pub(super) fn json(baseline: &str, rows: &[Row]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "path": row.path,
                "figure": row.figure,
                "before": row.before,
                "after": row.after,
                "ratio": row.ratio(),
                "most": row.most,
                "outcome": if row.outcome == Outcome::Shown { "shown" } else { row.outcome.name() },
            })
        })
        .collect();
    format!("{:#}\n", json!({ "baseline": baseline, "held": complaint_of(&rows), "rows": rows }))
}

fn complaint_of(rows: &[serde_json::Value]) -> bool {
    rows.iter().all(|row| matches!(row["outcome"].as_str(), Some("held" | "shown")))
}

/// What is wrong, with names; `None` when everything held.
pub(super) fn complaint(rows: &[Row]) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| !matches!(row.outcome, Outcome::Shown | Outcome::Held)) {
        let Row { path, figure, .. } = row;
        let number = |value: Option<f64>| value.map(shown).unwrap_or_default();
        let line = match row.outcome {
            Outcome::New => format!("`{path}` is not in the baseline; write it by: {WRITE}"),
            Outcome::Gone => format!("`{path}` is no longer measured; write that by: {WRITE}"),
            _ => {
                let (before, after, most) = (number(row.before), number(row.after), number(row.most));
                let of_calls = matches!(figure.as_str(), "calls" | "transfers");
                let calls = if of_calls { more_calls(path, rows) } else { String::new() };
                format!("`{path}`: {figure} rose from {before} to {after}, at most {most} pass{calls}")
            }
        };
        // A path that is new or gone is so with all its figures.
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Which calls a path makes more often than before.
fn more_calls(path: &str, rows: &[Row]) -> String {
    let named = rows.iter().filter(|row| row.path == path).filter_map(|row| {
        let name = row.figure.strip_prefix("call ")?;
        let more = row.after? - row.before?;
        (more >= 0.05).then(|| format!("{name} {more:+.2}"))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) }
}

#[cfg(test)]
mod tests;
