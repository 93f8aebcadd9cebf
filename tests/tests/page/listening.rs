//! Listeners play, keep, sort and find.

use serde_json::{Value, json};
use tests::media::{ffmpeg, noise, video};
use tests::{Library, Options, Server, eventually, sound};

use super::looks::looked_at;
use super::{CONFIG, LONG, Music, SCRIPT, WITHIN, has_page, play};

/// Makes a playlist of Mira's, and gives its id.
fn playlist(server: &Server, name: &str, titles: &[&str]) -> Value {
    let tracks: Vec<_> = titles.iter().map(|title| server.track(title)).collect();
    let made = json!({ "name": name, "tracks": tracks }).to_string();
    let fields = [("Authorization", &*server.mira.bearer()), ("Content-Type", "application/json")];
    server.send("POST", "/playlists", &fields, made.as_bytes()).json()["id"].clone()
}

#[test]
fn a_listener_plays_seeks_searches_and_keeps() {
    let music = Music::new();
    let server = music.serve();
    assert!(has_page(&server));
    let seen =
        play(server.address, &server.mira, "listen", json!({ "long": LONG, "word": "img", "found": SCRIPT }));
    assert!(seen["heard"].as_f64() > Some(0.01), "{seen}");
    assert!(seen["length"].as_f64() > Some(599.0) && seen["atEnd"].as_f64() > Some(592.0), "{seen}");
    assert_eq!(seen["scripts"], 0, "a title is text: {seen}");
}

#[test]
fn a_video_gets_another_size() {
    let folder = tempfile::tempdir().expect("a folder");
    video(&folder.path().join("Moving.mp4"), "1280x720", 8, &[]);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(CONFIG));
    let id = server.track("Moving");
    let bearer = server.mira.bearer();
    let target = format!("/videos/{id}");
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&target, &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    let seen = play(server.address, &server.mira, "rendition", json!({ "video": id }));
    assert_eq!(seen["width"], 320, "{seen}");
}

#[test]
fn a_server_without_room_is_asked_again() {
    const WORDS: &str = "the server has enough to make at the moment";
    let folder = tempfile::tempdir().expect("a folder");
    video(&folder.path().join("Moving.mp4"), "1280x720", 4, &[]);
    noise(&folder.path().join("Sung.wav"), 60);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG));
    let id = server.track("Moving");
    let (bearer, target) = (server.mira.bearer(), format!("/videos/{id}"));
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&target, &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    let more = json!({ "video": id, "song": "Sung", "words": WORDS });
    let seen = play(server.address, &server.mira, "busy", more);
    // It is refused twice, and the second time waits twice as long.
    let waits = [1, 2].map(|after_s| {
        json!(format!("The server has enough to make at the moment; this goes on by itself in {after_s} s."))
    });
    assert!(waits.contains(&seen["waits"]), "{seen}");
    assert_eq!(seen["refusal"], "The server has enough to make at the moment.", "{seen}");
}

#[test]
fn a_server_that_was_away_is_listened_to_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["One", "Three", "Two"];
    for name in names {
        noise(&folder.path().join(format!("{name}.wav")), 60);
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 3, ..Options::default() }.config(CONFIG));
    let songs = names.map(|name| json!({ "name": name, "id": server.track(name) }));
    let seen = play(server.address, &server.mira, "away", json!({ "songs": songs }));
    assert_eq!(
        seen["waits"], "Two waits: The server cannot be reached; this goes on when it is back",
        "{seen}"
    );
    assert_eq!(seen["before"], 0, "a remembered song is not fetched: {seen}");
    assert!(seen["after"].as_u64() > Some(0), "it is when it plays: {seen}");
}

#[test]
fn ways_lead_back_to_where_one_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"];
    for (seed, name) in (1..).zip(names) {
        std::fs::write(folder.path().join(format!("{name}.wav")), sound::wav(seed, 20_000)).expect("a file");
    }
    let libraries = vec![folder.path().to_owned()];
    let options = Options { libraries, tracks: names.len(), ..Options::default() };
    let server = Server::start(&options.config(CONFIG));
    let seen = play(server.address, &server.mira, "ways", json!({ "word": "seven" }));
    assert_eq!(seen["back"], "#/songs", "a search is one way: {seen}");
}

