//! Users through the protocol: who may keep whom, and what becomes of what the parameters say.

use catalog::{Credentials, LibrarySet, Rights, Role, Users};

use crate::fixture::{House, PASSWORD};

impl House {
    /// Asks as the admin, and gives the error's code.
    async fn admin_told(&self, endpoint: &str) -> Option<u64> {
        self.get(&self.signed(endpoint, &self.admin_key)).await.code()
    }

    async fn user(&self, name: &str) -> Option<catalog::User> {
        self.catalog.user_named(name).await.unwrap()
    }
}

#[tokio::test]
async fn a_user_is_made_with_what_is_said_and_no_more() {
    let house = House::open().await;
    for (endpoint, wanted) in [
        ("createUser?username=zoe&password=enc:7374696c6c20776174657273&email=zoe@example.org", None),
        (
            "createUser?username=yan&password=still-waters&uploadRole=true&musicFolderId=2&maxBitRate=128",
            None,
        ),
        ("createUser?username=kim&password=still-waters&adminRole=True&downloadRole=false", None),
        ("createUser?username=ZOE&password=still-waters", Some(0)),
        ("createUser?username=a%2Fb&password=still-waters", Some(0)),
        ("createUser?username=lea&password=short", Some(0)),
        ("createUser?username=lea&password=still-waters&musicFolderId=9", Some(70)),
        ("createUser?username=lea&password=still-waters&musicFolderId=music", Some(0)),
        ("createUser?username=lea&password=still-waters&adminRole=perhaps", Some(0)),
        ("createUser?username=lea&password=still-waters&ldapAuthenticated=true", Some(0)),
        ("createUser?username=lea&password=still-waters&streamRole=false", Some(0)),
        ("createUser?username=lea", Some(10)),
        ("createUser?password=still-waters", Some(10)),
    ] {
        assert_eq!(house.admin_told(endpoint).await, wanted, "{endpoint}");
    }
    let none = Rights { upload: false, transform: false, share: false };
    let zoe = house.user("zoe").await.unwrap();
    assert_eq!((zoe.role, zoe.rights, zoe.libraries), (Role::User, none, LibrarySet::All));
    let yan = house.user("yan").await.unwrap();
    assert_eq!((yan.rights.upload, yan.max_bitrate_kbps), (true, Some(128)));
    assert!(matches!(yan.libraries, LibrarySet::Only(some) if some.len() == 1));
    assert_eq!(house.user("kim").await.unwrap().role, Role::Admin);
    assert_eq!(house.user("lea").await, None, "what was refused made nobody");
    let ping = house.get("/rest/ping?f=json&u=zoe&p=still%20waters").await;
    assert_eq!(ping.code(), None, "a password in hexadecimal is the text that it stands for");
}

