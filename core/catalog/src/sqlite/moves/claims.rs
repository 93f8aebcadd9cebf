//! Which old track a new one is, where its stamp does not tell: its file was copied to another disk, or written anew by
//! whoever changed its tags, or is in another library now.
//!
//! A new track claims the one missing track that its strongest evidence points to, and none where that points to several. A
//! missing track is the one whose claim on it is the strongest, and nobody's where two are equal. So a guess is never made, and
//! what does not move is never touched: a claim is on what is missing, by what came after it.
//!
//! Each kind of evidence asks an index for at most [`MOVED_ALIKE_MAX`] tracks, so that the cost is in proportion to what came
//! and went, whatever is alike in it.

use std::collections::{BTreeMap, BTreeSet};

use budget::limits::{
    MOVED_ALIKE_MAX, MOVED_COPY_MS_MAX, MOVED_DURATION_MS_MAX, MOVED_RECENT_MAX, PAGE_ROWS_MAX,
};
use store::FolderId;

use super::super::batch::signed;
use super::super::readers::{Query, Reader};
use super::super::{Result, Sqlite, json_ids, limit, now};
use crate::error::{Error, ErrorKind};

// Where a new track `p` finds tracks `m` that it may be.
macro_rules! by_file {
    () => {
        "libraries l CROSS JOIN tracks m INDEXED BY tracks_missing ON m.library_id = l.id AND m.inode = p.inode
            AND m.missing = 1 WHERE p.inode <> 0"
    };
}
macro_rules! by_place {
    () => {
        "libraries l CROSS JOIN tracks m ON m.library_id = l.id AND m.path = p.path
            WHERE l.id > 0 AND l.id <> p.library_id"
    };
}
macro_rules! by_length {
    () => {
        "tracks m INDEXED BY tracks_missing_by_length
            WHERE m.missing = 1 AND m.length_bytes = p.length_bytes AND m.title = p.title"
    };
}
macro_rules! by_title {
    ($album:literal) => {
        concat!(
            "tracks m INDEXED BY tracks_missing_by_title
                WHERE m.missing = 1 AND m.title = p.title AND m.artist_id = p.artist_id",
            $album
        )
    };
}
macro_rules! by_recording {
    () => {
        "tracks m INDEXED BY tracks_missing_by_recording
            WHERE m.missing = 1 AND m.details ->> '$.m' = p.details ->> '$.m'"
    };
}
macro_rules! by_audio {
    () => {
        "tracks m INDEXED BY tracks_missing_by_audio WHERE m.missing = 1 AND m.audio_md5 = p.audio_md5"
    };
}
macro_rules! by_position {
    () => {
        "tracks m INDEXED BY tracks_by_album WHERE m.album_id = p.album_id
            AND ifnull(m.disc, 1) = ifnull(p.disc, 1) AND ifnull(m.track, 1000000) = p.track"
    };
}

/// Whether the two sound the same, as far as headers tell.
macro_rules! sound {
    () => {
        "(m.suffix = p.suffix AND m.duration_ms = p.duration_ms AND m.sample_rate_hz = p.sample_rate_hz
            AND m.channels = p.channels AND ifnull(m.audio_md5 = p.audio_md5, 1))"
    };
}

/// Whether the two may be one song in two formats.
macro_rules! near {
    () => {
        "abs(m.duration_ms - p.duration_ms) <= ?3"
    };
}

/// Whether the new track came with the scan that ends now: where the words say less, nothing that was there beside the old one
/// is taken for it.
macro_rules! fresh {
    () => {
        "p.id > (SELECT s.settled FROM libraries s WHERE s.id = p.library_id)"
    };
}

/// A kind of evidence: which tracks `m` an index has for a new track `p`, and which of these are alike enough. Gives each new
/// track for which it says something, and its old one, or -1 for several. What users sent has no place and never moves; nor
/// does what somebody made his own mean anything for the track of another.
macro_rules! evidence {
    ($from:expr, $($alike:expr),+) => {
        concat!(
            "SELECT new, old FROM (SELECT p.id AS new, (
                SELECT CASE total(a.is_alike) WHEN 0 THEN NULL
                    WHEN 1 THEN iif(count(*) < ?2, max(a.id * a.is_alike), -1) ELSE -1 END
                FROM (SELECT m.id AS id, (m.library_id > 0 AND m.id <= p.came AND (p.owner IS NULL OR p.owner IS m.owner)
                        AND ", $($alike),+, ") IS TRUE AS is_alike
                    FROM ", $from, " LIMIT ?2) a) AS old
            FROM json_each(?1) j CROSS JOIN tracks p ON p.id = j.value WHERE p.missing = 0)
            WHERE old IS NOT NULL"
        )
    };
}

