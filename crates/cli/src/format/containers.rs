//! Rows of `docker ps`.

use super::{Titles, display_ports};
use crate::error::{Fail, Result};
use crate::template::{Missing, Template};
use crate::text::{ellipsis, quote, short_id};
use crate::value::Value;
use crate::{time, units};
use glassdock_api::container::{MountPoint, Summary};
use glassdock_oci::Reference;

const KIND: &str = "*formatter.ContainerContext";
const TABLE: &str =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
const RAW: &str = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n\
    state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\n\
    ports: {{- pad .Ports 1 0}}\n";

/// Titles of the columns.
pub const fn container_titles() -> Titles {
    &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
    ]
}

/// The format that is meant by what was asked for.
pub fn container_format(format: &str, quiet: bool, size: bool) -> String {
    match format {
        "" | "table" if quiet => "{{.ID}}".to_owned(),
        "" | "table" if size => format!("{TABLE}\t{{{{.Size}}}}"),
        "" | "table" => TABLE.to_owned(),
        "raw" if quiet => "container_id: {{.ID}}".to_owned(),
        "raw" if size => format!("{RAW}size: {{{{.Size}}}}\n"),
        "raw" => RAW.to_owned(),
        _ if quiet => "{{.ID}}".to_owned(),
        custom => custom.to_owned(),
    }
}

/// Checks a format before anything is asked, and tells whether it needs sizes.
pub fn container_uses_size(format: &str) -> Result<bool> {
    let template = Template::parse(format)
        .map_err(|error| Fail::new(format!("failed to parse template: {error}")))?;
    let empty = container_row(&Summary::default(), true, 0);
    let wrong = |error| Fail::new(format!("failed to execute template: {error}"));
    template.render(&empty, Missing::NoValue).map_err(wrong)?;
    Ok(template.uses_field("Size"))
}

/// A row.
pub fn container_row(container: &Summary, trunc: bool, now_nanos: i64) -> Value {
    let text = |text: String| Value::Text(text);
    let labels = container.labels.clone().unwrap_or_default();
    let joined: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let ago = now_nanos.saturating_sub(container.created.saturating_mul(1_000_000_000));
    let mounts = container.mounts.as_deref().unwrap_or_default();
    let command = if trunc {
        ellipsis(&container.command, 20)
    } else {
        container.command.clone()
    };
    let id = if trunc {
        short_id(&container.id)
    } else {
        &container.id
    };
    let local = mounts
        .iter()
        .filter(|mount| mount.driver == "local")
        .count();
    let networks = container
        .network_settings
        .as_ref()
        .and_then(|settings| settings.networks.as_ref());
    let networks: Vec<_> = networks
        .into_iter()
        .flat_map(|networks| networks.keys().cloned())
        .collect();
    Value::methods(
        KIND,
        [
            ("ID", text(id.to_owned())),
            ("Names", text(names(container, trunc))),
            ("Image", text(image(container, trunc))),
            ("Command", text(quote(&command))),
            ("CreatedAt", text(time::go_string(container.created))),
            (
                "RunningFor",
                text(format!("{} ago", units::human_duration(ago))),
            ),
            (
                "Ports",
                text(display_ports(
                    container.ports.as_deref().unwrap_or_default(),
                )),
            ),
            ("State", text(container.state.clone())),
            ("Status", text(container.status.clone())),
            ("Size", text(size(container))),
            ("Labels", text(joined.join(","))),
            ("Mounts", text(mount_names(mounts, trunc))),
            ("LocalVolumes", text(local.to_string())),
            ("Networks", text(networks.join(","))),
            ("Platform", Value::NilPointer),
            (
                "\0labels",
                Value::Map(
                    labels
                        .into_iter()
                        .map(|(name, value)| (name, Value::Text(value)))
                        .collect(),
                ),
            ),
        ],
    )
}

fn names(container: &Summary, trunc: bool) -> String {
    let names = container.names.iter().flatten();
    let names: Vec<_> = names
        .map(|name| name.strip_prefix('/').unwrap_or(name))
        .collect();
    let own = names.iter().find(|name| trunc && !name.contains('/'));
    own.map_or_else(|| names.join(","), |own| (*own).to_owned())
}

fn image(container: &Summary, trunc: bool) -> String {
    if container.image.is_empty() {
        return "<no image>".to_owned();
    }
    if !trunc {
        return container.image.clone();
    }
    if short_id(&container.image_id) == short_id(&container.image) {
        return short_id(&container.image_id).to_owned();
    }
    match Reference::parse(&container.image) {
        Ok(reference) => Reference {
            digest: None,
            ..reference
        }
        .familiar(),
        Err(_) => container.image.clone(),
    }
}

fn size(container: &Summary) -> String {
    let own = units::human_size_3(container.size_rw);
    match container.size_root_fs {
        0 => own,
        all => format!("{own} (virtual {})", units::human_size_3(all)),
    }
}

fn mount_names(mounts: &[MountPoint], trunc: bool) -> String {
    let name = |mount: &MountPoint| {
        let name = if mount.name.is_empty() {
            &mount.source
        } else {
            &mount.name
        };
        if trunc {
            ellipsis(name, 15)
        } else {
            name.clone()
        }
    };
    mounts.iter().map(name).collect::<Vec<_>>().join(",")
}
