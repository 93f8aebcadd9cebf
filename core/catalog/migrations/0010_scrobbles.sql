-- Services that are told what a user plays, each by an account that he has there.
CREATE TABLE service_accounts (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- 1 ListenBrainz, 2 Last.fm.
    service  INTEGER NOT NULL CHECK (service IN (1, 2)),
    -- Where a service is that somebody runs himself; NULL is the public one.
    url      TEXT,
    -- 1 to be looked at, 2 the user must approve at the service, 3 connected, 4 refused until he connects anew.
    state    INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- What proves to the service who he is, encrypted under the installation's secret, which is not in here.
    sealed   BLOB,
    -- What the service calls him. What he plays is kept for it from the moment on when it said so first.
    account  TEXT,
    -- Where he approves.
    approval TEXT,
    -- What went wrong last, in words for him.
    trouble  TEXT,
    created  INTEGER NOT NULL,
    -- Not before this moment it is tried again, after so many failures in a row.
    next_try INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    -- Plays: those in `scrobbles`, those that were told, those that the service did not want, and those that gave way to
    -- later ones when too many waited.
    waiting  INTEGER NOT NULL DEFAULT 0,
    told     INTEGER NOT NULL DEFAULT 0,
    unwanted INTEGER NOT NULL DEFAULT 0,
    dropped  INTEGER NOT NULL DEFAULT 0,
    told_at  INTEGER,
    UNIQUE (user_id, service)
) STRICT;
-- Those with which there is something to do, by when.
CREATE INDEX service_accounts_due ON service_accounts (next_try)
    WHERE state < 3 OR (state = 3 AND waiting > 0);

-- Plays that a service has still to be told of. What was heard stands here as it was called then, because its track may
-- be gone when the service can be reached again.
CREATE TABLE scrobbles (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES service_accounts (id) ON DELETE CASCADE,
    played     INTEGER NOT NULL,
    heard      TEXT    NOT NULL
) STRICT;
CREATE INDEX scrobbles_in_line ON scrobbles (account_id, id);