#[tokio::test]
async fn what_is_said_of_a_user_is_changed_and_the_rest_stays() {
    let house = House::open().await;
    let told = |endpoint| house.admin_told(endpoint);
    assert_eq!(told("updateUser?username=bob&shareRole=false&maxBitRate=96").await, None);
    let bob = house.user("bob").await.unwrap();
    assert_eq!((bob.rights.share, bob.rights.upload, bob.max_bitrate_kbps), (false, true, Some(96)));
    assert!(matches!(bob.libraries, LibrarySet::Only(_)), "nobody spoke of libraries");
    // The numbers of all libraries are how one is shown who sees all.
    assert_eq!(
        told("updateUser?username=bob&maxBitRate=0&musicFolderId=0&musicFolderId=1&musicFolderId=2").await,
        None
    );
    let bob = house.user("bob").await.unwrap();
    assert_eq!((bob.libraries, bob.max_bitrate_kbps), (LibrarySet::All, None));
    assert_eq!(told("updateUser?username=bob&password=another-pond").await, None);
    assert_eq!(house.get("/rest/ping?f=json&u=bob&p=another-pond").await.code(), None);
    assert_eq!(told("updateUser?username=nobody").await, Some(70));
    let before = house.user("bob").await;
    for refused in [
        "updateUser?username=bob&adminRole=true&shareRole=true&password=x",
        "updateUser?username=bob&adminRole=true&maxBitRate=64&musicFolderId=1&password=short",
        "updateUser?username=bob&password=another-lake&uploadRole=perhaps",
    ] {
        assert_eq!(told(refused).await, Some(0), "{refused}");
        assert_eq!(house.user("bob").await, before, "what was refused changed nothing: {refused}");
        assert_eq!(house.get("/rest/ping?f=json&u=bob&p=another-pond").await.code(), None, "{refused}");
    }
    let hash = async || house.catalog.password_hash(house.admin.id).await.unwrap();
    let admin = hash().await;
    assert_eq!(told("updateUser?username=admin&adminRole=false&password=another-lake").await, Some(50));
    assert_eq!(hash().await, admin, "he stays an admin, and keeps his password");
    assert_eq!(told("updateUser?shareRole=true").await, Some(10));
    let shown = house.get(&house.signed("getUser?username=bob", &house.admin_key)).await.json();
    assert_eq!(shown["user"]["maxBitRate"], serde_json::Value::Null);
    let users = house.get(&house.signed("getUsers", &house.admin_key)).await.json();
    let names: Vec<_> =
        users["users"]["user"].as_array().unwrap().iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["admin", "ann", "bob"]);
}

#[tokio::test]
async fn there_is_always_an_admin_and_nobody_removes_himself() {
    let house = House::open().await;
    for (endpoint, wanted) in [
        ("deleteUser?username=admin", Some(50)),
        ("deleteUser?username=ADMIN", Some(50)),
        ("updateUser?username=admin&adminRole=false", Some(50)),
        ("deleteUser?username=nobody", Some(70)),
        ("deleteUser", Some(10)),
        ("updateUser?username=ann&adminRole=true", None),
        ("deleteUser?username=admin", Some(50)),
        ("deleteUser?username=ann", None),
        ("deleteUser?username=ann", Some(70)),
    ] {
        assert_eq!(house.admin_told(endpoint).await, wanted, "{endpoint}");
    }
    assert_eq!(house.ann("ping").await.code(), Some(44), "her key went with her");
    assert_eq!(house.user("admin").await.unwrap().role, Role::Admin);
}

#[tokio::test]
async fn everybody_changes_his_own_password_and_an_admin_any() {
    let house = House::open().await;
    let asks = async |key: &str, endpoint: &str| house.get(&house.signed(endpoint, key)).await.code();
    let is_good = async |name: &str, password: &str| {
        let password: String = form_urlencoded::byte_serialize(password.as_bytes()).collect();
        house.get(&format!("/rest/ping?f=json&u={name}&p={password}")).await.code().is_none()
    };
    for (key, endpoint, wanted) in [
        (&house.ann_key, "changePassword?username=Ann&password=anns-own-pond", None),
        (&house.ann_key, "changePassword?username=bob&password=bobs-pond-now", Some(50)),
        (&house.ann_key, "changePassword?username=nobody&password=nobodys-pond", Some(50)),
        (&house.ann_key, "changePassword?username=ann&password=short", Some(0)),
        (&house.ann_key, "changePassword?username=ann", Some(10)),
        (&house.ann_key, "changePassword?password=anns-own-pond", Some(10)),
        (&house.admin_key, "changePassword?username=bob&password=enc:626f62732d706f6e642d6e6f77", None),
        (&house.admin_key, "changePassword?username=nobody&password=nobodys-pond", Some(70)),
    ] {
        assert_eq!(asks(key, endpoint).await, wanted, "{endpoint}");
    }
    assert!(is_good("ann", "anns-own-pond").await && is_good("bob", "bobs-pond-now").await);
    assert!(!is_good("ann", PASSWORD).await, "the old one is worth nothing");
    assert!(is_good("ann", &house.ann_app_password).await, "app passwords stay");
}
