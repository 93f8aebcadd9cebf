//! `stems`: songs taken apart beside Spleeter itself, and beside ONNX Runtime on the same networks.
//!
//! All three have the same weights, the same file and one thread, and write the same stems. Each runs as a process of its own, once with
//! a short song and once with a long one, whose difference is what a further second costs, and once more taking a song twice, whose
//! difference is what the second request costs where the model is in memory already. The shortest song is one block of the networks:
//! what its second request takes is the time to the first stems of a worker that is warm.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Options, report};
use crate::run::Usage;
use crate::{Result, files, install, models, run, stages};

/// Packages of the peers.
pub(crate) const PACKAGES: &[&str] =
    &["spleeter==2.4.2", "onnx==1.17.0", "onnxruntime==1.31.1", "soundfile==0.14.0"];
const START_S: u32 = 10;
const SHORT_S: u32 = 30;
const LONG_S: u32 = 180;
const WRITE_SONG: &str = include_str!("stems/song.py");
const WRITE_GRAPH: &str = include_str!("stems/graph.py");
const RUN_SPLEETER: &str = include_str!("stems/run_spleeter.py");
const RUN_ONNXRUNTIME: &str = include_str!("stems/run_onnxruntime.py");

/// What one program needed for a song once, and for the same song twice in one process.
struct Requests {
    once: Usage,
    twice: Usage,
}

impl Requests {
    /// What the second request alone took.
    fn second(&self) -> Usage {
        Usage {
            wall_s: self.twice.wall_s - self.once.wall_s,
            cpu_s: self.twice.cpu_s - self.once.cpu_s,
            peak_kib: self.twice.peak_kib,
        }
    }
}

/// What one program needed.
struct Side {
    name: &'static str,
    start: Requests,
    short: Usage,
    long: Requests,
}

impl Side {
    /// CPU seconds of a further second of sound.
    fn slope(&self) -> f64 {
        (self.long.once.cpu_s - self.short.cpu_s) / f64::from(LONG_S - SHORT_S)
    }

    fn peak(&self) -> f64 {
        self.long.once.peak_kib as f64
    }

    fn row(&self) -> String {
        let second = self.long.second();
        format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.4} | {} | {} | {} |\n",
            self.name,
            self.short.cpu_s,
            self.long.once.cpu_s,
            second.cpu_s,
            self.slope(),
            self.short.peak_kib,
            self.long.once.peak_kib,
            second.peak_kib
        )
    }

    fn start_row(&self) -> String {
        let (first, second) = (self.start.once, self.start.second());
        format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} |\n",
            self.name, first.cpu_s, first.wall_s, second.cpu_s, second.wall_s
        )
    }
}

/// Measures, and writes the page.
pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[install::Tool::Time])?;
    let folder = files::target().join("stems");
    files::make_folder(&folder)?;
    let python = python()?;
    let ours = built(&folder)?;
    let checkpoint = folder.join("data/models/spleeter-2stems");
    prepare(&python, &folder, &checkpoint)?;
    let (mine, theirs) = (options.rounds.max(1), options.peer_rounds.max(1));
    let sides = [
        side("Millpond", mine, &|seconds, times| ours_on(&ours, &folder, seconds, times))?,
        side("Spleeter 2.4.2", theirs, &|seconds, times| {
            peer(&python, &folder, "run_spleeter.py", seconds, times)
        })?,
        side("ONNX Runtime", theirs, &|seconds, times| {
            peer(&python, &folder, "run_onnxruntime.py", seconds, times)
        })?,
    ];
    report::write("stems-beside", "cargo x bench stems", &page(&sides), !options.short)
}

/// One program, by the command for so many seconds of sound so many times; the median of the rounds.
fn side(name: &'static str, rounds: usize, command: &dyn Fn(u32, u32) -> Command) -> Result<Side> {
    println!("measuring {name}");
    let usage = |seconds: u32, times: u32| -> Result<Usage> {
        let runs = (0..rounds).map(|_| run::measured(&command(seconds, times)));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        report::median(runs).ok_or_else(|| crate::Error::new(crate::ErrorKind::Broken, "no run"))
    };
    let requests = |seconds: u32| {
        Ok::<_, crate::Error>(Requests { once: usage(seconds, 1)?, twice: usage(seconds, 2)? })
    };
    Ok(Side { name, start: requests(START_S)?, short: usage(SHORT_S, 1)?, long: requests(LONG_S)? })
}

/// The interpreter that knows the peers.
pub(crate) fn python() -> Result<PathBuf> {
    Ok(install::python_environment("spleeter", PACKAGES)?.join("bin/python"))
}

