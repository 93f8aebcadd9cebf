//! Starting other programs, with failures that name them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Error, ErrorKind, Result};

/// The program with its arguments, as a person would type it.
pub fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let plain = argument.chars().all(|c| c.is_alphanumeric() || "-_./=:,@+%".contains(c));
        text.push(' ');
        if plain && !argument.is_empty() {
            text.push_str(&argument);
        } else {
            text.push('\'');
            text.push_str(&argument.replace('\'', r"'\''"));
            text.push('\'');
        }
    }
    text
}

/// Runs a program with our own output and waits for it.
///
/// # Errors
/// [`ErrorKind::Missing`] when there is no such program, [`ErrorKind::Failed`] when it ends with another code than 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| not_started(command, error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Failed, format!("`{}` ended with {status}", line(command))))
}

/// Runs a program that writes what it says into a file, and waits for it.
///
/// # Errors
/// As [`run`], and [`ErrorKind::Io`] with the path when the file cannot be made.
pub fn told(command: &mut Command, to: &Path) -> Result<()> {
    let failed = |error| Error::because(ErrorKind::Io, format!("writing {}", to.display()), error);
    let output = File::create(to).map_err(failed)?;
    let errors = output.try_clone().map_err(failed)?;
    run(command.stdin(Stdio::null()).stdout(output).stderr(errors))
}

/// Runs a program silently; what it said is shown only when it failed.
///
/// # Errors
/// As [`run`]; the message carries the last lines of what the program said.
pub fn quiet(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let said = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    Err(Error::new(ErrorKind::Failed, format!("`{}` ended with {}\n{last}", line(command), output.status)))
}

/// Whether a program can be started at all.
pub fn there(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program needed, as the kernel counted it for the process and the children that it waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Seconds from start to end.
    pub wall_s: f64,
    /// CPU seconds, user and system together.
    pub cpu_s: f64,
    /// The largest resident set, in KiB.
    pub peak_kib: u64,
}

/// Runs a program silently under GNU time and tells what it needed.
///
/// # Errors
/// As [`quiet`], and [`ErrorKind::Failed`] when GNU time's line cannot be read.
pub fn measured(command: &Command) -> Result<Usage> {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-q", "-f", "usage %e %U %S %M"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    timed.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = timed.spawn().map_err(|error| not_started(&timed, error))?;
    let mut said = String::new();
    if let Some(mut errors) = child.stderr.take() {
        #[expect(clippy::disallowed_methods, reason = "the log of a program that we started ourselves")]
        errors.read_to_string(&mut said).map_err(|error| not_started(&timed, error))?;
    }
    let status = child.wait().map_err(|error| not_started(&timed, error))?;
    let usage = said.lines().rev().find_map(usage_line);
    match usage {
        Some(usage) if status.success() => Ok(usage),
        _ => Err(Error::new(ErrorKind::Failed, format!("`{}` ended with {status}\n{said}", line(&timed)))),
    }
}

fn usage_line(text: &str) -> Option<Usage> {
    let mut words = text.strip_prefix("usage ")?.split(' ');
    let mut next = || words.next()?.parse::<f64>().ok();
    let (wall_s, user_s, system_s) = (next()?, next()?, next()?);
    let peak_kib = words.next()?.parse().ok()?;
    Some(Usage { wall_s, cpu_s: user_s + system_s, peak_kib })
}

fn not_started(command: &Command, error: std::io::Error) -> Error {
    let kind =
        if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::Missing } else { ErrorKind::Failed };
    Error::because(kind, format!("cannot run `{}`", line(command)), error)
}
