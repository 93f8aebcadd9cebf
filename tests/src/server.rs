//! One running `millpond`, started with a data folder and a port of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::{self, Answer, Fields};
use crate::people::Login;
use crate::program::{free_port, millpond, person, run};
use crate::wait::{eventually, wait_until};

/// A start, with its scan of a small library, may take this long on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);
/// A rendition may take this long on a machine that has other things to do.
const KEPT_WITHIN: Duration = Duration::from_secs(120);
/// Longer than any drain that a test configures.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The library folders.
    pub libraries: Vec<PathBuf>,
    /// How many tracks must be listed before the test goes on; 0 is not waited for.
    pub tracks: usize,
    /// The text of the configuration file.
    pub config: String,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Further variables.
    pub variables: Vec<(String, String)>,
    /// An existing data folder; otherwise a temporary one with the users `admin` and `mira`.
    pub data: Option<PathBuf>,
    /// Start on a data folder that is not there yet, without users, as somebody does who tries the program.
    pub first_start: bool,
    /// The port; otherwise a free one.
    pub port: Option<u16>,
    /// A memory group to run in from the first instruction.
    pub group: Option<load::Group>,
    /// Admin and plain user of an existing data folder, whose keys are known; otherwise new ones are made at each start.
    pub people: Option<(Login, Login)>,
    /// A program that runs the server, with its own arguments before the server's; it must leave the server to be our child.
    pub under: Vec<String>,
}

impl Options {
    /// Serves this library, and waits until it is scanned.
    pub fn library(library: &crate::Library) -> Self {
        Options { libraries: vec![library.root.clone()], tracks: library.songs.len(), ..Options::default() }
    }

    /// On what this server left, with its configuration. Where that is goes with the former server, so that it must be kept.
    ///
    /// # Panics
    /// When its configuration is gone.
    pub fn on(former: &Server) -> Self {
        let config = fs::read_to_string(&former.config).expect("its configuration");
        let people = Some((former.admin.clone(), former.mira.clone()));
        Options { data: Some(former.data.clone()), people, config, ..Options::default() }
    }

    /// With this configuration text.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = text.to_owned();
        self
    }

    /// Inside this memory group.
    #[must_use]
    pub fn within(mut self, group: &load::Group) -> Self {
        self.group = Some(group.clone());
        self
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its data folder.
    pub data: PathBuf,
    /// Its configuration file.
    pub config: PathBuf,
    /// The admin.
    pub admin: Login,
    /// A plain user.
    pub mira: Login,
    /// How long the process took from its start to its first answer.
    pub ready_in: Duration,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    _temporary: tempfile::TempDir,
    /// Goes after the process that is in it.
    _group: Option<load::Group>,
}

impl Server {
    /// Starts a server and waits until it is healthy and has scanned.
    ///
    /// # Panics
    /// When it does not come up; its output is in the message.
    pub fn start(options: &Options) -> Self {
        let server = Self::try_start(options).unwrap_or_else(|why| panic!("{why}"));
        server.await_tracks(options.tracks);
        server
    }

