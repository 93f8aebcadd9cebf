use std::time::Duration;

use super::*;
use crate::{Hints, Spoken};

const RESERVED: &[&str] = &["rest", "media", "cdn-cgi", "tracks"];

fn read(text: &str) -> Result<Settings, String> {
    let settings: Settings = toml::from_str(text).map_err(|e| e.message().to_owned())?;
    settings.check(RESERVED).map_err(|unfit| unfit.to_string()).map(|()| settings)
}

/// An origin of a folder with these lines.
fn origin(lines: &str) -> String {
    format!("[[origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"/srv/clips\"\n{lines}")
}

#[test]
fn without_a_word_it_is_what_the_guide_says() {
    let settings = read("").unwrap();
    assert_eq!(settings.sign, Sign::Odd);
    assert_eq!(settings.ladder.widths(), [160, 320, 480, 640, 854, 1_280, 1_920]);
    assert!(!settings.lenient && settings.origin.is_empty());
    assert_eq!(settings.preset.names(), "desktop, mobile, tablet, thumbnail");
    let origin = &read(&origin("")).unwrap().origin[0];
    assert!(!origin.public && !origin.proxy && origin.cache);
    assert_eq!(origin.ttl, Kept::default());
    assert_eq!(origin.ttl.ok, Duration::from_secs(86_400));
}

