//! Values as text, in `strace`'s manner: a [`Serializer`] that writes what a value holds. So every call, result and
//! change is shown with its fields by name, and none needs code of its own here.

use serde::ser::{self, Serialize, Serializer};
use std::fmt;

/// Longest text of bytes or string that is written out, in bytes; the rest is left out with `...`.
const TEXT_LIMIT: usize = 4096;

/// A value as text: `{flags=O_RDONLY|O_CLOEXEC, mode=0644}`.
pub fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = String::new();
    // Nothing here fails.
    let _ = value.serialize(Text {
        out: &mut out,
        octal: false,
    });
    out
}

/// The fields of an enum's variant or a struct, by name, each as text.
pub fn fields<T: Serialize + ?Sized>(value: &T) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let mut ignored = String::new();
    let _ = value.serialize(FieldsOf {
        out: &mut out,
        text: &mut ignored,
    });
    out
}

/// Bytes as a quoted text with escapes, as `strace` prints a buffer.
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::new();
    quote(&mut out, bytes);
    out
}

fn quote(out: &mut String, bytes: &[u8]) {
    let kept = &bytes[..bytes.len().min(TEXT_LIMIT)];
    out.push('"');
    let mut at = 0;
    for chunk in kept.utf8_chunks() {
        for letter in chunk.valid().chars() {
            at += letter.len_utf8();
            match letter {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                letter if letter.is_control() => {
                    let mut encoded = [0; 4];
                    for byte in letter.encode_utf8(&mut encoded).bytes() {
                        escape(out, byte, kept.get(at));
                    }
                }
                letter => out.push(letter),
            }
        }
        for byte in chunk.invalid() {
            at += 1;
            escape(out, *byte, kept.get(at));
        }
    }
    out.push('"');
    if kept.len() < bytes.len() {
        out.push_str("...");
    }
}

/// A byte in octal, in three digits where a digit follows that would be taken for one of it.
fn escape(out: &mut String, byte: u8, next: Option<&u8>) {
    out.push('\\');
    let long = next.is_some_and(u8::is_ascii_digit);
    for (shift, least) in [(6, 0o100), (3, 0o10), (0, 0)] {
        if long || byte >= least {
            out.push(char::from_digit(u32::from(byte) >> shift & 7, 8).unwrap_or('?'));
        }
    }
}

/// The prefix that the names of a flag word have in C.
fn prefix(word: &str) -> &'static str {
    match word {
        "OpenFlags" => "O_",
        "ResolveFlags" => "RESOLVE_",
        "AtFlags" => "AT_",
        "RenameFlags" => "RENAME_",
        "CloneFlags" => "CLONE_",
        "MountFlags" => "MS_",
        "UmountFlags" => "MNT_",
        "PollEvents" => "POLL",
        "MsgFlags" => "MSG_",
        "MemfdFlags" => "MFD_",
        "XattrFlags" => "XATTR_",
        "CloseRangeFlags" => "CLOSE_RANGE_",
        "WaitFlags" => "W",
        _ => "",
    }
}

/// Flags as bitflags writes them (`A | B | 0x4`), in C's names.
fn flags(out: &mut String, word: &str, names: &str) {
    let start = out.len();
    if word == "OpenFlags" && !names.contains("WRONLY") && !names.contains("RDWR") {
        out.push_str("O_RDONLY");
    }
    for name in names.split(" | ").filter(|name| !name.is_empty()) {
        if out.len() > start {
            out.push('|');
        }
        if !name.starts_with("0x") {
            out.push_str(prefix(word));
        }
        out.push_str(name);
    }
    if out.len() == start {
        out.push('0');
    }
}

/// Serialization that cannot fail.
#[derive(Debug)]
pub struct Never;

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Never {}
impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Never
    }
}

type Done = Result<(), Never>;

/// Writes a value to `out`.
struct Text<'a> {
    out: &'a mut String,
    /// Numbers in octal: permission bits.
    octal: bool,
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
struct List<'a> {
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
struct Named<'a> {
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

fn is_octal(name: &str) -> bool {
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

/// The value of a `u8`, where that is what `value` is.
fn byte_of<T: Serialize + ?Sized>(value: &T) -> Option<u8> {
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
struct FieldsOf<'a> {
    out: &'a mut Vec<(&'static str, String)>,
    text: &'a mut String,
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

struct FieldList<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_abi::call::FcntlCmd;
    use glassdock_abi::flags::{MountFlags, OpenFlags, ResolveFlags};
    use glassdock_abi::types::OpenHow;
    use glassdock_abi::{Call, Fd, PathArg, Ret};

    fn line(call: &Call) -> String {
        let arguments: Vec<String> = fields(call)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}({})", call.name(), arguments.join(", "))
    }

    #[test]
    fn a_call_is_shown_with_its_arguments_by_name() {
        let how = OpenHow {
            flags: OpenFlags::CREAT | OpenFlags::CLOEXEC,
            mode: 0o644,
            resolve: ResolveFlags::empty(),
        };
        for (call, expected) in [
            (
                Call::Openat2 {
                    dirfd: Fd::CWD,
                    path: "/etc/passwd".into(),
                    how,
                },
                r#"openat2(dirfd=AT_FDCWD, path="/etc/passwd", how={flags=O_RDONLY|O_CREAT|O_CLOEXEC, mode=0644, resolve=0})"#,
            ),
            (
                Call::Write {
                    fd: Fd(1),
                    data: b"a\n\x1b\xff".to_vec(),
                },
                r#"write(fd=1, data="a\n\33\377")"#,
            ),
            (
                Call::Mount {
                    source: PathArg::default(),
                    target: "/".into(),
                    fstype: Vec::new(),
                    flags: MountFlags::REC | MountFlags::PRIVATE,
                    data: Vec::new(),
                },
                r#"mount(source="", target="/", fstype="", flags=MS_REC|MS_PRIVATE, data="")"#,
            ),
            (
                Call::Execveat {
                    dirfd: Fd::CWD,
                    path: "/bin/sh".into(),
                    argv: vec![b"sh".to_vec(), b"-c".to_vec()],
                    envp: vec![],
                    flags: Default::default(),
                },
                r#"execveat(dirfd=AT_FDCWD, path="/bin/sh", argv=["sh", "-c"], envp=[], flags=0)"#,
            ),
            (
                Call::Fcntl {
                    fd: Fd(3),
                    cmd: FcntlCmd::SetFd(true),
                },
                "fcntl(fd=3, cmd=SetFd(true))",
            ),
            (
                Call::Mkdirat {
                    dirfd: Fd(5),
                    path: "dev".into(),
                    mode: 0o755,
                },
                r#"mkdirat(dirfd=5, path="dev", mode=0755)"#,
            ),
        ] {
            assert_eq!(line(&call), expected);
        }
    }

    #[test]
    fn a_result_is_shown_by_its_value() {
        assert_eq!(fields(&Ret::Fd(Fd(3))), [("Fd", "3".to_owned())]);
        assert_eq!(
            fields(&Ret::Bytes(b"root".to_vec())),
            [("Bytes", "\"root\"".to_owned())]
        );
        assert_eq!(fields(&Ret::None), []);
    }
}
