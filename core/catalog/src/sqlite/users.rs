//! Users and what they see.

use async_trait::async_trait;
use budget::limits::USER_NAME_CHARS_MAX;

use super::blobs::release;
use super::changes::remove_what_is_his_alone;
use super::credentials::set_password;
use super::library::TICK;
use super::playing::Write;
use super::readers::Query;
use super::rows::{self, UserRow};
use super::{Result, Sqlite, limit, now};
use crate::database::{Page, Users};
use crate::error::{Error, ErrorKind};
use crate::model::{LibrarySet, Rights, Role, User, UserChange, UserId};
use crate::weight::is_cut;

macro_rules! user_rows {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.name, u.role, u.upload, u.transform, u.share, u.all_libraries,
                (SELECT json_group_array(s.library_id) FROM user_libraries s WHERE s.user_id = u.id) AS libraries,
                u.max_bitrate_kbps, u.created
            FROM users u ",
            $rest
        )
    };
}

const BY_NAMES: &str = user_rows!("WHERE u.name > ?1 ORDER BY u.name LIMIT ?2");
const BY_ID: &str = user_rows!("WHERE u.id = ?1");
const BY_NAME: &str = user_rows!("WHERE u.name = ?1");
const ADD: &str = "INSERT INTO users (name, role, upload, transform, share, all_libraries, max_bitrate_kbps,
        password_hash, created)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id";
const CHANGE: &str =
    "UPDATE users SET role = ?2, upload = ?3, transform = ?4, share = ?5, all_libraries = ?6,
        max_bitrate_kbps = ?7
    WHERE id = ?1";
const FORGET_LIBRARIES: &str = "DELETE FROM user_libraries WHERE user_id = ?1";
// Libraries that do not exist are left out: a set may name one that was removed meanwhile.
const ADD_LIBRARIES: &str = "INSERT INTO user_libraries (user_id, library_id)
    SELECT ?1, l.id FROM libraries l WHERE l.id IN (SELECT value FROM json_each(?2))";
const OTHER_ADMINS: &str = "SELECT count(*) FROM users WHERE role = 'admin' AND id <> ?1";
const REMOVE: &str = "DELETE FROM users WHERE id = ?1";

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

/// A name is 1 to 64 characters without control characters, `/`, and white space at its ends.
fn check_name(name: &str) -> Result<()> {
    let characters = name.chars().count();
    if !(1..=USER_NAME_CHARS_MAX).contains(&characters) {
        return Err(Error::invalid("a user name has 1 to 64 characters"));
    }
    if name.chars().any(|c| c.is_control() || c == '/') {
        return Err(Error::invalid("a user name has no control characters and no '/'"));
    }
    if name.trim() != name {
        return Err(Error::invalid("a user name does not begin or end with white space"));
    }
    Ok(())
}

/// Fails when taking `id` from the admins would leave none.
async fn keep_an_admin(tx: &mut Write, user: &User) -> Result<()> {
    let others: i64 = sqlx::query_scalar(OTHER_ADMINS).bind(user.id.0).fetch_one(&mut **tx).await?;
    if user.role == Role::Admin && others == 0 {
        return Err(Error::new(ErrorKind::NotAllowed, "this is the last admin"));
    }
    Ok(())
}

async fn read(tx: &mut Write, id: UserId) -> Result<User> {
    let found: Vec<UserRow> = sqlx::query_as(BY_ID).bind(id.0).fetch_all(&mut **tx).await?;
    rows::one(found, "user")
}

fn check_limit(user: &User) -> Result<()> {
    match user.max_bitrate_kbps {
        Some(0) => Err(Error::invalid("nothing can be sent with a bitrate of 0")),
        _ => Ok(()),
    }
}

/// Makes a user see these libraries, of which none may be his yet, and gives him as he is then.
async fn give_libraries(tx: &mut Write, id: UserId, libraries: &LibrarySet) -> Result<User> {
    if let LibrarySet::Only(set) = libraries {
        let ids: Vec<i64> = set.iter().map(|id| id.0).collect();
        sqlx::query(ADD_LIBRARIES).bind(id.0).bind(super::json_ids(&ids)).execute(&mut **tx).await?;
    }
    read(tx, id).await
}

