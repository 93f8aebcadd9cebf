//! Every crate says on its first page what it promises, how it flows and what is not in it; the guide has every key
//! of the configuration; CI runs one line.

use super::{Complaint, Tree};

pub(super) fn front(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (manifest, _) in tree.texts().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let folder = manifest.trim_end_matches("/Cargo.toml");
        let pages = ["src/lib.rs", "src/main.rs"].map(|file| format!("{folder}/{file}"));
        let Some((path, text)) = pages.iter().find_map(|path| Some((path, tree.text(path)?))) else {
            found.push(Complaint::new(manifest, 0, "the crate has neither a lib.rs nor a main.rs"));
            continue;
        };
        let page: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for word in ["**Promise.**", "**Flow.**", "**Not here.**"] {
            if !page.contains(word) {
                found.push(Complaint::new(path, 1, format!("the front page lacks {word}")));
            }
        }
    }
    found
}

pub(super) fn ci(tree: &Tree) -> Vec<Complaint> {
    match tree.text(".ci/run") {
        Some("cargo x test\n") => Vec::new(),
        _ => vec![Complaint::new(".ci/run", 1, "must be the one line `cargo x test`")],
    }
}

/// The table of keys, and the page that explains them.
const KEYS: &str = "programs/millpond/src/settings/keys/table.rs";
const GUIDE: &str = "docs/guide/configuration.md";

/// Every key of the configuration has its row in the guide. A key is the text after `serving(` or `everywhere(`.
pub(super) fn keys(tree: &Tree) -> Vec<Complaint> {
    let (Some(keys), Some(guide)) = (tree.text(KEYS), tree.text(GUIDE)) else { return Vec::new() };
    let calls = ["serving(", "everywhere("].iter().flat_map(|call| keys.split(call).skip(1));
    let names = calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    let missing = names.filter(|name| !guide.contains(&format!("| `{name}` |")));
    missing.map(|name| Complaint::new(GUIDE, 0, format!("has no row for `{name}`"))).collect()
}
