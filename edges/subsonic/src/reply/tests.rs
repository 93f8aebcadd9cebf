use serde::Serialize;

use super::{Format, Writer};

#[derive(Serialize)]
struct Head {
    name: &'static str,
}

#[derive(Serialize)]
struct Empty {}

fn written(format: Format, work: impl Fn(&mut Writer)) -> String {
    let mut writer = Writer::new(format);
    writer.begin(true).unwrap();
    work(&mut writer);
    writer.finish();
    String::from_utf8(writer.take().concat()).unwrap()
}

const JSON_ENVELOPE: &str = concat!(
    r#"{"subsonic-response":{"status":"ok","version":"1.16.1","type":"millpond","serverVersion":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","openSubsonic":true"#
);
const XML_ENVELOPE: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<subsonic-response xmlns=\"http://subsonic.org/restapi\" ",
    "status=\"ok\" version=\"1.16.1\" type=\"millpond\" serverVersion=\"",
    env!("CARGO_PKG_VERSION"),
    "\" openSubsonic=\"true\">"
);

#[track_caller]
fn check(work: impl Fn(&mut Writer), json: &str, xml: &str) {
    assert_eq!(written(Format::Json, &work), format!("{JSON_ENVELOPE}{json}}}}}"));
    assert_eq!(written(Format::Jsonp("f.g".into()), &work), format!("f.g({JSON_ENVELOPE}{json}}}}});"));
    let text = written(Format::Xml, &work);
    assert_eq!(text, format!("{XML_ENVELOPE}{xml}</subsonic-response>"));
    roxmltree::Document::parse(&text).unwrap();
}

#[test]
fn an_answer_may_have_nothing_in_it() {
    check(|_| {}, "", "");
}

#[test]
fn a_member_stands_in_the_envelope() {
    check(
        |out| out.member("license", &Head { name: "x" }).unwrap(),
        r#","license":{"name":"x"}"#,
        r#"<license name="x"/>"#,
    );
}

#[test]
fn lists_are_arrays_also_when_they_are_empty_or_have_one_item() {
    check(
        |out| {
            out.object("result", &Empty {}).unwrap();
            out.list("album");
            out.end();
            out.list("song");
            out.row(&Head { name: "a" }).unwrap();
            out.end();
        },
        r#","result":{"album":[],"song":[{"name":"a"}]}"#,
        r#"<result><song name="a"/></result>"#,
    );
}

#[test]
fn groups_of_an_index_are_objects_in_a_list() {
    check(
        |out| {
            out.object("artists", &Head { name: "h" }).unwrap();
            out.list("index");
            for (letter, names) in [("A", ["a", "b"]), ("B", ["c", "d"])] {
                out.object("index", &Head { name: letter }).unwrap();
                out.list("artist");
                for name in names {
                    out.row(&Head { name }).unwrap();
                }
                out.end();
                out.end();
            }
            out.end();
        },
        concat!(
            r#","artists":{"name":"h","index":[{"name":"A","artist":[{"name":"a"},{"name":"b"}]},"#,
            r#"{"name":"B","artist":[{"name":"c"},{"name":"d"}]}]}"#
        ),
        concat!(
            r#"<artists name="h"><index name="A"><artist name="a"/><artist name="b"/></index>"#,
            r#"<index name="B"><artist name="c"/><artist name="d"/></index></artists>"#
        ),
    );
}

#[test]
fn long_answers_come_in_chunks_that_make_the_whole() {
    let mut writer = Writer::new(Format::Json);
    writer.begin(true).unwrap();
    writer.list("song");
    for _ in 0..10_000 {
        writer.row(&Head { name: "a song with a name of some length" }).unwrap();
    }
    writer.finish();
    let bytes = writer.len();
    let chunks = writer.take();
    assert!(chunks.iter().all(|chunk| chunk.len() <= budget::limits::CHUNK_BYTES));
    assert!(chunks.len() > 5);
    let whole = chunks.concat();
    assert_eq!(whole.len(), bytes);
    assert_eq!(writer.len(), 0);
    let value: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(value["subsonic-response"]["song"].as_array().unwrap().len(), 10_000);
}
