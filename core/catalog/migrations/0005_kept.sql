-- What users keep for themselves besides stars and playlists: where they left off, and radio stations.

-- The queue that a user saved last, on whichever device. current is the position of the song that was playing.
CREATE TABLE play_queues (
    user_id     INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    current     INTEGER NOT NULL,
    position_ms INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    changed_by  TEXT    NOT NULL
) STRICT;

CREATE TABLE play_queue_tracks (
    user_id  INTEGER NOT NULL REFERENCES play_queues (user_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX play_queue_tracks_by_track ON play_queue_tracks (track_id);

CREATE TABLE bookmarks (
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    track_id    INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    position_ms INTEGER NOT NULL,
    comment     TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    PRIMARY KEY (user_id, track_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bookmarks_by_age ON bookmarks (user_id, changed, track_id);
CREATE INDEX bookmarks_by_track ON bookmarks (track_id);

-- Addresses that clients are told. The server never asks them for anything.
CREATE TABLE stations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL COLLATE NOCASE,
    stream_url TEXT NOT NULL,
    home_url   TEXT
) STRICT;
CREATE INDEX stations_by_name ON stations (name, id);
