//! What is in a video besides its pictures: `videoInfo`.

use catalog::{Caption, Sound, TrackId, Video};
use serde::Serialize;

use super::Shown;
use crate::captions::{Beside, Purpose};

/// Tracks of sound and of text. Conversions are none: what an address asks for is made when it is asked.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VideoInfo<'a> {
    id: Shown<TrackId>,
    captions: Vec<Captions<'a>>,
    audio_track: Vec<AudioTrack<'a>>,
    conversion: Vec<Conversion>,
}

/// A track of text.
#[derive(Serialize)]
struct Captions<'a> {
    /// Of a text in the file its number, of a file beside it the end of its name.
    id: String,
    name: String,
    #[serde(rename = "languageCode", skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

/// A track of sound.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AudioTrack<'a> {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

/// A version that is kept beside the original.
#[derive(Serialize)]
struct Conversion {}

impl<'a> VideoInfo<'a> {
    /// Of a video at which nobody has looked, or which cannot be read, nothing is known but what lies beside it.
    pub(crate) fn of(video: &'a Video, beside: &'a [Beside]) -> Self {
        let (sounds, captions) =
            video.facts().map_or((&[][..], &[][..]), |facts| (&facts.sounds, &facts.captions));
        VideoInfo {
            id: Shown(video.track.id),
            captions: beside.iter().map(Captions::beside).chain(captions.iter().map(Captions::of)).collect(),
            audio_track: sounds.iter().map(AudioTrack::of).collect(),
            conversion: Vec::new(),
        }
    }
}

impl<'a> Captions<'a> {
    fn of(caption: &'a Caption) -> Self {
        let Caption { stream, codec, language } = caption;
        let language = language.as_deref();
        Captions { id: stream.to_string(), name: named(language, codec), language_code: language }
    }

    fn beside(file: &'a Beside) -> Self {
        let Beside { id, language, purpose, written } = file;
        let purpose = match purpose {
            Purpose::Default | Purpose::Plain => "",
            Purpose::Sdh => ", for the hard of hearing",
            Purpose::Forced => ", forced",
        };
        let language = language.as_deref();
        let name = named(language, &format!("{}{purpose}", written.suffix()));
        Captions { id: id.clone(), name, language_code: language }
    }
}

impl<'a> AudioTrack<'a> {
    fn of(sound: &'a Sound) -> Self {
        let Sound { stream, codec, language, channels, .. } = sound;
        let language = language.as_deref();
        let name = named(language, &format!("{codec}, {channels} channels"));
        AudioTrack { id: stream.to_string(), name, language_code: language }
    }
}

/// What people choose a track by.
fn named(language: Option<&str>, what: &str) -> String {
    language.map_or_else(|| what.to_owned(), |language| format!("{language} ({what})"))
}
