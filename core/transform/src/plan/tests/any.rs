//! Whatever the numbers are, a command has no word that is not known, and a shape stays within what was asked.

use std::collections::HashSet;

use proptest::prelude::*;

use super::golden;
use crate::argv::{Argv, Input, Light};
use crate::plan::{cell_size, faststart_args, plan};
use crate::probe::{AudioTrack, Matrix, Probe, Rate, VideoTrack, probe_args};
use crate::recipe::{
    Audio, BitDepth, Bitrate, Channels, Clip, Codec, Crop, Edge, Encoding, Fit, Fps, Frame, Picture, Piece,
    Quality, Recipe, Rotation, SampleRate, Sampling, Size, Speed, Sprite, Video, Waveform,
};
use crate::sniff::Demuxer;

/// Words that no golden command happens to use, with `#` for each run of digits.
const OTHERS: &str = "\
    # -# #:# #.# #k http://#.#.#.#:#/ http,tcp file \
    matroska avi mpegts mpeg flv asf ogg wav wv aiff flac gif mov aac mp# \
    crop=#:#:#:# scale=#:#:flags=bicubic transpose=clock transpose=cclock hflip vflip setsar=# fps=#/# \
    fps=#/#:start_time=# setpts=#*PTS/# atempo=#.# \
    zscale=tin=arib-std-b#:pin=bt#:min=bt#nc:rin=tv:t=linear:npl=# \
    format=yuv#p format=yuvj#p format=rgb# \
    scale=#:#:flags=bicubic:in_color_matrix=bt# scale=#:#:flags=bicubic:out_color_matrix=bt# \
    scale=#:#:flags=bicubic:in_color_matrix=bt#:out_color_matrix=bt# zscale=t=bt#:m=smpte#m:r=tv \
    bwdif=mode=send_frame:parity=auto:deint=all field=type=top \
    setparams=colorspace=bt#:color_primaries=bt#:color_trc=bt# \
    setparams=colorspace=bt#nc:color_primaries=bt#:color_trc=bt#-# \
    setparams=colorspace=smpte#m:color_primaries=smpte#m:color_trc=smpte#m \
    -fps_mode vfr -enc_time_base -force_key_frames expr:gte(t,n_forced*#) aresample=async=# \
    -af -maxrate -bufsize -crf -b:v -ac -ss -t -an superfast -skip_frame nokey -copyts";

/// A word with `#` for each run of digits, or each filter of it when it is a graph.
fn patterns(word: &str) -> Vec<String> {
    let graph = ["scale=", "fps=", "crop=", "setpts=", "atempo=", "aresample="]
        .iter()
        .any(|filter| word.contains(filter));
    let parts: Vec<&str> = if graph { word.split(',').collect() } else { vec![word] };
    let without_digits = |part: &str| {
        let mut pattern = String::new();
        for letter in part.chars() {
            match letter {
                '0'..='9' if pattern.ends_with('#') => {}
                '0'..='9' => pattern.push('#'),
                _ => pattern.push(letter),
            }
        }
        pattern
    };
    parts.into_iter().map(without_digits).collect()
}

fn known() -> HashSet<String> {
    let golden = golden::commands();
    let words = golden.iter().flat_map(|(_, argv)| argv.words());
    let mut known: HashSet<String> = words.flat_map(|word| patterns(word.to_str().unwrap())).collect();
    known.extend(OTHERS.split(' ').map(str::to_owned));
    known.extend(["3.0", "3.1", "3.2", "4.0"].map(|level| patterns(level).concat()));
    known
}

fn check(argv: &Argv, known: &HashSet<String>) {
    for word in argv.words() {
        let word = word.to_str().unwrap();
        for pattern in patterns(word) {
            assert!(known.contains(&pattern), "{word:?} has {pattern:?}, which nobody knows, in {argv:?}");
        }
    }
}

fn edges() -> impl Strategy<Value = Edge> {
    (10_u64..=8_192).prop_map(|pixels| Edge::new(pixels).unwrap())
}

