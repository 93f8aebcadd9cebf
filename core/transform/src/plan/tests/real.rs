//! Plans run by the ffmpeg that is here, and what comes out looked at by its ffprobe.

use std::fs::File;
use std::io::Read as _;

use super::stage::{self, Rendition, colour, look, make};
use super::{clip, edge, kbps, size};
use crate::argv::Input;
use crate::error::ErrorKind;
use crate::plan::{Heard, plan};
use crate::recipe::{
    Audio, BitDepth, Channels, Clip, Codec, Crop, Encoding, Fit, Fps, Frame, Picture, Quality, Recipe,
    Rotation, SampleRate, Sampling, Speed, Sprite, Video, Waveform,
};
use crate::sniff::Demuxer;

/// Makes it and compares what ffprobe says: `key=value` with a comma between two; a time is right to a tenth of a second.
fn check(name: &str, recipe: &Recipe, expected: &str) -> Rendition {
    let made = make(name, recipe);
    let found = look(made.file.path());
    for (key, value) in expected.split(", ").filter_map(|pair| pair.split_once('=')) {
        let is = found.get(key).map_or("nothing", String::as_str);
        let is_right = match (key, value.parse::<f64>(), is.parse::<f64>()) {
            ("duration" | "v.start_time" | "a.start_time", Ok(expected), Ok(is)) => {
                (expected - is).abs() < 0.1
            }
            _ => is == value,
        };
        assert!(is_right, "{name} {recipe:?}: {key} is {is}, not {value}, in {found:#?}");
    }
    assert!(
        !found
            .values()
            .any(|value| value.contains("secret") || (value.starts_with("Lavf") && value.len() > 4)),
        "metadata came through: {found:#?}"
    );
    assert!(!found.keys().any(|key| key.starts_with("other.")), "{found:#?}");
    let bytes = made.file.as_file().metadata().unwrap().len();
    if let Some(exact) = made.plan.exact_bytes {
        assert_eq!(bytes, exact, "{name} {recipe:?}");
    }
    assert!(
        bytes < made.plan.out_bytes_guess * 8 + 500_000,
        "{bytes} bytes, {} expected",
        made.plan.out_bytes_guess
    );
    made
}

#[test]
fn the_sniff_agrees_with_every_container() {
    let expected = |name: &str| match name.rsplit('.').next().unwrap() {
        "mp4" | "mov" => Demuxer::Mov,
        "webm" | "mkv" => Demuxer::Matroska,
        "ts" => Demuxer::MpegTs,
        "gif" => Demuxer::Gif,
        "flac" => Demuxer::Flac,
        "mp3" => Demuxer::Mp3,
        "wav" => Demuxer::Wav,
        "avi" => Demuxer::Avi,
        "mpg" => Demuxer::MpegPs,
        "flv" => Demuxer::Flv,
        "aiff" => Demuxer::Aiff,
        "aac" => Demuxer::Aac,
        "opus" => Demuxer::Ogg,
        other => panic!("{other}"),
    };
    for name in stage::all_sources() {
        let probe = stage::probe(&stage::source(name));
        assert_eq!(probe.demuxer, expected(name), "{name}");
        assert!(
            probe.video.is_some() || probe.audio.is_some() || name == "bomb.mkv",
            "{name} has nothing in it"
        );
    }
}

#[test]
fn sources_are_probed_as_they_are() {
    let phone = stage::probe(&stage::source("phone.mov")).video.unwrap();
    assert_eq!((phone.shown(), phone.bit_depth, phone.light.is_some()), ((180, 320), 10, true));
    let tv = stage::probe(&stage::source("tv.ts")).video.unwrap();
    assert_eq!((tv.shown(), tv.fps.unwrap().to_string()), ((512, 288), "24000/1001".to_owned()));
    let song = stage::probe(&stage::source("song.mp3"));
    assert!(song.video.is_none() && song.audio.is_some(), "a cover is no video");
}

