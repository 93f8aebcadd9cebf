//! Addresses beside what they mean: the canonical text of the recipe, or the words of the error.

use super::*;

/// The canonical text of the recipe, or what is wrong.
fn said(result: Result<Asked, Bad>) -> String {
    result.map_or_else(|bad| format!("! {bad}"), |asked| asked.recipe.canonical())
}

#[test]
fn options_in_cloudflares_spelling() {
    let whole = "audio=1 codec=h264 quality=medium kbps=- fps=- speed=- rotate=-";
    let cases = [
        ("width=640", format!("video start=0 length=60000 width=640 height=- fit=contain {whole}")),
        (
            "mode=video,time=5s,duration=5s,width=500,height=500,fit=crop,audio=false",
            "video start=5000 length=5000 width=500 height=500 fit=cover audio=0 codec=h264 quality=medium kbps=- \
             fps=- speed=- rotate=-"
                .to_owned(),
        ),
        ("mode=frame,time=2m,format=png", "frame at=120000 width=- height=- fit=contain format=png".to_owned()),
        (
            "mode=spritesheet,time=1m,duration=20s,width=160,height=90,imageCount=5",
            "spritesheet start=60000 length=20000 width=160 height=90 fit=contain frames=5 columns=1".to_owned(),
        ),
        ("mode=audio", "audio start=0 length=60000 format=m4a kbps=-".to_owned()),
        ("width=%36%34%30", format!("video start=0 length=60000 width=640 height=- fit=contain {whole}")),
        ("width=641", format!("video start=0 length=60000 width=640 height=- fit=contain {whole}")),
        ("width=9", "! `width` must be a whole number of pixels from 10 to 2000".to_owned()),
        ("width=2001", "! `width` must be a whole number of pixels from 10 to 2000".to_owned()),
        ("time=11m", "! `time` must be a time from 0s to 10m, as in 5s, 1m30s, 1:30 or 90".to_owned()),
        ("time=-1s", "! `time` must be a time from 0s to 10m, as in 5s, 1m30s, 1:30 or 90".to_owned()),
        ("duration=61s", "! `duration` must be a time from 1s to 60s, as in 5s, 1m30s, 1:30 or 90".to_owned()),
        ("duration=0", "! `duration` must be a time from 1s to 60s, as in 5s, 1m30s, 1:30 or 90".to_owned()),
        ("fit=pad", "! `fit` must be one of contain, scale-down, cover".to_owned()),
        ("audio=no", "! `audio` must be true or false".to_owned()),
        ("mode=audio,format=jpg", "! `format` must be one of m4a, mp3, opus, flac, aac, ogg with mode=audio".to_owned()),
        ("imwidth=400", "! `imwidth` is understood in the query of a path alone".to_owned()),
        ("expires=1", "! `expires` is no option".to_owned()),
        ("filename=a b", "! `filename` must be at most 120 of the characters a-z, A-Z, 0-9, - and _, with at most one dot".to_owned()),
        ("", "! `mode` must be one of video, frame, spritesheet, audio, waveform".to_owned()),
        ("clips", "! `clips` is no option".to_owned()),
    ];
    for (options, expected) in cases {
        assert_eq!(said(rules().cloudflare(options)), expected, "{options}");
    }
}

