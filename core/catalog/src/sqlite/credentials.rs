//! Secrets, as hashes or sealed.

use async_trait::async_trait;
use budget::limits::{
    APP_PASSWORDS_PER_USER_MAX, KEYS_PER_USER_MAX, LABEL_CHARS_MAX, PAGE_ROWS_MAX, SESSION_AGENT_CHARS_MAX,
    SESSION_MS, SESSIONS_PER_USER_MAX,
};

use super::columns::row;
use super::playing::Write;
use super::readers::Query;
use super::rows::CredentialTableRow;
use super::{Result, Sqlite, limit, now};
use crate::database::Credentials;
use crate::error::{Error, ErrorKind};
use crate::model::{AppPasswordId, CredentialRow, KeyId, SessionId, SessionRow, UnixMs, UserId};

const HASH: &str = "SELECT password_hash FROM users WHERE id = ?1";
const SET_HASH: &str = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
const RENEW_HASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = ?1";

const KEYS: &str = "SELECT id, label, created, used FROM api_keys WHERE user_id = ?1 ORDER BY id";
const ADD_KEY: &str = "INSERT INTO api_keys (user_id, label, hash, created)
    SELECT u.id, ?2, ?3, ?4 FROM users u
    WHERE u.id = ?1 AND (SELECT count(*) FROM api_keys WHERE user_id = ?1) < ?5
    RETURNING id, label, created, used";
const REMOVE_KEY: &str = "DELETE FROM api_keys WHERE id = ?2 AND user_id = ?1";
const USER_OF_KEY: &str = "SELECT user_id, ifnull(used, 0) < ?2 FROM api_keys WHERE hash = ?1";
const KEY_USED: &str = "UPDATE api_keys SET used = ?2 WHERE hash = ?1";

const APP_PASSWORDS: &str =
    "SELECT id, label, created, used FROM app_passwords WHERE user_id = ?1 ORDER BY id";
const SEALED: &str = "SELECT id, sealed FROM app_passwords WHERE user_id = ?1 ORDER BY id";
const ADD_APP_PASSWORD: &str = "INSERT INTO app_passwords (user_id, label, sealed, created)
    SELECT u.id, ?2, ?3, ?4 FROM users u
    WHERE u.id = ?1 AND (SELECT count(*) FROM app_passwords WHERE user_id = ?1) < ?5
    RETURNING id, label, created, used";
const REMOVE_APP_PASSWORD: &str = "DELETE FROM app_passwords WHERE id = ?2 AND user_id = ?1";
const APP_PASSWORD_USED: &str = "UPDATE app_passwords SET used = ?2 WHERE id = ?1 AND ifnull(used, 0) < ?2";

const SWEEP_SESSIONS: &str = "DELETE FROM sessions WHERE expires <= ?1";
const TRIM_SESSIONS: &str = "DELETE FROM sessions WHERE hash IN (
    SELECT hash FROM sessions WHERE user_id = ?1 ORDER BY expires DESC LIMIT -1 OFFSET ?2)";
const ADD_SESSION: &str = "INSERT INTO sessions (hash, user_id, expires, created, agent) SELECT ?1, id, ?3, ?4, ?5 FROM users WHERE id = ?2";
const SESSIONS: &str = "SELECT hash, agent, created, expires FROM sessions INDEXED BY sessions_by_user
    WHERE user_id = ?1 AND expires > ?2 ORDER BY expires DESC";
const END_SESSION: &str = "DELETE FROM sessions WHERE user_id = ?1 AND substr(hash, 1, 8) = ?2";
const USER_OF_SESSION: &str = "SELECT user_id, expires FROM sessions WHERE hash = ?1 AND expires > ?2";
const REMOVE_SESSION: &str = "DELETE FROM sessions WHERE hash = ?1 RETURNING user_id";
const EXTEND_SESSION: &str = "UPDATE sessions SET expires = max(expires, ?2) WHERE hash = ?1";

const EPOCH: &str = "SELECT ifnull(max(epoch), 0) FROM credential_changes";
const CHANGES: &str =
    "SELECT user_id, epoch FROM credential_changes WHERE epoch > ?1 ORDER BY epoch LIMIT ?2";

/// Uses are remembered by the day, so that a lookup is a write once a day at most.
const DAY_MS: UnixMs = 24 * 3_600_000;

row! {
    struct SessionTableRow {
        hash: Vec<u8>,
        agent: String,
        created: Option<i64>,
        expires: i64,
    }
}

impl TryFrom<SessionTableRow> for SessionRow {
    type Error = Error;

