use std::io::Cursor;

use super::*;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn bytes_field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A block of entries, each of whose keys shares what it can with the one before, and its foot.
fn block(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut before = "";
    for (key, value) in entries {
        let shared = key.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        bytes.extend(
            [varint(shared as u64), varint((key.len() - shared) as u64), varint(value.len() as u64)].concat(),
        );
        bytes.extend(&key.as_bytes()[shared..]);
        bytes.extend(value);
        before = key;
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.push(0);
    let checksum = masked(crc32c::crc32c(&bytes));
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn index(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let half = entries.len() / 2;
    let mut table = Vec::new();
    let mut places = Vec::new();
    for part in [&entries[..half], &entries[half..]] {
        let block = block(part);
        places.push((
            part.last().unwrap().0,
            [varint(table.len() as u64), varint(block.len() as u64 - 5)].concat(),
        ));
        table.extend(block);
    }
    let blocks = block(&places);
    let at = [varint(0), varint(0), varint(table.len() as u64), varint(blocks.len() as u64 - 5)].concat();
    table.extend(blocks);
    let foot = table.len();
    table.extend(at);
    table.resize(foot + 40, 0);
    table.extend(0xDB47_7524_8B80_FB57_u64.to_le_bytes());
    table
}

const NAMES: [(&str, &[usize]); 4] =
    [("conv2d/bias", &[3]), ("conv2d/kernel", &[2, 2, 1, 3]), ("conv2d_1/bias", &[]), ("global_step", &[])];

fn entry(kind: u64, shape: &[usize], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let sides: Vec<u8> = shape.iter().flat_map(|side| bytes_field(2, &field(1, *side as u64))).collect();
    let checksum = masked(crc32c::crc32c(bytes)).to_le_bytes().to_vec();
    [
        field(1, kind),
        bytes_field(2, &sides),
        field(4, offset as u64),
        field(5, bytes.len() as u64),
        [varint(6 << 3 | 5), checksum].concat(),
    ]
    .concat()
}

/// An index and its data; `global_step` is no float.
fn checkpoint() -> (Vec<u8>, Vec<u8>) {
    let mut data = Vec::new();
    let mut entries = vec![("", [field(1, 1), bytes_field(3, &field(1, 1))].concat())];
    for (name, shape) in NAMES {
        let offset = data.len();
        let is_step = name == "global_step";
        let count: usize = shape.iter().product();
        if is_step {
            data.extend(7_i64.to_le_bytes());
        } else {
            data.extend((0..count).flat_map(|at| (offset as f32 + at as f32 / 4.0).to_le_bytes()));
        }
        entries.push((name, entry(if is_step { 9 } else { 1 }, shape, offset, &data[offset..])));
    }
    (index(&entries), data)
}

#[test]
fn each_variable_is_read_with_its_shape_and_its_numbers() {
    let (index, data) = checkpoint();
    let mut opened = Checkpoint::open(index.as_slice(), Cursor::new(data)).unwrap();
    let shapes: Vec<_> =
        opened.tensors().iter().map(|(name, tensor)| (name.as_str(), &*tensor.shape)).collect();
    assert_eq!(shapes, NAMES);
    assert_eq!(opened.floats("conv2d/bias", &[3]).unwrap(), [0.0, 0.25, 0.5]);
    let kernel = opened.floats("conv2d/kernel", &[2, 2, 1, 3]).unwrap();
    assert_eq!((kernel.len(), kernel[0], kernel[11]), (12, 12.0, 14.75));
    assert_eq!(opened.floats("conv2d_1/bias", &[]).unwrap(), [60.0]);
    for (name, shape, says) in [
        ("conv2d/bias", &[4][..], "not floats of [4]"),
        ("global_step", &[], "of kind 9"),
        ("conv2d_2/bias", &[], "no variable `conv2d_2/bias`"),
    ] {
        let error = opened.floats(name, shape).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn no_flipped_byte_and_no_cut_gives_wrong_numbers() {
    let (index, data) = checkpoint();
    let all = |index: &[u8], data: &[u8]| -> Result<Vec<Vec<f32>>> {
        let mut opened = Checkpoint::open(index, Cursor::new(data.to_vec()))?;
        NAMES[..3].iter().map(|(name, shape)| opened.floats(name, shape)).collect()
    };
    let right = all(&index, &data).unwrap();
    for at in 0..index.len() {
        for flip in [1, 0x80, 0xFF] {
            let mut wrong = index.clone();
            wrong[at] ^= flip;
            // Between the places in the foot and the mark at its end are bytes that mean nothing.
            assert!(all(&wrong, &data).map_or(true, |read| read == right), "byte {at} of the index");
        }
        assert!(all(&index[..at], &data).is_err(), "the index cut at {at}");
    }
    for at in 0..data.len() - 8 {
        let mut wrong = data.clone();
        wrong[at] ^= 4;
        let error = all(&index, &wrong).unwrap_err();
        assert!(error.to_string().contains("not what was stored"), "byte {at}: {error}");
    }
    assert!(all(&index, &data[..data.len() - 1]).unwrap_err().to_string().contains("behind the end"));
}

#[test]
fn what_is_no_number_or_an_infinite_one_is_no_weight() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let data: Vec<u8> = [0.5, number].iter().flat_map(|number| number.to_le_bytes()).collect();
        let head = [field(1, 1), bytes_field(3, &field(1, 1))].concat();
        let index = index(&[("", head), ("conv2d/bias", entry(1, &[2], 0, &data))]);
        let mut opened = Checkpoint::open(index.as_slice(), Cursor::new(data)).unwrap();
        let error = opened.floats("conv2d/bias", &[2]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains("`conv2d/bias` has what are no numbers"), "{error}");
    }
}

/// What fails while it is read, as a disk does that is too busy.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
}

#[test]
fn an_index_that_cannot_be_read_is_not_a_broken_one() {
    let error = Checkpoint::open(Failing, Cursor::new(Vec::new())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Read, "{error}");
}
