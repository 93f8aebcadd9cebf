//! Finding ffmpeg, and what this machine allows to keep it apart.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{CHILDREN_STARTING_MAX, FFMPEG_ANSWER_BYTES_MAX, FFMPEG_ANSWER_MS, MIB};

use super::start::Starter;
use super::{Caps, Child, ChildInput, ChildOutput, Ended, Ffmpeg, Program, Settings, Shared};
use crate::error::{Error, ErrorKind};
use crate::guard::{ASK, WORD};
use crate::sandbox::{Protection, Sandbox};

/// Enough for both to say what they are.
const ASKING: Caps = Caps { memory_bytes: 256 * MIB, cpu_seconds: 5, file_bytes: 0 };

impl Ffmpeg {
    /// Finds ffmpeg and ffprobe, and runs each once as every later child is run: what does not work is known from the
    /// start.
    ///
    /// # Errors
    /// `NoFfmpeg`, with what is missing and what to do in its context.
    pub async fn find(settings: Settings) -> Result<Ffmpeg, Error> {
        let Settings { ffmpeg, sandbox, guard } = settings;
        let ffmpeg = locate(ffmpeg.as_deref())?;
        let ffprobe = beside(&ffmpeg)?;
        let starter = Starter::new(guard, CHILDREN_STARTING_MAX)
            .map_err(|e| missing(format!("no thread for ffmpeg: {e}")))?;
        let protection = match sandbox {
            Sandbox::Off => Protection::default(),
            Sandbox::On | Sandbox::Auto => ask(&starter).await?,
        };
        if sandbox == Sandbox::On && protection != Protection::FULL {
            let what = protection.missing();
            let hint = "transform.sandbox = \"auto\" does with what there is";
            return Err(missing(format!("ffmpeg cannot be kept apart here: {what} missing; {hint}")));
        }
        let mut shared = Shared { ffmpeg, ffprobe, version: String::new(), protection, starter };
        let version = |program| Ffmpeg(Arc::new(shared.clone())).version_of(program);
        version(Program::Ffprobe).await?;
        shared.version = version(Program::Ffmpeg).await?;
        Ok(Ffmpeg(Arc::new(shared)))
    }

    async fn version_of(self, program: Program) -> Result<String, Error> {
        let path = self.path_of(program);
        let args = vec![OsString::from("-version")];
        let started = self.start_with(program, args, ChildInput::Nothing, ChildOutput::Pipe, ASKING).await;
        let (text, ended) = answer(started?).await?;
        let first = text.lines().next().unwrap_or_default().trim();
        match ended.result() {
            Ok(()) if !first.is_empty() => Ok(first.to_owned()),
            _ => {
                let (outcome, words) = (&ended.outcome, &ended.words);
                let path = path.display();
                Err(missing(format!("{path} does not run in its sandbox ({outcome:?}): {words}")))
            }
        }
    }
}

/// What a guard says that it could put up.
pub(crate) async fn ask(starter: &Starter) -> Result<Protection, Error> {
    let args = vec![WORD.into(), ASK.into()];
    let (input, output) = (ChildInput::Nothing, ChildOutput::Pipe);
    let (text, ended) = answer(starter.start("guard", args, input, output, ASKING).await?).await?;
    Protection::of_word(text.trim()).ok_or_else(|| {
        let words = ended.words;
        missing(format!("the program does not run as a guard of ffmpeg: {words}"))
    })
}

/// What a child says on its output, as far as it matters, and how it ended.
async fn answer(mut child: Child) -> Result<(String, Ended), Error> {
    let within = Duration::from_millis(FFMPEG_ANSWER_MS);
    let answer = async {
        let mut text = [0; FFMPEG_ANSWER_BYTES_MAX];
        let mut rest = [0; 256];
        let mut filled = 0;
        if let Some(mut output) = child.take_output() {
            loop {
                let left = text.get_mut(filled..).filter(|left| !left.is_empty());
                let (into, is_kept) = match left {
                    Some(left) => (left, true),
                    None => (rest.as_mut_slice(), false),
                };
                match output.read(into).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) if is_kept => filled += count,
                    Ok(_) => {}
                }
            }
        }
        let text = String::from_utf8_lossy(text.get(..filled).unwrap_or_default()).into_owned();
        (text, child.wait().await)
    };
    let late = |_| missing(format!("ffmpeg said nothing within {} s", within.as_secs()));
    tokio::time::timeout(within, answer).await.map_err(late)
}

fn missing(what: String) -> Error {
    Error::new(ErrorKind::NoFfmpeg, what)
}

/// The real path of ffmpeg: that of a link would not be inside the fence.
fn locate(configured: Option<&Path>) -> Result<PathBuf, Error> {
    match configured {
        Some(path) => program(path).ok_or_else(|| {
            let path = path.display();
            missing(format!("transform.ffmpeg: {path} is not a program"))
        }),
        None => on_path("ffmpeg").ok_or_else(|| {
            missing("there is no ffmpeg on PATH; install it, or name it with transform.ffmpeg".to_owned())
        }),
    }
}

fn beside(ffmpeg: &Path) -> Result<PathBuf, Error> {
    let beside = ffmpeg.parent().and_then(|folder| program(&folder.join("ffprobe")));
    beside.or_else(|| on_path("ffprobe")).ok_or_else(|| {
        let ffmpeg = ffmpeg.display();
        missing(format!("there is no ffprobe beside {ffmpeg}, and none on PATH"))
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).find_map(|folder| program(&folder.join(name)))
}

fn program(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let about = path.metadata().ok()?;
    (about.is_file() && about.permissions().mode() & 0o111 != 0).then_some(path)
}
