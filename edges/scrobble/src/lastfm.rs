//! Last.fm: signed calls in the name of the operator's API key, with a session for each user.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use budget::limits::{SCROBBLE_APPROVAL_MS, SCROBBLE_RETRY_MS_MAX};
use bytes::Bytes;
use catalog::{Heard, Scrobble};
use data_encoding::HEXLOWER;
use form_urlencoded::Serializer;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use md5::{Digest, Md5};
use serde_json::Value;
use store::Outgoing;

use crate::LastFmSettings;
use crate::ask::{Answered, ask};
use crate::service::{Speaks, Step, Trouble};

const NAME: &str = "Last.fm";
/// Where its users approve; those who speak as it does have that beside their API.
const APPROVAL: &str = "https://www.last.fm/api/auth/";
/// Where its own API is.
const HOST: &str = "ws.audioscrobbler.com";
/// Tracks up to this length are not counted.
// format: the rule of Last.fm for scrobbles
const SHORTEST_MS: u64 = 30_000;

/// The names and values of a call, in the order in which they are signed.
type Params = BTreeMap<String, String>;

/// Last.fm, by the key of this server.
pub(crate) struct LastFm<'a> {
    pub(crate) outgoing: &'a Outgoing,
    pub(crate) settings: &'a LastFmSettings,
}

impl LastFm<'_> {
    /// Calls a method; what changes something is posted.
    async fn call(&self, http: Method, method: &str, params: Params) -> Result<Value, Trouble> {
        let (form, url) = (self.form(method, params), &self.settings.url);
        let (uri, body) = match http {
            Method::GET => (format!("{url}?{form}"), String::new()),
            _ => (url.clone(), form),
        };
        let request = Request::builder()
            .method(http)
            .uri(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body));
        let answered = ask(self.outgoing, NAME, request).await?;
        match answered.body["error"].as_u64() {
            Some(code) => Err(trouble(code, &answered)),
            None if answered.status == StatusCode::OK && answered.body.is_object() => Ok(answered.body),
            None => Err(answered.later(NAME, None)),
        }
    }

    /// A call as a form, signed.
    fn form(&self, method: &str, mut params: Params) -> String {
        params.insert("method".to_owned(), method.to_owned());
        params.insert("api_key".to_owned(), self.settings.key.clone());
        let signature = signature(&params, &self.settings.secret);
        let mut form = Serializer::new(String::new());
        form.extend_pairs(&params).append_pair("api_sig", &signature).append_pair("format", "json");
        form.finish()
    }

    /// Where a user approves a token.
    fn approval(&self, token: &str) -> String {
        let url = &self.settings.url;
        let is_its_own = url.split('/').nth(2) == Some(HOST);
        let beside =
            || url.trim_end_matches('/').rsplit_once('/').map(|(above, _)| format!("{above}/api/auth/"));
        let page = if is_its_own { None } else { beside() };
        let mut query = Serializer::new(String::new());
        query.append_pair("api_key", &self.settings.key).append_pair("token", token);
        format!("{}?{}", page.as_deref().unwrap_or(APPROVAL), query.finish())
    }
}

/// `api_sig`: the MD5 of all names and values in their order, without any mark between them, and the secret.
fn signature(params: &Params, secret: &str) -> String {
    let mut digest = Md5::new();
    for (name, value) in params {
        digest.update(name.as_bytes());
        digest.update(value.as_bytes());
    }
    digest.update(secret.as_bytes());
    HEXLOWER.encode(&digest.finalize())
}

/// What an error's number means for us.
fn trouble(code: u64, answered: &Answered) -> Trouble {
    let words = answered.body["message"].as_str();
    let said = format!("{NAME} answered: {}", words.unwrap_or("an error without words"));
    match code {
        // Authentication failed, a session that is none any more, not signed in, a token that came too late.
        4 | 9 | 15 | 17 => Trouble::Refused { why: said },
        // Parameters that it does not take.
        6 | 7 => Trouble::Unfit { why: said },
        // The user has not approved yet.
        14 => Trouble::Later {
            after: Some(Duration::from_millis(SCROBBLE_APPROVAL_MS)),
            why: format!("{NAME} waits for your approval"),
        },
        // The operator's key is none, or must not do this, or does not fit its secret.
        10 | 13 | 26 => {
            tracing::warn!(code, "Last.fm does not take the API key of this server");
            answered.later(NAME, words)
        }
        _ => answered.later(NAME, words),
    }
}

