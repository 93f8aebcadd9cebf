-- What each artist did for each album, so that his albums are counted without a look at their tracks.

-- As genre_totals: for each part (`Part` counts them; 1 artist, 2 artist of the album) and each library.
CREATE TABLE artist_totals (
    artist_id  INTEGER NOT NULL REFERENCES artists (id),
    role       INTEGER NOT NULL,
    album_id   INTEGER NOT NULL REFERENCES albums (id),
    library_id INTEGER NOT NULL REFERENCES libraries (id),
    -- Whether everybody who sees the library sees one of these tracks. Else all of them are private.
    public     INTEGER NOT NULL,
    PRIMARY KEY (artist_id, role, album_id, library_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX artist_totals_by_album ON artist_totals (album_id);
INSERT INTO artist_totals (artist_id, role, album_id, library_id, public)
    SELECT p.artist_id, p.role, t.album_id, t.library_id, max(t.private = 0)
    FROM (SELECT t.artist_id, 1 AS role, t.id AS track_id FROM tracks t
        UNION ALL SELECT al.artist_id, 2, t.id FROM tracks t CROSS JOIN albums al ON al.id = t.album_id
        UNION ALL SELECT artist_id, role, track_id FROM track_credits) p
    CROSS JOIN tracks t ON t.id = p.track_id
    WHERE t.missing = 0 GROUP BY p.artist_id, p.role, t.album_id, t.library_id;
