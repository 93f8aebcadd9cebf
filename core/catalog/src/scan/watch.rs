//! How libraries stay known without anybody asking: what happens in them is heard and looked at, and those of which
//! nothing is heard are looked through now and then.

use std::time::Duration;

use store::{Deaf, FolderId, Hearing, Listener, Part, Watch};
use tokio::time::Instant;

use super::heard::Heard;
use super::scanner::{Scanner, Shared};
use super::wanted::Wanted;

/// How libraries stay known. By default nothing is done unless somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upkeep {
    /// Whether changes are heard as they happen.
    pub is_watched: bool,
    /// How often libraries are looked through of which not everything is heard; `None` is never.
    pub rescan: Option<Duration>,
}

impl Scanner {
    /// Begins to hear, if that is wanted. Each folder is under watch once a scan came by it.
    pub(super) fn begin_to_hear(&self, upkeep: Upkeep) -> Option<Listener> {
        if !upkeep.is_watched {
            return None;
        }
        let heard = Watch::new(&self.0.budget).and_then(|watch| Ok((watch.listen()?, watch)));
        match heard {
            Ok((listener, watch)) => {
                self.0.set_watch(Some(watch));
                Some(listener)
            }
            Err(error) => {
                tracing::warn!(%error, "changes in the libraries are not heard");
                self.0.is_deaf();
                None
            }
        }
    }

    /// Asks for a look at what changed, once it has come to rest. Ends when nothing can be heard.
    pub(super) async fn heed(&self, listener: Option<Listener>) {
        let Some(mut listener) = listener else { return };
        let mut heard = Heard::default();
        loop {
            let due = heard.due();
            let settled = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                news = listener.next() => match news {
                    Ok(news) => heard.hear(news, Instant::now()),
                    Err(error) => {
                        tracing::error!(%error, "changes in the libraries are not heard any more");
                        self.0.set_watch(None);
                        return self.0.is_deaf();
                    }
                },
                left = self.0.left() => heard.wait_with(left, Instant::now()),
                () = settled => self.want(heard.take()),
            }
        }
    }

    /// Asks for a look through the libraries of which not everything is heard, each time that so long has passed.
    pub(super) async fn look_now_and_then(&self, upkeep: Upkeep) {
        let Some(pause) = upkeep.rescan else { return };
        loop {
            tokio::time::sleep(pause).await;
            let mut wanted = Wanted::default();
            for id in self.0.folders.ids() {
                if self.0.hearing(id) != Some(Hearing::All) {
                    wanted.add(id, Part::all());
                }
            }
            self.want(wanted);
        }
    }

    /// The libraries that should be watched and are not, with the reason.
    pub fn unwatched(&self) -> Vec<(FolderId, Deaf)> {
        let deaf = |id: &FolderId| match self.0.hearing(*id) {
            Some(Hearing::Nothing(why)) => Some(why),
            Some(Hearing::All | Hearing::OurSide) | None => None,
        };
        let ids = self.0.folders.ids();
        ids.into_iter().filter_map(|id| Some((id, deaf(&id)?))).collect()
    }
}

impl Shared {
    /// Takes note of how much is heard of a library, after it was walked from its top. What is new is told once.
    pub(super) fn note_hearing(&self, id: FolderId) {
        let Some(watch) = self.watch() else { return };
        let Some(now) = watch.hearing(id) else { return };
        let before = self.set_hearing(id, now);
        if before == Some(now) {
            return;
        }
        match now {
            Hearing::All if before.is_none() => {
                tracing::debug!(folder = id.0, "changes in a library are heard")
            }
            Hearing::All => tracing::info!(folder = id.0, "changes in a library are heard again"),
            Hearing::OurSide => tracing::info!(
                folder = id.0,
                "changes in a library are heard when they are made on this machine; it is looked through each scan.rescan_ms"
            ),
            Hearing::Nothing(why) => tracing::warn!(
                folder = id.0,
                why = why.words(),
                "changes in a library are not heard; it is looked through each scan.rescan_ms"
            ),
        }
    }

    /// Shows how many folders are watched.
    pub(super) fn count_watched(&self) {
        let watched = self.watch().map_or(0, |watch| watch.len());
        self.figures.watched_folders.set(i64::try_from(watched).unwrap_or(i64::MAX));
    }

    /// Nothing is heard of any library.
    fn is_deaf(&self) {
        for id in self.folders.ids() {
            self.set_hearing(id, Hearing::Nothing(Deaf::Refused));
        }
    }
}
