//! Images and their layers on disk, in moby's layout (`image/overlay2/…`, `overlay2/…`), and as the engine knows them.

mod changes;
mod delete;
mod import;
mod layers;
mod list;
mod load;
mod preload;
mod restore;

pub(crate) use layers::LayerStore;
pub use load::Progress;
pub(crate) use restore::{MAX_FILE, names_in, sweep_tmp, text as restore_text};

use crate::engine::{Engine, Kernel, lock};
use crate::error::{ApiError, Result};
use crate::events;
use crate::time;
use glassdock_abi::PathArg;
use glassdock_abi::types::Timespec;
use glassdock_image::{Digest, ImageConfig, Reference, digest, fs};
use glassdock_trace::world::ImageInfo;
use glassdock_trace::{Args, Change, Delta};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// The configuration.
    pub config: ImageConfig,
    /// The image that it was built on here.
    pub parent: Option<Digest>,
    /// When a name was last given to it.
    pub last_tagged: Option<Timespec>,
}

impl Image {
    /// Chain ids of its layers, the lowest first.
    pub fn chain(&self) -> Vec<Digest> {
        digest::chain_ids(&self.config.rootfs.diff_ids)
    }

    /// What a container of it is by default.
    pub fn run_config(&self) -> glassdock_oci::image::RunConfig {
        self.config.config.clone().unwrap_or_default()
    }
}

/// A layer together with those below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// Its name: the digest over it and those below.
    pub chain_id: Digest,
    /// Digest of its own contents.
    pub diff_id: Digest,
    /// The layer below.
    pub parent: Option<Digest>,
    /// Its directory in `overlay2`.
    pub cache_id: String,
    /// Its name in `overlay2/l`.
    pub link: String,
    /// Bytes of its own contents.
    pub size: u64,
}

/// All images, layers and names.
#[derive(Default)]
pub(crate) struct ImageStore {
    tables: Mutex<ImageTables>,
    /// Held while images or layers come or go on disk.
    pub(crate) writing: futures_util::lock::Mutex<()>,
}

#[derive(Default)]
pub(crate) struct ImageTables {
    pub(crate) images: BTreeMap<Digest, Arc<Image>>,
    pub(crate) layers: BTreeMap<Digest, Layer>,
    pub(crate) names: BTreeMap<Reference, Digest>,
}

impl ImageTables {
    /// Names of an image, sorted.
    pub(crate) fn names_of(&self, id: &Digest) -> Vec<Reference> {
        self.names
            .iter()
            .filter(|(_, named)| *named == id)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Bytes of an image's layers.
    pub(crate) fn size_of(&self, image: &Image) -> u64 {
        image
            .chain()
            .iter()
            .filter_map(|chain_id| self.layers.get(chain_id))
            .map(|layer| layer.size)
            .sum()
    }

    /// Bytes of a layer and those below it.
    pub(crate) fn size_down_from(&self, layer: Option<&Digest>) -> u64 {
        let (mut size, mut at) = (0, layer);
        while let Some(layer) = at.and_then(|id| self.layers.get(id)) {
            size += layer.size;
            at = layer.parent.as_ref();
        }
        size
    }

    /// Images that were built on one.
    pub(crate) fn children_of(&self, id: &Digest) -> usize {
        self.images
            .values()
            .filter(|image| image.parent.as_ref() == Some(id))
            .count()
    }

    fn info(&self, id: &Digest) -> Option<ImageInfo> {
        let image = self.images.get(id)?;
        Some(ImageInfo {
            tags: self.names_of(id).iter().map(Reference::familiar).collect(),
            layers: image
                .config
                .rootfs
                .diff_ids
                .iter()
                .map(Digest::to_string)
                .collect(),
            size: self.size_of(image),
        })
    }
}

impl ImageStore {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut ImageTables) -> T) -> T {
        look(&mut lock(&self.tables))
    }
}

impl<S: Kernel> Engine<S> {
    /// A path below `image/overlay2`.
    pub(crate) fn image_path(&self, below: &str) -> PathArg {
        self.path("image/overlay2").join(below)
    }

