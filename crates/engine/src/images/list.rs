//! `GET /images/json`, `/images/NAME/json`, `/images/NAME/history`.

use super::{Image, ImageTables};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::time;
use glassdock_api::filters::Filters;
use glassdock_api::image::{HistoryItem, ImageConfig, ImageInspect, Metadata, RootFs, Summary};
use glassdock_api::inspect::DriverData;
use glassdock_image::{Digest, Reference};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Filters that `GET /images/json` takes (moby `daemon/images/images.go`).
pub const ACCEPTED_FILTERS: [&str; 6] =
    ["dangling", "label", "before", "since", "reference", "until"];

/// A JSON value read as another type: for parts that both documents share by name.
fn same<T: Default + serde::de::DeserializeOwned>(value: &impl serde::Serialize) -> T {
    serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .unwrap_or_default()
}

fn created_seconds(image: &Image) -> i64 {
    image
        .config
        .created
        .as_deref()
        .and_then(time::parse_rfc3339)
        .map_or(0, |time| time.sec)
}

/// Names with a tag and names with a digest, as texts.
fn split_names(names: &[Reference]) -> (Vec<String>, Vec<String>) {
    let (digests, tags): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.digest.is_some());
    let texts = |names: Vec<&Reference>| names.into_iter().map(Reference::familiar).collect();
    (texts(tags), texts(digests))
}

impl<S: Kernel> Engine<S> {
    /// The list of images, the newest first.
    pub fn list_images(&self, filters: &Filters, shared_size: bool) -> Result<Vec<Summary>> {
        filters
            .validate(&ACCEPTED_FILTERS)
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        let dangling = match filters.contains("dangling") {
            true => Some(
                filters
                    .boolean("dangling", false)
                    .map_err(|error| ApiError::invalid(error.to_string()))?,
            ),
            false => None,
        };
        let bound = |name: &str| -> Result<Option<i64>> {
            filters
                .get(name)
                .next()
                .map(|given| Ok(created_seconds(&*self.image(given)?)))
                .transpose()
        };
        let (before, since) = (bound("before")?, bound("since")?);
        let mut listed = self.shared.images.with(|tables| {
            let mut listed = Vec::new();
            for image in tables.images.values() {
                let created = created_seconds(image);
                let names = tables.names_of(&image.id);
                let inside = before.is_none_or(|before| created < before)
                    && since.is_none_or(|since| created > since);
                let labels = image.run_config().labels.unwrap_or_default();
                let names = matching_names(filters, names);
                let wanted = dangling.is_none_or(|dangling| dangling == names.is_empty());
                let referenced = !filters.contains("reference") || !names.is_empty();
                // Without a name only those on which nothing was built.
                let visible = !names.is_empty() || tables.children_of(&image.id) == 0;
                if inside
                    && wanted
                    && referenced
                    && visible
                    && filters.match_key_values("label", &labels)
                {
                    listed.push(summary(tables, image, &names, shared_size));
                }
            }
            listed
        });
        listed.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(listed)
    }

