//! Videos.

use budget::limits::{FPS_UNASKED_MAX, FRAGMENT_MS, KEYFRAME_MS};

use crate::argv::{Argv, Filter, Graph, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::fit::{self, Shape};
use crate::plan::memory::{Load, pass_bytes};
use crate::plan::{Finish, Plan, Span, bytes_of, level, sound};
use crate::probe::{Matrix, Probe, Rate, VideoTrack};
use crate::recipe::{Codec, Quality, Speed, Video};

/// Above so many pixels the encoder of H.264 looks fewer frames ahead, so that what is usual for screens is made in little
/// memory: the pictures look alike.
const NEAR_PIXELS: u64 = 1_000_000;
/// How many it looks ahead then.
const NEAR_FRAMES: u64 = 5;
/// Above so many pixels the encoder looks ahead not at all: 1920x1088.
const QUICK_PIXELS: u64 = 1_920 * 1_088;
/// When a source does not say its own.
const FPS_UNKNOWN: u32 = 30;

/// A picture as it is to be made and encoded, for a whole video and for a segment of it.
pub(super) struct Pictures {
    pub(super) shape: Shape,
    pub(super) graph: Graph,
    pub(super) rate: Rate,
    pub(super) load: Load,
    level: &'static str,
    times: Times,
    pace: Pace,
    is_variable: bool,
}

/// How far the encoder looks ahead, by how large the picture is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// As far as its preset does.
    Far,
    /// [`NEAR_FRAMES`].
    Near,
    /// Not at all.
    Quick,
}

impl Pace {
    fn of(pixels: u64) -> Pace {
        match pixels {
            _ if pixels > QUICK_PIXELS => Pace::Quick,
            _ if pixels > NEAR_PIXELS => Pace::Near,
            _ => Pace::Far,
        }
    }
}

/// When pictures come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// As in the source, unless another rate was asked for.
    Own,
    /// At an even rate from the moment 0, for ever.
    Even,
}

pub(super) fn plan(asked: &Video, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = fit::picture(probe)?;
    let span = Span::of(asked.clip, probe.duration_ms)?;
    let pictures = Pictures::of(asked, track, probe, Times::Own)?;
    let with_sound = probe.audio.as_ref().filter(|_| !asked.is_mute);

    let mut argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input).stream(track.index);
    if let Some(track) = with_sound {
        argv = argv.stream(track.index);
    }
    argv = pictures.paced(pictures.encode(asked, argv.bare()));
    if let Some(track) = with_sound {
        argv = sound::within(asked.codec, track, argv);
        argv = argv.graph("-af", &sound::beside(asked.speed));
    }
    let argv = mux(asked.codec, argv).into_pipe();

    let read_ms = span.guess_ms(probe);
    let out_ms = at_speed(read_ms, asked.speed);
    let pass_bytes = pass_bytes(out_ms, u64::from(pictures.rate.ceil()), with_sound.is_some());
    let kbps = pictures.kbps_guess(asked) + if with_sound.is_some() { 128 } else { 0 };
    Ok(Plan {
        argv,
        reserve_bytes: pictures.load.reserve_bytes().max(pass_bytes),
        pass_bytes,
        out_bytes_guess: bytes_of(kbps, out_ms),
        exact_bytes: None,
        out_ms,
        work_ms: read_ms.max(out_ms),
        finish: Finish::Faststart,
        picture: Some((pictures.shape.width, pictures.shape.height)),
    })
}

/// How long so much of the source is when it is played at `speed`.
pub(super) fn at_speed(ms: u64, speed: Option<Speed>) -> u64 {
    ms * 100 / speed.map_or(100, |speed| u64::from(speed.hundredths()))
}

