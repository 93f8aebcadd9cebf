use std::io::Cursor;

use super::*;
use crate::downmix::Downmix;
use crate::signals::noise;
use crate::{Depth, Flac, Sink, Stereo, Wav};

/// A WAV file's head with the numbers that it is given, and so many bytes behind it.
fn wav(channels: u16, rate_hz: u32, data_bytes: u32, held_bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend(data_bytes.saturating_add(36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\x00\x00\x00\x01\x00");
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend(rate_hz.wrapping_mul(u32::from(channels) * 2).to_le_bytes());
    file.extend((channels.wrapping_mul(2)).to_le_bytes());
    file.extend(b"\x10\x00data");
    file.extend(data_bytes.to_le_bytes());
    file.extend((0..held_bytes).map(|at| (at * 7 % 251) as u8));
    file
}

fn flac(samples: usize) -> Vec<u8> {
    let mut sink = Flac::new(Cursor::new(Vec::new()), Depth::Bits16).unwrap();
    sink.write(&noise(5, samples)).unwrap();
    sink.finish().unwrap();
    sink.into_inner().into_inner()
}

/// Everything that there is to hear, or why not.
fn heard(file: Vec<u8>, extension: &str) -> Result<(usize, usize)> {
    let mut sound = open(Cursor::new(file), Some(extension))?;
    let (mut piece, mut samples) = (Vec::new(), 0);
    loop {
        sound.next(&mut piece)?;
        if piece.is_empty() {
            return Ok((sound.format().channels(), samples / sound.format().channels()));
        }
        samples += piece.len();
    }
}

#[test]
fn each_way_to_be_no_song_has_its_own_error() {
    let text = "It was a dark and stormy night; the rain fell in torrents.\n".repeat(20_000).into_bytes();
    let whole = flac(100_000);
    let cut = whole[..whole.len() / 2].to_vec();
    let mut broken = whole.clone();
    for byte in &mut broken[whole.len() / 2..][..5_000] {
        *byte = 0x55;
    }
    for (what, file, extension, kind, says) in [
        ("an empty file", Vec::new(), "mp3", ErrorKind::Empty, "no bytes"),
        ("a WAV without samples", wav(2, 44_100, 0, 0), "wav", ErrorKind::Empty, "no samples"),
        ("a text", text, "mp3", ErrorKind::NotAudio, "no sound of a kind that is known"),
        ("two bytes", b"ab".to_vec(), "wav", ErrorKind::NotAudio, "no sound of a kind"),
        ("no channels", wav(0, 44_100, 88_200, 88_200), "wav", ErrorKind::Channels, "no channels"),
        ("nine channels", wav(9, 44_100, 18 * 9_000, 18 * 9_000), "wav", ErrorKind::Channels, "9 channels"),
        ("7 kHz", wav(1, 7_000, 14_000, 14_000), "wav", ErrorKind::Rate, "7000 samples a second"),
        ("193 kHz", wav(1, 193_000, 14_000, 14_000), "wav", ErrorKind::Rate, "193000"),
        (
            "1 s that claims 10^9 samples",
            wav(1, 44_100, 2_000_000_000, 88_200),
            "wav",
            ErrorKind::Truncated,
            "promises 1000000000 samples",
        ),
        ("a FLAC cut in half", cut, "flac", ErrorKind::Truncated, "promises 100000 samples"),
        ("a FLAC with a hole", broken, "flac", ErrorKind::Damaged, "broken"),
    ] {
        let error = heard(file, extension).expect_err(what);
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.to_string().contains(says), "{what}: {error}");
        assert!(error.is_the_songs(), "{what}");
    }
}

#[test]
fn one_to_eight_channels_and_8_to_192_khz_are_decoded() {
    for channels in 1..=8_u16 {
        for rate_hz in [8_000, 192_000] {
            let bytes = u32::from(channels) * 2 * 12_345;
            let file = wav(channels, rate_hz, bytes, bytes as usize);
            assert_eq!(
                heard(file, "wav").unwrap(),
                (usize::from(channels), 12_345),
                "{channels} at {rate_hz}"
            );
        }
    }
    // What is written to a pipe does not know its length, and says the most that there is.
    assert_eq!(heard(wav(2, 44_100, u32::MAX, 40_000), "wav").unwrap(), (2, 10_000));
    // The extension is wrong, and the bytes decide.
    assert_eq!(heard(flac(9_999), "mp3").unwrap(), (2, 9_999));
}

#[test]
fn no_flipped_and_no_missing_byte_makes_a_decoder_panic() {
    let files = [
        ("flac", flac(9_000)),
        ("wav", {
            let mut sink = Wav::new(Cursor::new(Vec::new()), Depth::Bits24, None).unwrap();
            sink.write(&noise(6, 3_000)).unwrap();
            sink.finish().unwrap();
            sink.into_inner().into_inner()
        }),
    ];
    let mut seed = 1_u64;
    for (extension, file) in files {
        for round in 0..300 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut file = file.clone();
            // Heads are where lies are worth most.
            let among = if round % 2 == 0 { 64 } else { file.len() };
            file[(seed >> 33) as usize % among] = (seed >> 20) as u8;
            if round % 3 == 0 {
                file.truncate((seed >> 40) as usize % file.len());
            }
            // An end of any kind is right; a panic would be the end of the test.
            let _ = heard(file, extension);
        }
    }
}

#[test]
fn a_decoder_that_stumbles_is_a_broken_song() {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome: Result<Stereo> = guarded(|| panic!("index out of bounds"));
    std::panic::set_hook(silent);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn of_a_file_that_does_not_say_where_its_channels_stand_each_is_heard() {
    const SAMPLES: usize = 4_410;
    for channels in 1..=8_usize {
        for loud in 0..channels {
            let mut file = wav(channels as u16, 44_100, (SAMPLES * channels * 2) as u32, 0);
            let sample = |at: usize| if at % channels == loud { i16::MAX / 2 } else { 0 };
            file.extend((0..SAMPLES * channels).flat_map(|at| sample(at).to_le_bytes()));
            let mut sound = open(Cursor::new(file), Some("wav")).unwrap();
            let downmix = Downmix::new(&sound.format().places);
            let (mut piece, mut mixed) = (Vec::new(), Stereo::default());
            sound.next(&mut piece).unwrap();
            downmix.mix(&piece, &mut mixed);
            let loudest = mixed.sides().map(|side| side.iter().copied().fold(0.0, f32::max));
            assert!(loudest[0].max(loudest[1]) > 0.05, "channel {loud} of {channels}: {loudest:?}");
            // Of five, two stand on each side.
            assert!(channels != 5 || loud < 3 || (loudest[0] > 0.05) == (loud == 3), "{loud}: {loudest:?}");
        }
    }
}
