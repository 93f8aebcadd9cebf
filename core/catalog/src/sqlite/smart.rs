//! Playlists whose songs are found by rules: for the eyes of whoever reads them, when he reads them.
//!
//! What was found is kept as numbers for a short time. A reading that begins takes it only while this process has written
//! nothing since; the pages of a reading that has begun are taken of it anyway, so that they fit together. Rows are read when
//! they are shown, through the reader's eyes once more: what he may no longer see is not shown.

mod statement;

use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::BoundedMap;
use budget::limits::{
    DATABASE_WAIT_MS, PAGE_ROWS_MAX, SMART_AT_ONCE, SMART_COUNTS_MS, SMART_KEPT_MAX, SMART_KEPT_MS,
    SMART_TOTALS_MAX, SMART_TOTALS_MS,
};
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::statement::Statement;
use super::playlists::playlist_seen;
use super::readers::Query;
use super::rows::unsigned;
use super::{Result, Scope, Sqlite, now};
use crate::error::{Error, ErrorKind};
use crate::model::smart::Rules;
use crate::model::{Playlist, PlaylistId, Track, TrackId, UnixMs};
use crate::weight::is_cut;

/// The rules of a playlist, if it has any, and when it was changed.
const RULES: &str =
    concat!("SELECT p.rules, p.changed FROM playlists p WHERE p.id = ?4 AND ", playlist_seen!());

/// Which list, as it was at which change, through whose eyes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    playlist: PlaylistId,
    changed: UnixMs,
    user: i64,
    libraries: Option<String>,
    manages: bool,
}

/// What rules found.
#[derive(Debug)]
struct Found {
    ids: Box<[TrackId]>,
    duration_ms: u64,
    at: UnixMs,
    /// The age of this process's writes in which it was found.
    age: u64,
}

impl Found {
    fn page(&self, skip: u64, rows_max: usize) -> &[TrackId] {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.ids.len());
        let rest = &self.ids[skip..];
        &rest[..rest.len().min(rows_max).min(PAGE_ROWS_MAX)]
    }
}

/// How many songs there are, and how long they are together.
type Totals = (u64, u64);

/// What is kept of what was found, and turns to find. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Smart {
    found: BoundedMap<Name, Arc<Found>>,
    totals: BoundedMap<Name, Totals>,
    turns: Arc<Semaphore>,
}

impl Smart {
    pub(super) fn new() -> Self {
        let for_ms = Duration::from_millis;
        Smart {
            found: BoundedMap::new("smart_playlists", SMART_KEPT_MAX, for_ms(SMART_KEPT_MS)),
            totals: BoundedMap::new("smart_totals", SMART_TOTALS_MAX, for_ms(SMART_TOTALS_MS)),
            turns: Arc::new(Semaphore::new(SMART_AT_ONCE)),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.found.register(registry);
        self.totals.register(registry);
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turns = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(Duration::from_millis(DATABASE_WAIT_MS), turns).await;
        let busy = || Error::new(ErrorKind::Busy, "too many playlists are being found");
        turn.map_err(|_| busy())?.map_err(|_| busy())
    }
}

impl Sqlite {
    /// Of a playlist that the viewer sees, the rules, unless it has songs of its own, and when it was changed.
    pub(super) async fn rules(
        &self,
        scope: &Scope,
        id: PlaylistId,
    ) -> Result<Option<Option<(Rules, UnixMs)>>> {
        let row: Option<(Option<String>, i64)> = self.readers.optional(scope.query(RULES).bind(id.0)).await?;
        let read = |text: String| {
            serde_json::from_str(&text)
                .map_err(|e| Error::new(ErrorKind::Unavailable, "rules in the database are none").because(e))
        };
        let Some((text, changed)) = row else { return Ok(None) };
        Ok(Some(text.map(read).transpose()?.map(|rules| (rules, changed))))
    }

