//! Renditions by address, from outside: three spellings, who may have what made, and what is said instead.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::time::Duration;

use tests::http::{self, Answer};
use tests::media::{seen, settle, video};
use tests::{Options, Server, eventually};

/// A folder of clips that is an origin for everybody, and another for those who signed in.
struct House {
    server: Server,
    clips: tempfile::TempDir,
}

impl House {
    fn new(more: &str) -> House {
        let clips = tempfile::tempdir().expect("a folder");
        for folder in ["public", "private"] {
            std::fs::create_dir(clips.path().join(folder)).expect("a folder");
        }
        video(&clips.path().join("public/a.mp4"), "640x360", 4, &[]);
        video(&clips.path().join("private/b.mp4"), "320x180", 1, &[]);
        settle(clips.path());
        let root = clips.path().display();
        let config = format!(
            "{more}\n[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}/public\"\npublic = true\n\
             [[cdn.origin]]\nname = \"own\"\npath = \"/own/\"\nfolder = \"{root}/private\"\n"
        );
        let options = Options {
            libraries: vec![clips.path().join("private")],
            tracks: 1,
            ..Options::default().config(&config)
        };
        House { server: Server::start(&options), clips }
    }

    fn get(&self, target: &str) -> Answer {
        self.server.get(target, &[])
    }

    fn signed_in(&self, target: &str) -> Answer {
        self.server.get(target, &[("Authorization", &self.server.mira.bearer())])
    }

