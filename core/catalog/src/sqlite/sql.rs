//! Pieces of SQL that many statements share, joined at compile time, so that every statement is one static text.
//!
//! The first three parameters are the same everywhere: `?1` the viewer, `?2` his libraries as a JSON array or NULL for
//! all, `?3` whether he sees private tracks of others. [`Scope`](super::Scope) binds them. A user who is limited to some
//! libraries sees what he sent himself all the same: -1 in the array stands for that, and the least number for the
//! instrumentals of it, which are in the twin -3. All instrumentals are -2 ([`INSTRUMENTALS`](crate::INSTRUMENTALS)).
//!
//! A list is a `page` of at most 500 ids, found by a narrow index in the order of the list, and then the rows of these
//! ids: `CROSS JOIN` keeps SQLite from choosing another order.

/// The libraries that the viewer sees, as the table `seen`; the library of uploads and its twin, where he sees of them what
/// is his alone, as the table `seen_own`; both as the table `seen_any`, which has the limit so that it is in the order of the ids
/// wherever it is joined.
macro_rules! seen {
    () => {
        "seen (id) AS MATERIALIZED (
            SELECT id FROM libraries
            WHERE hidden = 0 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2))
                OR (id < -2 AND -2 IN (SELECT value FROM json_each(?2))))),
        seen_own (id) AS MATERIALIZED (
            SELECT 0 WHERE -1 IN (SELECT value FROM json_each(?2)) UNION ALL
            SELECT -3 WHERE -9223372036854775808 IN (SELECT value FROM json_each(?2))),
        seen_any (id) AS MATERIALIZED (SELECT id FROM seen UNION SELECT id FROM seen_own ORDER BY id LIMIT -1)"
    };
}

/// Whether album `al`, or artist `ar`, has ever had a track in a library of which the viewer sees anything: `libraries` has a bit
/// for each, and two may share one. It stands in the indexes of the lists by name, year, age and artist, so that whoever sees a small
/// part of a large library passes over the rest without a look at what it has.
macro_rules! sieved {
    ($of:literal) => {
        concat!("(", $of, ".libraries & (SELECT sum(DISTINCT 1 << (id & 63)) FROM seen_any)) <> 0")
    };
}

/// Whether the viewer sees track `t`.
macro_rules! track_seen {
    () => {
        "(t.missing = 0 AND (
            ((t.private = 0 OR t.owner = ?1 OR ?3) AND t.library_id IN (SELECT id FROM seen))
            OR (t.owner = ?1 AND t.library_id IN (SELECT id FROM seen_own))))"
    };
}

/// Whether the viewer sees track `t` though no total counts it for him: it is private, or is his own in a library that he
/// does not see. The first line has the words of the index `tracks_private`.
macro_rules! private_seen {
    () => {
        "((t.private = 1 OR t.library_id IN (0, -3)) AND t.missing = 0 AND (
            (t.private = 1 AND (t.owner = ?1 OR ?3) AND t.library_id IN (SELECT id FROM seen))
            OR (t.owner = ?1 AND t.library_id IN (SELECT id FROM seen_own))))"
    };
}

/// Whether track `t` has a picture: the words of the index `tracks_with_cover`.
macro_rules! has_cover {
    () => {
        "(t.cover_path IS NOT NULL OR t.cover_blob IS NOT NULL)"
    };
}

/// Whether track `t` of album `al` has a picture to show: its own, or another's that the viewer sees on the album.
macro_rules! shows_cover {
    () => {
        concat!(
            "(",
            has_cover!(),
            " OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_with_cover
                WHERE t.album_id = al.id AND ",
            has_cover!(),
            " AND ",
            track_seen!(),
            "))"
        )
    };
}

/// Whether the viewer sees at least one track of album `al`.
macro_rules! album_seen {
    () => {
        concat!(
            "(",
            $crate::sqlite::sql::sieved!("al"),
            " AND (EXISTS (SELECT 1 FROM album_totals n
                WHERE n.album_id = al.id AND n.library_id IN (SELECT id FROM seen))
            OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_private WHERE t.album_id = al.id AND ",
            private_seen!(),
            ")))"
        )
    };
}

