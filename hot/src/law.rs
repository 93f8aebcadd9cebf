//! Asking the law.

use std::hint::black_box;

use budget::limits::{MIB, STREAM_BYTES, STREAMS_MAX, STREAMS_PER_USER_MAX};
use budget::{Budget, Pool, Slots};

/// A permit for one stream, taken and given back.
pub(crate) fn permit(count: u64) -> crate::Result<()> {
    let budget = Budget::new(256 * MIB)?;
    for _ in 0..count {
        drop(black_box(budget.take(black_box(Pool::Streams), black_box(STREAM_BYTES))?));
    }
    Ok(())
}

/// A slot for one stream of a user's, taken and given back, beside another that stays.
pub(crate) fn slot(count: u64) -> crate::Result<()> {
    let slots = Slots::new("streams", "streams_per_user", STREAMS_MAX, STREAMS_PER_USER_MAX);
    let _stays = slots.take(1_i64)?;
    for _ in 0..count {
        drop(black_box(slots.take(black_box(2))?));
    }
    Ok(())
}
