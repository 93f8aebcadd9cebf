//! Who plays what now.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use budget::limits::NOW_PLAYING_NAME_CHARS_MAX;
use catalog::{ErrorKind, Track, Viewer};
use jiff::Timestamp;
use tokio::time::Instant;

use super::media::media_id;
use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Rows, is_full};
use crate::model::{Bare, Child};
use crate::playing::{Play, Playing, State};
use crate::reply::Writer;

/// The usual speed, in thousandths of itself.
const USUAL_RATE: u32 = 1_000;
/// Nobody listens faster.
const RATE_MAX: f64 = 16.0;

/// `getNowPlaying`: what players said they play, as far as the user may see it.
pub(crate) async fn now_playing(call: Call) -> Answer {
    let (now, playing) = (Instant::now(), &call.face.playing);
    count(&call, playing.forget_ended(now)).await?;
    let rows = Players { reader: call.reader()?, left: playing.all(now).into() };
    call.list("nowPlaying", &Bare {})?.part("entry", rows).answer().await
}

struct Players {
    reader: Reader,
    left: VecDeque<(u64, Playing)>,
}

#[async_trait]
impl Rows for Players {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        while !is_full(out)
            && let Some((number, playing)) = self.left.pop_front()
        {
            match self.reader.catalog.track(&self.reader.viewer, playing.track).await {
                Ok(track) => {
                    out.row(&Child::now_playing(&track, number, &playing, Instant::now()))?;
                }
                // What somebody else plays may be his alone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(!self.left.is_empty())
    }
}

/// `reportPlayback`: a player tells what it does. Once it stops, begins another song or says nothing more, a song of which
/// enough was heard counts as played.
pub(crate) async fn report_playback(call: Call) -> Answer {
    let viewer = call.viewer()?;
    let id = media_id(&call).await?;
    let position_ms =
        call.params.optional_number("positionMs")?.ok_or_else(|| Error::missing("positionMs"))?;
    let state = match &*call.params.text("state")? {
        "starting" => Some(State::Starting),
        "playing" => Some(State::Playing),
        "paused" => Some(State::Paused),
        "stopped" => None,
        _ => return Err(Error::bad("state", "starting, playing, paused or stopped")),
    };
    let rate_thousandths = rate(&call)?;
    let counts = !call.params.flag("ignoreScrobble", false)?;
    let track = call.catalog().track(&viewer, id).await?;
    // One that stopped holds for good.
    let playing = playing(&call, &track, state.unwrap_or(State::Paused))?;
    let said = Playing { position_ms, rate_thousandths, reports: true, counts, ..playing };
    let now_playing = &call.face.playing;
    if state.is_none() {
        let mut played = now_playing.forget_ended(said.at);
        played.extend(now_playing.stop(&said));
        count(&call, played).await?;
    } else {
        let reported = now_playing.report(said);
        if reported.begins && counts {
            (call.face.parts.begun)(&viewer, id);
        }
        count(&call, reported.played).await?;
    }
    call.format.empty()
}

/// Counts what was played, by whomever: with the eyes that he has now, so that what he sees no more is left out. One that cannot
/// be written takes no other along, and is told to who has reported last.
async fn count(call: &Call, played: Vec<Play>) -> Result<(), Error> {
    let mut outcome = Ok(());
    for Play { user, track, began } in played {
        let counted = async {
            let viewer = Viewer::of(&call.catalog().user(user).await?);
            call.catalog().play(&viewer, &[(track, began)]).await
        };
        match counted.await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%user, %track, %error, "a song that was heard could not be counted");
                outcome = Err(error.into());
            }
            _ => {}
        }
    }
    outcome
}

/// Remembers that a player has begun a song, of which it says no more.
pub(crate) async fn begun(call: &Call, track: &Track) -> Result<(), Error> {
    let reported = call.face.playing.report(playing(call, track, State::Playing)?);
    (call.face.parts.begun)(&call.viewer()?, track.id);
    count(call, reported.played).await
}

fn playing(call: &Call, track: &Track, state: State) -> Result<Playing, Error> {
    let user = call.user()?;
    Ok(Playing {
        user: user.id,
        user_name: user.name.as_str().into(),
        player: player(call),
        track: track.id,
        duration_ms: track.duration_ms,
        state,
        position_ms: 0,
        rate_thousandths: USUAL_RATE,
        at: Instant::now(),
        reports: false,
        counts: false,
        began: Timestamp::now().as_millisecond(),
        heard_ms: 0,
    })
}

/// What the player calls itself.
fn player(call: &Call) -> Arc<str> {
    let name: String =
        call.params.get("c").unwrap_or_default().chars().take(NOW_PLAYING_NAME_CHARS_MAX).collect();
    name.into()
}

/// The speed, in thousandths of the usual.
fn rate(call: &Call) -> Result<u32, Error> {
    let Some(text) = call.params.get("playbackRate") else { return Ok(USUAL_RATE) };
    let rate = text.parse::<f64>().ok().filter(|rate| (0.0..=RATE_MAX).contains(rate));
    let rate = rate.ok_or_else(|| Error::bad("playbackRate", "a number from 0 to 16"))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 16,000")]
    Ok((rate * f64::from(USUAL_RATE)).round() as u32)
}
