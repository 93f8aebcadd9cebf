//! Pictures of videos: one of them, or many in a sheet.

use budget::limits::{JPEG_EDGE_PIXELS_MAX, SHEET_PIXELS_MAX, SPRITE_KEYFRAMES_MS};

use crate::argv::{Argv, Filter, Graph, Input};
use crate::error::{Error, ErrorKind};
use crate::plan::fit::{self, Shape};
use crate::plan::memory::Load;
use crate::plan::{Finish, Plan, Span, behind_the_end, bytes_of};
use crate::probe::{Matrix, Probe, VideoTrack};
use crate::recipe::{Frame, Picture, Sprite};

pub(super) fn frame(asked: &Frame, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = fit::picture(probe)?;
    let span = Span { start_ms: instant(asked.at_ms, track, probe)?, stop_ms: None, known_ms: None };
    let shape = Shape::of(track, asked.size, None, None)?;
    let (matrix, format) = match asked.picture {
        Picture::Jpeg => (Matrix::Bt601, Filter::YuvFull),
        Picture::Png => (Matrix::Rgb, Filter::Rgb),
        Picture::Webp => (Matrix::Bt601, Filter::Yuv),
    };
    let mut graph = Graph::default();
    let mut load = Load::pictures(track).reading(probe).sheet(shape.pixels());
    if track.is_interlaced {
        graph.push(Filter::Deinterlace);
        load = load.deinterlaced();
    }
    shape.filter(&mut graph, track, matrix);
    if track.light.is_some() {
        load = load.tone(shape.pixels());
    }
    graph.push(format);
    let argv = span.seek(Argv::ffmpeg().reading(probe.demuxer, input)).source(input);
    let argv =
        argv.stream(track.index).bare().graph("-vf", &graph).fixed(&["-frames:v", "1", "-threads", "1"]);
    let argv = match asked.picture {
        Picture::Jpeg => argv.fixed(&["-c:v", "mjpeg", "-q:v", "4"]),
        Picture::Png => argv.fixed(&["-c:v", "png", "-pred", "mixed"]),
        Picture::Webp => argv.fixed(&["-c:v", "libwebp", "-quality", "80"]),
    };
    let bits = match asked.picture {
        Picture::Png => 14,
        Picture::Jpeg | Picture::Webp => 2,
    };
    Ok(Plan {
        argv: argv.fixed(&["-f", "image2pipe"]).into_pipe(),
        reserve_bytes: load.reserve_bytes(),
        pass_bytes: 0,
        out_bytes_guess: bytes_of(shape.pixels() * bits / 1_000, 1_000),
        exact_bytes: None,
        out_ms: 0,
        work_ms: 0,
        finish: Finish::Publish,
        picture: Some((shape.width, shape.height)),
    })
}

/// When to look: at the end there is nothing to see, so the last frame stands for it.
fn instant(at_ms: u64, track: &VideoTrack, probe: &Probe) -> Result<u64, Error> {
    let Some(whole_ms) = probe.picture_ms() else { return Ok(at_ms) };
    let longest_ms = probe.duration_ms.unwrap_or(whole_ms).max(whole_ms);
    if at_ms > longest_ms {
        return Err(behind_the_end(at_ms, longest_ms));
    }
    let frame_ms = track.fps.map_or(40, |rate| rate.frame_ms());
    // A millisecond more, because a time that was rounded up lies behind its frame.
    Ok(at_ms.min(whole_ms.saturating_sub(frame_ms + 1)))
}

pub(super) fn sprite(asked: &Sprite, probe: &Probe, input: Input) -> Result<Plan, Error> {
    let track = fit::picture(probe)?;
    let span = Span::of(asked.clip, probe.picture_ms())?;
    let window_ms = window(span)?;
    let cell = Shape::of(track, asked.size, None, None)?;
    let sheet_pixels = fits_sheet(asked, &cell)?;
    let is_sparse = window_ms / u64::from(asked.frames()) >= SPRITE_KEYFRAMES_MS;

    let mut graph = Graph::default();
    graph.push(Filter::FpsOver { frames: asked.frames(), ms: window_ms });
    if track.is_interlaced {
        // The pictures of a sheet are small and far apart: nothing could be learnt of those before and behind.
        graph.push(Filter::Field);
    }
    cell.filter(&mut graph, track, Matrix::Bt601);
    let mut load = Load::pictures(track).reading(probe).sheet(sheet_pixels);
    if track.light.is_some() {
        load = load.tone(cell.pixels());
    }
    graph.push(Filter::YuvFull);
    // A source that ends early leaves no hole.
    graph.push(Filter::Hold);
    graph.push(Filter::Tile { columns: asked.columns(), rows: asked.rows(), frames: asked.frames() });

    let argv = Argv::ffmpeg().reading(probe.demuxer, input);
    let argv = if is_sparse { argv.fixed(&["-skip_frame", "nokey"]) } else { argv };
    let argv = span.seek(argv).source(input).stream(track.index).bare().graph("-vf", &graph);
    let argv =
        argv.fixed(&["-frames:v", "1", "-threads", "1", "-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe"]);
    Ok(Plan {
        argv: argv.into_pipe(),
        reserve_bytes: load.reserve_bytes(),
        pass_bytes: 0,
        out_bytes_guess: bytes_of(sheet_pixels * 2 / 1_000, 1_000),
        exact_bytes: None,
        out_ms: 0,
        work_ms: window_ms,
        finish: Finish::Publish,
        picture: Some((cell.width * u32::from(asked.columns()), cell.height * u32::from(asked.rows()))),
    })
}

/// How large each picture of a sheet is, and how many milliseconds lie between two of them, for whoever says where they
/// are.
///
/// # Errors
/// As [`plan`](super::plan).
pub fn cell_size(asked: &Sprite, probe: &Probe) -> Result<((u32, u32), u64), Error> {
    let track = fit::picture(probe)?;
    let window_ms = window(Span::of(asked.clip, probe.picture_ms())?)?;
    let cell = Shape::of(track, asked.size, None, None)?;
    Ok(((cell.width, cell.height), window_ms / u64::from(asked.frames())))
}

fn window(span: Span) -> Result<u64, Error> {
    let unknown = "the source does not say how long it is: a spritesheet of it needs a duration";
    span.known_ms.filter(|ms| *ms > 0).ok_or_else(|| Error::new(ErrorKind::Unsupported, unknown))
}

fn fits_sheet(asked: &Sprite, cell: &Shape) -> Result<u64, Error> {
    let width = u64::from(cell.width) * u64::from(asked.columns());
    let height = u64::from(cell.height) * u64::from(asked.rows());
    let pixels = width * height;
    if pixels <= SHEET_PIXELS_MAX && width.max(height) <= JPEG_EDGE_PIXELS_MAX {
        return Ok(pixels);
    }
    let context = format!(
        "the sheet would have {width}x{height} = {pixels} pixels; at most {SHEET_PIXELS_MAX} are made, and \
         {JPEG_EDGE_PIXELS_MAX} in a line or column"
    );
    Err(Error::new(ErrorKind::TooLarge, context))
}
