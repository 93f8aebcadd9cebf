//! Bytes of several sources as those of one, without a copy of them anywhere: they are put together as they are read.

use std::io;
use std::time::SystemTime;

use budget::limits::WOVEN_READ_BYTES;
use bytes::Bytes;

use super::{Remote, Source, Validator};

/// A run of bytes in a composed source.
#[derive(Clone, Debug)]
pub enum Run {
    /// These.
    Bytes(Bytes),
    /// Those of a source, as many from there.
    Slice {
        /// Which source.
        source: Source,
        /// Where they begin in it.
        offset: u64,
        /// How many.
        count: u64,
    },
    /// Those of several sources in turn: `stride` bytes of the first, as many of the second, and so on to the last; then
    /// of the first again.
    Woven {
        /// The sources, and where the bytes begin in each.
        sources: Vec<(Source, u64)>,
        /// How many bytes of each at a time.
        stride: usize,
        /// How many turns there are.
        turns: u64,
    },
}

impl Run {
    fn length(&self) -> u64 {
        match self {
            Run::Bytes(bytes) => bytes.len() as u64,
            Run::Slice { count, .. } => *count,
            Run::Woven { sources, stride, turns } => {
                turns.saturating_mul(*stride as u64).saturating_mul(sources.len() as u64)
            }
        }
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        let (one, woven) = match self {
            Run::Bytes(_) => (None, &[][..]),
            Run::Slice { source, .. } => (Some(source), &[][..]),
            Run::Woven { sources, .. } => (None, &sources[..]),
        };
        one.into_iter().chain(woven.iter().map(|(source, _)| source))
    }

    /// Whether its bytes lie within its sources.
    fn fits(&self) -> bool {
        match self {
            Run::Bytes(_) => true,
            Run::Slice { source, offset, count } => {
                offset.checked_add(*count).is_some_and(|end| end <= source.len())
            }
            Run::Woven { sources, stride, turns } => {
                let each = turns.checked_mul(*stride as u64);
                let end = |offset: &u64| each.and_then(|each| offset.checked_add(each));
                (1..=WOVEN_READ_BYTES).contains(stride)
                    && sources
                        .iter()
                        .all(|(source, offset)| end(offset).is_some_and(|end| end <= source.len()))
            }
        }
    }
}

/// How bytes of a source are read: waiting for a disk or not.
type Read = fn(&Source, &mut [u8], u64) -> io::Result<usize>;

#[derive(Debug)]
struct Composed(Vec<Run>);

impl Source {
    /// The bytes of these runs, one behind the other, by a name for logs. `None` when one does not lie within its sources.
    ///
    /// It is read where its sources are, a piece at a time, and changes when one of them does.
    pub fn composed(
        name: &str,
        runs: Vec<Run>,
        modified: SystemTime,
        validator: Validator,
    ) -> Option<Source> {
        let length = runs.iter().try_fold(0_u64, |length, run| length.checked_add(run.length()))?;
        runs.iter().all(Run::fits).then(|| Source::remote(Composed(runs), name, length, modified, validator))
    }
}

impl Composed {
    /// Reads from the run in which `offset` lies.
    fn read(&self, buffer: &mut [u8], offset: u64, read: Read) -> io::Result<usize> {
        let mut within = offset;
        for run in &self.0 {
            let length = run.length();
            if within >= length {
                within -= length;
                continue;
            }
            let wanted = usize::try_from(length - within).unwrap_or(usize::MAX).min(buffer.len());
            let buffer = &mut buffer[..wanted];
            return match run {
                Run::Bytes(bytes) => {
                    let start = usize::try_from(within).unwrap_or(usize::MAX);
                    buffer.copy_from_slice(&bytes[start..start + wanted]);
                    Ok(wanted)
                }
                Run::Slice { source, offset, .. } => read(source, buffer, offset + within),
                Run::Woven { sources, stride, .. } => weave(sources, *stride, buffer, within, read),
            };
        }
        Ok(0)
    }
}

/// Reads woven bytes from `within` on: at least one, and no more than fit the scratch.
fn weave(
    sources: &[(Source, u64)],
    stride: usize,
    buffer: &mut [u8],
    within: u64,
    read: Read,
) -> io::Result<usize> {
    let turn_bytes = stride * sources.len();
    let first = within / turn_bytes as u64;
    let skip = usize::try_from(within % turn_bytes as u64).unwrap_or(0);
    let mut turns = (skip + buffer.len()).div_ceil(turn_bytes).min(WOVEN_READ_BYTES / stride);
    let mut scratch = [0; WOVEN_READ_BYTES];
    for (place, (source, offset)) in sources.iter().enumerate() {
        let part = &mut scratch[..turns * stride];
        let filled = fill(source, part, offset + first * stride as u64, stride, read)?;
        turns = filled / stride;
        for (turn, bytes) in part[..turns * stride].chunks_exact(stride).enumerate() {
            put(buffer, bytes, (turn * turn_bytes + place * stride) as i64 - skip as i64);
        }
    }
    Ok((turns * turn_bytes - skip).min(buffer.len()))
}

