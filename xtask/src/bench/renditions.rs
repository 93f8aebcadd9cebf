//! Renditions beside the bare commands: what making one costs over ffmpeg with the same arguments, how soon its first media
//! byte comes, what one that is kept costs to send beside any other file, and what a child takes beside what is reserved.
//!
//! **Promise.** The bare commands are the ones that our own children were seen to run, word for word, on the same file; both
//! sides run in turn within each round, on files that are in memory, and the medians are compared. CPU is user and system
//! time of the server and all its children.
//!
//! **Flow.** [`ours`] is the server, [`children`] sees what it starts, [`bare`] runs the same without it; [`parts`] are the four
//! measurements; here they are judged.
//!
//! **Not here.** Many jobs at once in little memory: `cargo x prove renditions`.

mod bare;
mod children;
mod ours;
mod parts;

use std::path::PathBuf;

use super::{Options, report};
use crate::corpus::Video;
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, stages};

use ours::Ours;
use parts::{First, Hits, Memory, Overhead};

/// Ours over the bare commands, at most: CPU and wall.
const OVERHEAD_MAX: f64 = 1.05;
/// The first byte of media at the latest, in seconds.
const FIRST_MEDIA_S_MAX: f64 = 0.5;
/// A kept rendition over any other file, CPU for each byte, at most.
const HIT_MAX: f64 = 1.05;
/// A child's peak over what is reserved for it and the text that all share, at most.
const MEMORY_MAX: f64 = 1.0;
/// What of a child's memory are programs that all children share, in MiB (see `transform`'s plan).
const SHARED_MIB: f64 = 45.0;
/// A page is kept from so many rounds on.
const KEPT_FROM_ROUNDS: usize = 3;

const HD: (u32, u32) = (1920, 1080);
const UHD: (u32, u32) = (3840, 2160);

/// The middle one; zero of none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[Tool::Ffmpeg])?;
    let built = std::env::var_os("MILLPOND_BIN").map(PathBuf::from);
    let server = built.map_or_else(|| stages::server(&files::workspace()), Ok)?;
    let seconds = if options.short { 5 } else { 30 };
    let video = |(width, height): (u32, u32), seconds| Video { width, height, seconds };
    let (long, short) = (video(HD, seconds), video(HD, 10));
    let large = video(UHD, 4);
    let ours = Ours::start(&server, &[long, short, large])?;
    let overhead = Overhead::measure(&ours, long, options.rounds)?;
    let first = First::measure(&ours, short, options.rounds)?;
    let hits = Hits::measure(&ours, short, options.rounds)?;
    let memory = Memory::measure(&ours, short, large, options.short)?;
    judge(options, long, &overhead, &first, &hits, &memory)
}

fn judge(
    options: &Options,
    long: Video,
    overhead: &Overhead,
    first: &First,
    hits: &Hits,
    memory: &Memory,
) -> Result<()> {
    let gates = [
        (
            format!("CPU over the bare commands {:.3}, at most {OVERHEAD_MAX}", overhead.cpu()),
            overhead.cpu() <= OVERHEAD_MAX,
        ),
        (
            format!("wall over the bare commands {:.3}, at most {OVERHEAD_MAX}", overhead.wall()),
            overhead.wall() <= OVERHEAD_MAX,
        ),
        (
            format!("first media byte after {:.3} s, at most {FIRST_MEDIA_S_MAX} s", first.media_s()),
            first.media_s() <= FIRST_MEDIA_S_MAX,
        ),
        (
            format!("a kept rendition costs {:.3} of any other file, at most {HIT_MAX}", hits.ratio()),
            hits.ratio() <= HIT_MAX,
        ),
        (
            format!(
                "the largest peak is {:.2} of reserve and shared text, at most {MEMORY_MAX}",
                memory.largest()
            ),
            memory.largest() <= MEMORY_MAX,
        ),
        (format!("{} jobs were not made, at most 0", memory.failed()), memory.failed() == 0),
    ];
    let mut body = format!(
        "Made of generated H.264 with AAC, 30 frames in a second, in memory. CPU is user and system time of the server with all of \
         its children, or of the bare commands. Medians of {} rounds, both sides in turn within each. Goals:\n\n",
        options.rounds
    );
    for (gate, held) in &gates {
        body += &format!("- {}: {gate}\n", if *held { "held" } else { "**missed**" });
    }
    body += &format!("\n## A whole rendition: 1080p of {} s into 360p\n\n{}", long.seconds, overhead.table());
    body +=
        &format!("\n## From the request to the first byte of media, 1080p into 360p\n\n{}", first.table());
    body += &format!(
        "\n## Sending what is kept, beside the same bytes as a file of the origin\n\n{}",
        hits.table()
    );
    body += &format!("\n## Memory of each job, beside what is reserved\n\n{}", memory.table());
    let keep = !options.short && options.rounds >= KEPT_FROM_ROUNDS;
    let command = format!("cargo x bench renditions --rounds {}", options.rounds);
    report::write("renditions", &command, body.trim_end(), keep)?;
    match gates.iter().filter(|(_, held)| !held).count() {
        0 => Ok(()),
        missed => Err(Error::new(ErrorKind::Broken, format!("{missed} goals are missed"))),
    }
}
