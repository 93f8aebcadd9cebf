//! Services that are told what a user plays.

use std::sync::Arc;

use budget::limits::SCROBBLES_WAITING_MAX;

use super::house::{House, file};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AccountKey, AccountState, Scrobble, ScrobbleId, Service, ServiceAccount, Spoken};
use crate::scan::Person;

const FM: Service = Service::LastFm;
const LB: Service = Service::ListenBrainz;

async fn house(catalog: Arc<dyn Catalog>) -> House {
    House::with(catalog, &[file("A", "One", 1, "x"), file("B", "Two", 1, "y")]).await
}

/// Ann's account at a service, as she sees it.
async fn account(house: &House, service: Service) -> ServiceAccount {
    let accounts = house.catalog.service_accounts(house.ann.id).await.expect("accounts");
    accounts.into_iter().find(|account| account.service == service).expect("an account")
}

async fn due(house: &House, now: i64) -> Vec<AccountKey> {
    house.catalog.due_accounts(now, 10).await.expect("accounts")
}

async fn spoken(house: &House, key: &AccountKey, spoken: Spoken) -> bool {
    house.catalog.spoken(key, &spoken).await.expect("it is remembered")
}

/// Connects Ann with a service under this name there.
async fn connected(house: &House, service: Service, name: &str) -> AccountKey {
    house.catalog.connect_service(house.ann.id, service, None, Some(b"new")).await.expect("begun");
    let key = due(house, i64::MAX).await.into_iter().find(|key| key.service == service).expect("due");
    let sealed = name.as_bytes().to_vec();
    assert!(spoken(house, &key, Spoken::Connected { account: name.to_owned(), sealed }).await);
    let keys = house.catalog.connected_accounts(house.ann.id).await.expect("accounts");
    keys.into_iter().find(|key| key.service == service).expect("connected")
}

async fn line(house: &House, key: &AccountKey) -> Vec<Scrobble> {
    house.catalog.scrobbles(key.id, 500).await.expect("a line")
}

fn ids(line: &[Scrobble]) -> Vec<ScrobbleId> {
    line.iter().map(|scrobble| scrobble.id).collect()
}

pub(super) async fn an_account_is_one_users_and_goes_through_its_states(catalog: Arc<dyn Catalog>) {
    let house = house(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann.id);
    let begun = catalog.connect_service(ann, FM, Some("http://fm"), None).await.expect("begun");
    assert_eq!((begun.state, begun.url.as_deref()), (AccountState::New, Some("http://fm")));
    let keys = due(&house, 0).await;
    assert_eq!(keys.len(), 1);
    assert_eq!((keys[0].user, keys[0].service, keys[0].sealed.as_deref()), (ann, FM, None));

    let asked = Spoken::Asked { sealed: b"t".to_vec(), approval: "http://fm/a".to_owned(), next_try: 50 };
    assert!(spoken(&house, &keys[0], asked).await);
    let seen = account(&house, FM).await;
    assert_eq!((seen.state, seen.approval.as_deref()), (AccountState::Asked, Some("http://fm/a")));
    assert_eq!(due(&house, 49).await, []);
    let key = due(&house, 50).await.remove(0);
    assert_eq!((key.sealed.as_deref(), key.state), (Some(&b"t"[..]), AccountState::Asked));

    let later = Spoken::Later { next_try: 90, is_failure: true, trouble: "no\nanswer".to_owned() };
    assert!(spoken(&house, &key, later).await);
    assert_eq!(account(&house, FM).await.trouble.as_deref(), Some("noanswer"));
    let key = due(&house, 90).await.remove(0);
    assert_eq!(key.failures, 1);
    let done = Spoken::Connected { account: "ann-fm".to_owned(), sealed: b"s".to_vec() };
    assert!(spoken(&house, &key, done.clone()).await);
    assert!(!spoken(&house, &key, done).await, "the old secret is none any more");
    let seen = account(&house, FM).await;
    assert_eq!((seen.state, seen.account.as_deref()), (AccountState::Connected, Some("ann-fm")));
    assert_eq!((seen.trouble, seen.approval), (None, None));
    assert_eq!(due(&house, i64::MAX).await, [], "nothing is to be told");

    let key = catalog.connected_accounts(ann).await.expect("accounts").remove(0);
    assert!(spoken(&house, &key, Spoken::Refused { trouble: "bad key".to_owned() }).await);
    let seen = account(&house, FM).await;
    assert_eq!((seen.state, seen.trouble.as_deref()), (AccountState::Refused, Some("bad key")));
    assert_eq!(catalog.connected_accounts(ann).await.expect("accounts"), []);

    assert_eq!(catalog.service_accounts(house.bob.id).await.expect("accounts"), []);
    let others = catalog.disconnect_service(house.bob.id, FM).await.expect_err("it is Ann's");
    assert_eq!(others.kind(), ErrorKind::NotFound);
    catalog.disconnect_service(ann, FM).await.expect("gone");
    assert_eq!(catalog.disconnect_service(ann, FM).await.expect_err("gone").kind(), ErrorKind::NotFound);
    catalog.connect_service(ann, LB, None, Some(b"t")).await.expect("begun");
    catalog.remove_user(ann).await.expect("Ann goes");
    assert_eq!(due(&house, i64::MAX).await, []);
    let nobody = catalog.connect_service(ann, LB, None, None).await.expect_err("nobody");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
}