#[test]
fn videos_come_out_as_they_were_asked_for() {
    let video = |video: Video| Recipe::Video(video);
    let to = |width, height, fit| size(width, height, fit);
    let cases: [(&str, Video, &str); 8] = [
        (
            "plain.mp4",
            Video { size: to(320, 0, Fit::Contain), ..Video::default() },
            "v.codec_name=h264, v.profile=High, v.level=30, v.pix_fmt=yuv420p, v.width=320, v.height=180, \
             a.codec_name=aac, duration=3.0, v.start_time=0, a.start_time=0, v.nb_read_packets=90",
        ),
        (
            "plain.mp4",
            Video {
                clip: clip(1_000, 1_500),
                size: to(160, 160, Fit::Cover),
                is_mute: true,
                ..Video::default()
            },
            "v.width=160, v.height=160, a.codec_name=nothing, duration=1.5, v.nb_read_packets=45",
        ),
        (
            "plain.mp4",
            Video {
                size: to(200, 200, Fit::Contain),
                speed: Some(Speed::new(200).unwrap()),
                fps: Some(Fps::new(15).unwrap()),
                rotation: Some(Rotation::Quarter),
                bitrate: kbps(300),
                ..Video::default()
            },
            "v.width=112, v.height=200, duration=1.5, a.codec_name=aac",
        ),
        (
            "plain.mp4",
            Video {
                speed: Some(Speed::new(30).unwrap()),
                clip: clip(0, 600),
                size: to(64, 0, Fit::Contain),
                ..Video::default()
            },
            "duration=2.0, v.width=64, v.height=36",
        ),
        (
            "phone.mov",
            Video { size: to(1_000, 1_000, Fit::ScaleDown), ..Video::default() },
            "v.width=180, v.height=320, v.pix_fmt=yuv420p, v.color_transfer=bt709, v.rotation=nothing, duration=1.0",
        ),
        (
            "tv.ts",
            Video::default(),
            "v.width=512, v.height=288, v.sample_aspect_ratio=1:1, duration=2.0, v.nb_read_packets=48",
        ),
        (
            "odd.mkv",
            Video::default(),
            "v.width=320, v.height=240, a.channels=2, a.sample_rate=48000, v.nb_read_packets=60",
        ),
        (
            "drawn.gif",
            Video { quality: Quality::Low, ..Video::default() },
            "v.width=120, v.height=90, duration=1.0",
        ),
    ];
    for (name, asked, expected) in cases {
        check(
            name,
            &video(asked),
            &format!("format_name=mov,mp4,m4a,3gp,3g2,mj2, v.codec_tag_string=avc1, {expected}"),
        );
    }
}

#[test]
fn other_encoders_write_what_their_players_want() {
    let small = |codec, bitrate| {
        Recipe::Video(Video { codec, bitrate, size: size(128, 0, Fit::Contain), ..Video::default() })
    };
    for bitrate in [None, kbps(200)] {
        check(
            "plain.mp4",
            &small(Codec::H265, bitrate),
            "v.codec_name=hevc, v.codec_tag_string=hvc1, v.pix_fmt=yuv420p, v.width=128, duration=3.0, v.start_time=0",
        );
        check(
            "plain.mp4",
            &small(Codec::Vp9, bitrate),
            "format_name=matroska,webm, v.codec_name=vp9, a.codec_name=opus, v.width=128, duration=3.0, v.start_time=0",
        );
        check(
            "plain.mp4",
            &small(Codec::Av1, bitrate),
            "v.codec_name=av1, v.codec_tag_string=av01, a.codec_name=aac, v.width=128, v.height=72, duration=3.0",
        );
    }
}

#[test]
fn a_whole_file_has_its_index_at_its_front() {
    let made =
        make("plain.mp4", &Recipe::Video(Video { size: size(64, 0, Fit::Contain), ..Video::default() }));
    let find = |bytes: &[u8], kind: &[u8]| bytes.windows(kind.len()).position(|window| window == kind);
    let mut front = vec![0; 4_000];
    let count = File::open(made.file.path()).unwrap().read(&mut front).unwrap();
    let front = &front[..count];
    assert!(find(front, b"moov").unwrap() < find(front, b"mdat").unwrap_or(usize::MAX));
    assert!(find(front, b"moof").is_none());
    // What came before it could be played from its first fragment on.
    let (moov, moof) = (find(&made.first, b"moov").unwrap(), find(&made.first, b"moof").unwrap());
    assert!(moov < moof && moof < 4_000, "the front is small: {moof} bytes");
    let fragments = made.first.windows(4).filter(|window| window == b"moof").count();
    assert!(fragments >= 8, "three seconds are {fragments} fragments");
}

