//! Bytes kept: those of library folders, which are read as they are, and those that were uploaded, which are ours.
//!
//! **Promise.** No name leads outside the folder it belongs to; a [`Source`] has a length and a validator that
//! changes when its bytes do; a source that shrinks or changes under a reader is an error and never wrong bytes. Bytes of
//! an upload that were acknowledged survive every crash. What was uploaded carries checksums, and bytes that do not match
//! them are never given to anybody. What lies on another server is asked for only where that is allowed, and an answer that
//! contradicts itself is an error.
//!
//! **Flow.** [`Folders`] opens a [`RelPath`] beneath a library's root and gives a [`Source`]; readers take bytes by
//! offset. [`Walk`] lists a folder in the byte order of its paths, and puts it under [`Watch`]. [`DataFolder`] holds the
//! lock, the format number and the secret of one installation. An upload is a [`Spooled`] file of the [`Spool`], for which [`Room`] was reserved,
//! written on the threads of [`Io`]; whole, it is published by one of the places that keep [`Blobs`]. A [`Shelf`] opens
//! whatever lies in a [`Place`]. Files on other servers are opened by [`RemoteOrigin`]s, one after the other as [`Origins`]
//! list them, and what is read of them stays for a while among the [`Blocks`] on the local disk. A single request to a server
//! that somebody named goes by [`Outgoing`]. What is made of a
//! source is a [`Making`], read as a [`Growing`] meanwhile, and then one of the [`Renditions`].
//!
//! **Not here.** What bytes mean: no tags, no users, and nobody is served over HTTP.

mod blob;
mod blobs;
#[doc(hidden)]
pub mod conformance;
mod data;
mod error;
mod folder;
mod folders;
mod growing;
mod hex;
mod io;
mod local;
mod memory;
mod part;
mod path;
mod place;
mod remote;
mod renditions;
mod resident;
mod room;
mod s3;
mod source;
mod spool;
mod sums;
mod walk;
mod watch;

pub use blob::{BlobId, BlobKey, FileId, Suffix};
pub use blobs::{Blobs, Checked, Listed, Publication};
pub use data::{DataFolder, FORMAT, Secret};
pub use error::{Error, ErrorKind, Unseen};
pub use folder::{FolderId, LibraryFolder};
pub use folders::Folders;
pub use growing::{Growing, Growth};
pub use io::{Carried, Io};
pub use local::LocalBlobs;
pub use memory::MemoryBlobs;
pub use part::Part;
pub use path::RelPath;
pub use place::{Kept, Place, RenditionKey, Shelf};
pub use remote::{
    Blocks, Forward, Forwarded, Found, Hears, Origin, Origins, Outgoing, OutgoingAnswer, OutgoingBounds,
    Private, RemoteAuth, RemoteBelief, RemoteBeliefs, RemoteOrigin, RemotePath, RemoteSettings, RemoteWaits,
    Remotes, Trouble, TroubleKind,
};
pub use renditions::{Hold, Making, Published, RenditionId, Renditions};
pub use room::{Reserved, Room};
pub use s3::{S3Blobs, S3Settings};
pub use source::{Pieces, Remote, Run, Source, SourceReader, Stamp, Validator};
pub use spool::{Spool, SpoolId, SpoolReader, Spooled, Whole};
pub use sums::BlockSums;
pub use walk::{Entry, Walk};
pub use watch::{Deaf, Hearing, Listener, News, Watch};
