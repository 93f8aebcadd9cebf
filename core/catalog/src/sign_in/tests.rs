//! The door as a whole, over a catalog in a file.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use argon2::PasswordHasher as _;
use budget::limits::{KIB, LINK_MS, MIB, PASSWORD_HASH_BYTES, PASSWORD_HASH_BYTES_MAX, SIGN_IN_FAILURES_MAX};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use super::*;
use crate::model::{AlbumId, ArtistId, Item, Role, TrackId};
use crate::sqlite::Sqlite;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PASSWORD: &str = "correct horse";

struct Door {
    folder: TempDir,
    catalog: Arc<dyn Catalog>,
    sign_in: SignIn,
    ann: User,
}

async fn open(path: &Path) -> Arc<dyn Catalog> {
    Arc::new(Sqlite::open(path).await.unwrap())
}

impl Door {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = open(&folder.path().join("door.db")).await;
        let budget = Budget::new(256 * MIB).unwrap();
        let sign_in = SignIn::new(Arc::clone(&catalog), &Secret::from_bytes([7; 32]), budget);
        let hash = sign_in.hash_password(PASSWORD).await.unwrap();
        let ann = catalog.add_user("Ann", Role::User, &hash).await.unwrap();
        Door { folder, catalog, sign_in, ann }
    }

    async fn password(&self, name: &str, secret: &str) -> Result<How, Refusal> {
        self.sign_in.password(name, secret, HOME).await.map(|identity| identity.how)
    }

    /// Lets everybody try again and checks everything anew.
    fn fresh(&self) -> SignIn {
        let budget = Budget::new(256 * MIB).unwrap();
        SignIn::new(Arc::clone(&self.catalog), &Secret::from_bytes([7; 32]), budget)
    }
}

fn token(password: &str, salt: &str) -> String {
    data_encoding::HEXLOWER.encode(&md5::Md5::digest(format!("{password}{salt}")))
}

#[tokio::test]
async fn a_password_opens_for_its_user_alone() {
    let door = Door::new().await;
    assert_eq!(door.password("Ann", PASSWORD).await.unwrap(), How::Password);
    assert_eq!(door.password("aNN", PASSWORD).await.unwrap(), How::Password, "names have no case");
    let identity = door.sign_in.password("Ann", PASSWORD, HOME).await.unwrap();
    assert_eq!((*identity.user).clone(), door.ann);
    let long = "x".repeat(CREDENTIAL_BYTES_MAX + 1);
    for (name, secret) in
        [("Ann", "wrong horse"), ("Ann", ""), ("nobody", PASSWORD), ("", ""), (&long, "x"), ("Ann", &long)]
    {
        let refused = door.password(name, secret).await;
        assert!(matches!(refused, Err(Refusal::Wrong)), "{refused:?}");
    }
}

#[tokio::test]
async fn an_app_password_opens_as_text_and_as_token_and_a_login_password_never_as_token() {
    let door = Door::new().await;
    let (row, text) = door.sign_in.issue_app_password(door.ann.id, "car").await.unwrap();
    assert_eq!(text.len(), 23);
    assert!(
        text.split('-').all(|group| group.len() == 5 && group.bytes().all(|b| b.is_ascii_lowercase())),
        "{text}"
    );
    assert_eq!(door.password("ann", &text).await.unwrap(), How::AppPassword);
    let salt = "c19b2d";
    let by_token =
        async |secret: &str, salt: &str| door.sign_in.token("ann", &token(secret, salt), salt, HOME).await;
    assert_eq!(by_token(&text, salt).await.unwrap().how, How::AppPassword);
    assert!(matches!(by_token(PASSWORD, salt).await, Err(Refusal::Wrong)));
    assert!(
        matches!(by_token(&text, &"s".repeat(257)).await, Err(Refusal::Wrong)),
        "a salt has a bounded length"
    );
    assert!(matches!(door.sign_in.token("ann", "", "", HOME).await, Err(Refusal::Wrong)));
    assert!(door.catalog.app_passwords(door.ann.id).await.unwrap()[0].used.is_some());
    door.catalog.remove_app_password(door.ann.id, row.id).await.unwrap();
    let fresh = door.fresh();
    assert!(matches!(fresh.password("ann", &text, HOME).await, Err(Refusal::Wrong)));
    let none_left = fresh.token("ann", &token(&text, salt), salt, HOME).await;
    assert!(matches!(none_left, Err(Refusal::TokenNotSupported)));
}

