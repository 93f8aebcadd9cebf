//! What stems are written as, and what writes them.

use std::fs::File;
use std::io::BufWriter;

use clap::ArgMatches;
use clap::parser::ValueSource;
use stems::{Depth, Encoding, Sink};
use tokio::runtime::Handle;
use transform::{Bitrate, FfmpegSettings};

use super::encoder::Encoder;
use crate::error::{Error, Result};

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) enum Format {
    /// A format that is written here.
    Exact(Encoding),
    /// One that ffmpeg makes.
    Lossy(transform::Encoding, Bitrate),
}

/// What begins stems, ready for the first.
pub(super) enum Writer {
    Here(Encoding),
    There(Encoder),
}

impl Format {
    pub(super) fn given(given: &ArgMatches) -> Result<Self> {
        use transform::Encoding::{M4a, Mp3, Opus};
        let text = |name: &str| given.get_one::<String>(name).map_or("", String::as_str);
        let format = text("format");
        // What most would not tell from the stem itself.
        let lossy = |encoding, usual| {
            let asked = given.get_one::<u64>("bitrate").copied().unwrap_or(usual);
            let bitrate = Bitrate::new(asked)
                .map_err(|e| Error::usage(format!("`--bitrate {asked}`: expected {}", e.expected)))?;
            if given.value_source("bits") == Some(ValueSource::CommandLine) {
                return Err(Error::usage(format!("{format} has no `--bits`"))
                    .hint("`--bitrate KBPS`, or `--format flac`"));
            }
            Ok(Format::Lossy(encoding, bitrate))
        };
        let depth = match text("bits") {
            "24" => Depth::Bits24,
            "float" => Depth::Float,
            _ => Depth::Bits16,
        };
        let exact = match format {
            "mp3" => return lossy(Mp3, 320),
            "opus" => return lossy(Opus, 192),
            "m4a" => return lossy(M4a, 256),
            "flac" if depth == Depth::Float => {
                return Err(Error::usage("FLAC has no floats").hint("`--bits 24`, or `--format wav`"));
            }
            "flac" => Encoding::Flac(depth),
            _ => Encoding::Wav(depth),
        };
        if given.contains_id("bitrate") {
            return Err(Error::usage(format!("{format} has no `--bitrate`: nothing is lost in it"))
                .hint("`--format mp3`, `opus` or `m4a`"));
        }
        Ok(Format::Exact(exact))
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Format::Exact(encoding) => encoding.extension(),
            Format::Lossy(encoding, _) => encoding.suffix(),
        }
    }
}

impl Writer {
    pub(super) fn new(format: Format, ffmpeg: &FfmpegSettings, runtime: Handle) -> Result<Self> {
        Ok(match format {
            Format::Exact(encoding) => Writer::Here(encoding),
            Format::Lossy(encoding, bitrate) => {
                Writer::There(Encoder::find(ffmpeg.clone(), encoding, bitrate, runtime)?)
            }
        })
    }

    /// A stem that goes into this file; `expected` is how many samples it will have, if that is known.
    pub(super) fn sink(&self, file: File, expected: Option<u64>) -> stems::Result<Box<dyn Sink>> {
        match self {
            Writer::Here(encoding) => encoding.sink(BufWriter::new(file), expected),
            Writer::There(encoder) => encoder.sink(file),
        }
    }
}
