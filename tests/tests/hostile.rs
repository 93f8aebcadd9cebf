//! Clients who mean harm, in crowds: while they do what they do, somebody who asks for little is answered all the
//! time, and when they are gone everything that they held is given back.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use load::{Crowd, Findings, Pace, Script, loopback};
use tests::{LongMusic, Options, Probe, Rest, Server, http};

/// What an attacker says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    /// Nothing.
    Nothing,
    /// A head that never ends.
    HalfAHead,
    /// A request for a song, by a signed link.
    Song,
}

/// One attack: clients of one kind.
struct Attack {
    says: Says,
    says_pace: Pace,
    takes: Pace,
    /// Leaves by a reset after so many bytes, and half and a third of that, in turn.
    leaves_after_bytes: Option<u64>,
    /// Attackers in all, and how many of them at once.
    clients: usize,
    at_once: usize,
    /// For how long those who do not leave go on.
    time: Duration,
    /// Stream slots of the server; 0 is the usual number.
    slots: usize,
    /// Whether the server must have closed every connection by itself at the end.
    closed: bool,
}

const SLOW: Attack = Attack {
    says: Says::Song,
    says_pace: Pace::Free,
    takes: Pace::PerSecond(1.0),
    leaves_after_bytes: None,
    clients: 500,
    at_once: 500,
    time: Duration::from_secs(12),
    slots: 0,
    closed: false,
};

/// Figures of time are true only when one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn check(attack: &Attack) {
    let _alone = alone();
    let music = LongMusic::of(10 << 20);
    let streams = if attack.slots == 0 { 1_000 } else { attack.slots };
    let options = Options {
        libraries: vec![music.root.clone()],
        tracks: music.tracks.len(),
        config: format!(
            "[memory]\nlimit = \"256MiB\"\n[limits]\nconnections = 2000\nstreams = {streams}\nstreams_per_user = 0\n"
        ),
        ..Options::default()
    };
    let server = Server::start(&options);
    let link = server.link(&server.track(&music.tracks[0].title));
    // Once before we count, so that what any crowd leaves warm is there; the probe has the address of nobody else.
    attack_once(&server, attack, &link, attack.clients.min(200), Duration::from_secs(1));
    let libraries = [music.root.as_path()];
    let before = Rest::of(&server, &libraries);

    let over = AtomicBool::new(false);
    let (mut findings, probed) = std::thread::scope(|scope| {
        let probe = Probe::new(&server, loopback(9, 9), &link, attack.slots > 0);
        let over = &over;
        let probing = scope.spawn(move || probe.ask(over));
        let ends = Over(over);
        let attacked = attack_once(&server, attack, &link, attack.clients, attack.time);
        drop(ends);
        (attacked, probing.join().expect("the probe does not panic"))
    });
    findings.extend(probed);
    before.given_back(&server, &libraries, &mut findings);
    println!("{findings}");
    assert!(findings.broken().is_empty(), "{}", findings.broken().join("\n"));
}

/// Ends the probe however the attack ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// All attackers, until those who leave have left or the time is over.
fn attack_once(server: &Server, attack: &Attack, link: &str, clients: usize, time: Duration) -> Findings {
    let whole = http::request_head("GET", link, &[]).into_bytes();
    let request: Arc<[u8]> = match attack.says {
        Says::Nothing => Vec::new().into(),
        Says::HalfAHead => [&whole[..whole.len() - 2], b"X-More: ".as_slice(), &[b'a'; 4000]].concat().into(),
        Says::Song => whole.into(),
    };
    let scripts = [1, 2, 3].map(|part| {
        Arc::new(Script {
            says: attack.says_pace,
            takes: attack.takes,
            leaves_after_bytes: attack.leaves_after_bytes.map(|bytes| bytes / part),
            receive_bytes: 2 * 1024,
            expects: None,
        })
    });
    let mut crowd = Crowd::new().expect("an epoll");
    let mut full = None;
    let leaves = attack.leaves_after_bytes.is_some();
    let far = Instant::now() + Duration::from_secs(600);
    let done = crowd.run_until(far, |crowd| {
        while crowd.len() < clients && crowd.len() - crowd.gone() < attack.at_once {
            let number = crowd.len();
            let from = Some(loopback(2, number));
            crowd.join(from, server.address, Arc::clone(&request), &scripts[number % 3]).expect("a socket");
        }
        let full: Instant = *full.get_or_insert_with(Instant::now);
        if leaves { crowd.gone() == clients } else { full.elapsed() >= time }
    });
    let mut findings = Findings::new();
    findings.row("attackers", crowd.len().to_string(), clients.to_string(), crowd.len() == clients);
    findings.equal("the attack came to its end", done.expect("epoll works"), true);
    findings.note("of them answered with 200", crowd.with_status(200).to_string());
    findings.note("of them refused with 503", crowd.with_status(503).to_string());
    findings.note("connections that ended before the attack did", crowd.gone().to_string());
    if attack.closed && time == attack.time {
        findings.equal("attackers whom the server closed in time", crowd.gone(), clients);
    }
    findings
}

