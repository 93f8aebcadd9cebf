//! `cargo x prove caching`: what the suite behind cache-tests.fyi says of a server that passes everything on.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{Error, ErrorKind, Result, files, install, run, stages};

/// The suite, at the version that npm has. Its repository is ahead of it.
const SUITE: &str = "http-cache-tests@0.4.5";
const SCRIPT: &str = include_str!("caching.mjs");
/// Names of required tests, or what they begin with, that ask for something else than the standard, and why we do what it
/// says. The suite's own repository has taken all of them back.
const OVERRULED: &[(&str, &str)] = &[
    (
        "age-parse-",
        "RFC 9111 section 5.1: of a list the first counts, and what is no number is as if it was not there",
    ),
    (
        "stale-close-",
        "the 504 in place of a stale answer has no field of the origin, which counts as kept here",
    ),
    ("304-etag-update-response-Content-MD5", "RFC 9111 section 3.2 takes this field over as any other"),
];

/// A program that ends with the proof.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One test: its kind, how it went, its name, and what was wrong.
struct Line<'a> {
    kind: &'a str,
    how: &'a str,
    name: &'a str,
    why: &'a str,
}

/// Runs the suite and prints what came of it.
///
/// # Errors
/// [`ErrorKind::Failed`] when a required test fails that the standard does not overrule, or something does not start.
pub(super) fn prove(_: u64) -> Result<()> {
    let tools = install::node_environment("caching", &[SUITE])?;
    let suite = tools.join("node_modules/http-cache-tests");
    let server = stages::server(&files::workspace())?;
    let folder = tempfile::tempdir().map_err(|e| Error::because(ErrorKind::Failed, "a folder", e))?;
    let (_origin, port) = origin(&suite, folder.path())?;
    let (_server, base) = before(&server, port, folder.path())?;
    let script = tools.join("caching.mjs");
    files::write(&script, SCRIPT)?;
    println!("{SUITE}, about half a minute");
    let mut node = Command::new("node");
    let said = run::quiet(node.arg("--no-warnings").arg(script).arg(&suite).arg(base))?;
    judge(&said)
}

/// The suite's own server.
fn origin(suite: &Path, folder: &Path) -> Result<(Running, u16)> {
    let failed = |e| Error::because(ErrorKind::Failed, "the server of the suite", e);
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    drop(listener);
    let mut node = Command::new("node");
    node.current_dir(suite).arg("server/server.mjs").stdin(Stdio::null()).stdout(Stdio::piped());
    node.env("npm_config_protocol", "http").env("npm_config_port", port.to_string());
    node.env("npm_config_pidfile", folder.join("pid"));
    let running = started(&mut node, "Listening on ")?;
    Ok((running.0, port))
}

/// Millpond before it.
fn before(server: &Path, port: u16, folder: &Path) -> Result<(Running, String)> {
    let origin = |name: &str| {
        format!(
            "[[cdn.origin]]\nname = \"{name}\"\npath = \"/{name}/\"\nurl = \"http://127.0.0.1:{port}/{name}/\"\n\
             public = true\nproxy = true\nprivate = [\"127.0.0.0/8\"]\n"
        )
    };
    let config = folder.join("millpond.toml");
    files::write(&config, ["test", "config", "state"].map(origin).concat())?;
    let mut serve = Command::new(server);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--config"]).arg(config);
    serve.arg("--data").arg(folder.join("data")).stdin(Stdio::null()).stdout(Stdio::piped());
    started(&mut serve, "listening on ")
}

/// A program that says where it listens, and what it says.
fn started(command: &mut Command, says: &str) -> Result<(Running, String)> {
    let line = run::line(command);
    let failed = |e| Error::because(ErrorKind::Failed, line.clone(), e);
    let mut running = Running(command.spawn().map_err(failed)?);
    let output = running.0.stdout.take().map(BufReader::new);
    let mut lines = output.into_iter().flat_map(BufReader::lines).map_while(std::result::Result::ok);
    let place = lines.find_map(|line| Some(line.split_once(says)?.1.to_owned()));
    // What it says later is nobody's, and must not stop it.
    std::thread::spawn(move || lines.for_each(drop));
    let place = place.ok_or_else(|| Error::new(ErrorKind::Failed, format!("`{line}` ended")))?;
    Ok((running, place))
}

/// Prints the counts and the failed required tests.
fn judge(said: &str) -> Result<()> {
    let lines: Vec<Line<'_>> = said.lines().filter_map(read).collect();
    println!("{:10}{:>8}{:>8}{:>8}", "kind", "passed", "failed", "untold");
    for kind in ["required", "optimal", "check"] {
        let count = |how| lines.iter().filter(|line| (line.kind, line.how) == (kind, how)).count();
        println!("{kind:10}{:>8}{:>8}{:>8}", count("passed"), count("failed"), count("untold"));
    }
    let mut wrong = Vec::new();
    for Line { kind, name, why, .. } in
        lines.iter().filter(|line| line.how == "failed" && line.kind != "check")
    {
        let overruled = OVERRULED.iter().find(|(begins, _)| *kind == "required" && name.starts_with(begins));
        println!("{kind}: {name}: {}", overruled.map_or(*why, |(_, reason)| reason));
        if *kind == "required" && overruled.is_none() {
            wrong.push(*name);
        }
    }
    if lines.is_empty() || !wrong.is_empty() {
        let what = if wrong.is_empty() { "the suite said nothing".to_owned() } else { wrong.join(", ") };
        return Err(Error::new(ErrorKind::Failed, format!("required of a cache: {what}")));
    }
    Ok(())
}

fn read(line: &str) -> Option<Line<'_>> {
    let mut words = line.splitn(4, '\t');
    Some(Line { kind: words.next()?, how: words.next()?, name: words.next()?, why: words.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_test_that_fails_is_a_failure_unless_the_standard_says_otherwise() {
        let passed = "required\tpassed\ta\t";
        let cases = [
            (passed.to_owned(), true),
            (format!("{passed}\nrequired\tfailed\tb\twrong"), false),
            (format!("{passed}\nrequired\tfailed\tage-parse-float\twrong"), true),
            (format!("{passed}\noptimal\tfailed\tb\twrong\ncheck\tfailed\tc\twrong"), true),
            (String::new(), false),
        ];
        for (said, is_fine) in cases {
            assert_eq!(judge(&said).is_ok(), is_fine, "{said}");
        }
    }
}