pub(super) async fn a_play_is_in_line_for_each_account_and_leaves_it_once(catalog: Arc<dyn Catalog>) {
    let house = house(catalog).await;
    let (x, y) = (house.track("x").await.id, house.track("y").await.id);
    house.catalog.play(&house.ann(), &[(x, 5)]).await.expect("a play that nobody is told of");
    house.catalog.connect_service(house.ann.id, FM, None, None).await.expect("begun");
    house.catalog.play(&house.ann(), &[(x, 6)]).await.expect("a play before the service knows her");
    let (fm, lb) = (connected(&house, FM, "a").await, connected(&house, LB, "a").await);
    // What is gone counts for nobody, and nobody is told of it.
    house.catalog.play(&house.ann(), &[(x, 7), (crate::TrackId(999), 1), (y, 8)]).await.expect("plays");
    house.catalog.play(&house.bob(), &[(x, 9)]).await.expect("somebody else's play");
    let waiting = line(&house, &fm).await;
    let told: Vec<_> = waiting.iter().map(|one| (one.played, one.heard.title.as_str())).collect();
    assert_eq!(told, [(7, "x"), (8, "y")]);
    assert_eq!(line(&house, &lb).await.len(), 2);
    assert_eq!(due(&house, 0).await.len(), 2);
    assert_eq!(house.catalog.scrobbles(fm.id, 1).await.expect("a line"), waiting[..1]);

    let done = Spoken::Told { told: ids(&waiting[..1]), unwanted: ids(&waiting[1..]), at: 77 };
    assert!(spoken(&house, &fm, done.clone()).await);
    assert!(spoken(&house, &fm, done).await);
    let seen = account(&house, FM).await;
    assert_eq!((seen.waiting, seen.told, seen.unwanted, seen.dropped), (0, 1, 1, 0), "once is enough");
    assert_eq!(line(&house, &fm).await, []);
    let others = Spoken::Told { told: ids(&line(&house, &lb).await), unwanted: vec![], at: 78 };
    assert!(spoken(&house, &fm, others).await, "an id of another line takes nothing from it");
    assert_eq!(account(&house, LB).await.waiting, 2);
    assert_eq!(line(&house, &lb).await.len(), 2);
}

pub(super) async fn what_waits_is_told_to_nobody_else(catalog: Arc<dyn Catalog>) {
    let house = house(catalog).await;
    let x = house.track("x").await.id;
    let old = connected(&house, LB, "ann").await;
    house.catalog.play(&house.ann(), &[(x, 7)]).await.expect("a play");
    assert!(spoken(&house, &old, Spoken::Refused { trouble: "no".to_owned() }).await);
    house.catalog.play(&house.ann(), &[(x, 8)]).await.expect("a play while the token is bad");
    let same = connected(&house, LB, "ann").await;
    assert_eq!(line(&house, &same).await.len(), 2, "the same account goes on");
    assert_eq!(account(&house, LB).await.waiting, 2);
    let other = connected(&house, LB, "ann-too").await;
    assert_eq!(line(&house, &other).await, []);
    assert_eq!(account(&house, LB).await.waiting, 0);
    house.catalog.play(&house.ann(), &[(x, 9)]).await.expect("a play");
    let elsewhere = house.catalog.connect_service(house.ann.id, LB, Some("http://own"), Some(b"new")).await;
    let elsewhere = elsewhere.expect("begun");
    assert_eq!((elsewhere.waiting, elsewhere.account), (0, None));
}

