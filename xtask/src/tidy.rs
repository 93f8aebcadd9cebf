//! The rules of the house that no compiler knows, checked over the whole checkout in under a second.
//!
//! A rule is a function from the tree of our files to complaints; `RULES` is their list. Each has a bad example among
//! the tests, so that a rule that stopped looking would be noticed.

mod arrows;
mod limits;
mod links;
mod modules;
mod pages;
mod promises;
mod rust;
mod sizes;
mod tree;
mod words;

use std::path::Path;

use crate::{Error, ErrorKind, Result};
pub use tree::Tree;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The file, from the root of the checkout.
    pub path: String,
    /// The line, from 1; 0 speaks of the whole file.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Complaint {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

type Rule = fn(&Tree) -> Vec<Complaint>;

/// Every rule by its name.
pub const RULES: &[(&str, Rule)] = &[
    ("arrows between crates", arrows::between_crates),
    ("the web framework only in faces", arrows::web_framework),
    ("SQL only in catalog", arrows::sql),
    ("no process started by the server", words::processes),
    ("promises have tests", promises::have_tests),
    ("links resolve", links::resolve),
    ("every file is named by a `mod`", modules::named),
    ("files fit a sitting", sizes::files),
    ("functions fit a screen", sizes::functions),
    ("words that texts may not have", words::forbidden),
    ("no sleep in tests", words::sleeps),
    ("every crate has a front page", pages::front),
    ("limits stand in one file", limits::in_one_file),
    ("the guide has every key", pages::keys),
    ("CI runs what a person runs", pages::ci),
];

/// What all the rules say of a tree, sorted by place, each with the name of its rule.
pub fn complaints(tree: &Tree) -> Vec<(&'static str, Complaint)> {
    let mut all: Vec<_> =
        RULES.iter().flat_map(|(name, rule)| rule(tree).into_iter().map(|found| (*name, found))).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all
}

/// Checks a checkout and prints every complaint.
///
/// # Errors
/// [`ErrorKind::Broken`] with their number when there are complaints, [`ErrorKind::Io`] when a file cannot be read.
pub fn check(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let found = complaints(&tree);
    for (rule, complaint) in &found {
        println!("{}:{}: {} ({rule})", complaint.path, complaint.line, complaint.what);
    }
    match found.len() {
        0 => {
            println!("{} rules hold over {} texts", RULES.len(), tree.texts().count());
            Ok(())
        }
        count => Err(Error::new(ErrorKind::Broken, format!("{count} places break a rule of the house"))),
    }
}

#[cfg(test)]
mod tests;
