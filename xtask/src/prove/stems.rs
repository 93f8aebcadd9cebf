//! `cargo x prove stems`: what is shown of songs taken apart that takes too long for every change. An hour needs no more memory than a
//! minute; networks as wide as Deezer's give what Spleeter itself gives, by his weights and by random ones for four and five stems; the
//! whole network of Demucs gives what PyTorch makes of it.

pub(super) mod htdemucs;
mod pytorch;
pub(super) mod quality;

use std::path::{Path, PathBuf};
use std::process::Command;

use load::Findings;

use crate::bench::{report, stems};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, models, run, stages};

/// What a long song may need more than one of a minute, in MiB.
const GROWTH_MAX_MIB: f64 = 10.0;
/// The largest difference to Spleeter, in 16-bit steps, and the least ratio of signal to noise, in dB.
const STEPS_MAX: f64 = 1.0;
const STEPS: f64 = 32_768.0;
const SNR_MIN_DB: f64 = 75.0;
/// What `spleeter_reference.py` has Spleeter hear.
const NOISE_SAMPLES: u32 = 30_000;

/// One engine with the model that it needs.
struct Engine {
    name: &'static str,
    stems: &'static str,
    minutes: u32,
    peak_max_mib: Option<f64>,
}

const ENGINES: &[Engine] = &[
    Engine { name: "spectral", stems: "2", minutes: 60, peak_max_mib: Some(48.0) },
    Engine { name: "spleeter", stems: "2", minutes: 60, peak_max_mib: Some(280.0) },
    Engine { name: "spleeter", stems: "4", minutes: 60, peak_max_mib: Some(280.0) },
    Engine { name: "spleeter", stems: "5", minutes: 60, peak_max_mib: Some(280.0) },
    // Demucs' networks are so large that an hour of it would be hours.
    Engine { name: "htdemucs", stems: "2", minutes: 5, peak_max_mib: None },
];

/// The ground of the proof.
struct Ground {
    program: PathBuf,
    python: PathBuf,
    folder: PathBuf,
}

/// Runs everything and writes the page.
pub(super) fn prove(_: u64) -> Result<()> {
    let ground = Ground::new()?;
    ground.networks_of_spleeter()?;
    let mut findings = Findings::new();
    ground.parity(&mut findings)?;
    ground.beside_pytorch(&mut findings)?;
    for engine in ENGINES {
        ground.memory(engine, &mut findings)?;
    }
    let body = format!(
        "Songs of noise; `millpond split`, one thread, 16-bit WAV in and out, for parity of floats. The networks of four and five stems are as \
         wide as Deezer's and have seeded random numbers, as that of Demucs has (`core/stems/scripts`).\n\n{findings}"
    );
    report::write("stems-proof", "cargo x prove stems", &body, true)?;
    held(&findings)
}

/// Whether every limit held.
fn held(findings: &Findings) -> Result<()> {
    match findings.broken() {
        broken if broken.is_empty() => Ok(()),
        broken => Err(Error::new(ErrorKind::Failed, broken.join("\n"))),
    }
}

