//! What a song was taken apart into, more than once and in more than one way.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::eventually;

use super::{House, SECONDS, WITHIN, pcm};

/// The samples of a 16-bit WAV with the plain head.
fn samples(wav: &[u8]) -> Vec<i32> {
    let words = wav[44..].chunks_exact(2);
    words.map(|two| i32::from(i16::from_le_bytes([two[0], two[1]]))).collect()
}

/// How far the sum of some stems is from that of others, at most, in steps of 16 bits.
pub(super) fn apart(some: &[&[u8]], others: &[&[u8]]) -> i32 {
    let sum = |wavs: &[&[u8]]| {
        let mut sum = vec![0; samples(wavs[0]).len()];
        for wav in wavs {
            sum.iter_mut().zip(samples(wav)).for_each(|(sum, sample)| *sum += sample);
        }
        sum
    };
    let (some, others) = (sum(some), sum(others));
    assert_eq!(some.len(), others.len());
    some.iter().zip(&others).map(|(one, other)| (one - other).abs()).max().unwrap_or(0)
}

#[test]
fn a_song_that_was_taken_into_four_has_its_instrumental_too() {
    let house = House::new();
    house.split(&house.track, 4);
    let id = house.instrumentals().expect("the folder");
    let mira = &house.server.mira;
    let song = house.server.track("Reed Song (Instrumental)");
    let found = house.server.subsonic("getAlbumList2", &format!("type=newest&musicFolderId={id}"));
    assert_eq!(found["albumList2"]["album"][0]["songCount"], 1, "{found}");
    let played = house.server.get(&format!("/rest/stream?id={song}&{}", mira.by_key()), &[]).body;
    let stems = ["drums", "bass", "other"].map(|name| house.stem(&format!("{name}.wav")).body);
    let parts: Vec<&[u8]> = stems.iter().map(Vec::as_slice).collect();
    assert!(played == house.stem("accompaniment.wav").body);
    assert!(apart(&[&played], &parts) <= 2, "it is all of the stems but the vocals");
    // What was asked for is four stems, wherever they come together.
    let target = format!("/tracks/{}/stems", house.track);
    let listed = house.ask(mira, "GET", &target, &[]).json();
    let names: Vec<_> = listed["stems"].as_array().expect("stems").iter().map(|stem| &stem["name"]).collect();
    assert_eq!(names, ["vocals", "drums", "bass", "other"]);
    let frames = SECONDS as usize * 44_100;
    assert_eq!(house.stem("all.wav").body.len(), 68 + frames * 16);
    let again = house.ask(mira, "POST", &format!("{target}?stems=4"), &[]).json();
    let zip =
        house.ask(mira, "GET", &format!("/jobs/{}/result", again["job_id"].as_str().expect("a job")), &[]);
    assert_eq!(zip.status, 200, "{again} {}", zip.text());
    let has = |name: &str| zip.body.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    assert!(has("other.wav") && !has("accompaniment.wav"), "four stems and nothing beside them");
    // It goes with the file that it is.
    let fields = [("Content-Type", "application/json"), ("Authorization", &house.server.admin.bearer())];
    assert_eq!(house.server.send("POST", "/cdn/purge", &fields, br#"{"all":true}"#).status, 200);
    eventually("the folder is gone", Duration::from_secs(60), || house.instrumentals().is_none());
}

#[test]
fn each_set_of_a_song_is_found_by_its_number_and_mixed_with_no_other() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("core/stems/tests/data/4stems");
    let house = House::new();
    let models = std::process::Command::new(tests::binary())
        .args(["models", "add", "spleeter:4stems"])
        .arg(&model)
        .arg("--data")
        .arg(&house.server.data)
        .output()
        .expect("millpond starts");
    assert!(models.status.success(), "{}", String::from_utf8_lossy(&models.stderr));
    let mira = &house.server.mira;
    let target = format!("/tracks/{}/stems", house.track);
    let job = |query: &str| {
        let answer = house.ask(mira, "POST", &format!("{target}?{query}"), &[]);
        assert!(matches!(answer.status, 200 | 202), "{query}: {}", answer.text());
        let (is_done, job) =
            (answer.status == 200, answer.json()["job_id"].as_str().expect("an id").to_owned());
        eventually("the job is done", WITHIN, || {
            let status = house.ask(mira, "GET", &format!("/jobs/{job}/status"), &[]).json();
            assert!(status["job"]["status"] != "failed", "{status}");
            status["job"]["status"] == "completed"
        });
        is_done
    };
    let wishes =
        [("stems=2&engine=spectral", "spectral", 2), ("stems=4", "spleeter", 4), ("stems=2", "spleeter", 2)];
    let sets: Vec<(Value, Vec<u8>)> = wishes
        .iter()
        .map(|(query, engine, count)| {
            assert!(!job(query), "{query} was not made before");
            let listed = house.ask(mira, "GET", &target, &[]).json();
            assert_eq!(
                (&listed["engine"], listed["stems"].as_array().map(Vec::len)),
                (&(*engine).into(), Some(*count))
            );
            // The same by another word is the same set.
            assert!(job(&format!("stems={count}&engine={engine}")), "{query} is there");
            assert_eq!(house.ask(mira, "GET", &target, &[]).json()["set"], listed["set"]);
            let all = listed["all"][0].as_str().expect("an address");
            assert!(all.ends_with(&format!("{target}/all.wav?set={}", listed["set"])), "{all}");
            (listed, house.stem("all.wav").body)
        })
        .collect();
    let numbers: std::collections::HashSet<String> =
        sets.iter().map(|(set, _)| set["set"].to_string()).collect();
    assert_eq!(numbers.len(), 3, "each is a set of its own: {numbers:?}");
    let of =
        |set: &Value, name: &str| house.ask(mira, "GET", &format!("{target}/{name}?set={}", set["set"]), &[]);
    for (set, all) in &sets {
        let names: Vec<&str> = set["stems"]
            .as_array()
            .expect("stems")
            .iter()
            .map(|stem| stem["name"].as_str().expect("a name"))
            .collect();
        assert!(of(set, "all.wav").body == *all, "{set}");
        assert!(pcm(&of(set, "all.flac").body) == all[68..], "{set}");
        let stems: Vec<Vec<u8>> = names.iter().map(|name| of(set, &format!("{name}.wav")).body).collect();
        let frames = SECONDS as usize * 44_100;
        let woven: Vec<u8> = (0..frames)
            .flat_map(|i| stems.iter().flat_map(move |stem| stem[44 + 4 * i..48 + 4 * i].to_vec()))
            .collect();
        assert!(all[68..] == woven, "{set}: its own stems, in their order");
    }
    let four = &sets[1].0;
    assert_eq!(of(&sets[0].0, "drums.wav").status, 404, "two stems have none");
    assert_eq!(of(four, "drums.wav").status, 200);
    assert!(of(four, "vocals.wav").body != of(&sets[0].0, "vocals.wav").body);
    assert_eq!(house.ask(mira, "GET", &format!("{target}/vocals.wav?set=4711"), &[]).status, 404);
}
