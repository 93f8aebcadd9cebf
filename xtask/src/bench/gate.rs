//! `cargo x bench --gate`: what the hot paths cost, beside what they cost at the last release.
//!
//! Seconds depend on the machine's mood, so none are measured. Counted are instructions and allocations of each path of
//! the crate `hot` under valgrind, and system calls of the real server under strace. The figures of a release lie in
//! `hot/baselines/VERSION.json`; a path that costs more than [`thresholds`] allow fails, and so does one that has no
//! figures yet. `--write` makes this tree's figures the baseline of the workspace's version, which is a line in a
//! review: it is how a cost is accepted, and how a saving is kept.

mod baseline;
mod calls;
mod compare;
mod counted;
mod server;
mod thresholds;

use std::collections::BTreeMap;

use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files};

/// How a baseline is written; told to whoever needs one.
const WRITE: &str = "cargo x bench --gate --write";

/// What each path costs: by the path's name, by the figure's name. Figures are means of one run of the path.
type Figures = BTreeMap<String, BTreeMap<String, f64>>;

/// Measures all paths, and compares them with the baseline or makes them the baseline.
///
/// # Errors
/// [`ErrorKind::Broken`] with the names of the paths that cost too much or have no baseline; else what went wrong in
/// measuring.
pub fn run(write: bool) -> Result<()> {
    install::need(&[Tool::Valgrind, Tool::Strace])?;
    let root = files::workspace();
    let mut after = counted::measure(&root)?;
    after.extend(server::measure(&root)?);
    round(&mut after);
    let before = baseline::latest(&root)?;
    let rows = compare::compare(&before.figures, &after);
    println!("{}", compare::table(&rows));
    let report = files::target().join("gate.json");
    files::write(&report, compare::json(&before.version, &rows))?;
    println!("written to {}", report.display());
    if let Some(other) = before.differs() {
        println!("{other}");
    }
    if write {
        let path = baseline::write(&root, after)?;
        println!("the baseline is now {}", path.display());
        return Ok(());
    }
    let savings = rows.iter().filter(|row| row.is_saving()).count();
    if savings > 0 {
        println!(
            "{savings} figures are lower than the baseline by more than they may rise; keep that by {WRITE}"
        );
    }
    match compare::complaint(&rows) {
        None => Ok(()),
        Some(complaint) => Err(Error::new(ErrorKind::Broken, complaint)),
    }
}

/// To hundredths: what is below comes from the length of an argument or the seed of a hash map.
fn round(figures: &mut Figures) {
    for figure in figures.values_mut().flat_map(BTreeMap::values_mut) {
        *figure = (*figure * 100.0).round() / 100.0;
    }
}
