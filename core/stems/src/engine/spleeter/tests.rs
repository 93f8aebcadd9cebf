use std::io::Cursor;

use super::*;
use crate::engine::{Engine, Folded, Masking};
use crate::models::{Checkpoint, Networks};
use crate::signals::{self, hashed, noise, sum};
use crate::{HOP_SAMPLES, Stereo};

/// Networks as wide as those that Spleeter itself was asked, which `scripts/spleeter_reference.py` wrote.
macro_rules! reference {
    ($folder:literal, $file:literal) => {
        include_bytes!(concat!("../../../tests/data/", $folder, "/", $file)).as_slice()
    };
}

macro_rules! networks {
    ($folder:literal, $networks:expr, $stems:expr) => {{
        let index = reference!($folder, "model.index");
        let data = Cursor::new(reference!($folder, "model.data-00000-of-00001"));
        Arc::new(SpleeterNetworks::load(Checkpoint::open(index, data).unwrap(), $networks, $stems).unwrap())
    }};
}

const FIVE: &[Stem] = &[Stem::Vocals, Stem::Piano, Stem::Drums, Stem::Bass, Stem::Other];

fn two() -> Arc<SpleeterNetworks> {
    networks!("2stems", Networks::Rectified, Stem::set(2).unwrap())
}

fn four() -> Arc<SpleeterNetworks> {
    networks!("4stems", Networks::Exponential, Stem::set(4).unwrap())
}

fn five() -> Arc<SpleeterNetworks> {
    networks!("5stems", Networks::ExponentialSoftmax, FIVE)
}

/// The stems, one after the other, left and right of each 61st sample.
fn thinned(stems: &[Stereo]) -> Vec<f32> {
    let thin = |stem: &Stereo| -> Vec<f32> {
        stem.left().iter().zip(stem.right()).step_by(61).flat_map(|(left, right)| [*left, *right]).collect()
    };
    stems.iter().flat_map(thin).collect()
}

fn apart(song: &Stereo, piece: usize, mut engine: Box<dyn Engine>) -> Vec<Stereo> {
    signals::apart(song, piece, &mut *engine)
}

fn engine(networks: &Arc<SpleeterNetworks>, extension: MaskExtension, threads: usize) -> Box<dyn Engine> {
    Box::new(Masking::new(Spleeter::new(Arc::clone(networks), extension, threads)))
}

#[test]
fn stems_are_those_of_spleeter_itself() {
    let song = hashed(30_000);
    for (name, networks, extension, expected) in [
        ("two", two(), MaskExtension::Zeros, reference!("2stems", "zeros.f32")),
        ("two", two(), MaskExtension::Average, reference!("2stems", "average.f32")),
        ("four", four(), MaskExtension::Zeros, reference!("4stems", "zeros.f32")),
        ("four", four(), MaskExtension::Average, reference!("4stems", "average.f32")),
        ("five", five(), MaskExtension::Zeros, reference!("5stems", "zeros.f32")),
        ("five", five(), MaskExtension::Average, reference!("5stems", "average.f32")),
    ] {
        let made = thinned(&apart(&song, 5_000, engine(&networks, extension, 1)));
        let expected: Vec<f32> =
            expected.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(made.len(), expected.len(), "{name}");
        let far = made.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let error = signals::snr_db(&expected, &made);
        assert!(far < 1.0 / 32_768.0 && error > 75.0, "{name} {extension:?}: {far} apart, {error:.1} dB");
    }
}

#[test]
fn the_stems_add_up_to_the_mix_when_no_frequency_is_left_out() {
    let song = noise(3, 60_000);
    for networks in [two(), four(), five()] {
        let stems = apart(&song, 60_000, engine(&networks, MaskExtension::Average, 1));
        assert!(signals::distance(&song, &sum(&stems)) < 1e-5);
    }
}

#[test]
fn neither_pieces_nor_threads_change_a_sample() {
    // A block and a half, so that one of them ends with the song.
    let song = noise(5, 700 * HOP_SAMPLES + 17);
    let networks = four();
    let expected = apart(&song, song.len(), engine(&networks, MaskExtension::Average, 1));
    for (piece, threads) in [(1_000, 1), (44_100, 2)] {
        let made = apart(&song, piece, engine(&networks, MaskExtension::Average, threads));
        assert!(made == expected, "pieces of {piece}, {threads} threads");
    }
}

#[test]
fn silence_stays_silence_and_a_smaller_set_is_made_of_a_larger_one() {
    let networks = five();
    let mut silence = Stereo::default();
    silence.resize(5_000);
    for stem in apart(&silence, 999, engine(&networks, MaskExtension::Average, 1)) {
        assert!(stem == silence);
    }
    let song = noise(8, 9_000);
    let five = apart(&song, 9_000, engine(&networks, MaskExtension::Average, 1));
    let folded = |count: usize| -> Vec<Stereo> {
        let engine = engine(&networks, MaskExtension::Average, 1);
        apart(&song, 9_000, Box::new(Folded::new(engine, Stem::set(count).unwrap())))
    };
    let (two, four, ordered) = (folded(2), folded(4), folded(5));
    assert!(two[0] == five[0] && two.len() == 2);
    assert!(four[..3] == [five[0].clone(), five[2].clone(), five[3].clone()]);
    assert!(ordered[3] == five[1] && ordered[4] == five[4]);
    let mut rest = four[3].clone();
    rest.add(&four[1]);
    rest.add(&four[2]);
    assert!(signals::distance(&rest, &two[1]) < 1e-6);
}

#[test]
fn a_checkpoint_of_something_else_is_refused_by_what_it_lacks() {
    let index = reference!("4stems", "model.index");
    let data = Cursor::new(reference!("4stems", "model.data-00000-of-00001"));
    let checkpoint = Checkpoint::open(index, data).unwrap();
    let error = SpleeterNetworks::load(checkpoint, Networks::ExponentialSoftmax, FIVE).err().unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::Model);
    assert!(error.to_string().contains("no variable `conv2d_28/kernel`"), "{error}");
}