    fn try_from(row: SessionTableRow) -> Result<SessionRow> {
        let hash = row.hash.try_into();
        let hash =
            hash.map_err(|_| Error::new(ErrorKind::Unavailable, "the hash of a session has another length"))?;
        Ok(SessionRow {
            id: SessionId::of(hash),
            agent: row.agent,
            created: row.created,
            used: row.expires.saturating_sub_unsigned(SESSION_MS),
            expires: row.expires,
        })
    }
}

fn check_label(label: &str) -> Result<()> {
    let fits = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
    if !fits || label.chars().any(char::is_control) {
        return Err(Error::invalid("a label has 1 to 100 characters, none of them a control character"));
    }
    Ok(())
}

impl Sqlite {
    async fn list<Id>(
        &self,
        sql: &'static str,
        user: UserId,
        id: fn(i64) -> Id,
    ) -> Result<Vec<CredentialRow<Id>>> {
        let found: Vec<CredentialTableRow> = self.readers.all(Query::new(sql).bind(user.0)).await?;
        Ok(found.into_iter().map(|row| row.with_id(id)).collect())
    }

    /// Adds a key or an app password, unless the user is not there or has as many as he may have.
    async fn add(
        &self,
        sql: &'static str,
        user: UserId,
        label: &str,
        secret: &[u8],
        rows_max: usize,
    ) -> Result<CredentialTableRow> {
        check_label(label)?;
        let mut tx = self.write().await?;
        let there: Option<String> = sqlx::query_scalar(HASH).bind(user.0).fetch_optional(&mut *tx).await?;
        there.ok_or_else(|| Error::not_found("user"))?;
        let added: Option<CredentialTableRow> = sqlx::query_as(sql)
            .bind(user.0)
            .bind(label)
            .bind(secret)
            .bind(now())
            .bind(i64::try_from(rows_max).unwrap_or(i64::MAX))
            .fetch_optional(&mut *tx)
            .await?;
        let added =
            added.ok_or_else(|| Error::new(ErrorKind::NotAllowed, "there are too many; remove one first"))?;
        tx.commit().await?;
        Ok(added)
    }

    async fn revoke(&self, sql: &'static str, user: UserId, id: i64, what: &'static str) -> Result<()> {
        let _news = self.changes();
        let removed = sqlx::query(sql).bind(user.0).bind(id).execute(&self.writer).await?;
        if removed.rows_affected() == 0 { Err(Error::not_found(what)) } else { Ok(()) }
    }
}

/// Replaces a user's login password and ends his sessions.
pub(super) async fn set_password(tx: &mut Write, id: UserId, hash: &str) -> Result<()> {
    let changed = sqlx::query(SET_HASH).bind(id.0).bind(hash).execute(&mut **tx).await?;
    if changed.rows_affected() == 0 {
        return Err(Error::not_found("user"));
    }
    sqlx::query(END_SESSIONS).bind(id.0).execute(&mut **tx).await?;
    Ok(())
}

#[async_trait]
impl Credentials for Sqlite {
    async fn password_hash(&self, id: UserId) -> Result<String> {
        let hash = self.readers.optional(Query::new(HASH).bind(id.0)).await?;
        hash.ok_or_else(|| Error::not_found("user"))
    }

