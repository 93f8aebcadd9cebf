//! Any number of channels to two.
//!
//! One channel is heard on both sides, and two stay as they are. More are mixed as ITU-R BS.775 does, because what is sung
//! stands in the centre channel of a surround mix: the centre and the surround channels are added 3 dB lower, and the whole is made
//! quieter until it cannot be louder than full scale. What becomes of the channel of low frequencies the recommendation leaves open: it
//! is added 6 dB lower to both sides, because files that do not say where their channels stand have anything in its place.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::Stereo;

/// Where a channel's loudspeaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Left,
    Right,
    Centre,
    /// Low frequency effects.
    Low,
    /// Beside or behind the listener, on the left.
    SurroundLeft,
    /// Beside or behind the listener, on the right.
    SurroundRight,
    /// Behind the listener.
    Behind,
}

impl Place {
    /// The places of so many channels in the order that WAV files have.
    pub(crate) fn usual(channels: usize) -> Vec<Place> {
        use Place::{Behind, Centre, Left, Low, Right, SurroundLeft, SurroundRight};
        let places: &[Place] = match channels {
            0 => &[],
            1 => &[Centre],
            2 => &[Left, Right],
            3 => &[Left, Right, Centre],
            4 => &[Left, Right, SurroundLeft, SurroundRight],
            5 => &[Left, Right, Centre, SurroundLeft, SurroundRight],
            6 => &[Left, Right, Centre, Low, SurroundLeft, SurroundRight],
            7 => &[Left, Right, Centre, Low, Behind, SurroundLeft, SurroundRight],
            _ => &[Left, Right, Centre, Low, SurroundLeft, SurroundRight, SurroundLeft, SurroundRight],
        };
        let rest = channels.saturating_sub(places.len());
        places.iter().copied().chain(std::iter::repeat_n(Low, rest)).collect()
    }

    /// How loud it is on the left and on the right.
    fn gains(self) -> [f32; 2] {
        match self {
            Place::Left => [1.0, 0.0],
            Place::Right => [0.0, 1.0],
            Place::Centre => [FRAC_1_SQRT_2; 2],
            Place::SurroundLeft => [FRAC_1_SQRT_2, 0.0],
            Place::SurroundRight => [0.0, FRAC_1_SQRT_2],
            Place::Low | Place::Behind => [0.5; 2],
        }
    }
}

/// Takes interleaved samples of several channels to two sides.
pub(crate) struct Downmix {
    gains: Vec<[f32; 2]>,
}

impl Downmix {
    pub(crate) fn new(places: &[Place]) -> Self {
        let gains = match places.len() {
            1 => vec![[1.0; 2]],
            2 => vec![[1.0, 0.0], [0.0, 1.0]],
            _ => quietened(places.iter().map(|place| place.gains()).collect()),
        };
        Downmix { gains }
    }

    /// Adds what is in `piece` to `into`. What is no number is silence.
    pub(crate) fn mix(&self, piece: &[f32], into: &mut Stereo) {
        for samples in piece.chunks_exact(self.gains.len()) {
            let mut sides = [0.0; 2];
            for (sample, gains) in samples.iter().zip(&self.gains) {
                sides[0] += sample * gains[0];
                sides[1] += sample * gains[1];
            }
            into.push(sides[0], sides[1]);
        }
    }
}

fn quietened(gains: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    let sum = |side: usize| gains.iter().map(|gains| gains[side]).sum::<f32>();
    let loudest = sum(0).max(sum(1)).max(1.0);
    gains.into_iter().map(|gains| gains.map(|gain| gain / loudest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_is_heard_where_it_stands_and_never_louder_than_it_was() {
        for (channels, loud, expected) in [
            (1, 0, [1.0, 1.0]),
            (2, 0, [1.0, 0.0]),
            (2, 1, [0.0, 1.0]),
            (6, 2, [0.2426, 0.2426]),
            (6, 3, [0.1716, 0.1716]),
            (6, 4, [0.2426, 0.0]),
            (8, 7, [0.0, 0.1953]),
        ] {
            let mut piece = vec![0.0; channels];
            piece[loud] = 1.0;
            let mut mixed = Stereo::default();
            Downmix::new(&Place::usual(channels)).mix(&piece, &mut mixed);
            for (side, expected) in mixed.sides().iter().zip(expected) {
                assert!((side[0] - expected).abs() < 1e-4, "{channels} channels, {loud}: {side:?}");
            }
        }
        for channels in 1..=8 {
            let mut mixed = Stereo::default();
            Downmix::new(&Place::usual(channels)).mix(&vec![1.0; channels], &mut mixed);
            assert!(mixed.left()[0] <= 1.0 + 1e-6 && mixed.right()[0] <= 1.0 + 1e-6, "{channels}");
        }
    }
}
