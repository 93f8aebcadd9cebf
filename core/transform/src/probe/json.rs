//! What ffprobe prints, as far as it is asked for.

use budget::limits::{PROBE_JSON_BYTES_MAX, SOURCE_STREAMS_MAX};
use serde::Deserialize;

use crate::argv::Light;
use crate::error::{Error, ErrorKind};
use crate::probe::{AudioTrack, Probe, Rate, VideoTrack};
use crate::sniff::Demuxer;

/// What it is asked for. Without texts: tags of a source are of any length.
pub(super) const ENTRIES: &str = "format=duration,size,nb_streams\
    :stream=index,codec_type,codec_name,width,height,pix_fmt,avg_frame_rate,r_frame_rate,sample_aspect_ratio,duration,\
channels,sample_rate,color_transfer,bits_per_raw_sample\
    :stream_disposition=attached_pic:stream_side_data=rotation:stream_tags=";

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
    color_transfer: Option<String>,
    bits_per_raw_sample: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
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
    let pictures =
        || streams.iter().filter(|stream| stream.is("video") && stream.disposition.attached_pic == 0);
    let video = pictures().find_map(Stream::video);
    let audio = streams.iter().filter(|stream| stream.is("audio")).find_map(Stream::audio);
    Ok(Probe {
        demuxer,
        duration_ms: milliseconds(format.duration.as_deref()),
        is_picture_refused: video.is_none() && pictures().next().is_some(),
        video,
        audio,
        size_bytes: format.size.and_then(|size| size.parse().ok()).unwrap_or(0),
    })
}

impl Stream {
    fn is(&self, kind: &str) -> bool {
        self.codec_type.as_deref() == Some(kind)
    }

    fn video(&self) -> Option<VideoTrack> {
        // A picture of one pixel in a direction has no half, which the colours of a video need.
        let edge = |edge: Option<u32>| edge.filter(|pixels| *pixels >= 2);
        let rate = |text: &Option<String>| {
            let (frames, seconds) = fraction(text.as_deref()?, '/')?;
            Rate::new(frames, seconds)
        };
        Some(VideoTrack {
            index: self.index,
            codec: self.codec_name.as_deref()?.into(),
            width: edge(self.width)?,
            height: edge(self.height)?,
            pixel_aspect: self
                .sample_aspect_ratio
                .as_deref()
                .and_then(|text| fraction(text, ':'))
                .filter(|(across, down)| is_aspect(*across, *down))
                .unwrap_or((1, 1)),
            fps: rate(&self.avg_frame_rate).or_else(|| rate(&self.r_frame_rate)),
            rotation_degrees: self.side_data_list.iter().find_map(|data| data.rotation).map_or(0, clockwise),
            bit_depth: self.bit_depth(),
            light: match self.color_transfer.as_deref() {
                Some("smpte2084") => Some(Light::Pq),
                Some("arib-std-b67") => Some(Light::Hlg),
                _ => None,
            },
            duration_ms: milliseconds(self.duration.as_deref()),
        })
    }

    fn audio(&self) -> Option<AudioTrack> {
        Some(AudioTrack {
            index: self.index,
            codec: self.codec_name.as_deref()?.into(),
            channels: self.channels.filter(|channels| *channels > 0)?,
            sample_rate_hz: self.sample_rate.as_deref()?.parse().ok().filter(|rate| *rate > 0)?,
        })
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
