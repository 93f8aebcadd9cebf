//! Purges as people say them: by the paths of addresses, by tags, by keys, by origins.

use std::fmt;

use budget::limits::{PURGE_NAMES_MAX, RENDITION_WORD_BYTES_MAX};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use transform::{Key, Kind, MODE_SENT, ORIGIN_LIBRARY, ORIGIN_UPLOADS, Purged, Select};
use utoipa::ToSchema;

use crate::address::MEDIA;
use crate::settings::{Origin, Place, Settings};

/// What is to be purged: everything that any of it names.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Purge {
    /// Paths of sources as in addresses; one that ends with `*` names all that begin so.
    pub paths: Vec<String>,
    /// Tags as `Cache-Tag` shows them.
    pub tags: Vec<String>,
    /// Keys of renditions as jobs show them.
    pub keys: Vec<String>,
    /// Names of origins; `library` and `uploads` are the catalog's.
    pub origins: Vec<String>,
    /// All renditions.
    pub all: bool,
}

/// Why a purge cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPurge(String);

impl fmt::Display for BadPurge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPurge {}

/// What a purge came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PurgeAnswer {
    renditions: u64,
    bytes: u64,
}

impl From<Purged> for PurgeAnswer {
    fn from(Purged { renditions, bytes }: Purged) -> Self {
        PurgeAnswer { renditions, bytes }
    }
}

/// What the cache keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CacheAnswer {
    /// What it may take of the disk: `cache.bytes`, or less where the disk has no room for that.
    limit_bytes: u64,
    /// What it takes, those in the making included.
    taken_bytes: u64,
    /// How many things it keeps.
    entries: usize,
    /// Of each kind that it keeps something of and can make again. Songs that were sent to be taken apart are none: they go
    /// with their jobs.
    kinds: Vec<KindAnswer>,
}

/// What is kept of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct KindAnswer {
    /// `video`, `frame`, `spritesheet`, `audio`, `waveform`, `hls`, `cover`, `captions`, `stem`, or `answer` of an origin.
    #[schema(example = "cover")]
    mode: String,
    entries: u64,
    bytes: u64,
    /// The tag by which all of it is purged.
    #[schema(example = "mode:cover")]
    tag: String,
}

impl CacheAnswer {
    pub(crate) fn of(limit_bytes: u64, (taken_bytes, entries): (u64, usize), kinds: Vec<Kind>) -> Self {
        let shown = |Kind { mode, entries, bytes }| KindAnswer { tag: mode_tag(&mode), mode, entries, bytes };
        let kinds = kinds.into_iter().filter(|kind| kind.mode != MODE_SENT).map(shown).collect();
        CacheAnswer { limit_bytes, taken_bytes, entries, kinds }
    }
}

/// By what everything of a kind is purged.
pub(crate) fn mode_tag(mode: &str) -> String {
    format!("mode:{mode}")
}

impl Purge {
    /// What it means to the cache.
    ///
    /// # Errors
    /// [`BadPurge`] names what cannot be.
    pub fn selects(&self, settings: &Settings) -> Result<Vec<Select>, BadPurge> {
        let count = self.paths.len() + self.tags.len() + self.keys.len() + self.origins.len();
        if count > PURGE_NAMES_MAX {
            return Err(BadPurge(format!(
                "it names {count} things, and one purge at most {PURGE_NAMES_MAX}"
            )));
        }
        if self.all {
            return match count {
                0 => Ok(vec![Select::All]),
                _ => Err(BadPurge("`all` stands alone".to_owned())),
            };
        }
        if count == 0 {
            return Err(BadPurge("it names nothing: give paths, tags, keys, origins, or all".to_owned()));
        }
        let mut selects = Vec::with_capacity(count);
        for path in &self.paths {
            of_path(settings, path, &mut selects)?;
        }
        for tag in &self.tags {
            selects.push(Select::Tag(word(tag, "tag")?));
        }
        for key in &self.keys {
            let key: Key = key.parse().map_err(|_| BadPurge(format!("{} is no key", shown(key))))?;
            selects.push(Select::Key(*key.as_bytes()));
        }
        for origin in &self.origins {
            let is_known = OF_CATALOG.contains(&origin.as_str())
                || settings.origin.iter().any(|listed| listed.name == *origin);
            if !is_known {
                return Err(BadPurge(format!("there is no origin {}", shown(origin))));
            }
            let listed = settings.origin.iter().find(|listed| listed.name == *origin);
            let kept_as = listed.map_or(origin.as_str(), kept_as);
            selects.push(Select::Prefix { origin: kept_as.to_owned(), prefix: String::new() });
        }
        Ok(selects)
    }
}

/// Where sources of the catalog come from.
const OF_CATALOG: [&str; 2] = [ORIGIN_LIBRARY, ORIGIN_UPLOADS];

/// Under what name renditions of an origin are kept. What was sent is the same by each way to it.
fn kept_as(origin: &Origin) -> &str {
    if matches!(origin.place(), Some(Place::Store)) { ORIGIN_UPLOADS } else { &origin.name }
}

