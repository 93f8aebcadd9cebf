//! A file, its packets, and the samples in each.

use std::io;

use budget::limits::{
    STEMS_BROKEN_FREE, STEMS_BROKEN_PERCENT_MAX, STEMS_PACKET_SAMPLES_MAX, STEMS_PROBE_BYTES,
    STEMS_SHORT_MS_MAX, STEMS_TAG_BYTES_MAX,
};
use symphonia::core::audio::{Channels, GenericAudioBufferRef, Position};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::edits::{Edits, Part, edits};
use super::media::{Allowance, Media, Metered};
use crate::downmix::Place;
use crate::{Error, ErrorKind, Format, Result};

/// A song between its file and its samples.
pub(super) struct Packets {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    allowance: Allowance,
    format: Format,
    /// Whether packets say to the sample when they begin.
    counts_samples: bool,
    /// When the next packet begins, unless something is missing.
    next_begins: Option<i64>,
    /// What its file says of where the song is in the track, and what that is in samples once their rate is known.
    edits: Edits,
    part: Part,
    /// What was decoded to learn the format, until somebody asks for it.
    first: Option<Vec<f32>>,
    given_samples: u64,
    packets: u64,
    broken: u64,
}

/// What a packet turned out to be.
enum Packet {
    Samples,
    Nothing,
    Broken,
    End,
}

impl Packets {
    pub(super) fn open(mut media: Box<dyn Media>, extension: Option<&str>) -> Result<Self> {
        let edits = edits(media.as_mut()).map_err(Error::read)?;
        let (media, allowance) = Metered::new(media).map_err(Error::read)?;
        if media.length_bytes() == 0 {
            return Err(Error::new(ErrorKind::Empty, "the song is empty: it has no bytes"));
        }
        let mut reader = probed(media, extension)?;
        let (track, decoder) = begun(reader.as_mut())?;
        let claimed = claimed_samples(reader.as_ref(), track);
        let is_exact = is_exact(reader.as_ref(), track);
        let mut packets = Packets {
            counts_samples: counts_samples(reader.as_ref(), track),
            next_begins: None,
            part: Part::default(),
            edits,
            reader,
            decoder,
            track,
            allowance,
            // What the head says is only believed when samples came.
            format: Format { rate_hz: 0, places: Vec::new(), samples: claimed, is_exact },
            first: None,
            given_samples: 0,
            packets: 0,
            broken: 0,
        };
        let mut piece = Vec::new();
        packets.next(&mut piece)?;
        if piece.is_empty() {
            return Err(Error::new(ErrorKind::Empty, "the song is empty: it has no samples"));
        }
        packets.first = Some(piece);
        Ok(packets)
    }

    pub(super) fn format(&self) -> &Format {
        &self.format
    }

    pub(super) fn next(&mut self, piece: &mut Vec<f32>) -> Result<()> {
        if let Some(first) = self.first.take() {
            *piece = first;
            return Ok(());
        }
        piece.clear();
        let mut broken_before = false;
        loop {
            self.allowance.renew();
            match self.packet(piece)? {
                Packet::End => return self.ended(broken_before),
                _ if broken_before => return Err(damaged("a part of it cannot be decoded")),
                Packet::Samples => return Ok(()),
                Packet::Nothing => {}
                Packet::Broken => {
                    self.broken += 1;
                    // In a song that is exact the next packet decides whether it ends here or is broken in the middle.
                    broken_before = self.format.is_exact;
                    let most = self.packets * STEMS_BROKEN_PERCENT_MAX / 100;
                    if self.broken > STEMS_BROKEN_FREE.max(most) {
                        return Err(damaged("most of it cannot be decoded"));
                    }
                }
            }
        }
    }

