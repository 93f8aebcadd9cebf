//! Services are told what users play, by requests that the services document, and whatever happens in between.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

#[path = "scrobble/service.rs"]
mod service;

use std::collections::BTreeSet;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use service::{Asked, Reply, Service};
use tests::people::{Login, md5_hex};
use tests::{Library, Options, Server, eventually, media};

/// What is told is told within this time on a busy machine.
const SOON: Duration = Duration::from_secs(20);
const VALIDATE: &str = "GET /lb/1/validate-token";
const SUBMIT: &str = "POST /lb/1/submit-listens";
const TOKEN: &str = "t0ken-canary";
const SECRET: &str = "s3cret-canary";

/// A ListenBrainz that knows one token and takes everything.
fn listenbrainz(asked: &Asked) -> Reply {
    if asked.authorization != format!("Token {TOKEN}") {
        return Reply::of(401, &json!({"code": 401, "error": "Invalid authorization token."}));
    }
    match &*asked.what {
        VALIDATE => Reply::of(200, &json!({"code": 200, "valid": true, "user_name": "mira-lb"})),
        SUBMIT => Reply::of(200, &json!({"status": "ok"})),
        other => panic!("nobody asks this of ListenBrainz: {other}"),
    }
}

fn config(service: &Service) -> String {
    let address = service.address;
    format!(
        "[outgoing]\nprivate = [\"127.0.0.1\"]\n[scrobble]\nlistenbrainz_url = \"http://{address}/lb\"\n\
         lastfm_url = \"http://{address}/2.0/\"\nlastfm_key = \"key-1\"\nlastfm_secret = \"{SECRET}\"\n"
    )
}

fn started(service: &Service) -> Server {
    Server::start(&Options::library(&Library::small()).config(&config(service)))
}

fn connect(server: &Server, login: &Login, name: &str, form: &Value) -> tests::http::Answer {
    let fields = [("Authorization", &*login.bearer()), ("Content-Type", "application/json")];
    server.send("PUT", &format!("/me/scrobbling/{name}"), &fields, form.to_string().as_bytes())
}

/// The account of Mira at a service, as she sees it.
fn account(server: &Server, name: &str) -> Value {
    account_of(server, &server.mira, name)
}

fn account_of(server: &Server, login: &Login, name: &str) -> Value {
    let answer = server.get("/me/scrobbling", &[("Authorization", &login.bearer())]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains(TOKEN), "what was written is never read");
    let accounts = answer.json()["accounts"].as_array().cloned().expect("a list");
    accounts.into_iter().find(|account| account["service"] == name).unwrap_or_default()
}

fn connected(server: &Server) {
    let answer = connect(server, &server.mira, "listenbrainz", &json!({ "token": TOKEN }));
    assert_eq!(answer.status, 202, "{}", answer.text());
    await_state(server, "listenbrainz", "connected");
}

fn await_state(server: &Server, name: &str, state: &str) {
    eventually(&format!("{name} is {state}"), SOON, || account(server, name)["state"] == state);
}

/// A call of Mira's player.
fn rest(server: &Server, login: &Login, endpoint: &str, query: &str) {
    let answer = server.get(&format!("/rest/{endpoint}?{query}&{}", login.by_key()), &[]);
    assert_eq!(answer.json()["subsonic-response"]["status"], "ok", "{}", answer.text());
}

/// Mira played a song at this second.
fn play(server: &Server, title: &str, second: i64) {
    let id = server.track(title);
    rest(server, &server.mira, "scrobble", &format!("id={id}&time={second}999"));
}

/// Moments and titles of all plays that ListenBrainz took, in the order in which it was told.
fn told(service: &Service) -> Vec<(i64, String)> {
    let of = |asked: Asked| asked.json()["payload"].as_array().cloned().unwrap_or_default();
    let listens = service.asked(SUBMIT).into_iter().flat_map(of);
    let of = |listen: Value| {
        let title = listen["track_metadata"]["track_name"].as_str()?.to_owned();
        Some((listen["listened_at"].as_i64()?, title))
    };
    listens.filter_map(of).collect()
}

fn plays(titles: &[(i64, &str)]) -> Vec<(i64, String)> {
    titles.iter().map(|(at, title)| (*at, (*title).to_owned())).collect()
}

