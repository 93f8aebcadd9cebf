-- Songs that are to be taken apart, and what they were taken apart into.

-- What was made of a song. The files are renditions, which may go at any time: then the set goes too.
CREATE TABLE stem_sets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The job that made it, which may be forgotten before it.
    job        BLOB    NOT NULL CHECK (length(job) = 16),
    -- NULL is a song that was sent for this alone.
    track      INTEGER REFERENCES tracks (id) ON DELETE CASCADE,
    -- Which bytes of the song they are of.
    source_tag TEXT    NOT NULL,
    count      INTEGER NOT NULL CHECK (count IN (2, 4, 5)),
    -- What was wished, NULL being no matter, and what it was made by.
    wished     TEXT,
    extension  TEXT    NOT NULL,
    format     TEXT    NOT NULL,
    engine     TEXT    NOT NULL,
    notes      TEXT    NOT NULL,
    samples    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    -- Whether it has an accompaniment, so that the song has an instrumental.
    instrumental INTEGER NOT NULL
) STRICT;
CREATE INDEX stem_sets_of_track ON stem_sets (track, created DESC, id DESC) WHERE track IS NOT NULL;
CREATE INDEX stem_sets_instrumental ON stem_sets (track) WHERE track IS NOT NULL AND instrumental = 1;

CREATE TABLE stem_files (
    set_id       INTEGER NOT NULL REFERENCES stem_sets (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    stem         TEXT    NOT NULL,
    key          BLOB    NOT NULL CHECK (length(key) = 32),
    length_bytes INTEGER NOT NULL,
    crc32        INTEGER NOT NULL,
    PRIMARY KEY (set_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- NULL where strangers may ask.
    owner      INTEGER REFERENCES users (id) ON DELETE CASCADE,
    -- A track, or a song that was sent for this alone: what the rendition cache has it under, and what it was called.
    track      INTEGER REFERENCES tracks (id) ON DELETE CASCADE,
    blob       BLOB    CHECK (blob IS NULL OR length(blob) = 32),
    name       TEXT,
    count      INTEGER NOT NULL CHECK (count IN (2, 4, 5)),
    wished     TEXT,
    extension  TEXT    NOT NULL,
    format     TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    -- 0 comes first.
    priority   INTEGER NOT NULL,
    done       INTEGER NOT NULL DEFAULT 0,
    total      INTEGER,
    attempts   INTEGER NOT NULL DEFAULT 0,
    created    INTEGER NOT NULL,
    started    INTEGER,
    finished   INTEGER,
    error      TEXT,
    fault      TEXT,
    engine     TEXT,
    notes      TEXT    NOT NULL DEFAULT '[]',
    -- Before this moment nobody begins with it; while it runs, at this moment it is nobody's any more.
    due        INTEGER NOT NULL DEFAULT 0,
    -- Who is at it.
    worker     BLOB,
    set_id     INTEGER REFERENCES stem_sets (id) ON DELETE SET NULL,
    CHECK ((track IS NULL) <> (blob IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_queued ON jobs (priority, created, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (due, id) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (finished, id) WHERE finished IS NOT NULL;
CREATE INDEX jobs_of_owner ON jobs (owner, created DESC, id DESC);
CREATE INDEX jobs_open ON jobs (owner) WHERE finished IS NULL;
CREATE INDEX jobs_of_track ON jobs (track) WHERE track IS NOT NULL;
CREATE INDEX jobs_of_set ON jobs (set_id) WHERE set_id IS NOT NULL;

-- Jobs end once.
CREATE TRIGGER jobs_end_once BEFORE UPDATE OF state ON jobs
WHEN old.finished IS NOT NULL AND new.state <> old.state
BEGIN
    SELECT raise(ABORT, 'a job that ended stays as it is');
END;
