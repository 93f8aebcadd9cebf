//! Stems as one ZIP file that is nowhere: what stands between the files is written down here, the files are read where
//! they are while it is sent. Nothing is compressed and every length and CRC-32 is known, so that the whole has a length
//! and any part of it can be asked for.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16
//! (its ends) and 4.5.3 (ZIP64).

use bytes::Bytes;
use catalog::UnixMs;
use jiff::Timestamp;
use jiff::tz::TimeZone;

// format: signatures of the records
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END_64: u32 = 0x0606_4b50;
const END_64_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;
/// The extra field with numbers of 64 bits.
const EXTRA_64: u16 = 1;
/// What must be understood to read a file that is stored, and one that needs 64 bits.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Made on Unix.
const MADE_ON: u16 = 3 << 8;
/// A regular file that everybody may read, as Unix has it, in the upper half.
const MODE: u32 = 0o100_644 << 16;
/// Numbers that do not fit say so by all their bits.
const MAX_32: u64 = u32::MAX as u64;

/// A file of the archive.
pub(super) struct Entry {
    /// What it is called; ASCII.
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) length: u64,
    /// The CRC-32 of its bytes.
    pub(super) crc32: u32,
}

/// What stands between the files.
pub(super) struct Layout {
    /// Before each file, in their order.
    pub(super) headers: Vec<Bytes>,
    /// Behind the last.
    pub(super) end: Bytes,
}

