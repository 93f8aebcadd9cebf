//! Many viewers of many renditions at once.

use std::collections::HashMap;

use load::Findings;
use tests::rendition::{Asked, judged, renditions};
use tests::viewer::{Body, Seen, Shelf, told};
use xtask::corpus::Video;

use crate::{House, conclude, is_long};

#[test]
fn p04_viewers_of_many_renditions_at_once_are_served_right_and_nothing_is_killed() {
    let (viewers, each, seconds) = if is_long() { (200, 20, 10) } else { (40, 4, 4) };
    let videos = [(1920, 1080), (3840, 2160)].map(|(width, height)| Video { width, height, seconds });
    let asked = renditions(&videos, each);
    let house = House::new(viewers, &videos);
    let before = house.rest();
    let wanted: Vec<&Asked> = (0..viewers).map(|number| &asked[number % asked.len()]).collect();
    let targets: Vec<&str> = wanted.iter().map(|asked| asked.target.as_str()).collect();
    let (seen, started) = house.watch(&targets, &Shelf::default());

    let mut findings = Findings::new();
    let who = format!("{viewers} viewers of {} renditions", asked.len());
    told(&who, &seen, &mut findings);
    let bodies = bodies(&wanted, &seen);
    judged(bodies.iter().copied(), &mut findings);
    // One as it grew, and one whole, is all that there may be of a rendition.
    let most = counted(&bodies).into_values().max().unwrap_or(0);
    findings.at_most(
        "different bodies of one rendition, of those as they grew or of the whole ones",
        most as f64,
        1.0,
        "",
    );
    findings.note("children that made one, at once", started.making_at_once().to_string());
    findings.note("children that made one, together", started.making().to_string());
    house.judge(&before, &mut findings);
    conclude(&findings, &house.server);
}

/// Every different body that came, with what was asked for.
fn bodies<'a>(wanted: &[&'a Asked], seen: &'a [Seen]) -> Vec<(&'a Asked, &'a Body)> {
    let mut bodies: HashMap<(&str, &str), (&Asked, &Body)> = HashMap::new();
    for (asked, seen) in wanted.iter().zip(seen) {
        if let Some(body) = seen.whole() {
            bodies.insert((&asked.target, &body.digest), (asked, body));
        }
    }
    bodies.into_values().collect()
}

fn counted<'a>(bodies: &[(&'a Asked, &Body)]) -> HashMap<(&'a str, bool), usize> {
    let mut counted = HashMap::new();
    for (asked, body) in bodies {
        *counted.entry((asked.target.as_str(), body.grew)).or_default() += 1;
    }
    counted
}
