//! How long an answer may be given without asking anybody, and what a request wants of that: pure arithmetic of RFC 9111
//! sections 3 and 4.2 and RFC 5861, over fields and times.
//!
//! The crate `http-cache-semantics` judges by RFC 7234: it obeys `Pragma`, adds `Warning`, keeps no status that is not in
//! its list though its freshness is told, reads no `CDN-Cache-Control`, and answers for one variant. So it is done here.

use budget::limits::DISCONNECTED_MS;
use catalog::UnixMs;
use http::header::{AGE, AUTHORIZATION, COOKIE, DATE, EXPIRES, HeaderMap, LAST_MODIFIED, SET_COOKIE};
use http::{Method, StatusCode};

use super::date::date;
use super::directives::{Directives, number};
use crate::settings::Kept;

/// Statuses that may be kept though nobody said for how long (RFC 9110 section 15.1). 206 is kept in another way.
const BY_DEFAULT: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/// Those that say the same tomorrow as today, so that the operator's times count where the origin gives no date.
const BY_STATUS: [u16; 8] = [300, 301, 308, 404, 405, 410, 414, 501];

/// When a request went out and its answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) requested: UnixMs,
    pub(crate) received: UnixMs,
}

/// What an answer says of how long it may be kept.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    directives: Directives,
    lifetime_ms: u64,
    /// Whether the origin said how long.
    is_told: bool,
    status: StatusCode,
}

impl Rules {
    /// Reads them. `kept` bounds what is guessed.
    pub(crate) fn of(status: StatusCode, fields: &HeaderMap, received: UnixMs, kept: &Kept) -> Rules {
        let targeted = Directives::targeted(fields);
        let expires = match targeted {
            Some(_) => None,
            None => fields.get(EXPIRES).map(|_| date(fields, EXPIRES).unwrap_or(0)),
        };
        let directives = targeted.unwrap_or_else(|| Directives::of(fields));
        let seconds = directives.seconds("s-maxage").or_else(|| directives.seconds("max-age"));
        let made = date(fields, DATE).unwrap_or(received);
        let told = seconds
            .map(|seconds| seconds.saturating_mul(1_000))
            .or(expires.map(|expires| u64::try_from(expires - made).unwrap_or(0)));
        let lifetime_ms = told.unwrap_or_else(|| guessed_ms(status, fields, &directives, made, kept));
        Rules { directives, lifetime_ms, is_told: told.is_some(), status }
    }

    /// Whether a shared cache may keep the answer to such a request (section 3), and has some use for it.
    pub(crate) fn may_keep(&self, method: &Method, request: &HeaderMap, fields: &HeaderMap) -> bool {
        let said = &self.directives;
        let status = self.status.as_u16();
        // These two are parts of an answer, and are looked at elsewhere.
        let is_whole = *method == Method::GET && status >= 200 && status != 206 && status != 304;
        // `must-understand` stands in place of `no-store` for who knows the status (section 5.2.2.3).
        let is_understood = said.has("must-understand") && BY_DEFAULT.contains(&status);
        let is_barred = ["no-store", "must-understand"].iter().any(|name| said.has(name));
        let is_refused = (is_barred && !is_understood) || said.has_plain("private");
        let is_for_all = !request.contains_key(AUTHORIZATION)
            || ["public", "must-revalidate", "s-maxage"].iter().any(|name| said.has(name));
        let is_meant = self.is_said() || BY_DEFAULT.contains(&status);
        // What an origin says to one it knows, or begins to, is for others only when it says so.
        let is_personal = request.contains_key(COOKIE) || fields.contains_key(SET_COOKIE);
        let is_of_use = self.lifetime_ms > 0 || has_validator(fields);
        is_whole && !is_refused && is_for_all && is_meant && is_of_use && (self.is_said() || !is_personal)
    }

    /// Whether the origin said that it may be kept, by a time or by that word.
    pub(crate) fn is_said(&self) -> bool {
        self.is_told || self.directives.has("public")
    }

    /// Whether the origin said for how long it may be kept, and nobody has to guess.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }

    /// Whether who waited for it may have it though it is stale at once.
    pub(crate) fn is_for_many(&self) -> bool {
        !self.directives.has_plain("no-cache")
    }

    /// Whether a stale one may be given at all before somebody found it to be right (sections 5.2.2.2, .8 and .10).
    pub(crate) fn may_be_stale(&self) -> bool {
        let forbidding = ["must-revalidate", "proxy-revalidate", "s-maxage"];
        !self.directives.has_plain("no-cache") && !forbidding.iter().any(|name| self.directives.has(name))
    }

