//! `/models/cache`: the models that are in memory.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::service::LoadedModel;
use crate::App;
use crate::error::Detail;
use crate::json;

/// The models that are in memory.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelsAnswer {
    models: Vec<ModelAnswer>,
}

/// A process that takes songs apart, and the model that it holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelAnswer {
    /// `spectral`, `spleeter` or `htdemucs`.
    #[schema(example = "spleeter")]
    engine: &'static str,
    /// The model's name; null for an engine that has none.
    #[schema(example = "spleeter-2stems")]
    model: Option<&'static str>,
    /// What is reserved of the memory for it, with all that it needs to work.
    bytes: u64,
    /// Whether it works for a job.
    busy: bool,
    /// For how long it has done what it does, in whole seconds.
    seconds: u64,
}

impl From<LoadedModel> for ModelAnswer {
    fn from(loaded: LoadedModel) -> Self {
        ModelAnswer {
            engine: loaded.engine,
            model: loaded.model,
            bytes: loaded.bytes,
            busy: loaded.is_busy,
            seconds: loaded.since.elapsed().as_secs(),
        }
    }
}

/// What is in memory now.
pub(crate) fn loaded(app: &App) -> Vec<ModelAnswer> {
    app.splitter.models().into_iter().map(ModelAnswer::from).collect()
}

/// List loaded models
///
/// One for each process that holds one, with the memory that is reserved for it.
#[utoipa::path(get, path = "/models/cache", tag = "stems",
    responses((status = 200, description = "what is in memory", body = ModelsAnswer)))]
pub(crate) async fn list_models(State(app): State<Arc<App>>) -> Response {
    json::answer(StatusCode::OK, &ModelsAnswer { models: loaded(&app) })
}

/// What was let go of.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClearedAnswer {
    /// Always `ok`.
    status: &'static str,
    /// Processes that held models and have ended.
    workers: usize,
    /// What they had reserved, in bytes.
    freed_bytes: u64,
}

/// Let loaded models go
///
/// Ends the processes that hold them and have no work; their memory is free when this is answered. Models on the disk stay.
#[utoipa::path(delete, path = "/models/cache", tag = "stems",
    responses((status = 200, description = "what came back", body = ClearedAnswer)))]
pub(crate) async fn clear_models(State(app): State<Arc<App>>) -> Result<Response, Detail> {
    let cleared = app.splitter.clear_models().await?;
    let answer = ClearedAnswer { status: "ok", workers: cleared.workers, freed_bytes: cleared.bytes };
    Ok(json::answer(StatusCode::OK, &answer))
}
