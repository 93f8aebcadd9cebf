//! `cargo x prove stems-quality`: how well a song is taken apart of which every stem is known. The song is generated, so that it may be
//! made by everybody, and its stems are compared by museval's SDR: with the true ones, and of Spleeter's networks with his own too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use load::Findings;

use super::held;
use crate::bench::{report, stems};
use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, files, models, run, stages};

/// Packages that sing and play the song.
const SONG: &[&str] = &[
    "numpy==2.4.6",
    "scipy==1.17.1",
    "soundfile==0.14.0",
    "pretty_midi==0.2.11.post0",
    "pyworld==0.3.5",
    "setuptools==65.5.0",
];
/// What our way to compare stems is compared with.
const MUSEVAL: &[&str] =
    &["museval==0.4.1", "numpy==2.4.6", "scipy==1.17.1", "soundfile==0.14.0", "setuptools==65.5.0"];
/// How far our SDR of a second may be from museval's, in dB.
const FROM_MUSEVAL_MAX_DB: f64 = 0.001;
/// How much better or worse than Spleeter itself its networks may be here, in dB.
const FROM_SPLEETER_MAX_DB: f64 = 0.1;
const TWO: [&str; 2] = ["vocals", "accompaniment"];
const FOUR: [&str; 4] = ["vocals", "drums", "bass", "other"];

/// What an engine is asked for, and the least that each stem must reach.
struct Way {
    engine: &'static str,
    stems: &'static [&'static str],
    least_db: &'static [f64],
}

const WAYS: &[Way] = &[
    Way { engine: "spectral", stems: &TWO, least_db: &[6.4, 9.2] },
    Way { engine: "spectral", stems: &FOUR, least_db: &[] },
    Way { engine: "spleeter", stems: &TWO, least_db: &[] },
    Way { engine: "spleeter", stems: &FOUR, least_db: &[] },
];

/// The SDR of one stem.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sdr {
    whole_db: f64,
    median_db: f64,
}

/// Runs everything and writes the page.
pub(in crate::prove) fn prove(_: u64) -> Result<()> {
    install::need(&[Tool::Synthesizer])?;
    let house = House::new()?;
    let mut findings = Findings::new();
    for way in WAYS {
        let out = house.folder.join(format!("{}-{}", way.engine, way.stems.len()));
        let stems = way.stems.len().to_string();
        let words =
            ["--engine", way.engine, "--stems", &stems, "--mask-extension", "zeros", "--bits", "float"];
        house.split(&out, &words)?;
        for (at, (stem, sdr)) in house.judged(&house.song, &out, way.stems)?.into_iter().enumerate() {
            row(&mut findings, &format!("{}, {stems} stems: {stem}", way.engine), sdr, way.least_db.get(at));
        }
    }
    house.beside_spleeter(&mut findings)?;
    house.beside_museval(&mut findings)?;
    let body = format!(
        "A song of 38 s, generated with known stems (`xtask/src/prove/stems/generated.py`): instruments of General MIDI and a voice that is \
         made. It repeats, and its voice is in the middle, which flatters engines that look for that. SDR as in museval: of the whole song, \
         and the median of its seconds in brackets. `millpond split --mask-extension zeros`, which is what Spleeter does by itself; two stems \
         of `spleeter` by Deezer's weights, of its four the voice alone. What says so is compared with {} itself, second by second.\n\n{findings}",
        MUSEVAL[0].replace("==", " ")
    );
    report::write("stems-quality", "cargo x prove stems-quality", &body, true)?;
    held(&findings)
}

fn row(findings: &mut Findings, what: &str, sdr: Sdr, least_db: Option<&f64>) {
    let figure = format!("{:.2} dB ({:.2})", sdr.whole_db, sdr.median_db);
    match least_db {
        Some(least) => findings.row(what, figure, format!("at least {least} dB"), sdr.whole_db >= *least),
        None => findings.note(what, figure),
    }
}

/// The song, who takes it apart, and who compares.
struct House {
    program: PathBuf,
    python: PathBuf,
    folder: PathBuf,
    song: PathBuf,
}

impl House {
    fn new() -> Result<House> {
        let folder = files::target().join("stems/quality");
        let song = folder.join("song");
        files::make_folder(&folder)?;
        files::write(&folder.join("quality.py"), include_str!("quality.py"))?;
        files::write(&folder.join("parity.py"), include_str!("parity.py"))?;
        if !song.join("mix.wav").is_file() {
            println!("a song is played and sung");
            let script = folder.join("generated.py");
            files::write(&script, include_str!("generated.py"))?;
            let python = install::python_environment("song", SONG)?.join("bin/python");
            run::quiet(Command::new(python).arg(script).arg(&song))?;
        }
        let program = stages::server(&files::workspace())?;
        models::add(&program, Some(&folder.join("data")))?;
        Ok(House { program, python: stems::python()?, folder, song })
    }

    fn split(&self, out: &Path, words: &[&str]) -> Result<()> {
        let mut split = Command::new(&self.program);
        split.arg("split").arg(self.song.join("mix.wav")).arg("--replace").arg("--out").arg(out);
        run::quiet(split.arg("--data").arg(self.folder.join("data")).args(words)).map(drop)
    }

