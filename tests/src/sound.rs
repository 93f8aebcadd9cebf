//! Sound without an encoder: noise in a WAV file, another for each seed, in memory or piece by piece.

use crate::Random;

/// The bytes before the first sample.
pub const WAV_HEAD_BYTES: usize = 44;

/// A WAV file of exactly so many bytes, of 16-bit stereo noise.
///
/// # Panics
/// When it is shorter than its own head.
pub fn wav(seed: u64, bytes: usize) -> Vec<u8> {
    assert!(bytes >= WAV_HEAD_BYTES, "{bytes} bytes are no WAV file");
    let mut file = Vec::with_capacity(bytes + 8);
    file.extend_from_slice(&wav_head((bytes - WAV_HEAD_BYTES) as u32));
    let mut random = Random::new(seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(seed));
    while file.len() < bytes {
        file.extend_from_slice(&random.bits().to_le_bytes());
    }
    file.truncate(bytes);
    file
}

/// The head of a WAV file with so many bytes of samples.
pub fn wav_head(sample_bytes: u32) -> [u8; WAV_HEAD_BYTES] {
    const RATE: u32 = 44_100;
    let mut head = [0; WAV_HEAD_BYTES];
    head[..4].copy_from_slice(b"RIFF");
    head[4..8].copy_from_slice(&(sample_bytes.saturating_add(36)).to_le_bytes());
    head[8..16].copy_from_slice(b"WAVEfmt ");
    head[16..20].copy_from_slice(&16_u32.to_le_bytes());
    head[20..22].copy_from_slice(&1_u16.to_le_bytes());
    head[22..24].copy_from_slice(&2_u16.to_le_bytes());
    head[24..28].copy_from_slice(&RATE.to_le_bytes());
    head[28..32].copy_from_slice(&(RATE * 4).to_le_bytes());
    head[32..34].copy_from_slice(&4_u16.to_le_bytes());
    head[34..36].copy_from_slice(&16_u16.to_le_bytes());
    head[36..40].copy_from_slice(b"data");
    head[40..44].copy_from_slice(&sample_bytes.to_le_bytes());
    head
}

/// A WAV file of any length that nobody holds in memory: another for each seed.
#[derive(Clone, Debug)]
pub struct Noise {
    /// What distinguishes it.
    pub seed: u64,
    /// Its length in bytes, the head included.
    pub length: u64,
    base: Vec<u8>,
}

/// What [`Noise`] gives at once.
pub const NOISE_PIECE_BYTES: usize = 256 * 1024;

impl Noise {
    /// A file of so many bytes.
    pub fn new(seed: u64, length: u64) -> Self {
        Noise { seed, length, base: wav(seed, NOISE_PIECE_BYTES + WAV_HEAD_BYTES)[WAV_HEAD_BYTES..].to_vec() }
    }

    /// Gives the file from its start, piece by piece, until all is given or the taker fails.
    ///
    /// # Errors
    /// The taker's.
    pub fn each<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let samples = self.length.saturating_sub(WAV_HEAD_BYTES as u64);
        // A file of more than 4 GiB says what streams say: as long as it goes.
        take(&wav_head(u32::try_from(samples).unwrap_or(u32::MAX)))?;
        let mut piece = self.base.clone();
        let mut given = 0;
        while given < samples {
            piece[..8].copy_from_slice(&given.to_le_bytes());
            let count = (samples - given).min(NOISE_PIECE_BYTES as u64);
            take(&piece[..count as usize])?;
            given += count;
        }
        Ok(())
    }
}
