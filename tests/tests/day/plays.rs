//! What listeners do.

use std::time::{Duration, Instant};

use tests::rendition::renditions;
use tests::{Random, wait_until};

use crate::from;
use crate::ground::{Ground, VIDEO};

/// Somebody who listens takes so much of a song in a second, as 256 kbit/s are.
const SECOND_BYTES: usize = 32_000;
/// What apps ask for of songs in another coding, with the length of the shortest song in mind.
const CODINGS: [&str; 4] =
    ["format=mp3&maxBitRate=96", "format=opus&maxBitRate=64", "format=aac&maxBitRate=96", "maxBitRate=64"];
/// The sizes of covers that apps ask for, in pixels.
const SIZES: [u32; 4] = [64, 160, 300, 600];
/// Renditions that somebody wants again and again.
const KEPT: usize = 6;
/// What apps ask for when they show something.
const LISTS: [(&str, &str, &str); 9] = [
    ("getAlbumList2", "type=random&size=50", "albumList2"),
    ("getAlbumList2", "type=newest&size=50", "albumList2"),
    ("getAlbumList2", "type=alphabeticalByName&size=500", "albumList2"),
    ("search3", "query=&artistCount=0&albumCount=0&songCount=200", "searchResult3"),
    ("search3", "query=lake&songCount=50", "searchResult3"),
    ("getArtists", "", "artists"),
    ("getIndexes", "", "indexes"),
    ("getRandomSongs", "size=100", "randomSongs"),
    ("getGenres", "", "genres"),
];

/// Plays a song to its end.
pub(crate) fn whole(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let tune = random.pick(&ground.tunes);
    let answer = ground.rest(from(number), "stream", &format!("id={}&format=raw", tune.id))?;
    match answer.body == *tune.bytes {
        true => Ok(()),
        false => Err(format!("{}: other bytes, {} of {}", tune.id, answer.body.len(), tune.bytes.len())),
    }
}

/// Jumps into a song.
pub(crate) fn range(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let tune = random.pick(&ground.tunes);
    let length = tune.bytes.len() as u64;
    let first = random.below(length);
    let last = (first + random.below(1 << 20)).min(length - 1);
    let target = format!("/rest/stream?id={}&format=raw&{}", tune.id, ground.server.mira.by_key());
    let answer = ground.get(from(number), &target, &[("Range", &format!("bytes={first}-{last}"))])?;
    let expected = &tune.bytes[first as usize..=last as usize];
    match answer.status == 206 && answer.body == expected {
        true => Ok(()),
        false => Err(format!("{target}, {first} to {last}: {}", answer.head())),
    }
}

/// Listens for some seconds, at the pace of the music, and leaves.
pub(crate) fn paced(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let tune = random.pick(&ground.tunes);
    let target = format!("/rest/stream?id={}&format=raw&{}", tune.id, ground.server.mira.by_key());
    let (mut connection, answer) = ground.begun(from(number), &target, &[])?;
    if answer.status != 200 {
        return Err(answer.head());
    }
    let mut heard = Vec::new();
    for _ in 0..1 + random.below(4) {
        let second = Instant::now() + Duration::from_secs(1);
        let wanted = (heard.len() + SECOND_BYTES).min(tune.bytes.len());
        while heard.len() < wanted {
            let piece = connection.read_some(wanted - heard.len()).map_err(|error| error.to_string())?;
            if piece.is_empty() {
                return Err(format!("{target}: it ended after {} bytes", heard.len()));
            }
            heard.extend(piece);
        }
        wait_until(second, || false);
    }
    match tune.bytes.starts_with(&heard) {
        true => Ok(()),
        false => Err(format!("{target}: other bytes")),
    }
}

/// Leaves as soon as the head is there, or a little of the song, whether it is sent as it is or made first.
pub(crate) fn broken_off(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let tune = random.pick(&ground.tunes);
    let coding = if random.percent(10) { *random.pick(&CODINGS) } else { "format=raw" };
    let target = format!("/rest/stream?id={}&{coding}&{}", tune.id, ground.server.mira.by_key());
    let (mut connection, answer) = ground.begun(from(number), &target, &[])?;
    match answer.status {
        200 if random.percent(50) => {
            connection.read_some(1_000).map(|_| ()).map_err(|error| error.to_string())
        }
        200 | 429 | 503 => Ok(()),
        _ => Err(format!("{target}: {}", answer.head())),
    }
}

/// Plays a song in another coding, from somewhere within it.
pub(crate) fn transcoded(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let tune = random.pick(&ground.tunes);
    let coding = random.pick(&CODINGS);
    let answer = ground.rest(
        from(number),
        "stream",
        &format!("id={}&{coding}&timeOffset={}", tune.id, random.below(2)),
    )?;
    match answer.header("content-type").starts_with("audio/") && answer.body.len() > 2_000 {
        true => Ok(()),
        false => Err(format!("{coding} of {}: {}", tune.id, answer.head())),
    }
}

/// Watches what is there already.
pub(crate) fn kept(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let videos = renditions(&[VIDEO], KEPT);
    let target = &random.pick(&videos).target;
    let deadline = Instant::now() + crate::ground::PATIENCE;
    loop {
        // The first who asks has it as it is made, or is told to come again.
        let answer = ground.get(from(number), target, &[])?;
        match answer.status {
            200 if answer.is_hit() => return Ok(()),
            200 | 202 if Instant::now() < deadline => {
                wait_until(Instant::now() + Duration::from_millis(100), || false);
            }
            _ => return Err(format!("{target}: {}", answer.head())),
        }
    }
}

/// Looks at a cover.
pub(crate) fn cover(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let query = format!("id={}&size={}", random.pick(&ground.covers), random.pick(&SIZES));
    let answer = ground.rest(from(number), "getCoverArt", &query)?;
    match [&[0xff, 0xd8][..], b"\x89PNG"].iter().any(|first| answer.body.starts_with(first)) {
        true => Ok(()),
        false => Err(format!("{query}: {} {}", answer.head(), answer.text())),
    }
}

/// Looks at a list.
pub(crate) fn list(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let (endpoint, query, content) = random.pick(&LISTS);
    let answer = ground.rest(from(number), endpoint, query)?.json();
    match answer["subsonic-response"][content].is_object() {
        true => Ok(()),
        false => Err(format!("{endpoint}?{query}: {answer}")),
    }
}