#[test]
fn songs_change_places_by_keys_and_the_queue_is_known_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let titles = ["One", "Two", "Three"];
    for title in titles {
        noise(&folder.path().join(format!("{title}.wav")), 60);
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 3, ..Options::default() }.config(CONFIG));
    let more = json!({ "playlist": playlist(&server, "ordered", &titles), "titles": titles });
    let seen = play(server.address, &server.mira, "order", more);
    assert_eq!(seen["list"], json!(["Two", "One", "Three"]), "{seen}");
    assert_eq!(seen["focused"], "Play One", "the focus goes with the song: {seen}");
    assert_eq!(
        (&seen["queue"], &seen["kept"]),
        (&json!(["Two", "Three", "One"]), &json!(["Two", "Three", "One"])),
        "{seen}"
    );
    assert_eq!(seen["elsewhere"], "Two", "{seen}");
    assert!(seen["at"].as_f64() > Some(0.9), "{seen}");
}

#[test]
fn a_queue_that_is_shuffled_no_more_is_in_its_order_with_what_became_of_it_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let titles: Vec<String> = (1..=12).map(|number| format!("Song {number:02}")).collect();
    let (next, late) = ("Next", "Late");
    // The first one plays until the end of the scene.
    noise(&folder.path().join("Song 01.wav"), 300);
    for (seed, title) in (1..).zip(titles.iter().skip(1).map(String::as_str).chain([next, late])) {
        std::fs::write(folder.path().join(format!("{title}.wav")), sound::wav(seed, 20_000)).expect("a file");
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 14, ..Options::default() }.config(CONFIG));
    let names: Vec<&str> = titles.iter().map(String::as_str).collect();
    let more = json!({ "playlist": playlist(&server, "Ordered", &names), "titles": titles, "next": next, "late": late });
    let seen = play(server.address, &server.mira, "shuffled", more);
    let (mixed, changed) =
        (seen["mixed"].as_array().expect("titles"), seen["changed"].as_array().expect("titles"));
    assert_eq!((mixed.len(), changed.len()), (12, 13), "{seen}");
    assert_ne!(mixed, &names, "{seen}");
    // Behind the song that played when it was queued, without the one that was removed, and with what was queued last.
    let mut wanted = vec![names[0], next];
    wanted.extend(names.iter().skip(1).filter(|name| **name != "Song 04"));
    wanted.push(late);
    assert_eq!(seen["orders"], json!([wanted, wanted, wanted]), "{seen}");
    assert_eq!(seen["focused"], true, "{seen}");
    assert_eq!((&seen["goesOn"], &seen["kept"]), (&json!(true), &json!([true, true])), "{seen}");
}

#[test]
fn a_rating_is_known_wherever_its_song_is_shown_and_taken_back_when_it_is_refused() {
    let music = Music::new();
    let server = music.serve();
    let more = json!({ "song": LONG, "song_id": server.track(LONG), "words": "you may not rate this" });
    let seen = play(server.address, &server.mira, "rated", more);
    assert_eq!(seen["early"], json!(["Rate 4 of 5", 0]), "it is shown before the server knows it: {seen}");
    assert_eq!(
        (&seen["elsewhere"], &seen["refused"]),
        (&json!("Rate 4 of 5"), &json!("Rate 4 of 5")),
        "{seen}"
    );
    assert_eq!(seen["none"], "", "{seen}");
}

#[test]
fn a_locked_telephone_is_told_where_a_song_is() {
    let music = Music::new();
    let server = music.serve();
    let seen = play(server.address, &server.mira, "locked", json!({ "song": LONG, "songs": 2 }));
    for when in ["plays", "sought", "rests"] {
        let (at, length) = (seen[when]["at"]["position"].as_f64(), seen[when]["at"]["duration"].as_f64());
        assert!(at >= Some(0.0) && at <= length && length > Some(599.0), "{when}: {seen}");
    }
    assert_eq!(seen["none"], json!({ "state": "none", "at": null, "title": null }), "{seen}");
}

