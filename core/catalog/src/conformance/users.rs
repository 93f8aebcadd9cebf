//! Users: names, the last admin, what goes with a user.

use std::sync::Arc;

use super::house::{House, file};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{LibrarySet, Rights, Role, UserChange, UserId};

pub(super) async fn names_are_unique_without_regard_to_case(catalog: Arc<dyn Catalog>) {
    let ann = catalog.add_user("Ann", Role::User, "hash").await.expect("a user is added");
    assert_eq!((ann.name.as_str(), ann.role, &ann.libraries), ("Ann", Role::User, &LibrarySet::All));
    assert_eq!(ann.rights, Rights::default());
    let again = catalog.add_user("aNN", Role::User, "hash").await.expect_err("the name is taken");
    assert_eq!(again.kind(), ErrorKind::Exists);
    for bad in ["", " ann", "a/b", "a\nb"] {
        let refused = catalog.add_user(bad, Role::User, "hash").await.expect_err("this is no name");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{bad:?}");
    }
    assert_eq!(catalog.user_named("ANN").await.expect("a lookup"), Some(ann.clone()));
    assert_eq!(catalog.user_named("bob").await.expect("a lookup"), None);
    assert_eq!(catalog.user(ann.id).await.expect("a lookup"), ann);
    assert_eq!(catalog.user(UserId(999)).await.expect_err("nobody").kind(), ErrorKind::NotFound);
    let zoe = catalog.add_user("zoe", Role::Admin, "hash").await.expect("a user is added");
    let bob = catalog.add_user("Bob", Role::User, "hash").await.expect("a user is added");
    let first = catalog.users(None, 2).await.expect("a page");
    assert_eq!((first.rows, first.next.as_deref()), (vec![ann, bob], Some("Bob")));
    let second = catalog.users(first.next.as_deref(), 2).await.expect("a page");
    assert_eq!((second.rows, second.next), (vec![zoe], None));
}

pub(super) async fn a_user_is_changed_as_a_whole(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let rights = Rights { upload: false, transform: true, share: false };
    let only = LibrarySet::Only(vec![house.talks]);
    let all =
        UserChange { role: Some(Role::Admin), max_bitrate_kbps: Some(Some(192)), ..UserChange::default() };
    let all = UserChange { libraries: Some(only.clone()), ..all }.with_rights(rights);
    let changed = house.catalog.change_user(house.ann.id, &all).await.expect("a change");
    assert_eq!((changed.role, changed.rights, &changed.libraries), (Role::Admin, rights, &only));
    assert_eq!(changed.max_bitrate_kbps, Some(192));
    assert_eq!(house.catalog.user(house.ann.id).await.expect("a lookup"), changed);
    let nothing = house.catalog.change_user(house.ann.id, &UserChange::default()).await.expect("no change");
    assert_eq!(nothing, changed, "what is not named stays");
    let back = UserChange { max_bitrate_kbps: Some(None), ..UserChange::libraries(LibrarySet::All) };
    let back = house.catalog.change_user(house.ann.id, &back).await.expect("a change");
    assert_eq!((back.libraries, back.max_bitrate_kbps, back.rights), (LibrarySet::All, None, rights));
    let silent = UserChange { max_bitrate_kbps: Some(Some(0)), ..UserChange::role(Role::User) };
    let catalog = &house.catalog;
    let before = catalog.password_hash(house.ann.id).await.expect("a hash");
    let refused = catalog.change_user_and_password(house.ann.id, &silent, Some("other")).await;
    assert_eq!(refused.expect_err("nothing can be sent so").kind(), ErrorKind::Invalid);
    assert_eq!(catalog.password_hash(house.ann.id).await.expect("a hash"), before, "all or nothing");
    catalog.add_session(house.ann.id, [7; 32], i64::MAX, "").await.expect("a session");
    let share = UserChange { share: Some(true), ..UserChange::default() };
    let both = catalog.change_user_and_password(house.ann.id, &share, Some("other")).await.expect("a change");
    assert!(both.rights.share, "it is changed together with the password");
    assert_eq!(catalog.password_hash(house.ann.id).await.expect("a hash"), "other");
    let ended = catalog.user_of_session([7; 32], 0).await.expect("a lookup");
    assert_eq!(ended, None, "another password ends the sessions");
    assert_eq!(house.catalog.user(house.ann.id).await.expect("a lookup").role, Role::Admin, "all or nothing");
    let nobody = house.catalog.change_user(UserId(999), &UserChange::role(Role::User)).await;
    assert_eq!(nobody.expect_err("nobody").kind(), ErrorKind::NotFound);
}

