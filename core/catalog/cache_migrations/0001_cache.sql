-- The index of a cache of renditions. It belongs to one machine, lies in a file of its own, and may be deleted while
-- nobody serves the folder: what it speaks of is then removed too, and made again when somebody asks.

CREATE TABLE made (
    -- The start of the key, as a number: what the policy in memory knows an entry by.
    slot INTEGER PRIMARY KEY,
    key BLOB NOT NULL CHECK (length(key) = 32),
    -- The name of its file.
    file BLOB NOT NULL UNIQUE CHECK (length(file) = 32),
    bytes INTEGER NOT NULL,
    -- What it takes of the disk, with its checksums and this row.
    room_bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    etag TEXT NOT NULL,
    origin TEXT NOT NULL,
    path TEXT NOT NULL,
    mode TEXT NOT NULL,
    source_tag TEXT NOT NULL,
    status INTEGER NOT NULL,
    -- That of the path when it was made.
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    checked INTEGER NOT NULL,
    cost_ms INTEGER NOT NULL,
    fresh_until INTEGER NOT NULL
) STRICT;

CREATE INDEX made_by_path ON made (origin, path);
CREATE INDEX made_by_use ON made (used, slot);
CREATE INDEX made_by_check ON made (checked);
CREATE INDEX made_by_age ON made (fresh_until);

CREATE TABLE tags (
    tag TEXT NOT NULL,
    slot INTEGER NOT NULL REFERENCES made (slot) ON DELETE CASCADE,
    PRIMARY KEY (tag, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_of_slot ON tags (slot);

-- Paths of which everything made before some moment counts no more.
CREATE TABLE versions (
    origin TEXT NOT NULL,
    path TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (origin, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX versions_by_number ON versions (version);
