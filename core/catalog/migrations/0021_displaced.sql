-- Files that took the names of others.

-- Which track had the file of this number: renames over known names are told by it. A number is given to another file when its
-- own is gone, so length and modification are compared too.
CREATE INDEX tracks_by_inode ON tracks (library_id, inode);

-- While a library is scanned: a track whose name another file has now, and the track which that is for the time being. If
-- nothing else is found to be the first one, it is the second. Its own path is free, so it begins with two slashes.
CREATE TABLE displaced_tracks (
    track      INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    library_id INTEGER NOT NULL REFERENCES libraries (id),
    taken_by   INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX displaced_tracks_by_library ON displaced_tracks (library_id, track);
CREATE INDEX displaced_tracks_by_taker ON displaced_tracks (taken_by);

-- The checksum of the sound, where the file says it: the MD5 of all samples in the header of a FLAC file (RFC 9639 section 8.2).
-- It tells a song whatever is changed of its words and its name. Files that were read by an earlier release have none before they
-- change.
ALTER TABLE tracks ADD COLUMN audio_md5 BLOB;
CREATE INDEX tracks_missing_by_audio ON tracks (audio_md5) WHERE missing = 1 AND audio_md5 IS NOT NULL;
