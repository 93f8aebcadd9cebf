//! `millpond split`: a song taken apart into files, without a server.

mod decoder;
mod encoder;
mod format;
mod parts;

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::limits::{SPLIT_STOP_MS, STEMS_THREADS_MAX};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::Signal;
use stems::engine::{EngineName, MaskExtension};
use stems::models::{Choice, Folder, Wish};
use stems::{ErrorKind, Progress, RATE_HZ, Separated, Sink, Stem};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use transform::FfmpegSettings;

use super::{models, small_runtime, with_keys};
use crate::error::{Error, Result};
use crate::home::task_ended;
use crate::making::ffmpeg_settings;
use crate::output::{complain, say};
use crate::settings::Loaded;
use crate::settings::keys::Scope;
use decoder::Unknown;
use format::{Format, Writer};
use parts::{Part, Parts};

pub(super) fn command() -> Command {
    let song = Arg::new("song").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    let stems = Arg::new("stems")
        .long("stems")
        .value_name("2|4|5")
        .value_parser(value_parser!(u8))
        .default_value("2");
    let engine = Arg::new("engine")
        .long("engine")
        .value_name("NAME")
        .value_parser(EngineName::ALL.map(EngineName::name));
    let extension = Arg::new("mask-extension")
        .long("mask-extension")
        .value_name("average|zeros")
        .value_parser([MaskExtension::Average, MaskExtension::Zeros].map(MaskExtension::name))
        .default_value(MaskExtension::default().name());
    let format = Arg::new("format")
        .long("format")
        .value_name("wav|flac|mp3|opus|m4a")
        .value_parser(["wav", "flac", "mp3", "opus", "m4a"])
        .default_value("wav");
    let depth = Arg::new("bits")
        .long("bits")
        .value_name("16|24|float")
        .value_parser(["16", "24", "float"])
        .default_value("16");
    let bitrate = Arg::new("bitrate").long("bitrate").value_name("KBPS").value_parser(value_parser!(u64));
    let out =
        Arg::new("out").long("out").value_name("DIR").value_parser(value_parser!(PathBuf)).default_value(".");
    let replace = Arg::new("replace").long("replace").action(ArgAction::SetTrue);
    with_keys(Command::new("split"), Scope::Everywhere)
        .about("Take a song apart: vocals and accompaniment, or vocals, drums, bass and the rest")
        .after_help("Examples:\n  millpond split song.mp3\n  millpond split song.flac --stems 4 --format mp3 --bitrate 192 --out stems")
        .arg(song.help("The song: MP3, FLAC, Vorbis, AAC, ALAC, WAV or AIFF, or whatever ffmpeg decodes, of any length"))
        .arg(stems.help("Two stems (vocals, accompaniment), four (vocals, drums, bass, other), or five, with a piano"))
        .arg(engine.help("How it is taken apart [default: the best one whose model is installed, else `spectral`]"))
        .arg(extension.help("What becomes of the frequencies over 11 kHz, which Spleeter does not hear: shared out, or left out"))
        .arg(format.help("What the stems are written as: 44.1 kHz stereo (Opus has 48); mp3, opus and m4a by ffmpeg"))
        .arg(depth.help("How exactly WAV and FLAC are; FLAC has no floats"))
        .arg(bitrate.help("How many kbit/s mp3, opus and m4a take [default: 320, 192, 256]"))
        .arg(out.help("The folder for the stems, made if it is not there"))
        .arg(replace.help("Replace stems that are there already"))
}

