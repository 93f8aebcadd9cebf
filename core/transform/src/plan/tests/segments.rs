//! Segments made one by one are the video that they are cut from.

use std::path::Path;
use std::process::Command;

use super::{clip, size, source, stage};
use crate::argv::Input;
use crate::plan::{Segments, segment, segment_sound};
use crate::recipe::{Codec, Fit, Fps, Speed, Video};

/// Parts of ISO boxes at the top: their kinds, and where they begin.
fn boxes(bytes: &[u8]) -> Vec<(String, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(header) = bytes.get(at..at + 8) {
        found.push((String::from_utf8_lossy(&header[4..]).into_owned(), at));
        at += u32::from_be_bytes(header[..4].try_into().unwrap()) as usize;
    }
    assert_eq!(at, bytes.len(), "boxes fill what there is");
    found
}

/// When each packet is shown, in milliseconds.
fn times(path: &Path) -> Vec<u64> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
    ]);
    let printed = ffprobe.arg(path).output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    printed
        .lines()
        .map(|line| (line.trim_end_matches(',').parse::<f64>().unwrap() * 1_000.0).round() as u64)
        .collect()
}

fn check(asked: &Video, frames: usize, frame_us: u64) {
    // A rate that no segment is a whole number of frames of, and keyframes elsewhere than segments.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.mp4");
    let made = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=160x90:rate=30000/1001:duration=9.5",
        ])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "77", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let probe = stage::probe(&path);
    let segments = Segments::of(asked, &probe).unwrap();
    let (mut whole, mut beginning) = (Vec::new(), Vec::new());
    for number in 0..segments.count {
        let plan = segment(asked, &probe, Input::Descriptor, number).unwrap();
        let ran = stage::run("ffmpeg", &plan.argv, &path);
        assert!(ran.is_success, "{}", ran.words);
        let first_fragment = boxes(&ran.written).iter().find(|(kind, _)| kind == "moof").unwrap().1;
        let (front, media) = ran.written.split_at(first_fragment);
        assert!(beginning.is_empty() || beginning == front, "segment {number} begins like no other");
        beginning = front.to_vec();
        whole.extend_from_slice(media);
        let again = stage::run("ffmpeg", &plan.argv, &path);
        assert!(again.written == ran.written, "segment {number} is another one when it is made again");
    }
    let played = folder.path().join("played.mp4");
    std::fs::write(&played, [beginning, whole].concat()).unwrap();
    let times = times(&played);
    assert_eq!(times.len(), frames, "{times:?}");
    for (number, ms) in times.iter().enumerate() {
        let expected_us = number as u64 * frame_us;
        // A frame is at most half of itself away from where it was, wherever it was cut.
        assert!(
            (ms * 1_000).abs_diff(expected_us) <= frame_us / 2 + 1_000,
            "frame {number} at {ms} ms: {times:?}"
        );
    }
}

#[test]
fn segments_join_without_a_gap_or_a_double_frame() {
    let small = Video { size: size(64, 0, Fit::Contain), ..Video::default() };
    check(&small, 285, 33_367);
    check(&Video { codec: Codec::H265, clip: clip(1_000, 5_000), ..small.clone() }, 150, 33_367);
    check(&Video { fps: Some(Fps::new(10).unwrap()), ..small.clone() }, 95, 100_000);
    check(&Video { speed: Some(Speed::new(50).unwrap()), clip: clip(0, 4_000), ..small }, 240, 33_367);
}

#[test]
fn the_last_segment_is_what_is_left() {
    let of = |asked: &Video| Segments::of(asked, &source()).unwrap();
    let whole = of(&Video::default());
    assert_eq!(
        (whole.count, whole.length_ms(0), whole.length_ms(14), whole.length_ms(15)),
        (15, 4_000, 4_000, 0)
    );
    let part = of(&Video { clip: clip(1_000, 9_000), ..Video::default() });
    assert_eq!((part.count, part.length_ms(2)), (3, 1_000));
    let slow = of(&Video { speed: Some(Speed::new(25).unwrap()), clip: clip(0, 1_001), ..Video::default() });
    assert_eq!((slow.count, slow.length_ms(1)), (2, 4));
    assert!(Segments::of(&Video { codec: Codec::Vp9, ..Video::default() }, &source()).is_err());
}

#[test]
fn their_sound_is_one_piece_in_fragments() {
    let path = stage::source("plain.mp4");
    let plan = segment_sound(&Video::default(), &stage::probe(&path), Input::Descriptor).unwrap();
    let ran = stage::run("ffmpeg", &plan.argv, &path);
    assert!(ran.is_success, "{}", ran.words);
    let kinds: Vec<String> = boxes(&ran.written).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["ftyp", "moov", "moof", "mdat"]);
}