fn await_told(service: &Service, titles: &[(i64, &str)]) {
    let expected = plays(titles);
    eventually(&format!("{expected:?} is told"), SOON, || told(service).len() >= expected.len());
    assert_eq!(told(service), expected);
}

#[test]
fn listenbrainz_is_told_what_begins_and_what_was_played_and_by_nobody_else() {
    let service = Service::start(listenbrainz);
    let server = started(&service);
    play(&server, "Pebble", 1_700_000_000);
    connected(&server);
    assert_eq!(account(&server, "listenbrainz")["account"], "mira-lb");
    let ripple = server.track("First Ripple");
    rest(&server, &server.mira, "scrobble", &format!("id={ripple}&submission=false"));
    eventually("it is told what begins", SOON, || !service.asked(SUBMIT).is_empty());
    let begun = service.asked(SUBMIT)[0].json();
    assert_eq!(begun["listen_type"], "playing_now");
    assert_eq!(begun["payload"][0]["listened_at"], Value::Null);
    rest(&server, &server.admin, "scrobble", &format!("id={ripple}&time=1700000050000"));
    play(&server, "First Ripple", 1_700_000_100);
    await_told(&service, &[(1_700_000_100, "First Ripple")]);
    let single = service.asked(SUBMIT)[1].clone();
    assert_eq!(single.authorization, format!("Token {TOKEN}"));
    assert_eq!(single.json()["listen_type"], "single");
    let data = &single.json()["payload"][0]["track_metadata"];
    assert_eq!((&data["artist_name"], &data["release_name"]), (&json!("Ada Pond"), &json!("Morning Water")));
    let info = &data["additional_info"];
    assert_eq!((&info["submission_client"], &info["tracknumber"]), (&json!("Millpond"), &json!(1)));
    assert!((2_900..3_300).contains(&info["duration_ms"].as_u64().expect("a length")), "{info}");

    let (reed, flag) = (server.track("Cattail"), server.track("Sweet Flag"));
    let query = format!("id={reed}&time=1700000200000&id={flag}&time=1700000300000");
    rest(&server, &server.mira, "scrobble", &query);
    eventually("both are told", SOON, || told(&service).len() == 3);
    assert_eq!(service.asked(SUBMIT)[2].json()["listen_type"], "import");
    eventually("it is remembered", SOON, || account(&server, "listenbrainz")["plays"]["told"] == 3);

    let gone = server.send(
        "DELETE",
        "/me/scrobbling/listenbrainz",
        &[("Authorization", &server.mira.bearer())],
        b"",
    );
    assert_eq!(gone.status, 204);
    assert_eq!(account(&server, "listenbrainz"), Value::Null);
    play(&server, "Gravel", 1_700_000_400);
    assert_eq!(told(&service).len(), 3);
}

#[test]
fn a_play_that_was_counted_is_told_once_after_the_server_was_killed() {
    let service = Service::start(listenbrainz);
    let mut server = started(&service);
    connected(&server);
    service.becomes(|_| Reply::busy(503));
    for (at, title) in [(1_700_000_100, "Cattail"), (1_700_000_200, "Bulrush"), (1_700_000_300, "Pebble")] {
        play(&server, title, at);
    }
    eventually("the service was asked and had no time", SOON, || {
        account(&server, "listenbrainz")["trouble"] == "ListenBrainz answered: status 503"
    });
    assert_eq!(account(&server, "listenbrainz")["plays"]["waiting"], 3);
    server.kill();
    let refused = service.asked(SUBMIT).len();
    service.becomes(listenbrainz);
    let server = Server::start(&Options::on(&server));
    let taken = || service.asked(SUBMIT).split_off(refused);
    eventually("the service is told", SOON, || !taken().is_empty());
    eventually("it is remembered", SOON, || account(&server, "listenbrainz")["plays"]["waiting"] == 0);
    let once = taken();
    assert_eq!(once.len(), 1, "{once:?}");
    let listens = once[0].json()["payload"].as_array().cloned().expect("a list");
    let moments: Vec<_> = listens.iter().filter_map(|listen| listen["listened_at"].as_i64()).collect();
    assert_eq!(moments, [1_700_000_100, 1_700_000_200, 1_700_000_300]);
    assert_eq!(account(&server, "listenbrainz")["trouble"], Value::Null);
}

