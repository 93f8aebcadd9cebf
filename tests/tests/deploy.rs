//! What is in `deploy/` speaks of the server that there is: every metric and label of the alert rules is one that a
//! running server shows, every alert has its paragraph in the guide and cases that let it fire and keep it silent, and
//! the unit's numbers fit the server's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use tests::{Library, Options, Server, eventually};

fn text(path: &str) -> String {
    let whole = xtask::files::workspace().join(path);
    fs::read_to_string(&whole).unwrap_or_else(|e| panic!("{}: {e}", whole.display()))
}

fn rules() -> String {
    text("deploy/prometheus/millpond.rules.yml")
}

/// The lines of the expressions, which are what is not a comment, a word for people or a link.
fn expressions(rules: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in rules.lines() {
        let key = line.trim_start().trim_start_matches("- ").split(':').next().unwrap_or_default();
        match key {
            "expr" => inside = true,
            "alert" | "for" | "labels" | "annotations" => inside = false,
            _ => {}
        }
        if inside && !line.trim_start().starts_with('#') {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Each metric of ours in an expression, with the values that it compares each label with.
fn metrics(expressions: &str) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut found: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for (at, _) in expressions.match_indices("millpond_") {
        let rest = &expressions[at..];
        let name_len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_len);
        let labels = found.entry(name.to_owned()).or_default();
        let Some(matchers) = after.strip_prefix('{').and_then(|rest| rest.split('}').next()) else {
            continue;
        };
        for matcher in matchers.split(',') {
            let (label, values) = matcher.split_once('"').expect("a matcher has a quoted value");
            let label = label.trim().trim_end_matches(['=', '~', '!']);
            let values = values.trim_end_matches('"').split('|');
            labels.extend(values.map(|value| (label.to_owned(), value.to_owned())));
        }
    }
    found
}

#[test]
fn every_metric_and_label_of_the_alert_rules_is_one_that_a_server_shows() {
    let expressions = expressions(&rules());
    let wanted = metrics(&expressions);
    assert!(wanted.len() >= 15, "too few to be all: {wanted:?}");
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    // What was measured is shown once it has been measured.
    let mut missing = Vec::new();
    let mut shown = String::new();
    let _ = tests::wait_until(std::time::Instant::now() + Duration::from_secs(10), || {
        shown = server.metrics();
        missing = absent(&wanted, &shown);
        missing.is_empty()
    });
    assert!(missing.is_empty(), "the rules speak of what no server shows: {missing:?}\nin\n{shown}");
}

/// What none of the rows has.
fn absent(wanted: &BTreeMap<String, BTreeSet<(String, String)>>, shown: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, labels) in wanted {
        let rows: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.strip_prefix(name.as_str()))
            .filter(|rest| rest.starts_with([' ', '{']))
            .collect();
        if rows.is_empty() {
            missing.push(name.clone());
        }
        for (label, value) in labels {
            let pair = format!("{label}=\"{value}\"");
            if !rows.is_empty() && !rows.iter().any(|row| row.contains(&pair)) {
                missing.push(format!("{name}{{{pair}}}"));
            }
        }
    }
    missing
}

#[test]
fn a_metric_that_no_server_shows_is_noticed() {
    let rules = "      - alert: A\n        # millpond_not_this\n        expr: >-\n          rate(millpond_a_total{why=~\"x|y\", \
                 how!=\"z\"}[5m])\n          > millpond_b\n        for: 1m\n        annotations:\n          \
                 summary: \"millpond_nor_this\"\n";
    let wanted = metrics(&expressions(rules));
    let shown = "millpond_a_total{how=\"z\",why=\"x\"} 1\nmillpond_bb 1\n";
    assert_eq!(absent(&wanted, shown), ["millpond_a_total{why=\"y\"}", "millpond_b"]);
}

/// The value after `key:` in each alert, by the alert's name.
fn of_alerts(rules: &str, key: &str) -> BTreeMap<String, String> {
    let mut alert = String::new();
    let mut found = BTreeMap::new();
    for line in rules.lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            alert = name.to_owned();
            found.insert(alert.clone(), String::new());
        }
        if let Some(value) = line.trim().strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")) {
            found.insert(alert.clone(), value.to_owned());
        }
    }
    found
}

