//! Keys, app passwords, sessions, and the epoch.

use std::sync::Arc;

use budget::limits::{
    APP_PASSWORDS_PER_USER_MAX, KEYS_PER_USER_MAX, LABEL_CHARS_MAX, SESSION_MS, SESSIONS_PER_USER_MAX,
};

use super::house::House;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{LibrarySet, Role, UserChange, UserId};

pub(super) async fn keys_belong_to_one_user(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann.id, house.bob.id);
    let key = catalog.add_key(ann, "phone", [1; 32]).await.expect("a key");
    assert_eq!((key.label.as_str(), key.used), ("phone", None));
    assert_eq!(catalog.user_of_key([1; 32]).await.expect("a lookup"), Some(ann));
    assert_eq!(catalog.user_of_key([9; 32]).await.expect("a lookup"), None);
    let listed = catalog.keys(ann).await.expect("a list");
    assert_eq!(listed.iter().map(|key| key.id).collect::<Vec<_>>(), [key.id]);
    assert!(listed[0].used.is_some(), "its use was noted");
    assert_eq!(catalog.keys(bob).await.expect("a list"), []);
    assert_eq!(catalog.remove_key(bob, key.id).await.expect_err("not his").kind(), ErrorKind::NotFound);
    catalog.remove_key(ann, key.id).await.expect("a removal");
    assert_eq!(catalog.user_of_key([1; 32]).await.expect("a lookup"), None);
    let nobody = catalog.add_key(UserId(999), "x", [3; 32]).await.expect_err("nobody");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
    for label in ["", "a\nb", &"é".repeat(LABEL_CHARS_MAX + 1)] {
        let refused = catalog.add_key(ann, label, [3; 32]).await.expect_err("no label");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{label:?}");
    }
    catalog.add_key(ann, &"é".repeat(LABEL_CHARS_MAX), [3; 32]).await.expect("a long label");
}

pub(super) async fn app_passwords_belong_to_one_user(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann.id, house.bob.id);
    let one = catalog.add_app_password(ann, "car", b"sealed 1").await.expect("an app password");
    let two = catalog.add_app_password(ann, "desk", b"sealed 2").await.expect("an app password");
    let sealed = catalog.sealed_app_passwords(ann).await.expect("a list");
    assert_eq!(sealed, [(one.id, b"sealed 1".to_vec()), (two.id, b"sealed 2".to_vec())]);
    catalog.app_password_used(two.id).await.expect("a note");
    let listed = catalog.app_passwords(ann).await.expect("a list");
    assert_eq!(listed.iter().map(|row| row.used.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(catalog.sealed_app_passwords(bob).await.expect("a list"), []);
    assert_eq!(
        catalog.remove_app_password(bob, one.id).await.expect_err("not his").kind(),
        ErrorKind::NotFound
    );
    catalog.remove_app_password(ann, one.id).await.expect("a removal");
    assert_eq!(catalog.sealed_app_passwords(ann).await.expect("a list").len(), 1);
}

pub(super) async fn sessions_end(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann.id);
    let later = i64::MAX / 2;
    catalog.add_session(ann, [1; 32], later, "").await.expect("a session");
    assert_eq!(catalog.user_of_session([1; 32], later).await.expect("a lookup"), None, "its time is over");
    assert_eq!(catalog.user_of_session([1; 32], later - 1).await.expect("a lookup"), Some(ann));
    assert_eq!(catalog.remove_session([1; 32]).await.expect("an end"), Some(ann));
    assert_eq!(catalog.remove_session([1; 32]).await.expect("ending none is fine"), None);
    assert_eq!(catalog.user_of_session([1; 32], 0).await.expect("a lookup"), None);
    catalog.add_session(ann, [2; 32], later, "").await.expect("a session");
    catalog.set_password_hash(ann, "other").await.expect("a new password");
    assert_eq!(catalog.password_hash(ann).await.expect("a hash"), "other");
    assert_eq!(
        catalog.user_of_session([2; 32], 0).await.expect("a lookup"),
        None,
        "a new password ends sessions"
    );
}

pub(super) async fn a_hash_is_renewed_where_it_is_still_the_one_that_was_checked(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann.id, house.bob.id);
    for user in [ann, bob] {
        catalog.set_password_hash(user, "old").await.expect("a password");
    }
    catalog.add_session(ann, [1; 32], i64::MAX / 2, "").await.expect("a session");
    catalog.renew_password_hash(UserId(999), "old", "new").await.expect("nobody's is nothing to renew");
    for (checked, stored) in [("older", "old"), ("old", "new"), ("old", "new")] {
        catalog.renew_password_hash(ann, checked, "new").await.expect("a renewal");
        assert_eq!(catalog.password_hash(ann).await.expect("a hash"), stored, "{checked} was checked");
    }
    assert_eq!(catalog.password_hash(bob).await.expect("a hash"), "old", "his own is nobody else's");
    let session = catalog.user_of_session([1; 32], 0).await.expect("a lookup");
    assert_eq!(session, Some(ann), "the password is the same, so that sessions go on");
}

