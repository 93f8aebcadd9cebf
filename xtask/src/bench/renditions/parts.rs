//! The four measurements, each with its table.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use load::flood::{Ask, Flood, flood};

use super::super::resident;
use super::super::server::pause;
use super::bare::{self, Cost};
use super::children::{self, Seen};
use super::ours::Ours;
use super::{SHARED_MIB, median};
use crate::corpus::Video;
use crate::{Error, ErrorKind, Result};

const TO_360P: &str = "?width=640";
/// Clients that take what is kept, for how long each time, and how often in a round. A turn costs a third or three times of
/// the next one, as the clients keep up with the server or make it wait: only many turns tell two files apart.
const CLIENTS: usize = 8;
const TAKEN_FOR: Duration = Duration::from_millis(250);
const TURNS: usize = 12;
/// A server that has nothing to do has given back what it lent by then.
const QUIET: Duration = Duration::from_millis(500);

/// A whole rendition beside the bare commands.
pub(super) struct Overhead {
    ours: Vec<Cost>,
    bare: Vec<Cost>,
    commands: usize,
}

impl Overhead {
    pub(super) fn measure(ours: &Ours, video: Video, rounds: usize) -> Result<Self> {
        let (target, source) = ours.copy(&video.kept()?)?;
        // The first one shows the commands, and warms everything.
        let (_, commands) = children::during(ours, || ours.made(&format!("{target}{TO_360P}")))?;
        if commands.is_empty() {
            return Err(Error::new(ErrorKind::Failed, "the server was not seen to run ffmpeg"));
        }
        commands.iter().for_each(|command| println!("{}", command.words.join(" ")));
        let mut overhead = Overhead { ours: Vec::new(), bare: Vec::new(), commands: commands.len() };
        for round in 0..rounds {
            let (target, _) = ours.copy(&source)?;
            pause(QUIET);
            let before_s = ours.cpu_s();
            let wall_s = ours.made(&format!("{target}{TO_360P}"))?.as_secs_f64();
            overhead.ours.push(Cost { cpu_s: ours.cpu_s() - before_s, wall_s });
            overhead.bare.push(bare::run(ours, &commands, &source)?);
            println!(
                "round {} of a whole rendition: {:?} {:?}",
                round + 1,
                overhead.ours.last(),
                overhead.bare.last()
            );
        }
        Ok(overhead)
    }

    /// The median of the ratios, each taken within its round.
    pub(super) fn cpu(&self) -> f64 {
        self.ratio(|cost| cost.cpu_s)
    }

    /// The same of the time on the clock.
    pub(super) fn wall(&self) -> f64 {
        self.ratio(|cost| cost.wall_s)
    }

    fn ratio(&self, of: fn(&Cost) -> f64) -> f64 {
        median(self.ours.iter().zip(&self.bare).map(|(ours, bare)| of(ours) / of(bare)).collect())
    }

    pub(super) fn table(&self) -> String {
        let row = |name: &str, costs: &[Cost]| {
            let middle = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
            format!("| {name} | {:.2} | {:.2} |\n", middle(|cost| cost.cpu_s), middle(|cost| cost.wall_s))
        };
        let bare = format!("the same {} ffmpeg commands alone", self.commands);
        let ours = "Millpond: a look by ffprobe, the guards, the pipe, checksums, index, publishing";
        let head = "| who | CPU s | wall s |\n|---|---|---|\n";
        format!(
            "{head}{}{}| ratio | {:.3} | {:.3} |\n",
            row(ours, &self.ours),
            row(&bare, &self.bare),
            self.cpu(),
            self.wall()
        )
    }
}

/// How soon something comes.
pub(super) struct First {
    /// Seconds to the first byte of the head, of the body, and of media.
    seen: Vec<[f64; 3]>,
}

impl First {
    pub(super) fn measure(ours: &Ours, video: Video, rounds: usize) -> Result<Self> {
        let mut first = First { seen: Vec::new() };
        for _ in 0..rounds {
            let (target, _) = ours.copy(&video.kept()?)?;
            pause(QUIET);
            first.seen.push(once(ours, &format!("{target}{TO_360P}"))?);
        }
        Ok(first)
    }

