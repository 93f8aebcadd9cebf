-- What origins answered, without the bytes. It belongs to one machine, lies in a file of its own, and may be deleted
-- while nobody serves the folder.

CREATE TABLE answers (
    -- The digest of where it was asked for.
    place BLOB NOT NULL CHECK (length(place) = 32),
    -- The digest of the fields of the request that the answer depends on.
    variant BLOB NOT NULL CHECK (length(variant) = 32),
    -- The names of these fields.
    vary TEXT NOT NULL,
    -- By what it is purged: the name of its origin, and the path there.
    origin TEXT NOT NULL,
    path TEXT NOT NULL,
    -- Under which key its bytes are kept, if it has some in a file.
    body BLOB CHECK (length(body) = 32),
    head BLOB NOT NULL,
    -- When the origin made it.
    dated INTEGER NOT NULL,
    -- When it came, or was last found to be right.
    stored INTEGER NOT NULL,
    UNIQUE (place, variant)
) STRICT;

CREATE INDEX answers_by_path ON answers (origin, path);
CREATE INDEX answers_by_age ON answers (stored);

-- How many there are, and what their heads have in bytes.
CREATE TABLE totals (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

INSERT INTO totals VALUES (1, 0, 0);

CREATE TRIGGER answers_come AFTER INSERT ON answers BEGIN
    UPDATE totals SET count = count + 1, bytes = bytes + length(new.head);
END;

CREATE TRIGGER answers_go AFTER DELETE ON answers BEGIN
    UPDATE totals SET count = count - 1, bytes = bytes - length(old.head);
END;
