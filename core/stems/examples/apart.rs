//! Takes a song apart: `apart SONG DIR MODELS [STEMS [ENGINE|- [EXTENSION [THREADS [TIMES]]]]]`; `-` is the best
//! engine there is.
use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::time::Instant;

use stems::engine::{EngineName, MaskExtension};
use stems::models::{Folder, Wish};
use stems::{Depth, Encoding, Error, ErrorKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let wish = Wish {
        stems: word(3).parse().unwrap_or(2),
        engine: EngineName::named(word(4)),
        extension: MaskExtension::named(word(5)).unwrap_or_default(),
    };
    let folder = Folder::new(word(2));
    let choice = folder.choose(&wish)?;
    println!("{} bytes reserved", choice.reserve_bytes());
    std::fs::create_dir_all(word(1))?;
    let threads = word(6).parse().unwrap_or(1);
    let mut weights = None;
    for _ in 0..word(7).parse().unwrap_or(1) {
        let began = Instant::now();
        if weights.is_none() {
            weights = choice.weights(&folder)?;
        }
        println!("loaded in {:?}", began.elapsed());
        let mut sound = stems::open(File::open(word(0))?, None)?;
        let done = stems::separate(
            sound.as_mut(),
            &choice,
            weights.clone(),
            threads,
            &mut |stem, expected| {
                let file = File::create(format!("{}/{stem}.wav", word(1)))
                    .map_err(|e| Error::new(ErrorKind::Write, e.to_string()))?;
                Encoding::Wav(Depth::Float).sink(BufWriter::new(file), expected)
            },
            &mut |_| ControlFlow::Continue(()),
        )?;
        println!("{done:?}");
    }
    Ok(())
}
