//! Takes a song apart: `apart SONG DIR [STEMS [THREADS]]`.
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;

use stems::engine::{Masking, Spectral};
use stems::{Depth, Engine, Sink, Wav};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = |at: usize, usual| words.get(at).map_or(Ok(usual), |word| word.parse());
    let mut engine = Masking::new(Spectral::new(count(2, 2)?, count(3, 1)?)?);
    let mut sound = stems::open(File::open(&words[0])?, None)?;
    std::fs::create_dir_all(&words[1])?;
    let mut files = Vec::new();
    for stem in engine.stems() {
        let file = File::create(format!("{}/{stem}.wav", words[1]))?;
        files.push(Wav::new(BufWriter::new(file), Depth::Float, None)?);
    }
    let mut sinks: Vec<&mut dyn Sink> = files.iter_mut().map(|file| file as &mut dyn Sink).collect();
    let summary = stems::split(sound.as_mut(), &mut engine, &mut sinks, &mut |_| ControlFlow::Continue(()))?;
    println!("{summary:?}");
    Ok(())
}
