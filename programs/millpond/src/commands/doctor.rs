//! `millpond doctor`: looks at everything that a server leans on, and says what to do about what is wrong.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use budget::{Budget, Pool, limits, memory};
use catalog::Jobs as _;
use catalog::sqlite::Sqlite;
use clap::Command;
use stems::models::{Installed, MODELS, Wish};
use store::{DataFolder, ErrorKind, LibraryFolder};
use transform::{Ffmpeg, Workers};

use super::{small_runtime, with_keys};
use crate::descriptors;
use crate::error::Result;
use crate::listen;
use crate::making::ffmpeg_settings;
use crate::output::say;
use crate::settings::keys::Scope;
use crate::settings::{Loaded, Settings};
use crate::stems::worker_settings;

pub(super) fn command() -> Command {
    with_keys(Command::new("doctor"), Scope::Serving)
        .about("Look at everything a server needs, and say what to do about what is wrong")
        .after_help("Examples:\n  millpond doctor\n  millpond doctor --config /etc/millpond.toml\n\nThe exit code is 1 when anything fails.")
}

/// What one look found.
pub(super) struct Finding {
    mark: Mark,
    what: String,
    next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Ok => "ok  ",
            Mark::Warn => "warn",
            Mark::Fail => "FAIL",
        };
        write!(f, "{mark}  {}", self.what)?;
        match &self.next {
            Some(next) => write!(f, "\n      -> {next}"),
            None => Ok(()),
        }
    }
}

fn ok(what: impl Into<String>) -> Finding {
    Finding { mark: Mark::Ok, what: what.into(), next: None }
}

fn warn(what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { mark: Mark::Warn, what: what.into(), next: Some(next.into()) }
}

fn fail(what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { mark: Mark::Fail, what: what.into(), next: Some(next.into()) }
}

pub(super) fn run(loaded: Result<Loaded>) -> ExitCode {
    let findings = match loaded {
        Ok(loaded) => examine(&loaded),
        Err(e) => {
            let next = e.hint.unwrap_or_else(|| "correct it and look again".to_owned());
            vec![fail(format!("configuration: {}", e.what), next)]
        }
    };
    findings.iter().for_each(say);
    let failed = findings.iter().filter(|finding| finding.mark == Mark::Fail).count();
    if failed == 0 {
        return ExitCode::SUCCESS;
    }
    say(format!("{failed} of {} checks failed", findings.len()));
    ExitCode::from(1)
}

/// Looks at everything, in the order in which a start would meet it.
pub(super) fn examine(loaded: &Loaded) -> Vec<Finding> {
    let settings = &loaded.settings;
    let mut findings = vec![match &settings.config {
        Some(path) => ok(format!("configuration: {} is understood", path.display())),
        None => ok("configuration: no file; flags, variables and defaults hold"),
    }];
    findings.extend(loaded.warnings.iter().map(|line| warn(line.clone(), "correct or remove it")));
    let (folder, served) = data_folder(&settings.data);
    findings.extend(folder);
    findings.extend(database(&settings.data));
    findings.extend(libraries(&settings.library));
    findings.push(ffmpeg(settings));
    findings.extend(models(settings));
    findings.push(workers(settings));
    findings.extend(jobs(&settings.data));
    findings.extend(listeners(settings, served));
    findings.extend(certificate(settings));
    findings.push(memory_limit(settings));
    findings.push(descriptor_limit(settings));
    findings
}

/// The folder, its format, its key and its lock, and whether somebody serves it.
fn data_folder(path: &Path) -> (Vec<Finding>, bool) {
    let shown = path.display();
    let whose = "the user that runs millpond must own it; --data DIR names another folder";
    if !path.exists() {
        let parent = path.ancestors().find(|parent| parent.is_dir()).unwrap_or(Path::new("/"));
        let finding = match tempfile::tempfile_in(parent) {
            Ok(_) => warn(format!("data: {shown} is not there yet"), "the first `millpond serve` makes it"),
            Err(e) => fail(format!("data: {shown} cannot be made in {}: {e}", parent.display()), whose),
        };
        return (vec![finding], false);
    }
    if let Err(e) = tempfile::tempfile_in(path) {
        return (vec![fail(format!("data: {shown} cannot be written: {e}"), whose)], false);
    }
    let mut findings = vec![ok(format!("data: {shown} can be written"))];
    let served = match DataFolder::serve(path) {
        Ok(_) => {
            findings.push(ok(format!("data: format {} and key are right; nobody serves it", store::FORMAT)));
            false
        }
        Err(e) if e.kind == ErrorKind::Locked => {
            findings.push(ok(format!("data: {e}")));
            if let Err(e) = DataFolder::share(path) {
                findings.push(fail(
                    format!("data: {e}"),
                    "correct what it says; the server runs on until it is restarted",
                ));
            }
            true
        }
        Err(e) => {
            findings.push(fail(
                format!("data: {e}"),
                "a folder of another release needs that release, or a backup",
            ));
            false
        }
    };
    let open_to_others = path.metadata().is_ok_and(|data| data.permissions().mode() & 0o077 != 0);
    if open_to_others {
        findings.push(warn(format!("data: others may look into {shown}"), format!("chmod 700 {shown}")));
    }
    (findings, served)
}

