//! What the tests of the sandbox run in the place of ffmpeg: a program that tries what it is told and says how that went.
//! As a guard it is what `millpond` is with the same first argument.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, ExitCode};
use std::time::Duration;

use transform::{Caps, ChildInput, ChildOutput, Ffmpeg, FfmpegSettings, Guard, Sandbox};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|first| first == transform::guard::WORD) {
        return transform::guard::main(args.skip(1));
    }
    if args.peek().is_some_and(|first| first == "server") {
        return server();
    }
    let words: Vec<String> = args.map(|word| word.to_string_lossy().into_owned()).collect();
    let attempts = words.iter().map(|word| word.split_once('=').unwrap_or((word, "")));
    for (what, with) in attempts {
        let said = match attempt(what, with) {
            Ok(said) => said,
            Err(e) => format!("refused: {e}"),
        };
        if writeln!(io::stdout(), "{what}: {said}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A server with one child, whose number it says. It waits to be killed.
fn server() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
    else {
        return ExitCode::FAILURE;
    };
    let me = std::env::current_exe().ok();
    let settings = FfmpegSettings { ffmpeg: me, sandbox: Sandbox::On, guard: Guard::this_program() };
    runtime.block_on(async {
        let caps = Caps { memory_bytes: 1 << 28, cpu_seconds: 60, file_bytes: 0 };
        let Ok(ffmpeg) = Ffmpeg::find(settings).await else { return ExitCode::FAILURE };
        let (input, output) = (ChildInput::Nothing, ChildOutput::Pipe);
        let Ok(child) = ffmpeg.start_unplanned(&["sleep"], input, output, caps).await else {
            return ExitCode::FAILURE;
        };
        let _ = writeln!(io::stdout(), "{}", child.id());
        child.wait().await;
        ExitCode::SUCCESS
    })
}

fn attempt(what: &str, with: &str) -> io::Result<String> {
    match what {
        "-version" => Ok("a prisoner".to_owned()),
        "open" => File::open(with).and_then(first_byte),
        "write" => File::create(with).map(|_| "written".to_owned()),
        "list" => std::fs::read_dir(with).map(|entries| format!("{} entries", entries.count())),
        "run" => Command::new(with).status().map(|status| status.to_string()),
        "connect" => connect(with),
        "send" => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"x", with).map(|_| "sent".to_owned()),
        "socket" => UnixDatagram::unbound()?.send_to(b"x", with).map(|_| "sent".to_owned()),
        "kill" => kill(with),
        "spawn" => spawn(),
        "thread" => std::thread::Builder::new()
            .spawn(|| ())?
            .join()
            .map(|()| "joined".to_owned())
            .map_err(|_| io::ErrorKind::Other.into()),
        "local" => UnixDatagram::unbound().map(|_| "made".to_owned()),
        "netlink" => netlink(),
        "internet" => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(|_| "made".to_owned()),
        "environment" => Ok(std::env::vars_os().count().to_string()),
        "rights" => rights(),
        "memory" => memory(with),
        "descriptors" => descriptors(),
        "turn" => turn(),
        "sleep" => loop {
            std::thread::park();
        },
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn first_byte(mut file: File) -> io::Result<String> {
    let mut byte = [0];
    let count = file.read(&mut byte)?;
    Ok(format!("read {count}"))
}

/// Starts another of its kind, which sleeps and is never waited for.
fn spawn() -> io::Result<String> {
    Command::new("/proc/self/exe").arg("sleep").spawn().map(|child| child.id().to_string())
}

fn connect(address: &str) -> io::Result<String> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).map(|_| "connected".to_owned())
}

fn kill(pid: &str) -> io::Result<String> {
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    rustix::process::test_kill_process(pid)?;
    Ok("could".to_owned())
}

fn netlink() -> io::Result<String> {
    let (family, kind) = (rustix::net::AddressFamily::NETLINK, rustix::net::SocketType::RAW);
    rustix::net::socket(family, kind, None)?;
    Ok("made".to_owned())
}

fn rights() -> io::Result<String> {
    let sets = rustix::thread::capabilities(None)?;
    let is_fixed = rustix::thread::no_new_privs()?;
    Ok(format!("{:#x} {:#x} {is_fixed}", sets.effective.bits(), sets.permitted.bits()))
}

/// Takes so many bytes and touches each page.
fn memory(bytes: &str) -> io::Result<String> {
    let bytes: usize = bytes.parse().map_err(io::Error::other)?;
    let mut taken: Vec<u8> = Vec::new();
    taken.try_reserve_exact(bytes).map_err(|_| io::Error::other("Cannot allocate memory"))?;
    taken.resize(bytes, 1);
    Ok(format!("took {}", std::hint::black_box(taken).len()))
}

/// How many of the first descriptors are open: each is told by its flags, which need no right.
fn descriptors() -> io::Result<String> {
    let dups = File::open("/dev/null")?;
    // The lowest free number is what a new one gets.
    Ok(format!("next {}", std::os::fd::AsRawFd::as_raw_fd(&dups)))
}

/// Works without end.
fn turn() -> io::Result<String> {
    let mut number = 1_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
