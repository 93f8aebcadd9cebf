//! The power goes at random moments: the data folder is on a disk that forgets what was not synced. The control is the
//! same with a disk that lies about syncing, and must report loss: else the proof would prove nothing.

use std::time::{Duration, Instant};

use forgetful::{Disk, Honesty, Lost};
use tests::{Random, Server, wait_until};

use crate::asked;
use crate::ground::{CONFIG, Ground};
use crate::sender::{Sender, Stopped, settled};

/// The power goes after at most so many changes and syncs…
const STEPS_MAX: u64 = 400;
/// …or, when nothing changes any more, after this time.
const LIFE_MAX: Duration = Duration::from_secs(3);
/// Cuts in which a disk that lies must have lost something.
const CONTROL_CUTS: u64 = 20;

/// What some cuts took, and what was wrong afterwards.
#[derive(Default)]
struct Story {
    lost: Lost,
    files: usize,
    resumed: usize,
    cut_starts: usize,
    wronged: Vec<String>,
}

/// The data folder, shown through the disk at `at`, which the folder `ground.data` is.
struct Stand {
    kept: std::path::PathBuf,
    ground: Ground,
    _temporary: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let (kept, at) = (temporary.path().join("kept"), temporary.path().join("data"));
        for folder in [&kept, &at] {
            std::fs::create_dir(folder).expect("a folder");
        }
        let mut ground = Ground::at(&kept);
        ground.data = at;
        Stand { kept, ground, _temporary: temporary }
    }

    fn mount(&self, seed: u64, honesty: Honesty) -> Disk {
        Disk::mount(&self.kept, &self.ground.data, seed, honesty).expect("a disk that forgets")
    }
}

fn cuts(count: u64, honesty: Honesty) -> Story {
    let (mut random, seed) = Random::seeded();
    let stand = Stand::new();
    let logins = [&stand.ground.admin, &stand.ground.mira];
    let mut senders: Vec<Sender> = (0..2_u64)
        .map(|which| {
            let login = logins[which as usize];
            Sender::new(&format!("sender {which}"), login, seed.wrapping_add(which << 8), 50_000..1_500_000)
        })
        .collect();
    let mut story = Story::default();
    for cut in 0..count {
        let disk = stand.mount(seed ^ cut, honesty);
        if cut % 4 == 3 {
            disk.cut_after(random.below(60));
        }
        let started = Server::try_start(&stand.ground.options(CONFIG));
        let mut server = match started {
            Ok(server) => server,
            Err(_) if disk.is_cut() => {
                story.cut_starts += 1;
                add(&mut story.lost, finished(disk));
                continue;
            }
            Err(why) => {
                story.wronged.push(format!("after cut {cut} the server does not start: {why}"));
                add(&mut story.lost, finished(disk));
                break;
            }
        };
        disk.cut_after(random.below(STEPS_MAX));
        let wronged = until_the_cut(&server, &disk, &mut senders);
        server.kill();
        add(&mut story.lost, finished(disk));
        if !wronged.is_empty() {
            story.wronged.extend(wronged.into_iter().map(|why| format!("after cut {cut}: {why}")));
            break;
        }
    }
    if story.wronged.is_empty() {
        story.wronged = the_end(&stand, honesty, &mut senders);
    }
    story.files = senders.iter().map(|sender| sender.finished.len()).sum();
    story.resumed = senders.iter().map(|sender| sender.resumed).sum();
    story
}

fn until_the_cut(server: &Server, disk: &Disk, senders: &mut [Sender]) -> Vec<String> {
    let excused = || disk.is_cut();
    let excused: &(dyn Fn() -> bool + Sync) = &excused;
    std::thread::scope(|scope| {
        let lives: Vec<_> = senders
            .iter_mut()
            .map(|sender| scope.spawn(move || sender.live(server, usize::MAX, excused)))
            .collect();
        let over = || disk.is_cut() || lives.iter().all(|life| life.is_finished());
        if !wait_until(Instant::now() + LIFE_MAX, over) {
            disk.cut_after(0);
        }
        // Who waits for an answer of a server without a disk waits for nothing.
        crate::crash::signal_kill(server);
        lives
            .into_iter()
            .filter_map(|life| match life.join() {
                Ok(Stopped::Wronged(why)) => Some(why),
                _ => None,
            })
            .collect()
    })
}

/// A last life in which everything begun is finished.
fn the_end(stand: &Stand, honesty: Honesty, senders: &mut [Sender]) -> Vec<String> {
    let disk = stand.mount(0, honesty);
    let mut server = match Server::try_start(&stand.ground.options(CONFIG)) {
        Ok(server) => server,
        Err(why) => return vec![format!("the server does not start: {why}")],
    };
    let mut wronged = Vec::new();
    for sender in senders.iter_mut() {
        let goal = sender.finished.len() + 1;
        if let Stopped::Wronged(why) = sender.live(&server, goal, &|| false) {
            wronged.push(why);
        }
    }
    wronged.extend(settled(&server, senders));
    server.kill();
    let _ = finished(disk);
    wronged
}

fn finished(disk: Disk) -> Lost {
    disk.finish().expect("the disk can be taken away")
}

fn add(all: &mut Lost, more: Lost) {
    all.sectors += more.sectors;
    all.names += more.names;
}

fn checked() -> bool {
    match forgetful::usable() {
        Ok(()) => true,
        Err(why) => {
            println!("NOT CHECKED: {why}");
            false
        }
    }
}

#[test]
fn p01_no_acknowledged_byte_is_lost_by_power_cuts() {
    if !checked() {
        return;
    }
    let count = asked("MILLPOND_CUTS", 50);
    let story = cuts(count, Honesty::Honest);
    println!(
        "{count} cuts, {} of them in a start: {} sectors and {} names lost, {} files whole, {} times gone on",
        story.cut_starts, story.lost.sectors, story.lost.names, story.files, story.resumed
    );
    assert!(story.wronged.is_empty(), "{}", story.wronged.join("\n"));
    assert!(story.lost.sectors > 0 && story.resumed > 0, "the cuts took nothing");
}

#[test]
fn a_disk_that_lies_about_syncing_is_reported_by_the_same_proof() {
    if !checked() {
        return;
    }
    let story = cuts(CONTROL_CUTS, Honesty::Lying);
    assert!(!story.wronged.is_empty(), "nothing was lost in {CONTROL_CUTS} cuts on a disk that lies");
    println!("reported: {}", story.wronged[0].lines().next().unwrap_or_default());
}
