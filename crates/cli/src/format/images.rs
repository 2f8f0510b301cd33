//! Rows of `docker images`.

use super::Titles;
use crate::text::short_id;
use crate::value::Value;
use crate::{time, units};
use glassdock_api::image::Summary;
use glassdock_oci::Reference;
use std::collections::BTreeMap;

const KIND: &str = "*formatter.imageContext";
const CREATED: &str = "{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}";
const NONE: &str = "<none>";

/// Titles of the columns.
pub const fn image_titles() -> Titles {
    &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ]
}

/// The format that is meant by what was asked for.
pub fn image_format(format: &str, quiet: bool, digests: bool) -> String {
    let digest_line = if digests { "digest: {{.Digest}}\n" } else { "" };
    match format {
        "table" if quiet => "{{.ID}}".to_owned(),
        "table" if digests => {
            format!(
                "table {{{{.Repository}}}}\t{{{{.Tag}}}}\t{{{{.Digest}}}}\t{{{{.ID}}}}\t{CREATED}\t{{{{.Size}}}}"
            )
        }
        "table" => format!(
            "table {{{{.Repository}}}}\t{{{{.Tag}}}}\t{{{{.ID}}}}\t{CREATED}\t{{{{.Size}}}}"
        ),
        "raw" if quiet => "image_id: {{.ID}}".to_owned(),
        "raw" => format!(
            "repository: {{{{ .Repository }}}}\ntag: {{{{.Tag}}}}\n{digest_line}image_id: {{{{.ID}}}}\n\
             created_at: {{{{.CreatedAt}}}}\nvirtual_size: {{{{.Size}}}}\n"
        ),
        custom if custom.starts_with("table") && digests && !custom.contains("{{.Digest}}") => {
            format!("{custom}\t{{{{.Digest}}}}")
        }
        custom => custom.to_owned(),
    }
}

/// The rows of an image: one for each name.
pub fn image_rows(
    image: &Summary,
    trunc: bool,
    show_digests: bool,
    needs_digests: bool,
    now_nanos: i64,
) -> Vec<Value> {
    let row = |repository: &str, tag: &str, digest: &str| {
        row(image, [repository, tag, digest], trunc, now_nanos)
    };
    let (tags, mut digests) = names(image);
    if tags.is_empty() && digests.is_empty() {
        return vec![row(NONE, NONE, NONE)];
    }
    let mut rows = Vec::new();
    for (repository, tags) in &tags {
        let own = digests
            .remove(repository)
            .filter(|_| needs_digests)
            .unwrap_or_default();
        for tag in tags {
            match own.is_empty() {
                true => rows.push(row(repository, tag, NONE)),
                false => rows.extend(own.iter().map(|digest| row(repository, tag, digest))),
            }
        }
    }
    for (repository, digests) in &digests {
        match show_digests {
            true => rows.extend(digests.iter().map(|digest| row(repository, NONE, digest))),
            false => rows.push(row(repository, NONE, "")),
        }
    }
    rows
}

type Names = BTreeMap<String, Vec<String>>;

/// Tags and digests by repository.
fn names(image: &Summary) -> (Names, Names) {
    let (mut tags, mut digests) = (Names::new(), Names::new());
    for name in image.repo_tags.iter().flatten() {
        if let Ok(reference) = Reference::parse(name)
            && let Some(tag) = &reference.tag
        {
            tags.entry(reference.familiar_name())
                .or_default()
                .push(tag.clone());
        }
    }
    for name in image.repo_digests.iter().flatten() {
        if let Ok(reference) = Reference::parse(name)
            && let Some(digest) = &reference.digest
        {
            digests
                .entry(reference.familiar_name())
                .or_default()
                .push(digest.to_string());
        }
    }
    (tags, digests)
}

fn row(
    image: &Summary,
    [repository, tag, digest]: [&str; 3],
    trunc: bool,
    now_nanos: i64,
) -> Value {
    let text = |text: String| Value::Text(text);
    let known = |number: i64, shown: String| {
        if number == -1 {
            "N/A".to_owned()
        } else {
            shown
        }
    };
    let id = if trunc {
        short_id(&image.id)
    } else {
        &image.id
    };
    let ago = now_nanos.saturating_sub(image.created.saturating_mul(1_000_000_000));
    let size = |bytes: i64| units::human_size(u64::try_from(bytes).unwrap_or(0));
    let unique = match image.shared_size {
        -1 => "N/A".to_owned(),
        shared => size(image.size - shared),
    };
    Value::methods(
        KIND,
        [
            ("ID", text(id.to_owned())),
            ("Repository", text(repository.to_owned())),
            ("Tag", text(tag.to_owned())),
            ("Digest", text(digest.to_owned())),
            (
                "CreatedSince",
                text(format!("{} ago", units::human_duration(ago))),
            ),
            ("CreatedAt", text(time::go_string(image.created))),
            ("Size", text(units::human_size_3(image.size))),
            (
                "Containers",
                text(known(image.containers, image.containers.to_string())),
            ),
            ("VirtualSize", text(size(image.size))),
            (
                "SharedSize",
                text(known(image.shared_size, size(image.shared_size))),
            ),
            ("UniqueSize", text(unique)),
        ],
    )
}
