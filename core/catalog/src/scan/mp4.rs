//! MP4: where the covers are, and a plan that shows the rest to a parser without them.
//!
//! The covers lie in `moov/udta/meta/ilst/covr/data` (QuickTime File Format, "Metadata item list"). A parser that
//! holds `ilst` whole would hold them too, so they are cut out and the sizes around them made smaller.
//!
//! <https://developer.apple.com/documentation/quicktime-file-format>, ISO/IEC 14496-12 section 4.2

use std::io;

use budget::limits::TAG_PARTS_MAX;

use super::picture::Pictures;
use super::window::{Bytes, Plan, Window};

/// The type code and locale before a value.
// format: QuickTime
const DATA_HEAD_BYTES: u64 = 8;
/// Covers have no kind here: the first counts.
const NO_KIND: u32 = 0;

/// An atom's place in the file.
#[derive(Clone, Copy)]
struct Atom {
    name: [u8; 4],
    start: u64,
    content: u64,
    end: u64,
}

/// Looks for covers; gives the plan that leaves them out.
pub(super) fn read<B: Bytes>(window: &mut Window<B>, pictures: &mut Pictures) -> io::Result<Plan> {
    let mut search = Search { window, steps_left: TAG_PARTS_MAX };
    let mut plan = Plan::default();
    let whole = search.window.length();
    let Some(moov) = search.child(0, whole, *b"moov")? else { return Ok(plan) };
    let Some(udta) = search.child(moov.content, moov.end, *b"udta")? else { return Ok(plan) };
    let Some(meta) = search.child(udta.content, udta.end, *b"meta")? else { return Ok(plan) };
    // QuickTime's own `meta` lacks the version in front of its children that ISO's has.
    let version_bytes = match search.window.array_at::<8>(meta.content) {
        Ok([_, _, _, _, b'h', b'd', b'l', b'r']) => 0,
        _ => 4,
    };
    let Some(ilst) = search.child(meta.content + version_bytes, meta.end, *b"ilst")? else { return Ok(plan) };

    let mut at = ilst.content;
    while let Some(item) = search.next(at, ilst.end)? {
        if &item.name == b"covr" {
            let mut inner = item.content;
            while let Some(data) = search.next(inner, item.end)? {
                if &data.name == b"data" && data.end - data.content > DATA_HEAD_BYTES {
                    let offset = data.content + DATA_HEAD_BYTES;
                    pictures.offer(search.window, NO_KIND, offset, data.end - offset)?;
                }
                inner = data.end;
            }
            match plan.cuts.last_mut() {
                Some(last) if last.end == item.start => last.end = item.end,
                _ => plan.cuts.push(item.start..item.end),
            }
        }
        at = item.end;
    }
    let removed = plan.cuts.iter().map(|cut| cut.end - cut.start).sum::<u64>();
    for atom in [moov, udta, meta, ilst] {
        if let Some(patch) = search.smaller(atom, removed)? {
            plan.patches.push(patch);
        }
    }
    Ok(plan)
}

/// What a file says of itself as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Movie {
    pub(super) duration_ms: u64,
    /// Moving pictures; those of an audio book's chapters are none.
    pub(super) has_video: bool,
    pub(super) is_quicktime: bool,
}

/// Reads how long it is, and what its tracks are (ISO/IEC 14496-12 sections 8.2.2 and 8.4.3).
pub(super) fn movie<B: Bytes>(window: &mut Window<B>) -> io::Result<Movie> {
    let mut search = Search { window, steps_left: TAG_PARTS_MAX };
    let whole = search.window.length();
    let brand = match search.next(0, whole)? {
        Some(atom) if &atom.name == b"ftyp" => search.window.array_at::<4>(atom.content)?,
        // QuickTime of before there was a type.
        _ => *b"qt  ",
    };
    let mut movie = Movie { is_quicktime: &brand == b"qt  ", ..Movie::default() };
    let Some(moov) = search.child(0, whole, *b"moov")? else { return Ok(movie) };
    let mut at = moov.content;
    while let Some(atom) = search.next(at, moov.end)? {
        match &atom.name {
            b"mvhd" => movie.duration_ms = search.duration_ms(atom)?,
            b"trak" if !movie.has_video => movie.has_video = search.is_video(atom)?,
            _ => {}
        }
        at = atom.end;
    }
    movie.has_video &= !matches!(&brand, b"M4A " | b"M4B " | b"M4P ");
    Ok(movie)
}

struct Search<'w, B> {
    window: &'w mut Window<B>,
    /// Of atoms on all levels.
    steps_left: usize,
}

impl<B: Bytes> Search<'_, B> {
    /// The atom at `at`, if one lies there that ends within `end`.
    fn next(&mut self, at: u64, end: u64) -> io::Result<Option<Atom>> {
        if end.saturating_sub(at) < 8 || self.steps_left == 0 {
            return Ok(None);
        }
        self.steps_left -= 1;
        let [a, b, c, d, name @ ..]: [u8; 8] = self.window.array_at(at)?;
        let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
            // To the end of what holds it.
            0 => (8, end - at),
            1 if end - at >= 16 => (16, u64::from_be_bytes(self.window.array_at(at + 8)?)),
            size => (8, u64::from(size)),
        };
        let fits = size >= head && size <= end - at;
        Ok(fits.then(|| Atom { name, start: at, content: at + head, end: at + size }))
    }

    /// Of a movie header: in version 1 its numbers have 64 bits.
    fn duration_ms(&mut self, mvhd: Atom) -> io::Result<u64> {
        let (scale, ticks) = if self.window.array_at::<1>(mvhd.content)? == [1] {
            (
                self.window.u32_at(mvhd.content + 20)?,
                u64::from_be_bytes(self.window.array_at(mvhd.content + 24)?),
            )
        } else {
            (self.window.u32_at(mvhd.content + 12)?, u64::from(self.window.u32_at(mvhd.content + 16)?))
        };
        // All ones are "not known".
        let is_known = ticks != u64::from(u32::MAX) && ticks != u64::MAX;
        Ok(ticks.saturating_mul(1_000).checked_div(u64::from(scale)).filter(|_| is_known).unwrap_or(0))
    }

    fn is_video(&mut self, trak: Atom) -> io::Result<bool> {
        let Some(mdia) = self.child(trak.content, trak.end, *b"mdia")? else { return Ok(false) };
        let Some(hdlr) = self.child(mdia.content, mdia.end, *b"hdlr")? else { return Ok(false) };
        Ok(&self.window.array_at::<4>(hdlr.content + 8)? == b"vide")
    }

    fn child(&mut self, mut at: u64, end: u64, name: [u8; 4]) -> io::Result<Option<Atom>> {
        while let Some(atom) = self.next(at, end)? {
            if atom.name == name {
                return Ok(Some(atom));
            }
            at = atom.end;
        }
        Ok(None)
    }

    /// The size field of an atom from which so many bytes are taken.
    fn smaller(&mut self, atom: Atom, removed: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
        if removed == 0 {
            return Ok(None);
        }
        let size = (atom.end - atom.start).saturating_sub(removed);
        Ok(match self.window.u32_at(atom.start)? {
            0 => None,
            1 => Some((atom.start + 8, size.to_be_bytes().to_vec())),
            _ => u32::try_from(size).ok().map(|size| (atom.start, size.to_be_bytes().to_vec())),
        })
    }
}
