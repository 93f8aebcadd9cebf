//! Bytes kept. Local library folders now; blobs, S3 and remote origins later.
//!
//! **Promise.** No name leads outside the folder it belongs to; a [`Source`] has a length and a validator that
//! changes when its bytes do; a source that shrinks or changes under a reader is an error and never wrong bytes.
//!
//! **Flow.** [`Folders`] opens a [`RelPath`] beneath a library's root and gives a [`Source`]; readers take bytes by
//! offset. [`Walk`] lists a folder in the byte order of its paths. [`DataFolder`] holds the lock, the format number
//! and the secret of one installation.
//!
//! **Not here.** What bytes mean: no tags, no users, no HTTP.

mod data;
mod error;
mod folder;
mod folders;
mod path;
mod source;
mod walk;

pub use data::{DataFolder, FORMAT, Secret};
pub use error::{Error, ErrorKind, Unseen};
pub use folder::{FolderId, LibraryFolder};
pub use folders::Folders;
pub use path::RelPath;
pub use source::{Source, SourceReader, Stamp, Validator};
pub use walk::{Entry, Walk};
