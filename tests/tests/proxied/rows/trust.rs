//! The conversations about what is whose: cookies, paths, and fields of a query that are named like ours.

use super::super::Row;

pub(crate) const TRUST: &[Row] = &[
    (
        "what gives a cookie is not kept by guess",
        &[
            ("GET", "200\nLast-Modified: {-100000}\nSet-Cookie: id=1\n\na", "asked; field set-cookie: id=1"),
            ("GET", "200\nETag: \"x\"\nSet-Cookie: id=2\n\nb", "asked; body b; without if-modified-since"),
            ("GET", "200\n\nc", "asked; body c; without if-none-match; no set-cookie"),
        ],
    ),
    (
        "nor what came for one",
        &[
            ("GET\nCookie: id=1", "200\nLast-Modified: {-100000}\n\nhis", "asked; body his"),
            ("GET", "200\nLast-Modified: {-100000}\n\na", "asked; body a"),
            ("GET", "", "kept; body a"),
        ],
    ),
    (
        "a cookie that comes with a 304 is his who asked",
        &[
            ("GET", "200\nETag: \"x\"\n\na", "asked"),
            ("GET", "304\nETag: \"x\"\nSet-Cookie: id=1", "asked; body a; field set-cookie: id=1"),
            ("GET", "304\nETag: \"x\"", "asked; body a; no set-cookie"),
        ],
    ),
    (
        "unless the origin says how long",
        &[("GET\nCookie: id=1", "200\nCache-Control: max-age=60\n\na", "asked"), ("GET", "", "kept; body a")],
    ),
    (
        "paths that lead out of the origin in any spelling",
        &[
            ("GET ..%2fb", "", "kept; status 404"),
            ("GET x/%2e%2e%5Cb", "", "kept; status 404"),
            ("GET ..;/b", "", "kept; status 404"),
            ("PUT x%2F..%2f..%2f..%2fb", "", "kept; status 404"),
            ("GET a%2fb..c", "200\n\na", "asked; body a"),
        ],
    ),
    (
        "fields named like options are the origin's where nothing is read",
        &[
            ("POST ?width=5&a=1&signature=x", "200\n\na", "asked; body a"),
            ("DELETE ?mode=all", "200\n\na", "asked; body a"),
        ],
    ),
    (
        "signatures of the origin's own go to it",
        &[
            ("GET ?expires=1767225600&signature=abc", "200\nCache-Control: max-age=60\n\na", "asked; body a"),
            ("GET ?expires=1767225600&signature=abc", "", "kept; body a"),
            ("GET ?expires=1767225600&signature=abd", "403\n\nno", "asked; status 403; body no"),
        ],
    ),
    ("a query goes on as it was sent", &[("GET ?a&&b=%20&", "200\n\na", "asked; body a")]),
    (
        "a part by a date of the very second is no part",
        &[
            (
                "GET young",
                "200\nCache-Control: max-age=60\nLast-Modified: {-5}\nDate: {-5}\n\n0123456789",
                "asked",
            ),
            ("GET young\nRange: bytes=0-1\nIf-Range: {-5}", "", "kept; status 200; body 0123456789"),
            (
                "GET old",
                "200\nCache-Control: max-age=60\nLast-Modified: {-9}\nDate: {-5}\n\n0123456789",
                "asked",
            ),
            ("GET old\nRange: bytes=0-1\nIf-Range: {-9}", "", "kept; status 206; body 01"),
        ],
    ),
    (
        "a page of another host may ask for a rendition",
        &[
            (
                "OPTIONS ?width=320&a=1\nOrigin: https://page.example\nAccess-Control-Request-Method: GET",
                "",
                "kept; status 204; field access-control-allow-origin: *",
            ),
            (
                "OPTIONS ?a=1\nOrigin: https://page.example\nAccess-Control-Request-Method: GET",
                "204\nA: 1",
                "asked; field a: 1; no access-control-allow-origin",
            ),
            (
                "OPTIONS ?width=320\nOrigin: https://page.example\nAccess-Control-Request-Method: PUT",
                "204\nA: 1",
                "asked; field a: 1",
            ),
        ],
    ),
];