/// Whatever is written little-endian, one number after the other.
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn u16(mut self, number: u16) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// A number that is elsewhere if it does not fit.
    fn up_to_32(self, number: u64) -> Self {
        self.u32(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Lays out an archive of these files, made at that moment.
pub(super) fn layout(entries: &[Entry], made: UnixMs) -> Layout {
    let (time, date) = dos_time(made);
    let mut headers = Vec::with_capacity(entries.len());
    let mut directory = Record::default();
    let mut offset = 0_u64;
    for entry in entries {
        let header = local(entry, (time, date));
        directory = central(directory, entry, (time, date), offset);
        offset += header.len() as u64 + entry.length;
        headers.push(Bytes::from(header));
    }
    let size = directory.0.len() as u64;
    Layout { headers, end: Bytes::from(end(directory, entries.len() as u64, size, offset).0) }
}

fn local(entry: &Entry, (time, date): (u16, u16)) -> Vec<u8> {
    let is_64 = entry.length >= MAX_32;
    let record = Record::default().u32(LOCAL).u16(if is_64 { VERSION_64 } else { VERSION });
    let record = record.u16(0).u16(0).u16(time).u16(date).u32(entry.crc32);
    // Both lengths are elsewhere when one of them is.
    let shown = if is_64 { MAX_32 } else { entry.length };
    let record = record.up_to_32(shown).up_to_32(shown);
    let record = record.u16(entry.name.len() as u16).u16(if is_64 { 20 } else { 0 });
    let record = record.bytes(entry.name.as_bytes());
    if is_64 { record.u16(EXTRA_64).u16(16).u64(entry.length).u64(entry.length).0 } else { record.0 }
}

fn central(directory: Record, entry: &Entry, (time, date): (u16, u16), offset: u64) -> Record {
    let (is_long, is_far) = (entry.length >= MAX_32, offset >= MAX_32);
    let extra_bytes = if is_long { 16 } else { 0 } + if is_far { 8 } else { 0 };
    let version = if extra_bytes > 0 { VERSION_64 } else { VERSION };
    let record = directory.u32(CENTRAL).u16(MADE_ON | version).u16(version);
    let record = record.u16(0).u16(0).u16(time).u16(date).u32(entry.crc32);
    let shown = if is_long { MAX_32 } else { entry.length };
    let record = record.up_to_32(shown).up_to_32(shown);
    let extra_all = if extra_bytes > 0 { 4 + extra_bytes } else { 0 };
    let record = record.u16(entry.name.len() as u16).u16(extra_all).u16(0);
    let record = record.u16(0).u16(0).u32(MODE).up_to_32(offset);
    let mut record = record.bytes(entry.name.as_bytes());
    if extra_bytes > 0 {
        record = record.u16(EXTRA_64).u16(extra_bytes);
    }
    if is_long {
        record = record.u64(entry.length).u64(entry.length);
    }
    if is_far { record.u64(offset) } else { record }
}

/// The ends of the directory, which lies at `offset` and is so many bytes long.
fn end(directory: Record, count: u64, size: u64, offset: u64) -> Record {
    let mut record = directory;
    if offset >= MAX_32 {
        let at = offset + size;
        // The length of the rest of this record.
        record = record.u32(END_64).u64(44).u16(MADE_ON | VERSION_64).u16(VERSION_64).u32(0).u32(0);
        record = record.u64(count).u64(count).u64(size).u64(offset);
        record = record.u32(END_64_LOCATOR).u32(0).u64(at).u32(1);
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    record.u32(END).u16(0).u16(0).u16(count).u16(count).up_to_32(size).up_to_32(offset).u16(0)
}

/// A moment as DOS had it, in two-second steps from 1980 to 2107 (section 4.4.6); here always UTC.
fn dos_time(at: UnixMs) -> (u16, u16) {
    let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC);
    let year = u16::try_from(at.year()).unwrap_or(1980).clamp(1980, 2107) - 1980;
    let part = |number: i8| u16::try_from(number).unwrap_or(0);
    let time = part(at.hour()) << 11 | part(at.minute()) << 5 | (part(at.second()) / 2);
    let date = year << 9 | part(at.month()) << 5 | part(at.day());
    (time, date)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::process::Command;

    use super::*;

    /// Python's own reader finds each file with its length, its sum and its bytes.
    const READ: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for info in archive.infolist():
        with archive.open(info) as file:
            first = file.read(4)
        print(info.filename, info.file_size, info.CRC, info.compress_type, info.date_time, first.decode())
    if sys.argv[2] == 'all':
        assert archive.testzip() is None
";

    /// Writes the archive with files that are holes behind their first bytes, and has Python read it.
    fn read_back(lengths: &[u64], how: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stems.zip");
        let mut file = std::fs::File::create(&path).unwrap();
        let entries: Vec<Entry> = lengths
            .iter()
            .enumerate()
            .map(|(i, length)| {
                let mut bytes = vec![0; usize::try_from(*length).unwrap().min(1 << 20)];
                bytes[..4].copy_from_slice(b"RIFF");
                Entry { name: format!("stem{i}.wav"), length: *length, crc32: crc32(&bytes) }
            })
            .collect();
        let Layout { headers, end } = layout(&entries, 1_769_883_605_000);
        for (header, entry) in headers.iter().zip(&entries) {
            file.write_all(header).unwrap();
            let start = file.stream_position().unwrap();
            file.write_all(b"RIFF").unwrap();
            file.seek(SeekFrom::Start(start + entry.length)).unwrap();
        }
        file.write_all(&end).unwrap();
        let done = Command::new("python3").args(["-c", READ]).arg(&path).arg(how).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn crc32(bytes: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum()
    }

    fn line(i: usize, length: u64) -> String {
        let mut bytes = vec![0; usize::try_from(length).unwrap().min(1 << 20)];
        bytes[..4].copy_from_slice(b"RIFF");
        format!("stem{i}.wav {length} {} 0 (2026, 1, 31, 18, 20, 4) RIFF\n", crc32(&bytes))
    }

    #[test]
    fn python_reads_what_was_laid_out() {
        let lengths = [4, 1 << 20, 700];
        let expected: String = lengths.iter().enumerate().map(|(i, length)| line(i, *length)).collect();
        assert_eq!(read_back(&lengths, "all"), expected);
    }

    #[test]
    fn what_needs_64_bits_says_so_and_is_found() {
        // Files that are holes: long ones, one behind four gibibytes, and one that just does not fit.
        for lengths in [vec![5 << 30, 9], vec![3 << 30, 3 << 30, 9], vec![MAX_32, 4], vec![MAX_32 - 1, 4]] {
            let expected: String = lengths.iter().enumerate().map(|(i, length)| line(i, *length)).collect();
            assert_eq!(read_back(&lengths, "heads"), expected, "{lengths:?}");
        }
    }
}
