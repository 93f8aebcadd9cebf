use super::rust::{blanked, functions, test_regions};
use super::*;

/// A tree that no rule complains about; an example changes one file of it.
const GOOD: &[(&str, &str)] = &[
    (".ci/run", "cargo x test\n"),
    (
        "PROMISES.md",
        "| P-04 | flat | tested |\n| P-01 | kept | comes with `ingest` |\n[home](docs/a.md#one-two)\n",
    ),
    ("docs/a.md", "# One, two\n"),
    (
        "core/store/Cargo.toml",
        "[package]\nname = \"store\"\n[dependencies]\nbudget = { path = \"../budget\" }\n",
    ),
    (
        "core/store/src/lib.rs",
        "//! **Promise.** a\n//! **Flow.** b\n//! **Not here.** c\nmod long;\nmod names;\nmod run;\n",
    ),
    ("core/budget/Cargo.toml", "[package]\nname = \"budget\"\n"),
    ("core/budget/src/lib.rs", "//! **Promise.** a\n//! **Flow.** b\n//! **Not here.** c\npub mod limits;\n"),
    ("docs/guide/configuration.md", "| `a.b` | none | nothing |\n"),
    ("programs/millpond/src/main.rs", "mod settings;\n"),
    ("programs/millpond/src/settings.rs", "mod keys;\n"),
    ("programs/millpond/src/settings/keys.rs", "mod table;\n"),
    ("programs/millpond/src/settings/keys/table.rs", "&[serving(\n    \"a.b\", 1), everywhere(\"a.b\")]"),
    ("core/budget/src/limits.rs", "pub const NAMES_MAX: usize = 7;\n"),
    ("core/budget/tests/flat.rs", "#[test]\nfn p04_memory_stays_flat() { let a = '{'; }\n"),
];

fn check(rule: &str, path: &str, text: &str, expected: Option<&str>) {
    let mut tree: Vec<(&str, &str)> = GOOD.to_vec();
    tree.retain(|(other, _)| *other != path);
    tree.push((path, text));
    let found = complaints(&Tree::of(tree));
    match expected {
        None => assert_eq!(found, [], "{path}: {text}"),
        Some(words) => assert!(
            found.iter().any(|(name, complaint)| *name == rule && complaint.what.contains(words)),
            "`{rule}` does not say `{words}` of {path}, but: {found:?}"
        ),
    }
}

#[test]
fn a_good_tree_has_no_complaint() {
    assert_eq!(complaints(&Tree::of(GOOD.iter().copied())), []);
}

