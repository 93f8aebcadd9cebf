//! HTTP Live Streaming with fragmented MP4 (RFC 8216 section 3.3): each segment of the picture is a short run of its own.
//!
//! The playlists are known before anything is encoded, and what is made is what they say. Pictures come at one even rate, and a
//! segment has a whole number of them: it begins with the last one that the source shows at that moment, and where the
//! source ends early its last one stays. So segments made one by one, in any order, are one stream without a seam, and a
//! segment made again has the same bytes.
//!
//! Sound cannot be cut so, because each run of its encoder begins with silence. It is made in one run, filled up to a known
//! number of samples, in fragments of a known number of frames.

use budget::limits::{BITRATE_KBPS_MAX, BITRATE_KBPS_MIN, CLIP_MS_MAX, HLS_PEAK_PERCENT, SEGMENT_MS};

use crate::argv::{Argv, Filter, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::memory::Load;
use crate::plan::video::{Pictures, Times, at_speed};
use crate::plan::{Finish, Plan, Span, bytes_of, fit, sound};
use crate::probe::{Probe, Rate};
use crate::recipe::{Bitrate, Clip, Codec, Piece, Soundtrack, Speed, Video};

/// Samples in a frame of AAC-LC (ISO 14496-3).
// format: of the codec
const AAC_SAMPLES: u64 = 1_024;
/// The silence with which ffmpeg's encoder begins: one frame.
const AAC_PRIMING_SAMPLES: u64 = 1_024;
/// What the sound of a video is made of in a second, as [`sound::within`] asks for it, and what a container adds.
const SOUND_BITS_PER_SECOND: u64 = 160_000;
/// What a container adds to sound of a bitrate that was asked for, and by how much its encoder may be beside it.
const SOUND_PEAK_PERCENT: u64 = 125;
/// What the boxes of a segment add to its pictures in a second.
const BOXES_BITS_PER_SECOND: u64 = 24_000;

/// How something is cut: into segments of a whole number of equally long units (pictures, or frames of sound), of which the
/// last segment has what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    pub(super) units: u64,
    /// Units in each segment but the last.
    each: u64,
    /// So many units…
    pub(super) rate: u64,
    /// …last so many seconds.
    seconds: u64,
}

impl Segments {
    /// Of the pictures of `asked`, of a source that `probe` tells of.
    ///
    /// # Errors
    /// [`ErrorKind::NoPicture`], [`ErrorKind::BehindTheEnd`], [`ErrorKind::TooLarge`] for what is longer than a day, and
    /// [`ErrorKind::Unsupported`] when the source does not say how long it is, or for another codec than H.264.
    pub fn of_pictures(asked: &Video, probe: &Probe) -> Result<Segments, Error> {
        Cut::of(asked, probe).map(|cut| cut.segments)
    }

    /// Of the sound of `asked`. It is as long as the source, which the pictures may not be.
    ///
    /// # Errors
    /// [`ErrorKind::NoSound`], and as [`Segments::of_pictures`].
    pub fn of_sound(asked: &Soundtrack, probe: &Probe) -> Result<Segments, Error> {
        Sound::of(*asked, probe).map(|sound| sound.segments)
    }

    /// At a rate of units, for a time.
    fn new(units: u64, rate: u64, seconds: u64) -> Segments {
        Segments { units, each: (SEGMENT_MS * rate).div_ceil(1_000 * seconds).max(1), rate, seconds }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.units.div_ceil(self.each)
    }

    /// How long the one with this number is, counted from 0, in microseconds; 0 when there is none.
    pub fn length_us(&self, number: u64) -> u64 {
        self.us(self.units_in(number))
    }

    /// How long all of them are, in milliseconds.
    pub fn whole_ms(&self) -> u64 {
        self.us(self.units) / 1_000
    }

    /// How long the longest one is, in microseconds.
    pub fn longest_us(&self) -> u64 {
        self.length_us(0)
    }

    fn units_in(&self, number: u64) -> u64 {
        self.units.saturating_sub(number.saturating_mul(self.each)).min(self.each)
    }

    /// Where the one with this number begins.
    fn start_us(&self, number: u64) -> u64 {
        self.us(number.saturating_mul(self.each))
    }

    fn us(&self, units: u64) -> u64 {
        let us = u128::from(units) * 1_000_000 * u128::from(self.seconds);
        u64::try_from((us + u128::from(self.rate) / 2) / u128::from(self.rate)).unwrap_or(u64::MAX)
    }
}

/// What a playlist says about a video of one size, or about sound alone (RFC 8216 section 4.3.4.2), true to what is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// How large the picture is, and how many there are in a second.
    pub picture: Option<((u32, u32), Rate)>,
    /// No segment takes more bits in a second, the sound with it.
    pub peak_bits_per_second: u64,
    /// The codecs as RFC 6381 names them: `avc1.64001e`, and `mp4a.40.2` with sound.
    pub codecs: String,
}