/// How many downloads are broken off; the proof asks for 10,000.
fn aborted() -> usize {
    let asked = std::env::var("MILLPOND_ABORTED").ok();
    asked.map_or(1_000, |text| text.parse().expect("MILLPOND_ABORTED is a number"))
}

#[test]
fn p05_silent_connections_are_closed_and_stop_nobody() {
    check(&Attack { says: Says::Nothing, closed: true, time: Duration::from_secs(13), ..SLOW });
}

#[test]
fn p05_heads_of_one_byte_a_second_are_cut_off_and_stop_nobody() {
    let says_pace = Pace::PerSecond(1.0);
    check(&Attack { says: Says::HalfAHead, says_pace, closed: true, time: Duration::from_secs(14), ..SLOW });
}

#[test]
fn p05_slow_readers_stop_nobody() {
    check(&Attack { takes: Pace::PerSecond(1_000.0), ..SLOW });
}

#[test]
fn p05_readers_of_one_byte_on_every_slot_stop_no_small_request() {
    check(&Attack { clients: 400, at_once: 400, slots: 400, ..SLOW });
}

#[test]
fn p05_aborted_downloads_leave_nothing_behind() {
    let takes = Pace::Free;
    check(&Attack { takes, leaves_after_bytes: Some(600_000), clients: aborted(), at_once: 50, ..SLOW });
}

/// What must come after the minute in which a reader of one byte counts as a listener: room for somebody else.
#[test]
fn p05_readers_of_one_byte_do_not_keep_every_slot() {
    let _alone = alone();
    let music = LongMusic::of(10 << 20);
    let options = Options {
        libraries: vec![music.root.clone()],
        tracks: music.tracks.len(),
        config: "[limits]\nstreams = 10\nstreams_per_user = 0\n".to_owned(),
        ..Options::default()
    };
    let server = Server::start(&options);
    let link = server.link(&server.track(&music.tracks[0].title));
    let script = Arc::new(Script { receive_bytes: 2 * 1024, ..Script::listener(1.0) });
    let mut crowd = Crowd::new().expect("an epoll");
    let request: Arc<[u8]> = http::request_head("GET", &link, &[]).into_bytes().into();
    for number in 0..10 {
        crowd
            .join(Some(loopback(2, number)), server.address, Arc::clone(&request), &script)
            .expect("a socket");
    }
    let taken = |server: &Server| server.metric("streams_in_flight") == 10.0;
    let soon = Instant::now() + Duration::from_secs(5);
    assert!(crowd.run_until(soon, |_| taken(&server)).expect("epoll works"), "all slots are taken");
    let refused = server.get(&link, &[]);
    assert_eq!(refused.status, 503, "{}", refused.text());
    let retry_after: u64 = refused.header("retry-after").parse().expect("a refusal says when to come back");
    assert!((1..=120).contains(&retry_after), "come back in {retry_after} s");
    let mut next = Instant::now();
    let late = Instant::now() + Duration::from_secs(90);
    let got_in = crowd.run_until(late, |_| {
        if Instant::now() < next {
            return false;
        }
        next = Instant::now() + Duration::from_secs(1);
        let answer = server.get(&link, &[("Range", "bytes=0-99999"), ("Connection", "close")]);
        answer.status == 206 && answer.body.len() == 100_000
    });
    assert!(got_in.expect("epoll works"), "nobody else could play for a minute and a half");
}
