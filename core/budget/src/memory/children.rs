//! What the children of this process have in memory.
//!
//! They are few, and whoever starts one looks at it a few times a second in any case, to end it when it has too much. What he
//! sees is kept here, in one list of the process, so that nobody walks over `/proc` to find them, and it costs nothing to know
//! that there is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one child has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildMemory {
    /// What it is: `"ffmpeg"`, `"ffprobe"`, `"stems"`, `"guard"`.
    pub name: &'static str,
    /// Pages of its own in bytes (`RssAnon`), as they were seen last. The text of its libraries is not among them: all children
    /// and the page cache share it, so that it would be counted once for each, and the kernel takes it back before it refuses
    /// anybody. `Pss` would divide it, but costs a walk over the page tables each time, and of children that gave their rights
    /// away the kernel does not tell it.
    pub own_bytes: u64,
}

/// A child, which is in the list for as long as this is held.
#[derive(Debug)]
pub struct Child(Arc<Row>);

#[derive(Debug)]
struct Row {
    name: &'static str,
    own_bytes: AtomicU64,
}

static ROWS: Mutex<Vec<Arc<Row>>> = Mutex::new(Vec::new());

fn rows() -> MutexGuard<'static, Vec<Arc<Row>>> {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All children that are there, in the order in which they were started.
pub fn children() -> Vec<ChildMemory> {
    let told =
        |row: &Arc<Row>| ChildMemory { name: row.name, own_bytes: row.own_bytes.load(Ordering::Relaxed) };
    rows().iter().map(told).collect()
}

impl Child {
    /// One more, which has nothing yet.
    pub fn new(name: &'static str) -> Child {
        let row = Arc::new(Row { name, own_bytes: AtomicU64::new(0) });
        rows().push(Arc::clone(&row));
        Child(row)
    }

    /// It was seen to have so much of its own, in bytes.
    pub fn has(&self, own_bytes: u64) {
        self.0.own_bytes.store(own_bytes, Ordering::Relaxed);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        rows().retain(|row| !Arc::ptr_eq(row, &self.0));
    }
}
