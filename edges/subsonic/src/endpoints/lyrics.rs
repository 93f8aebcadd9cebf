//! What is sung: from the tags of a song and from the `.lrc` file beside it, read when somebody asks.

use async_trait::async_trait;
use budget::Pool;
use budget::limits::LISTING_BYTES;
use catalog::scan::{Cue, Line, Lyrics, read_lyrics};
use catalog::{Track, TrackId};
use serde::Serialize;
use store::Shelf;

use crate::call::{Answer, Call};
use crate::error::Error;
use crate::list::Rows;
use crate::model::Bare;
use crate::reply::Writer;

/// Of a text nobody said the language: this stands for that (ISO 639-2).
const UNKNOWN_LANGUAGE: &str = "und";
/// Songs that are looked at for one that is called as it was asked for.
const SONGS_LOOKED_AT: usize = 20;

/// `getLyricsBySongId`: every text of a song, with the times of its lines where they are known; with `enhanced`, of its words.
pub(crate) async fn lyrics_by_song_id(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let track = call.catalog().track(&call.viewer()?, id).await?;
    let write = if call.params.flag("enhanced", false)? { write_with_words } else { write_lines };
    let texts = Texts { shelf: call.face.parts.shelf.clone(), track: Some(track), write };
    call.list("lyricsList", &Bare {})?.part("structuredLyrics", texts).answer().await
}

/// `getLyrics`: the words of the song of that title by that artist, without times. There may be none.
pub(crate) async fn lyrics(call: Call) -> Answer {
    #[derive(Default, Serialize)]
    struct Plain<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        artist: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        value: String,
    }
    let Some(track) = track_called(&call).await? else { return call.one("lyrics", &Plain::default()) };
    let permit = call.face.parts.budget.wait(Pool::Listings, LISTING_BYTES).await?;
    let mut texts = read_lyrics(&call.face.parts.shelf, &track).await?;
    texts.sort_by_key(Lyrics::is_synced);
    let value = texts.first().map_or_else(String::new, |text| {
        text.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    });
    let answer = call.one("lyrics", &Plain { artist: Some(&track.artist), title: Some(&track.title), value });
    drop(permit);
    answer
}

/// The song of that title, by that artist if one is named.
async fn track_called(call: &Call) -> Result<Option<Track>, Error> {
    let [title, artist] = ["title", "artist"].map(|name| call.params.get(name).unwrap_or_default());
    let is_called = |called: &str, wanted: &str| called.trim().to_lowercase() == wanted.trim().to_lowercase();
    if title.trim().is_empty() {
        return Ok(None);
    }
    let query = format!("{title} {artist}");
    let viewer = call.viewer()?;
    let found = call.catalog().search_tracks(&viewer, &query, None, 0, SONGS_LOOKED_AT).await?;
    let is_it = |track: &Track| {
        is_called(&track.title, &title) && (artist.trim().is_empty() || is_called(&track.artist, &artist))
    };
    Ok(found.into_iter().find(is_it))
}

/// The texts of one song as rows. They are read when the first row is wanted, under the permit of the list.
struct Texts {
    shelf: Shelf,
    track: Option<Track>,
    write: fn(&mut Writer, &Track, &Lyrics) -> Result<(), Error>,
}

#[async_trait]
impl Rows for Texts {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let Some(track) = self.track.take() else { return Ok(false) };
        for text in read_lyrics(&self.shelf, &track).await? {
            (self.write)(out, &track, &text)?;
        }
        Ok(false)
    }
}

/// What stands before the lines of a text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    display_artist: &'a str,
    display_title: &'a str,
    lang: &'a str,
    offset: i64,
    synced: bool,
    /// `main`, where somebody asks for it: translations and the like have no name in tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl<'a> Head<'a> {
    fn of(track: &'a Track, text: &'a Lyrics, kind: Option<&'static str>) -> Self {
        Head {
            display_artist: &track.artist,
            display_title: &track.title,
            lang: text.language.as_deref().unwrap_or(UNKNOWN_LANGUAGE),
            offset: text.offset_ms,
            synced: text.is_synced(),
            kind,
        }
    }
}

fn write_lines(out: &mut Writer, track: &Track, text: &Lyrics) -> Result<(), Error> {
    out.object("structuredLyrics", &Head::of(track, text, None))?;
    lines(out, text)?;
    out.end();
    Ok(())
}

/// The second version of the extension.
fn write_with_words(out: &mut Writer, track: &Track, text: &Lyrics) -> Result<(), Error> {
    out.object("structuredLyrics", &Head::of(track, text, Some("main")))?;
    lines(out, text)?;
    if text.lines.iter().any(|line| !line.cues.is_empty()) {
        words(out, text)?;
    }
    out.end();
    Ok(())
}

fn lines(out: &mut Writer, text: &Lyrics) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        value: &'a str,
    }
    out.list("line");
    for Line { start_ms, text, .. } in &text.lines {
        out.row(&Shown { start: *start_ms, value: text })?;
    }
    out.end();
    Ok(())
}

/// Of each line whose words have times: where they are in it, by its bytes.
fn words(out: &mut Writer, text: &Lyrics) -> Result<(), Error> {
    #[derive(Serialize)]
    struct CueLine<'a> {
        index: usize,
        start: Option<u64>,
        value: &'a str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shown<'a> {
        start: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        end: Option<u64>,
        byte_start: usize,
        /// That of the last byte, not of the one behind it.
        byte_end: usize,
        value: &'a str,
    }
    out.list("cueLine");
    for (index, line) in text.lines.iter().enumerate().filter(|(_, line)| !line.cues.is_empty()) {
        out.object("cueLine", &CueLine { index, start: line.start_ms, value: &line.text })?;
        out.list("cue");
        for Cue { start_ms, end_ms, at } in &line.cues {
            let value = line.text.get(at.clone()).unwrap_or_default();
            out.row(&Shown {
                start: *start_ms,
                end: *end_ms,
                byte_start: at.start,
                byte_end: at.end.saturating_sub(1),
                value,
            })?;
        }
        out.end();
        out.end();
    }
    out.end();
    Ok(())
}
