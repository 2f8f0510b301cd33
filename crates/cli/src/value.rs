//! Values as templates see them: what Go's reflection would tell of them.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A value in a template.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing: a nil interface.
    Nil,
    /// A pointer to nothing.
    NilPointer,
    /// A nil slice.
    NilList,
    /// A nil map.
    NilMap,
    /// `bool`.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// A number of a document whose types are not known (`json.Number`).
    Number(String),
    /// `string`.
    Text(String),
    /// A slice or array.
    List(Vec<Value>),
    /// A list in a document whose types are not known (`[]interface {}`).
    AnyList(Vec<Value>),
    /// A map with text keys.
    Map(BTreeMap<String, Value>),
    /// A struct.
    Struct(Struct),
}

/// A struct: its Go type and its fields in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Struct {
    /// The type, as errors name it.
    pub kind: &'static str,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Methods count as fields and it is written to JSON like a map, as the contexts of lists are.
    pub methods: bool,
}

/// A field of a struct.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// Its name in JSON; after a NUL, a name that only templates know.
    pub json: String,
    /// Its value.
    pub value: Value,
    /// Left out of JSON because it is empty.
    pub omitted: bool,
}

impl Value {
    /// A document whose types are not known.
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(number.to_string()),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::AnyList(items.iter().map(Value::from_json).collect()),
            Json::Object(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// A struct of methods, such as a row of a list.
    pub fn methods(
        kind: &'static str,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Value {
        let fields = fields
            .into_iter()
            .map(|(name, value)| Field {
                json: name.to_owned(),
                value,
                omitted: false,
            })
            .collect();
        Value::Struct(Struct {
            kind,
            fields,
            methods: true,
        })
    }

    /// Whether a condition takes it for true.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil | Value::NilPointer | Value::NilList | Value::NilMap => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Number(text) | Value::Text(text) => !text.is_empty(),
            Value::List(items) | Value::AnyList(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Struct(_) => true,
        }
    }

    /// A struct's field by its Go name or its name in JSON.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let Value::Struct(this) = self else {
            return None;
        };
        let found = this
            .fields
            .iter()
            .find(|field| go_name(&field.json) == name);
        found.map(|field| &field.value)
    }

    /// As JSON, with a struct's empty fields left out. Rows of lists write themselves, with what HTML could take for
    /// its own escaped, as Go does by default.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        match self {
            Value::Struct(Struct { methods: true, .. }) => escape_html(&out),
            _ => out,
        }
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Value::Nil | Value::NilPointer | Value::NilList | Value::NilMap => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => out.push_str(&value.to_string()),
            Value::Number(text) => out.push_str(text),
            Value::Text(text) => write_json_text(text, out),
            Value::List(items) | Value::AnyList(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    separate(n, out);
                    item.write_json(out);
                }
                out.push(']');
            }
            Value::Map(map) => {
                write_json_fields(map.iter().map(|(name, value)| (name.as_str(), value)), out)
            }
            Value::Struct(this) => {
                let shown = |field: &&Field| !field.omitted && !field.json.starts_with('\0');
                let mut fields: Vec<_> = this.fields.iter().filter(shown).collect();
                if this.methods {
                    fields.sort_by(|a, b| a.json.cmp(&b.json));
                }
                write_json_fields(
                    fields
                        .iter()
                        .map(|field| (field.json.as_str(), &field.value)),
                    out,
                );
            }
        }
    }

    /// As `fmt.Print` writes it.
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) {
        match self {
            Value::Nil | Value::NilPointer => out.push_str("<nil>"),
            Value::NilList => out.push_str("[]"),
            Value::NilMap => out.push_str("map[]"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => out.push_str(&value.to_string()),
            Value::Number(text) | Value::Text(text) => out.push_str(text),
            Value::List(items) | Value::AnyList(items) => {
                write_spaced(out, "[", "]", items.iter(), |item, out| {
                    item.write_text(out)
                })
            }
            Value::Map(map) => write_spaced(out, "map[", "]", map.iter(), |(name, value), out| {
                out.push_str(name);
                out.push(':');
                value.write_text(out);
            }),
            Value::Struct(this) => write_spaced(out, "{", "}", this.fields.iter(), |field, out| {
                field.value.write_text(out)
            }),
        }
    }

    /// The kind, as errors name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::NilPointer => "pointer",
            Value::NilList | Value::List(_) => "[]string",
            Value::AnyList(_) => "[]interface {}",
            Value::NilMap | Value::Map(_) => "map[string]interface {}",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Number(_) => "json.Number",
            Value::Text(_) => "string",
            Value::Struct(this) => this.kind,
        }
    }
}

fn separate(n: usize, out: &mut String) {
    if n > 0 {
        out.push(',');
    }
}

fn write_json_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut String) {
    out.push('{');
    for (n, (name, value)) in fields.enumerate() {
        separate(n, out);
        write_json_text(name, out);
        out.push(':');
        value.write_json(out);
    }
    out.push('}');
}

/// JSON with what HTML could take for its own escaped (`json.HTMLEscape`).
pub fn escape_html(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out
}

fn write_json_text(text: &str, out: &mut String) {
    out.push_str(&Json::String(text.to_owned()).to_string());
}

fn write_spaced<T>(
    out: &mut String,
    open: &str,
    close: &str,
    items: impl Iterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    out.push_str(open);
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(' ');
        }
        write(item, out);
    }
    out.push_str(close);
}

/// The name of a struct's field in Go, where its name in JSON is another one.
pub fn go_name(json: &str) -> &str {
    match json {
        "\0Metadata" => "Metadata",
        "Id" | "id" => "ID",
        "ParentId" => "ParentID",
        "CpuShares" => "CPUShares",
        "NanoCpus" => "NanoCPUs",
        "CpuPeriod" => "CPUPeriod",
        "CpuQuota" => "CPUQuota",
        "CpuRealtimePeriod" => "CPURealtimePeriod",
        "CpuRealtimeRuntime" => "CPURealtimeRuntime",
        "CpuCount" => "CPUCount",
        "CpuPercent" => "CPUPercent",
        "CpuCfsPeriod" => "CPUCfsPeriod",
        "CpuCfsQuota" => "CPUCfsQuota",
        "Dns" => "DNS",
        "DnsOptions" => "DNSOptions",
        "DnsSearch" => "DNSSearch",
        "HostIp" => "HostIP",
        "HttpProxy" => "HTTPProxy",
        "HttpsProxy" => "HTTPSProxy",
        "ApiVersion" => "APIVersion",
        "status" => "Status",
        "from" => "From",
        "scope" => "Scope",
        "time" => "Time",
        "timeNano" => "TimeNano",
        "path" => "Path",
        "runtimeArgs" => "Args",
        other => other,
    }
}