    /// How far stems in one folder are from those in another, which are taken for true.
    fn judged(&self, of: &Path, made: &Path, stems: &[&str]) -> Result<Vec<(String, Sdr)>> {
        let mut script = Command::new(&self.python);
        script.arg(self.folder.join("quality.py")).arg("judge").arg(of).arg(made).args(stems);
        parsed(&run::quiet(&mut script)?, stems)
    }

    /// Two stems by Spleeter 2.4.2 itself, whose quality ours must have.
    fn beside_spleeter(&self, findings: &mut Findings) -> Result<()> {
        let data = self.folder.join("data/models/spleeter-2stems");
        stems::pretrained(&data, &self.folder.join("pretrained"))?;
        let (out, raw) = (self.folder.join("spleeter-itself"), self.folder.join("spleeter-itself.f32"));
        files::make_folder(&out)?;
        let mut script = Command::new(&self.python);
        script.current_dir(&self.folder).args(["parity.py", "spleeter", "pretrained", "zeros"]);
        run::quiet(script.arg(self.song.join("mix.wav")).arg(&raw))?;
        let mut unwoven = Command::new(&self.python);
        unwoven.current_dir(&self.folder).args(["parity.py", "unwoven"]);
        run::quiet(unwoven.arg(&raw).arg(&out).args(TWO))?;
        let theirs = self.judged(&self.song, &out, &TWO)?;
        let ours = self.judged(&self.song, &self.folder.join("spleeter-2"), &TWO)?;
        for ((stem, theirs), (_, ours)) in theirs.into_iter().zip(ours) {
            row(findings, &format!("Spleeter 2.4.2 itself, 2 stems: {stem}"), theirs, None);
            let apart_db = (ours.whole_db - theirs.whole_db).abs();
            findings.row(
                format!("spleeter, 2 stems: {stem}, from Spleeter's own"),
                format!("{apart_db:.4} dB"),
                format!("at most {FROM_SPLEETER_MAX_DB} dB"),
                apart_db <= FROM_SPLEETER_MAX_DB,
            );
        }
        fs::remove_file(&raw).map_err(|e| Error::new(ErrorKind::Failed, format!("{}: {e}", raw.display())))
    }
}

impl House {
    /// Our SDR beside that of museval, of stems of two engines.
    fn beside_museval(&self, findings: &mut Findings) -> Result<()> {
        let python = install::python_environment("museval", MUSEVAL)?.join("bin/python");
        for engine in ["spectral", "spleeter"] {
            let mut script = Command::new(&python);
            script.arg(self.folder.join("quality.py")).arg("museval").arg(&self.song);
            script.arg(self.folder.join(format!("{engine}-2"))).args(TWO);
            for (stem, [median_db, apart_db]) in lines(&run::quiet(&mut script)?, &TWO)? {
                findings.row(
                    format!("{engine}, 2 stems: {stem}, by museval itself (from our SDR, in the second where most)"),
                    format!("({median_db:.2}) {apart_db:.6} dB"),
                    format!("at most {FROM_MUSEVAL_MAX_DB} dB"),
                    apart_db <= FROM_MUSEVAL_MAX_DB,
                );
            }
        }
        Ok(())
    }
}

/// Reads what the comparison found: a line for each stem, with two figures.
fn lines(found: &str, stems: &[&str]) -> Result<Vec<(String, [f64; 2])>> {
    let line = |(line, stem): (&str, &&str)| {
        let mut words = line.split(' ');
        let name = words.next().filter(|name| name == stem)?;
        Some((name.to_owned(), [words.next()?.parse().ok()?, words.next()?.parse().ok()?]))
    };
    let all: Option<Vec<(String, [f64; 2])>> = found.lines().zip(stems).map(line).collect();
    all.filter(|all| all.len() == stems.len())
        .ok_or_else(|| Error::new(ErrorKind::Failed, format!("not every stem was compared:\n{found}")))
}

/// The SDR of each stem.
fn parsed(found: &str, stems: &[&str]) -> Result<Vec<(String, Sdr)>> {
    let of = |[whole_db, median_db]: [f64; 2]| Sdr { whole_db, median_db };
    Ok(lines(found, stems)?.into_iter().map(|(stem, figures)| (stem, of(figures))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stem_is_compared_and_one_that_is_worse_is_found() {
        let found = parsed("vocals 6.3900 6.1000\naccompaniment 9.3000 nan\n", &TWO).unwrap();
        assert_eq!(found[0], ("vocals".to_owned(), Sdr { whole_db: 6.39, median_db: 6.1 }));
        let mut findings = Findings::new();
        for ((stem, sdr), least) in found.into_iter().zip(WAYS[0].least_db) {
            row(&mut findings, &stem, sdr, Some(least));
        }
        assert_eq!(findings.broken().len(), 1, "{findings}");
        for broken in
            ["vocals 6.3900 6.1000\n", "vocals 6.3900\naccompaniment 9 9\n", "drums 1 1\nvocals 1 1\n"]
        {
            assert!(parsed(broken, &TWO).is_err(), "{broken}");
        }
    }
}
