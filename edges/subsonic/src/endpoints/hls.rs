//! HTTP Live Streaming (RFC 8216) of songs and videos, for players that choose a bitrate while they play.
//!
//! A list of what there is to choose from is all that is made here. It leads to lists and pieces by address, signed in the name
//! of whoever asked, since a player that follows a list signs in nowhere.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use budget::limits::{HLS_CHOICES_MAX, HLS_SOUND_KBPS_MIN};
use catalog::{Action, Track, TrackId};
use transform::{
    Asker, Bitrate, Edge, Encoding, Material, PLAYLIST_TYPE, Probe, Size, Soundtrack, Variant, Video,
    VideoTrack, master,
};

use super::transcoding::maker;
use crate::call::{Answer, Call};
use crate::error::Error;
use crate::params::Params;
use crate::transcode::bitrate;

/// What of a video's bits in a second is sound, in kbit/s, for who may have as much as there is.
const SOUND_KBPS: u64 = 128;
/// How wide a picture may be at so many kbit/s before it looks worse than a smaller one.
const WIDTHS: [(u64, u32); 6] =
    [(300, 320), (600, 480), (1_200, 640), (2_500, 960), (4_500, 1_280), (8_000, 1_920)];

/// `hls.m3u8`: one choice for each `bitRate`, or one as the file has it. The sound of a video is the one that its file means
/// to be heard, so `audioTrack` is not heeded.
pub(crate) async fn playlist(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let choices = Choice::all(&call.params)?;
    let transforms = maker(&call)?;
    let user = call.user()?;
    let track = call.catalog().playing(&call.viewer()?, id).await?;
    let source = call.face.parts.shelf.open(&track.place()).await?;
    let material = Material::of(source, &track.place(), &track.id.to_string());
    let probe = transforms.probe(&material, Some(Asker::User(user.id.0))).await?;
    let limit = user.max_bitrate_kbps.map(u64::from).filter(|kbps| *kbps > 0);
    let choices = within(choices, limit);
    let place = Place { call: &call, track: &track };
    let text = match &probe.video {
        Some(pictures) => {
            // Its addresses are worth as much as the right to ask for renditions; sound is made for all who listen.
            call.require(Action::Transform)?;
            place.of_video(&choices, sound_kbps(limit), &probe, pictures)?
        }
        None => place.of_song(&choices, &probe)?,
    };
    let mut response = Response::new(Body::from(text));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST_TYPE));
    // Whoever has its addresses may follow them.
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// One thing to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Choice {
    /// At most so many kbit/s; nothing is as the recipe is usually made.
    kbps: Option<u64>,
    /// How large its picture is to be at most.
    size: Option<(Edge, Edge)>,
}

impl Choice {
    /// All that `bitRate` says; without it there is one.
    fn all(params: &Params) -> Result<Vec<Choice>, Error> {
        let wanted = "kbit/s, or kbit/s and a size as 1000@480x360, at most twelve times";
        let bad = || Error::bad("bitRate", wanted);
        let mut all = Vec::new();
        for text in params.all("bitRate") {
            if all.len() == HLS_CHOICES_MAX {
                return Err(bad());
            }
            all.push(Choice::parse(&text).ok_or_else(bad)?);
        }
        if all.is_empty() {
            all.push(Choice::default());
        }
        Ok(all)
    }

    /// `1000` or `1000@480x360`; 0 is no limit, as everywhere in the protocol.
    fn parse(text: &str) -> Option<Choice> {
        let (kbps, size) = match text.split_once('@') {
            Some((kbps, size)) => (kbps, Some(size.split_once('x')?)),
            None => (text, None),
        };
        let edge = |text: &str| Edge::new(text.parse().ok()?).ok();
        let size = match size {
            Some((width, height)) => Some((edge(width)?, edge(height)?)),
            None => None,
        };
        Some(Choice { kbps: Some(kbps.parse().ok()?).filter(|kbps| *kbps > 0), size })
    }

    /// The video that is made for it, from these pictures.
    fn video(self, sound_kbps: u64, pictures: &VideoTrack) -> Video {
        let kbps = self.kbps.map(|kbps| kbps.saturating_sub(sound_kbps));
        let width = kbps.and_then(|kbps| Edge::new(width_for(kbps).min(pictures.shown().0).into()).ok());
        let (width, height) = match self.size {
            Some((width, height)) => (Some(width), Some(height)),
            None => (width, None),
        };
        let bitrate = kbps.and_then(|kbps| {
            let (least, most) = (budget::limits::BITRATE_KBPS_MIN, budget::limits::BITRATE_KBPS_MAX);
            Bitrate::new(kbps.clamp(least, most)).ok()
        });
        Video { size: Size { width, height, ..Size::default() }, bitrate, ..Video::default() }
    }
}

fn width_for(kbps: u64) -> u32 {
    let fits = WIDTHS.iter().rev().find(|(least, _)| *least <= kbps);
    fits.unwrap_or(&WIDTHS[0]).1
}

/// What of a video is sound for who may not have more than so much: a third of that, and not more than others have.
fn sound_kbps(limit_kbps: Option<u64>) -> u64 {
    limit_kbps.map_or(SOUND_KBPS, |limit| (limit / 3).clamp(HLS_SOUND_KBPS_MIN, SOUND_KBPS))
}

