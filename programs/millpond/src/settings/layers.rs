//! Flag over variable over file over default, with an error that names the key, where its value came from, and what
//! would be right.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use budget::limits;
use toml::{Table, Value};

use super::keys::{self, KEYS, Key, Kind, Standard};
use super::{Log, Settings, tables, value};
use crate::error::{Error, Result};

/// What the caller of the program said, before anybody looked at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Names of keys and the texts that their flags had.
    pub(crate) flags: Vec<(&'static str, Vec<String>)>,
    /// The environment.
    pub(crate) variables: Vec<(String, String)>,
}

/// The settings, and how they came to be.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What holds.
    pub(crate) settings: Settings,
    /// The same as lines for people, each with its origin; secrets are hidden.
    pub(crate) effective: Vec<String>,
    /// What looks like a mistake and is none for sure.
    pub(crate) warnings: Vec<String>,
    /// What they were made of, to make them again when the file has changed.
    pub(crate) given: Given,
}

impl Loaded {
    /// How a command logs that does one thing: only what went wrong, unless somebody asked for more.
    pub(crate) fn quiet_log(&self) -> Log {
        let mut log = self.settings.log.clone();
        if self.effective.iter().any(|line| line.starts_with("log.level = ") && line.ends_with("(default)")) {
            log.level = "warn".to_owned();
        }
        log
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Flag(String),
    Variable(String),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag --{name}"),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Reads all layers.
///
/// # Errors
/// A usage error for the first key whose value cannot be meant, for a key that does not exist, and for a file that
/// was named and cannot be read.
pub(crate) fn load(given: &Given) -> Result<Loaded> {
    let asked = given;
    let mut given = asked.clone();
    let (config, config_from) = config_file(&given)?.unzip();
    let file = match &config {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    // The file cannot name itself; what was found is what the other layers said.
    given.flags.retain(|(name, _)| *name != "config");

    let mut merged = Table::new();
    let mut effective = Vec::with_capacity(KEYS.len());
    for key in KEYS {
        let found = if key.name == "config" {
            let shown = config.as_ref().map(|path| Value::String(path.display().to_string()));
            shown.zip(config_from.clone())
        } else {
            resolve(key, &given, config.as_deref(), &file)?
        };
        let (value, origin) = match found {
            Some(found) => found,
            None => match standard(key, &given)? {
                Some(value) => (value, Origin::Default),
                None => continue,
            },
        };
        effective.push(line(key, &value, &origin));
        insert(&mut merged, key.name, value);
    }
    effective.extend(tables::merge(&mut merged, &file, config.as_deref())?);
    for table in ["scan", "memory", "server", "limits", "store", "stream", "cdn", "cache", "transform", "log"]
    {
        merged.entry(table).or_insert_with(|| Value::Table(Table::new()));
    }
    let settings: Settings = merged
        .try_into()
        .map_err(|e: toml::de::Error| Error::usage(format!("configuration: {}", e.message())))?;
    check_together(&settings)?;
    Ok(Loaded { settings, effective, warnings: unknown_variables(&given), given: asked.clone() })
}

/// The highest layer that says something about the key.
fn resolve(
    key: &'static Key,
    given: &Given,
    config: Option<&Path>,
    file: &Table,
) -> Result<Option<(Value, Origin)>> {
    let (parsed, origin) = if let Some((_, texts)) = given.flags.iter().find(|(name, _)| *name == key.name) {
        (value::from_texts(key, texts), Origin::Flag(key.flag()))
    } else if let Some(text) = variable(given, &key.variable()) {
        (value::from_variable(key, text), Origin::Variable(key.variable()))
    } else if let (Some(found), Some(path)) = (lookup(file, key.name), config) {
        (value::from_file(key, found), Origin::File(path.to_owned()))
    } else {
        return Ok(None);
    };
    let base = match &origin {
        Origin::File(path) => path.parent(),
        _ => None,
    };
    let checked = parsed.and_then(|value| check(key, &value).map(|()| absolute(key, value, base)));
    match checked {
        Ok(value) => Ok(Some((value, origin))),
        Err(right) => Err(Error::usage(format!("{} is wrong ({origin})", key.name)).hint(right)),
    }
}

/// The key's own check, for a text or for each entry of a list.
fn check(key: &Key, value: &Value) -> std::result::Result<(), String> {
    match value {
        Value::String(text) => (key.check)(text),
        // Of one number, and of each of a list.
        Value::Integer(number) => (key.check)(&number.to_string()),
        Value::Array(entries) => {
            let mut numbers = entries.iter().filter_map(Value::as_integer);
            numbers.try_for_each(|number| {
                (key.check)(&number.to_string()).map_err(|right| format!("`{number}`: {right}"))
            })?;
            let mut texts = entries.iter().filter_map(Value::as_str);
            texts.try_for_each(|text| (key.check)(text).map_err(|right| format!("`{text}`: {right}")))
        }
        _ => Ok(()),
    }
}

/// Paths become absolute: those of a file lie beside the file, others in the current folder.
fn absolute(key: &Key, value: Value, base: Option<&Path>) -> Value {
    if !matches!(key.kind, Kind::Path | Kind::Paths) {
        return value;
    }
    let whole = |text: &str| {
        let joined = base.map_or_else(|| PathBuf::from(text), |base| base.join(text));
        std::path::absolute(&joined).unwrap_or(joined).display().to_string()
    };
    match value {
        Value::String(text) => Value::String(whole(&text)),
        Value::Array(entries) => Value::Array(
            entries.iter().filter_map(Value::as_str).map(|text| Value::String(whole(text))).collect(),
        ),
        other => other,
    }
}

/// What holds when no layer says anything.
fn standard(key: &Key, given: &Given) -> Result<Option<Value>> {
    Ok(match key.standard {
        Standard::Unset if key.name == "data" => {
            Some(Value::String(data_folder(given)?.display().to_string()))
        }
        Standard::Unset => None,
        Standard::Number(number) => Some(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))),
        Standard::Text(text) => Some(Value::String(text.to_owned())),
        Standard::One(text) => Some(Value::Array(vec![Value::String(text.to_owned())])),
        Standard::Empty => Some(Value::Array(Vec::new())),
        Standard::Numbers(numbers) => {
            let whole = |number: &u64| Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX));
            Some(Value::Array(numbers.iter().map(whole).collect()))
        }
        Standard::No => Some(Value::Boolean(false)),
        Standard::Yes => Some(Value::Boolean(true)),
    })
}

