//! Checkpoints of TensorFlow: Deezer's own files, read without TensorFlow.
//!
//! A checkpoint is two files. The index is a sorted table from the names of variables to their shapes and places
//! (`tensorflow/core/util/tensor_bundle`); the data file has the numbers of all, one variable behind the other. Each
//! block of the index and each variable has a checksum, and nothing is believed without it.

mod message;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use budget::limits::{STEMS_INDEX_BYTES_MAX, STEMS_MODEL_BYTES_MAX};

use crate::{Error, ErrorKind, Result};
use message::Message;

/// The kind of number that weights are, among TensorFlow's.
const FLOAT: u64 = 1;

/// A variable of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its sides, the last one varying fastest. None for a single number.
    pub shape: Vec<usize>,
    kind: u64,
    offset_bytes: u64,
    length_bytes: u64,
    checksum: u32,
}

/// A checkpoint whose variables can be read one by one.
pub struct Checkpoint<D> {
    tensors: BTreeMap<String, Tensor>,
    data: D,
}

impl<D: Read + Seek> Checkpoint<D> {
    /// Reads the index (`model.index`); `data` is `model.data-00000-of-00001`, of which nothing is read yet.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the index is no index, or broken, or says what the data cannot be; [`ErrorKind::Read`].
    pub fn open(index: impl Read, mut data: D) -> Result<Self> {
        let data_bytes = data.seek(SeekFrom::End(0)).map_err(unread)?;
        if data_bytes > STEMS_MODEL_BYTES_MAX {
            return Err(broken(&format!("it has {data_bytes} bytes; {STEMS_MODEL_BYTES_MAX} are the most")));
        }
        let mut bytes = Vec::new();
        let mut index = index.take(STEMS_INDEX_BYTES_MAX + 1);
        #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
        index.read_to_end(&mut bytes).map_err(unread)?;
        if bytes.len() as u64 > STEMS_INDEX_BYTES_MAX {
            return Err(broken("its index is too long"));
        }
        let mut tensors = BTreeMap::new();
        table::each_entry(&bytes, &mut |key, value| {
            if key.is_empty() {
                return head(value);
            }
            let name = std::str::from_utf8(key).map_err(|_| broken("a variable's name is no text"))?;
            let tensor = Tensor::read(name, value, data_bytes)?;
            tensors.insert(name.to_owned(), tensor);
            Ok(())
        })?;
        Ok(Checkpoint { tensors, data })
    }

    /// All variables by their names.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// What all its variables take.
    pub(crate) fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.length_bytes).sum()
    }

    /// The numbers of a variable that must have this shape.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there is no such variable, when its shape is another or its numbers are no floats or not
    /// finite, and when the checksum says that they are not what was stored; [`ErrorKind::Read`].
    pub fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.tensors.get(name).ok_or_else(|| broken(&format!("it has no variable `{name}`")))?;
        if tensor.shape != shape || tensor.kind != FLOAT {
            let what = format!(
                "its variable `{name}` is {:?} of kind {}, not floats of {shape:?}",
                tensor.shape, tensor.kind
            );
            return Err(broken(&what));
        }
        let length = usize::try_from(tensor.length_bytes).map_err(|_| broken("a variable is too long"))?;
        let mut bytes = vec![0; length];
        self.data.seek(SeekFrom::Start(tensor.offset_bytes)).map_err(unread)?;
        self.data.read_exact(&mut bytes).map_err(unread)?;
        if masked(crc32c::crc32c(&bytes)) != tensor.checksum {
            return Err(broken(&format!("the numbers of its variable `{name}` are not what was stored")));
        }
        let numbers = bytes.as_chunks::<4>().0;
        let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        // A layer may make nothing of what is no number, and nobody would hear that it is missing.
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(broken(&format!("its variable `{name}` has what are no numbers, or infinite ones")));
        }
        Ok(numbers)
    }
}

impl Tensor {
    fn read(name: &str, value: &[u8], data_bytes: u64) -> Result<Self> {
        let wrong = |why: &str| broken(&format!("its variable `{name}` {why}"));
        let entry = Message::read(value).ok_or_else(|| wrong("cannot be understood"))?;
        if entry.number(3) != 0 || entry.bytes(7).is_some() {
            return Err(wrong("is stored in pieces"));
        }
        let shape =
            shape(entry.bytes(2).unwrap_or_default()).ok_or_else(|| wrong("has no shape that can be"))?;
        let tensor = Tensor {
            kind: entry.number(1),
            offset_bytes: entry.number(4),
            length_bytes: entry.number(5),
            checksum: u32::try_from(entry.number(6)).map_err(|_| wrong("has no checksum"))?,
            shape,
        };
        let numbers = tensor.shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side as u64));
        let needed = numbers.and_then(|numbers| numbers.checked_mul(4));
        if tensor.kind == FLOAT && needed != Some(tensor.length_bytes) {
            return Err(wrong("has another length than its shape"));
        }
        let end = tensor.offset_bytes.checked_add(tensor.length_bytes);
        if end.is_none_or(|end| end > data_bytes) {
            return Err(wrong("lies behind the end of the data"));
        }
        Ok(tensor)
    }
}

/// What the index says of the whole: one file of data, its lowest byte first.
fn head(value: &[u8]) -> Result<()> {
    let head = Message::read(value).ok_or_else(|| broken("its head cannot be understood"))?;
    if head.number(1) != 1 {
        return Err(broken(&format!("its data are in {} files, not in one", head.number(1))));
    }
    if head.number(2) != 0 {
        return Err(broken("its numbers have their highest byte first"));
    }
    Ok(())
}

fn shape(bytes: &[u8]) -> Option<Vec<usize>> {
    let sides = Message::read(bytes)?;
    sides.all_bytes(2).map(|side| usize::try_from(Message::read(side)?.number(1)).ok()).collect()
}

/// As checksums are stored beside what they are of, so that a checksum of a checksum is another number.
fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xA282_EAD8)
}

fn broken(how: &str) -> Error {
    Error::new(ErrorKind::Model, format!("the model cannot be used: {how}"))
}

fn unread(e: std::io::Error) -> Error {
    Error::model_unread("the model", e)
}
