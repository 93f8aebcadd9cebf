//! The server is killed at every system call of one upload that changes the disk: `strace` does it, at the first, the
//! second, the third such call and so on, until an upload goes through. Calls are counted by thread, so those on the
//! spool and those on the database have rows of their own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{Server, wait_until};

use crate::ground::{Ground, blobs, spool, wrong_blobs};
use crate::sender::{Sender, Stopped};
use crate::{asked, can_be_checked};

const READY_WITHIN: Duration = Duration::from_secs(2);
/// The reference upload: four pieces, and more than one block of checksums.
const FILE_BYTES: u64 = 1_300_000;
const PIECE_BYTES: u64 = 400_000;
/// No upload has so many calls of one kind in one thread.
const CALLS_MAX: usize = 300;
/// The database's many writes are its own promise, which others prove: the suite takes every so many, the proof all.
const STRIDE: u64 = 5;
/// Uploads that do without a call before it is taken for one that none makes: how often one syncs depends on when its pieces come.
const TRIES: usize = 5;
/// Nobody waits longer for an upload to end one way or the other.
const UPLOAD_WITHIN: Duration = Duration::from_secs(30);

/// Whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// Everything, from before the upload is made.
    All,
    /// The upload's files in the spool, once it is made.
    Spool,
    /// The database.
    Database,
}

struct Case {
    calls: &'static str,
    of: Of,
    /// So many of them there are at least, else the case is not what it says.
    kills_min: usize,
    /// So many that the suite does not take every one.
    many: bool,
}

const CASES: &[Case] = &[
    Case { calls: "pwrite64,pwritev,pwritev2", of: Of::Spool, kills_min: 4, many: false },
    Case { calls: "fdatasync,fsync", of: Of::Spool, kills_min: 4, many: false },
    Case { calls: "pwrite64,pwritev,pwritev2", of: Of::Database, kills_min: 3, many: true },
    Case { calls: "fdatasync,fsync", of: Of::Database, kills_min: 1, many: false },
    Case { calls: "pwrite64,pwritev,pwritev2", of: Of::All, kills_min: 3, many: true },
    Case { calls: "fsync,fdatasync,sync_file_range,syncfs", of: Of::All, kills_min: 3, many: false },
    Case { calls: "link,linkat", of: Of::All, kills_min: 1, many: false },
    Case { calls: "rename,renameat,renameat2", of: Of::All, kills_min: 1, many: false },
    Case { calls: "unlink,unlinkat", of: Of::All, kills_min: 1, many: false },
    Case { calls: "mkdir,mkdirat", of: Of::All, kills_min: 0, many: false },
    Case { calls: "ftruncate,fallocate", of: Of::All, kills_min: 0, many: false },
];

/// That it is there is `cargo x test`'s business.
pub(crate) fn strace_is_usable() -> Result<(), String> {
    let tried = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("strace does not work: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("no strace: {error}")),
    }
}

/// `strace` on a running server.
pub(crate) struct Killer(Child);

impl Killer {
    /// Kills the server when one of its threads comes to such a call for that time; the call itself is not made any more.
    /// With paths, only calls for these count.
    pub(crate) fn on(server: &Server, calls: &str, paths: &[PathBuf], when: usize) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &server.id().to_string(), "-o", "/dev/null"]);
        command.args(["-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:signal=KILL:when={when}")]);
        for path in paths {
            command.arg("-P").arg(path);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("strace starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains(" attached") {
            line.clear();
            let count = said.read_line(&mut line).expect("strace says something");
            assert!(count > 0, "strace ended before it was attached");
        }
        // It is never heard again; a pipe that nobody empties would stop it.
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
        Killer(child)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        // Interrupted, it lets the server go.
        let id = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id.filter(|_| matches!(self.0.try_wait(), Ok(None))) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        let _ = self.0.wait();
    }
}

fn paths(server: &Server, of: Of) -> Vec<PathBuf> {
    match of {
        Of::All => Vec::new(),
        Of::Spool => spool(&server.data).iter().map(|name| server.data.join("spool").join(name)).collect(),
        Of::Database => {
            ["millpond.db", "millpond.db-wal"].iter().map(|name| server.data.join(name)).collect()
        }
    }
}

/// One upload with a kill at that call, and what comes after. Whether there was such a call.
fn killed(ground: &Ground, sender: &mut Sender, case: &Case, when: usize) -> bool {
    let what = format!("killed at call {when} of {} ({:?})", case.calls, case.of);
    let no = || false;
    let mut server = ground.start();
    let goal = sender.finished.len() + 1;
    if case.of != Of::All {
        let begun = sender.begin(&server);
        assert!(matches!(begun, Stopped::Done), "{what}: {begun:?}");
    }
    let killer = Killer::on(&server, case.calls, &paths(&server, case.of), when);
    let stopped = sender.live(&server, goal, &no);
    assert!(!matches!(stopped, Stopped::Wronged(_)), "{what}: {stopped:?}");
    // The killing call may be one of those that come after the answer.
    let broke = matches!(stopped, Stopped::Broke);
    let wait = if broke { UPLOAD_WITHIN } else { Duration::from_millis(200) };
    let dead = wait_until(Instant::now() + wait, || !server.runs());
    assert!(dead || !broke, "{what}: the server broke a connection and lives");
    drop(killer);
    server.kill();
    if dead {
        let server = ground.start();
        assert!(server.ready_in < READY_WITHIN, "{what}: ready in {:?}", server.ready_in);
        let stopped = sender.live(&server, goal, &no);
        assert!(matches!(stopped, Stopped::Done), "{what}: {stopped:?}");
    }
    let (stored, left) = (blobs(&ground.data).len(), spool(&ground.data));
    assert_eq!(stored, sender.finished.len(), "{what}: one blob for each file and no other");
    assert!(left.len() <= 2 * sender.unanswered, "{what}: {left:?} in the spool");
    dead
}

#[test]
fn p01_a_kill_at_every_call_that_changes_the_disk_loses_nothing() {
    if !can_be_checked(strace_is_usable()) {
        return;
    }
    let ground = Ground::new();
    let mut sender = Sender::new("sender", &ground.mira, 1, FILE_BYTES..FILE_BYTES + 1);
    sender.piece_bytes = Some(PIECE_BYTES);
    // The first upload makes folders that the others find.
    let stride = asked("MILLPOND_CALLS_STRIDE", STRIDE) as usize;
    for case in CASES {
        let stride = if case.many { stride } else { 1 };
        let (mut kills, mut at) = (0, 1);
        while at < CALLS_MAX && (0..TRIES).any(|_| killed(&ground, &mut sender, case, at)) {
            kills += 1;
            at += stride;
        }
        println!("{:40} of {:9} {kills} kills", case.calls, format!("{:?}", case.of));
        assert!(kills >= case.kills_min, "{} of {:?}: only {kills} calls", case.calls, case.of);
        assert!(at < CALLS_MAX, "{} of {:?} never came to an end", case.calls, case.of);
    }
    let server = ground.start();
    let wrong = [wrong_blobs(&ground.data), crate::sender::settled(&server, &[sender])].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
