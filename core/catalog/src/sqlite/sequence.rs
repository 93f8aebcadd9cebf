//! Tracks in an order that a user gave them: what playlists and queues have in common.

use budget::limits::{KEPT_COMMENT_BYTES_MAX, KEPT_NAME_CHARS_MAX};

use super::playing::Write;
use super::{Result, Scope, json_ids};
use crate::error::Error;
use crate::model::TrackId;

/// Puts tracks that the viewer sees into the list `?4` of a table, from the position `?5` on; `?6` are their ids as a JSON
/// array, whose keys are the places in it.
macro_rules! append {
    ($table:literal, $list:literal) => {
        concat!(
            "WITH ",
            seen!(),
            " INSERT INTO ",
            $table,
            " (",
            $list,
            ", position, track_id)
            SELECT ?4, ?5 + j.key, t.id FROM json_each(?6) j CROSS JOIN tracks t ON t.id = j.value WHERE ",
            track_seen!()
        )
    };
}

pub(super) use append;

/// Runs a statement that [`append`] made. `NotFound` when the viewer does not see one of them.
pub(super) async fn put(
    tx: &mut Write,
    scope: &Scope,
    sql: &'static str,
    list: i64,
    position: i64,
    tracks: &[TrackId],
) -> Result<()> {
    let ids: Vec<i64> = tracks.iter().map(|track| track.0).collect();
    let query = scope.change(sql).bind(list).bind(position).bind(json_ids(&ids));
    let put = query.execute(&mut **tx).await?.rows_affected();
    if put == tracks.len() as u64 { Ok(()) } else { Err(Error::not_found("track")) }
}

/// A name that people give to what they keep.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = (1..=KEPT_NAME_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a name has 1 to {KEPT_NAME_CHARS_MAX} characters, no control characters and no blanks at its ends"
    )))
}

/// A comment, which may have several lines.
pub(super) fn check_comment(comment: &str) -> Result<()> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if comment.len() <= KEPT_COMMENT_BYTES_MAX && !comment.contains(is_odd) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a comment has at most {KEPT_COMMENT_BYTES_MAX} bytes and no control characters but ends of lines"
    )))
}

/// No more tracks than a list may have.
pub(super) fn check_length(tracks: usize, tracks_max: usize) -> Result<()> {
    if tracks <= tracks_max {
        return Ok(());
    }
    Err(Error::invalid(format!("there may be at most {tracks_max} songs in it")))
}
