//! Listeners by the hundreds and thousands inside a memory group, as `cargo x prove listeners` runs them too: nobody
//! stalls, nothing is kept afterwards, process and sockets stay small. And the controls: servers that are wrong in one
//! way each are reported by the same proof, for that reason.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use load::{Crowd, Group, Script, loopback};
use tests::{
    Demands, Listening, Login, LongMusic, Nginx, Options, Rest, Server, eventually, free_port, wait_until,
    wall,
};

/// What every run of the suite has time for.
const SHORT: Demands = Demands {
    listeners: 300,
    time: Duration::from_secs(30),
    arrivals_per_second: 100.0,
    // The 7 MiB of a password check included.
    peak_mib: 60.0,
    first_byte_ms: Some(50.0),
    count_sockets: true,
};
/// The largest resident set while two passwords are checked at once, 7 MiB each.
const RUSH_PEAK_MIB: f64 = 50.0;
/// All that the server may have, in MiB, of which…
const MEMORY_MIB: u64 = 256;
/// …so much is for socket buffers.
const SOCKETS_MIB: u64 = 128;
const STALL_MAX: Duration = Duration::from_secs(2);

/// Figures of time are true only when one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What the proof asks for, else [`SHORT`].
fn demands() -> Demands {
    let asked = |name: &str| -> Option<u64> {
        std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let time = asked("MILLPOND_LISTEN_SECONDS").map_or(SHORT.time, Duration::from_secs);
    match asked("MILLPOND_LISTENERS") {
        Some(listeners) => {
            let listeners = listeners as usize;
            Demands { listeners, time, arrivals_per_second: 200.0, peak_mib: 84.0, ..SHORT }
        }
        None => Demands { time, ..SHORT },
    }
}

#[test]
fn p04_listeners_in_a_memory_group_never_stall_and_leave_nothing_behind() {
    prove(demands(), "");
}

/// What HTTP/2, TLS and other systems get: every byte is copied, and each stream has a chunk of its own.
#[test]
fn p04_listeners_without_the_wire_never_stall_either() {
    // 300 chunks of 64 KiB are 19 MiB more than with the wire.
    prove(Demands { time: Duration::from_secs(10), peak_mib: 64.0, ..SHORT }, "[stream]\nwire = \"off\"\n");
}

fn prove(demands: Demands, config: &str) {
    let _alone = alone();
    let music = LongMusic::of(demands.track_bytes());
    let group = wall(MEMORY_MIB, Some(SOCKETS_MIB));
    let (listeners, connections) = (demands.listeners, demands.listeners + 100);
    let options = Options {
        libraries: vec![music.root.clone()],
        tracks: music.tracks.len(),
        config: format!(
            "[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n[limits]\nconnections = {connections}\n\
             streams = {listeners}\nstreams_per_user = 0\n{config}"
        ),
        ..Options::default()
    };
    let server = Server::start(&options.within(&group));
    let songs =
        music.tracks.iter().map(|track| (server.link(&server.track(&track.title)), Arc::clone(&track.bytes)));
    let listening =
        Listening { address: server.address, process: server.id(), songs: songs.collect(), group: &group };
    sign_in_by_password(&server, &server.mira);
    listening.warm(&demands);
    let libraries = [music.root.as_path()];
    let before = Rest::of(&server, &libraries);

    let mut findings = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            // Somebody whose password was not checked before signs in meanwhile.
            sign_in_by_password(&server, &server.admin);
            let streams = || server.metric("streams_in_flight") as usize;
            wait_until(Instant::now() + Duration::from_secs(30), || streams() == listeners);
            streams()
        });
        let mut findings = listening.listen(&demands, |_| !other.is_finished());
        findings.equal("streams registered meanwhile", other.join().expect("no panic"), listeners);
        findings
    });
    before.given_back(&server, &libraries, &mut findings);

    println!("{MEMORY_MIB} MiB, of which {SOCKETS_MIB} MiB for sockets\n\n{findings}");
    assert!(findings.broken().is_empty(), "{}", findings.broken().join("\n"));
}

