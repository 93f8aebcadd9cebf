-- Files that were moved so that nothing of their stamps is left: copied to another disk and deleted here, or written anew by
-- whoever changed their tags.

-- The last track that was there when the scan that found this track began: the track may be any of those up to it at another
-- place, and none of those that were found beside it, in whatever library. Of tracks that are there already it may be none.
ALTER TABLE tracks ADD COLUMN came INTEGER NOT NULL DEFAULT 0;
ALTER TABLE library_clock ADD COLUMN scan_began INTEGER NOT NULL DEFAULT 0;

-- What a missing track is known by, besides its inode. They are as small as what is missing.
CREATE INDEX tracks_missing_by_length ON tracks (length_bytes, title) WHERE missing = 1;
CREATE INDEX tracks_missing_by_title ON tracks (title, artist_id, album_id) WHERE missing = 1;
CREATE INDEX tracks_missing_by_recording ON tracks (details ->> '$.m') WHERE missing = 1;

-- Tracks that are missing since moves were followed last.
CREATE TABLE lost_tracks (
    track INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE
) STRICT;

-- While moves are followed: which new track may be an old one, and by evidence of which rank, 0 being the strongest. NULL where
-- several have equal evidence.
CREATE TABLE claims (
    old  INTEGER PRIMARY KEY,
    new  INTEGER,
    rank INTEGER NOT NULL
) STRICT;