    async fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()> {
        let mut tx = self.write().await?;
        set_password(&mut tx, id, hash).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn renew_password_hash(&self, id: UserId, checked: &str, hash: &str) -> Result<()> {
        sqlx::query(RENEW_HASH).bind(id.0).bind(checked).bind(hash).execute(&self.writer).await?;
        Ok(())
    }

    async fn keys(&self, id: UserId) -> Result<Vec<CredentialRow<KeyId>>> {
        self.list(KEYS, id, KeyId).await
    }

    async fn add_key(&self, id: UserId, label: &str, hash: [u8; 32]) -> Result<CredentialRow<KeyId>> {
        Ok(self.add(ADD_KEY, id, label, &hash, KEYS_PER_USER_MAX).await?.with_id(KeyId))
    }

    async fn remove_key(&self, id: UserId, key: KeyId) -> Result<()> {
        self.revoke(REMOVE_KEY, id, key.0, "API key").await
    }

    async fn user_of_key(&self, hash: [u8; 32]) -> Result<Option<UserId>> {
        let today = now() / DAY_MS * DAY_MS;
        let found: Option<(i64, bool)> =
            self.readers.optional(Query::new(USER_OF_KEY).bind(hash.to_vec()).bind(today)).await?;
        if let Some((_, true)) = found {
            // A full disk must not keep anybody out: the day of use is for the list alone.
            if let Err(error) = sqlx::query(KEY_USED).bind(&hash[..]).bind(today).execute(&self.writer).await
            {
                tracing::warn!(%error, "the use of an API key could not be noted");
            }
        }
        Ok(found.map(|(user, _)| UserId(user)))
    }

    async fn app_passwords(&self, id: UserId) -> Result<Vec<CredentialRow<AppPasswordId>>> {
        self.list(APP_PASSWORDS, id, AppPasswordId).await
    }

    async fn sealed_app_passwords(&self, id: UserId) -> Result<Vec<(AppPasswordId, Vec<u8>)>> {
        let found: Vec<(i64, Vec<u8>)> = self.readers.all(Query::new(SEALED).bind(id.0)).await?;
        Ok(found.into_iter().map(|(id, sealed)| (AppPasswordId(id), sealed)).collect())
    }

    async fn add_app_password(
        &self,
        id: UserId,
        label: &str,
        sealed: &[u8],
    ) -> Result<CredentialRow<AppPasswordId>> {
        Ok(self
            .add(ADD_APP_PASSWORD, id, label, sealed, APP_PASSWORDS_PER_USER_MAX)
            .await?
            .with_id(AppPasswordId))
    }

    async fn app_password_used(&self, id: AppPasswordId) -> Result<()> {
        let today = now() / DAY_MS * DAY_MS;
        sqlx::query(APP_PASSWORD_USED).bind(id.0).bind(today).execute(&self.writer).await?;
        Ok(())
    }

    async fn remove_app_password(&self, id: UserId, password: AppPasswordId) -> Result<()> {
        self.revoke(REMOVE_APP_PASSWORD, id, password.0, "app password").await
    }

    async fn add_session(&self, id: UserId, hash: [u8; 32], expires: UnixMs, agent: &str) -> Result<()> {
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(SESSION_AGENT_CHARS_MAX).collect();
        let mut tx = self.write().await?;
        sqlx::query(SWEEP_SESSIONS).bind(now()).execute(&mut *tx).await?;
        let kept = i64::try_from(SESSIONS_PER_USER_MAX).unwrap_or(i64::MAX) - 1;
        sqlx::query(TRIM_SESSIONS).bind(id.0).bind(kept).execute(&mut *tx).await?;
        let add = sqlx::query(ADD_SESSION).bind(&hash[..]).bind(id.0).bind(expires).bind(now()).bind(agent);
        let added = add.execute(&mut *tx).await?;
        if added.rows_affected() == 0 {
            return Err(Error::not_found("user"));
        }
        tx.commit().await?;
        Ok(())
    }

    async fn user_of_session(&self, hash: [u8; 32], now: UnixMs) -> Result<Option<UserId>> {
        let found: Option<(i64, UnixMs)> =
            self.readers.optional(Query::new(USER_OF_SESSION).bind(hash.to_vec()).bind(now)).await?;
        let Some((user, expires)) = found else { return Ok(None) };
        let extended = now.saturating_add(i64::try_from(SESSION_MS).unwrap_or(i64::MAX));
        if extended.saturating_sub(expires) >= DAY_MS {
            let extend = sqlx::query(EXTEND_SESSION).bind(&hash[..]).bind(extended);
            // A full disk must not keep anybody out: the session lives on, for the time that it has left.
            if let Err(error) = extend.execute(&self.writer).await {
                tracing::warn!(%error, "the use of a session could not be noted");
            }
        }
        Ok(Some(UserId(user)))
    }

    async fn sessions(&self, id: UserId, now: UnixMs) -> Result<Vec<SessionRow>> {
        let found: Vec<SessionTableRow> = self.readers.all(Query::new(SESSIONS).bind(id.0).bind(now)).await?;
        found.into_iter().map(TryFrom::try_from).collect()
    }

    async fn end_session(&self, id: UserId, session: SessionId) -> Result<()> {
        let end = sqlx::query(END_SESSION).bind(id.0).bind(session.0.to_vec());
        let _news = self.changes();
        let ended = end.execute(&self.writer).await?;
        if ended.rows_affected() == 0 { Err(Error::not_found("session")) } else { Ok(()) }
    }

    async fn remove_session(&self, hash: [u8; 32]) -> Result<Option<UserId>> {
        let _news = self.changes();
        let whose = sqlx::query_scalar(REMOVE_SESSION).bind(&hash[..]).fetch_optional(&self.writer).await?;
        Ok(whose.map(UserId))
    }

    async fn credential_epoch(&self) -> Result<i64> {
        self.readers.one(Query::new(EPOCH)).await
    }

    async fn credential_changes(&self, after: i64) -> Result<Vec<(UserId, i64)>> {
        let query = Query::new(CHANGES).bind(after).bind(limit(PAGE_ROWS_MAX));
        let found: Vec<(i64, i64)> = self.readers.all(query).await?;
        Ok(found.into_iter().map(|(user, epoch)| (UserId(user), epoch)).collect())
    }
}
