//! The one rule for slow clients.
//!
//! A stream that makes no progress at all is ended after `write_stall`, which a paused player does not reach soon.
//! While nearly all slots are taken, streams that move, but hardly, end too, oldest first and only as many as it takes:
//! otherwise readers of one byte a minute could hold every slot.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use budget::limits::{CROWDED_PERCENT, CROWDED_RATE_BYTES_MIN, CROWDED_WINDOW_MS, RATE_MARK_MS};

use crate::error::Ending;
use crate::registry::{Entry, Row, Settings};

/// How fast a stream was over the last [`CROWDED_WINDOW_MS`], by marks of how far it was when.
pub(crate) struct Pace {
    /// Time in milliseconds and bytes so far. The first mark is the last one that is at least a window old, if one is.
    marks: VecDeque<(u64, u64)>,
}

impl Pace {
    pub(crate) fn new(now_ms: u64) -> Pace {
        Pace { marks: VecDeque::from([(now_ms, 0)]) }
    }

    fn mark(&mut self, bytes: u64, now_ms: u64) {
        if self.marks.back().is_none_or(|&(marked_ms, _)| now_ms.saturating_sub(marked_ms) >= RATE_MARK_MS) {
            self.marks.push_back((now_ms, bytes));
        }
        while self
            .marks
            .get(1)
            .is_some_and(|&(marked_ms, _)| marked_ms.saturating_add(CROWDED_WINDOW_MS) <= now_ms)
        {
            self.marks.pop_front();
        }
    }

    /// Bytes per second since the first mark.
    pub(crate) fn rate(&self, bytes: u64, now_ms: u64) -> u64 {
        let (marked_ms, marked_bytes) = self.marks.front().copied().unwrap_or((now_ms, bytes));
        bytes.saturating_sub(marked_bytes).saturating_mul(1_000) / now_ms.saturating_sub(marked_ms).max(1)
    }

    /// Whether it moved too little over a whole window.
    fn is_slow(&self, bytes: u64, now_ms: u64) -> bool {
        let is_old = self
            .marks
            .front()
            .is_some_and(|&(marked_ms, _)| marked_ms.saturating_add(CROWDED_WINDOW_MS) <= now_ms);
        is_old && self.rate(bytes, now_ms) < CROWDED_RATE_BYTES_MIN
    }
}

/// Streams to end now, each with its reason; without a reason it was ended before and had the time to go.
pub(crate) fn find(
    rows: &mut BTreeMap<u64, Row>,
    settings: &Settings,
    now_ms: u64,
) -> Vec<(Arc<Entry>, Option<Ending>)> {
    let stall_ms = u64::try_from(settings.write_stall.as_millis()).unwrap_or(u64::MAX);
    let (mut found, mut slow, mut moving) = (Vec::new(), Vec::new(), 0);
    for Row { entry, pace, is_overdue } in rows.values_mut() {
        pace.mark(entry.bytes(), now_ms);
        if entry.ending().is_some() {
            if std::mem::replace(is_overdue, true) {
                found.push((Arc::clone(entry), None));
            }
        } else if entry.idle_ms(now_ms) >= stall_ms {
            found.push((Arc::clone(entry), Some(Ending::Stalled)));
        } else {
            // A picture holds no slot: it neither makes a crowd nor makes room when it goes.
            let has_slot = entry.has_slot();
            moving += usize::from(has_slot);
            if has_slot && pace.is_slow(entry.bytes(), now_ms) {
                slow.push(entry);
            }
        }
    }
    let surplus = surplus(moving, settings.streams_max);
    // The map is in the order of numbers, which is the order in which streams began.
    found.extend(slow.into_iter().take(surplus).map(|entry| (Arc::clone(entry), Some(Ending::Crowded))));
    found
}

/// How many streams must go until less than [`CROWDED_PERCENT`] of the slots are taken.
fn surplus(streams: usize, streams_max: usize) -> usize {
    if streams_max == 0 {
        return 0;
    }
    let crowded = streams_max.saturating_mul(CROWDED_PERCENT).div_ceil(100).max(1);
    (streams + 1).saturating_sub(crowded)
}

#[cfg(test)]
mod tests;