    /// Finds an image by name, id, or the beginning of an id (moby `daemon/images/image.go`).
    ///
    /// # Errors
    /// 404 `No such image`, or 400 where the text can be no name.
    pub fn image(&self, given: &str) -> Result<Arc<Image>> {
        let hex = given.strip_prefix("sha256:").unwrap_or(given);
        let missing = |what: &str| ApiError::not_found(format!("No such image: {what}"));
        if let Some(id) = digest::from_hex(hex) {
            let found = self
                .shared
                .images
                .with(|tables| tables.images.get(&id).cloned());
            return found.ok_or_else(|| missing(id.as_str()));
        }
        let parsed = Reference::parse(given).map(Reference::or_latest);
        self.shared.images.with(|tables| {
            if let Ok(name) = &parsed
                && let Some(image) = tables.names.get(name).and_then(|id| tables.images.get(id))
            {
                return Ok(image.clone());
            }
            let is_prefix = !hex.is_empty()
                && hex
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let mut matching = tables
                .images
                .iter()
                .filter(|(id, _)| is_prefix && id.encoded().starts_with(hex));
            match (matching.next(), matching.next()) {
                (Some((_, image)), None) => Ok(image.clone()),
                _ => match &parsed {
                    Ok(name) => Err(missing(&name.familiar())),
                    Err(error) => Err(ApiError::invalid(error.to_string())),
                },
            }
        })
    }

    /// Runs a change of the image tables and tells what became of an image by it.
    pub(crate) fn change_image<T>(
        &self,
        id: &Digest,
        change: impl FnOnce(&mut ImageTables) -> T,
    ) -> T {
        self.shared.images.with(|tables| {
            let before = tables.info(id);
            let result = change(tables);
            let after = tables.info(id);
            if before != after {
                self.delta(Delta::Image(Change {
                    key: id.to_string(),
                    before,
                    after,
                }));
            }
            result
        })
    }

    /// Tells that the images are there.
    pub(crate) fn announce_images(&self) {
        let infos = self.shared.images.with(|tables| {
            let ids = tables.images.keys();
            ids.map(|id| (id.to_string(), tables.info(id)))
                .collect::<Vec<_>>()
        });
        for (key, after) in infos {
            self.delta(Delta::Image(Change {
                key,
                before: None,
                after,
            }));
        }
    }

    /// Names in `overlay2` and in `overlay2/l` that belong to layers and containers.
    pub(crate) fn layer_names(&self) -> (Vec<String>, Vec<String>) {
        let (mut directories, mut links): (Vec<String>, Vec<String>) =
            self.shared.images.with(|tables| {
                tables
                    .layers
                    .values()
                    .map(|layer| (layer.cache_id.clone(), layer.link.clone()))
                    .unzip()
            });
        for container in self.containers() {
            let layers = container.with(|inner| inner.layers.clone());
            directories.extend([format!("{}-init", layers.mount_id), layers.mount_id]);
            links.extend([layers.init_link, layers.link]);
        }
        (directories, links)
    }

    /// Tells an event of an image; `name` is what it was called by.
    pub(crate) fn image_event(&self, action: &str, id: &Digest, name: &str) {
        let labels = self.shared.images.with(|tables| {
            let image = tables.images.get(id);
            image
                .and_then(|image| image.run_config().labels)
                .unwrap_or_default()
        });
        let mut attributes = labels;
        attributes.insert("name".to_string(), name.to_string());
        let event = events::event("image", action, id.as_str(), attributes, self.now(), "");
        self.shared.events.publish(event);
    }

    /// Gives an image a name (`POST /images/NAME/tag`); another image loses it.
    pub async fn tag(&self, source: &str, repo: &str, tag: &str) -> Result<()> {
        let args = Args::text("image", source).with(
            "name",
            glassdock_trace::Value::Text(format!("{repo}:{tag}")),
        );
        self.traced("image.tag", args, |engine| async move {
            let _writing = engine.shared.images.writing.lock().await;
            let image = engine.image(source)?;
            let name = repo_tag(repo, tag)?
                .ok_or_else(|| ApiError::invalid("invalid reference format"))?;
            if name.digest.is_some() {
                return Err(ApiError::invalid(
                    "refusing to create a tag with a digest reference",
                ));
            }
            engine.set_name(name.clone(), &image.id).await?;
            engine.image_event("tag", &image.id, &name.familiar());
            Ok(())
        })
        .await
    }

