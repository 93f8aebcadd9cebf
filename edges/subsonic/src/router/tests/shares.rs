//! Shares, as their owners see them.

use axum::http::Method;
use serde_json::Value;

use crate::fixture::{House, Reply};

async fn bob(house: &House, endpoint: &str) -> Reply {
    house.get(&house.signed(endpoint, &house.bob_key)).await
}

/// The only share of an answer.
fn only(reply: &Reply) -> Value {
    let shares = reply.json()["shares"]["share"].clone();
    assert_eq!(shares.as_array().map(Vec::len), Some(1), "{}", reply.text());
    shares[0].clone()
}

fn titles(share: &Value) -> Vec<&str> {
    share["entry"].as_array().unwrap().iter().map(|song| song["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn songs_albums_and_playlists_are_shared_as_the_songs_that_they_have_now() {
    let house = House::open().await;
    let (ripple, quiet) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    let playlist = house.ann(&format!("createPlaylist?name=x&songId={quiet}")).await;
    let playlist = playlist.json()["playlist"]["id"].as_str().unwrap().to_owned();
    let made = house.ann(&format!("createShare?id={playlist}&id=al-1&id={quiet}&description=for+you")).await;
    let share = only(&made);
    assert_eq!(titles(&share), ["Quiet", "Ripple & <Wave>", "\"Still\"", "Quiet"]);
    assert_eq!((share["description"].as_str(), share["username"].as_str()), (Some("for you"), Some("ann")));
    assert_eq!(share["visitCount"], 0);
    assert!(share["expires"].is_string(), "a year is the rule");
    // What comes to the playlist later is not shown to whoever has the link.
    house.ann(&format!("updatePlaylist?playlistId={playlist}&songIdToAdd={ripple}")).await;
    let listed = only(&house.ann("getShares").await);
    assert_eq!(listed, share);
}

#[tokio::test]
async fn a_share_is_listed_changed_and_taken_back_by_its_owner_alone() {
    let house = House::open().await;
    let quiet = house.track("Quiet").await;
    let never = only(&house.ann(&format!("createShare?id={quiet}&expires=0")).await);
    assert!(never["expires"].is_null());
    let dated = house.ann(&format!("createShare?id={quiet}&expires=1700000000000")).await;
    let dated = only(&dated);
    assert_eq!(dated["expires"], "2023-11-14T22:13:20Z");
    let id = dated["id"].as_str().unwrap();
    let listed = house.ann("getShares").await.json()["shares"]["share"].clone();
    assert_eq!(listed, serde_json::json!([dated, never]), "those made last first, with all of their songs");

    let seen = async || {
        let shares = house.ann("getShares").await.json()["shares"]["share"].clone();
        (shares[0]["description"].clone(), shares[0]["expires"].clone())
    };
    assert_eq!(house.ann(&format!("updateShare?id={id}&description=two%0Alines")).await.code(), None);
    assert_eq!(seen().await, ("two\nlines".into(), "2023-11-14T22:13:20Z".into()), "the rest stays");
    assert_eq!(house.ann(&format!("updateShare?id={id}&description=&expires=0")).await.code(), None);
    assert_eq!(seen().await, (Value::Null, Value::Null));

    assert_eq!(bob(&house, "getShares").await.json()["shares"]["share"], serde_json::json!([]));
    for (endpoint, key) in [("updateShare", &house.bob_key), ("deleteShare", &house.admin_key)] {
        let reply = house.get(&house.signed(&format!("{endpoint}?id={id}"), key)).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, Some(70)), "{endpoint}");
    }
    assert_eq!(house.ann(&format!("deleteShare?id={id}")).await.code(), None);
    assert_eq!(house.ann(&format!("deleteShare?id={id}")).await.code(), Some(70));
    assert_eq!(only(&house.ann("getShares").await)["id"], never["id"]);
}

#[tokio::test]
async fn a_link_begins_with_the_address_that_the_client_asked() {
    let house = House::open().await;
    let quiet = house.track("Quiet").await;
    let path = house.signed(&format!("createShare?id={quiet}"), &house.ann_key);
    let reply = house.ask(Method::GET, &path, &[("host", "pond.example:4533")], "").await;
    let url = only(&reply)["url"].as_str().unwrap().to_owned();
    let token = url.strip_prefix("http://pond.example:4533/share/").unwrap_or_else(|| panic!("{url}"));
    assert_eq!(token.len(), 22);
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    let again = only(&house.ann("getShares").await);
    assert_eq!(again["url"].as_str(), Some(&*format!("/share/{token}")), "nobody said whom he asks");
}

#[tokio::test]
async fn who_may_not_share_sees_and_takes_back_what_he_shared() {
    let house = House::open().await;
    let quiet = house.track("Quiet").await;
    let id = only(&bob(&house, &format!("createShare?id={quiet}")).await)["id"].as_str().unwrap().to_owned();
    house.get(&house.signed("updateUser?username=bob&shareRole=false", &house.admin_key)).await;
    for endpoint in [format!("createShare?id={quiet}"), format!("updateShare?id={id}")] {
        assert_eq!(bob(&house, &endpoint).await.code(), Some(50), "{endpoint}");
    }
    assert_eq!(bob(&house, "getUser").await.json()["user"]["shareRole"], false);
    assert_eq!(house.ann("getUser").await.json()["user"]["shareRole"], true);
    assert_eq!(only(&bob(&house, "getShares").await)["id"], id.as_str());
    assert_eq!(bob(&house, &format!("deleteShare?id={id}")).await.code(), None);
}

#[tokio::test]
async fn what_is_missing_or_bad_is_named() {
    let house = House::open().await;
    let (hidden, quiet) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    let empty =
        house.ann("createPlaylist?name=x").await.json()["playlist"]["id"].as_str().unwrap().to_owned();
    let many = format!("createShare?{}", format!("id={quiet}&").repeat(501));
    for (endpoint, code) in [
        ("createShare".to_owned(), 10),
        ("createShare?id=".to_owned(), 10),
        ("createShare?id=tr-999".to_owned(), 70),
        ("createShare?id=al-999".to_owned(), 70),
        ("createShare?id=pl-999".to_owned(), 70),
        ("createShare?id=ar-1".to_owned(), 70),
        ("createShare?id=x".to_owned(), 70),
        (format!("createShare?id={quiet}&id=tr-999"), 70),
        (format!("createShare?id={quiet}&expires=tomorrow"), 0),
        (format!("createShare?id={quiet}&expires=-1"), 0),
        (format!("createShare?id={quiet}&description=a%00b"), 0),
        (format!("createShare?id={empty}"), 0),
        (many, 0),
        ("updateShare".to_owned(), 10),
        ("updateShare?id=sh-999".to_owned(), 70),
        ("updateShare?id=tr-1".to_owned(), 70),
        ("deleteShare".to_owned(), 10),
        ("deleteShare?id=sh-999".to_owned(), 70),
    ] {
        let reply = house.ann(&endpoint).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (200, Some(code)),
            "{endpoint:.80}: {}",
            reply.text()
        );
    }
    assert_eq!(
        house.ann("getShares").await.json()["shares"]["share"],
        serde_json::json!([]),
        "nothing was made"
    );
    for id in [hidden.to_string(), "al-1".into()] {
        let reply = bob(&house, &format!("createShare?id={id}")).await;
        assert_eq!(reply.code(), Some(70), "what he does not see he cannot share");
    }
}
