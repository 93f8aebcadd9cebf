//! What a player can do of a codec, and how sound is made that keeps to it.

use catalog::Track;
use serde::Deserialize;
use transform::{Audio, BitDepth, Channels, SampleRate, Sampling};

use super::said::{Said, Text};
use super::{Number, StreamDetails};
use crate::transcode::heard;

/// One bound of what it can do.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Limitation {
    name: Said<String>,
    comparison: Said<String>,
    values: Said<Vec<Text>>,
    required: Said<bool>,
}

impl Limitation {
    /// Whether a stream breaks what must be kept.
    pub(super) fn is_broken_by(&self, stream: &StreamDetails) -> bool {
        *self.required && !self.holds(stream)
    }

    /// Whether a stream keeps it. What is not known of a stream breaks nothing.
    fn holds(&self, stream: &StreamDetails) -> bool {
        let Some(is) = self.of(stream) else { return true };
        match self.comparison.as_str() {
            "Equals" => self.numbers().any(|value| value == is),
            "NotEquals" => self.numbers().all(|value| value != is),
            "LessThanEqual" => self.numbers().next().is_none_or(|value| is <= value),
            "GreaterThanEqual" => self.numbers().next().is_none_or(|value| is >= value),
            _ => true,
        }
    }

    fn of(&self, stream: &StreamDetails) -> Option<u64> {
        match self.name.as_str() {
            "audioChannels" => Some(stream.audio_channels.into()),
            "audioBitrate" => Some(stream.audio_bitrate),
            "audioSamplerate" => Some(stream.audio_samplerate.into()),
            "audioBitdepth" => stream.audio_bitdepth.map(u64::from),
            _ => None,
        }
    }

    fn numbers(&self) -> impl Iterator<Item = u64> {
        self.values.iter().filter_map(|Text(value)| value.parse().ok())
    }

    /// The most bits per second that it allows, where it says so.
    pub(super) fn bits_max(&self) -> Option<u64> {
        let says = *self.name == "audioBitrate" && *self.comparison == "LessThanEqual";
        self.numbers().next().filter(|_| says)
    }

    pub(super) fn reason(&self) -> &'static str {
        match self.name.as_str() {
            "audioChannels" => "AudioChannelsNotSupported",
            "audioBitrate" => "AudioBitrateNotSupported",
            "audioSamplerate" => "AudioSamplerateNotSupported",
            "audioBitdepth" => "AudioBitdepthNotSupported",
            _ => "AudioProfileNotSupported",
        }
    }
}

/// Everything that bounds what is made for a player.
pub(super) struct Limits<'a> {
    pub(super) of_codec: Vec<&'a Limitation>,
    pub(super) kbps_max: Option<u64>,
    pub(super) channels_max: Number,
}

impl Limits<'_> {
    /// The nearest to `asked` that keeps all of them, or else those that must be kept; none where nothing does. Each respect
    /// is settled by itself, and the bitrate last, because what an encoder has of it depends on the others.
    pub(super) fn fit(&self, asked: Audio, track: &Track) -> Option<Audio> {
        let own = heard(&Audio { sampling: Sampling::default(), ..asked.clone() }, track);
        let sampled = |sampling| Audio { sampling, ..asked.clone() };
        let rate = self.first("audioSamplerate", track, || {
            let has = |rate: &SampleRate| {
                let sampling = Sampling { rate: Some(*rate), ..Sampling::default() };
                heard(&sampled(sampling), track).sample_rate_hz == rate.hz()
            };
            let rates = nearest(SampleRate::ALL.into_iter().filter(has), |rate| {
                rate_order(rate.hz(), track.sample_rate_hz)
            });
            rates.map(|rate| sampled(Sampling { rate, ..Sampling::default() }))
        })?;
        let rate = rate.sampling;
        let channels = self.first("audioChannels", track, || {
            let counts = (1..=Channels::MAX.into()).filter_map(|count| Channels::new(count).ok());
            let counts = nearest(counts, |channels| order(channels.count().into(), own.channels.into()));
            counts.map(|channels| sampled(Sampling { channels, ..rate }))
        })?;
        let channels = channels.sampling;
        let depth = self.first("audioBitdepth", track, || {
            let depths = [None, Some(BitDepth::TwentyFour), Some(BitDepth::Sixteen)];
            depths.into_iter().map(|depth| sampled(Sampling { depth, ..channels }))
        })?;
        self.first("audioBitrate", track, || self.bitrates(depth.clone()))
    }

    /// As many bits as were asked for, and then those that are named and not more than he may have.
    fn bitrates(&self, asked: Audio) -> impl Iterator<Item = Audio> {
        let named = self.of_codec.iter().filter(|limit| *limit.name == "audioBitrate");
        let named = named.flat_map(|limit| limit.numbers()).map(|bits| bits / 1_000);
        let mut named: Vec<u64> =
            named.filter(|kbps| self.kbps_max.is_none_or(|most| *kbps <= most)).collect();
        named.sort_unstable_by(|one, other| other.cmp(one));
        let encoding = asked.encoding;
        let named = named.into_iter().filter_map(move |kbps| encoding.bitrate(kbps));
        let other = asked.clone();
        [asked].into_iter().chain(named.map(move |bitrate| Audio { bitrate: Some(bitrate), ..other.clone() }))
    }

    /// The first of these ways that keeps what is said of this respect, or else what must be kept of it.
    fn first<Ways: Iterator<Item = Audio>>(
        &self,
        respect: &str,
        track: &Track,
        ways: impl Fn() -> Ways,
    ) -> Option<Audio> {
        let limits = || self.of_codec.iter().filter(|limit| *limit.name == respect);
        let has_room = |stream: &StreamDetails| {
            respect != "audioChannels" || self.channels_max.allows(stream.audio_channels)
        };
        let keeps_all = |way: &Audio| {
            let stream = StreamDetails::of_made(way, track);
            has_room(&stream) && limits().all(|limit| limit.holds(&stream))
        };
        let breaks_none = |way: &Audio| {
            let stream = StreamDetails::of_made(way, track);
            has_room(&stream) && !limits().any(|limit| limit.is_broken_by(&stream))
        };
        ways().find(keeps_all).or_else(|| ways().find(breaks_none))
    }
}

/// What follows from the source, and then all others, the nearest first.
fn nearest<T, Order: Ord>(
    all: impl IntoIterator<Item = T>,
    order: impl Fn(&T) -> Order,
) -> impl Iterator<Item = Option<T>> {
    let mut all: Vec<T> = all.into_iter().collect();
    all.sort_by_key(order);
    [None].into_iter().chain(all.into_iter().map(Some))
}

/// What is not above the source comes first, the most of it before the rest.
fn order(is: u32, own: u32) -> (bool, u32) {
    (is > own, own.abs_diff(is))
}

/// Of rates that are high enough for music, one of which the source has a whole multiple needs no filter as fine as the others.
fn rate_order(hz: u32, own_hz: u32) -> (bool, bool, u32) {
    let (is_above, distance) = order(hz, own_hz);
    // format: of a compact disc
    let is_whole = hz >= 44_100 && own_hz.is_multiple_of(hz);
    (is_above, !is_whole, distance)
}
