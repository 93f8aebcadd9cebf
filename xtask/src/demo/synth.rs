//! Music by addition: every note is a few sines that fade, written into one stereo buffer.

use std::f32::consts::TAU;

/// Samples in a second.
pub(super) const RATE: u32 = 44_100;

/// Four chords, each as steps from the key's root; the first is the bass.
const PROGRESSIONS: [[[i32; 4]; 4]; 5] = [
    [[0, 4, 7, 11], [-3, 0, 4, 7], [-7, -3, 0, 4], [-5, -1, 2, 7]],
    [[0, 3, 7, 10], [-4, 0, 3, 7], [-9, -5, -2, 3], [-2, 2, 5, 10]],
    [[0, 4, 7, 12], [-5, -1, 2, 7], [-3, 0, 4, 9], [-7, -3, 0, 5]],
    [[2, 5, 9, 12], [-5, -1, 2, 5], [0, 4, 7, 11], [-3, 0, 4, 7]],
    [[0, 3, 7, 14], [-2, 2, 5, 9], [-4, 0, 3, 7], [-5, -1, 2, 7]],
];
/// Which note of the chord is plucked on each eighth.
const PATTERNS: [[usize; 8]; 3] =
    [[0, 1, 2, 3, 2, 1, 2, 3], [0, 2, 1, 3, 1, 2, 3, 2], [3, 2, 1, 0, 1, 2, 3, 1]];

/// One piece of music: 20 to 40 s.
pub(super) struct Piece {
    progression: [[i32; 4]; 4],
    pattern: [usize; 8],
    root_hz: f32,
    eighth_s: f32,
    bars: usize,
}

/// How one note sounds.
struct Note {
    hz: f32,
    at_s: f32,
    length_s: f32,
    /// Seconds until it is at its loudest.
    attack_s: f32,
    /// How fast it fades; 0 holds it to its end.
    decay: f32,
    gain: f32,
    /// From -1, left, to 1, right.
    pan: f32,
}

impl Piece {
    pub(super) fn of(album: usize, song: usize) -> Self {
        let eighth_s = [0.25, 0.28, 0.31, 0.22][(album + song) % 4];
        let bars = [11, 13, 15, 12][song % 4];
        Self {
            progression: PROGRESSIONS[(album + song / 2) % PROGRESSIONS.len()],
            pattern: PATTERNS[song % PATTERNS.len()],
            root_hz: 220.0 * 2_f32.powf((album as f32 * 3.0 + song as f32 * 5.0) % 12.0 / 12.0) / 1.5,
            eighth_s,
            bars,
        }
    }

    /// Interleaved stereo samples.
    pub(super) fn render(&self) -> Vec<i16> {
        let bar_s = self.eighth_s * 8.0;
        let length_s = bar_s * self.bars as f32 + 2.0;
        let mut mix = vec![0.0_f32; (length_s * RATE as f32) as usize * 2];
        for bar in 0..self.bars {
            let chord = self.progression[bar % 4];
            let at_s = bar as f32 * bar_s;
            for (voice, step) in chord.iter().enumerate() {
                let pan = voice as f32 / 2.0 - 0.75;
                let note = Note {
                    hz: self.hz(*step),
                    at_s,
                    length_s: bar_s + 0.6,
                    attack_s: 0.5,
                    decay: 0.0,
                    gain: 0.06,
                    pan,
                };
                note.add(&mut mix);
            }
            let bass = Note {
                hz: self.hz(chord[0] - 12),
                at_s,
                length_s: bar_s,
                attack_s: 0.03,
                decay: 0.9,
                gain: 0.2,
                pan: 0.0,
            };
            bass.add(&mut mix);
            // The first and the last bar rest, so that a piece begins and ends quietly.
            for (eighth, voice) in self.pattern.iter().enumerate().filter(|_| bar > 0 && bar + 1 < self.bars)
            {
                let at_s = at_s + eighth as f32 * self.eighth_s;
                let pan = if eighth % 2 == 0 { -0.4 } else { 0.4 };
                let gain = if eighth == 0 { 0.2 } else { 0.14 };
                let hz = self.hz(chord[*voice] + 12);
                Note { hz, at_s, length_s: 1.2, attack_s: 0.005, decay: 4.0, gain, pan }.add(&mut mix);
            }
        }
        mix.iter().map(|sample| ((sample * 1.8).tanh() * 30_000.0) as i16).collect()
    }

    fn hz(&self, step: i32) -> f32 {
        self.root_hz * 2_f32.powf(step as f32 / 12.0)
    }
}

impl Note {
    fn add(&self, mix: &mut [f32]) {
        let start = (self.at_s * RATE as f32) as usize * 2;
        let frames = (self.length_s * RATE as f32) as usize;
        let (left, right) = ((1.0 - self.pan) / 2.0, (1.0 + self.pan) / 2.0);
        let room = mix.get_mut(start..).unwrap_or_default();
        for (frame, pair) in room.chunks_exact_mut(2).take(frames).enumerate() {
            let t = frame as f32 / RATE as f32;
            let rise = (t / self.attack_s).min(1.0);
            let fall = ((self.length_s - t) / 0.3).min(1.0);
            let phase = TAU * self.hz * t;
            let tone = phase.sin() + 0.35 * (2.0 * phase).sin() + 0.12 * (3.0 * phase).sin();
            let sample = tone * rise * fall * (-self.decay * t).exp() * self.gain;
            pair[0] += sample * left;
            pair[1] += sample * right;
        }
    }
}