#[test]
fn every_rule_has_a_bad_example_that_fails() {
    let long_file = "//\n".repeat(501);
    let long_function = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(69));
    let examples: &[(&str, &str, &str, &str)] = &[
        (
            "arrows between crates",
            "core/budget/Cargo.toml",
            "[package]\nname = \"budget\"\n[dependencies]\nstore.workspace = true\n",
            "may not know `store`",
        ),
        (
            "arrows between crates",
            "core/budget/Cargo.toml",
            "[package]\nname = \"budget\"\n[dev-dependencies]\ns = { package = \"store\", path = \"\" }\n",
            "may not know `store`",
        ),
        ("arrows between crates", "core/store/Cargo.toml", "[package]\nname = \"shed\"\n", "no row says"),
        (
            "the web framework only in faces",
            "core/budget/Cargo.toml",
            "[package]\nname = \"budget\"\n[target.'cfg(unix)'.dependencies]\nhyper = \"1\"\n",
            "`hyper`",
        ),
        (
            "SQL only in catalog",
            "core/store/Cargo.toml",
            "[package]\nname = \"store\"\n[dependencies]\nsqlx = \"1\"\n",
            "`sqlx`",
        ),
        (
            "no process started by the server",
            "core/store/src/run.rs",
            "use std::process::Command;\n",
            "only `transform`",
        ),
        (
            "promises have tests",
            "PROMISES.md",
            "| P-04 | flat | tested |\n| P-05 | fair | tested |\n",
            "no test has p05_",
        ),
        ("promises have tests", "PROMISES.md", "| P-04 | flat | hoped for |\n", "neither"),
        (
            "promises have tests",
            "PROMISES.md",
            "| P-04 | flat | comes with `stems` |\n",
            "is not `tested`, but",
        ),
        (
            "promises have tests",
            "PROMISES.md",
            "| P-04 | flat | comes with `store` |\n",
            "which is there now",
        ),
        ("promises have tests", "PROMISES.md", "| P-01 | kept | comes with `ingest` |\n", "no row for p04"),
        ("links resolve", "docs/a.md", "[gone](../docs/b.md)\n", "leads nowhere"),
        (
            "links resolve",
            "PROMISES.md",
            "| P-04 | flat | tested |\n[gone](docs/a.md#three)\n",
            "names a heading",
        ),
        ("every file is named by a `mod`", "core/store/src/lost.rs", "fn lost() {}\n", "no `mod lost;`"),
        ("every file is named by a `mod`", "core/store/src/run/lost.rs", "fn lost() {}\n", "no `mod lost;`"),
        ("files fit a sitting", "core/store/src/long.rs", &long_file, "501 lines"),
        ("functions fit a screen", "core/store/src/long.rs", &long_function, "71 lines"),
        ("words that texts may not have", "docs/a.md", concat!("# One, two\nFIX", "ME\n"), "fix it"),
        (
            "words that texts may not have",
            "docs/a.md",
            concat!("# One, two\nTO", "DO: later\n"),
            "without a reason",
        ),
        (
            "words that texts may not have",
            "docs/a.md",
            concat!("# One, two\nin /ro", "ot/x\n"),
            "a path of one machine",
        ),
        (
            "no sleep in tests",
            "core/budget/tests/flat.rs",
            "#[test]\nfn p04_flat() {\n    std::thread::sleep(LONG);\n}\n",
            "wait for the event",
        ),
        (
            "every crate has a front page",
            "core/store/src/lib.rs",
            "//! **Promise.** a\n//! **Flow.** b\n",
            "lacks **Not here.**",
        ),
        (
            "limits stand in one file",
            "core/store/src/names.rs",
            "pub const NAMES_MAX: usize = 7;\n",
            "`NAMES_MAX`",
        ),
        (
            "the guide has every key",
            "docs/guide/configuration.md",
            "| `a.c` | none | nothing |\n",
            "no row for `a.b`",
        ),
        ("CI runs what a person runs", ".ci/run", "cargo test\n", "one line"),
    ];
    for (rule, path, text, words) in examples {
        check(rule, path, text, Some(words));
    }
    let unseen: Vec<_> =
        RULES.iter().filter(|(rule, _)| !examples.iter().any(|example| example.0 == *rule)).collect();
    assert!(
        unseen.is_empty(),
        "without a bad example: {:?}",
        unseen.iter().map(|(rule, _)| rule).collect::<Vec<_>>()
    );
}

#[test]
fn what_looks_bad_and_is_not_passes() {
    let long_test =
        format!("#[cfg(test)]\nmod tests {{\nfn long() {{\n{}}}\n}}\n", "    step();\n".repeat(90));
    let examples: &[(&str, &str)] = &[
        (
            "core/store/src/run.rs",
            "// no std::process::Command here\nconst TEXT: &str = \"tokio::process\";\n",
        ),
        ("core/budget/src/bin/seeds.rs", "fn main() {}\n"),
        ("core/store/src/run.rs", "#[cfg(test)]\nmod tests {\n    use std::process::Command;\n}\n"),
        ("core/store/src/long.rs", &long_test),
        (
            "core/store/src/names.rs",
            "// format: a name in the archive's table has 100 bytes.\nconst NAME_BYTES: usize = 100;\n",
        ),
        ("core/store/src/names.rs", "const NAMES_MAX: usize = budget::limits::NAMES_MAX;\n"),
        (
            "core/store/tests/a.rs",
            "#[tokio::test(start_paused = true)]\nasync fn waits() {\n    sleep(LONG).await;\n}\n",
        ),
        (
            "core/store/tests/a.rs",
            "#[test]\nfn waits() {\n    // sleep: the peer has no event for this\n    sleep(LONG);\n}\n",
        ),
        (
            "docs/b.md",
            "```\n[x](nowhere.md)\n```\n[site](https://example.org/x) and [up](../PROMISES.md) and [this](#here)\n## Here\n",
        ),
        ("docs/b.md", concat!("TO", "DO: the second page comes with the uploads\n")),
    ];
    for (path, text) in examples {
        check("", path, text, None);
    }
}

#[test]
fn braces_in_comments_and_literals_do_not_count() {
    let text = "fn a<'x>(b: &'x str) -> char {\n    let _ = (\"}\", r#\"}\"}\"#, b'}', '\\'', '\\u{7d}'); /* } /* } */ */ // }\n    '}'\n}\nfn c() {}\n";
    let found = functions(&blanked(text));
    let lines: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
    assert_eq!(lines, [("a", 1, 4), ("c", 5, 1)]);
    assert_eq!(blanked(text).len(), text.len());
}

#[test]
fn a_declaration_without_a_body_is_no_function_and_no_region() {
    assert_eq!(functions("trait A { fn b(c: [u8; 4]); fn d() { e() } }").len(), 1);
    assert_eq!(test_regions("#[cfg(test)]\nmod tests;\nfn a() {}\n"), []);
}
