//! `/events`: what is told of uploads and jobs, and to whom.

use axum::body::Body;
use axum::extract::Request;
use catalog::{
    JobBounds, JobId, JobPriority, JobSource, KeyId, MaskExtension, NewJob, PlaylistChange, Role, StemCount,
    StemFormat, StemsWish, TrackChange, UserId, Viewer, Visibility,
};
use http_body_util::BodyExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::house::{House, PASSWORD, Who, Wishes, with, with_basic, with_cookie};

/// A connection over which somebody is told what happens.
struct Connection(Body);

impl Connection {
    async fn open(house: &House, who: Who) -> Connection {
        Connection::ask(house, house.request(who, "GET", "/events")).await
    }

    async fn ask(house: &House, request: Request) -> Connection {
        let answer = house.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        Connection(answer.into_body())
    }

    /// What the next look tells, or none if it is over.
    async fn look(&mut self) -> Option<String> {
        let bytes = self.0.frame().await?.unwrap().into_data().unwrap();
        Some(std::str::from_utf8(&bytes).unwrap().to_owned())
    }

    /// What the next event of this name tells.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            let told = self.look().await.expect("it goes on");
            if let Some(event) = event(&told, name) {
                return event;
            }
        }
    }
}

/// What the event of this name tells, if it is among these.
fn event(told: &str, name: &str) -> Option<Value> {
    let head = format!("event: {name}\ndata: ");
    let text = told.split("\n\n").find_map(|event| event.strip_prefix(&head))?;
    Some(serde_json::from_str(text).unwrap())
}

/// Changes what lists show.
async fn touch(house: &House, visibility: Visibility) {
    let change = TrackChange::visibility(visibility);
    house.catalog.change_track(&Viewer::of(&house.bob), house.private, &change).await.unwrap();
}

/// Begins an upload of Bob's and gives it up at once, so that hardly a look finds it open.
async fn given_up(house: &House) -> String {
    let id = house.begin_upload().await;
    let request =
        with(house.request(Who::Plain, "DELETE", &format!("/uploads/{id}")), "tus-resumable", "1.0.0");
    assert_eq!(house.send(request).await.status, 204);
    id
}

#[tokio::test]
async fn what_ended_between_two_looks_is_told_to_its_owner_alone() {
    let wishes = Wishes::default();
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    let [mut bobs, mut eves] =
        [Connection::open(&house, Who::Plain).await, Connection::open(&house, Who::Other).await];
    let nothing = json!({ "uploads": [], "jobs": [] });
    assert_eq!((bobs.next("ended").await, eves.next("ended").await), (nothing.clone(), nothing));
    let upload = given_up(&house).await;
    let told = bobs.next("ended").await;
    let seen = (&told["uploads"][0]["upload_id"], &told["uploads"][0]["phase"], &told["jobs"]);
    assert_eq!(seen, (&json!(upload), &json!("cancelled"), &json!([])), "{told}");
    let wish = StemsWish {
        count: StemCount::Two,
        engine: None,
        extension: MaskExtension::Average,
        format: StemFormat::Wav,
    };
    let job = NewJob {
        id: JobId([7; 16]),
        owner: Some(house.eve.id),
        source: JobSource::Track(house.shared),
        wish,
        priority: JobPriority::Asked,
    };
    house.catalog.add_job(&job, JobBounds { of_owner_max: 1, all_max: 1 }).await.unwrap();
    house.catalog.cancel_job(job.id).await.unwrap();
    let told = eves.next("ended").await;
    let seen = (&told["jobs"][0]["job_id"], &told["jobs"][0]["status"], &told["uploads"]);
    assert_eq!(seen, (&json!(job.id.to_string()), &json!("cancelled"), &json!([])), "{told}");
    // Whoever connects again is told at once how it is: Bob nothing of Eve's.
    let mut again = Connection::open(&house, Who::Plain).await;
    let told = again.next("ended").await;
    assert_eq!((&told["uploads"][0]["upload_id"], &told["jobs"]), (&json!(upload), &json!([])), "{told}");
    stop.cancel();
}

