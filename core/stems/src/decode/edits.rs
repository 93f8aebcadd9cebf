//! Which part of a track in an MP4 is heard.
//!
//! Encoders of AAC begin with samples that belong to no song, and end with some that fill up their last packet. A track's edit
//! list (ISO 14496-12, 8.6.6) says where the song is among them, or else the tag `iTunSMPB` of iTunes, which wrote no such lists for
//! years. The reader of MP4s looks at neither, so that both are read here beforehand.

use std::io::{self, SeekFrom};

use budget::limits::STEMS_BOXES_MAX;

use super::media::Media;

// format: bytes of a box's head, and of one whose length needs 64 bits.
const HEAD_BYTES: u64 = 8;
const LONG_HEAD_BYTES: u64 = 16;
// format: version and flags of a box that has them; the kind and the language of a tag take as much each.
const FLAGS_BYTES: u64 = 4;

/// What a file says of where songs are in its tracks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edits {
    edits: Vec<Edit>,
    gapless: Option<Gapless>,
}

/// The tag of iTunes, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gapless {
    /// Those that the encoder put in front.
    delay: u64,
    /// Those of the song.
    length: u64,
}

/// What is heard of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    track: u32,
    /// Where the song begins, and how many of these units are a second.
    begin: u64,
    begin_units: u32,
    /// How long it is, and how many of these units are a second. Nothing is an end that is not said.
    length: u64,
    length_units: u32,
}

/// A part of a track, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Samples before it.
    pub(super) skipped: u64,
    /// Where it ends before the track does; the track's own end where nobody says.
    pub(super) length: Option<u64>,
    /// How long it will be, as far as that is known.
    pub(super) expected: Option<u64>,
}

impl Part {
    /// All of a track of so many samples.
    fn whole(claimed: Option<u64>) -> Self {
        Part { skipped: 0, length: None, expected: claimed }
    }
}

impl Edits {
    /// What is heard of a track that has so many samples. The tag is that of the only song of a file, and an edit comes first.
    pub(super) fn part(&self, track: u32, rate_hz: u32, claimed: Option<u64>) -> Part {
        let edit = self.edits.iter().find(|edit| edit.track == track);
        let edited = edit.map(|edit| edit.part(rate_hz, claimed));
        edited.or_else(|| self.gapless?.part(claimed)).unwrap_or_else(|| Part::whole(claimed))
    }
}

impl Gapless {
    /// Nothing where the track has fewer samples: whoever cut the song left the tag as it was.
    fn part(self, claimed: Option<u64>) -> Option<Part> {
        let Gapless { delay, length } = self;
        let end = delay.checked_add(length)?;
        let is_its_own = claimed.is_none_or(|claimed| end <= claimed);
        is_its_own.then_some(Part { skipped: delay, length: Some(length), expected: Some(length) })
    }

    /// Words of hexadecimal digits: nothing, samples in front, samples behind, samples of the song, and others.
    fn parsed(text: &[u8]) -> Option<Gapless> {
        let words = str::from_utf8(text).ok()?.split_ascii_whitespace();
        let mut numbers = words.skip(1).map(|word| u64::from_str_radix(word, 16).ok());
        let (delay, _, length) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (length > 0).then_some(Gapless { delay, length })
    }
}

impl Edit {
    /// In samples, of a track that has so many. A length is told to a unit that may be many samples: where the track
    /// ends within that unit, its own end is the song's.
    fn part(self, rate_hz: u32, claimed: Option<u64>) -> Part {
        let samples = |units: u64, per_second: u32| {
            let samples = u128::from(units) * u128::from(rate_hz) / u128::from(per_second);
            u64::try_from(samples).unwrap_or(u64::MAX)
        };
        let skipped = samples(self.begin, self.begin_units);
        let left = claimed.map(|claimed| claimed.saturating_sub(skipped));
        let told = (self.length > 0).then(|| samples(self.length, self.length_units));
        let unit = samples(1, self.length_units) + 1;
        let length = told.map(|told| left.filter(|left| *left <= told.saturating_add(unit)).unwrap_or(told));
        Part { skipped, length, expected: length.or(left) }
    }
}

/// Where songs are in the tracks of a file; media is left at its beginning.
///
/// # Errors
/// Those of reading. What is no MP4, or a broken one, has none.
pub(super) fn edits(media: &mut dyn Media) -> io::Result<Edits> {
    let end = media.seek(SeekFrom::End(0))?;
    let found = match all(media, end) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Edits::default(),
        Err(e) => return Err(e),
    };
    media.seek(SeekFrom::Start(0))?;
    Ok(found)
}

