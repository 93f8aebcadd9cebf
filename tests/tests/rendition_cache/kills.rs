//! The server is killed while it makes renditions, at random moments: after the restart no half one is ever given.

use std::time::{Duration, Instant};

use tests::http::{Answer, Connection};
use tests::{Random, wait_until};

use crate::ground::{House, WHOLE_ONLY, video, walk};

const WIDTHS: [u32; 3] = [160, 320, 480];

fn targets() -> Vec<String> {
    let videos = WIDTHS.iter().map(|width| format!("/clips/long.mp4?width={width}"));
    let others = ["mode=spritesheet&width=160&columns=5", "mode=audio&format=flac", "mode=audio"];
    videos.chain(others.iter().map(|options| format!("/clips/long.mp4?{options}"))).collect()
}

/// `MILLPOND_KILLS` is how often.
#[test]
fn p03_a_kill_at_any_moment_leaves_no_half_rendition() {
    let kills: u64 = std::env::var("MILLPOND_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let (mut random, _) = Random::seeded();
    let mut house = House::new("", "");
    video(&house.public("long.mp4"), "640x360", 20, 0);
    let targets = targets();
    let right: Vec<Vec<u8>> = targets.iter().map(|target| house.kept(target).body).collect();
    let (mut hits, mut cut) = (0, 0);
    for kill in 0..kills {
        let (is_purged, said) = house.command(&["purge", "--all"]);
        assert!(is_purged, "{said}");
        let address = house.server.address;
        let asking: Vec<_> =
            targets.iter().cloned().map(|target| std::thread::spawn(move || ask(address, &target))).collect();
        // The first is killed before anything can be whole, so that one at least is cut, however fast the machine is.
        let life = Duration::from_millis(50 + if kill == 0 { 0 } else { random.below(4_000) });
        wait_until(Instant::now() + life, || asking.iter().all(|one| one.is_finished()));
        house.server.kill();
        for (asking, right) in asking.into_iter().zip(&right) {
            match asking.join().expect("a client ends") {
                Some(answer) if answer.status == 200 && answer.whole => assert_eq!(&answer.body, right),
                _ => cut += 1,
            }
        }
        house.start_again();
        let making = walk(&house.server.data.join("cache/making"));
        assert!(making.is_empty(), "kill {kill}: {making:?}");
        for (target, right) in targets.iter().zip(&right) {
            let answer = house.get(target);
            hits += u64::from(answer.is_hit());
            // What takes longer than anybody waits for is told to come back.
            if answer.status == 200 {
                assert!(answer.whole && &answer.body == right, "kill {kill}, {target}: {}", answer.head());
            }
            let answer = house.kept(target);
            assert_eq!(&answer.body, right, "kill {kill}, {target}");
        }
    }
    println!("{kills} kills: {cut} answers were cut off, {hits} renditions were whole before and kept");
    assert!(cut > 0, "some were killed in the middle");
}

fn ask(address: std::net::SocketAddr, target: &str) -> Option<Answer> {
    let mut connection = Connection::open(address).ok()?;
    connection.send("GET", target, &[WHOLE_ONLY], b"").ok()?;
    connection.read(false).ok()
}