impl Variant {
    /// Of `asked`, of a source that `probe` tells of.
    ///
    /// # Errors
    /// As [`Segments::of_pictures`].
    pub fn of(asked: &Video, probe: &Probe) -> Result<Variant, Error> {
        let cut = Cut::of(asked, probe)?;
        let has_sound = probe.audio.is_some() && !asked.is_mute;
        let (sound, codec) = if has_sound { (SOUND_BITS_PER_SECOND, ",mp4a.40.2") } else { (0, "") };
        let most = cut.asked.bitrate.map_or(0, |most| u64::from(most.kbps()) * 1_000);
        Ok(Variant {
            picture: Some(((cut.pictures.shape.width, cut.pictures.shape.height), cut.pictures.rate)),
            peak_bits_per_second: most * HLS_PEAK_PERCENT / 100 + BOXES_BITS_PER_SECOND + sound,
            codecs: format!("avc1.6400{:02x}{codec}", cut.pictures.level_idc()),
        })
    }

    /// Of sound alone.
    ///
    /// # Errors
    /// As [`Segments::of_sound`].
    pub fn of_sound(asked: &Soundtrack, probe: &Probe) -> Result<Variant, Error> {
        let sound = Sound::of(*asked, probe)?;
        let peak_bits_per_second = match sound.kbps {
            Some(kbps) => u64::from(kbps) * 10 * SOUND_PEAK_PERCENT,
            None => SOUND_BITS_PER_SECOND,
        };
        Ok(Variant { picture: None, peak_bits_per_second, codecs: "mp4a.40.2".to_owned() })
    }
}

/// What makes a piece.
pub(super) fn plan(piece: &Piece, probe: &Probe, input: Input) -> Result<Plan, Error> {
    match piece {
        // The front is known when the encoder is, so one picture is enough.
        Piece::Head(asked) => Cut::of(asked, probe)?.plan(probe, input, 0, 1, Finish::Front),
        Piece::Segment(asked, number) => {
            let cut = Cut::of(asked, probe)?;
            let number = u64::from(*number);
            let frames = cut.segments.units_in(number);
            if frames == 0 {
                return Err(no_such(&cut.segments));
            }
            cut.plan(probe, input, number, frames, Finish::Fragments)
        }
        Piece::Sound(asked) => Sound::of(*asked, probe)?.plan(probe, input),
    }
}

fn no_such(segments: &Segments) -> Error {
    let context = format!("there are {} segments, counted from 0", segments.count());
    Error::new(ErrorKind::BehindTheEnd, context)
}

/// How long the part is of what must be cut before any of it is made.
fn known_ms(clip: Clip, speed: Option<Speed>, whole_ms: Option<u64>) -> Result<u64, Error> {
    let unknown = "the source does not say how long it is, so it cannot be cut into segments";
    let known_ms =
        Span::of(clip, whole_ms)?.known_ms.ok_or_else(|| Error::new(ErrorKind::Unsupported, unknown))?;
    if known_ms > CLIP_MS_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "what is longer than a day is not cut into segments"));
    }
    Ok(at_speed(known_ms, speed).max(1))
}

/// The pictures of a video, cut.
struct Cut {
    /// With the most bits that it may take, so that what a playlist promises is kept.
    asked: Video,
    pictures: Pictures,
    segments: Segments,
    stream: u32,
}

impl Cut {
    fn of(asked: &Video, probe: &Probe) -> Result<Cut, Error> {
        let track = fit::picture(probe)?;
        if asked.codec != Codec::H264 {
            return Err(Error::new(ErrorKind::Unsupported, "segments are made of H.264 alone"));
        }
        let ms = known_ms(asked.clip, asked.speed, probe.picture_ms())?;
        let pictures = Pictures::of(asked, track, probe, Times::Even)?;
        let (rate, seconds) = (u64::from(pictures.rate.frames()), u64::from(pictures.rate.seconds()));
        let frames = (ms * rate + 500 * seconds) / (1_000 * seconds);
        // Half as much again as it is guessed to need is more than most scenes take.
        let most = (pictures.kbps_guess(asked) * 3 / 2).clamp(BITRATE_KBPS_MIN * 8, BITRATE_KBPS_MAX);
        let most = asked.bitrate.or_else(|| Bitrate::new(most).ok());
        Ok(Cut {
            asked: Video { bitrate: most, ..asked.clone() },
            pictures,
            segments: Segments::new(frames.max(1), rate, seconds),
            stream: track.index,
        })
    }