/// `$XDG_DATA_HOME/millpond`, else `~/.local/share/millpond`.
fn data_folder(given: &Given) -> Result<PathBuf> {
    let home = user_folder(given, "XDG_DATA_HOME", ".local/share");
    home.map(|folder| folder.join("millpond")).ok_or_else(|| {
        Error::usage("data is not set, and there is no home folder to put it in")
            .hint("name a folder: --data /var/lib/millpond")
    })
}

/// The file that was named, else the user's own if it exists.
fn config_file(given: &Given) -> Result<Option<(PathBuf, Origin)>> {
    let flag = given.flags.iter().find(|(name, _)| *name == "config").and_then(|(_, texts)| texts.last());
    let flag = flag.map(|text| (text.as_str(), Origin::Flag("config".to_owned())));
    let named = flag.or_else(|| {
        variable(given, "MILLPOND_CONFIG").map(|text| (text, Origin::Variable("MILLPOND_CONFIG".to_owned())))
    });
    if let Some((named, from)) = named {
        let path = std::path::absolute(named).unwrap_or_else(|_| named.into());
        if path.is_file() {
            return Ok(Some((path, from)));
        }
        return Err(Error::usage(format!("the configuration file {} is not there", path.display()))
            .hint("check the path given by --config or MILLPOND_CONFIG"));
    }
    let own =
        user_folder(given, "XDG_CONFIG_HOME", ".config").map(|folder| folder.join("millpond/millpond.toml"));
    Ok(own.filter(|path| path.is_file()).map(|path| (path, Origin::Default)))
}

fn user_folder(given: &Given, name: &str, below_home: &str) -> Option<PathBuf> {
    let set = variable(given, name).filter(|path| path.starts_with('/')).map(PathBuf::from);
    set.or_else(|| variable(given, "HOME").map(|home| Path::new(home).join(below_home)))
}

fn variable<'a>(given: &'a Given, name: &str) -> Option<&'a str> {
    let found = given.variables.iter().find(|(variable, _)| variable == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Reads the file and refuses keys that do not exist.
fn read(path: &Path) -> Result<Table> {
    let shown = path.display();
    let text = text_of(path)
        .map_err(|e| Error::usage(format!("the configuration file {shown} cannot be read: {e}")))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Error::usage(format!("{shown}, line {line}: {}", e.message().replace('\n', " ")))
            .hint("the file must be TOML: `listen = \"127.0.0.1:4040\"`, tables such as `[limits]`")
    })?;
    let mut names = Vec::new();
    leaves("", &table, &mut names);
    for name in names.into_iter().filter(|name| !tables::has(name)) {
        if name == "config" {
            return Err(Error::usage(format!(
                "{shown}: a configuration file cannot name another with `config`"
            )));
        }
        if keys::find(&name).is_none() {
            let error = Error::usage(format!("{shown}: there is no key `{name}`"));
            return Err(match nearest(&name, KEYS.iter().map(|key| key.name.to_owned())) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("`millpond serve --help` lists all keys"),
            });
        }
    }
    Ok(table)
}

