//! Renditions in the making as jobs: how far one is, asked for or followed. What is said is measured; nobody guesses a
//! percentage.
//!
//! A job has the key of its rendition, 256 bits that only who may see the source is told; whoever has it may ask. It says
//! nothing of the source but the address under which it was asked for, without its signature.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use budget::limits::{
    EVENT_GAP_MS, EVENT_HEARTBEAT_MS, JOB_ADDRESS_BYTES_MAX, JOB_WATCHERS_MAX, JOB_WATCHERS_PER_ADDRESS_MAX,
    JOBS_KEPT_MAX, JOBS_KEPT_MS,
};
use budget::{BoundedMap, Slot, Slots, network_of};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, request};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use transform::{Flight, Key, Made, News, Progress};
use utoipa::ToSchema;

use crate::answer;
use crate::error::Refused;
use crate::face::{Face, client};
use crate::hls::Asking;
use crate::sign::unsigned;

/// Asks proxies not to hold events back until there are many.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A line that means nothing, so that nobody on the way takes the connection for dead.
const HEARTBEAT: &[u8] = b": still here\n\n";

/// What is remembered of jobs, and who watches them. A clone is the same.
#[derive(Clone)]
pub struct Jobs {
    known: BoundedMap<Key, Arc<Job>>,
    watchers: Slots<IpAddr>,
    stop: CancellationToken,
}

/// One job that somebody was told of.
#[derive(Default)]
struct Job {
    /// Path and query, without a signature; nothing when they are too long to be remembered.
    address: Option<Box<str>>,
    /// Set when it has ended: why it failed, if it did.
    ended: OnceLock<Option<Refused>>,
}

impl Jobs {
    /// No job yet. Whoever watches one is sent home when it is time to stop.
    pub fn new(stop: CancellationToken) -> Jobs {
        let kept = Duration::from_millis(JOBS_KEPT_MS);
        Jobs {
            known: BoundedMap::new("rendition_jobs", JOBS_KEPT_MAX, kept),
            watchers: Slots::new(
                "rendition_watchers",
                "rendition_watchers_per_address",
                JOB_WATCHERS_MAX,
                JOB_WATCHERS_PER_ADDRESS_MAX,
            ),
            stop,
        }
    }

    /// Adds the figures to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.known.register(registry);
        self.watchers.register(registry);
    }
}

/// How a job stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct JobAnswer {
    /// `queued`, `processing`, `done` or `failed`.
    status: &'static str,
    /// The key of the rendition.
    #[serde(rename = "jobId")]
    job_id: String,
    /// Where it can be followed, beneath the server's own address.
    sse: String,
    /// What is made, in milliseconds of media.
    made_ms: u64,
    /// How much there will be, when it is known.
    whole_ms: Option<u64>,
    /// Bytes that were made.
    bytes: u64,
    /// Where the rendition is or will be, while that is remembered.
    #[schema(value_type = Option<String>)]
    address: Option<Box<str>>,
    /// Why it failed.
    #[schema(value_type = Option<Object>)]
    error: Option<answer::Words>,
}

impl JobAnswer {
    fn of(job: &Job, key: Key, status: &'static str, progress: Progress) -> JobAnswer {
        let Progress { made_ms, whole_ms, bytes, .. } = progress;
        let (address, sse) = (job.address.clone(), format!("/renditions/{key}/events"));
        JobAnswer { status, job_id: key.to_string(), sse, made_ms, whole_ms, bytes, address, error: None }
    }

    fn making(job: &Job, key: Key, progress: Progress) -> JobAnswer {
        JobAnswer::of(job, key, if progress.has_begun { "processing" } else { "queued" }, progress)
    }

    fn ended(job: &Job, key: Key, outcome: Result<u64, Refused>) -> JobAnswer {
        match outcome {
            Ok(bytes) => JobAnswer::of(job, key, "done", Progress { bytes, ..Progress::default() }),
            Err(refused) => {
                let failed = JobAnswer::of(job, key, "failed", Progress::default());
                JobAnswer { error: Some(answer::Words::of(&refused)), ..failed }
            }
        }
    }
}

