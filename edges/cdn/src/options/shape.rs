//! What the value of an option may be. The check, the words of the error, the row of the guide and the printed value come
//! from the same shape, so they cannot say different things.

use std::fmt::{self, Write as _};

use budget::limits::{BITRATE_KBPS_MAX, BITRATE_KBPS_MIN, EDGE_PIXELS_MAX, EDGE_PIXELS_MIN};

/// A value, in numbers and words of ours alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number as it was written: pixels, milliseconds, hundredths, kbit/s, a count.
    Number(u64),
    /// One of the words of the table.
    Word(&'static str),
    /// Yes or no.
    Switch(bool),
    /// Width, height, from the left, from the top.
    Crop([u16; 4]),
}

/// The shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A whole number of these.
    Whole { of: &'static str, min: u64, max: u64 },
    /// A number with at most two decimals, kept in hundredths.
    Decimal { min: u64, max: u64 },
    /// A time, kept in milliseconds.
    Time { min_ms: u64, max_ms: u64 },
    /// One of these words; what follows the first of each means the same.
    Words(&'static [&'static [&'static str]]),
    /// `true` or `false`.
    Switch,
    /// A bitrate, kept in kbit/s.
    Bitrate,
    /// `WIDTH:HEIGHT:X:Y`.
    Crop,
    /// A file's name.
    Name,
    /// The name of a preset.
    Preset,
    /// Anything: it is read by nobody.
    Anything,
}

impl Shape {
    /// The value that a text means; `None` when it is not of this shape. Names and presets are no values: they are read
    /// where they are used.
    pub(crate) fn read(self, text: &str) -> Option<Value> {
        match self {
            Shape::Whole { min, max, .. } => {
                whole(text).filter(|number| (min..=max).contains(number)).map(Value::Number)
            }
            Shape::Decimal { min, max } => {
                scaled(text, 100).filter(|number| (min..=max).contains(number)).map(Value::Number)
            }
            Shape::Time { min_ms, max_ms } => {
                time_ms(text).filter(|ms| (min_ms..=max_ms).contains(ms)).map(Value::Number)
            }
            Shape::Words(words) => {
                let found = words.iter().find(|same| same.contains(&text))?;
                found.first().map(|word| Value::Word(word))
            }
            Shape::Switch => match text {
                "true" => Some(Value::Switch(true)),
                "false" => Some(Value::Switch(false)),
                _ => None,
            },
            Shape::Bitrate => bitrate_kbps(text).map(Value::Number),
            Shape::Crop => crop(text).map(Value::Crop),
            Shape::Name | Shape::Preset | Shape::Anything => None,
        }
    }

    /// The text that is read as this value; `None` when the shape does not take it.
    pub(crate) fn write(self, value: Value) -> Option<String> {
        let text = match (self, value) {
            (Shape::Whole { .. }, Value::Number(number)) => number.to_string(),
            (Shape::Decimal { .. }, Value::Number(number)) => decimal(number),
            (Shape::Time { .. }, Value::Number(ms)) => time_text(ms),
            (Shape::Bitrate, Value::Number(kbps)) => format!("{kbps}k"),
            (Shape::Words(_), Value::Word(word)) => word.to_owned(),
            (Shape::Switch, Value::Switch(on)) => on.to_string(),
            (Shape::Crop, Value::Crop([width, height, x, y])) => format!("{width}:{height}:{x}:{y}"),
            _ => return None,
        };
        (self.read(&text) == Some(value)).then_some(text)
    }

    /// Whether a file's name is read as it, or the name of a preset, or nothing.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Shape::Name | Shape::Preset | Shape::Anything)
    }
}

/// What a value must be, as it follows the words "must be".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Shape::Whole { of, min, max } => {
                write!(f, "a whole number{of} from {min} to {max}")
            }
            Shape::Decimal { min, max } => {
                write!(f, "a number from {} to {}", decimal(min), decimal(max))
            }
            Shape::Time { min_ms, max_ms } => {
                let (min, max) = (round_time(min_ms), round_time(max_ms));
                write!(f, "a time from {min} to {max}, as in 5s, 1m30s, 1:30 or 90")
            }
            Shape::Words(words) => {
                f.write_str("one of ")?;
                one_of(f, words.iter().filter_map(|same| same.first().copied()))
            }
            Shape::Switch => f.write_str("true or false"),
            Shape::Bitrate => {
                write!(
                    f,
                    "a bitrate from {BITRATE_KBPS_MIN}k to {}M, as in 800k or 2.5M",
                    BITRATE_KBPS_MAX / 1_000
                )
            }
            Shape::Crop => {
                write!(f, "WIDTH:HEIGHT:X:Y in pixels, sizes from {EDGE_PIXELS_MIN} to {EDGE_PIXELS_MAX}")
            }
            Shape::Name => {
                f.write_str("at most 120 of the characters a-z, A-Z, 0-9, - and _, with at most one dot")
            }
            Shape::Preset => f.write_str("the name of a preset"),
            Shape::Anything => f.write_str("anything"),
        }
    }
}