pub(super) async fn a_session_that_is_used_lives_on(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann.id);
    let (life, day) = (i64::try_from(SESSION_MS).expect("a time"), 24 * 3_600_000);
    let start = i64::MAX / 2;
    catalog.add_session(ann, [1; 32], start + life, "").await.expect("a session");
    let used = async |now: i64| catalog.user_of_session([1; 32], now).await.expect("a lookup");
    // Within the first day nothing is written; later each use counts.
    for now in [start + day - 1, start + life - 1, start + 2 * life - 2, start + 3 * life - 3] {
        assert_eq!(used(now).await, Some(ann), "{}", now - start);
    }
    assert_eq!(used(start + 4 * life - 3).await, None, "not used for so long");
}

pub(super) async fn what_is_taken_back_raises_the_epoch_of_its_user_alone(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, later) = (&house.catalog, house.ann.id, i64::MAX / 2);
    let mut before = catalog.credential_epoch().await.expect("an epoch");
    let mut raised = async |who: Option<UserId>, what: &str| {
        let epoch = catalog.credential_epoch().await.expect("an epoch");
        let changed = catalog.credential_changes(before).await.expect("changes");
        let expected: Vec<_> = who.into_iter().map(|user| (user, epoch)).collect();
        assert_eq!(changed, expected, "{what}");
        assert_eq!(epoch > before, who.is_some(), "{what}");
        before = epoch;
    };
    let key = catalog.add_key(ann, "k", [1; 32]).await.expect("a key");
    let password = catalog.add_app_password(ann, "p", b"sealed").await.expect("an app password");
    catalog.add_session(ann, [2; 32], later, "").await.expect("a session");
    catalog.user_of_key([1; 32]).await.expect("a lookup");
    catalog.user_of_session([2; 32], 0).await.expect("a lookup");
    let zoe = catalog.add_user("zoe", Role::User, "hash").await.expect("a user");
    raised(None, "what is new and what is used").await;
    catalog.remove_key(ann, key.id).await.expect("a removal");
    raised(Some(ann), "a revoked key").await;
    catalog.remove_app_password(ann, password.id).await.expect("a removal");
    raised(Some(ann), "a revoked app password").await;
    catalog.set_password_hash(zoe.id, "new").await.expect("a new password");
    raised(Some(zoe.id), "a new password").await;
    let only = UserChange::libraries(LibrarySet::Only(vec![house.music]));
    catalog.change_user(ann, &only).await.expect("a change");
    raised(Some(ann), "a changed user").await;
    catalog.remove_session([2; 32]).await.expect("an end");
    raised(Some(ann), "an ended session").await;
    catalog.add_key(zoe.id, "k", [3; 32]).await.expect("a key");
    catalog.remove_user(zoe.id).await.expect("a removal");
    raised(Some(zoe.id), "a removed user").await;
}

pub(super) async fn nobody_fills_the_tables(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann.id);
    let hash = |n: usize| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_le_bytes());
        hash
    };
    for n in 0..KEYS_PER_USER_MAX {
        catalog.add_key(ann, "k", hash(n)).await.expect("a key");
    }
    let more = catalog.add_key(ann, "k", hash(KEYS_PER_USER_MAX)).await.expect_err("too many");
    assert_eq!(more.kind(), ErrorKind::NotAllowed);
    for _ in 0..APP_PASSWORDS_PER_USER_MAX {
        catalog.add_app_password(ann, "p", b"sealed").await.expect("an app password");
    }
    let more = catalog.add_app_password(ann, "p", b"sealed").await.expect_err("too many");
    assert_eq!(more.kind(), ErrorKind::NotAllowed);
    catalog.add_key(house.bob.id, "k", hash(KEYS_PER_USER_MAX)).await.expect("the limit is each user's own");

    let later = i64::MAX / 2;
    for (n, expires) in (0..=SESSIONS_PER_USER_MAX).zip(later..) {
        catalog.add_session(ann, hash(n), expires, "").await.expect("a session");
    }
    assert_eq!(catalog.user_of_session(hash(0), 0).await.expect("a lookup"), None, "the oldest made room");
    for n in [1, SESSIONS_PER_USER_MAX] {
        assert_eq!(catalog.user_of_session(hash(n), 0).await.expect("a lookup"), Some(ann));
    }
}