#[test]
fn every_alert_leads_to_its_paragraph_of_the_guide() {
    let guides = of_alerts(&rules(), "guide");
    assert!(!guides.is_empty());
    for (alert, guide) in guides {
        let (page, heading) =
            guide.split_once('#').unwrap_or_else(|| panic!("{alert} has no guide: {guide:?}"));
        let page = text(page);
        let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
        let is_there = headings.into_iter().any(|title| title.to_lowercase() == heading && title == alert);
        assert!(is_there, "{alert}: the guide has no heading for #{heading}");
    }
    for key in ["severity", "summary", "description"] {
        let values = of_alerts(&rules(), key);
        let without: Vec<_> = values.iter().filter(|(_, value)| value.is_empty()).collect();
        assert!(without.is_empty(), "without {key}: {without:?}");
    }
}

#[test]
fn every_alert_has_a_case_that_lets_it_fire_and_one_that_keeps_it_silent_beside_the_same_figures() {
    let cases =
        ["tests.yml", "tests_of_days.yml"].map(|name| text(&format!("deploy/prometheus/{name}"))).concat();
    // A moment of a case, up to the next one: its list of alerts. Silence counts for the figures that the case has.
    let silent: BTreeSet<&str> = cases
        .split("\n  - name: ")
        .filter(|case| case.contains("exp_samples: []"))
        .flat_map(|case| case.split("millpond_").skip(1))
        .filter_map(|rest| rest.split('{').next())
        .collect();
    let expressions_of = rules();
    let mut blocks = expressions_of.split("- alert: ").skip(1).peekable();
    assert!(blocks.peek().is_some());
    for block in blocks {
        let name = block.lines().next().unwrap_or_default();
        assert!(cases.contains(&format!("alertname=\"{name}\"")), "{name} has no case in which it fires");
        let used = metrics(&expressions(&format!("- alert: {block}")));
        let unheard: Vec<_> =
            used.keys().filter(|metric| !silent.contains(metric.trim_start_matches("millpond_"))).collect();
        assert!(unheard.is_empty(), "{name} has no case that keeps it silent, for {unheard:?}");
    }
}

/// The value of a line `Key=value` of the unit.
fn setting(unit: &str, key: &str) -> String {
    let found = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("the unit has no {key}")).to_owned()
}

#[test]
fn the_units_configuration_is_one_that_the_server_understands() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = text("deploy/systemd/millpond.service");
    assert!(setting(&unit, "ExecStart").ends_with("millpond serve --config /etc/millpond/millpond.toml"));
    let path = folder.path().join("millpond.toml");
    fs::write(&path, text("deploy/systemd/millpond.toml")).expect("a file of ours");
    let asked = tests::run(folder.path(), &["doctor", "--config", path.to_str().expect("UTF-8")], "");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(said.contains("configuration: ") && said.contains("is understood"), "{said}");
    assert!(!said.contains("means nothing"), "{said}");
}

#[test]
fn the_unit_gives_the_server_time_to_drain_and_what_it_needs() {
    let unit = text("deploy/systemd/millpond.service");
    let number = |key: &str| -> u64 {
        let value = setting(&unit, key);
        value.trim_end_matches('M').parse().unwrap_or_else(|_| panic!("{key}={value}"))
    };
    let keys = text("docs/guide/configuration.md");
    let default = |key: &str| -> u64 {
        let row = keys.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
        let cell = row.and_then(|row| row.split('|').nth(2)).unwrap_or_default().trim().replace(',', "");
        cell.parse().unwrap_or_else(|_| panic!("{key}: {cell}"))
    };
    assert!(number("TimeoutStopSec") * 1_000 >= 2 * default("server.drain_ms"), "longer than the drain");
    assert!(
        number("LimitNOFILE") >= 2 * default("limits.connections") + 2_000,
        "descriptors for all connections"
    );
    assert!(number("MemoryMax") >= 64, "the smallest limit that the server starts with");
}

#[test]
fn a_sighup_ends_no_server() {
    let mut server = Server::start(&Options::default());
    let id = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::HUP).expect("a child of ours");
    eventually("the server says that it has read its configuration again", Duration::from_secs(10), || {
        server.output().contains("read again")
    });
    assert!(server.runs());
    assert_eq!(server.get("/health", &[]).status, 200);
}
