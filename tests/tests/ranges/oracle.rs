//! What RFC 9110 asks for, computed from what the fields mean: the order of section 13.2.2, then section 14.2.

use tests::http::Answer;

use crate::request::{Date, Named, Range, Request, Spec, Tags};

/// The file as both servers have it.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Whether equal dates mean equal bytes (section 8.8.2.2): not when a program may have set them.
    pub(crate) date_is_strong: bool,
}

/// The right answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// 200 with everything.
    Whole,
    /// 206 with these bytes: first and last.
    Part(u64, u64),
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    Unsatisfiable,
}

impl Expected {
    /// The right answer for a file whose tag is strong.
    pub(crate) fn of(request: &Request, file: File<'_>) -> Self {
        // Steps 1 and 2: If-Unmodified-Since counts only without If-Match, and only when it is a date.
        if let Some(tags) = &request.if_match {
            if !matches!(tags.means, Tags::Any | Tags::Strong) {
                return Expected::Failed;
            }
        } else if request.if_unmodified_since.as_ref().is_some_and(|date| date.means == Date::Before) {
            return Expected::Failed;
        }
        // Steps 3 and 4: If-None-Match compares weakly; If-Modified-Since counts only without it.
        if let Some(tags) = &request.if_none_match {
            if tags.means != Tags::Other {
                return Expected::NotModified;
            }
        } else if request
            .if_modified_since
            .as_ref()
            .is_some_and(|date| matches!(date.means, Date::Same | Date::After))
        {
            return Expected::NotModified;
        }
        // Step 5: a range is for GET alone (section 14.2), and only of the file that If-Range names.
        let unchanged = match request.if_range.as_ref().map(|field| field.means) {
            None | Some(Named::Tag) => true,
            Some(Named::Date) => file.date_is_strong,
            Some(Named::Other) => false,
        };
        match &request.range {
            Some(range) if request.method == "GET" && unchanged => {
                Self::of_range(&range.means, file.bytes.len() as u64)
            }
            _ => Expected::Whole,
        }
    }

    /// Several ranges are answered whole, which section 14.2 leaves to the server; so is what is malformed.
    fn of_range(range: &Range, length: u64) -> Self {
        let Range::Bytes(specs) = range else { return Expected::Whole };
        let &[spec] = specs.as_slice() else { return Expected::Whole };
        match resolved(spec, length) {
            Some((first, last)) => Expected::Part(first, last),
            None => Expected::Unsatisfiable,
        }
    }

    /// Whether an answer is this one.
    pub(crate) fn holds(self, answer: &Answer, request: &Request, whole: &[u8]) -> Result<(), String> {
        let length = whole.len();
        let (status, content_range, body) = match self {
            Expected::Whole => (200, String::new(), Some(whole)),
            Expected::Part(first, last) => {
                (206, format!("bytes {first}-{last}/{length}"), Some(&whole[first as usize..=last as usize]))
            }
            Expected::NotModified => (304, String::new(), None),
            Expected::Failed => (412, String::new(), None),
            Expected::Unsatisfiable => (416, format!("bytes */{length}"), None),
        };
        let wrong = |what: &str| Err(format!("the {what} should be that of {self:?}"));
        if answer.status != status {
            return wrong("status");
        }
        if answer.header("content-range") != content_range {
            return wrong("Content-Range");
        }
        let Some(body) = body else { return Ok(()) };
        if answer.header("content-length") != body.len().to_string() {
            return wrong("Content-Length");
        }
        if answer.header("accept-ranges") != "bytes" {
            return wrong("Accept-Ranges");
        }
        if request.method == "GET" && answer.body != body {
            return wrong("body");
        }
        Ok(())
    }
}

/// First and last byte of what a part asks for; none when the file has no such byte (section 14.1.2).
fn resolved(spec: Spec, length: u64) -> Option<(u64, u64)> {
    let (first, last) = match spec {
        Spec::FromTo(first, last) => (first, last.min(length - 1)),
        Spec::From(first) => (first, length - 1),
        Spec::Last(0) => return None,
        Spec::Last(count) => (length.saturating_sub(count), length - 1),
    };
    (first < length).then_some((first, last))
}