#[test]
fn options_in_a_query() {
    let cases = [
        (
            "w=1280&h=720&obj-fit=crop&start=1m30s&dur=1:05&mute=true&q=high&f=h265",
            "video start=90000 length=65000 width=1280 height=720 fit=cover audio=0 codec=h265 quality=high kbps=- fps=- \
             speed=- rotate=-",
        ),
        (
            "width=8192&fps=30&speed=1.5&rotate=90&bitrate=2.5M&crop=100:50:3:4&imformat=av1",
            "video start=0 length=- width=8192 height=- fit=contain audio=1 codec=av1 quality=medium kbps=2500 fps=30 \
             speed=150 rotate=90 crop=100x50+3+4",
        ),
        (
            "width=320&height=181&imdensity=2.5",
            "video start=0 length=- width=800 height=452 fit=contain audio=1 codec=h264 quality=medium kbps=- fps=- \
             speed=- rotate=-",
        ),
        // A name counts more than its alias, wherever they stand; of two alike the later counts.
        (
            "width=640&w=320&height=100&height=200",
            "video start=0 length=- width=640 height=200 fit=contain audio=1 codec=h264 quality=medium kbps=- fps=- \
             speed=- rotate=-",
        ),
        ("format=m4a", "audio start=0 length=- format=m4a kbps=-"),
        ("format=mp3&bitrate=128k&time=10", "audio start=10000 length=- format=mp3 kbps=128"),
        ("derivative=thumbnail&width=10&time=5m", "frame at=2000 width=640 height=360 fit=cover format=png"),
        ("impolicy=thumbnail&mode=video", "frame at=2000 width=640 height=360 fit=cover format=png"),
        ("mode=frame&time=0:01.5", "frame at=1500 width=- height=- fit=contain format=jpg"),
        ("mode=frame&time=1:02:03", "frame at=3723000 width=- height=- fit=contain format=jpg"),
        ("mode=frame&time=1.25h", "frame at=4500000 width=- height=- fit=contain format=jpg"),
        ("mode=frame&time=250ms", "frame at=250 width=- height=- fit=contain format=jpg"),
        (
            "mode=spritesheet",
            "spritesheet start=0 length=- width=160 height=- fit=contain frames=20 columns=1",
        ),
        ("mode=waveform&format=png", "waveform width=1280 height=160"),
        ("mode=waveform&format=png&width=8192&height=1024", "waveform width=8192 height=1024"),
        ("mode=waveform&peaks=50", "waveform peaks=50"),
        ("width=8193", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=+640", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=640px", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=6e2", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=18446744073709551626", "! `width` must be a whole number of pixels from 10 to 8192"),
        ("width=4096&dpr=3", "! `dpr` must leave width and height from 10 to 8192 pixels"),
        ("width=640&dpr=6", "! `dpr` must be a number from 0.5 to 5"),
        ("mode=frame&time=1:60", "! `time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90"),
        ("mode=frame&time=5s1m", "! `time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90"),
        ("mode=frame&time=50%25", "! `time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90"),
        ("mode=frame&time=0.0001", "! `time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90"),
        ("mode=frame&time=25h", "! `time` must be a time from 0s to 24h, as in 5s, 1m30s, 1:30 or 90"),
        ("duration=0", "! `duration` must be a time from 1ms to 24h, as in 5s, 1m30s, 1:30 or 90"),
        (
            "crop=100:100:0:0,drawtext=textfile=/etc/passwd",
            "! `crop` must be WIDTH:HEIGHT:X:Y in pixels, sizes from 10 to 8192",
        ),
        ("crop=iw/2:ih:0:0", "! `crop` must be WIDTH:HEIGHT:X:Y in pixels, sizes from 10 to 8192"),
        ("bitrate=128", "! `bitrate` must be a bitrate from 8k to 100M, as in 800k or 2.5M"),
        ("format=flac&bitrate=800k", "! `bitrate` means nothing with format=flac"),
        ("mode=spritesheet&imageCount=4&columns=5", "! `columns` must not be more than `imageCount`"),
        ("mode=spritesheet&imageCount=401", "! `imageCount` must be a whole number from 1 to 400"),
        (
            "mode=waveform&format=png&width=8192&height=1026",
            "! `height` must leave a waveform with at most 8388608 pixels",
        ),
        (
            "mode=waveform&format=png&width=3200&height=300&dpr=3",
            "! `dpr` must leave width and height from 10 to 8192 pixels",
        ),
        (
            "mode=waveform&format=png&width=2400&height=600&dpr=3",
            "! `dpr` must leave a waveform with at most 8388608 pixels",
        ),
        ("mode=waveform&width=640", "! `width` is for the picture of a waveform: format=png"),
        (
            "mode=frame&duration=5s",
            "! `duration` means nothing with mode=frame; it is for video, spritesheet, audio",
        ),
        ("debug=headers", "! `debug` must be one of view"),
        ("utm_source=x", "! `utm_source` is no option"),
        ("Width=640", "! `Width` is no option; did you mean `width`?"),
        ("%0d%0aX-Evil:+1=2", "! `??X-Evil??1` is no option"),
    ];
    for (query, expected) in cases {
        let result = rules().query(query, &Hints::default()).map(|spoken| match spoken {
            Spoken::Rendition(asked) => *asked,
            Spoken::Original(_) => panic!("{query} asks for nothing"),
        });
        assert_eq!(said(result), expected, "{query}");
    }
}