/// Words with commas between them.
pub(crate) fn one_of(f: &mut fmt::Formatter<'_>, words: impl Iterator<Item = &'static str>) -> fmt::Result {
    for (at, word) in words.enumerate() {
        f.write_str(if at == 0 { "" } else { ", " })?;
        f.write_str(word)?;
    }
    Ok(())
}

/// Digits alone, and not so many that they would be another number.
fn whole(text: &str) -> Option<u64> {
    let fits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// A number with decimals, times `scale`, which must make it whole.
fn scaled(text: &str, scale: u64) -> Option<u64> {
    let (digits, decimals) = text.split_once('.').unwrap_or((text, ""));
    if text.ends_with('.') || decimals.len() > 6 {
        return None;
    }
    let mut number = whole(digits)?.checked_mul(scale)?;
    let mut place = scale;
    for byte in decimals.bytes() {
        let digit = char::from(byte).to_digit(10).map(u64::from)?;
        if (place == 0 || !place.is_multiple_of(10)) && digit != 0 {
            return None;
        }
        place /= 10;
        number = number.checked_add(digit.checked_mul(place)?)?;
    }
    Some(number)
}

/// `90`, `5s`, `1m30s`, `1.5h`, `250ms`, `1:30`, `1:02:03.5`: all are milliseconds.
fn time_ms(text: &str) -> Option<u64> {
    if text.contains(':') {
        return clock_ms(text);
    }
    let has_unit = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !has_unit {
        return scaled(text, 1_000);
    }
    let (mut rest, mut sum, mut largest) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, tail) = rest.split_at(unit_at);
        let length = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(length);
        let unit_ms = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        // Units come in their order, each once: `5s1m` is more likely a slip than a time.
        if unit_ms >= largest {
            return None;
        }
        largest = unit_ms;
        let part = if unit_ms == 1 { whole(number) } else { scaled(number, unit_ms) };
        sum = sum.checked_add(part?)?;
        rest = next;
    }
    Some(sum)
}

fn clock_ms(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.splitn(4, ':').collect();
    let (hours, minutes, seconds) = match *parts.as_slice() {
        [minutes, seconds] => (0, whole(minutes)?, seconds),
        [hours, minutes, seconds] => {
            (whole(hours)?, whole(minutes).filter(|minutes| *minutes < 60)?, seconds)
        }
        _ => return None,
    };
    let seconds_ms = scaled(seconds, 1_000).filter(|ms| *ms < 60_000)?;
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    minutes.checked_mul(60_000)?.checked_add(seconds_ms)
}

fn bitrate_kbps(text: &str) -> Option<u64> {
    let bits = if let Some(number) = text.strip_suffix(['k', 'K']) {
        scaled(number, 1_000)
    } else if let Some(number) = text.strip_suffix(['m', 'M']) {
        scaled(number, 1_000_000)
    } else {
        whole(text)
    };
    let bits = bits.filter(|bits| bits % 1_000 == 0)?;
    Some(bits / 1_000).filter(|kbps| (BITRATE_KBPS_MIN..=BITRATE_KBPS_MAX).contains(kbps))
}

fn crop(text: &str) -> Option<[u16; 4]> {
    let mut numbers = [0_u16; 4];
    let mut parts = text.split(':');
    for (at, number) in numbers.iter_mut().enumerate() {
        let least = if at < 2 { EDGE_PIXELS_MIN } else { 0 };
        let given = whole(parts.next()?).filter(|given| (least..=EDGE_PIXELS_MAX).contains(given))?;
        *number = u16::try_from(given).ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Hundredths as a number with as few decimals as it needs.
fn decimal(hundredths: u64) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn time_text(ms: u64) -> String {
    let mut text = (ms / 1_000).to_string();
    if !ms.is_multiple_of(1_000) {
        // Writing to a String cannot fail.
        let _ = write!(text, ".{:03}", ms % 1_000);
        text.truncate(text.trim_end_matches('0').len());
    }
    text.push('s');
    text
}

/// A limit as people say it.
fn round_time(ms: u64) -> String {
    match ms {
        ms if ms >= 3_600_000 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 60_000 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
