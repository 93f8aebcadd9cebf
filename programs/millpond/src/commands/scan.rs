//! `millpond scan`: the libraries are read now, also while a server runs, which sees what is found.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use budget::limits;
use catalog::scan::{Counts, Scanner, Status};
use catalog::{LibraryRow, UPLOADS, Viewer};
use clap::Command;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};

use super::{small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::home::{Claim, Home};
use crate::output::{complain, say};
use crate::settings::Loaded;
use crate::settings::keys::Scope;
use crate::{descriptors, logging, wiring};

const REDRAW: Duration = Duration::from_millis(200);

pub(super) fn command() -> Command {
    with_keys(Command::new("scan"), Scope::Everywhere)
        .about("Scan the libraries now; a running server sees what is found")
        .after_help(
            "Examples:\n  millpond scan\n  millpond scan --library /srv/music --data /var/lib/millpond",
        )
}

pub(super) fn run(loaded: &Loaded) -> Result<ExitCode> {
    logging::start(&loaded.quiet_log());
    descriptors::raise();
    small_runtime()?.block_on(async {
        let home = Home::open(&loaded.settings, Claim::Shared).await?;
        let scanned = scan(&home, &loaded.settings.library).await;
        home.close().await;
        scanned
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn scan(home: &Home, named: &[PathBuf]) -> Result<()> {
    let rows = libraries(home, named).await?;
    if rows.is_empty() {
        return Err(Error::usage("there is no library to scan").hint("name a folder: --library /srv/music"));
    }
    let asked = rows.len();
    let (folders, missing) = wiring::open_folders(rows, limits::OPEN_FILES_MAX).await?;
    for line in &missing {
        complain(format!("warning: {line}"));
    }
    if missing.len() == asked {
        return Err(Error::failed("none of the libraries can be read")
            .hint("check that the folders are there and mounted"));
    }
    let scanner = Scanner::new(home.inventory(), folders, home.budget.clone());
    watched(&scanner).await
}

/// The libraries that the database knows, and those that were named: a scan adds libraries and never hides one.
async fn libraries(home: &Home, named: &[PathBuf]) -> Result<Vec<LibraryRow>> {
    let failed = |e: catalog::Error| Error::failed(e.to_string());
    let mut known = home.catalog.libraries(&Viewer::server()).await.map_err(failed)?;
    // What was sent has no folder to look through.
    known.retain(|row| row.id != UPLOADS);
    let mut roots: Vec<String> = known.iter().map(|row| row.root.clone()).collect();
    let before = roots.len();
    for path in named {
        let root = path.display().to_string();
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    if roots.len() == before { Ok(known) } else { home.catalog.set_libraries(&roots).await.map_err(failed) }
}

/// Scans behind a progress bar, which shows itself on terminals alone, and says what was found.
async fn watched(scanner: &Scanner) -> Result<()> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
        bar.set_style(style);
    }
    let mut ticks = interval(REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut scan = std::pin::pin!(scanner.scan());
    let scanned = loop {
        tokio::select! {
            scanned = &mut scan => break scanned,
            _ = ticks.tick() => {
                bar.set_message(line(&scanner.status()));
                bar.tick();
            }
        }
    };
    bar.finish_and_clear();
    let status = scanner.status();
    say(line(&status));
    if !status.counts.passed_over.is_empty() {
        say(status.counts.passed_over);
    }
    let hint = "what could be scanned is there, and nothing else was touched";
    scanned.map(drop).map_err(|e| Error::failed(format!("the scan is not whole: {e}")).hint(hint))
}

fn line(status: &Status) -> String {
    let Counts { seen, added, changed, missing, back, failed, .. } = status.counts;
    format!(
        "{seen} files seen: {added} added, {changed} changed, {missing} missing, {back} back, {failed} failed"
    )
}