    pub(super) fn media_s(&self) -> f64 {
        median(self.seen.iter().map(|[_, _, media]| *media).collect())
    }

    pub(super) fn table(&self) -> String {
        let middle = |at: usize| median(self.seen.iter().filter_map(|seen| seen.get(at)).copied().collect());
        format!(
            "| head s | body s | media s |\n|---|---|---|\n| {:.3} | {:.3} | {:.3} |\n",
            middle(0),
            middle(1),
            middle(2)
        )
    }
}

/// Media are behind the name of the first box that holds some: `mdat`.
fn once(ours: &Ours, target: &str) -> Result<[f64; 3]> {
    let (mut all, mut seen) = (Vec::new(), [None; 3]);
    let answer = ours.get(target, "", |bytes, at| {
        if seen.iter().all(Option::is_some) {
            return;
        }
        all.extend_from_slice(bytes);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let body = end.and_then(|end| all.get(end..)).filter(|body| !body.is_empty());
        let media = body.filter(|body| body.windows(4).any(|four| four == b"mdat"));
        let came = [true, body.is_some(), media.is_some()];
        for (seen, _) in seen.iter_mut().zip(came).filter(|(_, came)| *came) {
            seen.get_or_insert(at.as_secs_f64());
        }
    })?;
    match seen {
        [Some(head), Some(body), Some(media)] if answer.status == 200 => Ok([head, body, media]),
        _ => Err(Error::new(ErrorKind::Failed, format!("no media came: {answer:?}"))),
    }
}

/// What is kept, beside any other file.
pub(super) struct Hits {
    /// CPU seconds for each 10^9 bytes, of what is kept and of a file, and the same in bytes for each second on the clock.
    kept: Vec<[f64; 2]>,
    plain: Vec<[f64; 2]>,
}

impl Hits {
    pub(super) fn measure(ours: &Ours, video: Video, rounds: usize) -> Result<Self> {
        let (target, _) = ours.copy(&video.kept()?)?;
        let target = format!("{target}{TO_360P}");
        ours.made(&target)?;
        let scratch = ours.scratch("same");
        crate::files::write(&scratch, ours.body(&target)?)?;
        let (plain, file) = ours.copy(&scratch)?;
        if ours.body(&plain)? != ours.body(&target)? {
            return Err(Error::new(ErrorKind::Broken, "what is kept came otherwise the second time"));
        }
        let mut hits = Hits { kept: Vec::new(), plain: Vec::new() };
        let files = [ours.kept()?, vec![file]].concat();
        for _ in 0..rounds * TURNS / 2 {
            // Who comes second finds a server that is awake: each is first every other time.
            read_anew(&files)?;
            hits.kept.push(taken(ours, &target)?);
            hits.plain.push(taken(ours, &plain)?);
            read_anew(&files)?;
            hits.plain.push(taken(ours, &plain)?);
            hits.kept.push(taken(ours, &target)?);
        }
        Ok(hits)
    }

    pub(super) fn ratio(&self) -> f64 {
        let pairs = self.kept.iter().zip(&self.plain);
        median(pairs.map(|([kept, _], [plain, _])| kept / plain).collect())
    }

    pub(super) fn table(&self) -> String {
        let row = |name: &str, taken: &[[f64; 2]]| {
            let middle = |of: fn(&[f64; 2]) -> f64| median(taken.iter().map(of).collect());
            format!("| {name} | {:.3} | {:.0} |\n", middle(|[cpu, _]| *cpu), middle(|[_, rate]| *rate))
        };
        let head = "| what | CPU s/GB | MB/s |\n|---|---|---|\n";
        format!(
            "{head}{}{}| ratio | {:.3} | |\n",
            row("a rendition that is kept", &self.kept),
            row("the same bytes as a file of the origin", &self.plain),
            self.ratio()
        )
    }
}

