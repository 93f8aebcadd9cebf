use proptest::prelude::*;
use serde::Serialize;

use super::element;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sample<'a> {
    id: &'a str,
    song_count: u64,
    is_dir: bool,
    ratio: f64,
    nothing: Option<&'a str>,
    genres: Vec<Inner<'a>>,
    versions: Vec<u32>,
    inner: Option<Inner<'a>>,
}

#[derive(Serialize)]
struct Inner<'a> {
    kind: &'a str,
    value: &'a str,
}

fn written<T: Serialize>(value: &T) -> String {
    let mut out = Vec::new();
    element(&mut out, "top", value).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check<T: Serialize>(value: &T, wanted: &str) {
    assert_eq!(written(value), wanted);
}

#[test]
fn scalars_are_attributes_structs_children_and_sequences_repeat() {
    let sample = Sample {
        id: "tr-1",
        song_count: 2,
        is_dir: false,
        ratio: 0.5,
        nothing: None,
        genres: vec![Inner { kind: "a", value: "Rock" }, Inner { kind: "b", value: "" }],
        versions: vec![1, 2],
        inner: Some(Inner { kind: "c", value: "x" }),
    };
    check(
        &sample,
        concat!(
            r#"<top id="tr-1" songCount="2" isDir="false" ratio="0.5">"#,
            r#"<genres kind="a">Rock</genres><genres kind="b"/>"#,
            r#"<versions>1</versions><versions>2</versions><inner kind="c">x</inner></top>"#,
        ),
    );
}

#[test]
fn a_struct_of_attributes_alone_closes_itself() {
    #[derive(Serialize)]
    struct Flat {
        a: u8,
    }
    check(&Flat { a: 1 }, r#"<top a="1"/>"#);
    check(&vec![Flat { a: 1 }, Flat { a: 2 }], r#"<top a="1"/><top a="2"/>"#);
    check(&Option::<Flat>::None, "");
}

#[test]
fn markup_is_escaped_white_space_kept_and_forbidden_characters_dropped() {
    check(
        &Inner { kind: "<a> & \"b\"\t\n\r", value: "]]>\u{0}\u{1f}\u{fffe}\u{ffff}é\u{1f600}" },
        "<top kind=\"&lt;a&gt; &amp; &quot;b&quot;&#9;&#10;&#13;\">]]&gt;é\u{1f600}</top>",
    );
}

#[test]
fn what_is_no_element_is_an_error() {
    let mut out = Vec::new();
    assert!(element(&mut out, "top", &(1, 2)).is_err());
    assert!(element(&mut out, "top", &std::collections::BTreeMap::from([("a", 1)])).is_err());
}

/// What a reader of XML 1.0 may see of a text.
fn allowed(text: &str) -> String {
    text.chars()
        .filter(
            |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
        )
        .collect()
}

proptest! {
    /// A parser that nobody here wrote reads back what was written.
    #[test]
    fn any_text_gives_well_formed_xml_that_reads_back(kind in any::<String>(), value in any::<String>()) {
        let text = written(&Inner { kind: &kind, value: &value });
        let document = roxmltree::Document::parse(&text).unwrap();
        let top = document.root_element();
        prop_assert_eq!(top.attribute("kind").unwrap(), allowed(&kind));
        prop_assert_eq!(top.text().unwrap_or_default(), allowed(&value));
    }

    /// The same for the characters that matter most, which `any` seldom draws.
    #[test]
    fn any_mix_of_markup_and_control_characters_reads_back(text in "[<>&\"'\\]\\x00-\\x20\u{7f}-\u{a0}\u{fff0}-\u{ffff}a]{0,40}") {
        let written = written(&Inner { kind: &text, value: &text });
        let document = roxmltree::Document::parse(&written).unwrap();
        let top = document.root_element();
        prop_assert_eq!(top.attribute("kind").unwrap(), allowed(&text));
        prop_assert_eq!(top.text().unwrap_or_default(), allowed(&text));
    }
}