fn all(media: &mut dyn Media, end: u64) -> io::Result<Edits> {
    let mut found = Edits::default();
    if inside(media, 0..end, b"ftyp")?.is_none() {
        return Ok(found);
    }
    let Some(movie) = inside(media, 0..end, b"moov")? else { return Ok(found) };
    let Some(movie_units) = units(media, &movie, b"mvhd")? else { return Ok(found) };
    for (name, inside) in boxes(media, movie)? {
        match &name {
            b"trak" => found.edits.extend(edit(media, &inside, movie_units)?),
            b"udta" => found.gapless = gapless(media, inside)?,
            _ => {}
        }
    }
    Ok(found)
}

/// What the tag of iTunes says, among the tags of a movie.
fn gapless(media: &mut dyn Media, tags: Range) -> io::Result<Option<Gapless>> {
    let Some(tags) = inside(media, tags, b"meta")? else { return Ok(None) };
    let Some(list) = inside(media, tags.start + FLAGS_BYTES..tags.end, b"ilst")? else { return Ok(None) };
    for (name, tag) in boxes(media, list)? {
        if &name != b"----" {
            continue;
        }
        let Some(called) = inside(media, tag.clone(), b"name")? else { continue };
        if text(media, &called, FLAGS_BYTES, &mut [0; 9])? == b"iTunSMPB" {
            let Some(data) = inside(media, tag, b"data")? else { return Ok(None) };
            return Ok(Gapless::parsed(text(media, &data, 2 * FLAGS_BYTES, &mut [0; 64])?));
        }
    }
    Ok(None)
}

/// The text behind so many bytes, as far as there is room for it.
fn text<'a>(
    media: &mut dyn Media,
    of: &Range,
    skipped_bytes: u64,
    room: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let begin = of.start.saturating_add(skipped_bytes);
    let length = usize::try_from(of.end.saturating_sub(begin)).unwrap_or(usize::MAX).min(room.len());
    media.seek(SeekFrom::Start(begin))?;
    let text = &mut room[..length];
    media.read_exact(text)?;
    Ok(text)
}

type Range = std::ops::Range<u64>;

fn edit(media: &mut dyn Media, track: &Range, length_units: u32) -> io::Result<Option<Edit>> {
    let Some(head) = inside(media, track.clone(), b"tkhd")? else { return Ok(None) };
    let Some(sound) = inside(media, track.clone(), b"mdia")? else { return Ok(None) };
    let Some(begin_units) = units(media, &sound, b"mdhd")? else { return Ok(None) };
    let Some(edits) = inside(media, track.clone(), b"edts")? else { return Ok(None) };
    let Some(list) = inside(media, edits, b"elst")? else { return Ok(None) };
    let number = {
        let is_long = version(media, &head)? == 1;
        number(media, if is_long { 16 } else { 8 }, false)?
    };
    let is_long = version(media, &list)? == 1;
    let count = number_at(media, false)?;
    let mut heard = None;
    for _ in 0..count.min(STEMS_BOXES_MAX as u64) {
        let length = number_at(media, is_long)?;
        let begin = number_at(media, is_long)?;
        media.seek_relative(4)?;
        // Silence before the track: what it is late by belongs to a video that it accompanies.
        let is_silence = begin == if is_long { u64::MAX } else { u64::from(u32::MAX) };
        if !is_silence {
            // Of a song that is put together of several parts, all is heard.
            heard = Some(if heard.is_some() { (0, 0) } else { (begin, length) });
        }
    }
    let track = u32::try_from(number).unwrap_or_default();
    Ok(heard.map(|(begin, length)| Edit { track, begin, begin_units, length, length_units }))
}

/// How many units a second has, by the head of a movie or of its sound; none where that is nonsense.
fn units(media: &mut dyn Media, within: &Range, name: &[u8; 4]) -> io::Result<Option<u32>> {
    let Some(head) = inside(media, within.clone(), name)? else { return Ok(None) };
    let is_long = version(media, &head)? == 1;
    let units = number(media, if is_long { 16 } else { 8 }, false)?;
    Ok(u32::try_from(units).ok().filter(|units| *units > 0))
}