/// The control of the bound on socket buffers: our own server, whose calls that set it do nothing, must be reported.
#[test]
fn a_bound_on_socket_buffers_that_does_not_work_is_reported() {
    let _alone = alone();
    let demands = Demands { listeners: 40, time: Duration::from_secs(5), ..SHORT };
    let music = LongMusic::of(10 << 20);
    for (under, is_reported) in [(&[][..], false), (&STRACE[..], true)] {
        let group = wall(MEMORY_MIB, Some(SOCKETS_MIB));
        let options = Options {
            libraries: vec![music.root.clone()],
            tracks: music.tracks.len(),
            config: format!("[memory]\nlimit = \"{MEMORY_MIB}MiB\"\n[limits]\nstreams_per_user = 0\n"),
            under: under.iter().map(|&word| word.to_owned()).collect(),
            ..Options::default()
        };
        let server = Server::start(&options.within(&group));
        let songs = music
            .tracks
            .iter()
            .map(|track| (server.link(&server.track(&track.title)), Arc::clone(&track.bytes)));
        let listening = Listening {
            address: server.address,
            process: server.id(),
            songs: songs.collect(),
            group: &group,
        };
        listening.warm(&demands);
        let findings = listening.listen(&demands, |_| false);
        println!("under {under:?}\n\n{findings}");
        let broken = findings.broken();
        let reported = broken.iter().any(|row| row.starts_with("socket buffers for each listener"));
        assert_eq!(reported, is_reported, "{broken:?}");
    }
}

/// Makes every setting of a socket option succeed without any effect, from the first instruction on.
const STRACE: [&str; 8] =
    ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=setsockopt", "-einject=setsockopt:retval=0"];

fn sign_in_by_password(server: &Server, login: &Login) {
    let body = serde_json::json!({ "name": login.name, "password": login.password }).to_string();
    let answer = server.send("POST", "/session", &[("Content-Type", "application/json")], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Guesses by many clients at once: what one check needs is what two need at a time, whoever asks.
#[test]
fn p04_a_rush_of_wrong_passwords_does_not_grow_the_process() {
    let _alone = alone();
    let server = Server::start(&Options::default());
    for round in 0..3 {
        std::thread::scope(|scope| {
            for guesser in 0..12 {
                let server = &server;
                scope.spawn(move || {
                    let name = format!("user-{round}-{guesser}");
                    let guess = Login { name, password: "a guess".to_owned(), ..Login::default() };
                    // Those beyond the queue are refused, which is an answer too.
                    let status = server.get("/me", &[("Authorization", &guess.basic())]).status;
                    assert!(matches!(status, 401 | 503), "{status}");
                });
            }
        });
    }
    let peak_mib = server.figures().peak_mib();
    println!("peak {peak_mib:.1} MiB after 36 guesses");
    assert!(peak_mib < RUSH_PEAK_MIB, "the process needed {peak_mib:.1} MiB");
}

/// The control of time: a server that stops sending must be noticed by the same listeners.
#[test]
fn a_stall_is_noticed() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let silent = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a listener comes");
        let mut request = [0; 1024];
        let _ = socket.read(&mut request);
        let sent = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nand then nothing");
        // The connection stays open until the listener goes.
        sent.is_ok() && socket.read(&mut request).is_ok()
    });
    let mut crowd = Crowd::new().expect("an epoll");
    let script = Arc::new(Script::listener(32_000.0));
    crowd.join(Some(loopback(1, 0)), address, &b"GET / HTTP/1.1\r\n\r\n"[..], &script).expect("a socket");
    crowd.run(Duration::from_secs(3)).expect("epoll works");
    assert_eq!(crowd.with_status(200), 1);
    assert!(crowd.longest_stall() > STALL_MAX, "only {:?} was seen", crowd.longest_stall());
    drop(crowd);
    assert!(silent.join().expect("the silent server ends"));
}

/// Who stands in Millpond's place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    /// Holds a whole file for each client, as a test build with an unbounded buffer would.
    Hoarder,
    /// Good in every way but one: sends by `sendfile` and lets the kernel queue what it likes.
    Nginx,
}

