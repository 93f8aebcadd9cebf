//! ListenBrainz, and what speaks as it does: a token for each user, listens in JSON.

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Heard, Scrobble, UnixMs};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde::Serialize;
use serde_json::Value;
use store::Outgoing;

use crate::ask::{Answered, ask};
use crate::service::{Speaks, Step, Trouble};

const NAME: &str = "ListenBrainz";
/// What we call ourselves in listens.
const CLIENT: &str = "Millpond";
/// It takes nothing that was heard before the first service of this kind began, on the 1st of October 2002.
// format: LISTEN_MINIMUM_TS of ListenBrainz
const EARLIEST_MS: UnixMs = 1_033_430_400_000;

/// ListenBrainz at one address.
pub(crate) struct ListenBrainz<'a> {
    pub(crate) outgoing: &'a Outgoing,
    /// Where its API is, above `/1/`.
    pub(crate) url: &'a str,
}

#[derive(Serialize)]
struct Submission<'a> {
    listen_type: &'static str,
    payload: Vec<Listen<'a>>,
}

#[derive(Serialize)]
struct Listen<'a> {
    /// Seconds since 1970; none for what is being played.
    #[serde(skip_serializing_if = "Option::is_none")]
    listened_at: Option<i64>,
    track_metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    artist_name: &'a str,
    track_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_name: Option<&'a str>,
    additional_info: Additional<'a>,
}

#[derive(Serialize)]
struct Additional<'a> {
    media_player: &'static str,
    submission_client: &'static str,
    submission_client_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracknumber: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_mbid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_mbid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist_mbids: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    isrc: Option<&'a str>,
}

impl<'a> Listen<'a> {
    fn of(heard: &'a Heard, played: Option<UnixMs>) -> Self {
        let additional_info = Additional {
            media_player: CLIENT,
            submission_client: CLIENT,
            submission_client_version: env!("CARGO_PKG_VERSION"),
            duration_ms: Some(heard.duration_ms).filter(|ms| *ms > 0),
            tracknumber: heard.track,
            recording_mbid: heard.recording.as_deref(),
            release_mbid: heard.release.as_deref(),
            artist_mbids: heard.artists.as_deref(),
            isrc: heard.isrcs.iter().flatten().next().map(String::as_str),
        };
        Listen {
            listened_at: played.map(|ms| ms / 1_000),
            track_metadata: Metadata {
                artist_name: heard.artist.as_deref().unwrap_or_default(),
                track_name: &heard.title,
                release_name: heard.album.as_deref(),
                additional_info,
            },
        }
    }
}

impl ListenBrainz<'_> {
    async fn ask(&self, token: &str, path: &str, body: Option<&Submission<'_>>) -> Result<Answered, Trouble> {
        let mut proof = HeaderValue::try_from(format!("Token {token}"))
            .map_err(|_| Trouble::refused("the token has characters that no token has"))?;
        proof.set_sensitive(true);
        let method = if body.is_some() { Method::POST } else { Method::GET };
        // Serialising our own types into memory cannot fail.
        let body = body.map(|body| serde_json::to_vec(body).unwrap_or_default()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/1/{path}", self.url.trim_end_matches('/')))
            .header(AUTHORIZATION, proof)
            .header(CONTENT_TYPE, "application/json")
            .body(Bytes::from(body));
        let answered = ask(self.outgoing, NAME, request).await?;
        let words = words(&answered.body);
        match answered.status {
            status if status.is_success() => Ok(answered),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Trouble::refused(format!(
                "{NAME} does not take the token: {}",
                words.unwrap_or("no reason told")
            ))),
            // Said by the service itself, and not by something on the way that does not know what it passes on.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE if words.is_some() => {
                Err(Trouble::Unfit { why: format!("{NAME} answered: {}", words.unwrap_or_default()) })
            }
            _ => Err(answered.later(NAME, words)),
        }
    }
}

/// What an error says.
fn words(body: &Value) -> Option<&str> {
    body["error"].as_str().or_else(|| body["message"].as_str())
}

#[async_trait]
impl Speaks for ListenBrainz<'_> {
    async fn approach(&self, secret: Option<&str>) -> Result<Step, Trouble> {
        let token = secret.ok_or_else(|| Trouble::refused("there is no token"))?;
        let answered = self.ask(token, "validate-token", None).await?;
        match (answered.body["valid"].as_bool(), answered.body["user_name"].as_str()) {
            (Some(true), Some(name)) => Ok(Step::Open { secret: token.to_owned(), name: name.to_owned() }),
            (Some(false), _) => Err(Trouble::refused(format!("{NAME} does not know the token"))),
            _ => Err(Trouble::later(format!("what answers at the address does not speak as {NAME} does"))),
        }
    }

    async fn tell(&self, secret: &str, plays: &[&Scrobble]) -> Result<Vec<bool>, Trouble> {
        let listen_type = if plays.len() == 1 { "single" } else { "import" };
        let payload = plays.iter().map(|play| Listen::of(&play.heard, Some(play.played))).collect();
        self.ask(secret, "submit-listens", Some(&Submission { listen_type, payload })).await?;
        Ok(vec![true; plays.len()])
    }

    async fn begin(&self, secret: &str, heard: &Heard) -> Result<(), Trouble> {
        let submission = Submission { listen_type: "playing_now", payload: vec![Listen::of(heard, None)] };
        self.ask(secret, "submit-listens", Some(&submission)).await.map(drop)
    }

    fn fits(&self, play: &Scrobble) -> bool {
        play.heard.artist.is_some() && !play.heard.title.is_empty() && play.played >= EARLIEST_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_has_the_fields_that_the_service_documents_and_none_that_is_not_known() {
        let known = Heard {
            title: "Weir".into(),
            artist: Some("Ann & Bob".into()),
            album: Some("One".into()),
            album_artist: Some("Ann".into()),
            track: Some(3),
            duration_ms: 180_500,
            recording: Some("r".into()),
            release: Some("l".into()),
            artists: Some(vec!["a".into(), "b".into()]),
            isrcs: Some(vec!["DE1".into(), "DE2".into()]),
        };
        let unknown = Heard { title: "Sluice".into(), artist: Some("Bob".into()), ..Heard::default() };
        let client = serde_json::json!({
            "media_player": "Millpond", "submission_client": "Millpond",
            "submission_client_version": env!("CARGO_PKG_VERSION"),
        });
        let mut more = client.clone();
        more.as_object_mut().unwrap().extend(
            serde_json::json!({
                "duration_ms": 180_500, "tracknumber": 3, "recording_mbid": "r", "release_mbid": "l",
                "artist_mbids": ["a", "b"], "isrc": "DE1",
            })
            .as_object()
            .unwrap()
            .clone(),
        );
        let listens = vec![Listen::of(&known, Some(1_443_521_965_999)), Listen::of(&unknown, None)];
        let submission = Submission { listen_type: "import", payload: listens };
        assert_eq!(
            serde_json::to_value(submission).unwrap(),
            serde_json::json!({"listen_type": "import", "payload": [
                {"listened_at": 1_443_521_965, "track_metadata": {
                    "artist_name": "Ann & Bob", "track_name": "Weir", "release_name": "One", "additional_info": more}},
                {"track_metadata": {
                    "artist_name": "Bob", "track_name": "Sluice", "additional_info": client}},
            ]})
        );
    }
}
