//! A file seen through a small window: every parser of the scan reads through one, so that a file is read once, in a
//! few large pieces, and so that what a file may claim is counted in one place.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

use budget::limits::{TAG_STEP_BYTES, TAG_WINDOW_ALIGN_BYTES, TAG_WINDOW_BYTES};
use store::Source;

/// Something with a length that can be read from anywhere.
pub(super) trait Bytes {
    fn length(&self) -> u64;
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Bytes for Source {
    fn length(&self) -> u64 {
        self.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Source::read_at(self, buffer, offset)
    }
}

impl Bytes for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = buffer.len().min(self.len() - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }
}

/// The window, and how much may still be taken through it.
pub(super) struct Window<B> {
    bytes: B,
    buffer: Box<[u8]>,
    start: u64,
    filled: usize,
    left: u64,
}

impl<B: Bytes> Window<B> {
    pub(super) fn new(bytes: B) -> Self {
        Window { bytes, buffer: vec![0; TAG_WINDOW_BYTES].into(), start: 0, filled: 0, left: 0 }
    }

    /// Looks at another file through the same buffer.
    pub(super) fn turn_to(&mut self, bytes: B) {
        self.bytes = bytes;
        self.filled = 0;
        self.left = 0;
    }

    pub(super) fn length(&self) -> u64 {
        self.bytes.length()
    }

    /// Lets the next parser take so many bytes.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.left = bytes;
    }

    /// Reads some bytes at `offset`, at least one unless the file or the buffer ends there.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let held = self.start..self.start + self.filled as u64;
        if !held.contains(&offset) && offset < self.length() {
            self.start = offset - offset % TAG_WINDOW_ALIGN_BYTES;
            self.filled = 0;
            // Short reads are rare and legal: the byte that was asked for is what must be there.
            while self.start + self.filled as u64 <= offset {
                match self.bytes.read_at(&mut self.buffer[self.filled..], self.start + self.filled as u64)? {
                    0 => return Ok(0),
                    more => self.filled += more,
                }
            }
        }
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.filled);
        let count = buffer.len().min(self.filled - from);
        let cost = count as u64 + TAG_STEP_BYTES;
        self.left = self.left.checked_sub(cost).ok_or_else(|| {
            io::Error::new(
                ErrorKind::QuotaExceeded,
                "more of it would have to be looked at than TAG_BYTES_MAX allows",
            )
        })?;
        buffer[..count].copy_from_slice(&self.buffer[from..from + count]);
        Ok(count)
    }

    /// Fills the buffer from `offset`; `UnexpectedEof` when the file ends before.
    pub(super) fn read_exact_at(&mut self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = self.read_at(buffer, offset)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            offset += count as u64;
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// The `N` bytes at `offset`.
    pub(super) fn array_at<const N: usize>(&mut self, offset: u64) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        self.read_exact_at(&mut array, offset)?;
        Ok(array)
    }

    /// The four bytes at `offset` as a big-endian number.
    pub(super) fn u32_at(&mut self, offset: u64) -> io::Result<u32> {
        self.array_at(offset).map(u32::from_be_bytes)
    }
}

/// How a foreign parser shall see a file: without some ranges, and with some bytes changed. So it never meets what it
/// would hold or unpack whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Left out; in order, not touching, within the file.
    pub(super) cuts: Vec<Range<u64>>,
    /// Bytes shown in place of the file's own, by their place in the file.
    pub(super) patches: Vec<(u64, Vec<u8>)>,
}

impl Plan {
    fn removed(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.end - cut.start).sum()
    }

    /// Where a place in the view lies in the file, and how many bytes follow it before the next cut.
    fn place(&self, position: u64) -> (u64, u64) {
        let mut place = position;
        for cut in &self.cuts {
            if place < cut.start {
                return (place, cut.start - place);
            }
            place += cut.end - cut.start;
        }
        (place, u64::MAX - place)
    }

    fn patch(&self, buffer: &mut [u8], start: u64) {
        for (at, bytes) in &self.patches {
            for (place, byte) in (*at..).zip(bytes) {
                let index = place.checked_sub(start).and_then(|index| usize::try_from(index).ok());
                if let Some(shown) = index.and_then(|index| buffer.get_mut(index)) {
                    *shown = *byte;
                }
            }
        }
    }
}

/// A file as a foreign parser sees it.
pub(super) struct View<'a, B> {
    window: &'a mut Window<B>,
    plan: &'a Plan,
    position: u64,
}

impl<'a, B: Bytes> View<'a, B> {
    pub(super) fn new(window: &'a mut Window<B>, plan: &'a Plan) -> Self {
        View { window, plan, position: 0 }
    }
}

impl<B: Bytes> Read for View<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (place, before_cut) = self.plan.place(self.position);
        let room = usize::try_from(before_cut).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.window.read_at(&mut buffer[..room], place)?;
        self.plan.patch(&mut buffer[..count], place);
        self.position += count as u64;
        Ok(count)
    }
}

impl<B: Bytes> Seek for View<'_, B> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
            SeekFrom::End(distance) => {
                self.window.length().saturating_sub(self.plan.removed()).checked_add_signed(distance)
            }
        };
        // The bound keeps every sum with a length within 64 bits.
        self.position =
            position.filter(|position| *position <= u64::MAX / 4).ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_leaves_out_what_is_cut_and_shows_what_is_patched() {
        let file: &[u8] = b"0123456789abcdef";
        let plan =
            Plan { cuts: vec![0..2, 5..8, 15..16], patches: vec![(3, b"XY".to_vec()), (8, b"Z".to_vec())] };
        let mut window = Window::new(file);
        window.allow(10_000);
        let mut view = View::new(&mut window, &plan);
        let mut seen = [0; 10];
        view.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"2XYZ9abcde");
        assert_eq!(view.read(&mut seen).unwrap(), 0);
        // to, place, what follows
        for (to, position, expected) in
            [(SeekFrom::Start(3), 3, b"Z9"), (SeekFrom::End(-2), 8, b"de"), (SeekFrom::Current(-8), 2, b"YZ")]
        {
            assert_eq!(view.seek(to).unwrap(), position);
            let mut two = [0; 2];
            view.read_exact(&mut two).unwrap();
            assert_eq!(&two, expected);
        }
        assert!(view.seek(SeekFrom::End(-11)).is_err());
        assert!(view.seek(SeekFrom::Start(u64::MAX)).is_err());
    }

    #[test]
    fn steps_without_progress_and_bytes_without_end_run_out() {
        let file: &[u8] = &[0; 100_000];
        for size in [0, 1, 5_000] {
            let mut window = Window::new(file);
            window.allow(64 * 1024);
            let mut buffer = vec![0; size];
            let steps = (0..100_000).take_while(|_| window.read_at(&mut buffer, 7).is_ok()).count();
            assert_eq!(steps, 64 * 1024 / (size + 8), "{size}");
        }
    }
}
