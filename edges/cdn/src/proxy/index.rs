//! Where the heads of kept answers are, and the room that they take.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use budget::limits::ANSWERS_BYTES_MAX;
use catalog::cache::Answers;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use transform::{Cache, Room};

use super::flights::Flights;
use super::told::Told;

const DATABASE_FILE: &str = "answers.db";
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Of what all that is kept may take, the heads may have one part in so many.
const SHARE: u64 = 16;

/// The index of kept answers. A clone is the same.
#[derive(Clone)]
pub struct AnswerIndex {
    pub(super) answers: Answers,
    pub(super) flights: Flights,
    given: Family<Outcome, Counter>,
    /// Taken once, from the room of renditions. None is left to be taken when that is very small.
    _room: Arc<Option<Room>>,
}

impl AnswerIndex {
    /// Opens the index of a data folder that nobody else serves, beside a cache that may take so many bytes. One that
    /// cannot be used is begun anew: the origins have what it speaks of.
    ///
    /// # Errors
    /// Of the disk.
    pub async fn open(data: &Path, cache: &Cache, cache_bytes: u64) -> Result<AnswerIndex, catalog::Error> {
        let path = data.join(DATABASE_FILE);
        let bytes_max = ANSWERS_BYTES_MAX.min(cache_bytes / SHARE);
        let answers = match Answers::open(&path, bytes_max).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(%error, "the index of answers cannot be used; it is begun anew");
                remove(path.clone()).await;
                Answers::open(&path, bytes_max).await?
            }
        };
        let room = cache.reserve(answers.disk_bytes_max().min(cache_bytes / 4)).await.ok();
        Ok(AnswerIndex {
            answers,
            flights: Flights::default(),
            given: Family::default(),
            _room: Arc::new(room),
        })
    }

    /// Counts how an answer came about.
    pub(super) fn count(&self, told: Told) {
        let outcome = match told {
            Told::Hit => "hit",
            Told::Collapsed => "collapsed",
            Told::Asked { is_stored: true, .. } => "stored",
            Told::Asked { .. } => "passed",
        };
        self.given.get_or_create(&Outcome { outcome }).inc();
    }

    /// Adds the figures of what is passed on to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Answers of origins whose every request is passed on, by how they came about";
        registry.register("proxy_answers", help, self.given.clone());
        self.flights.register(registry);
    }
}

/// Whoever opens it next says what is wrong, if this did not help.
async fn remove(path: PathBuf) {
    let _ = tokio::task::spawn_blocking(move || {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    })
    .await;
}
