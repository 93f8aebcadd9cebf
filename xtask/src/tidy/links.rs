//! Links inside our Markdown lead somewhere: to a file that is there, and to a heading that it has.

use super::{Complaint, Tree};

pub(super) fn resolve(tree: &Tree) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (path, text) in tree.ending("md") {
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for target in targets(line) {
                if let Some(what) = broken(tree, path, target) {
                    found.push(Complaint::new(path, number + 1, format!("the link to {target} {what}")));
                }
            }
        }
    }
    found
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

fn broken(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() { from.to_owned() } else { joined(from, file)? };
    if !tree.has(&path) {
        return Some("leads nowhere".to_owned());
    }
    let heading = heading?;
    let page = tree.text(&path)?;
    let there = page.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == heading);
    (!there).then(|| format!("names a heading that {path} does not have"))
}

/// A relative link's path from the root of the checkout.
fn joined(from: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// A heading as its anchor is written: lower case, spaces as dashes, other signs left out.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
