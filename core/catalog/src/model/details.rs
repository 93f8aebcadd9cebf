//! What songs and albums show beyond what lists are ordered by. Rows keep it in one text each, as it is in the
//! database, and it is read where it is shown: most who take a row never look.

use std::fmt;
use std::marker::PhantomData;

use budget::limits::DETAILS_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ArtistId;

/// What somebody did for a track. The numbers are in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Part {
    Artist = 1,
    AlbumArtist = 2,
    Composer = 3,
    Lyricist = 4,
    Conductor = 5,
    Arranger = 6,
    Producer = 7,
    Engineer = 8,
    Mixer = 9,
    DjMixer = 10,
    Remixer = 11,
    Performer = 12,
}

const PARTS: [(Part, &str); 12] = [
    (Part::Artist, "artist"),
    (Part::AlbumArtist, "albumartist"),
    (Part::Composer, "composer"),
    (Part::Lyricist, "lyricist"),
    (Part::Conductor, "conductor"),
    (Part::Arranger, "arranger"),
    (Part::Producer, "producer"),
    (Part::Engineer, "engineer"),
    (Part::Mixer, "mixer"),
    (Part::DjMixer, "djmixer"),
    (Part::Remixer, "remixer"),
    (Part::Performer, "performer"),
];

impl Part {
    /// The word that OpenSubsonic servers have for it.
    pub fn name(self) -> &'static str {
        PARTS.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

impl From<Part> for u8 {
    fn from(role: Part) -> u8 {
        role as u8
    }
}

impl TryFrom<u8> for Part {
    type Error = UnknownPart;

    fn try_from(number: u8) -> Result<Self, UnknownPart> {
        PARTS.iter().map(|(role, _)| *role).find(|role| *role as u8 == number).ok_or(UnknownPart)
    }
}

/// What somebody did for the tracks that a viewer sees: each part at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u16);

impl Parts {
    /// Those whose bits are set, each at its number; the rest of the bits say nothing.
    pub(crate) fn of_bits(bits: i64) -> Self {
        PARTS
            .iter()
            .filter(|(part, _)| bits >> *part as u8 & 1 == 1)
            .fold(Self::default(), |all, (part, _)| all.with(*part))
    }

    /// The same with another one.
    pub(crate) fn with(self, part: Part) -> Self {
        Parts(self.0 | 1 << part as u8)
    }

    /// Each of them, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Part> {
        PARTS.iter().map(|(part, _)| *part).filter(move |part| self.0 >> *part as u8 & 1 == 1)
    }
}

/// A number that is no [`Part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPart;

impl fmt::Display for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a part")
    }
}

/// An artist by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, String)", into = "(i64, String)")]
pub struct Credit {
    /// Who.
    pub id: ArtistId,
    /// The name.
    pub name: String,
}

impl From<(i64, String)> for Credit {
    fn from((id, name): (i64, String)) -> Self {
        Credit { id: ArtistId(id), name }
    }
}

impl From<Credit> for (i64, String) {
    fn from(credit: Credit) -> Self {
        (credit.id.0, credit.name)
    }
}

/// Somebody who took part in a track and is none of its artists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// What he did.
    #[serde(rename = "r")]
    pub role: Part,
    /// More exactly: the instrument that he plays.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// Who.
    #[serde(rename = "a")]
    pub artist: Credit,
}

/// How loud a track is, by ReplayGain. Gains in millionths of a decibel, peaks in millionths of full scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Gain {
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub track_gain_udb: Option<i64>,
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub album_gain_udb: Option<i64>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub track_peak_millionths: Option<u64>,
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub album_peak_millionths: Option<u64>,
}

/// A day, as exactly as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, Option<u8>, Option<u8>)", into = "(u32, Option<u8>, Option<u8>)")]
pub struct Date {
    /// 1 to 9999.
    pub year: u32,
    /// 1 to 12.
    pub month: Option<u8>,
    /// 1 to 31; never without a month.
    pub day: Option<u8>,
}

impl From<(u32, Option<u8>, Option<u8>)> for Date {
    fn from((year, month, day): (u32, Option<u8>, Option<u8>)) -> Self {
        Date { year, month, day }
    }
}

impl From<Date> for (u32, Option<u8>, Option<u8>) {
    fn from(date: Date) -> Self {
        (date.year, date.month, date.day)
    }
}

/// What a disc of an album is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscTitle {
    /// Its number.
    pub disc: u32,
    /// Its name.
    pub title: String,
}

/// What a song shows beyond its row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackDetails {
    /// Its artists, where they are not the one of its row.
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty")]
    pub artists: Vec<Credit>,
    /// The artists of its album likewise.
    #[serde(rename = "A", skip_serializing_if = "Vec::is_empty")]
    pub album_artists: Vec<Credit>,
    /// Who else took part.
    #[serde(rename = "c", skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<Contributor>,
    /// Beats per minute.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    pub bpm: Option<u32>,
    /// What somebody noted about it.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The title to sort by.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub sort_name: Option<String>,
    /// The recording in MusicBrainz.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub musicbrainz: Option<String>,
    /// Its codes of ISO 3901.
    #[serde(rename = "i", skip_serializing_if = "Vec::is_empty")]
    pub isrcs: Vec<String>,
    /// Its moods.
    #[serde(rename = "f", skip_serializing_if = "Vec::is_empty")]
    pub moods: Vec<String>,
    /// Whether its words are for adults; `None` when nobody said.
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    pub is_explicit: Option<bool>,
    /// How loud it is.
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
    /// What it is coded in, where its media type and its name do not tell.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub codec: Option<Codec>,
}

