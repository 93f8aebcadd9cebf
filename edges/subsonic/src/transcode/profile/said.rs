//! What players write in JSON, which is not always what the extension has: what is `null` is not said, a number may have a
//! point, and a value may be a number.

use std::fmt;
use std::ops::Deref;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Something that may be left out, or `null`.
#[derive(Debug, Default)]
pub(super) struct Said<T>(T);

impl<T> Deref for Said<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Said(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// The most that a player takes of something; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) u64);

impl Number {
    /// Whether so many are within the limit.
    pub(super) fn allows(self, count: u32) -> bool {
        self.0 == 0 || u64::from(count) <= self.0
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeNumber)
    }
}

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 0 or more")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        if number < 0.0 || number.fract() != 0.0 {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the largest is no limit either"
        )]
        Ok(Number(number as u64))
    }

    fn visit_unit<E: Error>(self) -> Result<Number, E> {
        Ok(Number::default())
    }
}

/// A text, or a number as a text.
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        // A whole one is written without its point.
        Ok(Text(number.to_string()))
    }
}
