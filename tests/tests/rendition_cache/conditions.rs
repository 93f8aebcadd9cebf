//! Conditional requests on renditions (RFC 9110 section 13): the tag is the content's.

use tests::http::Fields;

use crate::ground::{House, video};

#[test]
fn conditions_are_judged_by_the_content() {
    let house = House::new("", "");
    video(&house.public("a.mp4"), "320x180", 2, 0);
    video(&house.public("b.mp4"), "320x180", 2, 90);
    let target = "/clips/a.mp4?width=160";
    let whole = house.kept(target);
    let tag = whole.header("etag").to_owned();
    let other = house.kept("/clips/b.mp4?width=160").header("etag").to_owned();
    assert!(tag.starts_with('"') && tag != other, "{tag} {other}");
    let modified = whole.header("last-modified").to_owned();
    let (weak, size) = (format!("W/{tag}"), whole.body.len());
    let unsatisfiable = format!("bytes={size}-");
    let table: &[(Fields<'_>, u16, usize)] = &[
        (&[], 200, size),
        (&[("If-None-Match", &tag)], 304, 0),
        (&[("If-None-Match", &weak)], 304, 0),
        (&[("If-None-Match", "*")], 304, 0),
        (&[("If-None-Match", &other)], 200, size),
        (&[("If-Match", &tag)], 200, size),
        (&[("If-Match", &other)], 412, 0),
        (&[("If-Match", &weak)], 412, 0),
        (&[("Range", "bytes=10-19")], 206, 10),
        (&[("Range", "bytes=-5")], 206, 5),
        (&[("Range", &unsatisfiable)], 416, 0),
        (&[("Range", "bytes=10-19"), ("If-Range", &tag)], 206, 10),
        (&[("Range", "bytes=10-19"), ("If-Range", &other)], 200, size),
        (&[("Range", "bytes=10-19"), ("If-Range", &weak)], 200, size),
        (&[("Range", "bytes=10-19"), ("If-Range", "\"0000\"")], 200, size),
        (&[("Range", "bytes=10-19"), ("If-None-Match", &tag)], 304, 0),
        (&[("Range", "bytes=10-19"), ("If-Match", &other)], 412, 0),
    ];
    for (fields, status, length) in table {
        for method in ["GET", "HEAD"] {
            let answer = house.server.send(method, target, fields, b"");
            // A range is of GET alone (section 14.2).
            let (status, length) = match (method, status) {
                ("HEAD", 206 | 416) => (200, size),
                _ => (*status, *length),
            };
            let what = format!("{method} {fields:?}: {}", answer.head());
            assert_eq!(answer.status, status, "{what}");
            if method == "GET" {
                assert_eq!(answer.body.len(), length, "{what}");
            } else {
                assert!(answer.body.is_empty(), "{what}");
                assert!(status != 200 || answer.header("content-length") == size.to_string(), "{what}");
            }
            if matches!(status, 200 | 206 | 304) {
                assert_eq!(answer.header("etag"), tag, "{what}");
            }
        }
    }
    if !modified.is_empty() {
        let same = house.server.get(target, &[("If-Modified-Since", &modified)]);
        assert_eq!(same.status, 304, "{}", same.head());
    }
    assert_eq!(house.kept("/cdn-cgi/media/width=160/clips/a.mp4").status, 200);
    assert_eq!(house.kept(target).header("etag"), tag, "it stays");
}
