//! Rows of `docker context ls`.

use super::Titles;
use crate::text::ellipsis;
use crate::value::Value;

/// Columns of an error at most.
const ERROR_WIDTH: usize = 45;

/// Titles of the columns.
pub const fn context_titles() -> Titles {
    &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
    ]
}

/// The format that is meant by what was asked for.
pub fn context_format(format: &str, quiet: bool) -> &str {
    match format {
        _ if quiet => "{{.Name}}",
        "" | "table" => {
            "table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}"
        }
        custom => custom,
    }
}

/// A row: name, description, address and what is wrong with it.
pub fn context_row([name, description, host, error]: [&str; 4], current: bool) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    Value::methods(
        "*formatter.clientContextContext",
        [
            ("Current", Value::Bool(current)),
            ("Description", text(description)),
            ("DockerEndpoint", text(host)),
            ("Error", Value::Text(ellipsis(error, ERROR_WIDTH))),
            ("Name", text(name)),
        ],
    )
}
