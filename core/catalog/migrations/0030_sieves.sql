-- Whoever sees a small part of a large library walked past all the rest of it: lists look at what is his alone.

-- In which libraries an album or an artist has ever had a track, a bit for each (the id modulo 64): in the indexes that long lists
-- are read by, so that what is in none of the viewer's is passed over without a look at what it has.
ALTER TABLE albums ADD COLUMN libraries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE artists ADD COLUMN libraries INTEGER NOT NULL DEFAULT 0;
UPDATE albums SET libraries = n.bits
    FROM (SELECT album_id AS id, sum(DISTINCT 1 << (library_id & 63)) AS bits FROM artist_totals GROUP BY album_id) n
    WHERE albums.id = n.id;
UPDATE artists SET libraries = n.bits
    FROM (SELECT artist_id AS id, sum(DISTINCT 1 << (library_id & 63)) AS bits FROM artist_totals GROUP BY artist_id) n
    WHERE artists.id = n.id;
DROP INDEX artists_by_name;
DROP INDEX albums_by_age;
DROP INDEX albums_by_name;
DROP INDEX albums_by_year;
DROP INDEX albums_by_artist;
CREATE INDEX artists_by_name ON artists (sort_name, id, libraries);
CREATE INDEX albums_by_age ON albums (created, id, libraries);
CREATE INDEX albums_by_name ON albums (sort_name, id, libraries);
CREATE INDEX albums_by_year ON albums (year, sort_name, id, libraries);
CREATE INDEX albums_by_artist ON albums (artist_id, year, sort_name, id, libraries);

-- All songs are listed library by library.
CREATE INDEX tracks_by_library ON tracks (library_id, id, missing, private, owner);

-- Files of Matroska and WebM are read once more: their tags are read now, and those with sound alone are songs.
UPDATE tracks SET changed_ns = -1
    WHERE library_id > 0 AND content_type IN ('audio/webm', 'video/webm', 'video/x-matroska');
