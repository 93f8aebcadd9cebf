//! Engines that look at spectra and answer with masks.

use crate::spectrum::{Analysis, Inverse, Synthesis, frames};
use crate::{BINS, Complex32, Frame, HOP_SAMPLES, Mask, Result, Stem, Stereo};

use super::{Engine, Give};

/// Which frames an engine wants to see before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Frames that it answers about at a time. The last block of a song has fewer.
    pub block_frames: usize,
    /// Frames after a block that it must have heard first.
    pub after_frames: usize,
}

/// A way to say how much of each frequency each stem has.
///
/// It is told of each frame once, in their order, by [`hear`](MaskEngine::hear), and remembers of it what it will need. When all frames of a block and
/// those after it were heard, it is asked about the block, and then for the masks of each of the block's frames.
pub trait MaskEngine: Send {
    /// What it is called in answers.
    fn name(&self) -> &'static str;

    /// What it makes.
    fn stems(&self) -> &'static [Stem];

    /// Which frames it wants to see.
    fn shape(&self) -> Shape;

    /// How many bytes it holds at most, beside weights that it shares.
    fn memory_bytes(&self) -> u64;

    /// A frame comes into view. Engines that need nothing but their block need not listen.
    fn hear(&mut self, frame: &Frame) {
        let _ = frame;
    }

    /// The costly step: thinks about the next block. It has [`Shape::block_frames`] frames, or fewer when the song ends.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine).
    fn block(&mut self, frames: &[Frame]) -> Result<()>;

    /// Writes the masks of one frame of that block, counted from its first, one for each stem. Each number of them is
    /// written.
    fn masks(&self, frame: usize, masks: &mut [Mask]);
}

const SILENCE: [f32; HOP_SAMPLES] = [0.0; HOP_SAMPLES];

/// An engine made of spectra, masks and overlap-add.
pub struct Masking<M> {
    engine: M,
    shape: Shape,
    analysis: Analysis,
    inverse: Inverse,
    stems: Vec<Synthesis>,
    masks: Vec<Mask>,
    /// A hop of each stem, ready to be given.
    ready: Vec<Stereo>,
    /// Less than a hop of the mix.
    waiting: Stereo,
    /// Frames that were heard and not asked about, in their order, and behind them room that was used before.
    window: Vec<Frame>,
    heard: usize,
    frames_heard: u64,
    samples_taken: u64,
    samples_given: u64,
    /// The number of samples of the song, once that is known.
    end: u64,
}

impl<M: MaskEngine> Masking<M> {
    /// An engine for one song.
    pub fn new(engine: M) -> Self {
        let stems = engine.stems().len();
        Masking {
            shape: engine.shape(),
            analysis: Analysis::new(),
            inverse: Inverse::new(),
            stems: (0..stems).map(|_| Synthesis::new()).collect(),
            masks: vec![Mask::closed(); stems],
            ready: vec![Stereo::with_capacity(HOP_SAMPLES); stems],
            waiting: Stereo::default(),
            window: Vec::new(),
            heard: 0,
            frames_heard: 0,
            samples_taken: 0,
            samples_given: 0,
            end: u64::MAX,
            engine,
        }
    }

    /// Hears the frame that ends with the given hop, and asks about a block when it can.
    fn hop(&mut self, hop: [&[f32]; 2], give: &mut Give<'_>) -> Result<()> {
        if self.heard == self.window.len() {
            self.window.push(Frame::silent());
        }
        self.analysis.frame(hop, &mut self.window[self.heard])?;
        self.engine.hear(&self.window[self.heard]);
        self.heard += 1;
        self.frames_heard += 1;
        if self.heard == self.shape.block_frames + self.shape.after_frames {
            self.answer(self.shape.block_frames, give)?;
        }
        Ok(())
    }

    /// Asks about the next frames and gives what becomes of them, up to the end of the song.
    fn answer(&mut self, frames: usize, give: &mut Give<'_>) -> Result<()> {
        self.engine.block(&self.window[..frames])?;
        for (at, frame) in self.window[..frames].iter().enumerate() {
            self.engine.masks(at, &mut self.masks);
            for ((stem, mask), ready) in self.stems.iter_mut().zip(&self.masks).zip(&mut self.ready) {
                stem.add(frame, mask, &mut self.inverse, ready)?;
                let left = usize::try_from(self.end - self.samples_given).unwrap_or(usize::MAX);
                ready.truncate(left);
            }
            let samples = self.ready.first().map_or(0, Stereo::len);
            if samples > 0 {
                self.samples_given += samples as u64;
                give(&self.ready)?;
            }
        }
        self.window.rotate_left(frames);
        self.heard -= frames;
        Ok(())
    }
}

impl<M: MaskEngine> Engine for Masking<M> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn stems(&self) -> &'static [Stem] {
        self.engine.stems()
    }

    fn memory_bytes(&self) -> u64 {
        let numbers = (self.shape.block_frames + self.shape.after_frames) * 2 * BINS;
        // A stem has its sums, its mask and its hop: under a thirtieth of a mebibyte.
        self.engine.memory_bytes()
            + (numbers * size_of::<Complex32>()) as u64
            + (self.stems.len() as u64 + 4) * 64 * 1024
    }

    fn push(&mut self, mix: &Stereo, give: &mut Give<'_>) -> Result<()> {
        if self.frames_heard == 0 {
            // The frame that ends where the song begins.
            self.hop([&SILENCE[..]; 2], give)?;
        }
        self.samples_taken += mix.len() as u64;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend(mix.left(), mix.right());
        let whole = waiting.len() / HOP_SAMPLES * HOP_SAMPLES;
        for at in (0..whole).step_by(HOP_SAMPLES) {
            self.hop(waiting.sides().map(|side| &side[at..at + HOP_SAMPLES]), give)?;
        }
        waiting.forget(whole);
        self.waiting = waiting;
        Ok(())
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        let total = frames(self.samples_taken);
        let mut last = std::mem::take(&mut self.waiting);
        let mut has_rest = !last.is_empty();
        last.resize(HOP_SAMPLES);
        self.end = self.samples_taken;
        while self.frames_heard < total {
            let hop = if has_rest { last.sides() } else { [&SILENCE[..]; 2] };
            has_rest = false;
            self.hop(hop, give)?;
        }
        while self.heard > 0 {
            self.answer(self.heard.min(self.shape.block_frames), give)?;
        }
        Ok(())
    }
}
