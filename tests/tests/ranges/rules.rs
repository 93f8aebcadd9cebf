//! The differences between Millpond and nginx that are right, each with the sentence of the RFC behind it. What we
//! answered has been compared with the RFC before a rule is asked, so a rule only says what nginx did instead.

use tests::http::Answer;

use crate::request::{Date, Named, Range, Request, Spec};

/// One known difference.
pub(crate) struct Rule {
    /// What it is called in the count.
    pub(crate) name: &'static str,
    /// Why both are right, or why we are.
    pub(crate) why: &'static str,
    /// Whether this explains what was seen: the request, our answer, nginx's answer.
    pub(crate) explains: fn(&Request, &Answer, &Answer) -> bool,
}

/// All of them; the first that explains a difference has it.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "HEAD has no range",
        why: "RFC 9110 section 14.2: only GET has range handling; nginx answers HEAD with 206 or 416",
        explains: |request, ours, theirs| {
            request.method == "HEAD"
                && request.range.is_some()
                && ours.status == 200
                && is(theirs, &[206, 416])
        },
    },
    Rule {
        name: "If-Unmodified-Since beside If-Match",
        why: "section 13.1.4: ignored when If-Match is present; nginx evaluates both",
        explains: |request, ours, theirs| {
            request.if_match.is_some()
                && unmodified_fails_in_nginx(request)
                && ours.status != 412
                && theirs.status == 412
        },
    },
    Rule {
        name: "If-Unmodified-Since without a date",
        why: "section 13.1.4: ignored when it is no HTTP-date; nginx takes it for one before all files",
        explains: |request, ours, theirs| {
            let invalid =
                request.if_unmodified_since.as_ref().is_some_and(|date| date.means == Date::Invalid);
            invalid && ours.status != 412 && theirs.status == 412
        },
    },
    Rule {
        name: "If-Modified-Since beside If-None-Match",
        why: "section 13.1.3: ignored when If-None-Match is present; nginx wants both to say 304",
        explains: |request, ours, theirs| {
            let both = request.if_none_match.is_some() && request.if_modified_since.is_some();
            both && ours.status == 304 && is(theirs, &[200, 206, 416])
        },
    },
    Rule {
        name: "If-Range by a date that a program set",
        why: "sections 8.8.2.2 and 13.1.5: a date that may stand for other bytes is weak, and a weak validator is no match; nginx compares the numbers",
        explains: |request, ours, theirs| {
            let by_date = request.if_range.as_ref().is_some_and(|field| field.means == Named::Date);
            by_date && ours.status == 200 && is(theirs, &[206, 416])
        },
    },
    Rule {
        name: "several ranges",
        why: "section 14.2: a server may ignore Range, and section 15.3.7.2 lets it avoid multipart; nginx sends multipart",
        explains: |request, ours, theirs| {
            several(request)
                && ours.status == 200
                && theirs.status == 206
                && theirs.header("content-type").starts_with("multipart/byteranges")
        },
    },
    Rule {
        name: "several ranges of which one is left",
        why: "section 14.2: as above; nginx sends the one part that the file has, as 206, or 416 for a number it cannot hold",
        explains: |request, ours, theirs| several(request) && ours.status == 200 && is(theirs, &[206, 416]),
    },
    Rule {
        name: "malformed Range",
        why: "section 14.2: an invalid ranges-specifier may be ignored; nginx answers 416, or guesses",
        explains: |request, ours, theirs| {
            let malformed = request.range.as_ref().is_some_and(|range| range.means == Range::Malformed);
            malformed && ours.status == 200 && is(theirs, &[206, 416])
        },
    },
    Rule {
        name: "empty places in a list",
        why: "section 5.6.1.2: a recipient must ignore empty list elements; nginx answers 416",
        explains: |request, ours, theirs| {
            let empty = request.range.as_ref().is_some_and(|range| range.text.ends_with(','));
            empty && ours.status == 206 && theirs.status == 416
        },
    },
    Rule {
        name: "numbers beyond 63 bits",
        why: "section 14.1.2: a last position beyond the end means the end; nginx refuses what its type cannot hold",
        explains: |request, ours, theirs| {
            let huge =
                |spec: &Spec| matches!(spec, Spec::FromTo(_, n) | Spec::Last(n) if *n > i64::MAX as u64);
            let some = matches!(request.range.as_ref().map(|range| &range.means), Some(Range::Bytes(specs)) if specs.iter().any(huge));
            some && ours.status == 206 && theirs.status == 416
        },
    },
    Rule {
        name: "Accept-Ranges on 206",
        why: "section 14.3: may be sent with any answer; nginx sends it only with 200",
        explains: |_, ours, theirs| {
            let same = |name| ours.header(name) == theirs.header(name);
            let named =
                same("content-range") && same("content-length") && ours.header("accept-ranges") == "bytes";
            ours.status == 206
                && theirs.status == 206
                && named
                && !theirs.has("accept-ranges")
                && ours.body == theirs.body
        },
    },
];

fn is(answer: &Answer, statuses: &[u16]) -> bool {
    statuses.contains(&answer.status)
}

fn several(request: &Request) -> bool {
    matches!(request.range.as_ref().map(|range| &range.means), Some(Range::Bytes(specs)) if specs.len() > 1)
}

/// nginx compares whatever it reads; what is no date is before everything.
fn unmodified_fails_in_nginx(request: &Request) -> bool {
    request
        .if_unmodified_since
        .as_ref()
        .is_some_and(|date| matches!(date.means, Date::Before | Date::Invalid))
}