/// The control of memory: the server, how many listen for five seconds, whether sockets are counted, what must be
/// reported.
struct Control {
    server: Other,
    listeners: usize,
    count_sockets: bool,
    reported: &'static [&'static str],
}

const CONTROLS: &[Control] = &[
    // One listener's file is within anybody's means: the proof has nothing against this server as such.
    Control { server: Other::Hoarder, listeners: 1, count_sockets: true, reported: &[] },
    // Ten files are more than a process may have, and less than the group has.
    Control {
        server: Other::Hoarder,
        listeners: 10,
        count_sockets: true,
        reported: &["peak of the process"],
    },
    Control {
        server: Other::Hoarder,
        listeners: 60,
        count_sockets: true,
        reported: &["processes killed", "listeners whose stream ended"],
    },
    Control { server: Other::Nginx, listeners: 150, count_sockets: true, reported: &["socket counter"] },
    // The same server under the same listeners: the accounting of sockets is what finds it.
    Control { server: Other::Nginx, listeners: 150, count_sockets: false, reported: &[] },
];

/// How the rows begin that speak of memory.
const OF_MEMORY: &[&str] = &["peak of the process", "processes killed", "memory", "socket"];

#[test]
fn a_server_that_hoards_memory_or_socket_buffers_is_reported() {
    let _alone = alone();
    let music = LongMusic::of(10 << 20);
    for control in CONTROLS {
        let group = wall(MEMORY_MIB, control.count_sockets.then_some(SOCKETS_MIB));
        let server = OtherServer::start(control.server, &music, &group);
        let name = |track: &tests::Track| {
            track.path.file_name().expect("a file").to_string_lossy().replace(' ', "%20")
        };
        let songs = music.tracks.iter().map(|track| (format!("/{}", name(track)), Arc::clone(&track.bytes)));
        let listening = Listening {
            address: server.address,
            process: server.id(),
            songs: songs.collect(),
            group: &group,
        };
        let demands = Demands {
            listeners: control.listeners,
            time: Duration::from_secs(5),
            count_sockets: control.count_sockets,
            ..SHORT
        };
        let findings = listening.listen(&demands, |_| false);
        let broken = findings.broken();
        let (name, listeners) = (control.server, control.listeners);
        println!("{name:?}, {listeners} listeners, sockets counted: {}\n\n{findings}", control.count_sockets);
        for expected in control.reported {
            let reported = broken.iter().any(|row| row.starts_with(expected));
            assert!(reported, "{name:?} with {listeners} listeners: no word of `{expected}` in {broken:?}");
        }
        // How fast the others are is not what they are here for.
        let blamed = broken.iter().any(|row| OF_MEMORY.iter().any(|start| row.starts_with(start)));
        assert_eq!(blamed, !control.reported.is_empty(), "{name:?} with {listeners} listeners: {broken:?}");
        drop((listening, server));
    }
}

/// One of the others, running.
struct OtherServer {
    address: SocketAddr,
    kind: Running,
}

enum Running {
    Hoarder(Child),
    Nginx(Nginx),
}

impl OtherServer {
    fn start(which: Other, music: &LongMusic, group: &Group) -> Self {
        let root = music.root.display();
        match which {
            Other::Nginx => {
                let nginx = Nginx::start_within(group, &format!("    root {root};"));
                OtherServer { address: nginx.address, kind: Running::Nginx(nginx) }
            }
            Other::Hoarder => {
                let port = free_port();
                let mut command = Command::new(env!("CARGO_BIN_EXE_hoarder"));
                command.arg(port.to_string()).arg(&music.root);
                let child = group.within(&command).stdin(Stdio::null()).spawn().expect("the hoarder starts");
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                eventually("the hoarder listens", Duration::from_secs(10), || {
                    TcpStream::connect(address).is_ok()
                });
                OtherServer { address, kind: Running::Hoarder(child) }
            }
        }
    }

    fn id(&self) -> u32 {
        match &self.kind {
            Running::Hoarder(child) => child.id(),
            Running::Nginx(nginx) => nginx.id(),
        }
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        if let Running::Hoarder(child) = &mut self.kind {
            // It may have been killed for want of memory.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
