//! `/tracks/{id}/stems`: the stems of a track of the catalog; and `/models/cache`.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::Response;
use catalog::{JobPriority, JobState, StemName, StemSet, StemSetId, Track, TrackId};
use serde::Serialize;
use stream::{Disposition, Kind, Segment};
use transform::{Encoding, Material, ORIGIN_STEMS};
use utoipa::{IntoParams, ToSchema};

use super::jobs::JobAnswer;
use super::made::{Wanted, send_made};
use super::separate::{accepted, addresses};
use super::wish::{NAMES, Wish};
use super::{Asker, Submit, pieces};
use crate::App;
use crate::audio::send;
use crate::caller::{self, Caller};
use crate::error::{Code, Detail, Error};
use crate::json::{self, Id};

/// Channels of a FLAC.
// format: of the codec
const FLAC_STEMS_MAX: usize = 4;

/// How a track is to be taken apart.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the query is read where it is needed; its parts stand here for the description"
)]
pub(crate) struct SplitQuery {
    /// 2 (vocals, accompaniment), 4 (vocals, drums, bass, other) or 5 (with piano); 2 otherwise.
    stems: Option<u8>,
    /// `spectral`, `spleeter` or `htdemucs`; the best one whose model is here otherwise.
    engine: Option<String>,
    /// `average` or `zeros`: what is done above 11 kHz, where Spleeter's networks hear nothing.
    mask_extension: Option<String>,
}

/// The stems of a track.
#[derive(Serialize, ToSchema)]
pub(crate) struct StemsAnswer {
    /// Which set it is: `?set=` in the address of a file asks for that of this one. Null when there is none.
    set: Option<i64>,
    /// What took it apart; null when nothing did yet.
    engine: Option<String>,
    /// What else is to be said about how.
    notes: Vec<String>,
    /// As RFC 3339.
    created_at: Option<String>,
    /// How long each of them is, in seconds.
    duration_seconds: Option<f64>,
    /// The stems, in the order in which `all` has them.
    stems: Vec<StemAnswer>,
    /// All of them in one file, two channels each: as WAV, and as FLAC where that has as many channels.
    all: Vec<String>,
}

/// One stem.
#[derive(Serialize, ToSchema)]
pub(crate) struct StemAnswer {
    /// `vocals`, `accompaniment`, `drums`, `bass`, `piano` or `other`.
    name: &'static str,
    /// Bytes of the WAV.
    size_bytes: u64,
    /// Its address as WAV; `.flac`, `.mp3` and `.opus` are there too.
    url: String,
}

/// Take a track apart
///
/// Its stems are kept with the renditions, and its accompaniment is a song of the folder "Instrumentals" from then on. The
/// answer is a job; where the stems are there already, it is done.
#[utoipa::path(post, path = "/tracks/{id}/stems", tag = "stems",
    params(("id" = String, Path, example = "tr-17"), SplitQuery),
    responses((status = 200, description = "the stems are there", body = JobAnswer),
        (status = 202, description = "a job makes them", body = super::separate::AcceptedAnswer),
        (status = 404, description = "there is no such track"),
        (status = 422, description = "it cannot be had: there is no such model; or there is a body, where none is read"),
        (status = 429, description = "too many jobs"),
        (status = 507, description = "there is no room for it")))]
pub(crate) async fn split(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Id<TrackId>, Error>,
    request: Request,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let (head, body) = request.into_parts();
    if !body.is_end_stream() {
        let text = "what is wished of a track stands in the address, as in ?stems=4; the body must be empty";
        return Err(Error::new(Code::Missing, text).into());
    }
    let track = app.catalog.track(&caller.identity.viewer(), id).await?;
    let mut wish = Wish::default();
    for name in NAMES {
        for value in caller::values(head.uri.query().unwrap_or_default(), name) {
            wish.hear(name, &value)?;
        }
    }
    let owner = Some(caller.identity.user.id);
    let asked = Submit { owner, wish: wish.whole(), priority: JobPriority::Asked };
    let job = app.splitter.submit(track.id, asked).await?;
    if job.state == JobState::Done {
        let set = app.splitter.set_of(job.id).await.ok();
        let [_, result_url] = addresses(&app, &head, &job);
        return Ok(json::answer(StatusCode::OK, &JobAnswer::of(&job, set.as_ref(), Some(result_url))));
    }
    Ok(accepted(&app, &head, &job))
}

