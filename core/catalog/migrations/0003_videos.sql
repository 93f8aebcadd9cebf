-- Videos are tracks whose media type says so; a list of them must not walk all tracks.
CREATE INDEX tracks_videos ON tracks (id) WHERE content_type >= 'video/' AND content_type < 'video0';