#[tokio::test]
async fn an_upload_that_became_a_track_is_told_with_it_and_no_more_than_so_many() {
    let house = House::new().await;
    for _ in 0..budget::limits::LIVE_ENDED_ROWS_MAX {
        given_up(&house).await;
    }
    let sent = house.upload("pond.wav", super::house::wav(3)).await;
    let told = Connection::open(&house, Who::Plain).await.next("ended").await;
    let uploads = told["uploads"].as_array().unwrap();
    assert_eq!(uploads.len(), budget::limits::LIVE_ENDED_ROWS_MAX);
    let lost = uploads.iter().filter(|one| one["phase"] == "cancelled" && one["received_bytes"] == 0);
    assert_eq!(lost.count() + 1, uploads.len(), "{told}");
    let ready = uploads.iter().find(|one| one["phase"] == "ready").unwrap();
    assert_eq!(
        (&ready["upload_id"], &ready["track_id"], &ready["received_bytes"]),
        (&sent["upload_id"], &sent["track_id"], &ready["length"]),
        "{told}"
    );
}

#[tokio::test]
async fn pages_on_which_nothing_happens_ask_the_database_nothing() {
    let wishes = Wishes { watchers_per_user: Some(25), ..Wishes::default() };
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    let mut connections = Vec::new();
    for who in [Who::Plain, Who::Other].repeat(24) {
        connections.push(Connection::open(&house, who).await);
    }
    // One who proves by a session who he is hears when it ends.
    let token = house.sign_in.open_session(house.bob.id, "a browser").await.unwrap();
    let request = with_cookie(house.request(Who::Nobody, "GET", "/events"), &token);
    let answer = house.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut guest = Connection(answer.into_body());
    guest.next("under_way").await;
    for connection in &mut connections {
        connection.next("under_way").await;
    }
    let mut admin = Connection::open(&house, Who::Admin).await;
    admin.next("server").await;

    let listening: Vec<_> =
        connections.into_iter().map(|mut one| tokio::spawn(async move { one.next("ended").await })).collect();
    let over = tokio::spawn(async move { guest.next("signed_out").await });
    let before = house.readings();
    // Whoever listens looks as often as the admin is told how the server stands. Jobs are tidied up all the time.
    for _ in 0..4 {
        house.catalog.reap_jobs(i64::MAX).await.unwrap();
        house.catalog.forget_jobs(i64::MAX, 10).await.unwrap();
        admin.next("server").await;
    }
    assert_eq!(house.readings() - before, 0, "readings by 50 listeners to whom nothing happens");

    // What one keeps for himself is news to nobody.
    let liked = house.request(Who::Plain, "PUT", &format!("/stars/{}", house.shared));
    assert_eq!(house.send(liked).await.status, 204);
    let before = house.readings();
    for _ in 0..3 {
        admin.next("server").await;
    }
    assert_eq!(house.readings() - before, 0, "readings after a star");
    given_up(&house).await;
    house.sign_in.close_session(&token).await.unwrap();
    over.await.unwrap();
    for (at, one) in listening.into_iter().enumerate() {
        if at % 2 == 0 {
            one.await.unwrap();
        } else {
            one.abort();
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn while_the_database_is_silent_nobody_is_told_that_nothing_goes_on() {
    let wishes = Wishes::default();
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    house.begin_upload().await;
    let Connection(mut body) = Connection::open(&house, Who::Admin).await;
    house.close_database().await;
    for _ in 0..2 {
        let bytes = body.frame().await.expect("it goes on").unwrap().into_data().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(event(text, "server").is_some() && event(text, "under_way").is_none(), "{text}");
    }
    stop.cancel();
}

#[tokio::test]
async fn an_admin_hears_how_the_server_stands_while_the_database_is_silent() {
    let wishes = Wishes::default();
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    let hash = house.sign_in.hash_password(PASSWORD).await.unwrap();
    let zoe = house.catalog.add_user("zoe", Role::Admin, &hash).await.unwrap();
    // A session is looked up whenever there may be news, and nothing is trusted that is remembered of a key.
    let token = house.sign_in.open_session(zoe.id, "a browser").await.unwrap();
    let by_session = with_cookie(house.request(Who::Nobody, "GET", "/events"), &token);
    let by_key = by_key(&house, zoe.id).await.0;
    let mut connections = [Connection::ask(&house, by_session).await, Connection::ask(&house, by_key).await];
    for connection in &mut connections {
        connection.next("under_way").await;
    }
    house.close_database().await;
    house.sign_in.forget_user(zoe.id);
    for connection in &mut connections {
        for _ in 0..2 {
            let told = connection.look().await.expect("it goes on");
            assert!(event(&told, "server").is_some() && told.matches("event: ").count() == 1, "{told}");
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn a_changed_playlist_is_told_to_those_who_see_it() {
    let wishes = Wishes::default();
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    let [mut bobs, mut eves] =
        [Connection::open(&house, Who::Plain).await, Connection::open(&house, Who::Other).await];
    let [first, eves_first] = [bobs.next("playlists").await, eves.next("playlists").await];
    let bob = Viewer::of(&house.bob);
    let list = house.catalog.add_playlist(&bob, "Pond", &[]).await.unwrap();
    let made = bobs.next("playlists").await;
    let open = PlaylistChange { public: Some(true), ..PlaylistChange::default() };
    house.catalog.change_playlist(&bob, list, &open).await.unwrap();
    let opened = bobs.next("playlists").await;
    let eves_opened = eves.next("playlists").await;
    house.catalog.remove_playlist(&bob, list).await.unwrap();
    let all = [first, made, opened, bobs.next("playlists").await];
    for (at, told) in all.iter().enumerate() {
        assert!(!all[at + 1..].contains(told), "each is another one: {all:?}");
    }
    let eves_all = [eves_first, eves_opened, eves.next("playlists").await];
    assert!(eves_all[0] != eves_all[1] && eves_all[1] != eves_all[2], "{eves_all:?}");
    stop.cancel();
}

/// A request for what happens, by a key that is made for it.
async fn by_key(house: &House, user: UserId) -> (Request, KeyId) {
    let (row, key) = house.sign_in.issue_key(user, "a wall").await.unwrap();
    let request = house.request(Who::Nobody, "GET", "/events");
    (with(request, "authorization", &format!("Bearer {key}")), row.id)
}

#[tokio::test]
async fn whoever_is_an_admin_no_longer_hears_as_a_user_and_the_other_way_round() {
    let house = House::new().await;
    let hash = house.sign_in.hash_password(PASSWORD).await.unwrap();
    let zoe = house.catalog.add_user("zoe", Role::Admin, &hash).await.unwrap();
    let mut connection = Connection::ask(&house, by_key(&house, zoe.id).await.0).await;
    let first = connection.look().await.unwrap();
    assert_eq!(event(&first, "rights").unwrap()["role"], "admin", "{first}");
    assert!(event(&first, "server").is_some(), "{first}");
    let bobs = house.begin_upload().await;
    let told = connection.next("under_way").await;
    assert_eq!(told["uploads"]["uploads"][0]["id"], json!(bobs), "{told}");

    let path = format!("/users/{}", zoe.id);
    let change = json!({ "role": "user", "upload": true });
    assert_eq!(house.json(Who::Admin, "PATCH", &path, change).await.status, 200);
    let told = connection.look().await.unwrap();
    let rights = event(&told, "rights").unwrap_or_else(|| panic!("another role is told: {told}"));
    assert_eq!((&rights["role"], &rights["rights"]["upload"]), (&json!("user"), &json!(true)), "{rights}");
    assert_eq!(
        event(&told, "under_way").unwrap()["uploads"],
        json!({ "count": 0, "uploads": [], "next": null })
    );
    assert!(event(&told, "server").is_none(), "{told}");
    given_up(&house).await;
    touch(&house, Visibility::Library).await;
    let told = connection.look().await.unwrap();
    assert!(told.starts_with("event: library\n") && told.matches("event: ").count() == 1, "{told}");

    let libraries = json!({ "libraries": [1], "role": "admin" });
    assert_eq!(house.json(Who::Admin, "PATCH", &path, libraries).await.status, 200);
    let told = connection.look().await.unwrap();
    assert_eq!(event(&told, "rights").unwrap()["libraries"], json!([1]), "{told}");
    assert_eq!(event(&told, "under_way").unwrap()["uploads"]["uploads"][0]["id"], json!(bobs), "{told}");
    assert!(event(&told, "server").is_some(), "{told}");
}

#[tokio::test]
async fn a_connection_ends_with_what_proved_who_listens() {
    let house = House::with(Wishes { watchers_per_user: Some(9), ..Wishes::default() }).await;
    let listen = || house.request(Who::Nobody, "GET", "/events");
    let (by_bobs_key, key) = by_key(&house, house.bob.id).await;
    let (row, app_password) = house.sign_in.issue_app_password(house.bob.id, "a phone").await.unwrap();
    let token = house.sign_in.open_session(house.bob.id, "a browser").await.unwrap();
    let password = json!({ "password": "another one altogether" });
    let bob = format!("/users/{}", house.bob.id);
    // What ends it is written so that its lists change too, which only those who go on are told.
    let cases = [
        ("a key", by_bobs_key, (Who::Plain, "DELETE", format!("/me/keys/{key}"), Value::Null)),
        (
            "an app password",
            with_basic(listen(), "bob", &app_password),
            (Who::Plain, "DELETE", format!("/me/app-passwords/{}", row.id), Value::Null),
        ),
        (
            "a session",
            with_cookie(listen(), &token),
            (
                Who::Plain,
                "DELETE",
                format!("/me/sessions/{}", catalog::SignIn::session_id(&token)),
                Value::Null,
            ),
        ),
        ("a password", with_basic(listen(), "bob", PASSWORD), (Who::Admin, "PATCH", bob.clone(), password)),
        (
            "a user",
            with_basic(listen(), "bob", "another one altogether"),
            (Who::Admin, "DELETE", bob, Value::Null),
        ),
    ];
    let mut others = Connection::open(&house, Who::Other).await;
    let mut bobs = Connection::open(&house, Who::Plain).await;
    for one in [&mut others, &mut bobs] {
        one.next("rights").await;
    }
    for (at, (what, request, (who, method, path, body))) in cases.into_iter().enumerate() {
        let mut connection = Connection::ask(&house, request).await;
        connection.next("rights").await;
        let answer = house.json(who, method, &path, body).await;
        assert!(answer.status.is_success(), "{what}: {:?}", answer.body);
        if what != "a user" {
            touch(&house, [Visibility::Library, Visibility::Private][at % 2]).await;
            bobs.next("library").await;
        }
        let told = connection.look().await.unwrap();
        assert_eq!(told, "event: signed_out\ndata: {}\n\n", "{what}");
        assert_eq!(connection.look().await, None, "{what}");
    }
    bobs.next("signed_out").await;
    assert!(event(&others.look().await.unwrap(), "library").is_some(), "whom nothing happened to hears on");
}

#[tokio::test]
async fn a_password_is_not_checked_again_at_all_news() {
    let house = House::new().await;
    let mut registry = Registry::default();
    house.sign_in.register(&mut registry);
    let checked = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let head = "sign_ins_total{how=\"password\",outcome=\"ok\"} ";
        text.lines().find_map(|line| line.strip_prefix(head)).unwrap().parse::<u64>().unwrap()
    };
    let request = with_basic(house.request(Who::Nobody, "GET", "/events"), "bob", PASSWORD);
    let mut connection = Connection::ask(&house, request).await;
    connection.next("rights").await;
    let before = checked();
    for _ in 0..3 {
        given_up(&house).await;
        connection.next("ended").await;
    }
    assert_eq!(checked() - before, 0, "after what is nothing to his credentials");
    house.sign_in.forget_user(house.bob.id);
    given_up(&house).await;
    connection.next("ended").await;
    assert_eq!(checked() - before, 1, "after what may be");
}

#[tokio::test]
async fn whoever_connects_again_is_told_what_changed_while_he_was_away() {
    let house = House::new().await;
    let mut clocks = Vec::new();
    for visibility in [Visibility::Library, Visibility::Private] {
        let first = Connection::open(&house, Who::Plain).await.look().await.unwrap();
        let library = event(&first, "library").unwrap_or_else(|| panic!("lists have a clock: {first}"));
        clocks.push(library["changed"].clone());
        touch(&house, visibility).await;
    }
    assert_ne!(clocks[0], clocks[1]);
}
