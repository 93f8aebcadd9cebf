//! Purges: who may, what goes, by the API and by the command, with a server and without one.

use std::time::Duration;

use serde_json::{Value, json};

use tests::{eventually, media};

use crate::ground::{House, another, video};

/// Two clips, each as a video by a preset's name and as a picture.
fn stocked() -> House {
    let house = House::new("", "tags = [\"spring\", \"client-7\"]");
    std::fs::create_dir(house.public("sub")).expect("a folder");
    another(&house.public("a b.mp4"), "320x180", 3, 0);
    another(&house.public("sub/b.mp4"), "320x180", 3, 90);
    video(&house.private("c.mp4"), "320x180", 1, 180);
    media::settle(&house.public(""));
    house.keep_targets();
    house
}

const TARGETS: [&str; 5] = [
    "/clips/a%20b.mp4?width=160",
    "/clips/a%20b.mp4?derivative=thumbnail",
    "/clips/sub/b.mp4?width=160",
    "/clips/sub/b.mp4?derivative=thumbnail",
    "/own/c.mp4?width=160",
];

impl House {
    /// Which of the targets come out of the cache; whatever does not is made again.
    fn kept_targets(&self) -> Vec<usize> {
        (0..TARGETS.len()).filter(|at| self.signed_in(TARGETS[*at]).is_hit()).collect()
    }

    fn keep_targets(&self) {
        for target in TARGETS {
            self.kept(target);
        }
    }
}

#[test]
fn a_purge_takes_what_it_names_and_nothing_else() {
    let house = stocked();
    let admin = house.server.admin.bearer();
    let told = house.kept(TARGETS[1]);
    let mut tags: Vec<&str> = told.header("cache-tag").split(',').collect();
    tags.sort_unstable();
    assert_eq!(tags, ["client-7", "derivative:thumbnail", "mode:frame", "origin:clips", "spring"]);
    for (body, left) in [
        (json!({ "paths": ["/clips/a b.mp4"] }), vec![2, 3, 4]),
        (json!({ "paths": ["/clips/%61%20b.mp4"] }), vec![2, 3, 4]),
        (json!({ "paths": ["/clips/sub/*"] }), vec![0, 1, 4]),
        (json!({ "tags": ["derivative:thumbnail"] }), vec![0, 2, 4]),
        (json!({ "tags": ["spring"] }), vec![4]),
        (json!({ "tags": ["nothing"] }), vec![0, 1, 2, 3, 4]),
        (json!({ "origins": ["own"] }), vec![0, 1, 2, 3]),
        (json!({ "tags": ["mode:frame"], "origins": ["own"] }), vec![0, 2]),
        (json!({ "all": true }), vec![]),
    ] {
        let before = house.server.metric("rendition_cache_bytes");
        let answer = house.post("/cdn/purge", &admin, &body.to_string());
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(answer.json()["renditions"], TARGETS.len() - left.len(), "{body}");
        // What is still on its way to somebody takes its room until it is there.
        let said = answer.json()["bytes"].as_f64();
        eventually("what is said is what is free", Duration::from_secs(60), || {
            said == Some(before - house.server.metric("rendition_cache_bytes"))
        });
        assert_eq!(house.kept_targets(), left, "{body}");
        house.keep_targets();
    }
}

