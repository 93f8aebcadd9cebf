//! Random requests. Each field knows what it means, so that nobody has to parse it to know what is right.

use tests::Random;

use crate::dates;

/// What the words in braces stand for on one server.
pub(crate) struct Places {
    /// The entity tag with its quotes.
    pub(crate) tag: String,
    /// The value of `Last-Modified`, in seconds since 1970.
    pub(crate) modified_s: u64,
    /// The length of the file.
    pub(crate) length: u64,
}

/// What a list of entity tags says about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`, which every file matches.
    Any,
    /// The file's tag is among them as a strong one.
    Strong,
    /// Only as a weak one.
    Weak,
    /// It is not, or the field is none.
    Other,
}

/// What a date says about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Date {
    /// Before its last change.
    Before,
    /// Exactly then.
    Same,
    /// After it.
    After,
    /// This is no date.
    Invalid,
}

/// What `If-Range` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The file as it is, by its strong tag.
    Tag,
    /// The file as it is, by its date.
    Date,
    /// Something else, or nothing.
    Other,
}

/// One part of a `Range` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// First and last byte.
    FromTo(u64, u64),
    /// First byte to the end.
    From(u64),
    /// So many bytes at the end.
    Last(u64),
}

/// What a `Range` field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// These bytes.
    Bytes(Vec<Spec>),
    /// Bytes, but written as no grammar allows.
    Malformed,
    /// Something else than bytes.
    OtherUnit,
}

/// A value as it is sent, and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Field<T> {
    /// The text, with `{tag}`, `{date}` and so on for the server's own validators.
    pub(crate) text: String,
    /// Its meaning.
    pub(crate) means: T,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// GET or HEAD.
    pub(crate) method: &'static str,
    /// `Range`.
    pub(crate) range: Option<Field<Range>>,
    /// `If-Range`.
    pub(crate) if_range: Option<Field<Named>>,
    /// `If-Match`.
    pub(crate) if_match: Option<Field<Tags>>,
    /// `If-None-Match`.
    pub(crate) if_none_match: Option<Field<Tags>>,
    /// `If-Modified-Since`.
    pub(crate) if_modified_since: Option<Field<Date>>,
    /// `If-Unmodified-Since`.
    pub(crate) if_unmodified_since: Option<Field<Date>>,
}

impl Request {
    /// One range and nothing else.
    pub(crate) fn plain(method: &'static str, range: &str) -> Self {
        let means = Range::Bytes(vec![Spec::FromTo(2, 5)]);
        let range = Some(Field { text: range.to_owned(), means });
        let (if_match, if_none_match, if_modified_since, if_unmodified_since) = (None, None, None, None);
        Request {
            method,
            range,
            if_range: None,
            if_match,
            if_none_match,
            if_modified_since,
            if_unmodified_since,
        }
    }

    /// Any request; each field is there so often that all pairs meet.
    pub(crate) fn random(random: &mut Random, length: u64) -> Self {
        fn sometimes<T>(
            random: &mut Random,
            chance: u64,
            make: fn(&mut Random) -> Field<T>,
        ) -> Option<Field<T>> {
            random.percent(chance).then(|| make(random))
        }
        Request {
            method: if random.percent(15) { "HEAD" } else { "GET" },
            range: random.percent(75).then(|| range(random, length)),
            if_range: sometimes(random, 25, if_range),
            if_match: sometimes(random, 12, tags),
            if_none_match: sometimes(random, 15, tags),
            if_modified_since: sometimes(random, 15, date),
            if_unmodified_since: sometimes(random, 12, date),
        }
    }

    /// The fields with a server's own validators in them.
    pub(crate) fn fields(&self, places: &Places) -> Vec<(String, String)> {
        let texts = [
            ("Range", self.range.as_ref().map(|field| &field.text)),
            ("If-Range", self.if_range.as_ref().map(|field| &field.text)),
            ("If-Match", self.if_match.as_ref().map(|field| &field.text)),
            ("If-None-Match", self.if_none_match.as_ref().map(|field| &field.text)),
            ("If-Modified-Since", self.if_modified_since.as_ref().map(|field| &field.text)),
            ("If-Unmodified-Since", self.if_unmodified_since.as_ref().map(|field| &field.text)),
        ];
        let at = places.modified_s;
        let words = [
            ("{tag}", places.tag.clone()),
            ("{date}", dates::usual(at)),
            ("{date850}", dates::rfc_850(at)),
            ("{dateasc}", dates::asctime(at)),
            ("{before}", dates::usual(at - 1)),
            ("{before850}", dates::rfc_850(at - 86_400)),
            ("{after}", dates::usual(at + 1)),
            ("{afterasc}", dates::asctime(at + 40_000)),
        ];
        let filled =
            |text: &String| words.iter().fold(text.clone(), |text, (word, value)| text.replace(word, value));
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), filled(text?)))).collect()
    }

    /// For a message.
    pub(crate) fn shown(&self, places: &Places) -> String {
        let fields: Vec<_> =
            self.fields(places).iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{} ({} bytes) [{}]", self.method, places.length, fields.join(" | "))
    }
}