/// From the strongest to the weakest.
pub(in crate::sqlite) const EVIDENCE: [(&str, &str); 11] = [
    (
        "its file, under another name",
        evidence!(by_file!(), "m.suffix = p.suffix AND (m.length_bytes = p.length_bytes OR ", sound!(), ")"),
    ),
    (
        "its place, in another library",
        evidence!(
            by_place!(),
            "(m.missing = 1 OR l.hidden = 1) AND (m.length_bytes = p.length_bytes OR ",
            sound!(),
            ")"
        ),
    ),
    ("its bytes and their time", evidence!(by_length!(), "m.modified_ns = p.modified_ns AND ", sound!())),
    ("its bytes", evidence!(by_length!(), sound!())),
    (
        "its words and its place on the album",
        evidence!(
            by_title!(" AND m.album_id = p.album_id"),
            "m.artist = p.artist AND m.disc IS p.disc AND m.track IS p.track AND ",
            near!()
        ),
    ),
    ("its very samples, on the album", evidence!(by_audio!(), "m.album_id = p.album_id")),
    ("its very samples", evidence!(by_audio!(), fresh!())),
    (
        "the recording in MusicBrainz, on the album",
        evidence!(by_recording!(), "m.album_id = p.album_id AND ", near!()),
    ),
    ("the recording in MusicBrainz", evidence!(by_recording!(), fresh!(), " AND ", near!())),
    (
        "its sound, at its place on the album",
        evidence!(by_position!(), "m.missing = 1 AND ", fresh!(), " AND ", sound!()),
    ),
    ("its sound, title and artist", evidence!(by_title!(""), fresh!(), " AND ", sound!())),
];

