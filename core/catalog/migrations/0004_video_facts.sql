-- What a look at a video told, for each track that is one. A row is made with its track and emptied when the file changes;
-- triggers do it, so that no statement can forget to. `looked` is when somebody looked; NULL is not yet.
CREATE TABLE video_facts (
    track       INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    looked      INTEGER,
    -- Why it cannot be read. It is not tried again before the file changes.
    failure     TEXT,
    duration_ms INTEGER,
    -- As it is shown: turned, and with square pixels.
    width       INTEGER,
    height      INTEGER,
    codec       TEXT,
    fps_frames  INTEGER,
    fps_seconds INTEGER,
    -- One a line: number of the stream, codec, language or -, channels, samples in a second.
    sounds      TEXT    NOT NULL DEFAULT '',
    -- One a line: number of the stream, codec, language or -.
    captions    TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX video_facts_open ON video_facts (track) WHERE looked IS NULL;

CREATE TRIGGER video_came AFTER INSERT ON tracks
WHEN new.content_type >= 'video/' AND new.content_type < 'video0'
BEGIN INSERT INTO video_facts (track) VALUES (new.id); END;
CREATE TRIGGER video_changed
AFTER UPDATE OF length_bytes, modified_ns, changed_ns, inode, content_type ON tracks
WHEN (old.length_bytes, old.modified_ns, old.changed_ns, old.inode, old.content_type)
    IS NOT (new.length_bytes, new.modified_ns, new.changed_ns, new.inode, new.content_type)
BEGIN
    DELETE FROM video_facts WHERE track = new.id;
    INSERT INTO video_facts (track) SELECT new.id WHERE new.content_type >= 'video/' AND new.content_type < 'video0';
END;

INSERT INTO video_facts (track)
    SELECT id FROM tracks WHERE content_type >= 'video/' AND content_type < 'video0';
