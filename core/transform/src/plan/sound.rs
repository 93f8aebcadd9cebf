//! Sound.

use budget::limits::SOUND_FRAGMENT_MS;

use crate::argv::{Argv, Filter, Graph, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::memory::{Load, pass_bytes};
use crate::plan::video::fragments;
use crate::plan::{Finish, PEAKS_HZ, Plan, Span, bytes_of, mp3};
use crate::probe::{AudioTrack, Probe};
use crate::recipe::{Audio, BitDepth, Bitrate, Channels, Clip, Codec, Encoding, Speed, Waveform};
use crate::sniff::Demuxer;

pub(super) fn track(probe: &Probe) -> Result<&AudioTrack, Error> {
    probe.audio.as_ref().ok_or_else(|| Error::new(ErrorKind::NoSound, "the source has no sound"))
}

pub(super) fn plan(asked: &Audio, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = track(probe)?;
    let span = Span::of(asked.clip, probe.duration_ms)?;
    let argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input);
    let argv = argv.stream(track.index).fixed(&["-vn"]).bare().fixed(&["-threads", "1"]);
    let Heard { channels, sample_rate_hz: rate_hz, kbps, .. } =
        Heard::of(asked, track.channels, track.sample_rate_hz, None);
    let argv = shape(track, channels, rate_hz, argv);
    let argv = match asked.sampling.depth.filter(|_| asked.encoding == Encoding::Flac) {
        None => argv,
        // What is cut off sounds as noise, and not as an echo of the song.
        Some(BitDepth::Sixteen) => argv.fixed(&["-sample_fmt", "s16", "-dither_method", "triangular"]),
        // Encoders of FLAC have 24 bits of these.
        Some(BitDepth::TwentyFour) => argv.fixed(&["-sample_fmt", "s32"]),
    };
    let samples = exact_samples(asked.encoding, span, probe, rate_hz);
    let argv = match samples {
        Some(samples) => argv.graph("-af", &exactly(samples, rate_hz)),
        None => argv,
    };
    let argv = encoder(asked.encoding, kbps, argv);
    let argv = match asked.encoding {
        Encoding::M4a => fragments(argv, SOUND_FRAGMENT_MS),
        Encoding::Aac => argv.fixed(&["-f", "adts"]),
        // Both of these headers are written for tags and for gaps, and need a file to come back to.
        Encoding::Mp3 => argv.fixed(&["-id3v2_version", "0", "-write_xing", "0", "-f", "mp3"]),
        Encoding::Opus | Encoding::Vorbis => argv.fixed(&["-f", "ogg"]),
        Encoding::Flac => argv.fixed(&["-f", "flac"]),
    };
    let out_ms = span.guess_ms(probe);
    let finish = match asked.encoding {
        Encoding::M4a | Encoding::Flac => Finish::Faststart,
        Encoding::Aac | Encoding::Mp3 | Encoding::Opus | Encoding::Vorbis => Finish::Publish,
    };
    let load_bytes = Load::sound().reading(probe).reserve_bytes();
    let pass_bytes = match asked.encoding {
        Encoding::M4a => pass_bytes(out_ms, 0, true),
        // It is encoded anew, of which its own index is the smaller part.
        Encoding::Flac => load_bytes,
        _ => 0,
    };
    Ok(Plan {
        argv: argv.into_pipe(),
        reserve_bytes: load_bytes.max(pass_bytes),
        pass_bytes,
        out_bytes_guess: bytes_of(u64::from(kbps), out_ms),
        exact_bytes: samples.map(|samples| mp3::bytes(samples, rate_hz, kbps)),
        out_ms,
        work_ms: out_ms,
        finish,
        picture: None,
    })
}

/// What ffmpeg is told to decode this track as it is into floats of little end first, which it writes to its standard output.
pub(crate) fn floats_args(probe: &Probe, track: &AudioTrack) -> Argv {
    let argv = Argv::ffmpeg().reading(probe.demuxer, Input::Descriptor).source(Input::Descriptor);
    let argv = argv.stream(track.index).fixed(&["-vn"]).bare().fixed(&["-threads", "1", "-ac"]);
    let argv = argv.number(u64::from(track.channels)).fixed(&["-ar"]).number(u64::from(track.sample_rate_hz));
    argv.fixed(&["-c:a", "pcm_f32le", "-f", "f32le"]).into_pipe()
}