fn sizes() -> impl Strategy<Value = Size> {
    let fits = prop_oneof![Just(Fit::Contain), Just(Fit::ScaleDown), Just(Fit::Cover)];
    (proptest::option::of(edges()), proptest::option::of(edges()), fits)
        .prop_map(|(width, height, fit)| Size { width, height, fit })
}

fn clips() -> impl Strategy<Value = Clip> {
    (0_u64..90_000, proptest::option::of(1_u64..90_000))
        .prop_map(|(start_ms, length_ms)| Clip::new(start_ms, length_ms).unwrap())
}

fn samplings() -> impl Strategy<Value = Sampling> {
    let depths = prop_oneof![Just(None), Just(Some(BitDepth::Sixteen)), Just(Some(BitDepth::TwentyFour))];
    let rates = proptest::option::of(proptest::sample::select(SampleRate::ALL.to_vec()));
    let channels = proptest::option::of((1_u64..=8).prop_map(|count| Channels::new(count).unwrap()));
    (rates, channels, depths).prop_map(|(rate, channels, depth)| Sampling { rate, channels, depth })
}

fn videos() -> impl Strategy<Value = Video> {
    let codecs = prop_oneof![Just(Codec::H264), Just(Codec::H265), Just(Codec::Vp9), Just(Codec::Av1)];
    let qualities = prop_oneof![Just(Quality::Low), Just(Quality::Medium), Just(Quality::High)];
    let rotations = prop_oneof![
        Just(None),
        Just(Some(Rotation::Quarter)),
        Just(Some(Rotation::Half)),
        Just(Some(Rotation::ThreeQuarters))
    ];
    let crops = (edges(), edges(), any::<(u16, u16)>()).prop_map(|(width, height, (x, y))| Crop {
        width,
        height,
        x: x % 4_000,
        y: y % 4_000,
    });
    let numbers = (
        proptest::option::of(8_u64..=100_000),
        proptest::option::of(1_u64..=120),
        proptest::option::of(25_u64..=400),
    );
    (clips(), sizes(), any::<bool>(), codecs, qualities, rotations, proptest::option::of(crops), numbers)
        .prop_map(|(clip, size, is_mute, codec, quality, rotation, crop, (kbps, fps, speed))| Video {
            clip,
            size,
            is_mute,
            codec,
            quality,
            bitrate: kbps.map(|kbps| Bitrate::new(kbps).unwrap()),
            fps: fps.map(|fps| Fps::new(fps).unwrap()),
            speed: speed.map(|speed| Speed::new(speed).unwrap()),
            rotation,
            crop,
        })
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let pictures = prop_oneof![Just(Picture::Jpeg), Just(Picture::Png), Just(Picture::Webp)];
    let encodings = prop_oneof![
        Just(Encoding::M4a),
        Just(Encoding::Aac),
        Just(Encoding::Mp3),
        Just(Encoding::Opus),
        Just(Encoding::Vorbis),
        Just(Encoding::Flac)
    ];
    prop_oneof![
        4 => videos().prop_map(Recipe::Video),
        1 => (0_u64..90_000, sizes(), pictures)
            .prop_map(|(at_ms, size, picture)| Recipe::Frame(Frame { at_ms, size, picture })),
        1 => (clips(), sizes(), 1_u64..=400, 1_u64..=400).prop_map(|(clip, size, frames, columns)| {
            Recipe::Sprite(Sprite::new(clip, size, frames, columns.min(frames)).unwrap())
        }),
        1 => (clips(), encodings, proptest::option::of(8_u64..=100_000), samplings()).prop_map(|(clip, encoding, kbps, sampling)| {
            let bitrate = kbps.map(|kbps| Bitrate::new(kbps).unwrap());
            Recipe::Audio(Audio { clip, encoding, bitrate, sampling })
        }),
        1 => Just(Recipe::Waveform(Waveform::Peaks(1_000))),
    ]
}

