-- The files of private songs, so that one of them is known under another name at once.
CREATE INDEX tracks_private_files ON tracks (library_id, inode) WHERE private = 1;