#[test]
fn whoever_signs_what_follows_the_setting() {
    for (sign, is_free, is_public, needed) in [
        (Sign::Off, false, false, false),
        (Sign::Odd, true, true, false),
        (Sign::Odd, false, true, true),
        (Sign::Odd, true, false, true),
        (Sign::All, true, true, true),
    ] {
        assert_eq!(sign.is_needed(is_free, is_public), needed, "{sign:?} {is_free} {is_public}");
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    let other = "\n[[origin]]\nname = \"more\"\npath = \"/clips/\"\nurl = \"https://a.example\"\n";
    let url = |url: &str| format!("[[origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"{url}\"\n");
    let path = |path: &str| origin("").replace("/clips/\"\nfolder", &format!("{path}\"\nfolder"));
    let cases = [
        ("sing = \"odd\"".to_owned(), "unknown field `sing`"),
        ("sign = \"some\"".to_owned(), "unknown variant `some`, expected one of `off`, `odd`, `all`"),
        ("ladder = [640, 5]".to_owned(), "from 10 to 8192 pixels"),
        (origin("pubic = true"), "unknown field `pubic`"),
        (origin("url = \"https://a.example\""), "exactly one of folder, url, store = true and s3"),
        (origin("").replace("folder = \"/srv/clips\"\n", ""), "exactly one of folder"),
        (origin("proxy = true"), "proxy = true needs a url"),
        (origin("auth = { kind = \"bearer\", token = \"x\" }"), "auth is for url and s3"),
        (origin("auth = { kind = \"bearer\", tokn = \"x\" }"), "tokn"),
        (origin("region = \"eu\""), "region and endpoint are for s3"),
        (origin("ttl = { ok = 5 }"), "unknown field `ok`"),
        (origin("").replace("clips\"\npath", "a b\"\npath"), "its name must be 1 to 63"),
        (path("/rest/"), "cdn.origin clips: its path /rest/ lies over /rest"),
        (path("/Rest/sub/"), "lies over /rest"),
        (path("/media/clips/"), "lies over /media"),
        (path("/cdn-cgi/"), "lies over /cdn-cgi"),
        (path("/tracks/a/"), "lies over /tracks"),
        (path("/"), "lies over all other routes"),
        (path("/clips"), "slashes at both ends"),
        (path("clips/"), "slashes at both ends"),
        (path("/a//b/"), "slashes at both ends"),
        (path("/a/../b/"), "slashes at both ends"),
        (path("/a%2fb/"), "slashes at both ends"),
        (path("/.well-known/"), "slashes at both ends"),
        (origin("") + &origin(""), "another origin has the same name"),
        (origin("public = true") + other, "another `public` or `proxy`"),
        (url("a.example"), "it must be like https://media.example/videos/{path}"),
        (url("ftp://a.example/"), "it must be like"),
        (url("https://a.example{path}"), "before {path} there must be a slash"),
        (url("https://a.example/v?file=/{path}"), "and no query"),
        (url("https://{path}/x"), "it must be like"),
        (url("https://a.example/{path}/{path}"), "it must be like"),
        (url("https://a.example/{name}"), "it must be like"),
        (url("https://u:p@a.example/"), "it must not name a user"),
        (url("https://a.example/") + "private = [\"10.0.0.0/99\"]", "must be an address or a network"),
        (
            url("https://a.example/") + "auth = { kind = \"header\", name = \"Host\", value = \"b\" }",
            "cannot set the field host",
        ),
        (
            url("https://a.example/") + "auth = { kind = \"bearer\", token = \"a\\r\\nb\" }",
            "cannot stand in a field",
        ),
        ("[[origin]]\nname = \"b\"\npath = \"/b/\"\ns3 = \"s3://\"".to_owned(), "s3 must be s3://BUCKET"),
        (
            "[[origin]]\nname = \"b\"\npath = \"/b/\"\ns3 = \"s3://b\"\n\
             auth = { kind = \"sigv4\", service = \"media\" }"
                .to_owned(),
            "a bucket is signed for with the service s3",
        ),
        ("[preset.small]\nwidth = 9".to_owned(), "`width` must be a whole number of pixels from 10 to 8192"),
        ("[preset.small]\nwidht = 90".to_owned(), "`widht` is no option; did you mean `width`?"),
        ("[preset.small]\nfilename = \"a\"".to_owned(), "`filename` is no option"),
        ("[preset.small]\nw = 90".to_owned(), "`w` is no option"),
        ("[preset.small]\nmode = \"frame\"\nfps = 30".to_owned(), "`fps` means nothing with mode=frame"),
        ("[preset.\"a b\"]\nwidth = 90".to_owned(), "the preset `a b` has a name of other characters"),
        ("[responsive]\nhint = false".to_owned(), "unknown field `hint`"),
        ("[responsive]\nbreakpoints = [{ preset = \"huge\" }]".to_owned(), "names the preset `huge`"),
        (
            "[responsive]\nbreakpoints = [{ preset = \"mobile\" }, { width_max = 5, preset = \"tablet\" }]"
                .to_owned(),
            "only the last has no width_max",
        ),
    ];
    for (text, expected) in cases {
        let said = read(&text).expect_err(&text);
        assert!(said.contains(expected), "{text}\n→ {said}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    let text = "[[origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"https://a.example\"\n\
                auth = { kind = \"basic\", user = \"u\", password = \"sesame\" }";
    let settings = read(text).unwrap();
    assert!(!format!("{settings:?}").contains("sesame"));
    match &settings.origin[0].auth {
        Auth::Basic { user, password } => assert_eq!((user.as_str(), password.reveal()), ("u", "sesame")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_preset_is_written_in_options_and_replaces_one_of_its_name() {
    let text = "[preset.mobile]\nwidth = 426\nquality = \"low\"\nspeed = 1.5\naudio = false\n\
                [preset.poster]\nmode = \"frame\"\ntime = \"1m\"";
    let settings = read(text).unwrap();
    let rules = settings.rules();
    assert_eq!(settings.preset.names(), "desktop, mobile, poster, tablet, thumbnail");
    for (query, expected) in [
        (
            "derivative=mobile",
            "video start=0 length=- width=426 height=- fit=contain audio=0 codec=h264 quality=low kbps=- fps=- speed=150 \
             rotate=-",
        ),
        ("derivative=poster", "frame at=60000 width=- height=- fit=contain format=jpg"),
    ] {
        match rules.query(query, &Hints::default()).unwrap() {
            Spoken::Rendition(asked) => {
                assert_eq!(asked.recipe.canonical(), expected);
                assert!(asked.is_free);
            }
            Spoken::Original(_) => panic!("{query} asks for nothing"),
        }
    }
}

#[test]
fn the_longest_path_counts_and_its_origins_follow_one_another() {
    let one = |name: &str, path: &str| {
        format!("[[origin]]\nname = \"{name}\"\npath = \"{path}\"\nurl = \"https://{name}.example/v/\"\n")
    };
    let settings =
        read(&[one("a", "/clips/"), one("b", "/clips/new/"), one("c", "/clips/")].concat()).unwrap();
    let found = |path| {
        let found = settings.origins_of(path);
        found.map(|(origin, rest)| format!("{} {rest}", origin.name)).collect::<Vec<_>>()
    };
    assert_eq!(found("/clips/x/a.mp4"), ["a x/a.mp4", "c x/a.mp4"]);
    assert_eq!(found("/clips/new/a.mp4"), ["b a.mp4"]);
    for path in ["/clips/", "/clips", "/other/a.mp4", "clips/a.mp4"] {
        assert!(found(path).is_empty(), "{path}");
    }
    let template = |text: &str| Template::try_from(text.to_owned()).unwrap();
    assert_eq!(template("https://a.example").around(), ("https://a.example", ""));
    assert_eq!(template("https://a.example/v/").around(), ("https://a.example/v", ""));
    assert_eq!(template("https://a.example/v/{path}/raw?x=1").around(), ("https://a.example/v", "/raw?x=1"));
}
