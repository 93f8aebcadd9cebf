//! The engine over a real spool, a real database and each kind of store.

mod abandoning;
mod beginning;
mod clearing;
mod completing;
mod dropping;
pub(crate) mod house;
mod joining;
mod lasting;
mod receiving;
mod removing;
mod starting;
mod taking;
