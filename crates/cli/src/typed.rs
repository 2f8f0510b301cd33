//! Documents of known types as [`Value`]s: a serializer that keeps structs apart from maps, with the fields that JSON
//! would leave out.

use crate::value::{Field, Struct, Value};
use serde::ser::{self, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A document of a known type, under its Go type's name.
pub fn typed<T: Serialize>(kind: &'static str, document: &T) -> Value {
    match document.serialize(Serializer { name: "" }) {
        Ok(Value::Struct(mut this)) => {
            this.kind = kind;
            Value::Struct(this)
        }
        Ok(value) => value,
        Err(Never) => Value::Nil,
    }
}

/// These documents always have a value.
#[derive(Debug)]
pub struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value")
    }
}
impl std::error::Error for Never {}
impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Never
    }
}

/// What nil is, by the name of the field that holds it.
fn nil(name: &str) -> Value {
    match name {
        "State"
        | "HostConfig"
        | "Config"
        | "NetworkSettings"
        | "MemorySwappiness"
        | "OomKillDisable"
        | "PidsLimit"
        | "IPAMConfig"
        | "RegistryConfig"
        | "Health"
        | "Healthcheck"
        | "StopTimeout"
        | "SizeRw"
        | "SizeRootFs"
        | "Init"
        | "ImageManifestDescriptor"
        | "ContainerConfig"
        | "Descriptor"
        | "FirewallBackend"
        | "Containerd"
        | "BindOptions"
        | "VolumeOptions"
        | "ImageOptions"
        | "TmpfsOptions" => Value::NilPointer,
        "PortBindings" | "Volumes" | "Labels" | "Options" | "Networks" | "Ports" | "DriverOpts"
        | "ExposedPorts" | "Data" | "Annotations" | "StorageOpt" | "Tmpfs" | "Sysctls"
        | "Runtimes" | "IndexConfigs" | "Containers" | "Attributes" | "Details" => Value::NilMap,
        _ => Value::NilList,
    }
}

/// What a field holds that JSON leaves out.
fn omitted(name: &str) -> Value {
    match name {
        "ArgsEscaped"
        | "NetworkDisabled"
        | "Experimental"
        | "ReadOnly"
        | "NonRecursive"
        | "CreateMountpoint"
        | "NoCopy"
        | "ReadOnlyNonRecursive"
        | "ReadOnlyForceRecursive" => Value::Bool(false),
        "KernelMemory" | "KernelMemoryTCP" | "VirtualSize" | "Interval" | "Timeout"
        | "StartPeriod" | "StartInterval" | "Retries" | "PublicPort" | "time" | "timeNano"
        | "Nodes" | "Managers" => Value::Int(0),
        "MacAddress" | "StopSignal" | "Runtime" | "Container" | "Created" | "Variant"
        | "OsVersion" | "User" | "WorkingDir" | "Name" | "Driver" | "Type" | "Source"
        | "Target" | "IPv4Address" | "IPv6Address" | "status" | "id" | "from" | "scope"
        | "KernelVersion" | "BuildTime" | "MinAPIVersion" | "CgroupVersion" | "ProductLicense"
        | "Expected" | "LastTagTime" => Value::Text(String::new()),
        "Mounts" | "Shell" | "Env" | "Cmd" | "Entrypoint" | "OnBuild" | "Test" => Value::NilList,
        other => nil(other),
    }
}

struct Serializer {
    name: &'static str,
}

struct Seq(Vec<Value>);

struct MapSerializer {
    map: BTreeMap<String, Value>,
    key: String,
}

impl ser::Serializer for Serializer {
    type Ok = Value;
    type Error = Never;
    type SerializeSeq = Seq;
    type SerializeTuple = Seq;
    type SerializeTupleStruct = Seq;
    type SerializeTupleVariant = Seq;
    type SerializeMap = MapSerializer;
    type SerializeStruct = Struct;
    type SerializeStructVariant = Struct;

