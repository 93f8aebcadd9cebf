//! Medians of many rows at once.
//!
//! The rows are sorted by a network of comparisons that are the same whatever the numbers are (Batcher, 1968), sixteen columns at a
//! time, which a processor does in a few instructions each.

use crate::BINS;

const LANES: usize = 16;

/// Which two places are compared, the smaller number going to the first.
type Network = Vec<(usize, usize)>;

pub(super) struct Medians {
    /// By how many rows there are.
    networks: Vec<Network>,
}

impl Medians {
    /// Medians of up to so many rows.
    pub(super) fn new(most: usize) -> Self {
        Medians { networks: (0..=most).map(network).collect() }
    }

    /// The median of each column. Of an even number of rows it is the mean of the two in the middle.
    pub(super) fn of_rows(&self, rows: &[&[f32]], medians: &mut [f32]) {
        let mut at = 0;
        let mut columns = vec![[0.0; LANES]; rows.len()];
        while at < medians.len() {
            let width = LANES.min(medians.len() - at);
            for (column, row) in columns.iter_mut().zip(rows) {
                column[..width].copy_from_slice(&row[at..at + width]);
            }
            let middle = self.middle(&mut columns);
            medians[at..at + width].copy_from_slice(&middle[..width]);
            at += width;
        }
    }

    /// For each place of a row, the median of so many of its neighbours, itself in their middle. At both ends the row goes
    /// on as in a mirror.
    pub(super) fn of_neighbours(&self, row: &[f32], count: usize, medians: &mut [f32]) {
        let reach = count / 2;
        let mirrored = |at: isize| {
            let last = row.len() as isize - 1;
            let at = if at < 0 { -at - 1 } else { at };
            let at = if at > last { 2 * last + 1 - at } else { at };
            row[at.clamp(0, last) as usize]
        };
        let wide: Vec<f32> =
            (0..(BINS + 2 * reach) as isize).map(|at| mirrored(at - reach as isize)).collect();
        let rows: Vec<&[f32]> = (0..count).map(|shift| &wide[shift..]).collect();
        self.of_rows(&rows, medians);
    }

    fn middle(&self, columns: &mut [[f32; LANES]]) -> [f32; LANES] {
        let count = columns.len();
        let Some(network) = self.networks.get(count).filter(|_| count > 0) else {
            return [0.0; LANES];
        };
        for (low, high) in network {
            let (one, other) = (columns[*low], columns[*high]);
            for lane in 0..LANES {
                let (a, b) = (one[lane], other[lane]);
                columns[*low][lane] = if a < b { a } else { b };
                columns[*high][lane] = if a < b { b } else { a };
            }
        }
        let (one, other) = (columns[(count - 1) / 2], columns[count / 2]);
        std::array::from_fn(|lane| 0.5 * (one[lane] + other[lane]))
    }
}

/// Batcher's merge exchange for any number of places, without the comparisons that nobody in the middle notices.
fn network(places: usize) -> Network {
    let mut all = Network::new();
    let top = places.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            all.extend((0..places.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)));
            if q == p {
                break;
            }
            d = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
    let mut needed = vec![false; places];
    if places > 0 {
        needed[(places - 1) / 2] = true;
        needed[places / 2] = true;
    }
    let mut kept: Network = all
        .into_iter()
        .rev()
        .filter(|(low, high)| {
            let is_needed = needed[*low] || needed[*high];
            needed[*low] |= is_needed;
            needed[*high] |= is_needed;
            is_needed
        })
        .collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::noise;

    fn expected(mut numbers: Vec<f32>) -> f32 {
        numbers.sort_by(f32::total_cmp);
        0.5 * (numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2])
    }

    #[test]
    fn the_median_of_each_column_is_the_one_that_sorting_finds() {
        let medians = Medians::new(17);
        for count in 1..=17 {
            let rows: Vec<Vec<f32>> =
                (0..count).map(|row| noise(100 + row as u64, 77).left().to_vec()).collect();
            let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let mut made = vec![0.0; 77];
            medians.of_rows(&views, &mut made);
            for (column, made) in made.iter().enumerate() {
                let sorted = expected(rows.iter().map(|row| row[column]).collect());
                assert_eq!(*made, sorted, "{count} rows, column {column}");
            }
        }
    }

    #[test]
    fn neighbours_at_the_ends_are_seen_in_a_mirror() {
        let row = noise(3, BINS).left().to_vec();
        let mut made = vec![0.0; BINS];
        Medians::new(5).of_neighbours(&row, 5, &mut made);
        assert_eq!(made[0], expected(vec![row[1], row[0], row[0], row[1], row[2]]));
        assert_eq!(made[10], expected(row[8..=12].to_vec()));
        let last = BINS - 1;
        assert_eq!(
            made[last],
            expected(vec![row[last - 2], row[last - 1], row[last], row[last], row[last - 1]])
        );
    }
}
