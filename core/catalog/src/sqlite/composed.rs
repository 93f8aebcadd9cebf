//! Keys of an earlier release, which kept letters and marks apart that are composed in keys now. Nothing would be found by them.

use sqlx::{Pool, Sqlite as Driver};
use unicode_normalization::UnicodeNormalization;

use super::Result;

/// The keys of one table in which a mark stands by itself, a part of them at a time; and how one of them is changed. Two that
/// become one stay two: the songs of the other are found when their files are read again.
macro_rules! keys_of {
    ($table:literal) => {
        [
            concat!(
                "SELECT id, key FROM ",
                $table,
                " WHERE id > ?1 AND key GLOB '*[\u{300}-\u{36f}]*' ORDER BY id LIMIT 500"
            ),
            concat!("UPDATE OR IGNORE ", $table, " SET key = ?2 WHERE id = ?1"),
        ]
    };
}
const TABLES: [[&str; 2]; 3] = [keys_of!("artists"), keys_of!("albums"), keys_of!("genres")];

/// SQLite keeps this number for its users; 1 says that all keys are composed.
const IS_DONE: &str = "SELECT user_version = 1 FROM pragma_user_version";
const DONE: &str = "PRAGMA user_version = 1";

/// Composes the keys that are not, once in the life of a database.
pub(super) async fn compose(writer: &Pool<Driver>) -> Result<()> {
    if sqlx::query_scalar(IS_DONE).fetch_one(writer).await? {
        return Ok(());
    }
    for [find, change] in TABLES {
        let mut after = 0_i64;
        loop {
            let mut tx = writer.begin().await?;
            let part: Vec<(i64, String)> = sqlx::query_as(find).bind(after).fetch_all(&mut *tx).await?;
            let Some((last, _)) = part.last() else { break };
            after = *last;
            for (id, key) in part {
                let composed: String = key.nfc().collect();
                if composed != key {
                    sqlx::query(change).bind(id).bind(composed).execute(&mut *tx).await?;
                }
            }
            tx.commit().await?;
        }
    }
    sqlx::query(DONE).execute(writer).await?;
    Ok(())
}