    /// Starts a server and waits until it is healthy.
    ///
    /// # Errors
    /// What it wrote, when it does not come up.
    ///
    /// # Panics
    /// When it cannot be started at all.
    pub fn try_start(options: &Options) -> Result<Self, String> {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let data = options.data.clone().unwrap_or_else(|| temporary.path().join("data"));
        let config = temporary.path().join("millpond.toml");
        fs::write(&config, &options.config).expect("a configuration file");
        let login = |name: &str, arguments: &[&str]| match options.first_start {
            true => Login::default(),
            false => person(&data, name, options.data.is_none(), arguments),
        };
        let known = options.people.clone();
        let (admin, mira) = known.unwrap_or_else(|| (login("admin", &["--admin"]), login("mira", &[])));
        let port = options.port.unwrap_or_else(free_port);
        let mut child = command(options, &data, &config, port).spawn().expect("millpond starts");
        let output = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            kept(child.stdout.take().expect("a pipe"), &output),
            kept(child.stderr.take().expect("a pipe"), &output),
        ];
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Server {
            address,
            data,
            config,
            admin,
            mira,
            ready_in: Duration::ZERO,
            child,
            output,
            readers,
            _temporary: temporary,
            _group: options.group.clone(),
        };
        server.await_health()?;
        Ok(server)
    }

    fn await_health(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let address = self.address;
        let mut ended = None;
        let healthy = wait_until(Instant::now() + START_WITHIN, || {
            ended = self.child.try_wait().expect("a child of ours");
            ended.is_some() || answers(address)
        });
        self.ready_in = began.elapsed();
        match ended {
            None if healthy => Ok(()),
            _ => Err(format!("the server did not come up ({ended:?}):\n{}", self.output())),
        }
    }

    /// Waits until so many tracks can be found.
    ///
    /// # Panics
    /// When they do not come.
    pub fn await_tracks(&self, tracks: usize) {
        if tracks == 0 {
            return;
        }
        let target = format!(
            "/rest/search3?query=&artistCount=0&albumCount=0&songCount=1&songOffset={}&{}",
            tracks - 1,
            self.admin.by_key()
        );
        let found = wait_until(Instant::now() + START_WITHIN * 3, || {
            let answer = self.get(&target, &[]).json();
            answer["subsonic-response"]["searchResult3"]["song"]
                .as_array()
                .is_some_and(|songs| songs.len() == 1)
        });
        assert!(
            found,
            "{tracks} tracks were not found:\n{}\n{}",
            self.get(&target, &[]).text(),
            self.output()
        );
    }

    /// GET on a connection of its own.
    pub fn get(&self, target: &str, fields: Fields<'_>) -> Answer {
        http::get(self.address, target, fields)
    }

    /// Any request on a connection of its own.
    pub fn send(&self, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
        http::send(self.address, method, target, fields, body)
    }

    /// GET until it comes out of the cache: the first who ask may have it as it grows.
    ///
    /// # Panics
    /// When it does not.
    pub fn kept(&self, target: &str, fields: Fields<'_>) -> Answer {
        let mut answer = Answer::default();
        let is_kept = wait_until(Instant::now() + KEPT_WITHIN, || {
            answer = self.get(target, fields);
            answer.status == 200 && answer.is_hit()
        });
        assert!(is_kept, "{target} is not kept: {} {}", answer.head(), answer.text());
        answer
    }

    /// A Subsonic request by the admin's key, as JSON, without the envelope.
    ///
    /// # Panics
    /// When the answer has no envelope.
    pub fn subsonic(&self, endpoint: &str, query: &str) -> serde_json::Value {
        let answer = self.get(&format!("/rest/{endpoint}?{query}&{}", self.admin.by_key()), &[]);
        let body = answer.json();
        assert!(
            body["subsonic-response"].is_object(),
            "{endpoint} answered {}: {}",
            answer.status,
            answer.text()
        );
        body["subsonic-response"].clone()
    }

    /// The id of the track of that title.
    ///
    /// # Panics
    /// When there is none.
    pub fn track(&self, title: &str) -> String {
        let found = self.subsonic("search3", &format!("query={}&songCount=500", http::escaped(title)));
        let songs = found["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
        let song = songs.iter().find(|song| song["title"] == title);
        let song = song.unwrap_or_else(|| panic!("no track {title:?} among {found}"));
        song["id"].as_str().expect("an id is a text").to_owned()
    }

    /// A signed link to a track, for the admin: path and query.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self, track: &str) -> String {
        let answer = self.send(
            "POST",
            &format!("/tracks/{track}/link"),
            &[("Authorization", &self.admin.bearer())],
            b"",
        );
        let url = answer.json()["url"].as_str().unwrap_or_default().to_owned();
        assert!(!url.is_empty(), "no link: {} {}", answer.status, answer.text());
        match url.split_once("://") {
            Some((_, rest)) => rest[rest.find('/').expect("a path")..].to_owned(),
            None => url,
        }
    }

    /// Everything the server wrote so far, standard output and standard error.
    pub fn output(&self) -> String {
        self.output.lock().expect("no reader panics").clone()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the system says of the process.
    pub fn figures(&self) -> load::Process {
        load::Process::of(self.id())
    }

    /// What the process has open, by the names that the system gives, sorted; for messages.
    pub fn open_names(&self) -> Vec<String> {
        load::open_names(self.id())
    }

    /// Runs a command of the binary on this server's data folder.
    pub fn command(&self, arguments: &[&str], input: &str) -> Output {
        run(&self.data, arguments, input)
    }

    /// Adds one more person.
    ///
    /// # Panics
    /// When the command fails.
    pub fn add_user(&self, name: &str, arguments: &[&str]) -> Login {
        person(&self.data, name, true, arguments)
    }

    /// Asks the server to end, without waiting.
    ///
    /// # Panics
    /// When the process cannot be signalled.
    pub fn ask_to_stop(&self) {
        let id =
            i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a child of ours");
    }

    /// Ends the server as a power button does, and waits until it is gone.
    ///
    /// # Panics
    /// When the process cannot be signalled.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// Whether the process runs.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// Asks the server to end and waits for it.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.await_end()
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn await_end(&mut self) -> ExitStatus {
        let mut ended = None;
        eventually("the server ends after SIGTERM", STOP_WITHIN, || {
            ended = self.child.try_wait().expect("a child of ours");
            ended.is_some()
        });
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        ended.expect("it has ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let tail = output.len().saturating_sub(8_000);
            eprintln!(
                "--- what the server wrote last ---\n{}",
                String::from_utf8_lossy(&output.as_bytes()[tail..])
            );
        }
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.ask_to_stop();
        let deadline = Instant::now() + Duration::from_millis(300);
        if !wait_until(deadline, || !matches!(self.child.try_wait(), Ok(None))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn command(options: &Options, data: &Path, config: &Path, port: u16) -> Command {
    let mut command = millpond();
    command.arg("serve").args(["--listen", &format!("127.0.0.1:{port}")]);
    command.arg("--data").arg(data).arg("--config").arg(config);
    for library in &options.libraries {
        command.arg("--library").arg(library);
    }
    command.args(&options.arguments);
    if let Some((program, arguments)) = options.under.split_first() {
        let mut runner = Command::new(program);
        runner.args(arguments).arg(command.get_program()).args(command.get_args());
        command = runner;
    }
    command.envs(options.variables.iter().cloned());
    if let Some(group) = &options.group {
        command = group.within(&command);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut connection) = http::Connection::open(address) else { return false };
    let sent = connection.send("GET", "/health", &[("Connection", "close")], b"");
    sent.is_ok() && connection.read(false).is_ok_and(|answer| matches!(answer.status, 200 | 404))
}

/// Keeps what a pipe says, so that the server never waits for us.
fn kept(pipe: impl std::io::Read + Send + 'static, output: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut text = output.lock().expect("no reader panics");
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
        }
    })
}