fn range(random: &mut Random, length: u64) -> Field<Range> {
    match random.below(100) {
        0..60 => {
            let (text, spec) = spec(random, length);
            Field { text: format!("bytes={text}"), means: Range::Bytes(vec![spec]) }
        }
        60..75 => several(random, length),
        75..95 => malformed(random),
        _ => {
            let text = *random.pick(&["items=0-5", "seconds=1-2", "none", "byte=0-5", "bytes2=0-1"]);
            Field { text: text.to_owned(), means: Range::OtherUnit }
        }
    }
}

/// Several ranges, or one beside empty places, which a list may have (RFC 9110 section 5.6.1.2).
fn several(random: &mut Random, length: u64) -> Field<Range> {
    if random.percent(20) {
        let (text, spec) = spec(random, length);
        return Field { text: format!("bytes={text},"), means: Range::Bytes(vec![spec]) };
    }
    let (texts, specs): (Vec<_>, Vec<_>) = (0..2 + random.below(4)).map(|_| spec(random, length)).unzip();
    let separator = *random.pick(&[",", ", ", " , "]);
    Field { text: format!("bytes={}", texts.join(separator)), means: Range::Bytes(specs) }
}

fn spec(random: &mut Random, length: u64) -> (String, Spec) {
    // Interesting places are the edges of the file and those of 64-bit numbers.
    let edges =
        [0, 1, 2, length / 2, length - 2, length - 1, length, length + 1, 1 << 32, i64::MAX as u64, u64::MAX];
    let place =
        |random: &mut Random| if random.percent(40) { *random.pick(&edges) } else { random.below(length) };
    match random.below(10) {
        0..6 => {
            let (one, other) = (place(random), place(random));
            let (first, last) = (one.min(other), one.max(other));
            (format!("{first}-{last}"), Spec::FromTo(first, last))
        }
        6..8 => {
            let first = place(random);
            (format!("{first}-"), Spec::From(first))
        }
        _ => {
            let count = place(random);
            (format!("-{count}"), Spec::Last(count))
        }
    }
}

fn malformed(random: &mut Random) -> Field<Range> {
    let texts = [
        "bytes=",
        "bytes=-",
        "bytes=--5",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0-b",
        "bytes=0x1-5",
        "bytes=1.5-9",
        "bytes=0-5;1",
        "bytes 0-5",
        "bytes=0-5 6-9",
        "bytes=0_5",
        "bytes=+1-5",
        "bytes=1-+5",
        "bytes=-+5",
        "bytes=0--5",
        "bytes==0-5",
        "bytes=0-5,a-b",
        "bytes=9-3,0-1",
        "bytes=1 - 5",
        "bytes=\"0-5\"",
        "bytes=0-5-7",
    ];
    Field { text: (*random.pick(&texts)).to_owned(), means: Range::Malformed }
}

fn tags(random: &mut Random) -> Field<Tags> {
    let cases = [
        ("{tag}", Tags::Strong),
        ("{tag}", Tags::Strong),
        ("*", Tags::Any),
        ("\"other\"", Tags::Other),
        ("\"other\", {tag}", Tags::Strong),
        ("{tag},\"other\"", Tags::Strong),
        ("W/{tag}", Tags::Weak),
        ("\"a\", W/{tag}, \"b\"", Tags::Weak),
        ("W/\"other\", \"more\"", Tags::Other),
        ("\"\"", Tags::Other),
        ("nothing", Tags::Other),
        ("\"unclosed", Tags::Other),
    ];
    let (text, means) = *random.pick(&cases);
    Field { text: text.to_owned(), means }
}

fn date(random: &mut Random) -> Field<Date> {
    let cases = [
        ("{date}", Date::Same),
        ("{date}", Date::Same),
        ("{date850}", Date::Same),
        ("{dateasc}", Date::Same),
        ("{before}", Date::Before),
        ("{before850}", Date::Before),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Date::Before),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Date::Before),
        ("{after}", Date::After),
        ("{afterasc}", Date::After),
        ("yesterday", Date::Invalid),
        ("Mon, 32 Jan 2024 00:00:00 GMT", Date::Invalid),
        ("1704067200", Date::Invalid),
        ("2024-01-01T00:00:00Z", Date::Invalid),
    ];
    let (text, means) = *random.pick(&cases);
    Field { text: text.to_owned(), means }
}

fn if_range(random: &mut Random) -> Field<Named> {
    let cases = [
        ("{tag}", Named::Tag),
        ("{tag}", Named::Tag),
        ("{date}", Named::Date),
        ("{date850}", Named::Date),
        ("W/{tag}", Named::Other),
        ("\"other\"", Named::Other),
        ("{before}", Named::Other),
        ("{after}", Named::Other),
        ("nothing", Named::Other),
        ("*", Named::Other),
    ];
    let (text, means) = *random.pick(&cases);
    Field { text: text.to_owned(), means }
}
