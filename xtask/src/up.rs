//! `cargo x up`: a running server with music in it, and the lines that play a song.
//!
//! The server runs in the foreground with its own output. On its first start it prints a login and an app password;
//! we read them as they pass, wait until the first song is in the catalog, and print commands that play it with nothing
//! but curl or ffplay. On later starts the passwords are known only to whoever wrote them down, so the commands say how
//! to make a new one.

mod guide;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::install::{self, Tool};
use crate::{Error, ErrorKind, Result, demo, files, models, stages};
use guide::Guide;

const LISTEN: &str = "127.0.0.1:4040";
/// How often the guide looks whether the server has a song yet.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Installs, builds, makes a demo library where no library is given, and serves until it is told to stop.
///
/// `with_models` also fetches the weights that take songs apart. `flags` go to `millpond serve` as they are.
///
/// # Errors
/// [`ErrorKind::Missing`] when a tool is not there, [`ErrorKind::Failed`] when the build or the server fails.
pub fn up(libraries: &[PathBuf], with_models: bool, flags: &[String]) -> Result<()> {
    match install::need(&[Tool::Ffmpeg]) {
        Err(error) if !libraries.is_empty() => println!("going on without ffmpeg: {error}"),
        outcome => outcome?,
    }
    let root = files::workspace();
    println!("building millpond");
    let server = stages::server(&root)?;
    let (libraries, data) = if libraries.is_empty() {
        let home = files::target().join("demo");
        demo::make(&home.join("music"))?;
        (vec![home.join("music")], home.join("data"))
    } else {
        (libraries.to_vec(), PathBuf::from("millpond-data"))
    };
    let data = flag(flags, "--data").map_or(data, PathBuf::from);
    if with_models {
        models::add(&server, Some(&data))?;
    }
    let mut serve = stages::command(&server);
    serve.arg("serve");
    if flag(flags, "--data").is_none() {
        serve.arg("--data").arg(&data);
    }
    if flag(flags, "--listen").is_none() {
        serve.args(["--listen", LISTEN]);
    }
    if flag(flags, "--log-level").is_none() {
        // A person watches: what the server says on its own and what goes wrong, not the whole log.
        serve.args(["--log-level", "warn"]);
    }
    for library in &libraries {
        serve.arg("--library").arg(library);
    }
    serve_with_guide(serve.args(flags), Guide::new(&server, &data))
}

/// The value of a flag, as `--flag value` or `--flag=value`.
fn flag<'a>(flags: &'a [String], name: &str) -> Option<&'a str> {
    let joined = flags.iter().find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='));
    joined.or_else(|| flags.iter().skip_while(|flag| *flag != name).nth(1).map(String::as_str))
}

fn serve_with_guide(serve: &mut Command, guide: Guide) -> Result<()> {
    let stopped = watch_for_stop()?;
    let mut server = serve
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::because(ErrorKind::Failed, "starting millpond", error))?;
    let (tell, told) = sync_channel::<guide::Word>(4);
    let output = server.stdout.take();
    let process = Pid::from_child(&server);
    std::thread::scope(|scope| {
        scope.spawn(move || output.into_iter().for_each(|output| forward(BufReader::new(output), &tell)));
        scope.spawn(move || {
            let mut guide = guide;
            loop {
                match told.recv_timeout(LOOK_EVERY) {
                    Ok(word) => guide.remember(word),
                    Err(RecvTimeoutError::Timeout) => guide.look(),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                // A terminal's Ctrl-C reaches the server by itself; a SIGTERM to us alone does not.
                if stopped.swap(false, Ordering::Relaxed) {
                    // The server may be gone already, which is what was wanted.
                    let _gone = kill_process(process, Signal::TERM);
                }
            }
        });
        ended(&mut server)
    })
}

/// Prints the server's lines as they come, and tells the guide what they say.
fn forward(lines: impl BufRead, tell: &SyncSender<guide::Word>) {
    for line in lines.lines().map_while(std::result::Result::ok) {
        println!("{line}");
        if let Some(word) = guide::Word::of_line(&line) {
            // The guide ends with the server; a word that comes later has no reader.
            let _unread = tell.try_send(word);
        }
    }
}

fn watch_for_stop() -> Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    // A terminal that is closed says so by a hangup, for which the server would only read its settings again.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))
            .map_err(|error| Error::because(ErrorKind::Failed, "watching for Ctrl-C", error))?;
    }
    Ok(stopped)
}

fn ended(server: &mut Child) -> Result<()> {
    let status =
        server.wait().map_err(|error| Error::because(ErrorKind::Failed, "waiting for millpond", error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Failed, format!("millpond ended with {status}")))
}
