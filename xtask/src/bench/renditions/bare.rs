//! The same commands without a server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::children::Seen;
use super::ours::{Ours, cpu_s};
use crate::{Error, ErrorKind, Result};

/// What something cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu_s: f64,
    pub(super) wall_s: f64,
}

/// Runs these commands one after the other, as they were run for us: what makes reads the source, what copies reads what was
/// made, and each has its output as a file.
pub(super) fn run(ours: &Ours, commands: &[Seen], source: &Path) -> Result<Cost> {
    let (before_s, began) = (cpu_s("self"), Instant::now());
    let mut made: Option<PathBuf> = None;
    for (number, command) in commands.iter().enumerate() {
        let input = made.as_deref().filter(|_| command.is_copy()).unwrap_or(source);
        let output = ours.scratch(&format!("bare-{number}"));
        one(command, input, &output)?;
        made = Some(output);
    }
    Ok(Cost { cpu_s: cpu_s("self") - before_s, wall_s: began.elapsed().as_secs_f64() })
}

fn one(command: &Seen, input: &Path, output: &Path) -> Result<()> {
    let failed =
        |error| Error::because(ErrorKind::Failed, format!("running {}", command.words.join(" ")), error);
    let (program, arguments) = command.words.split_first().unzip();
    let mut ffmpeg = Command::new(program.map_or("ffmpeg", String::as_str));
    ffmpeg.args(arguments.into_iter().flatten());
    ffmpeg.stdin(File::open(input).map_err(failed)?).stderr(Stdio::null());
    // It opens its output again by name where it must seek.
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(output).map_err(failed)?;
    let status = ffmpeg.stdout(file).status().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Failed, format!("{} ended with {status}", command.words.join(" "))))
}
