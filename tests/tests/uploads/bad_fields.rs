//! Bad input when an upload is made: lengths, metadata, forms, plain bodies.

use tests::form;
use tests::http::Answer;
use tests::tus::{metadata, sha256_hex};

use crate::bad::{Case, LARGEST, Stage, TEXT};

fn create(stage: &Stage, fields: &[(&str, &str)]) -> Answer {
    stage.tus.request("POST", &stage.tus.resource, fields, b"").expect("an answer")
}

fn put(stage: &Stage, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let fields = [&[("Tus-Resumable", "")], fields].concat();
    stage.tus.request("PUT", target, &fields, body).expect("an answer")
}

/// A form as browsers send it.
pub(crate) fn form(stage: &Stage, parts: &[form::Part<'_>]) -> Answer {
    form_body(stage, &form::body(parts))
}

fn form_body(stage: &Stage, body: &[u8]) -> Answer {
    let kind = form::kind();
    let fields = [("Tus-Resumable", ""), ("Content-Type", kind.as_str())];
    stage.tus.request("POST", "/tracks/", &fields, body).expect("an answer")
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a negative length",
        run: |stage| create(stage, &[("Upload-Length", "-1")]),
        status: 400,
        words: &["upload-length"],
    },
    Case {
        name: "a length that is no 64-bit number",
        run: |stage| create(stage, &[("Upload-Length", "99999999999999999999999")]),
        status: 400,
        words: &["upload-length"],
    },
    Case {
        name: "a huge length",
        run: |stage| create(stage, &[("Upload-Length", "9000000000000000000")]),
        status: 413,
        words: &["files of at most 4 mib"],
    },
    Case {
        name: "a byte more than is allowed",
        run: |stage| create(stage, &[("Upload-Length", &(LARGEST + 1).to_string())]),
        status: 413,
        words: &["files of at most 4 mib"],
    },
    Case { name: "no length", run: |stage| create(stage, &[]), status: 400, words: &["upload-length"] },
    Case {
        name: "a length that is put off in another way",
        run: |stage| create(stage, &[("Upload-Defer-Length", "2")]),
        status: 400,
        words: &["upload-defer-length"],
    },
    Case {
        name: "a length that is told and put off",
        run: |stage| create(stage, &[("Upload-Defer-Length", "1"), ("Upload-Length", "5")]),
        status: 400,
        words: &["upload-defer-length"],
    },
    Case {
        name: "an empty file",
        run: |stage| create(stage, &[("Upload-Length", "0")]),
        status: 400,
        words: &["empty"],
    },
    Case {
        name: "metadata that is not base64",
        run: |stage| create(stage, &[("Upload-Length", "500"), ("Upload-Metadata", "filename b*d")]),
        status: 400,
        words: &["upload-metadata"],
    },
    Case {
        name: "metadata with one name twice",
        run: |stage| create(stage, &[("Upload-Length", "500"), ("Upload-Metadata", "title YQ==,title YQ==")]),
        status: 400,
        words: &["upload-metadata"],
    },
    Case {
        name: "metadata without end",
        run: |stage| {
            let long = metadata(&[("title", &"x".repeat(6_000))]);
            create(stage, &[("Upload-Length", "500"), ("Upload-Metadata", &long)])
        },
        status: 400,
        words: &["upload-metadata"],
    },
    Case {
        name: "a promised hash that is none",
        run: |stage| {
            let names = metadata(&[("sha256", "not a hash")]);
            create(stage, &[("Upload-Length", "500"), ("Upload-Metadata", &names)])
        },
        status: 400,
        words: &["sha256"],
    },
    Case {
        name: "no sign-in",
        run: |stage| create(stage, &[("Upload-Length", "500"), ("Authorization", "")]),
        status: 401,
        words: &[],
    },
    Case {
        name: "a plain upload without sign-in",
        run: |stage| put(stage, "/uploads?filename=a.wav", &[("Authorization", "")], &stage.wav),
        status: 401,
        words: &[],
    },
    Case {
        name: "an empty plain upload",
        run: |stage| put(stage, "/uploads?filename=a.wav", &[], b""),
        status: 400,
        words: &["empty"],
    },
    Case {
        name: "a plain text named .mp3",
        run: |stage| put(stage, "/uploads?filename=song.mp3", &[], &TEXT.repeat(500)),
        status: 415,
        words: &["audio"],
    },
    Case {
        name: "a plain upload that is too large",
        run: |stage| put(stage, "/uploads?filename=a.wav", &[], &tests::sound::wav(3, LARGEST + 1)),
        status: 413,
        words: &["files of at most 4 mib"],
    },
    Case {
        name: "a plain upload of other bytes than its digest",
        run: |stage| {
            let digest = tests::tus::checksum("sha256", b"other bytes").replace("sha256 ", "");
            let field = format!("sha-256=:{digest}:");
            put(stage, "/uploads?filename=a.wav", &[("Content-Digest", &field)], &stage.wav)
        },
        status: 400,
        words: &["checksum_mismatch", "none of them were kept"],
    },
    Case {
        name: "an upload whose promised hash is that of other bytes",
        run: |stage| {
            let names = metadata(&[("filename", "a.wav"), ("sha256", &sha256_hex(b"other bytes"))]);
            let length = stage.wav.len() as u64;
            let made = stage.tus.create(Some(length), &names, &[]).expect("an answer");
            let at = tests::tus::location(&made).expect("a Location");
            stage.tus.patch(&at, 0, &stage.wav, &[]).expect("an answer")
        },
        status: 460,
        words: &["the bytes hash to"],
    },
    Case {
        name: "a form without a file",
        run: |stage| form(stage, &[("title", None, b"Nothing")]),
        status: 422,
        words: &["\"detail\"", "no file"],
    },
    Case {
        name: "a form with a text named .mp3",
        run: |stage| form(stage, &[("title", None, b"A letter"), ("file", Some("a.mp3"), &TEXT.repeat(500))]),
        status: 400,
        words: &["\"detail\"", "no audio"],
    },
    Case {
        name: "a form with an empty file",
        run: |stage| form(stage, &[("file", Some("a.mp3"), b""), ("title", None, b"Nothing")]),
        status: 400,
        words: &["\"detail\"", "nothing in this file"],
    },
    Case {
        name: "a form that breaks off",
        run: |stage| {
            form_body(
                stage,
                format!("--{}\r\nContent-Disposition: form-data; name=\"title\"\r\n", form::BOUNDARY)
                    .as_bytes(),
            )
        },
        status: 400,
        words: &["\"detail\""],
    },
];
