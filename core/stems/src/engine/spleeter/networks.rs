//! The networks of a model in memory.

use std::io::{Read, Seek};

use rten::ThreadPool;
use rten_simd::SimdUnaryOp;
use rten_vecmath::Sigmoid;

use super::unet::{Room, Unet, channels};
use super::{Block, HEARD_BINS};
use crate::engine::numbers_of;
use crate::models::{Checkpoint, Networks};
use crate::{Result, Stem};

/// One network for each stem, which any number of songs may use at the same time.
pub struct SpleeterNetworks {
    stems: &'static [Stem],
    networks: Networks,
    /// Of each layer on the way down, in all networks.
    channels: Vec<usize>,
    unets: Vec<Unet>,
    bytes: u64,
}

impl SpleeterNetworks {
    /// Reads all networks of a checkpoint, whose stems are in this order.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when it is a checkpoint of something else.
    pub(crate) fn load<D: Read + Seek>(
        mut checkpoint: Checkpoint<D>,
        networks: Networks,
        stems: &'static [Stem],
    ) -> Result<Self> {
        let channels = channels(&checkpoint)?;
        let unets = (0..stems.len())
            .map(|number| Unet::load(&mut checkpoint, networks, number, &channels))
            .collect::<Result<_>>()?;
        Ok(SpleeterNetworks { stems, networks, channels, unets, bytes: checkpoint.bytes() })
    }

    /// What its numbers take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn stems(&self) -> &'static [Stem] {
        self.stems
    }

    /// What one song needs to go through them.
    pub(super) fn room(&self) -> Room {
        Room::new(&self.channels)
    }

    /// Puts the squares of how loud each frequency of a block is in each stem into `powers`: side, frame, frequency.
    pub(super) fn powers(
        &self,
        mix: Block<'_>,
        room: &mut Room,
        threads: &ThreadPool,
        powers: &mut [Vec<f32>],
    ) -> Result<()> {
        for (unet, made) in self.unets.iter().zip(&mut *powers) {
            threads.run(|| unet.run(mix, room, made))?;
            numbers_of(made)?;
        }
        if self.networks == Networks::ExponentialSoftmax {
            shared(powers, mix);
        } else {
            powers.iter_mut().for_each(|made| masked(made, mix));
        }
        for number in powers.iter_mut().flatten() {
            *number *= *number;
        }
        Ok(())
    }
}

/// Gives a stem its part of the mix, whatever the others get.
fn masked(made: &mut [f32], mix: Block<'_>) {
    Sigmoid {}.map_mut(made);
    let mut loudness = [0.0; HEARD_BINS];
    for (at, row) in made.chunks_exact_mut(HEARD_BINS).enumerate() {
        mix.loudness(at, &mut loudness);
        for (number, loudness) in row.iter_mut().zip(&loudness) {
            *number *= loudness;
        }
    }
}

/// Gives each stem its part of the mix by one softmax over all.
fn shared(stems: &mut [Vec<f32>], mix: Block<'_>) {
    let mut loudness = [0.0; HEARD_BINS];
    for at in 0..stems.first().map_or(0, Vec::len) {
        let bin = at % HEARD_BINS;
        if bin == 0 {
            mix.loudness(at / HEARD_BINS, &mut loudness);
        }
        let most = stems.iter().map(|stem| stem[at]).fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for stem in &mut *stems {
            stem[at] = (stem[at] - most).exp();
            sum += stem[at];
        }
        for stem in &mut *stems {
            stem[at] *= loudness[bin] / sum;
        }
    }
}