/// What may be in a container that is mostly used for something else: in Ogg, which stands for Vorbis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Codec {
    Opus,
    Speex,
}

impl Codec {
    /// As players call it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Speex => "speex",
        }
    }
}

/// What an album shows beyond its row, as its first track tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Release {
    /// Its artists, where they are not the one of its row.
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty")]
    pub artists: Vec<Credit>,
    /// The release in MusicBrainz.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub musicbrainz: Option<String>,
    /// Album, EP, live and so on.
    #[serde(rename = "t", skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Who published it.
    #[serde(rename = "l", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// When this edition came out.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// When it came out first.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub original_date: Option<Date>,
    /// Whether it gathers tracks of several artists.
    #[serde(rename = "c", skip_serializing_if = "std::ops::Not::not")]
    pub is_compilation: bool,
    /// The name to sort by.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub sort_name: Option<String>,
}

/// Details that can be left out until their text is short enough.
pub trait Shorten {
    /// Leaves the least important thing out; `false` when there is nothing left.
    fn shorten(&mut self) -> bool;
}

impl Shorten for TrackDetails {
    fn shorten(&mut self) -> bool {
        self.comment.take().is_some()
            || self.contributors.pop().is_some()
            || self.moods.pop().is_some()
            || self.isrcs.pop().is_some()
            || self.sort_name.take().is_some()
            || self.artists.pop().is_some()
            || self.album_artists.pop().is_some()
    }
}

impl Shorten for Release {
    fn shorten(&mut self) -> bool {
        self.labels.pop().is_some()
            || self.types.pop().is_some()
            || self.sort_name.take().is_some()
            || self.artists.pop().is_some()
    }
}

/// Details as their text, of at most [`DETAILS_BYTES_MAX`]; no text when there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded<T> {
    text: Option<Box<str>>,
    details: PhantomData<T>,
}

impl<T> Default for Encoded<T> {
    fn default() -> Self {
        Encoded { text: None, details: PhantomData }
    }
}

impl<T> Encoded<T> {
    /// The text that a database kept.
    pub(crate) fn kept(text: Option<String>) -> Self {
        Encoded { text: text.map(String::into_boxed_str), details: PhantomData }
    }

    /// The text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

impl<T: Default + PartialEq + Shorten + Serialize + DeserializeOwned> Encoded<T> {
    /// Writes details; what does not fit is left out.
    pub(crate) fn of(mut details: T) -> Self {
        while details != T::default() {
            match serde_json::to_string(&details) {
                Ok(text) if text.len() <= DETAILS_BYTES_MAX => return Self::kept(Some(text)),
                _ if details.shorten() => {}
                _ => break,
            }
        }
        Self::default()
    }

    /// The details; none when a later release wrote something else.
    pub fn read(&self) -> T {
        self.text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_their_bits_and_each_has_a_bit() {
        let all = Parts::of_bits(-1);
        assert_eq!(all.iter().collect::<Vec<_>>(), PARTS.map(|(part, _)| part));
        for (part, _) in PARTS {
            assert_eq!(Parts::of_bits(1 << part as u8).iter().collect::<Vec<_>>(), [part]);
        }
        assert_eq!(Parts::of_bits(1 | 1 << 13), Parts::default(), "no part has these");
    }

    #[test]
    fn details_come_back_as_they_were_written_and_none_need_no_text() {
        assert_eq!(Encoded::of(TrackDetails::default()).text(), None);
        let credit = |id, name: &str| Credit { id: ArtistId(id), name: name.to_owned() };
        let details = TrackDetails {
            artists: vec![credit(1, "A"), credit(2, "B \"b\"")],
            contributors: vec![Contributor {
                role: Part::Performer,
                instrument: Some("oboe".into()),
                artist: credit(3, "C"),
            }],
            bpm: Some(120),
            is_explicit: Some(false),
            gain: Some(Gain { track_gain_udb: Some(-6_540_000), ..Gain::default() }),
            ..TrackDetails::default()
        };
        let encoded = Encoded::of(details.clone());
        assert_eq!(encoded.read(), details);
        assert_eq!(
            encoded.text(),
            Some(
                r#"{"a":[[1,"A"],[2,"B \"b\""]],"c":[{"r":12,"p":"oboe","a":[3,"C"]}],"b":120,"e":false,"g":{"t":-6540000}}"#
            )
        );
        let date = Date { year: 1999, month: Some(3), day: None };
        let release = Release { date: Some(date), is_compilation: true, ..Release::default() };
        assert_eq!(Encoded::of(release.clone()).read(), release);
        for unknown in ["", "[]", r#"{"c":[{"r":99,"a":[1,"x"]}]}"#, r#"{"b":"fast"}"#] {
            let kept: Encoded<TrackDetails> = Encoded::kept(Some(unknown.to_owned()));
            assert_eq!(kept.read(), TrackDetails::default(), "{unknown}");
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_from_its_end() {
        let name = "é".repeat(250);
        let artists: Vec<Credit> =
            (1..=16).map(|id| Credit { id: ArtistId(id), name: name.clone() }).collect();
        let details = TrackDetails {
            artists: artists.clone(),
            comment: Some(name),
            musicbrainz: Some("m".into()),
            ..TrackDetails::default()
        };
        let read = Encoded::of(details).read();
        assert!(read.artists.len() >= 7 && read.artists[..] == artists[..read.artists.len()]);
        assert_eq!((read.comment, read.musicbrainz.as_deref()), (None, Some("m")));
    }
}
