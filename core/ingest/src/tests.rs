//! The engine over a real spool, a real database and each kind of store.

mod beginning;
mod clearing;
mod completing;
mod dropping;
pub(crate) mod house;
mod joining;
mod receiving;
mod starting;
mod taking;
