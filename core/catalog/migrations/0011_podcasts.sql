-- Podcasts: feeds that the server follows, and their episodes.

CREATE TABLE podcast_channels (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    url           TEXT    NOT NULL UNIQUE,
    -- Who asked for it. What is fetched of it though nobody asked counts against his space.
    owner         INTEGER REFERENCES users (id) ON DELETE SET NULL,
    title         TEXT    NOT NULL DEFAULT '',
    author        TEXT    NOT NULL DEFAULT '',
    description   TEXT    NOT NULL DEFAULT '',
    image_url     TEXT,
    -- Why the feed could not be read the last time.
    failure       TEXT,
    -- How often in a row that was so.
    failures      INTEGER NOT NULL DEFAULT 0,
    -- What its server called the state that was read last, to be asked whether there is another.
    etag          TEXT,
    last_modified TEXT,
    created       INTEGER NOT NULL,
    -- When it was read last; NULL is never.
    checked       INTEGER,
    -- When it is to be read again.
    due           INTEGER NOT NULL
) STRICT;
CREATE INDEX podcast_channels_due ON podcast_channels (due, id);
CREATE INDEX podcast_channels_by_name ON podcast_channels (title, id);

CREATE TABLE podcast_episodes (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id   INTEGER NOT NULL REFERENCES podcast_channels (id) ON DELETE CASCADE,
    -- What the feed calls it; the address of its sound where the feed has no name for it.
    guid         TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    url          TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    -- What the feed says of them, which may be anything.
    length_bytes INTEGER,
    duration_ms  INTEGER,
    published    INTEGER NOT NULL,
    -- skipped: known and not wanted yet; new: wanted, and waits for its turn.
    status       TEXT    NOT NULL CHECK (status IN
        ('skipped', 'new', 'downloading', 'completed', 'error', 'deleted')),
    failure      TEXT,
    -- For whom it is fetched.
    wanted_by    INTEGER REFERENCES users (id) ON DELETE SET NULL,
    -- How often fetching it broke off without a byte, and when it is tried again.
    tries        INTEGER NOT NULL DEFAULT 0,
    due          INTEGER NOT NULL DEFAULT 0,
    -- The upload that takes it in, and what the server called the bytes, so that the rest of the same ones can be asked for.
    upload       BLOB,
    validator    TEXT,
    track        INTEGER REFERENCES tracks (id) ON DELETE SET NULL,
    UNIQUE (channel_id, guid)
) STRICT;
CREATE INDEX podcast_episodes_of_channel ON podcast_episodes (channel_id, published DESC, id DESC);
CREATE INDEX podcast_episodes_newest ON podcast_episodes (published DESC, id DESC);
CREATE INDEX podcast_episodes_wanted ON podcast_episodes (due, id) WHERE status IN ('new', 'downloading');
CREATE INDEX podcast_episodes_by_track ON podcast_episodes (track) WHERE track IS NOT NULL;
CREATE INDEX podcast_episodes_wanted_by ON podcast_episodes (wanted_by) WHERE wanted_by IS NOT NULL;
CREATE INDEX podcast_channels_of_owner ON podcast_channels (owner) WHERE owner IS NOT NULL;
