//! `millpond backup`: one file with everything that cannot be made again from the libraries.
//!
//! The archive holds `format`, `secret.key` and `millpond.db`, in this order. The database is a snapshot of one
//! moment, taken while a server may be writing.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::home::{Claim, Home, task_ended};
use crate::logging;
use crate::output::say;
use crate::settings::Loaded;
use crate::settings::keys::Scope;

/// The names in an archive, in their order.
pub(super) const FORMAT: &str = "format";
pub(super) const SECRET: &str = "secret.key";
pub(super) const DATABASE: &str = "millpond.db";

pub(super) fn command() -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    with_keys(Command::new("backup"), Scope::Everywhere)
        .about("Write the database and its key to one file, also while the server runs")
        .after_help("Example:\n  millpond backup /backup/millpond-$(date +%F).tar --data /var/lib/millpond\n\nKeep the file as safe as the data folder: it holds the key of all app passwords.")
        .arg(file.help("The file to write; it must not be there yet"))
}

pub(super) fn run(given: &ArgMatches, loaded: &Loaded) -> Result<ExitCode> {
    logging::start(&loaded.quiet_log());
    let file = given.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let file = std::path::absolute(&file).unwrap_or(file);
    if file.symlink_metadata().is_ok() {
        return Err(taken(&file));
    }
    small_runtime()?.block_on(async {
        let home = Home::open(&loaded.settings, Claim::Existing).await?;
        let written = write(&home, &file).await;
        home.close().await;
        written
    })?;
    say(format!("{} is written", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn taken(file: &Path) -> Error {
    Error::failed(format!("{} is there already", file.display()))
        .hint("a backup replaces nothing; choose another name")
}

fn unwritable(file: &Path, e: &io::Error) -> Error {
    if e.kind() == io::ErrorKind::AlreadyExists {
        return taken(file);
    }
    Error::failed(format!("{} cannot be written: {e}", file.display()))
        .hint("check the folder, its rights and its room")
}

/// Writes a backup of an open home to a file that must not be there.
pub(super) async fn write(home: &Home, file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    // Both lie beside the target, where there must be room anyhow, and are gone when anything fails.
    let work = tempfile::Builder::new()
        .prefix(".millpond-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&folder)
        .map_err(|e| unwritable(file, &e))?;
    let snapshot = work.path().join(DATABASE);
    home.sqlite
        .snapshot(&snapshot)
        .await
        .map_err(|e| Error::failed(format!("the database cannot be copied: {e}")))?;
    let (secret, file) = (home.data.secret(), file.to_owned());
    let pack = move || {
        let archive = work.path().join("archive");
        pack(&archive, secret.bytes(), &snapshot)
            // A link fails where the name is taken, so nothing is ever replaced.
            .and_then(|()| std::fs::hard_link(&archive, &file))
            .and_then(|()| File::open(&folder)?.sync_all())
            .map_err(|e| unwritable(&file, &e))
    };
    tokio::task::spawn_blocking(pack).await.map_err(task_ended)?
}

/// Writes the archive, readable by its owner alone, and syncs it.
fn pack(archive: &Path, secret: &[u8], snapshot: &Path) -> io::Result<()> {
    let file = File::create_new(archive)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    let mut builder = tar::Builder::new(file);
    append(&mut builder, FORMAT, format!("{}\n", store::FORMAT).as_bytes())?;
    append(&mut builder, SECRET, secret)?;
    let mut database = File::open(snapshot)?;
    let bytes = database.metadata()?.len();
    append_from(&mut builder, DATABASE, bytes, &mut database)?;
    builder.into_inner()?.sync_all()
}

fn append(builder: &mut tar::Builder<File>, name: &str, bytes: &[u8]) -> io::Result<()> {
    append_from(builder, name, bytes.len() as u64, &mut &*bytes)
}

fn append_from(
    builder: &mut tar::Builder<File>,
    name: &str,
    bytes: u64,
    from: &mut dyn io::Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    builder.append_data(&mut header, name, from)
}
