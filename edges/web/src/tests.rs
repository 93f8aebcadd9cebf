//! The whole face in one process: a real database and real files in a folder of its own, asked as a client asks.

mod house;
mod log;
mod read;

mod access;
mod accounts;
mod answers;
mod forms;
mod links;
mod live;
mod media;
mod sessions;
mod shares;
mod stems;
mod uploads;

pub(crate) use log::Log;
pub(crate) use read::{unzipped, whole};
