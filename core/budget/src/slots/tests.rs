use super::*;

/// Takes a slot for each key in turn and compares what was refused.
fn check(name: &str, ceiling: usize, per_key: usize, keys: &[u8], expected: &[Option<Fault>]) {
    let slots = Slots::new("things", "things_per_user", ceiling, per_key);
    let taken: Vec<_> = keys.iter().map(|&key| slots.take(key)).collect();
    let refused: Vec<_> = taken.iter().map(|slot| slot.as_ref().err().map(|refused| refused.fault)).collect();
    assert_eq!(refused, expected, "{name}");
    for refused in taken.iter().filter_map(|slot| slot.as_ref().err()) {
        assert_eq!(
            refused.what,
            if refused.fault == Fault::Caller { "things_per_user" } else { "things" },
            "{name}"
        );
    }
    drop(taken);
    let figures = slots.figures();
    assert_eq!((figures.used, figures.keys), (0, 0), "{name}: nothing is left, not even a key");
    let granted = expected.iter().filter(|fault| fault.is_none()).count();
    assert_eq!(figures.peak, granted, "{name}");
}

#[test]
fn slots_are_limited_overall_and_per_key() {
    let (ours, yours) = (Some(Fault::Server), Some(Fault::Caller));
    check("overall", 2, 0, &[1, 2, 3], &[None, None, ours]);
    check("per key", 0, 2, &[1, 1, 1, 2], &[None, None, yours, None]);
    check("the own limit is told first", 2, 2, &[1, 1, 1, 2], &[None, None, yours, ours]);
    check("no limit", 0, 0, &[1; 5], &[None; 5]);
}

#[test]
fn a_dropped_slot_can_be_taken_again() {
    let slots = Slots::new("things", "things_per_user", 1, 1);
    for round in 0..3 {
        let slot = slots.take("anna").unwrap();
        assert_eq!((slots.used(), slots.used_by(&"anna"), *slot.key()), (1, 1, "anna"), "round {round}");
        assert!(slots.take("bert").is_err());
    }
    assert_eq!((slots.used(), slots.ceiling()), (0, 1));
}