#[test]
fn equal_recipes_make_equal_bytes() {
    let small = |codec| Recipe::Video(Video { codec, size: size(128, 0, Fit::Contain), ..Video::default() });
    let sound = |encoding| Recipe::Audio(Audio { encoding, ..Audio::default() });
    for recipe in [
        small(Codec::H264),
        small(Codec::Vp9),
        sound(Encoding::M4a),
        sound(Encoding::Opus),
        sound(Encoding::Vorbis),
        sound(Encoding::Flac),
        Recipe::Frame(Frame::default()),
    ] {
        let bytes = |made: Rendition| {
            let mut bytes = vec![0; made.file.as_file().metadata().unwrap().len() as usize];
            File::open(made.file.path()).unwrap().read_exact(&mut bytes).unwrap();
            bytes
        };
        let (first, second) = (bytes(make("plain.mp4", &recipe)), bytes(make("plain.mp4", &recipe)));
        assert!(first == second, "{recipe:?} differs");
    }
}

#[test]
fn sound_comes_out_in_every_encoding() {
    let cases = [
        (Encoding::M4a, "format_name=mov,mp4,m4a,3gp,3g2,mj2, a.codec_name=aac"),
        (Encoding::Aac, "format_name=aac, a.codec_name=aac"),
        (Encoding::Mp3, "format_name=mp3, a.codec_name=mp3"),
        (Encoding::Opus, "format_name=ogg, a.codec_name=opus, a.sample_rate=48000"),
        (Encoding::Vorbis, "format_name=ogg, a.codec_name=vorbis"),
        (Encoding::Flac, "format_name=flac, a.codec_name=flac"),
    ];
    for (encoding, expected) in cases {
        // The length of ADTS is only guessed by whoever reads it.
        let time = if encoding == Encoding::Aac { "" } else { ", duration=1.2" };
        for (name, bitrate) in
            [("song.flac", None), ("song.mp3", kbps(8)), ("odd.mkv", kbps(100_000)), ("song.wav", kbps(8))]
        {
            let length = if name == "odd.mkv" { 0 } else { 1_200 };
            let recipe =
                Recipe::Audio(Audio { clip: clip(300, length), encoding, bitrate, ..Audio::default() });
            let time = if name == "odd.mkv" { "" } else { time };
            check(name, &recipe, &format!("{expected}{time}, v.codec_name=nothing"));
        }
    }
    let full = Recipe::Audio(Audio { encoding: Encoding::Flac, ..Audio::default() });
    check("song.wav", &full, "a.sample_rate=192000, a.channels=1, duration=2.0");
    check("odd.mkv", &full, "a.sample_rate=96000, a.channels=6, duration=1.0");
}

