use super::*;
use crate::FRAME_SAMPLES;
use crate::signals::{self, hashed, noise, sine};

/// A narrow network that PyTorch made and was asked, which `scripts/export_htdemucs.py --small` wrote.
fn graph() -> Arc<HtdemucsGraph> {
    let graph = include_bytes!("../../../tests/data/htdemucs/htdemucs.onnx").as_slice();
    let data = include_bytes!("../../../tests/data/htdemucs/htdemucs.onnx.data").as_slice();
    Arc::new(HtdemucsGraph::load(graph, data).unwrap())
}

fn apart(song: &Stereo, piece: usize, graph: &Arc<HtdemucsGraph>) -> Vec<Stereo> {
    signals::apart(song, piece, &mut Htdemucs::new(Arc::clone(graph), 1))
}

#[test]
fn stems_are_those_of_demucs_itself() {
    let expected = include_bytes!("../../../tests/data/htdemucs/stems.f32").as_slice();
    let expected: Vec<f32> =
        expected.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let stems = apart(&hashed(150_000), 10_000, &graph());
    let made: Vec<f32> = stems
        .iter()
        .flat_map(|stem| stem.left().iter().zip(stem.right()).step_by(61))
        .flat_map(|(left, right)| [*left, *right])
        .collect();
    assert_eq!(made.len(), expected.len());
    let far = made.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5, "{far} apart");
}

#[test]
fn pieces_change_no_sample_and_stems_are_as_long_as_the_song() {
    let graph = graph();
    for samples in [1, 700, 66_150, 66_151, 100_000] {
        let song = noise(3, samples);
        let expected = apart(&song, samples, &graph);
        assert!(expected.iter().all(|stem| stem.len() == samples), "{samples}");
        assert!(apart(&song, 997, &graph) == expected, "{samples}");
    }
}

#[test]
fn spectra_there_and_back_are_the_segment_again() {
    for samples in [66_150, 65_536, 70_001] {
        let song = sine(440.0, 44_100, samples);
        let mut spectra = Spectra::new(samples);
        let numbers = spectra.of(&song).unwrap().to_vec();
        let mut back = Stereo::default();
        back.resize(samples);
        spectra.add_back(&numbers, &mut back).unwrap();
        // At both ends frames are missing that Demucs leaves out, too; there its segments overlap.
        let inside = FRAME_SAMPLES..samples - FRAME_SAMPLES;
        let error = signals::snr_db(&song.left()[inside.clone()], &back.left()[inside]);
        assert!(error > 60.0, "{samples}: {error:.1} dB");
    }
}

#[test]
fn a_short_segment_stands_in_the_middle_of_what_is_heard() {
    // As `TensorChunk.padded` and `center_trim` of Demucs have it.
    for (begin, end, silence, from, to, at, length) in [
        (0, 100, 0, 0, 100, 0, 100),
        (75, 300, 0, 75, 175, 0, 100),
        (0, 40, 30, 0, 40, 30, 40),
        (75, 115, 0, 45, 115, 30, 40),
        (10, 30, 30, 0, 30, 40, 20),
    ] {
        let window = window(begin, end, 100);
        assert_eq!(
            (window.silence, window.from, window.to, window.begin, window.length),
            (silence, from, to, at, length),
            "{begin}..{end}"
        );
    }
}

#[test]
fn something_else_than_the_network_is_refused() {
    for bytes in [&b"no graph"[..], &[0; 64], &[]] {
        let error = HtdemucsGraph::load(bytes, &[][..]).err().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Model, "{error}");
    }
}
