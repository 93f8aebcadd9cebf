//! Radio stations: names and addresses. Nothing here or elsewhere asks these addresses for anything.

use async_trait::async_trait;
use budget::limits::{STATION_URL_BYTES_MAX, STATIONS_MAX};

use super::columns::row;
use super::readers::Query;
use super::sequence::check_name;
use super::{Result, Sqlite, limit, offset};
use crate::database::Stations;
use crate::error::{Error, ErrorKind};
use crate::model::{Station, StationId, StationText};

pub(super) const BY_NAME: &str = "SELECT id, name, stream_url, home_url
    FROM stations INDEXED BY stations_by_name ORDER BY name, id LIMIT ?1 OFFSET ?2";
const ADD: &str = "INSERT INTO stations (name, stream_url, home_url)
    SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM stations) < ?4 RETURNING id";
const CHANGE: &str = "UPDATE stations SET name = ?2, stream_url = ?3, home_url = ?4 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM stations WHERE id = ?1";

row! {
    struct StationRow {
        id: i64,
        name: String,
        stream_url: String,
        home_url: Option<String>,
    }
}

impl TryFrom<StationRow> for Station {
    type Error = Error;

    fn try_from(row: StationRow) -> Result<Station> {
        let StationRow { id, name, stream_url, home_url } = row;
        Ok(Station { id: StationId(id), about: StationText { name, stream_url, home_url } })
    }
}

/// An address that apps may be sent to: `http` or `https` with a host, and nothing that would end it in a text.
pub(super) fn check_url(url: &str) -> Result<()> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let head = url.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    });
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']));
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | '\\');
    if has_host && url.len() <= STATION_URL_BYTES_MAX && url.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "an address begins with http:// or https:// and a host, and has at most {STATION_URL_BYTES_MAX} bytes"
    )))
}

fn check(about: &StationText) -> Result<()> {
    check_name(&about.name)?;
    check_url(&about.stream_url)?;
    about.home_url.as_deref().map_or(Ok(()), check_url)
}

#[async_trait]
impl Stations for Sqlite {
    async fn stations(&self, skip: u64, rows_max: usize) -> Result<Vec<Station>> {
        let query = Query::new(BY_NAME).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<StationRow, _>(query).await
    }

    async fn add_station(&self, about: &StationText) -> Result<StationId> {
        check(about)?;
        let mut tx = self.write().await?;
        let added: Option<i64> = sqlx::query_scalar(ADD)
            .bind(&about.name)
            .bind(&about.stream_url)
            .bind(&about.home_url)
            .bind(STATIONS_MAX as i64)
            .fetch_optional(&mut *tx)
            .await?;
        let id = added.ok_or_else(|| {
            Error::new(ErrorKind::NotAllowed, "there are too many stations; remove one first")
        })?;
        tx.commit().await?;
        Ok(StationId(id))
    }

    async fn change_station(&self, id: StationId, about: &StationText) -> Result<()> {
        check(about)?;
        let mut tx = self.write().await?;
        let changed = sqlx::query(CHANGE)
            .bind(id.0)
            .bind(&about.name)
            .bind(&about.stream_url)
            .bind(&about.home_url)
            .execute(&mut *tx)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::not_found("station"));
        }
        tx.commit().await
    }

    async fn remove_station(&self, id: StationId) -> Result<()> {
        let mut tx = self.write().await?;
        if sqlx::query(REMOVE).bind(id.0).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::not_found("station"));
        }
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_kept() {
        let check = |url: &str, fine: bool| assert_eq!(check_url(url).is_ok(), fine, "{url:?}");
        check("http://radio.example/stream", true);
        check("HTTPS://radio.example:8000/;stream?x=1", true);
        check("http://[2001:db8::1]/mount", true);
        check("https://радио.example/эфир", true);
        check(&format!("http://a/{}", "x".repeat(STATION_URL_BYTES_MAX - 9)), true);
        check(&format!("http://a/{}", "x".repeat(STATION_URL_BYTES_MAX - 8)), false);
        for url in ["", "http://", "http:///x", "http://:80/", "radio.example", "ftp://radio.example/"] {
            check(url, false);
        }
        for url in
            ["javascript:alert(1)", "file:///etc/passwd", "http://a b/", "http://a/\n", "http://a/\"><b>"]
        {
            check(url, false);
        }
    }
}
