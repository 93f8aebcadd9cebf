//! A thousand viewers of one rendition that is not made yet.

use std::collections::HashSet;

use load::{Findings, loopback};
use tests::Viewer;
use tests::rendition::clips;
use tests::viewer::{Seen, Shelf, told};
use xtask::corpus::Video;

use crate::{House, NET, conclude, is_long};

const VIEWERS: usize = 1_000;

#[test]
fn a_thousand_viewers_of_one_rendition_are_one_child() {
    let seconds = if is_long() { 30 } else { 10 };
    let video = Video { width: 1920, height: 1080, seconds };
    let house = House::new(VIEWERS, &[video]);
    let before = house.rest();
    let counted_before = house.server.metric("transform_child_peak_bytes_count");
    let asked = clips(video, 640, 0..1).remove(0);
    let shelf = Shelf::default();
    let target = asked.target.as_str();
    let (mut seen, started) = house.watch(&[target; VIEWERS], &shelf);
    // Whoever comes later has what is kept.
    let from = loopback(NET, VIEWERS);
    seen.push(Viewer { server: house.server.address, from, target, shelf: &shelf }.watch());

    let mut findings = Findings::new();
    told(&format!("{VIEWERS} viewers"), &seen, &mut findings);
    let bodies: Vec<_> = seen.iter().filter_map(Seen::whole).collect();
    for (grew, name) in [(true, "as it grew"), (false, "whole")] {
        let same: Vec<_> = bodies.iter().filter(|body| body.grew == grew).collect();
        let different: HashSet<_> = same.iter().map(|body| &body.digest).collect();
        findings.note(format!("viewers who got it {name}"), same.len().to_string());
        findings.at_most(format!("different bodies {name}"), different.len() as f64, 1.0, "");
        if let Some(body) = same.first() {
            findings.equal(
                format!("what is wrong with it {name}"),
                asked.wrong(body).unwrap_or_default(),
                String::new(),
            );
        }
    }
    findings.at_least(
        "requests that joined",
        house.server.metric("rendition_joins_total"),
        VIEWERS as f64 / 2.0,
        "",
    );
    findings.equal("renditions that were begun", house.ended().values().sum::<usize>(), 1);
    findings.equal("children that made it, as the system shows them", started.making(), 1);
    // These are so short that the system may not show them.
    findings.at_most("children that looked at the source", started.looking() as f64, 1.0, "");
    findings.at_most("children that put its index in front", started.indexing() as f64, 1.0, "");
    let counted = house.server.metric("transform_child_peak_bytes_count") - counted_before;
    findings.equal("children that made it or its index, as the server counts them", counted, 2.0);
    house.judge(&before, &mut findings);
    conclude(&findings, &house.server);
}