#[test]
fn lists_that_are_longer_than_an_answer_are_shown_to_their_last_row() {
    const LISTS: usize = 600;
    /// More than the server gives at once of one artist, and one each of others, who are more than a page of the list.
    const ALBUMS: u64 = 510;
    const OTHERS: u64 = 110;
    let server = Server::start(&Options::default().config(CONFIG));
    let bearer = server.mira.bearer();
    let fields = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    for number in 0..LISTS {
        let body = json!({ "name": format!("List {number:03}") }).to_string();
        assert_eq!(server.send("POST", "/playlists", &fields, body.as_bytes()).status, 201);
    }
    let send = |number: u64, artist: String| {
        let words = format!(
            "filename={number}.wav&title=Many%20{number}&artist={artist}&album=Many%20Days%20{number}"
        );
        let sent = server.send("PUT", &format!("/uploads?{words}"), &fields[..1], &sound::wav(number, 4_000));
        assert_eq!(sent.status, 201, "{}", sent.text());
        sent.json()["track_id"].as_str().expect("an id").to_owned()
    };
    let tracks: Vec<String> = (0..ALBUMS).map(|number| send(number, "Many%20Fish".to_owned())).collect();
    for number in 0..OTHERS {
        send(ALBUMS + number, format!("Many%20Others%20{number}"));
    }
    let artist = server.get(&format!("/tracks/{}", tracks[0]), &fields).json()["artist_id"].clone();
    let (all, artists) = (ALBUMS + OTHERS, OTHERS + 1);
    let more = json!({ "lists": LISTS, "list": format!("List {:03}", LISTS - 1), "artist": artist, "word": "many",
        "of_artist": ALBUMS, "albums": all, "songs": all, "artists": artists });
    let seen = play(server.address, &server.mira, "many", more);
    let count =
        |list: &str| seen["seen"][list]["of"].as_str().expect("a number").parse::<u64>().expect("a number");
    assert_eq!(
        ["playlists", "of_artist", "artists", "albums", "songs"].map(count),
        [LISTS as u64, ALBUMS, artists, all, all],
        "{seen}"
    );
    assert!(seen["rows"].as_u64() < Some(120), "few are held: {seen}");
}

#[test]
fn a_genre_and_all_that_a_search_finds_of_a_kind_are_for_everybody() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let genre = server.get("/genres", &[("Authorization", &server.admin.bearer())]).json();
    let genre = genre["genres"][0]["name"].as_str().expect("a genre").to_owned();
    let kinds = ["artists", "albums", "songs"].map(|kind| format!("search/r/{kind}"));
    let views: Vec<String> = kinds.into_iter().chain([format!("genre/{genre}")]).collect();
    let forms = views.len() + 1;
    looked_at(&server, &server.admin, json!({ "named": "of-a-kind-", "views": views }), forms);
}

#[test]
fn songs_are_as_loud_as_their_tags_say_from_the_first_sound_and_follow_each_other_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, last] = ["First", "Last"];
    for title in [first, last] {
        let tone = "aevalsrc=0.5*sin(2*PI*440*t):duration=40";
        let (title_tag, gain_tag) = (format!("title={title}"), "REPLAYGAIN_TRACK_GAIN=-20.00 dB");
        let words = ["-f", "lavfi", "-i", tone, "-metadata", &title_tag, "-metadata", gain_tag];
        ffmpeg(words, &folder.path().join(format!("{title}.flac")));
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG));
    let list = playlist(&server, "Round", &[first, last]);
    let more = json!({ "playlist": list, "first": first, "first_id": server.track(first), "last": last });
    let seen = play(server.address, &server.mira, "even", more);
    assert_eq!(seen["during"], last, "it is there before it is needed: {seen}");
    // Half of full scale, 20 dB lower.
    assert!(seen["heard"].as_f64() > Some(0.03) && seen["most"].as_f64() < Some(0.08), "{seen}");
}

#[test]
fn a_form_that_the_browser_cannot_play_does_not_stop_the_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["First", "Middle", "Last"];
    for (name, suffix) in names.into_iter().zip(["wav", "aiff", "wav"]) {
        let sound = "sine=frequency=440:duration=30";
        ffmpeg(["-f", "lavfi", "-i", sound], &folder.path().join(format!("{name}.{suffix}")));
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 3, ..Options::default() }.config(CONFIG));
    let admin = server.admin.bearer();
    let users = server.get("/users", &[("Authorization", &admin)]).json();
    let is_mira = |user: &&Value| user["name"] == server.mira.name;
    let user = users["users"].as_array().expect("users").iter().find(is_mira).expect("Mira")["id"].clone();
    let (list, alone) = (playlist(&server, "Forms", &names), playlist(&server, "Alone", &["Middle"; 2]));
    let more = json!({ "playlist": list, "alone": alone, "names": names, "user": user, "admin": admin });
    let seen = play(server.address, &server.mira, "forms", more);
    assert_eq!(seen["during"], "First", "it is there before it is needed: {seen}");
    assert_eq!(seen["says"], "Middle is played as MP3: this browser cannot play its file", "{seen}");
    assert!(seen["at"].as_f64() > Some(14.0), "{seen}");
    assert_eq!(seen["rests"], true, "{seen}");
}