fn probes() -> impl Strategy<Value = Probe> {
    let rates = proptest::option::of((1_u32..200_000, 1_u32..2_000))
        .prop_map(|rate| rate.and_then(|(frames, seconds)| Rate::new(frames, seconds)));
    let lights = prop_oneof![Just(None), Just(Some(Light::Pq)), Just(Some(Light::Hlg))];
    let turns = prop_oneof![Just(0_u16), Just(90), Just(180), Just(270)];
    let edges = (2_u32..9_000, 2_u32..9_000);
    let times = (proptest::option::of(1_u64..100_000_000), proptest::option::of(1_u64..100_000_000));
    let video = (edges, (1_u32..4, 1_u32..4), rates, turns, 8_u8..=16, lights);
    let audio = (1_u16..32, 1_u32..800_000);
    (0..Demuxer::ALL.len(), video, audio, times, any::<u64>()).prop_map(
        |(
            demuxer,
            (edges, pixel_aspect, fps, rotation_degrees, bit_depth, light),
            audio,
            times,
            size_bytes,
        )| Probe {
            demuxer: Demuxer::ALL[demuxer],
            duration_ms: times.0,
            video: Some(VideoTrack {
                index: 3,
                codec: "$(reboot)".into(),
                width: edges.0,
                height: edges.1,
                pixel_aspect,
                fps,
                is_variable: size_bytes & 1 == 0,
                is_interlaced: size_bytes & 2 == 0,
                matrix: [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020, Matrix::Rgb]
                    [size_bytes as usize >> 2 & 3],
                rotation_degrees,
                bit_depth,
                light,
                duration_ms: times.1,
            }),
            audio: Some(AudioTrack {
                index: 5,
                codec: "movie=/etc/passwd".into(),
                language: Some("amovie=/etc/passwd".into()),
                channels: audio.0,
                sample_rate_hz: audio.1,
            }),
            sounds: Vec::new(),
            texts: Vec::new(),
            size_bytes,
            is_picture_refused: false,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_word_of_every_command_is_known(recipe in recipes(), probe in probes(), port in 1_u16.., number in 0_u32..40) {
        let known = known();
        for input in [Input::Descriptor, Input::Loopback(port)] {
            check(&probe_args(probe.demuxer, input), &known);
            if let Ok(plan) = plan(&recipe, &probe, input) {
                check(&plan.argv, &known);
                prop_assert!(plan.reserve_bytes >= 16 << 20 && plan.out_bytes_guess > 0);
            }
            if let Recipe::Video(video) = &recipe {
                for piece in [Piece::head(video), Piece::segment(video, number), Piece::sound(video)] {
                    if let Ok(plan) = plan(&Recipe::Piece(piece), &probe, input) {
                        check(&plan.argv, &known);
                    }
                }
            }
        }
        if let Some(argv) = faststart_args(&recipe) {
            check(&argv, &known);
        }
    }

    #[test]
    fn a_picture_stays_in_its_frame(video in videos(), probe in probes()) {
        let Ok(plan) = plan(&Recipe::Video(video.clone()), &probe, Input::Descriptor) else { return Ok(()) };
        let (width, height) = plan.picture.unwrap();
        prop_assert!(width % 2 == 0 && height % 2 == 0 && width >= 2 && height >= 2);
        let within = |edge: Option<Edge>, pixels: u32| edge.is_none_or(|edge| pixels <= u32::from(edge.pixels()));
        // One edge of a picture that is hardly higher than nothing may be two pixels where none was possible.
        match video.size.fit {
            Fit::Contain | Fit::ScaleDown => {
                prop_assert!(within(video.size.width, width) && within(video.size.height, height));
            }
            Fit::Cover => if let (Some(across), Some(down)) = (video.size.width, video.size.height) {
                prop_assert_eq!((width, height), (u32::from(across.pixels()), u32::from(down.pixels())));
            }
        }
    }

    #[test]
    fn a_sheet_is_made_of_its_cells(clip in clips(), size in sizes(), probe in probes()) {
        let sprite = Sprite::new(clip, size, 12, 4).unwrap();
        let Ok(plan) = plan(&Recipe::Sprite(sprite.clone()), &probe, Input::Descriptor) else { return Ok(()) };
        let ((width, height), _) = cell_size(&sprite, &probe).unwrap();
        prop_assert_eq!(plan.picture, Some((width * 4, height * 3)));
    }
}