/// Those of the new tracks for which there may be evidence at all. Most have none, and are asked no more.
pub(in crate::sqlite) const WITH_EVIDENCE: &str = concat!(
    "SELECT p.id FROM json_each(?1) j CROSS JOIN tracks p ON p.id = j.value WHERE p.missing = 0 AND (
        EXISTS (SELECT 1 FROM ",
    by_file!(),
    ") OR EXISTS (SELECT 1 FROM ",
    by_length!(),
    ") OR EXISTS (SELECT 1 FROM ",
    by_title!(""),
    ") OR EXISTS (SELECT 1 FROM ",
    by_place!(),
    ") OR EXISTS (SELECT 1 FROM ",
    by_recording!(),
    ") OR EXISTS (SELECT 1 FROM ",
    by_audio!(),
    ") OR EXISTS (SELECT 1 FROM (SELECT m.missing FROM ",
    by_position!(),
    " LIMIT ?2) a WHERE a.missing = 1))"
);

/// The tracks that came with the scan of library `?1` that ends now, behind `?2`.
pub(in crate::sqlite) const NEW: &str = "SELECT p.id FROM tracks p INDEXED BY tracks_seen
    WHERE p.id > max(?2, (SELECT settled FROM libraries WHERE id = ?1)) AND p.library_id = ?1 AND p.missing = 0
    ORDER BY p.id LIMIT ?3";
/// Of the last `?4` tracks those that came with one of the last two scans of their libraries, behind `?2`: a file may be seen
/// at its new place before it is missed at its old one.
pub(in crate::sqlite) const RECENT: &str = "SELECT p.id FROM tracks p INDEXED BY tracks_seen
    CROSS JOIN libraries l ON l.id = p.library_id AND l.id > 0 AND p.id > l.settled_before
    WHERE p.id > max(?2, (SELECT max(id) FROM tracks) - ?4) AND p.missing = 0
    ORDER BY p.id LIMIT ?3";
pub(in crate::sqlite) const LOST: &str =
    "SELECT track FROM lost_tracks WHERE track > ?1 ORDER BY track LIMIT ?2";
/// The tracks that stand since the moment `?3` where these lost ones stood: on their albums, or in another library. Who moves
/// a folder to another disk copies all of it first, which takes more than two scans.
pub(in crate::sqlite) const BESIDE_LOST: &str = "SELECT DISTINCT p.id
    FROM json_each(?1) j CROSS JOIN tracks m ON m.id = j.value CROSS JOIN json_each((
        SELECT json_group_array(b.id) FROM (SELECT id FROM (
            SELECT q.id FROM tracks q INDEXED BY tracks_by_album WHERE q.album_id = m.album_id
                AND ifnull(q.disc, 1) = ifnull(m.disc, 1) AND ifnull(q.track, 1000000) = ifnull(m.track, 1000000)
            ORDER BY q.id DESC LIMIT ?2)
        UNION ALL
        SELECT q.id FROM libraries l CROSS JOIN tracks q ON q.library_id = l.id AND q.path = m.path
            WHERE l.id > 0 AND l.id <> m.library_id) b)) k
    CROSS JOIN tracks p ON p.id = k.value
    WHERE m.missing = 1 AND m.library_id > 0 AND p.missing = 0 AND p.library_id > 0 AND p.created > ?3 AND p.came >= m.id";

const CLAIM: &str = "INSERT INTO claims (old, new, rank)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
    ON CONFLICT (old) DO UPDATE SET rank = min(rank, excluded.rank),
        new = CASE WHEN excluded.rank < rank THEN excluded.new
            WHEN excluded.rank = rank AND excluded.new IS NOT new THEN NULL ELSE new END";

/// An old track, the new one that it may be, and the rank of what says so.
type Claim = (i64, i64, usize);

/// What these new tracks claim.
fn claims(reader: &Reader, new: &[i64]) -> Result<Vec<Claim>> {
    let query = Query::new(WITH_EVIDENCE).bind(json_ids(new)).bind(limit(MOVED_ALIKE_MAX));
    let mut open: BTreeSet<i64> = reader.all::<i64>(query)?.into_iter().collect();
    let mut claims = Vec::new();
    for (rank, (_, sql)) in EVIDENCE.iter().enumerate() {
        if open.is_empty() {
            break;
        }
        let ids = json_ids(&open.iter().copied().collect::<Vec<_>>());
        let query =
            Query::new(sql).bind(ids).bind(limit(MOVED_ALIKE_MAX)).bind(signed(MOVED_DURATION_MS_MAX));
        let found: BTreeMap<i64, i64> = reader.all::<(i64, i64)>(query)?.into_iter().collect();
        open.retain(|new| !found.contains_key(new));
        claims.extend(found.into_iter().filter(|(_, old)| *old > 0).map(|(new, old)| (old, new, rank)));
    }
    Ok(claims)
}
impl Sqlite {
    /// Writes down what new tracks claim: those of this scan of a library, and if something went, those that it may have become
    /// before it was missed.
    pub(super) async fn gather_claims(&self, folder: FolderId) -> Result<()> {
        self.claim_each(NEW, folder).await?;
        let mut after = 0;
        loop {
            let query = Query::new(LOST).bind(after).bind(limit(PAGE_ROWS_MAX));
            let lost: Vec<i64> = self.readers.all(query).await?;
            let Some(last) = lost.last() else { break };
            if after == 0 {
                self.claim_each(RECENT, folder).await?;
            }
            after = *last;
            let since = now() - signed(MOVED_COPY_MS_MAX);
            let query =
                Query::new(BESIDE_LOST).bind(json_ids(&lost)).bind(limit(MOVED_ALIKE_MAX)).bind(since);
            let beside: Vec<i64> = self.readers.all(query).await?;
            for page in beside.chunks(PAGE_ROWS_MAX) {
                self.claim(page.to_vec()).await?;
            }
        }
        Ok(())
    }

    /// Lets each of these tracks claim what it may, a page at a time.
    async fn claim_each(&self, tracks: &'static str, folder: FolderId) -> Result<()> {
        let recent = i64::try_from(MOVED_RECENT_MAX).unwrap_or(i64::MAX);
        let mut after = 0;
        loop {
            let query = Query::new(tracks).bind(folder.0).bind(after).bind(limit(PAGE_ROWS_MAX)).bind(recent);
            let page: Vec<i64> = self.readers.all(query).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            self.claim(page).await?;
        }
    }

    async fn claim(&self, new: Vec<i64>) -> Result<()> {
        let claims = self.readers.read(move |reader| claims(reader, &new)).await?;
        if claims.is_empty() {
            return Ok(());
        }
        let claims = serde_json::to_string(&claims).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "claims could not be written as JSON").because(e)
        })?;
        let mut tx = self.write().await?;
        sqlx::query(CLAIM).bind(claims).execute(&mut *tx).await?;
        tx.commit().await
    }
}
