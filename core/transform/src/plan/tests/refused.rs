//! What is refused before a process starts, and what is reserved for what is not.

use budget::limits::MIB;

use super::{clip, edge, size, source};
use crate::argv::Input;
use crate::error::ErrorKind;
use crate::plan::{Finish, plan};
use crate::probe::{Probe, TextTrack};
use crate::recipe::{
    Audio, Captions, Codec, Cover, Crop, Drawing, Encoding, Fit, Fps, Frame, Piece, Recipe, Speed, Sprite,
    Video, Waveform,
};

fn refused(recipe: &Recipe, probe: &Probe) -> (ErrorKind, String) {
    let error = plan(recipe, probe, Input::Descriptor).unwrap_err();
    (error.kind, error.context)
}

fn check(recipe: &Recipe, probe: &Probe, kind: ErrorKind, names: &str) {
    let (found, context) = refused(recipe, probe);
    assert_eq!(found, kind, "{recipe:?}: {context}");
    assert!(context.contains(names), "{context:?} does not say {names:?}");
}

#[test]
fn what_the_source_does_not_have_is_refused_by_name() {
    let video = Recipe::Video(Video::default());
    let sound = Recipe::Audio(Audio::default());
    let song = Probe { video: None, ..source() };
    let silent = Probe { audio: None, ..source() };
    check(&video, &song, ErrorKind::NoPicture, "no pictures");
    check(&Recipe::Frame(Frame::default()), &song, ErrorKind::NoPicture, "no pictures");
    check(&sound, &silent, ErrorKind::NoSound, "no sound");
    check(&Recipe::Waveform(Waveform::Peaks(9)), &silent, ErrorKind::NoSound, "no sound");
    check(&Recipe::Cover(Cover { edge: edge(300) }), &song, ErrorKind::Unsupported, "cover");
    assert!(plan(&video, &silent, Input::Descriptor).is_ok(), "a silent video is a video");
    check(&Recipe::Piece(Piece::sound(&Video::default())), &silent, ErrorKind::NoSound, "no sound");
    let letters = TextTrack { index: 2, codec: "hdmv_pgs_subtitle".into(), language: None };
    let disc = Probe { texts: vec![letters], ..source() };
    check(&Recipe::Captions(Captions::WebVtt), &disc, ErrorKind::Unsupported, "no captions");
}

#[test]
fn what_lies_behind_the_end_is_refused_with_the_length() {
    let late = clip(60_000, 0);
    check(
        &Recipe::Video(Video { clip: late, ..Video::default() }),
        &source(),
        ErrorKind::BehindTheEnd,
        "60.000 s",
    );
    check(
        &Recipe::Audio(Audio { clip: late, ..Audio::default() }),
        &source(),
        ErrorKind::BehindTheEnd,
        "60.000 s",
    );
    let frame = |at_ms| Recipe::Frame(Frame { at_ms, ..Frame::default() });
    check(&frame(60_001), &source(), ErrorKind::BehindTheEnd, "60.001 s");
    assert!(plan(&frame(60_000), &source(), Input::Descriptor).is_ok(), "the end is its last frame");
    for number in [15, u32::MAX] {
        let after = Recipe::Piece(Piece::segment(&Video::default(), number));
        check(&after, &source(), ErrorKind::BehindTheEnd, "15 segments");
    }
    let outside = Crop { width: edge(1_000), height: edge(1_000), x: 1_000, y: 0 };
    check(
        &Recipe::Video(Video { crop: Some(outside), ..Video::default() }),
        &source(),
        ErrorKind::BehindTheEnd,
        "1920x1080",
    );
}