    /// Makes so many pictures from the beginning of a segment on.
    fn plan(
        &self,
        probe: &Probe,
        input: Input,
        number: u64,
        frames: u64,
        finish: Finish,
    ) -> Result<Plan, Error> {
        let (asked, begin_us) = (&self.asked, self.segments.start_us(number));
        let hundredths = asked.speed.map_or(100, |speed| u64::from(speed.hundredths()));
        let from_us = asked.clip.start_ms() * 1_000 + begin_us * hundredths / 100;
        let argv = Argv::ffmpeg().reading(probe.demuxer, input);
        // What lies between the key frame and the beginning is decoded in any case. It goes into the filters, too, since
        // the last of it may be what is seen at the beginning.
        let argv = if from_us > 0 { argv.fixed(&["-noaccurate_seek", "-ss"]).micros(from_us) } else { argv };
        let argv = argv.source(input).stream(self.stream).fixed(&["-an"]).bare();
        let argv = self.pictures.encode(asked, argv).fixed(&["-bf", "0", "-frames:v"]).number(frames);
        // Each run would begin at nothing, and this one goes on where the one before it ended.
        let argv = argv.fixed(&["-output_ts_offset"]).micros(begin_us);
        let argv = argv.fixed(&["-avoid_negative_ts", "disabled", "-f", "mp4", "-movflags"]);
        let argv = argv
            .fixed(&["+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer"])
            .into_pipe();
        let out_ms = self.segments.us(frames).div_ceil(1_000);
        Ok(Plan {
            argv,
            reserve_bytes: self.pictures.load.reserve_bytes(),
            pass_bytes: 0,
            out_bytes_guess: bytes_of(self.pictures.kbps_guess(asked), out_ms),
            exact_bytes: None,
            out_ms,
            work_ms: out_ms.max(out_ms * hundredths / 100),
            finish,
            picture: Some((self.pictures.shape.width, self.pictures.shape.height)),
        })
    }
}

/// Sound, cut.
struct Sound {
    asked: Soundtrack,
    segments: Segments,
    rate_hz: u32,
    samples: u64,
    /// What the encoder is told instead of what it is told of a video.
    kbps: Option<u32>,
}

impl Sound {
    fn of(asked: Soundtrack, probe: &Probe) -> Result<Sound, Error> {
        let track = sound::track(probe)?;
        let ms = known_ms(asked.clip, asked.speed, probe.duration_ms)?;
        let rate_hz = sound::rate_within(Codec::H264, track);
        let samples = (ms * u64::from(rate_hz) / 1_000).max(1);
        let frames = (samples + AAC_PRIMING_SAMPLES).div_ceil(AAC_SAMPLES);
        let segments = Segments::new(frames, u64::from(rate_hz), AAC_SAMPLES);
        let kbps = asked.bitrate.map(|bitrate| sound::aac_kbps(bitrate, track));
        Ok(Sound { asked, segments, rate_hz, samples, kbps })
    }

    fn plan(&self, probe: &Probe, input: Input) -> Result<Plan, Error> {
        let track = sound::track(probe)?;
        let span = Span::of(self.asked.clip, probe.duration_ms)?;
        let argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input);
        let argv = argv.stream(track.index).fixed(&["-vn"]).bare().fixed(&["-threads", "1"]);
        let mut graph = sound::tempo(self.asked.speed);
        graph.push(Filter::Filled(self.rate_hz));
        graph.push(Filter::Samples(self.samples));
        let argv = sound::within(Codec::H264, track, argv);
        // Of two bitrates the later one counts.
        let argv = self.kbps.map_or(argv.clone(), |kbps| argv.fixed(&["-b:a"]).kbps(kbps));
        let argv = argv.graph("-af", &graph);
        // A fragment ends before the frame that begins so much later than its first: half a frame before the one that
        // is to be the next one's first, so that no rounding decides.
        let cut_us = (2 * self.segments.each - 1) * AAC_SAMPLES * 1_000_000 / (2 * u64::from(self.rate_hz));
        let argv = argv.fixed(&["-f", "mp4", "-movflags", "+empty_moov+delay_moov+default_base_moof"]);
        let argv = argv.fixed(&["-frag_duration"]).number(cut_us).into_pipe();
        let out_ms = self.segments.us(self.segments.units).div_ceil(1_000);
        Ok(Plan {
            argv,
            reserve_bytes: Load::sound().reading(probe).reserve_bytes(),
            pass_bytes: 0,
            out_bytes_guess: bytes_of(self.kbps.map_or(SOUND_BITS_PER_SECOND / 1_000, u64::from), out_ms),
            exact_bytes: None,
            out_ms,
            work_ms: out_ms,
            finish: Finish::Publish,
            picture: None,
        })
    }
}
