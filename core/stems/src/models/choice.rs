//! Which engine takes a song apart, with which model.

use budget::limits::{STEMS_HTDEMUCS_BYTES, STEMS_PROGRAM_BYTES, STEMS_SPECTRAL_BYTES, STEMS_SPLEETER_BYTES};

use super::folder::{Folder, Installed, absent};
use super::registry::{MODELS, Model};
use super::weights::Weights;
use crate::engine::{
    Chain, EngineName, Folded, Htdemucs, MaskExtension, Masking, Percussive, Spectral, Spleeter,
};
use crate::{Engine, Error, ErrorKind, Result, Stem};

/// What somebody wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// How many stems: two, four or five.
    pub stems: usize,
    /// By which engine; the best one whose model is installed, if none is named.
    pub engine: Option<EngineName>,
    /// What becomes of the frequencies that a network does not hear.
    pub extension: MaskExtension,
}

/// How a song will be taken apart. Nothing is loaded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// By which engine.
    pub engine: EngineName,
    /// With which model, if it needs one.
    pub installed: Option<Installed>,
    /// What it makes, in this order.
    pub stems: &'static [Stem],
    /// The set that was wished, which is all of that or its beginning.
    set: &'static [Stem],
    extension: MaskExtension,
}

impl Folder {
    /// Chooses an engine for a wish among those whose models are here, the best one.
    ///
    /// # Errors
    /// As [`Folder::choose_within`].
    pub fn choose(&self, wish: &Wish) -> Result<Choice> {
        self.choose_within(wish, u64::MAX)
    }

    /// Chooses the best of those that need no more memory than that ([`Choice::reserve_bytes`]). Where none does, the best
    /// of all is given, so that whoever has not as much memory can say what that would need.
    ///
    /// # Errors
    /// [`ErrorKind::Stems`] when no engine makes so many stems, or not the one that is named; [`ErrorKind::ModelAbsent`] when one would, if its
    /// model were installed: it names the model and how it is added.
    pub fn choose_within(&self, wish: &Wish, reserve_bytes_max: u64) -> Result<Choice> {
        let Wish { stems: count, engine, extension } = *wish;
        let stems = Stem::set(count).ok_or_else(|| {
            Error::new(ErrorKind::Stems, format!("a song is taken apart into 2, 4 or 5 stems, not {count}"))
        })?;
        let choice = |engine, installed| Choice { engine, installed, stems, set: stems, extension };
        let candidates = candidates(stems, engine);
        let installed = candidates.iter().filter_map(|model| self.installed(model));
        let by_model = installed.map(|installed| choice(installed.model.engine, Some(installed)));
        let may_be_spectral =
            engine.is_none_or(|engine| engine == EngineName::Spectral) && Spectral::makes(stems);
        let mut choices = by_model.chain(may_be_spectral.then(|| choice(EngineName::Spectral, None)));
        let Some(best) = choices.next() else { return Err(unmade(wish, &candidates)) };
        if best.reserve_bytes() <= reserve_bytes_max {
            return Ok(best);
        }
        Ok(choices.find(|choice| choice.reserve_bytes() <= reserve_bytes_max).unwrap_or(best))
    }
}

/// Why nothing that is here makes such stems.
fn unmade(wish: &Wish, candidates: &[&'static Model]) -> Error {
    let Wish { stems, engine, .. } = *wish;
    let said = match (engine, advised(candidates)) {
        (Some(EngineName::Spectral), _) => format!("the spectral engine makes 2 or 4 stems, not {stems}"),
        (_, Some(model)) => return needed(model, stems),
        (engine, None) => {
            format!("no {} engine makes {stems} stems", engine.map_or("known", EngineName::name))
        }
    };
    Error::new(ErrorKind::Stems, said)
}

/// The models with which such stems can be made, the best first.
fn candidates(stems: &[Stem], engine: Option<EngineName>) -> Vec<&'static Model> {
    let is_meant = |model: &&Model| engine.is_none_or(|engine| engine == model.engine);
    let mut found: Vec<&Model> =
        MODELS.iter().filter(is_meant).filter(|model| fit(model, stems).is_some()).collect();
    found.sort_by_key(|model| (std::cmp::Reverse(model.engine as u8), fit(model, stems)));
    found
}

