//! Before anything is timed: every byte that a server sends is the file's.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;

use super::super::resident::unread;
use super::music::{Music, Part};
use crate::{Error, ErrorKind, Result, run};

const PIECE_BYTES: usize = 1024 * 1024;

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Broken, what)
}

/// Fetches a whole song and ranges of both files with curl, and compares status, version, length and bytes.
pub(super) fn check(music: &Music, home: &Path, url: impl Fn(Part) -> String, http2: bool) -> Result<()> {
    let song = music.length(Part::Song)?;
    fetch(music, home, &url(Part::Song), Part::Song, None, http2)?;
    for range in [(0, 0), (1000, 1001), (song - 300_000, song - 1), (12_345, 12_345 + 262_143)] {
        fetch(music, home, &url(Part::Song), Part::Song, Some(range), http2)?;
    }
    let long = music.length(Part::Long)?;
    for range in
        [(long / 2 + 1, long / 2 + 1024), (long / 3, long / 3 + 262_143), (long - 2_000_001, long - 1)]
    {
        fetch(music, home, &url(Part::Long), Part::Long, Some(range), http2)?;
    }
    Ok(())
}

fn fetch(
    music: &Music,
    home: &Path,
    url: &str,
    part: Part,
    range: Option<(u64, u64)>,
    http2: bool,
) -> Result<()> {
    let got = home.join("fetched");
    let mut curl = Command::new("curl");
    curl.args(["-sk", "-m", "60", "-w", "%{http_code} %{http_version}", "-o"]).arg(&got);
    curl.arg(if http2 { "--http2-prior-knowledge" } else { "--http1.1" });
    if let Some((first, last)) = range {
        curl.args(["-r", &format!("{first}-{last}")]);
    }
    let said = run::quiet(curl.arg(url))?;
    let expected = format!("{} {}", if range.is_some() { 206 } else { 200 }, if http2 { "2" } else { "1.1" });
    // A link is a secret as long as it is valid: the message names the file.
    let place = format!("{} {range:?}", part.title());
    if said.trim() != expected {
        return Err(wrong(format!("{place} answered {said}, not {expected}")));
    }
    let whole = music.length(part)?;
    let (first, last) = range.unwrap_or((0, whole - 1));
    let length = got.metadata().map_err(unread(&got))?.len();
    if length != last - first + 1 {
        return Err(wrong(format!("{place}: {length} bytes came")));
    }
    if same(&music.path(part), first, &got)? {
        Ok(())
    } else {
        Err(wrong(format!("{place}: other bytes than the file's")))
    }
}

/// Whether `got` is what `file` has from `first` on.
fn same(file: &Path, first: u64, got: &Path) -> Result<bool> {
    let (unread_file, unread_got) = (unread(file), unread(got));
    let mut ours = File::open(file).map_err(&unread_file)?;
    ours.seek(SeekFrom::Start(first)).map_err(&unread_file)?;
    let mut theirs = File::open(got).map_err(&unread_got)?;
    let (mut expected, mut piece) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        let length = theirs.read(&mut piece).map_err(&unread_got)?;
        if length == 0 {
            return Ok(true);
        }
        let (Some(expected), Some(piece)) = (expected.get_mut(..length), piece.get(..length)) else {
            return Ok(false);
        };
        ours.read_exact(expected).map_err(&unread_file)?;
        if expected != piece {
            return Ok(false);
        }
    }
}
