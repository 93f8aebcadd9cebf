//! A scan is the merge of two sorted streams: what the folder has and what the catalog knows of it.
//!
//! **Promise.** Memory for one chain of folders, one page of known files, one batch of rows and a few readers under
//! permits, whatever the size of the library or the claims of a file. A file whose stamp is as known is never opened.
//! What could not be looked at is never taken for gone: a folder that is not there, or is suddenly empty, ends the scan
//! with its name and hides nothing.
//!
//! **Flow.** [`Scanner`] takes the folders one by one. A walk on a thread of its own gives files in the byte order of
//! their paths (`entries`); the [`Inventory`] gives known files in the same order, a page at a time; `merge` says from
//! the two heads what happened; `pass` gives new and changed files to readers (`reader`), which find out what is in
//! them (`tags`, and a parser for each container) and where their picture lies (`picture`, `beside`; of a disc's folder
//! also in the one above), and tells the inventory in batches. Each reader is a turn of background work: when memory is
//! scarce there are fewer at once, but always one.
//!
//! While [`Scanner::run`] serves, its walks put each folder under a watch of the kernel's before they list it. What is
//! heard (`heard`) waits until it has come to rest; then the parts of libraries in which it happened (`wanted`) are gone
//! through, and no other. Where nothing can be heard, the whole library is gone through now and then (`watch`).
//!
//! **Not here.** SQL; what an album is; pictures' bytes, which are located and never read; what is in a video beyond what its
//! front says quickly, which somebody else looks for later ([`Looks`](crate::Looks)).

mod adts;
mod ape;
mod beside;
mod comments;
mod details;
mod entries;
mod fields;
mod flac;
mod heard;
mod id3;
mod iff;
mod inventory;
mod lyrics;
mod matroska;
mod merge;
mod mp4;
mod mpeg;
mod ogg;
mod pass;
mod passed_over;
mod picture;
mod reader;
#[cfg(test)]
mod samples;
mod scanner;
mod sound;
mod status;
mod tags;
mod wanted;
mod watch;
mod window;
mod words;

pub(crate) use words::{clean, genres};

pub use details::{Contribution, Details, Person};
pub use inventory::{CONTENT_TYPES, COVER_TYPES, Found, FoundCover, Inventory, Known, Picture, Tags};
pub use lyrics::{Cue, Line, Lyrics, decode_text, read_lyrics};
pub use mpeg::mpeg_frame_bytes;
pub use passed_over::PassedOver;
pub use scanner::{Asked, Scanner};
pub use status::{Counts, Report, Status};
pub use tags::read_tags;
pub use watch::Upkeep;
