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
        ("/media/tr-1", "", None),
        ("/media/tr-1/a/frame.jpg", "", None),
        ("/media/tr-1/", "", None),
    ];
    for (path, query, expected) in cases {
        assert_eq!(place(path, query).as_deref(), expected, "{path}?{query}");
    }
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
