use super::*;

fn place(path: &str, query: &str) -> Option<String> {
    let address = Rules::default().address(path, query, &Hints::default());
    let address = address.unwrap_or_else(|bad| panic!("{path}?{query}: {bad}"))?;
    let recipe = match address.spoken {
        Spoken::Rendition(asked) => asked.recipe.mode(),
        Spoken::Original(_) => "original",
    };
    Some(match address.source {
        SourceAt::Path(path) => format!("{recipe} of path {path}"),
        SourceAt::Url(url) => format!("{recipe} of url {url}"),
        SourceAt::Media(id) => format!("{recipe} of media {id}"),
    })
}

#[test]
fn an_address_is_taken_apart() {
    let cases = [
        ("/clips/a.mp4", "", Some("original of path /clips/a.mp4")),
        ("/clips/a.mp4", "mode=frame", Some("frame of path /clips/a.mp4")),
        ("/cdn-cgi/media/width=320/clips/a.mp4", "", Some("video of path /clips/a.mp4")),
        (
            "/cdn-cgi/media/mode=audio/https://h.example/a.mp4",
            "",
            Some("audio of url https://h.example/a.mp4"),
        ),
        // Proxies make one slash of two.
        (
            "/cdn-cgi/media/mode=audio/https:/h.example/a.mp4",
            "",
            Some("audio of url https://h.example/a.mp4"),
        ),
        (
            "/cdn-cgi/media/mode=audio/http://h.example/a.mp4",
            "t=1&expires=5&signature=x&u=2",
            Some("audio of url http://h.example/a.mp4?t=1&u=2"),
        ),
        // No scheme of ours: it is a path, which no origin has.
        ("/cdn-cgi/media/mode=audio/file:///etc/passwd", "", Some("audio of path /file:///etc/passwd")),
        ("/cdn-cgi/media/width=320", "", None),
        ("/cdn-cgi/media/width=320/", "", None),
        ("/media/tr-1/frame.jpg", "", Some("frame of media tr-1")),
        ("/media/tr-1/index.m3u8", "width=640", Some("video of media tr-1")),
        // The files of HLS lie behind a video as behind a folder, and nowhere else.
        ("/clips/a.mp4/index.m3u8", "", Some("video of path /clips/a.mp4")),
        ("/clips/a.MKV/video-3.m4s", "width=640", Some("video of path /clips/a.MKV")),
        ("/clips/a.mp4/other.m3u8", "", Some("original of path /clips/a.mp4/other.m3u8")),
        ("/clips/a/index.m3u8", "", Some("original of path /clips/a/index.m3u8")),
        ("/cdn-cgi/media/width=320/clips/a.mp4/index.m3u8", "", Some("video of path /clips/a.mp4")),
        (
            "/cdn-cgi/media/width=320/https://h.example/a.mp4/audio.m3u8",
            "t=1",
            Some("video of url https://h.example/a.mp4?t=1"),
        ),
        // What lies in the catalog, with commas; it has no folder for HLS in this spelling.
        ("/cdn-cgi/media/mode=frame/media/tr-1", "", Some("frame of media tr-1")),
        ("/cdn-cgi/media/mode=frame/media/", "", Some("frame of media ")),
        ("/cdn-cgi/media/mode=frame/media/tr-1/index.m3u8", "", Some("frame of media tr-1/index.m3u8")),
        ("/cdn-cgi/media/mode=frame/mediathek/a.mp4", "", Some("frame of path /mediathek/a.mp4")),
        ("/media/tr-1", "", None),
        ("/media/tr-1/a/frame.jpg", "", None),
        ("/media/tr-1/", "", None),
    ];
    for (path, query, expected) in cases {
        assert_eq!(place(path, query).as_deref(), expected, "{path}?{query}");
    }
}

#[test]
fn of_what_lies_in_the_catalog_both_spellings_mean_the_same() {
    let recipe = |path: &str, query: &str| {
        let address = Rules::default().address(path, query, &Hints::default());
        match address.unwrap_or_else(|bad| panic!("{path}?{query}: {bad}")).unwrap().spoken {
            Spoken::Rendition(asked) => asked.recipe,
            Spoken::Original(_) => panic!("{path}?{query} is no rendition"),
        }
    };
    // Beyond Cloudflare's ranges, and where its defaults are others.
    for (file, mode, options) in [
        ("video.mp4", "video", "width=640"),
        ("video.mp4", "video", "width=2400&time=11m&duration=90s"),
        ("video.webm", "video,format=vp9", "duration=500ms"),
        ("frame.png", "frame,format=png", "time=2h"),
        ("sprite.jpg", "spritesheet", "duration=2m"),
        ("audio.m4a", "audio", "duration=3h"),
    ] {
        let commas = format!("/cdn-cgi/media/mode={mode},{}/media/tr-1", options.replace('&', ","));
        assert_eq!(recipe(&commas, ""), recipe(&format!("/media/tr-1/{file}"), options), "{commas}");
    }
    // What Cloudflare has itself keeps its ranges.
    let there = Rules::default().address("/cdn-cgi/media/duration=90s/clips/a.mp4", "", &Hints::default());
    assert!(there.unwrap_err().to_string().starts_with("`duration` must be a time from 1s to 60s"));
}

#[test]
fn a_caching_proxy_keeps_what_is_ours_and_passes_on_the_rest() {
    for (query, of_us, of_others) in [
        ("", "", ""),
        ("width=640&page=2", "width=640", "page=2"),
        ("a=1&w=640&&b=%20&signature=x&c", "w=640&signature=x", "a=1&b=%20&c"),
        ("%77idth=640&Width=1", "%77idth=640", "Width=1"),
    ] {
        assert_eq!(split_query(query), (of_us.to_owned(), of_others.to_owned()), "{query}");
    }
}

#[test]
fn a_signature_alone_is_no_option() {
    for (query, expected) in [
        ("", false),
        ("expires=5&signature=x&signer=1", false),
        ("expires=5&signature=x&width=640", true),
        ("a=width&Width=1", false),
        ("a&%77idth=1", true),
    ] {
        assert_eq!(has_option(query), expected, "{query}");
    }
}
