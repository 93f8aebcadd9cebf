//! Shares: lists of tracks that strangers see with their owner's eyes.

use std::sync::Arc;

use budget::limits::SHARES_PER_USER_MAX;

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{Ends, NewShare, ShareChange, ShareId, ShareTotals, TrackId};

/// A share of these tracks whose nonce and hash are made of this number.
fn of(tracks: &[TrackId], number: u16) -> NewShare<'_> {
    let [high, low] = number.to_be_bytes();
    let (mut nonce, mut token_hash) = ([0; 16], [0; 32]);
    nonce[..2].copy_from_slice(&[high, low]);
    token_hash[..2].copy_from_slice(&[high, low]);
    NewShare { tracks, description: "", expires: None, nonce, token_hash }
}

async fn shown(house: &House, viewer: &Viewer, id: ShareId) -> Vec<String> {
    let tracks = house.catalog.share_tracks(viewer, id, 0, 500).await.expect("the tracks of a share");
    titles(&tracks).into_iter().map(str::to_owned).collect()
}

async fn three_songs(catalog: Arc<dyn Catalog>) -> (House, [TrackId; 3]) {
    let house = House::with(
        catalog,
        &[file("A", "L", 1, "one"), file("A", "L", 2, "two"), file("A", "L", 3, "three")],
    )
    .await;
    let mut ids = [TrackId(0); 3];
    for (id, title) in ids.iter_mut().zip(["one", "two", "three"]) {
        *id = house.track(title).await.id;
    }
    (house, ids)
}

