//! From what requests say about a file to an [`Ask`].

use catalog::Asked;

use crate::error::Error;
use crate::fields;
use crate::model::Ask;

/// What tus metadata ask for. Keys are those of the form fields; `name` and `type`, which some clients send, stand for
/// a file name and for nothing. Keys that mean nothing here are kept and repeated, no more.
///
/// # Errors
/// Metadata that are none, a hash that is none, lists that are none.
pub(crate) fn by_metadata(text: &str) -> Result<Ask, Error> {
    let mut asked = Asked::default();
    for (key, value) in fields::metadata(text)? {
        let Some(value) = value else { continue };
        put(&mut asked, key, &value)?;
    }
    Ok(Ask { metadata: kept(text, None), asked, ..Ask::default() })
}

/// Sets one wish by its name; unknown names are passed over, and so are empty values.
///
/// # Errors
/// A hash that is none, a list that is none.
pub fn put(asked: &mut Asked, name: &str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() {
        return Ok(());
    }
    match name {
        "filename" => asked.filename = value.to_owned(),
        "name" if asked.filename.is_empty() => asked.filename = value.to_owned(),
        "title" => asked.title = Some(value.to_owned()),
        "artist" => asked.artist = Some(value.to_owned()),
        "album" => asked.album = Some(value.to_owned()),
        "features" => asked.features = Some(features(value)?),
        "tags" => asked.tags = list("tags", value)?,
        "sha256" => asked.sha256 = Some(fields::sha256(value)?),
        _ => {}
    }
    Ok(())
}

/// A list of texts as JSON.
fn list(name: &str, text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text)
        .map_err(|_| Error::bad_request(format!("{name} must be a JSON array of texts")))
}

/// Who else plays: a JSON array of names, kept as one line.
fn features(text: &str) -> Result<String, Error> {
    list("features", text).map(|names| names.join(", "))
}

/// How `Upload-Metadata` and `Upload-Concat` are kept together: both have to be repeated as they were sent. A field has
/// no line break, so one stands between them.
pub(crate) fn kept(metadata: &str, concat: Option<&str>) -> String {
    match concat {
        Some(concat) => format!("{metadata}\n{concat}"),
        None => metadata.to_owned(),
    }
}

/// The two of them again.
pub(crate) fn sent(kept: &str) -> (&str, Option<&str>) {
    match kept.split_once('\n') {
        Some((metadata, concat)) => (metadata, Some(concat)),
        None => (kept, None),
    }
}

/// An ask of a request that is not tus: what it wants is kept as tus metadata too, for a tus client that goes on.
pub(crate) fn plainly(asked: Asked, length: Option<u64>) -> Ask {
    let title = asked.title.clone().unwrap_or_default();
    let metadata = fields::metadata_of(&[("filename", &asked.filename), ("title", &title)]);
    Ask { length, is_part: false, metadata, asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)]) -> Option<Asked> {
        by_metadata(&fields::metadata_of(pairs)).ok().map(|ask| ask.asked)
    }

    #[test]
    fn metadata_ask_for_what_the_form_asks_for() {
        let hash = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let text = |text: &str| Some(text.to_owned());
        let base = Asked { filename: "a.mp3".into(), ..Asked::default() };
        let hashed = [("filename", "a.mp3"), ("sha256", hash)];
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<Asked>);
        let cases: Vec<Case<'_>> = vec![
            (&[], Some(Asked::default())),
            (&[("filename", "a.mp3")], Some(base.clone())),
            (&[("name", "a.mp3"), ("type", "audio/mpeg"), ("relativePath", "null")], Some(base.clone())),
            (&[("name", "b"), ("filename", "a.mp3")], Some(base.clone())),
            (&[("filename", "a.mp3"), ("name", "b")], Some(base.clone())),
            (
                &[("filename", "a.mp3"), ("title", "T"), ("artist", "A"), ("album", "L")],
                Some(Asked { title: text("T"), artist: text("A"), album: text("L"), ..base.clone() }),
            ),
            (
                &[("filename", "a.mp3"), ("tags", "[\"x\", \"y\"]")],
                Some(Asked { tags: vec!["x".into(), "y".into()], ..base.clone() }),
            ),
            (
                &[("filename", "a.mp3"), ("features", "[\"x\", \"y\"]")],
                Some(Asked { features: text("x, y"), ..base.clone() }),
            ),
            (&hashed, Some(Asked { sha256: hash.parse().ok(), ..base })),
            (&[("sha256", "abc")], None),
            (&[("tags", "x, y")], None),
            (&[("features", "{}")], None),
            (&[("tags", "[1]")], None),
        ];
        for (pairs, expected) in cases {
            assert_eq!(check(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_has_to_be_repeated_comes_back_as_it_was() {
        for (metadata, concat) in
            [("", None), ("a YQ==", None), ("", Some("partial")), ("a YQ==", Some("final;/uploads/x"))]
        {
            assert_eq!(sent(&kept(metadata, concat)), (metadata, concat));
        }
    }
}
