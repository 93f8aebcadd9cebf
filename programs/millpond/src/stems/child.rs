//! The child: this program once more, without any right but to read the files that it is given, to write those that it is
//! given for stems, and to read models.
//!
//! It does one song at a time, and keeps the model for the next one. It ends when the server does.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ::stems::engine::{EngineName, MaskExtension};
use ::stems::models::{Choice, Folder, Weights, Wish};
use ::stems::{Depth, Encoding, Error, ErrorKind, Separated};
use budget::limits::{STEMS_PROGRESS_MS, STEMS_SUM_READ_BYTES};

use super::line::Line;
use super::message::{GO_ON, Order, Said, Why, Written};

/// The first argument with which this program is started as a child.
pub(crate) const WORD: &str = "stems-worker";

/// The whole program of a child. The argument behind [`WORD`] is the folder of models.
pub(crate) fn main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    match serve(&Folder::new(PathBuf::from(args.next().unwrap_or_default()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            crate::output::complain(format!("{WORD}: {e}"));
            ExitCode::FAILURE
        }
    }
}

/// The model that a child has, once a song needed one. It ends with the child, which the server ends when nobody needs it or
/// others need its memory.
struct Loaded {
    /// The list of its files' hashes.
    sums: String,
    weights: Weights,
}

fn serve(folder: &Folder) -> io::Result<()> {
    let mut line = Line::of_input()?;
    let mut loaded = None;
    while let Some((text, files)) = line.hear()? {
        let said = match serde_json::from_str::<Order>(&text) {
            Ok(order) => match carry_out(&order, files, folder, &mut loaded, &mut line) {
                Ok(done) => done,
                Err(e) => Said::Failed { why: why(&e), reason: e.to_string() },
            },
            Err(e) => Said::Failed { why: Why::Server, reason: format!("an order cannot be read: {e}") },
        };
        say(&mut line, &said)?;
    }
    Ok(())
}

fn say(line: &mut Line, said: &Said) -> io::Result<()> {
    line.say(&serde_json::to_string(said).map_err(io::Error::other)?)
}

/// What is said now and then of how far it is; the next step is made when the server has room for it.
struct Telling<'a> {
    line: &'a mut Line,
    told: Instant,
    /// Whether the song's length is certain.
    is_exact: bool,
}

