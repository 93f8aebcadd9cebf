//! Words that our texts may not have, and calls that have no business where they stand.

use super::tree::{of_the_server, only_tests};
use super::{Complaint, Tree, rust};

/// Each word with what is wrong about it. They are put together from halves, so that this file does not have them.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "fix it, or say what is open and why"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("static.cra", "tes.io"), "a registry's host"),
    (concat!("index.cra", "tes.io"), "a registry's host"),
    (concat!("py", "pi.org"), "a registry's host"),
    (concat!("pythonho", "sted.org"), "a registry's host"),
    (concat!("npm", "js.org"), "a registry's host"),
    (concat!("deb.deb", "ian.org"), "a registry's host"),
];

pub(super) fn forbidden(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in text.lines().enumerate() {
            let mut say = |what: String| found.push(Complaint::new(path, number + 1, what));
            for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                say(format!("has {word}: {why}"));
            }
            if let Some((_, after)) = line.split_once(concat!("TO", "DO")) {
                let reason = after.trim_start_matches(|c: char| !c.is_alphanumeric());
                if reason.split_whitespace().count() < 3 {
                    say(format!("has {} without a reason", concat!("TO", "DO")));
                }
            }
        }
    }
    found
}

pub(super) fn processes(tree: &Tree) -> Vec<Complaint> {
    let server = tree.ending("rs").filter(|(path, _)| of_the_server(path) && !only_tests(path));
    let mut found = Vec::new();
    for (path, text) in server.filter(|(path, _)| !path.starts_with("core/transform/")) {
        let blank = rust::blanked(text);
        let tests = rust::test_regions(&blank);
        for call in ["process::Command", "tokio::process"] {
            let places = blank.match_indices(call).map(|(at, _)| at);
            for at in places.filter(|at| !tests.iter().any(|region| region.contains(at))) {
                found.push(Complaint::new(
                    path,
                    rust::line(&blank, at),
                    "only `transform` may start a process",
                ));
            }
        }
    }
    found
}

/// Tests wait for what they wait for. Sleeping is right only where time itself is paused, which the test's attribute
/// says, or where a comment `// sleep:` on the line or the one before says why.
pub(super) fn sleeps(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.ending("rs") {
        let blank = rust::blanked(text);
        let tests = rust::test_regions(&blank);
        let lines: Vec<&str> = text.lines().collect();
        for (at, _) in blank.match_indices("sleep(") {
            let in_tests = only_tests(path) || tests.iter().any(|region| region.contains(&at));
            let attribute =
                blank.get(..at).and_then(|before| before.rsplit_once("test")).map(|(_, after)| after);
            let paused = attribute.is_some_and(|after| after.trim_start().starts_with("(start_paused"));
            let line = rust::line(&blank, at);
            let near = lines.get(line.saturating_sub(2)..line).unwrap_or_default();
            if in_tests && !paused && !near.iter().any(|line| line.contains("// sleep:")) {
                found.push(Complaint::new(path, line, "wait for the event, or say `// sleep:` and why"));
            }
        }
    }
    found
}