impl Ground {
    fn new() -> Result<Ground> {
        install::need(&[Tool::Ffmpeg, Tool::Time])?;
        let folder = files::target().join("stems/proof");
        files::make_folder(&folder)?;
        files::write(&folder.join("parity.py"), include_str!("stems/parity.py"))?;
        Ok(Ground { program: stages::server(&files::workspace())?, python: stems::python()?, folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn script(&self, words: &[&str]) -> Command {
        let mut script = Command::new(&self.python);
        script.current_dir(&self.folder).arg("parity.py").args(words);
        script
    }

    /// Deezer's weights, and random ones for more stems, added to a data folder as a user adds them.
    fn networks_of_spleeter(&self) -> Result<()> {
        let random = self.folder.join("random");
        models::add(&self.program, Some(&self.data()))?;
        if !random.join("5stems/average.f32").is_file() {
            let mut script = Command::new(&self.python);
            run::quiet(script.arg(scripts().join("spleeter_reference.py")).arg(&random).arg("--full"))?;
        }
        self.add("spleeter:4stems", &random.join("4stems"))?;
        self.add("spleeter:5stems", &random.join("5stems"))
    }

    fn add(&self, model: &str, from: &Path) -> Result<()> {
        let mut add = Command::new(&self.program);
        add.args(["models", "add", model, "--accept-licence"]).arg(from).arg("--data").arg(self.data());
        run::quiet(&mut add).map(drop)
    }

    /// Noise that is the same in every language.
    fn noise(&self, samples: u32) -> Result<PathBuf> {
        let file = self.folder.join("noise.wav");
        run::quiet(self.script(&["noise"]).arg(&file).arg(samples.to_string()))?;
        Ok(file)
    }

    fn split(&self, song: &Path, out: &Path, words: &[&str]) -> Command {
        let mut split = Command::new(&self.program);
        split.arg("split").arg(song).arg("--replace").arg("--out").arg(out).arg("--data").arg(self.data());
        split.args(words);
        split
    }

    /// Spleeter's own stems beside ours.
    fn parity(&self, findings: &mut Findings) -> Result<()> {
        let (noise, song) = (self.noise(NOISE_SAMPLES)?, self.folder.join("song.wav"));
        sound(&song, 30)?;
        stems::pretrained(&self.data().join("models/spleeter-2stems"), &self.folder.join("pretrained"))?;
        for extension in ["zeros", "average"] {
            let file = format!("2stems-{extension}.f32");
            run::quiet(&mut self.script(&["spleeter", "pretrained", extension, "song.wav", &file]))?;
            for (stems, song, file, names) in [
                ("2", &song, file, &["vocals", "accompaniment"][..]),
                (
                    "4",
                    &noise,
                    format!("random/4stems/{extension}.f32"),
                    &["vocals", "drums", "bass", "other"],
                ),
                (
                    "5",
                    &noise,
                    format!("random/5stems/{extension}.f32"),
                    &["vocals", "piano", "drums", "bass", "other"],
                ),
            ] {
                let out = self.folder.join(format!("out-{stems}"));
                let words = [
                    "--engine",
                    "spleeter",
                    "--stems",
                    stems,
                    "--mask-extension",
                    extension,
                    "--bits",
                    "float",
                ];
                run::quiet(&mut self.split(song, &out, &words))?;
                let found = run::quiet(self.script(&["compare", &file]).arg(&out).args(names))?;
                judged(&format!("{stems} stems, `{extension}`"), &compared(&found, names)?, findings);
            }
        }
        Ok(())
    }

    /// The most memory that a minute and a long song need.
    fn memory(&self, engine: &Engine, findings: &mut Findings) -> Result<()> {
        let Engine { name, stems, minutes, peak_max_mib } = *engine;
        let what = format!("{name}, {stems} stems");
        println!("{what}: one minute, and {minutes}");
        let usage = |minutes: u32| {
            let (song, out) = (self.folder.join("long.wav"), self.folder.join("long"));
            sound(&song, 60 * minutes)?;
            let used = run::measured(&self.split(&song, &out, &["--engine", name, "--stems", stems]))?;
            files::remove_folder(&out)?;
            Ok::<_, Error>(used)
        };
        let (short, long) = (usage(1)?, usage(minutes)?);
        let mib = |kib: u64| kib as f64 / 1_024.0;
        findings.note(format!("{what}: peak at one minute"), format!("{:.1} MiB", mib(short.peak_kib)));
        match peak_max_mib {
            Some(max) => {
                findings.at_most(format!("{what}: peak at {minutes} minutes"), mib(long.peak_kib), max, "MiB")
            }
            None => findings
                .note(format!("{what}: peak at {minutes} minutes"), format!("{:.1} MiB", mib(long.peak_kib))),
        }
        let growth = mib(long.peak_kib) - mib(short.peak_kib);
        findings.at_most(format!("{what}: {minutes} minutes over one"), growth, GROWTH_MAX_MIB, "MiB");
        let per_second = (long.cpu_s - short.cpu_s) / f64::from(60 * (minutes - 1));
        findings.note(format!("{what}: CPU for a further second"), format!("{per_second:.4} s"));
        Ok(())
    }
}

/// Stereo noise of so many seconds, 16 bit at 44.1 kHz.
fn sound(to: &Path, seconds: u32) -> Result<()> {
    let one = |seed: u32| {
        format!("anoisesrc=color=pink:amplitude=0.4:sample_rate=44100:duration={seconds}:seed={seed}")
    };
    let both = format!("{}[left];{}[right];[left][right]amerge=inputs=2", one(1), one(2));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i", &both, "-c:a", "pcm_s16le"]).arg(to);
    run::quiet(&mut ffmpeg).map(|_| ())
}

/// The scripts that write what ours is compared with.
fn scripts() -> PathBuf {
    files::workspace().join("core/stems/scripts")
}

/// How far one of our stems is from the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Compared<'a> {
    stem: &'a str,
    /// The largest difference, and the largest sample of the true stem, where 1 is full scale.
    difference: f64,
    loudest: f64,
    snr_db: f64,
}

/// Reads what the comparison found: a line for each stem.
fn compared<'a>(found: &str, stems: &[&'a str]) -> Result<Vec<Compared<'a>>> {
    let line = |(line, stem): (&str, &&'a str)| {
        let mut words = line.split(' ');
        words.next().filter(|name| name == stem)?;
        let mut next = || words.next()?.parse::<f64>().ok();
        Some(Compared { stem, difference: next()?, loudest: next()?, snr_db: next()? })
    };
    let all: Option<Vec<_>> = found.lines().zip(stems).map(line).collect();
    all.filter(|all| all.len() == stems.len())
        .ok_or_else(|| Error::new(ErrorKind::Failed, format!("not every stem was compared:\n{found}")))
}

/// Whether stems are those of Spleeter.
fn judged(what: &str, stems: &[Compared<'_>], findings: &mut Findings) {
    for Compared { stem, difference, snr_db, .. } in stems {
        let steps = difference * STEPS;
        findings.row(
            format!("{what}: {stem}, largest difference to Spleeter"),
            format!("{steps:.3} steps of 16 bit"),
            format!("less than {STEPS_MAX}"),
            steps < STEPS_MAX,
        );
        findings.at_least(format!("{what}: {stem}, SNR"), *snr_db, SNR_MIN_DB, "dB");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_that_differ_or_are_missing_are_found() {
        let check = |found: &str, broken: usize| {
            let stems = compared(found, &["vocals", "accompaniment"])?;
            let mut findings = Findings::new();
            judged("2 stems", &stems, &mut findings);
            assert_eq!(findings.broken().len(), broken, "{findings}");
            Ok::<_, Error>(())
        };
        assert!(check("vocals 2e-6 0.4 103.40\naccompaniment 3e-6 0.4 102.20\n", 0).is_ok());
        assert!(check("vocals 4e-5 0.4 103.40\naccompaniment 3e-6 0.4 60.00\n", 2).is_ok());
        assert!(check("vocals 2e-6 0.4 103.40\n", 0).is_err());
        assert!(check("accompaniment 2e-6 0.4 103.40\nvocals 2e-6 0.4 103.40\n", 0).is_err());
        assert!(check("vocals nan 0.4 103.40\naccompaniment 3e-6 0.4 inf\n", 1).is_ok());
    }
}
