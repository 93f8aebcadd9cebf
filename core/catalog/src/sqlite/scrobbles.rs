//! Accounts at services that are told what is played, and the line of plays before each.

use async_trait::async_trait;
use budget::limits::{SCROBBLES_WAITING_MAX, SERVICE_TEXT_CHARS_MAX, SERVICE_URL_BYTES_MAX};
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::columns::row;
use super::readers::Query;
use super::rows::{self, unsigned};
use super::sql::{seen, track_seen};
use super::{Result, Scope, Sqlite, limit, now};
use crate::access::Viewer;
use crate::database::Scrobbles;
use crate::error::{Error, ErrorKind};
use crate::model::{
    AccountKey, AccountState, Heard, Scrobble, ScrobbleId, Service, ServiceAccount, ServiceAccountId, Spoken,
    TrackId, UnixMs, UserId,
};

/// Track `t` of album `al`, whose artist is `ar`, in the words of [`Heard`]. What the scan calls unknown is left out. The
/// artists are those of the details where there are several, and none unless all of them are known.
macro_rules! heard {
    () => {
        "json_object(
            'title', ifnull(t.title_set, t.title),
            'artist', nullif(t.artist, '[Unknown Artist]'),
            'album', nullif(al.name, '[Unknown Album]'),
            'album_artist', nullif(ar.name, '[Unknown Artist]'),
            'track', t.track,
            'duration_ms', t.duration_ms,
            'recording', t.details ->> '$.m',
            'release', al.release,
            'artists', json((SELECT json_group_array(a.musicbrainz)
                FROM json_each(ifnull(t.details -> '$.a', json_array(json_array(t.artist_id)))) j
                CROSS JOIN artists a ON a.id = (j.value ->> 0)
                HAVING count(*) > 0 AND count(*) = count(a.musicbrainz))),
            'isrcs', json(t.details -> '$.i'))"
    };
}
const HEARD: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT ",
    heard!(),
    " FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id
    WHERE t.id = ?4 AND ",
    track_seen!()
);
/// Whoever may play a track was found before.
pub(super) const PUT_IN_LINE: &str = concat!(
    "INSERT INTO scrobbles (account_id, played, heard)
    SELECT s.id, ?3, ",
    heard!(),
    " FROM service_accounts s CROSS JOIN tracks t ON t.id = ?2
    CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id
    WHERE s.user_id = ?1 AND s.account IS NOT NULL"
);
const COUNT_LINE: &str = "UPDATE service_accounts SET waiting = waiting + ?2
    WHERE user_id = ?1 AND account IS NOT NULL RETURNING id, waiting";
const DROP_OLDEST: &str = "DELETE FROM scrobbles WHERE id IN (
    SELECT id FROM scrobbles WHERE account_id = ?1 ORDER BY id LIMIT ?2)";
const COUNT_DROPPED: &str =
    "UPDATE service_accounts SET waiting = waiting - ?2, dropped = dropped + ?2 WHERE id = ?1";

const OF_USER: &str =
    "SELECT service, url, state, account, approval, trouble, created, waiting, told, unwanted, dropped,
    told_at FROM service_accounts WHERE user_id = ?1 ORDER BY service";
// Another place is another service: nothing that waits for the old one is told to it.
const FORGET_OTHER_PLACE: &str =
    "DELETE FROM service_accounts WHERE user_id = ?1 AND service = ?2 AND url IS NOT ?3";
const CONNECT: &str = "INSERT INTO service_accounts (user_id, service, url, state, sealed, created)
    SELECT id, ?2, ?3, 1, ?4, ?5 FROM users WHERE id = ?1
    ON CONFLICT (user_id, service) DO UPDATE SET state = 1, sealed = excluded.sealed, created = excluded.created,
        approval = NULL, trouble = NULL, next_try = 0, failures = 0";
const DISCONNECT: &str = "DELETE FROM service_accounts WHERE user_id = ?1 AND service = ?2";

pub(super) const DUE: &str =
    "SELECT id, user_id, service, url, state, sealed, created, failures FROM service_accounts
    INDEXED BY service_accounts_due
    WHERE (state < 3 OR (state = 3 AND waiting > 0)) AND next_try <= ?1 ORDER BY next_try LIMIT ?2";
const CONNECTED: &str =
    "SELECT id, user_id, service, url, state, sealed, created, failures FROM service_accounts
    WHERE user_id = ?1 AND state = 3 ORDER BY service";
pub(super) const IN_LINE: &str =
    "SELECT id, played, heard FROM scrobbles WHERE account_id = ?1 ORDER BY id LIMIT ?2";