#[test]
fn a_service_that_wants_to_be_left_alone_is() {
    let service = Service::start(listenbrainz);
    let server = started(&service);
    connected(&server);
    service.becomes(|_| Reply { fields: "X-RateLimit-Reset-In: 4\r\n", ..Reply::of(429, &Value::Null) });
    play(&server, "Cattail", 1_700_000_100);
    eventually("the service is asked", SOON, || service.asked(SUBMIT).len() == 1);
    let asked_at = Instant::now();
    service.becomes(listenbrainz);
    eventually("the service is asked again", SOON, || service.asked(SUBMIT).len() == 2);
    assert!(asked_at.elapsed() >= Duration::from_millis(3_900), "{:?}", asked_at.elapsed());
    eventually("it is told", SOON, || account(&server, "listenbrainz")["plays"]["told"] == 1);
}

#[test]
fn p09_a_token_that_is_refused_stops_and_the_plays_wait_for_a_better_one() {
    let service = Service::start(listenbrainz);
    let mut server = started(&service);
    let answer = connect(&server, &server.mira, "listenbrainz", &json!({ "token": "wr0ng" }));
    assert_eq!(answer.status, 202);
    await_state(&server, "listenbrainz", "refused");
    let why = account(&server, "listenbrainz")["trouble"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("Invalid authorization token."), "{why}");
    connected(&server);
    service.becomes(|asked| listenbrainz(&Asked { authorization: String::new(), ..asked.clone() }));
    play(&server, "Cattail", 1_700_000_100);
    await_state(&server, "listenbrainz", "refused");
    let asked = service.all().len();
    play(&server, "Bulrush", 1_700_000_200);
    eventually("it waits", SOON, || account(&server, "listenbrainz")["plays"]["waiting"] == 2);
    assert_eq!(service.all().len(), asked, "who refuses is not asked again");
    service.becomes(listenbrainz);
    connected(&server);
    eventually("both are told", SOON, || account(&server, "listenbrainz")["plays"]["told"] == 2);

    server.stop();
    let database = std::fs::read_dir(&server.data).expect("the data folder");
    for entry in database.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&entry).expect("a file");
        let is_in_clear = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!is_in_clear, "the token stands in {}", entry.display());
    }
    let output = server.output();
    assert!(!output.contains(TOKEN) && !output.contains(SECRET), "{output}");
}

