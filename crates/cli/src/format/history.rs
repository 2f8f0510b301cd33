//! Rows of `docker history`.

use super::Titles;
use crate::text::{ellipsis, short_id};
use crate::value::Value;
use crate::{time, units};
use glassdock_api::image::HistoryItem;

/// Times before 2000 are not shown in words.
const EPOCH: i64 = 946_684_800;

/// Titles of the columns.
pub const fn history_titles() -> Titles {
    &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ]
}

/// The format that is meant by what was asked for.
pub fn history_format(format: &str, quiet: bool, human: bool) -> String {
    match format {
        "table" if quiet => "{{.ID}}".to_owned(),
        "table" if !human => {
            "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}".to_owned()
        }
        "table" => {
            "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}".to_owned()
        }
        custom => custom.to_owned(),
    }
}

/// A row.
pub fn history_row(item: &HistoryItem, trunc: bool, human: bool, now_nanos: i64) -> Value {
    let text = |text: String| Value::Text(text);
    let created_at = time::rfc3339(item.created);
    let ago = now_nanos.saturating_sub(item.created.saturating_mul(1_000_000_000));
    let since = match () {
        () if !human => created_at.clone(),
        () if item.created <= EPOCH => "N/A".to_owned(),
        () => format!("{} ago", units::human_duration(ago)),
    };
    let by = item.created_by.replace('\t', " ");
    let size = if human {
        units::human_size_3(item.size)
    } else {
        item.size.to_string()
    };
    let id = if trunc { short_id(&item.id) } else { &item.id };
    Value::methods(
        "*image.historyContext",
        [
            ("ID", text(id.to_owned())),
            ("CreatedAt", text(created_at)),
            ("CreatedSince", text(since)),
            (
                "CreatedBy",
                text(if trunc { ellipsis(&by, 45) } else { by }),
            ),
            ("Size", text(size)),
            ("Comment", text(item.comment.clone())),
        ],
    )
}
