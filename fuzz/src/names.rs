//! Texts that name something: a file in a library, a thing in the catalog, a server.

use std::fmt::Display;
use std::str::FromStr;

use catalog::{AlbumId, AppPasswordId, ArtistId, KeyId, PlaylistId, TrackId, UserId};
use store::RelPath;
use web::{BaseUrl, Origins};

/// A path within a library: whatever is accepted stays inside.
pub fn paths(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = RelPath::parse(text) else { return };
    assert_eq!(path.as_str(), text);
    assert!(!text.starts_with('/') && !text.contains('\0') && !text.is_empty());
    assert!(text.split('/').all(|part| !part.is_empty() && part != "." && part != ".."), "{text:?}");
    assert!(!path.file_name().contains('/') && text.ends_with(path.file_name()));
    assert_eq!(path.extension().map(|ending| ending.to_lowercase()), path.extension());
    if let Some(parent) = path.parent() {
        assert!(RelPath::parse(parent.as_str()).is_ok() && path.is_within(&parent), "{text:?}");
    }
}

/// Ids: each thing has exactly one text.
pub fn ids(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let kinds = [
        one_text::<UserId>(text),
        one_text::<TrackId>(text),
        one_text::<AlbumId>(text),
        one_text::<ArtistId>(text),
        one_text::<PlaylistId>(text),
        one_text::<KeyId>(text),
        one_text::<AppPasswordId>(text),
    ];
    assert!(kinds.iter().filter(|parsed| **parsed).count() <= 1, "{text:?} is two kinds of id");
}

fn one_text<Id: FromStr + Display>(text: &str) -> bool {
    let Ok(id) = text.parse::<Id>() else { return false };
    assert_eq!(id.to_string(), text, "an id has two texts");
    true
}

/// The server's own address and the origins that may speak to it.
pub fn addresses(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(base) = BaseUrl::parse(text) {
        let prefix = base.prefix();
        assert!(
            prefix.is_empty() || (prefix.starts_with('/') && !prefix.ends_with('/')),
            "{text:?} → {prefix:?}"
        );
        assert!(!prefix.contains(['?', '#', '\r', '\n', ' ']), "{text:?} → {prefix:?}");
    }
    let lines: Vec<&str> = text.lines().take(16).collect();
    if Origins::parse(&lines).is_ok() {
        assert!(lines.iter().all(|line| *line != "*"), "{lines:?} lets everybody in");
    }
}
