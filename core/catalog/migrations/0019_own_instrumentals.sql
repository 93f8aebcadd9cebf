-- What somebody sent himself he sees in whatever libraries he does not see, and so its instrumentals: both are found by this
-- index where no total counts them for him. -3 is the twin of the library of uploads.
DROP INDEX tracks_private;
CREATE INDEX tracks_private ON tracks (album_id, owner, library_id, private)
    WHERE (private = 1 OR library_id IN (0, -3)) AND missing = 0;
