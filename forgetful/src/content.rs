//! The bytes of one file: what is shown, and of each sector that changed since the last sync what is durable.

use std::collections::BTreeMap;

use crate::chance::Chance;

/// What a disk writes at once, in bytes.
pub(crate) const SECTOR: usize = 512;
/// Sectors of a page: the kernel writes by pages, a disk may tear one.
const PAGE_SECTORS: u64 = 8;

#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    shown: Vec<u8>,
    durable_length: usize,
    /// Sectors that changed since the last sync, as they are on the disk. One beyond the durable end is empty.
    durable: BTreeMap<u64, Vec<u8>>,
}

impl Content {
    pub(crate) fn durable(bytes: Vec<u8>) -> Self {
        Self { durable_length: bytes.len(), shown: bytes, durable: BTreeMap::new() }
    }

    pub(crate) fn shown(&self) -> &[u8] {
        &self.shown
    }

    pub(crate) fn read(&self, offset: u64, count: usize) -> &[u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.shown.len());
        let end = start.saturating_add(count).min(self.shown.len());
        self.shown.get(start..end).unwrap_or_default()
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.remember(offset, end);
        if self.shown.len() < end {
            self.shown.resize(end, 0);
        }
        if let Some(place) = self.shown.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        if length < self.shown.len() {
            self.remember(length, self.shown.len());
        }
        self.shown.resize(length, 0);
    }

    pub(crate) fn sync(&mut self) {
        self.durable.clear();
        self.durable_length = self.shown.len();
    }

    /// Keeps the durable state of the sectors that are about to change.
    fn remember(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        for sector in from / SECTOR..=(to - 1) / SECTOR {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(self.durable_length).min(self.shown.len());
            let now = || self.shown.get(start..end).unwrap_or_default().to_vec();
            self.durable.entry(sector as u64).or_insert_with(now);
        }
    }

    /// What a power cut leaves, and how many sectors it took.
    pub(crate) fn cut(&self, chance: &mut Chance) -> (Vec<u8>, u64) {
        let length = self.length_after(chance);
        let mut left = self.shown.clone();
        left.resize(length, 0);
        let (share, by_pages) = (chance.share(), chance.percent(50));
        let (mut lost, mut page) = (0, (u64::MAX, false));
        for (&sector, durable) in &self.durable {
            if !by_pages || page.0 != sector / PAGE_SECTORS {
                page = (sector / PAGE_SECTORS, chance.percent(share));
            }
            let start = sector as usize * SECTOR;
            let end = (start + SECTOR).min(length);
            if start >= end {
                lost += 1;
                continue;
            }
            // Bytes that were cut off and came back with the old length are the old ones.
            let kept_to = if page.1 { self.shown.len().clamp(start, end) } else { start };
            lost += u64::from(!page.1);
            for (place, byte) in left.iter_mut().enumerate().take(end).skip(kept_to) {
                *byte = durable.get(place - start).copied().unwrap_or(0);
            }
        }
        (left, lost)
    }

    /// The durable length, the shown one, or, of a file that grew, one between.
    fn length_after(&self, chance: &mut Chance) -> usize {
        let (durable, shown) = (self.durable_length, self.shown.len());
        match chance.below(3) {
            0 => durable,
            1 => shown,
            _ if shown > durable => durable + chance.below((shown - durable) as u64) as usize,
            _ if chance.percent(50) => durable,
            _ => shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: std::ops::Range<u64> = 0..200;

    fn cuts(content: &Content) -> Vec<Vec<u8>> {
        SEEDS.map(|seed| content.cut(&mut Chance::new(seed)).0).collect()
    }

    #[test]
    fn what_was_synced_is_there_after_every_cut() {
        let mut content = Content::default();
        content.write(0, &[1; 3_000]);
        content.sync();
        assert!(cuts(&content).iter().all(|left| left == &[1; 3_000]));
        // What is written beyond may come and go; what lies before it stays.
        content.write(3_000, &[2; 5_000]);
        let after = cuts(&content);
        assert!(after.iter().all(|left| left.len() >= 3_000 && left[..3_000] == [1; 3_000]));
    }

    #[test]
    fn what_was_not_synced_is_lost_kept_and_torn() {
        let mut content = Content::durable(vec![1; 8_192]);
        content.write(1_000, &[2; 6_000]);
        let after = cuts(&content);
        assert!(after.contains(&vec![1; 8_192]), "all of it lost");
        assert!(after.iter().any(|left| left == content.shown()), "all of it kept");
        let torn = |left: &Vec<u8>| {
            let new = left.iter().filter(|byte| **byte == 2).count();
            new > 0 && new < 6_000
        };
        assert!(after.iter().any(torn), "some of it");
        assert!(after.iter().all(|left| left[..1_000] == [1; 1_000] && left[7_000..] == [1; 1_192]));
    }

    #[test]
    fn a_file_that_grew_may_have_the_length_and_not_the_bytes() {
        let mut content = Content::default();
        content.write(0, &[7; 4_096]);
        let after = cuts(&content);
        assert!(after.iter().any(Vec::is_empty));
        assert!(after.contains(&vec![0; 4_096]), "zeros of the right length");
        assert!(after.iter().any(|left| !left.is_empty() && left.len() < 4_096));
    }

    #[test]
    fn a_truncation_that_was_not_synced_may_be_undone_with_the_old_bytes() {
        let mut content = Content::durable(vec![1; 2_000]);
        content.set_length(700);
        let after = cuts(&content);
        assert!(after.contains(&vec![1; 700]) && after.contains(&vec![1; 2_000]));
        assert!(
            after.iter().all(|left| left.iter().all(|byte| *byte == 1)),
            "never a byte that nobody wrote"
        );
        content.sync();
        assert!(cuts(&content).iter().all(|left| left == &[1; 700]));
        content.set_length(2_000);
        assert_eq!(content.read(699, 3), [1, 0, 0]);
    }
}