    fn packet(&mut self, piece: &mut Vec<f32>) -> Result<Packet> {
        let packet = match self.reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(Packet::End),
            Err(Fault::IoError(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Packet::End),
            Err(Fault::ResetRequired) => {
                (self.track, self.decoder) = begun(self.reader.as_mut())?;
                return Ok(Packet::Nothing);
            }
            Err(fault) => return Err(failed(fault)),
        };
        if packet.track_id != self.track {
            return Ok(Packet::Nothing);
        }
        self.packets += 1;
        let begins = packet.pts.get();
        if self.format.is_exact && self.next_begins.is_some_and(|next| begins > next) {
            return Err(damaged("a part of it is missing"));
        }
        if self.counts_samples {
            self.next_begins = Some(begins.saturating_add_unsigned(packet.dur.get()));
        }
        let buffer = match self.decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(Fault::DecodeError(_)) => return Ok(Packet::Broken),
            Err(Fault::IoError(e)) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Packet::Broken),
            Err(fault) => return Err(failed(fault)),
        };
        if buffer.frames() == 0 {
            return Ok(Packet::Nothing);
        }
        let found = Format { is_exact: self.format.is_exact, ..shape(&buffer, self.format.samples)? };
        buffer.copy_to_vec_interleaved(piece);
        if self.format.places.is_empty() {
            self.begun_as(found);
        } else if self.format != found {
            return Err(damaged("it changes its rate or its channels on the way"));
        }
        Ok(self.cut(piece))
    }

    /// The first samples are there: what they are is known from now on, and which of them are heard.
    fn begun_as(&mut self, found: Format) {
        self.format = found;
        self.part = self.edits.part(self.track, self.format.rate_hz, self.format.samples);
        self.format.samples = self.part.expected;
    }

    /// Leaves of what was decoded what is heard.
    fn cut(&mut self, piece: &mut Vec<f32>) -> Packet {
        let channels = self.format.channels();
        let samples = piece.len() / channels;
        let skipped = usize::try_from(self.part.skipped).unwrap_or(usize::MAX).min(samples);
        self.part.skipped -= skipped as u64;
        piece.drain(..skipped * channels);
        if let Some(length) = self.part.length {
            let left = usize::try_from(length - self.given_samples).unwrap_or(usize::MAX);
            if left == 0 {
                piece.clear();
                return Packet::End;
            }
            piece.truncate(left.saturating_mul(channels));
        }
        self.given_samples += (piece.len() / channels) as u64;
        if piece.is_empty() { Packet::Nothing } else { Packet::Samples }
    }

    /// The end: is it where the head of the file said it would be?
    fn ended(&self, broken_before: bool) -> Result<()> {
        let claimed = self.format.samples.unwrap_or(0);
        let missing = claimed.saturating_sub(self.given_samples);
        let tolerated = u64::from(self.format.rate_hz) * STEMS_SHORT_MS_MAX / 1_000;
        if self.format.is_exact && (missing > tolerated || broken_before) {
            let what = format!(
                "the song ends too early: its head promises {claimed} samples, and {} are there",
                self.given_samples
            );
            return Err(Error::new(ErrorKind::Truncated, what));
        }
        Ok(())
    }
}

fn probed(media: Metered, extension: Option<&str>) -> Result<Box<dyn FormatReader>> {
    let options = ProbeOptions { max_probe_depth: STEMS_PROBE_BYTES, ..ProbeOptions::default() };
    let mut probe = Probe::new_with_options(&options);
    symphonia::default::register_enabled_formats(&mut probe);
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let limits = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(STEMS_TAG_BYTES_MAX))
        .limit_visual_bytes(Limit::Maximum(STEMS_TAG_BYTES_MAX));
    let stream = MediaSourceStream::new(Box::new(media), Default::default());
    probe.probe(&hint, stream, FormatOptions::default(), limits).map_err(|fault| match fault {
        Fault::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => Error::read(e),
        Fault::Unsupported(_) | Fault::IoError(_) => {
            Error::new(ErrorKind::NotAudio, "this is no sound of a kind that is known")
        }
        fault => failed(fault),
    })
}

/// The track that is heard, and a decoder for it.
fn begun(reader: &mut dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>)> {
    let track = reader
        .default_track(TrackType::Audio)
        .ok_or_else(|| Error::new(ErrorKind::NotAudio, "there is no sound in this file"))?;
    let coding = || Error::new(ErrorKind::Coding, "the sound is coded in a way that is not decoded here");
    let audio = track.codec_params.as_ref().and_then(|params| params.audio()).ok_or_else(coding)?;
    // A decoder makes room for so many samples of each channel before it has seen one.
    if audio.max_frames_per_packet.is_some_and(|samples| samples > STEMS_PACKET_SAMPLES_MAX) {
        return Err(Error::new(ErrorKind::NotAudio, "its head claims packets longer than any sound has"));
    }
    if let Some(channels) = &audio.channels {
        // Before any decoder makes room for them.
        Format::placed(audio.sample_rate.unwrap_or(44_100), places(channels), None)?;
    }
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(audio, &AudioDecoderOptions::default())
        .map_err(|fault| if matches!(fault, Fault::Unsupported(_)) { coding() } else { failed(fault) })?;
    Ok((track.id, decoder))
}

/// The lengths in bytes that programs write into the head of a WAV file when they do not know how long it will be.
const UNKNOWN_LENGTHS: [std::ops::RangeInclusive<u64>; 2] =
    [0xFFFF_FF00..=0xFFFF_FFFF, 0x7FFF_F000..=0x7FFF_FFFF];

