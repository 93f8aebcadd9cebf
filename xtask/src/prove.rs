//! `cargo x prove`: proofs that take too long for every change.

mod caching;
mod stems;

use std::process::Command;

use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, corpus, files, models, run, stages};

/// One proof.
#[derive(Debug)]
pub struct Proof {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    run: fn(u64) -> Result<()>,
}

/// All proofs.
pub const PROOFS: &[Proof] = &[
    Proof { name: "fuzz", about: "every fuzz target under libFuzzer, --seconds N each", run: fuzz },
    Proof {
        name: "listeners",
        about: "2,000 listeners for --seconds N in a memory group, and servers that must fail there",
        run: listeners,
    },
    Proof { name: "hostile", about: "every attack, with 10,000 aborted downloads", run: hostile },
    Proof {
        name: "law",
        about: "listeners, a scan, syncs of 100,000 tracks, 50 uploads, 20 renditions, 200 pages of covers and 5 songs taken apart at \
                once in one memory group, in three sizes: 256 MiB with 1,000 listeners, 384 and 640 MiB with 2,000",
        run: law,
    },
    Proof {
        name: "day",
        about: "a day of everything at a low rate, or with MILLPOND_DAY=short two hours: memory has no direction and nothing adds up",
        run: day,
    },
    Proof {
        name: "stems",
        about: "songs taken apart: an hour needs no more memory than a minute, and networks give what Spleeter and PyTorch themselves \
                give",
        run: stems::prove,
    },
    Proof {
        name: "stems-htdemucs",
        about: "of these, the whole network of Demucs beside PyTorch alone",
        run: stems::htdemucs::prove,
    },
    Proof {
        name: "stems-quality",
        about: "a generated song whose stems are known, taken apart by each engine: SDR, and that of Spleeter itself",
        run: stems::quality::prove,
    },
    Proof {
        name: "crash",
        about: "1,000 kills during uploads at random moments, and one at every call that changes the disk",
        run: crash,
    },
    Proof { name: "power", about: "500 power cuts during uploads, on a disk that forgets", run: power },
    Proof {
        name: "uploads",
        about: "50 uploads of 100 MB at once, and one of 5 GB in 256 MiB of memory, to the disk and to a bucket",
        run: uploads,
    },
    Proof {
        name: "renditions",
        about: "200 viewers of 40 renditions, 1,000 of one, and all that fit at once, in 512 MiB with the children; 10,000 \
                requests cut, 100 kills, and 5 GiB asked of a cache of 1 GiB",
        run: renditions,
    },
    Proof {
        name: "page",
        about: "the page in a browser with 100,000 songs, an upload of 5 GB and a mix of ten minutes: what it holds in memory",
        run: page,
    },
    Proof {
        name: "caching",
        about: "the suite behind cache-tests.fyi, for what is passed on",
        run: caching::prove,
    },
];

/// Runs one proof by its name.
///
/// # Errors
/// [`ErrorKind::Broken`] for a name that no proof has; else what the proof says.
pub fn run(name: &str, seconds: u64) -> Result<()> {
    match PROOFS.iter().find(|proof| proof.name == name) {
        Some(proof) => (proof.run)(seconds),
        None => Err(Error::new(
            ErrorKind::Broken,
            format!("there is no proof `{name}`; see cargo x prove --list"),
        )),
    }
}

/// libFuzzer needs nightly flags; the pinned compiler takes them when it is told that it may. No sanitizer: our code has
/// no `unsafe` for one to watch, and without it ten times as many inputs are tried.
fn fuzz(seconds: u64) -> Result<()> {
    let tools = files::target().join("tools");
    let cargo_fuzz = tools.join("bin/cargo-fuzz");
    if !cargo_fuzz.is_file() {
        println!("installing cargo-fuzz into {}", tools.display());
        let mut install = Command::new("cargo");
        run::run(install.args(["install", "--quiet", "--locked", "cargo-fuzz", "--root"]).arg(&tools))?;
    }
    let root = files::workspace();
    let targets = fuzz_targets()?;
    for target in &targets {
        println!("\n── {target}");
        let found = files::target().join("fuzz-corpus").join(target);
        let broken = files::target().join("fuzz-artifacts").join(target);
        files::make_folder(&found)?;
        files::make_folder(&broken)?;
        let mut fuzz = Command::new(&cargo_fuzz);
        fuzz.current_dir(&root).env("RUSTC_BOOTSTRAP", "1");
        // Each target is a program of its own; linking every one across crates would take most of the time.
        fuzz.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        fuzz.args([
            "run",
            "--fuzz-dir",
            "fuzz",
            "--features",
            "libfuzzer",
            "--sanitizer",
            "none",
            "--target-dir",
        ]);
        fuzz.arg(files::target().join("fuzz")).arg(target).arg(found);
        fuzz.arg(root.join("fuzz/seeds").join(target));
        run::run(fuzz.args([
            "--",
            &format!("-max_total_time={seconds}"),
            "-max_len=8192",
            "-timeout=5",
            "-rss_limit_mb=768",
        ]))?;
    }
    Ok(())
}