/// Adds what is known of a track, each name with this behind it.
fn describe(params: &mut Params, heard: &Heard, behind: &str) {
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            params.insert(format!("{name}{behind}"), value);
        }
    };
    add("artist", heard.artist.clone());
    add("track", Some(heard.title.clone()));
    add("album", heard.album.clone());
    add("albumArtist", heard.album_artist.clone().filter(|_| heard.album_artist != heard.artist));
    add("trackNumber", heard.track.map(|number| number.to_string()));
    add("duration", Some(heard.duration_ms / 1_000).filter(|s| *s > 0).map(|seconds| seconds.to_string()));
    add("mbid", heard.recording.clone());
}

/// Why a play is ignored for today alone.
// format: track.scrobble, ignoredMessage codes
const DAILY_LIMIT: u64 = 5;

/// For each play whether it was taken: one play comes alone, several come as a list, in the order in which they were told.
/// What is beyond the day's limit is told again later, all together, as those that were taken are known to the service.
fn wanted(answer: &Value, count: usize) -> Result<Vec<bool>, Trouble> {
    let told = &answer["scrobbles"]["scrobble"];
    let told = told.as_array().map_or(std::slice::from_ref(told), Vec::as_slice);
    let reason = |at: usize| {
        let code = &told.get(at)?["ignoredMessage"]["code"];
        // It is written as text, and by some as a number.
        code.as_str().map_or(code.as_u64(), |text| text.parse().ok())
    };
    let reasons: Vec<_> = (0..count).map(reason).collect();
    if reasons.contains(&Some(DAILY_LIMIT)) {
        let after = Some(Duration::from_millis(SCROBBLE_RETRY_MS_MAX));
        return Err(Trouble::Later { after, why: format!("{NAME} takes no more plays today") });
    }
    Ok(reasons.into_iter().map(|code| code.is_none_or(|code| code == 0)).collect())
}

