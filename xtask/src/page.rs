//! The page of the server, built before the server that carries it.
//!
//! What is built lies in `edges/web/ui/dist`, where the build of `web` finds it. It is built again only when something it
//! is made of is newer. Without Node the server is built all the same, and says at `/` what it lacks.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::install::Tool;
use crate::{Error, ErrorKind, Result, files, run};

/// Where the page lies in the checkout.
const FOLDER: &str = "edges/web/ui";

/// Builds the page, if Node is there and anything is new.
///
/// # Errors
/// [`ErrorKind::Failed`] when a package cannot be installed or the page does not build.
pub fn build(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    if !Tool::Node.there() {
        println!("going on without the page: it is built by Node, version 20 or later, which is not here");
        return Ok(());
    }
    let lock = folder.join("package-lock.json");
    // The package manager writes this one when it is done.
    let installed = folder.join("node_modules/.package-lock.json");
    if changed(&lock)? > changed(&installed)? {
        println!("installing what the page is built with");
        run::quiet(npm(&folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    }
    let built = changed(&folder.join("dist/index.html"))?;
    for source in files::ours(&folder)? {
        let is_source = !source.starts_with(folder.join("dist")) && !source.ends_with("src/api/schema.d.ts");
        if is_source && changed(&source)? > built {
            println!("building the page");
            return run::quiet(npm(&folder).args(["run", "--silent", "build"])).map(drop);
        }
    }
    Ok(())
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// When a file was changed last; the beginning of time when it is not there.
fn changed(file: &Path) -> Result<SystemTime> {
    match std::fs::metadata(file).and_then(|about| about.modified()) {
        Ok(when) => Ok(when),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(SystemTime::UNIX_EPOCH),
        Err(error) => Err(Error::because(ErrorKind::Io, format!("looking at {}", file.display()), error)),
    }
}
