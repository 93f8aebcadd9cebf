use super::*;

#[test]
fn files_lie_behind_videos_alone() {
    for (path, expected) in [
        ("/clips/a.mp4/index.m3u8", Some(("/clips/a.mp4", "index.m3u8"))),
        ("clips/b/a.MKV/video-3.m4s", Some(("clips/b/a.MKV", "video-3.m4s"))),
        ("/clips/a.mp4", None),
        ("/clips/a.mp4/", Some(("/clips/a.mp4", ""))),
        ("/clips/v1.2/index.m3u8", None),
        ("/clips/mp4/index.m3u8", None),
        ("index.m3u8", None),
    ] {
        assert_eq!(split(path), expected, "{path}");
    }
}

#[test]
fn children_are_found_from_where_their_list_is() {
    let sized = |path: &str, query: &str| {
        let here = Here::of(path, query, None);
        (here.child("audio.m3u8"), here.with_width(640).child("video.m3u8"))
    };
    let text = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    for (path, query, expected) in [
        ("/clips/a.mp4/index.m3u8", "", text("audio.m3u8", "video.m3u8?width=640")),
        (
            "/media/tr-1/index.m3u8",
            "time=5s&expires=7&signature=x",
            text("audio.m3u8?time=5s", "video.m3u8?time=5s&width=640"),
        ),
        (
            "/cdn-cgi/media/time=5s/clips/b/a.mp4/index.m3u8",
            "page=\"2\"",
            text(
                "audio.m3u8?page=%222%22",
                "../../../../time=5s,width=640/clips/b/a.mp4/video.m3u8?page=%222%22",
            ),
        ),
    ] {
        assert_eq!(sized(path, query), expected, "{path}?{query}");
    }
}

/// What a source is that lasts so long.
fn lasting(seconds: u64) -> Probe {
    let printed = format!(
        r#"{{"streams": [{{"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720,
        "pix_fmt": "yuv420p", "avg_frame_rate": "30000/1001"}}, {{"index": 1, "codec_type": "audio", "codec_name": "aac",
        "channels": 2, "sample_rate": "44100"}}], "format": {{"duration": "{seconds}.000000", "nb_streams": 2}}}}"#
    );
    Probe::read_json(transform::Demuxer::Mov, printed.as_bytes()).unwrap()
}

/// The text of a list, and its longest piece.
fn written(mut list: Listed) -> (String, usize) {
    let (mut text, mut longest) = (String::new(), 0);
    while let Some(piece) = list.more() {
        longest = longest.max(piece.len());
        text.push_str(&piece);
    }
    (text, longest)
}

#[test]
fn a_list_says_how_long_each_segment_is() {
    let here = Here::of("/clips/a.mp4/video.m3u8", "width=640", None);
    let (probe, video) = (lasting(9), Video::default());
    let pictures = Segments::of_pictures(&video, &probe).unwrap();
    let (text, _) = written(Listed::new("video", here.clone(), pictures));
    let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:4\n\
                    #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"video-init.mp4?width=640\"\n\
                    #EXTINF:4.004000,\nvideo-0.m4s?width=640\n#EXTINF:4.004000,\nvideo-1.m4s?width=640\n\
                    #EXTINF:1.001000,\nvideo-2.m4s?width=640\n#EXT-X-ENDLIST\n";
    assert_eq!(text, expected);
    let sound = Segments::of_sound(&(&video).into(), &probe).unwrap();
    let (text, _) = written(Listed::new("audio", here, sound));
    let lengths: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")).collect();
    // Frames of 1024 samples at 44100 in a second: 173, 173, and the rest of 389.
    assert_eq!(lengths, ["4.017052,", "4.017052,", "0.998458,"]);
}

#[test]
fn the_list_of_a_day_takes_no_more_memory_than_another() {
    let secret = store::Secret::from_bytes([7; 32]);
    let signer = (Signer::new(&secret), Signed { until_ms: u64::MAX, by: None });
    let here = Here::of("/clips/a.mp4/video.m3u8", &"x".repeat(200), Some(signer));
    let day = Segments::of_pictures(&Video::default(), &lasting(86_400)).unwrap();
    let (text, longest) = written(Listed::new("video", here, day));
    assert_eq!(text.matches("#EXTINF").count(), 21_579);
    assert!(text.ends_with("#EXT-X-ENDLIST\n") && text.len() > 4_000_000, "{}", text.len());
    assert!(longest <= 2 * budget::limits::PLAYLIST_PIECE_BYTES, "{longest}");
}

#[test]
fn each_address_of_a_signed_list_is_signed_for_itself() {
    let secret = store::Secret::from_bytes([7; 32]);
    let signer = Signer::new(&secret);
    let signed = Signed { until_ms: 5_000, by: None };
    for (path, options) in [("/clips/a.mp4/", "time=5s"), ("/cdn-cgi/media/time=5s/clips/a.mp4/", "")] {
        let here = Here::of(&format!("{path}index.m3u8"), options, Some((signer.clone(), signed)));
        let child = here.child("audio-3.m4s");
        let (name, query) = child.split_once('?').unwrap();
        assert_eq!(signer.check(&format!("{path}{name}"), query, 4_999), Ok(signed), "{child}");
        assert!(
            signer.check(&format!("{path}audio-4.m4s"), query, 4_999).is_err(),
            "{child} is good for itself alone"
        );
        assert!(signer.check(&format!("{path}{name}"), query, 5_000).is_err(), "{child} ends with its list");
    }
    let here = Here::of("/cdn-cgi/media/time=5s/clips/a.mp4/index.m3u8", "", Some((signer.clone(), signed)));
    let child = here.with_width(320).child("video.m3u8");
    let (up, rest) = child.split_at(child.rfind("../").unwrap() + 3);
    assert_eq!(up, "../../../");
    let (path, query) = rest.split_once('?').unwrap();
    assert_eq!(signer.check(&format!("/cdn-cgi/media/{path}"), query, 0), Ok(signed), "{child}");
}