/// Whether track `t` is none of a podcast's: all episodes lie among what was sent.
macro_rules! not_episode {
    () => {
        "(t.library_id <> 0 OR NOT EXISTS (SELECT 1 FROM podcast_episodes e INDEXED BY podcast_episodes_by_track
            WHERE e.track = t.id))"
    };
}

/// Whether album `al` stands in lists of albums: the viewer sees it, and it is no podcast, all of whose tracks are episodes.
macro_rules! album_listed {
    () => {
        concat!(
            "(",
            $crate::sqlite::sql::album_seen!(),
            " AND (EXISTS (SELECT 1 FROM album_totals n WHERE n.album_id = al.id AND n.library_id <> 0)
                OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_by_album WHERE t.album_id = al.id AND ",
            $crate::sqlite::sql::not_episode!(),
            ")))"
        )
    };
}

/// Whether the viewer sees a track for which the row `n` of `artist_totals` stands.
macro_rules! part_seen {
    () => {
        concat!(
            "((n.public = 1 AND n.library_id IN (SELECT id FROM seen))
            OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_private
                WHERE t.album_id = n.album_id AND t.library_id = n.library_id AND (
                    (n.role = 1 AND t.artist_id = n.artist_id)
                    OR (n.role = 2 AND (SELECT artist_id FROM albums WHERE id = n.album_id) = n.artist_id)
                    OR EXISTS (SELECT 1 FROM track_credits c
                        WHERE c.artist_id = n.artist_id AND c.role = n.role AND c.track_id = t.id)) AND ",
            private_seen!(),
            "))"
        )
    };
}

/// Whether the viewer sees an album or a track of artist `ar`, or one on which he took part.
macro_rules! artist_seen {
    () => {
        concat!(
            "(",
            $crate::sqlite::sql::sieved!("ar"),
            " AND EXISTS (SELECT 1 FROM artist_totals n WHERE n.artist_id = ar.id AND ",
            part_seen!(),
            "))"
        )
    };
}

/// Whether the viewer sees an album of which `ar` is the artist, or one of them.
macro_rules! album_artist_seen {
    () => {
        concat!(
            "(",
            $crate::sqlite::sql::sieved!("ar"),
            " AND EXISTS (SELECT 1 FROM artist_totals n WHERE n.artist_id = ar.id AND n.role = 2 AND ",
            part_seen!(),
            "))"
        )
    };
}

/// A text as the words to search by have it: letters that no mark makes of others are written in plain ones, as
/// [`fold::plain`](crate::fold::plain) writes those of a query. Most texts have none of them.
macro_rules! plain {
    ($text:literal) => {
        $crate::fold::letters!([$crate::sqlite::sql::replaced] $text)
    };
}
macro_rules! replaced {
    ($text:literal $($from:literal $to:literal)*) => {
        concat!(
            "CASE WHEN ", $text, " GLOB '*[^ -~]*' THEN ", $($crate::sqlite::sql::begin_replacing!($from),)* $text,
            $(", '", $from, "', '", $to, "')",)* " ELSE ", $text, " END"
        )
    };
}
macro_rules! begin_replacing {
    ($from:literal) => {
        "replace("
    };
}

/// A name as the words to search by have it: a word stands at its end that no query has, the sign U+E000 (`NAME_END`), so that
/// names which end there are told from those that go on.
macro_rules! with_end {
    ($name:literal) => {
        concat!("(", $crate::sqlite::sql::plain!($name), ") || ' ' || char(0xE000)")
    };
}

/// The play state of the viewer, joined as `m`.
macro_rules! play_state {
    () => {
        "m.starred, ifnull(m.rating, 0) AS rating, ifnull(m.plays, 0) AS plays, m.played"
    };
}

