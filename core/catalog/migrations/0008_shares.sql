-- Links with which users let others hear some of their music, without an account. A share is a list of songs: albums and
-- playlists became theirs when it was made, so that whoever has the link is never shown what came later.
CREATE TABLE shares (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The token is an HMAC of the nonce under the installation's secret, which is not in here: with this table alone
    -- nobody opens anything.
    nonce       BLOB    NOT NULL CHECK (length(nonce) = 16),
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    description TEXT    NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    -- When it ends; NULL is never.
    expires     INTEGER,
    visits      INTEGER NOT NULL DEFAULT 0,
    visited     INTEGER
) STRICT;
CREATE INDEX shares_by_owner ON shares (owner, id);

CREATE TABLE share_tracks (
    share_id INTEGER NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    PRIMARY KEY (share_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_tracks_by_track ON share_tracks (track_id, share_id);
