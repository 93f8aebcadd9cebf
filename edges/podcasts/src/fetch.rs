//! Fetches one episode: what its server sends is taken in as if its user had sent it.

use std::time::Duration;

use budget::limits::{PODCAST_RETRY_MS, PODCAST_TRIES_MAX, REMOTE_WHOLE_MS};
use bytes::Bytes;
use catalog::access::judge;
use catalog::{
    Action, Asked, EpisodeFetched, Phase, TrackId, UploadId, UploadRow, User, Verdict, Viewer, WantedEpisode,
};
use futures_util::TryStreamExt;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use ingest::{Ask, Created};
use percent_encoding::percent_decode_str;
use store::OutgoingAnswer;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind};
use crate::refresh::{field, pieces};
use crate::{Follower, after, backoff};

/// The genre of every episode, so that clients and rules can tell them from music.
const GENRE: &str = "Podcast";

/// An upload that was begun for an episode before.
enum Begun {
    /// Bytes are missing behind so many.
    Open(UploadId, u64),
    /// All bytes are there.
    Whole(UploadId),
    /// It is this track.
    Ready(TrackId),
}

impl Follower {
    /// Fetches an episode, and tells the catalog what came of it.
    pub(crate) async fn fetch(&self, episode: WantedEpisode, called_off: CancellationToken) {
        let fetched = match self.user(&episode).await {
            Err(error) => later(&episode, false, &error),
            Ok(user) => self.fetch_for(&user, &episode, &called_off).await,
        };
        self.metrics.episode(match &fetched {
            EpisodeFetched::Completed(_) => "completed",
            EpisodeFetched::Failed(_) => "failed",
            EpisodeFetched::Later { .. } => "broke_off",
        });
        match self.catalog.episode_fetched(episode.claim, &fetched).await {
            Ok(true) => {}
            Ok(false) => self.take_back(&fetched).await,
            // It is claimed for a while, and taken up again then: what is there already is found by its upload.
            Err(error) => {
                tracing::warn!(episode = %episode.claim.id, %error, "what came of an episode could not be kept");
            }
        }
        if let EpisodeFetched::Failed(why) = &fetched {
            tracing::info!(episode = %episode.claim.id, why, "an episode cannot be fetched");
        }
    }

    /// For whom it is fetched: whoever wants it must be there and be allowed to have files kept.
    async fn user(&self, episode: &WantedEpisode) -> Result<User, Error> {
        let gone = || Error::new(ErrorKind::Unwanted, "nobody is there who wants it");
        let user = match self.catalog.user(episode.wanted_by.ok_or_else(gone)?).await {
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => return Err(gone()),
            user => user?,
        };
        if judge(Some(&user), Action::Upload) != Verdict::Allowed {
            return Err(Error::new(ErrorKind::Unwanted, "who wants it may not have files kept"));
        }
        Ok(user)
    }

    async fn fetch_for(
        &self,
        user: &User,
        episode: &WantedEpisode,
        called_off: &CancellationToken,
    ) -> EpisodeFetched {
        let begun = match self.begun(user, episode).await {
            Ok(begun) => begun,
            Err(error) => return later(episode, false, &error),
        };
        let before = if let Some(Begun::Open(_, offset)) = begun { offset } else { 0 };
        let mut upload = episode.upload;
        let error = match self.take_in(user, episode, begun, &mut upload, called_off).await {
            Ok(track) => return EpisodeFetched::Completed(track),
            Err(error) => error,
        };
        let moved = self.offset(user, upload).await > before;
        let fetched = later(episode, moved, &error);
        if let (EpisodeFetched::Failed(_), Some(id)) = (&fetched, upload) {
            self.cancel(user, id).await;
        }
        fetched
    }

    /// The upload that was begun for it, as far as it is.
    async fn begun(&self, user: &User, episode: &WantedEpisode) -> Result<Option<Begun>, Error> {
        let Some(id) = episode.upload else { return Ok(None) };
        let status = match self.ingest.status(user, id).await {
            // It expired, or was another user's.
            Err(error) if matches!(error.kind, ingest::ErrorKind::Gone | ingest::ErrorKind::NotFound) => {
                return Ok(None);
            }
            status => status?,
        };
        Ok(match (status.row.phase, status.row.track) {
            (Phase::Receiving, _) => Some(Begun::Open(id, status.offset)),
            (Phase::Ready, Some(track)) => Some(Begun::Ready(track)),
            (Phase::Ready, None) => None,
            _ => Some(Begun::Whole(id)),
        })
    }

