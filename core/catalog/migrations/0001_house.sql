-- The first tables. Times are Unix milliseconds, durations milliseconds, sizes bytes, flags 0 or 1.
-- Ids are never used twice (AUTOINCREMENT), because clients remember them.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL COLLATE NOCASE UNIQUE,
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'user')),
    upload        INTEGER NOT NULL DEFAULT 1,
    transform     INTEGER NOT NULL DEFAULT 1,
    share         INTEGER NOT NULL DEFAULT 1,
    all_libraries INTEGER NOT NULL DEFAULT 1,
    password_hash TEXT    NOT NULL,
    created       INTEGER NOT NULL
) STRICT;

-- A library is hidden, never deleted, when the configuration no longer names its root; it comes back with its ids.
CREATE TABLE libraries (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    root     TEXT    NOT NULL UNIQUE,
    name     TEXT    NOT NULL,
    position INTEGER NOT NULL,
    hidden   INTEGER NOT NULL DEFAULT 0,
    -- The last track that was there when a scan ended: those behind it are new and may be old ones under other names.
    settled  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The libraries of users whose all_libraries is 0.
CREATE TABLE user_libraries (
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    library_id INTEGER NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, library_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label   TEXT    NOT NULL,
    hash    BLOB    NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    used    INTEGER
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE app_passwords (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label   TEXT    NOT NULL,
    sealed  BLOB    NOT NULL,
    created INTEGER NOT NULL,
    used    INTEGER
) STRICT;
CREATE INDEX app_passwords_by_user ON app_passwords (user_id);

CREATE TABLE sessions (
    hash    BLOB    NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, expires);
CREATE INDEX sessions_by_expiry ON sessions (expires);

-- Which users changed, or lost a credential, and in what order, whichever process did it. Those who remember a checked
-- credential ask for the numbers behind the last one that they saw and forget what is these users'. What is new needs
-- no number: nobody remembers it. Removed users keep their row. Triggers do it, so that no statement can forget to.
CREATE TABLE credential_changes (
    user_id INTEGER PRIMARY KEY,
    epoch   INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TRIGGER users_changed AFTER UPDATE ON users
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT new.id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
CREATE TRIGGER users_removed AFTER DELETE ON users
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT old.id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
CREATE TRIGGER user_libraries_added AFTER INSERT ON user_libraries
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT new.user_id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
CREATE TRIGGER user_libraries_removed AFTER DELETE ON user_libraries
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT old.user_id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
CREATE TRIGGER api_keys_removed AFTER DELETE ON api_keys
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT old.user_id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
CREATE TRIGGER app_passwords_removed AFTER DELETE ON app_passwords
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT old.user_id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;
-- A session that is swept because its time is over was no credential any more.
CREATE TRIGGER sessions_removed AFTER DELETE ON sessions WHEN old.expires > unixepoch() * 1000
BEGIN INSERT INTO credential_changes (user_id, epoch)
    SELECT old.user_id, ifnull(max(epoch), 0) + 1 FROM credential_changes WHERE true
    ON CONFLICT (user_id) DO UPDATE SET epoch = excluded.epoch; END;

-- An artist is a name without regard to case; key is that name folded.
CREATE TABLE artists (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT NOT NULL,
    key       TEXT NOT NULL UNIQUE,
    sort_name TEXT NOT NULL
) STRICT;
CREATE INDEX artists_by_name ON artists (sort_name, id);

-- An album is its artist and its name without regard to case, wherever its files lie; the year, to sort by, is the
-- latest of its public tracks.
CREATE TABLE albums (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    artist_id INTEGER NOT NULL REFERENCES artists (id),
    name      TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    sort_name TEXT    NOT NULL,
    year      INTEGER,
    created   INTEGER NOT NULL,
    UNIQUE (artist_id, key)
) STRICT;
CREATE INDEX albums_by_age ON albums (created, id);
CREATE INDEX albums_by_name ON albums (sort_name, id);
CREATE INDEX albums_by_year ON albums (year, sort_name, id);
CREATE INDEX albums_by_artist ON albums (artist_id, year, sort_name, id);

CREATE TABLE tracks (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    library_id     INTEGER NOT NULL REFERENCES libraries (id),
    path           TEXT    NOT NULL,
    missing        INTEGER NOT NULL DEFAULT 0,
    owner          INTEGER REFERENCES users (id) ON DELETE SET NULL,
    private        INTEGER NOT NULL DEFAULT 0,
    length_bytes   INTEGER NOT NULL,
    modified_ns    INTEGER NOT NULL,
    changed_ns     INTEGER NOT NULL,
    inode          INTEGER NOT NULL,
    album_id       INTEGER NOT NULL REFERENCES albums (id),
    artist_id      INTEGER NOT NULL REFERENCES artists (id),
    title          TEXT    NOT NULL,
    -- What a user called it here; it outlives changes of the file.
    title_set      TEXT,
    artist         TEXT    NOT NULL,
    -- Names in the order of the tags, one a line.
    genres         TEXT    NOT NULL,
    track          INTEGER,
    track_total    INTEGER,
    disc           INTEGER,
    year           INTEGER,
    duration_ms    INTEGER NOT NULL,
    bitrate_kbps   INTEGER NOT NULL,
    sample_rate_hz INTEGER NOT NULL,
    bit_depth      INTEGER,
    channels       INTEGER NOT NULL,
    suffix         TEXT    NOT NULL,
    content_type   TEXT    NOT NULL,
    cover_path     TEXT,
    cover_offset   INTEGER,
    cover_count    INTEGER,
    cover_type     TEXT,
    created        INTEGER NOT NULL,
    UNIQUE (library_id, path)
) STRICT;
-- Everything that decides who sees a track, narrow, in the order of ids: long lists and random picks walk this one.
CREATE INDEX tracks_seen ON tracks (id, missing, private, owner, library_id);
-- The order in which an album is played: tracks without a disc are on the first, tracks without a number come last.
CREATE INDEX tracks_by_album ON tracks (album_id, ifnull(disc, 1), ifnull(track, 1000000));
CREATE INDEX tracks_by_artist ON tracks (artist_id, album_id);
CREATE INDEX tracks_private ON tracks (album_id, owner, library_id) WHERE private = 1 AND missing = 0;
CREATE INDEX tracks_owned ON tracks (owner) WHERE owner IS NOT NULL;
CREATE INDEX tracks_with_cover ON tracks (album_id) WHERE cover_path IS NOT NULL AND missing = 0;
CREATE INDEX tracks_missing ON tracks (library_id, inode) WHERE missing = 1;

-- What everyone who sees a library sees of an album: its tracks that are there and public. Private tracks are added
-- by each query for the one who owns them.
CREATE TABLE album_totals (
    album_id    INTEGER NOT NULL REFERENCES albums (id),
    library_id  INTEGER NOT NULL REFERENCES libraries (id),
    tracks      INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    year        INTEGER,
    genre       TEXT,
    PRIMARY KEY (album_id, library_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE genres (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    key  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE track_genres (
    track_id INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    genre_id INTEGER NOT NULL REFERENCES genres (id),
    PRIMARY KEY (track_id, genre_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX track_genres_by_genre ON track_genres (genre_id, track_id);

-- As album_totals, for each genre on the album.
CREATE TABLE genre_totals (
    genre_id   INTEGER NOT NULL REFERENCES genres (id),
    album_id   INTEGER NOT NULL REFERENCES albums (id),
    library_id INTEGER NOT NULL REFERENCES libraries (id),
    tracks     INTEGER NOT NULL,
    PRIMARY KEY (genre_id, album_id, library_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX genre_totals_by_album ON genre_totals (album_id);

-- What one user did with one thing. kind: 1 track, 2 album, 3 artist.
CREATE TABLE annotations (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind    INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
    item_id INTEGER NOT NULL,
    starred INTEGER,
    rating  INTEGER NOT NULL DEFAULT 0 CHECK (rating BETWEEN 0 AND 5),
    plays   INTEGER NOT NULL DEFAULT 0,
    played  INTEGER,
    PRIMARY KEY (user_id, kind, item_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotations_starred ON annotations (user_id, kind, starred, item_id) WHERE starred IS NOT NULL;
CREATE INDEX annotations_rated ON annotations (user_id, kind, rating, item_id) WHERE rating > 0;
CREATE INDEX annotations_counted ON annotations (user_id, kind, plays, item_id) WHERE plays > 0;
CREATE INDEX annotations_played ON annotations (user_id, kind, played, item_id) WHERE played IS NOT NULL;

CREATE TABLE playlists (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    owner   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name    TEXT    NOT NULL COLLATE NOCASE,
    public  INTEGER NOT NULL DEFAULT 0,
    comment TEXT    NOT NULL DEFAULT '',
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
CREATE INDEX playlists_by_name ON playlists (name, id);
CREATE INDEX playlists_by_owner ON playlists (owner);

CREATE TABLE playlist_tracks (
    playlist_id INTEGER NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    track_id    INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    PRIMARY KEY (playlist_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX playlist_tracks_by_track ON playlist_tracks (track_id);

-- The words to search by. They hold no text of their own: rowid is the id of the thing.
CREATE VIRTUAL TABLE track_words USING fts5 (title, album, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
CREATE VIRTUAL TABLE album_words USING fts5 (name, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
CREATE VIRTUAL TABLE artist_words USING fts5 (name, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');

-- When anything that lists show changed last.
CREATE TABLE library_clock (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    changed  INTEGER NOT NULL
) STRICT;
INSERT INTO library_clock (only_row, changed) VALUES (1, 0);
