//! What ffprobe prints, as far as it is asked for.

use budget::limits::{PROBE_JSON_BYTES_MAX, SOURCE_STREAMS_MAX, VIDEO_WORD_BYTES_MAX};
use serde::Deserialize;

use crate::argv::Light;
use crate::error::{Error, ErrorKind};
use crate::probe::{AudioTrack, Matrix, Probe, Rate, TextTrack, VideoTrack};
use crate::sniff::Demuxer;

/// What it is asked for. One text is among it, the language of a track: other tags of a source are of any length.
pub(super) const ENTRIES: &str = "format=duration,size,nb_streams\
    :stream=index,codec_type,codec_name,width,height,pix_fmt,avg_frame_rate,r_frame_rate,sample_aspect_ratio,duration,\
channels,sample_rate,color_space,color_transfer,bits_per_raw_sample,field_order\
    :stream_disposition=attached_pic,default:stream_side_data=rotation:stream_tags=language";

#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
    size: Option<String>,
    #[serde(default)]
    nb_streams: usize,
}

#[derive(Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    pix_fmt: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    sample_aspect_ratio: Option<String>,
    duration: Option<String>,
    channels: Option<u16>,
    sample_rate: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    bits_per_raw_sample: Option<String>,
    field_order: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
    #[serde(default)]
    default: u8,
}

#[derive(Default, Deserialize)]
struct Tags {
    language: Option<String>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

pub(super) fn read(demuxer: Demuxer, printed: &[u8]) -> Result<Probe, Error> {
    let unread = |what: &'static str| Error::new(ErrorKind::Unsupported, what);
    if printed.len() > PROBE_JSON_BYTES_MAX {
        return Err(unread("there is more to say about the source than is listened to"));
    }
    let Printed { streams, format } = serde_json::from_slice(printed)
        .map_err(|_| unread("the source is broken: nothing can be told of it"))?;
    let format = format.ok_or_else(|| unread("the source is broken: nothing can be told of it"))?;
    if streams.len().max(format.nb_streams) > SOURCE_STREAMS_MAX {
        return Err(unread("the source has more than 32 streams"));
    }
    let of = |kind: &'static str| {
        streams.iter().filter(move |stream| stream.is(kind) && stream.disposition.attached_pic == 0)
    };
    let video = of("video").filter_map(Stream::video).min_by_key(|(rank, _)| *rank).map(|(_, track)| track);
    let sounds = || of("audio").filter_map(Stream::audio);
    Ok(Probe {
        demuxer,
        duration_ms: milliseconds(format.duration.as_deref()),
        is_picture_refused: video.is_none() && of("video").next().is_some(),
        video,
        audio: sounds().min_by_key(|(rank, _)| *rank).map(|(_, track)| track),
        sounds: sounds().map(|(_, track)| track).collect(),
        texts: of("subtitle").filter_map(Stream::text).collect(),
        size_bytes: format.size.and_then(|size| size.parse().ok()).unwrap_or(0),
    })
}

impl Stream {
    fn is(&self, kind: &str) -> bool {
        self.codec_type.as_deref() == Some(kind)
    }

    /// What the file means to be played comes first; of equal ones, the first.
    fn rank(&self) -> u8 {
        u8::from(self.disposition.default == 0)
    }

    fn language(&self) -> Option<Box<str>> {
        let text = self.tags.language.as_deref()?;
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // ISO 639-2 has a word for what nobody said.
        let is_said = text != "und" && (2..=VIDEO_WORD_BYTES_MAX).contains(&text.len());
        (is_word && is_said).then(|| text.into())
    }

    fn text(&self) -> Option<TextTrack> {
        let codec = self.codec_name.as_deref()?.into();
        Some(TextTrack { index: self.index, codec, language: self.language() })
    }