    /// A page of what the rules of a playlist find; nothing when it has none.
    pub(super) async fn smart_tracks(
        &self,
        scope: &Scope,
        id: PlaylistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let Some(Some((rules, changed))) = self.rules(scope, id).await? else { return Ok(Vec::new()) };
        let name = name(scope, id, changed);
        let found = self.found(scope, &name, &rules, skip > 0).await?;
        let page = found.page(skip, rows_max);
        let tracks = self.tracks_in_hand(scope, page).await?;
        if tracks.len() == page.len() || is_cut(&tracks) {
            return Ok(tracks);
        }
        // Songs went since it was found; and a page that is short for that would pass for the list's last.
        self.smart.found.remove(&name);
        let found = self.find(scope, &name, &rules).await?;
        self.tracks_in_hand(scope, found.page(skip, rows_max)).await
    }

    /// Says of smart playlists how many songs their rules find, and how long that is true. What may be of a while ago is.
    pub(super) async fn count_smart(
        &self,
        scope: &Scope,
        playlists: &mut [Playlist],
        of_a_while_ago: bool,
    ) -> Result<()> {
        let until = Instant::now() + Duration::from_millis(SMART_COUNTS_MS);
        for playlist in playlists.iter_mut().filter(|playlist| playlist.is_smart) {
            let name = name(scope, playlist.id, playlist.changed);
            let known = self.smart.totals.get(&name).filter(|_| of_a_while_ago);
            (playlist.tracks, playlist.duration_ms) = match known {
                Some(totals) => totals,
                None => {
                    // One that went in between is shown as it was.
                    let Some(Some((rules, _))) = self.rules(scope, playlist.id).await? else { continue };
                    // Lists of others, however many and slow, do not keep anybody from his own: those are counted next time.
                    if of_a_while_ago && Instant::now() > until {
                        continue;
                    }
                    let found = match self.found(scope, &name, &rules, false).await {
                        Err(error) if of_a_while_ago && error.kind() == ErrorKind::Busy => continue,
                        found => found?,
                    };
                    playlist.valid_until = Some(found.at + SMART_KEPT_MS as i64);
                    (found.ids.len() as u64, found.duration_ms)
                }
            };
        }
        Ok(())
    }

    /// What rules find; what they found, if that is still true or the reading has begun.
    async fn found(&self, scope: &Scope, name: &Name, rules: &Rules, has_begun: bool) -> Result<Arc<Found>> {
        let age = self.playing.age();
        match self.smart.found.get(name).filter(|found| has_begun || found.age == age) {
            Some(found) => Ok(found),
            None => self.find(scope, name, rules).await,
        }
    }

    async fn find(&self, scope: &Scope, name: &Name, rules: &Rules) -> Result<Arc<Found>> {
        let turn = self.smart.turn().await?;
        // Whoever had the turn before may have looked for the same.
        let age = self.playing.age();
        if let Some(found) = self.smart.found.get(name).filter(|found| found.age == age) {
            return Ok(found);
        }
        let at = now();
        let Statement { sql, values, .. } = Statement::of(name.playlist, rules, at);
        let query = values.into_iter().fold(scope.bound(Query::put_together(sql)), Query::bind);
        let rows: Vec<(i64, i64)> = self.readers.all(query).await?;
        drop(turn);
        let duration_ms = rows.iter().map(|(_, track_ms)| unsigned(*track_ms)).fold(0, u64::saturating_add);
        let ids = rows.iter().map(|(id, _)| TrackId(*id)).collect();
        let found = Arc::new(Found { ids, duration_ms, at, age });
        self.smart.totals.insert(name.clone(), (found.ids.len() as u64, duration_ms));
        self.smart.found.insert(name.clone(), found.clone());
        Ok(found)
    }
}

fn name(scope: &Scope, playlist: PlaylistId, changed: UnixMs) -> Name {
    let Scope { user, libraries, manages, .. } = scope;
    Name { playlist, changed, user: *user, libraries: libraries.clone(), manages: *manages }
}
