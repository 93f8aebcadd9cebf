//! Renditions by address: what is to be made stands in the URL.
//!
//! **Promise.** An address means one [`transform::Recipe`] or is refused by the name of what is wrong with it. Whatever
//! somebody writes becomes numbers and words of our own; no text of his goes on. A stranger can have made what presets and
//! the ladder of widths name, and nothing else.
//!
//! **Flow.** An [`Address`] is one of three spellings: `/cdn-cgi/media/<options>/<source>`, `/<path>?<options>`,
//! `/media/<id>/<file>?<options>` → [`Rules`] read its options by the one table in `options/table.rs` → a preset, a breakpoint or
//! hints of the client decide what it leaves open → [`Asked`] says the recipe and whether anybody may have it made → if
//! not, [`Signer`] says whether the address is signed → [`Refused`] is what an answer says instead.
//!
//! **Not here.** Making and keeping renditions: `transform`. Reading sources: `store`.

mod address;
mod answer;
mod api;
mod error;
mod face;
mod hints;
mod hls;
mod jobs;
mod map;
mod openapi;
mod options;
mod presets;
mod proxy;
mod purge;
mod rights;
mod settings;
mod sign;
mod sources;

pub use address::{Address, SourceAt, ours, split_query};
pub use api::{ROUTES, Route};
pub use error::{Code, Refused};
pub use face::{Door, Parts, paths, router};
pub use hints::{Device, HINT_FIELDS, Hints};
pub use jobs::Jobs;
pub use openapi::openapi;
pub use options::{
    Asked, Bad, Extras, Name, Playback, Preload, Rules, Spelling, Spoken, Wanted, print, reference,
};
pub use presets::{Breakpoint, Ladder, Preset, Presets, Responsive};
pub use proxy::AnswerIndex;
pub use purge::{BadPurge, Purge};
pub use settings::{Auth, Hidden, Kept, Origin, Place, Settings, Sign, Template, UnfitSettings};
pub use sign::{BadSignature, NotSignable, Signed, Signer, is_lifetime};
pub use sources::Sources;