#[test]
fn p05_a_user_whose_service_is_slow_keeps_no_other_user_waiting() {
    const SLOW: &str = "sl0w-canary";
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let service = Service::start(move |asked| {
        if asked.authorization != format!("Token {SLOW}") {
            return listenbrainz(asked);
        }
        if asked.what == SUBMIT {
            // Until the test is over.
            let _ = gate.lock().map(|gate| gate.recv());
        }
        Reply::of(200, &json!({"code": 200, "valid": true, "user_name": "slow", "status": "ok"}))
    });
    let server = started(&service);
    let connect_as = |login: &Login, token: &str| {
        let answer = connect(&server, login, "listenbrainz", &json!({ "token": token }));
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    connect_as(&server.mira, SLOW);
    connect_as(&server.admin, TOKEN);
    for login in [&server.mira, &server.admin] {
        eventually("both are connected", SOON, || {
            account_of(&server, login, "listenbrainz")["state"] == "connected"
        });
    }
    let songs =
        ["Pebble", "Gravel", "Cattail", "Sweet Flag", "First Ripple"].map(|title| server.track(title));
    for song in &songs {
        rest(&server, &server.mira, "scrobble", &format!("id={song}&submission=false"));
        rest(&server, &server.mira, "scrobble", &format!("id={song}&time=1700000000000"));
    }
    let song = &songs[0];
    rest(&server, &server.admin, "scrobble", &format!("id={song}&submission=false"));
    rest(&server, &server.admin, "scrobble", &format!("id={song}&time=1700000000000"));
    let kinds = || -> BTreeSet<String> {
        let of = |asked: Asked| asked.json()["listen_type"].as_str().map(str::to_owned);
        service.asked(SUBMIT).into_iter().filter_map(of).collect()
    };
    let both = BTreeSet::from(["playing_now".to_owned(), "single".to_owned()]);
    eventually("the other user's song and play are told", SOON, || kinds() == both);
    drop(open);
}

#[test]
fn one_play_that_a_service_never_takes_holds_up_no_other_and_half_an_answer_is_none() {
    let service = Service::start(|asked| Reply { is_cut: true, ..listenbrainz(asked) });
    let server = started(&service);
    assert_eq!(connect(&server, &server.mira, "listenbrainz", &json!({ "token": TOKEN })).status, 202);
    eventually("half an answer is trouble", SOON, || account(&server, "listenbrainz")["trouble"].is_string());
    assert_eq!(account(&server, "listenbrainz")["state"], "new");
    let is_bad = |asked: &Asked| asked.body.contains("1700000200");
    service.becomes(move |asked| match is_bad(asked) {
        true => Reply::of(400, &json!({"code": 400, "error": "bad"})),
        false => listenbrainz(asked),
    });
    connected(&server);
    let (reed, rush, stone) = (server.track("Cattail"), server.track("Bulrush"), server.track("Pebble"));
    // One that the service would not take is not even told.
    let query = format!(
        "id={reed}&time=1700000100000&id={rush}&time=1700000200000&id={stone}&time=1700000300000&id={stone}&time=5000"
    );
    rest(&server, &server.mira, "scrobble", &query);
    eventually("all were told", SOON, || account(&server, "listenbrainz")["plays"]["waiting"] == 0);
    let plays = &account(&server, "listenbrainz")["plays"];
    assert_eq!((&plays["told"], &plays["unwanted"]), (&json!(2), &json!(2)), "{plays}");
    assert_eq!(service.asked(SUBMIT).len(), 4, "all at once, then each by itself");
}

#[test]
fn p07_a_user_cannot_send_the_server_where_nobody_let_it_go() {
    let service = Service::start(listenbrainz);
    let server = Server::start(&Options::library(&Library::small()));
    let url = format!("http://{}/lb", service.address);
    let answer = connect(&server, &server.mira, "listenbrainz", &json!({ "token": TOKEN, "url": url }));
    assert_eq!(answer.status, 202, "{}", answer.text());
    eventually("she is told why", SOON, || {
        let why = account(&server, "listenbrainz")["trouble"].as_str().unwrap_or_default().to_owned();
        why.contains("loopback")
    });
    assert_eq!(service.all().len(), 0);
    for (name, form, status) in [
        ("listenbrainz", json!({}), 400),
        ("listenbrainz", json!({"token": TOKEN, "url": "file:///etc/passwd"}), 400),
        ("listenbrainz", json!({"token": "a b"}), 400),
        ("lastfm", json!({"token": TOKEN}), 400),
        ("nothing", json!({}), 404),
    ] {
        let answer = connect(&server, &server.mira, name, &form);
        assert_eq!(answer.status, status, "{name} {form}: {}", answer.text());
    }
    assert_eq!(connect(&server, &server.mira, "lastfm", &json!({})).status, 202);
    eventually("she is told that it cannot be", SOON, || account(&server, "lastfm")["trouble"].is_string());
}

/// A Last.fm with one user, who has approved or not, and whose session is good or not.
fn lastfm(asked: &Asked, has_approved: bool, is_good: bool) -> Reply {
    let mut form = asked.form();
    form.retain(|(name, _)| !matches!(name.as_str(), "api_sig" | "format"));
    form.sort();
    let signed: String = form.iter().map(|(name, value)| format!("{name}{value}")).collect();
    assert_eq!(asked.value("api_sig"), md5_hex(&format!("{signed}{SECRET}")), "{form:?}");
    assert_eq!((asked.value("format"), asked.value("api_key")), ("json".into(), "key-1".into()));
    let error = |code: u64, words: &str| Reply::of(403, &json!({"error": code, "message": words}));
    match &*asked.value("method") {
        "auth.getToken" => Reply::of(200, &json!({"token": "token-1"})),
        "auth.getSession" if !has_approved => error(14, "This token has not yet been authorized"),
        "auth.getSession" => {
            assert_eq!(asked.value("token"), "token-1");
            Reply::of(200, &json!({"session": {"name": "mira-fm", "key": "session-1", "subscriber": 0}}))
        }
        _ if asked.value("sk") != "session-1" || !is_good => error(9, "Invalid session key"),
        "track.updateNowPlaying" => Reply::of(200, &json!({"nowplaying": {}})),
        "track.scrobble" => {
            let told = asked.form().iter().filter(|(name, _)| name.starts_with("timestamp[")).count();
            // The first of several is ignored.
            let one =
                |at: usize| json!({"ignoredMessage": {"code": if at == 0 && told > 1 { "1" } else { "0" }}});
            let all: Vec<Value> = (0..told).map(one).collect();
            let scrobble = if told == 1 { all[0].clone() } else { Value::from(all) };
            Reply::of(
                200,
                &json!({"scrobbles": {"scrobble": scrobble, "@attr": {"accepted": told, "ignored": 0}}}),
            )
        }
        other => panic!("nobody asks this of Last.fm: {other}"),
    }
}

#[test]
fn lastfm_is_told_by_signed_calls_once_its_user_has_approved() {
    let library = Library::copy();
    for (number, title) in ["Slow Current", "Slower Current"].iter().enumerate() {
        let words = [
            "-f".into(),
            "lavfi".into(),
            "-i".into(),
            "sine=d=33".into(),
            "-b:a".into(),
            "48k".into(),
            "-metadata".into(),
            format!("title={title}"),
            "-metadata".into(),
            "artist=Dee Brook & Söhne".into(),
            "-metadata".into(),
            "album=Currents".into(),
            "-metadata".into(),
            format!("track={}", number + 1),
        ];
        media::ffmpeg(words, &library.root.join(format!("{title}.mp3")));
    }
    let service = Service::start(|asked| lastfm(asked, false, true));
    let options = Options::library(&library).config(&config(&service));
    let server = Server::start(&Options { tracks: library.songs.len() + 2, ..options });
    assert_eq!(connect(&server, &server.mira, "lastfm", &json!({})).status, 202);
    await_state(&server, "lastfm", "asked");
    let approval = format!("http://{}/api/auth/?api_key=key-1&token=token-1", service.address);
    assert_eq!(account(&server, "lastfm")["approval"], approval);
    service.becomes(|asked| lastfm(asked, true, true));
    await_state(&server, "lastfm", "connected");
    assert_eq!(account(&server, "lastfm")["account"], "mira-fm");

    let methods = |method: &str| -> Vec<Asked> {
        service.asked("POST /2.0/").into_iter().filter(|asked| asked.value("method") == method).collect()
    };
    let (slow, slower) = (server.track("Slow Current"), server.track("Slower Current"));
    let short = server.track("Cattail");
    rest(
        &server,
        &server.mira,
        "reportPlayback",
        &format!("mediaId={slow}&mediaType=song&positionMs=0&state=starting"),
    );
    rest(
        &server,
        &server.mira,
        "reportPlayback",
        &format!("mediaId={slow}&mediaType=song&positionMs=9&state=playing"),
    );
    eventually("it is told what begins", SOON, || !methods("track.updateNowPlaying").is_empty());
    assert_eq!(methods("track.updateNowPlaying")[0].value("track"), "Slow Current");
    let query =
        format!("id={slow}&time=1700000100000&id={short}&time=1700000200000&id={slower}&time=1700000300000");
    rest(&server, &server.mira, "scrobble", &query);
    eventually("all were told", SOON, || account(&server, "lastfm")["plays"]["told"] == 1);
    let plays = &account(&server, "lastfm")["plays"];
    assert_eq!((&plays["unwanted"], &plays["waiting"]), (&json!(2), &json!(0)), "one ignored, one too short");
    let told = methods("track.scrobble");
    assert_eq!(told.len(), 1);
    for (name, value) in [
        ("artist[0]", "Dee Brook & Söhne"),
        ("track[0]", "Slow Current"),
        ("album[0]", "Currents"),
        ("timestamp[0]", "1700000100"),
        ("track[1]", "Slower Current"),
        ("trackNumber[1]", "2"),
        ("duration[1]", "33"),
        ("sk", "session-1"),
    ] {
        assert_eq!(told[0].value(name), value, "{name}");
    }
    assert_eq!(methods("track.updateNowPlaying").len(), 1, "what goes on has not begun");

    service.becomes(|asked| lastfm(asked, true, false));
    rest(&server, &server.mira, "scrobble", &format!("id={slow}&time=1700000400000"));
    await_state(&server, "lastfm", "refused");
    assert_eq!(account(&server, "lastfm")["trouble"], "Last.fm answered: Invalid session key");
}
