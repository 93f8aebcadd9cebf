//! Weights of networks, as TensorFlow stores them.

use std::io::Cursor;

use stems::models::Checkpoint;

/// The first two bytes say how long the index is, the rest is the data. What can be opened has variables that lie in the data; one
/// whose numbers are given has as many as its shape says, and they are those that lie there.
pub fn checkpoint(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let (index, data) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let Ok(mut opened) = Checkpoint::open(index, Cursor::new(data)) else { return };
    for (name, tensor) in opened.tensors().clone() {
        let Ok(numbers) = opened.floats(&name, &tensor.shape) else { continue };
        assert_eq!(numbers.len(), tensor.shape.iter().product::<usize>(), "{name}");
        let stored: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let is_there = stored.is_empty() || data.windows(stored.len()).any(|part| part == stored);
        assert!(is_there, "{name} has numbers that were not stored");
    }
}