/// List the stems of a track
///
/// Those that were made last.
#[utoipa::path(get, path = "/tracks/{id}/stems", tag = "stems",
    params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "the stems; none when nobody had it taken apart", body = StemsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Id<TrackId>, Error>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let track = app.catalog.track(&caller.identity.viewer(), id).await?;
    let set = app.splitter.stems_of(track.id).await?.into_iter().next();
    let base = app.base_url.seen_by(&caller::client(&head), &head);
    let base = format!("{base}/tracks/{}/stems", track.id);
    // With the number of the set, an address is that of the same bytes for ever: players keep what they read of one.
    let id = set.as_ref().map(|set| set.id.0);
    let url = |name: &str| format!("{base}/{name}?set={}", id.unwrap_or_default());
    let stems: Vec<StemAnswer> = set
        .iter()
        .flat_map(StemSet::stems)
        .map(|file| StemAnswer {
            name: file.stem.word(),
            size_bytes: file.length_bytes,
            url: url(&format!("{}.wav", file.stem)),
        })
        .collect();
    let all = match stems.len() {
        0 => Vec::new(),
        count if count <= FLAC_STEMS_MAX => vec![url("all.wav"), url("all.flac")],
        _ => vec![url("all.wav")],
    };
    let made = set.map(|set| (json::moment(set.created), set.made));
    let answer = StemsAnswer {
        set: id,
        engine: made.as_ref().map(|(_, made)| made.engine.clone()),
        notes: made.as_ref().map(|(_, made)| made.notes.clone()).unwrap_or_default(),
        duration_seconds: made.as_ref().map(|(_, made)| made.samples as f64 / 44_100.0),
        created_at: made.map(|(created, _)| created),
        stems,
        all,
    };
    Ok(json::answer(StatusCode::OK, &answer))
}

/// A file of stems, as its name in an address says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileName {
    stem: StemName,
    /// `None` is the WAV that is kept.
    encoding: Option<Encoding>,
}

impl FromStr for FileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<FileName, Error> {
        let unknown = || {
            let stems = "vocals, accompaniment, drums, bass, piano, other or all";
            Error::new(Code::NotFound, format!("a stem is called {stems}, with .wav, .flac, .mp3 or .opus"))
        };
        let (stem, suffix) = text.split_once('.').ok_or_else(unknown)?;
        let stem = stem.parse().map_err(|_| unknown())?;
        let encoding = match (suffix, stem) {
            ("wav", _) => None,
            ("flac", _) => Some(Encoding::Flac),
            ("mp3" | "opus", StemName::All) => {
                return Err(Error::new(Code::NotFound, "all stems together come as .wav or .flac"));
            }
            ("mp3", _) => Some(Encoding::Mp3),
            ("opus", _) => Some(Encoding::Opus),
            _ => return Err(unknown()),
        };
        Ok(FileName { stem, encoding })
    }
}

/// Of which set, and whether to save the file instead of playing it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the query is read where it is needed; its parts stand here for the description"
)]
pub(crate) struct FileQuery {
    /// The number of a set; the newest one that has the stem otherwise.
    set: Option<i64>,
    /// Anything but 0 offers the file to be saved under the song's name.
    download: Option<String>,
}

/// Play a stem
///
/// `vocals.wav` and so on, with ranges and conditions. As `.flac`, `.mp3` and `.opus` it is made when it is asked for first,
/// and has ranges from then on. `all.wav` and `all.flac` have two channels for each stem.
#[utoipa::path(get, path = "/tracks/{id}/stems/{file}", tag = "stems",
    params(("id" = String, Path, example = "tr-17"), ("file" = String, Path, example = "vocals.wav"), FileQuery),
    responses((status = 200, description = "the stem", body = Vec<u8>, content_type = "audio/*"),
        (status = 206, description = "the asked range of it", body = Vec<u8>, content_type = "audio/*"),
        (status = 404, description = "there is no such stem; POST /tracks/{id}/stems makes them")))]
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Id<TrackId>, Error>,
    Path((_, name)): Path<(String, String)>,
    head: request::Parts,
) -> Result<Response, Detail> {
    let Id(id) = id?;
    let track = app.catalog.playing(&caller.identity.viewer(), id).await?;
    Ok(send_file(&app, caller, &track, name.parse()?, &head).await?)
}