#[test]
fn what_is_too_large_is_refused_with_its_need_and_the_limit() {
    let mut bomb = source();
    let track = bomb.video.as_mut().unwrap();
    (track.width, track.height) = (65_535, 65_535);
    check(&Recipe::Frame(Frame::default()), &bomb, ErrorKind::TooLarge, "65535x65535");
    let unread = Probe { video: None, is_picture_refused: true, ..source() };
    check(&Recipe::Frame(Frame::default()), &unread, ErrorKind::TooLarge, "40000000");
    let mut narrow = source();
    narrow.video.as_mut().unwrap().height = 2;
    let wide = size(0, 8_192, Fit::Contain);
    check(&Recipe::Video(Video { size: wide, ..Video::default() }), &narrow, ErrorKind::TooLarge, "35651584");
    let fast =
        Video { size: size(7_680, 0, Fit::Contain), fps: Some(Fps::new(120).unwrap()), ..Video::default() };
    assert!(plan(&Recipe::Video(fast), &source(), Input::Descriptor).is_ok());
    let sheet = Sprite::new(clip(0, 0), size(1_920, 0, Fit::Contain), 400, 20).unwrap();
    check(&Recipe::Sprite(sheet), &source(), ErrorKind::TooLarge, "38400x21600");
    let column = Sprite::new(clip(0, 0), size(10, 800, Fit::Cover), 400, 1).unwrap();
    check(&Recipe::Sprite(column), &source(), ErrorKind::TooLarge, "65500");
    let tiny = Video { codec: Codec::Av1, size: size(32, 32, Fit::Cover), ..Video::default() };
    check(&Recipe::Video(tiny), &source(), ErrorKind::Unsupported, "64x64");
}

#[test]
fn a_sheet_and_segments_need_a_length() {
    let mut endless = source();
    (endless.duration_ms, endless.video.as_mut().unwrap().duration_ms) = (None, None);
    let sheet = |length_ms| {
        Recipe::Sprite(Sprite::new(clip(0, length_ms), size(160, 0, Fit::Contain), 4, 2).unwrap())
    };
    check(&sheet(0), &endless, ErrorKind::Unsupported, "how long");
    assert!(plan(&sheet(5_000), &endless, Input::Descriptor).is_ok());
    let first = Recipe::Piece(Piece::segment(&Video::default(), 0));
    check(&first, &endless, ErrorKind::Unsupported, "how long");
    let guessed = plan(&Recipe::Video(Video::default()), &endless, Input::Descriptor).unwrap();
    assert_eq!(guessed.out_ms, 60_000_000 / 125);
}

#[test]
fn reserves_are_what_was_measured_and_a_fifth_more() {
    let video = |width: u32, height: u32, out: u64, codec| {
        let mut probe = source();
        let track = probe.video.as_mut().unwrap();
        (track.width, track.height) = (width, height);
        let recipe = Recipe::Video(Video { codec, size: size(0, out, Fit::Contain), ..Video::default() });
        plan(&recipe, &probe, Input::Descriptor).unwrap().reserve_bytes / MIB
    };
    let videos = [
        video(1_920, 1_080, 360, Codec::H264),
        video(1_920, 1_080, 480, Codec::H264),
        video(1_920, 1_080, 720, Codec::H264),
        video(1_920, 1_080, 1_080, Codec::H264),
        video(3_840, 2_160, 1_080, Codec::H264),
        video(3_840, 2_160, 2_160, Codec::H264),
        video(1_920, 1_080, 360, Codec::Av1),
    ];
    assert_eq!(videos, [68, 80, 120, 172, 248, 580, 108]);
    let hour = Probe { duration_ms: Some(3_600_000), size_bytes: 4_000_000_000, ..source() };
    let of = |recipe: &Recipe, probe| plan(recipe, probe, Input::Descriptor).unwrap().reserve_bytes / MIB;
    let small = Recipe::Video(Video { size: size(640, 0, Fit::Contain), ..Video::default() });
    let audio = Recipe::Audio(Audio::default());
    let peaks = Recipe::Waveform(Waveform::Peaks(100));
    let sheet = Recipe::Sprite(Sprite::new(clip(0, 0), size(160, 0, Fit::Contain), 20, 5).unwrap());
    let frame = Recipe::Frame(Frame::default());
    let short = source();
    let others = [
        of(&small, &hour),
        of(&audio, &hour),
        of(&audio, &short),
        of(&peaks, &short),
        of(&frame, &short),
        of(&sheet, &short),
    ];
    assert_eq!(others, [80, 44, 32, 32, 64, 52]);
}

