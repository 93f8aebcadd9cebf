//! How many children fit into the walls at the same time.

use load::Findings;
use tests::rendition::{clips, judged};
use tests::viewer::{Shelf, told};
use xtask::corpus::Video;

use crate::{House, SOCKETS_MIB, conclude, is_long};

/// So many from 1080p into 360p must fit.
const AT_ONCE_MIN: f64 = 3.0;

#[test]
fn p04_several_renditions_of_1080p_are_made_at_once_and_none_is_killed() {
    let (seconds, renditions) = if is_long() { (30, 20) } else { (10, 6) };
    let video = Video { width: 1920, height: 1080, seconds };
    let house = House::new(renditions, &[video]);
    let before = house.rest();
    let asked = clips(video, 640, (0..renditions as u32).map(|number| number * 100));
    let targets: Vec<&str> = asked.iter().map(|asked| asked.target.as_str()).collect();
    let (seen, started) = house.watch(&targets, &Shelf::default());

    let mut findings = Findings::new();
    told(
        &format!("{renditions} viewers of {renditions} renditions of 1080p into 360p"),
        &seen,
        &mut findings,
    );
    judged(asked.iter().zip(&seen).filter_map(|(asked, seen)| Some((asked, seen.whole()?))), &mut findings);
    findings.at_least("children that made one, at once", started.making_at_once() as f64, AT_ONCE_MIN, "");
    house.judge(&before, &mut findings);
    conclude(&findings, &house.server);
}

/// The same look at a server that takes more than there is must say so: else the proof would prove nothing.
#[test]
fn a_child_that_is_killed_for_want_of_memory_is_seen() {
    let video = Video { width: 1920, height: 1080, seconds: 10 };
    let house = House::within(SOCKETS_MIB + 100, 3, &[video]);
    let asked = clips(video, 1280, (0..3).map(|number| number * 100));
    let targets: Vec<&str> = asked.iter().map(|asked| asked.target.as_str()).collect();
    let (seen, _) = house.watch(&targets, &Shelf::default());
    let mut findings = Findings::new();
    told("viewers", &seen, &mut findings);
    house.judge(&house.rest(), &mut findings);
    let broken = findings.broken().join("\n");
    assert!(broken.contains("processes killed for want of memory"), "{findings}");
    assert!(broken.contains("renditions that ended otherwise than made or refused"), "{findings}");
    assert!(broken.contains("served to the end"), "{findings}");
}