fn database(data: &Path) -> Option<Finding> {
    // Asked first, because sharing a folder makes it.
    if !data.exists() {
        return None;
    }
    let folder = DataFolder::share(data).ok()?;
    let path = folder.database();
    if !path.exists() {
        return Some(ok("database: none yet; the first `millpond serve` makes it"));
    }
    let looked = small_runtime().map(|runtime| {
        runtime.block_on(async {
            let database = Sqlite::open(&path).await?;
            let found = database.check().await;
            database.close().await;
            found
        })
    });
    let restore = "restore a backup: millpond restore FILE --data NEW-DIR";
    Some(match looked {
        Ok(Ok(found)) if found.is_empty() => ok("database: sound"),
        Ok(Ok(found)) => fail(format!("database: damaged: {}", found[0]), restore),
        Ok(Err(e)) => fail(format!("database: {e}"), restore),
        Err(e) => fail(format!("database: {}", e.what), "try again"),
    })
}

fn libraries(roots: &[PathBuf]) -> Vec<Finding> {
    if roots.is_empty() {
        return vec![warn("library: none is named", "name a folder of music: --library /srv/music")];
    }
    let look = |root: &PathBuf| {
        let shown = root.display();
        let readable = LibraryFolder::open(root).map_err(|e| e.to_string());
        let names = readable.and_then(|_| std::fs::read_dir(root).map_err(|e| e.to_string()));
        match names.map(|mut names| names.next().is_none()) {
            Ok(true) => {
                warn(format!("library: {shown} is empty"), "is the disk mounted that it should show?")
            }
            Ok(false) => ok(format!("library: {shown} can be read")),
            Err(e) => fail(
                format!("library: {shown} cannot be read: {e}"),
                "check that it is there, mounted and readable",
            ),
        }
    };
    roots.iter().map(look).collect()
}

/// Finds it as a start would, which runs both programs once, shut in as every child is.
fn ffmpeg(settings: &Settings) -> Finding {
    let found = small_runtime().map(|runtime| runtime.block_on(Ffmpeg::find(ffmpeg_settings(settings))));
    match found {
        Ok(Ok(ffmpeg)) => ok(format!("ffmpeg: {}; children have {}", ffmpeg.version(), ffmpeg.protection())),
        Ok(Err(e)) => warn(
            format!("ffmpeg: {e}; everything works but what changes media"),
            "install ffmpeg, name it by transform.ffmpeg, or see transform.sandbox",
        ),
        Err(e) => fail(format!("ffmpeg: {}", e.what), e.hint.unwrap_or_default()),
    }
}

/// What songs are taken apart with.
fn models(settings: &Settings) -> Vec<Finding> {
    let folder = super::models::folder(settings);
    let look = |installed: Installed| match folder.verify(installed.model) {
        Ok(_) => ok(format!("model: {} is what it was", installed.model.name)),
        Err(e) => fail(format!("model: {e}"), installed.model.how_to_add()),
    };
    let findings: Vec<Finding> = folder.list().into_iter().map(look).collect();
    if !findings.is_empty() {
        return findings;
    }
    let fetched = MODELS.iter().filter(|model| model.origin.fetch.is_some());
    let how = fetched.map(|model| model.how_to_add()).collect::<Vec<_>>().join(", ");
    vec![warn("model: none is installed; songs are taken apart by `spectral`", how)]
}

