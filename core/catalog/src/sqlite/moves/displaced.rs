//! Files that took the names of others: two that changed places, or a new one under the name of one that was renamed.
//!
//! A track is where its path is, so that a tagger may write its file anew. But where a scan finds another song under its name,
//! the track gives the name up until the scan ends: the file becomes a new track, and the old one is missing, with all that is
//! known of it. So both are followed like all others that come and go. Who is found nowhere else was only written anew, and has
//! its name back; not so where the file is known to have been another track's, which has the name for good.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::FromRow;
use store::FolderId;

use super::super::batch::signed;
use super::super::playing::Write;
use super::super::{Result, json_ids};
use crate::error::{Error, ErrorKind};
use crate::scan::{Found, Tags};

/// The tracks that have the names `?2`. A first scan asks this and no more.
pub(in crate::sqlite) const THERE: &str = "SELECT x.id, x.path, x.inode
    FROM json_each(?2) f CROSS JOIN tracks x ON x.library_id = ?1 AND x.path = f.value";
/// What tells whether tracks `x` are still the files `f` which have their names now, by other numbers than theirs.
pub(in crate::sqlite) const TOLD: &str =
    "SELECT x.id, x.path, x.album_id, x.inode, x.length_bytes, x.modified_ns,
        EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_by_inode
            WHERE t.library_id = ?1 AND t.inode = f.value ->> 1 AND t.id <> x.id
                AND t.length_bytes = f.value ->> 2 AND t.modified_ns = f.value ->> 3) AS is_known,
        EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_by_inode
            WHERE t.library_id = ?1 AND t.inode = x.inode AND t.missing = 0 AND t.came >= x.id
                AND t.id > (SELECT settled_before FROM libraries WHERE id = ?1)
                AND t.length_bytes = x.length_bytes AND t.modified_ns = x.modified_ns) AS has_moved,
        x.private, x.length_bytes = f.value ->> 2 AS is_as_long,
        iif(x.audio_md5 IS NULL OR f.value ->> 8 IS NULL,
            (x.suffix, x.duration_ms, x.sample_rate_hz, x.channels)
                <> (f.value ->> 4, f.value ->> 5, f.value ->> 6, f.value ->> 7),
            hex(x.audio_md5) <> f.value ->> 8) AS sounds_other
    FROM json_each(?2) f CROSS JOIN tracks x ON x.id = f.value ->> 0
    WHERE NOT EXISTS (SELECT 1 FROM displaced_tracks d WHERE d.taken_by = x.id)";
/// In this order, with `?1` the tracks.
const DISPLACE: [&str; 2] = [
    "INSERT OR IGNORE INTO lost_tracks (track)
        SELECT j.value FROM json_each(?1) j CROSS JOIN tracks t ON t.id = j.value WHERE t.missing = 0",
    "UPDATE tracks SET path = '//' || id, missing = 1 WHERE id IN (SELECT value FROM json_each(?1))",
];
const KEEP: &str = "INSERT OR REPLACE INTO displaced_tracks (track, library_id, taken_by)
    SELECT value ->> 0, ?1, value ->> 1 FROM json_each(?2)";

/// A track that may not be the file which has its name now.
#[derive(FromRow)]
struct There {
    id: i64,
    path: String,
    album_id: i64,
    inode: i64,
    length_bytes: i64,
    modified_ns: i64,
    /// What has its name now was the file of another track.
    is_known: bool,
    /// Its own file is a new track's.
    has_moved: bool,
    private: bool,
    /// What has its name is as long, in bytes.
    is_as_long: bool,
    /// What has its name sounds otherwise.
    sounds_other: bool,
}

impl There {
    fn is_displaced(&self, come: &BTreeSet<Print>) -> bool {
        let comes = || come.contains(&(self.inode, self.length_bytes, self.modified_ns));
        // What is private is not given up for its sound: its file would be everybody's for a moment.
        let is_heard = self.sounds_other && !self.private;
        self.is_known || self.has_moved || is_heard || comes()
    }

