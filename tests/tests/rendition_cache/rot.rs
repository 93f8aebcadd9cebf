//! A byte of a rendition changes on the disk: it is never sent under a right status, it is found, and the rendition is
//! made anew.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use tests::eventually;
use tests::http::Answer;

use crate::ground::{House, WITHIN, noise};

const BLOCK_BYTES: usize = 1 << 20;
/// Three blocks of FLAC and a bit.
const SECONDS: u32 = 18;

struct Case {
    wire: &'static str,
    place: usize,
    while_it_runs: bool,
}

/// Turns one bit over and leaves the times as they were.
fn flip(path: &Path, place: usize) {
    let file = std::fs::File::options().read(true).write(true).open(path).expect("a rendition");
    let modified = file.metadata().and_then(|found| found.modified()).expect("a time");
    let mut byte = [0];
    file.read_exact_at(&mut byte, place as u64).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], place as u64).expect("a byte");
    file.set_modified(modified).expect("a time");
}

/// What was sent is right as far as it goes, and does not pretend to be more.
fn assert_right(answer: &Answer, right: &[u8], what: &str) {
    if answer.status == 200 {
        assert!(right.starts_with(&answer.body), "{what}: wrong bytes were sent");
        assert_eq!(answer.whole, answer.body.len() == right.len(), "{what}: {}", answer.head());
    } else {
        assert!(answer.status >= 500 || answer.status == 202, "{what}: {}", answer.head());
    }
}

fn check(case: &Case) {
    let what = format!("wire {}, a bit at {}, running {}", case.wire, case.place, case.while_it_runs);
    let mut house = House::new(&format!("[stream]\nwire = \"{}\"\n", case.wire), "");
    noise(&house.public("noise.wav"), SECONDS);
    let target = "/clips/noise.wav?mode=audio&format=flac";
    let right = house.kept(target).body;
    assert!(right.len() > 3 * BLOCK_BYTES, "{what}: {} bytes", right.len());
    let file = house.made().pop().expect("a rendition on the disk");
    if !case.while_it_runs {
        house.server.stop();
    }
    flip(&file, case.place);
    if !case.while_it_runs {
        house.start_again();
    }
    let mut was_cut = false;
    let mut made_anew = false;
    eventually(&format!("{what}: it is made anew"), WITHIN, || {
        // The first block may be the bad one: the connection breaks before the head then, which is right too.
        let Ok(answer) = ask(&house, target) else {
            was_cut = true;
            return false;
        };
        assert_right(&answer, &right, &what);
        was_cut |= !answer.whole || answer.status >= 500;
        made_anew = was_cut && answer.whole && answer.body == right && answer.is_hit();
        made_anew || (!was_cut && answer.body == right && !file.exists())
    });
    assert!(was_cut, "{what}: somebody met the bad block");
    assert!(!file.exists(), "{what}: the bad file is gone");
    assert!(house.server.metric("renditions_rotten_total") >= 1.0, "{what}");
    assert!(house.server.metric("rendition_bad_blocks_total") >= 1.0, "{what}");
}

fn ask(house: &House, target: &str) -> std::io::Result<Answer> {
    let mut connection = tests::http::Connection::open(house.server.address)?;
    connection.send("GET", target, &[crate::ground::WHOLE_ONLY], b"")?;
    connection.read(false)
}

#[test]
fn p02_a_flipped_bit_of_a_rendition_is_never_sent_and_it_is_made_anew() {
    for case in [
        Case { wire: "auto", place: 2 * BLOCK_BYTES + 5_000, while_it_runs: false },
        Case { wire: "off", place: 2 * BLOCK_BYTES + 5_000, while_it_runs: false },
        Case { wire: "auto", place: 100, while_it_runs: false },
        Case { wire: "auto", place: BLOCK_BYTES + 9, while_it_runs: true },
    ] {
        check(&case);
    }
}

#[test]
fn a_rotten_rendition_that_nobody_asks_for_is_found_by_the_scrub() {
    let mut house = House::new("", "");
    noise(&house.public("noise.wav"), 5);
    let target = "/clips/noise.wav?mode=audio&format=flac";
    let right = house.kept(target).body;
    house.server.stop();
    let file = house.made().pop().expect("a rendition on the disk");
    flip(&file, 500_000);
    // As if it had not been looked at for a long time.
    house.forget_when_they_were_checked();
    house.start_again();
    eventually("the scrub removes it", Duration::from_secs(60), || !file.exists());
    assert_eq!(house.server.metric("renditions_rotten_total"), 1.0);
    assert!(house.server.output().contains("bytes had changed"), "the log says so");
    assert_eq!(house.kept(target).body, right);
}