/// Fills a part with whole strides: all of it, or those that are there where nobody waits.
fn fill(source: &Source, part: &mut [u8], offset: u64, stride: usize, read: Read) -> io::Result<usize> {
    let mut filled = 0;
    while filled < part.len() {
        match read(source, &mut part[filled..], offset + filled as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && filled >= stride => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Puts bytes at a place of the buffer, as far as that lies in it.
fn put(buffer: &mut [u8], bytes: &[u8], at: i64) {
    let length = buffer.len() as i64;
    let (start, end) = (at.clamp(0, length), (at + bytes.len() as i64).clamp(0, length));
    if start < end {
        buffer[start as usize..end as usize]
            .copy_from_slice(&bytes[(start - at) as usize..(end - at) as usize]);
    }
}

impl Remote for Composed {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(buffer, offset, Source::read_at)
    }

    fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(buffer, offset, Source::read_resident)
    }

    fn has_changed(&self) -> bool {
        self.0.iter().flat_map(Run::sources).any(|source| source.check_unchanged().is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many bytes, each another than its neighbours'.
    fn source(folder: &tempfile::TempDir, name: &str, length: usize, first: usize) -> (Source, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|i| ((i + first) % 251) as u8).collect();
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        (Source::of(std::fs::File::open(path).unwrap(), name).unwrap(), bytes)
    }

    fn composed(runs: Vec<Run>) -> Option<Source> {
        Source::composed("all", runs, SystemTime::UNIX_EPOCH, Validator::fixed("tag"))
    }

    /// Every run of bytes of a source is what it should be, however it is asked for.
    fn check(source: &Source, expected: &[u8]) {
        assert_eq!(source.len(), expected.len() as u64);
        for step in [1, 3, 7, 1000, 70_000] {
            for from in [0, 1, 2, 5, expected.len() / 2, expected.len() - 1] {
                for read in [Source::read_at as Read, Source::read_resident] {
                    let (mut found, mut buffer) = (Vec::new(), vec![0; step]);
                    while found.len() < 3_000.min(expected.len() - from) {
                        let count = read(source, &mut buffer, (from + found.len()) as u64).unwrap();
                        assert!(count > 0, "{from} in steps of {step}");
                        found.extend_from_slice(&buffer[..count]);
                    }
                    assert_eq!(found, expected[from..from + found.len()], "{from} in steps of {step}");
                }
            }
        }
        assert_eq!(source.read_at(&mut [0; 9], source.len()).unwrap(), 0);
    }

    #[test]
    fn runs_are_read_as_one_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let (one, bytes) = source(&folder, "one", 40_000, 0);
        let (two, others) = source(&folder, "two", 9, 100);
        let runs = vec![
            Run::Bytes(Bytes::from_static(b"head")),
            Run::Slice { source: one, offset: 10, count: 39_000 },
            Run::Bytes(Bytes::new()),
            Run::Slice { source: two, offset: 0, count: 9 },
            Run::Bytes(Bytes::from_static(b"end")),
        ];
        let expected = [b"head", &bytes[10..39_010], &others, b"end"].concat();
        check(&composed(runs).unwrap(), &expected);
    }

    #[test]
    fn woven_sources_come_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        for (count, stride, turns) in [(1, 4, 5_000), (2, 4, 5_000), (5, 4, 2_000), (3, 1, 4_000)] {
            let made: Vec<(Source, Vec<u8>)> = (0..count)
                .map(|i| source(&folder, &i.to_string(), 44 + i + stride * turns, 50 * i))
                .collect();
            let mut expected = b"head".to_vec();
            for turn in 0..turns {
                for (i, (_, bytes)) in made.iter().enumerate() {
                    expected.extend_from_slice(&bytes[44 + i + turn * stride..][..stride]);
                }
            }
            let sources = made.iter().enumerate().map(|(i, (one, _))| (one.clone(), 44 + i as u64)).collect();
            let woven = Run::Woven { sources, stride, turns: turns as u64 };
            check(&composed(vec![Run::Bytes(Bytes::from_static(b"head")), woven]).unwrap(), &expected);
        }
    }

    #[test]
    fn what_does_not_lie_in_its_source_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (one, _) = source(&folder, "one", 100, 0);
        let slice = |offset, count| Run::Slice { source: one.clone(), offset, count };
        let woven = |offset, stride, turns| {
            let sources = vec![(one.clone(), 0), (one.clone(), offset)];
            Run::Woven { sources, stride, turns }
        };
        for run in [slice(90, 11), slice(u64::MAX, 2), woven(1, 4, 25), woven(0, 0, 1), woven(0, 4, u64::MAX)]
        {
            assert!(composed(vec![run.clone()]).is_none(), "{run:?}");
        }
        for run in [slice(90, 10), woven(0, 4, 25)] {
            assert!(composed(vec![run.clone()]).is_some(), "{run:?}");
        }
    }

    #[test]
    fn it_changes_when_one_of_its_sources_does() {
        let folder = tempfile::tempdir().unwrap();
        let (one, _) = source(&folder, "one", 100, 0);
        let all = composed(vec![Run::Slice { source: one, offset: 0, count: 100 }]).unwrap();
        assert!(all.check_unchanged().is_ok());
        std::fs::write(folder.path().join("one"), [0; 90]).unwrap();
        assert!(all.check_unchanged().is_err());
    }
}
