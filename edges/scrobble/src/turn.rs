//! One turn of one account: a step towards it, or the plays at the beginning of its line.

use std::time::Duration;

use budget::limits::{
    SCROBBLE_APPROVAL_MS, SCROBBLE_APPROVAL_MS_MAX, SCROBBLE_RETRY_MS, SCROBBLE_RETRY_MS_MAX,
    SCROBBLES_AT_ONCE_MAX,
};
use catalog::{AccountKey, AccountState, Error, Scrobble, ScrobbleId, Service, Spoken, UnixMs};
use jiff::Timestamp;
use store::Outgoing;

use crate::lastfm::LastFm;
use crate::listenbrainz::ListenBrainz;
use crate::scrobbler::Parts;
use crate::service::{Speaks, Step, Trouble};

/// What a service has of plays, and what it does not want.
#[derive(Default)]
struct Sorted {
    told: Vec<ScrobbleId>,
    unwanted: Vec<ScrobbleId>,
}

impl Sorted {
    fn add(&mut self, plays: &[&Scrobble], wanted: &[bool]) {
        for (play, is_wanted) in plays.iter().zip(wanted) {
            let list = if *is_wanted { &mut self.told } else { &mut self.unwanted };
            list.push(play.id);
        }
    }
}

/// Who speaks for an account; why nobody does.
pub(crate) fn speaker<'a>(
    parts: &'a Parts,
    outgoing: &'a Outgoing,
    key: &'a AccountKey,
) -> Result<Box<dyn Speaks + 'a>, Trouble> {
    match key.service {
        Service::ListenBrainz => {
            let url = key.url.as_deref().unwrap_or(&parts.settings.listenbrainz_url);
            Ok(Box::new(ListenBrainz { outgoing, url }))
        }
        Service::LastFm => match &parts.settings.lastfm {
            Some(settings) => Ok(Box::new(LastFm { outgoing, settings })),
            None => Err(Trouble::later("this server has no API key of Last.fm")),
        },
    }
}

/// The secret of an account, if there is one.
pub(crate) fn secret(parts: &Parts, key: &AccountKey) -> Result<Option<String>, Trouble> {
    let Some(sealed) = &key.sealed else { return Ok(None) };
    let text = parts.seal.open(key.user, sealed).and_then(|text| String::from_utf8(text).ok());
    let lost = || Trouble::refused("what was kept of the account cannot be read any more; connect it again");
    text.map(Some).ok_or_else(lost)
}

/// Takes the turn, and remembers what became of it.
///
/// # Errors
/// The catalog's: whatever was told may be told again.
pub(crate) async fn take(parts: &Parts, key: &AccountKey) -> Result<(), Error> {
    let went = match key.state {
        AccountState::New | AccountState::Asked => approach(parts, key).await,
        AccountState::Connected => tell(parts, key).await?,
        AccountState::Refused => Ok(()),
    };
    let Err(trouble) = went else { return Ok(()) };
    let is_failure = !matches!(trouble, Trouble::Later { after: Some(_), .. });
    if is_failure {
        parts.figures.failed(key.service);
    }
    tracing::debug!(service = %key.service, user = %key.user, why = trouble.why(), "a service was not told");
    let spoken = match trouble {
        Trouble::Later { after, why } => {
            Spoken::Later { next_try: next_try(key, after), is_failure, trouble: why }
        }
        Trouble::Refused { why } => Spoken::Refused { trouble: why },
        Trouble::Unfit { why } if key.state == AccountState::Connected => {
            Spoken::Later { next_try: next_try(key, None), is_failure, trouble: why }
        }
        Trouble::Unfit { why } => Spoken::Refused { trouble: why },
    };
    parts.catalog.spoken(key, &spoken).await.map(drop)
}

