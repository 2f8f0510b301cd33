//! How Go's `encoding/json` reads and writes a struct, for the types of this crate.

use core::marker::PhantomData;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A Go slice: `None` is nil, written as `null`.
pub type List<T> = Option<Vec<T>>;
/// A Go map: `None` is nil, written as `null`; keys are sorted, as Go writes them.
pub type Map<T> = Option<BTreeMap<String, T>>;

/// Go's `struct{}`, the value of a map that is used as a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Whether `omitempty` leaves a value out.
pub(crate) trait Omit {
    fn omit(&self) -> bool;
}

macro_rules! omit_default {
    ($($ty:ty),*) => { $(impl Omit for $ty { fn omit(&self) -> bool { *self == <$ty>::default() } })* };
}
omit_default!(bool, u16, u32, u64, i32, i64);

impl Omit for String {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}
impl<T: OmitInside> Omit for Option<T> {
    fn omit(&self) -> bool {
        self.as_ref().is_none_or(OmitInside::omit_inside)
    }
}

/// Whether `omitempty` leaves a present value out: an empty slice or map, but never what a pointer points to.
pub(crate) trait OmitInside {
    fn omit_inside(&self) -> bool {
        false
    }
}
impl<T> OmitInside for Vec<T> {
    fn omit_inside(&self) -> bool {
        self.is_empty()
    }
}
impl<T> OmitInside for BTreeMap<String, T> {
    fn omit_inside(&self) -> bool {
        self.is_empty()
    }
}
impl OmitInside for StrSlice {
    fn omit_inside(&self) -> bool {
        self.0.is_empty()
    }
}
impl OmitInside for bool {}
impl OmitInside for i32 {}
impl OmitInside for i64 {}
impl OmitInside for [u32; 2] {}
impl OmitInside for serde_json::Value {}

/// A struct that is read as Go reads one: names fit in any case, the last of several counts, `null` is the default, and
/// what no field has the name of is passed over.
pub(crate) trait GoStruct: Default {
    /// The type's name, for errors.
    const NAME: &'static str;

    /// Takes the value that comes next if a field has its name.
    fn set<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// The next value, `null` being the default.
pub(crate) fn value<'de, A, T>(map: &mut A) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
}

/// Reads a whole struct.
pub(crate) fn read<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: GoStruct,
{
    struct Fields<T>(PhantomData<T>);
    impl<'de, T: GoStruct> Visitor<'de> for Fields<T> {
        type Value = T;
        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            write!(f, "struct {}", T::NAME)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut read = T::default();
            while let Some(name) = map.next_key::<String>()? {
                if !read.set(&name, &mut map)? {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(read)
        }
    }
    deserializer.deserialize_map(Fields(PhantomData))
}

/// A list of words that may also be written as one word (`strslice.StrSlice`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct StrSlice(pub Vec<String>);

impl<'de> Deserialize<'de> for StrSlice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> serde::de::Visitor<'de> for Words {
            type Value = StrSlice;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a list of strings or a string")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<StrSlice, E> {
                Ok(StrSlice(vec![word.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<StrSlice, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element::<Option<String>>()? {
                    words.push(word.unwrap_or_default());
                }
                Ok(StrSlice(words))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// Declares a struct whose fields carry their JSON names, read and written as Go does.
#[macro_export]
#[doc(hidden)]
macro_rules! go_struct {
    ($(#[$doc:meta])* pub struct $name:ident { $($rest:tt)* }) => {
        $crate::go_struct!(@fields [$(#[$doc])*] $name [] [] [] $($rest)*);
    };
    (@fields [$($doc:tt)*] $name:ident [$($done:tt)*] [$(($field:ident $json:literal))*] [$($flat:ident)*]) => {
        $($doc)*
        #[derive(Clone, PartialEq, Debug, Default, ::serde::Serialize)]
        pub struct $name { $($done)* }
        impl $crate::go::OmitInside for $name {}
        impl $crate::go::GoStruct for $name {
            const NAME: &'static str = stringify!($name);
            fn set<'de, A: ::serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                $(if name.eq_ignore_ascii_case($json) {
                    self.$field = $crate::go::value(map)?;
                    return Ok(true);
                })*
                $(if $crate::go::GoStruct::set(&mut self.$flat, name, map)? {
                    return Ok(true);
                })*
                Ok(false)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::go::read(deserializer)
            }
        }
    };
    (@fields [$($head:tt)*] $name:ident [$($done:tt)*] [$($named:tt)*] [$($flat:tt)*]
        $(#[$doc:meta])* pub $field:ident: $ty:ty = $json:literal, omitempty, $($rest:tt)*) => {
        $crate::go_struct!(@fields [$($head)*] $name [$($done)*
            $(#[$doc])*
            #[serde(rename = $json, skip_serializing_if = "crate::go::Omit::omit")]
            pub $field: $ty,
        ] [$($named)* ($field $json)] [$($flat)*] $($rest)*);
    };
    (@fields [$($head:tt)*] $name:ident [$($done:tt)*] [$($named:tt)*] [$($flat:tt)*]
        $(#[$doc:meta])* pub $field:ident: $ty:ty = $json:literal, $($rest:tt)*) => {
        $crate::go_struct!(@fields [$($head)*] $name [$($done)*
            $(#[$doc])*
            #[serde(rename = $json)]
            pub $field: $ty,
        ] [$($named)* ($field $json)] [$($flat)*] $($rest)*);
    };
    (@fields [$($head:tt)*] $name:ident [$($done:tt)*] [$($named:tt)*] [$($flat:tt)*]
        $(#[$doc:meta])* pub $field:ident: $ty:ty, flatten, $($rest:tt)*) => {
        $crate::go_struct!(@fields [$($head)*] $name [$($done)*
            $(#[$doc])*
            #[serde(flatten)]
            pub $field: $ty,
        ] [$($named)*] [$($flat)* $field] $($rest)*);
    };
}