    fn video(&self) -> Option<(u8, VideoTrack)> {
        // A picture of one pixel in a direction has no half, which the colours of a video need.
        let edge = |edge: Option<u32>| edge.filter(|pixels| *pixels >= 2);
        let rate = |text: &Option<String>| {
            let (frames, seconds) = fraction(text.as_deref()?, '/')?;
            Rate::new(frames, seconds)
        };
        let (width, height) = (edge(self.width)?, edge(self.height)?);
        // How many frames there are in a second, and into how many steps all of their times fit.
        let (average, least) = (rate(&self.avg_frame_rate), rate(&self.r_frame_rate));
        let track = VideoTrack {
            index: self.index,
            codec: self.codec_name.as_deref()?.into(),
            width,
            height,
            pixel_aspect: self
                .sample_aspect_ratio
                .as_deref()
                .and_then(|text| fraction(text, ':'))
                .filter(|(across, down)| is_aspect(*across, *down))
                .unwrap_or((1, 1)),
            fps: average.or(least),
            is_variable: average.zip(least).is_some_and(|(average, least)| !average.is_about(least)),
            is_interlaced: matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt")),
            matrix: self.matrix(height),
            rotation_degrees: self.side_data_list.iter().find_map(|data| data.rotation).map_or(0, clockwise),
            bit_depth: self.bit_depth(),
            light: match self.color_transfer.as_deref() {
                Some("smpte2084") => Some(Light::Pq),
                Some("arib-std-b67") => Some(Light::Hlg),
                _ => None,
            },
            duration_ms: milliseconds(self.duration.as_deref()),
        };
        Some((self.rank(), track))
    }

    fn audio(&self) -> Option<(u8, AudioTrack)> {
        let track = AudioTrack {
            index: self.index,
            codec: self.codec_name.as_deref()?.into(),
            language: self.language(),
            channels: self.channels.filter(|channels| *channels > 0)?,
            sample_rate_hz: self.sample_rate.as_deref()?.parse().ok().filter(|rate| *rate > 0)?,
        };
        Some((self.rank(), track))
    }

    /// What nobody said is what players guess.
    fn matrix(&self, height: u32) -> Matrix {
        match self.color_space.as_deref() {
            Some("bt709") => Matrix::Bt709,
            Some("bt2020nc" | "bt2020c") => Matrix::Bt2020,
            Some("smpte170m" | "bt470bg" | "fcc") => Matrix::Bt601,
            Some("gbr") => Matrix::Rgb,
            _ if self.pix_fmt.as_deref().is_some_and(is_rgb) => Matrix::Rgb,
            _ => Matrix::guessed(height),
        }
    }

    /// Decoders do not always say it, but the name of a pixel format does: `yuv420p10le`, `p010le`, `gbrp12be`.
    fn bit_depth(&self) -> u8 {
        let told = self.bits_per_raw_sample.as_deref().and_then(|bits| bits.parse().ok());
        let format = self.pix_fmt.as_deref().unwrap_or_default();
        let named = || {
            let stem = format.strip_suffix("le").or_else(|| format.strip_suffix("be"))?;
            let digits = stem.rfind(|letter: char| !letter.is_ascii_digit()).map(|last| &stem[last + 1..])?;
            digits.trim_start_matches('0').parse().ok()
        };
        told.or_else(named).filter(|bits| (8..=32).contains(bits)).unwrap_or(8)
    }
}

fn is_rgb(format: &str) -> bool {
    ["rgb", "bgr", "gbr", "argb", "abgr", "pal8", "0rgb", "0bgr"].iter().any(|name| format.starts_with(name))
}

/// Beyond a hundredfold it is a broken number and no shape of a picture.
fn is_aspect(across: u32, down: u32) -> bool {
    let (across, down) = (u64::from(across), u64::from(down));
    across > 0 && down > 0 && across <= 100 * down && down <= 100 * across
}

fn fraction(text: &str, between: char) -> Option<(u32, u32)> {
    let (upper, lower) = text.split_once(between)?;
    Some((upper.parse().ok()?, lower.parse().ok()?))
}

/// ffprobe prints seconds with six places.
fn milliseconds(seconds: Option<&str>) -> Option<u64> {
    let seconds: f64 = seconds?.parse().ok()?;
    let ms = (seconds * 1_000.0).round();
    // The cast saturates; a year is more than anything that plays.
    (ms.is_finite() && (1.0..=31_536_000_000.0).contains(&ms)).then_some(ms as u64)
}

/// The matrix turns against the clock, and by quarters in everything that cameras write.
fn clockwise(rotation: f64) -> u16 {
    let quarters = (-rotation / 90.0).round().rem_euclid(4.0);
    match quarters as u8 {
        1 => 90,
        2 => 180,
        3 => 270,
        _ => 0,
    }
}