#[test]
fn a_film_in_full_hd_is_made_in_a_group_of_512_mib() {
    let budget = budget::Budget::new(512 * MIB).unwrap();
    let ceiling_bytes = budget.figures()[budget::Pool::Transforms as usize].ceiling_bytes;
    let film = Probe { duration_ms: Some(7_200_000), size_bytes: 8_000_000_000, ..source() };
    let plan = plan(&Recipe::Video(Video::default()), &film, Input::Descriptor).unwrap();
    assert_eq!(plan.picture, Some((1_920, 1_080)));
    assert!(plan.reserve_bytes <= ceiling_bytes, "{} of {ceiling_bytes}", plan.reserve_bytes);
}

#[test]
fn the_second_pass_has_its_own_reserve_and_work_is_measured_by_what_is_read() {
    let of = |recipe: Recipe| {
        let plan = plan(&recipe, &source(), Input::Descriptor).unwrap();
        (plan.reserve_bytes / MIB, plan.pass_bytes / MIB, plan.work_ms)
    };
    assert_eq!(of(Recipe::Video(Video::default())), (172, 20, 60_000));
    let fast = Speed::new(200).unwrap();
    assert_eq!(of(Recipe::Video(Video { speed: Some(fast), ..Video::default() })).2, 60_000);
    let slow = Speed::new(50).unwrap();
    assert_eq!(of(Recipe::Video(Video { speed: Some(slow), ..Video::default() })).2, 120_000);
    let sheet = Sprite::new(clip(10_000, 40_000), size(160, 0, Fit::Contain), 20, 5).unwrap();
    assert_eq!(of(Recipe::Sprite(sheet)), (52, 0, 40_000));
    let flac = Audio { encoding: Encoding::Flac, ..Audio::default() };
    assert_eq!(of(Recipe::Audio(flac)), (32, 32, 60_000));
}

#[test]
fn the_picture_of_a_waveform_has_its_memory_in_the_reserve() {
    let song = Probe { video: None, ..source() };
    let reserved =
        |waveform| plan(&Recipe::Waveform(waveform), &song, Input::Descriptor).unwrap().reserve_bytes / MIB;
    let drawn = |width, height| Drawing::new(edge(width), edge(height)).map(Waveform::Drawn);
    let drawings = [(1_280, 160), (8_192, 1_024)].map(|(width, height)| drawn(width, height).unwrap());
    assert_eq!(reserved(Waveform::Peaks(100)), 28);
    assert_eq!(drawings.map(reserved), [28, 32]);
    assert!(drawn(8_192, 1_026).is_err() && drawn(1_026, 8_192).is_err());
}

#[test]
fn a_length_that_is_only_claimed_reserves_little() {
    let claimed = Probe { duration_ms: Some(31_536_000_000), size_bytes: 20_000, ..source() };
    let of = |probe: &Probe| {
        plan(&Recipe::Frame(Frame::default()), probe, Input::Descriptor).unwrap().reserve_bytes
    };
    assert_eq!(of(&claimed), of(&source()));
    let long = Probe { duration_ms: Some(36_000_000), size_bytes: 4_000_000_000, ..source() };
    assert!(of(&long) > of(&source()), "ten hours have an index");
}

#[test]
fn what_comes_after_the_child_is_said() {
    let finish = |recipe: &Recipe| plan(recipe, &source(), Input::Descriptor).unwrap().finish;
    assert_eq!(finish(&Recipe::Video(Video::default())), Finish::Faststart);
    assert_eq!(finish(&Recipe::Audio(Audio::default())), Finish::Faststart);
    assert_eq!(finish(&Recipe::Frame(Frame::default())), Finish::Publish);
    assert_eq!(finish(&Recipe::Waveform(Waveform::Peaks(2))), Finish::Peaks);
}
