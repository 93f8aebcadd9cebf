//! Clients that vanish at any moment while their renditions are made.

use std::io::Read;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use load::Findings;
use tests::http::Connection;
use tests::media::{ffmpeg, video};
use tests::{Random, Rest, wait_until};

use crate::house::House;

/// Requests that are cut: enough to meet each stage of the making. `MILLPOND_ABORTS` asks for more.
const CUTS: usize = 300;
/// Clients at the same time.
const CLIENTS: usize = 16;
/// A client stays for so long at most.
const STAYS: Duration = Duration::from_millis(1_500);

/// So many requests at the beginning are for something that nobody makes within the time that a flight waits for others.
const LONG: usize = 6;

/// What is asked for: what grows while it is read, what does not, and widths enough that hardly any is kept already.
fn target(number: usize, random: &mut Random) -> String {
    let (width, ms) = (32 + 2 * random.below(200), random.below(10_000));
    if number < LONG {
        return format!("/clips/long.mp4?width={}", 600 + 2 * number);
    }
    let modes = ["", "&mode=frame", "&mode=audio", "&mode=spritesheet&imageCount=4", "&duration=2s"];
    format!("/clips/a.mp4?width={width}&time={ms}ms{}", random.pick(&modes))
}

/// One client: it asks, and is gone after a while, whatever it was told until then. What it was told, if it was.
fn cut(house: &House, number: usize, random: &mut Random) -> Option<u16> {
    let from = IpAddr::from([127, 0, 2, u8::try_from(1 + random.below(250)).expect("it is below")]);
    let until = Instant::now() + STAYS.mul_f64(random.below(1_000) as f64 / 1_000.0);
    let mut connection = Connection::open_from(from, house.server.address).ok()?;
    connection.send("GET", &target(number, random), &[], b"").ok()?;
    let mut status = None;
    let mut buffer = [0; 16 * 1_024];
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        connection.socket().set_read_timeout(Some(left)).ok()?;
        match connection.socket().read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(_) if status.is_none() => {
                status = std::str::from_utf8(&buffer[9..12]).ok().and_then(|code| code.parse().ok());
            }
            Ok(_) => {}
        }
    }
    status
}

#[test]
fn p04_requests_that_die_at_any_point_leave_no_child_no_file_and_no_permit() {
    let cuts = std::env::var("MILLPOND_ABORTS").ok().and_then(|text| text.parse().ok()).unwrap_or(CUTS);
    let house = House::new("[limits]\nstreams = 0\nstreams_per_user = 0\n", |_, clips| {
        let short = clips.join("a.mp4");
        video(&short, "640x360", 12, &[]);
        let short = short.to_str().expect("a path in UTF-8");
        ffmpeg(["-stream_loop", "149", "-i", short, "-c", "copy"], &clips.join("long.mp4"));
    });
    // What comes once and stays is there before the first count: a look at the source, the cache's connections.
    assert_eq!(house.get("/clips/a.mp4?mode=frame&width=500", &[]).status, 200);
    house.at_rest();
    // Originals and what was made stay open for a while in caches of bounded size.
    let made = house.server.data.join("cache/made");
    let aside = [house.clips.path(), &made];
    let before = Rest::of(&house.server, &aside);
    let (number, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (_, seed) = Random::seeded();
    let (most_children, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut random = Random::new(seed.wrapping_add(client as u64));
            let (house, number, busy, answered) = (&house, &number, &busy, &answered);
            scope.spawn(move || {
                loop {
                    let number = number.fetch_add(1, Ordering::Relaxed);
                    if number >= cuts {
                        break;
                    }
                    match cut(house, number, &mut random) {
                        Some(429 | 503) => busy.fetch_add(1, Ordering::Relaxed),
                        Some(_) => answered.fetch_add(1, Ordering::Relaxed),
                        None => 0,
                    };
                }
            });
        }
        while number.load(Ordering::Relaxed) < cuts {
            most_children.fetch_max(house.children().len(), Ordering::Relaxed);
            wait_until(Instant::now() + Duration::from_millis(50), || false);
        }
    });
    house.at_rest();
    let (gone, whole) = (house.ended("gone"), house.ended("made"));
    println!(
        "{cuts} cuts: {} were answered, {} refused; {whole} renditions were made, {gone} given up; {} children at once",
        answered.into_inner(),
        busy.into_inner(),
        most_children.load(Ordering::Relaxed),
    );
    assert!(gone > 0.0, "nothing was given up: nothing is shown");
    assert!(most_children.into_inner() > 0, "no child was seen: nothing is shown");
    let mut findings = Findings::new();
    before.given_back(&house.server, &aside, &mut findings);
    println!("{findings}");
    assert!(findings.broken().is_empty(), "{:?}", findings.broken());
}