/// What [`Heard`] says beforehand is what ffprobe finds, whatever samples a recipe wants of a source.
#[test]
fn sound_has_the_samples_that_its_recipe_wants() {
    let sampling = |hz, count, bits| Sampling {
        rate: SampleRate::new(hz).ok(),
        channels: Channels::new(count).ok(),
        depth: BitDepth::new(bits).ok(),
    };
    use Encoding::{Aac, Flac, M4a, Mp3, Opus, Vorbis};
    for (encoding, wanted, hz, channels, bits) in [
        (Flac, sampling(0, 0, 0), 96_000, 6, Some(24)),
        (Flac, sampling(48_000, 2, 16), 48_000, 2, Some(16)),
        (Flac, sampling(48_000, 2, 0), 48_000, 2, Some(24)),
        (Flac, sampling(44_100, 0, 24), 44_100, 6, Some(24)),
        (Flac, sampling(192_000, 8, 16), 192_000, 8, Some(16)),
        (M4a, sampling(44_100, 1, 16), 44_100, 1, None),
        (Aac, sampling(32_000, 2, 0), 32_000, 2, None),
        (Mp3, sampling(22_050, 1, 0), 22_050, 1, None),
        (Mp3, sampling(192_000, 6, 0), 48_000, 2, None),
        (Opus, sampling(44_100, 1, 0), 48_000, 1, None),
        (Vorbis, sampling(24_000, 0, 0), 24_000, 2, None),
    ] {
        let audio = Audio { encoding, sampling: wanted, ..Audio::default() };
        let heard = Heard::of(&audio, 6, 96_000, Some(24));
        assert_eq!(
            (heard.sample_rate_hz, heard.channels, heard.bit_depth),
            (hz, channels, bits),
            "{audio:?}"
        );
        let mut expected = format!("a.sample_rate={hz}, a.channels={channels}");
        if let Some(bits) = bits {
            expected.push_str(&format!(", a.bits_per_raw_sample={bits}"));
        }
        check("high.flac", &Recipe::Audio(audio), &expected);
    }
    // Its decoder has numbers finer than 16 bits.
    let lossy = Audio { encoding: Flac, ..Audio::default() };
    assert_eq!(Heard::of(&lossy, 2, 44_100, None).bit_depth, Some(24));
    check("song.mp3", &Recipe::Audio(lossy), "a.bits_per_raw_sample=24");
    let less = Audio { encoding: Flac, sampling: sampling(0, 0, 16), ..Audio::default() };
    check("song.mp3", &Recipe::Audio(less), "a.bits_per_raw_sample=16");
    check(
        "song.flac",
        &Recipe::Audio(Audio { encoding: Flac, ..Audio::default() }),
        "a.bits_per_raw_sample=16",
    );
}

#[test]
fn sound_takes_no_more_bits_than_were_asked_for() {
    for encoding in [Encoding::M4a, Encoding::Aac, Encoding::Mp3, Encoding::Opus, Encoding::Vorbis] {
        for (name, asked) in
            [("chord.wav", 48), ("chord.wav", 64), ("chord.wav", 192), ("noise.wav", 64), ("noise.wav", 128)]
        {
            // Two channels of Vorbis have no fewer.
            let asked = if encoding == Encoding::Vorbis { asked.max(64) } else { asked };
            let recipe = Recipe::Audio(Audio { encoding, bitrate: kbps(asked), ..Audio::default() });
            let made_kbps = make(name, &recipe).file.as_file().metadata().unwrap().len() * 8 / 8_000;
            // The heads of frames and pages come on top, some three kbit/s, and the rate is kept over seconds.
            let most = asked * 11 / 10 + 3;
            assert!(
                (1..=most).contains(&made_kbps),
                "{encoding:?} of {name} at {asked} kbit/s has {made_kbps}"
            );
        }
    }
}

#[test]
fn the_length_of_an_mp3_is_known_before_it_is_made() {
    for (name, bitrate, at_ms) in [
        ("song.flac", None, 0),
        ("song.flac", kbps(100), 500),
        ("song.wav", kbps(320), 1_234),
        ("song.flac", kbps(96), 7),
    ] {
        let clip = Clip::new(at_ms, None).unwrap();
        let audio = Audio { clip, encoding: Encoding::Mp3, bitrate, ..Audio::default() };
        let made = check(name, &Recipe::Audio(audio), "a.codec_name=mp3");
        assert!(made.plan.exact_bytes.is_some(), "{name} says how long it is");
    }
    let guessed = make("song.mp3", &Recipe::Audio(Audio { encoding: Encoding::Mp3, ..Audio::default() }));
    assert_eq!(guessed.plan.exact_bytes, None, "an MP3 without an index has a length that is guessed");
}

#[test]
fn a_waveform_is_counted_from_samples() {
    let made = make("song.wav", &Recipe::Waveform(Waveform::Peaks(100)));
    let samples = made.first.len() / 2;
    assert!((15_900..=16_100).contains(&samples), "{samples} samples of two seconds");
    assert_eq!(made.plan.out_bytes_guess, 32_000);
}

