//! What a player says it can play, and what is decided for it: the extension `transcoding` of OpenSubsonic.

mod limits;
mod said;

use catalog::Track;
use serde::{Deserialize, Serialize};
use transform::{Audio, Encoding};

use super::{PCM, TranscodeParams, codec, heard, kbps, lossy_kbps};
use limits::{Limitation, Limits};
use said::{Number, Said};

/// A player, as it describes itself. What it leaves out limits nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClientInfo {
    /// In bits per second, as all bitrates of this extension; 0 is no limit.
    max_audio_bitrate: Number,
    max_transcoding_audio_bitrate: Number,
    direct_play_profiles: Said<Vec<DirectPlay>>,
    transcoding_profiles: Said<Vec<Transcoding>>,
    codec_profiles: Said<Vec<CodecProfile>>,
}

/// Files that it plays as they are; an empty list is everything.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DirectPlay {
    containers: Said<Vec<String>>,
    audio_codecs: Said<Vec<String>>,
    protocols: Said<Vec<String>>,
    max_audio_channels: Number,
}

/// What it wants instead, the best first.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Transcoding {
    container: Said<String>,
    audio_codec: Said<String>,
    protocol: Said<String>,
    max_audio_channels: Number,
}

/// What it can do of one codec.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CodecProfile {
    name: Said<String>,
    limitations: Said<Vec<Limitation>>,
}

/// A stream of sound, as the extension describes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamDetails {
    protocol: &'static str,
    container: String,
    codec: &'static str,
    audio_channels: u32,
    audio_bitrate: u64,
    audio_samplerate: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_bitdepth: Option<u32>,
}

/// What a player is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision {
    can_direct_play: bool,
    can_transcode: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transcode_reason: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcode_params: Option<String>,
    source_stream: StreamDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcode_stream: Option<StreamDetails>,
}

/// Everything is sent as it is made; there is no other protocol for songs.
const HTTP: &str = "http";

impl ClientInfo {
    /// What this player gets of a track, when it may have so many kbit/s at most and sound can be made at all.
    pub(crate) fn decide(&self, track: &Track, limit_kbps: Option<u32>, can_make: bool) -> Decision {
        let source = StreamDetails::of_file(track);
        let mut reasons = Vec::new();
        let mut can_direct_play = false;
        for profile in self.direct_play_profiles.iter() {
            match self.why_not(profile, &source, limit_kbps) {
                None => can_direct_play = true,
                Some(reason) => reasons.push(reason),
            }
        }
        if can_direct_play {
            reasons.clear();
        }
        let made = self.transcoding_profiles.iter().filter(|_| can_make);
        let made = made.filter_map(|profile| self.made(profile, track, limit_kbps)).next();
        let error_reason = match (can_direct_play, &made, can_make) {
            (true, ..) | (_, Some(_), _) => None,
            (_, None, false) => Some("Nothing is made here, so files come as they are"),
            (_, None, true) => Some("Nothing that is made here is what this client plays"),
        };
        let (params, transcode_stream) = made.unzip();
        Decision {
            can_direct_play,
            can_transcode: params.is_some(),
            transcode_reason: reasons,
            error_reason,
            transcode_params: params.map(|params| params.to_string()),
            source_stream: source,
            transcode_stream,
        }
    }

    /// Why a file cannot be played as it is by who plays such files.
    fn why_not(
        &self,
        profile: &DirectPlay,
        source: &StreamDetails,
        limit_kbps: Option<u32>,
    ) -> Option<&'static str> {
        let is_above = |most: u64| most > 0 && source.audio_bitrate > most;
        if !names(&profile.protocols, HTTP) {
            Some("ProtocolNotSupported")
        } else if !names_any(&profile.containers, &containers(&source.container)) {
            Some("ContainerNotSupported")
        } else if !names_codec(&profile.audio_codecs, source) {
            Some("AudioCodecNotSupported")
        } else if !profile.max_audio_channels.allows(source.audio_channels) {
            Some("AudioChannelsNotSupported")
        } else if is_above(self.max_audio_bitrate.0) || is_above(bits(limit_kbps)) {
            Some("AudioBitrateNotSupported")
        } else {
            self.limitations(|name| is_codec(name, source))
                .find(|limit| limit.is_broken_by(source))
                .map(Limitation::reason)
        }
    }

    /// What is made for who wants this, if it can be.
    fn made(
        &self,
        profile: &Transcoding,
        track: &Track,
        limit_kbps: Option<u32>,
    ) -> Option<(TranscodeParams, StreamDetails)> {
        let encoding = made_as(&profile.container, &profile.audio_codec)?;
        if !profile.protocol.is_empty() && *profile.protocol != HTTP {
            return None;
        }
        let own = if self.max_transcoding_audio_bitrate.0 > 0 {
            self.max_transcoding_audio_bitrate.0
        } else {
            self.max_audio_bitrate.0
        };
        let is_made = |name: &str| name.eq_ignore_ascii_case(codec_of(encoding));
        let by_codec = self.limitations(is_made).filter_map(Limitation::bits_max);
        let most = by_codec.chain([own, bits(limit_kbps)]).filter(|bits| *bits > 0).min();
        // A limit in bits is none for what takes as many as it takes.
        if most.is_some() && encoding == Encoding::Flac {
            return None;
        }
        // What lost something already gets no better by more bits.
        let kbps_max = [most.map(|bits| bits / 1_000), lossy_kbps(track)].into_iter().flatten().min();
        let bitrate = kbps_max.and_then(|kbps| encoding.bitrate(kbps));
        let of_codec = self.limitations(is_made).collect();
        let limits = Limits { of_codec, kbps_max, channels_max: profile.max_audio_channels };
        let audio = limits.fit(Audio { encoding, bitrate, ..Audio::default() }, track)?;
        let stream = StreamDetails::of_made(&audio, track);
        let Audio { encoding, bitrate, sampling, .. } = audio;
        Some((TranscodeParams { encoding, bitrate, sampling }, stream))
    }

    /// What it can do of a codec that is called so.
    fn limitations(&self, is_called: impl Fn(&str) -> bool) -> impl Iterator<Item = &Limitation> {
        let profiles = self.codec_profiles.iter().filter(move |profile| is_called(&profile.name));
        profiles.flat_map(|profile| profile.limitations.iter())
    }
}