    /// How far an upload is.
    async fn offset(&self, user: &User, id: Option<UploadId>) -> u64 {
        let Some(id) = id else { return 0 };
        self.ingest.status(user, id).await.map_or(0, |status| status.offset)
    }

    /// Has all bytes come that are missing, and become a track.
    async fn take_in(
        &self,
        user: &User,
        episode: &WantedEpisode,
        begun: Option<Begun>,
        upload: &mut Option<UploadId>,
        called_off: &CancellationToken,
    ) -> Result<TrackId, Error> {
        let open = match begun {
            Some(Begun::Ready(track)) => return Ok(track),
            Some(Begun::Whole(id)) => return self.end_of(user, id).await,
            Some(Begun::Open(id, offset)) => Some((id, offset)),
            None => None,
        };
        let known = open.filter(|(_, offset)| *offset > 0).zip(episode.validator.as_deref());
        let question = question(&episode.url, known.map(|((_, offset), validator)| (offset, validator)))?;
        let answer = self.episodes.send(question).await.map_err(|error| Error::asking(&error))?;
        let id = match (answer.status, known) {
            (StatusCode::PARTIAL_CONTENT, Some(((id, offset), _))) if begins_at(&answer.headers, offset) => {
                id
            }
            (StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                if let Some((id, _)) = open {
                    // These are other bytes, or all of them once more.
                    self.cancel(user, id).await;
                }
                if answer.status != StatusCode::OK {
                    return Err(Error::new(ErrorKind::Unreachable, "its server has another file now"));
                }
                *upload.insert(self.begin(user, episode, &answer).await?)
            }
            (StatusCode::PARTIAL_CONTENT, _) => {
                return Err(Error::new(
                    ErrorKind::Unreachable,
                    "its server sent another part than was asked for",
                ));
            }
            (status, _) => return Err(Error::status(status)),
        };
        self.receive(user, id, answer, called_off).await
    }

    /// Begins an upload for an answer that has the whole.
    async fn begin(
        &self,
        user: &User,
        episode: &WantedEpisode,
        answer: &OutgoingAnswer,
    ) -> Result<UploadId, Error> {
        let length = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let ask = Ask { length, is_part: false, metadata: String::new(), asked: asked(episode) };
        let id = match self.ingest.create(user, ask).await? {
            Created::Open(id, _) => id,
            Created::Ready(row) => row.id,
        };
        let validator = validator(&answer.headers);
        if self.catalog.episode_begun(episode.claim, id, validator.as_deref()).await? {
            return Ok(id);
        }
        self.cancel(user, id).await;
        Err(Error::new(ErrorKind::Unwanted, "it is not wanted any more"))
    }

    /// Takes in what comes. If it is called off, nothing of it is kept.
    async fn receive(
        &self,
        user: &User,
        id: UploadId,
        answer: OutgoingAnswer,
        called_off: &CancellationToken,
    ) -> Result<TrackId, Error> {
        let mut receiving = self.ingest.take(user, id).await?;
        let body = StreamBody::new(Box::pin(pieces(answer).map_ok(Frame::data)));
        tokio::select! {
            received = receiving.append(body, None) => { received?; }
            () = called_off.cancelled() => {
                drop(receiving);
                self.cancel(user, id).await;
                return Err(Error::new(ErrorKind::Unwanted, "it is not wanted any more"));
            }
        }
        match track_of(&receiving.end().await?) {
            Some(track) => track,
            None => self.end_of(user, id).await,
        }
    }

    /// Waits until a remote store has all of it.
    async fn end_of(&self, user: &User, id: UploadId) -> Result<TrackId, Error> {
        let mut progress = self.ingest.watch(user, id).await?;
        let ended = progress.wait_for(|progress| progress.phase.is_end());
        let waited = tokio::time::timeout(Duration::from_millis(REMOTE_WHOLE_MS), ended).await;
        let slow = || Error::new(ErrorKind::Busy, "the store does not have it yet");
        waited.map_err(|_| slow())?.map_err(|_| slow())?;
        let row = self.ingest.status(user, id).await?.row;
        track_of(&row).unwrap_or_else(|| Err(slow()))
    }

    /// What nobody wants any more is removed again, if it came all the same.
    async fn take_back(&self, fetched: &EpisodeFetched) {
        let EpisodeFetched::Completed(track) = fetched else { return };
        if let Err(error) = self.catalog.remove_track(&Viewer::server(), *track).await {
            tracing::warn!(%track, %error, "an episode that nobody wants any more could not be removed");
        }
        self.ingest.sweep_soon();
    }