#[test]
fn a_playlist_of_many_thousands_is_read_and_changed_in_parts() {
    const SONGS: usize = 20_000;
    let music = Music::new();
    let server = music.serve();
    let (long, other) = (server.track(LONG), server.track(SCRIPT));
    let list = playlist(&server, "Endless", &[]);
    let bearer = server.mira.bearer();
    let fields = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let part = json!({ "add": vec![&long; SONGS / 4] }).to_string();
    let target = format!("/playlists/{}/tracks", list.as_str().expect("an id"));
    for _ in 0..4 {
        assert_eq!(server.send("PATCH", &target, &fields, part.as_bytes()).status, 200);
    }
    let changed = json!({ "remove": [SONGS - 1] }).to_string();
    assert_eq!(server.send("PATCH", &target, &fields, changed.as_bytes()).status, 200);
    let changed = json!({ "add": [other] }).to_string();
    assert_eq!(server.send("PATCH", &target, &fields, changed.as_bytes()).status, 200);
    let seen = play(server.address, &server.mira, "endless", json!({ "playlist": list, "songs": SONGS }));
    assert_eq!(seen["shown"], json!([SCRIPT, LONG]), "{seen}");
    let more = seen["after"].as_f64().expect("bytes") - seen["before"].as_f64().expect("bytes");
    assert!(more < 8e6 && seen["rows"].as_u64() < Some(60), "{seen}");
    let (sent, received) = (seen["moved"]["sent"].as_u64(), seen["moved"]["received"].as_u64());
    assert!(sent < Some(400) && received < Some(4_000), "two changes of {SONGS} songs: {seen}");
    println!("{seen}");
}

#[test]
fn a_playlist_shows_what_the_server_has_when_the_line_is_slow_or_gone() {
    const SONGS: usize = 150;
    let music = Music::new();
    let server = music.serve();
    let titles: Vec<_> = [LONG, SCRIPT].into_iter().cycle().take(SONGS).collect();
    let list = playlist(&server, "Hurried", &titles);
    let more = json!({ "playlist": list, "list": "Hurried", "songs": SONGS });
    let seen = play(server.address, &server.mira, "hurried", more);
    assert_eq!(seen["removed"], json!([SCRIPT, LONG, SCRIPT]), "{seen}");
    assert_eq!(seen["undone"], seen["removed"], "{seen}");
    assert_eq!((&seen["status"], &seen["shown"]), (&json!(200), &json!([LONG, SCRIPT, SCRIPT])), "{seen}");
    assert_eq!(seen["shown"], seen["has"], "{seen}");
}

#[test]
fn a_listener_far_down_in_a_playlist_stays_there_while_the_library_grows() {
    const SONGS: usize = 150;
    let music = Music::new();
    let server = music.serve();
    let [file, copy] = [SCRIPT, "Later"].map(|name| music.folder.path().join(format!("{name}.wav")));
    let list = playlist(&server, "Deep", &[LONG; SONGS]);
    let admin = server.admin.bearer();
    let more = json!({ "playlist": list, "songs": SONGS, "file": file, "copy": copy, "admin": admin });
    let seen = play(server.address, &server.mira, "stays", more);
    assert!(seen["place"].as_f64() > Some(5_000.0), "{seen}");
    assert_eq!((&seen["now"], &seen["same"]), (&seen["place"], &json!(true)), "{seen}");
}

#[test]
fn a_playlist_gets_another_name() {
    let server = Server::start(&Options::default().config(CONFIG));
    let more = json!({ "playlist": playlist(&server, "Pond", &[]), "next": "Pond at night" });
    assert_eq!(play(server.address, &server.mira, "rename", more)["names"], json!(["Pond at night"]));
}

#[test]
fn a_letter_leads_to_its_names() {
    let server = Server::start(&Options::default().config(CONFIG));
    let bearer = server.mira.bearer();
    // More than a page of them, so that the last ones are read by their letter alone.
    for number in 0..150_u64 {
        let letter = (b'A' + (number / 6) as u8) as char;
        let target = format!(
            "/uploads?filename={number}.wav&artist={letter}nders%20{number}&album={letter}%20days%20{number}"
        );
        let sent = server.send("PUT", &target, &[("Authorization", &bearer)], &sound::wav(number, 4_000));
        assert_eq!(sent.status, 201, "{}", sent.text());
    }
    let jumps = [("artists", "X"), ("albums/name", "T"), ("albums/artist", "Y"), ("artists", "B")];
    let seen = play(server.address, &server.mira, "letters", json!({ "jumps": jumps }));
    for (view, name) in [("albums/name", "T days"), ("albums/artist", "Y days"), ("artists", "Bnders")] {
        assert!(seen[view]["first"].as_str().is_some_and(|text| text.contains(name)), "{view}: {seen}");
    }
}
