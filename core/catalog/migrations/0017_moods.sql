-- The moods of an album stand beside its totals: those of its tracks, each once, in the order in which it is played.
ALTER TABLE album_totals ADD COLUMN moods TEXT;
UPDATE album_totals AS n SET moods =
    (SELECT nullif(json_group_array(m.mood), '[]') FROM (
        SELECT DISTINCT v.value AS mood
        FROM tracks t INDEXED BY tracks_by_album CROSS JOIN json_each(t.details, '$.f') v
        WHERE t.album_id = n.album_id AND t.library_id = n.library_id AND t.missing = 0 AND t.private = 0
        LIMIT 8) m);
