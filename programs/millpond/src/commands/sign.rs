//! `millpond sign`: an address of a rendition, signed with the key of the installation.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use budget::limits::RENDITION_LINK_MS;
use cdn::Signer;
use clap::{Arg, ArgMatches, Command};
use store::DataFolder;

use super::with_keys;
use crate::error::{Error, Result};
use crate::logging;
use crate::output::say;
use crate::settings::keys::Scope;
use crate::settings::{Loaded, Settings, value};

pub(super) fn command() -> Command {
    let url = Arg::new("url").value_name("URL").required(true);
    let expires = Arg::new("expires").long("expires").value_name("MS");
    with_keys(Command::new("sign"), Scope::Everywhere)
        .about("Sign the address of a rendition, so that anybody may see it and have it made")
        .after_help(
            "Examples:\n  millpond sign \"/clips/a.mp4?width=700\"\n  \
             millpond sign \"https://example.org/clips/a.mp4?width=700&time=5s\" --expires 1h",
        )
        .arg(url.help("The address, with its host or without; whatever is changed in it later makes the signature worthless"))
        .arg(expires.help("How long it is valid: a number with ms, s, min or h [default: 24h]"))
}

pub(super) fn run(given: &ArgMatches, loaded: &Loaded) -> Result<ExitCode> {
    logging::start(&loaded.quiet_log());
    let url = given.get_one::<String>("url").map_or("", String::as_str);
    let expires = given.get_one::<String>("expires").map(String::as_str);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    say(signed(url, expires, &loaded.settings, now_ms)?);
    Ok(ExitCode::SUCCESS)
}

/// The address with its signature.
pub(super) fn signed(url: &str, expires: Option<&str>, settings: &Settings, now_ms: u64) -> Result<String> {
    let lifetime_ms = match expires {
        None => RENDITION_LINK_MS,
        Some(text) => value::millis(text).filter(|ms| cdn::is_lifetime(*ms)).ok_or_else(|| {
            Error::usage(format!("--expires is wrong: {text:?}"))
                .hint("a time up to 8808h, as in 1h or 30min")
        })?,
    };
    let (before, target) = taken_apart(url, settings.server.base_url.prefix())?;
    settings.cdn.signable(target).map_err(|e| Error::usage(e.to_string()).hint(e.hint()))?;
    let signer = Signer::new(&secret(&settings.data)?);
    Ok(format!("{before}{}", signer.sign(target, now_ms.saturating_add(lifetime_ms))))
}

/// What stands before the path that the server sees, and that path with its query. The prefix of `server.base_url` is no part
/// of it.
fn taken_apart<'a>(url: &'a str, prefix: &str) -> Result<(&'a str, &'a str)> {
    let wrong = |why: &str| {
        Error::usage(format!("{url:?} is no address of a rendition: {why}"))
            .hint("an address is like /clips/a.mp4?width=700 or https://example.org/clips/a.mp4?width=700")
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
        return Err(wrong("characters other than ASCII, spaces and # are written in per cent: %20"));
    }
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme));
    let path_at = match scheme {
        None => 0,
        Some(scheme) => {
            let path = url[scheme.len()..].find('/').ok_or_else(|| wrong("it has no path"))?;
            scheme.len() + path
        }
    };
    if !url[path_at..].starts_with('/') {
        return Err(wrong("it begins with a slash, or with http:// or https://"));
    }
    let own = url[path_at..].strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    let own_at = own.map_or(path_at, |own| url.len() - own.len());
    Ok(url.split_at(own_at))
}

fn secret(data: &Path) -> Result<store::Secret> {
    if !DataFolder::is_there(data) {
        return Err(Error::failed(format!("there is no installation in the data folder {}", data.display()))
            .hint("`--data DIR` names another; only the key of the server that will be asked counts"));
    }
    let folder = DataFolder::share(data).map_err(|e| Error::failed(e.to_string()))?;
    Ok(folder.secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_where_the_path_begins_that_the_server_sees() {
        for (url, prefix, expected) in [
            ("/clips/a.mp4?width=7", "", Some(("", "/clips/a.mp4?width=7"))),
            ("https://a.example/clips/a.mp4", "", Some(("https://a.example", "/clips/a.mp4"))),
            ("https://a.example/m/clips/a.mp4", "/m", Some(("https://a.example/m", "/clips/a.mp4"))),
            ("/m/clips/a.mp4", "/m", Some(("/m", "/clips/a.mp4"))),
            ("/movies/a.mp4", "/m", Some(("", "/movies/a.mp4"))),
            ("https://a.example", "", None),
            ("clips/a.mp4", "", None),
            ("ftp://a.example/a.mp4", "", None),
            ("/clips/a b.mp4", "", None),
            ("/clips/ä.mp4", "", None),
            ("/clips/a.mp4#t=5", "", None),
            ("", "", None),
        ] {
            assert_eq!(taken_apart(url, prefix).ok(), expected, "{url} {prefix}");
        }
    }

    #[test]
    fn what_is_signed_counts_for_the_server_of_that_data_folder_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let given = |data: &Path| {
            let flags = vec![("data", vec![data.display().to_string()])];
            crate::settings::load(&crate::settings::Given { flags, variables: Vec::new() }).unwrap().settings
        };
        let settings = given(&data);
        let absent = signed("/clips/a.mp4?width=700", None, &settings, 1_000).unwrap_err();
        assert!(absent.what.contains("there is no installation"), "{absent}");
        // A server was here once.
        let key = DataFolder::serve(&data).unwrap().secret();
        std::fs::write(DataFolder::share(&data).unwrap().database(), "").unwrap();
        let url = signed("https://a.example/clips/a.mp4?width=700", Some("1h"), &settings, 1_000).unwrap();
        let (path, query) = url.strip_prefix("https://a.example").unwrap().split_once('?').unwrap();
        let signer = Signer::new(&key);
        let said = cdn::Signed { until_ms: 3_601_000, by: None };
        assert_eq!(signer.check(path, query, 1_000), Ok(said));
        assert!(signer.check(path, query, 3_601_000).is_err());
        for (url, expires, expected) in [
            ("/clips/a.mp4?width=9", None, "`width` must be a whole number"),
            ("/clips/a.mp4", None, "the address is of no rendition"),
            ("/media/tr-1/video.avi", None, "the address is of no rendition"),
            ("/clips/a.mp4?width=700", Some("0"), "--expires is wrong"),
            ("/clips/a.mp4?width=700", Some("9000h"), "--expires is wrong"),
            ("/clips/a.mp4?width=700", Some("soon"), "--expires is wrong"),
            ("a.mp4?width=700", None, "is no address of a rendition"),
        ] {
            let error = signed(url, expires, &settings, 1_000).unwrap_err();
            assert!(error.what.contains(expected), "{url}: {error}");
            assert_eq!(error.exit_code(), 2, "{url}");
        }
    }
}
