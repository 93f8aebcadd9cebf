//! What stems are put together to while they are sent: a zip of a set, and one file with all of them side by side.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, request};
use axum::response::Response;
use budget::Slot;
use bytes::Bytes;
use catalog::{Job, JobState, MadeSet, StemFile, StemFormat, StemSet};
use store::{Run, Source};
use stream::{Disposition, Held, Kind, Segment};

use super::Asker;
use super::separate::failure;
use super::zip::{Entry, Layout, layout};
use crate::App;
use crate::audio::send;
use crate::error::{Code, Error};

/// A frame of a stem: two sides of 16 bits.
// format: what stems are kept as
const FRAME_BYTES: u64 = 4;
const RATE_HZ: u32 = 44_100;
// format: the head of [`wave`], and that of one with numbers of 64 bits
const HEAD_BYTES: u64 = 68;
const LONG_HEAD_BYTES: u64 = HEAD_BYTES + 36;

const X_STEMS_ENGINE: HeaderName = HeaderName::from_static("x-stems-engine");
const X_STEMS_NOTE: HeaderName = HeaderName::from_static("x-stems-note");

/// When a set was made.
pub(super) fn made(set: &StemSet) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(set.created).unwrap_or(0))
}

/// What a set's files are not any more what its row says: they are made again when somebody asks for them again.
fn gone() -> Error {
    Error::new(Code::NotFound, "the stems are gone; ask for them again")
}

/// Opens a stem.
pub(super) async fn open(app: &App, file: &StemFile) -> Result<Source, Error> {
    let source = app.splitter.open(file).await?;
    if source.len() == file.length_bytes { Ok(source) } else { Err(gone()) }
}

/// Sends the stems of a job that has ended as a zip, or says why there are none.
pub(super) async fn send_zip(
    app: &App,
    asker: &Asker,
    head: &request::Parts,
    job: &Job,
    place: Option<Slot<IpAddr>>,
) -> Result<Response, Error> {
    if job.state != JobState::Done {
        return Err(failure(job));
    }
    let set = app.splitter.set_of(job.id).await?;
    let source = zip(app, &set).await?;
    let id = job.id.to_string();
    let name = format!("separated_{}stems_{}.zip", set.count(), &id[..8]);
    let kind = HeaderValue::from_static("application/zip");
    let segment = Segment::whole(source, kind, Disposition::Attachment(name));
    let mut answer = send(app, &asker.account(), head, segment, Kind::Media, format!("stems of {id}"))?;
    name_engine(&set.made, answer.headers_mut());
    Ok(match place {
        Some(place) => answer.map(|body| Body::new(Held::new(body, place))),
        None => answer,
    })
}

/// The file has no place to say what took the song apart, so its head does, in ASCII (RFC 9110 section 5.5).
pub(super) fn name_engine(made: &MadeSet, headers: &mut HeaderMap) {
    let notes = made.notes.iter().map(|note| (X_STEMS_NOTE, note));
    for (name, said) in [(X_STEMS_ENGINE, &made.engine)].into_iter().chain(notes) {
        let plain = said.replace(|letter: char| !matches!(letter, ' '..='~'), "?");
        if let Ok(value) = HeaderValue::try_from(plain) {
            headers.append(name, value);
        }
    }
}

/// A set as a zip, its files at the root.
async fn zip(app: &App, set: &StemSet) -> Result<Source, Error> {
    let suffix = set.format().word();
    let (mut entries, mut sources) = (Vec::new(), Vec::new());
    for file in set.stems() {
        sources.push(open(app, file).await?);
        let name = format!("{}.{suffix}", file.stem);
        entries.push(Entry { name, length: file.length_bytes, crc32: file.crc32 });
    }
    let first = sources.first().ok_or_else(gone)?.validator().clone();
    let Layout { headers, end } = layout(&entries, set.created);
    // The directory has every name, length and sum: what it hashes to, all of the archive does.
    let tag = first.derived(&format!("zip-{:08x}", sum(&end)));
    let runs = headers.into_iter().zip(sources).flat_map(|(header, source)| {
        let count = source.len();
        [Run::Bytes(header), Run::Slice { source, offset: 0, count }]
    });
    let runs = runs.chain([Run::Bytes(end)]).collect();
    Source::composed("stems.zip", runs, made(set), tag).ok_or_else(gone)
}