/// Throws files out of memory and reads them again. The same code was seen to send the same bytes for 0.79 and for 1.22 of
/// the cost of a copy, as long as both kept the pages that they were written into, one piece by piece and one at once. So
/// both get theirs from the same reader, and new ones for each turn.
fn read_anew(files: &[PathBuf]) -> Result<()> {
    files.iter().try_for_each(|file| resident::cool(file))?;
    files.iter().try_for_each(|file| resident::warm(file))
}

fn taken(ours: &Ours, target: &str) -> Result<[f64; 2]> {
    let address: SocketAddr = ours.address;
    let targets = [target.to_owned()];
    let plan = Flood {
        address,
        targets: &targets,
        ask: Ask::Whole,
        connections: CLIENTS,
        lasts: TAKEN_FOR,
        finish: true,
        awake: true,
    };
    let before_s = ours.threads_cpu_s();
    let tally =
        flood(&plan).map_err(|error| Error::because(ErrorKind::Failed, "taking what is kept", error))?;
    if tally.errors > 0 || tally.bytes == 0 {
        return Err(Error::new(ErrorKind::Broken, format!("{target}: {tally:?}")));
    }
    let bytes = tally.bytes as f64;
    Ok([(ours.threads_cpu_s() - before_s) * 1e9 / bytes, bytes / 1e6 / tally.seconds])
}

/// What each kind of job takes.
pub(super) struct Memory {
    jobs: Vec<(String, Seen)>,
    /// Those that were not made, and why.
    failed: Vec<String>,
}

impl Memory {
    pub(super) fn measure(ours: &Ours, hd: Video, uhd: Video, is_short: bool) -> Result<Self> {
        const JOBS: [(bool, &str); 17] = [
            (false, "width=640"),
            (true, "width=640"),
            (false, "width=320"),
            (false, "width=1280"),
            (false, "width=1920"),
            (true, "width=1280"),
            (true, "width=1920"),
            (true, "width=3840"),
            (false, "width=640&format=h265"),
            (false, "width=640&format=vp9"),
            (false, "mode=frame&time=2s&width=640"),
            (true, "mode=frame&time=2s&width=640"),
            (false, "mode=spritesheet&width=160&imageCount=100&columns=10"),
            (false, "mode=audio"),
            (false, "mode=audio&format=opus"),
            (false, "mode=waveform"),
            (false, "width=640&format=av1"),
        ];
        let mut memory = Memory { jobs: Vec::new(), failed: Vec::new() };
        for (is_uhd, options) in JOBS.into_iter().take(if is_short { 4 } else { JOBS.len() }) {
            let video = if is_uhd { uhd } else { hd };
            let (target, _) = ours.copy(&video.kept()?)?;
            // What an earlier one had reserved is given back by now.
            pause(QUIET);
            let name = format!("{}p, {}", video.height, options.replace('&', ", "));
            match children::during(ours, || ours.made(&format!("{target}?{options}"))) {
                Ok((_, seen)) => {
                    memory.jobs.extend(seen.into_iter().find(|one| !one.is_copy()).map(|one| (name, one)))
                }
                Err(error) => memory.failed.push(format!("{name}: {error}")),
            }
        }
        Ok(memory)
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.len()
    }

    pub(super) fn largest(&self) -> f64 {
        self.jobs.iter().map(|(_, seen)| share(seen)).fold(0.0, f64::max)
    }

    pub(super) fn table(&self) -> String {
        let mut table = "| job | reserved MiB | with the shared text | peak MiB | of it its own | peak ÷ reserved and shared |\n\
                         |---|---|---|---|---|---|\n"
            .to_owned();
        for (name, seen) in &self.jobs {
            let (Seen { peak_mib, own_mib, .. }, reserve_mib) = (seen, seen.reserve_mib());
            table += &format!(
                "| {name} | {reserve_mib:.0} | {:.0} | {peak_mib:.1} | {own_mib:.1} | {:.2} |\n",
                reserve_mib + SHARED_MIB,
                share(seen)
            );
        }
        self.failed.iter().for_each(|why| table += &format!("\nNot made: {why}.\n"));
        table
    }
}

fn share(seen: &Seen) -> f64 {
    seen.peak_mib / (seen.reserve_mib() + SHARED_MIB)
}
