use proptest::prelude::*;

use super::*;

const MALFORMED: Selection = Selection::Whole(Reason::Malformed);
const SEVERAL: Selection = Selection::Whole(Reason::Several);
const OTHER: Selection = Selection::Whole(Reason::OtherUnit);
const NONE: Selection = Selection::NotSatisfiable;

const fn single(offset: u64, count: u64) -> Selection {
    Selection::Single { offset, count }
}

fn check(why: &str, length: u64, cases: &[(&str, Selection)]) {
    for (value, expected) in cases {
        assert_eq!(select(value.as_bytes(), length), *expected, "{value:?} of {length}: {why}");
    }
}

#[test]
fn one_range_is_served_as_section_14_1_2_says() {
    check(
        "the examples of the section",
        10_000,
        &[
            ("bytes=0-499", single(0, 500)),
            ("bytes=500-999", single(500, 500)),
            ("bytes=-500", single(9_500, 500)),
            ("bytes=9500-", single(9_500, 500)),
            ("bytes=0-0", single(0, 1)),
            ("bytes=-1", single(9_999, 1)),
        ],
    );
    check(
        "a last-pos beyond the end means the end",
        10,
        &[
            ("bytes=3-10", single(3, 7)),
            ("bytes=9-9", single(9, 1)),
            ("bytes=0-99999999999999999999999", single(0, 10)),
            ("bytes=-11", single(0, 10)),
            ("bytes=-99999999999999999999999", single(0, 10)),
            ("bytes=0000000000000000000000002-0003", single(2, 2)),
        ],
    );
    check(
        "64 bits to the last byte",
        u64::MAX,
        &[
            ("bytes=0-", single(0, u64::MAX)),
            ("bytes=18446744073709551614-", single(u64::MAX - 1, 1)),
            ("bytes=18446744073709551615-", NONE),
            ("bytes=-1", single(u64::MAX - 1, 1)),
        ],
    );
}

#[test]
fn a_range_that_selects_nothing_is_not_satisfiable() {
    check(
        "first-pos at or behind the end",
        10,
        &[
            ("bytes=10-", NONE),
            ("bytes=10-20", NONE),
            ("bytes=99999999999999999999999-", NONE),
            ("bytes=99999999999999999999998-99999999999999999999999", NONE),
        ],
    );
    check("a suffix of no bytes", 10, &[("bytes=-0", NONE), ("bytes=-000", NONE)]);
    check(
        "nothing is in an empty representation, and its suffix is all of it",
        0,
        &[
            ("bytes=0-", NONE),
            ("bytes=0-0", NONE),
            ("bytes=-0", NONE),
            ("bytes=-1", Selection::Whole(Reason::Empty)),
        ],
    );
}

#[test]
fn what_is_malformed_is_ignored_as_section_14_2_allows() {
    check(
        "no ranges-specifier",
        10,
        &[
            ("", MALFORMED),
            ("bytes", MALFORMED),
            ("=0-1", MALFORMED),
            ("bytes=", MALFORMED),
            ("0-1", MALFORMED),
        ],
    );
    check(
        "no int-range and no suffix-range",
        10,
        &[
            ("bytes=-", MALFORMED),
            ("bytes=1", MALFORMED),
            ("bytes=a-b", MALFORMED),
            ("bytes=1-2-3", MALFORMED),
            ("bytes=--1", MALFORMED),
            ("bytes=+1-2", MALFORMED),
            ("bytes=0x1-2", MALFORMED),
            ("bytes=1.0-2", MALFORMED),
            ("bytes=\u{661}-\u{662}", MALFORMED),
        ],
    );
    check(
        "last-pos before first-pos, at any size",
        10,
        &[
            ("bytes=2-1", MALFORMED),
            ("bytes=99999999999999999999999-99999999999999999999998", MALFORMED),
            ("bytes=18446744073709551616-18446744073709551615", MALFORMED),
        ],
    );
    check(
        "white space where the grammar has none",
        10,
        &[
            ("bytes =0-1", MALFORMED),
            ("bytes= 0-1", MALFORMED),
            ("bytes=0 -1", MALFORMED),
            ("bytes=0- 1", MALFORMED),
            ("bytes=0-1 x", MALFORMED),
        ],
    );
}

#[test]
fn units_and_lists_follow_their_grammar() {
    check(
        "a unit is a token and case-insensitive (14.1)",
        10,
        &[
            ("Bytes=0-1", single(0, 2)),
            ("BYTES=-1", single(9, 1)),
            ("seconds=0-1", OTHER),
            ("bytesx=0-1", OTHER),
            ("by tes=0-1", MALFORMED),
        ],
    );
    check(
        "empty elements of a list are passed over (5.6.1.2)",
        10,
        &[
            ("bytes=,0-1", single(0, 2)),
            ("bytes=0-1,", single(0, 2)),
            ("bytes=, ,\t0-1 , ,", single(0, 2)),
            ("bytes= ,0-1", single(0, 2)),
            (" bytes=0-1\t", single(0, 2)),
            ("bytes=,", MALFORMED),
        ],
    );
    check(
        "several ranges get the whole",
        10,
        &[
            ("bytes=0-0,-1", SEVERAL),
            ("bytes=0-9,0-9,0-9", SEVERAL),
            ("bytes=50-,60-", SEVERAL),
            ("bytes=0-1,x", SEVERAL),
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_range_of_numbers_selects_what_a_slice_would(first in 0u64..80, last in 0u64..80, length in 0u64..64) {
        let expected = if last < first {
            MALFORMED
        } else if first >= length {
            NONE
        } else {
            single(first, (last + 1).min(length) - first)
        };
        prop_assert_eq!(select(format!("bytes={first}-{last}").as_bytes(), length), expected);
    }

    #[test]
    fn no_field_selects_bytes_that_do_not_exist(value in "(bytes|BYTES|x)?=?[-0-9, \tx]{0,30}", length: u64) {
        if let Selection::Single { offset, count } = select(value.as_bytes(), length) {
            prop_assert!(count > 0 && offset < length && count <= length - offset);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(value: Vec<u8>, length: u64) {
        let _ = select(&value, length);
        let _ = select(&[b"bytes=", &value[..]].concat(), length);
    }
}