/// What a path of an address names: the sources of every origin that has it.
fn of_path(settings: &Settings, path: &str, selects: &mut Vec<Select>) -> Result<(), BadPurge> {
    let wrong = |why: &str| BadPurge(format!("the path {} {why}", shown(path)));
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(wrong("must be that of a source, as /clips/a.mp4, without options"));
    }
    let (named, is_prefix) = path.strip_suffix('*').map_or((path, false), |beginning| (beginning, true));
    let select = |origin: &str, path: String| match is_prefix {
        true => Select::Prefix { origin: origin.to_owned(), prefix: path },
        false => Select::Path { origin: origin.to_owned(), path },
    };
    if let Some(rest) = named.strip_prefix(MEDIA) {
        let id = rest.split('/').next().unwrap_or_default();
        selects.extend(OF_CATALOG.iter().map(|origin| select(origin, id.to_owned())));
        return Ok(());
    }
    let before = selects.len();
    for origin in settings.origin.iter().filter(|origin| named.starts_with(&origin.path)) {
        let rest = named.strip_prefix(origin.path.as_str()).unwrap_or_default();
        let decoded = percent_decode_str(rest).decode_utf8().map_err(|_| wrong("is no text"))?;
        // What follows the id of something that was sent is only its name.
        let decoded = match origin.place() {
            Some(Place::Store) => decoded.split('/').next().unwrap_or_default().to_owned(),
            _ => decoded.into_owned(),
        };
        if !decoded.is_empty() || is_prefix {
            selects.push(select(kept_as(origin), decoded));
        }
    }
    if selects.len() == before {
        return Err(wrong("is in no origin"));
    }
    Ok(())
}

fn word(text: &str, what: &str) -> Result<String, BadPurge> {
    let fits = !text.is_empty() && text.len() <= RENDITION_WORD_BYTES_MAX;
    fits.then(|| text.to_owned()).ok_or_else(|| BadPurge(format!("{} is no {what}", shown(text))))
}

/// What is repeated of what somebody wrote.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    format!("{start:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let text = "[[origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"/a\"\n\
                    [[origin]]\nname = \"more\"\npath = \"/clips/\"\nurl = \"https://b.example/\"\n\
                    [[origin]]\nname = \"own\"\npath = \"/clips/own/\"\nfolder = \"/c\"\n\
                    [[origin]]\nname = \"sent\"\npath = \"/sent/\"\nstore = true\n";
        toml::from_str(text).unwrap()
    }

    fn said(json: &str) -> Result<Vec<Select>, String> {
        let purge: Purge = serde_json::from_str(json).map_err(|e| e.to_string())?;
        purge.selects(&settings()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_somebody_names_is_what_is_meant() {
        let path =
            |origin: &str, path: &str| Select::Path { origin: origin.to_owned(), path: path.to_owned() };
        let prefix = |origin: &str, prefix: &str| Select::Prefix {
            origin: origin.to_owned(),
            prefix: prefix.to_owned(),
        };
        let key = "ab".repeat(32);
        for (json, expected) in [
            (r#"{"paths":["/clips/a.mp4"]}"#.to_owned(), vec![path("clips", "a.mp4"), path("more", "a.mp4")]),
            (
                r#"{"paths":["/clips/a%20b.mp4"]}"#.to_owned(),
                vec![path("clips", "a b.mp4"), path("more", "a b.mp4")],
            ),
            (
                r#"{"paths":["/clips/2026/*"]}"#.to_owned(),
                vec![prefix("clips", "2026/"), prefix("more", "2026/")],
            ),
            (
                r#"{"paths":["/clips/own/*"]}"#.to_owned(),
                vec![prefix("clips", "own/"), prefix("more", "own/"), prefix("own", "")],
            ),
            (
                r#"{"paths":["/media/tr-5/video.mp4"]}"#.to_owned(),
                vec![path("library", "tr-5"), path("uploads", "tr-5")],
            ),
            (r#"{"paths":["/sent/tr-5/film.mp4"]}"#.to_owned(), vec![path("uploads", "tr-5")]),
            (r#"{"origins":["sent"]}"#.to_owned(), vec![prefix("uploads", "")]),
            (
                r#"{"tags":["a","b"]}"#.to_owned(),
                vec![Select::Tag("a".to_owned()), Select::Tag("b".to_owned())],
            ),
            (format!(r#"{{"keys":["{key}"]}}"#), vec![Select::Key([0xab; 32])]),
            (r#"{"origins":["own","library"]}"#.to_owned(), vec![prefix("own", ""), prefix("library", "")]),
            (r#"{"all":true}"#.to_owned(), vec![Select::All]),
        ] {
            assert_eq!(said(&json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let many: Vec<String> = (0..=PURGE_NAMES_MAX).map(|number| format!("\"{number}\"")).collect();
        for (json, expected) in [
            ("{}".to_owned(), "it names nothing"),
            (r#"{"all":false}"#.to_owned(), "it names nothing"),
            (r#"{"all":true,"tags":["a"]}"#.to_owned(), "`all` stands alone"),
            (r#"{"tag":"a"}"#.to_owned(), "unknown field `tag`"),
            (r#"{"tags":"a"}"#.to_owned(), "expected a sequence"),
            (r#"{"tags":[""]}"#.to_owned(), "is no tag"),
            (r#"{"keys":["abc"]}"#.to_owned(), "\"abc\" is no key"),
            (r#"{"origins":["none"]}"#.to_owned(), "no origin \"none\""),
            (r#"{"paths":["/other/a.mp4"]}"#.to_owned(), "is in no origin"),
            (r#"{"paths":["clips/a.mp4"]}"#.to_owned(), "must be that of a source"),
            (r#"{"paths":["/clips/a.mp4?width=5"]}"#.to_owned(), "without options"),
            (r#"{"paths":["/clips/"]}"#.to_owned(), "is in no origin"),
            (format!("{{\"tags\":[{}]}}", many.join(",")), "it names 101 things"),
        ] {
            let why = said(&json).unwrap_err();
            assert!(why.contains(expected), "{json}: {why}");
        }
    }
}
