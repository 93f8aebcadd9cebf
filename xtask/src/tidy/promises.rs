//! Every promise of `PROMISES.md` has a test with its id in the name, or says which part of the system it waits for.
//!
//! The page has a table with the columns *id*, *promise*, *state*. A state holds `tested`, or `` comes with `part` ``,
//! or both when one half is there already. A promise may wait only for a crate that does not exist: on the day that the
//! crate comes, the promise needs its test, and until then no test may speak in its name.

use std::collections::BTreeSet;

use super::{Complaint, Tree, rust};

const PAGE: &str = "PROMISES.md";

pub(super) fn have_tests(tree: &Tree) -> Vec<Complaint> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Complaint::new(PAGE, 0, "is not there")];
    };
    let tests = ids_of_tests(tree);
    let mut found = Vec::new();
    let mut promised = BTreeSet::new();
    for (number, row) in page.lines().enumerate().filter(|(_, line)| line.starts_with("| P-")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let (Some(id), Some(state)) = (cells.first(), cells.last()) else { continue };
        let id = id.replace("P-", "p");
        let mut say = |what: String| found.push(Complaint::new(PAGE, number + 1, what));
        let awaited: Vec<&str> =
            state.split("comes with `").skip(1).filter_map(|rest| rest.split('`').next()).collect();
        if !state.contains("tested") && awaited.is_empty() {
            say(format!("the state of {id} is neither `tested` nor `comes with` a part"));
        }
        if state.contains("tested") && !tests.iter().any(|(test, ..)| *test == id) {
            say(format!("no test has {id}_ in its name"));
        }
        if !state.contains("tested") && tests.iter().any(|(test, ..)| *test == id) {
            say(format!("{id} is not `tested`, but tests have it in their names"));
        }
        for part in awaited {
            if ["core", "edges", "programs"].iter().any(|folder| tree.has(&format!("{folder}/{part}"))) {
                say(format!("{id} waits for `{part}`, which is there now"));
            }
        }
        promised.insert(id);
    }
    for (id, path, line) in tests.iter().filter(|(id, ..)| !promised.contains(id)) {
        found.push(Complaint::new(path, *line, format!("{PAGE} has no row for {id}")));
    }
    found
}

/// The promise ids in the names of tests, with the place of each test.
fn ids_of_tests(tree: &Tree) -> Vec<(String, &str, usize)> {
    let mut ids = Vec::new();
    for (path, text) in tree.ending("rs") {
        let blank = rust::blanked(text);
        for function in rust::functions(&blank) {
            let (id, rest) = function.name.split_at_checked(3).unwrap_or_default();
            let number =
                id.strip_prefix('p').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
            if number && rest.starts_with('_') && is_test(&blank, function.bytes.start) {
                ids.push((id.to_owned(), path, function.line));
            }
        }
    }
    ids
}

/// Whether the attributes straight above a function say that it is a test.
fn is_test(blank: &str, at: usize) -> bool {
    let before = blank.get(..at).unwrap_or_default();
    let above = before.rsplit(['}', ';', '{']).next().unwrap_or_default();
    above.contains("test]") || above.contains("test(")
}
