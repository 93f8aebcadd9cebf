//! Matroska and WebM: how long it is, what it sounds like, and whether there are moving pictures.
//!
//! Only what lies before the first cluster is looked at; a recording that never knew its length has none.
//!
//! RFC 8794 (EBML), RFC 9559 (Matroska)

use std::io;

use budget::limits::{TAG_PARTS_MAX, TAG_TEXT_BYTES_MAX};

use super::fields::Field;
use super::sound::Sound;
use super::window::{Bytes, Window};
use super::words::Words;

// format: RFC 9559 section 27.1
const HEADER: u64 = 0x1a45_dfa3;
const DOC_TYPE: u64 = 0x4282;
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const INFO: u64 = 0x1549_a966;
const TIMESTAMP_SCALE: u64 = 0x2a_d7b1;
const DURATION: u64 = 0x4489;
const TITLE: u64 = 0x7ba9;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK_ENTRY: u64 = 0xae;
const TRACK_TYPE: u64 = 0x83;
const AUDIO: u64 = 0xe1;
const SAMPLING_FREQUENCY: u64 = 0xb5;
const CHANNELS: u64 = 0x9f;
const BIT_DEPTH: u64 = 0x6264;

const VIDEO_TRACK: u64 = 1;
/// Nanoseconds of one tick, unless the file says otherwise.
const SCALE: u64 = 1_000_000;

/// What the file is.
pub(super) struct Found {
    pub(super) sound: Sound,
    pub(super) content_type: &'static str,
}

/// An element's place in the file.
#[derive(Clone, Copy)]
struct Element {
    id: u64,
    content: u64,
    end: u64,
}

/// Reads what there is before the first cluster.
pub(super) fn read<B: Bytes>(window: &mut Window<B>, words: &mut Words) -> io::Result<Found> {
    let whole = window.length();
    let mut file = File { window, steps_left: TAG_PARTS_MAX, found: Parts::default() };
    let header = file.next(0, whole)?.filter(|element| element.id == HEADER).ok_or_else(broken)?;
    let is_webm = file.child(header, DOC_TYPE)?.is_some_and(|text| text.starts_with(b"webm"));
    let segment = file.next(header.end, whole)?.filter(|element| element.id == SEGMENT).ok_or_else(broken)?;
    let mut at = segment.content;
    while let Some(element) = file.next(at, segment.end)? {
        match element.id {
            INFO => file.info(element, words)?,
            TRACKS => file.tracks(element)?,
            CLUSTER => break,
            _ => {}
        }
        at = element.end;
    }
    let Parts { scale, ticks, has_video, sound } = file.found;
    let duration_ms = ticks * scale.unwrap_or(SCALE) as f64 / 1e6;
    let sound = Sound { duration_ms: if duration_ms.is_finite() { duration_ms as u64 } else { 0 }, ..sound };
    let content_type = match (is_webm, has_video) {
        (true, true) => "video/webm",
        (true, false) => "audio/webm",
        (false, _) => "video/x-matroska",
    };
    Ok(Found { sound: sound.with_bitrate_of(whole), content_type })
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it has no segment")
}

#[derive(Default)]
struct Parts {
    scale: Option<u64>,
    ticks: f64,
    has_video: bool,
    sound: Sound,
}

struct File<'w, B> {
    window: &'w mut Window<B>,
    /// Of elements on all levels.
    steps_left: usize,
    found: Parts,
}

