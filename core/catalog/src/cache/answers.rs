//! What origins answered, in a SQLite file of its own: the heads, by place and variant. The bytes are kept elsewhere.
//!
//! Both the number of rows and the bytes of their heads are bounded: those that came or were validated longest ago go
//! first. Rows are only put in and taken out, so that two triggers can count them.

use std::path::Path;

use budget::limits::{ANSWER_ROW_BYTES, ANSWER_VARIANTS_MAX, ANSWERS_KEPT_MAX, DATABASE_WAL_BYTES};
use sqlx::sqlite::SqlitePool;

use super::Result;
use super::rows::{bytes_of, signed};
use crate::model::UnixMs;

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The digest of where it was asked for.
    pub place: [u8; 32],
    /// The digest of the fields of the request that it depends on.
    pub variant: [u8; 32],
    /// The names of these fields.
    pub vary: String,
    /// The name of its origin.
    pub origin: String,
    /// The path there, by which it is purged.
    pub path: String,
    /// Under which key its bytes are kept, if they are in a file.
    pub body: Option<[u8; 32]>,
    /// Status and fields, as its owner writes them.
    pub head: Vec<u8>,
    /// When the origin made it.
    pub dated: UnixMs,
    /// When it came, or was last found to be right.
    pub stored: UnixMs,
}

/// The kept answers. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Answers {
    writer: SqlitePool,
    readers: SqlitePool,
    bytes_max: u64,
}

type RawAnswer = (Vec<u8>, String, String, String, Option<Vec<u8>>, Vec<u8>, UnixMs, UnixMs);

impl Answers {
    /// Opens the file, and makes it if it is not there. The rows may take so many bytes.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be opened, is no database, or is a later release's. It may be deleted then.
    pub async fn open(path: &Path, bytes_max: u64) -> Result<Answers> {
        let (writer, readers) = super::file::open(path, &sqlx::migrate!("./answers_migrations")).await?;
        Ok(Answers { writer, readers, bytes_max })
    }

    /// What the file may take of the disk, in bytes, with what lies between its rows.
    pub fn disk_bytes_max(&self) -> u64 {
        self.bytes_max.saturating_mul(3) / 2 + DATABASE_WAL_BYTES
    }

    /// The answer of a place that is meant by a request: `variant` gives the digest of the request's fields with these
    /// names. Of several, the one that the origin made last (RFC 9111 section 4.1).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, place: &[u8; 32], variant: impl Fn(&str) -> [u8; 32]) -> Result<Option<Answer>> {
        let sql = "SELECT DISTINCT vary FROM answers WHERE place = ?1 LIMIT ?2";
        let varies: Vec<String> = sqlx::query_scalar(sql)
            .bind(&place[..])
            .bind(i64::try_from(ANSWER_VARIANTS_MAX).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        let mut found: Option<Answer> = None;
        for vary in varies {
            let sql = "SELECT variant, vary, origin, path, body, head, dated, stored FROM answers
                WHERE place = ?1 AND variant = ?2";
            let wanted = variant(&vary);
            let row: Option<RawAnswer> =
                sqlx::query_as(sql).bind(&place[..]).bind(&wanted[..]).fetch_optional(&self.readers).await?;
            let answer = row.map(|row| read(place, row)).transpose()?;
            if let Some(answer) = answer
                && found.as_ref().is_none_or(|found| found.dated < answer.dated)
            {
                found = Some(answer);
            }
        }
        Ok(found)
    }

    /// Keeps an answer in place of the one with its variant, and lets others go if there are too many. Gives the keys of
    /// the bytes that nothing speaks of any more; at most a few are of other places.
    ///
    /// # Errors
    /// When the database does not answer; nothing is changed then.
    pub async fn put(&self, answer: &Answer) -> Result<Vec<[u8; 32]>> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut gone: Vec<Option<Vec<u8>>> =
            sqlx::query_scalar("DELETE FROM answers WHERE place = ?1 AND variant = ?2 RETURNING body")
                .bind(&answer.place[..])
                .bind(&answer.variant[..])
                .fetch_all(&mut *tx)
                .await?;
        let sql = "INSERT INTO answers (place, variant, vary, body, head, dated, stored, origin, path)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        sqlx::query(sql)
            .bind(&answer.place[..])
            .bind(&answer.variant[..])
            .bind(&answer.vary)
            .bind(answer.body.as_ref().map(|key| &key[..]))
            .bind(&answer.head)
            .bind(answer.dated)
            .bind(answer.stored)
            .bind(&answer.origin)
            .bind(&answer.path)
            .execute(&mut *tx)
            .await?;
        let sql = "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE place = ?1
            ORDER BY stored DESC, rowid DESC LIMIT 8 OFFSET ?2) RETURNING body";
        let variants = i64::try_from(ANSWER_VARIANTS_MAX).unwrap_or(i64::MAX);
        gone.extend(
            sqlx::query_scalar::<_, Option<Vec<u8>>>(sql)
                .bind(&answer.place[..])
                .bind(variants)
                .fetch_all(&mut *tx)
                .await?,
        );
        let sql = "DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers
            WHERE (SELECT count > ?1 OR bytes + count * ?2 > ?3 FROM totals) ORDER BY stored, rowid LIMIT 8)
            RETURNING body";
        loop {
            let more: Vec<Option<Vec<u8>>> = sqlx::query_scalar(sql)
                .bind(signed(ANSWERS_KEPT_MAX))
                .bind(signed(ANSWER_ROW_BYTES))
                .bind(signed(self.bytes_max))
                .fetch_all(&mut *tx)
                .await?;
            if more.is_empty() {
                break;
            }
            gone.extend(more);
        }
        tx.commit().await?;
        let gone = gone.into_iter().flatten().map(bytes_of);
        gone.filter(|key| !matches!(key, Ok(key) if Some(*key) == answer.body)).collect()
    }

    /// Removes one answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove(&self, place: &[u8; 32], variant: &[u8; 32]) -> Result<()> {
        sqlx::query("DELETE FROM answers WHERE place = ?1 AND variant = ?2")
            .bind(&place[..])
            .bind(&variant[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Removes all answers of a place, and gives the keys of their bytes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget(&self, place: &[u8; 32]) -> Result<Vec<[u8; 32]>> {
        let gone: Vec<Option<Vec<u8>>> =
            sqlx::query_scalar("DELETE FROM answers WHERE place = ?1 RETURNING body")
                .bind(&place[..])
                .fetch_all(&self.writer)
                .await?;
        gone.into_iter().flatten().map(bytes_of).collect()
    }

    /// Removes the answers of an origin whose paths are this one, or begin with it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge(&self, origin: &str, path: &str, is_prefix: bool) -> Result<u64> {
        // Texts are compared byte by byte, and no path has the last character that there is.
        let sql = match is_prefix {
            true => "DELETE FROM answers WHERE origin = ?1 AND path >= ?2 AND path < ?2 || char(1114111)",
            false => "DELETE FROM answers WHERE origin = ?1 AND path = ?2",
        };
        Ok(sqlx::query(sql).bind(origin).bind(path).execute(&self.writer).await?.rows_affected())
    }

    /// How many there are, and what their heads have in bytes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn totals(&self) -> Result<(u64, u64)> {
        let (count, bytes): (i64, i64) =
            sqlx::query_as("SELECT count, bytes FROM totals").fetch_one(&self.readers).await?;
        Ok((u64::try_from(count).unwrap_or(0), u64::try_from(bytes).unwrap_or(0)))
    }
}