/// The same for who may not have more than so many kbit/s, each once and the smallest first, with which players begin.
fn within(mut choices: Vec<Choice>, limit: Option<u64>) -> Vec<Choice> {
    for choice in &mut choices {
        choice.kbps = [choice.kbps, limit].into_iter().flatten().min();
    }
    choices.sort_by_key(|choice| choice.kbps.unwrap_or(u64::MAX));
    choices.dedup();
    choices
}

/// Where the lists and pieces of a track are.
struct Place<'a> {
    call: &'a Call,
    track: &'a Track,
}

impl Place<'_> {
    /// The signed address of a list, from where this one is.
    fn address(&self, list: &str) -> Result<String, Error> {
        let path = format!("/media/{}/{list}", self.track.id);
        Ok(format!("..{}", (self.call.face.parts.sign)(&path, self.call.user()?.id)))
    }

    fn of_song(&self, choices: &[Choice], probe: &Probe) -> Result<String, Error> {
        let mut variants = Vec::new();
        // What has few bits itself leaves less to choose.
        let mut bitrates = Vec::new();
        for choice in choices {
            let bitrate = bitrate(Encoding::M4a, choice.kbps, self.track);
            if !bitrates.contains(&bitrate) {
                bitrates.push(bitrate);
            }
        }
        for bitrate in bitrates {
            let variant = Variant::of_sound(&Soundtrack { bitrate, ..Soundtrack::default() }, probe)?;
            let option = bitrate.map(|bitrate| format!("&bitrate={}k", bitrate.kbps())).unwrap_or_default();
            variants.push((variant, self.address(&format!("audio.m3u8?mode=audio{option}"))?));
        }
        Ok(master(&variants, None))
    }

    fn of_video(
        &self,
        choices: &[Choice],
        sound_kbps: u64,
        probe: &Probe,
        pictures: &VideoTrack,
    ) -> Result<String, Error> {
        let mut variants = Vec::new();
        // Different choices may come to the same video.
        let mut videos: Vec<Video> =
            choices.iter().map(|choice| choice.video(sound_kbps, pictures)).collect();
        videos.dedup();
        for video in videos {
            let options = options(&video);
            variants.push((Variant::of(&video, probe)?, self.address(&format!("video.m3u8{options}"))?));
        }
        let less = Encoding::M4a.bitrate(sound_kbps).filter(|_| sound_kbps < SOUND_KBPS);
        let sound = less.map_or_else(
            || "audio.m3u8".to_owned(),
            |bitrate| format!("audio.m3u8?mode=audio&bitrate={}k", bitrate.kbps()),
        );
        let sound = probe.audio.as_ref().map(|_| self.address(&sound)).transpose()?;
        Ok(master(&variants, sound.as_deref()))
    }
}

/// A video's size and bitrate as an address has them.
fn options(video: &Video) -> String {
    let mut text = String::new();
    let numbers = [
        ("width", video.size.width.map(|edge| edge.pixels().to_string())),
        ("height", video.size.height.map(|edge| edge.pixels().to_string())),
        ("bitrate", video.bitrate.map(|bitrate| format!("{}k", bitrate.kbps()))),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            let separator = if text.is_empty() { "?" } else { "&" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{name}={number}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(query: &str, limit_kbps: Option<u64>) -> Result<Vec<Option<u64>>, Error> {
        let choices = within(Choice::all(&Params::parse(query))?, limit_kbps);
        Ok(choices.into_iter().map(|choice| choice.kbps).collect())
    }

    #[test]
    fn each_bitrate_is_a_choice_within_the_limit_of_the_user() {
        for (query, limit, expected) in [
            ("", None, vec![None]),
            ("", Some(96), vec![Some(96)]),
            ("bitRate=0", None, vec![None]),
            ("bitRate=320&bitRate=64&bitRate=64", None, vec![Some(64), Some(320)]),
            ("bitRate=320&bitRate=64&bitRate=0", Some(128), vec![Some(64), Some(128)]),
            ("bitRate=1000@480x360&bitRate=200", None, vec![Some(200), Some(1_000)]),
        ] {
            assert_eq!(kbps(query, limit).unwrap(), expected, "{query} {limit:?}");
        }
        for bad in ["x", "-1", "64@", "64@480", "64@480x", "64@9x9", "64@480x99999"] {
            assert!(kbps(&format!("bitRate={bad}"), None).is_err(), "{bad}");
        }
        assert!(
            kbps(&"bitRate=64&".repeat(HLS_CHOICES_MAX + 1), None).is_err(),
            "there are no lists without end"
        );
    }

    #[test]
    fn sound_and_picture_are_within_the_limit_together() {
        for (limit, sound) in
            [(None, 128), (Some(1_000), 128), (Some(300), 100), (Some(96), 32), (Some(8), 32)]
        {
            assert_eq!(sound_kbps(limit), sound, "{limit:?}");
        }
    }

    #[test]
    fn a_picture_is_as_wide_as_its_bits_allow() {
        for (kbps, width) in [(1, 320), (599, 320), (600, 480), (3_000, 960), (100_000, 1_920)] {
            assert_eq!(width_for(kbps), width, "{kbps} kbit/s");
        }
    }

    #[test]
    fn an_address_says_what_the_recipe_says() {
        let choice = Choice::parse("1128@480x360").unwrap();
        assert!(choice.size.is_some());
        let edge = |pixels| Edge::new(pixels).ok();
        let size = Size { width: edge(480), height: edge(360), ..Size::default() };
        let video = Video { size, bitrate: Bitrate::new(1_000).ok(), ..Video::default() };
        assert_eq!(options(&video), "?width=480&height=360&bitrate=1000k");
        assert_eq!(options(&Video::default()), "");
    }
}
