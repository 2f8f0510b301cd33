//! The outermost level of a value only: its fields by name, or the byte that it is.

use super::whole::{Text, is_octal};
use super::{Done, Never, quoted};
use serde::ser::{self, Serialize, Serializer};

/// The value of a `u8`, where that is what `value` is.
pub(super) fn byte_of<T: Serialize + ?Sized>(value: &T) -> Option<u8> {
    let mut found = None;
    let _ = value.serialize(ByteOf { found: &mut found });
    found
}

struct ByteOf<'a> {
    found: &'a mut Option<u8>,
}

/// A serializer that looks at the outermost level only.
macro_rules! shallow {
    ($name:ident) => {
        fn serialize_bool(self, _: bool) -> Done {
            Ok(())
        }
        shallow! { @scalars serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
            serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64,
            serialize_char: char, serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str }
        fn serialize_none(self) -> Done {
            Ok(())
        }
        fn serialize_unit(self) -> Done {
            Ok(())
        }
        fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Done {
            Ok(())
        }
        fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Never> {
            Err(Never)
        }
        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Never> {
            Err(Never)
        }
        fn serialize_tuple_struct(
            self,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleStruct, Never> {
            Err(Never)
        }
        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, Never> {
            Err(Never)
        }
        fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Never> {
            Err(Never)
        }
    };
    (@scalars $($method:ident: $ty:ty),*) => { $(fn $method(self, _: $ty) -> Done { Ok(()) })* };
}

impl Serializer for ByteOf<'_> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = ser::Impossible<(), Never>;
    type SerializeTuple = ser::Impossible<(), Never>;
    type SerializeTupleStruct = ser::Impossible<(), Never>;
    type SerializeTupleVariant = ser::Impossible<(), Never>;
    type SerializeMap = ser::Impossible<(), Never>;
    type SerializeStruct = ser::Impossible<(), Never>;
    type SerializeStructVariant = ser::Impossible<(), Never>;

    shallow! { ByteOf }
    fn serialize_u8(self, value: u8) -> Done {
        *self.found = Some(value);
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Done {
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Done {
        Ok(())
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Done {
        Ok(())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Never> {
        Err(Never)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Never> {
        Err(Never)
    }
}

/// Collects the outermost fields.
pub(super) struct FieldsOf<'a> {
    pub out: &'a mut Vec<(&'static str, String)>,
    pub text: &'a mut String,
}

impl<'a> Serializer for FieldsOf<'a> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = ser::Impossible<(), Never>;
    type SerializeTuple = ser::Impossible<(), Never>;
    type SerializeTupleStruct = ser::Impossible<(), Never>;
    type SerializeTupleVariant = ser::Impossible<(), Never>;
    type SerializeMap = ser::Impossible<(), Never>;
    type SerializeStruct = FieldList<'a>;
    type SerializeStructVariant = FieldList<'a>;

    shallow! { FieldsOf }
    fn serialize_u8(self, _: u8) -> Done {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.text.clear();
        value.serialize(Text {
            out: self.text,
            octal: false,
        })?;
        self.out.push((variant, self.text.clone()));
        Ok(())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<FieldList<'a>, Never> {
        Ok(FieldList { out: self.out })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<FieldList<'a>, Never> {
        Ok(FieldList { out: self.out })
    }
}

pub(super) struct FieldList<'a> {
    out: &'a mut Vec<(&'static str, String)>,
}

impl FieldList<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        let mut out = String::new();
        value.serialize(Text {
            out: &mut out,
            octal: is_octal(name),
        })?;
        // No bytes are an empty text; that they are bytes only their name tells.
        if out == "[]" && matches!(name, "data" | "fstype" | "name" | "value") {
            out = quoted(&[]);
        }
        self.out.push((name, out));
        Ok(())
    }
}

impl ser::SerializeStruct for FieldList<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.field(name, value)
    }
    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeStructVariant for FieldList<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.field(name, value)
    }
    fn end(self) -> Done {
        Ok(())
    }
}
