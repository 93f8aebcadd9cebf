//! Sources that are not as most are, made by the ffmpeg that is here: what comes out is looked at and listened to.

use std::path::Path;
use std::process::Command;

use super::stage::{self, colour, look, make, picture_times};
use super::{clip, kbps, size};
use crate::argv::Input;
use crate::plan::plan;
use crate::probe::{Matrix, probe_args};
use crate::recipe::{Audio, Codec, Encoding, Fit, Fps, Frame, Picture, Recipe, Speed, Sprite, Video};
use crate::sniff::{Demuxer, refused_decoder};

fn video(video: Video) -> Recipe {
    Recipe::Video(video)
}

/// Of a hundred frames that ffmpeg has an opinion of, how many it sees as two moments. It errs now and then.
fn combed(path: &Path) -> u32 {
    let mut said = Command::new("ffmpeg");
    said.args(["-nostdin", "-hide_banner", "-i"]).arg(path);
    let said = said.args(["-vf", "idet", "-an", "-f", "null", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let line = said.lines().find(|line| line.contains("Multi frame")).expect("ffmpeg looked");
    let count = |word: &str| -> u32 {
        let (_, rest) = line.split_once(word).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let two = count("TFF:") + count("BFF:");
    100 * two / (two + count("Progressive:"))
}

#[test]
fn frames_of_two_moments_become_whole_pictures_and_others_are_left_alone() {
    let source = stage::source("fields.ts");
    assert!(stage::probe(&source).video.unwrap().is_interlaced);
    assert_eq!(combed(&source), 100, "the source is what it says");
    let made = make("fields.ts", &video(Video::default()));
    assert!(combed(made.file.path()) < 15);
    assert_eq!(look(made.file.path())["v.nb_read_packets"], "50", "as many frames as there were");
    // Whatever else is done with frames is done with whole ones.
    let fast = Video { speed: Some(Speed::new(200).unwrap()), ..Video::default() };
    let words = format!("{:?}", plan(&video(fast), &stage::probe(&source), Input::Descriptor).unwrap().argv);
    assert!(words.find("bwdif").unwrap() < words.find("setpts").unwrap(), "{words}");
    make("fields.ts", &Recipe::Frame(Frame { at_ms: 1_000, ..Frame::default() }));
    let sheet = Sprite::new(clip(0, 0), size(160, 0, Fit::Contain), 4, 2).unwrap();
    let sheet = look(make("fields.ts", &Recipe::Sprite(sheet)).file.path());
    assert_eq!((&*sheet["v.width"], &*sheet["v.height"]), ("320", "256"));
    let plain = stage::probe(&stage::source("plain.mp4"));
    assert!(!plain.video.as_ref().unwrap().is_interlaced);
    let words = format!("{:?}", plan(&video(Video::default()), &plain, Input::Descriptor).unwrap().argv);
    assert!(!words.contains("bwdif"), "{words}");
}

#[test]
fn frames_keep_their_own_times_where_these_are_not_even() {
    let source = stage::source("uneven.mp4");
    assert!(stage::probe(&source).video.unwrap().is_variable);
    let were = picture_times(&source);
    // Thirty in the first second, five in each that follows.
    assert_eq!(were.len(), 45);
    for (codec, bitrate) in [(Codec::H264, None), (Codec::H265, None), (Codec::Vp9, kbps(200))] {
        let small = Video { codec, bitrate, size: size(64, 0, Fit::Contain), ..Video::default() };
        let are = picture_times(make("uneven.mp4", &video(small)).file.path());
        assert_eq!(are.len(), were.len(), "{codec:?}: none is doubled, and none is lost");
        let moved = were.iter().zip(&are).filter(|(was, is)| (*was - *is).abs() > 0.005);
        assert_eq!(moved.count(), 0, "{codec:?}: {were:?} became {are:?}");
    }
    let fast = Video { speed: Some(Speed::new(200).unwrap()), ..Video::default() };
    let are = picture_times(make("uneven.mp4", &video(fast)).file.path());
    assert!(
        are.len() == 45 && are.iter().zip(&were).all(|(is, was)| (is * 2.0 - was).abs() < 0.005),
        "{are:?}"
    );
    // Whoever asks for a rate gets an even one.
    let even = Video { fps: Some(Fps::new(10).unwrap()), ..Video::default() };
    let are = picture_times(make("uneven.mp4", &video(even)).file.path());
    assert!(are.windows(2).all(|two| (two[1] - two[0] - 0.1).abs() < 0.005), "{are:?}");
}

/// When the first loud sample comes, in seconds.
fn first_sound(path: &Path) -> f64 {
    let mut decoded = Command::new("ffmpeg");
    decoded.args(["-nostdin", "-v", "error", "-i"]).arg(path);
    let decoded = decoded.args(["-vn", "-ac", "1", "-ar", "8000", "-f", "s16le", "pipe:1"]).output().unwrap();
    let (samples, _) = decoded.stdout.as_chunks::<2>();
    let first = samples.iter().position(|pair| i16::from_le_bytes(*pair).unsigned_abs() > 1_000).unwrap();
    first as f64 / 8_000.0
}

#[test]
fn sound_stays_with_its_pictures_where_some_of_it_is_missing() {
    // Nothing is heard before 2.5 s, and from 1 s to 2 s there is not even silence.
    for codec in [Codec::H264, Codec::Vp9] {
        let made =
            make("gap.mkv", &video(Video { codec, size: size(64, 64, Fit::Contain), ..Video::default() }));
        let at = first_sound(made.file.path());
        assert!((at - 2.5).abs() < 0.1, "{codec:?}: it is heard at {at} s");
    }
    let fast = Video { speed: Some(Speed::new(200).unwrap()), ..Video::default() };
    let at = first_sound(make("gap.mkv", &video(fast)).file.path());
    assert!((at - 1.25).abs() < 0.1, "at twice the speed it is heard at {at} s");
}

#[test]
fn of_several_tracks_the_one_is_taken_that_is_meant_to_be() {
    let probe = stage::probe(&stage::source("tracks.mkv"));
    let languages: Vec<_> =
        probe.sounds.iter().map(|sound| (sound.index, sound.language.as_deref())).collect();
    assert_eq!(languages, [(1, Some("deu")), (2, Some("eng"))]);
    let texts: Vec<_> = probe.texts.iter().map(|text| (&*text.codec, text.language.as_deref())).collect();
    assert_eq!(texts, [("subrip", Some("fra"))]);
    assert_eq!(probe.audio.as_ref().map(|sound| (sound.index, sound.channels)), Some((2, 2)));
    for recipe in
        [video(Video::default()), Recipe::Audio(Audio { encoding: Encoding::M4a, ..Audio::default() })]
    {
        let found = look(make("tracks.mkv", &recipe).file.path());
        assert_eq!(found["a.channels"], "2", "the first track has one channel: {found:?}");
        assert!(!found.keys().any(|key| key.starts_with("other.")), "texts are left out: {found:?}");
    }
}

#[test]
fn colours_are_the_same_in_whatever_they_are_written() {
    let is_red = |path: &Path, what: &str| {
        let [red, green, blue] = colour(path, 0, 20, 20);
        assert!(red > 245 && green < 12 && blue < 12, "{what}: {red} {green} {blue}");
    };
    for (name, matrix) in
        [("red720.mp4", Matrix::Bt709), ("red180.mp4", Matrix::Bt601), ("red.gif", Matrix::Rgb)]
    {
        assert_eq!(stage::probe(&stage::source(name)).video.unwrap().matrix, matrix, "{name}");
        for picture in [Picture::Jpeg, Picture::Png, Picture::Webp] {
            let frame =
                Recipe::Frame(Frame { size: size(160, 0, Fit::Contain), picture, ..Frame::default() });
            is_red(make(name, &frame).file.path(), &format!("{picture:?} of {name}"));
        }
        let sheet = Recipe::Sprite(Sprite::new(clip(0, 0), size(80, 0, Fit::Contain), 2, 2).unwrap());
        is_red(make(name, &sheet).file.path(), &format!("sheet of {name}"));
        let made = make(name, &video(Video { size: size(160, 0, Fit::Contain), ..Video::default() }));
        is_red(made.file.path(), &format!("video of {name}"));
        let said = &look(made.file.path())["v.color_space"];
        assert_eq!(said, if matrix == Matrix::Bt709 { "bt709" } else { "smpte170m" }, "{name}");
    }
}

#[test]
fn bright_light_is_brought_down_and_not_only_cut() {
    // Reference white of bright video is three fifths of the scale, which screens would show as grey.
    let made = make("bright.mkv", &video(Video::default()));
    let found = look(made.file.path());
    assert_eq!((&*found["v.color_transfer"], &*found["v.color_space"]), ("bt709", "bt709"));
    let [red, green, blue] = colour(made.file.path(), 0, 20, 20);
    assert!(red > 175 && red.abs_diff(green) < 6 && red.abs_diff(blue) < 6, "{red} {green} {blue}");
    for picture in [Picture::Jpeg, Picture::Png] {
        let made = make("bright.mkv", &Recipe::Frame(Frame { picture, ..Frame::default() }));
        let frame = colour(made.file.path(), 0, 20, 20);
        assert!(
            frame[0].abs_diff(red) < 8 && frame[2].abs_diff(blue) < 8,
            "{picture:?} {frame:?}, not {red}"
        );
    }
}

#[test]
fn p07_a_decoder_that_is_not_on_the_list_is_never_opened() {
    for (name, demuxer) in [("cinepak.mov", Demuxer::Mov), ("hidden.mkv", Demuxer::Matroska)] {
        let path = stage::source(name);
        let ran = stage::run("ffprobe", &probe_args(demuxer, Input::Descriptor), &path);
        assert!(!ran.is_success, "{name}");
        assert_eq!(refused_decoder(&ran.words), Some("cinepak"), "{name}: {}", ran.words);
        // Nor by a plan that believes that it is something else.
        let believed = stage::probe(&stage::source("plain.mp4"));
        let believed = crate::probe::Probe { demuxer, ..believed };
        let plan = plan(&video(Video::default()), &believed, Input::Descriptor).unwrap();
        let ran = stage::run("ffmpeg", &plan.argv, &path);
        assert!(!ran.is_success && refused_decoder(&ran.words) == Some("cinepak"), "{name}: {}", ran.words);
    }
    make("new.mkv", &video(Video::default()));
}
