//! What somebody says that he wants of a song, in a form or in an address.

use catalog::{EngineName, MaskExtension, StemCount, StemFormat, StemsWish};

use crate::error::{Code, Error};

/// The names that are heeded, for whoever reads a form.
pub(super) const NAMES: [&str; 4] = ["stems", "async_mode", "engine", "mask_extension"];

/// What was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    count: Option<StemCount>,
    is_async: Option<bool>,
    engine: Option<EngineName>,
    extension: Option<MaskExtension>,
}

impl Wish {
    /// Hears one name with its value. What a form says and what the address says must not be two things; who says the same
    /// twice is understood.
    ///
    /// # Errors
    /// 422 for a value that is none of those that there are.
    pub(super) fn hear(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "stems" => put(&mut self.count, name, value, value.parse().ok(), "2, 4 or 5"),
            "async_mode" => put(&mut self.is_async, name, value, boolean(value), "true or false"),
            "engine" => {
                put(&mut self.engine, name, value, value.parse().ok(), "spectral, spleeter or htdemucs")
            }
            "mask_extension" => put(&mut self.extension, name, value, value.parse().ok(), "average or zeros"),
            _ => Ok(()),
        }
    }

    /// Whether the answer is to come before the stems are there: only where that was asked for.
    pub(super) fn is_async(&self) -> bool {
        self.is_async.unwrap_or(false)
    }

    /// All of it, with what is usual in the place of what was not said.
    pub(super) fn whole(&self) -> StemsWish {
        StemsWish {
            count: self.count.unwrap_or(StemCount::Two),
            engine: self.engine,
            extension: self.extension.unwrap_or_default(),
            format: StemFormat::Wav,
        }
    }
}

fn put<T: PartialEq>(
    place: &mut Option<T>,
    name: &str,
    value: &str,
    parsed: Option<T>,
    known: &'static str,
) -> Result<(), Error> {
    let Some(parsed) = parsed else {
        let value: String = value.chars().take(budget::limits::UNKNOWN_NAME_CHARS_MAX).collect();
        return Err(Error::new(Code::Missing, format!("{name} must be {known}, and not {value:?}")));
    };
    if place.as_ref().is_some_and(|before| *before != parsed) {
        return Err(Error::new(Code::Missing, format!("{name} is said twice, and not the same")));
    }
    *place = Some(parsed);
    Ok(())
}

/// A truth value as forms write it.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Result<Wish, String> {
        let mut wish = Wish::default();
        for (name, value) in pairs {
            wish.hear(name, value).map_err(|error| {
                assert_eq!(error.status().as_u16(), 422, "{name}={value}");
                format!("{error:?}")
            })?;
        }
        Ok(wish)
    }

    #[test]
    fn what_is_said_is_understood_wherever_it_is_said() {
        let wish = |count, engine, extension| StemsWish { count, engine, extension, format: StemFormat::Wav };
        type Case = (&'static [(&'static str, &'static str)], StemsWish, bool);
        let cases: &[Case] = &[
            (&[], wish(StemCount::Two, None, MaskExtension::Average), false),
            (&[("stems", "4"), ("stems", "4")], wish(StemCount::Four, None, MaskExtension::Average), false),
            (
                &[
                    ("stems", "5"),
                    ("async_mode", "True"),
                    ("engine", "spleeter"),
                    ("mask_extension", "zeros"),
                ],
                wish(StemCount::Five, Some(EngineName::Spleeter), MaskExtension::Zeros),
                true,
            ),
            (
                &[("other", "x"), ("async_mode", "0")],
                wish(StemCount::Two, None, MaskExtension::Average),
                false,
            ),
        ];
        for (pairs, expected, is_async) in cases {
            let heard = said(pairs).unwrap();
            assert_eq!((heard.whole(), heard.is_async()), (*expected, *is_async), "{pairs:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_what_would_be() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("stems", "3")], "stems must be 2, 4 or 5"),
            (&[("stems", "")], "stems must be 2, 4 or 5"),
            (&[("stems", "2"), ("stems", "4")], "stems is said twice"),
            (&[("async_mode", "maybe")], "async_mode must be true or false"),
            (&[("engine", "umx")], "engine must be spectral, spleeter or htdemucs"),
            (&[("mask_extension", "ones")], "mask_extension must be average or zeros"),
        ];
        for (pairs, expected) in cases {
            let error = said(pairs).unwrap_err();
            assert!(error.contains(expected), "{pairs:?}: {error}");
        }
    }
}
