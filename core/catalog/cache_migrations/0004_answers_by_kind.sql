-- Answers of origins that were kept before they had the tag by which all of their kind are purged.
INSERT OR IGNORE INTO tags (tag, slot) SELECT 'mode:answer', slot FROM made INDEXED BY made_by_mode WHERE mode = 'answer';
