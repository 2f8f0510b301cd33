//! Functions in templates: those that are built in (Go's `text/template/funcs.go`) and the docker command's
//! (docker/cli `templates/templates.go`).

use super::printf::printf;
use crate::value::Value;

const NAMES: [&str; 28] = [
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "json",
    "split",
    "join",
    "title",
    "lower",
    "upper",
    "pad",
    "truncate",
    "call",
    "getDetailsOrder",
];

/// Whether a function of that name is there.
pub fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// A function with its arguments.
pub struct Call<'a> {
    pub name: &'a str,
    pub arguments: Vec<Value>,
    /// In a table's header, functions leave the column's title as it is.
    pub header: bool,
}

/// Why a call failed, and what the error shows.
pub struct Failure {
    pub message: String,
    pub at: At,
}

/// What an error shows of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// The function's name.
    Name,
    /// The whole command.
    Command,
    /// One argument.
    Argument(usize),
}

fn fail<T>(message: impl Into<String>) -> Result<T, Failure> {
    let message = message.into();
    let at = if message.starts_with("error calling ") {
        At::Command
    } else {
        At::Name
    };
    Err(Failure { message, at })
}

fn wrong_type<T>(argument: usize, want: &str, got: &Value) -> Result<T, Failure> {
    let message = match got {
        Value::Nil => format!("invalid value; expected {want}"),
        got => format!("wrong type for value; expected {want}; got {}", got.kind()),
    };
    Err(Failure {
        message,
        at: At::Argument(argument),
    })
}

