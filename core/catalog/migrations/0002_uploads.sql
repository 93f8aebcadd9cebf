-- Uploads: files that the server keeps itself, under the hash of their bytes.

-- The library of everything that was sent. It has no folder: no configuration names it, nothing hides it, no scan comes
-- by it. Its number is fixed, and comes before those of all folders, so that it is the same on every installation.
INSERT INTO libraries (id, root, name, position) VALUES (0, '', 'Uploads', 2147483647);

-- Bytes that are kept, under their SHA-256. key is where the store keeps them, once they are there.
CREATE TABLE blobs (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    key          TEXT    UNIQUE,
    length       INTEGER NOT NULL,
    suffix       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    -- Whether the store lost them: they are no longer what their hash says, or are gone.
    bad          INTEGER NOT NULL DEFAULT 0,
    -- When every byte was last seen to be as it was: when they came, and each time the scrub was there.
    checked      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_check ON blobs (checked, id) WHERE key IS NOT NULL;

-- Who has which bytes. It counts as a reference: of sound and video while a track of that owner plays them, of a picture
-- until the last of his tracks that shows it goes.
CREATE TABLE media (
    owner   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blob    BLOB    NOT NULL REFERENCES blobs (id),
    created INTEGER NOT NULL,
    PRIMARY KEY (owner, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_by_blob ON media (blob);

-- What the store keeps and nobody refers to. A row goes when the store has removed the bytes. While removing is 1 the
-- store may be at it, so the same bytes cannot come back under this key.
CREATE TABLE doomed_blobs (
    key      TEXT    NOT NULL PRIMARY KEY,
    id       BLOB,
    -- NULL when nobody knows what the bytes are: the store listed them.
    length   INTEGER,
    doomed   INTEGER NOT NULL,
    removing INTEGER NOT NULL DEFAULT 0,
    -- Whether they were known to be lost when their last reference went: nobody may rely on them again.
    bad      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX doomed_blobs_by_id ON doomed_blobs (id) WHERE id IS NOT NULL;
CREATE INDEX doomed_blobs_by_age ON doomed_blobs (doomed, key);

-- Uploads under way, and for a while those that ended. Who sent what, in the words that he sent.
CREATE TABLE uploads (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    phase        TEXT    NOT NULL CHECK (phase IN
        ('receiving', 'checking', 'publishing', 'ready', 'failed', 'cancelled', 'expired')),
    is_part      INTEGER NOT NULL,
    length       INTEGER,
    metadata     TEXT    NOT NULL,
    filename     TEXT    NOT NULL,
    title        TEXT,
    artist       TEXT,
    album        TEXT,
    features     TEXT,
    -- One a line.
    tags         TEXT    NOT NULL,
    sha256       BLOB,
    image        BLOB,
    created      INTEGER NOT NULL,
    expires      INTEGER NOT NULL,
    -- When it became ready, failed, was cancelled or expired.
    ended        INTEGER,
    blob         BLOB,
    track        INTEGER REFERENCES tracks (id) ON DELETE SET NULL,
    failure      TEXT,
    suffix       TEXT,
    content_type TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_owner ON uploads (owner, created DESC, id);
CREATE INDEX uploads_open ON uploads (id) WHERE ended IS NULL;
CREATE INDEX uploads_open_by_owner ON uploads (owner, length) WHERE ended IS NULL;
CREATE INDEX uploads_expiring ON uploads (expires, id) WHERE phase = 'receiving';
CREATE INDEX uploads_ended_by_owner ON uploads (owner, created DESC, id) WHERE ended IS NOT NULL;
CREATE INDEX uploads_ended ON uploads (ended, id) WHERE ended IS NOT NULL;
CREATE INDEX uploads_keeping ON uploads (blob) WHERE ended IS NULL AND blob IS NOT NULL;
CREATE INDEX uploads_by_track ON uploads (track) WHERE track IS NOT NULL;

-- The bytes of a track of the library "Uploads", and a picture that was set for a track, whichever library it is of.
ALTER TABLE tracks ADD COLUMN blob BLOB REFERENCES blobs (id);
ALTER TABLE tracks ADD COLUMN cover_blob BLOB REFERENCES blobs (id);
-- What a user called its artist and its album here; they outlive changes of the file.
ALTER TABLE tracks ADD COLUMN artist_set TEXT;
ALTER TABLE tracks ADD COLUMN album_set TEXT;
CREATE INDEX tracks_by_blob ON tracks (blob) WHERE blob IS NOT NULL;
CREATE INDEX tracks_by_cover_blob ON tracks (cover_blob) WHERE cover_blob IS NOT NULL;
CREATE INDEX tracks_renamed ON tracks (library_id, path) WHERE artist_set IS NOT NULL OR album_set IS NOT NULL;
-- What no total counts for everybody: private tracks, and uploads, of which some see their own alone.
DROP INDEX tracks_private;
CREATE INDEX tracks_private ON tracks (album_id, owner, library_id, private)
    WHERE (private = 1 OR library_id = 0) AND missing = 0;
DROP INDEX tracks_with_cover;
CREATE INDEX tracks_with_cover ON tracks (album_id)
    WHERE (cover_path IS NOT NULL OR cover_blob IS NOT NULL) AND missing = 0;
