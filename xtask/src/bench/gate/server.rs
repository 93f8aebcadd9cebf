//! System calls for each answer of the real server, as a release build, under strace.
//!
//! The server has two files of 5 and 50 MB and 500 small ones. One client asks on one kept-alive connection, which is
//! served by one task, so that one request is over before the next begins.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use super::super::client::{Answer, Client};
use super::super::{account, server};
use super::{Figures, calls, counted};
use crate::{Error, ErrorKind, Result, files, run};

/// A start under strace on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SONGS: usize = 500;

/// One kind of request.
struct Request {
    path: &'static str,
    /// How many make one block. Few where one answer needs many calls, since what happens by chance is then small beside
    /// it.
    count: u64,
    /// The target, with `{five}`, `{fifty}` and `{key}` in it.
    target: &'static str,
    range: Option<&'static str>,
    status: u16,
    /// The body's length, where it is known.
    body_bytes: Option<u64>,
}

const REQUESTS: &[Request] = &[
    Request {
        path: "answer_health",
        count: 40,
        target: "/health",
        range: None,
        status: 200,
        body_bytes: None,
    },
    Request {
        path: "answer_range_1_kb",
        count: 40,
        target: "/tracks/{five}/audio",
        range: Some("bytes=4096-5119"),
        status: 206,
        body_bytes: Some(1_024),
    },
    Request {
        path: "answer_range_256_kb",
        count: 40,
        target: "/tracks/{five}/audio",
        range: Some("bytes=262144-524287"),
        status: 206,
        body_bytes: Some(262_144),
    },
    Request {
        path: "answer_whole_5_mb",
        count: 10,
        target: "/tracks/{five}/audio",
        range: None,
        status: 200,
        body_bytes: Some(5_000_000),
    },
    Request {
        path: "answer_whole_50_mb",
        count: 4,
        target: "/tracks/{fifty}/audio",
        range: None,
        status: 200,
        body_bytes: Some(50_000_000),
    },
    Request {
        path: "answer_listing_500",
        count: 10,
        target: "/rest/search3?query=&artistCount=0&albumCount=0&songCount=500&apiKey={key}&v=1.16.1&c=gate&f=json",
        range: None,
        status: 200,
        body_bytes: None,
    },
];

/// Builds the server for release and counts its calls for each kind of request.
pub(super) fn measure(root: &Path) -> Result<Figures> {
    let program = server::program(root)?;
    println!("counting the system calls of {}", program.display());
    let folder = tempfile::tempdir_in(counted::scratch()?).map_err(|error| io("making a folder", error))?;
    let (music, data, trace) =
        (folder.path().join("music"), folder.path().join("data"), folder.path().join("trace.txt"));
    library(&music)?;
    let key = account::key(&program, &data)?;
    let mut scan = account::program_alone(&program);
    run::quiet(scan.arg("scan").arg("--data").arg(&data).arg("--library").arg(&music))?;
    let mut server = Server::start(&program, &data, &music, &trace)?;
    let asked = server.connect().and_then(|mut client| {
        settled(&mut client, &key)?;
        ask_all(&mut client, &key)
    });
    server.stop()?;
    asked?;
    read(&trace)
}

fn read(trace: &Path) -> Result<Figures> {
    let trace = String::from_utf8_lossy(&files::read_bytes(trace)?).into_owned();
    let mut figures = Figures::new();
    for request in REQUESTS {
        let found = calls::figures(&trace, request.path, request.count).ok_or_else(|| {
            Error::new(ErrorKind::Failed, format!("strace did not see the requests of `{}`", request.path))
        })?;
        figures.insert(request.path.to_owned(), found);
    }
    Ok(figures)
}

