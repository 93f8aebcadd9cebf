//! What makes the server work: uploads, renditions, songs taken apart, and a library that changes.

use std::time::{Duration, Instant};

use load::loopback;
use tests::http::{Connection, request_head};
use tests::rendition::clips;
use tests::sound::{Noise, WAV_HEAD_BYTES, wav};
use tests::tus::{PATCH_TYPE, location, metadata, sha256_hex};
use tests::viewer::Shelf;
use tests::{Musician, Random, Tus, Viewer, wait_until};

use crate::from;
use crate::ground::{Ground, PATIENCE, VIDEO};

/// What is uploaded: six seconds.
const UPLOAD_BYTES: u64 = 1_000_000;
/// The widths that new renditions have; each starts at another moment too.
const WIDTHS: [u32; 3] = [320, 480, 640];
/// A song to take apart, and one that is long enough to be cancelled.
const SONG_SECONDS: usize = 20;
const CANCELLED_SECONDS: usize = 90;

fn song(number: u64, seconds: usize) -> Vec<u8> {
    wav(number, WAV_HEAD_BYTES + seconds * 44_100 * 4)
}

/// Uploads a song that nobody has.
pub(crate) fn upload(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let names = metadata(&[("filename", "noise.wav"), ("title", &format!("Noise {number}"))]);
    let tus = Tus::of(&ground.server, &ground.uploader);
    let noise = Noise::new(number, UPLOAD_BYTES);
    for _ in 0..100 {
        let (answer, digest) =
            tus.stream(&noise, &names, Some(from(number))).map_err(|error| error.to_string())?;
        match answer.status {
            204 => {
                let stored = tus.audio(&digest).map_err(|error| error.to_string())?;
                let is_it = stored.whole && sha256_hex(&stored.body) == digest;
                return if is_it { Ok(()) } else { Err(format!("{digest}: {}", stored.head())) };
            }
            429 | 503 => answer.come_back(),
            _ => return Err(format!("{} {}", answer.head(), answer.text())),
        };
    }
    Err("refused again and again".to_owned())
}

/// Sends half of a song, and breaks off in the middle of a request. Where the upload is.
fn half(ground: &Ground, number: u64) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let tus = Tus::of(&ground.server, &ground.uploader);
    let names = metadata(&[("filename", "half.wav")]);
    let made = tus.create(Some(UPLOAD_BYTES), &names, &[]).map_err(failed)?;
    let at = location(&made).ok_or_else(|| format!("{} {}", made.head(), made.text()))?;
    let mut connection = Connection::open_from(from(number), ground.server.address).map_err(failed)?;
    let fields = [
        ("Tus-Resumable", "1.0.0"),
        ("Authorization", tus.authorization.as_str()),
        ("Upload-Offset", "0"),
        ("Content-Type", PATCH_TYPE),
        ("Content-Length", &UPLOAD_BYTES.to_string()),
    ];
    connection.send_raw(request_head("PATCH", &at, &fields).as_bytes()).map_err(failed)?;
    connection.send_raw(&wav(number, UPLOAD_BYTES as usize)[..UPLOAD_BYTES as usize / 2]).map_err(failed)?;
    Ok(at)
}

/// Begins an upload and gives it up, in so many words.
pub(crate) fn upload_given_up(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let at = half(ground, number)?;
    let tus = Tus::of(&ground.server, &ground.uploader);
    // Whoever receives it notices soon that nobody sends any more; until then it may be busy.
    let mut last = String::new();
    let given_up = wait_until(Instant::now() + PATIENCE, || match tus.request("DELETE", &at, &[], b"") {
        Ok(answer) => {
            last = answer.head();
            answer.status == 204
        }
        Err(error) => {
            last = error.to_string();
            false
        }
    });
    if given_up { Ok(()) } else { Err(format!("DELETE {at}: {last}")) }
}

/// Begins an upload and forgets it; those that were forgotten long enough ago must be gone.
pub(crate) fn upload_left(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let at = half(ground, number)?;
    let tus = Tus::of(&ground.server, &ground.uploader);
    let mut left = ground.left.lock().expect("one at a time");
    left.push((Instant::now(), at));
    let lifetime = ground.lifetime + Duration::from_secs(2);
    let gone: Vec<_> = left.extract_if(.., |(since, _)| since.elapsed() > lifetime).collect();
    for (_, at) in gone {
        let answer = tus.head(&at).map_err(|error| error.to_string())?;
        if !matches!(answer.status, 404 | 410) {
            return Err(format!("{at} has not expired: {}", answer.head()));
        }
    }
    Ok(())
}

/// Wants a rendition that nobody wanted before, and looks at every frame of it.
pub(crate) fn rendition(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let width = WIDTHS[number as usize % WIDTHS.len()];
    let start_ms = (number as u32 / WIDTHS.len() as u32) % 2_900;
    let asked = clips(VIDEO, width, std::iter::once(start_ms)).remove(0);
    let shelf = Shelf::default();
    let server = ground.server.address;
    let seen = Viewer { server, from: from(number), target: &asked.target, shelf: &shelf }.watch();
    match seen.body {
        Some(Ok(body)) => asked.wrong(&body).map_or(Ok(()), Err),
        Some(Err(why)) => Err(why),
        None => Err("no answer".to_owned()),
    }
}

fn musician(ground: &Ground, number: u64) -> Musician {
    Musician::of(&ground.server, &ground.musician, loopback(31, (number % 50) as usize))
}

/// Has a song taken apart, and takes both of its stems.
pub(crate) fn stems(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let musician = musician(ground, number);
    let job = musician.send("song.wav", &song(number, SONG_SECONDS))?;
    musician.done(&job)?;
    let zip = musician.ask("GET", &format!("/jobs/{job}/result"), b"")?;
    let least = 2 * SONG_SECONDS * 44_100 * 4;
    match zip.status == 200 && zip.whole && zip.body.starts_with(b"PK") && zip.body.len() > least {
        true => Ok(()),
        false => Err(zip.head()),
    }
}

/// Has a song taken apart, and changes its mind at some moment.
pub(crate) fn stems_cancelled(ground: &Ground, random: &mut Random, number: u64) -> Result<(), String> {
    let musician = musician(ground, number);
    let job = musician.send("song.wav", &song(1 << 32 | number, CANCELLED_SECONDS))?;
    wait_until(Instant::now() + Duration::from_millis(random.below(300)), || false);
    let answer = musician.ask("DELETE", &format!("/jobs/{job}"), b"")?;
    match (answer.status, musician.state(&job)?.as_str()) {
        (200 | 204, "cancelled" | "completed") => Ok(()),
        (_, state) => Err(format!("{} {state}", answer.head())),
    }
}

/// Lets the folder of an artist come, or the one that is there go, and waits until the scan has seen it.
pub(crate) fn folder(ground: &Ground, _: &mut Random, number: u64) -> Result<(), String> {
    let album = &ground.albums[number as usize / 2 % ground.albums.len()];
    match number % 2 {
        0 => ground.later.fill(album),
        _ => ground.later.remove(album),
    }
    ground.server.subsonic("startScan", "");
    let over = wait_until(Instant::now() + PATIENCE, || {
        wait_until(Instant::now() + Duration::from_millis(200), || false);
        ground.server.subsonic("getScanStatus", "")["scanStatus"]["scanning"] == false
    });
    if over { Ok(()) } else { Err("the scan does not end".to_owned()) }
}
