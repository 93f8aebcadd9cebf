//! The command line: what can be asked for, and who does it.

mod backup;
mod completions;
mod doctor;
mod models;
mod purge;
mod restore;
mod scan;
mod serve;
mod sign;
mod split;
#[cfg(test)]
mod tests;
mod user;

use std::process::ExitCode;
use std::time::Duration;

use budget::limits;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::settings::keys::{KEYS, Key, Scope};
use crate::settings::{Given, Loaded, load};

/// Reads the command line of this process and does what it says.
pub(crate) fn run() -> Result<ExitCode> {
    let matches = match tree().try_get_matches() {
        Ok(matches) => matches,
        Err(e) if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = e.print();
            return Ok(ExitCode::from(2));
        }
        Err(e) if e.use_stderr() => return Err(misspoken(&e)),
        Err(e) => {
            // Help or the version, which were asked for.
            let _ = e.print();
            return Ok(ExitCode::SUCCESS);
        }
    };
    match matches.subcommand() {
        Some(("serve", given)) => serve::run(loaded(given)?),
        Some(("scan", given)) => scan::run(&loaded(given)?),
        Some(("user", given)) => user::run(given),
        Some(("backup", given)) => backup::run(given, &loaded(given)?),
        Some(("restore", given)) => restore::run(given, &loaded(given)?),
        Some(("split", given)) => split::run(given, &loaded(given)?),
        Some(("models", given)) => models::run(given),
        Some(("sign", given)) => sign::run(given, &loaded(given)?),
        Some(("purge", given)) => purge::run(given, &loaded(given)?),
        Some(("doctor", given)) => Ok(doctor::run(loaded(given))),
        Some(("completions", given)) => completions::run(given, &mut tree()),
        _ => Err(Error::usage("no command was given").hint("`millpond --help` lists them")),
    }
}

/// All commands.
fn tree() -> Command {
    Command::new("millpond")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Millpond, a media server whose memory stays flat")
        .after_help(
            "Examples:\n  millpond serve --library ~/Music\n  millpond user add mira\n  millpond doctor\n\n\
             Every key of the configuration is a flag, a variable and a key of the file under one name:\n\
             limits.streams_per_user is --limits-streams-per-user and MILLPOND_LIMITS_STREAMS_PER_USER.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([
            serve::command(),
            scan::command(),
            split::command(),
            models::command(),
            user::command(),
            backup::command(),
            restore::command(),
            sign::command(),
            purge::command(),
            doctor::command(),
            completions::command(),
        ])
}

/// Adds the flags of all keys; those that mean little to a command are accepted and not shown in its help.
fn with_keys(command: Command, scope: Scope) -> Command {
    command.args(KEYS.iter().map(|key| flag(key, scope == Scope::Everywhere && key.scope == Scope::Serving)))
}

fn flag(key: &'static Key, hidden: bool) -> Arg {
    let standard = key.shown_default().map(|text| format!(" [default: {text}]")).unwrap_or_default();
    let help = format!("{}{standard} [key: {}] [e.g. {}]", key.help, key.name, key.example);
    Arg::new(key.name)
        .long(key.flag())
        .value_name(key.placeholder())
        .help(help)
        .help_heading("Configuration")
        .hide(hidden)
        .action(if key.is_list() { ArgAction::Append } else { ArgAction::Set })
}

/// The settings that the flags of a command, the environment and the file make.
fn loaded(given: &ArgMatches) -> Result<Loaded> {
    let texts = |key: &&'static Key| {
        let texts = given.get_many::<String>(key.name)?;
        Some((key.name, texts.cloned().collect()))
    };
    let flags = KEYS.iter().filter_map(|key| texts(&key)).collect();
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load(&Given { flags, variables: variables.collect() })
}

/// What is wrong with the command line, in one line and a hint.
fn misspoken(e: &clap::Error) -> Error {
    let text = e.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("the command line is wrong").trim_start_matches("error: ").to_owned();
    let details: Vec<&str> =
        lines.clone().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("tip:")).collect();
    let what = if details.is_empty() || !first.ends_with(':') {
        first
    } else {
        format!("{first} {}", details.join(", "))
    };
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned);
    Error::usage(what).hint(tip.unwrap_or_else(|| "add --help to see what can be given".to_owned()))
}

/// The runtime of a command that does one thing.
fn small_runtime() -> Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    build(builder.enable_all())
}

/// The runtime of the server: a thread for each core, and few threads for what blocks.
fn server_runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    build(builder.enable_all().thread_name("millpond"))
}

fn build(builder: &mut Builder) -> Result<Runtime> {
    builder
        .max_blocking_threads(limits::BLOCKING_THREADS_MAX)
        .thread_keep_alive(Duration::from_millis(limits::BLOCKING_THREAD_IDLE_MS))
        .thread_stack_size(limits::THREAD_STACK_BYTES)
        .build()
        .map_err(|e| Error::failed(format!("the system gives no threads: {e}")))
}
