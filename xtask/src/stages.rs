//! `cargo x test`: everything that CI runs, stage by stage.
//!
//! Each stage starts the tools that a person would start and leaves their output as it is. The first stage that fails
//! ends the run with its name; a table of minutes closes every run.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, bench, deploy, files, page, run, tidy};

/// One part of the suite.
#[derive(Debug)]
pub struct Stage {
    /// The name for `--only`.
    pub name: &'static str,
    /// What it checks.
    pub about: &'static str,
    run: fn(&Path) -> Result<()>,
}

/// The stages in their order: the quick ones first.
pub const STAGES: &[Stage] = &[
    Stage {
        name: "tidy",
        about: "the rules of the house that no compiler knows",
        run: |root| tidy::check(root),
    },
    Stage { name: "fmt", about: "formatting", run: fmt },
    Stage { name: "clippy", about: "lints, of all targets, as errors", run: clippy },
    Stage { name: "deny", about: "licences, bans and sources of what we depend on", run: deny },
    Stage {
        name: "deploy",
        about: "alert rules, the systemd unit and the container file, by the tools that read them",
        run: |root| deploy::check(root),
    },
    Stage {
        name: "unit",
        about: "each crate's own tests, its examples, every fuzz target's seeds, and the models of its concurrency",
        run: unit,
    },
    Stage { name: "whole", about: "the whole server from outside, as a release build", run: whole },
    Stage {
        name: "gate",
        about: "instructions, allocations and system calls of the hot paths, beside the last release",
        run: |_| bench::gate::run(false),
    },
];

/// Runs all stages, or one by its name.
///
/// # Errors
/// [`ErrorKind::Broken`] for a name that no stage has; else the first failing stage's, with its name.
pub fn run(only: Option<&str>) -> Result<()> {
    let wanted: Vec<&Stage> =
        STAGES.iter().filter(|stage| only.is_none_or(|name| stage.name == name)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        return Err(Error::new(
            ErrorKind::Broken,
            format!("there is no such stage; there are {}", names.join(", ")),
        ));
    }
    let root = files::workspace();
    let mut minutes: Vec<(&str, Duration)> = Vec::new();
    let mut outcome = Ok(());
    for stage in wanted {
        println!("\n── {}: {}", stage.name, stage.about);
        let started = Instant::now();
        let result = (stage.run)(&root);
        minutes.push((stage.name, started.elapsed()));
        if let Err(error) = result {
            outcome = Err(Error::because(error.kind(), format!("the stage `{}` failed", stage.name), error));
            break;
        }
    }
    println!("\n{}", table(&minutes, outcome.is_err()));
    outcome
}

/// The minutes of every stage that ran, the last one marked when it failed.
fn table(minutes: &[(&str, Duration)], failed: bool) -> String {
    let row = |name: &str, time: Duration| format!("{name:8} {:6.1} min", time.as_secs_f64() / 60.0);
    let mut rows: Vec<String> = minutes.iter().map(|(name, time)| row(name, *time)).collect();
    if let Some(last) = rows.last_mut().filter(|_| failed) {
        last.push_str("  FAILED");
    }
    rows.push(row("together", minutes.iter().map(|(_, time)| *time).sum()));
    rows.join("\n")
}

pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    // Cargo names itself to what it runs; a program started without it finds it by the search path.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What eases the next build is no use to a suite that builds once, and takes as much of the disk as the build.
    cargo.current_dir(root).args(arguments).env("CARGO_INCREMENTAL", "0");
    // What Cargo told this program of its own package is no setting for others: a dependency that looks at it would be
    // compiled again, with all above it, whenever a person builds between two runs of this.
    let ours = std::env::vars_os().map(|(name, _)| name);
    let told =
        ours.filter(|name| name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR");
    for name in told {
        cargo.env_remove(name);
    }
    cargo
}

fn fmt(root: &Path) -> Result<()> {
    run::run(&mut cargo(root, &["fmt", "--all", "--check"]))
}

