-- Numbers that change with pictures, so that whoever keeps a picture by its name asks for it anew. They mean nothing else.

-- Of the file that a track's picture lies in, or of the track's own. What was recorded before has none: where the picture is a
-- file of its own, the next scan reads the track once more.
ALTER TABLE tracks ADD COLUMN cover_mark INTEGER;
-- Of all pictures of an album's tracks: of the public ones, where there are any.
ALTER TABLE albums ADD COLUMN cover_mark INTEGER;
-- That of the album.
ALTER TABLE artist_totals ADD COLUMN cover_mark INTEGER;
