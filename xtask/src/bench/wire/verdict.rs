//! From the figures of all runs to medians, ratios within a round, and what held.

use super::loads::Figures;
use super::rows::{Goal, Most, Row};
use super::side::Side;

/// The runs of one row: for each round, what each server did.
pub(super) type Rounds = Vec<Vec<(Side, Figures)>>;

/// A median with its smallest and its largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        Some(Spread {
            median: *values.get(values.len() / 2)?,
            least: *values.first()?,
            most: *values.last()?,
        })
    }

    fn text(self) -> String {
        let digits = if self.median.abs() >= 100.0 {
            0
        } else if self.median.abs() >= 10.0 {
            1
        } else {
            3
        };
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }
}

/// A figure for a table, or a dash.
pub(super) fn text(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "–".to_owned(), Spread::text)
}

/// One line of the table of goals.
pub(super) struct Verdict {
    pub(super) line: String,
    pub(super) held: bool,
}

fn value(round: &[(Side, Figures)], side: Side, figure: &str) -> Option<f64> {
    let (_, figures) = round.iter().find(|(other, _)| *other == side)?;
    figures.iter().find(|(name, _)| *name == figure).map(|(_, value)| *value)
}

/// A figure of a server over all rounds.
pub(super) fn spread(rounds: &Rounds, side: Side, figure: &str) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| value(round, side, figure)).collect())
}

/// A figure over that of another server, taken within each round.
pub(super) fn ratio(rounds: &Rounds, side: Side, peer: Side, figure: &str) -> Option<Spread> {
    let ratios =
        rounds.iter().filter_map(|round| Some(value(round, side, figure)? / value(round, peer, figure)?));
    Spread::of(ratios.collect())
}

pub(super) fn judge(row: &Row, goal: &Goal, rounds: &Rounds) -> Verdict {
    let (outcome, most, bound) = match goal.most {
        Most::Times(most, peer) => {
            (ratio(rounds, goal.side, peer, goal.figure), most, format!("≤ {most} × {}", peer.name()))
        }
        Most::Of(most) => (spread(rounds, goal.side, goal.figure), most, format!("≤ {most}")),
    };
    let held = outcome.is_some_and(|spread| spread.median <= most);
    let said = outcome.map_or_else(|| "not measured".to_owned(), Spread::text);
    let word = if held { "held" } else { "**missed**" };
    let line =
        format!("| {} | {} | {} | {said} | {bound} | {word} |", row.about, goal.side.name(), goal.figure);
    Verdict { line, held }
}

/// The table of one row: every figure of every server, and each server's share of the last peer's.
pub(super) fn table(row: &Row, rounds: &Rounds) -> String {
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in rounds.iter().flatten().flat_map(|(_, figures)| figures) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let peer = row.goals.iter().find_map(|goal| match goal.most {
        Most::Times(_, peer) => Some((peer, goal.figure)),
        Most::Of(_) => None,
    });
    let mut text = format!("## {}: {}\n\n| server |", row.name, row.about);
    names.iter().for_each(|name| text += &format!(" {name} |"));
    text += &peer.map_or_else(String::new, |(peer, figure)| format!(" {figure} ÷ {} |", peer.name()));
    text += &format!("\n|{}\n", "---|".repeat(names.len() + 1 + usize::from(peer.is_some())));
    for side in row.sides {
        text += &format!("| {} |", side.name());
        for name in &names {
            text += &format!(" {} |", self::text(spread(rounds, *side, name)));
        }
        if let Some((peer, figure)) = peer {
            text += &format!(" {} |", self::text(ratio(rounds, *side, peer, figure)));
        }
        text.push('\n');
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::nginx::Manner;
    use super::super::rows::ROWS;
    use super::*;

    const PEER: Side = Side::Nginx(Manner::Plain);

    fn rounds(pairs: &[(f64, f64)]) -> Rounds {
        let round = |(ours, theirs): &(f64, f64)| {
            vec![(Side::Wire, vec![("CPU s/GB", *ours)]), (PEER, vec![("CPU s/GB", *theirs)])]
        };
        pairs.iter().map(round).collect()
    }

    #[test]
    fn the_ratio_is_taken_within_the_round_and_the_median_decides() {
        // The machine was three times slower in the second round; the ratio does not see it.
        let rounds = rounds(&[(1.1, 1.0), (3.6, 3.0), (1.0, 1.0)]);
        let ratio = ratio(&rounds, Side::Wire, PEER, "CPU s/GB").unwrap();
        assert!((ratio.median - 1.1).abs() < 1e-9 && (ratio.most - 1.2).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn a_goal_is_missed_when_the_median_is_over_it_or_nothing_was_measured() {
        let row = ROWS.first().unwrap();
        let goal = row.goals.first().unwrap();
        for (pairs, held) in
            [(vec![(1.1, 1.0)], true), (vec![(1.2, 1.0), (1.3, 1.0), (1.0, 1.0)], false), (vec![], false)]
        {
            let verdict = judge(row, goal, &rounds(&pairs));
            assert_eq!(verdict.held, held, "{}", verdict.line);
        }
    }
}