impl Pictures {
    pub(super) fn of(
        asked: &Video,
        track: &VideoTrack,
        probe: &Probe,
        times: Times,
    ) -> Result<Pictures, Error> {
        let shape = Shape::of(track, asked.size, asked.crop, asked.rotation)?;
        let (width, height) = (shape.width, shape.height);
        fits_encoder(asked.codec, width, height)?;
        let (rate, is_resampled) = out_rate(asked, track);
        let kbps = asked.bitrate.map(|bitrate| bitrate.kbps());
        let level = level::h264(width, height, rate, kbps).ok_or_else(|| {
            let context =
                format!("{width}x{height} with {rate} frames in a second is more than video encoders make");
            Error::new(ErrorKind::TooLarge, context)
        })?;
        let mut graph = Graph::default();
        if track.is_interlaced {
            graph.push(Filter::Deinterlace);
        }
        if let Some(speed) = asked.speed {
            graph.push(Filter::Speed(speed.hundredths()));
        }
        match times {
            Times::Own if is_resampled => graph.push(Filter::Fps(rate)),
            Times::Own => {}
            Times::Even => {
                graph.push(Filter::Even(rate));
                graph.push(Filter::Hold);
            }
        }
        let matrix = if track.light.is_some() { Matrix::Bt709 } else { written_in(track) };
        shape.filter(&mut graph, track, matrix);
        graph.push(Filter::Yuv);
        graph.push(Filter::Tag(matrix));
        let pace = Pace::of(shape.pixels());
        let mut load = Load::pictures(track).reading(probe).encoded(asked.codec, shape.pixels(), pace);
        if track.is_interlaced {
            load = load.deinterlaced();
        }
        if track.light.is_some() {
            load = load.tone(shape.pixels());
        }
        let is_variable = track.is_variable && !is_resampled;
        Ok(Pictures { shape, graph, rate, load, level, times, pace, is_variable })
    }

    /// The level as the stream itself has it (ITU-T H.264 section 7.4.2.1.1): 30 for 3.0.
    pub(super) fn level_idc(&self) -> u8 {
        self.level.bytes().filter(u8::is_ascii_digit).fold(0, |idc, digit| idc * 10 + (digit - b'0'))
    }

