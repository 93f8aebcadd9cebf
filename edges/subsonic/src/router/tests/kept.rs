//! What users keep: playlists, queues, bookmarks, radio stations.

use axum::http::Method;
use serde_json::{Value, json};

use crate::fixture::{House, Reply};

/// Titles of the entries of a list.
fn titles(list: &Value) -> Vec<&str> {
    list["entry"].as_array().unwrap().iter().map(|entry| entry["title"].as_str().unwrap()).collect()
}

const FIRST: &str = "Ripple & <Wave>";
const SECOND: &str = "\"Still\"";

/// The ids of two songs of Ann's and one that Bob sees too.
async fn songs(house: &House) -> [String; 3] {
    [
        house.track(FIRST).await.to_string(),
        house.track(SECOND).await.to_string(),
        house.track("Quiet").await.to_string(),
    ]
}

async fn bob(house: &House, endpoint: &str) -> Reply {
    house.get(&house.signed(endpoint, &house.bob_key)).await
}

#[tokio::test]
async fn a_playlist_is_made_changed_and_removed() {
    let house = House::open().await;
    let [one, two, quiet] = songs(&house).await;
    let made =
        house.ann(&format!("createPlaylist?name=%20Mixed+&songId={two}&songId={one}&songId={two}")).await;
    let list = made.json()["playlist"].clone();
    assert_eq!(
        (&list["name"], &list["public"], &list["readonly"]),
        (&json!("Mixed"), &json!(false), &json!(false))
    );
    assert_eq!(titles(&list), [SECOND, FIRST, SECOND]);
    let id = list["id"].as_str().unwrap();
    let update = format!(
        "updatePlaylist?playlistId={id}&comment=slow&public=true&songIdToAdd={quiet}&songIndexToRemove=0&songIndexToRemove=2"
    );
    assert_eq!(house.ann(&update).await.code(), None);
    let list = house.ann(&format!("getPlaylist?id={id}")).await.json()["playlist"].clone();
    assert_eq!(
        (titles(&list), &list["comment"], &list["name"]),
        (vec![FIRST, "Quiet"], &json!("slow"), &json!("Mixed"))
    );

    let his = bob(&house, &format!("getPlaylist?id={id}")).await.json()["playlist"].clone();
    assert_eq!((titles(&his), &his["songCount"], &his["readonly"]), (vec!["Quiet"], &json!(1), &json!(true)));
    for endpoint in [
        format!("updatePlaylist?playlistId={id}&name=Bobs"),
        format!("deletePlaylist?id={id}"),
        format!("createPlaylist?playlistId={id}&songId={quiet}"),
    ] {
        assert_eq!(bob(&house, &endpoint).await.code(), Some(50), "{endpoint}");
    }
    let admins = house.get(&house.signed("getPlaylists", &house.admin_key)).await;
    assert_eq!(admins.json()["playlists"]["playlist"][0]["readonly"], false);

    // By a form, with the old name kept; a client of old times is told nothing.
    let (form, body) =
        (("content-type", "application/x-www-form-urlencoded"), format!("playlistId={id}&songId={one}"));
    let path = house.signed("createPlaylist", &house.ann_key).replace("1.16.1", "1.13.0");
    let reply = house.ask(Method::POST, &path, &[form], &body).await;
    assert_eq!((reply.code(), &reply.json()["playlist"]), (None, &Value::Null));
    house.ann(&format!("updatePlaylist?playlistId={id}&comment=")).await;
    let list = house.ann(&format!("getPlaylist?id={id}")).await.json()["playlist"].clone();
    assert_eq!(
        (titles(&list), &list["comment"], &list["name"]),
        (vec![FIRST], &Value::Null, &json!("Mixed"))
    );
    assert_eq!(house.ann(&format!("deletePlaylist?id={id}")).await.code(), None);
    assert_eq!(house.ann(&format!("getPlaylist?id={id}")).await.code(), Some(70));
}

#[tokio::test]
async fn a_long_playlist_comes_by_one_form() {
    let house = House::open().await;
    let [one, ..] = songs(&house).await;
    let body = format!("name=long{}", format!("&songId={one}").repeat(9_000));
    let form = ("content-type", "application/x-www-form-urlencoded");
    let path = house.signed("createPlaylist", &house.ann_key);
    let made = house.ask(Method::POST, &path, &[form], &body).await.json()["playlist"].clone();
    assert_eq!((titles(&made).len(), &made["songCount"]), (9_000, &json!(9_000)));
}

