//! Pieces made one by one are the video that they are cut from.

use std::path::Path;
use std::process::Command;

use super::{clip, kbps, size, source, stage};
use crate::argv::Input;
use crate::plan::{Segments, Variant, plan};
use crate::recipe::{Codec, Fit, Fps, Piece, Recipe, Soundtrack, Speed, Video};

/// Boxes of an ISO file at the top: their kinds, and where they begin.
fn boxes(bytes: &[u8]) -> Vec<(String, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(header) = bytes.get(at..at + 8) {
        found.push((String::from_utf8_lossy(&header[4..]).into_owned(), at));
        at += u32::from_be_bytes(header[..4].try_into().unwrap()) as usize;
    }
    assert_eq!(at, bytes.len(), "boxes fill what there is");
    found
}

fn lines(program: &str, words: &[&str], path: &Path) -> Vec<String> {
    let mut command = Command::new(program);
    let printed = command.args(words).arg(path).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    String::from_utf8_lossy(&printed.stdout).lines().map(str::to_owned).collect()
}

/// When each packet of the stream is shown, in microseconds.
fn times(path: &Path) -> Vec<u64> {
    let words = ["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"];
    let us = |line: String| (line.trim_end_matches(',').parse::<f64>().unwrap() * 1e6).round() as u64;
    lines("ffprobe", &words, path).into_iter().map(us).collect()
}

/// Front and the rest of what was made for a piece, which is the same when it is made again.
fn made(piece: Piece, path: &Path) -> (Vec<u8>, Vec<u8>) {
    let plan = plan(&Recipe::Piece(piece.clone()), &stage::probe(path), Input::Descriptor).unwrap();
    let ran = stage::run("ffmpeg", &plan.argv, path);
    assert!(ran.is_success, "{piece:?}: {}", ran.words);
    assert!(ran.written == stage::run("ffmpeg", &plan.argv, path).written, "{piece:?} is made alike again");
    let at = boxes(&ran.written).iter().find(|(kind, _)| kind == "moof").unwrap().1;
    let mut front = ran.written;
    let rest = front.split_off(at);
    (front, rest)
}

/// A source made from these words.
fn film(folder: &Path, name: &str, words: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    let made =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(words.split(' ')).arg(&path).status();
    assert!(made.unwrap().success());
    path
}

/// Puts the segments together and looks: each picture comes at its even time, and the segments are as long as was said.
fn joined(asked: &Video, path: &Path, frames: usize, frame_us: f64) -> std::path::PathBuf {
    let segments = Segments::of_pictures(asked, &stage::probe(path)).unwrap();
    let (head, _) = made(Piece::head(asked), path);
    let (mut whole, mut said_us) = (head.clone(), 0);
    for number in 0..segments.count() {
        let (front, rest) = made(Piece::segment(asked, u32::try_from(number).unwrap()), path);
        assert!(front == head, "segment {number} needs the head that all have");
        whole.extend_from_slice(&rest);
        said_us += segments.length_us(number);
    }
    let played = path.with_extension("played.mp4");
    std::fs::write(&played, whole).unwrap();
    let times = times(&played);
    assert_eq!(times.len(), frames, "{times:?}");
    for (number, us) in times.iter().enumerate() {
        let expected_us = number as f64 * frame_us;
        assert!((*us as f64 - expected_us).abs() < 100.0, "frame {number} at {us} of {expected_us} us");
    }
    let is_us = frames as f64 * frame_us;
    assert!((said_us as f64 - is_us).abs() < 100.0, "{said_us} us were said, and it is {is_us}");
    played
}

