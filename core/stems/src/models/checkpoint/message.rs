//! Protocol buffers, as far as an index needs them: numbers and bytes by the number of their field.

/// A message: its fields in their order.
pub(super) struct Message<'a> {
    fields: Vec<(u64, Field<'a>)>,
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// All fields, or nothing if the bytes are no message.
    pub(super) fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)?),
                1 => Field::Number(u64::from_le_bytes(taken(&mut bytes, 8)?.try_into().ok()?)),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    Field::Bytes(taken(&mut bytes, length)?)
                }
                5 => Field::Number(u64::from(u32::from_le_bytes(taken(&mut bytes, 4)?.try_into().ok()?))),
                _ => return None,
            };
            fields.push((tag >> 3, field));
        }
        Some(Message { fields })
    }

    /// The number in a field; 0 where there is none, as the format has it.
    pub(super) fn number(&self, field: u64) -> u64 {
        let mut numbers = self.fields.iter().rev().filter(|(number, _)| *number == field);
        let number = |(_, field): &(u64, Field<'_>)| {
            if let Field::Number(number) = field { Some(*number) } else { None }
        };
        numbers.find_map(number).unwrap_or(0)
    }

    /// The bytes in a field.
    pub(super) fn bytes(&self, field: u64) -> Option<&'a [u8]> {
        self.all_bytes(field).last()
    }

    /// The bytes in each field of this number.
    pub(super) fn all_bytes(&self, field: u64) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(move |(number, _)| *number == field);
        fields.filter_map(|(_, field)| if let Field::Bytes(bytes) = field { Some(*bytes) } else { None })
    }
}

/// Takes a number of seven bits a byte, the lowest first.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *taken(bytes, 1)?.first()?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes so many bytes.
pub(super) fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(first)
}
