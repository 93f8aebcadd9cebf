//! The server is killed at random moments, again and again: what it told stays true.

use std::time::{Duration, Instant};

use tests::{Random, Server, wait_until};

use crate::asked;
use crate::ground::{Ground, blobs, spool};
use crate::sender::{Sender, Stopped, settled};

/// After a kill the server answers again within this time.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// A server lives at most so long, in milliseconds.
const LIFE_MS: u64 = 500;

#[test]
fn p01_no_acknowledged_byte_is_lost_by_kills_at_random_moments() {
    let kills = asked("MILLPOND_KILLS", 50);
    let (mut random, seed) = Random::seeded();
    let ground = Ground::new();
    let mut senders: Vec<Sender> = (0..3)
        .map(|which| {
            let login = if which == 0 { &ground.admin } else { &ground.mira };
            // One sends files so large and fast that disk threads hear him, in one request each.
            let sizes = if which == 2 { 6_000_000..30_000_000 } else { 100_000..4_000_000 };
            let mut sender =
                Sender::new(&format!("sender {which}"), login, seed.wrapping_add(which << 8), sizes);
            sender.piece_bytes = (which == 2).then_some(30_000_000);
            sender
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        let mut server = ground.start();
        slowest = slowest.max(server.ready_in);
        let life = Duration::from_millis(random.below(LIFE_MS));
        let wronged = one_life(&server, &mut senders, || {
            wait_until(Instant::now() + life, || false);
            signal_kill(&server);
        });
        server.kill();
        assert!(wronged.is_empty(), "after kill {kill}: {}", wronged.join("\n"));
        assert!(slowest < READY_WITHIN, "after kill {kill} the server was ready in {slowest:?}");
    }
    let server = ground.start();
    let goals: Vec<usize> = senders.iter().map(|sender| sender.finished.len() + 1).collect();
    for (sender, goal) in senders.iter_mut().zip(goals) {
        let stopped = sender.live(&server, goal, &|| false);
        assert!(matches!(stopped, Stopped::Done), "{stopped:?}");
    }
    let wrong = settled(&server, &senders);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let sum = |figure: fn(&Sender) -> usize| senders.iter().map(figure).sum::<usize>();
    let (files, unanswered) = (sum(|sender| sender.finished.len()), sum(|sender| sender.unanswered));
    let left = spool(&ground.data);
    println!(
        "{kills} kills: {files} files whole, {} times gone on, {unanswered} POSTs unanswered, slowest start {slowest:?}, \
         {} files in the spool",
        sum(|sender| sender.resumed),
        left.len()
    );
    assert_eq!(blobs(&ground.data).len(), files, "one blob for each file and no other");
    // An upload has two files there; only one whose POST was never answered may lie there yet.
    assert!(left.len() <= 2 * unanswered, "{left:?}");
    assert!(sum(|sender| sender.resumed) > 0, "no kill hit an upload");
}

/// All senders at once, until the server ends.
pub(crate) fn one_life(server: &Server, senders: &mut [Sender], end: impl FnOnce()) -> Vec<String> {
    std::thread::scope(|scope| {
        let lives: Vec<_> = senders
            .iter_mut()
            .map(|sender| scope.spawn(move || sender.live(server, usize::MAX, &|| false)))
            .collect();
        end();
        lives
            .into_iter()
            .filter_map(|life| match life.join() {
                Ok(Stopped::Wronged(why)) => Some(why),
                Ok(_) => None,
                Err(_) => Some("a sender broke off".to_owned()),
            })
            .collect()
    })
}

/// Ends a process as nothing can hinder.
pub(crate) fn signal_kill(server: &Server) {
    let id = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::KILL).expect("a child of ours");
}
