-- Instrumentals: the accompaniments of songs, as songs of their own.
--
-- Each library has a twin for those of its songs, so that who sees a song sees its instrumental and nobody else does. The
-- twin of library n is -(n + 3); -1 and -2 stand for other things where libraries are named.

INSERT INTO libraries (id, root, name, position, hidden)
    SELECT -(id + 3), 'instrumentals of ' || id, 'Instrumentals', 2147483647, hidden FROM libraries WHERE id >= 0;
CREATE TRIGGER libraries_have_twins AFTER INSERT ON libraries WHEN new.id >= 0
BEGIN
    INSERT INTO libraries (id, root, name, position, hidden)
        VALUES (-(new.id + 3), 'instrumentals of ' || new.id, 'Instrumentals', 2147483647, new.hidden);
END;
CREATE TRIGGER libraries_hide_twins AFTER UPDATE OF hidden ON libraries WHEN new.id >= 0
BEGIN
    UPDATE libraries SET hidden = new.hidden WHERE id = -(new.id + 3);
END;

CREATE TABLE instrumentals (
    -- The song. It may be gone: then its instrumental goes with the next transaction that ends.
    song  INTEGER PRIMARY KEY,
    -- Its instrumental, once there is one.
    track INTEGER UNIQUE REFERENCES tracks (id) ON DELETE SET NULL,
    -- Whether something changed of the song or of its stems.
    stale INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX instrumentals_stale ON instrumentals (song) WHERE stale = 1;

CREATE TRIGGER stems_make_instrumentals AFTER INSERT ON stem_sets WHEN new.instrumental = 1
BEGIN
    -- What is an instrumental already has none.
    INSERT INTO instrumentals (song) SELECT id FROM tracks WHERE id = new.track AND library_id >= 0
        ON CONFLICT (song) DO UPDATE SET stale = 1;
END;
CREATE TRIGGER stems_end_instrumentals AFTER DELETE ON stem_sets WHEN old.instrumental = 1
BEGIN
    UPDATE instrumentals SET stale = 1 WHERE song = old.track;
END;
CREATE TRIGGER songs_change_instrumentals
    AFTER UPDATE OF library_id, path, missing, owner, private, album_id, artist_id, title, title_set, artist, genres,
        track, disc, year, cover_path, cover_offset, cover_count, cover_type, cover_blob, blob
    ON tracks WHEN EXISTS (SELECT 1 FROM instrumentals i WHERE i.song = new.id)
BEGIN
    UPDATE instrumentals SET stale = 1 WHERE song = new.id;
END;
CREATE TRIGGER songs_end_instrumentals AFTER DELETE ON tracks
BEGIN
    UPDATE instrumentals SET stale = 1 WHERE song = old.id;
END;