pub(super) async fn who_connected_anew_hears_nothing_of_the_old_account(catalog: Arc<dyn Catalog>) {
    let house = house(catalog).await;
    let old = connected(&house, LB, "ann").await;
    house.catalog.play(&house.ann(), &[(house.track("x").await.id, 7)]).await.expect("a play");
    let waiting = ids(&line(&house, &old).await);
    let new = connected(&house, LB, "ann-too").await;
    house.catalog.play(&house.ann(), &[(house.track("x").await.id, 8)]).await.expect("a play");
    for late in [
        Spoken::Refused { trouble: "no".to_owned() },
        Spoken::Later { next_try: 5, is_failure: true, trouble: "no".to_owned() },
        Spoken::Connected { account: "ann".to_owned(), sealed: b"old".to_vec() },
        Spoken::Told { told: waiting, unwanted: vec![], at: 9 },
    ] {
        assert!(!spoken(&house, &old, late.clone()).await, "{late:?}");
    }
    let seen = account(&house, LB).await;
    assert_eq!((seen.state, seen.waiting, seen.told), (AccountState::Connected, 1, 0));
    assert_eq!(seen.account.as_deref(), Some("ann-too"));
    assert_eq!(line(&house, &new).await.len(), 1);
}

pub(super) async fn p04_a_line_is_bounded_and_the_oldest_gives_way(catalog: Arc<dyn Catalog>) {
    let house = house(catalog).await;
    let (x, fm) = (house.track("x").await.id, connected(&house, FM, "a").await);
    for begin in (0..SCROBBLES_WAITING_MAX).step_by(500) {
        let plays: Vec<_> = (begin..begin + 500).map(|at| (x, at)).collect();
        house.catalog.play(&house.ann(), &plays).await.expect("plays");
    }
    assert_eq!(account(&house, FM).await.dropped, 0);
    house.catalog.play(&house.ann(), &[(x, -1), (x, -2)]).await.expect("two more");
    let seen = account(&house, FM).await;
    assert_eq!((seen.waiting, seen.dropped), (SCROBBLES_WAITING_MAX.unsigned_abs(), 2));
    assert_eq!(line(&house, &fm).await[0].played, 2);
}

pub(super) async fn what_was_heard_is_told_as_it_was_called(catalog: Arc<dyn Catalog>) {
    let mut known = file("Ann & Bob", "One", 3, "x");
    known.tags.details.track.musicbrainz = Some("recording-1".to_owned());
    known.tags.details.track.isrcs = vec!["DE1".to_owned()];
    known.tags.details.release.musicbrainz = Some("release-1".to_owned());
    let person = |name: &str, id: &str| Person { musicbrainz: Some(id.to_owned()), ..Person::named(name) };
    known.tags.details.artists = vec![person("Ann", "ann-1"), person("Bob", "bob-1")];
    let mut unknown = file("[Unknown Artist]", "[Unknown Album]", 1, "y");
    unknown.tags.duration_ms = 0;
    let house = House::with(catalog, &[known, unknown]).await;
    let (x, y) = (house.track("x").await.id, house.track("y").await.id);
    let heard = house.catalog.heard(&house.ann(), x).await.expect("heard");
    assert_eq!((heard.title.as_str(), heard.artist.as_deref()), ("x", Some("Ann & Bob")));
    assert_eq!((heard.album.as_deref(), heard.album_artist.as_deref()), (Some("One"), Some("Ann & Bob")));
    assert_eq!((heard.track, heard.duration_ms), (Some(3), 180_000));
    assert_eq!(heard.recording.as_deref(), Some("recording-1"));
    assert_eq!(heard.isrcs, Some(vec!["DE1".to_owned()]));
    assert_eq!(heard.artists, Some(vec!["ann-1".to_owned(), "bob-1".to_owned()]));
    assert_eq!(heard.release.as_deref(), Some("release-1"));
    let nobody = house.catalog.heard(&house.ann(), y).await.expect("heard");
    assert_eq!((nobody.artist, nobody.album, nobody.duration_ms), (None, None, 0));
    assert_eq!((nobody.artists, nobody.release), (None, None));

    let lb = connected(&house, LB, "a").await;
    house.catalog.play(&house.ann(), &[(x, 7)]).await.expect("a play");
    house.hide_for_ann("x").await;
    house.catalog.mark_missing(house.music, &[x]).await.expect("its file goes");
    assert_eq!(line(&house, &lb).await[0].heard.title, "x", "what was played stays told");
    let hidden = house.catalog.heard(&house.bob(), x).await.expect_err("it is Ann's");
    assert_eq!(hidden.kind(), ErrorKind::NotFound);
}