impl Telling<'_> {
    fn far(&mut self, samples: u64, of: Option<u64>) -> io::Result<()> {
        if self.told.elapsed() < Duration::from_millis(STEMS_PROGRESS_MS) {
            return Ok(());
        }
        say(self.line, &Said::Far { samples, of, is_exact: self.is_exact })?;
        match self.line.hear()? {
            Some((word, _)) if word == GO_ON => {
                self.told = Instant::now();
                Ok(())
            }
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

fn why(error: &Error) -> Why {
    match error.kind() {
        ErrorKind::Coding | ErrorKind::NotAudio => Why::Coding,
        ErrorKind::Stems | ErrorKind::ModelAbsent | ErrorKind::ModelUnknown | ErrorKind::Licence => Why::Wish,
        ErrorKind::Model | ErrorKind::NoNumbers => Why::Model,
        _ if error.is_the_songs() => Why::Song,
        _ => Why::Server,
    }
}

/// What was chosen when the job was taken up. Another model by now is another set of stems.
fn chosen(order: &Order, folder: &Folder) -> ::stems::Result<Choice> {
    let unknown = |what: &str| Error::new(ErrorKind::Stems, format!("there is no such {what}"));
    let engine = EngineName::named(&order.engine).ok_or_else(|| unknown("engine"))?;
    let extension = MaskExtension::named(&order.extension).ok_or_else(|| unknown("extension of masks"))?;
    let wish = Wish { stems: order.stems, engine: Some(engine), extension };
    let choice = folder.choose_within(&wish, order.reserve_bytes)?;
    let choice = if order.accompaniment { choice.with_accompaniment() } else { choice };
    let model = choice.installed.as_ref().map_or("", |installed| &installed.sums);
    if model != order.model {
        return Err(Error::new(ErrorKind::Engine, "the model was replaced while the song waited"));
    }
    Ok(choice)
}

/// The weights that a choice needs. A child has room for one model, so that another one is read when the former is gone.
fn weights(
    choice: &Choice,
    folder: &Folder,
    loaded: &mut Option<Loaded>,
) -> ::stems::Result<Option<Weights>> {
    let Some(installed) = &choice.installed else { return Ok(None) };
    loaded.take_if(|loaded| loaded.sums != installed.sums);
    if loaded.is_none() {
        let read = choice.weights(folder)?;
        *loaded = read.map(|weights| Loaded { sums: installed.sums.clone(), weights });
    }
    Ok(loaded.as_ref().map(|loaded| loaded.weights.clone()))
}

fn carry_out(
    order: &Order,
    files: Vec<File>,
    folder: &Folder,
    loaded: &mut Option<Loaded>,
    line: &mut Line,
) -> ::stems::Result<Said> {
    let choice = chosen(order, folder)?;
    let mut files = files.into_iter();
    let song = files.next().ok_or_else(|| Error::new(ErrorKind::Engine, "no song came with the order"))?;
    let outputs: Vec<File> = files.collect();
    if outputs.len() != choice.stems.len() {
        return Err(Error::new(ErrorKind::Stems, "there are not as many files as stems"));
    }
    let mut sound = ::stems::open(Song { file: song, position: 0 }, order.suffix.as_deref())?;
    let weights = weights(&choice, folder, loaded)?;
    let encoding = match &*order.format {
        "flac" => Encoding::Flac(Depth::Bits16),
        _ => Encoding::Wav(Depth::Bits16),
    };
    let mut next = outputs.iter();
    let mut telling = Telling { line, told: Instant::now(), is_exact: sound.format().is_exact };
    let separated = ::stems::separate(
        sound.as_mut(),
        &choice,
        weights,
        1,
        &mut |_, expected| {
            let file = next.next().and_then(|file| file.try_clone().ok());
            let file = file.ok_or_else(|| Error::new(ErrorKind::Write, "a stem has no file"))?;
            encoding.sink(BufWriter::new(file), expected)
        },
        // Whoever does not hear it any more does not want it either.
        &mut |progress| match telling.far(progress.samples, progress.expected_samples) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        },
    )?;
    done(separated, &outputs, &mut telling)
}

fn done(separated: Separated, outputs: &[File], telling: &mut Telling<'_>) -> ::stems::Result<Said> {
    let Separated { notes, stems, summary, .. } = separated;
    let (samples, mut files) = (summary.samples, Vec::new());
    for (file, stem) in outputs.iter().zip(stems) {
        let (length_bytes, crc32) = sum(file, || telling.far(samples, Some(samples)))
            .map_err(|e| Error::new(ErrorKind::Write, format!("a stem cannot be read again: {e}")))?;
        files.push(Written { stem: stem.name().to_owned(), length_bytes, crc32 });
    }
    Ok(Said::Done { notes, samples, files })
}

/// The length and the CRC-32 of a file. What is at its front was written last, so it is read when it is whole. With each
/// piece that was read it is `further`: a slow disk is no child that stands still.
fn sum(file: &File, mut further: impl FnMut() -> io::Result<()>) -> io::Result<(u64, u32)> {
    let (mut hasher, mut buffer, mut at) = (crc32fast::Hasher::new(), vec![0; STEMS_SUM_READ_BYTES], 0);
    loop {
        match file.read_at(&mut buffer, at)? {
            0 => return Ok((at, hasher.finalize())),
            count => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                at += count as u64;
                further()?;
            }
        }
    }
}

/// The song, read by offsets: the position of its descriptor is everybody's who has it.
struct Song {
    file: File,
    position: u64,
}

impl Read for Song {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Song {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.file.metadata()?.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sums_up_a_stem_says_with_each_piece_that_it_goes_on() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"123456789", 3 * STEMS_SUM_READ_BYTES as u64).unwrap();
        let mut pieces = 0;
        let (length, _) = sum(&file, || {
            pieces += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((length, pieces), (3 * STEMS_SUM_READ_BYTES as u64 + 9, 4));
        let gone = sum(&file, || Err(io::ErrorKind::BrokenPipe.into())).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe, "nobody wants it any more");
    }
}
