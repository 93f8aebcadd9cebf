//! `millpond purge`: renditions are forgotten, also while a server runs, which does it then.

use std::process::ExitCode;

use cdn::Purge;
use clap::{Arg, ArgAction, ArgMatches, Command};
use store::{DataFolder, ErrorKind};
use transform::{Purged, Select};

use super::{small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::logging;
use crate::output::say;
use crate::settings::Loaded;
use crate::settings::keys::Scope;

pub(super) fn command() -> Command {
    let list = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
    };
    with_keys(Command::new("purge"), Scope::Everywhere)
        .about("Forget renditions, so that they are made anew; a running server does it at once")
        .after_help(
            "Examples:\n  millpond purge --path /clips/a.mp4\n  millpond purge --path \"/clips/2026/*\" --tag derivative:poster\n  \
             millpond purge --origin clips\n  millpond purge --all",
        )
        .arg(list("path", "PATH", "Those of a source, by its path as in addresses; with * at its end of all that begin so"))
        .arg(list("tag", "TAG", "Those with a tag, as the field Cache-Tag of an answer shows it"))
        .arg(list("key", "KEY", "The one with this key, as its job shows it"))
        .arg(list("origin", "NAME", "Those of an origin; `library` and `uploads` are the catalog's"))
        .arg(Arg::new("all").long("all").help("All of them").action(ArgAction::SetTrue))
}

pub(super) fn run(given: &ArgMatches, loaded: &Loaded) -> Result<ExitCode> {
    logging::start(&loaded.quiet_log());
    let texts =
        |name: &str| given.get_many::<String>(name).map(|texts| texts.cloned().collect()).unwrap_or_default();
    let purge = Purge {
        paths: texts("path"),
        tags: texts("tag"),
        keys: texts("key"),
        origins: texts("origin"),
        all: given.get_flag("all"),
    };
    let selects = purge.selects(&loaded.settings.cdn).map_err(|e| {
        Error::usage(format!("there is nothing to purge: {e}")).hint("`millpond purge --help` has examples")
    })?;
    let data = loaded.settings.data.clone();
    let Purged { renditions, bytes } = small_runtime()?.block_on(purged(data, selects))?;
    say(format!("{renditions} renditions with {bytes} bytes were purged"));
    Ok(ExitCode::SUCCESS)
}

/// Whoever serves the folder has its index in memory and must do it himself; if nobody does, it is done here.
async fn purged(path: std::path::PathBuf, selects: Vec<Select>) -> Result<Purged> {
    let failed = |e: store::Error| Error::failed(e.to_string());
    if !DataFolder::is_there(&path) {
        return Err(Error::failed(format!("there is no installation in the data folder {}", path.display()))
            .hint("`--data DIR` names another"));
    }
    let done = match DataFolder::serve(&path) {
        Ok(alone) => transform::purge_unserved(&alone, &selects).await.map(Some),
        Err(e) if e.kind == ErrorKind::Locked => {
            let beside = DataFolder::share(&path).map_err(failed)?;
            transform::ask_to_purge(&beside, &selects).await
        }
        Err(e) => return Err(failed(e)),
    };
    let done = done.map_err(|e| Error::failed(format!("{e}: {}", e.words)))?;
    done.ok_or_else(|| {
        Error::failed(
            "the server that runs on this data folder did not purge in time, and will not do it later",
        )
        .hint("its log says more; an earlier release does not know this command")
    })
}