#[tokio::test]
async fn a_queue_is_there_under_both_spellings() {
    let house = House::open().await;
    let [one, two, quiet] = songs(&house).await;
    let none = house.ann("getPlayQueue").await.json()["playQueue"].clone();
    assert_eq!(
        none,
        json!({ "username": "ann", "changed": "1970-01-01T00:00:00Z", "changedBy": "", "entry": [] })
    );
    let save = format!("savePlayQueueByIndex?id={one}&id={two}&id={one}&currentIndex=2&position=4200");
    assert_eq!(house.ann(&save).await.code(), None);
    let queue = house.ann("getPlayQueueByIndex").await.json()["playQueueByIndex"].clone();
    assert_eq!(
        (&queue["currentIndex"], &queue["position"], &queue["changedBy"]),
        (&json!(2), &json!(4200), &json!("test"))
    );
    assert_eq!(titles(&queue), [FIRST, SECOND, FIRST]);
    let queue = house.ann("getPlayQueue").await.json()["playQueue"].clone();
    assert_eq!((&queue["current"], &queue["position"]), (&json!(one), &json!(4200)));

    let save = format!("savePlayQueue?id={quiet}&id={two}&current={two}");
    assert_eq!(house.ann(&save).await.code(), None);
    let queue = house.ann("getPlayQueueByIndex").await.json()["playQueueByIndex"].clone();
    assert_eq!(
        (&queue["currentIndex"], &queue["position"], titles(&queue)),
        (&json!(1), &json!(0), vec!["Quiet", SECOND])
    );
    assert_eq!(bob(&house, "getPlayQueue").await.json()["playQueue"]["entry"], json!([]), "each has his own");
    assert_eq!(house.ann("savePlayQueue?position=5").await.code(), None);
    let queue = house.ann("getPlayQueue").await.json()["playQueue"].clone();
    assert_eq!((&queue["current"], &queue["entry"]), (&Value::Null, &json!([])), "it was cleared");
}

