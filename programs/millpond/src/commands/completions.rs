//! `millpond completions`: what a shell needs to complete our command lines.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};

use crate::error::{Error, Result};

pub(super) fn command() -> Command {
    Command::new("completions")
        .about("Print the completions for a shell")
        .after_help(
            "Example:\n  millpond completions bash > ~/.local/share/bash-completion/completions/millpond",
        )
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)))
}

pub(super) fn run(given: &ArgMatches, tree: &mut Command) -> Result<ExitCode> {
    let shell = given.get_one::<Shell>("shell").copied().ok_or_else(|| Error::usage("no shell was named"))?;
    let mut script = Vec::new();
    generate(shell, tree, "millpond", &mut script);
    // A reader that has seen enough is no failure.
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), &script);
    Ok(ExitCode::SUCCESS)
}
