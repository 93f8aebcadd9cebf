//! What is derived from tracks and kept beside them: totals of albums, genres and artists, and the words to search by.
//!
//! Totals are counted anew for the albums that a transaction touched, never added to, so they cannot drift.

use budget::limits::ALBUM_MOODS_MAX;

use super::playing::Write;
use super::sql::{has_cover, plain, with_end};
use super::{Result, json_ids, limit};

const FORGET_ALBUMS: &str = "DELETE FROM album_totals WHERE album_id IN (SELECT value FROM json_each(?1))";
const COUNT_ALBUMS: &str =
    "INSERT INTO album_totals (album_id, library_id, tracks, duration_ms, year, genre, has_cover, release, moods)
    SELECT t.album_id, t.library_id, count(*), sum(t.duration_ms), max(t.year), min(nullif(t.genres, '')),
        max(t.cover_path IS NOT NULL OR t.cover_blob IS NOT NULL),
        (SELECT f.release FROM tracks f INDEXED BY tracks_by_album
            WHERE f.album_id = t.album_id AND f.library_id = t.library_id AND f.missing = 0 AND f.private = 0
            ORDER BY ifnull(f.disc, 1), ifnull(f.track, 1000000) LIMIT 1),
        (SELECT nullif(json_group_array(m.mood), '[]') FROM (
            SELECT DISTINCT v.value AS mood
            FROM tracks f INDEXED BY tracks_by_album CROSS JOIN json_each(f.details, '$.f') v
            WHERE f.album_id = t.album_id AND f.library_id = t.library_id AND f.missing = 0 AND f.private = 0
            LIMIT ?2) m)
    FROM json_each(?1) j CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = j.value
    WHERE t.missing = 0 AND t.private = 0 GROUP BY t.album_id, t.library_id";
