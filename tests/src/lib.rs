//! The whole server from outside: a real process, real sockets, real files, and clients that nobody here wrote.
//!
//! **Promise.** A test sees what a user sees. It starts its own server on a free loopback port with a data folder of
//! its own and ends it by its process id; nothing here looks into the server's memory or calls its code, except for
//! the tables of routes, so that no route can be forgotten.
//!
//! **Flow.** [`Library`] makes music once; [`Server`] starts `millpond` on it with two people, [`Login`]; [`http`]
//! speaks HTTP/1.1 by hand, so that a test can be wrong on purpose; [`Nginx`] is the peer to compare with and the
//! proxy to stand behind; [`Seaweed`] is the S3 server, behind a [`SlowLine`] if need be; [`clients`] runs other people's clients; [`Listening`] is the proof with a crowd of listeners
//! in a memory group, over music that is [`LongMusic`]; [`Rest`] is what must be given back; [`Probe`] asks for little
//! while others ask for much; [`Tus`] uploads [`sound`]; a [`Viewer`] wants one [`rendition`], and [`Children`] sees what
//! processes that takes; [`media`] are made out of nothing; [`wait_until`] is the only place that waits.
//!
//! **Not here.** The promises themselves: they stand in `tests/`, one file for each subject.

#![allow(clippy::expect_used, clippy::panic, reason = "a harness says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "the harness reads small files of its own whole")]

mod children;
pub mod clients;
pub mod form;
pub mod http;
mod later;
mod library;
mod listening;
mod long_music;
pub mod media;
pub mod metrics;
mod musician;
mod nginx;
pub mod people;
mod probe;
mod program;
mod random;
pub mod rendition;
mod rest;
mod seaweed;
mod server;
mod slow_line;
pub mod sound;
pub mod tus;
pub mod viewer;
mod wait;

pub use children::{Children, Started, child_ids, children_of};
pub use later::Later;
pub use library::{Library, Song};
pub use listening::{Demands, Listening, wall};
pub use long_music::{LongMusic, Track};
pub use musician::Musician;
pub use nginx::Nginx;
pub use people::Login;
pub use probe::Probe;
pub use program::{binary, free_port, run};
pub use random::Random;
pub use rest::Rest;
pub use seaweed::Seaweed;
pub use server::{Options, Server};
pub use slow_line::SlowLine;
pub use tus::Tus;
pub use viewer::Viewer;
pub use wait::{eventually, wait_until};
