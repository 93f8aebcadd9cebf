-- Letters that no mark makes of others are searched and sorted by plain ones: ø as o, ß as ss. The lists of names are in lower
-- case.
UPDATE artists SET sort_name =
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(sort_name,
    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'ø', 'o'), 'ł', 'l'), 'đ', 'd'), 'ð', 'd'), 'þ', 'th'), 'ı', 'i'), 'ħ',
    'h'), 'ŧ', 't'), 'ŋ', 'n')
    WHERE sort_name GLOB '*[ßæœøłđðþıħŧŋ]*';
UPDATE albums SET sort_name =
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(sort_name,
    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'ø', 'o'), 'ł', 'l'), 'đ', 'd'), 'ð', 'd'), 'þ', 'th'), 'ı', 'i'), 'ħ',
    'h'), 'ŧ', 't'), 'ŋ', 'n')
    WHERE sort_name GLOB '*[ßæœøłđðþıħŧŋ]*';
UPDATE genre_totals SET sort_name =
    replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(sort_name,
    'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'ø', 'o'), 'ł', 'l'), 'đ', 'd'), 'ð', 'd'), 'þ', 'th'), 'ı', 'i'), 'ħ',
    'h'), 'ŧ', 't'), 'ŋ', 'n')
    WHERE sort_name GLOB '*[ßæœøłđðþıħŧŋ]*';

INSERT OR REPLACE INTO track_words (rowid, title, album, artist)
    SELECT n.id,
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(n.title,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N') || ' ' || char(0xE000),
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(n.album,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N'),
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(n.artist,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N')
    FROM (SELECT t.id, ifnull(t.title_set, t.title) AS title, al.name AS album,
            iif(t.artist = ar.name, t.artist, t.artist || ' ' || ar.name) AS artist
        FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id) n
    WHERE n.title GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*' OR n.album GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*' OR n.artist GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*';
INSERT OR REPLACE INTO album_words (rowid, name, artist)
    SELECT al.id,
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(al.name,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N') || ' ' || char(0xE000),
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(ar.name,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N')
    FROM albums al CROSS JOIN artists ar ON ar.id = al.artist_id
    WHERE al.name GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*' OR ar.name GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*';
INSERT OR REPLACE INTO artist_words (rowid, name)
    SELECT id,
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(name,
        'ß', 'ss'), 'ẞ', 'SS'), 'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ø', 'o'), 'Ø', 'O'), 'ł', 'l'), 'Ł',
        'L'), 'đ', 'd'), 'Đ', 'D'), 'ð', 'd'), 'Ð', 'D'), 'þ', 'th'), 'Þ', 'TH'), 'ı', 'i'), 'ħ', 'h'), 'Ħ', 'H'),
        'ŧ', 't'), 'Ŧ', 'T'), 'ŋ', 'n'), 'Ŋ', 'N') || ' ' || char(0xE000)
    FROM artists WHERE name GLOB '*[ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ]*';

-- Files are read once more: names that were corrected in tags are those of albums and artists now, letters and marks that are
-- written apart are the composed ones, and of loudness a comma is a point. Of videos nothing is wanted.
UPDATE tracks SET changed_ns = -1
    WHERE library_id > 0 AND (content_type < 'video/' OR content_type >= 'video0');
