-- What lists show of an album stands beside its totals: looking through its tracks for a picture and for what the tags say
-- of the release took more than half of the time of a page of albums.
ALTER TABLE album_totals ADD COLUMN has_cover INTEGER NOT NULL DEFAULT 0;
ALTER TABLE album_totals ADD COLUMN release TEXT;
UPDATE album_totals AS n SET
    has_cover = EXISTS (SELECT 1 FROM tracks t
        WHERE t.album_id = n.album_id AND t.library_id = n.library_id AND t.missing = 0 AND t.private = 0
            AND (t.cover_path IS NOT NULL OR t.cover_blob IS NOT NULL)),
    release = (SELECT t.release FROM tracks t INDEXED BY tracks_by_album
        WHERE t.album_id = n.album_id AND t.library_id = n.library_id AND t.missing = 0 AND t.private = 0
        ORDER BY ifnull(t.disc, 1), ifnull(t.track, 1000000) LIMIT 1);
