//! The figures of releases: one file for each, under `hot/baselines`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Figures;
use crate::{Error, ErrorKind, Result, files, run};

const FOLDER: &str = "hot/baselines";

/// What was measured, of which version, with what.
pub(super) struct Baseline {
    pub(super) version: String,
    pub(super) figures: Figures,
    /// The tools that decide what the figures are.
    tools: String,
}

impl Baseline {
    /// A line that says so when it was measured with other tools, which can explain a difference.
    pub(super) fn differs(&self) -> Option<String> {
        let ours = tools();
        let differs = !self.version.is_empty() && self.tools != ours;
        differs.then(|| format!("the baseline was measured with {}; this is {ours}", self.tools))
    }
}

/// The baseline of the workspace's version, else that of the last version before it; an empty one if there is none.
pub(super) fn latest(root: &Path) -> Result<Baseline> {
    let current = numbers(&version(root)?);
    let mut found: Option<(Vec<u64>, PathBuf)> = None;
    let folder = root.join(FOLDER);
    let paths = if folder.is_dir() { files::ours(&folder)? } else { Vec::new() };
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let numbers = numbers(&path.file_stem().unwrap_or_default().to_string_lossy());
        if numbers <= current && found.as_ref().is_none_or(|(best, _)| *best < numbers) {
            found = Some((numbers, path));
        }
    }
    match found {
        Some((_, path)) => read(&path),
        None => Ok(Baseline { version: String::new(), figures: Figures::new(), tools: String::new() }),
    }
}

/// Makes these figures the baseline of the workspace's version.
pub(super) fn write(root: &Path, figures: Figures) -> Result<PathBuf> {
    let version = version(root)?;
    let path = root.join(FOLDER).join(format!("{version}.json"));
    files::write(&path, text(&Baseline { version, figures, tools: tools() }))?;
    Ok(path)
}

fn text(baseline: &Baseline) -> String {
    let Baseline { version, figures, tools } = baseline;
    format!("{:#}\n", json!({ "version": version, "tools": tools, "figures": figures }))
}

fn read(path: &Path) -> Result<Baseline> {
    parsed(&files::read_text(path)?)
        .ok_or_else(|| Error::new(ErrorKind::Broken, format!("{} is no baseline", path.display())))
}

fn parsed(text: &str) -> Option<Baseline> {
    let value: Value = serde_json::from_str(text).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut figures = Figures::new();
    for (path, of_path) in value.get("figures")?.as_object()? {
        let place = figures.entry(path.clone()).or_default();
        for (figure, count) in of_path.as_object()? {
            place.insert(figure.clone(), count.as_f64()?);
        }
    }
    Some(Baseline { version: text("version")?, figures, tools: text("tools")? })
}

/// The version that all crates of the workspace have.
fn version(root: &Path) -> Result<String> {
    let manifest = root.join("Cargo.toml");
    let table = files::read_text(&manifest)?.parse::<toml::Table>().ok();
    let version = table.as_ref().and_then(|table| table.get("workspace")?.get("package")?.get("version"));
    let version = version.and_then(toml::Value::as_str).map(str::to_owned);
    version.ok_or_else(|| Error::new(ErrorKind::Broken, format!("{} has no version", manifest.display())))
}

/// A version's numbers, by which versions are ordered.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

fn tools() -> String {
    let mut names = Vec::new();
    for program in ["rustc", "valgrind", "strace"] {
        let said = run::quiet(Command::new(program).arg("--version")).unwrap_or_default();
        let line = said.lines().next().unwrap_or_default();
        let number = line.split([' ', '-']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        names.push(format!("{program} {}", number.unwrap_or("?")));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let of_path = BTreeMap::from([("instructions".to_owned(), 3350.25), ("calls".to_owned(), 0.0)]);
        let figures = Figures::from([("range".to_owned(), of_path)]);
        let (version, tools) = ("0.1.0".to_owned(), "rustc 1".to_owned());
        let read = parsed(&text(&Baseline { version, figures: figures.clone(), tools })).unwrap();
        assert_eq!((read.version.as_str(), read.tools.as_str()), ("0.1.0", "rustc 1"));
        assert_eq!(read.figures, figures);
        assert!(parsed("{\"figures\": 1}").is_none());
    }

    #[test]
    fn the_last_release_counts_until_this_one_has_figures() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("Cargo.toml"), "[workspace.package]\nversion = \"0.10.0\"\n").unwrap();
        assert_eq!(latest(root).unwrap().version, "");
        for version in ["0.2.0", "0.9.1", "0.11.0"] {
            let baseline =
                Baseline { version: version.to_owned(), figures: Figures::new(), tools: String::new() };
            files::write(&root.join(FOLDER).join(format!("{version}.json")), text(&baseline)).unwrap();
        }
        assert_eq!(latest(root).unwrap().version, "0.9.1", "a later one is of another branch");
        write(root, Figures::new()).unwrap();
        assert_eq!(latest(root).unwrap().version, "0.10.0");
    }
}
