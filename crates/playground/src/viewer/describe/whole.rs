//! A whole value, with all that is in it.

use super::outermost::byte_of;
use super::words::{flags, prefix, quote};
use super::{Done, Never, text};
use serde::ser::{self, Serialize, Serializer};

/// Writes a value to `out`.
pub(super) struct Text<'a> {
    pub out: &'a mut String,
    /// Numbers in octal: permission bits.
    pub octal: bool,
}

impl Text<'_> {
    fn number(self, negative: bool, mut value: u64) -> Done {
        let radix = if self.octal { 8 } else { 10 };
        let mut digits = [0u8; 24];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % radix) as u8;
            value /= radix;
            if value == 0 {
                break;
            }
        }
        if negative {
            self.out.push('-');
        }
        if self.octal && digits[at] != b'0' {
            self.out.push('0');
        }
        self.out.extend(digits[at..].iter().map(|&d| char::from(d)));
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident: $ty:ty;)*) => {
        $(fn $method(self, value: $ty) -> Done {
            #[allow(unused_comparisons, reason = "one macro for signed and unsigned numbers")]
            let negative = value < 0;
            self.number(negative, (value as i64).unsigned_abs())
        })*
    };
}

impl<'a> Serializer for Text<'a> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = Named<'a>;
    type SerializeStructVariant = Named<'a>;

    numbers! {
        serialize_i8: i8; serialize_i16: i16; serialize_i32: i32; serialize_i64: i64;
        serialize_u8: u8; serialize_u16: u16; serialize_u32: u32;
    }
    fn serialize_u64(self, value: u64) -> Done {
        self.number(false, value)
    }
    fn serialize_bool(self, value: bool) -> Done {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }
    fn serialize_f32(self, _: f32) -> Done {
        Ok(())
    }
    fn serialize_f64(self, _: f64) -> Done {
        Ok(())
    }
    fn serialize_char(self, value: char) -> Done {
        self.out.push(value);
        Ok(())
    }
    fn serialize_str(self, value: &str) -> Done {
        quote(self.out, value.as_bytes());
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Done {
        quote(self.out, value);
        Ok(())
    }
    fn serialize_none(self) -> Done {
        self.out.push_str("NULL");
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        Ok(())
    }
    fn serialize_unit_struct(self, name: &'static str) -> Done {
        self.out.push_str(name);
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.out.push_str(variant);
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Done {
        match name {
            "Fd" if text(value) == "-100" => self.out.push_str("AT_FDCWD"),
            // A path is a sequence of bytes, and an empty sequence would not say so.
            "PathArg" => match text(value).as_str() {
                "[]" => self.out.push_str("\"\""),
                path => self.out.push_str(path),
            },
            name if !prefix(name).is_empty() => {
                let names = text(value);
                flags(self.out, name, names.trim_matches('"'));
            }
            _ => return value.serialize(self),
        }
        Ok(())
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.out.push_str(variant);
        self.out.push('(');
        let inner = Text {
            out: self.out,
            octal: false,
        };
        value.serialize(inner)?;
        self.out.push(')');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Never> {
        Ok(List::new(self.out, "[", "]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Never> {
        Ok(List::new(self.out, "[", "]"))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Never> {
        Ok(List::new(self.out, "(", ")"))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Never> {
        self.out.push_str(variant);
        Ok(List::new(self.out, "(", ")"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Never> {
        Ok(List::new(self.out, "{", "}"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Named<'a>, Never> {
        self.out.push('{');
        Ok(Named {
            out: self.out,
            empty: true,
        })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Named<'a>, Never> {
        self.out.push_str(variant);
        self.out.push('{');
        Ok(Named {
            out: self.out,
            empty: true,
        })
    }
}

/// Elements; if all of them are bytes, they are one text.
pub(super) struct List<'a> {
    out: &'a mut String,
    open: &'static str,
    close: &'static str,
    bytes: Vec<u8>,
    empty: bool,
}

impl<'a> List<'a> {
    fn new(out: &'a mut String, open: &'static str, close: &'static str) -> List<'a> {
        List {
            out,
            open,
            close,
            bytes: Vec::new(),
            empty: true,
        }
    }
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        if let Some(byte) = byte_of(value) {
            self.bytes.push(byte);
            return Ok(());
        }
        self.out.push_str(if self.empty { self.open } else { ", " });
        self.empty = false;
        value.serialize(Text {
            out: self.out,
            octal: false,
        })
    }
    fn finish(self) -> Done {
        match (self.empty, self.bytes.is_empty()) {
            (true, true) => {
                self.out.push_str(self.open);
                self.out.push_str(self.close);
            }
            (_, false) => quote(self.out, &self.bytes),
            (false, true) => self.out.push_str(self.close),
        }
        Ok(())
    }
}

macro_rules! lists {
    ($($trait:ident $method:ident;)*) => {
        $(impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Never;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.finish()
            }
        })*
    };
}

lists! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.element(&text(key))
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.out.push_str(": ");
        value.serialize(Text {
            out: self.out,
            octal: false,
        })
    }
    fn end(self) -> Done {
        self.finish()
    }
}

/// Fields of a struct within a text.
pub(super) struct Named<'a> {
    out: &'a mut String,
    empty: bool,
}

impl Named<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        if !self.empty {
            self.out.push_str(", ");
        }
        self.empty = false;
        self.out.push_str(name);
        self.out.push('=');
        value.serialize(Text {
            out: self.out,
            octal: is_octal(name),
        })
    }
}

/// Whether a field of this name holds permission bits.
pub(super) fn is_octal(name: &str) -> bool {
    matches!(name, "mode" | "mask" | "umask")
}

impl ser::SerializeStruct for Named<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.field(name, value)
    }
    fn end(self) -> Done {
        self.out.push('}');
        Ok(())
    }
}

impl ser::SerializeStructVariant for Named<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.field(name, value)
    }
    fn end(self) -> Done {
        self.out.push('}');
        Ok(())
    }
}