#[async_trait]
impl Speaks for LastFm<'_> {
    async fn approach(&self, secret: Option<&str>) -> Result<Step, Trouble> {
        let strange = || Trouble::later(format!("{NAME} answered something else than was asked"));
        let Some(token) = secret else {
            let answer = self.call(Method::GET, "auth.getToken", Params::new()).await?;
            let token = answer["token"].as_str().ok_or_else(strange)?;
            return Ok(Step::Approve { secret: token.to_owned(), address: self.approval(token) });
        };
        let params = Params::from([("token".to_owned(), token.to_owned())]);
        let answer = self.call(Method::GET, "auth.getSession", params).await?;
        let session = &answer["session"];
        let (name, key) = session["name"].as_str().zip(session["key"].as_str()).ok_or_else(strange)?;
        Ok(Step::Open { secret: key.to_owned(), name: name.to_owned() })
    }

    async fn tell(&self, secret: &str, plays: &[&Scrobble]) -> Result<Vec<bool>, Trouble> {
        let mut params = Params::from([("sk".to_owned(), secret.to_owned())]);
        for (at, play) in plays.iter().enumerate() {
            let behind = format!("[{at}]");
            describe(&mut params, &play.heard, &behind);
            params.insert(format!("timestamp{behind}"), (play.played / 1_000).to_string());
        }
        let answer = self.call(Method::POST, "track.scrobble", params).await?;
        wanted(&answer, plays.len())
    }

    async fn begin(&self, secret: &str, heard: &Heard) -> Result<(), Trouble> {
        let mut params = Params::from([("sk".to_owned(), secret.to_owned())]);
        describe(&mut params, heard, "");
        self.call(Method::POST, "track.updateNowPlaying", params).await.map(drop)
    }

    fn fits(&self, play: &Scrobble) -> bool {
        let Heard { artist, title, duration_ms, .. } = &play.heard;
        let is_long = *duration_ms == 0 || *duration_ms > SHORTEST_MS;
        artist.is_some() && !title.is_empty() && is_long && play.played > 0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_call_is_signed_over_its_sorted_names_and_the_secret() {
        let call = params(&[("token", "xxx"), ("method", "auth.getSession"), ("api_key", "yyy")]);
        let expected = Md5::digest("api_keyyyymethodauth.getSessiontokenxxxmysecret");
        assert_eq!(signature(&call, "mysecret"), HEXLOWER.encode(&expected));
        // By the numbers of their letters: `[` comes behind the digits.
        let call = params(&[("artist[1]", "b"), ("artist[10]", "ä"), ("artist[2]", "c")]);
        let expected = Md5::digest("artist[10]äartist[1]bartist[2]cs");
        assert_eq!(signature(&call, "s"), HEXLOWER.encode(&expected));
    }

    #[test]
    fn a_track_is_described_by_what_is_known() {
        let mut heard = Heard {
            title: "Weir".into(),
            artist: Some("Ann".into()),
            album: Some("One".into()),
            album_artist: Some("Ann".into()),
            track: Some(3),
            duration_ms: 180_500,
            recording: Some("r".into()),
            ..Heard::default()
        };
        let mut described = Params::new();
        describe(&mut described, &heard, "[7]");
        let expected = [
            ("artist[7]", "Ann"),
            ("track[7]", "Weir"),
            ("album[7]", "One"),
            ("trackNumber[7]", "3"),
            ("duration[7]", "180"),
            ("mbid[7]", "r"),
        ];
        assert_eq!(described, params(&expected));
        heard = Heard { title: "Weir".into(), album_artist: Some("Bob".into()), ..Heard::default() };
        let mut described = Params::new();
        describe(&mut described, &heard, "");
        assert_eq!(described, params(&[("track", "Weir"), ("albumArtist", "Bob")]));
    }

    #[test]
    fn what_is_ignored_is_known_for_one_play_and_for_many() {
        let one = |code: Value| json!({ "ignoredMessage": { "code": code, "#text": "" } });
        let check = |told: Value, expected: &[bool]| {
            let answer = json!({ "scrobbles": { "scrobble": told, "@attr": {} } });
            assert_eq!(wanted(&answer, expected.len()).ok(), Some(expected.to_vec()), "{answer}");
        };
        check(one(json!("0")), &[true]);
        check(one(json!("3")), &[false]);
        check(json!([one(json!("0")), one(json!(1)), one(json!(0))]), &[true, false, true]);
        check(Value::Null, &[true, true]);
    }

    #[test]
    fn short_tracks_and_those_without_a_name_are_not_told() {
        let outgoing =
            Outgoing::new(budget::Budget::new(128 << 20).unwrap(), store::Private::Refused).unwrap();
        let settings = LastFmSettings { url: String::new(), key: String::new(), secret: String::new() };
        let lastfm = LastFm { outgoing: &outgoing, settings: &settings };
        let check = |duration_ms: u64, artist: Option<&str>, expected: bool| {
            let artist = artist.map(str::to_owned);
            let heard = Heard { title: "x".into(), artist, duration_ms, ..Heard::default() };
            assert_eq!(lastfm.fits(&Scrobble { id: catalog::ScrobbleId(1), played: 1, heard }), expected);
        };
        check(30_000, Some("a"), false);
        check(30_001, Some("a"), true);
        check(0, Some("a"), true);
        check(90_000, None, false);
    }

    #[test]
    fn a_user_approves_where_the_service_is() {
        let outgoing =
            Outgoing::new(budget::Budget::new(128 << 20).unwrap(), store::Private::Refused).unwrap();
        let check = |url: &str, expected: &str| {
            let settings = LastFmSettings { url: url.into(), key: "k&".into(), secret: String::new() };
            assert_eq!(LastFm { outgoing: &outgoing, settings: &settings }.approval("t"), expected);
        };
        let its_own = "https://www.last.fm/api/auth/?api_key=k%26&token=t";
        check("https://ws.audioscrobbler.com/2.0/", its_own);
        check("https://libre.example/2.0/", "https://libre.example/api/auth/?api_key=k%26&token=t");
    }
}