fn clippy(root: &Path) -> Result<()> {
    run::run(&mut cargo(root, &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn deny(root: &Path) -> Result<()> {
    let deny = install::cargo_deny()?;
    // No advisories: their database is fetched from outside at each run, which would let the day decide.
    run::run(Command::new(deny).current_dir(root).args([
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]))
}

fn unit(root: &Path) -> Result<()> {
    install::need(&[Tool::Ffmpeg])?;
    run::run(&mut cargo(root, &["test", "--quiet", "--workspace", "--exclude", "tests"]))?;
    let mut models = cargo(root, &["test", "--quiet", "-p", "budget", "--test", "loom", "--release"]);
    run::run(models.env("RUSTFLAGS", "--cfg loom").arg("--target-dir").arg(files::target().join("loom")))
}

fn whole(root: &Path) -> Result<()> {
    use Tool::{Curl, Ffmpeg, Nginx, Node, Openssl, Python, Strace};
    install::need(&[Ffmpeg, Nginx, Curl, Python, Node, Openssl, Strace])?;
    install::subsonic_clients()?;
    install::subsonic_client_for_node()?;
    install::upload_clients()?;
    install::browser()?;
    install::s3_server()?;
    let server = server(root)?;
    run::run(suite(root, &server).args(["--lib", "--test", "*", "--no-run"]))?;
    let (patient, busy): (Vec<String>, Vec<String>) =
        programs(root)?.into_iter().partition(|name| PATIENT.contains(&name.as_str()));
    let named =
        |names: &[String]| names.iter().flat_map(|name| ["--test".into(), name.clone()]).collect::<Vec<_>>();
    println!("beside the others: {}", patient.join(", "));
    files::make_folder(&files::target().join("tests"))?;
    let said = files::target().join("tests/patient.log");
    side_by_side(
        suite(root, &server).args(named(&patient)),
        &said,
        suite(root, &server).arg("--lib").args(named(&busy)),
    )
}

/// Runs one program into a file beside another that speaks, and says afterwards what the file has. Both end, and both must
/// succeed.
fn side_by_side(quiet: &mut Command, said: &Path, speaking: &mut Command) -> Result<()> {
    let (spoken, beside) = thread::scope(|scope| {
        let beside = scope.spawn(|| run::told(quiet, said));
        (run::run(speaking), beside.join())
    });
    println!("\n{}", files::read_text(said).unwrap_or_else(|error| error.to_string()));
    spoken.and(beside.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Programs of the suite that wait for most of their time: for clocks, for slow lines, for what must not happen. They run
/// beside the others, from which they take little.
const PATIENT: &[&str] = &["day", "hostile", "s3", "scrobble", "shares"];

/// The names of the suite's programs.
fn programs(root: &Path) -> Result<Vec<String>> {
    let text = run::quiet(&mut cargo(root, &["metadata", "--no-deps", "--format-version", "1"]))?;
    let failed = |error| Error::because(ErrorKind::Failed, "reading what Cargo knows of the packages", error);
    let metadata: Value = serde_json::from_str(&text).map_err(failed)?;
    let of_suite = |package: &&Value| package["name"] == "tests";
    let targets =
        metadata["packages"].as_array().into_iter().flatten().find(of_suite).map(|suite| &suite["targets"]);
    let programs =
        targets.and_then(Value::as_array).into_iter().flatten().filter(|target| target["kind"][0] == "test");
    Ok(programs.filter_map(|program| program["name"].as_str()).map(str::to_owned).collect())
}

/// The tests of the package that tests the others. The server is named beside it, which has no tests of these kinds: what both
/// depend on is then asked for with the same features as in the stage before, and so is not compiled again.
fn suite(root: &Path, server: &Path) -> Command {
    let mut cargo = cargo(root, &["test", "--quiet", "-p", "tests", "-p", "millpond"]);
    cargo.env(BUILT, server);
    cargo
}

/// The variable that names a server which is built already.
const BUILT: &str = "MILLPOND_BIN";

/// A command of the server. What begins with `MILLPOND_` is a setting to it, and it would warn of the one that names it to us.
pub fn command(server: &Path) -> Command {
    let mut command = Command::new(server);
    command.env_remove(BUILT);
    command
}

/// The server to try: `MILLPOND_BIN`, else it is built for release, with its page. Tells where it is.
///
/// # Errors
/// [`ErrorKind::Failed`] when it does not build.
pub fn server(root: &Path) -> Result<std::path::PathBuf> {
    if let Some(built) = std::env::var_os(BUILT) {
        return Ok(built.into());
    }
    page::build(root)?;
    run::run(&mut cargo(root, &["build", "--quiet", "--release", "-p", "millpond"]))?;
    Ok(files::target().join("release/millpond"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_which_stage_failed_and_adds_up() {
        let minutes = [("tidy", Duration::from_secs(30)), ("unit", Duration::from_secs(90))];
        let expected = "tidy        0.5 min\nunit        1.5 min  FAILED\ntogether    2.0 min";
        assert_eq!(table(&minutes, true), expected);
        assert!(!table(&minutes, false).contains("FAILED"));
    }

    #[test]
    fn of_two_that_run_side_by_side_both_must_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let outcome = |quiet: &str, speaking: &str| {
            let script = |script| {
                let mut shell = Command::new("sh");
                shell.args(["-c", script]);
                shell
            };
            side_by_side(&mut script(quiet), &said, &mut script(speaking)).is_ok()
        };
        assert!(outcome("echo well", "true"));
        assert_eq!(files::read_text(&said).unwrap(), "well\n");
        assert!(!outcome("echo ill >&2; exit 1", "true"));
        assert_eq!(files::read_text(&said).unwrap(), "ill\n", "errors are written too");
        assert!(!outcome("true", "exit 1"));
    }

    #[test]
    fn every_patient_program_is_one_of_the_suite() {
        let programs = programs(&files::workspace()).unwrap();
        assert!(programs.len() > 40, "{programs:?}");
        assert_eq!(PATIENT.iter().find(|name| !programs.iter().any(|program| program == *name)), None);
    }

    #[test]
    fn a_stage_that_does_not_exist_is_named_as_such() {
        let error = run(Some("speed")).unwrap_err();
        assert!(error.kind() == ErrorKind::Broken && error.to_string().contains("tidy, fmt, clippy"));
    }
}
