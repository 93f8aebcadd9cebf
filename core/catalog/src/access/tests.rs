//! The whole table: every action, judged for everybody.

use super::*;

const ALL: Rights = Rights { upload: true, transform: true, share: true };
const NONE: Rights = Rights { upload: false, transform: false, share: false };

fn user(id: i64, role: Role, rights: Rights) -> User {
    User {
        id: UserId(id),
        name: format!("user {id}"),
        role,
        rights,
        libraries: LibrarySet::All,
        max_bitrate_kbps: None,
        created: 0,
    }
}

#[test]
#[rustfmt::skip]
fn p08_every_action_is_judged_for_everybody() {
    use Verdict::{Allowed as A, Denied as D, SignIn as S};
    let people = [
        None,
        Some(user(1, Role::User, NONE)),
        Some(user(2, Role::User, ALL)),
        Some(user(3, Role::Admin, NONE)),
    ];
    let check = |action: Action, expected: [Verdict; 4]| {
        let judged = people.each_ref().map(|who| judge(who.as_ref(), action));
        assert_eq!(judged, expected, "{action:?}: nobody, without rights, with all rights, admin");
    };
    //                                                      nobody, plain, rights, admin
    check(Action::Knock,                                         [A, A, A, A]);
    check(Action::Listen,                                        [S, A, A, A]);
    check(Action::OwnAccount,                                    [S, A, A, A]);
    check(Action::ChangeTrack { owner: None },                   [S, D, D, A]);
    check(Action::ChangeTrack { owner: Some(UserId(1)) },        [S, A, D, A]);
    check(Action::ChangeTrack { owner: Some(UserId(2)) },        [S, D, A, A]);
    check(Action::ChangeTrack { owner: Some(UserId(3)) },        [S, D, D, A]);
    check(Action::ChangePlaylist { owner: UserId(1) },           [S, A, D, A]);
    check(Action::ChangePlaylist { owner: UserId(2) },           [S, D, A, A]);
    check(Action::ChangePodcast { owner: None },                 [S, D, D, A]);
    check(Action::ChangePodcast { owner: Some(UserId(1)) },      [S, D, D, A]);
    check(Action::ChangePodcast { owner: Some(UserId(2)) },      [S, D, A, A]);
    check(Action::Upload,                                        [S, D, A, A]);
    check(Action::Transform,                                     [S, D, A, A]);
    check(Action::Share,                                         [S, D, A, A]);
    check(Action::Administer,                                    [S, D, D, A]);
}

#[test]
fn p08_each_right_opens_its_own_action_alone() {
    let check = |rights: Rights, expected: [bool; 3]| {
        let who = user(1, Role::User, rights);
        let judged =
            [Action::Upload, Action::Transform, Action::Share].map(|action| judge(Some(&who), action));
        assert_eq!(judged.map(|verdict| verdict == Verdict::Allowed), expected, "{rights:?}");
    };
    check(Rights { upload: true, ..NONE }, [true, false, false]);
    check(Rights { transform: true, ..NONE }, [false, true, false]);
    check(Rights { share: true, ..NONE }, [false, false, true]);
}

#[test]
fn p08_private_tracks_of_others_are_visible_only_to_an_admin_who_manages() {
    let (plain, admin) = (user(1, Role::User, ALL), user(2, Role::Admin, ALL));
    let manages =
        [Viewer::of(&plain), Viewer::managing(&plain), Viewer::of(&admin), Viewer::managing(&admin)];
    assert_eq!(manages.map(|viewer| viewer.manages), [false, false, false, true]);
}