impl<B: Bytes> File<'_, B> {
    fn info(&mut self, info: Element, words: &mut Words) -> io::Result<()> {
        let mut at = info.content;
        while let Some(element) = self.next(at, info.end)? {
            match element.id {
                TIMESTAMP_SCALE => self.found.scale = Some(self.number(element)?),
                DURATION => self.found.ticks = self.float(element)?,
                TITLE => words.add(Field::Title, &String::from_utf8_lossy(&self.text(element)?)),
                _ => {}
            }
            at = element.end;
        }
        Ok(())
    }

    fn tracks(&mut self, tracks: Element) -> io::Result<()> {
        let mut at = tracks.content;
        while let Some(entry) = self.next(at, tracks.end)? {
            let mut inner = entry.content;
            while entry.id == TRACK_ENTRY
                && let Some(element) = self.next(inner, entry.end)?
            {
                match element.id {
                    TRACK_TYPE => self.found.has_video |= self.number(element)? == VIDEO_TRACK,
                    AUDIO if self.found.sound.channels == 0 => self.audio(element)?,
                    _ => {}
                }
                inner = element.end;
            }
            at = entry.end;
        }
        Ok(())
    }

    fn audio(&mut self, audio: Element) -> io::Result<()> {
        let small = |number: u64| u32::try_from(number).unwrap_or(0);
        // One channel at 8,000 samples, unless the file says otherwise.
        let mut sound = Sound { channels: 1, sample_rate_hz: 8_000, ..Sound::default() };
        let mut at = audio.content;
        while let Some(element) = self.next(at, audio.end)? {
            match element.id {
                SAMPLING_FREQUENCY => sound.sample_rate_hz = self.float(element)? as u32,
                CHANNELS => sound.channels = small(self.number(element)?),
                BIT_DEPTH => sound.bit_depth = Some(small(self.number(element)?)),
                _ => {}
            }
            at = element.end;
        }
        self.found.sound = sound;
        Ok(())
    }

    /// The element at `at`, if one lies there that begins before `end`. One of unknown length, as live recordings have,
    /// goes to the end of what holds it.
    fn next(&mut self, at: u64, end: u64) -> io::Result<Option<Element>> {
        if end.saturating_sub(at) < 2 || self.steps_left == 0 {
            return Ok(None);
        }
        self.steps_left -= 1;
        let (id, id_bytes) = self.variable(at, 4)?;
        let (size, size_bytes) = self.variable(at + id_bytes, 8)?;
        let marker = 1 << (7 * size_bytes);
        let content = at + id_bytes + size_bytes;
        let size = if size == 2 * marker - 1 { None } else { Some(size - marker) };
        let end = size.and_then(|size| content.checked_add(size)).unwrap_or(end).min(end);
        Ok((content <= end).then_some(Element { id, content, end }))
    }

    /// A number of variable length with its marker, and its length (RFC 8794 section 4).
    fn variable(&mut self, at: u64, bytes_max: u32) -> io::Result<(u64, u64)> {
        let [first] = self.window.array_at::<1>(at)?;
        let bytes = first.leading_zeros() + 1;
        if bytes > bytes_max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an element has no length"));
        }
        let mut number = u64::from(first);
        for place in 1..u64::from(bytes) {
            number = number << 8 | u64::from(self.window.array_at::<1>(at + place)?[0]);
        }
        Ok((number, u64::from(bytes)))
    }

    fn number(&mut self, element: Element) -> io::Result<u64> {
        let bytes = (element.end - element.content).min(8);
        let mut number = 0;
        for place in 0..bytes {
            number = number << 8 | u64::from(self.window.array_at::<1>(element.content + place)?[0]);
        }
        Ok(number)
    }

    fn float(&mut self, element: Element) -> io::Result<f64> {
        let number = match element.end - element.content {
            4 => f64::from(f32::from_be_bytes(self.window.array_at(element.content)?)),
            8 => f64::from_be_bytes(self.window.array_at(element.content)?),
            _ => 0.0,
        };
        Ok(if number.is_finite() && number > 0.0 { number } else { 0.0 })
    }

    fn text(&mut self, element: Element) -> io::Result<Vec<u8>> {
        let bytes = (element.end - element.content).min(TAG_TEXT_BYTES_MAX);
        let mut text = vec![0; usize::try_from(bytes).unwrap_or(0)];
        self.window.read_exact_at(&mut text, element.content)?;
        Ok(text)
    }

    /// The text of the first child of that kind.
    fn child(&mut self, parent: Element, id: u64) -> io::Result<Option<Vec<u8>>> {
        let mut at = parent.content;
        while let Some(element) = self.next(at, parent.end)? {
            if element.id == id {
                return self.text(element).map(Some);
            }
            at = element.end;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element with a length of two bytes.
    fn element(id: u64, content: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        [&id[..], &[0x40 | (content.len() >> 8) as u8, content.len() as u8], content].concat()
    }

    fn file(doc_type: &str, info: &[u8], track_type: u8, live: bool) -> Vec<u8> {
        let header = element(HEADER, &element(DOC_TYPE, doc_type.as_bytes()));
        let audio =
            [element(SAMPLING_FREQUENCY, &48_000_f32.to_be_bytes()), element(CHANNELS, &[2])].concat();
        let entry =
            |kind: u8, more: &[u8]| element(TRACK_ENTRY, &[&element(TRACK_TYPE, &[kind])[..], more].concat());
        let tracks = [entry(track_type, &[]), entry(2, &element(AUDIO, &audio))].concat();
        let inside = [element(INFO, info), element(TRACKS, &tracks), element(CLUSTER, &[0; 100])].concat();
        let segment = if live {
            [&SEGMENT.to_be_bytes()[4..], &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &inside].concat()
        } else {
            element(SEGMENT, &inside)
        };
        [header, segment].concat()
    }

    fn read_all(file: &[u8]) -> io::Result<(Found, Words)> {
        let mut window = Window::new(file);
        window.allow(100_000);
        let mut words = Words::default();
        read(&mut window, &mut words).map(|found| (found, words))
    }

    #[test]
    fn what_is_before_the_first_cluster_is_known() {
        let ticks = element(DURATION, &2_500.5_f64.to_be_bytes());
        let scaled = [element(TIMESTAMP_SCALE, &[0x0f, 0x42, 0x40 / 2, 0]), ticks.clone()].concat();
        let titled = [ticks.clone(), element(TITLE, "A pond".as_bytes())].concat();
        // doc type, info, type of the first track, live, duration, content type
        let cases = [
            ("webm", &ticks[..], 1, false, 2_500, "video/webm"),
            ("webm", &ticks, 2, false, 2_500, "audio/webm"),
            ("webm", &[], 2, true, 0, "audio/webm"),
            ("webm", &titled, 2, true, 2_500, "audio/webm"),
            ("matroska", &ticks, 1, false, 2_500, "video/x-matroska"),
            ("matroska", &scaled, 2, false, 640_000, "video/x-matroska"),
        ];
        for (n, (doc_type, info, track_type, live, duration_ms, content_type)) in
            cases.into_iter().enumerate()
        {
            let (found, _) = read_all(&file(doc_type, info, track_type, live)).unwrap();
            assert_eq!(found.content_type, content_type, "case {n}");
            assert_eq!((found.sound.sample_rate_hz, found.sound.channels), (48_000, 2), "case {n}");
            let known: u64 = found.sound.duration_ms;
            assert!(
                known.abs_diff(duration_ms) <= duration_ms / 100,
                "case {n}: {known} is not {duration_ms}"
            );
        }
        let (_, words) = read_all(&file("webm", &titled, 2, false)).unwrap();
        assert_eq!(words.first(Field::Title).as_deref(), Some("A pond"));
    }

    #[test]
    fn what_breaks_off_is_an_error_and_never_a_loop() {
        let ticks = element(DURATION, &2_500.5_f64.to_be_bytes());
        let whole = file("webm", &ticks, 1, false);
        for end in 0..whole.len() {
            let _ = read_all(&whole[..end]);
        }
        for bad in [&b""[..], &[0x1a, 0x45, 0xdf, 0xa3, 0], &[0; 50], &[0x1a, 0x45, 0xdf, 0xa3, 0xff]] {
            assert!(read_all(bad).is_err(), "{bad:?}");
        }
        let endless = [&whole[..20], &[0xec, 0x80].repeat(100_000)].concat();
        let _ = read_all(&endless);
    }
}
