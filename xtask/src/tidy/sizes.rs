//! Files fit a sitting, functions fit a screen.

use super::tree::only_tests;
use super::{Complaint, Tree, rust};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

pub(super) fn files(tree: &Tree) -> Vec<Complaint> {
    let long =
        tree.ending("rs").map(|(path, text)| (path, text.lines().count())).filter(|(_, n)| *n > FILE_LINES);
    long.map(|(path, lines)| {
        Complaint::new(path, 0, format!("has {lines} lines, the ceiling is {FILE_LINES}"))
    })
    .collect()
}

pub(super) fn functions(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.ending("rs").filter(|(path, _)| !only_tests(path)) {
        let blank = rust::blanked(text);
        let tests = rust::test_regions(&blank);
        for function in rust::functions(&blank) {
            let in_tests = tests.iter().any(|region| region.contains(&function.bytes.start));
            if function.lines > FUNCTION_LINES && !in_tests {
                let (name, lines) = (&function.name, function.lines);
                let what = format!("`{name}` has {lines} lines, the ceiling is {FUNCTION_LINES}");
                found.push(Complaint::new(path, function.line, what));
            }
        }
    }
    found
}