    fn serialize_bool(self, value: bool) -> Result<Value, Never> {
        Ok(Value::Bool(value))
    }
    fn serialize_i8(self, value: i8) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i16(self, value: i16) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i32(self, value: i32) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_i64(self, value: i64) -> Result<Value, Never> {
        Ok(Value::Int(value))
    }
    fn serialize_u8(self, value: u8) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u16(self, value: u16) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u32(self, value: u32) -> Result<Value, Never> {
        Ok(Value::Int(value.into()))
    }
    fn serialize_u64(self, value: u64) -> Result<Value, Never> {
        Ok(i64::try_from(value).map_or_else(|_| Value::Number(value.to_string()), Value::Int))
    }
    fn serialize_f32(self, value: f32) -> Result<Value, Never> {
        Ok(Value::Number(value.to_string()))
    }
    fn serialize_f64(self, value: f64) -> Result<Value, Never> {
        Ok(Value::Number(value.to_string()))
    }
    fn serialize_char(self, value: char) -> Result<Value, Never> {
        Ok(Value::Text(value.into()))
    }
    fn serialize_str(self, value: &str) -> Result<Value, Never> {
        Ok(Value::Text(value.to_owned()))
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<Value, Never> {
        Ok(Value::Text(String::from_utf8_lossy(value).into_owned()))
    }
    fn serialize_none(self) -> Result<Value, Never> {
        Ok(nil(self.name))
    }
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Value, Never> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Value, Never> {
        Ok(Value::Nil)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Never> {
        Ok(Value::Struct(Struct::default()))
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Never> {
        Ok(Value::Text(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Never> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Never> {
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Seq, Never> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple(self, _: usize) -> Result<Seq, Never> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Seq, Never> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Seq, Never> {
        Ok(Seq(Vec::new()))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<MapSerializer, Never> {
        Ok(MapSerializer {
            map: BTreeMap::new(),
            key: String::new(),
        })
    }
    fn serialize_struct(self, kind: &'static str, _: usize) -> Result<Struct, Never> {
        Ok(Struct {
            kind,
            ..Struct::default()
        })
    }
    fn serialize_struct_variant(
        self,
        kind: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Struct, Never> {
        self.serialize_struct(kind, 0)
    }
}

impl ser::SerializeSeq for Seq {
    type Ok = Value;
    type Error = Never;
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        self.0.push(value.serialize(Serializer { name: "" })?);
        Ok(())
    }
    fn end(self) -> Result<Value, Never> {
        Ok(Value::List(self.0))
    }
}
impl ser::SerializeTuple for Seq {
    type Ok = Value;
    type Error = Never;
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, Never> {
        ser::SerializeSeq::end(self)
    }
}
impl ser::SerializeTupleStruct for Seq {
    type Ok = Value;
    type Error = Never;
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, Never> {
        ser::SerializeSeq::end(self)
    }
}
impl ser::SerializeTupleVariant for Seq {
    type Ok = Value;
    type Error = Never;
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        ser::SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<Value, Never> {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeMap for MapSerializer {
    type Ok = Value;
    type Error = Never;
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Never> {
        self.key = key.serialize(Serializer { name: "" })?.print();
        Ok(())
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Never> {
        let value = value.serialize(Serializer { name: "" })?;
        self.map.insert(core::mem::take(&mut self.key), value);
        Ok(())
    }
    fn end(self) -> Result<Value, Never> {
        Ok(Value::Map(self.map))
    }
}

impl ser::SerializeStruct for Struct {
    type Ok = Value;
    type Error = Never;
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        let value = value.serialize(Serializer { name })?;
        self.fields.push(Field {
            json: name.to_owned(),
            value,
            omitted: false,
        });
        Ok(())
    }
    fn skip_field(&mut self, name: &'static str) -> Result<(), Never> {
        self.fields.push(Field {
            json: name.to_owned(),
            value: omitted(name),
            omitted: true,
        });
        Ok(())
    }
    fn end(self) -> Result<Value, Never> {
        Ok(Value::Struct(self))
    }
}
impl ser::SerializeStructVariant for Struct {
    type Ok = Value;
    type Error = Never;
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        ser::SerializeStruct::serialize_field(self, name, value)
    }
    fn end(self) -> Result<Value, Never> {
        ser::SerializeStruct::end(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassdock_api::inspect::{ContainerInspect, State};

    #[test]
    fn a_struct_prints_its_fields_in_go_s_order_with_the_omitted_ones() {
        let state = State {
            status: "running".into(),
            running: true,
            pid: 42,
            started_at: "2026-01-01T00:00:00Z".into(),
            finished_at: "0001-01-01T00:00:00Z".into(),
            ..State::default()
        };
        let value = typed("container.State", &state);
        assert_eq!(
            value.print(),
            "{running true false false false false 42 0  2026-01-01T00:00:00Z 0001-01-01T00:00:00Z <nil>}"
        );
        assert_eq!(value.to_json(), serde_json::to_string(&state).unwrap());
    }

    #[test]
    fn fields_are_found_by_their_go_names_and_nil_prints_as_its_type_does() {
        let container = ContainerInspect {
            id: "abc".into(),
            host_config: Some(Default::default()),
            ..Default::default()
        };
        let value = typed("*container.InspectResponse", &container);
        assert_eq!(value.field("ID"), Some(&Value::Text("abc".into())));
        assert_eq!(value.field("Id"), None);
        let host = value.field("HostConfig").unwrap();
        for (name, printed) in [
            ("Binds", "[]"),
            ("PortBindings", "map[]"),
            ("PidsLimit", "<nil>"),
            ("NanoCPUs", "0"),
        ] {
            assert_eq!(host.field(name).unwrap().print(), printed, "{name}");
        }
    }
}
