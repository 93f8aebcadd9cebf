//! Which crate may know which, as the design's second section says, read from the manifests.

use std::collections::BTreeMap;

use super::{Complaint, Tree};

const LAW: &[&str] = &["budget"];
const NOUNS: &[&str] = &["budget", "store", "catalog"];
const EVERYTHING_BELOW_FACES: &[&str] =
    &["budget", "store", "catalog", "ingest", "stream", "transform", "stems"];

/// What each crate may depend on within the workspace. A crate without a row here fails, so that a new one is thought
/// about.
const ARROWS: &[(&str, &[&str])] = &[
    ("budget", &[]),
    ("store", LAW),
    ("catalog", &["budget", "store"]),
    ("stream", &["budget", "store"]),
    ("ingest", NOUNS),
    ("transform", NOUNS),
    ("stems", LAW),
    ("subsonic", EVERYTHING_BELOW_FACES),
    ("cdn", EVERYTHING_BELOW_FACES),
    ("scrobble", NOUNS),
    ("web", EVERYTHING_BELOW_FACES),
    ("podcasts", &["budget", "store", "catalog", "ingest"]),
    ("load", &[]),
    ("forgetful", &[]),
    ("xtask", &["load"]),
    ("hot", &["budget", "store", "catalog", "stream", "transform", "subsonic"]),
];
/// These may know every crate: the program that wires them, and what tests them from outside.
const KNOW_ALL: &[&str] = &["millpond", "fuzz", "tests"];

const WEB_FRAMEWORK: &[&str] = &["axum", "axum-core", "axum-extra", "tower-http"];
/// What speaks HTTP itself: faces answer with it, and `store` asks buckets.
const HTTP: &[&str] = &["hyper", "hyper-util"];
const SQL: &[&str] = &["sqlx", "sqlx-core", "sqlx-sqlite", "sqlx-postgres", "rusqlite", "tokio-postgres"];

/// A manifest: the crate's name and what it depends on, by the name of the package.
struct Manifest<'a> {
    path: &'a str,
    name: String,
    needs: Vec<String>,
}

pub(super) fn between_crates(tree: &Tree) -> Vec<Complaint> {
    let (manifests, mut found) = manifests(tree);
    let ours: Vec<String> = manifests.iter().map(|manifest| manifest.name.clone()).collect();
    let rows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for manifest in &manifests {
        if KNOW_ALL.contains(&manifest.name.as_str()) {
            continue;
        }
        let Some(allowed) = rows.get(manifest.name.as_str()) else {
            found.push(Complaint::new(
                manifest.path,
                0,
                format!("no row says what `{}` may know", manifest.name),
            ));
            continue;
        };
        for need in manifest.needs.iter().filter(|need| ours.contains(need)) {
            if !allowed.contains(&need.as_str()) {
                found.push(Complaint::new(
                    manifest.path,
                    0,
                    format!("`{}` may not know `{need}`", manifest.name),
                ));
            }
        }
    }
    found
}

pub(super) fn web_framework(tree: &Tree) -> Vec<Complaint> {
    let may = |path: &str| path.starts_with("edges/") || path.starts_with("programs/millpond/");
    let mut found = only_where(tree, WEB_FRAMEWORK, may, "only faces and `millpond` know the web framework");
    let may = |path: &str| may(path) || path.starts_with("core/store/");
    found.extend(only_where(tree, HTTP, may, "only faces, `millpond` and `store` speak HTTP"));
    found
}

pub(super) fn sql(tree: &Tree) -> Vec<Complaint> {
    only_where(tree, SQL, |path| path.starts_with("core/catalog/"), "only `catalog` speaks SQL")
}

fn only_where(tree: &Tree, packages: &[&str], may: impl Fn(&str) -> bool, why: &str) -> Vec<Complaint> {
    let (manifests, _) = manifests(tree);
    let others = manifests.iter().filter(|manifest| !may(manifest.path));
    let wrong = others.flat_map(|manifest| {
        let needs = manifest.needs.iter().filter(|need| packages.contains(&need.as_str()));
        needs.map(|need| Complaint::new(manifest.path, 0, format!("`{need}` does not belong here: {why}")))
    });
    wrong.collect()
}

fn manifests(tree: &Tree) -> (Vec<Manifest<'_>>, Vec<Complaint>) {
    let (mut manifests, mut broken) = (Vec::new(), Vec::new());
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        match text.parse::<toml::Table>() {
            Ok(table) => {
                let package = table.get("package").and_then(|package| package.get("name"));
                let name = package.and_then(toml::Value::as_str).unwrap_or(path).to_owned();
                let mut needs = needs(&table);
                let targets = table.get("target").and_then(toml::Value::as_table);
                for target in targets.into_iter().flatten().filter_map(|(_, target)| target.as_table()) {
                    needs.extend(self::needs(target));
                }
                manifests.push(Manifest { path, name, needs });
            }
            Err(error) => broken.push(Complaint::new(path, 0, format!("not TOML: {}", error.message()))),
        }
    }
    (manifests, broken)
}

fn needs(table: &toml::Table) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
    let needs = tables.flatten().map(|(key, value)| {
        let renamed = value.get("package").and_then(toml::Value::as_str);
        renamed.unwrap_or(key).to_owned()
    });
    needs.collect()
}
