//! Small files of the kernel.

use std::path::Path;

/// The whole text, or an empty one.
#[expect(clippy::disallowed_methods, reason = "the kernel's files of figures are a few KiB")]
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The number after a name that begins a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| {
        line.strip_prefix(name)?.strip_prefix([' ', '\t'].as_slice()).or(
            // `VmRSS:` and its like may be followed by the number at once.
            line.strip_prefix(name).filter(|_| name.ends_with(':')),
        )
    })?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The number that is the whole file.
pub(crate) fn number(path: &Path) -> Option<u64> {
    text(path).trim().parse().ok()
}
