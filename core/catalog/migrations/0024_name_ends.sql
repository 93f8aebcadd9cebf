-- Behind each name stands a sign that no query has a word for, so that names which are the query are found by the words they end
-- with, before those that go on.
DROP TABLE track_words;
DROP TABLE album_words;
DROP TABLE artist_words;
CREATE VIRTUAL TABLE track_words USING fts5 (title, album, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
CREATE VIRTUAL TABLE album_words USING fts5 (name, artist, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
CREATE VIRTUAL TABLE artist_words USING fts5 (name, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3');
INSERT INTO track_words (rowid, title, album, artist)
    SELECT t.id, ifnull(t.title_set, t.title) || ' ' || char(0xE000), al.name,
        CASE WHEN t.artist = ar.name THEN t.artist ELSE t.artist || ' ' || ar.name END
    FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id;
INSERT INTO album_words (rowid, name, artist)
    SELECT al.id, al.name || ' ' || char(0xE000), ar.name
    FROM albums al CROSS JOIN artists ar ON ar.id = al.artist_id;
INSERT INTO artist_words (rowid, name) SELECT id, name || ' ' || char(0xE000) FROM artists;
