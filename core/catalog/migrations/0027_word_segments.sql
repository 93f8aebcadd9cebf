-- Two segments of an index of words are reason enough to make one of them: every search looks into each.
INSERT INTO track_words (track_words, rank) VALUES ('usermerge', 2);
INSERT INTO album_words (album_words, rank) VALUES ('usermerge', 2);
INSERT INTO artist_words (artist_words, rank) VALUES ('usermerge', 2);
