-- How much there is of each kind is counted without a look at the rows themselves.
CREATE INDEX made_by_mode ON made (mode, room_bytes);