async fn send_file(
    app: &App,
    caller: Caller,
    track: &Track,
    name: FileName,
    head: &request::Parts,
) -> Result<Response, Error> {
    let FileName { stem, encoding } = name;
    let query = head.uri.query().unwrap_or_default();
    let not_one =
        |_| Error::new(Code::Missing, "set must be the number of a set, as the list of stems has it");
    let wanted = caller::values(query, "set").next().map(|number| number.parse().map_err(not_one));
    let wanted = wanted.transpose()?.map(StemSetId);
    let is_wanted = |set: &StemSet| {
        wanted.is_none_or(|id| id == set.id) && (stem == StemName::All || set.file(stem).is_some())
    };
    let set = app.splitter.stems_of(track.id).await?.into_iter().find(is_wanted).ok_or_else(|| {
        Error::new(
            Code::NotFound,
            format!("there is no {stem} of {}; POST /tracks/{}/stems", track.id, track.id),
        )
    })?;
    let source = source(app, &set, name).await?;
    let suffix = encoding.map_or("wav", Encoding::suffix);
    let download = caller::values(query, "download").next();
    let disposition = match download.as_deref() {
        None | Some("0") => Disposition::Inline,
        Some(_) => Disposition::Attachment(format!("{} ({stem}).{suffix}", track.title)),
    };
    let what = format!("{} – {} ({stem})", track.artist, track.title);
    let mut answer = match encoding {
        None => {
            let segment = Segment::whole(source, HeaderValue::from_static("audio/wav"), disposition);
            send(app, &caller.account(), head, segment, Kind::Media, what)?
        }
        Some(encoding) => {
            let material = Material::whole(source, ORIGIN_STEMS, &format!("{}/{stem}", track.id));
            send_made(app, &Asker::User(caller), head, Wanted { material, encoding, disposition, what })
                .await?
        }
    };
    pieces::name_engine(&set.made, answer.headers_mut());
    Ok(answer)
}

/// What a file is made of, or is.
async fn source(
    app: &App,
    set: &StemSet,
    FileName { stem, encoding }: FileName,
) -> Result<store::Source, Error> {
    if stem == StemName::All {
        if encoding.is_some() && set.stems().count() > FLAC_STEMS_MAX {
            let text = "FLAC ends at eight channels, which are four stems; five of them come as all.wav";
            return Err(Error::new(Code::Missing, text));
        }
        return pieces::side_by_side(app, set).await;
    }
    let file = set.file(stem).ok_or_else(|| Error::new(Code::NotFound, "there is no such stem"))?;
    pieces::open(app, file).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_a_stem_and_an_encoding() {
        let cases = [
            ("vocals.wav", Ok((StemName::Vocals, None))),
            ("accompaniment.flac", Ok((StemName::Accompaniment, Some(Encoding::Flac)))),
            ("piano.mp3", Ok((StemName::Piano, Some(Encoding::Mp3)))),
            ("drums.opus", Ok((StemName::Drums, Some(Encoding::Opus)))),
            ("all.wav", Ok((StemName::All, None))),
            ("all.flac", Ok((StemName::All, Some(Encoding::Flac)))),
            ("all.mp3", Err("as .wav or .flac")),
            ("vocals", Err("a stem is called")),
            ("vocals.m4a", Err("a stem is called")),
            ("guitar.wav", Err("a stem is called")),
            ("Vocals.wav", Err("a stem is called")),
            ("vocals.wav.wav", Err("a stem is called")),
        ];
        for (text, expected) in cases {
            match (text.parse::<FileName>(), expected) {
                (Ok(FileName { stem, encoding }), Ok(expected)) => {
                    assert_eq!((stem, encoding), expected, "{text}")
                }
                (Err(error), Err(part)) => {
                    assert_eq!(error.status().as_u16(), 404, "{text}");
                    assert!(format!("{error:?}").contains(part), "{text}: {error:?}");
                }
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }
}
