-- The highest bitrate, in thousands of bits per second, with which sound is sent to a user; NULL is no limit.
ALTER TABLE users ADD COLUMN max_bitrate_kbps INTEGER CHECK (max_bitrate_kbps > 0);
