use super::*;

fn figures(path: &str, figures: &[(&str, f64)]) -> Figures {
    let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Figures::from([(path.to_owned(), figures)])
}

/// Whether one figure of one path passes.
fn passes(path: &str, figure: &str, before: f64, after: f64) -> bool {
    let rows = compare(&figures(path, &[(figure, before)]), &figures(path, &[(figure, after)]));
    let complaint = complaint(&rows);
    assert!(complaint.as_ref().is_none_or(|complaint| complaint.contains(&format!("`{path}`"))));
    complaint.is_none()
}

#[test]
fn each_figure_passes_up_to_its_threshold() {
    for (path, figure, before, after, held) in [
        ("range", "instructions", 3_350.0, 3_350.0, true),
        ("range", "instructions", 1_000.0, 1_090.0, true),
        ("range", "instructions", 1_000.0, 1_110.0, false),
        ("range", "instructions", 1_000.0, 1.0, true),
        ("range", "allocated_bytes", 1_000.0, 1_040.0, true),
        ("range", "allocated_bytes", 1_000.0, 1_060.0, false),
        ("range", "allocated_bytes", 0.0, 0.2, true),
        ("range", "allocated_bytes", 0.0, 8.0, false),
        ("range", "allocations", 14.0, 14.2, true),
        ("range", "allocations", 14.0, 15.0, false),
        ("range", "allocations", 0.0, 1.0, false),
        ("copy_50_mb", "allocations", 1_539.0, 1_540.0, false),
        ("listing_500", "allocations", 32_648.0, 32_650.0, true),
        ("listing_500", "allocations", 32_648.0, 32_748.0, false),
        ("answer_range_1_kb", "calls", 6.0, 6.3, true),
        ("answer_range_1_kb", "calls", 6.0, 7.0, false),
        ("answer_whole_5_mb", "calls", 35.0, 36.0, true),
        ("answer_whole_5_mb", "calls", 35.0, 43.0, false),
        ("answer_range_256_kb", "transfers", 2.0, 3.0, false),
        ("answer_whole_50_mb", "transfers", 26.0, 52.0, true),
        ("answer_whole_50_mb", "transfers", 52.0, 1_526.0, false),
        ("answer_range_1_kb", "wait futex", 1.0, 90.0, true),
        ("answer_range_1_kb", "call writev", 1.0, 90.0, true),
    ] {
        assert_eq!(passes(path, figure, before, after), held, "{path} {figure} {before} {after}");
    }
}

#[test]
fn a_path_without_a_baseline_fails_with_the_command_that_writes_it() {
    let after = figures("wire", &[("instructions", 5.0)]);
    let said = complaint(&compare(&Figures::new(), &after)).unwrap();
    assert!(said.contains("`wire`") && said.contains("cargo x bench --gate --write"), "{said}");
    let said = complaint(&compare(&after, &Figures::new())).unwrap();
    assert!(said.contains("`wire` is no longer measured"), "{said}");
}

#[test]
fn the_call_that_was_added_is_named() {
    let before = figures("answer", &[("calls", 3.0), ("call writev", 1.0), ("call recvfrom", 2.0)]);
    let after = figures(
        "answer",
        &[("calls", 4.0), ("call writev", 1.0), ("call recvfrom", 2.0), ("call fstat", 1.0)],
    );
    let rows = compare(&before, &after);
    let said = complaint(&rows).unwrap();
    assert!(said.contains("rose from 3 to 4") && said.ends_with(": fstat +1.00"), "{said}");
    let table = table(&rows);
    assert!(table.contains("| answer | call fstat | 0 | 1 | - | - |  |"), "{table}");
    assert!(table.contains("| answer | calls | 3 | 4 | 1.333 | 3.50 | TOO MUCH |"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&json("0.1.0", &rows)).unwrap();
    assert_eq!((&json["held"], &json["rows"][3]["outcome"]), (&json!(false), &json!("TOO MUCH")));
}

#[test]
fn a_saving_is_seen_when_it_is_larger_than_what_may_be_lost() {
    for (after, saving) in [(1_000.0, false), (950.0, false), (850.0, true), (1_050.0, false)] {
        let row = Row::of("range", "instructions", Some(1_000.0), Some(after));
        assert_eq!(row.is_saving(), saving, "{after}");
    }
}
