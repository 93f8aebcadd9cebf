//! Bytes changed: videos resized, frames, spritesheets and sound taken out of them, each made once and kept for a while.
//!
//! **Promise.** A rendition is visible under its name only when it is whole. However many ask for it, it is made once at a
//! time, by one child process whose memory was reserved before it began, and which ends when nobody waits any more. What
//! is kept never takes more of the disk than was allowed, what is being made included.
//!
//! **Flow.** A face parses a request into a [`Recipe`], which is numbers alone → the [`Key`] of recipe and source says
//! whether it is kept → if not, it is planned from what a probe said about the source, admitted by its memory, and made
//! by ffmpeg in a sandbox → its bytes go to the spool, where whoever waits may read them as they come → whole, they are
//! published. Who wants a part of what is in the making gets it as soon as it is made where the length is certain, and else
//! waits four seconds for the whole and then reads from its first byte on.
//!
//! **Not here.** Addresses, rights, signatures, HTTP: faces know them. How bytes are kept: `store` does.

mod argv;
mod cache;
mod child;
mod decode;
mod encode;
mod error;
mod flight;
mod fragments;
pub mod guard;
mod metrics;
mod picture;
mod plan;
mod playlist;
mod probe;
mod recipe;
mod sandbox;
mod served;
mod sniff;
mod transforms;
mod waveform;
mod work;
mod worker;

pub use argv::{Argv, Input, Light};
pub use cache::{
    Cache, CacheSettings, Entry, Filling, Kind, Lifetimes, Made, OnPurge, Purged, Room, Select, ask_to_purge,
    purge_unserved,
};
pub use child::{
    Caps, Child, ChildInput, ChildOutput, Ended, Ffmpeg, Guard, Outcome, Output, Program,
    Progress as ChildProgress, Settings as FfmpegSettings,
};
pub use decode::Decoding;
pub use error::{Error, ErrorKind};
pub use flight::{Flight, News, Progress, Readable};
pub use fragments::{Wanted, of_growing, of_whole};
pub use picture::{Covers, Shown};
pub use plan::{Finish, Heard, PEAKS_HZ, Plan, Segments, Variant, cell_size, faststart_args, plan};
pub use playlist::{PLAYLIST_BEGINNING, PLAYLIST_TYPE, master};
pub use probe::{AudioTrack, Matrix, Probe, Rate, TextTrack, VideoLooks, VideoTrack, probe_args};
pub use recipe::{
    Audio, BitDepth, Bitrate, Captions, Channels, Clip, Codec, Cover, Crop, Drawing, Edge, Encoding, Fit,
    Fps, Frame, Key, Picture, Piece, Quality, Recipe, Rotation, SampleRate, Sampling, Size, Soundtrack,
    Speed, Sprite, Stem, Unfit, Video, Waveform,
};
pub use sandbox::{Protection, Sandbox};
pub use sniff::Demuxer;
pub use transforms::{
    Asker, MODE_SENT, Material, ORIGIN_LIBRARY, ORIGIN_STEMS, ORIGIN_UPLOADS, Parts, Transforms,
};
pub use work::near::AtHand;
pub use worker::{Worker, WorkerSettings, Workers};
