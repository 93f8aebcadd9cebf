//! Who measures: a user of Millpond with a key.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Error, ErrorKind, Result, run};

const NAME: &str = "bench";

/// Adds the user to a data folder, and gives his API key as the program prints it.
pub(super) fn key(program: &Path, data: &Path) -> Result<String> {
    let failed = |error| Error::because(ErrorKind::Failed, "adding a user", error);
    let mut add = program_alone(program);
    add.args(["user", "add", NAME, "--admin", "--password-stdin", "--data"]).arg(data);
    add.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = add.spawn().map_err(failed)?;
    let told = child.stdin.take().map(|mut input| input.write_all(b"measured by the workshop\n"));
    told.transpose().map_err(failed)?;
    if !child.wait().map_err(failed)?.success() {
        return Err(Error::new(ErrorKind::Failed, "the server's program adds no user"));
    }
    let printed = run::quiet(program_alone(program).args(["user", "key", NAME, "--data"]).arg(data))?;
    let key = printed.split_whitespace().last().map(str::to_owned);
    key.ok_or_else(|| Error::new(ErrorKind::Failed, "the server's program gives no key"))
}

/// A command without what the developer's environment may tell the server.
pub(super) fn program_alone(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MILLPOND_")) {
        command.env_remove(name);
    }
    command
}
