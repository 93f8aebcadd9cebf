-- How often a server ended in the middle of a job. That is no try of it; but one that ends its server each time ends too.
ALTER TABLE jobs ADD COLUMN server_ends INTEGER NOT NULL DEFAULT 0;
