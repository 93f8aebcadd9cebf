//! Words for people, on standard output and standard error. A reader that is gone is no reason to die.

use std::fmt::Display;
use std::io::Write;

/// One line on standard output.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// One line on standard error.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
