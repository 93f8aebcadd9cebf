//! What makes renditions, and where their sources are.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::response::Response;
use budget::limits::RENDITION_LINK_MS;
use catalog::{Identity, SignIn};
use hyper::http::request;
use prometheus_client::registry::Registry;
use store::{Blocks, Remotes, Renditions, Shelf};
use stream::Streams;
use tokio_util::sync::CancellationToken;
pub(crate) use transform::FfmpegSettings;
use transform::{Cache, CacheSettings, Covers, Ffmpeg, Guard, Transforms, VideoLooks};
use web::{BaseUrl, Origins};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::keeping::Keeping;
use crate::settings::{Sandbox, Settings};

/// All of it.
pub(crate) struct Making {
    /// What makes renditions, with where they are kept.
    pub(crate) transforms: Transforms,
    /// What gives covers their sizes.
    pub(crate) covers: Covers,
    jobs: cdn::Jobs,
    remotes: Option<Remotes>,
    answers: Option<cdn::AnswerIndex>,
}

impl Making {
    /// Opens the cache of renditions, and finds ffmpeg. Without one the server runs, and says what it lacks.
    ///
    /// # Errors
    /// Of the disk, and of an index of renditions that cannot be begun.
    pub(crate) async fn open(
        home: &Home,
        settings: &Settings,
        keeping: &Keeping,
        stop: &CancellationToken,
    ) -> Result<Making> {
        let failed = |e: &dyn std::fmt::Display| Error::failed(e.to_string());
        let renditions = Renditions::open(&home.data, keeping.io.clone()).map_err(|e| failed(&e))?;
        let rules = CacheSettings {
            bytes_max: settings.cache.bytes,
            free_bytes_min: budget::limits::RENDITIONS_FREE_SHARE
                .saturating_mul(settings.store.free_bytes_min),
            ..CacheSettings::default()
        };
        let cache = Cache::open(&home.data, renditions, &home.budget, rules).await;
        let cache = cache.map_err(|e| Error::failed(format!("{e}: {}", e.words)))?;
        let transforms = Transforms::new(transform::Parts {
            budget: home.budget.clone(),
            cache,
            ffmpeg: Box::pin(ffmpeg(ffmpeg_settings(settings))),
            jobs_max: settings.transform.jobs_max,
            stall: Duration::from_millis(budget::limits::CHILD_STALL_MS),
        });
        let dials = settings.cdn.origin.iter().any(|origin| origin.url.is_some() || origin.s3.is_some());
        let remotes = match dials {
            true => Some(remotes(home, settings, keeping)?),
            false => None,
        };
        let covers = Covers::new(transforms.clone());
        let proxies = settings.cdn.origin.iter().any(|origin| origin.proxy);
        let answers = match proxies {
            true => {
                let (data, cache) = (home.data.path(), transforms.cache());
                let index = cdn::AnswerIndex::open(data, cache, settings.cache.bytes).await;
                Some(index.map_err(|e| failed(&e))?)
            }
            false => None,
        };
        let jobs = cdn::Jobs::new(stop.clone());
        Ok(Making { transforms, covers, jobs, remotes, answers })
    }

    /// The routes of renditions over the sources of the configuration.
    ///
    /// # Errors
    /// An origin that cannot be opened, by its name.
    pub(crate) fn face(
        &self,
        home: &Home,
        settings: &Settings,
        shelf: &Shelf,
        streams: &Streams,
    ) -> Result<Router> {
        let variable = |name: &str| std::env::var(name).ok();
        let (catalog, remotes) = (Arc::clone(&home.catalog), self.remotes.as_ref());
        let sources = cdn::Sources::open(settings.cdn.clone(), remotes, catalog, shelf.clone(), variable);
        Ok(cdn::router(cdn::Parts {
            sources: sources.map_err(Error::failed)?,
            transforms: self.transforms.clone(),
            streams: streams.clone(),
            signer: cdn::Signer::new(&home.data.secret()),
            door: Arc::new(Door {
                sign_in: home.sign_in.clone(),
                base_url: settings.server.base_url.clone(),
                cors_origins: settings.server.cors_origins.clone(),
            }),
            jobs: self.jobs.clone(),
            budget: home.budget.clone(),
            prefix: settings.server.base_url.prefix().into(),
            answers: self.answers.clone(),
            session_cookie: web::SESSION_COOKIE,
        }))
    }

    /// What signs addresses of renditions in the name of a user, for as long as is usual.
    pub(crate) fn sign(&self, home: &Home) -> subsonic::Sign {
        let signer = cdn::Signer::new(&home.data.secret());
        Arc::new(move |address, user| {
            let until = SystemTime::now() + Duration::from_millis(RENDITION_LINK_MS);
            let since = until.duration_since(UNIX_EPOCH).unwrap_or_default();
            let until_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            signer.sign_as(address, cdn::Signed { until_ms, by: Some(user) })
        })
    }

    /// What looks at the videos of the catalog.
    pub(crate) fn looks(&self, home: &Home, shelf: &Shelf) -> VideoLooks {
        VideoLooks::new(self.transforms.clone(), Arc::clone(&home.catalog), shelf.clone())
    }

    /// Adds all of its figures to the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.transforms.register(registry);
        self.covers.register(registry);
        self.jobs.register(registry);
        if let Some(answers) = &self.answers {
            answers.register(registry);
        }
        if let Some(remotes) = &self.remotes {
            remotes.register(registry);
        }
    }
}

/// Where ffmpeg is looked for, and how it is run.
pub(crate) fn ffmpeg_settings(settings: &Settings) -> FfmpegSettings {
    let sandbox = match settings.transform.sandbox {
        Sandbox::On => transform::Sandbox::On,
        Sandbox::Auto => transform::Sandbox::Auto,
        Sandbox::Off => transform::Sandbox::Off,
    };
    FfmpegSettings { ffmpeg: settings.transform.ffmpeg.clone(), sandbox, guard: Guard::this_program() }
}

async fn ffmpeg(settings: FfmpegSettings) -> Option<Ffmpeg> {
    match Ffmpeg::find(settings).await {
        Ok(ffmpeg) => {
            let kept = ffmpeg.protection().to_string();
            tracing::info!(ffmpeg = ffmpeg.version(), sandbox = %kept, "renditions are made by ffmpeg");
            Some(ffmpeg)
        }
        Err(e) => {
            tracing::warn!(error = %e, words = %e.words, "no ffmpeg: videos and sound are served as they are");
            None
        }
    }
}

/// The blocks of a bucket for uploads and those of origins share one place and one bound.
fn remotes(home: &Home, settings: &Settings, keeping: &Keeping) -> Result<Remotes> {
    let blocks = match &keeping.blocks {
        Some(blocks) => blocks.clone(),
        None => {
            Blocks::open(&home.data, settings.store.cache_bytes).map_err(|e| Error::failed(e.to_string()))?
        }
    };
    Remotes::new(blocks, home.budget.clone()).map_err(|e| Error::failed(e.to_string()))
}

/// Who asks for a rendition: whoever the JSON API would take him for.
struct Door {
    sign_in: SignIn,
    base_url: BaseUrl,
    cors_origins: Origins,
}

#[async_trait]
impl cdn::Door for Door {
    async fn who(&self, head: &request::Parts) -> std::result::Result<Option<Identity>, Response> {
        web::who(&self.sign_in, head, &self.base_url, &self.cors_origins).await
    }
}
