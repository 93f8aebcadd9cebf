//! Lists of what goes on, the sessions of a user, and the letters of long lists.

use std::sync::Arc;

use super::house::{House, file};
use super::jobs::{BOUNDS, new, sent};
use super::sent::upload;
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AlbumOrder, JobId, Lettered, Phase, SessionId, UploadChange};

pub(super) async fn what_goes_on_is_listed_for_its_owner_and_for_all(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    for (number, owner) in [(1, &house.ann), (2, &house.bob), (3, &house.ann)] {
        catalog.add_upload(&upload(owner, number)).await.expect("an upload");
        catalog.add_job(&new(number, Some(owner.id), sent(number)), BOUNDS).await.expect("a job");
    }
    let change = UploadChange::to(Phase::Cancelled);
    catalog.change_upload(upload(&house.ann, 3).id, &[Phase::Receiving], &change).await.expect("an end");
    catalog.cancel_job(JobId([3; 16])).await.expect("an end");
    let (ann, bob) = (&house.ann, &house.bob);
    for (owner, expected) in [(None, vec![ann, bob]), (Some(ann.id), vec![ann]), (Some(bob.id), vec![bob])] {
        let whose: Vec<_> = expected.iter().map(|user| (user.id, user.name.clone())).collect();
        let mut uploads = catalog.uploads_under_way(owner, 0, 10).await.expect("a list");
        uploads.sort_by_key(|one| one.owner);
        let found: Vec<_> = uploads.iter().map(|one| (one.owner, one.owner_name.clone())).collect();
        assert_eq!(found, whose, "{owner:?}");
        let jobs = catalog.jobs_under_way(owner, 0, 10).await.expect("a list");
        let found: Vec<_> = jobs
            .into_iter()
            .filter_map(|one| one.owner.zip(one.owner_name).filter(|_| !one.what.is_empty()))
            .collect();
        assert_eq!(found, whose, "{owner:?}");
        let many = expected.len() as u64;
        assert_eq!(catalog.under_way(owner).await.expect("two counts"), (many, many), "{owner:?}");
    }
    let (mut uploads, mut jobs) = (Vec::new(), Vec::new());
    for (offset, rows) in [(0, 1), (1, 1), (2, 0)] {
        let page = catalog.uploads_under_way(None, offset, 1).await.expect("a page");
        assert_eq!(page.len(), rows, "{offset}");
        uploads.extend(page.into_iter().map(|one| one.owner));
        let page = catalog.jobs_under_way(None, offset, 1).await.expect("a page");
        assert_eq!(page.len(), rows, "{offset}");
        jobs.extend(page.into_iter().filter_map(|one| one.owner));
    }
    uploads.sort();
    assert_eq!((&uploads, &jobs), (&vec![ann.id, bob.id], &vec![ann.id, bob.id]), "each on one page");
}

pub(super) async fn sessions_are_listed_and_ended_by_their_owner_alone(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann.id, house.bob.id);
    let start = i64::MAX / 2;
    for (number, later, agent) in [(1, 1, "a browser"), (2, 3, "an\tother"), (3, 2, "")] {
        catalog.add_session(ann, [number; 32], start + later, agent).await.expect("a session");
    }
    let listed = catalog.sessions(ann, start + 1).await.expect("a list");
    let seen: Vec<_> = listed.iter().map(|one| (one.id, one.agent.as_str(), one.created.is_some())).collect();
    let expected = [(SessionId([2; 8]), "another", true), (SessionId([3; 8]), "", true)];
    assert_eq!(seen, expected, "used last first, and none that is over");
    assert_eq!(catalog.sessions(bob, 0).await.expect("a list"), []);
    let epoch = catalog.credential_epoch().await.expect("an epoch");
    let refused = catalog.end_session(bob, SessionId([2; 8])).await.expect_err("not his");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    catalog.end_session(ann, SessionId([2; 8])).await.expect("an end");
    assert_eq!(catalog.user_of_session([2; 32], start).await.expect("a lookup"), None);
    assert_eq!(catalog.user_of_session([3; 32], start).await.expect("a lookup"), Some(ann));
    assert!(catalog.credential_epoch().await.expect("an epoch") > epoch, "who remembers it hears of it");
}

pub(super) async fn letters_stand_for_the_rows_of_their_lists(catalog: Arc<dyn Catalog>) {
    let files = [
        file("The Beavers", "Dam", 1, "Gnaw"),
        file("Bitterns", "Reed", 1, "Boom"),
        file("Ängste", "10 Frogs", 1, "Croak"),
        file("Ängste", "Dusk", 1, "Hum"),
        file("жабы", "Ил", 1, "Ква"),
    ];
    let house = House::with(catalog, &files).await;
    for (list, expected) in [
        (Lettered::Artists, "a1 b2 ж1"),
        (Lettered::AlbumsByName, "11 d2 r1"),
        (Lettered::AlbumsByArtist, "a2 b2"),
    ] {
        let letters = house.catalog.letters(&house.ann(), list, 500).await.expect("letters");
        let text: Vec<_> = letters.iter().map(|(letter, rows)| format!("{letter}{rows}")).collect();
        let text = text.join(" ");
        assert!(text.contains(expected), "{list:?} {text}");
        let rows = match list {
            Lettered::Artists => {
                house.catalog.artists(&house.ann(), None, None, 500).await.map(|page| page.rows.len())
            }
            Lettered::AlbumsByName => albums(&house, AlbumOrder::ByName).await,
            Lettered::AlbumsByArtist => albums(&house, AlbumOrder::ByArtist).await,
        };
        let rows = rows.expect("a list");
        assert_eq!(letters.iter().map(|(_, rows)| rows).sum::<u64>(), rows as u64, "{list:?} {text}");
        let none = house.catalog.letters(&Viewer::everybody(), list, 500).await.expect("letters");
        assert_eq!(none, [], "what he does not see has no letter");
        assert_eq!(house.catalog.letters(&house.ann(), list, 1).await.expect("letters").len(), 1);
    }
}

async fn albums(house: &House, order: AlbumOrder) -> Result<usize, crate::Error> {
    house.catalog.albums(&house.ann(), &order, None, 0, 500).await.map(|rows| rows.len())
}
