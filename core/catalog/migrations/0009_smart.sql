-- Playlists whose songs are found by rules, and totals of those whose songs are kept.

-- Of a playlist that has no songs of its own: the rules that find them, in the words of the model. NULL for all others.
ALTER TABLE playlists ADD COLUMN rules TEXT;
CREATE INDEX playlists_with_rules ON playlists (owner) WHERE rules IS NOT NULL;

-- What a playlist has of tracks that are alike in all that decides who sees them, so that a viewer's totals are a sum over
-- a few rows. owner is -1 where a track has none.
CREATE TABLE playlist_totals (
    playlist_id INTEGER NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    library_id  INTEGER NOT NULL,
    missing     INTEGER NOT NULL,
    private     INTEGER NOT NULL,
    owner       INTEGER NOT NULL,
    tracks      INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (playlist_id, library_id, missing, private, owner)
) STRICT, WITHOUT ROWID;

INSERT INTO playlist_totals (playlist_id, library_id, missing, private, owner, tracks, duration_ms)
    SELECT i.playlist_id, t.library_id, t.missing, t.private, ifnull(t.owner, -1), count(*), sum(t.duration_ms)
    FROM playlist_tracks i JOIN tracks t ON t.id = i.track_id
    GROUP BY 1, 2, 3, 4, 5;

-- Triggers keep them, so that no statement can forget to: songs come and go, and so does what is true of a track.
CREATE TRIGGER playlist_tracks_added AFTER INSERT ON playlist_tracks
BEGIN INSERT INTO playlist_totals (playlist_id, library_id, missing, private, owner, tracks, duration_ms)
    SELECT new.playlist_id, t.library_id, t.missing, t.private, ifnull(t.owner, -1), 1, t.duration_ms
    FROM tracks t WHERE t.id = new.track_id
    ON CONFLICT DO UPDATE SET tracks = tracks + 1, duration_ms = duration_ms + excluded.duration_ms; END;
CREATE TRIGGER playlist_tracks_removed AFTER DELETE ON playlist_tracks
BEGIN UPDATE playlist_totals SET tracks = playlist_totals.tracks - 1, duration_ms = playlist_totals.duration_ms - t.duration_ms
    FROM tracks t
    WHERE t.id = old.track_id AND playlist_totals.playlist_id = old.playlist_id AND playlist_totals.library_id = t.library_id
        AND playlist_totals.missing = t.missing AND playlist_totals.private = t.private AND playlist_totals.owner = ifnull(t.owner, -1); END;
CREATE TRIGGER playlist_tracks_exchanged AFTER UPDATE OF track_id ON playlist_tracks
BEGIN
    UPDATE playlist_totals SET tracks = playlist_totals.tracks - 1, duration_ms = playlist_totals.duration_ms - t.duration_ms
    FROM tracks t
    WHERE t.id = old.track_id AND playlist_totals.playlist_id = old.playlist_id AND playlist_totals.library_id = t.library_id
        AND playlist_totals.missing = t.missing AND playlist_totals.private = t.private AND playlist_totals.owner = ifnull(t.owner, -1);
    INSERT INTO playlist_totals (playlist_id, library_id, missing, private, owner, tracks, duration_ms)
    SELECT new.playlist_id, t.library_id, t.missing, t.private, ifnull(t.owner, -1), 1, t.duration_ms
    FROM tracks t WHERE t.id = new.track_id
    ON CONFLICT DO UPDATE SET tracks = tracks + 1, duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER tracks_counted_elsewhere AFTER UPDATE OF library_id, missing, private, owner, duration_ms ON tracks
    WHEN (old.library_id, old.missing, old.private, old.owner, old.duration_ms)
        IS NOT (new.library_id, new.missing, new.private, new.owner, new.duration_ms)
BEGIN
    UPDATE playlist_totals
    SET tracks = playlist_totals.tracks - i.times, duration_ms = playlist_totals.duration_ms - i.times * old.duration_ms
    FROM (SELECT playlist_id, count(*) AS times FROM playlist_tracks WHERE track_id = old.id GROUP BY playlist_id) AS i
    WHERE playlist_totals.playlist_id = i.playlist_id AND playlist_totals.library_id = old.library_id
        AND playlist_totals.missing = old.missing AND playlist_totals.private = old.private AND playlist_totals.owner = ifnull(old.owner, -1);
    INSERT INTO playlist_totals (playlist_id, library_id, missing, private, owner, tracks, duration_ms)
    SELECT i.playlist_id, new.library_id, new.missing, new.private, ifnull(new.owner, -1), count(*),
        count(*) * new.duration_ms
    FROM playlist_tracks i WHERE i.track_id = new.id GROUP BY i.playlist_id
    ON CONFLICT DO UPDATE SET tracks = tracks + excluded.tracks, duration_ms = duration_ms + excluded.duration_ms;
END;
-- While the track is still there, so that it is known how long it was.
CREATE TRIGGER tracks_leave_playlists BEFORE DELETE ON tracks
BEGIN DELETE FROM playlist_tracks WHERE track_id = old.id; END;
