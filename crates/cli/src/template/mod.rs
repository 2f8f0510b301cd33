//! Go's `text/template`, as far as `--format` uses it: fields, variables, pipelines, `if`, `range`, `with`, and the
//! functions that are built in and that the docker command adds.
//!
//! `define`, `template` and `block` are refused: formats never hold more than one template.

mod eval;
mod functions;
mod lex;
mod parse;
mod printf;

pub use eval::Missing;

use crate::value::Value;

/// A template, parsed.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    text: String,
    nodes: Vec<parse::Node>,
}

/// What is wrong with a template, or with what it is given: Go's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(pub String);

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}
impl core::error::Error for Error {}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Template, Error> {
        Template::parse_named("", text)
    }

    /// Parses a template that errors call `name`.
    pub fn parse_named(name: &str, text: &str) -> Result<Template, Error> {
        Ok(Template {
            name: name.to_owned(),
            text: text.to_owned(),
            nodes: parse::parse(name, text)?,
        })
    }

    /// Renders it for a value.
    pub fn render(&self, value: &Value, missing: Missing) -> Result<String, Error> {
        let (text, rendered) = self.render_part(value, missing);
        rendered.map(|()| text)
    }

    /// Renders it for a value; with an error comes what was rendered before it.
    pub fn render_part(&self, value: &Value, missing: Missing) -> (String, Result<(), Error>) {
        eval::render(self, value, missing, false)
    }

    /// Renders the header of a table: functions leave a column's title as it is.
    pub fn render_header(&self, titles: &Value) -> Result<String, Error> {
        let (text, rendered) = eval::render(self, titles, Missing::NoValue, true);
        rendered.map(|()| text)
    }

    /// Whether a field of the top value is used, such as `Size`.
    pub fn uses_field(&self, name: &str) -> bool {
        parse::uses_field(&self.nodes, name)
    }
}