impl Face {
    /// Makes a flight a job that goes on though nobody waits on this connection, and says where it is.
    pub(crate) fn job(&self, flight: Flight, asking: &Asking<'_>) -> Response {
        let (key, known) = (flight.key(), &self.parts.jobs.known);
        let place = format!("{}/renditions/{key}", self.parts.prefix);
        // It goes on once, however many ask.
        if let Some(job) = known.get(&key).filter(|job| job.ended.get().is_none()) {
            return answer::accepted(&JobAnswer::making(&job, key, flight.progress()), &place, asking);
        }
        let uri = &asking.head.uri;
        let path = uri.path();
        let address = match unsigned(uri.query().unwrap_or_default()) {
            rest if rest.is_empty() => path.to_owned(),
            rest => format!("{path}?{rest}"),
        };
        let address = (address.len() <= JOB_ADDRESS_BYTES_MAX).then(|| address.into_boxed_str());
        let job = Arc::new(Job { address, ended: OnceLock::new() });
        known.insert(key, Arc::clone(&job));
        let response = answer::accepted(&JobAnswer::making(&job, key, flight.progress()), &place, asking);
        self.parts.transforms.go_on(flight, move |outcome| {
            // It ends once.
            let _ = job.ended.set(outcome.as_ref().err().map(|error| error.clone().into()));
        });
        response
    }

    /// `GET /renditions/{key}`
    pub(crate) async fn job_status(&self, key: Key) -> Result<Response, Refused> {
        let job = self.parts.jobs.known.get(&key).unwrap_or_default();
        let status = match self.parts.transforms.flight(&key) {
            Some(flight) => JobAnswer::making(&job, key, flight.progress()),
            None => self.job_ended(&job, key).await?,
        };
        Ok(answer::json(http::StatusCode::OK, &status))
    }

    /// How a job ended that is not in the making.
    async fn job_ended(&self, job: &Job, key: Key) -> Result<JobAnswer, Refused> {
        let cache = self.parts.transforms.cache();
        if let Some(error) = cache.failure(&key) {
            return Ok(JobAnswer::ended(job, key, Err(error.into())));
        }
        match (cache.get(key).await?, job.ended.get()) {
            (Some(made), _) => Ok(JobAnswer::ended(job, key, Ok(made.source.len()))),
            (None, Some(Some(failed))) => Ok(JobAnswer::ended(job, key, Err(failed.clone()))),
            (None, _) => Err(Refused::NoJob),
        }
    }

    /// `GET /renditions/{key}/events`: each change as a server-sent event (the HTML standard, section 9.2) of the name
    /// `progress`. The stream ends with the job, and when the server stops.
    pub(crate) async fn job_events(&self, key: Key, head: &request::Parts) -> Result<Response, Refused> {
        let jobs = &self.parts.jobs;
        let slot = jobs.watchers.take(network_of(client(head).address))?;
        let job = jobs.known.get(&key).unwrap_or_default();
        let body = match self.parts.transforms.flight(&key) {
            Some(flight) => {
                let (next, stop) = (Instant::now(), jobs.stop.clone());
                let watching = Watching { job, news: flight.follow(), next, over: false, stop, _slot: slot };
                Body::from_stream(stream::unfold(watching, next_event))
            }
            None => Body::from(event(&self.job_ended(&job, key).await?)),
        };
        let mut response = Response::new(body);
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        fields.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Ok(response)
    }
}

/// Whoever watches a job.
struct Watching {
    job: Arc<Job>,
    news: News,
    /// When the next event may go out: not each of a thousand changes a second is news.
    next: Instant,
    over: bool,
    stop: CancellationToken,
    _slot: Slot<IpAddr>,
}

/// The next event, or a heartbeat when nothing happens.
async fn next_event(mut watching: Watching) -> Option<(Result<Bytes, Infallible>, Watching)> {
    if watching.over {
        return None;
    }
    let (at, news) = (watching.next, &mut watching.news);
    let heard = async {
        sleep_until(at).await;
        timeout(Duration::from_millis(EVENT_HEARTBEAT_MS), news.next()).await
    };
    // A server that stops lets answers finish, and this one would only finish with its job. Browsers ask again.
    let heard = watching.stop.run_until_cancelled(heard).await?;
    let (job, key) = (&watching.job, watching.news.key());
    let event = match heard {
        Ok(Ok(progress)) => event(&JobAnswer::making(job, key, progress)),
        Ok(Err(outcome)) => {
            watching.over = true;
            let length = |made: Made| made.source.len();
            event(&JobAnswer::ended(job, key, outcome.map(length).map_err(Refused::from)))
        }
        Err(_) => Bytes::from_static(HEARTBEAT),
    };
    watching.next = Instant::now() + Duration::from_millis(EVENT_GAP_MS);
    Some((Ok(event), watching))
}

fn event(job: &JobAnswer) -> Bytes {
    // Serialising our own types cannot fail, and JSON has no line break outside of escapes.
    let text = serde_json::to_string(job).unwrap_or_default();
    Bytes::from(format!("event: progress\ndata: {text}\n\n"))
}