    /// Ends an upload. One that cannot be ended now expires.
    async fn cancel(&self, user: &User, id: UploadId) {
        if let Err(error) = self.ingest.cancel(user, id).await {
            tracing::debug!(upload = %id, %error, "an episode's upload could not be ended");
        }
    }
}

/// What is to become of an episode that did not come, or not whole.
fn later(episode: &WantedEpisode, moved: bool, error: &Error) -> EpisodeFetched {
    let why = error.said().to_owned();
    let tries = if moved { 0 } else { episode.tries + 1 };
    if !error.may_pass() || tries >= PODCAST_TRIES_MAX {
        return EpisodeFetched::Failed(why);
    }
    let wait = backoff(PODCAST_RETRY_MS, tries, u64::MAX);
    EpisodeFetched::Later { tries, due: after(wait), why }
}

/// Asks for an episode, or for what is missing of it if it is still the same.
fn question(url: &str, known: Option<(u64, &str)>) -> Result<Request<Bytes>, Error> {
    let mut request = Request::get(url)
        .body(Bytes::new())
        .map_err(|_| Error::new(ErrorKind::Denied, "its address is none that can be asked for"))?;
    if let Some((offset, validator)) = known
        && let Ok(validator) = HeaderValue::from_str(validator)
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={offset}-"))
    {
        request.headers_mut().insert(IF_RANGE, validator);
        request.headers_mut().insert(RANGE, range);
    }
    Ok(request)
}

/// Whether a part begins where the last one ended (RFC 9110 section 14.4).
fn begins_at(headers: &HeaderMap, offset: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
    first == Some(offset)
}

/// What names the bytes of an answer, so that the rest of the same ones can be asked for: a strong tag, else a date.
fn validator(headers: &HeaderMap) -> Option<String> {
    let tag = field(headers, &ETAG).filter(|tag| tag.starts_with('"'));
    tag.or_else(|| field(headers, &LAST_MODIFIED))
}

/// How the track is to be called: as the feed has it, whatever the file says.
fn asked(episode: &WantedEpisode) -> Asked {
    let path = episode.url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let author = if episode.author.is_empty() { &episode.channel_title } else { &episode.author };
    Asked {
        filename: percent_decode_str(name).decode_utf8_lossy().into_owned(),
        title: Some(episode.title.clone()),
        artist: Some(author.clone()),
        album: Some(episode.channel_title.clone()),
        tags: vec![GENRE.to_owned()],
        ..Asked::default()
    }
}

/// The track that an upload became, or why it became none; nothing while it is on its way.
fn track_of(row: &UploadRow) -> Option<Result<TrackId, Error>> {
    let unwanted = |said: &str| Some(Err(Error::new(ErrorKind::Unwanted, said)));
    match (row.phase, row.track) {
        (Phase::Ready, Some(track)) => Some(Ok(track)),
        (Phase::Ready, None) => unwanted("what its server sent is no sound and no video"),
        (Phase::Failed, _) => unwanted(row.failure.as_deref().unwrap_or("it cannot be kept")),
        (Phase::Cancelled | Phase::Expired, _) => unwanted("it was cancelled"),
        (Phase::Receiving | Phase::Checking | Phase::Publishing, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_on_only_where_the_last_one_ended() {
        let check = |range: &str, offset: u64, expected: bool| {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_str(range).unwrap())]);
            assert_eq!(begins_at(&headers, offset), expected, "{range:?}");
        };
        check("bytes 10-19/20", 10, true);
        check("bytes 10-19/*", 10, true);
        check("bytes 0-19/20", 10, false);
        check("bytes */20", 10, false);
        check("lines 10-19/20", 10, false);
        assert!(!begins_at(&HeaderMap::new(), 0));
    }

    #[test]
    fn only_what_names_bytes_lets_a_part_be_asked_for() {
        let check = |fields: &[(http::HeaderName, &'static str)], expected: Option<&str>| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            assert_eq!(validator(&HeaderMap::from_iter(fields)).as_deref(), expected);
        };
        let date = (LAST_MODIFIED, "Tue, 14 Nov 2023 22:13:20 GMT");
        check(&[(ETAG, "\"a\""), date.clone()], Some("\"a\""));
        check(&[(ETAG, "W/\"a\""), date.clone()], Some(date.1));
        check(&[(ETAG, "W/\"a\"")], None);
        check(&[], None);
    }
}