#[test]
fn frames_are_of_their_time_and_place() {
    let frame = |at_ms, picture| Recipe::Frame(Frame { at_ms, size: size(160, 0, Fit::Contain), picture });
    for (picture, codec) in [(Picture::Jpeg, "mjpeg"), (Picture::Png, "png"), (Picture::Webp, "webp")] {
        let early = check(
            "halves.mp4",
            &frame(500, picture),
            &format!("v.codec_name={codec}, v.width=160, v.height=90"),
        );
        assert_colour(&early, 0, 20, 40, "red");
        assert_colour(&early, 0, 140, 40, "blue");
        // The end itself is the last frame.
        for at_ms in [1_050, 1_990, 2_000] {
            assert_colour(&make("halves.mp4", &frame(at_ms, picture)), 0, 20, 40, "white");
        }
    }
    let phone = Recipe::Frame(Frame { at_ms: 1_000, ..Frame::default() });
    check("phone.mov", &phone, "v.width=180, v.height=320");
}

#[test]
fn a_sheet_has_its_pictures_in_order() {
    let sheet = Recipe::Sprite(Sprite::new(clip(0, 0), size(32, 32, Fit::Cover), 6, 4).unwrap());
    let made = check("halves.mp4", &sheet, "v.codec_name=mjpeg, v.width=128, v.height=64");
    assert_colour(&made, 0, 4, 16, "red");
    assert_colour(&made, 0, 32 * 3 + 4, 16, "white");
    assert_colour(&made, 0, 32 + 4, 48, "white");
    let many = Recipe::Sprite(Sprite::new(clip(900, 100), size(20, 0, Fit::Contain), 40, 10).unwrap());
    check("halves.mp4", &many, "v.width=200, v.height=40");
}

#[test]
fn cuts_and_turns_are_as_a_viewer_sees_them() {
    let right = Crop { width: edge(100), height: edge(100), x: 200, y: 10 };
    let cut = Recipe::Video(Video { crop: Some(right), clip: clip(0, 500), ..Video::default() });
    let made = check("halves.mp4", &cut, "v.width=100, v.height=100");
    assert_colour(&made, 0, 2, 50, "blue");
    // What was left is on top after a quarter clockwise, and at the bottom after three.
    for (rotation, above, below) in
        [(Rotation::Quarter, "red", "blue"), (Rotation::ThreeQuarters, "blue", "red")]
    {
        let turned =
            Recipe::Video(Video { rotation: Some(rotation), clip: clip(0, 500), ..Video::default() });
        let made = check("halves.mp4", &turned, "v.width=180, v.height=320");
        assert_colour(&made, 0, 90, 20, above);
        assert_colour(&made, 0, 90, 300, below);
    }
    let over =
        Recipe::Video(Video { rotation: Some(Rotation::Half), clip: clip(0, 500), ..Video::default() });
    assert_colour(&make("halves.mp4", &over), 0, 20, 90, "blue");
}

#[test]
fn a_frame_of_too_many_pixels_is_refused_from_its_header() {
    let error =
        plan(&Recipe::Frame(Frame::default()), &stage::probe(&stage::source("bomb.mkv")), Input::Descriptor);
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{}", error.context);
    assert!(error.context.contains("40000000"), "{}", error.context);
}

#[test]
fn children_stay_within_their_reserves() {
    // What they took is compared when they are made.
    let to = |height, codec| {
        Recipe::Video(Video { codec, size: size(0, height, Fit::Contain), ..Video::default() })
    };
    make("hd.mp4", &to(360, Codec::H264));
    make("hd.mp4", &to(1_080, Codec::H264));
    make("hd.mp4", &to(720, Codec::H265));
    make("hd.mp4", &to(720, Codec::Vp9));
    make("hd.mp4", &to(720, Codec::Av1));
    make("uhd.mp4", &to(480, Codec::H264));
    make("uhd.mp4", &Recipe::Frame(Frame { at_ms: 500, picture: Picture::Png, ..Frame::default() }));
    let sheet = Sprite::new(clip(0, 0), size(400, 0, Fit::Contain), 60, 6).unwrap();
    make("uhd.mp4", &Recipe::Sprite(sheet));
}

fn assert_colour(made: &Rendition, ms: u64, x: u32, y: u32, name: &str) {
    let [red, green, blue] = colour(made.file.path(), ms, x, y);
    let is = match (red > 128, green > 128, blue > 128) {
        (true, false, false) => "red",
        (false, false, true) => "blue",
        (true, true, true) => "white",
        _ => "something else",
    };
    assert_eq!(is, name, "{red} {green} {blue} at {x},{y}");
}
