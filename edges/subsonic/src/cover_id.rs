//! Ids of pictures. Most clients keep a picture by its id and never ask again, so the id has a mark behind it that changes when the
//! files of pictures do: `al-12_1f3a09c4`. Whatever mark it is asked for with, or with none, the picture that there is now is shown.
//! That of a playlist changes with the list, and those of episodes have none.

use std::fmt::{self, Display};

use catalog::CoverMark;

/// The longest mark, in digits.
// format: no number of ours has more than 64 bits
const MARK_DIGITS_MAX: usize = 16;

/// The id of the picture of something that has this id, with its mark, if it has one.
#[derive(Clone, Copy)]
pub(crate) struct CoverId<Id, Mark = CoverMark>(pub(crate) Id, pub(crate) Option<Mark>);

impl<Id: Display, Mark: Display> Display for CoverId<Id, Mark> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CoverId(id, mark) = self;
        match mark {
            Some(mark) => write!(f, "{id}_{mark}"),
            None => id.fmt(f),
        }
    }
}

/// The id of what a picture is of, out of the picture's id. A text with anything else than a mark behind it is no id at all, and
/// comes back as it is.
pub(crate) fn without_mark(text: &str) -> &str {
    let is_mark = |mark: &str| {
        (1..=MARK_DIGITS_MAX).contains(&mark.len()) && mark.bytes().all(|b| b.is_ascii_hexdigit())
    };
    match text.split_once('_') {
        Some((id, mark)) if is_mark(mark) => id,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use catalog::AlbumId;

    use super::*;

    #[test]
    fn what_is_behind_an_id_is_a_mark_or_makes_it_none() {
        let shown = [None, Some(CoverMark(0)), Some(CoverMark(u32::MAX))]
            .map(|mark| CoverId(AlbumId(12), mark).to_string());
        assert_eq!(shown, ["al-12", "al-12_00000000", "al-12_ffffffff"]);
        for id in shown {
            assert_eq!(without_mark(&id), "al-12");
        }
        assert_eq!(without_mark("pl-3_1767225600000"), "pl-3");
        for text in ["al-12_", "al-12_x", "al-12_1_2", "al-12_../1", "al-12_12345678901234567", "_", ""] {
            assert_eq!(without_mark(text), text);
        }
        assert_eq!(without_mark("_1"), "", "of nothing");
    }
}
