//! The conversations, by what they are about.

mod more;
mod trust;

use more::{CHANGES, FIELDS, PARTS, STALE, TARGETED};
use trust::TRUST;

use super::Row;

pub(crate) const ROWS: &[&[Row]] = &[
    FRESHNESS, DIRECTIVES, STATUSES, VALIDATION, VARIANTS, REQUESTS, CHANGES, PARTS, STALE, FIELDS, TARGETED,
    TRUST,
];

const FRESHNESS: &[Row] = &[
    ("nothing said", &[("GET", "200\n\na", "asked; body a"), ("GET", "200\n\nb", "asked; body b")]),
    (
        "max-age",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked; body a; field via: 1.1 millpond"),
            ("GET", "", "kept; body a; age 0; field content-length: 1; hit"),
        ],
    ),
    (
        "max-age, and nobody says how long it is",
        &[
            ("GET", "untold 200\nCache-Control: max-age=60\n\nabcdefgh", "asked; body abcdefgh"),
            ("GET", "", "kept; body abcdefgh; field content-length: 8; no x-trailer"),
        ],
    ),
    (
        "max-age and an age beyond it",
        &[
            ("GET", "200\nCache-Control: max-age=60\nAge: 120\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "expires in the future",
        &[("GET", "200\nExpires: {60}\nDate: {0}\n\na", "asked"), ("GET", "", "kept; body a")],
    ),
    (
        "expires with names in another case, and another day of the week",
        &[("GET", "200\nExpires: MON, 18 aug 2050 02:01:18 gmt\n\na", "asked"), ("GET", "", "kept; body a")],
    ),
    (
        "expires in a zone that no date has",
        &[("GET", "200\nExpires: Thu, 18 Aug 2050 02:01:18 UTC\n\na", "asked"), ("GET", "200\n\nb", "asked")],
    ),
    (
        "expires that is no date",
        &[("GET", "200\nExpires: 0\nETag: \"a\"\n\na", "asked"), ("GET", "200\n\nb", "asked; body b")],
    ),
    (
        "s-maxage counts more than max-age",
        &[("GET", "200\nCache-Control: max-age=1, s-maxage=60\nAge: 5\n\na", "asked"), ("GET", "", "kept")],
    ),
    (
        "a tenth of the time since it changed",
        &[
            ("GET", "200\nLast-Modified: {-100000}\nDate: {0}\n\na", "asked"),
            ("GET", "", "kept; body a; field date"),
        ],
    ),
    (
        "an age that came is counted on",
        &[
            ("GET", "200\nCache-Control: max-age=600\nAge: 30\nDate: {0}\n\na", "asked"),
            ("GET", "", "kept; age 30"),
        ],
    ),
];

const DIRECTIVES: &[Row] = &[
    (
        "no-store",
        &[
            ("GET", "200\nCache-Control: max-age=60, no-store\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "private",
        &[
            ("GET", "200\nCache-Control: max-age=60, private\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "no-cache is asked about each time",
        &[
            ("GET", "200\nCache-Control: max-age=60, no-cache\nETag: \"x\"\n\na", "asked"),
            ("GET", "304\nETag: \"x\"", "asked; with if-none-match: \"x\"; status 200; body a"),
        ],
    ),
    (
        "no-cache that names fields takes them out",
        &[
            (
                "GET",
                "200\nCache-Control: max-age=60, no-cache=\"a, b\"\nA: 1\nB: 2\nC: 3\n\na",
                "asked; field a: 1",
            ),
            ("GET", "", "kept; no a; no b; field c: 3"),
        ],
    ),
    (
        "an argument in quotes is no directive",
        &[
            ("GET", "200\nCache-Control: x=\"no-store, max-age=1\", max-age=60\n\na", "asked"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "what somebody gets who showed a secret is his",
        &[
            ("GET\nAuthorization: FOO", "200\nExpires: {60}\n\na", "asked; with authorization: FOO"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "unless it is said to be public",
        &[
            ("GET\nAuthorization: FOO", "200\nCache-Control: max-age=60, public\n\na", "asked"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "pragma is of no matter",
        &[
            ("GET", "200\nCache-Control: max-age=60\nPragma: no-cache\n\na", "asked"),
            ("GET\nPragma: no-cache", "", "kept"),
        ],
    ),
];

const STATUSES: &[Row] = &[
    ("404 for a time", &[("GET", "404\n\na", "asked; status 404"), ("GET", "", "kept; status 404; body a")]),
    (
        "503 is not guessed",
        &[("GET", "503\nLast-Modified: {-100000}\n\na", "asked"), ("GET", "200\n\nb", "asked")],
    ),
    (
        "503 that says so",
        &[("GET", "503\nCache-Control: max-age=60\n\na", "asked"), ("GET", "", "kept; status 503")],
    ),
    (
        "599 that says so",
        &[("GET", "299\nCache-Control: max-age=60\n\na", "asked"), ("GET", "", "kept; status 299")],
    ),
    (
        "204 has no body",
        &[
            ("GET", "204\nCache-Control: max-age=60\nA: 1", "asked; status 204; body "),
            ("GET", "", "kept; status 204; field a: 1"),
        ],
    ),
    (
        "a redirect is an answer",
        &[
            ("GET", "302\nLocation: /elsewhere\nCache-Control: max-age=60\n\na", "asked; status 302"),
            ("GET", "", "kept; status 302; field location: /elsewhere"),
        ],
    ),
];

const VALIDATION: &[Row] = &[
    (
        "a stale one is asked about and made fresh",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\nA: 1\nB: 1\n\na", "asked"),
            (
                "GET",
                "304\nCache-Control: max-age=60\nETag: \"x\"\nB: 2",
                "asked; with if-none-match: \"x\"; body a; field a: 1; field b: 2",
            ),
            ("GET", "", "kept; status 200; body a; field a: 1; field b: 2"),
        ],
    ),
    (
        "by its date",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nLast-Modified: {-9000}\n\na", "asked"),
            ("GET", "304\nCache-Control: max-age=60", "asked; with if-modified-since: {-9000}; body a"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "a new one takes its place",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET", "200\nCache-Control: max-age=60\nETag: \"y\"\n\nb", "asked; body b"),
            ("GET", "", "kept; body b; field etag: \"y\""),
        ],
    ),
    (
        "a 304 about something else is no answer",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET", "304\nETag: \"y\"", "twice; status 599"),
        ],
    ),
    (
        "the client's own condition",
        &[
            ("GET", "200\nCache-Control: max-age=60\nETag: \"x\"\nContent-Type: text/plain\n\na", "asked"),
            ("GET\nIf-None-Match: \"w\", \"x\"", "", "kept; status 304; field etag: \"x\"; no content-type"),
            ("GET\nIf-None-Match: \"w\"", "", "kept; status 200; body a"),
        ],
    ),
    (
        "the client's own condition when nothing is kept",
        &[("GET\nIf-None-Match: \"w\"", "304\nETag: \"w\"", "asked; with if-none-match: \"w\"; status 304")],
    ),
    (
        "the client's own condition on what is stale",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET\nIf-None-Match: \"x\"", "304\nETag: \"x\"\nCache-Control: max-age=60", "asked; status 304"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "HEAD of what is kept",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\nabc", "asked"),
            ("HEAD", "", "kept; field content-length: 3"),
        ],
    ),
    (
        "HEAD makes fresh",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nA: 1\n\na", "asked"),
            ("HEAD", "200\nCache-Control: max-age=60\nB: 2", "asked; status 200; field a: 1; field b: 2"),
            ("GET", "", "kept; body a; field b: 2"),
        ],
    ),
    (
        "HEAD of another length makes worthless",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("HEAD", "200\nContent-Length: 9\nETag: \"x\"", "asked"),
            ("GET", "200\n\nb", "asked; without if-none-match; body b"),
        ],
    ),
];

const VARIANTS: &[Row] = &[
    (
        "several of one address",
        &[
            ("GET\nFoo: 1", "200\nCache-Control: max-age=60\nVary: Foo\n\na", "asked"),
            ("GET\nFoo: 2", "200\nCache-Control: max-age=60\nVary: Foo\n\nb", "asked; body b"),
            ("GET\nFoo: 1\nBar: 5", "", "kept; body a"),
            ("GET\nFoo:  2 ", "", "kept; body b"),
            ("GET", "200\nCache-Control: max-age=60\nVary: Foo\n\nc", "asked; body c"),
            ("GET", "", "kept; body c"),
        ],
    ),
    (
        "a tag of another variant is not asked about",
        &[
            ("GET\nFoo: 1", "200\nCache-Control: max-age=60\nVary: Foo\nETag: \"x\"\n\na", "asked"),
            ("GET\nFoo: 2", "200\n\nb", "asked; without if-none-match; body b"),
        ],
    ),
    (
        "a star is never the same",
        &[
            ("GET", "200\nCache-Control: max-age=60\nVary: Foo, *\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "languages in another order",
        &[
            (
                "GET\nAccept-Language: en, de",
                "200\nCache-Control: max-age=60\nVary: Accept-Language\n\na",
                "asked",
            ),
            ("GET\nAccept-Language: de,EN", "", "kept; body a"),
        ],
    ),
];

const REQUESTS: &[Row] = &[
    (
        "no-cache asks, and what comes is kept",
        &[
            ("GET", "200\nCache-Control: max-age=60\nETag: \"x\"\n\na", "asked"),
            ("GET\nCache-Control: no-cache", "304\nETag: \"x\"", "asked; with if-none-match: \"x\"; body a"),
            ("GET\nCache-Control: no-cache", "200\nCache-Control: max-age=60\n\nb", "asked; body b"),
            ("GET", "", "kept; body b"),
        ],
    ),
    (
        "no-store keeps nothing",
        &[
            ("GET\nCache-Control: no-store", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("GET", "200\nCache-Control: max-age=60\n\nb", "asked; body b"),
        ],
    ),
    (
        "max-age, min-fresh and max-stale",
        &[
            ("GET", "200\nCache-Control: max-age=1500\nAge: 1000\n\na", "asked"),
            ("GET\nCache-Control: max-age=2000", "", "kept"),
            ("GET\nCache-Control: max-age=600", "200\nCache-Control: max-age=1500\nAge: 2000\n\nb", "asked"),
            ("GET\nCache-Control: max-stale=1000", "", "kept; body b"),
            ("GET\nCache-Control: max-stale=10", "200\nCache-Control: max-age=1500\n\nc", "asked"),
            ("GET\nCache-Control: min-fresh=2000", "200\n\nd", "asked"),
        ],
    ),
    (
        "only-if-cached",
        &[
            ("GET\nCache-Control: only-if-cached", "", "kept; status 504"),
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("GET\nCache-Control: only-if-cached", "", "kept; status 200; body a"),
        ],
    ),
    (
        "the query is part of the address",
        &[
            ("GET ?a=1", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("GET ?a=2", "200\nCache-Control: max-age=60\n\nb", "asked; body b"),
            ("GET ?a=1", "", "kept; body a"),
        ],
    ),
    (
        "a condition that is the origin's",
        &[
            ("GET", "200\nCache-Control: max-age=60\nETag: \"x\"\n\na", "asked"),
            ("GET\nIf-Match: \"y\"", "412\n\nno", "asked; with if-match: \"y\"; status 412"),
        ],
    ),
];
