//! The words of a command line for ffmpeg or ffprobe.
//!
//! They are fixed words and numbers. Nothing here takes a text, so that nothing which anybody wrote comes into a filter
//! graph, an option or a name.

mod graph;

use std::ffi::OsString;
use std::fmt;

use budget::limits::SOURCE_PIXELS_MAX;

pub use graph::Light;
pub(crate) use graph::{Filter, Graph};

use crate::sniff::{DECODERS, Demuxer};

/// Where the child reads its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Its standard input is the file, opened for reading. ffmpeg's own `pipe:` cannot seek, so it opens the descriptor
    /// again by its name in `/proc`.
    Descriptor,
    /// A server on this port of 127.0.0.1 in the child's own network, which knows one file.
    Loopback(u16),
}

/// Arguments behind the program's name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Argv(Vec<OsString>);

impl Argv {
    /// The arguments in their order.
    pub fn words(&self) -> &[OsString] {
        &self.0
    }

    /// What every ffmpeg is told first: to say only what went wrong, to report its progress as `key=value` lines on its
    /// standard error twice in a second, and never to wait for a key.
    pub(crate) fn ffmpeg() -> Argv {
        Argv::default()
            .fixed(&["-nostdin", "-hide_banner", "-loglevel", "error"])
            .fixed(&["-nostats", "-stats_period", "0.5", "-progress", "pipe:2"])
            .fixed(&["-filter_threads", "1", "-filter_complex_threads", "1"])
    }

    /// What every ffprobe is told first.
    pub(crate) fn ffprobe() -> Argv {
        Argv::default().fixed(&["-hide_banner", "-loglevel", "error"])
    }

    /// Options for reading: one decoder thread, frames of no more pixels than are allowed, decoders of the list alone, one
    /// protocol and one demuxer, also for what is read inside of what is read.
    pub(crate) fn reading(self, demuxer: Demuxer, input: Input) -> Argv {
        let protocols = match input {
            Input::Descriptor => "file",
            Input::Loopback(_) => "http,tcp",
        };
        self.fixed(&["-threads", "1", "-max_pixels"])
            .number(SOURCE_PIXELS_MAX)
            .fixed(&["-codec_whitelist", DECODERS])
            .fixed(&["-protocol_whitelist", protocols, "-format_whitelist", demuxer.name()])
            .fixed(&["-f", demuxer.name()])
    }

    /// The source itself. Options for reading it stand before.
    pub(crate) fn source(self, input: Input) -> Argv {
        match input {
            Input::Descriptor => self.fixed(&["-i", "file:/proc/self/fd/0"]),
            Input::Loopback(port) => self.fixed(&["-i"]).text(format!("http://127.0.0.1:{port}/")),
        }
    }

    /// What comes out bears no metadata, no chapters and nothing of the day or the version, so that equal recipes make
    /// equal bytes.
    pub(crate) fn bare(self) -> Argv {
        self.fixed(&["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"]).fixed(&[
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
            "-flags:a",
            "+bitexact",
        ])
    }

    /// The stream with this number goes out.
    pub(crate) fn stream(self, index: u32) -> Argv {
        self.fixed(&["-map"]).text(format!("0:{index}"))
    }

    /// To the standard output as it comes.
    pub(crate) fn into_pipe(self) -> Argv {
        self.fixed(&["-y", "pipe:1"])
    }

    /// To the regular file that the standard output is, which is opened again because a pipe cannot seek.
    pub(crate) fn into_file(self) -> Argv {
        self.fixed(&["-y", "file:/proc/self/fd/1"])
    }

    pub(crate) fn fixed(mut self, words: &[&'static str]) -> Argv {
        self.0.extend(words.iter().map(OsString::from));
        self
    }

    pub(crate) fn number(self, number: u64) -> Argv {
        self.text(number.to_string())
    }

    /// A time or a length, in seconds to the thousandth.
    pub(crate) fn seconds(self, ms: u64) -> Argv {
        self.text(format!("{}.{:03}", ms / 1_000, ms % 1_000))
    }

    /// A time or a length, in seconds to the millionth.
    pub(crate) fn micros(self, us: u64) -> Argv {
        self.text(format!("{}.{:06}", us / 1_000_000, us % 1_000_000))
    }

    pub(crate) fn kbps(self, kbps: u32) -> Argv {
        self.text(format!("{kbps}k"))
    }

    /// A chain of filters behind the option that it belongs to, or nothing when there are none.
    pub(crate) fn graph(self, option: &'static str, graph: &Graph) -> Argv {
        if graph.is_empty() { self } else { self.fixed(&[option]).text(graph.to_string()) }
    }

    fn text(mut self, text: String) -> Argv {
        self.0.push(text.into());
        self
    }
}

impl fmt::Debug for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| word.to_string_lossy()).collect();
        f.write_str(&words.join(" "))
    }
}
