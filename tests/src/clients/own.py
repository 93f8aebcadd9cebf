"""Makes a track somebody's private one, which only uploads do by themselves.

Arguments: the data folder, the track's number, the user's name.
"""

import sqlite3
import sys

folder, track, user = sys.argv[1:4]
with sqlite3.connect(f"{folder}/millpond.db", timeout=10) as database:
    owner = "(SELECT id FROM users WHERE name = ?)"
    changed = database.execute(f"UPDATE tracks SET owner = {owner}, private = 1 WHERE id = ?", (user, int(track)))
    assert changed.rowcount == 1