    /// Whether it may be what has its name all the same, if it is found nowhere else. What was another track's is so only where
    /// both were copies of one song and are links to one file now.
    fn may_return(&self) -> bool {
        !self.is_known || (self.is_as_long && !self.sounds_other)
    }
}

/// What tells one file from all others.
type Print = (i64, i64, i64);

fn print(found: &Found) -> Print {
    let stamp = &found.stamp;
    (stamp.inode.cast_signed(), signed(stamp.length), stamp.modified_ns)
}

/// The tracks that gave up their names for a batch of finds.
#[derive(Default)]
pub(in crate::sqlite) struct Displaced {
    /// The albums that they leave.
    pub(in crate::sqlite) albums: BTreeSet<i64>,
    /// Those that may have their names back, because nobody else is known to be what is there now.
    may_return: BTreeMap<String, i64>,
}

impl Displaced {
    /// Makes room for those files of a batch which are not what their names stand for.
    pub(in crate::sqlite) async fn by(tx: &mut Write, folder: FolderId, found: &[Found]) -> Result<Self> {
        let others = others(tx, folder, found).await?;
        if others.is_empty() {
            return Ok(Displaced::default());
        }
        let query = sqlx::query_as(TOLD).bind(folder.0).bind(written(&others)?);
        let there: Vec<There> = query.fetch_all(&mut **tx).await?;
        let come: BTreeSet<Print> = found.iter().map(print).collect();
        let mut displaced = Displaced::default();
        let mut tracks = Vec::new();
        for row in there.into_iter().filter(|row| row.is_displaced(&come)) {
            tracks.push(row.id);
            displaced.albums.insert(row.album_id);
            if row.may_return() {
                displaced.may_return.insert(row.path, row.id);
            }
        }
        if !tracks.is_empty() {
            for sql in DISPLACE {
                sqlx::query(sql).bind(json_ids(&tracks)).execute(&mut **tx).await?;
            }
        }
        Ok(displaced)
    }

    /// Remembers who took these names: the tracks of `found`, in its order.
    pub(in crate::sqlite) async fn keep(
        self,
        tx: &mut Write,
        folder: FolderId,
        found: &[Found],
        tracks: &[i64],
    ) -> Result<()> {
        let named = found.iter().map(|file| file.path.as_str()).zip(tracks);
        let pairs = named.filter_map(|(path, taker)| Some(json!([self.may_return.get(path)?, taker])));
        let pairs: Vec<_> = pairs.collect();
        if pairs.is_empty() {
            return Ok(());
        }
        sqlx::query(KEEP).bind(folder.0).bind(written(&pairs)?).execute(&mut **tx).await?;
        Ok(())
    }
}

/// The files which have the names of tracks and not their numbers, as [`TOLD`] reads them. A file system that numbers nothing
/// tells nothing.
async fn others(tx: &mut Write, folder: FolderId, found: &[Found]) -> Result<Vec<Value>> {
    let paths: Vec<Value> = found.iter().map(|file| file.path.as_str().into()).collect();
    let query = sqlx::query_as(THERE).bind(folder.0).bind(written(&paths)?);
    let there: Vec<(i64, String, i64)> = query.fetch_all(&mut **tx).await?;
    let there: BTreeMap<String, (i64, i64)> =
        there.into_iter().map(|(id, path, inode)| (path, (id, inode))).collect();
    let other = |file: &Found| {
        let (id, was) = there.get(file.path.as_str())?;
        let (inode, length_bytes, modified_ns) = print(file);
        let Tags { suffix, duration_ms, sample_rate_hz, channels, details, .. } = &file.tags;
        let md5 = details.audio_md5.map(|md5| format!("{:032X}", u128::from_be_bytes(md5)));
        let row = json!([
            id,
            inode,
            length_bytes,
            modified_ns,
            suffix,
            signed(*duration_ms),
            sample_rate_hz,
            channels,
            md5
        ]);
        (*was != 0 && inode != 0 && inode != *was).then_some(row)
    };
    Ok(found.iter().filter_map(other).collect())
}

fn written(rows: &[Value]) -> Result<String> {
    serde_json::to_string(rows)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "rows could not be written as JSON").because(e))
}