pub(super) fn run(given: &ArgMatches, loaded: &Loaded) -> Result<ExitCode> {
    let order = Order::new(given, loaded)?;
    let runtime = small_runtime()?;
    let done = runtime.block_on(async {
        let failed = |e| Error::failed(format!("signals cannot be heard: {e}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        // Under nohup it is to go on when its terminal goes: to listen would end that.
        let mut hangup = match is_ignored(Signal::HUP) {
            true => None,
            false => Some(signal(SignalKind::hangup()).map_err(failed)?),
        };
        let parts = Arc::new(Parts::default());
        let (written, runtime) = (Arc::clone(&parts), Handle::current());
        let mut work = tokio::task::spawn_blocking(move || order.carry_out(&written, runtime));
        tokio::select! {
            done = &mut work => return done.map_err(task_ended)?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(_) = async { hangup.as_mut()?.recv().await } => {}
        }
        parts.stop();
        let patience = Duration::from_millis(SPLIT_STOP_MS);
        match tokio::time::timeout(patience, &mut work).await {
            Ok(done) => done.map_err(task_ended)?,
            Err(_) if parts.give_up() => Err(stopped()),
            Err(_) => work.await.map_err(task_ended)?,
        }
    });
    // Who was given up is in the middle of a piece still, and ends with the program.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

/// Whether whoever started this program had it ignore a signal.
fn is_ignored(signal: Signal) -> bool {
    // format: proc_pid_status(5), a mask in hex whose lowest bit is signal 1.
    let ignored = |file: File| {
        let lines = BufReader::new(file).lines().map_while(io::Result::ok);
        let mask = lines
            .filter_map(|line| line.strip_prefix("SigIgn:").map(|mask| mask.trim().to_owned()))
            .next()?;
        u64::from_str_radix(&mask, 16).ok()
    };
    let mask = File::open("/proc/self/status").ok().and_then(ignored).unwrap_or(0);
    mask >> (signal.as_raw() - 1) & 1 == 1
}

/// What is to be done.
struct Order {
    song: PathBuf,
    wish: Wish,
    models: Folder,
    format: Format,
    ffmpeg: FfmpegSettings,
    folder: PathBuf,
    replaces: bool,
}

impl Order {
    fn new(given: &ArgMatches, loaded: &Loaded) -> Result<Self> {
        let path = |name: &str| given.get_one::<PathBuf>(name).cloned().unwrap_or_default();
        let text = |name: &str| given.get_one::<String>(name).map_or("", String::as_str);
        Ok(Order {
            song: path("song"),
            wish: Wish {
                stems: usize::from(given.get_one::<u8>("stems").copied().unwrap_or(2)),
                engine: EngineName::named(text("engine")),
                extension: MaskExtension::named(text("mask-extension")).unwrap_or_default(),
            },
            models: models::folder(&loaded.settings),
            format: Format::given(given)?,
            ffmpeg: ffmpeg_settings(&loaded.settings),
            folder: path("out"),
            replaces: given.get_flag("replace"),
        })
    }

    fn carry_out(&self, parts: &Parts, runtime: Handle) -> Result<()> {
        let began = Instant::now();
        let choice = self.models.choose(&self.wish).map_err(refused)?;
        let mut sound = self.open(&runtime)?;
        let writer = Writer::new(self.format, &self.ffmpeg, runtime)?;
        fs::create_dir_all(&self.folder).map_err(|e| self.unwritable(&self.folder, &e))?;
        let names = self.names(&choice)?;
        let weights = choice.weights(&self.models).map_err(models::explained)?;
        let shown = Shown::new();
        let done = stems::separate(
            sound.as_mut(),
            &choice,
            weights,
            threads(&choice),
            &mut |stem, expected| {
                let (sink, part) = self.begun(stem, expected, &names, &writer)?;
                parts.add(part)?;
                Ok(sink)
            },
            &mut |progress| {
                shown.show(progress);
                if parts.is_to_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        shown.end();
        let done = done.map_err(|e| self.explained(&e))?;
        let whole = parts.whole().map_err(|e| self.explained(&e))?;
        self.publish(whole, &done)?;
        self.told(&choice, &done, began);
        Ok(())
    }

    /// Says what was done, and what could be done better.
    fn told(&self, choice: &Choice, done: &Separated, began: Instant) {
        let seconds = done.summary.samples / u64::from(RATE_HZ);
        let model = done.model.map(|model| format!(" with the model `{model}`")).unwrap_or_default();
        say(format!(
            "{}: {} min {} s taken apart by `{}`{model} in {:.1} s",
            self.song.display(),
            seconds / 60,
            seconds % 60,
            done.engine,
            began.elapsed().as_secs_f64()
        ));
        done.notes.iter().for_each(say);
        // Who named an engine knows of others.
        if let (None, Some(advice)) = (self.wish.engine, choice.advice()) {
            complain(format!("hint: {advice}"));
        }
    }

    fn open(&self, runtime: &Handle) -> Result<Box<dyn stems::Sound>> {
        let unreadable = |why: &dyn std::fmt::Display| {
            Error::failed(format!("{} cannot be read: {why}", self.song.display()))
                .hint("check the name of the file and its rights")
        };
        let is_file = fs::metadata(&self.song).map_err(|e| unreadable(&e))?.is_file();
        if !is_file {
            return Err(unreadable(&"it is no file"));
        }
        let file = File::open(&self.song).map_err(|e| unreadable(&e))?;
        let other = file.try_clone().map_err(|e| unreadable(&e))?;
        let extension = self.song.extension().and_then(|extension| extension.to_str());
        match stems::open(file, extension) {
            Ok(sound) => Ok(sound),
            Err(e) if matches!(e.kind(), ErrorKind::Coding | ErrorKind::NotAudio) => {
                self.decoded(&other, &e, runtime)
            }
            Err(e) => Err(self.explained(&e)),
        }
    }

    /// The song as ffmpeg decodes it; or else why our own decoders do not.
    fn decoded(&self, file: &File, e: &stems::Error, runtime: &Handle) -> Result<Box<dyn stems::Sound>> {
        use transform::ErrorKind::{NoFfmpeg, NoSound, Unsupported};
        match decoder::open(file, self.ffmpeg.clone(), runtime.clone()) {
            Ok(sound) => Ok(Box::new(sound)),
            Err(Unknown::Here(e)) => Err(self.explained(&e)),
            Err(Unknown::There(why)) if why.kind == NoFfmpeg && e.kind() == ErrorKind::Coding => {
                Err(Error::failed(format!("{}: {e}: {why}", self.song.display()))
                    .hint("install ffmpeg, or name it by transform.ffmpeg"))
            }
            Err(Unknown::There(why)) if matches!(why.kind, NoFfmpeg | NoSound | Unsupported) => {
                Err(self.explained(e))
            }
            Err(Unknown::There(why)) => {
                let said = format!("ffmpeg does not decode it: {why}");
                Err(self.explained(&stems::Error::new(ErrorKind::Damaged, said)))
            }
        }
    }

    /// What the stems will be called, none of which may be there, or be the song.
    fn names(&self, choice: &Choice) -> Result<Vec<PathBuf>> {
        let name = |stem: &Stem| self.folder.join(format!("{stem}.{}", self.format.extension()));
        let names: Vec<PathBuf> = choice.stems.iter().map(name).collect();
        for name in names.iter().filter(|name| name.symlink_metadata().is_ok()) {
            if self.is_the_song(name) {
                return Err(Error::usage(format!(
                    "{} would be replaced by its own stem",
                    self.song.display()
                ))
                .hint("name another folder: --out DIR"));
            }
            if !self.replaces {
                return Err(Error::failed(format!("{} is there already", name.display()))
                    .hint("name another folder with --out DIR, or add --replace"));
            }
        }
        Ok(names)
    }

    /// A file for a stem, without its name yet.
    fn begun(
        &self,
        stem: Stem,
        expected: Option<u64>,
        names: &[PathBuf],
        writer: &Writer,
    ) -> stems::Result<(Box<dyn Sink>, Part)> {
        let unmade = |e: io::Error| {
            stems::Error::new(ErrorKind::Write, format!("{} cannot be written: {e}", self.folder.display()))
        };
        let (file, path) = tempfile::Builder::new()
            .prefix(".millpond-split-")
            // What the stem itself will have: the system takes away what nobody's new files are to have.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.folder)
            .map_err(unmade)?
            .into_parts();
        let is_its = |name: &&PathBuf| name.file_stem().is_some_and(|name| name == stem.name());
        let name = names.iter().find(is_its).cloned().unwrap_or_default();
        Ok((writer.sink(file, expected)?, Part { file: path, name }))
    }

    fn is_the_song(&self, name: &Path) -> bool {
        matches!((fs::canonicalize(name), fs::canonicalize(&self.song)), (Ok(name), Ok(song)) if name == song)
    }

    /// Gives all stems their names, now that all are whole.
    fn publish(&self, parts: Vec<Part>, done: &Separated) -> Result<()> {
        let summary = &done.summary;
        for (part, written) in parts.into_iter().zip(&summary.stems) {
            let named = if self.replaces {
                part.file.persist(&part.name)
            } else {
                part.file.persist_noclobber(&part.name)
            };
            named.map_err(|e| self.unwritable(&part.name, &e.error))?;
            say(part.name.display());
            if written.clipped > 0 {
                complain(format!(
                    "warning: {} samples of {} were too loud and are at full scale; `--format wav --bits float` keeps them",
                    written.clipped,
                    part.name.display()
                ));
            }
        }
        if summary.repaired > 0 {
            complain(format!(
                "warning: {} samples of {} were no sound and were repaired",
                summary.repaired,
                self.song.display()
            ));
        }
        Ok(())
    }

    fn unwritable(&self, name: &Path, e: &io::Error) -> Error {
        Error::failed(format!("{} cannot be written: {e}", name.display()))
            .hint("check the folder, its rights and its room, or name another: --out DIR")
    }

    fn explained(&self, e: &stems::Error) -> Error {
        let song = self.song.display();
        let hint = match e.kind() {
            ErrorKind::Stopped => return stopped(),
            ErrorKind::Coding => {
                format!("ffmpeg may know it: ffmpeg -i {song} song.wav && millpond split song.wav")
            }
            ErrorKind::Channels | ErrorKind::Rate => {
                format!(
                    "let ffmpeg convert it: ffmpeg -i {song} -ac 2 -ar {RATE_HZ} song.wav && millpond split song.wav"
                )
            }
            ErrorKind::Empty | ErrorKind::NotAudio => "name a file with a song in it".to_owned(),
            ErrorKind::Truncated | ErrorKind::Damaged => {
                format!("get the file again; what is left of it can be had with: ffmpeg -i {song} song.wav")
            }
            ErrorKind::Read => "check the disk and the file's rights".to_owned(),
            ErrorKind::Write => {
                "check the folder, its rights and its room, or name another: --out DIR".to_owned()
            }
            ErrorKind::TooLong => "a song of any length fits into WAV: --format wav".to_owned(),
            ErrorKind::NoNumbers => {
                "remove the model and add it again, or name another engine: --engine spectral".to_owned()
            }
            ErrorKind::Stems
            | ErrorKind::Model
            | ErrorKind::ModelAbsent
            | ErrorKind::ModelUnknown
            | ErrorKind::Licence
            | ErrorKind::Engine => "please report this, with the song if you may".to_owned(),
        };
        Error::failed(format!("{song}: {e}")).hint(hint)
    }
}

fn stopped() -> Error {
    Error::failed("stopped; no stem was written")
}

/// What cannot be chosen, and what can.
fn refused(e: stems::Error) -> Error {
    match e.kind() {
        ErrorKind::Stems => Error::usage(e.to_string()).hint("`--stems 2` or `--stems 4`"),
        _ => models::explained(e),
    }
}

/// How many threads a song has: networks need more memory with each, so that they have one, as in the server.
fn threads(choice: &Choice) -> usize {
    match choice.engine {
        EngineName::Spectral => {
            std::thread::available_parallelism().map_or(1, usize::from).min(STEMS_THREADS_MAX)
        }
        EngineName::Spleeter | EngineName::Htdemucs => 1,
    }
}

/// A bar on a terminal, a line for each tenth elsewhere.
enum Shown {
    Bar(ProgressBar),
    Lines(std::cell::Cell<u64>),
}

impl Shown {
    fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Shown::Lines(std::cell::Cell::new(0));
        }
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {percent} % {msg}") {
            bar.set_style(style);
        }
        Shown::Bar(bar)
    }

    fn show(&self, progress: Progress) {
        let done_s = progress.samples / u64::from(RATE_HZ);
        match self {
            Shown::Bar(bar) => {
                if let Some(expected) = progress.expected_samples {
                    bar.set_length(expected);
                }
                bar.set_position(progress.samples);
                bar.set_message(format!("{} min {:02} s", done_s / 60, done_s % 60));
            }
            Shown::Lines(told) => {
                // Of a song that does not say how long it is, each minute is told.
                let (step, share) = match progress.expected_samples {
                    Some(expected) if expected > 0 => {
                        let tenth = (progress.samples.saturating_mul(10) / expected).min(10);
                        (tenth, format!("{} % ", tenth * 10))
                    }
                    _ => (done_s / 60, String::new()),
                };
                if step > told.replace(step.max(told.get())) {
                    complain(format!("{share}({} min {:02} s)", done_s / 60, done_s % 60));
                }
            }
        }
    }

    fn end(&self) {
        if let Shown::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
