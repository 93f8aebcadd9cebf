//! Every Rust file below a crate's `src` is named by a `mod` above it: a file that nobody names is compiled by nobody,
//! and reads as if it were the truth.

use super::rust::blanked;
use super::{Complaint, Tree};

/// The files that Cargo finds by their names.
const ROOTS: &[&str] = &["lib.rs", "main.rs"];

pub(super) fn named(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, _) in tree.ending("rs") {
        let Some((krate, inside)) = path.split_once("/src/") else { continue };
        if ROOTS.contains(&inside) || inside.starts_with("bin/") {
            continue;
        }
        let Some((name, above)) = name_and_parents(krate, inside) else { continue };
        let line = format!("mod {name};");
        let names = |parent: &String| tree.text(parent).is_some_and(|text| blanked(text).contains(&line));
        if !above.iter().any(names) {
            found.push(Complaint::new(path, 0, format!("no `{line}` above it: name it or delete it")));
        }
    }
    found
}

/// The module that a file holds, and the files that may name it.
fn name_and_parents<'a>(krate: &str, inside: &'a str) -> Option<(&'a str, Vec<String>)> {
    let module = inside.strip_suffix("/mod.rs").or_else(|| inside.strip_suffix(".rs"))?;
    let (folder, name) =
        module.rsplit_once('/').map_or((None, module), |(folder, name)| (Some(folder), name));
    let parents = match folder {
        None => ROOTS.iter().map(|root| format!("{krate}/src/{root}")).collect(),
        Some(folder) => vec![format!("{krate}/src/{folder}.rs"), format!("{krate}/src/{folder}/mod.rs")],
    };
    Some((name, parents))
}
