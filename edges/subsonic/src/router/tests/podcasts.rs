//! Podcasts: who may want what of them, and what a bad wish is told.

use catalog::{Rights, UserChange, Users};

use crate::fixture::House;

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_told_why() {
    let house = House::open().await;
    house.add_podcasts().await;
    let check = async |endpoint: &str, expected: Option<u64>| {
        let reply = house.ann(endpoint).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, expected), "{endpoint}: {}", reply.text());
    };
    for endpoint in
        ["getPodcastEpisode", "downloadPodcastEpisode", "deletePodcastEpisode", "deletePodcastChannel"]
    {
        check(endpoint, Some(10)).await;
        for id in ["pe-99", "pc-99", "tr-1", "1", "pe-0x1", "%00"] {
            check(&format!("{endpoint}?id={id}"), Some(70)).await;
        }
    }
    check("createPodcastChannel", Some(10)).await;
    check("createPodcastChannel?url=ftp://pond.example/", Some(0)).await;
    check("getPodcasts?id=pc-99", Some(70)).await;
    check("getPodcasts?id=tr-1", Some(70)).await;
    check("getPodcasts?includeEpisodes=perhaps", Some(0)).await;
    check("getNewestPodcasts?count=-1", Some(0)).await;
}

#[tokio::test]
async fn p08_a_podcast_is_taken_away_by_who_follows_it_or_an_admin() {
    let house = House::open().await;
    house.add_podcasts().await;
    let by = async |key: &str, endpoint: &str| house.get(&house.signed(endpoint, key)).await.code();
    let (ann, bob, admin) = (&house.ann_key, &house.bob_key, &house.admin_key);
    for endpoint in ["deletePodcastChannel?id=pc-2", "deletePodcastEpisode?id=pe-2"] {
        assert_eq!(by(bob, endpoint).await, Some(50), "{endpoint}");
    }
    assert_eq!(by(bob, "downloadPodcastEpisode?id=pe-2").await, None, "to want one is another thing");
    assert_eq!(by(ann, "deletePodcastChannel?id=pc-1").await, Some(50));
    assert_eq!(by(ann, "deletePodcastEpisode?id=pe-2").await, None);
    assert_eq!(by(admin, "deletePodcastChannel?id=pc-1").await, None);
}

#[tokio::test]
async fn p08_who_may_not_have_files_kept_only_looks_at_podcasts() {
    let house = House::open().await;
    house.add_podcasts().await;
    let by = async |endpoint: &str| house.get(&house.signed(endpoint, &house.ann_key)).await.code();
    let none = UserChange::default().with_rights(Rights { upload: false, transform: false, share: false });
    house.catalog.change_user(house.ann.id, &none).await.unwrap();
    for endpoint in [
        "createPodcastChannel?url=http://pond.example/another",
        "refreshPodcasts",
        "downloadPodcastEpisode?id=pe-2",
        "deletePodcastEpisode?id=pe-2",
        "deletePodcastChannel?id=pc-2",
    ] {
        assert_eq!(by(endpoint).await, Some(50), "{endpoint}");
    }
    for endpoint in ["getPodcasts", "getNewestPodcasts", "getPodcastEpisode?id=pe-2"] {
        assert_eq!(by(endpoint).await, None, "{endpoint}");
    }
}

#[tokio::test]
async fn p08_of_an_episode_only_those_can_play_it_who_see_its_track() {
    let house = House::open().await;
    house.add_podcasts().await;
    let stream = async |key: &str| {
        let reply = house.get(&house.signed("getPodcastEpisode?id=pe-1", key)).await;
        let episode = reply.json()["podcastEpisode"].clone();
        assert_eq!(episode["status"], "completed");
        episode["streamId"].as_str().map(str::to_owned)
    };
    assert!(stream(&house.ann_key).await.is_some());
    // Bob does not see the library of this one.
    assert_eq!(stream(&house.bob_key).await, None);
    let report = "reportPlayback?mediaId=pe-1&mediaType=podcast&positionMs=1&state=playing";
    for (key, expected) in [(&house.ann_key, None), (&house.bob_key, Some(70))] {
        assert_eq!(house.get(&house.signed(report, key)).await.code(), expected);
    }
}
