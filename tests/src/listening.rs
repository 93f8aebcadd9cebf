//! The proof with listeners: a crowd of them, a server in a memory group, and what must hold. The server may be any,
//! so that one that must fail can be put in the same place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Crowd, Findings, Group, Process, Room, Script, loopback};

use crate::http;

/// 256 kbit/s.
const BYTES_PER_SECOND: f64 = 32_000.0;
const MIB: f64 = 1_048_576.0;
/// The process is asked for its figures this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The kernel lets socket buffers grow up to their wall and makes their connections wait there. A server that came so
/// near to it was stopped by it and not by itself.
const WALL_SHARE: f64 = 0.95;
/// Both walls together are the limit; a server that comes this near to it lives by luck.
const SUM_SHARE: f64 = 0.8;
/// What the kernel may hold for one listener who takes 256 kbit/s, on average, in KiB.
const SOCKET_KIB: f64 = 64.0;
/// The network that listeners come from.
const NET: u8 = 1;

/// The walls: so many MiB in all, of which so many for socket buffers.
///
/// # Panics
/// When this machine does not let us have them, which it says.
pub fn wall(memory_mib: u64, sockets_mib: Option<u64>) -> Group {
    let memory = memory_mib - sockets_mib.unwrap_or(0);
    let room = Room { memory_bytes: memory << 20, sockets_bytes: sockets_mib.map(|mib| mib << 20) };
    Group::new(room).unwrap_or_else(|error| panic!("{error}"))
}

/// What is asked of a server.
#[derive(Clone, Copy, Debug)]
pub struct Demands {
    /// Listeners at once.
    pub listeners: usize,
    /// How long the last of them listens.
    pub time: Duration,
    /// How many of them come in a second.
    pub arrivals_per_second: f64,
    /// The largest resident set of the process itself, in MiB.
    pub peak_mib: f64,
    /// How soon the first byte comes to all but one in a hundred, in milliseconds; `None` asks for nothing, because
    /// others want more than the machine has.
    pub first_byte_ms: Option<f64>,
    /// Whether socket buffers count; only a control leaves them out.
    pub count_sockets: bool,
}

impl Demands {
    /// Bytes that a track must have at least, so that nobody comes to its end.
    pub fn track_bytes(&self) -> u64 {
        let arrivals = self.listeners as f64 / self.arrivals_per_second;
        ((arrivals + self.time.as_secs_f64() + 30.0) * BYTES_PER_SECOND) as u64
    }
}

/// A server, what it plays, and the group that it is in.
#[derive(Debug)]
pub struct Listening<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: u32,
    /// What to ask for, and the bytes that must come.
    pub songs: Vec<(String, Arc<Vec<u8>>)>,
    /// Its group.
    pub group: &'a Group,
}