/// How well a model fits: 0 if it makes just these stems, 1 if it makes more, which are added up, 2 if it makes only the
/// vocals and the rest is parted without it.
fn fit(model: &Model, stems: &[Stem]) -> Option<usize> {
    let has_all = stems.iter().all(|stem| model.stems.contains(stem) || *stem == Stem::Accompaniment);
    match (model.stems.len(), stems.len()) {
        (made, asked) if made == asked => Some(0),
        (made, asked) if made > asked && has_all => Some(1),
        (2, 4) => Some(2),
        _ => None,
    }
}

/// The model that is named to those who have none: one that a command fetches, if there is one.
fn advised(candidates: &[&'static Model]) -> Option<&'static Model> {
    let fetched = candidates.iter().find(|model| model.origin.fetch.is_some());
    fetched.or_else(|| candidates.iter().find(|model| model.licence.is_free)).or(candidates.first()).copied()
}

fn needed(model: &Model, stems: usize) -> Error {
    let error = absent(model);
    Error::new(error.kind(), format!("{stems} stems by `{}` need its model: {error}", model.engine))
}

impl Choice {
    /// The same, and of a set without an accompaniment that too, behind the stems: all of them together but the vocals.
    pub fn with_accompaniment(self) -> Self {
        Choice { stems: Stem::with_accompaniment(self.set), ..self }
    }

    /// What a process needs at most that takes one song apart in this way on one thread: its program, the model, the work.
    pub fn reserve_bytes(&self) -> u64 {
        let weights = self.installed.as_ref().map_or(0, |installed| installed.bytes);
        let work = match self.engine {
            EngineName::Spectral => STEMS_SPECTRAL_BYTES,
            EngineName::Spleeter => STEMS_SPLEETER_BYTES,
            EngineName::Htdemucs => STEMS_HTDEMUCS_BYTES,
        };
        STEMS_PROGRAM_BYTES + weights + work
    }

    /// What whoever gets the stems should know of how they were made.
    pub fn notes(&self) -> Vec<String> {
        let Some(model) = self.installed.as_ref().map(|installed| installed.model) else { return Vec::new() };
        match fit(model, self.set) {
            Some(2) => vec![format!(
                "the vocals are made by the network of `{}`, the rest by harmonic and percussive separation",
                model.name
            )],
            _ => Vec::new(),
        }
    }

    /// What a model that can be had would bring, where none is used.
    pub fn advice(&self) -> Option<String> {
        if self.engine != EngineName::Spectral {
            return None;
        }
        let model = advised(&candidates(self.set, Some(EngineName::Spleeter)))?;
        Some(format!(
            "the model `{}` would part vocals clearer, by about 3 dB: {}",
            model.name,
            model.how_to_add()
        ))
    }

    /// Reads the weights that it needs; none for an engine without a model.
    ///
    /// # Errors
    /// Those of [`Folder::load`].
    pub fn weights(&self, folder: &Folder) -> Result<Option<Weights>> {
        self.installed.as_ref().map(|installed| folder.load(installed.model)).transpose()
    }

    /// A failure of the engine, with the model whose fault it is and what shows whether its files are what they were.
    pub(crate) fn named(&self, error: Error) -> Error {
        match (error.kind(), &self.installed) {
            (ErrorKind::NoNumbers, Some(Installed { model, .. })) => Error::new(
                ErrorKind::NoNumbers,
                format!(
                    "the model `{0}` is broken: {error}; `millpond models verify {0}` compares its files with their hashes",
                    model.name
                ),
            ),
            _ => error,
        }
    }

    /// The engine for one song, with the weights of its model.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the weights are of another model.
    pub fn engine(&self, weights: Option<Weights>, threads: usize) -> Result<Box<dyn Engine>> {
        let made: Box<dyn Engine> = match (self.engine, weights) {
            (EngineName::Spectral, _) => Box::new(Masking::new(Spectral::new(self.set.len(), threads)?)),
            (EngineName::Spleeter, Some(Weights::Spleeter(networks))) => {
                Box::new(Masking::new(Spleeter::new(networks, self.extension, threads)))
            }
            (EngineName::Htdemucs, Some(Weights::Htdemucs(graph))) => Box::new(Htdemucs::new(graph, threads)),
            _ => {
                return Err(Error::new(
                    ErrorKind::Model,
                    format!("the weights are none of `{}`", self.engine),
                ));
            }
        };
        let made = match made.stems().len() < self.set.len() {
            true => Box::new(Chain::new(made, Masking::new(Percussive::new()), self.set)),
            false => made,
        };
        Ok(if made.stems() == self.stems { made } else { Box::new(Folded::new(made, self.stems)) })
    }
}
