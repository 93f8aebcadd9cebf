//! Songs taken apart in the background: jobs, the children that do them, and what comes of them.
//!
//! **Promise.** A job that was acknowledged ends: done, failed with its reason, or cancelled; a kill of the server or of a
//! child in between makes it begin again, a bounded number of times. A child begins only when its memory was taken from
//! the limit; one that can never fit is refused by name. Stems are visible all together or not at all.
//!
//! **Flow.** A face submits through [`web::Splitter`] (`service`) → a row in the catalog → the line (`queue`) takes the one that
//! comes next, chooses its engine, waits for its memory or takes a warm child (`warm`), and claims it → `work` gives the
//! child the song and open files, hears how far it is, lets it go on when there is room for that (`room`), and publishes what it wrote through the cache of renditions → `upkeep`
//! forgets what ended long ago. The child itself is this program once more (`child`), which is spoken to in the messages
//! of `message`.
//!
//! **Not here.** How a song is taken apart: the crate `stems`. Who may see what: the faces.

mod child;
mod figures;
mod line;
mod message;
mod plan;
mod queue;
mod room;
mod running;
mod service;
mod songs;
mod taking;
mod upkeep;
mod warm;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::Budget;
use catalog::{Catalog, UnixMs, WorkerId};
use prometheus_client::registry::Registry;
use store::Shelf;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio_util::task::TaskTracker;
use transform::{Transforms, WorkerSettings, Workers};

pub(crate) use child::{WORD, main as child_main};
use figures::Figures;
use room::Tickets;
use running::Running;
use songs::Songs;
use warm::Warm;

use crate::error::{Error, Result};
use crate::home::Home;
use crate::making::{self, Making};
use crate::settings::Settings;

/// What the operator decides about it.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Children at once.
    pub(crate) workers: usize,
    /// Jobs of one user that have not ended.
    pub(crate) jobs_per_user: u64,
    /// Bytes of a song that is sent for one job.
    pub(crate) song_bytes_max: u64,
    /// A child without work ends after this.
    pub(crate) idle: Duration,
    /// Models whose children stay without work, until somebody ends them or memory is scarce.
    pub(crate) pinned: Vec<String>,
}

/// What the service is made of.
pub(crate) struct Parts {
    /// Jobs and tracks.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Where sources lie.
    pub(crate) shelf: Shelf,
    /// Where stems are kept.
    pub(crate) transforms: Transforms,
    /// The law.
    pub(crate) budget: Budget,
    /// What the operator decided.
    pub(crate) rules: Rules,
    /// The folder of models.
    pub(crate) models: PathBuf,
    /// How children are started.
    pub(crate) children: WorkerSettings,
    /// Told of each song that was taken apart: how long it took, and the most memory that its child had.
    pub(crate) told: Box<dyn Fn(Duration, u64) + Send + Sync>,
}

/// The service. A clone is the same.
#[derive(Clone)]
pub(crate) struct Stems(Arc<Inner>);

struct Inner {
    catalog: Arc<dyn Catalog>,
    shelf: Shelf,
    transforms: Transforms,
    budget: Budget,
    rules: Rules,
    models: ::stems::models::Folder,
    children: WorkerSettings,
    /// What starts them, once the first job asked what keeps them apart. A job that is given up then has the next one ask.
    workers: OnceCell<Workers>,
    told: Box<dyn Fn(Duration, u64) + Send + Sync>,
    /// Who claims jobs: this run of the server.
    me: WorkerId,
    /// Rung when there is something to look at in the line.
    wake: Notify,
    running: Running,
    songs: Songs,
    tickets: Tickets,
    /// Whoever gives the files of a set their names, or takes a set with its files away, has it.
    publishing: Semaphore,
    warm: Warm,
    figures: Figures,
    tasks: TaskTracker,
}

impl Stems {
    /// A service with nothing to do yet. [`Stems::run`] makes it work.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn new(parts: Parts, registry: &mut Registry) -> Result<Stems> {
        let Parts { catalog, shelf, transforms, budget, rules, models, children, told } = parts;
        let mut me = [0; 16];
        getrandom::fill(&mut me)
            .map_err(|e| Error::failed(format!("the system gives no random bytes: {e}")))?;
        let figures = Figures::default();
        figures.register(registry);
        Ok(Stems(Arc::new(Inner {
            catalog,
            shelf,
            transforms,
            budget,
            warm: Warm::new(rules.idle, rules.pinned.clone()),
            rules,
            models: ::stems::models::Folder::new(models),
            children,
            workers: OnceCell::new(),
            told,
            me: WorkerId(me),
            wake: Notify::new(),
            running: Running::default(),
            songs: Songs::default(),
            tickets: Tickets::default(),
            publishing: Semaphore::new(1),
            figures,
            tasks: TaskTracker::new(),
        })))
    }
}

/// The service of an installation, with its figures among the metrics. It is told what each song took. Songs that were sent
/// to the server before are held from now on, as far as their jobs have not ended; others are gone.
///
/// # Errors
/// As [`Stems::new`], and of the database and the disk.
pub(crate) async fn open(
    home: &Home,
    settings: &Settings,
    shelf: &Shelf,
    making: &Making,
    told: impl Fn(Duration, u64) + Send + Sync + 'static,
    registry: &mut Registry,
) -> Result<Stems> {
    let models = settings.models();
    let rules = Rules {
        workers: settings.stems.workers(),
        jobs_per_user: settings.stems.jobs_per_user,
        song_bytes_max: settings.limits.upload_bytes_max,
        idle: settings.stems.idle,
        pinned: settings.stems.pinned.clone(),
    };
    let stems = Stems::new(
        Parts {
            catalog: Arc::clone(&home.catalog),
            shelf: shelf.clone(),
            transforms: making.transforms.clone(),
            budget: home.budget.clone(),
            rules,
            models,
            children: worker_settings(settings),
            told: Box::new(told),
        },
        registry,
    )?;
    stems.0.take_up_songs().await?;
    Ok(stems)
}

/// How children are started.
pub(crate) fn worker_settings(settings: &Settings) -> WorkerSettings {
    let making::FfmpegSettings { sandbox, guard, .. } = making::ffmpeg_settings(settings);
    let models = settings.models();
    let args = vec![WORD.into(), models.clone().into()];
    WorkerSettings { sandbox, guard, args, reads: models }
}

fn now_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

/// A moment so many milliseconds from now.
fn in_ms(ms: u64) -> UnixMs {
    now_ms().saturating_add_unsigned(ms)
}