    fn sign(&self, target: &str) -> String {
        let output = self.server.command(&["sign", target], "");
        let text = String::from_utf8(output.stdout).expect("text");
        let line = text.lines().last().unwrap_or_default().to_owned();
        assert!(line.contains("signature="), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        line[line.find(target.split('?').next().expect("a path")).expect("the path")..].to_owned()
    }
}

#[test]
fn every_spelling_gives_what_it_names() {
    let house = House::new("");
    let table = [
        ("/clips/a.mp4?width=320", "video/mp4", "h264,320,180"),
        ("/clips/a.mp4?w=160&mode=frame", "image/jpeg", "mjpeg,160,90"),
        ("/clips/a.mp4?derivative=thumbnail", "image/png", "png,640,360"),
        ("/cdn-cgi/media/mode=frame,width=160/clips/a.mp4", "image/jpeg", "mjpeg,160,90"),
        ("/cdn-cgi/media/mode=audio/clips/a.mp4", "audio/mp4", "aac"),
        ("/cdn-cgi/media/mode=spritesheet,width=160/clips/a.mp4", "image/jpeg", "mjpeg,160,1800"),
    ];
    for (target, content_type, expected) in table {
        let answer = house.server.kept(target, &[]);
        assert_eq!(answer.header("content-type"), content_type, "{target}");
        assert!(seen(&answer.body).starts_with(expected), "{target} is {}", seen(&answer.body));
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{target}");
        assert!(answer.header("cache-control").starts_with("public, max-age="), "{}", answer.head());
        let tag = answer.header("etag").to_owned();
        let same = house.server.get(target, &[("If-None-Match", &tag)]);
        assert_eq!(same.status, 304, "{target}");
        let part = house.server.get(target, &[("Range", "bytes=10-19"), ("If-Range", &tag)]);
        assert_eq!((part.status, part.body.as_slice()), (206, &answer.body[10..20]), "{target}");
    }
    let two = ["/clips/a.mp4?width=160&mode=frame", table[3].0].map(|target| house.server.kept(target, &[]));
    assert_eq!(two[0].header("etag"), two[1].header("etag"), "two spellings are one rendition");
    let asks = [("Origin", "https://page.example"), ("Access-Control-Request-Method", "GET")];
    let told = house.server.send("OPTIONS", "/clips/a.mp4?width=320", &asks, b"");
    let everybody = |answer: &Answer| answer.header("access-control-allow-origin") == "*";
    assert!(told.status == 204 && everybody(&told), "a page of another origin may ask: {}", told.head());
    assert_eq!(told.header("access-control-allow-methods"), "GET, HEAD");
    let original = house.get("/clips/a.mp4");
    assert_eq!(original.header("cross-origin-resource-policy"), "cross-origin");
    let own = house.signed_in("/own/b.mp4");
    assert!(!everybody(&own), "{}", own.head());
    assert_eq!(own.header("cross-origin-resource-policy"), "same-origin");
    let file = std::fs::read(house.clips.path().join("public/a.mp4")).expect("the file");
    assert_eq!((original.status, original.body == file), (200, true));
}

#[test]
fn every_codec_is_made_within_its_sandbox() {
    let house = House::new("");
    let mira = house.server.mira.bearer();
    for (options, content_type, expected) in [
        ("format=h265&width=160", "video/mp4", "hevc,160,90"),
        ("format=vp9&width=160", "video/webm", "vp9,160,90"),
        ("format=av1&width=160", "video/mp4", "av1,160,90"),
        ("format=mp3", "audio/mpeg", "mp3"),
        ("format=opus", "audio/ogg", "opus"),
        ("format=flac", "audio/flac", "flac"),
        ("format=aac", "audio/aac", "aac"),
        ("format=ogg", "audio/ogg", "vorbis"),
        ("mode=frame&format=webp&width=160", "image/webp", "webp,160,90"),
    ] {
        let target = format!("/clips/a.mp4?{options}&time=1s");
        let answer = house.server.kept(&target, &[("Authorization", &mira)]);
        assert_eq!(answer.header("content-type"), content_type, "{target}");
        assert!(seen(&answer.body).starts_with(expected), "{target} is {}", seen(&answer.body));
    }
}

#[test]
fn who_may_have_what_made() {
    let house = House::new("");
    let (video, track) =
        ("/clips/a.mp4?width=322", house.signed_in("/videos").json()["tracks"][0]["id"].clone());
    let media = format!("/media/{}/frame.jpg", track.as_str().expect("a video of the library"));
    let refused = house.get(video);
    assert_eq!((refused.status, &*refused.code()), (403, "not_signed"));
    assert!(refused.text().contains("160, 320, 480"), "the ladder is named: {}", refused.text());
    assert!(refused.text().contains("millpond sign"), "{}", refused.text());
    let signed = house.sign("/clips/a.mp4?width=322");
    let forged = signed.replace("width=322", "width=324");
    assert_eq!(house.get(&forged).code(), "signature_wrong");
    assert_eq!(house.get(&signed).status, 200);
    eventually("it is kept", Duration::from_secs(60), || house.get(video).status == 200);
    for (target, stranger, user) in [
        ("/own/b.mp4?width=160", 401, 200),
        (&*media, 401, 200),
        ("/own/b.mp4", 401, 200),
        ("/other/a.mp4?width=160", 404, 404),
    ] {
        assert_eq!((house.get(target).status, house.signed_in(target).status), (stranger, user), "{target}");
    }
}

#[test]
fn p08_who_lost_the_right_has_what_strangers_have() {
    let house = House::new("");
    let track = house.signed_in("/videos").json()["tracks"][0]["id"].as_str().expect("a video").to_owned();
    let map = house.signed_in(&format!("/media/{track}/sprite.vtt?width=80"));
    assert_eq!((map.status, map.header("content-type")), (200, "text/vtt; charset=utf-8"));
    let first = map.text().lines().nth(3).unwrap_or_default().to_owned();
    assert_eq!(first, "sprite.jpg?width=80#xywh=0,0,80,44", "{}", map.text());
    let changed = house.server.command(&["user", "change", &house.server.mira.name, "--rights", "none"], "");
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let odd = "/clips/a.mp4?width=334&mode=frame";
    eventually("the server knows", Duration::from_secs(30), || {
        house.signed_in("/me").text().contains("\"transform\":false")
    });
    assert_eq!(house.signed_in(odd).code(), "not_signed");
    assert_eq!(house.signed_in("/clips/a.mp4?width=320&mode=frame").status, 200);
    assert_eq!(house.signed_in(&format!("/media/{track}/frame.jpg?width=90")).status, 403);
}

#[test]
fn p07_what_is_asked_wrongly_is_refused_by_name_and_starts_no_child() {
    let house = House::new("");
    std::fs::write(house.clips.path().join("public/list.mp4"), "#EXTM3U\n#EXTINF:9,\n/etc/passwd\n")
        .expect("a file");
    std::os::unix::fs::symlink("/etc/passwd", house.clips.path().join("public/link.mp4")).expect("a link");
    house.server.kept("/clips/a.mp4?width=320", &[]);
    let children = || house.server.metric("rendition_making_seconds_count");
    let before = children();
    assert!(before > 0.0, "a child that there is counts");
    let table = [
        ("/clips/a.mp4?width=9", 400, "bad_option", "width"),
        ("/clips/a.mp4?width=99999", 400, "bad_option", "width"),
        ("/clips/a.mp4?bogus=1&width=320", 400, "bad_option", "bogus"),
        ("/cdn-cgi/media/mode=video,time=-5s/clips/a.mp4", 400, "bad_option", "time"),
        ("/cdn-cgi/media/mode=frame,format=exe/clips/a.mp4", 400, "bad_option", "format"),
        ("/clips/a.mp4?crop=10:10:0:0,drawtext=textfile=/etc/passwd", 400, "bad_option", "crop"),
        ("/clips/a.mp4?width=320&signature=x&expires=1", 200, "", ""),
        ("/clips/none.mp4?width=320", 404, "not_found", "source"),
        ("/clips/..%2fprivate%2fb.mp4?width=320", 404, "not_found", "source"),
        ("/clips/link.mp4?width=320", 404, "not_found", "source"),
        ("/clips/list.mp4?width=320", 415, "not_media", "audio or video"),
        ("/cdn-cgi/media/width=320/http://127.0.0.1:1/a.mp4", 403, "source_not_listed", "list"),
        ("/cdn-cgi/media/width=320/file:///etc/passwd", 403, "source_not_listed", "list"),
        ("/cdn-cgi/media/mode=frame,time=9m/clips/a.mp4", 403, "not_signed", "sign"),
    ];
    for (target, status, code, word) in table {
        let answer = house.get(target);
        if status == 200 {
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            continue;
        }
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert_eq!(answer.code(), code, "{target}: {}", answer.text());
        assert!(answer.text().contains(word), "{target} names `{word}`: {}", answer.text());
        assert_eq!(answer.has("cf-resized"), status == 400 || status == 404 || status == 415, "{target}");
    }
    assert_eq!(children(), before);
}

#[test]
fn a_strangers_many_widths_make_nothing() {
    let house = House::new("");
    let ended = || house.server.metric("renditions_ended_total");
    let before = ended();
    let mut connection = http::Connection::open(house.server.address).expect("a connection");
    for number in 0..10_000 {
        let target = format!("/clips/a.mp4?width={}&height={}", 1_921 + number % 6_000, 90 + number / 6_000);
        connection.send("GET", &target, &[], b"").expect("a request");
        let answer = connection.read(false).expect("an answer");
        assert_eq!(answer.status, 403, "{target}");
    }
    assert_eq!(ended(), before);
    assert_eq!(house.server.metric("renditions_in_flight"), 0.0);
}

#[test]
fn p03_a_kill_in_the_middle_leaves_nothing_that_is_half() {
    let mut house = House::new("[stream]\nwire = \"auto\"\n");
    let long = house.clips.path().join("public/long.mp4");
    video(&long, "1280x720", 60, &[]);
    settle(&long);
    let address = house.server.address;
    let asking = std::thread::spawn(move || {
        let mut connection = http::Connection::open(address).expect("a connection");
        // The answer breaks off when the server is killed.
        connection.send("GET", "/clips/long.mp4?width=640", &[], b"").expect("a request");
        connection.read(false).is_ok_and(|answer| answer.whole)
    });
    eventually("it is being made", Duration::from_secs(60), || {
        house.server.metric("transform_jobs_running") > 0.0
    });
    let making = house.server.data.join("cache/making");
    eventually("some of it is there", Duration::from_secs(60), || {
        let files = std::fs::read_dir(&making).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).any(|file| file.len() > 100_000)
    });
    house.server.kill();
    assert!(!asking.join().expect("the client ends"), "half a video is no whole answer");
    let again = Server::start(&Options::on(&house.server));
    assert_eq!(std::fs::read_dir(&making).expect("the folder").count(), 0, "nothing is left of it");
    let answer = again.get("/clips/long.mp4?mode=frame&width=160", &[]);
    assert_eq!((answer.status, seen(&answer.body).as_str()), (200, "mjpeg,160,90"), "{}", answer.text());
    let anew = again.get("/clips/long.mp4?width=640", &[("Prefer", "respond-async")]);
    assert_eq!(
        (anew.status, anew.header("retry-after")),
        (202, "10"),
        "what was half made is not kept: {}",
        anew.head()
    );
}