impl Call<'_> {
    pub fn run(mut self) -> Result<Value, Failure> {
        if self.header
            && [
                "json", "split", "join", "title", "lower", "upper", "truncate",
            ]
            .contains(&self.name)
        {
            return Ok(self.arguments.into_iter().next().unwrap_or(Value::Nil));
        }
        match self.name {
            "not" => {
                self.count(1)?;
                Ok(Value::Bool(!self.arguments[0].truth()))
            }
            "len" => self.len(),
            "index" => self.index(),
            "slice" => self.slice(),
            "print" => Ok(Value::Text(print(&self.arguments))),
            "println" => Ok(Value::Text(println(&self.arguments))),
            "printf" => match self.arguments.split_first() {
                Some((format, rest)) => Ok(Value::Text(printf(&format.print(), rest))),
                None => fail("wrong number of args for printf: want at least 1 got 0"),
            },
            "html" => Ok(Value::Text(html(&print(&self.arguments)))),
            "js" => Ok(Value::Text(js(&print(&self.arguments)))),
            "urlquery" => Ok(Value::Text(crate::url::query_escape(&print(
                &self.arguments,
            )))),
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" => self.compare(),
            "json" => {
                self.count(1)?;
                Ok(Value::Text(self.arguments[0].to_json()))
            }
            "split" => {
                let (text, separator) = self.two_texts()?;
                let parts = match separator.is_empty() {
                    true => text.chars().map(|c| Value::Text(c.into())).collect(),
                    false => text
                        .split(&separator)
                        .map(|part| Value::Text(part.to_owned()))
                        .collect(),
                };
                Ok(Value::List(parts))
            }
            "join" => self.join(),
            "title" => self.text(title),
            "lower" => self.text(|text| text.to_lowercase()),
            "upper" => self.text(|text| text.to_uppercase()),
            "pad" => self.pad(),
            "truncate" => self.truncate(),
            "getDetailsOrder" => self.details_order(),
            "call" => fail("error calling call: non-function of type string"),
            name => fail(format!("{name:?} is not a defined function")),
        }
    }

    fn count(&self, want: usize) -> Result<(), Failure> {
        match self.arguments.len() {
            got if got == want => Ok(()),
            got => fail(format!(
                "wrong number of args for {}: want {want} got {got}",
                self.name
            )),
        }
    }

    fn text_at(&self, n: usize) -> Result<String, Failure> {
        match &self.arguments[n] {
            Value::Text(text) => Ok(text.clone()),
            other => wrong_type(n, "string", other),
        }
    }

    fn int_at(&self, n: usize) -> Result<i64, Failure> {
        match &self.arguments[n] {
            Value::Int(value) => Ok(*value),
            other => wrong_type(n, "int", other),
        }
    }

    fn text(&self, change: impl Fn(&str) -> String) -> Result<Value, Failure> {
        self.count(1)?;
        Ok(Value::Text(change(&self.text_at(0)?)))
    }

    fn two_texts(&self) -> Result<(String, String), Failure> {
        self.count(2)?;
        Ok((self.text_at(0)?, self.text_at(1)?))
    }

    fn len(&self) -> Result<Value, Failure> {
        self.count(1)?;
        let length = match &self.arguments[0] {
            Value::List(items) | Value::AnyList(items) => items.len(),
            Value::Map(map) => map.len(),
            Value::NilList | Value::NilMap => 0,
            Value::Text(text) | Value::Number(text) => text.len(),
            Value::Nil => return fail("error calling len: len of untyped nil"),
            Value::NilPointer => return fail("error calling len: len of nil pointer"),
            other => return fail(format!("error calling len: len of type {}", other.kind())),
        };
        Ok(Value::Int(length as i64))
    }

    fn index(&mut self) -> Result<Value, Failure> {
        let mut arguments = core::mem::take(&mut self.arguments).into_iter();
        let Some(mut value) = arguments.next() else {
            return fail("wrong number of args for index: want at least 1 got 0");
        };
        for key in arguments {
            value = match (value, key) {
                (Value::Map(mut map), Value::Text(key)) => {
                    map.remove(&key).unwrap_or(Value::Text(String::new()))
                }
                (Value::NilMap, Value::Text(_)) => Value::Text(String::new()),
                (Value::Map(_) | Value::NilMap, key) => {
                    return fail(format!(
                        "error calling index: value has type {}; should be string",
                        key.kind()
                    ));
                }
                (Value::List(items) | Value::AnyList(items), Value::Int(n)) => {
                    match usize::try_from(n).ok().and_then(|n| items.get(n)) {
                        Some(item) => item.clone(),
                        None => {
                            return fail(format!("error calling index: index out of range: {n}"));
                        }
                    }
                }
                (Value::NilList, Value::Int(n)) => {
                    return fail(format!("error calling index: index out of range: {n}"));
                }
                (Value::List(_) | Value::AnyList(_) | Value::NilList, key) => {
                    return fail(format!(
                        "error calling index: cannot index slice/array with type {}",
                        key.kind()
                    ));
                }
                (Value::Text(text), Value::Int(n)) => match usize::try_from(n)
                    .ok()
                    .and_then(|n| text.as_bytes().get(n))
                {
                    Some(byte) => Value::Int((*byte).into()),
                    None => return fail(format!("error calling index: index out of range: {n}")),
                },
                (Value::Nil, _) => return fail("error calling index: index of untyped nil"),
                (Value::NilPointer, _) => return fail("error calling index: index of nil pointer"),
                (other, _) => {
                    return fail(format!(
                        "error calling index: can't index item of type {}",
                        other.kind()
                    ));
                }
            };
        }
        Ok(value)
    }

    fn slice(&self) -> Result<Value, Failure> {
        let Some(value) = self.arguments.first() else {
            return fail("wrong number of args for slice: want at least 1 got 0");
        };
        let length = match value {
            Value::List(items) | Value::AnyList(items) => items.len(),
            Value::Text(text) => text.len(),
            Value::NilList => 0,
            other => {
                return fail(format!(
                    "error calling slice: can't slice item of type {}",
                    other.kind()
                ));
            }
        };
        let bound = |n: usize, default: usize| match self.arguments.get(n) {
            None => Ok(default),
            Some(Value::Int(at)) => match usize::try_from(*at) {
                Ok(at) if at <= length => Ok(at),
                _ => fail(format!("error calling slice: index out of range: {at}")),
            },
            Some(other) => fail(format!(
                "error calling slice: cannot index slice/array with type {}",
                other.kind()
            )),
        };
        let (from, to) = (bound(1, 0)?, bound(2, length)?);
        if from > to {
            return fail(format!(
                "error calling slice: invalid slice index: {from} > {to}"
            ));
        }
        Ok(match value {
            Value::List(items) => Value::List(items[from..to].to_vec()),
            Value::AnyList(items) => Value::AnyList(items[from..to].to_vec()),
            Value::Text(text) => {
                Value::Text(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned())
            }
            other => other.clone(),
        })
    }

    fn join(&self) -> Result<Value, Failure> {
        self.count(2)?;
        let separator = self.text_at(1)?;
        match &self.arguments[0] {
            Value::List(items) => {
                let words: Vec<_> = items.iter().map(Value::print).collect();
                Ok(Value::Text(words.join(&separator)))
            }
            Value::NilList => Ok(Value::Text(String::new())),
            other => wrong_type(0, "[]string", other),
        }
    }

    fn pad(&self) -> Result<Value, Failure> {
        self.count(3)?;
        let text = self.text_at(0)?;
        if text.is_empty() {
            return Ok(Value::Text(text));
        }
        let spaces = |n: i64| " ".repeat(usize::try_from(n).unwrap_or(0).min(10_000));
        Ok(Value::Text(format!(
            "{}{text}{}",
            spaces(self.int_at(1)?),
            spaces(self.int_at(2)?)
        )))
    }

    fn truncate(&self) -> Result<Value, Failure> {
        self.count(2)?;
        let (text, length) = (self.text_at(0)?, self.int_at(1)?);
        let length = usize::try_from(length).unwrap_or(0).min(text.len());
        Ok(Value::Text(
            String::from_utf8_lossy(&text.as_bytes()[..length]).into_owned(),
        ))
    }

    /// Of `docker version`: the keys of a component's details.
    fn details_order(&self) -> Result<Value, Failure> {
        self.count(1)?;
        let keys = match self.arguments[0].field("Details") {
            Some(Value::Map(map)) => map.keys().cloned().map(Value::Text).collect(),
            _ => Vec::new(),
        };
        Ok(Value::List(keys))
    }

    fn compare(&self) -> Result<Value, Failure> {
        let name = self.name;
        let Some((first, rest)) = self
            .arguments
            .split_first()
            .filter(|(_, rest)| !rest.is_empty())
        else {
            return fail(format!(
                "error calling {name}: missing argument for comparison"
            ));
        };
        let answer = match name {
            "eq" => {
                let mut any = false;
                for other in rest {
                    any |= equal(name, first, other)?;
                }
                any
            }
            "ne" => !equal(name, first, &rest[0])?,
            "lt" => less(name, first, &rest[0])?,
            "le" => less(name, first, &rest[0])? || equal(name, first, &rest[0])?,
            "gt" => !less(name, first, &rest[0])? && !equal(name, first, &rest[0])?,
            _ => !less(name, first, &rest[0])?,
        };
        Ok(Value::Bool(answer))
    }
}