    /// What a request that wants this may be given, when the answer is so old.
    pub(crate) fn judge(&self, wish: &Wish, age_ms: u64) -> Use {
        let stale_ms = (age_ms + 1).saturating_sub(self.lifetime_ms);
        let seconds = |name| self.directives.seconds(name).map_or(0, |seconds| seconds * 1_000);
        if self.directives.has_plain("no-cache") || wish.validates || age_ms > wish.age_ms_max {
            return Use::Validate;
        }
        if stale_ms == 0 {
            let is_fresh_enough = self.lifetime_ms - age_ms >= wish.fresh_ms_min;
            return if is_fresh_enough { Use::Give } else { Use::Validate };
        }
        if wish.fresh_ms_min > 0 || !self.may_be_stale() {
            return Use::Validate;
        }
        match wish.stale_ms_max {
            Some(allowed_ms) if stale_ms <= allowed_ms => Use::Give,
            _ if stale_ms <= seconds("stale-while-revalidate") => Use::GiveAndRefresh,
            _ => Use::Validate,
        }
    }

    /// Whether it may be given though the origin failed: because it says so (RFC 5861 section 4), or because the origin
    /// cannot be reached at all (RFC 9111 section 4.2.4).
    pub(crate) fn may_stand_in(&self, wish: &Wish, age_ms: u64, is_unreachable: bool) -> bool {
        let stale_ms = (age_ms + 1).saturating_sub(self.lifetime_ms);
        let told = self.directives.seconds("stale-if-error").or(wish.if_error_s);
        let allowed_ms = match told {
            Some(seconds) => seconds * 1_000,
            None if is_unreachable => DISCONNECTED_MS,
            None => return false,
        };
        self.may_be_stale() && stale_ms <= allowed_ms
    }
}

/// What a request says of what it takes (section 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Nothing is to be kept of it, and nothing kept is wanted.
    pub(crate) no_store: bool,
    /// What is kept, or nothing.
    pub(crate) only_if_cached: bool,
    validates: bool,
    age_ms_max: u64,
    fresh_ms_min: u64,
    stale_ms_max: Option<u64>,
    if_error_s: Option<u64>,
}

/// What a request may be given of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It, as it is.
    Give,
    /// It, while it is asked for anew (RFC 5861 section 3).
    GiveAndRefresh,
    /// It, when the origin says that it is right still.
    Validate,
}

impl Wish {
    pub(crate) fn of(request: &HeaderMap) -> Wish {
        let said = Directives::of(request);
        let ms = |seconds: u64| seconds.saturating_mul(1_000);
        Wish {
            no_store: said.has("no-store"),
            only_if_cached: said.has("only-if-cached"),
            validates: said.has("no-cache"),
            age_ms_max: said.seconds("max-age").map_or(u64::MAX, ms),
            fresh_ms_min: said.seconds("min-fresh").map_or(0, ms),
            stale_ms_max: said.seconds_or_any("max-stale").map(ms),
            if_error_s: said.seconds("stale-if-error"),
        }
    }

    /// Whether an answer that another request gets at this moment is as good.
    pub(crate) fn takes_anothers(&self) -> bool {
        !self.no_store && !self.validates && self.age_ms_max > 0
    }
}

/// How old an answer is (section 4.2.3).
pub(crate) fn age_ms(fields: &HeaderMap, times: Times, now: UnixMs) -> u64 {
    let positive = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let made = date(fields, DATE).unwrap_or(times.received);
    let apparent = positive(times.received - made);
    let corrected = told_age_s(fields).saturating_mul(1_000) + positive(times.received - times.requested);
    apparent.max(corrected).saturating_add(positive(now - times.received))
}

/// `Age`: the first member of the list that it should not be; nothing where that is no number (section 5.1).
fn told_age_s(fields: &HeaderMap) -> u64 {
    let first = fields.get(AGE).and_then(|value| value.to_str().ok());
    first.and_then(|text| number(text.split(',').next()?.trim())).unwrap_or(0)
}

/// A tenth of the time since it changed last (section 4.2.2), at most what the operator allows; his own time for what says
/// the same for long.
fn guessed_ms(status: StatusCode, fields: &HeaderMap, said: &Directives, made: UnixMs, kept: &Kept) -> u64 {
    let status = status.as_u16();
    if !BY_DEFAULT.contains(&status) && !said.has("public") {
        return 0;
    }
    let most = match status {
        0..300 => kept.ok,
        300..400 => kept.redirects,
        400..500 => kept.client_error,
        _ => kept.server_error,
    };
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    match date(fields, LAST_MODIFIED) {
        Some(changed) => (u64::try_from(made - changed).unwrap_or(0) / 10).min(most),
        None if BY_STATUS.contains(&status) => most,
        None => 0,
    }
}

/// Whether the origin can be asked if it is right still.
pub(crate) fn has_validator(fields: &HeaderMap) -> bool {
    fields.contains_key(http::header::ETAG) || fields.contains_key(LAST_MODIFIED)
}

#[cfg(test)]
mod tests;