fn read(place: &[u8; 32], raw: RawAnswer) -> Result<Answer> {
    let (variant, vary, origin, path, body, head, dated, stored) = raw;
    let (variant, body) = (bytes_of(variant)?, body.map(bytes_of).transpose()?);
    Ok(Answer { place: *place, variant, vary, origin, path, body, head, dated, stored })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(place: u8, vary: &str, variant: u8, head: usize, stored: UnixMs) -> Answer {
        Answer {
            place: [place; 32],
            variant: [variant; 32],
            vary: vary.to_owned(),
            origin: "far".to_owned(),
            path: format!("clips/{place}"),
            body: Some([variant; 32]),
            head: vec![b'x'; head],
            dated: stored,
            stored,
        }
    }

    async fn open(bytes_max: u64) -> (tempfile::TempDir, Answers) {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::open(&folder.path().join("answers.db"), bytes_max).await.unwrap();
        (folder, answers)
    }

    #[tokio::test]
    async fn the_answer_that_a_request_means_is_the_newest_of_those_whose_fields_match() {
        let (_folder, answers) = open(1 << 20).await;
        for one in [answer(1, "", 0, 10, 5), answer(1, "foo", 7, 10, 9), answer(1, "bar", 8, 10, 3)] {
            assert!(answers.put(&one).await.unwrap().is_empty());
        }
        let variant = |foo: u8| move |vary: &str| if vary == "foo" { [foo; 32] } else { [0; 32] };
        let find = async |foo| answers.find(&[1; 32], variant(foo)).await.unwrap().map(|one| one.variant[0]);
        assert_eq!((find(7).await, find(6).await), (Some(7), Some(0)));
        assert!(answers.find(&[2; 32], variant(7)).await.unwrap().is_none());
        let replaced = Answer { body: Some([99; 32]), ..answer(1, "foo", 7, 30, 11) };
        assert_eq!(answers.put(&replaced).await.unwrap(), [[7; 32]]);
        assert_eq!(answers.totals().await.unwrap(), (3, 50));
        let mut gone = answers.forget(&[1; 32]).await.unwrap();
        gone.sort_unstable();
        assert_eq!(gone, [[0; 32], [8; 32], [99; 32]]);
        assert_eq!(answers.totals().await.unwrap(), (0, 0));
    }

    #[tokio::test]
    async fn a_purge_means_a_path_or_all_that_begin_with_one() {
        for (origin, path, is_prefix, left) in [
            ("far", "clips/1", false, 11),
            ("far", "clips/1", true, 9),
            ("far", "clips/", true, 0),
            ("far", "", true, 0),
            ("other", "", true, 12),
        ] {
            let (_folder, answers) = open(1 << 20).await;
            for place in 0..12 {
                answers.put(&answer(place, "", 0, 10, 5)).await.unwrap();
            }
            let gone = answers.purge(origin, path, is_prefix).await.unwrap();
            assert_eq!((answers.totals().await.unwrap().0, 12 - gone), (left, left), "{path}");
        }
    }

    #[tokio::test]
    async fn neither_heads_nor_variants_grow_beyond_their_bounds() {
        let row = ANSWER_ROW_BYTES + 1_000;
        let (_folder, answers) = open(10 * row).await;
        for number in 0..30 {
            let gone = answers.put(&answer(number, "", number, 1_000, i64::from(number))).await.unwrap();
            assert!(number >= 10 || gone.is_empty(), "{number}: {gone:?}");
            let (count, bytes) = answers.totals().await.unwrap();
            assert!(bytes + count * ANSWER_ROW_BYTES <= 10 * row, "{count} {bytes}");
        }
        let (_folder, answers) = open(1 << 20).await;
        for number in 0..100 {
            answers.put(&answer(1, "foo", number, 10, i64::from(number))).await.unwrap();
        }
        assert_eq!(answers.totals().await.unwrap().0, ANSWER_VARIANTS_MAX as u64);
    }
}
