//! The program itself: where it is, how its commands are run, how people come into a data folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::people::Login;

/// The binary to test: `MILLPOND_BIN`, else the one that was built last.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLPOND_BIN") {
        return PathBuf::from(path);
    }
    let built = ["release", "debug"].map(|profile| xtask::files::target().join(profile).join("millpond"));
    let newest = built.into_iter().max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    newest.filter(|path| path.is_file()).expect("build it first: cargo build -p millpond")
}

/// A port of the loopback interface that nobody listens on, outside the range from which clients get theirs.
///
/// # Panics
/// When all are taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 10_000) as u16;
    for _ in 0..20_000 {
        let port = 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// The binary without what the developer's environment may tell it.
pub(crate) fn millpond() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MILLPOND_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command of the binary on a data folder.
///
/// # Panics
/// When the binary cannot be started.
pub fn run(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = millpond();
    command.args(arguments).arg("--data").arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("millpond starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A command that does not read its input may have ended already.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    child.wait_with_output().expect("a child of ours")
}

/// Makes a user with a key and an app password; of an existing data folder, gives new ones to the user it has.
pub(crate) fn person(data: &Path, name: &str, new: bool, arguments: &[&str]) -> Login {
    let password = format!("{name}-pass-{}", std::process::id());
    if new {
        let arguments = [&["user", "add", name, "--password-stdin"], arguments].concat();
        let added = run(data, &arguments, &format!("{password}\n"));
        assert!(added.status.success(), "no user {name}: {added:?}");
    }
    let secret = |command| printed_secret(&run(data, &["user", command, name], ""));
    Login { name: name.to_owned(), password, app_password: secret("app-password"), key: secret("key") }
}

/// The secret that a command prints: the last word of its output. Empty when the command failed.
fn printed_secret(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().last().unwrap_or_default().to_owned()
}
