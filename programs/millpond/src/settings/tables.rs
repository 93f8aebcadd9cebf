//! Tables that only the file can have: their entries have names of the operator's own, so there is no flag for them.

use std::path::{Path, PathBuf};

use cdn::{Origin, Place, Preset, Responsive};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::value;
use crate::error::{Error, Result};

/// The tables, by the names that they have in the file.
const TABLES: &[&str] = &["cdn.origin", "cdn.preset", "cdn.responsive"];

/// First parts of paths that are the server's own, beside those of its routes: faces that have tables of their own, and
/// what will come.
const RESERVED: &[&str] = &[
    "rest",
    "media",
    "cdn",
    "cdn-cgi",
    "renditions",
    "api",
    "admin",
    "assets",
    "events",
    "jobs",
    "stems",
    "ui",
    "videos",
];

/// Whether a key of the file is in one of these tables.
pub(super) fn has(name: &str) -> bool {
    TABLES
        .iter()
        .any(|table| name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Takes the tables of the file over, and says what they mean in lines for people, without secrets.
///
/// # Errors
/// A usage error that names the file and the entry.
pub(super) fn merge(merged: &mut Table, file: &Table, config: Option<&Path>) -> Result<Vec<String>> {
    let (Some(config), Some(cdn)) = (config, file.get("cdn").and_then(Value::as_table)) else {
        return Ok(Vec::new());
    };
    let shown = config.display();
    let mut lines = Vec::new();
    let into = merged.entry("cdn").or_insert_with(|| Value::Table(Table::new()));
    let Some(into) = into.as_table_mut() else { return Ok(lines) };
    if let Some(origins) = cdn.get("origin") {
        let whole = format!("{shown}: cdn.origin");
        let Value::Array(origins) = origins else {
            return Err(Error::usage(format!("{whole} is no list")).hint("write each as [[cdn.origin]]"));
        };
        let mut taken = Vec::with_capacity(origins.len());
        for (at, origin) in origins.iter().enumerate() {
            let name = origin.get("name").and_then(Value::as_str);
            let name = name.map_or_else(|| (at + 1).to_string(), str::to_owned);
            let origin = prepared(origin, config.parent());
            let read: Origin = entry(&format!("{whole} {name}"), &origin)?;
            lines.push(format!("cdn.origin {name} = {}  ({shown})", described(&read)));
            taken.push(origin);
        }
        into.insert("origin".to_owned(), Value::Array(taken));
    }
    if let Some(presets) = cdn.get("preset") {
        let Value::Table(presets) = presets else {
            return Err(Error::usage(format!("{shown}: cdn.preset is no table"))
                .hint("write each as [cdn.preset.NAME]"));
        };
        for (name, preset) in presets {
            let read: Preset = entry(&format!("{shown}: cdn.preset.{name}"), preset)?;
            lines.push(format!("cdn.preset.{name} = {read}  ({shown})"));
        }
        into.insert("preset".to_owned(), Value::Table(presets.clone()));
    }
    if let Some(responsive) = cdn.get("responsive") {
        let _: Responsive = entry(&format!("{shown}: cdn.responsive"), responsive)?;
        lines.push(format!("cdn.responsive = {responsive}  ({shown})"));
        into.insert("responsive".to_owned(), responsive.clone());
    }
    Ok(lines)
}

/// Reads one entry, so that an error can name it.
fn entry<T: DeserializeOwned>(named: &str, value: &Value) -> Result<T> {
    T::deserialize(value.clone()).map_err(|e: toml::de::Error| {
        Error::usage(format!("{named}: {}", e.message().trim_end().replace('\n', " ")))
            .hint("the guide's page about renditions has all keys and options")
    })
}

/// An origin whose folder is absolute, beside the file where it was relative, and whose times are numbers.
fn prepared(origin: &Value, base: Option<&Path>) -> Value {
    let Value::Table(origin) = origin else { return origin.clone() };
    let mut origin = origin.clone();
    if let (Some(Value::String(folder)), Some(base)) = (origin.get_mut("folder"), base) {
        let joined = base.join(&*folder);
        *folder = std::path::absolute(&joined).unwrap_or(joined).display().to_string();
    }
    if let Some(Value::Table(ttl)) = origin.get_mut("ttl") {
        for (_, time) in ttl.iter_mut() {
            let millis = time.as_str().and_then(value::millis).and_then(|ms| i64::try_from(ms).ok());
            if let Some(millis) = millis {
                *time = Value::Integer(millis);
            }
        }
    }
    Value::Table(origin)
}

fn described(origin: &Origin) -> String {
    let place = match origin.place() {
        Some(Place::Folder(folder)) => format!("folder {:?}", PathBuf::from(folder)),
        Some(Place::Url(url)) => format!("url {:?}", url.as_str()),
        Some(Place::Store) => "store".to_owned(),
        Some(Place::S3 { bucket, prefix }) => format!("s3 \"{bucket}/{prefix}\""),
        None => "no place".to_owned(),
    };
    let sight = if origin.public { "public" } else { "not public" };
    let proxy = if origin.proxy { ", proxy" } else { "" };
    format!("{} from {place}, {sight}{proxy}", origin.path)
}

/// What the tables cannot show one by one.
///
/// # Errors
/// A usage error that names the table.
pub(super) fn check(settings: &cdn::Settings) -> Result<()> {
    let routes = web::ROUTES.iter().filter_map(|route| route.path.split('/').nth(1));
    let reserved: Vec<&str> =
        routes.filter(|part| !part.is_empty()).chain(RESERVED.iter().copied()).collect();
    settings
        .check(&reserved)
        .map_err(|unfit| Error::usage(unfit.to_string()).hint("correct it in the configuration file"))
}