/// The version of a box, behind which, and its flags, the media is left.
fn version(media: &mut dyn Media, of: &Range) -> io::Result<u8> {
    let mut bytes = [0; 4];
    media.seek(SeekFrom::Start(of.start))?;
    media.read_exact(&mut bytes)?;
    Ok(bytes[0])
}

/// A number so many bytes on.
fn number(media: &mut dyn Media, skipped: i64, is_long: bool) -> io::Result<u64> {
    media.seek_relative(skipped)?;
    number_at(media, is_long)
}

/// The number that comes next, of 64 bits or 32.
fn number_at(media: &mut dyn Media, is_long: bool) -> io::Result<u64> {
    let mut bytes = [0; 8];
    let from = if is_long { 0 } else { 4 };
    media.read_exact(&mut bytes[from..])?;
    Ok(u64::from_be_bytes(bytes))
}

/// What is inside the first box of this name.
fn inside(media: &mut dyn Media, within: Range, name: &[u8; 4]) -> io::Result<Option<Range>> {
    Ok(boxes(media, within)?.into_iter().find(|(found, _)| found == name).map(|(_, inside)| inside))
}

/// The boxes beside each other, up to a bound, by name and by what is inside.
fn boxes(media: &mut dyn Media, within: Range) -> io::Result<Vec<([u8; 4], Range)>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at + HEAD_BYTES <= within.end && found.len() < STEMS_BOXES_MAX {
        media.seek(SeekFrom::Start(at))?;
        let short = number_at(media, false)?;
        let mut name = [0; 4];
        media.read_exact(&mut name)?;
        let (head, length) = match short {
            0 => (HEAD_BYTES, within.end - at),
            1 => (LONG_HEAD_BYTES, number_at(media, true)?),
            short => (HEAD_BYTES, short),
        };
        // What is broken has no more boxes.
        let Some(end) = at.checked_add(length).filter(|end| length >= head && *end <= within.end) else {
            break;
        };
        found.push((name, at + head..end));
        at = end;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(name: &[u8; 4], inside: &[u8]) -> Vec<u8> {
        [&u32::try_from(inside.len() + 8).unwrap().to_be_bytes()[..], name, inside].concat()
    }

    fn numbers(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Tags of a movie, among which are these with names of their own.
    fn tags(named: &[(&str, &str)]) -> Vec<u8> {
        let flags = [0; 4];
        let tag = |(name, value): &(&str, &str)| {
            let name = boxed(b"name", &[&flags, name.as_bytes()].concat());
            let data = boxed(b"data", &[&[0, 0, 0, 1], &flags, value.as_bytes()].concat());
            let mean = boxed(b"mean", &[&flags, &b"com.apple.iTunes"[..]].concat());
            boxed(b"----", &[mean, name, data].concat())
        };
        let title = boxed(b"\xA9nam", &boxed(b"data", b"\0\0\0\x01\0\0\0\0A Song"));
        let list = named.iter().map(tag).fold(title, |list, tag| [list, tag].concat());
        boxed(b"udta", &boxed(b"meta", &[flags.to_vec(), boxed(b"ilst", &list)].concat()))
    }

    /// A movie of one track, 1,000 units a second, whose sound has 48,000, with these edits: a length, and a beginning.
    fn movie(edits: &[[u32; 2]], tags: &[u8]) -> Vec<u8> {
        let list: Vec<u32> = edits.iter().flat_map(|[length, begin]| [*length, *begin, 1 << 16]).collect();
        let list =
            boxed(b"elst", &[numbers(&[0, u32::try_from(edits.len()).unwrap()]), numbers(&list)].concat());
        let head = boxed(b"tkhd", &numbers(&[0, 0, 0, 7]));
        let sound = boxed(b"mdia", &boxed(b"mdhd", &numbers(&[0, 0, 0, 48_000])));
        let track = boxed(b"trak", &[head, boxed(b"edts", &list), sound].concat());
        let movie = boxed(b"moov", &[&boxed(b"mvhd", &numbers(&[0, 0, 0, 1_000])), &track, tags].concat());
        [boxed(b"ftyp", b"M4A "), boxed(b"free", &[0; 40]), movie].concat()
    }

    #[test]
    fn the_song_is_where_its_only_edit_says() {
        const SILENCE: u32 = u32::MAX;
        for (listed, expected) in [
            (&[[3_000, 1_024]][..], Some([1_024, 3_000])),
            (&[[200, SILENCE], [3_000, 2_112]], Some([2_112, 3_000])),
            (&[[0, 1_024]], Some([1_024, 0])),
            (&[[1_000, 0], [1_000, 96_000]], Some([0, 0])),
            (&[[1_000, 0], [1_000, 96_000], [1_000, 48_000]], Some([0, 0])),
            (&[[200, SILENCE]], None),
            (&[], None),
        ] {
            let expected: Vec<Edit> = expected
                .map(|[begin, length]| Edit {
                    track: 7,
                    begin,
                    begin_units: 48_000,
                    length,
                    length_units: 1_000,
                })
                .into_iter()
                .collect();
            let found = edits(&mut Cursor::new(movie(listed, &[]))).unwrap();
            assert_eq!(found, Edits { edits: expected, gapless: None }, "{listed:?}");
        }
    }

    /// As iTunes writes it, of a song of 144,000 samples.
    const TAG: &str =
        " 00000000 00000840 000001C0 0000000000023280 00000000 00000000 00000000 00000000 00000000";

    #[test]
    fn without_an_edit_the_song_is_where_itunes_says() {
        const ALL: u64 = 2_112 + 144_000 + 448;
        for (named, listed, claimed, expected) in [
            (&[("iTunSMPB", TAG)][..], &[][..], Some(ALL), Some((2_112, 144_000))),
            (&[("iTunSMPB", TAG)], &[], None, Some((2_112, 144_000))),
            (&[("iTunNORM", " 00000A"), ("iTunSMPB", TAG)], &[], Some(ALL), Some((2_112, 144_000))),
            // What an edit says comes first, and if it is that all is heard.
            (&[("iTunSMPB", TAG)], &[[2_000, 1_024]], Some(ALL), Some((1_024, 96_000))),
            (&[("iTunSMPB", TAG)], &[[1_000, 0], [1_000, 96_000]], Some(ALL), None),
            // Somebody cut the song, or the tag is none.
            (&[("iTunSMPB", TAG)], &[], Some(100_000), None),
            (&[("iTunSMPB", " 00000000 00000840 000001C0 0000000000000000")], &[], Some(ALL), None),
            (&[("iTunSMPB", " 00000000 00000840 nothing")], &[], Some(ALL), None),
            (&[("iTunSMPB", " 0 FFFFFFFFFFFFFFFF 0 FFFFFFFFFFFFFFFF")], &[], None, None),
            (&[("iTunSMPB", "")], &[], Some(ALL), None),
            (&[("iTunSMPBs", TAG)], &[], Some(ALL), None),
            (&[], &[], Some(ALL), None),
        ] {
            let found = edits(&mut Cursor::new(movie(listed, &tags(named)))).unwrap();
            let part = found.part(7, 48_000, claimed);
            let expected = match expected {
                Some((skipped, length)) => Part { skipped, length: Some(length), expected: Some(length) },
                None => Part::whole(claimed),
            };
            assert_eq!(part, expected, "{named:?} {listed:?} {claimed:?}");
        }
    }

    #[test]
    fn whatever_is_broken_has_no_edits_and_ends() {
        let whole = movie(&[[3_000, 1_024]], &tags(&[("iTunSMPB", TAG)]));
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7F, 0xFF] {
                let mut broken = whole.clone();
                broken[at] = byte;
                edits(&mut Cursor::new(broken)).unwrap();
            }
            assert_eq!(edits(&mut Cursor::new(whole[..at].to_vec())).unwrap(), Edits::default());
        }
    }

    #[test]
    fn a_length_ends_a_song_where_the_track_is_longer_than_its_unit_can_tell() {
        let edit = |length| Edit { track: 1, begin: 1_024, begin_units: 48_000, length, length_units: 1_000 };
        for (length, claimed, expected) in [
            // The track ends within the millisecond: to the sample.
            (3_000, Some(1_024 + 144_020), (Some(144_020), Some(144_020))),
            // It goes on.
            (3_000, Some(1_024 + 144_384), (Some(144_000), Some(144_000))),
            (3_000, None, (Some(144_000), Some(144_000))),
            (0, Some(1_024 + 144_384), (None, Some(144_384))),
            (0, None, (None, None)),
        ] {
            let (length, expected) = (edit(length).part(48_000, claimed), expected);
            assert_eq!((length.skipped, length.length, length.expected), (1_024, expected.0, expected.1));
        }
    }
}