#[tokio::test]
async fn a_queue_keeps_the_songs_that_are_there() {
    let house = House::open().await;
    let [one, two, quiet] = songs(&house).await;
    let check = async |saved: &str, entries: &[&str], place: u64, position_ms: u64| {
        house.ann("savePlayQueue").await;
        assert_eq!(house.ann(saved).await.code(), None, "{saved}");
        let queue = house.ann("getPlayQueueByIndex").await.json()["playQueueByIndex"].clone();
        assert_eq!(titles(&queue), entries, "{saved}");
        let is = (&queue["currentIndex"], &queue["position"]);
        assert_eq!(is, (&json!(place), &json!(position_ms)), "{saved}");
    };
    let gone = "tr-999";
    let all = format!("id={one}&id={gone}&id={two}&id={one}&id=al-1&id={quiet}");
    let (kept, first) = ([FIRST, SECOND, FIRST, "Quiet"], [FIRST, SECOND]);
    check(&format!("savePlayQueue?{all}&current={two}&position=7"), &kept, 1, 7).await;
    check(&format!("savePlayQueue?{all}&current={gone}&position=7"), &kept, 0, 0).await;
    check(&format!("savePlayQueue?{all}&current=tr-998&position=7"), &kept, 0, 0).await;
    check(&format!("savePlayQueue?{all}&position=7"), &kept, 0, 7).await;
    check(&format!("savePlayQueue?id={one}&id={two}&position=7"), &first, 0, 7).await;
    check(&format!("savePlayQueue?id={gone}&id={two}&position=7"), &[SECOND], 0, 0).await;
    check(&format!("savePlayQueueByIndex?{all}&currentIndex=5&position=7"), &kept, 3, 7).await;
    check(&format!("savePlayQueueByIndex?{all}&currentIndex=1&position=7"), &kept, 0, 0).await;
    check(&format!("savePlayQueueByIndex?{all}&position=7"), &kept, 0, 7).await;
    // Longer than what is looked up at once.
    let body = format!("id={one}&id={gone}&").repeat(700) + &format!("id={quiet}&current={quiet}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let path = house.signed("savePlayQueue", &house.ann_key);
    assert_eq!(house.ask(Method::POST, &path, &[form], &body).await.code(), None);
    let queue = house.ann("getPlayQueueByIndex").await.json()["playQueueByIndex"].clone();
    assert_eq!((&queue["currentIndex"], titles(&queue).len()), (&json!(700), 701));
}

#[tokio::test]
async fn bookmarks_come_and_go() {
    let house = House::open().await;
    let [one, two, _] = songs(&house).await;
    for (song, position) in [(&one, 10), (&two, 20), (&one, 30)] {
        let create = format!("createBookmark?id={song}&position={position}&comment=at+{position}");
        assert_eq!(house.ann(&create).await.code(), None);
    }
    let marks = house.ann("getBookmarks").await.json()["bookmarks"]["bookmark"].clone();
    let mut shown: Vec<_> = marks.as_array().unwrap().iter().collect();
    shown.sort_by_key(|mark| mark["position"].as_u64());
    assert_eq!(shown.len(), 2);
    assert_eq!(
        (&shown[1]["comment"], &shown[1]["entry"]["id"], &shown[1]["username"]),
        (&json!("at 30"), &json!(one), &json!("ann"))
    );
    assert_eq!(bob(&house, "getBookmarks").await.json()["bookmarks"]["bookmark"], json!([]));
    // Wherever a song is shown, its bookmark is.
    assert_eq!(shown[1]["entry"]["bookmarkPosition"], 30);
    let song = house.ann(&format!("getSong?id={two}")).await.json()["song"].clone();
    assert_eq!(song["bookmarkPosition"], 20);
    let of_bob = bob(&house, &format!("getSong?id={two}")).await.json()["song"].clone();
    assert_eq!(of_bob["bookmarkPosition"], json!(null), "{of_bob}");
    assert_eq!(house.ann(&format!("deleteBookmark?id={one}")).await.code(), None);
    assert_eq!(house.ann(&format!("deleteBookmark?id={one}")).await.code(), Some(70));
    assert_eq!(house.ann("getBookmarks").await.json()["bookmarks"]["bookmark"][0]["position"], 20);
}

#[tokio::test]
async fn stations_are_written_by_admins_and_told_to_all() {
    let house = House::open().await;
    let admin = async |endpoint: &str| house.get(&house.signed(endpoint, &house.admin_key)).await.code();
    let create = "createInternetRadioStation?name=Pond&streamUrl=http://radio.example/pond";
    assert_eq!(admin(create).await, None);
    let told = bob(&house, "getInternetRadioStations").await.json()["internetRadioStations"].clone();
    let station = json!({ "id": "st-1", "name": "Pond", "streamUrl": "http://radio.example/pond" });
    assert_eq!(told["internetRadioStation"], json!([station]));
    let update = "updateInternetRadioStation?id=st-1&name=Lake&streamUrl=https://a/&homepageUrl=https://b/";
    assert_eq!(admin(update).await, None);
    let told = house.ann("getInternetRadioStations").await.json()["internetRadioStations"].clone();
    assert_eq!(told["internetRadioStation"][0]["homePageUrl"], "https://b/");
    for bad in ["streamUrl=file:///etc/passwd&name=x", "streamUrl=http://a/&name=x&homepageUrl=javascript:x"]
    {
        assert_eq!(admin(&format!("createInternetRadioStation?{bad}")).await, Some(0), "{bad}");
    }
    assert_eq!(admin("deleteInternetRadioStation?id=st-1").await, None);
    assert_eq!(admin("deleteInternetRadioStation?id=st-1").await, Some(70));
}

#[tokio::test]
async fn what_is_missing_or_bad_is_named() {
    let house = House::open().await;
    let [one, ..] = songs(&house).await;
    let list = house.ann("createPlaylist?name=x").await.json()["playlist"]["id"].as_str().unwrap().to_owned();
    for (endpoint, code) in [
        ("createPlaylist".to_owned(), 10),
        (format!("createPlaylist?name=x&songId={one}&songId=tr-999"), 70),
        ("createPlaylist?name=x&songId=al-1".into(), 70),
        ("createPlaylist?name=a%00b".into(), 0),
        ("createPlaylist?playlistId=pl-999".into(), 70),
        ("updatePlaylist".into(), 10),
        ("updatePlaylist?playlistId=x".into(), 70),
        (format!("updatePlaylist?playlistId={list}&public=perhaps"), 0),
        (format!("updatePlaylist?playlistId={list}&songIndexToRemove=0"), 70),
        (format!("updatePlaylist?playlistId={list}&songIndexToRemove=-1"), 0),
        ("deletePlaylist".into(), 10),
        ("deletePlaylist?id=pl-999".into(), 70),
        ("savePlayQueue?id=tr-999&current=tr-999".into(), 70),
        ("savePlayQueue?id=al-1&id=tr-999".into(), 70),
        (format!("savePlayQueueByIndex?id={one}&currentIndex=1"), 0),
        (format!("savePlayQueueByIndex?id={one}&currentIndex=0&position=-5"), 0),
        ("createBookmark?position=1".into(), 10),
        (format!("createBookmark?id={one}"), 10),
        (format!("createBookmark?id={one}&position=soon"), 0),
        ("createBookmark?id=tr-999&position=1".into(), 70),
        ("deleteBookmark".into(), 10),
    ] {
        let reply = house.ann(&endpoint).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, Some(code)), "{endpoint}: {}", reply.text());
    }
    house.ann(&format!("updatePlaylist?playlistId={list}&songIdToAdd={one}")).await;
    let reply = house.ann(&format!("updatePlaylist?playlistId={list}&songIndexToRemove=7")).await;
    let expected = "songIndexToRemove is 7, and the playlist has 1 songs";
    assert!(reply.code() == Some(70) && reply.text().contains(expected), "{}", reply.text());
    for (endpoint, code) in [
        ("createInternetRadioStation?name=x", 10),
        ("createInternetRadioStation?streamUrl=http://a/", 10),
        ("updateInternetRadioStation?name=x&streamUrl=http://a/", 10),
        ("updateInternetRadioStation?id=st-9&name=x&streamUrl=http://a/", 70),
        ("deleteInternetRadioStation?id=tr-1", 70),
    ] {
        let reply = house.get(&house.signed(endpoint, &house.admin_key)).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, Some(code)), "{endpoint}");
    }
    let hidden = bob(&house, &format!("createPlaylist?name=x&songId={one}")).await;
    assert_eq!(hidden.code(), Some(70), "what he does not see he cannot keep");
    for endpoint in
        [format!("savePlayQueue?id={one}&current={one}"), format!("createBookmark?id={one}&position=1")]
    {
        assert_eq!(bob(&house, &endpoint).await.code(), Some(70), "{endpoint}");
    }
}
