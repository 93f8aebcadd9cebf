//! What a measurement found, beside what was asked: a table for people, and a verdict.

use std::fmt::{self, Display};

#[derive(Clone, Debug)]
struct Row {
    what: String,
    figure: String,
    limit: String,
    held: bool,
}

/// Rows of a table, each with its limit. Nothing here panics: a control wants to see what broke.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    rows: Vec<Row>,
}

impl Findings {
    /// No row yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A figure that must not be larger than its limit; both are printed with this unit.
    pub fn at_most(&mut self, what: impl Into<String>, figure: f64, limit: f64, unit: &str) {
        self.row(
            what,
            format!("{} {unit}", short(figure)),
            format!("at most {} {unit}", short(limit)),
            figure <= limit,
        );
    }

    /// A figure that must not be smaller than its limit.
    pub fn at_least(&mut self, what: impl Into<String>, figure: f64, limit: f64, unit: &str) {
        self.row(
            what,
            format!("{} {unit}", short(figure)),
            format!("at least {} {unit}", short(limit)),
            figure >= limit,
        );
    }

    /// Something that must be exactly as expected.
    pub fn equal<T: PartialEq + Display>(&mut self, what: impl Into<String>, figure: T, expected: T) {
        let held = figure == expected;
        self.row(what, figure.to_string(), expected.to_string(), held);
    }

    /// A figure without a limit.
    pub fn note(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        self.row(what, figure.into(), String::new(), true);
    }

    /// Any row.
    pub fn row(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        limit: impl Into<String>,
        held: bool,
    ) {
        self.rows.push(Row { what: what.into(), figure: figure.into(), limit: limit.into(), held });
    }

    /// The rows of another measurement behind these.
    pub fn extend(&mut self, other: Findings) {
        self.rows.extend(other.rows);
    }

    /// The rows that did not hold, one sentence each.
    pub fn broken(&self) -> Vec<String> {
        let broken = self.rows.iter().filter(|row| !row.held);
        broken.map(|row| format!("{}: {}, but {}", row.what, row.figure, row.limit)).collect()
    }
}

/// The table in Markdown.
impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | figure | limit |\n|---|---|---|")?;
        for row in &self.rows {
            let broken = if row.held { "" } else { " **broken**" };
            writeln!(f, "| {} | {} | {}{broken} |", row.what, row.figure.trim(), row.limit.trim())?;
        }
        Ok(())
    }
}

/// Whole numbers without a point, others with one digit after it.
fn short(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number}") } else { format!("{number:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_is_named_and_marked() {
        let mut findings = Findings::new();
        findings.at_most("peak", 96.0, 96.0, "MiB");
        findings.at_most("stall", 2.25, 2.0, "s");
        findings.at_least("rate", 31.9, 32.0, "kB/s");
        findings.equal("descriptors", 24, 25);
        findings.note("CPU", "1.0 s");
        let broken = [
            "stall: 2.2 s, but at most 2 s",
            "rate: 31.9 kB/s, but at least 32 kB/s",
            "descriptors: 24, but 25",
        ];
        assert_eq!(findings.broken(), broken);
        let table = findings.to_string();
        assert!(table.contains("| peak | 96 MiB | at most 96 MiB |\n"), "{table}");
        assert!(table.contains("| descriptors | 24 | 25 **broken** |\n"), "{table}");
    }
}
