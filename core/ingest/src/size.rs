//! Sizes as people read them.

use budget::limits::KIB;

/// A number of bytes in the largest unit of which it has one: `512 B`, `9.8 KiB`, `2 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = None;
    let mut tenths = u128::from(bytes) * 10;
    for larger in units {
        if tenths < u128::from(KIB) * 10 {
            break;
        }
        (tenths, unit) = (tenths / u128::from(KIB), Some(larger));
    }
    match (unit, tenths % 10) {
        (None, _) => format!("{bytes} B"),
        (Some(unit), 0) => format!("{} {unit}", tenths / 10),
        (Some(unit), tenth) => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_units_that_people_read() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (10_000, "9.7 KiB"),
            (20 << 20, "20 MiB"),
            (3 << 29, "1.5 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, said) in cases {
            assert_eq!(size(bytes), said);
        }
    }
}
