//! Clients that nobody here wrote: Python packages in a virtual environment, `curl`, Node.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::wait::wait_until;

/// The Python of `target/tools/venv`, which has `py-sonic` and `py-opensonic`.
///
/// # Panics
/// When it was not installed.
pub fn venv_python() -> PathBuf {
    let python = xtask::files::target().join("tools/venv/bin/python");
    assert!(python.exists(), "{} is missing: `cargo x test` installs it", python.display());
    python
}

/// The Python of `target/tools/tuspy`, which has `tuspy`.
///
/// # Panics
/// When it was not installed.
pub fn tuspy_python() -> PathBuf {
    let python = xtask::files::target().join("tools/tuspy/bin/python");
    assert!(python.exists(), "{} is missing: `cargo x test` installs it", python.display());
    python
}

/// A script of this folder beside the Node packages of `target/tools/uploaders`, where Node looks for them.
///
/// # Panics
/// When they were not installed.
pub fn node_script(name: &str) -> PathBuf {
    beside_packages("tools/uploaders", name)
}

/// A script of this folder beside the Node package of `target/tools/subsonic`, where Node looks for it.
///
/// # Panics
/// When it was not installed.
pub fn subsonic_script(name: &str) -> PathBuf {
    beside_packages("tools/subsonic", name)
}

/// A script of this folder beside the Node packages of `target/tools/browser`, which drive a browser.
///
/// # Panics
/// When they were not installed.
pub fn browser_script(name: &str) -> PathBuf {
    beside_packages("tools/browser", name)
}

fn beside_packages(folder: &str, name: &str) -> PathBuf {
    let folder = xtask::files::target().join(folder);
    let packages = folder.join("node_modules");
    assert!(packages.exists(), "{} is missing: `cargo x test` installs it", packages.display());
    let to = folder.join(name);
    // Put there as a whole, because another test may be about to run it.
    let draft = folder.join(format!("{}-{:?}-{name}", std::process::id(), std::thread::current().id()));
    std::fs::copy(script(name), &draft).expect("a copy of the script");
    std::fs::rename(&draft, &to).expect("a name for the copy");
    to
}

/// Where a script of this folder lies.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clients").join(name)
}

/// Runs a client to its end.
///
/// # Panics
/// When it cannot be started, or takes longer than `within`.
pub fn run(program: impl AsRef<Path>, arguments: &[&str], within: Duration) -> Output {
    let program = program.as_ref();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{} cannot start: {error}", program.display()));
    let out = drained(child.stdout.take().expect("a pipe"));
    let err = drained(child.stderr.take().expect("a pipe"));
    let ended = wait_until(Instant::now() + within, || child.try_wait().is_ok_and(|status| status.is_some()));
    if !ended {
        let _ = child.kill();
    }
    let status = child.wait().expect("a child of ours");
    let output =
        Output { status, stdout: out.join().unwrap_or_default(), stderr: err.join().unwrap_or_default() };
    assert!(ended, "{} {arguments:?} did not end within {within:?}: {output:?}", program.display());
    output
}

fn drained(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}