/// Whether children that take songs apart can be shut in here, and whether one fits into the memory.
fn workers(settings: &Settings) -> Finding {
    let found = small_runtime().map(|runtime| runtime.block_on(Workers::find(worker_settings(settings))));
    let protection = match found {
        Ok(Ok(workers)) => workers.protection(),
        Ok(Err(e)) => {
            let what = format!("stems: {e}; songs are taken apart by `millpond split` alone");
            return warn(what, "see transform.sandbox");
        }
        Err(e) => return fail(format!("stems: {}", e.what), e.hint.unwrap_or_default()),
    };
    let budget = Budget::new(memory::limit_bytes(settings.memory.limit));
    let room_bytes = budget.map_or(0, |budget| budget.figures()[Pool::Stems as usize].ceiling_bytes);
    let wish = Wish { stems: 2, ..Wish::default() };
    let chosen = super::models::folder(settings).choose(&wish);
    match chosen {
        Ok(choice) if choice.reserve_bytes() > room_bytes => warn(
            format!(
                "stems: the engine `{}` needs {} MiB, and songs may have {} MiB of memory.limit",
                choice.engine,
                choice.reserve_bytes().div_ceil(limits::MIB),
                room_bytes / limits::MIB
            ),
            "raise memory.limit, or remove the model",
        ),
        Ok(choice) => ok(format!(
            "stems: by `{}`, {} at once; children are {protection}",
            choice.engine,
            settings
                .stems
                .workers()
                .min(usize::try_from(room_bytes / choice.reserve_bytes().max(1)).unwrap_or(1))
        )),
        Err(e) => warn(format!("stems: {e}"), "`millpond models list` shows what there is"),
    }
}

/// How many songs are in line.
fn jobs(data: &Path) -> Option<Finding> {
    if !data.exists() {
        return None;
    }
    let path = DataFolder::share(data).ok()?.database();
    if !path.exists() {
        return None;
    }
    let counted = small_runtime().ok()?.block_on(async {
        let database = Sqlite::open(&path).await?;
        let counted = database.open_jobs().await;
        database.close().await;
        counted
    });
    Some(match counted {
        Ok((queued, running)) => ok(format!("jobs: {queued} songs wait to be taken apart, {running} are")),
        Err(e) => fail(format!("jobs: {e}"), "`millpond backup` saves what is there; then restore it"),
    })
}

fn listeners(settings: &Settings, served: bool) -> Vec<Finding> {
    let look = |address| {
        let runtime = small_runtime()?;
        let _inside = runtime.enter();
        listen::bind(address).map(drop)
    };
    let report = |address| match look(address) {
        Ok(()) => ok(format!("listen: {address} is free")),
        Err(_) if served => ok(format!("listen: {address} is taken, as it should be while the server runs")),
        Err(e) => fail(format!("listen: {}", e.what), e.hint.unwrap_or_default()),
    };
    settings.listen.iter().map(report).collect()
}

fn certificate(settings: &Settings) -> Option<Finding> {
    let (cert, key) = (settings.server.tls_cert.as_ref()?, settings.server.tls_key.as_ref()?);
    Some(match listen::acceptor(cert, key) {
        Ok(_) => ok("TLS: certificate and key belong together"),
        Err(e) => fail(format!("TLS: {}", e.what), e.hint.unwrap_or_default()),
    })
}

fn memory_limit(settings: &Settings) -> Finding {
    let limit = memory::limit_bytes(settings.memory.limit);
    let from = match settings.memory.limit {
        Some(_) => "memory.limit",
        None if machine_bytes().is_some_and(|bytes| bytes / 4 == limit) => "a quarter of the machine",
        None => "the control group",
    };
    let text = format!("memory: {} MiB, from {from}", limit / limits::MIB);
    match Budget::new(limit) {
        Ok(_) => ok(text),
        Err(e) => fail(format!("{text}: {e}"), "give the server more: --memory-limit 256MiB"),
    }
}

/// The memory of the machine, from the first line of `/proc/meminfo`.
fn machine_bytes() -> Option<u64> {
    let mut line = String::new();
    let file = std::fs::File::open("/proc/meminfo").ok()?;
    BufReader::new(file.take(256)).read_line(&mut line).ok()?;
    let kib: u64 = line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(limits::KIB)
}

fn descriptor_limit(settings: &Settings) -> Finding {
    let limit = descriptors::raise();
    let shares = descriptors::share(limit, settings.limits.connections, settings.limits.streams);
    let text = format!("descriptors: {limit}, for {} connections", shares.connections);
    if shares.connections < settings.limits.connections {
        let wanted = settings.limits.connections;
        return warn(
            format!("{text} instead of limits.connections = {wanted}"),
            "raise the hard limit (LimitNOFILE= of a systemd unit, `ulimit -Hn`), or lower limits.connections",
        );
    }
    ok(text)
}
