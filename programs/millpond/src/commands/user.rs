//! `millpond user`: people and their secrets, also while the server runs, which notices within a second.

mod change;

use std::io::Read;
use std::process::ExitCode;

use budget::limits;
use catalog::{CredentialRow, LibrarySet, Role, User, UserId};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{loaded, small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::home::{Claim, Home};
use crate::logging;
use crate::output::{complain, say};
use crate::settings::keys::Scope;

pub(super) fn command() -> Command {
    let one = |name: &'static str, about: &'static str, example: &'static str| {
        let command = Command::new(name).about(about).after_help(format!("Example:\n  {example}"));
        with_keys(
            command.arg(Arg::new("name").value_name("NAME").required(true).help("The user's name")),
            Scope::Everywhere,
        )
    };
    let password = || {
        let help = "Read the password from the first line of standard input, instead of making one up";
        Arg::new("password-stdin").long("password-stdin").action(ArgAction::SetTrue).help(help)
    };
    let secret = |command: Command| {
        command
            .arg(
                Arg::new("label")
                    .long("label")
                    .value_name("TEXT")
                    .default_value("command line")
                    .help("What it is for"),
            )
            .arg(Arg::new("list").long("list").action(ArgAction::SetTrue).help("List what there is instead"))
            .arg(
                Arg::new("revoke")
                    .long("revoke")
                    .value_name("ID")
                    .conflicts_with("list")
                    .help("Revoke one instead"),
            )
    };
    Command::new("user")
        .about("Add, list and remove users, and give them passwords and keys")
        .after_help("Examples:\n  millpond user add mira\n  millpond user app-password mira --label phone")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([
            one("add", "Add a user", "echo \"$PASSWORD\" | millpond user add mira --password-stdin")
                .arg(password())
                .arg(Arg::new("admin").long("admin").action(ArgAction::SetTrue).help("Make it an admin")),
            with_keys(
                Command::new("list").about("List all users").after_help("Example:\n  millpond user list"),
                Scope::Everywhere,
            ),
            change::arguments(one(
                "change",
                "Change what a user is, may do and sees",
                "millpond user change mira --rights upload,share --see Music",
            )),
            one("passwd", "Give a user another login password", "millpond user passwd mira").arg(password()),
            one("remove", "Remove a user with everything that is theirs alone", "millpond user remove mira"),
            secret(one(
                "key",
                "Make an API key and print it once",
                "millpond user key mira --label backup-script",
            )),
            secret(one(
                "app-password",
                "Make an app password for Subsonic clients and print it once",
                "millpond user app-password mira --label phone",
            )),
        ])
}

