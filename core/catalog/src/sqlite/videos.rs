//! Videos with what a look at them told, and those at which nobody has looked.

use async_trait::async_trait;
use budget::limits::VIDEO_FAILURE_BYTES_MAX;
use store::{FolderId, Place, Stamp};

use super::columns::row;
use super::library::TICK;
use super::readers::Query;
use super::rows::{self, TrackRow, small, unsigned};
use super::sql::{has_cover, play_state, seen, track_seen};
use super::{Result, Scope, Sqlite, now, totals};
use crate::database::{Looks, Page};
use crate::error::Error;
use crate::model::{Caption, Look, MovingPicture, Sound, TrackId, UnseenVideo, Video, VideoFacts};

/// The rows of [`track_rows`](super::sql::track_rows) with the facts of videos.
macro_rules! video_rows {
    ($($page:tt)*) => {
        super::sql::track_rows!([", f.looked, f.failure, f.duration_ms AS seen_ms, f.width, f.height, f.codec, f.fps_frames,
                f.fps_seconds, f.sounds, f.captions"] ["CROSS JOIN video_facts f ON f.track = page.id"] $($page)*)
    };
}

/// The second line has the words of the index `tracks_videos`.
pub(super) const AFTER: &str = video_rows!(
    "SELECT t.id FROM tracks t INDEXED BY tracks_videos WHERE
     t.content_type >= 'video/' AND t.content_type < 'video0' AND t.id > ?4 AND ",
    track_seen!(),
    " ORDER BY t.id LIMIT ?5"
);
const ONE: &str = video_rows!(
    "SELECT t.id FROM tracks t WHERE t.id = ?4 AND t.content_type >= 'video/' AND t.content_type < 'video0' AND ",
    track_seen!()
);
/// An upload's bytes are there before its track is.
pub(super) const UNSEEN: &str =
    "SELECT t.id, t.library_id, t.path, (SELECT b.key FROM blobs b WHERE b.id = t.blob) AS blob_key,
        t.length_bytes, t.modified_ns, t.changed_ns, t.inode
    FROM video_facts f INDEXED BY video_facts_open CROSS JOIN tracks t ON t.id = f.track
    WHERE f.looked IS NULL AND f.track > ?1 AND t.missing = 0
        AND t.library_id IN (SELECT id FROM libraries WHERE hidden = 0)
    ORDER BY f.track LIMIT 1";
const LOOKED: &str = "UPDATE video_facts SET looked = ?6, failure = ?7, duration_ms = ?8, width = ?9, height = ?10,
        codec = ?11, fps_frames = ?12, fps_seconds = ?13, sounds = ?14, captions = ?15
    WHERE track = (SELECT id FROM tracks WHERE id = ?1 AND length_bytes = ?2 AND modified_ns = ?3 AND changed_ns = ?4
        AND inode = ?5)";

/// What a look tells of the length is the track's, so that lists and totals read it where every length is.
const LASTS: &str =
    "UPDATE tracks SET duration_ms = ?2 WHERE id = ?1 AND duration_ms <> ?2 RETURNING album_id";

row! {
    struct VideoRow {
        track: TrackRow,
        looked: Option<i64>,
        failure: Option<String>,
        seen_ms: Option<i64>,
        width: Option<i64>,
        height: Option<i64>,
        codec: Option<String>,
        fps_frames: Option<i64>,
        fps_seconds: Option<i64>,
        sounds: String,
        captions: String,
    }
}

impl TryFrom<VideoRow> for Video {
    type Error = Error;

    fn try_from(row: VideoRow) -> Result<Video> {
        let picture = match (row.width, row.height, row.codec) {
            (Some(width), Some(height), Some(codec)) => Some(MovingPicture {
                width: small(width),
                height: small(height),
                codec,
                fps: row.fps_frames.map(small).zip(row.fps_seconds.map(small)),
            }),
            _ => None,
        };
        let look = match (row.looked, row.failure) {
            (None, _) => Look::Coming,
            (Some(_), Some(why)) => Look::Unreadable(why),
            (Some(_), None) => Look::Told(VideoFacts {
                duration_ms: row.seen_ms.map(unsigned),
                picture,
                sounds: row.sounds.lines().filter_map(sound).collect(),
                captions: row.captions.lines().filter_map(caption).collect(),
            }),
        };
        Ok(Video { track: row.track.try_into()?, look })
    }
}

row! {
    struct UnseenRow {
        id: i64,
        library_id: i64,
        path: String,
        blob_key: Option<String>,
        length_bytes: i64,
        modified_ns: i64,
        changed_ns: i64,
        inode: i64,
    }
}

impl TryFrom<UnseenRow> for UnseenVideo {
    type Error = Error;

    fn try_from(row: UnseenRow) -> Result<UnseenVideo> {
        let place = match row.blob_key {
            Some(key) => Place::Blob(rows::key(&key)?),
            None => Place::File(FolderId(row.library_id), rows::path(&row.path)?),
        };
        let stamp = Stamp {
            length: unsigned(row.length_bytes),
            modified_ns: row.modified_ns,
            changed_ns: row.changed_ns,
            inode: row.inode.cast_unsigned(),
        };
        Ok(UnseenVideo { id: TrackId(row.id), place, stamp })
    }
}

/// A line of the column `sounds`; one that nobody here wrote is passed over.
fn sound(line: &str) -> Option<Sound> {
    let mut words = line.split(' ');
    let Caption { stream, codec, language } = words_of_track(&mut words)?;
    let (channels, sample_rate_hz) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Sound { stream, codec, language, channels, sample_rate_hz })
}

fn caption(line: &str) -> Option<Caption> {
    words_of_track(&mut line.split(' '))
}

fn words_of_track<'l>(words: &mut impl Iterator<Item = &'l str>) -> Option<Caption> {
    let (stream, codec, language) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let language = (language != "-").then(|| language.to_owned());
    Some(Caption { stream, codec: codec.to_owned(), language })
}