// Whoever connects anew makes the row another one: by its moment, and by what proves who he is.
macro_rules! unless_anew {
    () => {
        " WHERE id = ?1 AND created = ?2 AND sealed IS ?3"
    };
}
const ASKED: &str = concat!(
    "UPDATE service_accounts SET state = 2, sealed = ?4, approval = ?5, next_try = ?6, trouble = NULL, failures = 0",
    unless_anew!()
);
/// What waits for somebody else's account is not told to this one.
const FORGET_OTHER_ACCOUNT: &str = "DELETE FROM scrobbles WHERE account_id IN (
    SELECT id FROM service_accounts WHERE id = ?1 AND account IS NOT ?2)";
const NOW_CONNECTED: &str = concat!(
    "UPDATE service_accounts SET state = 3, sealed = ?4, waiting = iif(account IS ?5, waiting, 0), account = ?5,
        approval = NULL, trouble = NULL, next_try = 0, failures = 0",
    unless_anew!()
);
const TAKE: &str = "DELETE FROM scrobbles WHERE account_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const TOLD: &str = concat!(
    "UPDATE service_accounts SET waiting = waiting - ?4 - ?5, told = told + ?4, unwanted = unwanted + ?5,
        told_at = iif(?4 > 0, ?6, told_at), trouble = NULL, next_try = 0, failures = 0",
    unless_anew!()
);
const LATER: &str = concat!(
    "UPDATE service_accounts SET next_try = ?4, trouble = ?5, failures = failures + ?6",
    unless_anew!()
);
const REFUSED: &str =
    concat!("UPDATE service_accounts SET state = 4, approval = NULL, trouble = ?4", unless_anew!());

row! {
    #[derive(FromRow)]
    struct AccountRow {
        service: i64,
        url: Option<String>,
        state: i64,
        account: Option<String>,
        approval: Option<String>,
        trouble: Option<String>,
        created: i64,
        waiting: i64,
        told: i64,
        unwanted: i64,
        dropped: i64,
        told_at: Option<i64>,
    }
}

impl TryFrom<AccountRow> for ServiceAccount {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        Ok(ServiceAccount {
            service: service(row.service)?,
            url: row.url,
            state: state(row.state)?,
            account: row.account,
            approval: row.approval,
            trouble: row.trouble,
            created: row.created,
            waiting: unsigned(row.waiting),
            told: unsigned(row.told),
            unwanted: unsigned(row.unwanted),
            dropped: unsigned(row.dropped),
            told_at: row.told_at,
        })
    }
}

row! {
    struct KeyRow {
        id: i64,
        user_id: i64,
        service: i64,
        url: Option<String>,
        state: i64,
        sealed: Option<Vec<u8>>,
        created: i64,
        failures: i64,
    }
}

impl TryFrom<KeyRow> for AccountKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self> {
        Ok(AccountKey {
            id: ServiceAccountId(row.id),
            user: UserId(row.user_id),
            service: service(row.service)?,
            url: row.url,
            state: state(row.state)?,
            sealed: row.sealed,
            created: row.created,
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
        })
    }
}

row! {
    struct ScrobbleRow {
        id: i64,
        played: i64,
        heard: String,
    }
}

impl TryFrom<ScrobbleRow> for Scrobble {
    type Error = Error;

    fn try_from(row: ScrobbleRow) -> Result<Self> {
        Ok(Scrobble { id: ScrobbleId(row.id), played: row.played, heard: heard(&row.heard)? })
    }
}

fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what)
}

fn heard(text: &str) -> Result<Heard> {
    serde_json::from_str(text).map_err(|e| damaged("what was heard cannot be read").because(e))
}

fn service(number: i64) -> Result<Service> {
    let found = Service::ALL.into_iter().find(|service| *service as i64 == number);
    found.ok_or_else(|| damaged("an account is at no service that there is"))
}

fn state(number: i64) -> Result<AccountState> {
    let all = [AccountState::New, AccountState::Asked, AccountState::Connected, AccountState::Refused];
    let found = all.into_iter().find(|state| *state as i64 == number);
    found.ok_or_else(|| damaged("an account is in no state that there is"))
}

/// A text of another server, as much of it as is kept.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SERVICE_TEXT_CHARS_MAX).collect()
}