impl Listening<'_> {
    /// A crowd that comes and goes, for what a crowd leaves warm: readers of the database, spare chunks, threads. What a
    /// second one adds is a leak.
    ///
    /// # Panics
    /// When the server does not survive it.
    pub fn warm(&self, demands: &Demands) {
        let mut crowd = self.crowd();
        self.arrive(&mut crowd, demands, &mut |_| {});
        crowd.run(Duration::from_secs(1)).expect("epoll works");
        let (peaks, charged) = (self.group.peaks(), self.group.charged());
        assert_eq!(
            peaks.killed, 0,
            "the kernel killed the server for want of memory: {peaks:?}, then {charged:?}"
        );
    }

    /// The whole crowd, listening until its time is over and `go_on` says no. `go_on` is asked several times a second.
    pub fn listen(&self, demands: &Demands, mut go_on: impl FnMut(&Crowd) -> bool) -> Findings {
        let before = Process::of(self.process);
        let mut peak_mib = before.peak_mib();
        let mut look = Instant::now();
        let mut watch = move |process: u32| {
            if Instant::now() >= look {
                look = Instant::now() + LOOK_EVERY;
                // One that was killed has no figures any more.
                peak_mib = peak_mib.max(Process::of(process).peak_mib());
            }
            peak_mib
        };
        let began = Instant::now();
        let mut crowd = self.crowd();
        self.arrive(&mut crowd, demands, &mut |_| {
            watch(self.process);
        });
        let end = Instant::now() + demands.time;
        let far = end + Duration::from_secs(3_600);
        let done = crowd.run_until(far, |crowd| {
            watch(self.process);
            let wanted = go_on(crowd);
            Instant::now() >= end && !wanted
        });
        assert!(done.expect("epoll works"), "the loads beside the listeners did not come to an end");
        let cpu_s = Process::of(self.process).cpu_s - before.cpu_s;
        let mut findings = self.heard(&crowd, demands);
        let peak_mib = watch(self.process).max(Process::of(self.process).peak_mib());
        findings.at_most("peak of the process (VmHWM)", peak_mib, demands.peak_mib, "MiB");
        self.charged(demands, &mut findings);
        findings
            .note("CPU of the process", format!("{cpu_s:.2} s in {:.0} s", began.elapsed().as_secs_f64()));
        findings
    }

    fn crowd(&self) -> Crowd {
        load::raise_descriptors(20_000);
        Crowd::new().expect("an epoll")
    }

    /// Lets everybody come, each in his turn.
    fn arrive(&self, crowd: &mut Crowd, demands: &Demands, meanwhile: &mut dyn FnMut(&Crowd)) {
        let script = |song: &Arc<Vec<u8>>| {
            Arc::new(Script { expects: Some(Arc::clone(song)), ..Script::listener(BYTES_PER_SECOND) })
        };
        let songs: Vec<_> = self
            .songs
            .iter()
            .map(|(target, bytes)| (http::request_head("GET", target, &[]), script(bytes)))
            .collect();
        let began = Instant::now();
        let far = began + Duration::from_secs(3_600);
        let came = crowd.run_until(far, |crowd| {
            let due = (began.elapsed().as_secs_f64() * demands.arrivals_per_second) as usize;
            while crowd.len() < due.min(demands.listeners) {
                let (request, script) = &songs[crowd.len() % songs.len()];
                let from = Some(loopback(NET, crowd.len()));
                crowd.join(from, self.address, request.as_bytes(), script).expect("a socket");
            }
            meanwhile(crowd);
            crowd.len() == demands.listeners
        });
        assert!(came.expect("epoll works"), "not everybody came");
    }

    /// What the listeners say.
    fn heard(&self, crowd: &Crowd, demands: &Demands) -> Findings {
        let mut findings = Findings::new();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let first = crowd.first_bytes();
        let (listeners, seconds) = (demands.listeners, demands.time.as_secs());
        findings.equal(
            format!("listeners at 256 kbit/s for {seconds} s, served"),
            crowd.with_status(200),
            listeners,
        );
        let ended: Vec<_> = crowd.visits().filter_map(|visit| visit.end).collect();
        findings.equal("listeners whose stream ended", ended.len(), 0);
        ended.iter().take(2).for_each(|end| findings.note("one of them", format!("{end:?}")));
        let wrong = crowd.visits().filter(|visit| visit.wrong_at.is_some()).count();
        findings.equal("listeners who got a wrong byte", wrong, 0);
        findings.at_most("longest stall of anybody", ms(crowd.longest_stall()), 2_000.0, "ms");
        findings.note("first byte, median", format!("{:.1} ms", ms(first.percentile(50.0))));
        let p99 = ms(first.percentile(99.0));
        match demands.first_byte_ms {
            Some(most) => findings.at_most("first byte, p99", p99, most, "ms"),
            None => findings.note("first byte, p99", format!("{p99:.1} ms")),
        }
        findings.note("first byte, longest", format!("{:.1} ms", ms(first.longest())));
        let due = BYTES_PER_SECOND * demands.time.as_secs_f64();
        let least = crowd.visits().map(|visit| visit.body).min().unwrap_or(0);
        findings.at_least("least that anybody got", least as f64 / due * 100.0, 90.0, "% of his music");
        findings.note("the crowd itself was late by at most", format!("{:.1} ms", ms(crowd.latest())));
        findings
    }

    /// What the kernel says of the group.
    fn charged(&self, demands: &Demands, findings: &mut Findings) {
        let (room, peaks) = (self.group.room(), self.group.peaks());
        let mib = |bytes: u64| bytes as f64 / MIB;
        findings.equal("processes killed for want of memory", peaks.killed, 0);
        let Some(sockets) = room.sockets_bytes.filter(|_| demands.count_sockets) else {
            findings.note("socket buffers", "not counted");
            return;
        };
        let lasting = peaks.lasting;
        let most = mib(room.memory_bytes + sockets) * SUM_SHARE;
        findings.at_most(
            "memory that nobody can take back, peak of the sum",
            mib(lasting.lasting()),
            most,
            "MiB",
        );
        findings.note("of it anonymous", format!("{:.1} MiB", mib(lasting.anonymous)));
        findings.note("of it the kernel's structures", format!("{:.1} MiB", mib(lasting.kernel)));
        findings.note("of it socket buffers", format!("{:.1} MiB", mib(lasting.sockets)));
        // Page cache fills whatever is left below the wall, so that this figure judges nothing.
        findings.note("memory counter, page cache included", format!("{:.1} MiB", mib(peaks.memory)));
        findings.at_most("socket counter", mib(peaks.sockets), mib(sockets) * WALL_SHARE, "MiB");
        let each = mib(lasting.sockets) * 1024.0 / demands.listeners as f64;
        findings.at_most("socket buffers for each listener", each, SOCKET_KIB, "KiB");
        findings.equal("socket buffers that the group refused", peaks.sockets_refused, 0);
    }
}