#[async_trait]
impl Users for Sqlite {
    async fn users(&self, after: Option<&str>, rows_max: usize) -> Result<Page<User, String>> {
        let rows_max = limit(rows_max);
        // No name is empty, so every one comes after that.
        let query = Query::new(BY_NAMES).bind(after.unwrap_or_default().to_owned()).bind(rows_max);
        let rows = self.readers.page::<UserRow, User>(query).await?;
        let full = i64::try_from(rows.len()) == Ok(rows_max) || is_cut(&rows);
        let next = rows.last().map(|user| user.name.clone()).filter(|_| full);
        Ok(Page { rows, next })
    }

    async fn user(&self, id: UserId) -> Result<User> {
        self.readers.noun::<UserRow, _>(Query::new(BY_ID).bind(id.0), "user").await
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>> {
        let found: Option<UserRow> = self.readers.optional(Query::new(BY_NAME).bind(name.to_owned())).await?;
        found.map(User::try_from).transpose()
    }

    async fn add_user_who(&self, name: &str, password_hash: &str, first: &UserChange) -> Result<User> {
        check_name(name)?;
        let user = first.of(&User {
            id: UserId(0),
            name: name.to_owned(),
            role: Role::User,
            rights: Rights::default(),
            libraries: LibrarySet::All,
            max_bitrate_kbps: None,
            created: now(),
        });
        check_limit(&user)?;
        let mut tx = self.write().await?;
        let added = sqlx::query_scalar::<_, i64>(ADD)
            .bind(name)
            .bind(role_name(user.role))
            .bind(user.rights.upload)
            .bind(user.rights.transform)
            .bind(user.rights.share)
            .bind(user.libraries == LibrarySet::All)
            .bind(user.max_bitrate_kbps)
            .bind(password_hash)
            .bind(user.created)
            .fetch_one(&mut *tx)
            .await;
        let id = match added.map_err(Error::from) {
            Err(e) if e.kind() == ErrorKind::Exists => {
                return Err(Error::new(ErrorKind::Exists, "there is a user of that name already").because(e));
            }
            other => other?,
        };
        let user = give_libraries(&mut tx, UserId(id), &user.libraries).await?;
        tx.commit().await?;
        Ok(user)
    }

    async fn change_user_and_password(
        &self,
        id: UserId,
        change: &UserChange,
        password_hash: Option<&str>,
    ) -> Result<User> {
        let mut tx = self.write().await?;
        let before = read(&mut tx, id).await?;
        let user = change.of(&before);
        check_limit(&user)?;
        if user.role != Role::Admin {
            keep_an_admin(&mut tx, &before).await?;
        }
        sqlx::query(CHANGE)
            .bind(id.0)
            .bind(role_name(user.role))
            .bind(user.rights.upload)
            .bind(user.rights.transform)
            .bind(user.rights.share)
            .bind(user.libraries == LibrarySet::All)
            .bind(user.max_bitrate_kbps)
            .execute(&mut *tx)
            .await?;
        sqlx::query(FORGET_LIBRARIES).bind(id.0).execute(&mut *tx).await?;
        let user = give_libraries(&mut tx, id, &user.libraries).await?;
        if let Some(hash) = password_hash {
            set_password(&mut tx, id, hash).await?;
        }
        tx.commit().await?;
        Ok(user)
    }

    async fn remove_user(&self, id: UserId) -> Result<()> {
        let mut tx = self.write().await?;
        let user = read(&mut tx, id).await?;
        keep_an_admin(&mut tx, &user).await?;
        let blobs = remove_what_is_his_alone(&mut tx, id).await?;
        sqlx::query(REMOVE).bind(id.0).execute(&mut *tx).await?;
        release(&mut tx, &blobs).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_short_and_plain() {
        let check = |name: &str, fine: bool| assert_eq!(check_name(name).is_ok(), fine, "{name:?}");
        check("ann", true);
        check("Ann Müller", true);
        check("日本", true);
        check(&"x".repeat(64), true);
        check(&"x".repeat(65), false);
        check("", false);
        check(" ann", false);
        check("ann ", false);
        check("a/b", false);
        check("a\nb", false);
        check("a\0b", false);
    }
}
