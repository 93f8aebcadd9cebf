//! Text in a video that is shown with its pictures.

use crate::argv::{Argv, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::memory::Load;
use crate::plan::{Finish, Plan, Span, bytes_of};
use crate::probe::{Probe, TextTrack};
use crate::recipe::{Captions, Clip};

/// What is written as text. Discs have pictures of letters instead, and nobody reads those here.
const TEXTS: [&str; 6] = ["subrip", "ass", "ssa", "mov_text", "webvtt", "text"];
/// What people read, in kbit/s.
const TEXT_KBPS: u64 = 1;

impl Probe {
    /// The first of its texts that is written as such.
    pub fn captions(&self) -> Option<&TextTrack> {
        self.texts.iter().find(|track| TEXTS.contains(&&*track.codec))
    }
}

pub(super) fn plan(asked: Captions, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let none = || Error::new(ErrorKind::Unsupported, "the source has no captions that are text");
    let track = probe.captions().ok_or_else(none)?;
    let argv = Argv::ffmpeg().reading(probe.demuxer, input).source(input).stream(track.index);
    let argv = argv.fixed(&["-map_metadata", "-1", "-map_chapters", "-1"]);
    let argv = match asked {
        Captions::WebVtt => argv.fixed(&["-c:s", "webvtt", "-f", "webvtt"]),
        Captions::SubRip => argv.fixed(&["-c:s", "subrip", "-f", "srt"]),
    };
    let out_ms = Span::of(Clip::default(), probe.duration_ms)?.guess_ms(probe);
    Ok(Plan {
        argv: argv.into_pipe(),
        reserve_bytes: Load::sound().reading(probe).reserve_bytes(),
        pass_bytes: 0,
        out_bytes_guess: bytes_of(TEXT_KBPS, out_ms),
        exact_bytes: None,
        out_ms,
        work_ms: out_ms,
        finish: Finish::Publish,
        picture: None,
    })
}
