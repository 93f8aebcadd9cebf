//! What the operator says of renditions: `[cdn]`, `[[cdn.origin]]`, `[cdn.preset.NAME]` and `[cdn.responsive]`.

mod origin;
#[cfg(test)]
mod tests;

use std::fmt;

use budget::limits::CDN_TABLES_MAX;
use serde::Deserialize;

pub use origin::{Auth, Hidden, Kept, Origin, Place, Template};

use crate::options::Rules;
use crate::presets::{Ladder, Presets, Responsive};

/// `[cdn]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which recipes need a signature.
    pub sign: Sign,
    /// The widths that anybody may have made.
    pub ladder: Ladder,
    /// Whether options that cannot be meant are dropped and listed, and not refused.
    pub lenient: bool,
    /// Where sources are, in their order.
    pub origin: Vec<Origin>,
    /// Options under a name.
    pub preset: Presets,
    /// Which preset is chosen where an address leaves the size open.
    pub responsive: Responsive,
}

/// `cdn.sign`: which recipes need a signature or a signed-in user before they are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// None.
    Off,
    /// Those that are not free, and all of origins that are not public.
    #[default]
    Odd,
    /// All.
    All,
}

impl Sign {
    /// Whether somebody must have signed before it is made. What is made already is served to whoever may see the source.
    pub fn is_needed(self, is_free: bool, is_public: bool) -> bool {
        match self {
            Sign::Off => false,
            Sign::Odd => !(is_free && is_public),
            Sign::All => true,
        }
    }
}

/// Settings that cannot stand together, by the name of what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitSettings {
    /// The key or table.
    pub key: String,
    /// What is wrong, in a sentence.
    pub why: String,
}

impl fmt::Display for UnfitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

impl std::error::Error for UnfitSettings {}

impl Settings {
    /// Looks at what no part of it shows by itself. `reserved` are the first parts of paths that other routes have, without
    /// slashes.
    ///
    /// # Errors
    /// [`UnfitSettings`] names the table and what is wrong with it.
    pub fn check(&self, reserved: &[&str]) -> Result<(), UnfitSettings> {
        let unfit = |key: &str, why: String| UnfitSettings { key: key.to_owned(), why };
        self.responsive.check(&self.preset).map_err(|why| unfit("cdn.responsive", why))?;
        if self.origin.len() > CDN_TABLES_MAX {
            return Err(unfit("cdn.origin", format!("there may be at most {CDN_TABLES_MAX} origins")));
        }
        for (at, origin) in self.origin.iter().enumerate() {
            let key = format!("cdn.origin {}", origin.name);
            let wrong = |why| UnfitSettings { key: key.clone(), why };
            origin.check(reserved).map_err(wrong)?;
            for other in &self.origin[..at] {
                if other.name == origin.name {
                    return Err(wrong("another origin has the same name".to_owned()));
                }
                // What follows another one at the same path is asked after it, so both must be open to the same people.
                if other.path == origin.path && (other.public, other.proxy) != (origin.public, origin.proxy) {
                    let name = &other.name;
                    return Err(wrong(format!("it has the path of {name}, and another `public` or `proxy`")));
                }
            }
        }
        Ok(())
    }

    /// What reads addresses by these settings.
    pub fn rules(&self) -> Rules {
        Rules {
            presets: self.preset.clone(),
            responsive: self.responsive.clone(),
            ladder: self.ladder.clone(),
            is_lenient: self.lenient,
        }
    }

    /// The origins of a path in the order in which they are asked, and what of the path follows theirs. The longest path
    /// counts.
    pub fn origins_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Origin, &'a str)> {
        let of = |origin: &'a Origin| Some((origin, path.strip_prefix(origin.path.as_str())?));
        let found = move || self.origin.iter().filter_map(of).filter(|(_, rest)| !rest.is_empty());
        let longest = found().map(|(origin, _)| origin.path.len()).max();
        found().filter(move |(origin, _)| Some(origin.path.len()) == longest)
    }
}