impl StreamDetails {
    fn of_file(track: &Track) -> StreamDetails {
        StreamDetails {
            protocol: HTTP,
            container: track.suffix.clone(),
            codec: codec(track),
            audio_channels: track.channels,
            audio_bitrate: kbps(track) * 1_000,
            audio_samplerate: track.sample_rate_hz,
            audio_bitdepth: track.bit_depth,
        }
    }

    fn of_made(asked: &Audio, track: &Track) -> StreamDetails {
        let heard = heard(asked, track);
        StreamDetails {
            protocol: HTTP,
            container: asked.encoding.suffix().to_owned(),
            codec: codec_of(asked.encoding),
            audio_channels: heard.channels.into(),
            audio_bitrate: u64::from(heard.kbps) * 1_000,
            audio_samplerate: heard.sample_rate_hz,
            audio_bitdepth: heard.bit_depth.map(u32::from),
        }
    }
}

fn bits(kbps: Option<u32>) -> u64 {
    u64::from(kbps.unwrap_or(0)) * 1_000
}

/// Whether a list names it; an empty one names everything.
fn names(list: &[String], what: &str) -> bool {
    list.is_empty() || list.iter().any(|one| one == "*" || one.eq_ignore_ascii_case(what))
}

fn names_any(list: &[String], what: &[&str]) -> bool {
    what.iter().any(|what| names(list, what))
}

/// Whether a list names the codec of a file.
fn names_codec(list: &[String], source: &StreamDetails) -> bool {
    list.is_empty() || list.iter().any(|one| one == "*" || is_codec(one, source))
}

/// Whether the codec of a file is called so. Samples without compression are called by their container, too, and as ffmpeg
/// calls them, by how many bits they have: `pcm_s16le`.
fn is_codec(name: &str, source: &StreamDetails) -> bool {
    let name = name.to_ascii_lowercase();
    let has_bits = |form: &str| source.audio_bitdepth.is_none_or(|bits| form.contains(&bits.to_string()));
    name == source.codec
        || source.codec == PCM
            && (name == source.container || name.strip_prefix("pcm_").is_some_and(has_bits))
}

/// What else a container is called than by its suffix.
fn containers(suffix: &str) -> Vec<&str> {
    let also: &[&str] = match suffix {
        "m4a" | "m4b" => &["mp4", "m4a"],
        "opus" | "oga" => &["ogg"],
        "aac" => &["adts"],
        "aif" => &["aiff"],
        "wav" => &["wave"],
        _ => &[],
    };
    [suffix].into_iter().chain(also.iter().copied()).collect()
}

fn codec_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::M4a | Encoding::Aac => "aac",
        Encoding::Mp3 => "mp3",
        Encoding::Opus => "opus",
        Encoding::Vorbis => "vorbis",
        Encoding::Flac => "flac",
    }
}

/// The way in which a codec is made in a container. Who names no container takes the usual one.
fn made_as(container: &str, codec: &str) -> Option<Encoding> {
    let container = container.to_ascii_lowercase();
    match (&*codec.to_ascii_lowercase(), &*container) {
        ("mp3", "mp3" | "" | "*") => Some(Encoding::Mp3),
        ("flac", "flac" | "" | "*") => Some(Encoding::Flac),
        ("opus", "ogg" | "opus" | "" | "*") => Some(Encoding::Opus),
        ("vorbis", "ogg" | "oga" | "" | "*") => Some(Encoding::Vorbis),
        ("aac", "mp4" | "m4a" | "" | "*") => Some(Encoding::M4a),
        ("aac", "aac" | "adts") => Some(Encoding::Aac),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