/// Our program for this, and the model in a data folder.
fn built(folder: &Path) -> Result<PathBuf> {
    let root = files::workspace();
    models::add(&stages::server(&root)?, Some(&folder.join("data")))?;
    run::run(&mut stages::cargo(
        &root,
        &["build", "--quiet", "--release", "-p", "stems", "--example", "apart"],
    ))?;
    Ok(files::target().join("release/examples/apart"))
}

/// The songs, the peers' programs, and the networks as a graph.
fn prepare(python: &Path, folder: &Path, checkpoint: &Path) -> Result<()> {
    for (name, text) in [
        ("song.py", WRITE_SONG),
        ("graph.py", WRITE_GRAPH),
        ("run_spleeter.py", RUN_SPLEETER),
        ("run_onnxruntime.py", RUN_ONNXRUNTIME),
    ] {
        files::write(&folder.join(name), text)?;
    }
    for seconds in [START_S, SHORT_S, LONG_S] {
        run::quiet(script(python, folder, "song.py").arg(song(folder, seconds)).arg(seconds.to_string()))?;
    }
    run::quiet(script(python, folder, "graph.py").arg(checkpoint).arg(folder.join("networks.onnx")))?;
    pretrained(checkpoint, &folder.join("pretrained"))
}

/// Spleeter looks for a model by its name in a folder, and asks the network for it unless there is a mark that it was there.
pub(crate) fn pretrained(checkpoint: &Path, folder: &Path) -> Result<()> {
    let named = folder.join("2stems");
    files::make_folder(&named)?;
    run::quiet(Command::new("cp").arg("-r").arg(checkpoint.join(".")).arg(&named))?;
    files::write(&named.join("checkpoint"), "model_checkpoint_path: \"model\"\n")?;
    files::write(&named.join(".probe"), "OK")
}

fn song(folder: &Path, seconds: u32) -> PathBuf {
    folder.join(format!("song-{seconds}.wav"))
}

fn script(python: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(folder).arg(folder.join(name));
    command
}

fn ours_on(program: &Path, folder: &Path, seconds: u32, times: u32) -> Command {
    let mut command = Command::new(program);
    command.arg(song(folder, seconds)).arg(folder.join("ours")).arg(folder.join("data/models"));
    command.args(["2", "spleeter", "zeros", "1"]).arg(times.to_string());
    command
}

fn peer(python: &Path, folder: &Path, name: &str, seconds: u32, times: u32) -> Command {
    let mut command = script(python, folder, name);
    command.arg(song(folder, seconds)).arg(folder.join("peer")).arg(times.to_string());
    command
}

fn page(sides: &[Side; 3]) -> String {
    let [ours, spleeter, runtime] = sides;
    let rows: String = sides.iter().map(Side::row).collect();
    let starts: String = sides.iter().map(Side::start_row).collect();
    let (cold, warm) = (spleeter.start.once, ours.start.second());
    format!(
        "Two stems by Deezer's weights, one thread, 16-bit WAV in, WAV out (ours of floats). CPU seconds are user and system together; \
         peaks are resident sets of the process. What is written as second request is done by a process that has done the same before.\n\n\
         | program | CPU s, {SHORT_S} s | CPU s, {LONG_S} s | CPU s, second request of {LONG_S} s | CPU s for a further second | \
         peak KiB, {SHORT_S} s | peak KiB, {LONG_S} s | peak KiB after two |\n|---|---|---|---|---|---|---|---|\n{rows}\n\
         A song of {START_S} s, which is one block of the networks: the first stems are there when all is.\n\n\
         | program | first request, CPU s | s | second request, CPU s | s |\n|---|---|---|---|---|\n{starts}\n\
         | ratio | result | goal |\n|---|---|---|\n\
         | CPU of Spleeter to ours, {LONG_S} s | {:.1} | at least 3.5 |\n\
         | peak of Spleeter to ours, {LONG_S} s | {:.1} | at least 16 |\n\
         | cold Python to our second request, {START_S} s, CPU | {:.1} | at least 10 |\n\
         | the same by the clock | {:.1} | at least 10 |\n\
         | our CPU for a further second to ONNX Runtime's | {:.2} | at most 1.2 |\n\
         | our peak to ONNX Runtime's, {LONG_S} s | {:.2} | at most 0.65 |\n",
        spleeter.long.once.cpu_s / ours.long.once.cpu_s,
        spleeter.peak() / ours.peak(),
        cold.cpu_s / warm.cpu_s,
        cold.wall_s / warm.wall_s,
        ours.slope() / runtime.slope(),
        ours.peak() / runtime.peak(),
    )
}