/// What ffmpeg is told to encode stereo that comes over its standard input, as floats of little end first, into the regular
/// file that its standard output is. Its heads say exactly how long the sound is and where it begins.
pub(crate) fn samples_args(encoding: Encoding, bitrate: Bitrate, own_hz: u32) -> Argv {
    let rate_hz = out_rate_hz(encoding, own_hz);
    let kbps = bitrate_kbps(&Audio { encoding, bitrate: Some(bitrate), ..Audio::default() }, 2, rate_hz);
    let argv = Argv::ffmpeg().fixed(&["-protocol_whitelist", "pipe", "-f", "f32le", "-ac", "2", "-ar"]);
    let argv = argv.number(u64::from(own_hz)).fixed(&["-i", "pipe:0"]).bare();
    let argv = argv.fixed(&["-threads", "1", "-ar"]).number(u64::from(rate_hz));
    let argv = encoder(encoding, kbps, argv);
    let argv = match encoding {
        Encoding::M4a => argv.fixed(&["-f", "mp4", "-movflags", "+faststart"]),
        Encoding::Aac => argv.fixed(&["-f", "adts"]),
        Encoding::Mp3 => argv.fixed(&["-id3v2_version", "0", "-f", "mp3"]),
        Encoding::Opus | Encoding::Vorbis => argv.fixed(&["-f", "ogg"]),
        Encoding::Flac => argv.fixed(&["-f", "flac"]),
    };
    argv.into_file()
}

fn encoder(encoding: Encoding, kbps: u32, argv: Argv) -> Argv {
    match encoding {
        Encoding::M4a | Encoding::Aac => argv.fixed(&["-c:a", "aac", "-b:a"]).kbps(kbps),
        Encoding::Mp3 => argv.fixed(&["-c:a", "libmp3lame", "-b:a"]).kbps(kbps),
        // Left to itself it takes as many bits as it likes: of a chord at 48 kbit/s, more than twice as many.
        Encoding::Opus => argv.fixed(&["-c:a", "libopus", "-vbr", "constrained", "-b:a"]).kbps(kbps),
        Encoding::Vorbis => argv.fixed(&["-c:a", "libvorbis", "-b:a"]).kbps(kbps),
        Encoding::Flac => argv.fixed(&["-c:a", "flac"]),
    }
}

/// What comes out for who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// How many channels.
    pub channels: u16,
    /// Samples in a second.
    pub sample_rate_hz: u32,
    /// Bits of a sample, where its encoding has them.
    pub bit_depth: Option<u8>,
    /// About so many kbit/s, and no more where they were asked for.
    pub kbps: u32,
}

impl Heard {
    /// Of a source with so many channels, samples in a second and, where it has them, bits of a sample.
    pub fn of(asked: &Audio, channels: u16, sample_rate_hz: u32, bit_depth: Option<u32>) -> Heard {
        let Audio { encoding, sampling, .. } = asked;
        let channels = sampling.channels.map_or(channels, |channels| channels.count().into());
        let channels = out_channels(*encoding, channels);
        let rate_hz = out_rate_hz(*encoding, sampling.rate.map_or(sample_rate_hz, |rate| rate.hz()));
        let depth = || sampling.depth.unwrap_or_else(|| BitDepth::of_source(bit_depth));
        Heard {
            channels,
            sample_rate_hz: rate_hz,
            bit_depth: (*encoding == Encoding::Flac).then(|| depth().bits()),
            kbps: bitrate_kbps(asked, channels, rate_hz),
        }
    }
}

/// How many samples an MP3 gets, where its source says for certain how long it is. Of MPEG streams that is guessed by the
/// bitrate, and a song that is longer than it was guessed to be would be cut.
fn exact_samples(encoding: Encoding, span: Span, probe: &Probe, rate_hz: u32) -> Option<u64> {
    use Demuxer::{Aiff, Flac, Matroska, Mov, Ogg, Wav};
    let is_certain =
        probe.video.is_none() && matches!(probe.demuxer, Aiff | Flac | Matroska | Mov | Ogg | Wav);
    let known_ms = span.known_ms.filter(|_| is_certain && encoding == Encoding::Mp3)?;
    // A length in milliseconds was rounded.
    Some(((known_ms + 1) * u64::from(rate_hz)).div_ceil(1_000))
}

/// So many samples, with silence where the source has nothing.
fn exactly(samples: u64, rate_hz: u32) -> Graph {
    let mut graph = Graph::default();
    graph.push(Filter::Filled(rate_hz));
    graph.push(Filter::Samples(samples));
    graph
}

/// Samples to count peaks of.
pub(super) fn samples(asked: &Waveform, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = track(probe)?;
    let span = Span::of(Clip::default(), probe.duration_ms)?;
    let argv = Argv::ffmpeg().reading(probe.demuxer, input).source(input);
    let argv = argv.stream(track.index).fixed(&["-vn"]).bare().fixed(&["-ac", "1", "-ar"]);
    let argv = argv.number(u64::from(PEAKS_HZ)).fixed(&["-c:a", "pcm_s16le", "-f", "s16le"]).into_pipe();
    let out_ms = span.guess_ms(probe);
    // It is drawn here when the child is gone.
    let drawn_bytes = match asked {
        Waveform::Peaks(_) => 0,
        Waveform::Drawn(drawing) => drawing.need_bytes(),
    };
    Ok(Plan {
        argv,
        reserve_bytes: Load::sound().reading(probe).reserve_bytes().max(drawn_bytes),
        pass_bytes: 0,
        out_bytes_guess: out_ms * 2 * u64::from(PEAKS_HZ) / 1_000,
        exact_bytes: None,
        out_ms,
        work_ms: out_ms,
        finish: Finish::Peaks,
        picture: None,
    })
}