/// Puts plays of one user, that were counted, in line for the services that are told of them.
pub(super) async fn put_in_line(
    tx: &mut SqliteConnection,
    user: i64,
    plays: &[(TrackId, UnixMs)],
) -> Result<()> {
    let counted = sqlx::query_as(COUNT_LINE).bind(user).bind(plays.len() as i64);
    let lines: Vec<(i64, i64)> = counted.fetch_all(&mut *tx).await?;
    if lines.is_empty() {
        return Ok(());
    }
    for (track, at) in plays {
        sqlx::query(PUT_IN_LINE).bind(user).bind(track.0).bind(at).execute(&mut *tx).await?;
    }
    for (account, waiting) in lines {
        let over = waiting - SCROBBLES_WAITING_MAX;
        if over > 0 {
            sqlx::query(DROP_OLDEST).bind(account).bind(over).execute(&mut *tx).await?;
            sqlx::query(COUNT_DROPPED).bind(account).bind(over).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

#[async_trait]
impl Scrobbles for Sqlite {
    async fn service_accounts(&self, user: UserId) -> Result<Vec<ServiceAccount>> {
        let found: Vec<AccountRow> = self.readers.all(Query::new(OF_USER).bind(user.0)).await?;
        rows::all(found)
    }

    async fn connect_service(
        &self,
        user: UserId,
        service: Service,
        url: Option<&str>,
        sealed: Option<&[u8]>,
    ) -> Result<ServiceAccount> {
        if url.is_some_and(|url| url.len() > SERVICE_URL_BYTES_MAX) {
            return Err(Error::invalid(format!("an address has at most {SERVICE_URL_BYTES_MAX} bytes")));
        }
        let mut tx = self.write().await?;
        let number = service as i64;
        sqlx::query(FORGET_OTHER_PLACE).bind(user.0).bind(number).bind(url).execute(&mut *tx).await?;
        let connect = sqlx::query(CONNECT).bind(user.0).bind(number).bind(url).bind(sealed).bind(now());
        if connect.execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::not_found("user"));
        }
        let found: Vec<AccountRow> = sqlx::query_as(OF_USER).bind(user.0).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        rows::one(found.into_iter().filter(|row| row.service == number).collect(), "account")
    }

    async fn disconnect_service(&self, user: UserId, service: Service) -> Result<()> {
        let mut tx = self.write().await?;
        let gone = sqlx::query(DISCONNECT).bind(user.0).bind(service as i64).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Err(Error::not_found("account"));
        }
        tx.commit().await
    }

    async fn due_accounts(&self, now: UnixMs, rows_max: usize) -> Result<Vec<AccountKey>> {
        let query = Query::new(DUE).bind(now).bind(limit(rows_max));
        rows::all::<KeyRow, _>(self.readers.all(query).await?)
    }

    async fn connected_accounts(&self, user: UserId) -> Result<Vec<AccountKey>> {
        let found: Vec<KeyRow> = self.readers.all(Query::new(CONNECTED).bind(user.0)).await?;
        rows::all(found)
    }

    async fn scrobbles(&self, account: ServiceAccountId, rows_max: usize) -> Result<Vec<Scrobble>> {
        let query = Query::new(IN_LINE).bind(account.0).bind(limit(rows_max));
        rows::all::<ScrobbleRow, _>(self.readers.all(query).await?)
    }

    async fn spoken(&self, account: &AccountKey, spoken: &Spoken) -> Result<bool> {
        let mut tx = self.write().await?;
        let of = |sql: &'static str| {
            sqlx::query(sql).bind(account.id.0).bind(account.created).bind(account.sealed.as_deref())
        };
        let update = match spoken {
            Spoken::Asked { sealed, approval, next_try } => {
                of(ASKED).bind(sealed).bind(short(approval)).bind(next_try)
            }
            Spoken::Connected { account: name, sealed } => {
                let name = short(name);
                sqlx::query(FORGET_OTHER_ACCOUNT).bind(account.id.0).bind(&name).execute(&mut *tx).await?;
                of(NOW_CONNECTED).bind(sealed).bind(name)
            }
            Spoken::Told { told, unwanted, at } => {
                let told = taken(&mut tx, account.id, told).await?;
                let unwanted = taken(&mut tx, account.id, unwanted).await?;
                of(TOLD).bind(told).bind(unwanted).bind(at)
            }
            Spoken::Later { next_try, is_failure, trouble } => {
                of(LATER).bind(next_try).bind(short(trouble)).bind(is_failure)
            }
            Spoken::Refused { trouble } => of(REFUSED).bind(short(trouble)),
        };
        if update.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn heard(&self, viewer: &Viewer, track: TrackId) -> Result<Heard> {
        let scope = Scope::of(viewer);
        let found: Option<String> = self.readers.optional(scope.query(HEARD).bind(track.0)).await?;
        heard(&found.ok_or_else(|| Error::not_found("track"))?)
    }
}

/// Takes plays out of the line, and says how many that were: some may have given way meanwhile.
async fn taken(tx: &mut SqliteConnection, account: ServiceAccountId, ids: &[ScrobbleId]) -> Result<i64> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let take = sqlx::query(TAKE).bind(account.0).bind(super::json_ids(&ids));
    Ok(i64::try_from(take.execute(tx).await?.rows_affected()).unwrap_or(0))
}