/// The rows of a page of track ids that the viewer sees; with columns of their own for those who join another table.
macro_rules! track_rows {
    ([$columns:literal] [$join:literal] $($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT t.id, t.library_id, t.path, ifnull(t.title_set, t.title) AS title, t.album_id, al.name AS album,
                t.artist_id, t.artist, al.artist_id AS album_artist_id, ar.name AS album_artist, t.genres, t.track,
                t.disc, t.year, t.duration_ms, t.bitrate_kbps, t.sample_rate_hz, t.bit_depth, t.channels,
                t.length_bytes, t.suffix, t.content_type, ", $crate::sqlite::sql::shows_cover!(), " AS has_cover, t.private, t.owner, t.created,
                t.blob AS digest, (SELECT b.key FROM blobs b WHERE b.id = t.blob) AS blob_key, t.cover_blob AS image,
                t.cover_mark, al.cover_mark AS album_cover_mark, t.details,
                (SELECT b.position_ms FROM bookmarks b WHERE b.user_id = ?1 AND b.track_id = t.id) AS bookmark_ms, ",
                play_state!(), $columns, "
            FROM page ", $join, "
            CROSS JOIN tracks t ON t.id = page.id
            CROSS JOIN albums al ON al.id = t.album_id
            CROSS JOIN artists ar ON ar.id = al.artist_id
            LEFT JOIN annotations m ON m.user_id = ?1 AND m.kind = 1 AND m.item_id = t.id"
        )
    };
    ($($page:tt)*) => { track_rows!([""] [""] $($page)*) };
}

/// The rows of a page of album ids that the viewer sees, with totals over what he sees of each. The totals come as one value,
/// because each subquery looks for them anew. Year, genre and moods are those that everybody sees, where there are any.
macro_rules! album_rows {
    ($($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT al.id, al.name, al.artist_id, ar.name AS artist,
                (SELECT json_array(sum(tracks), sum(duration_ms), ifnull(max(year), max(own_year)),
                    ifnull(min(genre), min(own_genre)), max(has_cover), min(release),
                    json(ifnull(min(moods), min(own_moods)))) FROM (
                    SELECT n.tracks, n.duration_ms, n.year, NULL AS own_year, n.genre, NULL AS own_genre, n.has_cover, n.release,
                        n.moods, NULL AS own_moods
                    FROM album_totals n WHERE n.album_id = al.id AND n.library_id IN (SELECT id FROM seen)
                    UNION ALL
                    SELECT 1, t.duration_ms, NULL, t.year, NULL, nullif(t.genres, ''), ", has_cover!(), ", t.release,
                        NULL, t.details ->> '$.f'
                    FROM tracks t INDEXED BY tracks_private WHERE t.album_id = al.id AND ", private_seen!(), ")) AS totals,
                al.cover_mark, al.created, ",
                play_state!(), "
            FROM page
            CROSS JOIN albums al ON al.id = page.id
            CROSS JOIN artists ar ON ar.id = al.artist_id
            LEFT JOIN annotations m ON m.user_id = ?1 AND m.kind = 2 AND m.item_id = al.id"
        )
    };
}

/// The rows of a page of artist ids that the viewer sees. The totals, as one value, are the number of albums on which each
/// has a part that he sees, these parts, a bit for each [`Part`](crate::Part), and the marks of what these albums look like.
macro_rules! artist_rows {
    ($($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT ar.id, ar.name, ar.sort_name,
                (SELECT json_array(count(DISTINCT n.album_id), ifnull(sum(DISTINCT 1 << n.role), 0),
                        sum(n.cover_mark) & 0xffffffff)
                    FROM artist_totals n WHERE n.artist_id = ar.id AND ", part_seen!(), ") AS totals,
                ar.musicbrainz, ",
                play_state!(), "
            FROM page
            CROSS JOIN artists ar ON ar.id = page.id
            LEFT JOIN annotations m ON m.user_id = ?1 AND m.kind = 3 AND m.item_id = ar.id"
        )
    };
}

pub(super) use {
    album_artist_seen, album_listed, album_rows, album_seen, artist_rows, artist_seen, begin_replacing,
    has_cover, not_episode, part_seen, plain, play_state, private_seen, replaced, seen, shows_cover, sieved,
    track_rows, track_seen, with_end,
};