/// The fuzz targets, which are the folders of seeds.
fn fuzz_targets() -> Result<Vec<String>> {
    let seeds = files::workspace().join("fuzz/seeds");
    let mut names: Vec<String> = files::ours(&seeds)?
        .iter()
        .filter_map(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.dedup();
    Ok(names)
}

fn listeners(seconds: u64) -> Result<()> {
    whole_server(
        "load",
        &[("MILLPOND_LISTENERS", "2000"), ("MILLPOND_LISTEN_SECONDS", &seconds.to_string())],
    )?;
    whole_server("idle", &[("MILLPOND_IDLE_CONNECTIONS", "10000")])
}

fn hostile(_: u64) -> Result<()> {
    whole_server("hostile", &[("MILLPOND_ABORTED", "10000")])
}

fn law(_: u64) -> Result<()> {
    // The test would see to both too, without a word for minutes.
    println!("100,000 tracks, made once and kept");
    corpus::kept(&corpus::Options { progress: true, ..corpus::Options::tracks(100_000) })?;
    models::wheel()?;
    whole_server("law", &[("MILLPOND_LAW", "long")])
}

fn day(_: u64) -> Result<()> {
    let form = std::env::var("MILLPOND_DAY").unwrap_or_else(|_| "long".to_owned());
    whole_server("day", &[("MILLPOND_DAY", &form)])
}

fn crash(_: u64) -> Result<()> {
    install::need(&[Tool::Strace])?;
    part_of_whole_server("uploads", "crash::", &[("MILLPOND_KILLS", "1000")])?;
    part_of_whole_server("uploads", "calls::", &[("MILLPOND_CALLS_STRIDE", "1")])
}

fn power(_: u64) -> Result<()> {
    part_of_whole_server("uploads", "power::", &[("MILLPOND_CUTS", "500")])
}

fn uploads(_: u64) -> Result<()> {
    let asked = [("MILLPOND_UPLOADS", "50"), ("MILLPOND_UPLOAD_MB", "100"), ("MILLPOND_BIG_MB", "5000")];
    part_of_whole_server("uploads", "many::", &asked)?;
    install::s3_server()?;
    part_of_whole_server("uploads", "far_memory::", &[("MILLPOND_FAR_MB", "5000")])
}

fn renditions(_: u64) -> Result<()> {
    whole_server("rendition_load", &[("MILLPOND_RENDITIONS", "long")])?;
    part_of_whole_server("rendition_faults", "cuts::", &[("MILLPOND_ABORTS", "10000")])?;
    part_of_whole_server("rendition_cache", "kills::", &[("MILLPOND_KILLS", "100")])?;
    part_of_whole_server("rendition_cache", "bound::", &[("MILLPOND_CACHE_MIB", "1024")])
}

fn page(_: u64) -> Result<()> {
    install::browser()?;
    println!("100,000 tracks, made once and kept");
    corpus::kept(&corpus::Options { progress: true, ..corpus::Options::tracks(100_000) })?;
    part_of_whole_server("page", "figures::", &[("MILLPOND_PAGE", "long")])
}

/// Runs one file of the whole-server tests against a release build, with what makes it the long form.
fn whole_server(file: &str, asked: &[(&str, &str)]) -> Result<()> {
    part_of_whole_server(file, "", asked)
}

/// As [`whole_server`], only the tests whose names begin so.
fn part_of_whole_server(file: &str, part: &str, asked: &[(&str, &str)]) -> Result<()> {
    let root = files::workspace();
    install::need(&[Tool::Ffmpeg, Tool::Nginx])?;
    let server = stages::server(&root)?;
    let mut test = stages::cargo(&root, &["test", "-p", "tests", "-p", "millpond", "--test", file, "--"]);
    test.env("MILLPOND_BIN", server).envs(asked.iter().copied());
    // One after the other, so that their tables do not mix.
    test.args(Some(part).filter(|part| !part.is_empty()));
    run::run(test.args(["--nocapture", "--test-threads", "1"]))
}