/// The text of a file that is no larger than any configuration is.
fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    File::open(path)?.take(limits::CONFIG_BYTES_MAX).read_to_string(&mut text)?;
    if text.len() as u64 == limits::CONFIG_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {} bytes", limits::CONFIG_BYTES_MAX)));
    }
    Ok(text)
}

/// The dotted names of everything in a table.
fn leaves(prefix: &str, table: &Table, names: &mut Vec<String>) {
    for (name, value) in table {
        let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if keys::find(&full).is_none() => leaves(&full, inner, names),
            _ => names.push(full),
        }
    }
}

fn lookup<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    match name.split_once('.') {
        Some((first, rest)) => table.get(first)?.as_table()?.get(rest),
        None => table.get(name),
    }
}

fn insert(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                inner.insert(rest.to_owned(), value);
            }
        }
        None => {
            table.insert(name.to_owned(), value);
        }
    }
}

/// One line for people. A secret is shown as set, never as what it is.
fn line(key: &Key, value: &Value, origin: &Origin) -> String {
    let shown = if key.secret { "(hidden)".to_owned() } else { value.to_string() };
    format!("{} = {shown}  ({origin})", key.name)
}

/// Variables of ours that are no keys. A warning and no error: container platforms set such names by themselves.
fn unknown_variables(given: &Given) -> Vec<String> {
    let ours = given.variables.iter().filter(|(name, _)| name.starts_with("MILLPOND_"));
    let unknown = ours.filter(|(name, _)| KEYS.iter().all(|key| key.variable() != *name));
    unknown
        .map(|(name, _)| match nearest(name, KEYS.iter().map(Key::variable)) {
            Some(near) => format!("the variable {name} means nothing; did you mean {near}?"),
            None => format!("the variable {name} means nothing"),
        })
        .collect()
}

/// The name that is most like a misspelt one, if any is.
fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let scored = names.map(|candidate| {
        let last = candidate.rsplit('.').next().unwrap_or(&candidate).to_owned();
        (strsim::jaro_winkler(name, &candidate).max(strsim::jaro_winkler(name, &last)), candidate)
    });
    scored
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What single values cannot show.
fn check_together(settings: &Settings) -> Result<()> {
    let server = &settings.server;
    if server.tls_cert.is_some() != server.tls_key.is_some() {
        let missing = if server.tls_key.is_some() { "server.tls_cert" } else { "server.tls_key" };
        return Err(Error::usage(format!("{missing} is missing: TLS needs a certificate and its key"))
            .hint("set both, or neither to serve without TLS"));
    }
    let lastfm = &settings.scrobble;
    if lastfm.lastfm_key.is_some() != lastfm.lastfm_secret.is_some() {
        let missing =
            if lastfm.lastfm_key.is_some() { "scrobble.lastfm_secret" } else { "scrobble.lastfm_key" };
        return Err(Error::usage(format!("{missing} is missing: Last.fm gives a key and its shared secret"))
            .hint("set both, or neither"));
    }
    if settings.listen.is_empty() {
        return Err(Error::usage("listen is an empty list").hint("name an address: --listen 127.0.0.1:4040"));
    }
    if !(1..=limits::IO_THREADS_MAX).contains(&settings.store.io_threads) {
        return Err(Error::usage(format!("store.io_threads is {}", settings.store.io_threads))
            .hint(format!("it must be from 1 to {}", limits::IO_THREADS_MAX)));
    }
    tables::check(&settings.cdn)?;
    let stream = &settings.stream;
    for (key, bytes) in [
        ("stream.segment_bytes_range", stream.segment_bytes_range),
        ("stream.segment_bytes_whole", stream.segment_bytes_whole),
    ] {
        if !(limits::SEGMENT_BYTES_MIN..=limits::SEGMENT_BYTES_MAX).contains(&bytes) {
            return Err(Error::usage(format!("{key} is {bytes} bytes"))
                .hint("it must be from 64 KiB to 4 MiB, for example 512KiB"));
        }
    }
    Ok(())
}