#[tokio::test]
async fn a_token_does_not_tell_which_names_exist() {
    let door = Door::new().await;
    let mut answers = [0, 0];
    for n in 0..40 {
        let name = format!("nobody {n}");
        let mut seen = Vec::new();
        for _ in 0..2 {
            match door.sign_in.token(&name, &token("x", "y"), "y", HOME).await {
                Err(Refusal::TokenNotSupported) => seen.push(0),
                Err(Refusal::Wrong) => seen.push(1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen[0], seen[1], "a name gets the same answer each time");
        answers[seen[0]] += 1;
    }
    assert!(
        answers.iter().all(|count| *count > 5),
        "both answers are given to names that nobody has: {answers:?}"
    );
}

#[tokio::test]
async fn keys_and_sessions_open_until_they_are_taken_back() {
    let door = Door::new().await;
    let (row, key) = door.sign_in.issue_key(door.ann.id, "phone").await.unwrap();
    assert!(key.starts_with("mp_") && key.len() == 46, "{key}");
    assert_eq!(door.sign_in.key(&key, HOME).await.unwrap().how, How::Key);
    for wrong in ["", "mp_", &key[..45], &key[3..], &"mp_".repeat(2_000)] {
        assert!(matches!(door.sign_in.key(wrong, HOME).await, Err(Refusal::Wrong)), "{wrong:?}");
    }
    door.catalog.remove_key(door.ann.id, row.id).await.unwrap();
    door.sign_in.forget();
    assert!(matches!(door.sign_in.key(&key, HOME).await, Err(Refusal::Wrong)));

    let session = door.sign_in.open_session(door.ann.id, "a browser").await.unwrap();
    assert_eq!(door.sign_in.session(&session, HOME).await.unwrap().how, How::Session);
    assert!(matches!(door.sign_in.session(&key, HOME).await, Err(Refusal::Wrong)));
    door.sign_in.close_session(&session).await.unwrap();
    door.sign_in.close_session("none").await.unwrap();
    assert!(
        matches!(door.sign_in.session(&session, HOME).await, Err(Refusal::Wrong)),
        "closed here means closed now"
    );
}

#[tokio::test]
async fn p09_a_signed_link_opens_one_track_for_one_user_until_its_time() {
    let door = Door::new().await;
    let (track, ann, expires) = (Opened::Track(TrackId(5)), door.ann.id, 1_000_000 + LINK_MS as i64);
    let signature = door.sign_in.sign_link(track, ann, expires);
    let open = async |track, user, expires, signature: &str, now| {
        door.sign_in.link(track, user, expires, signature, now).await
    };
    let identity = open(track, ann, expires, &signature, expires - 1).await.unwrap();
    assert_eq!((identity.how, identity.user.id), (How::Link, ann));
    let mut changed = signature.clone().into_bytes();
    changed[0] ^= 1;
    let changed = String::from_utf8(changed).unwrap();
    let wrong = [
        open(Opened::Track(TrackId(6)), ann, expires, &signature, 0).await,
        open(Opened::Picture(Item::Track(TrackId(5))), ann, expires, &signature, 0).await,
        open(track, UserId(9), expires, &signature, 0).await,
        open(track, ann, expires + 1, &signature, 0).await,
        open(track, ann, expires, &changed, 0).await,
        open(track, ann, expires, "", 0).await,
        open(track, ann, expires, &signature, expires).await,
    ];
    for (n, answer) in wrong.into_iter().enumerate() {
        assert!(matches!(answer, Err(Refusal::Wrong)), "{n}");
    }
    let picture = Opened::Picture(Item::Album(AlbumId(5)));
    let signature_of_it = door.sign_in.sign_link(picture, ann, expires);
    assert!(open(picture, ann, expires, &signature_of_it, 0).await.is_ok());
    for other in [Opened::Picture(Item::Artist(ArtistId(5))), Opened::Picture(Item::Track(TrackId(5))), track]
    {
        let opened = open(other, ann, expires, &signature_of_it, 0).await;
        assert!(matches!(opened, Err(Refusal::Wrong)), "{other:?}");
    }
    door.catalog.add_user("root", Role::Admin, "hash").await.unwrap();
    door.catalog.remove_user(ann).await.unwrap();
    door.sign_in.forget();
    assert!(
        matches!(open(track, ann, expires, &signature, 0).await, Err(Refusal::Wrong)),
        "a link dies with its user"
    );
}

#[tokio::test]
async fn only_failures_close_the_door_and_a_remembered_password_stays_open() {
    let door = Door::new().await;
    for _ in 0..2 * SIGN_IN_FAILURES_MAX {
        door.password("Ann", PASSWORD).await.unwrap();
    }
    for _ in 0..SIGN_IN_FAILURES_MAX {
        assert!(matches!(door.password("Ann", "wrong horse").await, Err(Refusal::Wrong)));
    }
    assert!(matches!(door.password("ANN", "wrong horse").await, Err(Refusal::TooManyFailures { .. })));
    assert_eq!(door.password("Ann", PASSWORD).await.unwrap(), How::Password, "who is in stays in");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    door.sign_in.password("Ann", PASSWORD, elsewhere).await.unwrap();
    door.sign_in.forget();
    let unremembered = door.password("Ann", PASSWORD).await;
    assert!(
        matches!(unremembered, Err(Refusal::TooManyFailures { .. })),
        "a right guess among many wrong ones is a guess"
    );
}

#[tokio::test]
async fn passwords_have_a_length_and_a_permit() {
    let door = Door::new().await;
    for bad in ["", "seven77", &"x".repeat(1_025)] {
        let refused = door.sign_in.hash_password(bad).await.unwrap_err();
        assert_eq!(refused.kind(), crate::ErrorKind::Invalid, "{} bytes", bad.len());
    }
    for fine in ["12345678", &"é".repeat(512)] {
        door.sign_in.hash_password(fine).await.unwrap();
    }
    let budget = Budget::new(256 * MIB).unwrap();
    let sign_in = SignIn::new(Arc::clone(&door.catalog), &Secret::from_bytes([7; 32]), budget.clone());
    let many = (0..8).map(|n| {
        let sign_in = sign_in.clone();
        tokio::spawn(
            async move { sign_in.password("Ann", &format!("guess number {n}"), HOME).await.map(|_| ()) },
        )
    });
    for guess in many.collect::<Vec<_>>() {
        assert!(matches!(guess.await.unwrap(), Err(Refusal::Wrong)));
    }
    let pool = budget.figures()[budget::Pool::Passwords as usize];
    let ceiling = PASSWORD_HASH_BYTES * budget::limits::PASSWORD_HASHES_MAX as u64;
    assert!(pool.peak_bytes > 0 && pool.peak_bytes <= ceiling, "at most two at once: {pool:?}");
    assert_eq!(pool.used_bytes, 0);
}

/// A hash with the parameters of before.
fn hash_of_before(password: &str) -> String {
    let params = argon2::Params::new((PASSWORD_HASH_BYTES_MAX / KIB) as u32, 2, 1, None).unwrap();
    let hash = argon2::Argon2::from(params).hash_password_with_salt(password.as_bytes(), b"a salt of before");
    let text = hash.unwrap().to_string();
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    text
}

#[tokio::test]
async fn a_hash_of_before_opens_under_its_own_permit_and_only_the_right_password_makes_it_anew() {
    let door = Door::new().await;
    let before = hash_of_before(PASSWORD);
    door.catalog.set_password_hash(door.ann.id, &before).await.unwrap();
    let session = door.sign_in.open_session(door.ann.id, "a browser").await.unwrap();
    // Each of them at the smallest limit, and with all of its memory at rest.
    let check = async |name: &str, secret: &str, is_right: bool, peak_bytes: u64| {
        let budget = Budget::new(budget::limits::MEMORY_LIMIT_BYTES_MIN).unwrap();
        let catalog = Arc::clone(&door.catalog);
        let sign_in = SignIn::new(catalog, &Secret::from_bytes([7; 32]), budget.clone());
        let opened = sign_in.password(name, secret, HOME).await;
        let expected = if is_right {
            matches!(&opened, Ok(identity) if identity.how == How::Password)
        } else {
            matches!(opened, Err(Refusal::Wrong))
        };
        assert!(expected, "{name} by {secret}: {opened:?}");
        let pool = budget.figures()[budget::Pool::Passwords as usize];
        assert_eq!((pool.peak_bytes, pool.used_bytes), (peak_bytes, 0), "{name} by {secret}");
        door.catalog.password_hash(door.ann.id).await.unwrap()
    };
    assert_eq!(check("Ann", "wrong horse", false, PASSWORD_HASH_BYTES_MAX).await, before);
    assert_eq!(check("nobody", PASSWORD, false, PASSWORD_HASH_BYTES).await, before);
    let renewed = check("Ann", PASSWORD, true, PASSWORD_HASH_BYTES_MAX).await;
    assert!(renewed.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{renewed}");
    assert_eq!(check("Ann", "wrong horse", false, PASSWORD_HASH_BYTES).await, renewed);
    assert_eq!(check("Ann", PASSWORD, true, PASSWORD_HASH_BYTES).await, renewed, "once is enough");
    assert_eq!(door.sign_in.session(&session, HOME).await.unwrap().how, How::Session, "sessions go on");
}

#[tokio::test]
async fn nobody_is_kept_out_where_a_hash_cannot_be_made_anew() {
    let door = Door::new().await;
    let check = async |password: &str| {
        let before = hash_of_before(password);
        door.catalog.set_password_hash(door.ann.id, &before).await.unwrap();
        assert_eq!(door.password("Ann", password).await.unwrap(), How::Password, "{password}");
        assert_eq!(door.catalog.password_hash(door.ann.id).await.unwrap(), before, "{password}");
    };
    // Shorter than passwords may be now.
    check("horse").await;
    let file = SqliteConnectOptions::new().filename(door.folder.path().join("door.db"));
    let mut other = file.connect().await.unwrap();
    let broken =
        "CREATE TRIGGER broken BEFORE UPDATE OF password_hash ON users WHEN old.password_hash <> 'set'
        BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END";
    door.catalog.set_password_hash(door.ann.id, "set").await.unwrap();
    sqlx::raw_sql(broken).execute(&mut other).await.unwrap();
    check(PASSWORD).await;
}

/// Asks until the password is refused, and says how long that took.
async fn until_refused(sign_in: &SignIn, secret: &str) -> Duration {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while sign_in.password("Ann", secret, HOME).await.is_ok() {
        ticks.tick().await;
        assert!(start.elapsed() < Duration::from_secs(5), "the old password still works");
    }
    start.elapsed()
}

#[tokio::test]
async fn another_connection_that_changes_a_password_is_seen_within_a_second() {
    let door = Door::new().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watch = tokio::spawn(door.sign_in.clone().watch(async { drop(stopped.await) }));
    // What another process does is the same to SQLite as what another connection does: nothing is shared but the file.
    let other = open(&door.folder.path().join("door.db")).await;
    let new_hash = door.sign_in.hash_password("another horse").await.unwrap();
    door.password("Ann", PASSWORD).await.unwrap();
    other.set_password_hash(door.ann.id, &new_hash).await.unwrap();
    let took = until_refused(&door.sign_in, PASSWORD).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    door.password("Ann", "another horse").await.unwrap();
    other.add_user("root", Role::Admin, &new_hash).await.unwrap();
    other.remove_user(door.ann.id).await.unwrap();
    let took = until_refused(&door.sign_in, "another horse").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    stop.send(()).unwrap();
    watch.await.unwrap();
}

#[tokio::test]
async fn p08_what_one_user_loses_is_forgotten_for_him_alone() {
    let door = Door::new().await;
    let (sign_in, catalog) = (&door.sign_in, &door.catalog);
    let bob = catalog.add_user("bob", Role::User, "none").await.unwrap();
    let mut seen = Some(sign_in.forget_changed(None).await.unwrap());
    let other = open(&door.folder.path().join("door.db")).await;
    let (row, key) = sign_in.issue_key(bob.id, "phone").await.unwrap();
    let (app_row, app_password) = sign_in.issue_app_password(bob.id, "car").await.unwrap();
    let session = sign_in.open_session(bob.id, "a browser").await.unwrap();
    sign_in.password("Ann", PASSWORD, HOME).await.unwrap();
    let remembered = &sign_in.0.remembered;
    let anns = remembered.fingerprint("password", &["Ann", PASSWORD, &budget::network_of(HOME).to_string()]);
    // Bob's comings and goings, by this process and by another, leave Ann remembered.
    for step in 0..5 {
        sign_in.key(&key, HOME).await.map(drop).unwrap_or_default();
        match step {
            0 => drop(sign_in.issue_key(bob.id, "more").await.unwrap()),
            1 => sign_in.close_session(&session).await.unwrap(),
            2 => sign_in.close_session("none").await.unwrap(),
            3 => {
                sign_in.password("bob", &app_password, HOME).await.unwrap();
                other.remove_app_password(bob.id, app_row.id).await.unwrap();
            }
            _ => other.remove_key(bob.id, row.id).await.unwrap(),
        }
        seen = Some(sign_in.forget_changed(seen).await.unwrap());
        assert!(remembered.get(&anns).is_some(), "step {step}");
    }
    assert!(matches!(sign_in.key(&key, HOME).await, Err(Refusal::Wrong)), "what was revoked is forgotten");
    assert!(matches!(sign_in.session(&session, HOME).await, Err(Refusal::Wrong)));
    let (_, key) = sign_in.issue_key(bob.id, "phone").await.unwrap();
    sign_in.key(&key, HOME).await.unwrap();
    other.set_password_hash(door.ann.id, "none").await.unwrap();
    sign_in.forget_changed(seen).await.unwrap();
    assert!(remembered.get(&anns).is_none(), "a new password is forgotten at once");
    assert!(remembered.get(&remembered.fingerprint("key", &[&key])).is_some(), "and Bob is not");
}

#[tokio::test]
async fn the_memory_of_who_was_forgotten_is_bounded() {
    let door = Door::new().await;
    let remembered = &door.sign_in.0.remembered;
    let identity = Identity { user: Arc::new(door.ann.clone()), how: How::Password };
    let print = remembered.fingerprint("password", &["a"]);
    let ticket = remembered.ticket();
    let mut before = door.sign_in.age_of(door.ann.id);
    let mut is_another = || {
        let now = door.sign_in.age_of(door.ann.id);
        std::mem::replace(&mut before, now) != now
    };
    remembered.forget_user(UserId(999));
    assert!(!is_another(), "what happens to others is nothing to her");
    remembered.forget_user(door.ann.id);
    assert!(is_another());
    remembered.forget();
    assert!(is_another());
    for user in 0..2 * budget::limits::CREDENTIALS_REMEMBERED_MAX as i64 {
        remembered.forget_user(UserId(1_000 + user));
    }
    remembered.keep(print, ticket, identity.clone());
    assert_eq!(remembered.get(&print), None, "what was forgotten stays so");
    remembered.keep(print, remembered.ticket(), identity.clone());
    assert_eq!(remembered.get(&print), Some(identity));
}

#[tokio::test]
async fn what_a_check_found_before_a_change_is_not_remembered_after_it() {
    let door = Door::new().await;
    let remembered = &door.sign_in.0.remembered;
    let print = remembered.fingerprint("password", &["a", "b"]);
    let identity = Identity { user: Arc::new(door.ann.clone()), how: How::Password };
    let ticket = remembered.ticket();
    remembered.forget();
    remembered.keep(print, ticket, identity.clone());
    assert_eq!(remembered.get(&print), None, "it read the tables before they changed");
    remembered.keep(print, remembered.ticket(), identity.clone());
    assert_eq!(remembered.get(&print), Some(identity));
}

#[tokio::test]
async fn outcomes_are_counted_and_secrets_are_not_told() {
    let door = Door::new().await;
    let mut registry = Registry::default();
    door.sign_in.register(&mut registry);
    door.password("Ann", PASSWORD).await.unwrap();
    door.password("Ann", "wrong horse").await.unwrap_err();
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("sign_ins_total{how=\"password\",outcome=\"ok\"} 1"), "{text}");
    assert!(text.contains("sign_ins_total{how=\"password\",outcome=\"wrong\"} 1"), "{text}");
    assert!(!text.contains("horse") && !text.contains("Ann"), "{text}");
}