pub(super) async fn a_user_begins_with_what_he_is_given(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let rights = Rights { upload: false, transform: true, share: false };
    let first = UserChange {
        max_bitrate_kbps: Some(Some(96)),
        ..UserChange::libraries(LibrarySet::Only(vec![house.talks]))
    };
    let first = first.with_rights(rights);
    let zoe = house.catalog.add_user_who("zoe", "hash", &first).await.expect("a user is added");
    assert_eq!((zoe.role, zoe.rights, zoe.max_bitrate_kbps), (Role::User, rights, Some(96)));
    assert_eq!(zoe.libraries, LibrarySet::Only(vec![house.talks]));
    assert_eq!(house.catalog.user_named("zoe").await.expect("a lookup"), Some(zoe));
    let silent = UserChange { max_bitrate_kbps: Some(Some(0)), ..UserChange::default() };
    house.catalog.add_user_who("yan", "hash", &silent).await.expect_err("nothing can be sent so");
    assert_eq!(house.catalog.user_named("yan").await.expect("a lookup"), None, "all or nothing");
}

pub(super) async fn the_last_admin_stays(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, admin, ann) = (&house.catalog, house.admin.id, house.ann.id);
    let (to_admin, to_user) = (UserChange::role(Role::Admin), UserChange::role(Role::User));
    let demoted = catalog.change_user(admin, &to_user).await;
    assert_eq!(demoted.expect_err("the last admin").kind(), ErrorKind::NotAllowed);
    assert_eq!(catalog.remove_user(admin).await.expect_err("the last admin").kind(), ErrorKind::NotAllowed);
    catalog.change_user(admin, &to_admin).await.expect("he may stay one");
    catalog.change_user(ann, &to_admin).await.expect("another admin");
    catalog.change_user(admin, &to_user).await.expect("not the last any more");
    assert_eq!(catalog.remove_user(ann).await.expect_err("the last admin").kind(), ErrorKind::NotAllowed);
    catalog.remove_user(admin).await.expect("a plain user now");
    assert_eq!(catalog.remove_user(admin).await.expect_err("nobody").kind(), ErrorKind::NotFound);
}

pub(super) async fn a_removed_user_takes_his_own_with_him(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "mine"), file("A", "One", 2, "ours")]).await;
    let catalog = &house.catalog;
    catalog.add_key(house.ann.id, "phone", [1; 32]).await.expect("a key");
    catalog.add_session(house.ann.id, [2; 32], i64::MAX, "").await.expect("a session");
    house.hide_for_ann("mine").await;
    catalog.remove_user(house.ann.id).await.expect("a removal");
    assert_eq!(catalog.user_of_key([1; 32]).await.expect("a lookup"), None);
    assert_eq!(catalog.user_of_session([2; 32], 0).await.expect("a lookup"), None);
    assert_eq!(house.tracks(&house.bob()).await.len(), 1, "what was private does not become public");
    let managing = Viewer::managing(&house.admin);
    assert_eq!(house.tracks(&managing).await.len(), 2, "an admin can still find it");
    let again = catalog.add_user("Ann", Role::User, "hash").await.expect("the name is free");
    assert_ne!(again.id, house.ann.id, "an id is never used twice");
    assert_eq!(house.tracks(&Viewer::of(&again)).await.len(), 1);
}
