use serde_json::json;

use super::house::{House, Who, with, with_basic};

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_revoked() {
    let house = House::new().await;
    let made = house.json(Who::Plain, "POST", "/me/keys", json!({"label": " my phone "})).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let (id, secret) =
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    let list = house.get(Who::Plain, "/me/keys").await;
    let keys = list.json()["keys"].as_array().unwrap().clone();
    assert!(keys.iter().any(|key| key["id"] == id.as_str() && key["label"] == "my phone"), "{keys:?}");
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret));
    let by_it =
        || with(house.request(Who::Nobody, "GET", "/me"), "authorization", &format!("Bearer {secret}"));
    assert_eq!(house.send(by_it()).await.json()["user"]["name"], "bob");
    let gone = house.send(house.request(Who::Plain, "DELETE", &format!("/me/keys/{id}"))).await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    assert_eq!(house.send(by_it()).await.status, 401, "it ends at once");
    let again = house.send(house.request(Who::Plain, "DELETE", &format!("/me/keys/{id}"))).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn an_app_password_is_shown_once_and_works_as_a_password() {
    let house = House::new().await;
    let made = house.json(Who::Plain, "POST", "/me/app-passwords", json!({"label": "car"})).await;
    assert_eq!(made.status, 201);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let list = house.get(Who::Plain, "/me/app-passwords").await;
    assert_eq!(list.json()["app_passwords"][0]["label"], "car");
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret));
    let answer = house.send(with_basic(house.request(Who::Nobody, "GET", "/me"), "bob", &secret)).await;
    assert_eq!(answer.json()["signed_in_by"], "app_password");
}

#[tokio::test]
async fn labels_have_limits() {
    let house = House::new().await;
    let (longest, long) = ("x".repeat(100), "x".repeat(101));
    for (label, expected) in
        [("a", 201), (longest.as_str(), 201), (long.as_str(), 400), ("", 400), ("  ", 400), ("a\nb", 400)]
    {
        let answer = house.json(Who::Plain, "POST", "/me/keys", json!({"label": label})).await;
        assert_eq!(answer.status.as_u16(), expected, "{label:?}");
    }
}

#[tokio::test]
async fn nobody_collects_keys_without_end() {
    let house = House::new().await;
    let mut answers = 0;
    let refused = loop {
        let answer = house.json(Who::Plain, "POST", "/me/keys", json!({"label": "one of many"})).await;
        if answer.status != 201 {
            break answer;
        }
        answers += 1;
        assert!(answers < 1_000, "there is no limit");
    };
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "not_allowed"));
    assert_eq!(house.json(Who::Other, "POST", "/me/keys", json!({"label": "first"})).await.status, 201);
}
