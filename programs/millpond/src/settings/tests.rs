use std::path::PathBuf;

use super::keys::{KEYS, Kind};
use super::*;

/// Loads with a file of that text, variables and flags; HOME is a folder that holds nothing.
fn loaded(
    file: Option<&str>,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &[&str])],
) -> crate::error::Result<Loaded> {
    let folder = tempfile::tempdir().unwrap();
    let mut given = Given {
        flags: flags
            .iter()
            .map(|(name, texts)| (*name, texts.iter().map(|&t| t.to_owned()).collect()))
            .collect(),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    given.variables.push(("HOME".to_owned(), "/nowhere".to_owned()));
    if let Some(text) = file {
        let path = folder.path().join("millpond.toml");
        std::fs::write(&path, text).unwrap();
        given.flags.push(("config", vec![path.display().to_string()]));
    }
    load(&given)
}

fn said(file: Option<&str>, variables: &[(&str, &str)], flags: &[(&'static str, &[&str])]) -> String {
    loaded(file, variables, flags).expect_err("the settings are wrong").to_string()
}

/// A value of the kind, as a text and as TOML, that passes the key's check.
fn sample(key: &keys::Key) -> (String, String) {
    let text = key.example.to_owned();
    let toml = match key.kind {
        Kind::Count | Kind::Switch => text.clone(),
        Kind::Counts => format!("[{text}]"),
        Kind::List | Kind::Paths => format!("[{text:?}]"),
        _ => format!("{text:?}"),
    };
    (text, toml)
}

#[test]
fn every_key_is_a_flag_a_variable_and_a_key_of_the_file_under_one_name() {
    let extra = |name: &str| match name {
        // A certificate alone is refused.
        "server.tls_cert" => vec![("MILLPOND_SERVER_TLS_KEY", "/key.pem")],
        "server.tls_key" => vec![("MILLPOND_SERVER_TLS_CERT", "/cert.pem")],
        "scrobble.lastfm_key" => vec![("MILLPOND_SCROBBLE_LASTFM_SECRET", "secret")],
        "scrobble.lastfm_secret" => vec![("MILLPOND_SCROBBLE_LASTFM_KEY", "key")],
        _ => Vec::new(),
    };
    for key in KEYS.iter().filter(|key| key.name != "config") {
        let (text, toml) = sample(key);
        let (table, last) = key.name.split_once('.').unwrap_or(("", key.name));
        let file =
            if table.is_empty() { format!("{last} = {toml}") } else { format!("[{table}]\n{last} = {toml}") };
        let variable = key.variable();
        assert_eq!(variable, format!("MILLPOND_{}", key.name.replace('.', "_").to_uppercase()));
        assert_eq!(key.flag(), key.name.replace(['.', '_'], "-"));

        let from_file = loaded(Some(&file), &extra(key.name), &[]).unwrap();
        let mut variables = extra(key.name);
        variables.push((&variable, &text));
        let from_variable = loaded(None, &variables, &[]).unwrap();
        let from_flag = loaded(None, &extra(key.name), &[(key.name, &[&text])]).unwrap();
        let value = |loaded: &Loaded| {
            let start = format!("{} = ", key.name);
            let line = loaded.effective.iter().find(|line| line.starts_with(&start)).unwrap();
            line.rsplit_once("  (").unwrap().0.to_owned()
        };
        assert_eq!(value(&from_file), value(&from_variable), "{}", key.name);
        assert_eq!(value(&from_flag), value(&from_variable), "{}", key.name);
    }
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let file = Some("[limits]\nstreams = 3");
    let variable: &[(&str, &str)] = &[("MILLPOND_LIMITS_STREAMS", "2")];
    let flag: &[(&str, &[&str])] = &[("limits.streams", &["1"])];
    let streams = |file, variables, flags| loaded(file, variables, flags).unwrap().settings.limits.streams;
    assert_eq!(streams(file, variable, flag), 1);
    assert_eq!(streams(file, variable, &[]), 2);
    assert_eq!(streams(file, &[], &[]), 3);
    assert_eq!(streams(None, &[], &[]), budget::limits::STREAMS_MAX);
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = loaded(None, &[], &[]).unwrap().settings;
    assert_eq!(settings.listen, ["127.0.0.1:4040".parse().unwrap()]);
    assert_eq!(settings.data, PathBuf::from("/nowhere/.local/share/millpond"));
    assert!(settings.library.is_empty() && settings.memory.limit.is_none() && settings.config.is_none());
    let xdg = loaded(None, &[("XDG_DATA_HOME", "/data")], &[]).unwrap().settings;
    assert_eq!(xdg.data, PathBuf::from("/data/millpond"));
}

#[test]
fn the_start_says_who_named_the_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(".config/millpond/millpond.toml");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(&own, "").unwrap();
    let (path, home) = (own.display().to_string(), folder.path().display().to_string());
    let line = |variables: &[(&str, &str)], flags: &[(&'static str, &[&str])]| {
        // The first HOME is the one that counts.
        let effective = loaded(None, variables, flags).unwrap().effective;
        effective.into_iter().find(|line| line.starts_with("config = "))
    };
    let expected = |from: &str| Some(format!("config = {path:?}  ({from})"));
    assert_eq!(line(&[], &[("config", &[&path])]), expected("flag --config"));
    assert_eq!(line(&[("MILLPOND_CONFIG", &path)], &[]), expected("variable MILLPOND_CONFIG"));
    assert_eq!(line(&[("HOME", &home)], &[]), expected("default"));
    assert_eq!(line(&[], &[]), None);
}

#[test]
fn an_unknown_key_is_an_error_that_suggests_the_right_one() {
    for (file, wrong, right) in [
        ("lisen = \"127.0.0.1:1\"", "lisen", "listen"),
        ("[limits]\nstream = 3", "limits.stream", "limits.streams"),
        ("[sever]\nbase_url = \"http://a\"", "sever.base_url", "server.base_url"),
        ("streams_per_user = 3", "streams_per_user", "limits.streams_per_user"),
    ] {
        let said = said(Some(file), &[], &[]);
        assert!(said.contains(&format!("there is no key `{wrong}`")), "{said}");
        assert!(said.contains(&format!("hint: did you mean `{right}`?")), "{said}");
        assert!(said.contains("millpond.toml"), "{said}");
    }
    let said = said(Some("config = \"other.toml\""), &[], &[]);
    assert!(said.contains("cannot name another"), "{said}");
    let warnings = loaded(None, &[("MILLPOND_LISTN", "x")], &[]).unwrap().warnings;
    assert_eq!(warnings, ["the variable MILLPOND_LISTN means nothing; did you mean MILLPOND_LISTEN?"]);
}

#[test]
fn a_bad_value_names_the_key_where_it_came_from_and_what_would_be_right() {
    let cases: &[(&'static str, &str, &str)] = &[
        ("limits.streams", "many", "a whole number"),
        ("limits.streams", "-1", "a whole number"),
        ("memory.limit", "256 apples", "KiB, MiB, GiB"),
        ("memory.limit", "99999999999GiB", "KiB, MiB, GiB"),
        ("server.drain_ms", "soon", "milliseconds"),
        ("listen", "4040", "ADDRESS:PORT"),
        ("listen", "unix:relative", "unix:/absolute/path"),
        ("server.base_url", "example.org/music", "https://example.org/music"),
        ("server.base_url", "https://example.org/?a", "https://example.org/music"),
        ("server.trusted_proxies", "10.0.0.0/40", "10.0.0.0/8"),
        ("server.cors_origins", "https://a.example/path", "has no path"),
        ("log.level", "info,=x=", "info,catalog=debug"),
        ("log.level", "loud", "info,catalog=debug"),
        ("log.format", "xml", "text, json"),
        ("store.url", "s3://", "s3://bucket"),
        ("store.url", "/srv/blobs", "s3://bucket"),
        ("cdn.sign", "some", "off, odd, all"),
        ("cdn.ladder", "640,many", "a list of whole numbers"),
        ("cdn.ladder", "640,5", "from 10 to 8192 pixels"),
        ("cdn.lenient", "yes", "true or false"),
        ("transform.sandbox", "maybe", "on, auto, off"),
        ("transform.jobs_max", "11", "from 1 to 10"),
        ("transform.jobs_max", "0", "from 1 to 10"),
        ("stems.workers", "17", "from 0 to 16"),
        ("stems.pinned", "speeter:2stems", "spleeter:2stems"),
    ];
    for (name, text, right) in cases {
        let key = keys::find(name).unwrap();
        let said = said(None, &[(&key.variable(), text)], &[]);
        assert!(said.starts_with(&format!("error: {name} is wrong (variable {})", key.variable())), "{said}");
        assert!(said.contains("\nhint: ") && said.contains(right), "{said}");
    }
    let said = said(Some("[limits]\nstreams = true"), &[], &[]);
    assert!(said.contains("limits.streams is wrong (") && said.contains("millpond.toml"), "{said}");
}

#[test]
fn a_broken_or_absent_file_is_named() {
    let broken = said(Some("listen = \"a\"\nlimits = ["), &[], &[]);
    assert!(broken.contains("millpond.toml, line 2"), "{broken}");
    let absent = said(None, &[], &[("config", &["/nowhere/millpond.toml"])]);
    assert!(absent.contains("/nowhere/millpond.toml is not there"), "{absent}");
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let said = said(None, &[("MILLPOND_SERVER_TLS_CERT", "/cert.pem")], &[]);
    assert!(said.contains("server.tls_key is missing"), "{said}");
}

#[test]
fn numbers_have_units_and_lists_have_entries() {
    let settings = loaded(
        Some("library = [\"music\", \"/abs\"]\n[server]\ndrain_ms = \"1.5s\"\n[memory]\nlimit = 268435456"),
        &[
            ("MILLPOND_STREAM_WRITE_STALL_MS", "3min"),
            ("MILLPOND_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, unix"),
        ],
        &[("limits.upload_bytes_max", &["1.5 GB"]), ("listen", &["localhost:1", "unix:/a"])],
    );
    let settings = settings.unwrap().settings;
    assert_eq!(settings.server.drain, Duration::from_millis(1_500));
    assert_eq!(settings.stream.write_stall, Duration::from_secs(180));
    assert_eq!(settings.memory.limit, Some(256 << 20));
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    assert_eq!(settings.listen, ["127.0.0.1:1".parse().unwrap(), Address::Unix("/a".into())]);
    assert!(settings.library[0].is_absolute() && settings.library[0].ends_with("music"), "beside the file");
    let array = loaded(None, &[("MILLPOND_LIBRARY", "[\"/a, b\", \"/c\"]")], &[]).unwrap().settings;
    assert_eq!(array.library, [PathBuf::from("/a, b"), PathBuf::from("/c")]);
}

/// A file with an origin of these lines.
fn origin(lines: &str) -> String {
    format!("[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\n{lines}")
}

#[test]
fn tables_of_the_file_are_read_shown_and_refused_by_name() {
    let far = "url = \"https://a.example/\"\nttl = { ok_ms = \"2h\", server_error_ms = 500 }\n\
               auth = { kind = \"bearer\", token = \"sesame\" }\n";
    let file = origin("folder = \"clips\"\npublic = true\n")
        + &origin(far).replace("clips\"\n", "far\"\n").replace("/clips/", "/far/")
        + "[cdn]\nladder = [640, 320]\nlenient = true\n[cdn.preset.poster]\nmode = \"frame\"\ntime = \"1m\"\n\
           [cdn.responsive]\nhints = false\nbreakpoints = [{ preset = \"poster\" }]";
    let loaded = loaded(Some(&file), &[], &[]).unwrap();
    let cdn = &loaded.settings.cdn;
    assert!(cdn.lenient && !cdn.responsive.hints);
    assert_eq!(
        (cdn.ladder.widths(), cdn.preset.names().as_str()),
        (&[320, 640][..], "desktop, mobile, poster, tablet, thumbnail")
    );
    let folder = cdn.origin[0].folder.as_ref().unwrap();
    assert!(folder.is_absolute() && folder.ends_with("clips"), "beside the file: {folder:?}");
    assert_eq!(cdn.origin[1].ttl.ok, Duration::from_secs(7_200));
    assert_eq!(cdn.origin[1].ttl.server_error, Duration::from_millis(500));
    let shown = loaded.effective.join("\n");
    for line in [
        "cdn.origin far = /far/ from url \"https://a.example/\", not public",
        "cdn.preset.poster = mode=frame time=60s",
        "cdn.responsive = ",
        "cdn.ladder = [640, 320]",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    assert!(!shown.contains("sesame") && !format!("{:?}", loaded.settings).contains("sesame"));
}

#[test]
fn a_table_of_the_file_that_cannot_be_meant_is_named() {
    let over = |path: &str| origin("folder = \"/c\"\n").replace("/clips/", path);
    for (file, expected) in [
        (origin("foldr = \"/c\"\n"), "cdn.origin clips: unknown field `foldr`"),
        (origin(""), "cdn.origin clips: it must have exactly one of folder, url, store = true and s3"),
        (
            origin("url = \"nowhere\"\n"),
            "cdn.origin clips: it must be like https://media.example/videos/{path}",
        ),
        (over("/rest/"), "cdn.origin clips: its path /rest/ lies over /rest"),
        (over("/api/clips/"), "lies over /api"),
        (over("/tracks/"), "lies over /tracks"),
        (over("/media/"), "lies over /media"),
        (over("/cdn-cgi/"), "lies over /cdn-cgi"),
        (over("/health/"), "lies over /health"),
        (over("/"), "lies over all other routes"),
        ("[cdn.origin]\nname = \"a\"".to_owned(), "cdn.origin is no list"),
        (
            "[cdn.preset.small]\nwidht = 90".to_owned(),
            "cdn.preset.small: `widht` is no option; did you mean `width`?",
        ),
        ("[cdn]\npreset = 5".to_owned(), "cdn.preset is no table"),
        ("[cdn.responsive]\nhint = true".to_owned(), "cdn.responsive: unknown field `hint`"),
        ("[cdn.origins]\na = 5".to_owned(), "there is no key `cdn.origins.a`"),
        ("[cdn]\nsing = \"odd\"".to_owned(), "there is no key `cdn.sing`"),
    ] {
        let said = said(Some(&file), &[], &[]);
        assert!(said.contains(expected), "{file}\n→ {said}");
    }
}

#[test]
fn no_route_of_the_server_can_be_taken_by_an_origin() {
    for route in web::ROUTES {
        let first = route.path.split('/').nth(1).unwrap();
        if first.is_empty() {
            continue;
        }
        let file = origin("folder = \"/c\"\n").replace("/clips/", &format!("/{first}/x/"));
        assert!(said(Some(&file), &[], &[]).contains(&format!("lies over /{first}")), "{}", route.path);
    }
}
