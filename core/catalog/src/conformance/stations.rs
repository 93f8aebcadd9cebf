//! Radio stations.

use std::sync::Arc;

use budget::limits::STATIONS_MAX;

use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{StationId, StationText};

fn station(name: &str, stream_url: &str, home_url: Option<&str>) -> StationText {
    StationText { name: name.into(), stream_url: stream_url.into(), home_url: home_url.map(str::to_owned) }
}

pub(super) async fn stations_are_added_changed_and_removed(catalog: Arc<dyn Catalog>) {
    let pond = station("pond", "http://radio.example/pond", Some("https://radio.example/"));
    let lake = station("Lake", "https://radio.example/lake", None);
    let (first, second) =
        (catalog.add_station(&pond).await.expect("added"), catalog.add_station(&lake).await.expect("added"));
    let listed = async || -> Vec<(StationId, StationText)> {
        let rows = catalog.stations(0, 500).await.expect("stations");
        rows.into_iter().map(|row| (row.id, row.about)).collect()
    };
    assert_eq!(listed().await, [(second, lake.clone()), (first, pond.clone())], "by name");
    assert_eq!(catalog.stations(1, 5).await.expect("a page")[0].id, first);
    let moved = station("Pond 2", "http://radio.example/2", None);
    catalog.change_station(first, &moved).await.expect("changed as a whole");
    assert_eq!(listed().await, [(second, lake.clone()), (first, moved.clone())]);
    for bad in [
        station("", "http://a/", None),
        station("x", "ftp://a/", None),
        station("x", "", None),
        station("x", "http://a/", Some("javascript:alert(1)")),
    ] {
        assert_eq!(catalog.add_station(&bad).await.expect_err("bad").kind(), ErrorKind::Invalid, "{bad:?}");
        assert_eq!(catalog.change_station(first, &bad).await.expect_err("bad").kind(), ErrorKind::Invalid);
    }
    catalog.remove_station(second).await.expect("removed");
    assert_eq!(catalog.remove_station(second).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.change_station(second, &lake).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(listed().await, [(first, moved)]);
    for n in 1..STATIONS_MAX {
        catalog.add_station(&station(&format!("{n}"), "http://a/", None)).await.expect("added");
    }
    assert_eq!(catalog.add_station(&lake).await.expect_err("full").kind(), ErrorKind::NotAllowed);
}