    /// Enters a name, on disk first. The image store's lock is held by the caller.
    pub(crate) async fn set_name(&self, name: Reference, id: &Digest) -> Result<()> {
        let now = self.now();
        let before = self
            .shared
            .images
            .with(|tables| tables.names.get(&name).cloned());
        self.save_names(|names| drop(names.insert(name.clone(), id.clone())))
            .await?;
        let metadata = self
            .image_path("imagedb/metadata/sha256")
            .join(id.encoded());
        fs::create_dir_all(&self.sys, &metadata, 0o700).await?;
        let text = time::rfc3339(now);
        fs::write_atomic(
            &self.sys,
            &metadata.join("lastUpdated"),
            text.as_bytes(),
            0o600,
        )
        .await?;
        if let Some(other) = before.filter(|other| other != id) {
            self.change_image(&other, |tables| drop(tables.names.remove(&name)));
        }
        self.change_image(id, |tables| {
            tables.names.insert(name, id.clone());
            if let Some(image) = tables.images.get_mut(id) {
                Arc::make_mut(image).last_tagged = Some(now);
            }
        });
        Ok(())
    }

    /// Takes a name away, on disk first. The image store's lock is held by the caller.
    pub(crate) async fn remove_name(&self, name: &Reference) -> Result<()> {
        let id = self
            .shared
            .images
            .with(|tables| tables.names.get(name).cloned());
        self.save_names(|names| drop(names.remove(name))).await?;
        if let Some(id) = id {
            self.change_image(&id, |tables| drop(tables.names.remove(name)));
        }
        Ok(())
    }

    /// Writes `repositories.json` as it will be after a change.
    async fn save_names(
        &self,
        change: impl FnOnce(&mut BTreeMap<Reference, Digest>),
    ) -> Result<()> {
        let mut names = self.shared.images.with(|tables| tables.names.clone());
        change(&mut names);
        let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (name, id) in names {
            repositories
                .entry(name.familiar_name())
                .or_default()
                .insert(name.familiar(), id.to_string());
        }
        let document = serde_json::json!({ "Repositories": repositories });
        let path = self.image_path("repositories.json");
        Ok(fs::write_atomic(&self.sys, &path, document.to_string().as_bytes(), 0o600).await?)
    }

    /// Writes an image's configuration and enters it. The image store's lock is held by the caller.
    pub(crate) async fn add_image(&self, json: &[u8], config: ImageConfig) -> Result<Digest> {
        let id = digest::of(json);
        if self
            .shared
            .images
            .with(|tables| tables.images.contains_key(&id))
        {
            return Ok(id);
        }
        let path = self.image_path("imagedb/content/sha256").join(id.encoded());
        fs::write_atomic(&self.sys, &path, json, 0o600).await?;
        let image = Image {
            id: id.clone(),
            config,
            parent: None,
            last_tagged: None,
        };
        self.change_image(&id, |tables| {
            drop(tables.images.insert(id.clone(), Arc::new(image)))
        });
        Ok(id)
    }
}

/// `repo` and `tag` of a request as a name; nothing when both are empty (moby `httputils.RepoTagReference`).
pub(crate) fn repo_tag(repo: &str, tag: &str) -> Result<Option<Reference>> {
    if repo.is_empty() {
        return Ok(None);
    }
    let invalid =
        |error: glassdock_oci::reference::ReferenceError| ApiError::invalid(error.to_string());
    let mut name = Reference::parse(repo).map_err(invalid)?;
    if name.digest.is_some() {
        return Err(ApiError::invalid("cannot import digest reference"));
    }
    if !tag.is_empty() {
        if !glassdock_oci::reference::is_tag(tag) {
            return Err(ApiError::invalid("invalid tag format"));
        }
        name.tag = Some(tag.to_string());
    }
    Ok(Some(name.or_latest()))
}
