//! The second pass: what came out of a pipe becomes a file whose front is right.

use crate::argv::{Argv, Input};
use crate::recipe::{Audio, Codec, Encoding, Recipe, Video};
use crate::sniff::Demuxer;

/// What ffmpeg is told to make the rendition of what it wrote for a plan that ends with
/// [`Finish::Faststart`](super::Finish::Faststart); `None` for recipes whose plans never do.
///
/// Its standard input is what was made, and its standard output a regular file that is open for reading and writing:
/// both are opened again by name. The samples are copied. FLAC alone is encoded once more, without loss, because only
/// its encoder knows how long the whole became.
pub fn faststart_args(recipe: &Recipe) -> Option<Argv> {
    let input = Input::Descriptor;
    let read = |demuxer| Argv::ffmpeg().reading(demuxer, input);
    let copied = |argv: Argv| argv.source(input).fixed(&["-map", "0", "-c", "copy"]).bare();
    // Times stay as they are: what lies before the beginning belongs there, and is cut by the edit list.
    let argv = match recipe {
        Recipe::Video(Video { codec: Codec::Vp9, .. }) => {
            copied(read(Demuxer::Matroska).fixed(&["-copyts"])).fixed(&["-f", "webm", "-cues_to_front", "1"])
        }
        Recipe::Video(_) | Recipe::Audio(Audio { encoding: Encoding::M4a, .. }) => {
            copied(read(Demuxer::Mov).fixed(&["-copyts"])).fixed(&["-f", "mp4", "-movflags", "+faststart"])
        }
        Recipe::Audio(Audio { encoding: Encoding::Flac, .. }) | Recipe::Song => read(Demuxer::Flac)
            .source(input)
            .fixed(&["-map", "0:0"])
            .bare()
            .fixed(&["-threads", "1", "-c:a", "flac", "-f", "flac"]),
        Recipe::Audio(_)
        | Recipe::Frame(_)
        | Recipe::Sprite(_)
        | Recipe::Waveform(_)
        | Recipe::Piece(_)
        | Recipe::Cover(_)
        | Recipe::Captions(_) => return None,
    };
    Some(argv.into_file())
}
