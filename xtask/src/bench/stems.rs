//! `stems`: songs taken apart beside Spleeter itself, and beside ONNX Runtime on the same networks.
//!
//! All three have the same weights, the same file and one thread, and write the same stems. Each runs as a process of its own, once with
//! a short song and once with a long one, whose difference is what a further second costs, and once more taking the long song twice, whose
//! difference is what the second request costs where the model is in memory already.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Options, report};
use crate::run::Usage;
use crate::{Result, files, install, models, run, stages};

/// Packages of the peers.
const PACKAGES: &[&str] = &["spleeter==2.4.2", "onnx==1.17.0", "onnxruntime==1.31.1", "soundfile==0.14.0"];
const SHORT_S: u32 = 30;
const LONG_S: u32 = 180;
const WRITE_SONG: &str = include_str!("stems/song.py");
const WRITE_GRAPH: &str = include_str!("stems/graph.py");
const RUN_SPLEETER: &str = include_str!("stems/run_spleeter.py");
const RUN_ONNXRUNTIME: &str = include_str!("stems/run_onnxruntime.py");

/// What one program needed.
struct Side {
    name: &'static str,
    short: Usage,
    long: Usage,
    twice: Usage,
}

impl Side {
    /// CPU seconds of a further second of sound.
    fn slope(&self) -> f64 {
        (self.long.cpu_s - self.short.cpu_s) / f64::from(LONG_S - SHORT_S)
    }

    /// CPU seconds of the second request.
    fn second(&self) -> f64 {
        self.twice.cpu_s - self.long.cpu_s
    }

    fn row(&self) -> String {
        format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.4} | {} | {} |\n",
            self.name,
            self.short.cpu_s,
            self.long.cpu_s,
            self.second(),
            self.slope(),
            self.short.peak_kib,
            self.long.peak_kib
        )
    }
}

/// Measures, and writes the page.
pub(super) fn run(options: &Options) -> Result<()> {
    install::need(&[install::Tool::Time])?;
    let folder = files::target().join("stems");
    files::make_folder(&folder)?;
    let python = install::python_environment("spleeter", PACKAGES)?.join("bin/python");
    let ours = built(&folder)?;
    let checkpoint = folder.join("data/models/spleeter-2stems");
    prepare(&python, &folder, &checkpoint)?;
    let side = |name: &'static str, command: &dyn Fn(&Path, u32) -> Command| -> Result<Side> {
        println!("measuring {name}");
        let usage = |seconds: u32, times: u32| -> Result<Usage> {
            let runs =
                (0..options.rounds.max(1)).map(|_| run::measured(&command(&song(&folder, seconds), times)));
            let runs = runs.collect::<Result<Vec<_>>>()?;
            report::median(runs).ok_or_else(|| crate::Error::new(crate::ErrorKind::Broken, "no run"))
        };
        Ok(Side { name, short: usage(SHORT_S, 1)?, long: usage(LONG_S, 1)?, twice: usage(LONG_S, 2)? })
    };
    let sides = [
        side("Millpond", &|song, times| ours_on(&ours, &folder, song, times))?,
        side("Spleeter 2.4.2", &|song, times| peer(&python, &folder, "run_spleeter.py", song, times))?,
        side("ONNX Runtime", &|song, times| peer(&python, &folder, "run_onnxruntime.py", song, times))?,
    ];
    report::write("stems-bench", "cargo x bench stems", &page(&sides), !options.short)
}

/// Our program for this, and the model in a data folder.
fn built(folder: &Path) -> Result<PathBuf> {
    let root = files::workspace();
    models::add(&stages::server(&root)?, Some(&folder.join("data")))?;
    let mut build = Command::new("cargo");
    run::run(build.current_dir(&root).args([
        "build",
        "--quiet",
        "--release",
        "-p",
        "stems",
        "--example",
        "apart",
    ]))?;
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
    for seconds in [SHORT_S, LONG_S] {
        run::quiet(script(python, folder, "song.py").arg(song(folder, seconds)).arg(seconds.to_string()))?;
    }
    run::quiet(script(python, folder, "graph.py").arg(checkpoint).arg(folder.join("networks.onnx")))?;
    // Spleeter looks for a model by this name, and asks the network for it unless there is a mark that it was there.
    let named = folder.join("pretrained/2stems");
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

fn ours_on(program: &Path, folder: &Path, song: &Path, times: u32) -> Command {
    let mut command = Command::new(program);
    command.arg(song).arg(folder.join("ours")).arg(folder.join("data/models"));
    command.args(["2", "spleeter", "zeros", "1"]).arg(times.to_string());
    command
}

fn peer(python: &Path, folder: &Path, name: &str, song: &Path, times: u32) -> Command {
    let mut command = script(python, folder, name);
    command.arg(song).arg(folder.join("peer")).arg(times.to_string());
    command
}

fn page(sides: &[Side; 3]) -> String {
    let [ours, spleeter, runtime] = sides;
    let rows: String = sides.iter().map(Side::row).collect();
    let peak = |side: &Side| side.long.peak_kib as f64;
    format!(
        "Two stems by Deezer's weights, one thread, 16-bit WAV in, WAV out (ours of floats), {SHORT_S} and {LONG_S} s of sound.\n\n\
         | program | CPU s, {SHORT_S} s | CPU s, {LONG_S} s | CPU s, second request of {LONG_S} s | CPU s for a further second | \
         peak KiB, {SHORT_S} s | peak KiB, {LONG_S} s |\n|---|---|---|---|---|---|---|\n{rows}\n\
         | ratio | result | goal |\n|---|---|---|\n\
         | CPU of Spleeter to ours, {LONG_S} s | {:.1} | at least 3.5 |\n\
         | peak of Spleeter to ours, {LONG_S} s | {:.1} | at least 16 |\n\
         | our CPU for a further second to ONNX Runtime's | {:.2} | at most 1.2 |\n\
         | our peak to ONNX Runtime's, {LONG_S} s | {:.2} | at most 0.65 |\n",
        spleeter.long.cpu_s / ours.long.cpu_s,
        peak(spleeter) / peak(ours),
        ours.slope() / runtime.slope(),
        peak(ours) / peak(runtime),
    )
}
