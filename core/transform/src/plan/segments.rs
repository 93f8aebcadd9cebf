//! HTTP Live Streaming with fragmented MP4 (RFC 8216 section 3.3): each segment is a short run of its own.
//!
//! The playlist is known before anything is encoded: equal segments of [`SEGMENT_MS`], the last one shorter. A segment
//! made again has the same times and the same bytes. Sound is not cut into segments, because each run of its encoder
//! begins with silence; it is one rendition of its own, made once in whole.

use budget::limits::SEGMENT_MS;

use crate::argv::{Argv, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::video::{Pictures, at_speed, fragments};
use crate::plan::{Finish, Plan, Span, bytes_of, fit, sound};
use crate::probe::Probe;
use crate::recipe::{Codec, Video};

/// How a video is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// How many there are.
    pub count: u64,
    /// How long all of them are together.
    pub whole_ms: u64,
}

impl Segments {
    /// Of `asked`, of a source that `probe` tells of.
    ///
    /// # Errors
    /// [`ErrorKind::NoPicture`], [`ErrorKind::BehindTheEnd`], and [`ErrorKind::Unsupported`] when the source does not say
    /// how long it is, or when the video would be no MP4.
    pub fn of(asked: &Video, probe: &Probe) -> Result<Segments, Error> {
        fit::picture(probe)?;
        if asked.codec == Codec::Vp9 {
            return Err(Error::new(ErrorKind::Unsupported, "segments are MP4, in which VP9 is not made"));
        }
        let span = Span::of(asked.clip, probe.picture_ms())?;
        let unknown = "the source does not say how long it is, so it cannot be cut into segments";
        let known_ms = span.known_ms.ok_or_else(|| Error::new(ErrorKind::Unsupported, unknown))?;
        let whole_ms = at_speed(known_ms, asked.speed).max(1);
        Ok(Segments { count: whole_ms.div_ceil(SEGMENT_MS), whole_ms })
    }

    /// How long the segment with this number is, counted from 0; 0 when there is none.
    pub fn length_ms(&self, number: u64) -> u64 {
        self.whole_ms.saturating_sub(number.saturating_mul(SEGMENT_MS)).min(SEGMENT_MS)
    }
}

/// What makes segment `number` of `asked`, counted from 0, its beginning (`ftyp` and `moov`, alike for all) included.
///
/// # Errors
/// As [`Segments::of`], and [`ErrorKind::BehindTheEnd`] for a number that there is not.
pub fn segment(asked: &Video, probe: &Probe, input: Input, number: u64) -> Result<Plan, Error> {
    let segments = Segments::of(asked, probe)?;
    let out_ms = segments.length_ms(number);
    if out_ms == 0 {
        let context = format!("there are {} segments, counted from 0", segments.count);
        return Err(Error::new(ErrorKind::BehindTheEnd, context));
    }
    let track = fit::picture(probe)?;
    let pictures = Pictures::of(asked, track, probe)?;
    // Exact: a segment is a whole number of seconds, and a speed of hundredths.
    let of_source =
        |out_ms: u64| out_ms * asked.speed.map_or(100, |speed| u64::from(speed.hundredths())) / 100;
    let start_ms = asked.clip.start_ms() + of_source(number * SEGMENT_MS);
    let stop_ms = if number + 1 == segments.count && asked.clip.length_ms().is_none() {
        None
    } else {
        Some(of_source(out_ms).max(1))
    };
    let span = Span { start_ms, stop_ms, known_ms: None };

    let argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input);
    let argv = pictures.encode(asked, argv.stream(track.index).fixed(&["-an"]).bare());
    let argv = match asked.codec {
        Codec::H264 | Codec::H265 => argv.fixed(&["-bf", "0"]),
        Codec::Av1 | Codec::Vp9 => argv,
    };
    // Each run would begin at nothing, and this one goes on where the one before it ended.
    let argv = argv.fixed(&["-output_ts_offset"]).seconds(number * SEGMENT_MS);
    let argv = argv.fixed(&["-avoid_negative_ts", "disabled", "-f", "mp4", "-movflags"]);
    let argv =
        argv.fixed(&["+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer"]).into_pipe();
    Ok(Plan {
        argv,
        reserve_bytes: pictures.load.reserve_bytes(),
        out_bytes_guess: bytes_of(pictures.kbps_guess(asked), out_ms),
        out_ms,
        finish: Finish::Publish,
        picture: Some((pictures.shape.width, pictures.shape.height)),
    })
}

/// What makes the sound of `asked` in whole: AAC in fragments of about [`SEGMENT_MS`].
///
/// # Errors
/// [`ErrorKind::NoSound`] and [`ErrorKind::BehindTheEnd`].
pub fn segment_sound(asked: &Video, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = sound::track(probe)?;
    let span = Span::of(asked.clip, probe.duration_ms)?;
    let argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input);
    let argv = argv.stream(track.index).fixed(&["-vn"]).bare().fixed(&["-threads", "1"]);
    let argv = sound::within(Codec::H264, track, argv).graph("-af", &sound::tempo(asked.speed));
    let out_ms = at_speed(span.guess_ms(probe), asked.speed);
    Ok(Plan {
        argv: fragments(argv, SEGMENT_MS).into_pipe(),
        reserve_bytes: crate::plan::memory::Load::sound().reading(probe).reserve_bytes(),
        out_bytes_guess: bytes_of(128, out_ms),
        out_ms,
        finish: Finish::Publish,
        picture: None,
    })
}
