//! The page of a share: plain HTML that plays without a script.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::HeaderValue;
use budget::limits::{PAGE_TEXT_BYTES_MAX, SHARE_PAGE_ROWS};
use catalog::{Share, ShareTotals, Track, UnixMs};
use data_encoding::BASE64;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::html::escaped;

/// What is said where nothing is open.
pub(super) const CLOSED: &str = "Nothing is open here. The link is wrong, has ended, or was taken back.";
/// What is said to whoever seems to guess.
pub(super) const TOO_MANY: &str =
    "Too many links that are wrong came from your network. Try again in a minute.";

/// How many artists a heading names.
const ARTISTS_NAMED: usize = 3;
/// Pixels of the large cover, and of the one that other sites show beside the link.
const COVER_PIXELS: u32 = 300;
const PREVIEW_PIXELS: u32 = 600;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 15%,transparent);--dim:color-mix(in srgb,currentColor 65%,transparent)}
body{margin:0;font:1rem/1.5 system-ui,sans-serif}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 3rem}
header{display:flex;flex-wrap:wrap;gap:1.5rem;align-items:end;margin-bottom:1.5rem}
header>div{flex:1 1 16rem;min-width:0}
header img{width:min(12rem,100%);aspect-ratio:1;object-fit:cover;border-radius:.5rem;background:var(--line)}
h1{margin:0;font-size:1.75rem;line-height:1.2;overflow-wrap:anywhere}
p{margin:.25rem 0 0}
.dim,footer{color:var(--dim)}
.words{white-space:pre-line;overflow-wrap:anywhere}
ol{margin:0;padding:0;list-style:none}
li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.25rem 1rem;padding:.75rem 0;border-top:1px solid var(--line)}
li p{margin:0;overflow-wrap:anywhere}
audio,video{grid-column:1/-1;width:100%}
video{max-height:24rem;background:#000;border-radius:.5rem}
a{color:inherit}
nav{display:flex;justify-content:space-between;margin-top:1rem}
footer{margin-top:2rem;font-size:.875rem}
";

/// Only what this page itself brings: its style by its hash, and pictures and sound from here. No script at all.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'sha256-{style}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// What a page shows.
pub(super) struct Shown<'a> {
    pub(super) share: &'a Share,
    pub(super) totals: ShareTotals,
    pub(super) tracks: &'a [Track],
    /// How many songs are before these.
    pub(super) skip: u64,
    /// The path of the share, as this page names it.
    pub(super) path: String,
    /// The whole address of the share, for other sites.
    pub(super) address: String,
}

/// A page of a few words.
pub(super) fn of_words(words: &str) -> String {
    let mut page = head("Millpond");
    let _ = writeln!(page, "<main><h1>Millpond</h1>\n<p>{}</p></main>\n</html>", escaped(words));
    page
}

/// The whole page.
pub(super) fn text(shown: &Shown<'_>) -> String {
    let (title, by) = heading(shown);
    let mut page = head(&title);
    previews(&mut page, shown, &title, &by);
    page.push_str("<main>\n");
    top(&mut page, shown, &title, &by);
    let _ = writeln!(page, "<ol start=\"{}\">", shown.skip + 1);
    let mut last = shown.skip;
    for track in shown.tracks {
        song(&mut page, &shown.path, track, &by);
        last += 1;
        if page.len() >= PAGE_TEXT_BYTES_MAX {
            break;
        }
    }
    page.push_str("</ol>\n");
    pages(&mut page, shown, last);
    page.push_str("<footer>Shared with Millpond</footer>\n</main>\n</html>\n");
    page
}

/// What every page begins with.
fn head(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
    )
}

/// What other sites show beside the link (the Open Graph protocol).
fn previews(page: &mut String, shown: &Shown<'_>, title: &str, by: &str) {
    let kind = if shown.totals.tracks == 1 { "music.song" } else { "music.playlist" };
    let facts = [by, &facts(shown.totals)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    let words = if shown.share.description.is_empty() { &facts } else { &shown.share.description };
    let mut say = |property: &str, content: &str| {
        let _ = writeln!(page, "<meta property=\"og:{property}\" content=\"{}\">", escaped(content));
    };
    say("title", title);
    say("type", kind);
    say("description", words);
    say("url", &shown.address);
    say("site_name", "Millpond");
    if let Some(track) = pictured(shown.tracks) {
        let id = track.id;
        say("image", &format!("{}/tracks/{id}/cover?width={PREVIEW_PIXELS}", shown.address));
    }
}

/// The first of them that has a picture.
fn pictured(tracks: &[Track]) -> Option<&Track> {
    tracks.iter().find(|track| track.has_cover)
}

/// Cover, title, and what there is to say about all of it.
fn top(page: &mut String, shown: &Shown<'_>, title: &str, by: &str) {
    let Shown { share, totals, path, .. } = shown;
    page.push_str("<header>\n");
    if let Some(track) = pictured(shown.tracks) {
        let (path, id) = (escaped(path), track.id);
        let _ = writeln!(page, "<img src=\"{path}/tracks/{id}/cover?width={COVER_PIXELS}\" alt=\"\">");
    }
    let _ = writeln!(page, "<div><h1>{}</h1>", escaped(title));
    if !by.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", escaped(by));
    }
    // What the heading says already is not said again.
    let facts = if title == songs(totals.tracks) { long(totals.duration_ms) } else { facts(*totals) };
    let until = share.expires.map(|moment| format!(" · open until {}", day(moment))).unwrap_or_default();
    let _ = writeln!(page, "<p class=\"dim\">{facts}{until}</p>");
    if !share.description.is_empty() {
        let _ = writeln!(page, "<p class=\"words\">{}</p>", escaped(&share.description));
    }
    page.push_str("</div>\n</header>\n");
}

