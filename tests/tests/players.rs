//! Renditions in a real player: what a page of another origin sees in Debian's Chromium. Each scene leaves a screenshot.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::media::{ffmpeg, settle};
use tests::{Options, Server, clients};

/// A browser starts slowly on a busy machine, and plays no faster than somebody makes what it plays.
const WITHIN: Duration = Duration::from_secs(400);
const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
/// A browser leaves frames out when the machine is busy, so that the first one that it shows of a place is a later one. That
/// is the machine's doing and no server's: where the player is, the colours say, which are ten seconds each.
const FRAME_LATE_S: f64 = 1.0;

/// The left half says by its colour when it is: a third each is red, green and blue.
fn film(path: &Path, size: &str, seconds: u32) {
    let (third, picture) = (seconds / 3, format!("testsrc2=size={size}:rate=25:duration={seconds}"));
    let sound = format!("sine=frequency=440:duration={seconds}");
    let third_of = |number: u32, colour: &str| {
        let (from, to) = (number * third, (number + 1) * third);
        format!("drawbox=w=iw/2:c={colour}:t=fill:enable='gte(t,{from})*lt(t,{to})'")
    };
    let half = [third_of(0, "0xFF0000"), third_of(1, "0x00FF00"), third_of(2, "0x0000FF")].join(",");
    let half = format!("format=rgb24,{half},scale=out_color_matrix=bt709");
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    let coded = ["-vf", &half, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"];
    let colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-c:a", "aac"];
    ffmpeg([&inputs, &coded[..], &colours].concat(), path);
}

struct Cinema {
    server: Server,
    _films: tempfile::TempDir,
}

impl Cinema {
    fn of(size: &str, seconds: u32) -> Cinema {
        let films = tempfile::tempdir().expect("a folder");
        film(&films.path().join("a.mp4"), size, seconds);
        let root = films.path().display();
        let config = format!(
            "[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}\"\npublic = true\n"
        );
        let server = Server::start(&Options::default().config(&config));
        settle(films.path());
        Cinema { server, _films: films }
    }

    fn address(&self, target: &str) -> String {
        format!("http://{}{target}", self.server.address)
    }

    /// What a page sees, and what it was answered.
    fn plays(&self, scene: &str, address: &str) -> (Value, Vec<(u64, String, String)>) {
        let picture = picture(scene);
        let script = clients::browser_script("players.mjs");
        let arguments = [
            script.to_str().expect("a path in UTF-8"),
            scene,
            address,
            picture.to_str().expect("a path in UTF-8"),
            &self.server.admin.bearer(),
        ];
        let output = clients::run("node", &arguments, WITHIN);
        assert!(output.status.success(), "{scene}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{scene}: {}", picture.display());
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let answers = said["answers"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let answers = answers.iter().map(|one| (one[0].as_u64().unwrap_or(0), text(&one[1]), text(&one[2])));
        (said["seen"].clone(), answers.collect())
    }
}

/// Where the screenshot of a scene goes.
fn picture(scene: &str) -> PathBuf {
    let folder = xtask::files::target().join("tests/players");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join(format!("{scene}.png"))
}

/// Whether it is that colour, as far as encoders leave it. A picture whose player has to guess how its colours are written is
/// further away.
fn is(seen: &Value, colour: [u8; 3]) -> bool {
    let near =
        |(at, wanted): (usize, u8)| seen[at].as_u64().is_some_and(|seen| seen.abs_diff(wanted.into()) < 20);
    colour.into_iter().enumerate().all(near)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// It went to that moment and on from there.
fn went_on(seek: &Value, to: f64, colour: [u8; 3]) -> bool {
    let (first, last) = (number(&seek["first"]), number(&seek["last"]));
    (first - to).abs() < FRAME_LATE_S && last > first + 0.4 && is(&seek["colour"], colour)
}

#[test]
fn a_finished_rendition_plays_and_seeks() {
    let cinema = Cinema::of("640x360", 30);
    let target = "/clips/a.mp4?width=320";
    cinema.server.kept(target, &[]);
    let (seen, answers) = cinema.plays("progressive", &cinema.address(target));
    assert!((number(&seen["duration"]) - 30.0).abs() < 0.1, "{seen}");
    assert!(is(&seen["begin"]["colour"], RED), "{seen}");
    assert_eq!(seen["begin"]["size"], serde_json::json!([320, 180]));
    assert!(went_on(&seen["seek"], number(&seen["duration"]) * 0.8, BLUE), "{seen}");
    assert!(number(&seen["sound"]) > 0.0, "it is heard: {seen}");
    assert!(answers.iter().any(|(status, _, range)| *status == 206 && range.contains('/')), "{answers:?}");
}

#[test]
fn lists_play_seek_and_change_their_size() {
    let cinema = Cinema::of("640x360", 30);
    let (seen, answers) = cinema.plays("hls", &cinema.address("/clips/a.mp4/index.m3u8"));
    assert_eq!(seen["failed"], Value::Null, "{seen}");
    assert_eq!(seen["levels"].as_array().map(Vec::len), Some(4), "{seen}");
    assert_eq!(seen["begin"]["size"], serde_json::json!([160, 90]), "it begins with the first: {seen}");
    assert!(is(&seen["begin"]["colour"], RED), "{seen}");
    assert!((number(&seen["duration"]) - 30.0).abs() < 0.1, "{seen}");
    // The segment after the next begins at 8 s.
    assert!((5.0..7.0).contains(&number(&seen["on"])), "it goes over from one segment to the next: {seen}");
    assert!(went_on(&seen["seek"], number(&seen["duration"]) * 0.8, BLUE), "{seen}");
    assert_eq!((&seen["level"], &seen["size"]), (&Value::from(3), &serde_json::json!([640, 360])), "{seen}");
    assert!(went_on(&seen["back"], number(&seen["duration"]) * 0.2, RED), "{seen}");
    assert!(went_on(&seen["after"], number(&seen["duration"]) * 0.5, GREEN), "{seen}");
    assert!(number(&seen["sound"]) > 0.0, "it is heard: {seen}");
    let fatal = |error: &Value| error[1] == true;
    assert!(!seen["errors"].as_array().is_some_and(|errors| errors.iter().any(fatal)), "{seen}");
    let far = |(status, target, _): &(u64, String, String)| *status == 200 && target.contains("/video-6.m4s");
    assert!(answers.iter().any(far), "{answers:?}");
    let (seen, _) = cinema.plays("native", &cinema.address("/clips/a.mp4/index.m3u8?width=320"));
    println!("the browser's own player: {}", seen["duration"]);
    if seen["none"] != true {
        assert!(
            (number(&seen["duration"]) - 30.0).abs() < 0.1 && is(&seen["begin"]["colour"], RED),
            "{seen}"
        );
        assert!(went_on(&seen["seek"], number(&seen["duration"]) * 0.8, BLUE), "{seen}");
    }
    // What is not a segment any more is not played, so that the scene above says something.
    let (seen, _) = cinema.plays("damaged", &cinema.address("/clips/a.mp4/index.m3u8"));
    let (on, stopped) = (number(&seen["on"]), number(&seen["stopped"]));
    assert!(on >= 8.0 || stopped < 8.0, "the player leaves it out, or stops there: {seen}");
    assert!(seen["errors"].to_string().contains("fragParsingError"), "{seen}");
}

#[test]
fn a_rendition_in_the_making_plays_before_it_is_whole() {
    let cinema = Cinema::of("1920x1080", 60);
    let (seen, answers) = cinema.plays("growing", &cinema.address("/clips/a.mp4?width=854"));
    assert!(number(&seen["flights"]) >= 1.0, "the first frame was there before the flight had ended: {seen}");
    assert!(is(&seen["first_colour"], RED), "{seen}");
    assert_eq!(seen["error"], Value::Null, "{seen}");
    assert!((number(&seen["last"]) - 60.0).abs() < 0.2 && is(&seen["colour"], BLUE), "{seen}");
    assert!((number(&seen["duration"]) - 60.0).abs() < 0.2, "it ends as a whole video: {seen}");
    assert_eq!(
        answers.iter().filter(|(_, target, _)| target.contains("width=854")).count(),
        1,
        "{answers:?}"
    );
}

#[test]
fn frames_and_sheets_are_seen() {
    let cinema = Cinema::of("640x360", 30);
    let addresses = [
        cinema.address("/clips/a.mp4?mode=frame&width=320"),
        cinema.address("/clips/a.mp4?mode=spritesheet&width=160"),
    ];
    let (seen, _) = cinema.plays("pictures", &addresses.join("|"));
    assert_eq!(seen[0]["size"], serde_json::json!([320, 180]), "{seen}");
    assert!(is(&seen[0]["colours"][0], RED), "{seen}");
    assert_eq!(
        seen[1]["size"],
        serde_json::json!([160, 1_800]),
        "twenty pictures, one above the other: {seen}"
    );
    let colours = &seen[1]["colours"];
    assert!(is(&colours[1], RED) && is(&colours[0], GREEN) && is(&colours[2], BLUE), "{seen}");
}