    /// Everything about an image.
    pub fn inspect_image(&self, given: &str) -> Result<ImageInspect> {
        let image = self.image(given)?;
        let (names, size) = self
            .shared
            .images
            .with(|tables| (tables.names_of(&image.id), tables.size_of(&image)));
        let (repo_tags, repo_digests) = split_names(&names);
        let config = &image.config;
        let last_comment = || config.history.last().and_then(|step| step.comment.clone());
        Ok(ImageInspect {
            id: image.id.to_string(),
            repo_tags,
            repo_digests,
            parent: image
                .parent
                .as_ref()
                .map(Digest::to_string)
                .unwrap_or_default(),
            comment: config
                .comment
                .clone()
                .filter(|text| !text.is_empty())
                .or_else(last_comment)
                .unwrap_or_default(),
            created: config.created.clone().unwrap_or_default(),
            docker_version: config.docker_version.clone().unwrap_or_default(),
            author: config.author.clone().unwrap_or_default(),
            config: Some(same::<ImageConfig>(&config.config)),
            architecture: config.architecture.clone(),
            variant: config.variant.clone().unwrap_or_default(),
            os: config.os.clone(),
            os_version: config.os_version.clone().unwrap_or_default(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            graph_driver: DriverData {
                name: crate::STORAGE_DRIVER.to_string(),
                data: Some(self.image_directories(&image)),
            },
            root_fs: RootFs {
                kind: config.rootfs.kind.clone(),
                layers: Some(
                    config
                        .rootfs
                        .diff_ids
                        .iter()
                        .map(Digest::to_string)
                        .collect(),
                ),
            },
            metadata: Metadata {
                last_tag_time: time::rfc3339_or_never(image.last_tagged),
            },
            ..ImageInspect::default()
        })
    }

    /// Directories of an image's topmost layer and of those below it.
    fn image_directories(&self, image: &Image) -> BTreeMap<String, String> {
        let Some(top) = image.chain().pop() else {
            return BTreeMap::new();
        };
        let layers = self.layers_down_from(&top);
        let diff = |cache_id: &str| self.overlay_path(cache_id).join("diff").to_string();
        let Some((top, below)) = layers.split_first() else {
            return BTreeMap::new();
        };
        let dir = self.overlay_path(&top.cache_id);
        let mut data = BTreeMap::from([
            ("MergedDir".to_string(), dir.join("merged").to_string()),
            ("UpperDir".to_string(), dir.join("diff").to_string()),
            ("WorkDir".to_string(), dir.join("work").to_string()),
        ]);
        if !below.is_empty() {
            let lower: Vec<String> = below.iter().map(|layer| diff(&layer.cache_id)).collect();
            data.insert("LowerDir".to_string(), lower.join(":"));
        }
        data
    }

    /// How an image came about, the newest step first.
    pub fn image_history(&self, given: &str) -> Result<Vec<HistoryItem>> {
        let image = self.image(given)?;
        let chain = image.chain();
        let mut layers = chain.iter();
        let (names, mut items) = self.shared.images.with(|tables| {
            let mut items = Vec::new();
            for step in &image.config.history {
                let layer = match step.empty_layer {
                    Some(true) => None,
                    _ => Some(layers.next().ok_or_else(|| {
                        ApiError::system("too many non-empty layers in History section")
                    })?),
                };
                let size = layer
                    .and_then(|chain_id| tables.layers.get(chain_id))
                    .map_or(0, |layer| layer.size);
                items.push(HistoryItem {
                    id: "<missing>".to_string(),
                    created: step
                        .created
                        .as_deref()
                        .and_then(time::parse_rfc3339)
                        .map_or(0, |time| time.sec),
                    created_by: step.created_by.clone().unwrap_or_default(),
                    comment: step.comment.clone().unwrap_or_default(),
                    size: i64::try_from(size).unwrap_or(i64::MAX),
                    tags: None,
                });
            }
            Ok::<_, ApiError>((tables.names_of(&image.id), items))
        })?;
        items.reverse();
        if let Some(newest) = items.first_mut() {
            newest.id = image.id.to_string();
            let tags = split_names(&names).0;
            newest.tags = (!tags.is_empty()).then_some(tags);
        }
        Ok(items)
    }
}

fn summary(
    tables: &ImageTables,
    image: &Arc<Image>,
    names: &[Reference],
    shared_size: bool,
) -> Summary {
    let (tags, digests) = split_names(names);
    let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
    let shared = || {
        let others = |chain_id: &Digest| {
            tables
                .images
                .values()
                .any(|other| other.id != image.id && other.chain().contains(chain_id))
        };
        let layers = image
            .chain()
            .into_iter()
            .filter(others)
            .filter_map(|chain_id| tables.layers.get(&chain_id));
        bytes(layers.map(|layer| layer.size).sum())
    };
    Summary {
        id: image.id.to_string(),
        parent_id: image
            .parent
            .as_ref()
            .map(Digest::to_string)
            .unwrap_or_default(),
        repo_tags: Some(tags),
        repo_digests: Some(digests),
        created: created_seconds(image),
        size: bytes(tables.size_of(image)),
        shared_size: if shared_size { shared() } else { -1 },
        labels: image.run_config().labels,
        containers: -1,
        ..Summary::default()
    }
}

/// Names that the filter `reference` lets through.
fn matching_names(filters: &Filters, names: Vec<Reference>) -> Vec<Reference> {
    if !filters.contains("reference") {
        return names;
    }
    let matches = |name: &Reference| {
        filters.get("reference").any(|pattern| {
            [name.familiar_name(), name.familiar()]
                .iter()
                .any(|text| glob(pattern.as_bytes(), text.as_bytes()))
        })
    };
    names.into_iter().filter(matches).collect()
}

/// Whether a text fits a pattern with `*` and `?`, which stop at a slash (Go's `path.Match` without classes).
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob(rest, text) => true,
        (Some((b'*', _)), Some((byte, text))) => *byte != b'/' && glob(pattern, text),
        (Some((b'?', rest)), Some((byte, text))) => *byte != b'/' && glob(rest, text),
        (Some((wanted, rest)), Some((byte, text))) => wanted == byte && glob(rest, text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stop_at_a_slash() {
        for (pattern, text, fits) in [
            ("busy*", "busybox", true),
            ("*box", "busybox", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("b?sybox", "busybox", true),
            ("busybox:*", "busybox:latest", true),
            ("", "a", false),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                fits,
                "{pattern} {text}"
            );
        }
    }
}
