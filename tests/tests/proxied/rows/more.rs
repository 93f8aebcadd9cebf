//! The conversations about changes, parts, failures and fields.

use super::Row;

pub(super) const CHANGES: &[Row] = &[
    (
        "POST makes worthless",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("POST", "200\n\nok", "asked; body ok"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "a method that nobody knows too",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("M-SEARCH", "200\n\nok", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "one that failed does not",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("PUT", "500\n\nno", "asked; status 500"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "OPTIONS does not",
        &[
            ("GET", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("OPTIONS", "204\nAllow: GET", "asked; status 204; field allow: GET"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "where the answer leads is worthless too",
        &[
            ("GET one", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("GET two", "200\nCache-Control: max-age=60\n\nb", "asked"),
            ("GET three", "200\nCache-Control: max-age=60\n\nc", "asked"),
            ("POST any", "201\nLocation: one\nContent-Location: ./two\n\nok", "asked"),
            ("GET one", "200\n\nd", "asked; body d"),
            ("GET two", "200\n\ne", "asked; body e"),
            ("GET three", "", "kept; body c"),
        ],
    ),
    (
        "the answer to POST is what a GET would get, if it says that it is",
        &[
            ("POST", "200\nCache-Control: max-age=60\nContent-Location: ./\n\nmade", "asked; body made"),
            ("GET", "", "kept; body made"),
            ("POST", "200\nCache-Control: max-age=60\n\nok", "asked; body ok"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "but not of another place, nor when it does not say for how long",
        &[
            ("POST", "200\nCache-Control: max-age=60\nContent-Location: other\n\nmade", "asked"),
            ("GET", "200\n\na", "asked; body a"),
            ("POST", "200\nLast-Modified: {-100000}\nContent-Location: ./\n\nmade", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "but not on another server",
        &[
            ("GET one", "200\nCache-Control: max-age=60\n\na", "asked"),
            ("POST any", "201\nLocation: http://other.example/rows/one\n\nok", "asked"),
            ("GET one", "", "kept; body a"),
        ],
    ),
];

pub(super) const PARTS: &[Row] = &[
    (
        "parts of what is kept whole",
        &[
            ("GET", "200\nCache-Control: max-age=60\nETag: \"x\"\n\n0123456789", "asked"),
            ("GET\nRange: bytes=2-4", "", "kept; status 206; body 234; field content-range: bytes 2-4/10"),
            ("GET\nRange: bytes=8-", "", "kept; status 206; body 89"),
            ("GET\nRange: bytes=-1", "", "kept; status 206; body 9"),
            ("GET\nRange: bytes=20-", "", "kept; status 416; field content-range: bytes */10"),
            ("GET\nRange: bytes=0-1\nIf-Range: \"x\"", "", "kept; status 206; body 01"),
            ("GET\nRange: bytes=0-1\nIf-Range: \"y\"", "", "kept; status 200; body 0123456789"),
        ],
    ),
    (
        "a part is passed on and not taken for the whole",
        &[
            (
                "GET\nRange: bytes=0-1",
                "206\nCache-Control: max-age=60\nContent-Range: bytes 0-1/10\n\n01",
                "asked; with range: bytes=0-1; status 206; body 01",
            ),
            ("GET", "200\n\n0123456789", "asked; without range; body 0123456789"),
        ],
    ),
    (
        "a part is kept for those who ask for no more",
        &[
            (
                "GET\nRange: bytes=2-5",
                "206\nCache-Control: max-age=60\nETag: \"x\"\nContent-Range: bytes 2-5/10\n\n2345",
                "asked; status 206; body 2345; field content-range: bytes 2-5/10",
            ),
            ("GET\nRange: bytes=3-4", "", "kept; status 206; body 34; field content-range: bytes 3-4/10"),
            ("GET\nRange: bytes=5-6", "206\nContent-Range: bytes 5-6/10\n\n56", "asked; body 56"),
            ("HEAD", "200\nContent-Length: 10", "asked; status 200"),
            ("GET", "200\nCache-Control: max-age=60\n\n0123456789", "asked; without range; body 0123456789"),
            ("GET\nRange: bytes=5-6", "", "kept; status 206; body 56"),
        ],
    ),
    (
        "a part is found to be right still",
        &[
            (
                "GET\nRange: bytes=-4",
                "206\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\nContent-Range: bytes 6-9/10\n\n6789",
                "asked",
            ),
            (
                "GET\nRange: bytes=-1",
                "304\nCache-Control: max-age=60\nETag: \"x\"",
                "asked; with if-none-match: \"x\"; without range; status 206; body 9",
            ),
            ("GET\nRange: bytes=8-", "", "kept; status 206; body 89"),
        ],
    ),
    (
        "a part that is all of it is the whole",
        &[
            (
                "GET\nRange: bytes=0-",
                "206\nCache-Control: max-age=60\nContent-Range: bytes 0-2/3\n\nabc",
                "asked; status 206; body abc",
            ),
            ("GET", "", "kept; status 200; body abc; no content-range"),
        ],
    ),
    (
        "a part of nobody knows what is not kept",
        &[
            (
                "GET\nRange: bytes=0-1",
                "206\nCache-Control: max-age=60\nContent-Range: bytes 0-1/*\n\nab",
                "asked",
            ),
            (
                "GET\nRange: bytes=0-1",
                "206\nCache-Control: max-age=60\nContent-Range: bytes 0-1/1\n\nab",
                "asked",
            ),
            (
                "GET\nRange: bytes=0-1",
                "206\nCache-Control: max-age=60\nContent-Range: bytes 0-1/9\n\nabc",
                "asked",
            ),
            ("GET\nRange: bytes=0-1", "206\n\nab", "asked; body ab"),
        ],
    ),
    (
        "what broke off is not kept",
        &[
            ("GET", "cut 200\nCache-Control: max-age=60\n\nabc", "asked; cut"),
            ("GET", "untold cut 200\nCache-Control: max-age=60\n\nabc", "asked; cut"),
            ("GET", "200\n\nwhole", "asked; body whole"),
        ],
    ),
];

pub(super) const STALE: &[Row] = &[
    (
        "given while it is asked for anew",
        &[
            (
                "GET",
                "200\nCache-Control: max-age=10, stale-while-revalidate=60\nAge: 20\nETag: \"x\"\n\na",
                "asked",
            ),
            ("GET", "304\nETag: \"x\"\nCache-Control: max-age=60", "refreshed; body a"),
        ],
    ),
    (
        "given when the origin fails, because it says so",
        &[
            ("GET", "200\nCache-Control: max-age=10, stale-if-error=60\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET", "503\n\nno", "asked; status 200; body a"),
        ],
    ),
    (
        "the failure otherwise",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET", "503\n\nno", "asked; status 503; body no"),
        ],
    ),
    (
        "given when the origin is away",
        &[
            ("GET", "200\nCache-Control: max-age=10\nAge: 20\n\na", "asked"),
            ("GET", "gone", "status 200; body a"),
        ],
    ),
    (
        "but not what must be asked about",
        &[
            ("GET", "200\nCache-Control: max-age=10, must-revalidate\nAge: 20\nETag: \"x\"\n\na", "asked"),
            ("GET", "gone", "status 504"),
        ],
    ),
];

pub(super) const FIELDS: &[Row] = &[
    (
        "fields for the next neighbour go no further",
        &[
            (
                "GET\nConnection: x-mine\nX-Mine: 1\nX-Theirs: 2\nTE: trailers",
                "200\nConnection: a\nA: 1\nB: 2\nKeep-Alive: 5\nSet-Cookie: c=1\nSet-Cookie: d=2\nCache-Control: max-age=60\n\na",
                "asked; without x-mine; with x-theirs: 2; without te; with via: 1.1 millpond; with x-forwarded-for: 127.0.0.1; no a; field b: 2; no keep-alive",
            ),
            ("GET", "", "kept; no a; field b: 2; field set-cookie: c=1"),
        ],
    ),
    (
        "nothing is added to a page",
        &[(
            "GET",
            "200\nContent-Type: text/html\nCache-Control: max-age=60\n\n<p>",
            "asked; no content-security-policy; no vary; no content-encoding; field content-type: text/html",
        )],
    ),
    (
        "what goes in a circle is stopped",
        &[("GET\nVia: 1.1 millpond, 1.1 millpond, 1.1 millpond, 1.1 millpond", "", "kept; status 508")],
    ),
];

pub(super) const TARGETED: &[Row] = &[
    (
        "a field for such caches counts more",
        &[
            (
                "GET",
                "200\nCDN-Cache-Control: max-age=60\nCache-Control: no-store\n\na",
                "asked; field cdn-cache-control: max-age=60",
            ),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "also where it says less",
        &[
            ("GET", "200\nCDN-Cache-Control: no-store\nCache-Control: max-age=60\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
    (
        "but not where it is not well formed",
        &[
            ("GET", "200\nCDN-Cache-Control: max-age=60, &&\nCache-Control: no-store\n\na", "asked"),
            ("GET", "200\n\nb", "asked; body b"),
        ],
    ),
];
