//! What ffmpeg is told, word by word, for each kind of recipe.

use super::{clip, edge, kbps, size, source};
use crate::argv::{Argv, Input, Light};
use crate::plan::{faststart_args, plan};
use crate::probe::{Probe, TextTrack, probe_args};
use crate::recipe::{
    Audio, BitDepth, Captions, Channels, Codec, Crop, Encoding, Fit, Fps, Frame, Picture, Piece, Quality,
    Recipe, Rotation, SampleRate, Sampling, Speed, Sprite, Video, Waveform,
};
use crate::sniff::{DECODERS, Demuxer};

const GOLDEN: &str = include_str!("golden.txt");

/// What stands before the source in every command, and what every command says of what comes out.
const ALWAYS: [(&str, &str); 3] = [
    (
        "-nostdin -hide_banner -loglevel error -nostats -stats_period 0.5 -progress pipe:2 -filter_threads 1 \
         -filter_complex_threads 1",
        "<ffmpeg>",
    ),
    (
        "-sn -dn -map_metadata -1 -map_chapters -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact",
        "<bare>",
    ),
    ("-threads 1 -max_pixels 40000000 -codec_whitelist <decoders>", "<bounded>"),
];

#[test]
fn each_recipe_has_the_command_that_was_tried() {
    let told: Vec<String> = commands()
        .into_iter()
        .map(|(name, argv)| {
            let mut line = format!("{argv:?}");
            // Which decoders these are has a test of its own.
            line = line.replace(DECODERS, "<decoders>");
            for (words, short) in ALWAYS {
                line = line.replace(words, short);
            }
            format!("{name}: {line}")
        })
        .collect();
    let written: Vec<&str> = GOLDEN.lines().filter(|line| !line.is_empty()).collect();
    for (told, written) in told.iter().zip(&written) {
        assert_eq!(told, written);
    }
    assert_eq!(told.len(), written.len(), "{}", told.join("\n"));
}

/// Every command that the golden texts know, by its name.
pub(super) fn commands() -> Vec<(&'static str, Argv)> {
    let video = |video: Video| Recipe::Video(video);
    let sound = |encoding, bitrate| Recipe::Audio(Audio { encoding, bitrate, ..Audio::default() });
    let sampled = |hz, count, bits| {
        let (rate, channels) = (SampleRate::new(hz).ok(), Channels::new(count).ok());
        let sampling = Sampling { rate, channels, depth: BitDepth::new(bits).ok() };
        Recipe::Audio(Audio { encoding: Encoding::Flac, sampling, ..Audio::default() })
    };
    let bright = {
        let mut probe = source();
        let track = probe.video.as_mut().unwrap();
        (track.light, track.bit_depth) = (Some(Light::Pq), 10);
        probe
    };
    let recipes: Vec<(&'static str, Probe, Recipe)> = vec![
        ("video", source(), video(Video { size: size(640, 0, Fit::Contain), ..Video::default() })),
        ("video, everything", source(), video(everything())),
        (
            "video, covering",
            source(),
            video(Video { size: size(500, 500, Fit::Cover), is_mute: true, ..Video::default() }),
        ),
        (
            "video, bright",
            bright,
            video(Video { size: size(640, 360, Fit::ScaleDown), is_mute: true, ..Video::default() }),
        ),
        (
            "video, h265",
            source(),
            video(Video { codec: Codec::H265, quality: Quality::High, ..Video::default() }),
        ),
        ("video, vp9", source(), video(Video { codec: Codec::Vp9, bitrate: kbps(900), ..Video::default() })),
        (
            "video, av1",
            source(),
            video(Video { codec: Codec::Av1, quality: Quality::Low, ..Video::default() }),
        ),
        (
            "frame",
            source(),
            Recipe::Frame(Frame { at_ms: 12_345, size: size(320, 0, Fit::Contain), picture: Picture::Jpeg }),
        ),
        ("frame, png", source(), Recipe::Frame(Frame { picture: Picture::Png, ..Frame::default() })),
        (
            "frame, webp",
            source(),
            Recipe::Frame(Frame { at_ms: 60_000, picture: Picture::Webp, ..Frame::default() }),
        ),
        (
            "sprite",
            source(),
            Recipe::Sprite(Sprite::new(clip(0, 0), size(160, 90, Fit::Cover), 20, 5).unwrap()),
        ),
        (
            "sprite, sparse",
            source(),
            Recipe::Sprite(Sprite::new(clip(4_000, 0), size(160, 0, Fit::Contain), 7, 7).unwrap()),
        ),
        ("m4a", source(), sound(Encoding::M4a, None)),
        ("aac", source(), sound(Encoding::Aac, kbps(64))),
        ("mp3", source(), sound(Encoding::Mp3, kbps(100_000))),
        ("opus", source(), sound(Encoding::Opus, None)),
        ("vorbis", source(), sound(Encoding::Vorbis, kbps(8))),
        ("flac", source(), sound(Encoding::Flac, None)),
        ("flac, disc", source(), sampled(44_100, 2, 16)),
        ("flac, studio", source(), sampled(96_000, 1, 24)),
        ("waveform", source(), Recipe::Waveform(Waveform::Peaks(100))),
    ];
    let mut all: Vec<(&'static str, Argv)> = recipes
        .iter()
        .map(|(name, probe, recipe)| (*name, plan(recipe, probe, Input::Descriptor).unwrap().argv))
        .collect();
    let remote = Recipe::Frame(Frame::default());
    all.push(("remote", plan(&remote, &source(), Input::Loopback(8_080)).unwrap().argv));
    all.push(("probe", probe_args(Demuxer::MpegTs, Input::Descriptor)));
    for (name, piece) in [
        ("segment", Piece::segment(&Video::default(), 2)),
        ("segment, fast", Piece::segment(&everything(), 1)),
        ("segment, head", Piece::head(&Video::default())),
        ("segment, sound", Piece::sound(&everything())),
        ("segment, song", Piece::sound(&Audio { bitrate: kbps(64), ..Audio::default() })),
    ] {
        all.push((name, plan(&Recipe::Piece(piece), &source(), Input::Descriptor).unwrap().argv));
    }
    for (name, captions) in [("captions, vtt", Captions::WebVtt), ("captions, srt", Captions::SubRip)] {
        let text = TextTrack { index: 2, codec: "subrip".into(), language: None };
        let probe = Probe { texts: vec![text], ..source() };
        all.push((name, plan(&Recipe::Captions(captions), &probe, Input::Descriptor).unwrap().argv));
    }
    for (name, recipe) in [
        ("pass, mp4", video(Video::default())),
        ("pass, webm", video(Video { codec: Codec::Vp9, ..Video::default() })),
        ("pass, flac", sound(Encoding::Flac, None)),
    ] {
        all.push((name, faststart_args(&recipe).unwrap()));
    }
    all
}

fn everything() -> Video {
    Video {
        clip: clip(1_500, 20_000),
        size: size(400, 0, Fit::Contain),
        is_mute: false,
        codec: Codec::H264,
        quality: Quality::Medium,
        bitrate: kbps(800),
        fps: Some(Fps::new(24).unwrap()),
        speed: Some(Speed::new(150).unwrap()),
        rotation: Some(Rotation::Quarter),
        crop: Some(Crop { width: edge(800), height: edge(600), x: 11, y: 20 }),
    }
}