    /// Filters and encoder.
    pub(super) fn encode(&self, asked: &Video, argv: Argv) -> Argv {
        let argv = argv.graph("-vf", &self.graph).fixed(&["-pix_fmt", "yuv420p", "-threads", "1"]);
        let argv = match asked.codec {
            Codec::H264 => {
                let preset = if self.pace == Pace::Quick { "superfast" } else { "veryfast" };
                let argv = argv.fixed(&["-c:v", "libx264", "-preset", preset, "-profile:v", "high"]);
                let argv = argv.fixed(&["-level:v", self.level]);
                if self.pace == Pace::Near {
                    argv.fixed(&["-rc-lookahead"]).number(NEAR_FRAMES)
                } else {
                    argv
                }
            }
            Codec::H265 => argv
                .fixed(&["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params"])
                .fixed(&["pools=none:frame-threads=1:info=0:log-level=error"]),
            Codec::Vp9 => argv
                .fixed(&["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "0"])
                .fixed(&["-lag-in-frames", "0", "-auto-alt-ref", "0"]),
            Codec::Av1 => argv.fixed(&["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1"]),
        };
        let frames = (KEYFRAME_MS * u64::from(self.rate.frames()))
            .div_ceil(1_000 * u64::from(self.rate.seconds()))
            .max(1);
        let buffer_seconds = if self.times == Times::Even { 1 } else { 2 };
        rate_control(asked, buffer_seconds, argv).fixed(&["-g"]).number(frames)
    }

    /// Each frame at its own time: none is doubled to fill a gap, and none is moved to where another source would have it.
    fn paced(&self, argv: Argv) -> Argv {
        let argv = argv.fixed(&["-fps_mode", "vfr"]);
        if !self.is_variable {
            return argv;
        }
        // How many frames four seconds have is not known.
        argv.fixed(&["-enc_time_base", "1:90000", "-force_key_frames", "expr:gte(t,n_forced*4)"])
    }

    /// About so many kbit/s of picture: bits of a pixel as `quality` needs them, at most what was asked.
    pub(super) fn kbps_guess(&self, asked: &Video) -> u64 {
        let hundredth_bits = match asked.quality {
            Quality::Low => 6,
            Quality::Medium => 10,
            Quality::High => 18,
        };
        let guess = self.shape.pixels() * u64::from(self.rate.ceil()) * hundredth_bits / 100_000;
        asked.bitrate.map_or(guess, |most| guess.min(u64::from(most.kbps())))
    }
}

fn rate_control(asked: &Video, buffer_seconds: u32, argv: Argv) -> Argv {
    // What looks alike with each encoder.
    let [low, medium, high] = match asked.codec {
        Codec::H264 => [28, 23, 18],
        Codec::H265 => [32, 27, 22],
        Codec::Vp9 => [42, 36, 28],
        Codec::Av1 => [48, 40, 32],
    };
    let crf = match asked.quality {
        Quality::Low => low,
        Quality::Medium => medium,
        Quality::High => high,
    };
    match (asked.codec, asked.bitrate) {
        (Codec::H264 | Codec::H265, None) => argv.fixed(&["-crf"]).number(crf),
        (Codec::H264 | Codec::H265, Some(most)) => {
            let argv = argv.fixed(&["-crf"]).number(crf).fixed(&["-maxrate"]).kbps(most.kbps());
            argv.fixed(&["-bufsize"]).kbps(most.kbps() * buffer_seconds)
        }
        // These two take a bitrate to be none at all, and a factor below it.
        (Codec::Vp9, most) => {
            argv.fixed(&["-crf"]).number(crf).fixed(&["-b:v"]).kbps(most.map_or(0, |most| most.kbps()))
        }
        (Codec::Av1, None) => argv.fixed(&["-crf"]).number(crf),
        (Codec::Av1, Some(most)) => argv.fixed(&["-b:v"]).kbps(most.kbps()),
    }
}

/// As it grows it is fragments, each of them playable; the index that a whole file has at its front comes later. With
/// `delay_moov` the front waits for the first fragment, and knows then where sound and picture begin.
fn mux(codec: Codec, argv: Argv) -> Argv {
    match codec {
        Codec::H264 | Codec::H265 | Codec::Av1 => fragments(argv, FRAGMENT_MS),
        Codec::Vp9 => {
            argv.fixed(&["-f", "webm", "-flush_packets", "1", "-cluster_time_limit"]).number(FRAGMENT_MS)
        }
    }
}

pub(super) fn fragments(argv: Argv, each_ms: u64) -> Argv {
    argv.fixed(&["-f", "mp4", "-movflags"])
        .fixed(&["+frag_keyframe+empty_moov+delay_moov+default_base_moof+skip_trailer", "-frag_duration"])
        .number(each_ms * 1_000)
}

/// How many frames in a second come out, and whether they have to be counted anew for it.
fn out_rate(asked: &Video, track: &VideoTrack) -> (Rate, bool) {
    let whole = |fps: u32| Rate::new(fps, 1).unwrap_or(Rate::ONE);
    match (asked.fps, track.fps) {
        (Some(fps), _) => (whole(u32::from(fps.get())), true),
        (None, None) => (whole(FPS_UNKNOWN), true),
        (None, Some(own)) if own.ceil() > FPS_UNASKED_MAX => (whole(FPS_UNASKED_MAX), true),
        // Frames that come as they like do so at any speed.
        (None, Some(own)) => (own, asked.speed.is_some() && !track.is_variable),
    }
}

/// Colours stay as they are written; those that are red, green and blue are written as players guess.
fn written_in(track: &VideoTrack) -> Matrix {
    match track.matrix {
        Matrix::Rgb => Matrix::guessed(track.height),
        matrix => matrix,
    }
}

/// Encoders that do not take the smallest pictures.
fn fits_encoder(codec: Codec, width: u32, height: u32) -> Result<(), Error> {
    let least = match codec {
        Codec::H264 | Codec::Vp9 => 2,
        Codec::H265 => 16,
        Codec::Av1 => 64,
    };
    if width.min(height) >= least {
        return Ok(());
    }
    let context =
        format!("{} is not made below {least}x{least}, and it would have {width}x{height}", codec.word());
    Err(Error::new(ErrorKind::Unsupported, context))
}
