//! `stems`: songs taken apart beside Spleeter itself, and beside ONNX Runtime on the same networks.
//!
//! All three have the same weights, the same file and one thread, and write the same stems. Each runs as a process of its own, once with
//! a short song and once with a long one, whose difference is what a further second costs, and once more taking a song twice, whose
//! difference is what the second request costs where the model is in memory already. The shortest song is one block of the networks:
//! what its second request takes is the time to the first stems of a worker that is warm. The ratios have goals, and a run that
//! misses one fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use load::Findings;

use super::{Options, report};
use crate::run::Usage;
use crate::{Error, ErrorKind, Result, files, install, models, run, stages};

/// Packages of the peers.
pub(crate) const PACKAGES: &[&str] =
    &["spleeter==2.4.2", "onnx==1.17.0", "onnxruntime==1.31.1", "soundfile==0.14.0"];
const START_S: u32 = 10;
const SHORT_S: u32 = 30;
const LONG_S: u32 = 180;
/// How many times more Spleeter takes than ours, at least: CPU and memory of the long song, CPU until the first stems.
const CPU_TIMES_MIN: f64 = 3.5;
const PEAK_TIMES_MIN: f64 = 16.0;
const START_TIMES_MIN: f64 = 10.0;
/// What ours takes of what ONNX Runtime does, at most: CPU of a further second, and memory of the long song.
const SLOPE_SHARE_MAX: f64 = 1.2;
const PEAK_SHARE_MAX: f64 = 0.65;
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
    let goals = goals(&sides);
    report::write("stems-beside", "cargo x bench stems", &page(&sides, &goals), !options.short)?;
    match goals.broken() {
        missed if missed.is_empty() => Ok(()),
        missed => Err(Error::new(ErrorKind::Broken, format!("goals are missed:\n{}", missed.join("\n")))),
    }
}

/// One program, by the command for so many seconds of sound so many times; the median of the rounds.
fn side(name: &'static str, rounds: usize, command: &dyn Fn(u32, u32) -> Command) -> Result<Side> {
    println!("measuring {name}");
    let usage = |seconds: u32, times: u32| -> Result<Usage> {
        let runs = (0..rounds).map(|_| run::measured(&command(seconds, times)));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        report::median(runs).ok_or_else(|| Error::new(ErrorKind::Broken, "no run"))
    };
    let requests =
        |seconds: u32| Ok::<_, Error>(Requests { once: usage(seconds, 1)?, twice: usage(seconds, 2)? });
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

/// The ratios, each beside its goal.
fn goals(sides: &[Side; 3]) -> Findings {
    let [ours, spleeter, runtime] = sides;
    let (cold, warm) = (spleeter.start.once, ours.start.second());
    let mut goals = Findings::new();
    for (what, ratio, least) in [
        ("CPU of Spleeter to ours", ratio(spleeter.long.once.cpu_s, ours.long.once.cpu_s), CPU_TIMES_MIN),
        ("peak of Spleeter to ours", ratio(spleeter.peak(), ours.peak()), PEAK_TIMES_MIN),
        ("cold Python to our second request, CPU", ratio(cold.cpu_s, warm.cpu_s), START_TIMES_MIN),
    ] {
        goals.row(what, format!("{ratio:.2}"), format!("at least {least}"), ratio >= least);
    }
    goals.note("the same by the clock", format!("{:.2}", ratio(cold.wall_s, warm.wall_s)));
    for (what, ratio, most) in [
        (
            "our CPU for a further second to ONNX Runtime's",
            ratio(ours.slope(), runtime.slope()),
            SLOPE_SHARE_MAX,
        ),
        ("our peak to ONNX Runtime's", ratio(ours.peak(), runtime.peak()), PEAK_SHARE_MAX),
    ] {
        goals.row(what, format!("{ratio:.2}"), format!("at most {most}"), ratio <= most);
    }
    goals
}

/// One over the other, or no number, which holds no goal, where one of them is none: a difference of two runs may drown in their noise.
fn ratio(one: f64, other: f64) -> f64 {
    if one > 0.0 && other > 0.0 { one / other } else { f64::NAN }
}

fn page(sides: &[Side; 3], goals: &Findings) -> String {
    let rows: String = sides.iter().map(Side::row).collect();
    let starts: String = sides.iter().map(Side::start_row).collect();
    format!(
        "Two stems by Deezer's weights, one thread, 16-bit WAV in, WAV out (ours of floats). CPU seconds are user and system together; \
         peaks are resident sets of the process. What is written as second request is done by a process that has done the same before.\n\n\
         | program | CPU s, {SHORT_S} s | CPU s, {LONG_S} s | CPU s, second request of {LONG_S} s | CPU s for a further second | \
         peak KiB, {SHORT_S} s | peak KiB, {LONG_S} s | peak KiB after two |\n|---|---|---|---|---|---|---|---|\n{rows}\n\
         A song of {START_S} s, which is one block of the networks: the first stems are there when all is.\n\n\
         | program | first request, CPU s | s | second request, CPU s | s |\n|---|---|---|---|---|\n{starts}\n\
         CPU and peaks are compared at {LONG_S} s, a cold start with our second request at {START_S} s.\n\n{goals}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program takes: CPU seconds of the first and of the second start, of the short song and of the long one, and its peak.
    fn side([cold, warm, short, long]: [f64; 4], peak_kib: u64) -> Side {
        let usage = |cpu_s| Usage { wall_s: cpu_s, cpu_s, peak_kib };
        let twice = |once, second| Requests { once: usage(once), twice: usage(once + second) };
        Side { name: "a program", start: twice(cold, warm), short: usage(short), long: twice(long, long) }
    }

    #[test]
    fn each_goal_that_is_missed_is_named() {
        let check = |ours: ([f64; 4], u64), missed: &[&str]| {
            let spleeter = side([8.0, 2.0, 9.0, 28.0], 4_000_000);
            let runtime = side([1.0, 0.2, 2.0, 5.0], 650_000);
            let broken = goals(&[side(ours.0, ours.1), spleeter, runtime]).broken();
            assert_eq!(broken.len(), missed.len(), "{broken:?}");
            for (broken, name) in broken.iter().zip(missed) {
                assert!(broken.starts_with(name), "{broken}");
            }
        };
        let (cpu, peak) = ("CPU of Spleeter to ours: 3.", "peak of Spleeter to ours: 15.");
        let start = "cold Python to our second request, CPU: ";
        let (slope, share) = (
            "our CPU for a further second to ONNX Runtime's: ",
            "our peak to ONNX Runtime's: 0.66, but at most 0.65",
        );
        check(([0.5, 0.8, 2.0, 5.5], 250_000), &[]);
        check(([0.5, 0.8, 5.5, 8.1], 250_000), &[cpu]);
        check(([0.5, 0.8, 2.0, 5.5], 251_000), &[peak]);
        check(([0.5, 0.81, 2.0, 5.5], 250_000), &[start]);
        check(([0.5, 0.8, 2.0, 5.7], 250_000), &[slope]);
        check(([0.5, 0.8, 2.0, 5.5], 430_000), &["peak of Spleeter to ours: 9.", share]);
        // A second request that took nothing, and a long song that took less than a short one, are no figures.
        check(([0.5, 0.0, 5.5, 5.0], 250_000), &[start, slope]);
    }
}
