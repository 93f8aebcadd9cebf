use std::io::Cursor;

use super::*;
use crate::signals::{distance, noise};

/// What a file of ours says when it is decoded again, and the file.
fn written(mut sink: impl Sink, samples: &Stereo, piece: usize) -> Written {
    for at in (0..samples.len()).step_by(piece) {
        let end = samples.len().min(at + piece);
        sink.write(&Stereo::of(samples.left()[at..end].to_vec(), samples.right()[at..end].to_vec())).unwrap();
    }
    sink.finish().unwrap()
}

fn decoded(path: &std::path::Path) -> Stereo {
    let mut sound = crate::open(std::fs::File::open(path).unwrap(), None).unwrap();
    let (mut piece, mut made) = (Vec::new(), Stereo::default());
    loop {
        sound.next(&mut piece).unwrap();
        if piece.is_empty() {
            return made;
        }
        for pair in piece.chunks_exact(2) {
            made.push(pair[0], pair[1]);
        }
    }
}

#[test]
fn what_is_written_is_read_again_whatever_the_length() {
    let folder = tempfile::tempdir().unwrap();
    for samples in [1, 2, 31, 63, 64, 65, 4_095, 4_096, 4_097, 10_000] {
        let song = noise(samples as u64, samples);
        for (name, depth, step) in [
            ("16.wav", Depth::Bits16, 1.0 / 32_768.0),
            ("24.wav", Depth::Bits24, 1.0 / 8_388_608.0),
            ("float.wav", Depth::Float, 0.0),
            ("16.flac", Depth::Bits16, 1.0 / 32_768.0),
            ("24.flac", Depth::Bits24, 1.0 / 8_388_608.0),
        ] {
            let path = folder.path().join(name);
            let file = std::fs::File::create(&path).unwrap();
            let made = if name.ends_with("wav") {
                written(Wav::new(file, depth, Some(samples as u64)).unwrap(), &song, 1_000)
            } else {
                written(Flac::new(file, depth).unwrap(), &song, 1_000)
            };
            assert_eq!(made.samples, samples as u64, "{name}");
            assert_eq!(made.bytes, path.metadata().unwrap().len(), "{name}, {samples} samples");
            let back = decoded(&path);
            assert_eq!(back.len(), samples, "{name}");
            assert!(distance(&song, &back) <= step, "{name}, {samples} samples: {}", distance(&song, &back));
        }
    }
}

#[test]
fn a_stem_louder_than_full_scale_is_held_there_and_counted() {
    let loud = Stereo::of(vec![2.0, -2.0, 1.0, -1.0], vec![0.0; 4]);
    for (depth, clipped) in [(Depth::Bits16, 3), (Depth::Bits24, 3), (Depth::Float, 0)] {
        let mut wav = Wav::new(Cursor::new(Vec::new()), depth, None).unwrap();
        wav.write(&loud).unwrap();
        assert_eq!(wav.finish().unwrap().clipped, clipped, "{depth:?}");
    }
    let mut wav = Wav::new(Cursor::new(Vec::new()), Depth::Bits16, Some(4)).unwrap();
    wav.write(&loud).unwrap();
    wav.finish().unwrap();
    let bytes = wav.into_inner().into_inner();
    assert_eq!(&bytes[44..46], &i16::MAX.to_le_bytes());
    assert_eq!(&bytes[48..50], &i16::MIN.to_le_bytes());
}

#[test]
fn a_song_of_known_length_has_the_plain_head_and_format_tag_1() {
    let mut wav = Wav::new(Cursor::new(Vec::new()), Depth::Bits16, Some(3)).unwrap();
    wav.write(&noise(1, 3)).unwrap();
    wav.finish().unwrap();
    let bytes = wav.into_inner().into_inner();
    assert_eq!(bytes.len(), 44 + 12);
    assert_eq!(&bytes[..4], b"RIFF");
    assert_eq!(bytes[4..8], 48_u32.to_le_bytes());
    assert_eq!(&bytes[12..16], b"fmt ");
    assert_eq!(bytes[20..22], 1_u16.to_le_bytes());
    assert_eq!(bytes[22..24], 2_u16.to_le_bytes());
    assert_eq!(bytes[24..28], 44_100_u32.to_le_bytes());
    assert_eq!(bytes[34..36], 16_u16.to_le_bytes());
    assert_eq!(&bytes[36..40], b"data");
    assert_eq!(bytes[40..44], 12_u32.to_le_bytes());
}
