//! From the text of a flag or variable, or the value of a file, to the value of a key.

use toml::Value;

use super::keys::{Key, Kind};

/// What a flag or a variable says: one text, or several for a list.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn from_texts(key: &Key, texts: &[String]) -> Result<Value, String> {
    if key.is_list() {
        let list = Value::Array(texts.iter().cloned().map(Value::String).collect());
        return from_file(key, &list);
    }
    let text = texts.last().map_or("", String::as_str);
    from_text(key, text)
}

/// What a variable says; lists are separated by commas, or written as a TOML array when an entry has a comma.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn from_variable(key: &Key, text: &str) -> Result<Value, String> {
    if !key.is_list() {
        return from_text(key, text);
    }
    if text.trim_start().starts_with('[') {
        let table: toml::Table =
            format!("list = {text}").parse().map_err(|_| "it is no TOML array of texts".to_owned())?;
        return from_file(key, table.get("list").unwrap_or(&Value::Boolean(false)));
    }
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    from_file(key, &Value::Array(entries.map(|entry| Value::String(entry.to_owned())).collect()))
}

/// The milliseconds that a text means.
pub(crate) fn millis(text: &str) -> Option<u64> {
    with_unit(text, TIME_UNITS)
}

/// What the file says; numbers may be numbers or texts with units.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn from_file(key: &Key, value: &Value) -> Result<Value, String> {
    match (key.kind, value) {
        (Kind::List | Kind::Paths, Value::Array(entries)) => {
            if entries.iter().all(Value::is_str) {
                Ok(value.clone())
            } else {
                Err(expected(key))
            }
        }
        (Kind::Counts, Value::Array(entries)) => {
            let numbers: Option<Vec<Value>> = entries.iter().map(count).collect();
            numbers.map(Value::Array).ok_or_else(|| expected(key))
        }
        (Kind::Counts, one) => count(one).map(|one| Value::Array(vec![one])).ok_or_else(|| expected(key)),
        (Kind::Switch, Value::Boolean(on)) => Ok(Value::Boolean(*on)),
        (Kind::List | Kind::Paths, Value::String(one)) => Ok(Value::Array(vec![Value::String(one.clone())])),
        (Kind::Count | Kind::Bytes | Kind::Millis, Value::Integer(number)) if *number >= 0 => {
            Ok(value.clone())
        }
        (Kind::List | Kind::Paths, _) => Err(expected(key)),
        (_, Value::String(text)) => from_text(key, text),
        _ => Err(expected(key)),
    }
}

/// A whole number from 0, from a number or a text.
fn count(value: &Value) -> Option<Value> {
    let number = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.and_then(|number| i64::try_from(number).ok()).map(Value::Integer)
}

fn from_text(key: &Key, text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Err(expected(key));
    }
    let number = match key.kind {
        Kind::Text | Kind::Path => return Ok(Value::String(text.to_owned())),
        Kind::Choice(words) if words.contains(&text) => return Ok(Value::String(text.to_owned())),
        Kind::Switch => return text.parse().map(Value::Boolean).map_err(|_| expected(key)),
        Kind::Count => text.parse().ok(),
        Kind::Bytes => with_unit(text, BYTE_UNITS),
        Kind::Millis => with_unit(text, TIME_UNITS),
        Kind::Choice(_) | Kind::List | Kind::Paths | Kind::Counts => None,
    };
    number.and_then(|n: u64| i64::try_from(n).ok()).map(Value::Integer).ok_or_else(|| expected(key))
}

/// What would be right, with an example.
fn expected(key: &Key) -> String {
    let form = match key.kind {
        Kind::Text => "a text".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Path => "a path".to_owned(),
        Kind::Switch => "true or false".to_owned(),
        Kind::Counts => "a list of whole numbers".to_owned(),
        Kind::Count => "a whole number from 0".to_owned(),
        Kind::Bytes => "a number of bytes, with a unit if you like (KiB, MiB, GiB, KB, MB, GB)".to_owned(),
        Kind::Millis => "a number of milliseconds, or a number with ms, s, min or h".to_owned(),
        Kind::List => "a list of texts".to_owned(),
        Kind::Paths => "a list of paths".to_owned(),
    };
    format!("it must be {form}, for example {}", key.example)
}

const BYTE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

const TIME_UNITS: &[(&str, u64)] =
    &[("", 1), ("ms", 1), ("s", 1_000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000)];

/// A number with at most three decimals and one of the units, without regard to case.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.is_empty() || decimals.len() > 3 {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    whole.checked_add(factor.checked_mul(thousandths)? / 1_000)
}
