//! What a token opens, and for how long.

use std::net::Ipv4Addr;

use budget::Budget;
use budget::limits::{MIB, SIGN_IN_FAILURES_MAX};
use tempfile::TempDir;

use super::*;
use crate::database::Catalog;
use crate::model::{Ends, Role, ShareChange, UserChange};
use crate::scan::{Details, Found, Tags};
use crate::sqlite::Sqlite;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

struct House {
    _folder: TempDir,
    catalog: Arc<dyn Catalog>,
    sign_in: SignIn,
    ann: Arc<User>,
    track: TrackId,
}

fn song() -> Found {
    let path = store::RelPath::parse("one.mp3").unwrap();
    let stamp = store::Stamp { length: 1, modified_ns: 1, changed_ns: 1, inode: 1 };
    let text = || "one".to_owned();
    let tags = Tags {
        title: text(),
        album: text(),
        artist: text(),
        album_artist: text(),
        genres: Vec::new(),
        track: None,
        track_total: None,
        disc: None,
        year: None,
        duration_ms: 1_000,
        bitrate_kbps: 1,
        sample_rate_hz: 1,
        bit_depth: None,
        channels: 1,
        suffix: "mp3".to_owned(),
        content_type: "audio/mpeg",
        cover: None,
        details: Details::default(),
    };
    Found { path, stamp, tags }
}

fn door(catalog: &Arc<dyn Catalog>, secret: u8) -> SignIn {
    SignIn::new(Arc::clone(catalog), &Secret::from_bytes([secret; 32]), Budget::new(256 * MIB).unwrap())
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog: Arc<dyn Catalog> =
            Arc::new(Sqlite::open(&folder.path().join("shares.db")).await.unwrap());
        let library = catalog.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
        catalog.record(library, &[song()]).await.unwrap();
        let ann = Arc::new(catalog.add_user("Ann", Role::User, "hash").await.unwrap());
        let track = catalog.tracks(&Viewer::of(&ann), None, 1).await.unwrap().rows[0].id;
        House { _folder: folder, sign_in: door(&catalog, 7), catalog, ann, track }
    }

    /// A share of Ann's and its token.
    async fn share(&self, expires: Option<UnixMs>) -> (ShareId, String) {
        let viewer = Viewer::of(&self.ann);
        let id = self.sign_in.issue_share(&viewer, &[self.track], "", expires).await.unwrap();
        let share = self.catalog.share(&viewer, id).await.unwrap();
        (id, self.sign_in.share_token(&share))
    }

    async fn is_open(&self, token: &str) -> bool {
        match self.sign_in.visit(token, HOME).await {
            Ok(visit) => visit.owner == self.ann,
            Err(Refusal::Wrong) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn allow(&self, share: bool) {
        let change = UserChange { share: Some(share), ..UserChange::default() };
        self.catalog.change_user(self.ann.id, &change).await.unwrap();
        self.sign_in.forget();
    }
}

#[tokio::test]
async fn p09_a_token_opens_its_share_until_it_ends_or_its_owner_may_not_share() {
    let house = House::new().await;
    let (id, token) = house.share(None).await;
    assert_eq!(token.len(), 22, "{token}");
    assert!(house.is_open(&token).await);
    let visit = house.sign_in.visit(&token, HOME).await.unwrap();
    assert_eq!((visit.share.id, visit.viewer()), (id, Viewer::of(&house.ann)));

    house.allow(false).await;
    assert!(!house.is_open(&token).await, "he lost the right");
    house.allow(true).await;
    assert!(house.is_open(&token).await);

    let viewer = Viewer::of(&house.ann);
    for (ends, is_open) in
        [(Ends::At(now() - 1), false), (Ends::At(now() + 60_000), true), (Ends::Never, true)]
    {
        let change = ShareChange { description: None, ends: Some(ends) };
        house.catalog.change_share(&viewer, id, &change).await.unwrap();
        assert_eq!(house.is_open(&token).await, is_open, "{ends:?}");
    }
    house.catalog.remove_share(&viewer, id).await.unwrap();
    assert!(!house.is_open(&token).await, "it was taken back");
}

#[tokio::test]
async fn p09_a_stolen_database_opens_nothing() {
    let house = House::new().await;
    let (id, token) = house.share(None).await;
    let stolen = house.catalog.share(&Viewer::of(&house.ann), id).await.unwrap();
    // The nonce itself, what another installation makes of it, and the hash are no tokens.
    let elsewhere = door(&house.catalog, 8).share_token(&stolen);
    let hash = digest(&token);
    let made = [
        elsewhere.clone(),
        BASE64URL_NOPAD.encode(&stolen.nonce),
        BASE64URL_NOPAD.encode(&hash[..TOKEN_BYTES]),
        BASE64URL_NOPAD.encode(&hash),
        String::new(),
        format!("{token}A"),
        token.to_ascii_lowercase(),
    ];
    for guess in made {
        assert!(!house.is_open(&guess).await, "{guess}");
    }
    assert!(house.is_open(&token).await);
    assert_ne!(house.share(None).await.1, token, "each share has a token of its own");
}

#[tokio::test]
async fn p09_tokens_are_not_guessed_in_a_row() {
    let house = House::new().await;
    let (_, token) = house.share(None).await;
    for n in 0..SIGN_IN_FAILURES_MAX {
        assert!(!house.is_open(&format!("{n:022}")).await);
    }
    let guess = format!("{:022}", SIGN_IN_FAILURES_MAX);
    let refused = house.sign_in.visit(&guess, HOME).await;
    assert!(matches!(refused, Err(Refusal::TooManyFailures { .. })), "{refused:?}");
    let elsewhere = house.sign_in.visit(&guess, ELSEWHERE).await;
    assert!(matches!(elsewhere, Err(Refusal::Wrong)), "only there: {elsewhere:?}");
    assert!(house.is_open(&token).await, "neighbours of the guesser go on listening");
}

#[tokio::test]
async fn who_comes_again_soon_is_on_the_same_visit() {
    let house = House::new().await;
    let (id, _) = house.share(None).await;
    for (from, visits) in [(HOME, 1), (HOME, 1), (ELSEWHERE, 2), (HOME, 2)] {
        house.sign_in.visited(id, from).await;
        let share = house.catalog.share(&Viewer::of(&house.ann), id).await.unwrap();
        assert_eq!(share.visits, visits);
        assert!(share.visited.is_some());
    }
}
