-- Since when a session is open, and what opened it, so that its owner knows which one to end. Of those that were open before
-- this nobody knows either.
ALTER TABLE sessions ADD COLUMN created INTEGER;
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