async fn approach(parts: &Parts, key: &AccountKey) -> Result<(), Trouble> {
    let age_ms = now().saturating_sub(key.created);
    if key.state == AccountState::Asked && age_ms > ms(SCROBBLE_APPROVAL_MS_MAX) {
        return Err(Trouble::refused("nobody approved in time; connect again"));
    }
    // A new account begins without what an earlier one left.
    let kept = secret(parts, key)?;
    let step = speaker(parts, &parts.outgoing, key)?.approach(kept.as_deref()).await?;
    let close = |text: &str| {
        let sealed = parts.seal.close(key.user, text.as_bytes());
        sealed.map_err(|e| Trouble::later(format!("it cannot be kept: {}", e.public())))
    };
    let spoken = match step {
        Step::Approve { secret, address } => Spoken::Asked {
            sealed: close(&secret)?,
            approval: address,
            next_try: now() + ms(SCROBBLE_APPROVAL_MS),
        },
        Step::Open { secret, name } => Spoken::Connected { sealed: close(&secret)?, account: name },
    };
    let kept = parts.catalog.spoken(key, &spoken).await;
    kept.map(drop).map_err(|e| Trouble::later(format!("it cannot be kept: {}", e.public())))
}

/// Tells the plays at the beginning of the line. The outer error is the catalog's.
async fn tell(parts: &Parts, key: &AccountKey) -> Result<Result<(), Trouble>, Error> {
    let (speaker, secret) = match (speaker(parts, &parts.outgoing, key), secret(parts, key)) {
        (Ok(speaker), Ok(Some(secret))) => (speaker, secret),
        (Ok(_), Ok(None)) => return Ok(Err(Trouble::refused("there is nothing that proves the account"))),
        (Err(trouble), _) | (_, Err(trouble)) => return Ok(Err(trouble)),
    };
    let line = parts.catalog.scrobbles(key.id, SCROBBLES_AT_ONCE_MAX).await?;
    let (fit, unfit): (Vec<_>, Vec<_>) = line.iter().partition(|play| speaker.fits(play));
    let mut sorted = Sorted::default();
    sorted.add(&unfit, &vec![false; unfit.len()]);
    let went = tell_all(&*speaker, &secret, &fit, &mut sorted).await;
    let Sorted { told, unwanted } = sorted;
    if !told.is_empty() || !unwanted.is_empty() {
        parts.figures.told(key.service, told.len(), unwanted.len());
        parts.catalog.spoken(key, &Spoken::Told { told, unwanted, at: now() }).await?;
    }
    Ok(went)
}

/// All at once; one after the other when there is one among them that the service never takes, so that it holds up none of
/// the others.
async fn tell_all(
    speaker: &dyn Speaks,
    secret: &str,
    plays: &[&Scrobble],
    sorted: &mut Sorted,
) -> Result<(), Trouble> {
    let mut told_at_once = plays.len().max(1);
    let mut left = plays;
    while !left.is_empty() {
        let (these, rest) = left.split_at(told_at_once);
        match speaker.tell(secret, these).await {
            Ok(wanted) => sorted.add(these, &wanted),
            Err(Trouble::Unfit { .. }) if these.len() == 1 => sorted.add(these, &[false]),
            Err(Trouble::Unfit { .. }) => {
                told_at_once = 1;
                continue;
            }
            Err(trouble) => return Err(trouble),
        }
        left = rest;
    }
    Ok(())
}

/// When it is tried again: when the service said, else later with each failure.
fn next_try(key: &AccountKey, after: Option<Duration>) -> UnixMs {
    let doubled = SCROBBLE_RETRY_MS.saturating_mul(1 << key.failures.min(16));
    let told = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    now() + ms(told.unwrap_or(doubled).clamp(1, SCROBBLE_RETRY_MS_MAX))
}

fn ms(ms: u64) -> UnixMs {
    UnixMs::try_from(ms).unwrap_or(UnixMs::MAX)
}

fn now() -> UnixMs {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use catalog::{ServiceAccountId, UserId};

    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_and_a_service_may_say_how_long() {
        let check = |failures: u32, after_seconds: Option<u64>, expected_ms: u64| {
            let key = AccountKey {
                id: ServiceAccountId(1),
                user: UserId(1),
                service: Service::LastFm,
                url: None,
                state: AccountState::Connected,
                sealed: None,
                created: 0,
                failures,
            };
            let wait = next_try(&key, after_seconds.map(Duration::from_secs)) - now();
            let over = ms(expected_ms) - wait;
            assert!((0..1_000).contains(&over), "{failures} {after_seconds:?}: {wait}");
        };
        check(0, None, SCROBBLE_RETRY_MS);
        check(3, None, 8 * SCROBBLE_RETRY_MS);
        check(40, None, SCROBBLE_RETRY_MS_MAX);
        check(40, Some(7), 7_000);
        check(0, Some(1_000_000), SCROBBLE_RETRY_MS_MAX);
    }
}
