use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing::Level;

thread_local! {
    /// What this thread logs, while a [`Log`] of its own lives.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Everything that this thread logs while it lives, at every level.
///
/// One subscriber serves the whole process and sorts by thread: which call sites are listened to is remembered for all
/// threads together, so a subscriber of one thread may miss what another thread met first without one.
pub(crate) struct Log;

struct ByThread;

impl Write for ByThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.iter_mut().for_each(|lines| lines.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn start() -> Self {
        static FOR_ALL: Once = Once::new();
        FOR_ALL.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_max_level(Level::TRACE)
                .with_writer(|| ByThread);
            tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        });
        LINES.set(Some(Vec::new()));
        Log
    }

    pub(crate) fn text(&self) -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone().unwrap_or_default()).unwrap())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LINES.set(None);
    }
}
