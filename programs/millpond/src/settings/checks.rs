//! What the text of a key must be beyond its kind. The error says what would be right.

use budget::limits;
use tracing_subscriber::filter::LevelFilter;

use crate::keeping::LOCAL;

pub(super) fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

/// Whether the text is a value of a typed setting.
pub(super) fn parses<T: std::str::FromStr<Err = String>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop)
}

pub(super) fn base_url(text: &str) -> Result<(), String> {
    web::BaseUrl::parse(text).map(drop).map_err(|e| format!("{}, as in https://example.org/music", e.why))
}

pub(super) fn origin(text: &str) -> Result<(), String> {
    web::Origins::parse(&[text]).map(drop).map_err(|e| format!("{}, as in https://player.example.org", e.why))
}

pub(super) fn service_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' ', '@']));
    fits.then_some(())
        .ok_or_else(|| "it must be an address such as https://service.example.org/api".to_owned())
}

pub(super) fn store_url(text: &str) -> Result<(), String> {
    let is_bucket = text.strip_prefix("s3://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    (text == LOCAL || is_bucket)
        .then_some(())
        .ok_or_else(|| "it must be local, or a bucket such as s3://bucket or s3://bucket/prefix".to_owned())
}

pub(super) fn ladder_width(text: &str) -> Result<(), String> {
    let width = text.parse().map_err(|_| "it must be a whole number of pixels".to_owned())?;
    cdn::Ladder::try_from(vec![width]).map(drop)
}

pub(super) fn jobs(text: &str) -> Result<(), String> {
    let fits = text.parse::<usize>().is_ok_and(|jobs| (1..=limits::JOBS_MAX).contains(&jobs));
    fits.then_some(()).ok_or_else(|| format!("it must be from 1 to {}", limits::JOBS_MAX))
}

pub(super) fn workers(text: &str) -> Result<(), String> {
    let fits = text.parse::<usize>().is_ok_and(|workers| workers <= limits::STEMS_WORKERS_MAX);
    fits.then_some(()).ok_or_else(|| format!("it must be from 0 to {}", limits::STEMS_WORKERS_MAX))
}

/// The name of a model that takes songs apart.
pub(super) fn model(text: &str) -> Result<(), String> {
    stems::models::Model::named(text).map(drop).map_err(|e| e.to_string())
}

pub(super) fn log_level(text: &str) -> Result<(), String> {
    // The filter takes a word that is no level for the name of a part, which would silence all others.
    let is_known = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    (filter.is_ok() && text.split(',').all(is_known))
        .then_some(())
        .ok_or_else(|| "it must be a level such as info, or levels by part: info,catalog=debug".to_owned())
}
