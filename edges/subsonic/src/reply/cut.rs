//! A struct with some of its fields left out, for clients that cannot take them all.

use serde::ser::{self, Error as _, Impossible, SerializeStruct};
use serde::{Serialize, Serializer};

/// The struct with those fields alone that have these names. What is no struct cannot be written so.
pub(super) struct Cut<'a, T: ?Sized> {
    pub(super) whole: &'a T,
    pub(super) kept: &'static [&'static str],
}

impl<T: Serialize + ?Sized> Serialize for Cut<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.whole.serialize(Cutting { serializer, kept: self.kept })
    }
}

struct Cutting<S> {
    serializer: S,
    kept: &'static [&'static str],
}

/// A struct on its way, of which some fields pass.
struct Fields<S> {
    inner: S,
    kept: &'static [&'static str],
}

impl<S: SerializeStruct> SerializeStruct for Fields<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        if self.kept.contains(&name) {
            self.inner.serialize_field(name, value)
        } else {
            self.inner.skip_field(name)
        }
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
        self.inner.skip_field(name)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

/// What is no struct.
macro_rules! no_struct {
    ($($method:ident($($argument:ty),*)),* $(,)?) => {
        $(fn $method(self, $(_: $argument),*) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("only a struct has fields that can be left out"))
        })*
    };
    (open $($method:ident($($argument:ty),*) -> $open:ident),* $(,)?) => {
        $(fn $method(self, $(_: $argument),*) -> Result<Self::$open, S::Error> {
            Err(S::Error::custom("only a struct has fields that can be left out"))
        })*
    };
}

impl<S: Serializer> Serializer for Cutting<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Fields<S::SerializeStruct>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Self::SerializeStruct, S::Error> {
        // The number is a hint for formats that write it; ours do not.
        Ok(Fields { inner: self.serializer.serialize_struct(name, fields)?, kept: self.kept })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("only a struct has fields that can be left out"))
    }

    no_struct! {
        serialize_bool(bool), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_f32(f32), serialize_f64(f64), serialize_none(), serialize_unit(),
        serialize_unit_struct(&'static str), serialize_unit_variant(&'static str, u32, &'static str),
    }

    no_struct! { open
        serialize_seq(Option<usize>) -> SerializeSeq,
        serialize_tuple(usize) -> SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant,
        serialize_map(Option<usize>) -> SerializeMap,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant,
    }
}
