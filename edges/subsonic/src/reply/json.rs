//! JSON: serde's own, plus objects whose last brace is still to come.

use serde::Serialize;

/// Writes a value.
pub(super) fn value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, value)
}

/// Writes an object without its last brace, so that members can follow; says whether it has members already.
/// `head` is a struct.
pub(super) fn open<T: Serialize + ?Sized>(out: &mut Vec<u8>, head: &T) -> Result<bool, serde_json::Error> {
    value(out, head)?;
    debug_assert_eq!(out.last(), Some(&b'}'), "the head of an object is a struct");
    out.pop();
    Ok(out.last() != Some(&b'{'))
}
