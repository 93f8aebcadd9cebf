//! `cargo x prove stems-htdemucs`: the whole network of Demucs, with numbers that are seeded, takes noise apart as PyTorch does. The graph
//! that ours runs is exported from PyTorch's own network, and everything around it, from spectra to segments that fade into each other,
//! is Demucs' own on one side and ours on the other.

use std::process::Command;

use load::Findings;

use super::{Compared, Ground, compared, held, pytorch, scripts};
use crate::bench::report;
use crate::run::{self, Usage};
use crate::{Result, files};

/// What PyTorch and ours differ by at most, where 1 is full scale.
const DIFFERENCE_MAX: f64 = 1e-5;
/// In the order in which the network has them.
const STEMS: [&str; 4] = ["drums", "bass", "other", "vocals"];
/// Songs, by how many segments of 343,980 samples they are heard in. The next one begins after three quarters of one.
const SONGS: [(&str, u32); 2] = [("one segment", 250_000), ("four segments", 900_000)];

/// Runs this alone and writes its page.
pub(in crate::prove) fn prove(_: u64) -> Result<()> {
    let mut findings = Findings::new();
    Ground::new()?.beside_pytorch(&mut findings)?;
    let body = format!(
        "Noise of 5.7 s and of 20.4 s by the whole network of Demucs (41,984,456 seeded numbers, `core/stems/scripts/export_htdemucs.py`): \
         `apply_model` of Demucs 4.1.0 with PyTorch 2.15.0 and without random shifts, and `millpond split --bits float`. One thread each; CPU \
         and peaks are those of the processes, loading included.\n\n{findings}"
    );
    report::write("stems-htdemucs", "cargo x prove stems-htdemucs", &body, true)?;
    held(&findings)
}

impl Ground {
    /// PyTorch's stems beside ours.
    pub(super) fn beside_pytorch(&self, findings: &mut Findings) -> Result<()> {
        let (python, graph) = (pytorch::python()?, self.folder.join("htdemucs"));
        if !graph.join("SHA256SUMS").is_file() {
            println!("exporting the network of Demucs");
            run::quiet(Command::new(&python).arg(scripts().join("export_htdemucs.py")).arg(&graph))?;
        }
        self.add("htdemucs", &graph)?;
        let script = self.folder.join("htdemucs.py");
        files::write(&script, include_str!("htdemucs.py"))?;
        for (heard, samples) in SONGS {
            println!("htdemucs: {heard}");
            let (theirs, out) = (self.folder.join("htdemucs.f32"), self.folder.join("out-htdemucs"));
            let mut pytorch = Command::new(&python);
            pytorch.arg(&script).arg(scripts()).arg(samples.to_string()).arg(&theirs);
            let pytorch = run::measured(&pytorch)?;
            let words = ["--engine", "htdemucs", "--stems", "4", "--bits", "float"];
            let ours = run::measured(&self.split(&self.noise(samples)?, &out, &words))?;
            let found = run::quiet(self.script(&["compare"]).arg(&theirs).arg(&out).args(STEMS))?;
            judged(&format!("htdemucs, {heard}"), &compared(&found, &STEMS)?, findings);
            for (who, usage) in [("PyTorch", pytorch), ("Millpond", ours)] {
                findings.note(format!("htdemucs, {heard}: {who}, CPU and peak"), needed(usage));
            }
        }
        Ok(())
    }
}

fn needed(usage: Usage) -> String {
    format!("{:.1} s, {:.0} MiB", usage.cpu_s, usage.peak_kib as f64 / 1_024.0)
}

/// Whether stems are those of PyTorch.
fn judged(what: &str, stems: &[Compared<'_>], findings: &mut Findings) {
    for Compared { stem, difference, loudest, snr_db } in stems {
        findings.row(
            format!("{what}: {stem}, largest difference to PyTorch"),
            format!("{difference:.1e} (samples up to {loudest:.2}, SNR {snr_db:.1} dB)"),
            format!("less than {DIFFERENCE_MAX:.0e}"),
            *difference < DIFFERENCE_MAX,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_that_are_not_those_of_pytorch_are_found() {
        for (difference, broken) in [(7e-7, 0), (9.9e-6, 0), (1e-5, 1), (0.3, 1), (f64::NAN, 1)] {
            let mut findings = Findings::new();
            judged(
                "song",
                &[Compared { stem: "bass", difference, loudest: 0.3, snr_db: 118.0 }],
                &mut findings,
            );
            assert_eq!(findings.broken().len(), broken, "{findings}");
        }
    }
}