// Of an album with a song that everybody sees, the mark says nothing about private pictures.
const MARK_COVERS: &str = concat!(
    "UPDATE albums AS al SET cover_mark = m.mark
    FROM (SELECT j.value AS id,
            (SELECT sum(DISTINCT c.mark) FILTER (WHERE c.private = 0
                    OR NOT EXISTS (SELECT 1 FROM album_totals n WHERE n.album_id = j.value)) & 0xffffffff
                FROM (SELECT ifnull((SELECT b.created FROM blobs b WHERE b.id = t.cover_blob), t.cover_mark) AS mark, t.private
                    FROM tracks t INDEXED BY tracks_with_cover WHERE t.album_id = j.value AND t.missing = 0 AND ",
    has_cover!(),
    ") c) AS mark
        FROM json_each(?1) j) m
    WHERE al.id = m.id AND al.cover_mark IS NOT m.mark"
);
const FORGET_GENRES: &str = "DELETE FROM genre_totals WHERE album_id IN (SELECT value FROM json_each(?1))";
const COUNT_GENRES: &str = "INSERT INTO genre_totals (genre_id, album_id, library_id, tracks, sort_name)
    SELECT g.genre_id, t.album_id, t.library_id, sum(t.private = 0), al.sort_name
    FROM json_each(?1) j CROSS JOIN albums al ON al.id = j.value
    CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = al.id
    CROSS JOIN track_genres g ON g.track_id = t.id
    WHERE t.missing = 0 GROUP BY g.genre_id, t.album_id, t.library_id";
const FORGET_ARTISTS: &str = "DELETE FROM artist_totals WHERE album_id IN (SELECT value FROM json_each(?1))";
const COUNT_ARTISTS: &str =
    "INSERT INTO artist_totals (artist_id, role, album_id, library_id, public, cover_mark)
    SELECT p.artist_id, p.role, p.album_id, p.library_id, max(p.private = 0),
        (SELECT al.cover_mark FROM albums al WHERE al.id = p.album_id)
    FROM (SELECT t.artist_id, 1 AS role, t.album_id, t.library_id, t.private
            FROM json_each(?1) j CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = j.value
            WHERE t.missing = 0
        UNION ALL SELECT al.artist_id, 2, t.album_id, t.library_id, t.private
            FROM json_each(?1) j CROSS JOIN albums al ON al.id = j.value
            CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = al.id
            WHERE t.missing = 0
        UNION ALL SELECT c.artist_id, c.role, t.album_id, t.library_id, t.private
            FROM json_each(?1) j CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = j.value
            CROSS JOIN track_credits c ON c.track_id = t.id
            WHERE t.missing = 0) p
    GROUP BY p.artist_id, p.role, p.album_id, p.library_id";
const DATE_ALBUMS: &str = "UPDATE albums AS al
    SET year = (SELECT max(n.year) FROM album_totals n WHERE n.album_id = al.id)
    WHERE al.id IN (SELECT value FROM json_each(?1))
        AND al.year IS NOT (SELECT max(n.year) FROM album_totals n WHERE n.album_id = al.id)";

/// Tells of albums or artists in which libraries they have tracks. What they had once stays told: it is a sieve before the look
/// at the totals, and to count it anew would be a walk over all albums of an artist.
macro_rules! mark {
    ($table:literal, $id:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET libraries = libraries | n.bits
            FROM (SELECT ",
            $id,
            " AS id, sum(DISTINCT 1 << (library_id & 63)) AS bits
                FROM artist_totals INDEXED BY artist_totals_by_album
                WHERE album_id IN (SELECT value FROM json_each(?1)) GROUP BY ",
            $id,
            ") n
            WHERE ",
            $table,
            ".id = n.id AND ",
            $table,
            ".libraries & n.bits <> n.bits"
        )
    };
}
const MARK_ALBUMS: &str = mark!("albums", "album_id");
const MARK_ARTISTS: &str = mark!("artists", "artist_id");

/// The words of tracks `t`, of albums `al` of artists `ar`.
macro_rules! index_tracks {
    ($from:literal) => {
        concat!(
            "INSERT OR REPLACE INTO track_words (rowid, title, album, artist) SELECT t.id, ",
            with_end!("ifnull(t.title_set, t.title)"),
            ", ",
            plain!("al.name"),
            ", ",
            plain!("iif(t.artist = ar.name, t.artist, t.artist || ' ' || ar.name)"),
            " FROM ",
            $from,
            " CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id"
        )
    };
}
const INDEX_TRACKS: &str = index_tracks!("json_each(?1) j CROSS JOIN tracks t ON t.id = j.value");
/// In this order, with `?1` the album.
const INDEX_ALBUM: [&str; 2] = [
    concat!(
        "INSERT OR REPLACE INTO album_words (rowid, name, artist) SELECT al.id, ",
        with_end!("al.name"),
        ", ",
        plain!("ar.name"),
        " FROM albums al CROSS JOIN artists ar ON ar.id = al.artist_id WHERE al.id = ?1"
    ),
    index_tracks!("(SELECT ?1 AS id) j CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = j.id"),
];

/// Counts these albums anew. Each album is named once.
pub(super) async fn refresh(tx: &mut Write, albums: &[i64]) -> Result<()> {
    let albums = json_ids(albums);
    sqlx::query(FORGET_ALBUMS).bind(&albums).execute(&mut **tx).await?;
    sqlx::query(COUNT_ALBUMS).bind(&albums).bind(limit(ALBUM_MOODS_MAX)).execute(&mut **tx).await?;
    for sql in [
        MARK_COVERS,
        FORGET_GENRES,
        COUNT_GENRES,
        FORGET_ARTISTS,
        COUNT_ARTISTS,
        MARK_ALBUMS,
        MARK_ARTISTS,
        DATE_ALBUMS,
    ] {
        sqlx::query(sql).bind(&albums).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Makes these tracks be found by the words they have now.
pub(super) async fn index_words(tx: &mut Write, tracks: &[i64]) -> Result<()> {
    sqlx::query(INDEX_TRACKS).bind(json_ids(tracks)).execute(&mut **tx).await?;
    Ok(())
}

/// Makes this album and its tracks be found by the words they have now.
pub(super) async fn index_album(tx: &mut Write, album: i64) -> Result<()> {
    for sql in INDEX_ALBUM {
        sqlx::query(sql).bind(album).execute(&mut **tx).await?;
    }
    Ok(())
}
