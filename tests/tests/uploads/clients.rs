//! Clients that nobody here wrote upload files, each in its own ways, and the bytes come out as they went in.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tests::tus::{UPLOADS, sha256_hex};
use tests::{Options, Server, Tus, clients, eventually, sound};

use crate::ground::spool;
use crate::sender::tracks;

const WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    /// `tus-js-client`.
    TusJs,
    /// `@uppy/tus`.
    Uppy,
    /// `tuspy`.
    Tuspy,
    /// `curl` with a plain PUT.
    CurlPut,
    /// `curl` with a form, its file before the other fields.
    CurlForm,
}

struct Case {
    client: Client,
    way: &'static str,
}

fn script(program: &str, script: PathBuf, arguments: &[&str]) -> Output {
    let script = script.to_str().expect("a path in UTF-8").to_owned();
    let arguments = [&[script.as_str()], arguments].concat();
    clients::run(program, &arguments, WITHIN)
}

fn run(server: &Server, case: &Case, file: &Path, title: &str) -> Output {
    let endpoint = format!("http://{}{UPLOADS}", server.address);
    let bearer = server.mira.bearer();
    let file = file.to_str().expect("a path in UTF-8");
    match case.client {
        Client::TusJs => {
            script("node", clients::node_script("tus.mjs"), &[case.way, &endpoint, &bearer, file, title])
        }
        Client::Uppy => script("node", clients::node_script("uppy.mjs"), &[&endpoint, &bearer, file, title]),
        Client::Tuspy => {
            let python = clients::tuspy_python();
            let python = python.to_str().expect("a path in UTF-8");
            script(python, clients::script("tuspy.py"), &[case.way, &endpoint, &bearer, file, title])
        }
        Client::CurlPut => {
            let authorization = format!("Authorization: {bearer}");
            let target = format!("{endpoint}?filename={}.wav", tests::http::escaped(title));
            let arguments = ["-sS", "--fail-with-body", "-H", &authorization, "-T", file, &target];
            clients::run("curl", &arguments, WITHIN)
        }
        Client::CurlForm => {
            let authorization = format!("Authorization: {bearer}");
            let target = format!("http://{}/tracks/", server.address);
            let (part, title) = (format!("file=@{file};type=audio/wav"), format!("title={title}"));
            let arguments = [
                "-sS",
                "--fail-with-body",
                "-H",
                &authorization,
                "-F",
                &part,
                "-F",
                &title,
                "-F",
                "tags=[\"one\",\"two\"]",
                &target,
            ];
            clients::run("curl", &arguments, WITHIN)
        }
    }
}

fn check(case: &Case) {
    let what = format!("{:?} {}", case.client, case.way).trim_end().to_owned();
    let server = Server::start(&Options::default().config("[store]\nfree_bytes_min = \"16MiB\"\n"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("noise.wav");
    let bytes = sound::wav(sha256_hex(what.as_bytes()).bytes().map(u64::from).sum(), 3_300_001);
    std::fs::write(&file, &bytes).expect("a file");
    let title = format!("By {what}");
    let output = run(&server, case, &file, &title);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {said}");
    if case.client == Client::CurlForm {
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let right = answer["upload_id"].is_string() && answer["status"] == "pending";
        assert!(right && answer["message"].is_string(), "{what}: {answer}");
    }
    let expected = usize::from(case.way != "terminate");
    // A form is answered before the track is there.
    eventually(&format!("{what}: {expected} track"), Duration::from_secs(10), || {
        tracks(&server, &server.mira, &title) == expected
    });
    if expected == 1 {
        let stored = Tus::of(&server, &server.mira).audio(&sha256_hex(&bytes)).expect("an answer");
        assert!(stored.status == 200 && stored.body == bytes, "{what}: {}", stored.head());
    }
    eventually(&format!("{what}: nothing is left in the spool"), Duration::from_secs(5), || {
        spool(&server.data).is_empty()
    });
}

#[test]
fn tus_js_client_uploads_in_every_way() {
    for way in ["plain", "chunks", "creation", "parallel", "deferred", "resume", "terminate"] {
        check(&Case { client: Client::TusJs, way });
    }
}

#[test]
fn uppy_uploads() {
    check(&Case { client: Client::Uppy, way: "" });
}

#[test]
fn tuspy_uploads_with_and_without_checksums_and_goes_on() {
    for way in ["plain", "checksum", "resume"] {
        check(&Case { client: Client::Tuspy, way });
    }
}

#[test]
fn curl_uploads_by_put_and_by_a_form() {
    for client in [Client::CurlPut, Client::CurlForm] {
        check(&Case { client, way: "" });
    }
}
