//! A limit has its number in one place, where it can be found and tuned.

use super::tree::{of_the_server, only_tests};
use super::{Complaint, Tree, rust};

const HOME: &str = "core/budget/src/limits";
const UNITS: &[&str] = &["_MAX", "_MIN", "_MS", "_BYTES"];
const NUMBERS: &[&str] = &["u16", "u32", "u64", "usize"];

/// A constant that is named like a limit and stands elsewhere belongs to a file format or a protocol, and says so in a
/// comment `// format:` above it.
pub(super) fn in_one_file(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.ending("rs").filter(|(path, _)| of_the_server(path) && !only_tests(path)) {
        if path.starts_with(HOME) {
            continue;
        }
        let blank = rust::blanked(text);
        let tests = rust::test_regions(&blank);
        let lines: Vec<&str> = text.lines().collect();
        for (at, _) in blank.match_indices("const ") {
            let line = rust::line(&blank, at);
            let above = lines.get(line.saturating_sub(4)..line).unwrap_or_default();
            let excused = above.iter().any(|line| line.contains("// format:"))
                || tests.iter().any(|region| region.contains(&at));
            if let Some(name) = limit(blank.get(at + 6..).unwrap_or_default())
                && !excused
            {
                found.push(Complaint::new(path, line, format!("the number of `{name}` belongs into {HOME}")));
            }
        }
    }
    found
}

/// The name of a constant that is a limit: it ends in a unit, and a number follows.
fn limit(rest: &str) -> Option<&str> {
    let (declared, value) = rest.split_once('=')?;
    let (name, kind) = declared.split_once(':')?;
    let number = value.trim_start().starts_with(|c: char| c.is_ascii_digit());
    (number && NUMBERS.contains(&kind.trim()) && UNITS.iter().any(|unit| name.ends_with(unit)))
        .then_some(name)
}
