//! What a wish comes to on this machine: its engine, its model, and the memory of the child that does it.

use ::stems::engine::{EngineName, MaskExtension};
use ::stems::models::{Choice, Wish};
use ::stems::{ErrorKind, Stem};
use budget::Pool;
use catalog::{JobError, JobFault, JobSource, StemFormat, StemsWish};
use store::Validator;
use transform::Key;

use super::Inner;
use super::message::Order;

/// With what a child works. One that did a song so has the model for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The engine.
    pub(super) engine: EngineName,
    /// The model's name.
    pub(super) model: Option<&'static str>,
    /// The hashes of its files; nothing without one.
    pub(super) sums: String,
}

/// How a job is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    choice: Choice,
    /// How many stems are wished.
    count: usize,
    extension: MaskExtension,
    format: StemFormat,
    /// With what.
    pub(super) way: Way,
    /// What its child needs, in bytes.
    pub(super) reserve_bytes: u64,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// No engine makes that, or its model is not here; what to do about it.
    NoModel(String),
    /// It needs more memory than there will ever be.
    NeverFits(String),
}

impl From<Unfit> for JobError {
    fn from(unfit: Unfit) -> JobError {
        match unfit {
            Unfit::NoModel(reason) => JobError { reason, fault: JobFault::Wish },
            Unfit::NeverFits(reason) => JobError { reason, fault: JobFault::Room },
        }
    }
}

impl Inner {
    /// How a wish would be done now: by the best engine that fits into the memory, unless one is named. A track has an
    /// accompaniment made whatever is wished of it, because that is its instrumental.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) async fn plan(&self, wish: StemsWish, source: &JobSource) -> Result<Plan, Unfit> {
        let models = self.models.clone();
        let ceiling_bytes = self.budget.figures()[Pool::Stems as usize].ceiling_bytes;
        let engine = wish.engine.and_then(|engine| EngineName::named(engine.word()));
        let extension = MaskExtension::named(wish.extension.word()).unwrap_or_default();
        let wanted = Wish { stems: wish.count.number(), engine, extension };
        let choice = tokio::task::spawn_blocking(move || models.choose_within(&wanted, ceiling_bytes)).await;
        let choice = choice.map_err(|e| Unfit::NoModel(e.to_string()))?;
        let choice = choice.map_err(|e| match e.kind() {
            ErrorKind::Stems | ErrorKind::ModelAbsent | ErrorKind::ModelUnknown => {
                Unfit::NoModel(e.to_string())
            }
            _ => Unfit::NoModel(format!("its model cannot be used: {e}")),
        })?;
        let choice = match source {
            JobSource::Track(_) => choice.with_accompaniment(),
            JobSource::Blob { .. } => choice,
        };
        let reserve_bytes = choice.reserve_bytes();
        if reserve_bytes > ceiling_bytes {
            let mib = |bytes: u64| bytes.div_ceil(budget::limits::MIB);
            return Err(Unfit::NeverFits(format!(
                "the engine `{}` needs {} MiB, and stems may have {} MiB of memory.limit, which is {} MiB",
                choice.engine,
                mib(reserve_bytes),
                ceiling_bytes / budget::limits::MIB,
                self.budget.limit_bytes() / budget::limits::MIB
            )));
        }
        let installed = choice.installed.as_ref();
        let way = Way {
            engine: choice.engine,
            model: installed.map(|installed| installed.model.name),
            sums: installed.map_or_else(String::new, |installed| installed.sums.clone()),
        };
        Ok(Plan { choice, count: wanted.stems, extension, format: wish.format, way, reserve_bytes })
    }
}

impl Plan {
    /// What it makes, in this order: the stems, and the accompaniment where that is made beside them.
    pub(super) fn stems(&self) -> &'static [Stem] {
        self.choice.stems
    }

    /// What answers call the engine.
    pub(super) fn engine(&self) -> &'static str {
        self.way.engine.name()
    }

    /// Their media type.
    pub(super) fn content_type(&self) -> &'static str {
        match self.format {
            StemFormat::Wav => "audio/wav",
            StemFormat::Flac => "audio/flac",
        }
    }

    /// What a stem of a source is found by.
    pub(super) fn key(&self, stem: Stem, source: &Validator) -> Key {
        let recipe = transform::Stem {
            engine: self.engine(),
            model: self.way.sums.clone(),
            extension: self.extension.name(),
            count: self.count,
            stem: stem.name(),
            format: self.format.word(),
        };
        recipe.key(source)
    }

    /// What a child is told, for a song whose name ended so.
    pub(super) fn order(&self, suffix: Option<&str>) -> Order {
        Order {
            stems: self.count,
            accompaniment: self.choice.stems.len() > self.count,
            engine: self.engine().to_owned(),
            model: self.way.sums.clone(),
            reserve_bytes: self.reserve_bytes,
            extension: self.extension.name().to_owned(),
            suffix: suffix.map(str::to_owned),
            format: self.format.word().to_owned(),
        }
    }
}
