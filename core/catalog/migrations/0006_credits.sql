-- What tags tell beyond what lists are ordered by: who else took part in a track, and what its song and its album show.

-- Who took part in a track, apart from its first artist and the first artist of its album, whom their tables name.
-- role: 1 artist, 2 artist of the album, and so on as `Part` counts them.
CREATE TABLE track_credits (
    artist_id INTEGER NOT NULL REFERENCES artists (id),
    role      INTEGER NOT NULL,
    track_id  INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    PRIMARY KEY (artist_id, role, track_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX track_credits_by_track ON track_credits (track_id);

-- What songs and albums show and nothing is found by, each in one text, so that a list reads it with the row.
ALTER TABLE tracks ADD COLUMN details TEXT;
ALTER TABLE tracks ADD COLUMN release TEXT;
ALTER TABLE tracks ADD COLUMN disc_title TEXT;
ALTER TABLE artists ADD COLUMN musicbrainz TEXT;
-- The release in MusicBrainz that an album is: with it, two releases of one name are two albums.
ALTER TABLE albums ADD COLUMN release TEXT;
CREATE UNIQUE INDEX albums_by_release ON albums (release) WHERE release IS NOT NULL;

-- How often everybody played a track.
CREATE INDEX annotations_of_item ON annotations (kind, item_id, plays) WHERE plays > 0;

-- Files that were read before must be read again for all this: no file has this stamp. Of videos nothing is wanted, and
-- somebody looked at them at length.
UPDATE tracks SET changed_ns = -1
    WHERE library_id <> 0 AND (content_type < 'video/' OR content_type >= 'video0');