fn track_line(stream: u32, codec: &str, language: Option<&str>) -> String {
    format!("{stream} {codec} {}", language.unwrap_or("-"))
}

impl Sqlite {
    pub(super) async fn videos_after(
        &self,
        scope: &Scope,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Video, TrackId>> {
        self.page_after::<VideoRow, _>(AFTER, scope, after, rows_max, |video: &Video| video.track.id).await
    }

    pub(super) async fn one_video(&self, scope: &Scope, id: TrackId) -> Result<Video> {
        self.readers.noun::<VideoRow, _>(scope.query(ONE).bind(id.0), "video").await
    }
}

#[async_trait]
impl Looks for Sqlite {
    async fn unseen_video(&self, after: Option<TrackId>) -> Result<Option<UnseenVideo>> {
        let query = Query::new(UNSEEN).bind(after.map_or(0, |id| id.0));
        let found: Option<UnseenRow> = self.readers.optional(query).await?;
        found.map(UnseenVideo::try_from).transpose()
    }

    async fn looked(&self, id: TrackId, stamp: &Stamp, look: &Look) -> Result<bool> {
        let nothing = VideoFacts::default();
        let (failure, facts) = match look {
            Look::Coming => return Err(Error::invalid("who looked can say what he saw")),
            Look::Unreadable(why) => {
                (Some(&why[..why.floor_char_boundary(VIDEO_FAILURE_BYTES_MAX)]), &nothing)
            }
            Look::Told(facts) => (None, facts),
        };
        let lines = |lines: Vec<String>| lines.join("\n");
        let sounds =
            facts.sounds.iter().map(|Sound { stream, codec, language, channels, sample_rate_hz }| {
                let track = track_line(*stream, codec, language.as_deref());
                format!("{track} {channels} {sample_rate_hz}")
            });
        let captions = facts.captions.iter();
        let captions =
            captions.map(|caption| track_line(caption.stream, &caption.codec, caption.language.as_deref()));
        let picture = facts.picture.as_ref();
        let fps = picture.and_then(|picture| picture.fps);
        let mut tx = self.write().await?;
        let done = sqlx::query(LOOKED)
            .bind(id.0)
            .bind(super::batch::signed(stamp.length))
            .bind(stamp.modified_ns)
            .bind(stamp.changed_ns)
            .bind(stamp.inode.cast_signed())
            .bind(now())
            .bind(failure)
            .bind(facts.duration_ms.map(super::batch::signed))
            .bind(picture.map(|picture| picture.width))
            .bind(picture.map(|picture| picture.height))
            .bind(picture.map(|picture| picture.codec.as_str()))
            .bind(fps.map(|(frames, _)| frames))
            .bind(fps.map(|(_, seconds)| seconds))
            .bind(lines(sounds.collect()))
            .bind(lines(captions.collect()))
            .execute(&mut *tx)
            .await?;
        let is_told = done.rows_affected() > 0;
        if let Some(duration_ms) = facts.duration_ms.filter(|_| is_told) {
            let lasts = sqlx::query_scalar(LASTS).bind(id.0).bind(super::batch::signed(duration_ms));
            let albums: Vec<i64> = lasts.fetch_all(&mut *tx).await?;
            totals::refresh(&mut tx, &albums).await?;
        }
        if is_told {
            // Lists show it, or why there is nothing of it to show.
            sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(is_told)
    }
}
