//! Which rows a purge means.

use budget::limits::CACHE_PAGE_ROWS_MAX;
use serde::{Deserialize, Serialize};

use super::{Index, Result, slot_of};
use crate::model::UnixMs;

/// Some of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Select {
    /// That of one key.
    Key([u8; 32]),
    /// Those with a tag.
    Tag(String),
    /// Those made of one source, and of those that differ from it by a query: what follows a `?` in their paths.
    Path {
        /// The origin's name.
        origin: String,
        /// The path there.
        path: String,
    },
    /// Those made of sources whose paths begin so; a prefix of nothing is the whole origin.
    Prefix {
        /// The origin's name.
        origin: String,
        /// What the path begins with.
        prefix: String,
    },
    /// Those that ceased to be fresh before a moment.
    Older(UnixMs),
    /// All.
    All,
}

impl Select {
    /// Whether a rendition with these is among them.
    pub fn matches(&self, key: &[u8; 32], tags: &[String], origin: &str, path: &str) -> bool {
        match self {
            Select::Key(wanted) => wanted == key,
            Select::Tag(wanted) => tags.contains(wanted),
            Select::Path { origin: of, path: wanted } => {
                of == origin
                    && path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
            }
            Select::Prefix { origin: of, prefix } => of == origin && path.starts_with(prefix),
            Select::Older(_) => false,
            Select::All => true,
        }
    }

    const fn of_which(&self) -> &'static str {
        match self {
            Select::Key(_) => "SELECT slot FROM made WHERE slot = ?1 AND key = ?2 LIMIT ?3",
            Select::Tag(_) => "SELECT slot FROM tags WHERE tag = ?1 AND ?2 IS NULL LIMIT ?3",
            // The sign behind `?` is `@`.
            Select::Path { .. } => {
                "SELECT slot FROM made WHERE origin = ?1 AND (path = ?2 OR path >= ?2 || '?' AND path < ?2 || '@') LIMIT ?3"
            }
            // Texts are compared byte by byte, and no path has the last character that there is.
            Select::Prefix { .. } => {
                "SELECT slot FROM made WHERE origin = ?1 AND path >= ?2 AND path < ?2 || char(1114111) LIMIT ?3"
            }
            Select::Older(_) => "SELECT slot FROM made WHERE fresh_until < ?1 AND ?2 IS NULL LIMIT ?3",
            Select::All => "SELECT slot FROM made WHERE ?1 IS NULL AND ?2 IS NULL LIMIT ?3",
        }
    }

    fn bound(
        &self,
        sql: &'static str,
    ) -> sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
        let query = sqlx::query(sql);
        let query = match self {
            Select::Key(key) => query.bind(slot_of(key)).bind(&key[..]),
            Select::Tag(tag) => query.bind(tag.as_str()).bind(None::<i64>),
            Select::Path { origin, path } => query.bind(origin.as_str()).bind(path.as_str()),
            Select::Prefix { origin, prefix } => query.bind(origin.as_str()).bind(prefix.as_str()),
            Select::Older(before) => query.bind(*before).bind(None::<i64>),
            Select::All => query.bind(None::<i64>).bind(None::<i64>),
        };
        query.bind(i64::try_from(CACHE_PAGE_ROWS_MAX).unwrap_or(i64::MAX))
    }
}

impl Index {
    /// The slots of a page of such rows. Whoever removes them finds the next ones with the same call.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn select(&self, which: &Select) -> Result<Vec<i64>> {
        use sqlx::Row as _;
        let rows = which.bound(which.of_which()).fetch_all(&self.writer).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
