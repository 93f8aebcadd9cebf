-- What was asked of the source, as a number: by it the rendition of a former version is found while a new one is made.
ALTER TABLE made ADD COLUMN recipe INTEGER NOT NULL DEFAULT 0;

DROP INDEX made_by_path;
CREATE INDEX made_by_path ON made (origin, path, recipe);

-- What another process wants to be purged while a server has the index open. The server does it and writes down what it
-- came to.
CREATE TABLE purges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What is meant, as JSON.
    what TEXT NOT NULL,
    asked INTEGER NOT NULL,
    renditions INTEGER,
    bytes INTEGER
) STRICT;