/// Waits until the server has looked at its library, which it does at each start.
fn settled(client: &mut Client, key: &str) -> Result<()> {
    let target = format!("/rest/getScanStatus?apiKey={key}&v=1.16.1&c=gate&f=json");
    let deadline = Instant::now() + START_WITHIN;
    loop {
        let answer = client.get(&target, "").map_err(|error| io("asking for the scan", error))?;
        if String::from_utf8_lossy(&answer.start).contains("\"scanning\":false") {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::Failed, "the server's scan does not end"));
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Asks everything, with a mark before, between and behind.
fn ask_all(client: &mut Client, key: &str) -> Result<()> {
    let (five, fifty) = (track(client, key, "five")?, track(client, key, "fifty")?);
    for request in REQUESTS {
        let target = request.target.replace("{five}", &five).replace("{fifty}", &fifty).replace("{key}", key);
        let range = request.range.map(|range| format!("Range: {range}\r\n")).unwrap_or_default();
        // `/health` is asked by whoever has no key, and must not pay for one.
        let fields = match request.target.starts_with("/tracks/") {
            true => format!("Authorization: Bearer {key}\r\n{range}"),
            false => range,
        };
        let ask = |client: &mut Client, count| {
            (0..count).try_for_each(|_| check(request, &client.get(&target, &fields)?))
        };
        let failed = |error| io(request.path, error);
        // What is opened and remembered once, and read from the disk.
        ask(client, 4).map_err(failed)?;
        for block in 0..=calls::BLOCKS {
            // The last mark has no block behind it.
            let count = if block < calls::BLOCKS { request.count } else { 0 };
            client.get(&calls::mark(request.path, block), "").map_err(failed)?;
            ask(client, count).map_err(failed)?;
        }
    }
    Ok(())
}

fn check(request: &Request, answer: &Answer) -> std::io::Result<()> {
    let bytes = request.body_bytes.unwrap_or(answer.body_bytes);
    if (answer.status, answer.body_bytes) == (request.status, bytes) {
        return Ok(());
    }
    Err(std::io::Error::other(format!("{} and {} bytes came", answer.status, answer.body_bytes)))
}

/// The id of the song of this title.
fn track(client: &mut Client, key: &str, title: &str) -> Result<String> {
    let target = format!("/rest/search3?query={title}&apiKey={key}&v=1.16.1&c=gate&f=json");
    let answer = client.get(&target, "").map_err(|error| io("looking for a song", error))?;
    let text = String::from_utf8_lossy(&answer.start).into_owned();
    let json = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
    let found: Option<serde_json::Value> = json.and_then(|json| serde_json::from_str(json).ok());
    let songs =
        found.as_ref().and_then(|found| found.pointer("/subsonic-response/searchResult3/song")?.as_array());
    let song = songs.and_then(|songs| songs.iter().find(|song| song["title"] == title));
    song.and_then(|song| song["id"].as_str()).map(str::to_owned).ok_or_else(|| {
        Error::new(ErrorKind::Failed, format!("the server has no song `{title}`: {} {text}", answer.status))
    })
}

/// Two files that are played and five hundred that are listed, all old enough for strong validators.
fn library(music: &Path) -> Result<()> {
    files::make_folder(&music.join("many"))?;
    wave(&music.join("five.wav"), 5_000_000)?;
    wave(&music.join("fifty.wav"), 50_000_000)?;
    (0..SONGS).try_for_each(|number| wave(&music.join(format!("many/{number:03}.wav")), 8_864))
}

/// A WAVE file of so many bytes: 44 of head, then samples of 16 bits in two channels.
fn wave(path: &Path, bytes: u32) -> Result<()> {
    const HEAD_BYTES: u32 = 44;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(bytes - 8).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16_u32.to_le_bytes());
    head.extend_from_slice(&[1, 0, 2, 0]);
    head.extend_from_slice(&44_100_u32.to_le_bytes());
    head.extend_from_slice(&176_400_u32.to_le_bytes());
    head.extend_from_slice(&[4, 0, 16, 0]);
    head.extend_from_slice(b"data");
    head.extend_from_slice(&(bytes - HEAD_BYTES).to_le_bytes());
    let written = File::create(path).and_then(|mut file| {
        file.write_all(&head)?;
        let samples: Vec<u8> = (0..=u8::MAX).cycle().take(1_000_000).collect();
        let mut left = (bytes - HEAD_BYTES) as usize;
        while left > 0 {
            let count = left.min(samples.len());
            file.write_all(&samples[..count])?;
            left -= count;
        }
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    });
    written.map_err(|error| io("writing a song", error))
}

/// A server under strace.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, data: &Path, music: &Path, trace: &Path) -> Result<Server> {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| io("finding a port", error))?;
        let mut strace = account::program_alone("strace".as_ref());
        // With -D the tracer is the child, so that the process that we know is the server itself.
        strace.args(["-D", "-f", "-y", "-qq", "-s", "64", "-o"]).arg(trace).arg(program);
        strace.args(["serve", "--log-level", "warn", "--listen", &address.to_string()]);
        strace.arg("--data").arg(data).arg("--library").arg(music);
        // What looks for ffmpeg starts it, at some moment after the server answers; its calls are nobody's here.
        strace.args(["--transform-ffmpeg", "/none/ffmpeg"]);
        strace.stdin(Stdio::null()).stdout(Stdio::null());
        let child = strace.spawn().map_err(|error| io("starting strace", error))?;
        Ok(Server { child, address })
    }

    /// Waits until the server answers.
    fn connect(&mut self) -> Result<Client> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            match Client::connect(self.address) {
                Ok(client) => return Ok(client),
                Err(error) if Instant::now() > deadline => {
                    return Err(io("the server does not answer", error));
                }
                Err(_) => std::thread::park_timeout(LOOK_EVERY),
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Err(Error::new(ErrorKind::Failed, "the server ended, or strace may not watch it"));
            }
        }
    }

    fn stop(mut self) -> Result<()> {
        self.end().map_err(|error| io("ending the server", error))
    }

    fn end(&mut self) -> std::io::Result<()> {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The outcome of the measurement says what went wrong.
        let _ended = self.end();
    }
}

fn io(context: &str, error: std::io::Error) -> Error {
    Error::because(ErrorKind::Io, context, error)
}