/// One song with its player. Its artist is named where the heading does not do it.
fn song(page: &mut String, path: &str, track: &Track, by: &str) {
    let (title, artist, path, id) = (escaped(&track.title), escaped(&track.artist), escaped(path), track.id);
    let audio = format!("{path}/tracks/{id}/audio");
    let of = if track.artist == by { String::new() } else { format!(" <span class=\"dim\">{artist}</span>") };
    let time = if track.duration_ms == 0 { String::new() } else { clock(track.duration_ms) };
    let player = if track.content_type.starts_with("video/") {
        let poster = if track.has_cover {
            format!(" poster=\"{path}/tracks/{id}/cover?width=1200\"")
        } else {
            String::new()
        };
        format!("<video controls preload=\"none\"{poster} src=\"{audio}\" aria-label=\"{title}\"></video>")
    } else {
        format!("<audio controls preload=\"none\" src=\"{audio}\" aria-label=\"{title}\"></audio>")
    };
    let _ = writeln!(
        page,
        "<li><p>{title}{of}</p>\n<p class=\"dim\">{time} \
         <a href=\"{audio}?download=1\" download aria-label=\"Download {title}\">Download</a></p>\n{player}</li>"
    );
}

/// Links to what is before and behind this page of a long share.
fn pages(page: &mut String, shown: &Shown<'_>, last: u64) {
    let (path, rows) = (escaped(&shown.path), SHARE_PAGE_ROWS as u64);
    let (has_before, has_more) = (shown.skip > 0, last < shown.totals.tracks);
    if !has_before && !has_more {
        return;
    }
    page.push_str("<nav>");
    if has_before {
        let first = shown.skip.min(shown.totals.tracks).saturating_sub(rows) + 1;
        let _ = write!(page, "<a rel=\"prev\" href=\"{path}?from={first}\">Songs before</a>");
    }
    if has_more {
        let _ = write!(page, "<a rel=\"next\" href=\"{path}?from={}\">More songs</a>", last + 1);
    }
    page.push_str("</nav>\n");
}

/// What it is called and by whom: a song, an album, or so many songs.
fn heading(shown: &Shown<'_>) -> (String, String) {
    let Shown { totals, tracks, .. } = shown;
    let is_whole = totals.tracks == tracks.len() as u64;
    match tracks {
        [track] if is_whole => (track.title.clone(), track.artist.clone()),
        [first, rest @ ..] if is_whole && rest.iter().all(|track| track.album_id == first.album_id) => {
            (first.album.clone(), first.album_artist.clone())
        }
        tracks => (songs(totals.tracks), artists(tracks)),
    }
}

/// Some of the artists, each once.
fn artists(tracks: &[Track]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for track in tracks {
        if names.contains(&&*track.artist) {
            continue;
        }
        if names.len() == ARTISTS_NAMED {
            return format!("{} and others", names.join(", "));
        }
        names.push(&track.artist);
    }
    names.join(", ")
}

fn songs(count: u64) -> String {
    if count == 1 { "1 song".to_owned() } else { format!("{count} songs") }
}

/// How many songs, and how long they are.
fn facts(totals: ShareTotals) -> String {
    match totals.duration_ms {
        0 => songs(totals.tracks),
        duration_ms => format!("{}, {}", songs(totals.tracks), long(duration_ms)),
    }
}

/// A length in words, to the next minute.
fn long(duration_ms: u64) -> String {
    let minutes = duration_ms.div_ceil(60_000);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A length as clocks show it: `3:05`, `1:02:03`.
fn clock(duration_ms: u64) -> String {
    let seconds = duration_ms.saturating_add(500) / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The day of a moment, in UTC.
fn day(moment: UnixMs) -> String {
    Timestamp::from_millisecond(moment).unwrap_or_default().strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests;
