//! `/events`: what is told of uploads and jobs, and to whom.

use axum::body::Body;
use catalog::{
    JobBounds, JobId, JobPriority, JobSource, MaskExtension, NewJob, StemCount, StemFormat, StemsWish,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::house::{House, Who, Wishes, with, with_cookie};

/// A connection over which somebody is told what happens.
struct Connection(Body);

impl Connection {
    async fn open(house: &House, who: Who) -> Connection {
        let answer = house.router.clone().oneshot(house.request(who, "GET", "/events")).await.unwrap();
        assert_eq!(answer.status(), 200);
        Connection(answer.into_body())
    }

    /// What the next event of this name tells.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            let bytes = self.0.frame().await.expect("it goes on").unwrap().into_data().unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            let head = format!("event: {name}\ndata: ");
            if let Some(event) = text.split("\n\n").find_map(|event| event.strip_prefix(&head)) {
                return serde_json::from_str(event).unwrap();
            }
        }
    }
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
        assert!(text.starts_with("event: server\n"), "{text}");
    }
    stop.cancel();
}