pub(super) fn run(given: &ArgMatches) -> Result<ExitCode> {
    let Some((verb, given)) = given.subcommand() else {
        return Err(Error::usage("no command was given").hint("`millpond user --help` lists them"));
    };
    let loaded = loaded(given)?;
    logging::start(&loaded.quiet_log());
    small_runtime()?.block_on(async {
        let home = Home::open(&loaded.settings, claim(verb)).await?;
        let done = act(&home, verb, given).await;
        home.close().await;
        done
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Only somebody who adds a user wants an installation where none is: others have misspelt its folder.
pub(super) fn claim(verb: &str) -> Claim {
    if verb == "add" { Claim::Shared } else { Claim::Existing }
}

async fn act(home: &Home, verb: &str, given: &ArgMatches) -> Result<()> {
    if verb == "list" {
        return list(home).await;
    }
    let name = given.get_one::<String>("name").map_or("", String::as_str);
    match verb {
        "add" => add(home, name, given).await,
        "change" => change::run(home, name, given).await,
        "passwd" => passwd(home, name, given).await,
        "remove" => {
            let user = named(home, name).await?;
            home.catalog.remove_user(user.id).await.map_err(|e| explain(name, &e))?;
            complain(format!("{} is removed", user.name));
            Ok(())
        }
        "key" => key(home, &named(home, name).await?, given).await,
        _ => app_password(home, &named(home, name).await?, given).await,
    }
}

async fn add(home: &Home, name: &str, given: &ArgMatches) -> Result<()> {
    let (password, made_up) = password(given)?;
    let role = if given.get_flag("admin") { Role::Admin } else { Role::User };
    let user = make(home, name, role, &password).await?;
    complain(format!("{} is added as {}", user.name, shown(role)));
    if made_up {
        complain("the password, shown once:");
        say(password);
    }
    Ok(())
}

/// Adds a user with that login password.
pub(super) async fn make(home: &Home, name: &str, role: Role, password: &str) -> Result<User> {
    let hash = hash(home, password).await?;
    home.catalog.add_user(name, role, &hash).await.map_err(|e| explain(name, &e))
}

async fn passwd(home: &Home, name: &str, given: &ArgMatches) -> Result<()> {
    let user = named(home, name).await?;
    let (password, made_up) = password(given)?;
    let hash = hash(home, &password).await?;
    home.catalog.set_password_hash(user.id, &hash).await.map_err(|e| explain(name, &e))?;
    complain(format!(
        "{} has another password; the old one and open sessions end within a second",
        user.name
    ));
    if made_up {
        complain("the password, shown once:");
        say(password);
    }
    Ok(())
}

async fn list(home: &Home) -> Result<()> {
    let mut users: Vec<User> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = home.catalog.users(after.as_deref(), limits::PAGE_ROWS_MAX).await;
        let page = page.map_err(|e| Error::failed(e.to_string()))?;
        users.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let width = users.iter().map(|user| user.name.chars().count()).max().unwrap_or(0).max(4);
    say(format!("{:width$}  {:8}  {:5}  LIBRARIES", "NAME", "ID", "ROLE"));
    for user in users {
        let libraries = match &user.libraries {
            LibrarySet::All => "all".to_owned(),
            LibrarySet::Only(some) => some.len().to_string(),
        };
        say(format!("{:width$}  {:8}  {:5}  {libraries}", user.name, user.id.to_string(), shown(user.role)));
    }
    Ok(())
}

async fn key(home: &Home, user: &User, given: &ArgMatches) -> Result<()> {
    let failed = |e: catalog::Error| Error::failed(e.to_string());
    if given.get_flag("list") {
        show_rows(home.catalog.keys(user.id).await.map_err(failed)?);
        return Ok(());
    }
    if let Some(id) = given.get_one::<String>("revoke") {
        let id = id.parse().map_err(|_| no_id(id, "ak-1"))?;
        return home.catalog.remove_key(user.id, id).await.map_err(|e| explain(&user.name, &e));
    }
    let (row, text) = home.sign_in.issue_key(user.id, label(given)).await.map_err(failed)?;
    complain(format!("API key {} for {}, shown once:", row.id, user.name));
    say(text);
    Ok(())
}

async fn app_password(home: &Home, user: &User, given: &ArgMatches) -> Result<()> {
    let failed = |e: catalog::Error| Error::failed(e.to_string());
    if given.get_flag("list") {
        show_rows(home.catalog.app_passwords(user.id).await.map_err(failed)?);
        return Ok(());
    }
    if let Some(id) = given.get_one::<String>("revoke") {
        let id = id.parse().map_err(|_| no_id(id, "ap-1"))?;
        return home.catalog.remove_app_password(user.id, id).await.map_err(|e| explain(&user.name, &e));
    }
    let text = issue_app_password(home, user.id, label(given)).await?;
    complain(format!("app password for {}, shown once:", user.name));
    say(text);
    Ok(())
}

/// Makes an app password and returns its text.
pub(super) async fn issue_app_password(home: &Home, user: UserId, label: &str) -> Result<String> {
    let issued = home.sign_in.issue_app_password(user, label).await;
    issued.map(|(_, text)| text).map_err(|e| Error::failed(e.to_string()))
}

fn label(given: &ArgMatches) -> &str {
    given.get_one::<String>("label").map_or("command line", String::as_str)
}

fn show_rows<Id: std::fmt::Display>(rows: Vec<CredentialRow<Id>>) {
    say(format!("{:8}  LABEL", "ID"));
    for row in rows {
        say(format!("{:8}  {}", row.id.to_string(), row.label));
    }
}

async fn named(home: &Home, name: &str) -> Result<User> {
    let found = home.catalog.user_named(name).await.map_err(|e| Error::failed(e.to_string()))?;
    found.ok_or_else(|| {
        Error::failed(format!("there is no user `{name}`")).hint("`millpond user list` shows all")
    })
}

async fn hash(home: &Home, password: &str) -> Result<String> {
    let hashed = home.sign_in.hash_password(password).await;
    hashed.map_err(|e| match e.kind() {
        catalog::ErrorKind::Invalid => Error::usage(e.context().to_owned()),
        _ => Error::failed(format!("the password cannot be hashed: {e}")),
    })
}

/// The password from standard input, or a new one and `true`.
fn password(given: &ArgMatches) -> Result<(String, bool)> {
    if !given.get_flag("password-stdin") {
        return Ok((random_password()?, true));
    }
    let mut text = String::new();
    let bound = limits::CREDENTIAL_BYTES_MAX as u64 + 2;
    #[expect(clippy::disallowed_methods, reason = "bounded by take to the longest password there is")]
    std::io::stdin()
        .lock()
        .take(bound)
        .read_to_string(&mut text)
        .map_err(|e| Error::usage(format!("the password cannot be read: {e}")))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.is_empty() {
        return Err(Error::usage("the password is empty").hint("give it on the first line of standard input"));
    }
    if password.len() > limits::CREDENTIAL_BYTES_MAX {
        let most = limits::CREDENTIAL_BYTES_MAX;
        return Err(Error::usage(format!("the password is too long: at most {most} bytes")));
    }
    Ok((password, false))
}

/// Twenty letters and digits of 32 that are hard to confuse: a hundred bits.
pub(super) fn random_password() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 20];
    getrandom::fill(&mut random)
        .map_err(|e| Error::failed(format!("the system gives no random bytes: {e}")))?;
    Ok(random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

fn shown(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

fn no_id(given: &str, example: &str) -> Error {
    Error::usage(format!("`{given}` is no id")).hint(format!("ids look like {example}; --list shows them"))
}

fn explain(name: &str, e: &catalog::Error) -> Error {
    use catalog::ErrorKind;
    match e.kind() {
        ErrorKind::Exists => Error::failed(format!("there is a user `{name}` already"))
            .hint("`millpond user passwd NAME` gives another password"),
        ErrorKind::Invalid | ErrorKind::Changed | ErrorKind::Ambiguous | ErrorKind::Quota => {
            Error::usage(e.to_string())
        }
        ErrorKind::NotAllowed => Error::failed(e.to_string())
            .hint("make somebody else an admin first: millpond user change NAME --role admin"),
        ErrorKind::NotFound => Error::failed(e.to_string()).hint("--list shows what there is"),
        ErrorKind::Busy | ErrorKind::Unavailable => Error::failed(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_password_has_twenty_letters_and_is_never_the_same() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, other);
        assert!(
            one.len() == 20 && one.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            "{one}"
        );
    }
}