/// The sound of a video, as its container wants it.
pub(super) fn within(codec: Codec, track: &AudioTrack, argv: Argv) -> Argv {
    let (encoding, words): (_, &[_]) = match codec {
        Codec::H264 | Codec::H265 | Codec::Av1 => (Encoding::M4a, &["-c:a", "aac", "-b:a", "128k"]),
        Codec::Vp9 => (Encoding::Opus, &["-c:a", "libopus", "-vbr", "constrained", "-b:a", "96k"]),
    };
    let channels = out_channels(encoding, track.channels);
    shape(track, channels, out_rate_hz(encoding, track.sample_rate_hz), argv).fixed(words)
}

/// As many bits of AAC as its encoder has for this track.
pub(super) fn aac_kbps(bitrate: Bitrate, track: &AudioTrack) -> u32 {
    let asked = Audio { encoding: Encoding::M4a, bitrate: Some(bitrate), ..Audio::default() };
    Heard::of(&asked, track.channels, track.sample_rate_hz, None).kbps
}

/// Samples in a second of that sound.
pub(super) fn rate_within(codec: Codec, track: &AudioTrack) -> u32 {
    let encoding = if codec == Codec::Vp9 { Encoding::Opus } else { Encoding::M4a };
    out_rate_hz(encoding, track.sample_rate_hz)
}

/// Sound of a whole video, which stays with its pictures where some of it is missing.
pub(super) fn beside(speed: Option<Speed>) -> Graph {
    let mut graph = tempo(speed);
    if graph.is_empty() {
        graph.push(Filter::Silence);
    }
    graph
}

/// Sound that keeps its pitch, if it is to be faster or slower. One filter goes down to half the speed.
pub(super) fn tempo(speed: Option<Speed>) -> Graph {
    let mut graph = Graph::default();
    let Some(speed) = speed else { return graph };
    // What is missing is missing at its own time, and not at the one that comes of it.
    graph.push(Filter::Silence);
    let mut thousandths = u32::from(speed.hundredths()) * 10;
    while thousandths < 500 {
        graph.push(Filter::Tempo(500));
        thousandths *= 2;
    }
    graph.push(Filter::Tempo(thousandths));
    graph
}

/// So many channels and samples in a second.
fn shape(track: &AudioTrack, channels: u16, rate_hz: u32, argv: Argv) -> Argv {
    let argv = match channels == track.channels {
        true => argv,
        false => argv.fixed(&["-ac"]).number(u64::from(channels)),
    };
    argv.fixed(&["-ar"]).number(u64::from(rate_hz))
}

/// What loses anyway is mixed down to two channels; FLAC keeps the eight that it can.
fn out_channels(encoding: Encoding, own: u16) -> u16 {
    let most = if encoding == Encoding::Flac { Channels::MAX.into() } else { 2 };
    own.min(most)
}

/// The sample rate, the source's own where the encoder has it.
fn out_rate_hz(encoding: Encoding, own_hz: u32) -> u32 {
    const USUAL_HZ: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
    match encoding {
        Encoding::Opus => 48_000,
        Encoding::Flac if [88_200, 96_000, 176_400, 192_000].contains(&own_hz) => own_hz,
        _ if USUAL_HZ.contains(&own_hz) => own_hz,
        _ if own_hz > 48_000 && own_hz.is_multiple_of(11_025) => 44_100,
        _ => 48_000,
    }
}

/// What was asked, or what sounds like the source to most, within what the encoder takes.
fn bitrate_kbps(asked: &Audio, channels: u16, rate_hz: u32) -> u32 {
    let all_channels = u32::from(channels);
    let channels = if channels == 1 { 1 } else { 2 };
    let is_low = rate_hz < 32_000;
    let (usual, least, most) = match asked.encoding {
        Encoding::M4a | Encoding::Aac => (80, 8, 6 * rate_hz / 1_000),
        Encoding::Mp3 if is_low => (64, 8, 160 / channels),
        Encoding::Mp3 => (96, 32 / channels, 320 / channels),
        Encoding::Opus => (64, 6, 256),
        Encoding::Vorbis if is_low => (32, 16, 32),
        Encoding::Vorbis => (80, 32, 190),
        // About half of what it is without compression.
        Encoding::Flac => return rate_hz / 1_000 * 12 * all_channels,
    };
    let wanted = asked.bitrate.map_or(usual * channels, |bitrate| bitrate.kbps());
    let kbps = wanted.clamp(least * channels, most * channels);
    if asked.encoding == Encoding::Mp3 { mp3::kbps_within(kbps, rate_hz) } else { kbps }
}
