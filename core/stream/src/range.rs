//! Which bytes a `Range` field asks for (RFC 9110 section 14).
//!
//! One range is served. Several at once get the whole representation, which section 14.2 allows for any `Range`: no
//! player asks for them, and each is a way to make a server send or seek far more than was asked for (overlapping and
//! tiny ranges, section 17.15). Whoever wants several parts asks several times.

use std::cmp::Ordering;

/// What a `Range` field means for a representation of a known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole representation, for this reason.
    Whole(Reason),
    /// A part of it. `count` is at least one, and the part lies inside.
    Single {
        /// The first byte, from the start of the representation.
        offset: u64,
        /// How many bytes.
        count: u64,
    },
    /// No byte of the range exists (section 14.1.2): the answer is 416.
    NotSatisfiable,
}

/// Why a whole representation is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no `Range` field.
    NotAsked,
    /// The field is not what the grammar allows (section 14.2: it may be ignored).
    Malformed,
    /// The unit is not `bytes` (section 14.2: an unknown unit must be ignored).
    OtherUnit,
    /// Several ranges, in one field or in several.
    Several,
    /// The representation is empty, and a suffix of nothing is all of it: `Content-Range` cannot say "no bytes".
    Empty,
    /// `If-Range` names another state of the representation (section 13.1.5).
    Changed,
    /// Ranges have a meaning for GET alone (section 14.2).
    NotGet,
}

impl Selection {
    /// One of each kind.
    pub(crate) const EACH_KIND: [Selection; 9] = [
        Selection::Single { offset: 0, count: 1 },
        Selection::NotSatisfiable,
        Selection::Whole(Reason::NotAsked),
        Selection::Whole(Reason::Malformed),
        Selection::Whole(Reason::OtherUnit),
        Selection::Whole(Reason::Several),
        Selection::Whole(Reason::Empty),
        Selection::Whole(Reason::Changed),
        Selection::Whole(Reason::NotGet),
    ];

    /// The decision's name in metrics and logs.
    pub const fn kind(self) -> &'static str {
        match self {
            Selection::Single { .. } => "single",
            Selection::NotSatisfiable => "not_satisfiable",
            Selection::Whole(Reason::NotAsked) => "not_asked",
            Selection::Whole(Reason::Malformed) => "malformed",
            Selection::Whole(Reason::OtherUnit) => "other_unit",
            Selection::Whole(Reason::Several) => "several",
            Selection::Whole(Reason::Empty) => "empty",
            Selection::Whole(Reason::Changed) => "changed",
            Selection::Whole(Reason::NotGet) => "not_get",
        }
    }
}

/// Reads one `Range` field value for a representation of `length` bytes.
///
/// ```text
/// ranges-specifier = range-unit "=" range-set        range-unit = token, case-insensitive (14.1)
/// range-set        = 1#range-spec                    with empty elements allowed to recipients (5.6.1.2)
/// int-range        = first-pos "-" [ last-pos ]      suffix-range = "-" suffix-length
/// ```
pub fn select(value: &[u8], length: u64) -> Selection {
    let value = trim(value);
    let Some(equals) = value.iter().position(|&byte| byte == b'=') else {
        return Selection::Whole(Reason::Malformed);
    };
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if unit.is_empty() || !unit.iter().copied().all(is_token) {
        return Selection::Whole(Reason::Malformed);
    }
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Selection::Whole(Reason::OtherUnit);
    }
    match only_element(set) {
        Ok(element) => select_one(element, length),
        Err(reason) => Selection::Whole(reason),
    }
}

/// The only element of a list that is not empty.
fn only_element(set: &[u8]) -> Result<&[u8], Reason> {
    // White space belongs to the commas: there is none between the "=" and the first element.
    if set.first().is_some_and(|&byte| is_space(byte)) && !trim(set).starts_with(b",") {
        return Err(Reason::Malformed);
    }
    let mut found = None;
    for element in set.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty()) {
        if found.replace(element).is_some() {
            return Err(Reason::Several);
        }
    }
    found.ok_or(Reason::Malformed)
}

fn select_one(element: &[u8], length: u64) -> Selection {
    let malformed = Selection::Whole(Reason::Malformed);
    let Some(dash) = element.iter().position(|&byte| byte == b'-') else { return malformed };
    let (first, last) = (&element[..dash], &element[dash + 1..]);
    if !first.iter().chain(last).all(u8::is_ascii_digit) {
        return malformed;
    }
    match (first.is_empty(), last.is_empty()) {
        (true, true) => malformed,
        (true, false) => suffix(number(last), length),
        (false, true) => part(number(first), u64::MAX, length),
        // Compared as text: beyond 64 bits two different numbers would look the same.
        (false, false) if compare(first, last) == Ordering::Greater => malformed,
        (false, false) => part(number(first), number(last), length),
    }
}

/// The last `suffix` bytes; all of them when there are fewer (section 14.1.2). None is not satisfiable.
fn suffix(suffix: u64, length: u64) -> Selection {
    match (suffix, length) {
        (0, _) => Selection::NotSatisfiable,
        (_, 0) => Selection::Whole(Reason::Empty),
        _ => Selection::Single { offset: length.saturating_sub(suffix), count: suffix.min(length) },
    }
}

fn part(first: u64, last: u64, length: u64) -> Selection {
    if first >= length {
        return Selection::NotSatisfiable;
    }
    let last = last.min(length - 1);
    Selection::Single { offset: first, count: last - first + 1 }
}

/// A number of any length; what 64 bits cannot hold is the largest that they can, which is behind every end.
fn number(digits: &[u8]) -> u64 {
    let digit = |value: u64, byte: &u8| value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    digits.iter().fold(0, digit)
}

/// Compares two numbers of any length.
fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    let (left, right) = (&left[significant(left)..], &right[significant(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// `OWS = *( SP / HTAB )` (section 5.6.3).
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `tchar` (section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && is_space(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_space(*last)
    {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