pub(super) async fn a_share_is_its_owners_until_it_is_removed(catalog: Arc<dyn Catalog>) {
    let (house, [one, two, _]) = three_songs(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let songs = [two, one, two];
    let new = NewShare { description: "for you\nall", expires: Some(5_000), ..of(&songs, 1) };
    let first = catalog.add_share(&ann, &new).await.expect("shared");
    let second = catalog.add_share(&ann, &of(&[one], 2)).await.expect("shared");
    let share = catalog.share(&ann, first).await.expect("it is hers");
    assert_eq!((share.owner, share.owner_name.as_str()), (house.ann.id, "Ann"));
    assert_eq!(
        (share.description.as_str(), share.expires, share.nonce),
        ("for you\nall", Some(5_000), new.nonce)
    );
    assert_eq!((share.visits, share.visited), (0, None));
    assert_eq!(shown(&house, &ann, first).await, ["two", "one", "two"], "in their order, twice if so shared");
    let page = catalog.share_tracks(&ann, first, 1, 1).await.expect("a page");
    assert_eq!(titles(&page), ["one"]);
    let totals = catalog.share_totals(&ann, first).await.expect("totals");
    assert_eq!(totals, ShareTotals { tracks: 3, duration_ms: 540_000 });
    let ids = |shares: Vec<crate::model::Share>| shares.iter().map(|share| share.id).collect::<Vec<_>>();
    assert_eq!(ids(catalog.shares(&ann, 0, 500).await.expect("hers")), [second, first]);
    assert_eq!(ids(catalog.shares(&ann, 1, 1).await.expect("a page")), [first]);

    // To everybody else it does not exist, also to an admin.
    for other in [&bob, &Viewer::managing(&house.admin)] {
        assert_eq!(catalog.shares(other, 0, 500).await.expect("none"), []);
        assert_eq!(shown(&house, other, first).await, [""; 0]);
        assert_eq!(catalog.share_totals(other, first).await.expect("none"), ShareTotals::default());
        let refused = [
            catalog.share(other, first).await.err(),
            catalog.change_share(other, first, &ShareChange::default()).await.err(),
            catalog.remove_share(other, first).await.err(),
        ];
        for error in refused {
            assert_eq!(error.expect("it is not his").kind(), ErrorKind::NotFound);
        }
    }

    let change = ShareChange { description: Some(String::new()), ends: None };
    catalog.change_share(&ann, first, &change).await.expect("changed");
    let share = catalog.share(&ann, first).await.expect("it is there");
    assert_eq!((share.description.as_str(), share.expires), ("", Some(5_000)), "what is not said stays");
    for (ends, expires) in [(Ends::At(9_000), Some(9_000)), (Ends::Never, None)] {
        let change = ShareChange { description: None, ends: Some(ends) };
        catalog.change_share(&ann, first, &change).await.expect("changed");
        assert_eq!(catalog.share(&ann, first).await.expect("it is there").expires, expires);
    }
    catalog.remove_share(&ann, first).await.expect("removed");
    assert_eq!(catalog.remove_share(&ann, first).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(ids(catalog.shares(&ann, 0, 500).await.expect("hers")), [second]);
}

pub(super) async fn p08_a_token_opens_what_its_owner_sees_while_it_is_open(catalog: Arc<dyn Catalog>) {
    let (house, [one, two, three]) = three_songs(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let songs = [one, two];
    let new = NewShare { expires: Some(5_000), ..of(&songs, 1) };
    let id = catalog.add_share(&bob, &new).await.expect("shared");
    let found = async |now| catalog.share_of_token(new.token_hash, now).await.expect("asked").map(|s| s.id);
    assert_eq!(found(4_999).await, Some(id));
    assert_eq!(found(5_000).await, None, "it has ended");
    assert_eq!(catalog.share_of_token([9; 32], 0).await.expect("asked"), None);
    let mut shared = Vec::new();
    for track in [one, two, three] {
        shared.push(catalog.is_shared(id, track).await.expect("asked"));
    }
    assert_eq!(shared, [true, true, false]);

    // A song that its owner does not see any more is not shown, and is again when he does.
    house.hide_for_ann("one").await;
    assert_eq!(shown(&house, &bob, id).await, ["two"]);
    assert_eq!(catalog.share_totals(&bob, id).await.expect("totals").tracks, 1);
    let hidden = catalog.add_share(&bob, &of(&[one], 2)).await.expect_err("he does not see it");
    assert_eq!(hidden.kind(), ErrorKind::NotFound);
    catalog.add_share(&ann, &of(&[one], 3)).await.expect("it is hers");

    catalog.share_visited(id, 7_000).await.expect("counted");
    catalog.share_visited(id, 8_000).await.expect("counted");
    catalog.share_visited(ShareId(999), 8_000).await.expect("nothing to count");
    let share = catalog.share(&bob, id).await.expect("his");
    assert_eq!((share.visits, share.visited), (2, Some(8_000)));

    catalog.remove_share(&bob, id).await.expect("removed");
    assert_eq!(found(0).await, None, "it was taken back");
    let songs = [three];
    let last = of(&songs, 4);
    catalog.add_share(&bob, &last).await.expect("shared");
    catalog.remove_user(house.bob.id).await.expect("removed");
    assert_eq!(catalog.share_of_token(last.token_hash, 0).await.expect("asked"), None, "it went with him");
}

pub(super) async fn p04_shares_and_their_songs_are_bounded(catalog: Arc<dyn Catalog>) {
    let (house, [one, ..]) = three_songs(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let long = "x".repeat(budget::limits::KEPT_COMMENT_BYTES_MAX + 1);
    let many = vec![one; budget::limits::SHARE_TRACKS_MAX + 1];
    let songs = [one];
    let bad = [of(&[], 1), of(&many, 1), NewShare { description: &long, ..of(&songs, 1) }];
    for share in bad {
        assert_eq!(catalog.add_share(&ann, &share).await.expect_err("bad").kind(), ErrorKind::Invalid);
    }
    let mut last = ShareId(0);
    for number in 0..SHARES_PER_USER_MAX {
        let number = u16::try_from(number).expect("the limit is small");
        last = catalog.add_share(&ann, &of(&songs, number)).await.expect("there is room");
    }
    let change = ShareChange { description: Some(long), ends: None };
    assert_eq!(catalog.change_share(&ann, last, &change).await.expect_err("long").kind(), ErrorKind::Invalid);
    let more = of(&songs, u16::MAX);
    assert_eq!(catalog.add_share(&ann, &more).await.expect_err("full").kind(), ErrorKind::NotAllowed);
    catalog.add_share(&house.bob(), &more).await.expect("others have room of their own");
}

pub(super) async fn a_share_made_before_the_end_of_a_scan_keeps_a_renamed_song(catalog: Arc<dyn Catalog>) {
    let (house, [one, ..]) = three_songs(catalog).await;
    house.catalog.follow_moves(house.music).await.expect("the scan is over");
    house.catalog.mark_missing(house.music, &[one]).await.expect("a mark");
    let mut renamed = file("A", "L", 4, "four");
    renamed.stamp = file("A", "L", 1, "one").stamp;
    house.record(&[renamed]).await;
    let new = house.track("four").await.id;
    let id = house.catalog.add_share(&house.ann(), &of(&[new], 1)).await.expect("a share");
    house.catalog.follow_moves(house.music).await.expect("the scan is over");
    assert_eq!(shown(&house, &house.ann(), id).await, ["four"]);
}