fn sum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// All stems of a set in one WAV, two channels each, in the set's order.
pub(super) async fn side_by_side(app: &App, set: &StemSet) -> Result<Source, Error> {
    if set.format() != StemFormat::Wav {
        return Err(gone());
    }
    let data_bytes = set.made.samples.saturating_mul(FRAME_BYTES);
    let (mut sources, mut sums) = (Vec::new(), Vec::new());
    for file in set.stems() {
        let source = open(app, file).await?;
        // The samples are all that stands behind the head.
        let offset = source.len().checked_sub(data_bytes).filter(|head| *head >= 44).ok_or_else(gone)?;
        sources.push((source, offset));
        sums.extend_from_slice(&file.crc32.to_le_bytes());
    }
    let first = sources.first().ok_or_else(gone)?.0.validator().clone();
    let head = wave(sources.len() as u16 * 2, set.made.samples);
    let tag = first.derived(&format!("all-{}-{:08x}", sources.len(), sum(&sums)));
    let woven = Run::Woven { sources, stride: FRAME_BYTES as usize, turns: set.made.samples };
    Source::composed("all.wav", vec![Run::Bytes(Bytes::from(head)), woven], made(set), tag).ok_or_else(gone)
}

/// The head of a WAV with so many channels of 16 bits and so many samples of each: `WAVE_FORMAT_EXTENSIBLE`, and RF64 where
/// 4 GiB are not enough (EBU Tech 3306).
///
/// Four and eight channels name the places of speakers that FLAC has for as many, so that nothing that reads the file mixes
/// them; ten have none.
fn wave(channels: u16, samples: u64) -> Vec<u8> {
    let frame_bytes = channels * 2;
    let data = samples.saturating_mul(u64::from(frame_bytes));
    let is_long = data.saturating_add(HEAD_BYTES) > u64::from(u32::MAX);
    let riff = data.saturating_add(if is_long { LONG_HEAD_BYTES } else { HEAD_BYTES } - 8);
    let short =
        |number: u64| u32::try_from(number).ok().filter(|_| !is_long).unwrap_or(u32::MAX).to_le_bytes();
    // format: front and back left and right; 7.1
    let speakers: u32 = match channels {
        4 => 0x33,
        8 => 0x63f,
        _ => 0,
    };
    let mut head = Vec::with_capacity(LONG_HEAD_BYTES as usize);
    head.extend(if is_long { b"RF64" } else { b"RIFF" });
    head.extend(short(riff));
    head.extend(b"WAVE");
    if is_long {
        head.extend(b"ds64");
        head.extend(28_u32.to_le_bytes());
        head.extend([riff, data, samples].iter().flat_map(|number| number.to_le_bytes()));
        head.extend(0_u32.to_le_bytes());
    }
    head.extend(b"fmt ");
    head.extend(40_u32.to_le_bytes());
    head.extend(0xfffe_u16.to_le_bytes());
    head.extend(channels.to_le_bytes());
    head.extend(RATE_HZ.to_le_bytes());
    head.extend((RATE_HZ * u32::from(frame_bytes)).to_le_bytes());
    head.extend(frame_bytes.to_le_bytes());
    head.extend([16_u16, 22, 16].iter().flat_map(|number| number.to_le_bytes()));
    head.extend(speakers.to_le_bytes());
    // format: the GUID of PCM
    head.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    head.extend(b"data");
    head.extend(short(data));
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> u64 {
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    #[test]
    fn the_head_of_a_zip_names_the_engine_and_every_note() {
        let notes = vec!["vocals by the network".to_owned(), "\"größer\"\nthan that".to_owned()];
        let made = MadeSet {
            source_tag: String::new(),
            engine: "spleeter".to_owned(),
            notes,
            samples: 1,
            files: Vec::new(),
        };
        let mut headers = HeaderMap::new();
        name_engine(&made, &mut headers);
        assert_eq!(headers[X_STEMS_ENGINE], "spleeter");
        let said: Vec<_> = headers.get_all(X_STEMS_NOTE).iter().collect();
        assert_eq!(said, ["vocals by the network", "\"gr??er\"?than that"]);
    }

    #[test]
    fn the_head_of_all_stems_says_how_long_they_are() {
        for (channels, samples, speakers) in [(4, 0, 0x33), (8, 44_100, 0x63f), (10, 1 << 20, 0)] {
            let head = wave(channels, samples);
            assert_eq!(head.len() as u64, HEAD_BYTES);
            let data = samples * u64::from(channels) * 2;
            assert_eq!((&head[..4], &head[60..64]), (&b"RIFF"[..], &b"data"[..]));
            assert_eq!(number(&head[4..8]), data + HEAD_BYTES - 8, "{channels}");
            assert_eq!(number(&head[64..68]), data, "{channels}");
            assert_eq!((number(&head[22..24]), number(&head[40..44])), (u64::from(channels), speakers));
        }
        let head = wave(10, 1 << 30);
        assert_eq!(head.len() as u64, LONG_HEAD_BYTES);
        assert_eq!((&head[..8], &head[12..16]), (&b"RF64\xff\xff\xff\xff"[..], &b"ds64"[..]));
        assert_eq!(number(&head[20..28]), (20 << 30) + LONG_HEAD_BYTES - 8);
        assert_eq!((number(&head[28..36]), number(&head[36..44])), (20 << 30, 1 << 30));
        assert_eq!(&head[100..104], b"\xff\xff\xff\xff");
    }
}
