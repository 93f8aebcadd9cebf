//! What the options of an address mean.

mod bad;
mod print;
mod recipe;
mod rules;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod written;

use std::fmt::{self, Write as _};

use budget::limits::OPTION_WARNINGS_BYTES_MAX;
use http::HeaderValue;
use transform::Recipe;

pub use bad::Bad;
pub use print::print;
pub use rules::Rules;
pub use table::{Spelling, reference};

pub(crate) use bad::Wrong;
pub(crate) use table::{Opt, described, find};
pub(crate) use written::Written;

/// What an address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is to be made: numbers and words alone.
    pub recipe: Recipe,
    /// What of it is wanted.
    pub wanted: Wanted,
    /// Whether anybody may have it made from a public source: a preset, or a width of the ladder with everything else
    /// as it is when nobody says anything. Judged on the numbers as they were written.
    pub is_free: bool,
    /// The preset that was named or chosen, for the cache's tags and for who wants to know.
    pub preset: Option<Box<str>>,
    /// Whether the fields in [`crate::HINT_FIELDS`] were looked at; then they belong into `Vary`.
    pub by_hints: bool,
    /// What does not change the bytes.
    pub extras: Extras,
}

/// What of a recipe is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The rendition itself.
    Rendition,
    /// Where the pictures of a spritesheet are and when, as WebVTT.
    Map,
    /// The list of what an HLS player can choose from.
    Playlist,
    /// The list of the picture's segments.
    VideoPlaylist,
    /// The list of the sound's segments.
    AudioPlaylist,
    /// What stands before all segments of the picture.
    Head,
    /// One segment of the picture, from 0.
    Segment(u32),
    /// What stands before all segments of the sound.
    SoundHead,
    /// One segment of the sound, from 0.
    SoundSegment(u32),
}

impl Wanted {
    /// Whether it is the same whatever size the picture has.
    fn has_no_size(self) -> bool {
        use Wanted::{AudioPlaylist, Playlist, SoundHead, SoundSegment};
        matches!(self, Playlist | AudioPlaylist | SoundHead | SoundSegment(_))
    }
}

/// What was said beside the recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The name under which it is saved.
    pub filename: Option<Name>,
    /// What a player is told.
    pub playback: Playback,
    /// Whether the answer is what was understood, and not the rendition.
    pub debug_view: bool,
    /// Options that were dropped, said twice, or that change nothing.
    pub warnings: Vec<Bad>,
}

/// What the query of a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// The source as it is.
    Original(Extras),
    /// A rendition of it.
    Rendition(Box<Asked>),
}

/// A file's name of letters, digits, `-`, `_`, and at most one dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Box<str>);

impl Name {
    /// The name, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Name> {
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let fits = (1..=NAME_CHARS_MAX).contains(&text.len())
            && text.bytes().all(usual)
            && text.matches('.').count() <= 1
            && !text.starts_with('.');
        fits.then(|| Name(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// format: Cloudflare's `filename`
const NAME_CHARS_MAX: usize = 120;

/// What a player is told in `X-Playback-*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Playback {
    /// Begin again at the end.
    pub is_looped: Option<bool>,
    /// Begin without being asked.
    pub is_autoplayed: Option<bool>,
    /// Begin without sound.
    pub is_muted: Option<bool>,
    /// What to fetch before anybody plays it.
    pub preload: Option<Preload>,
}

/// What a player fetches before anybody plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preload {
    /// Nothing.
    Nothing,
    /// What there is to know about it.
    Metadata,
    /// What it thinks best.
    Auto,
}

impl Playback {
    /// The fields of the answer, with their values.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let switch = |on: bool| if on { "true" } else { "false" };
        let preload = self.preload.map(|preload| match preload {
            Preload::Nothing => "none",
            Preload::Metadata => "metadata",
            Preload::Auto => "auto",
        });
        let fields = [
            ("x-playback-loop", self.is_looped.map(switch)),
            ("x-playback-autoplay", self.is_autoplayed.map(switch)),
            ("x-playback-muted", self.is_muted.map(switch)),
            ("x-playback-preload", preload),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Extras {
    /// The value of `X-Param-Warnings`, if there is anything to warn of. It ends where it would become too long.
    pub fn warnings_field(&self) -> Option<HeaderValue> {
        let mut text = String::new();
        for warning in &self.warnings {
            let before = text.len();
            let separator = if text.is_empty() { "" } else { "; " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{warning}");
            if text.len() > OPTION_WARNINGS_BYTES_MAX {
                text.truncate(before);
                break;
            }
        }
        HeaderValue::from_str(&text).ok().filter(|_| !text.is_empty())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