/// How far apart the pictures of two videos are at the worst, as a signal to noise ratio in decibels.
fn worst_likeness(one: &Path, other: &Path, filter: &str) -> f64 {
    let graph = format!("[1:v]{filter},settb=1/1000[b];[0:v]settb=1/1000[a];[a][b]psnr=stats_file=-");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(one)
        .arg("-i")
        .arg(other)
        .args(["-lavfi", &graph, "-f", "null", "/dev/null"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let of =
        |line: &str| line.split("psnr_avg:").nth(1)?.split(' ').next()?.replace("inf", "99").parse().ok();
    let all: Vec<f64> = text.lines().filter_map(of).collect();
    assert!(!all.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    all.into_iter().fold(99.0, f64::min)
}

// A rate that no whole number of seconds is a whole number of pictures of, and key frames elsewhere than segments.
const FILM: &str = "-f lavfi -i testsrc2=size=160x90:rate=30000/1001:duration=9.5 -vf hue=h=40*n -c:v libx264 -preset veryfast -g 77 \
                    -pix_fmt yuv420p -threads 1";

#[test]
fn segments_join_without_a_gap_or_a_double_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "long.mp4", FILM);
    let small = Video { size: size(64, 0, Fit::Contain), ..Video::default() };
    let ntsc_us = 1_001_000.0 / 30.0;
    let played = joined(&small, &path, 285, ntsc_us);
    let likeness = worst_likeness(&played, &path, "scale=64:36");
    assert!(likeness > 24.0, "each picture is the one that the source has there: {likeness} dB");
    let late = worst_likeness(&played, &path, "scale=64:36,setpts=PTS+33");
    assert!(late < 20.0, "a picture late would be seen here: {late} of {likeness} dB");
    joined(&Video { clip: clip(1_000, 5_000), ..small.clone() }, &path, 150, ntsc_us);
    joined(&Video { fps: Some(Fps::new(10).unwrap()), ..small.clone() }, &path, 95, 100_000.0);
    joined(
        &Video { speed: Some(Speed::new(50).unwrap()), clip: clip(0, 4_000), ..small },
        &path,
        240,
        ntsc_us,
    );
}

#[test]
fn a_source_that_stands_still_has_all_its_segments() {
    // Three pictures in ten seconds, and times in milliseconds: most segments have none of their own.
    let still = "-f lavfi -i color=red:size=160x90:rate=10:duration=10 -vf hue=h=7*n,select='eq(n,0)+eq(n,17)+eq(n,99)' -vsync vfr \
                 -c:v libx264 -bf 2 -pix_fmt yuv420p -threads 1";
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "still.mkv", still);
    let asked = Video { fps: Some(Fps::new(10).unwrap()), ..Video::default() };
    let frames = Segments::of_pictures(&asked, &stage::probe(&path)).unwrap().units;
    let played = joined(&asked, &path, usize::try_from(frames).unwrap(), 100_000.0);
    // What is seen at 3 s, in the first segment, is still seen at 5 s and at 8.5 s.
    let at = |ms| stage::colour(&played, ms, 80, 45);
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 24);
    assert!(near(at(3_000), at(5_000)) && near(at(3_000), at(8_500)), "{:?} {:?}", at(3_000), at(8_500));
    assert!(!near(at(1_000), at(3_000)), "it is another picture than the first: {:?}", at(1_000));
}

/// Samples of the sound of a file, from the moment 0 on.
fn samples(path: &Path) -> usize {
    let words = ["-v", "error", "-i"];
    let mut command = Command::new("ffmpeg");
    let output = command.args(words).arg(path).args(["-map", "0:a", "-ac", "1", "-f", "s16le", "-"]).output();
    output.unwrap().stdout.len() / 2
}

#[test]
fn their_sound_is_what_was_said_before_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let sounds = [
        ("plain.mp4", "-f lavfi -i sine=duration=21.5:sample_rate=48000 -c:a aac"),
        (
            "late.mkv",
            "-f lavfi -i testsrc2=size=64x36:rate=5:duration=13 -itsoffset 1.5 -f lavfi -i sine=duration=7 -c:a \
                      libopus -pix_fmt yuv420p",
        ),
        ("wide.wav", "-f lavfi -i sine=duration=9.1:sample_rate=96000 -ac 6"),
    ];
    for (name, words) in sounds {
        let path = film(folder.path(), name, words);
        let probe = stage::probe(&path);
        for asked in [
            Video::default(),
            Video { clip: clip(1_500, 5_200), speed: Some(Speed::new(125).unwrap()), ..Video::default() },
        ] {
            let said = Segments::of_sound(&(&asked).into(), &probe).unwrap();
            let (front, rest) = made(Piece::sound(&asked), &path);
            let kinds = boxes(&rest);
            let fragments = kinds.iter().filter(|(kind, _)| kind == "moof").count() as u64;
            assert_eq!(fragments, said.count(), "{name}: {kinds:?}");
            let played = path.with_extension("sound.mp4");
            std::fs::write(&played, [front, rest].concat()).unwrap();
            let rate = u128::from(said.rate);
            let said_us: u128 = (0..said.count()).map(|number| u128::from(said.length_us(number))).sum();
            let said_samples = usize::try_from((said_us * rate + 500_000) / 1_000_000).unwrap();
            assert_eq!(samples(&played), said_samples, "{name}");
            // The encoder's own silence in front, and what fills up its last frame, are all that is more than was asked.
            let asked_us = super::super::video::at_speed(
                asked.clip.length_ms().or(probe.duration_ms).unwrap(),
                asked.speed,
            ) as u128
                * 1_000;
            let more = said_us.saturating_sub(asked_us) * rate / 1_000_000;
            assert!((1_023..=2_048).contains(&more), "{name}: {more} samples more than {asked_us} us");
        }
    }
}