fn claimed_samples(reader: &dyn FormatReader, track: u32) -> Option<u64> {
    let track = reader.tracks().iter().find(|candidate| candidate.id == track)?;
    let claimed = track.num_frames?;
    if reader.format_info().short_name != "wave" {
        return Some(claimed);
    }
    let audio = track.codec_params.as_ref()?.audio()?;
    let bits = u64::from(audio.bits_per_coded_sample.or(audio.bits_per_sample)?);
    let channels = audio.channels.as_ref()?.count() as u64;
    let bytes = claimed.saturating_mul(bits.div_ceil(8) * channels);
    (!UNKNOWN_LENGTHS.iter().any(|range| range.contains(&bytes))).then_some(claimed)
}

fn is_exact(reader: &dyn FormatReader, track: u32) -> bool {
    use symphonia::core::codecs::audio::well_known as known;
    let lossy = [
        known::CODEC_ID_MP1,
        known::CODEC_ID_MP2,
        known::CODEC_ID_MP3,
        known::CODEC_ID_AAC,
        known::CODEC_ID_VORBIS,
    ];
    let track = reader.tracks().iter().find(|candidate| candidate.id == track);
    let audio = track.and_then(|track| track.codec_params.as_ref()?.audio());
    audio.is_some_and(|audio| !lossy.contains(&audio.codec))
}

fn counts_samples(reader: &dyn FormatReader, track: u32) -> bool {
    let track = reader.tracks().iter().find(|candidate| candidate.id == track);
    track.is_some_and(|track| {
        let rate_hz = track.codec_params.as_ref().and_then(|params| params.audio()?.sample_rate);
        track.time_base.is_some_and(|base| base.numer.get() == 1 && Some(base.denom.get()) == rate_hz)
    })
}

fn shape(buffer: &GenericAudioBufferRef<'_>, samples: Option<u64>) -> Result<Format> {
    let spec = buffer.spec();
    Format::placed(spec.rate(), places(spec.channels()), samples)
}

/// Where the loudspeakers stand, in the order of the samples.
fn places(channels: &Channels) -> Vec<Place> {
    match channels {
        // A file that does not say where they stand is read as if they were the first ones of all that there are, of which the
        // fourth is low and the fifth stands on the left alone. So few never do.
        Channels::Positioned(positions) if matches!(positions.bits(), 0b1111 | 0b1_1111) => {
            Place::usual(channels.count())
        }
        Channels::Positioned(positions) => positions.iter().map(place).collect(),
        // More than are converted are refused by their number, and need no places.
        other => Place::usual(other.count().min(usize::from(u16::MAX))),
    }
}

fn place(position: Position) -> Place {
    let any = |of: &[Position]| of.contains(&position);
    if any(&[Position::FRONT_LEFT, Position::FRONT_LEFT_CENTER, Position::FRONT_LEFT_WIDE]) {
        Place::Left
    } else if any(&[Position::FRONT_RIGHT, Position::FRONT_RIGHT_CENTER, Position::FRONT_RIGHT_WIDE]) {
        Place::Right
    } else if any(&[Position::FRONT_CENTER, Position::TOP_FRONT_CENTER]) {
        Place::Centre
    } else if any(&[
        Position::REAR_LEFT,
        Position::SIDE_LEFT,
        Position::TOP_FRONT_LEFT,
        Position::TOP_REAR_LEFT,
    ]) {
        Place::SurroundLeft
    } else if any(&[
        Position::REAR_RIGHT,
        Position::SIDE_RIGHT,
        Position::TOP_FRONT_RIGHT,
        Position::TOP_REAR_RIGHT,
    ]) {
        Place::SurroundRight
    } else if any(&[Position::REAR_CENTER, Position::TOP_REAR_CENTER, Position::TOP_CENTER]) {
        Place::Behind
    } else {
        Place::Low
    }
}

/// How readers say that a head claims no channels.
const NO_CHANNELS: [&str; 3] = ["channel count", "number of channels", "channels per frame"];

fn damaged(how: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("the song is broken: {how}"))
}

fn failed(fault: Fault) -> Error {
    match fault {
        Fault::IoError(e) => Error::read(e),
        Fault::Unsupported(_) => {
            Error::new(ErrorKind::Coding, "the sound is coded in a way that is not decoded here")
        }
        // Some readers refuse a head without channels before anybody else can.
        Fault::DecodeError(how) if NO_CHANNELS.iter().any(|words| how.contains(words)) => {
            Error::new(ErrorKind::Channels, "the song has no channels")
        }
        fault => damaged(&fault.to_string()),
    }
}
