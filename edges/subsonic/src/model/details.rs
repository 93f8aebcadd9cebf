//! What OpenSubsonic adds to songs and albums: people, loudness, dates.

use std::borrow::Cow;

use catalog::{ArtistId, Contributor, Credit, Date, Gain, Part};
use serde::{Serialize, Serializer};

use super::Shown;

/// An artist inside a song or an album.
#[derive(Serialize)]
pub(super) struct ArtistLink<'a> {
    id: Shown<ArtistId>,
    pub(super) name: Cow<'a, str>,
}

/// The artists of a song or an album. Most have one, for whom nothing is allocated.
pub(super) enum ArtistLinks<'a> {
    One(ArtistLink<'a>),
    Many(Vec<ArtistLink<'a>>),
}

impl<'a> ArtistLinks<'a> {
    /// These artists, or the one of the row.
    pub(super) fn of(credits: Vec<Credit>, id: ArtistId, name: &'a str) -> Self {
        match credits.is_empty() {
            true => ArtistLinks::One(ArtistLink { id: Shown(id), name: name.into() }),
            false => ArtistLinks::Many(credits.into_iter().map(ArtistLink::of).collect()),
        }
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, ArtistLink<'a>> {
        match self {
            ArtistLinks::One(one) => std::slice::from_ref(one).iter(),
            ArtistLinks::Many(many) => many.iter(),
        }
    }
}

impl Serialize for ArtistLinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl ArtistLink<'_> {
    fn of(credit: Credit) -> Self {
        ArtistLink { id: Shown(credit.id), name: credit.name.into() }
    }
}

/// Several names in one line, as people write them.
pub(super) fn display<'n, 'a: 'n>(mut names: impl Iterator<Item = &'n ArtistLink<'a>>) -> Cow<'a, str> {
    // Most have one, and it is there already.
    let mut line = names.next().map_or(Cow::Borrowed(""), |first| first.name.clone());
    for next in names {
        line.to_mut().extend([", ", &*next.name]);
    }
    line
}

/// Somebody who took part in a song.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContributorLink {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_role: Option<String>,
    pub(super) artist: ArtistLink<'static>,
}

impl ContributorLink {
    pub(super) fn is_composer(&self) -> bool {
        self.role == Part::Composer.name()
    }

    pub(super) fn of(contributor: Contributor) -> Self {
        let Contributor { role, instrument, artist } = contributor;
        ContributorLink { role: role.name(), sub_role: instrument, artist: ArtistLink::of(artist) }
    }
}

/// Millionths, shown as a number with a fraction.
#[derive(Clone, Copy)]
struct Millionths(i64);

impl Serialize for Millionths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the scan lets nothing beyond a thousand millions pass"
        )]
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

/// How loud a song is: decibels, and shares of full scale.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplayGain {
    #[serde(skip_serializing_if = "Option::is_none")]
    track_gain: Option<Millionths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    album_gain: Option<Millionths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_peak: Option<Millionths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    album_peak: Option<Millionths>,
}

impl From<Gain> for ReplayGain {
    fn from(gain: Gain) -> Self {
        let peak = |peak: u64| i64::try_from(peak).ok().map(Millionths);
        ReplayGain {
            track_gain: gain.track_gain_udb.map(Millionths),
            album_gain: gain.album_gain_udb.map(Millionths),
            track_peak: gain.track_peak_millionths.and_then(peak),
            album_peak: gain.album_peak_millionths.and_then(peak),
        }
    }
}

/// A day, as exactly as it is known.
#[derive(Serialize)]
pub(super) struct ItemDate {
    year: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<u8>,
}

impl From<Date> for ItemDate {
    fn from(Date { year, month, day }: Date) -> Self {
        ItemDate { year, month, day }
    }
}

/// A label that published an album.
#[derive(Serialize)]
pub(super) struct RecordLabel {
    pub(super) name: String,
}
