//! Lists in the form that `--format` asks for (docker/cli `cli/command/formatter`).

mod containers;
mod contexts;
mod history;
mod images;
mod ports;
mod stats;

pub use containers::{container_format, container_row, container_titles, container_uses_size};
pub use contexts::{context_format, context_row, context_titles};
pub use history::{history_format, history_row, history_titles};
pub use images::{image_format, image_rows, image_titles};
pub use ports::{display_ports, join_host_port};
pub use stats::{stats_format, stats_row, stats_titles};

use crate::error::{Fail, Result};
use crate::table::{LIST, align};
use crate::template::{Missing, Template};
use crate::value::Value;
use std::collections::BTreeMap;

/// Titles of columns by the names of fields.
pub type Titles = &'static [(&'static str, &'static str)];

/// A list as text: `format` is `table …`, `json` or a template; each row is rendered by it.
pub fn list(format: &str, titles: Titles, rows: &[Value]) -> Result<String> {
    let table = format.starts_with("table");
    let source = match format {
        "json" => "{{json .}}",
        _ => format.strip_prefix("table").unwrap_or(format),
    };
    let source = source
        .trim_matches(' ')
        .replace("\\t", "\t")
        .replace("\\n", "\n");
    let wrong =
        |error: crate::template::Error| Fail::new(format!("template parsing error: {error}"));
    let template = Template::parse(&source).map_err(wrong)?;
    let mut text = String::new();
    for row in rows {
        text += &template.render(row, Missing::NoValue).map_err(wrong)?;
        text.push('\n');
    }
    if !table {
        return Ok(text);
    }
    let titles: BTreeMap<_, _> = titles
        .iter()
        .map(|(name, title)| ((*name).to_owned(), Value::Text((*title).to_owned())))
        .collect();
    let header = template
        .render_header(&Value::Map(titles))
        .unwrap_or_default();
    Ok(align(&format!("{header}\n{text}"), LIST))
}
