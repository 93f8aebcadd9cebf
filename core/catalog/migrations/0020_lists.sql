-- Pages that cost the same however large the library is.

-- Words by their first letter too: without it a query of one letter puts all words together that begin with it, for each page.
DROP TABLE track_words;
DROP TABLE album_words;
DROP TABLE artist_words;
CREATE VIRTUAL TABLE track_words USING fts5 (title, album, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
CREATE VIRTUAL TABLE album_words USING fts5 (name, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
CREATE VIRTUAL TABLE artist_words USING fts5 (name, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
INSERT INTO track_words (rowid, title, album, artist)
    SELECT t.id, ifnull(t.title_set, t.title), al.name,
        CASE WHEN t.artist = ar.name THEN t.artist ELSE t.artist || ' ' || ar.name END
    FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id;
INSERT INTO album_words (rowid, name, artist)
    SELECT al.id, al.name, ar.name FROM albums al CROSS JOIN artists ar ON ar.id = al.artist_id;
INSERT INTO artist_words (rowid, name) SELECT id, name FROM artists;

-- Random songs of some years are chosen without a look at the songs.
DROP INDEX tracks_seen;
CREATE INDEX tracks_seen ON tracks (id, missing, private, owner, library_id, year);

-- The albums of a genre by name, those too of which only private songs are of it: they have a total of none.
DROP TABLE genre_totals;
CREATE TABLE genre_totals (
    genre_id   INTEGER NOT NULL REFERENCES genres (id),
    album_id   INTEGER NOT NULL REFERENCES albums (id),
    library_id INTEGER NOT NULL REFERENCES libraries (id),
    -- Those that everybody sees who sees the library.
    tracks     INTEGER NOT NULL,
    -- The album's.
    sort_name  TEXT    NOT NULL,
    PRIMARY KEY (genre_id, sort_name, album_id, library_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX genre_totals_by_album ON genre_totals (album_id);
INSERT INTO genre_totals (genre_id, album_id, library_id, tracks, sort_name)
    SELECT g.genre_id, t.album_id, t.library_id, sum(t.private = 0), al.sort_name
    FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN track_genres g ON g.track_id = t.id
    WHERE t.missing = 0 GROUP BY g.genre_id, t.album_id, t.library_id;
