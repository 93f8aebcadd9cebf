//! XML 1.0 from the same serde structs that give JSON: fields with a scalar become attributes, fields with a struct
//! become child elements, sequences become repeated elements named by the field, and a scalar field called `value`
//! becomes the element's text. Absent options leave nothing.
//!
//! Text is escaped, and characters that XML 1.0 forbids even in escaped form (section 2.2 of the recommendation) are
//! dropped: a tag with a stray control byte must not cost a client the whole answer.

use std::fmt;

use serde::ser::{self, Serialize};

/// The field whose content is an element's text.
const TEXT_FIELD: &str = "value";

/// What cannot be shown as attributes and elements: maps, tuples, bytes, enums with content. Our structs have none.
#[derive(Debug)]
pub(crate) struct NotAnElement(String);

impl fmt::Display for NotAnElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be written as XML: {}", self.0)
    }
}

impl std::error::Error for NotAnElement {}

impl ser::Error for NotAnElement {
    fn custom<T: fmt::Display>(what: T) -> Self {
        NotAnElement(what.to_string())
    }
}

/// Writes one element, or several of one name for a sequence.
pub(super) fn element<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    name: &'static str,
    value: &T,
) -> Result<(), NotAnElement> {
    value.serialize(Place::Child { out, name })
}

/// Writes a start tag and the children that the struct itself brings; [`end`] closes it.
pub(super) fn start<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    name: &'static str,
    head: &T,
) -> Result<(), NotAnElement> {
    head.serialize(Place::Open { out, name })
}

/// Writes an end tag.
pub(super) fn end(out: &mut Vec<u8>, name: &'static str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// A newtype of this name is an element of its own though it is a scalar.
const ELEMENT: &str = "$element";

/// Where a value goes.
enum Place<'a> {
    /// An element of its own.
    Child { out: &'a mut Vec<u8>, name: &'static str },
    /// An element that stays open.
    Open { out: &'a mut Vec<u8>, name: &'static str },
    /// A field of a struct whose start tag is still open in `tag`; what is not an attribute goes to `content`.
    Field { tag: &'a mut Vec<u8>, content: &'a mut Vec<u8>, name: &'static str },
}

impl<'a> Place<'a> {
    fn scalar(self, text: &str) -> Result<(), NotAnElement> {
        match self {
            Place::Child { out, name } | Place::Open { out, name } => {
                out.push(b'<');
                out.extend_from_slice(name.as_bytes());
                out.push(b'>');
                escape(out, text);
                end(out, name);
            }
            Place::Field { content, name: TEXT_FIELD, .. } => escape(content, text),
            Place::Field { tag, name, .. } => {
                tag.push(b' ');
                tag.extend_from_slice(name.as_bytes());
                tag.extend_from_slice(b"=\"");
                escape(tag, text);
                tag.push(b'"');
            }
        }
        Ok(())
    }

    /// Opens an element for a struct.
    fn element(self) -> Element<'a> {
        let (out, name, stays_open) = match self {
            Place::Child { out, name } => (out, name, false),
            Place::Open { out, name } => (out, name, true),
            Place::Field { content, name, .. } => (content, name, false),
        };
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        Element { out, name, content: Vec::new(), stays_open }
    }
}

/// A struct being written: attributes go out at once, children wait until the start tag is closed.
struct Element<'a> {
    out: &'a mut Vec<u8>,
    name: &'static str,
    content: Vec<u8>,
    stays_open: bool,
}

impl ser::SerializeStruct for Element<'_> {
    type Ok = ();
    type Error = NotAnElement;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotAnElement> {
        value.serialize(Place::Field { tag: self.out, content: &mut self.content, name })
    }

    fn end(self) -> Result<(), NotAnElement> {
        if self.content.is_empty() && !self.stays_open {
            self.out.extend_from_slice(b"/>");
            return Ok(());
        }
        self.out.push(b'>');
        self.out.extend_from_slice(&self.content);
        if !self.stays_open {
            end(self.out, self.name);
        }
        Ok(())
    }
}

/// A sequence being written: one element for each item.
struct Repeated<'a> {
    out: &'a mut Vec<u8>,
    name: &'static str,
}

impl ser::SerializeSeq for Repeated<'_> {
    type Ok = ();
    type Error = NotAnElement;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAnElement> {
        element(self.out, self.name, value)
    }

    fn end(self) -> Result<(), NotAnElement> {
        Ok(())
    }
}

/// Scalars whose `Display` is what XML Schema wants.
macro_rules! scalars {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), NotAnElement> {
            self.scalar(&value.to_string())
        })*
    };
}

impl<'a> ser::Serializer for Place<'a> {
    type Ok = ();
    type Error = NotAnElement;
    type SerializeSeq = Repeated<'a>;
    type SerializeTuple = ser::Impossible<(), NotAnElement>;
    type SerializeTupleStruct = ser::Impossible<(), NotAnElement>;
    type SerializeTupleVariant = ser::Impossible<(), NotAnElement>;
    type SerializeMap = ser::Impossible<(), NotAnElement>;
    type SerializeStruct = Element<'a>;
    type SerializeStructVariant = ser::Impossible<(), NotAnElement>;

    scalars! {
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64,
    }

    fn serialize_str(self, value: &str) -> Result<(), NotAnElement> {
        self.scalar(value)
    }

    fn serialize_none(self) -> Result<(), NotAnElement> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotAnElement> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotAnElement> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotAnElement> {
        self.scalar(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        kind: &'static str,
        value: &T,
    ) -> Result<(), NotAnElement> {
        match self {
            Place::Field { content, name, .. } if kind == ELEMENT => {
                value.serialize(Place::Child { out: content, name })
            }
            place => value.serialize(place),
        }
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Element<'a>, NotAnElement> {
        Ok(self.element())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Repeated<'a>, NotAnElement> {
        Ok(match self {
            Place::Child { out, name } | Place::Open { out, name } => Repeated { out, name },
            Place::Field { content, name, .. } => Repeated { out: content, name },
        })
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NotAnElement> {
        Err(ser::Error::custom("bytes"))
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), NotAnElement> {
        Err(ser::Error::custom(name))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotAnElement> {
        Err(ser::Error::custom(name))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotAnElement> {
        Err(ser::Error::custom("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NotAnElement> {
        Err(ser::Error::custom(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotAnElement> {
        Err(ser::Error::custom(name))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotAnElement> {
        Err(ser::Error::custom("a map"))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotAnElement> {
        Err(ser::Error::custom(name))
    }
}

/// Writes text so that it reads back the same in an attribute and in an element: markup and white space that a parser
/// would normalise as references, forbidden characters not at all.
fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = 0;
    for (at, c) in text.char_indices() {
        let replacement: &[u8] = match c {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '"' => b"&quot;",
            '\t' => b"&#9;",
            '\n' => b"&#10;",
            '\r' => b"&#13;",
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[rest..at]);
        out.extend_from_slice(replacement);
        rest = at + c.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[rest..]);
}

#[cfg(test)]
mod tests;
