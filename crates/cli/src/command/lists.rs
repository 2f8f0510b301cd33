//! `docker ps`, `docker images` and `docker history`.

use super::containers::filters;
use crate::error::Result;
use crate::flags::Parsed;
use crate::format;
use crate::session::{Call, Session};
use crate::url;
use glassdock_abi::Sys;
use glassdock_api::container::Summary;
use glassdock_api::image::{HistoryItem, Summary as Image};
use glassdock_trace::Trace;

/// `docker ps`
pub async fn containers<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let (quiet, mut size) = (flags.bool("quiet"), flags.bool("size"));
    let mut form = flags.text("format").to_owned();
    if form.is_empty() {
        form = session.settings.ps_format.clone();
    } else if quiet {
        session
            .err("WARNING: Ignoring custom format, because both --format and --quiet are set.\n")
            .await?;
    }
    if !form.is_empty() && format::container_uses_size(&form)? && !quiet && !flags.changed("size") {
        size = true;
    }
    let last = match flags.int("last") {
        -1 if flags.bool("latest") => 1,
        last => last,
    };
    let filters = filters(flags).encode();
    let call = Call::get("/containers/json")
        .with_if(flags.bool("all"), "all", "1")
        .with_if(!filters.is_empty(), "filters", filters)
        .with_if(last > 0, "limit", last.to_string())
        .with_if(size, "size", "1");
    let found: Option<Vec<Summary>> = session.document(call).await?;
    let (trunc, now) = (!flags.bool("no-trunc"), session.now_nanos());
    let rows: Vec<_> = found
        .iter()
        .flatten()
        .map(|container| format::container_row(container, trunc, now))
        .collect();
    let form = format::container_format(&form, quiet, size);
    session
        .out(format::list(&form, format::container_titles(), &rows)?)
        .await
}

/// Words that people may take for a command after `docker images`.
const IMAGE_COMMANDS: [&str; 13] = [
    "build", "history", "import", "inspect", "list", "load", "ls", "prune", "pull", "push", "rm",
    "save", "tag",
];

/// `docker images`
pub async fn images<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    called_as: &str,
) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let mut filters = filters(flags);
    if !name.is_empty() {
        filters.add("reference", name);
    }
    let filters = filters.encode();
    let call = Call::get("/images/json")
        .with_if(flags.bool("all"), "all", "1")
        .with_if(!filters.is_empty(), "filters", filters);
    let found: Option<Vec<Image>> = session.document(call).await?;
    let found = found.unwrap_or_default();
    let (quiet, digests) = (flags.bool("quiet"), flags.bool("digests"));
    let form = match flags.text("format") {
        "" if !session.settings.images_format.is_empty() && !quiet => {
            session.settings.images_format.as_str()
        }
        "" => "table",
        form => form,
    };
    let form = format::image_format(form, quiet, digests);
    let needs_digests = digests || form.contains("{{.Digest}}");
    let (trunc, now) = (!flags.bool("no-trunc"), session.now_nanos());
    let rows = found
        .iter()
        .flat_map(|image| format::image_rows(image, trunc, digests, needs_digests, now));
    let rows: Vec<_> = rows.collect();
    session
        .out(format::list(&form, format::image_titles(), &rows)?)
        .await?;
    if found.is_empty() && called_as == "images" && IMAGE_COMMANDS.contains(&name) {
        let hint = format!(
            "\nNo images found matching \"{name}\": did you mean \"docker image {name}\"?\n"
        );
        session.err(hint).await?;
    }
    Ok(())
}

/// `docker history`
pub async fn history<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let name = flags.args.first().map_or("", String::as_str);
    let call = Call::get(format!("/images/{}/history", url::path_escape(name)));
    let items: Option<Vec<HistoryItem>> = session.document(call).await?;
    let (trunc, human, now) = (
        !flags.bool("no-trunc"),
        flags.bool("human"),
        session.now_nanos(),
    );
    let rows: Vec<_> = items
        .iter()
        .flatten()
        .map(|item| format::history_row(item, trunc, human, now))
        .collect();
    let form = match flags.text("format") {
        "" => "table",
        form => form,
    };
    let form = format::history_format(form, flags.bool("quiet"), human);
    session
        .out(format::list(&form, format::history_titles(), &rows)?)
        .await
}
