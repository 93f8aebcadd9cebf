//! Reading what a request says.

use std::hint::black_box;

use stream::range::{Selection, select};

/// The fields that players send, and the ways of the parser that they do not take.
const FIELDS: [(&[u8], bool); 8] = [
    (b"bytes=0-", true),
    (b"bytes=0-1", true),
    (b"bytes=1048576-2097151", true),
    (b"bytes=-128", true),
    (b"bytes=8388608-", true),
    (b" bytes=5- , ", true),
    (b"bytes=0-1,4-5", false),
    (b"seconds=1-2", false),
];

/// Each field once.
pub(crate) fn ranges(count: u64) -> crate::Result<()> {
    for _ in 0..count {
        for (field, single) in FIELDS {
            let selection = select(black_box(field), black_box(10_000_000));
            if matches!(black_box(selection), Selection::Single { .. }) != single {
                return Err(format!("{selection:?} of {}", field.escape_ascii()).into());
            }
        }
    }
    Ok(())
}