/// What a list promises of sound alone is what is made, at each end of what may be asked.
#[test]
fn a_song_takes_the_bits_that_its_variant_says() {
    let folder = tempfile::tempdir().unwrap();
    let words = "-f lavfi -i anoisesrc=duration=13:sample_rate=44100 -ac 2 -c:a flac";
    let path = film(folder.path(), "noise.flac", words);
    let probe = stage::probe(&path);
    for (asked_kbps, least_kbps) in [(None, 100), (kbps(64), 55), (kbps(320), 200)] {
        let asked = Soundtrack { bitrate: asked_kbps, ..Soundtrack::default() };
        let (variant, segments) =
            (Variant::of_sound(&asked, &probe).unwrap(), Segments::of_sound(&asked, &probe).unwrap());
        let (_, rest) = made(Piece::sound(asked), &path);
        let bits_per_second = rest.len() as u64 * 8_000 / segments.whole_ms();
        let fits = least_kbps * 1_000..=variant.peak_bits_per_second;
        assert!(fits.contains(&bits_per_second), "{asked_kbps:?}: {bits_per_second} in {fits:?}");
        assert_eq!((variant.picture, variant.codecs.as_str()), (None, "mp4a.40.2"));
    }
}

#[test]
fn cuts_are_whole_pictures_and_the_last_is_what_is_left() {
    let of = |asked: &Video| Segments::of_pictures(asked, &source()).unwrap();
    let whole = of(&Video::default());
    assert_eq!(
        (whole.count(), whole.length_us(0), whole.length_us(14), whole.length_us(15)),
        (15, 4_000_000, 4_000_000, 0)
    );
    let part = of(&Video { clip: clip(1_000, 9_000), ..Video::default() });
    assert_eq!((part.count(), part.length_us(2)), (3, 1_000_000));
    let slow = of(&Video { speed: Some(Speed::new(25).unwrap()), clip: clip(0, 1_040), ..Video::default() });
    assert_eq!((slow.count(), slow.length_us(1)), (2, 166_667));
    for codec in [Codec::Vp9, Codec::H265, Codec::Av1] {
        assert!(Segments::of_pictures(&Video { codec, ..Video::default() }, &source()).is_err());
    }
    let mut endless = source();
    endless.duration_ms = Some(25 * 3_600_000);
    endless.video.as_mut().unwrap().duration_ms = None;
    assert!(Segments::of_pictures(&Video::default(), &endless).is_err());
}

#[test]
fn a_variant_is_what_the_stream_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    // Noise takes all the bits that it gets.
    let noise = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=9 -f lavfi -i anoisesrc=duration=9 -vf \
                 noise=alls=90:allf=t -c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1";
    let path = film(folder.path(), "noise.mp4", noise);
    let asked = Video { size: size(320, 0, Fit::Contain), ..Video::default() };
    let probe = stage::probe(&path);
    let (variant, segments) =
        (Variant::of(&asked, &probe).unwrap(), Segments::of_pictures(&asked, &probe).unwrap());
    let (size, rate) = variant.picture.unwrap();
    assert_eq!((size, rate.to_string().as_str()), ((320, 180), "25/1"));
    let (head, _) = made(Piece::head(&asked), &path);
    let at = head.windows(4).position(|four| four == b"avcC").unwrap();
    let [profile, constraints, level] = head[at + 5..at + 8] else { panic!("avcC is longer") };
    assert_eq!(variant.codecs, format!("avc1.{profile:02x}{constraints:02x}{level:02x},mp4a.40.2"));
    let mute = Variant::of(&Video { is_mute: true, ..asked.clone() }, &probe).unwrap();
    assert_eq!(mute.codecs.split(',').count(), 1);
    let all = (0..segments.count()).map(|number| {
        let (_, rest) = made(Piece::segment(&asked, u32::try_from(number).unwrap()), &path);
        (rest.len() as u64 * 8_000_000, segments.length_us(number))
    });
    let (all, most) = (all.collect::<Vec<_>>(), mute.peak_bits_per_second);
    // Of any that follow each other and last from half to one and a half of the target (RFC 8216 section 4.3.4.2).
    for begin in 0..all.len() {
        for end in begin + 1..=all.len() {
            let (bits, us) = all[begin..end].iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let is_counted = (2_000_000..=6_000_000).contains(&us);
            assert!(!is_counted || bits / us <= most, "{begin}..{end}: {} of {most}", bits / us);
            assert!(bits / us * 2 > most, "it is a bound that is near: {} of {most}", bits / us);
        }
    }
}
