-- The last track that was there when the scan before the last one had ended. A file that was moved while its library was
-- walked may be seen at its new place in one scan and missed at its old one in the next.
ALTER TABLE libraries ADD COLUMN settled_before INTEGER NOT NULL DEFAULT 0;
UPDATE libraries SET settled_before = settled;