#[test]
fn files_of_our_own_spelling() {
    let whole = "fit=contain audio=1 codec=h264 quality=medium kbps=- fps=- speed=- rotate=-";
    let video = format!("video start=0 length=- width=640 height=- {whole}");
    let cases = [
        ("video.mp4", "width=640", Wanted::Rendition, video.clone()),
        ("index.m3u8", "width=640", Wanted::Playlist, video.clone()),
        ("video.m3u8", "width=640", Wanted::VideoPlaylist, video.clone()),
        ("audio.m3u8", "width=640", Wanted::AudioPlaylist, video.clone()),
        ("video-init.mp4", "width=640&expires=5&signature=a", Wanted::Head, video.clone()),
        ("video-0.m4s", "width=640", Wanted::Segment(0), video.clone()),
        ("video-86400.m4s", "width=640", Wanted::Segment(86_400), video.clone()),
        ("audio-init.mp4", "width=640", Wanted::SoundHead, video.clone()),
        ("audio-7.m4s", "width=640", Wanted::SoundSegment(7), video),
        (
            "frame.jpg",
            "time=5s",
            Wanted::Rendition,
            "frame at=5000 width=- height=- fit=contain format=jpg".to_owned(),
        ),
        (
            "frame.webp",
            "",
            Wanted::Rendition,
            "frame at=0 width=- height=- fit=contain format=webp".to_owned(),
        ),
        (
            "sprite.jpg",
            "imageCount=3",
            Wanted::Rendition,
            "spritesheet start=0 length=- width=160 height=- fit=contain frames=3 columns=3".to_owned(),
        ),
        (
            "sprite.vtt",
            "",
            Wanted::Map,
            "spritesheet start=0 length=- width=160 height=- fit=contain frames=20 columns=5".to_owned(),
        ),
        ("audio.flac", "", Wanted::Rendition, "audio start=0 length=- format=flac kbps=-".to_owned()),
        (
            "audio.ogg",
            "bitrate=96k",
            Wanted::Rendition,
            "audio start=0 length=- format=ogg kbps=96".to_owned(),
        ),
        ("waveform.json", "", Wanted::Rendition, "waveform peaks=1000".to_owned()),
        ("waveform.png", "", Wanted::Rendition, "waveform width=1280 height=160".to_owned()),
    ];
    for (file, query, wanted, expected) in cases {
        let asked = rules().media(file, query).unwrap().unwrap();
        assert_eq!((asked.wanted, asked.recipe.canonical()), (wanted, expected), "{file}?{query}");
        let is_own = asked.wanted != Wanted::Rendition || file.ends_with(asked.recipe.suffix());
        assert!(is_own, "{file} is served as {}", asked.recipe.content_type());
    }
    for (file, query, expected) in [
        ("frame.jpg", "mode=video", "`mode` must agree with the file's name, which says frame.jpg"),
        ("frame.jpg", "format=png", "`format` must agree with the file's name, which says frame.jpg"),
        ("video.mp4", "format=vp9", "`format` must agree with the file's name, which says video.mp4"),
        ("video.webm", "format=av1", "`format` must agree with the file's name, which says video.webm"),
        (
            "frame.jpg",
            "derivative=mobile",
            "`derivative` must agree with the file's name, which says frame.jpg",
        ),
        (
            "frame.jpg",
            "derivative=thumbnail",
            "`derivative` must agree with the file's name, which says frame.jpg",
        ),
        (
            "audio.mp3",
            "width=640",
            "`width` means nothing with mode=audio; it is for video, frame, spritesheet, waveform",
        ),
        ("video.mp4", "imwidth=640", "`imwidth` is understood in the query of a path alone"),
    ] {
        assert_eq!(rules().media(file, query).unwrap_err().to_string(), expected, "{file}?{query}");
    }
    for file in [
        "",
        "video.avi",
        "Video.mp4",
        "video.mp4/",
        "video-.m4s",
        "video-01.m4s",
        "video-+1.m4s",
        "video-86401.m4s",
        "video-99999999999.m4s",
        "video--1.m4s",
        "frame.gif",
        "cover.jpg",
    ] {
        assert_eq!(rules().media(file, "width=640"), Ok(None), "{file}");
    }
}
