//! Rows of the index.

use sqlx::FromRow;

use super::Result;
use crate::error::{Error, ErrorKind};
use crate::model::UnixMs;

/// Rows of the present version of their path, that condition left open.
macro_rules! present {
    ($condition:literal) => {
        concat!(
            "SELECT m.key, m.file, m.bytes, m.room_bytes, m.content_type, m.etag, m.origin, m.path,
                m.mode, m.source_tag, m.status, m.version, m.created, m.cost_ms, m.fresh_until, m.recipe,
                (SELECT json_group_array(t.tag) FROM tags t WHERE t.slot = m.slot) AS tags
            FROM made m LEFT JOIN versions v ON v.origin = m.origin AND v.path = m.path
            WHERE m.version = ifnull(v.version, 0) AND ",
            $condition
        )
    };
}

pub(super) const GET: &str = present!("m.slot = ?1 AND m.key = ?2");
pub(super) const FORMER: &str = present!(
    "m.origin = ?1 AND m.path = ?2 AND m.recipe = ?3 AND m.key <> ?4 ORDER BY m.created DESC LIMIT 1"
);
pub(super) const PUT: &str =
    "INSERT INTO made (slot, key, file, bytes, room_bytes, content_type, etag, origin, path,
        mode, source_tag, status, version, created, used, checked, cost_ms, fresh_until, recipe)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?14, ?15, ?16, ?17)";

/// A rendition that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is found by.
    pub key: [u8; 32],
    /// The name of its file.
    pub file: [u8; 32],
    /// Its length in bytes.
    pub bytes: u64,
    /// What it takes of the disk in bytes, with its checksums and this row.
    pub room_bytes: u64,
    /// The media type.
    pub content_type: String,
    /// The tag of its content.
    pub etag: String,
    /// Where its source came from: the name of an origin.
    pub origin: String,
    /// The path of its source there.
    pub path: String,
    /// What was made of it, in one word.
    pub mode: String,
    /// The validator of its source.
    pub source_tag: String,
    /// The status that it is given with.
    pub status: u16,
    /// The version of its path when it was made.
    pub version: i64,
    /// When it was made.
    pub created: UnixMs,
    /// What it cost to make, in milliseconds of a processor.
    pub cost_ms: u64,
    /// Until when it may be given without asking anybody.
    pub fresh_until: UnixMs,
    /// What was asked of the source, as a number that the same recipe always has; 0 is none.
    pub recipe: i64,
    /// What else it is purged by.
    pub tags: Vec<String>,
}

/// A row in the order of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct ByUse {
    /// When it was used last.
    pub used: UnixMs,
    /// Its slot.
    pub slot: i64,
    /// What it takes of the disk, in bytes.
    pub room_bytes: i64,
}

/// A row in the order of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByFile {
    /// The name of the file.
    pub file: [u8; 32],
    /// How long it must be, in bytes.
    pub bytes: u64,
}

/// The start of a key as a number, which is never 0. Two keys with one slot put each other out.
pub fn slot_of(key: &[u8; 32]) -> i64 {
    let mut start = [0; 8];
    start.copy_from_slice(&key[..8]);
    match i64::from_be_bytes(start) {
        0 => 1,
        slot => slot,
    }
}

#[derive(FromRow)]
pub(super) struct RawRow {
    key: Vec<u8>,
    file: Vec<u8>,
    bytes: i64,
    room_bytes: i64,
    content_type: String,
    etag: String,
    origin: String,
    path: String,
    mode: String,
    source_tag: String,
    status: i64,
    version: i64,
    created: UnixMs,
    cost_ms: i64,
    fresh_until: UnixMs,
    recipe: i64,
    tags: String,
}

impl TryFrom<RawRow> for Row {
    type Error = Error;

    fn try_from(raw: RawRow) -> Result<Row> {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Row {
            key: bytes_of(raw.key)?,
            file: bytes_of(raw.file)?,
            bytes: number(raw.bytes),
            room_bytes: number(raw.room_bytes),
            content_type: raw.content_type,
            etag: raw.etag,
            origin: raw.origin,
            path: raw.path,
            mode: raw.mode,
            source_tag: raw.source_tag,
            status: u16::try_from(raw.status).unwrap_or(0),
            version: raw.version,
            created: raw.created,
            cost_ms: number(raw.cost_ms),
            fresh_until: raw.fresh_until,
            recipe: raw.recipe,
            tags: serde_json::from_str(&raw.tags).map_err(|e| damaged().because(e))?,
        })
    }
}

pub(super) fn bytes_of(bytes: Vec<u8>) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::new(ErrorKind::Unavailable, "a row of the cache is not what was written")
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unwritable(e: serde_json::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "values could not be written as JSON").because(e)
}
