//! What is in `deploy/`, looked at by the tools that will read it: alert rules by promtool, the unit by systemd, the
//! container file by hadolint.
//!
//! A tool that cannot be had here is named, with what stayed unchecked because of it, at the end of the output. A
//! tool that is there and finds a fault fails the check.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, files, install, run};

const RULES: &str = "deploy/prometheus";
const UNIT: &str = "deploy/systemd/millpond.service";
const CONTAINER: &str = "deploy/container";
/// The unit's exposure by `systemd-analyze security`, times ten, must stay below this; 0 is the best there is.
const EXPOSURE_MAX: &str = "20";

/// Checks all of it.
///
/// # Errors
/// [`crate::ErrorKind::Failed`] when a tool finds a fault, [`crate::ErrorKind::Io`] when a file cannot be read.
pub fn check(root: &Path) -> Result<()> {
    let mut unchecked = Vec::new();
    match install::promtool() {
        Ok(promtool) => rules(root, &promtool)?,
        Err(error) => unchecked.push(format!("the alert rules and their cases: {error}")),
    }
    if run::there("systemd-analyze", "--version") {
        unit(root)?;
    } else {
        unchecked.push("the systemd unit: there is no systemd-analyze".to_owned());
    }
    match install::hadolint() {
        Ok(hadolint) => {
            let file = Path::new(CONTAINER).join("Containerfile");
            run::run(Command::new(hadolint).current_dir(root).arg("--no-color").arg(file))?;
        }
        Err(error) => unchecked.push(format!("the container file: {error}")),
    }
    if run::quiet(Command::new("docker").args(["compose", "version"])).is_ok() {
        let file = Path::new(CONTAINER).join("compose.yaml");
        run::quiet(
            Command::new("docker").current_dir(root).args(["compose", "config", "-q", "-f"]).arg(file),
        )?;
    } else {
        unchecked.push("the compose file: there is no `docker compose`".to_owned());
    }
    unchecked.iter().for_each(|what| println!("NOT CHECKED: {what}"));
    Ok(())
}

/// Rules that parse, and alerts that fire when they must and only then.
fn rules(root: &Path, promtool: &Path) -> Result<()> {
    let folder = root.join(RULES);
    let named = |start: &'static str| {
        let all = files::ours(&folder).map(|all| all.into_iter());
        all.map(|all| all.filter(|path| file_name(path).starts_with(start)).collect::<Vec<_>>())
    };
    run::run(Command::new(promtool).args(["check", "rules"]).args(named("millpond")?))?;
    run::run(Command::new(promtool).args(["test", "rules"]).args(named("tests")?))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A unit that systemd understands, and that keeps to what it may do.
fn unit(root: &Path) -> Result<()> {
    let copy = runnable(root)?;
    run::quiet(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy))?;
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager"]).arg(format!("--threshold={EXPOSURE_MAX}"));
    let said = run::quiet(security.arg(&copy))?;
    said.lines().last().into_iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// A copy of the unit whose program is one that is there: what is not installed cannot be verified.
fn runnable(root: &Path) -> Result<PathBuf> {
    let text = files::read_text(&root.join(UNIT))?;
    let copy = files::target().join("deploy/millpond.service");
    files::write(&copy, text.replace("ExecStart=/usr/local/bin/millpond", "ExecStart=/bin/true"))?;
    Ok(copy)
}