#[test]
fn what_is_kept_of_each_kind_is_told_and_goes_by_its_tag() {
    let house = stocked();
    let admin = house.server.admin.bearer();
    let kept = || {
        let answer = house.server.get("/cdn/cache", &[("Authorization", &admin)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let modes = |told: &Value| {
        let kinds = told["kinds"].as_array().expect("kinds").iter();
        kinds.map(|kind| (kind["mode"].to_string(), kind["entries"].as_u64())).collect::<Vec<_>>()
    };
    let told = kept();
    let [frame, video] = ["\"frame\"", "\"video\""].map(str::to_owned);
    assert_eq!(modes(&told), [(frame, Some(2)), (video.clone(), Some(3))], "{told}");
    let bytes: u64 =
        told["kinds"].as_array().expect("kinds").iter().filter_map(|kind| kind["bytes"].as_u64()).sum();
    assert_eq!((told["taken_bytes"].as_u64(), &told["entries"]), (Some(bytes), &json!(5)), "{told}");
    assert!(told["limit_bytes"].as_u64() > Some(bytes), "{told}");
    let purge = json!({ "tags": [told["kinds"][0]["tag"]] }).to_string();
    let purged = house.post("/cdn/purge", &admin, &purge).json();
    assert_eq!((&purged["renditions"], &purged["bytes"]), (&json!(2), &told["kinds"][0]["bytes"]));
    let after = kept();
    assert_eq!(modes(&after), [(video, Some(3))], "{after}");
    assert_eq!(after["taken_bytes"].as_u64(), told["kinds"][1]["bytes"].as_u64(), "{after}");
}

#[test]
fn p08_who_may_not_purge_or_names_nothing_is_refused_by_name() {
    let house = House::new("", "");
    let (admin, mira) = (house.server.admin.bearer(), house.server.mira.bearer());
    let long = format!("{{\"tags\":[\"{}\"]}}", "x".repeat(300_000));
    for (bearer, body, status, code) in [
        ("Bearer wrong", r#"{"all":true}"#, 401, "sign_in_wrong"),
        (&*mira, r#"{"all":true}"#, 403, "not_allowed"),
        (&*admin, "{}", 400, "invalid"),
        (&*admin, "[]", 400, "invalid"),
        (&*admin, "{\"all\":", 400, "invalid"),
        (&*admin, r#"{"paths":["/nowhere/a.mp4"]}"#, 400, "invalid"),
        (&*admin, r#"{"everything":true}"#, 400, "invalid"),
        (&*admin, &*long, 400, "invalid"),
        (&*admin, r#"{"all":true}"#, 200, ""),
    ] {
        let answer = house.post("/cdn/purge", bearer, body);
        let said = format!("{body:.40}: {}", answer.text());
        assert_eq!(answer.status, status, "{said}");
        assert_eq!(answer.code(), code, "{said}");
    }
    let nobody = house.server.send("POST", "/cdn/purge", &[("Content-Type", "application/json")], b"{}");
    assert_eq!(nobody.code(), "sign_in_needed");
    let form = house.server.send("POST", "/cdn/purge", &[("Authorization", &admin)], b"all=true");
    assert_eq!((form.status, &*form.code()), (415, "not_json"));
    let basic = house.server.admin.basic();
    let page =
        [("Authorization", &*basic), ("Content-Type", "application/json"), ("Sec-Fetch-Site", "cross-site")];
    let foreign = house.server.send("POST", "/cdn/purge", &page, br#"{"all":true}"#);
    assert_eq!(foreign.code(), "other_origin", "a foreign page may not use a browser's sign-in");
    assert_eq!(house.server.get("/cdn/purge", &[]).status, 405);
}

#[test]
fn the_command_purges_what_a_running_server_has_and_what_none_has() {
    let mut house = stocked();
    let (done, said) = house.command(&["purge", "--path", "/clips/a b.mp4", "--tag", "origin:own"]);
    assert!(done && said.contains("3 renditions"), "{said}");
    assert_eq!(house.kept_targets(), [2, 3]);
    house.keep_targets();
    house.server.stop();
    let (done, said) = house.command(&["purge", "--origin", "clips"]);
    assert!(done && said.contains("4 renditions"), "{said}");
    house.start_again();
    assert_eq!(house.kept_targets(), [4]);
    for (arguments, expected) in [
        (vec!["purge"], "it names nothing"),
        (vec!["purge", "--all", "--tag", "a"], "`all` stands alone"),
        (vec!["purge", "--path", "/elsewhere/a.mp4"], "is in no origin"),
        (vec!["purge", "--key", "abc"], "is no key"),
        (vec!["purge", "--origin", "nobody"], "there is no origin"),
    ] {
        let (done, said) = house.command(&arguments);
        assert!(!done && said.contains(expected), "{arguments:?}: {said}");
    }
    let (done, said) = house.command(&["purge", "--help"]);
    assert!(done && said.contains("millpond purge --path /clips/a.mp4"), "{said}");
}

#[test]
fn making_is_limited_for_an_address_and_what_is_made_already_never_is() {
    let house = House::new("[transform]\njobs_max = 2\n", "");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    video(&house.public("long.mp4"), "1280x720", 40, 0);
    let made = "/clips/a.mp4?width=160";
    house.kept(made);
    let jobs = [160, 320, 480, 640, 854, 1_280, 1_920].map(|width| format!("/clips/long.mp4?width={width}"));
    let more = ["mode=frame", "mode=audio", "mode=spritesheet"].map(|mode| format!("/clips/long.mp4?{mode}"));
    let mut refused = None;
    for target in jobs.iter().chain(&more) {
        let answer = house.server.get(target, &[("Prefer", "respond-async")]);
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert!(matches!(answer.status, 202 | 200), "{target}: {}", answer.text());
    }
    let refused = refused.expect("one address may not have so much in the making");
    assert_eq!(refused.code(), "too_many");
    assert!(refused.has("retry-after"), "{}", refused.head());
    for _ in 0..20 {
        let answer = house.get(made);
        assert!(answer.is_hit() && answer.status == 200, "{}", answer.head());
    }
    let original = house.get("/clips/a.mp4");
    assert_eq!(original.status, 200, "nor is the source");
}
