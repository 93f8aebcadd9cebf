//! `millpond restore`: a backup becomes a data folder, which must be empty or not there.
//!
//! The archive is read twice: once to see that it is a whole backup that this release knows, once to write.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use catalog::sqlite::Sqlite;
use clap::{Arg, ArgMatches, Command, value_parser};
use store::Secret;

use super::backup::{DATABASE, FORMAT, SECRET};
use super::{small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::home::{Claim, open_data};
use crate::logging;
use crate::output::say;
use crate::settings::Loaded;
use crate::settings::keys::Scope;

/// What every SQLite file begins with.
const SQLITE_START: &[u8; 16] = b"SQLite format 3\0";

pub(super) fn command() -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    with_keys(Command::new("restore"), Scope::Everywhere)
        .about("Make a data folder from a backup; the folder must be empty or not there")
        .after_help("Example:\n  millpond restore /backup/millpond-2026-01-31.tar --data /var/lib/millpond")
        .arg(file.help("The file that `millpond backup` wrote"))
}

pub(super) fn run(given: &ArgMatches, loaded: &Loaded) -> Result<ExitCode> {
    logging::start(&loaded.quiet_log());
    let file = given.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let data = &loaded.settings.data;
    restore(&file, data)?;
    say(format!("{} is restored from {}", data.display(), file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Makes `data` from the archive, once it is known to be a whole backup.
pub(super) fn restore(file: &Path, data: &Path) -> Result<()> {
    let mut archive =
        File::open(file).map_err(|e| Error::failed(format!("{} cannot be read: {e}", file.display())))?;
    let secret = inspect(&mut archive).map_err(|why| {
        Error::failed(format!("{} is no backup: {why}", file.display())).hint("nothing was written")
    })?;
    let made = must_be_empty(data)?;
    if let Err(error) = write(&mut archive, secret, data) {
        // Only what this run made is removed, and only while nothing else is in it.
        if made {
            let _ = std::fs::remove_dir(data);
        }
        return Err(error);
    }
    Ok(())
}

/// Reads the whole archive and returns the key in it, or says what is wrong.
fn inspect(archive: &mut File) -> std::result::Result<Secret, String> {
    let mut names = [FORMAT, SECRET, DATABASE].into_iter();
    let mut secret = None;
    let mut entries = tar::Archive::new(&mut *archive);
    for entry in entries.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let expected = names.next().ok_or("there is more in it than a backup has")?;
        let regular = entry.header().entry_type() == tar::EntryType::Regular;
        if !regular || entry.path_bytes().as_ref() != expected.as_bytes() {
            return Err(format!("`{expected}` is expected where something else is"));
        }
        match expected {
            FORMAT => check_format(&start_of(&mut entry)?)?,
            SECRET => secret = Some(start_of(&mut entry)?),
            _ if !start_of(&mut entry)?.starts_with(SQLITE_START) => {
                return Err("its database is none".to_owned());
            }
            _ => {}
        }
        io::copy(&mut entry, &mut io::sink()).map_err(|e| format!("it is cut short: {e}"))?;
    }
    if let Some(absent) = names.next() {
        return Err(format!("there is no `{absent}` in it"));
    }
    archive.rewind().map_err(|e| e.to_string())?;
    let bytes = secret.unwrap_or_default().try_into().map_err(|_| "its key has not 32 bytes")?;
    Ok(Secret::from_bytes(bytes))
}

/// The first bytes of an entry: all of a small one.
fn start_of(entry: &mut impl Read) -> std::result::Result<Vec<u8>, String> {
    let mut start = Vec::with_capacity(64);
    #[expect(clippy::disallowed_methods, reason = "bounded to 64 bytes by take")]
    entry.take(64).read_to_end(&mut start).map_err(|e| e.to_string())?;
    Ok(start)
}

fn check_format(text: &[u8]) -> std::result::Result<(), String> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<u32>().ok());
    match number {
        Some(number) if number == store::FORMAT => Ok(()),
        Some(number) => Err(format!("it has format {number}, and this release knows {}", store::FORMAT)),
        None => Err("its format is no number".to_owned()),
    }
}

/// Makes the folder if it is not there, and says whether it did.
fn must_be_empty(data: &Path) -> Result<bool> {
    match std::fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(false),
        Ok(false) => Err(Error::failed(format!("{} is not empty", data.display()))
            .hint("a restore replaces nothing: move the folder away, or name another with --data")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
            made.map(|()| true).map_err(|e| Error::failed(format!("{} cannot be made: {e}", data.display())))
        }
        Err(e) => Err(Error::failed(format!("{} cannot be read: {e}", data.display()))),
    }
}

/// Writes the database beside its name and looks through it; only then does the folder become a data folder.
fn write(archive: &mut File, secret: Secret, data: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::failed(format!("{} cannot be written: {e}", data.display()));
    let work = tempfile::Builder::new().prefix(".restore-").tempdir_in(data).map_err(failed)?;
    let staged = work.path().join(DATABASE);
    let mut entries = tar::Archive::new(archive);
    for entry in entries.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        if entry.path_bytes().as_ref() == DATABASE.as_bytes() {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&staged).map_err(failed)?;
            io::copy(&mut entry, &mut file).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
    }
    small_runtime()?.block_on(check_database(&staged))?;

    install(&staged, secret, data)
}

/// Makes the empty folder a data folder with this key and this database, or leaves it empty.
pub(super) fn install(staged: &Path, secret: Secret, data: &Path) -> Result<()> {
    let mut folder = open_data(data, Claim::Alone)?;
    let database = folder.database();
    let installed = folder.replace_secret(secret).map_err(|e| Error::failed(e.to_string())).and_then(|()| {
        std::fs::rename(staged, &database)
            .and_then(|()| File::open(data)?.sync_all())
            .map_err(|e| Error::failed(format!("{} cannot be written: {e}", data.display())))
    });
    if installed.is_err() {
        // The lock is held and the folder was empty: all of it was made here. Half a data folder would refuse the next
        // restore, and a server would start on it as if it were new.
        let _ = std::fs::remove_file(&database);
        if let Err(e) = folder.discard() {
            tracing::warn!(error = %e, "part of the restore that failed is left");
        }
    }
    installed
}

async fn check_database(staged: &Path) -> Result<()> {
    let damaged = |what: String| Error::failed(format!("the database of the backup is damaged: {what}"));
    let database = Sqlite::open(staged).await.map_err(|e| damaged(e.to_string()))?;
    let found = database.check().await.map_err(|e| damaged(e.to_string()));
    database.close().await;
    match found?.first() {
        None => Ok(()),
        Some(first) => Err(damaged(first.clone())),
    }
}
