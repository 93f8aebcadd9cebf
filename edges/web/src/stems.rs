//! Songs taken apart: the routes of the stem splitter, and the stems of tracks.
//!
//! A song that is sent goes to the disk as it comes, a job takes it apart, and what comes back is a zip that is put
//! together while it is sent. [`Splitter`] is who does the work. Errors on these routes are `{"detail"}`.

mod asker;
mod jobs;
mod made;
mod models;
mod names;
mod pieces;
mod separate;
mod service;
mod song;
mod tracks;
mod wish;
mod zip;

pub(crate) use asker::Asker;
pub use asker::Strangers;
pub(crate) use jobs::{
    __path_cancel, __path_events, __path_result, __path_status, JobAnswer, cancel, events, result, status,
};
pub(crate) use models::{
    __path_clear_models, __path_list_models, ModelAnswer, clear_models, list_models, loaded,
};
pub(crate) use separate::{__path_separate, separate, word};
pub use service::{Cleared, LoadedModel, SentSong, SplitError, SplitErrorKind, Splitter, Submit, Taking};
pub(crate) use tracks::{__path_file, __path_list, __path_split, file, list, split};
