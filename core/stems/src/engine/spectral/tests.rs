use std::ops::ControlFlow;

use super::*;
use crate::engine::{Engine, Masking};
use crate::signals::{self, Given, Kept, distance, noise, sine, snr_db, sum};
use crate::{HOP_SAMPLES, Stereo, split};

fn apart(song: &Stereo, piece: usize, mut engine: Masking<Spectral>) -> Vec<Stereo> {
    signals::apart(song, piece, &mut engine)
}

fn spectral(stems: usize, threads: usize) -> Masking<Spectral> {
    Masking::new(Spectral::new(stems, threads).unwrap())
}

/// A bar of music that repeats every half second, low on one side and high on the other, with a click on each beat.
fn music(samples: usize) -> Stereo {
    let mut made = Stereo::with_capacity(samples);
    let hiss = noise(9, 22_050);
    let tones = |at: usize, hertz: [f64; 3]| {
        let time = at as f64 / 44_100.0;
        let chord = hertz.map(|hertz| (std::f64::consts::TAU * hertz * time).sin()).iter().sum::<f64>();
        (0.08 * chord) as f32
    };
    for at in 0..samples {
        let click = hiss.left()[at % 22_050] * 0.4 * (-((at % 22_050) as f32) / 700.0).exp();
        made.push(tones(at, [220.0, 330.0, 440.0]) + click, 0.5 * tones(at, [262.0, 392.0, 524.0]) + click);
    }
    made
}

/// Somebody who sings other notes all the time, in the middle.
fn singer(samples: usize) -> Stereo {
    let mut phase = 0.0_f64;
    let side: Vec<f32> = (0..samples)
        .map(|at| {
            let time = at as f64 / 44_100.0;
            let hertz = 600.0 + 250.0 * (1.7 * time).sin() + 90.0 * (5.3 * time + 1.0).sin();
            phase += std::f64::consts::TAU * hertz / 44_100.0;
            let voice = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin();
            (0.15 * voice) as f32
        })
        .collect();
    Stereo::of(side.clone(), side)
}

fn mixed(one: &Stereo, other: &Stereo) -> Stereo {
    sum(&[one.clone(), other.clone()])
}

#[test]
fn who_sings_is_told_from_what_repeats() {
    let samples = 8 * 44_100;
    let (music, singer) = (music(samples), singer(samples));
    let mix = mixed(&music, &singer);
    let stems = apart(&mix, 5_000, spectral(2, 2));
    let before = snr_db(singer.left(), mix.left());
    let vocals = snr_db(singer.left(), stems[0].left());
    let accompaniment = snr_db(music.left(), stems[1].left());
    assert!(vocals > before + 6.0, "vocals {before:.1} -> {vocals:.1} dB");
    assert!(accompaniment > 6.5, "accompaniment {accompaniment:.1} dB");
}

#[test]
fn the_stems_add_up_to_the_mix() {
    let mix = mixed(&music(60_000), &singer(60_000));
    for stems in [2, 4] {
        let made = apart(&mix, 10_000, spectral(stems, 1));
        assert_eq!(made.len(), stems);
        assert!(distance(&mix, &sum(&made)) < 3e-6, "{stems}: {}", distance(&mix, &sum(&made)));
    }
}

#[test]
fn neither_pieces_nor_blocks_nor_threads_change_a_sample() {
    let mix = mixed(&music(90_001), &noise(4, 90_001));
    let expected = apart(&mix, mix.len(), spectral(4, 1));
    for (piece, threads, block) in
        [(1, 1, 64), (1_023, 2, 64), (50_000, 3, 64), (7_777, 1, 1), (7_777, 2, 37)]
    {
        let stems = Stem::set(4).unwrap();
        let engine = Masking::new(Spectral::with_block(stems, threads, block));
        let made = apart(&mix, piece, engine);
        assert!(made == expected, "pieces of {piece}, {threads} threads, blocks of {block}");
    }
}

#[test]
fn silence_stays_silence_and_stems_are_as_long_as_the_song() {
    for samples in [1, HOP_SAMPLES - 1, HOP_SAMPLES, HOP_SAMPLES + 1, 64 * HOP_SAMPLES, 70_001] {
        let mut silence = Stereo::default();
        silence.resize(samples);
        for stem in apart(&silence, 4_096, spectral(4, 1)) {
            assert!(stem == silence, "{samples} samples");
        }
        let made = apart(&sine(440.0, 44_100, samples), 4_096, spectral(2, 1));
        assert!(made.iter().all(|stem| stem.len() == samples));
    }
}

#[test]
fn a_sound_at_the_end_of_what_floats_hold_gives_numbers() {
    let loud = Stereo::of(vec![64.0; 9_000], vec![-64.0; 9_000]);
    let quiet = Stereo::of(vec![1e-30; 9_000], vec![1e-38; 9_000]);
    for song in [loud, quiet] {
        for stem in apart(&song, 4_096, spectral(4, 1)) {
            assert!(stem.sides().iter().all(|side| side.iter().all(|sample| sample.is_finite())));
        }
    }
}

#[test]
fn other_numbers_of_stems_are_refused_by_name() {
    for stems in [0, 1, 3, 5] {
        let error = Spectral::new(stems, 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Stems);
        assert!(error.to_string().contains(&format!("not {stems}")), "{error}");
    }
}

#[test]
fn work_ends_where_the_watcher_says() {
    let mut engine = spectral(2, 1);
    let mut sound = Given::new(noise(1, 20 * 44_100), 44_100);
    let (mut one, mut other) = (Kept::default(), Kept::default());
    let mut told = Vec::new();
    let error = split(&mut sound, &mut engine, &mut [&mut one, &mut other], &mut |progress| {
        told.push(progress.samples);
        assert_eq!(progress.expected_samples, Some(20 * 44_100));
        if progress.samples > 2 * 44_100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(told.is_sorted() && told.last().is_some_and(|samples| *samples < 5 * 44_100), "{told:?}");
    assert_eq!(one.0.len() as u64, *told.last().unwrap());
}

#[test]
fn what_it_says_it_holds_is_what_it_holds() {
    let mut engine = spectral(4, 1);
    let said = engine.memory_bytes();
    let song = noise(2, 400 * HOP_SAMPLES);
    engine.push(&song, &mut |_| Ok(())).unwrap();
    assert!((10 << 20..24 << 20).contains(&said), "{said}");
}
