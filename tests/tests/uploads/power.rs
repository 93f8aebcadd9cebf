//! The power goes at random moments: the data folder is on a disk that forgets what was not synced. The control is the
//! same with a disk that lies about syncing, and must report loss: else the proof would prove nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use forgetful::{Disk, Honesty, Lost};
use tests::{Random, Server, wait_until};

use crate::calls::{Killer, strace_is_usable};
use crate::ground::{CONFIG, Ground, spool};
use crate::sender::{Sender, Stopped, settled};
use crate::{asked, can_be_checked};

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
    kept: PathBuf,
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

#[test]
fn p01_no_acknowledged_byte_is_lost_by_power_cuts() {
    if !can_be_checked(forgetful::usable()) {
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

/// What one kill and the cut after it came to.
#[derive(Default)]
struct Fall {
    /// What was told between the two.
    told: u64,
    /// What was lost of the checkpoint, and of all else.
    lost: Lost,
    wronged: Option<String>,
}

/// Kills a server at a moment when a checkpoint is written and not yet synced, starts the next one on the same disk, which
/// finds it, and lets the power go as soon as that one has told an offset. `under` runs the second server.
fn kill_then_cut(stand: &Stand, sender: &mut Sender, seed: u64, when: usize, under: &[String]) -> Fall {
    let disk = stand.mount(seed, Honesty::Honest);
    let mut server = stand.ground.start();
    let begun = sender.begin(&server);
    assert!(matches!(begun, Stopped::Done), "{begun:?}");
    let killer = Killer::on(&server, "fdatasync", &checkpoints(&stand.ground), when);
    let stopped = sender.live(&server, sender.finished.len() + 1, &|| false);
    let broke = matches!(stopped, Stopped::Broke);
    assert!(
        broke || matches!(stopped, Stopped::Done),
        "the kill at sync {when} of a checkpoint: {stopped:?}"
    );
    // Whoever lets go of a process that is dying waits for ever.
    let dead = !broke || wait_until(Instant::now() + LIFE_MAX, || !server.runs());
    assert!(dead, "the server broke a connection and lives");
    drop(killer);
    server.kill();
    if !broke {
        // No thread came to so many syncs.
        finished(disk);
        return Fall::default();
    }
    let mut options = stand.ground.options(CONFIG);
    options.under = under.to_vec();
    let mut server = Server::start(&options);
    let told = sender.ask(&server).expect("the next server knows the upload");
    disk.cut_after(0);
    server.kill();
    let lost = finished(disk);
    let disk = stand.mount(seed, Honesty::Honest);
    let mut server = stand.ground.start();
    let goal = sender.finished.len() + 1;
    let wronged = match sender.ask(&server).map(|_| sender.live(&server, goal, &|| false)) {
        Ok(Stopped::Done) => None,
        Ok(Stopped::Wronged(why)) | Err(Stopped::Wronged(why)) => Some(why),
        Ok(other) | Err(other) => panic!("{other:?}"),
    };
    server.kill();
    finished(disk);
    Fall { told, lost, wronged }
}

/// The checkpoints of the uploads that are under way.
fn checkpoints(ground: &Ground) -> Vec<PathBuf> {
    let names = spool(&ground.data).into_iter().filter(|name| name.ends_with(".state"));
    names.map(|name| ground.data.join("spool").join(name)).collect()
}

/// Both tools are needed: one for the kill, the other for the cut.
fn usable() -> Result<(), String> {
    forgetful::usable().and_then(|()| strace_is_usable())
}

fn falls(count: u64, under: &[String]) -> Vec<Fall> {
    let (mut random, seed) = Random::seeded();
    let stand = Stand::new();
    let mut sender = Sender::new("sender", &stand.ground.mira, seed, 1_700_000..2_300_000);
    sender.piece_bytes = Some(400_000);
    let mut falls = Vec::new();
    for fall in 0..count {
        let when = 1 + random.below(3) as usize;
        falls.push(kill_then_cut(&stand, &mut sender, seed ^ fall, when, under));
        if falls.iter().any(|fall| fall.wronged.is_some()) {
            break;
        }
    }
    falls
}

/// A killed process leaves what it wrote in memory, where the next one reads it: that alone is no reason to tell it.
#[test]
fn p01_what_is_told_after_a_kill_outlives_a_power_cut_too() {
    if !can_be_checked(usable()) {
        return;
    }
    let falls = falls(asked("MILLPOND_CUTS", 50) / 5, &[]);
    let wronged: Vec<_> = falls.iter().filter_map(|fall| fall.wronged.as_deref()).collect();
    assert!(wronged.is_empty(), "{}", wronged.join("\n"));
    let told = falls.iter().filter(|fall| fall.told > 0).count();
    println!("{} kills and cuts: {told} times an offset was told in between", falls.len());
    assert!(told >= falls.len() / 3, "hardly anything was told");
}

/// The control: the second server's syncs of checkpoints are not made, though it is told that they were.
#[test]
fn a_checkpoint_that_is_told_and_not_synced_is_reported_by_the_same_proof() {
    if !can_be_checked(usable()) {
        return;
    }
    let no_sync = "-qq -D -f -o /dev/null -e trace=fdatasync -e inject=fdatasync:retval=0";
    let under: Vec<String> = ["strace"].into_iter().chain(no_sync.split(' ')).map(str::to_owned).collect();
    let falls = falls(CONTROL_CUTS, &under);
    let wronged = falls.iter().find_map(|fall| fall.wronged.as_deref());
    let lost: u64 = falls.iter().map(|fall| fall.lost.sectors).sum();
    println!("reported after {} kills and cuts ({lost} sectors lost): {wronged:?}", falls.len());
    assert!(wronged.is_some(), "an offset that was never synced was told {} times, and stood", falls.len());
}

#[test]
fn a_disk_that_lies_about_syncing_is_reported_by_the_same_proof() {
    if !can_be_checked(forgetful::usable()) {
        return;
    }
    let story = cuts(CONTROL_CUTS, Honesty::Lying);
    assert!(!story.wronged.is_empty(), "nothing was lost in {CONTROL_CUTS} cuts on a disk that lies");
    println!("reported: {}", story.wronged[0].lines().next().unwrap_or_default());
}
