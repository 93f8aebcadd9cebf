//! Stars, ratings, plays: statements that do nothing when the viewer does not see the thing, and
//! then nothing of their transaction is done.

use async_trait::async_trait;

use super::scrobbles::put_in_line;
use super::sql::{album_seen, artist_seen, part_seen, private_seen, seen, track_seen};
use super::{Result, Scope, Sqlite};
use crate::access::Viewer;
use crate::database::Annotations;
use crate::error::Error;
use crate::model::{Item, TrackId, UnixMs};

macro_rules! set {
    ($column:literal, $kind:literal, $id:literal, $things:literal, $($seen:tt)*) => {
        concat!(
            "WITH ", seen!(), " INSERT INTO annotations (user_id, kind, item_id, ", $column, ")
            SELECT ?1, ", $kind, ", ", $id, ", ?5 FROM ", $things, " WHERE ", $id, " = ?4 AND ", $($seen)*, "
            ON CONFLICT (user_id, kind, item_id) DO UPDATE SET ", $column, " = excluded.", $column
        )
    };
}

const STAR_TRACK: &str = set!("starred", "1", "t.id", "tracks t", track_seen!());
const STAR_ALBUM: &str = set!("starred", "2", "al.id", "albums al", album_seen!());
const STAR_ARTIST: &str = set!("starred", "3", "ar.id", "artists ar", artist_seen!());
const RATE_TRACK: &str = set!("rating", "1", "t.id", "tracks t", track_seen!());
const RATE_ALBUM: &str = set!("rating", "2", "al.id", "albums al", album_seen!());
const RATE_ARTIST: &str = set!("rating", "3", "ar.id", "artists ar", artist_seen!());

// A client that was offline sends old plays later: the last play is the latest moment, not the last message.
macro_rules! play {
    ($kind:literal, $id:literal) => {
        concat!(
            "WITH ",
            seen!(),
            " INSERT INTO annotations (user_id, kind, item_id, plays, played)
            SELECT ?1, ",
            $kind,
            ", ",
            $id,
            ", 1, ?5 FROM tracks t WHERE t.id = ?4 AND ",
            track_seen!(),
            "
            ON CONFLICT (user_id, kind, item_id) DO UPDATE
            SET plays = plays + 1, played = max(ifnull(played, excluded.played), excluded.played)"
        )
    };
}
const PLAY_TRACK: &str = play!("1", "t.id");
const PLAY_ALBUM: &str = play!("2", "t.album_id");

#[async_trait]
impl Annotations for Sqlite {
    async fn star(&self, viewer: &Viewer, items: &[Item], at: Option<UnixMs>) -> Result<()> {
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?.without_news();
        for item in items {
            let (sql, id, what) = match item {
                Item::Track(id) => (STAR_TRACK, id.0, "track"),
                Item::Album(id) => (STAR_ALBUM, id.0, "album"),
                Item::Artist(id) => (STAR_ARTIST, id.0, "artist"),
            };
            let done = scope.change(sql).bind(id).bind(at).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(Error::not_found(what));
            }
        }
        tx.commit().await?;
        Ok(())
    }

    async fn rate(&self, viewer: &Viewer, item: Item, rating: u8) -> Result<()> {
        if rating > 5 {
            return Err(Error::invalid("a rating is 1 to 5, or 0 for none"));
        }
        let (sql, id, what) = match item {
            Item::Track(id) => (RATE_TRACK, id.0, "track"),
            Item::Album(id) => (RATE_ALBUM, id.0, "album"),
            Item::Artist(id) => (RATE_ARTIST, id.0, "artist"),
        };
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?.without_news();
        let done = scope.change(sql).bind(id).bind(i64::from(rating)).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(what));
        }
        tx.commit().await
    }

    async fn play(&self, viewer: &Viewer, plays: &[(TrackId, UnixMs)]) -> Result<()> {
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?.without_news();
        let mut counted = Vec::with_capacity(plays.len());
        for (id, at) in plays {
            let done = scope.change(PLAY_TRACK).bind(id.0).bind(at).execute(&mut *tx).await?;
            if done.rows_affected() > 0 {
                scope.change(PLAY_ALBUM).bind(id.0).bind(at).execute(&mut *tx).await?;
                counted.push((*id, *at));
            }
        }
        if counted.is_empty() && !plays.is_empty() {
            return Err(Error::not_found("track"));
        }
        put_in_line(&mut tx, viewer.user.0, &counted).await?;
        tx.commit().await?;
        Ok(())
    }
}