fn equal(name: &str, left: &Value, right: &Value) -> Result<bool, Failure> {
    use Value::*;
    match (left, right) {
        (Nil | NilPointer | NilList | NilMap, Nil | NilPointer | NilList | NilMap) => Ok(true),
        (Nil | NilPointer, _) | (_, Nil | NilPointer) => Ok(false),
        (Bool(left), Bool(right)) => Ok(left == right),
        (Int(left), Int(right)) => Ok(left == right),
        (Text(left) | Number(left), Text(right) | Number(right)) => Ok(left == right),
        (List(_) | Map(_) | NilList | NilMap, _) | (_, List(_) | Map(_) | NilList | NilMap) => {
            fail(format!(
                "error calling {name}: non-comparable type {}: {}",
                left.print(),
                left.kind()
            ))
        }
        _ => fail(format!(
            "error calling {name}: incompatible types for comparison"
        )),
    }
}

fn less(name: &str, left: &Value, right: &Value) -> Result<bool, Failure> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(left < right),
        (Value::Text(left) | Value::Number(left), Value::Text(right) | Value::Number(right)) => {
            Ok(left < right)
        }
        (Value::Bool(_), Value::Bool(_)) => {
            fail(format!("error calling {name}: invalid type for comparison"))
        }
        _ => fail(format!(
            "error calling {name}: incompatible types for comparison"
        )),
    }
}

/// `fmt.Sprint`: a space between operands when neither is text.
fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (n, value) in values.iter().enumerate() {
        let text = |value: &Value| matches!(value, Value::Text(_));
        if n > 0 && !text(value) && !text(&values[n - 1]) {
            out.push(' ');
        }
        out.push_str(&value.print());
    }
    out
}

fn println(values: &[Value]) -> String {
    let words: Vec<_> = values.iter().map(Value::print).collect();
    words.join(" ") + "\n"
}

/// `strings.Title`: every word begins large.
fn title(text: &str) -> String {
    let mut before = ' ';
    let spell = |c: char| {
        let starts = !(before.is_alphanumeric() || before == '_' || before == '\'');
        before = c;
        match starts {
            true => c.to_uppercase().next().unwrap_or(c),
            false => c,
        }
    };
    text.chars().map(spell).collect()
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}
