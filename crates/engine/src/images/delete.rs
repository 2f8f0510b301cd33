//! `DELETE /images/NAME` and `POST /images/prune` (moby `daemon/images/image_delete.go`).

use super::Image;
use crate::container::Aim;
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::{names, time};
use glassdock_api::filters::Filters;
use glassdock_api::image::DeleteItem;
use glassdock_image::{Digest, Reference, digest, fs};
use glassdock_trace::{Args, Value};
use std::sync::Arc;

fn untagged(name: &Reference) -> DeleteItem {
    DeleteItem {
        untagged: name.familiar(),
        ..DeleteItem::default()
    }
}

fn deleted(id: &Digest) -> DeleteItem {
    DeleteItem {
        deleted: id.to_string(),
        ..DeleteItem::default()
    }
}

impl<S: Kernel> Engine<S> {
    /// Takes a name away from an image, and removes the image when that was the last one.
    ///
    /// # Errors
    /// 404; 409 while containers use it, with moby's texts.
    pub async fn delete_image(&self, given: &str, force: bool) -> Result<Vec<DeleteItem>> {
        let args = Args::text("image", given).with("force", Value::Int(force.into()));
        self.traced("image.delete", args, |engine| async move {
            let _writing = engine.shared.images.writing.lock().await;
            let image = engine.image(given)?;
            let names = engine
                .shared
                .images
                .with(|tables| tables.names_of(&image.id));
            let by_id =
                image.id.as_str().starts_with(given) || image.id.encoded().starts_with(given);
            if by_id {
                engine.delete_by_id(&image, names, force).await
            } else {
                engine.delete_by_name(&image, given, names, force).await
            }
        })
        .await
    }

    async fn delete_by_name(
        &self,
        image: &Arc<Image>,
        given: &str,
        names: Vec<Reference>,
        force: bool,
    ) -> Result<Vec<DeleteItem>> {
        let short = digest::short(&image.id);
        if !force
            && names.len() == 1
            && let Some(container) = self.user_of(&image.id, false)
        {
            return Err(ApiError::conflict(format!(
                "conflict: unable to remove repository reference {given:?} (must force) - container {} is using its \
                 referenced image {short}",
                names::short(&container)
            )));
        }
        let name = Reference::parse(given)
            .map_err(|error| ApiError::invalid(error.to_string()))?
            .or_latest();
        self.remove_name(&name).await?;
        self.image_event("untag", &image.id, image.id.as_str());
        let mut items = vec![untagged(&name)];
        if names.len() > 1 {
            return Ok(items);
        }
        // Where something still uses it, the image stays without a name.
        if self.conflict(image, force).is_none() {
            self.remove_image(image, &mut items).await?;
        }
        Ok(items)
    }

    async fn delete_by_id(
        &self,
        image: &Arc<Image>,
        names: Vec<Reference>,
        force: bool,
    ) -> Result<Vec<DeleteItem>> {
        if let Some(conflict) = self.conflict(image, force) {
            return Err(conflict);
        }
        if !force && names.len() > 1 {
            return Err(conflict_text(
                image,
                "must be forced",
                "image is referenced in multiple repositories",
            ));
        }
        let mut items = Vec::new();
        for name in names {
            self.remove_name(&name).await?;
            self.image_event("untag", &image.id, image.id.as_str());
            items.push(untagged(&name));
        }
        self.remove_image(image, &mut items).await?;
        Ok(items)
    }

    /// Why an image cannot be removed, if so.
    fn conflict(&self, image: &Image, force: bool) -> Option<ApiError> {
        if self
            .shared
            .images
            .with(|tables| tables.children_of(&image.id))
            > 0
        {
            return Some(conflict_text(
                image,
                "cannot be forced",
                "image has dependent child images",
            ));
        }
        if let Some(container) = self.user_of(&image.id, true) {
            let why = format!(
                "image is being used by running container {}",
                names::short(&container)
            );
            return Some(conflict_text(image, "cannot be forced", &why));
        }
        if force {
            return None;
        }
        let container = self.user_of(&image.id, false)?;
        let why = format!(
            "image is being used by stopped container {}",
            names::short(&container)
        );
        Some(conflict_text(image, "must be forced", &why))
    }

    /// A container that uses an image.
    fn user_of(&self, id: &Digest, running: bool) -> Option<String> {
        let uses = |container: &Arc<crate::container::Container<S>>| {
            container.with(|inner| {
                inner.record.image == id.as_str() && (!running || inner.record.state.running)
            })
        };
        self.containers()
            .iter()
            .find(|container| uses(container))
            .map(|container| container.id.clone())
    }

    /// Removes an image without names, and its layers as far as nothing else has them.
    async fn remove_image(&self, image: &Arc<Image>, items: &mut Vec<DeleteItem>) -> Result<()> {
        let hex = image.id.encoded();
        self.image_event("delete", &image.id, image.id.as_str());
        fs::remove_path(
            &self.sys,
            &self.image_path("imagedb/content/sha256").join(hex),
        )
        .await?;
        fs::remove_path(
            &self.sys,
            &self.image_path("imagedb/metadata/sha256").join(hex),
        )
        .await?;
        self.change_image(&image.id, |tables| drop(tables.images.remove(&image.id)));
        items.push(deleted(&image.id));
        let gone = self.remove_unused_layers(image.chain().pop()).await?;
        items.extend(gone.iter().map(deleted));
        Ok(())
    }

    /// Removes a layer and those below it, as far as no image and no container has them; gives their names. The image
    /// store's lock is held by the caller.
    async fn remove_unused_layers(&self, mut top: Option<Digest>) -> Result<Vec<Digest>> {
        let mut gone = Vec::new();
        while let Some(layer) = top.and_then(|chain_id| self.unused_layer(&chain_id)) {
            self.remove_layer(&layer).await?;
            gone.push(layer.chain_id);
            top = layer.parent;
        }
        Ok(gone)
    }

    /// Removes what only a container that is gone kept: the layers of an image that was removed while it was there.
    pub(crate) async fn release_layers(&self, top: Option<Digest>) -> Result<()> {
        let _writing = self.shared.images.writing.lock().await;
        self.remove_unused_layers(top).await.map(drop)
    }

    /// The layer, when no image and no container has it.
    fn unused_layer(&self, chain_id: &Digest) -> Option<super::Layer> {
        let containers = self.containers();
        let of_container = |container: &Arc<crate::container::Container<S>>| {
            container.with(|inner| inner.layers.parent.clone())
        };
        let parents: Vec<Digest> = containers.iter().filter_map(of_container).collect();
        self.shared.images.with(|tables| {
            let by_image = tables
                .images
                .values()
                .any(|image| image.chain().contains(chain_id));
            let by_layer = tables
                .layers
                .values()
                .any(|layer| layer.parent.as_ref() == Some(chain_id));
            let used = by_image || by_layer || parents.contains(chain_id);
            tables.layers.get(chain_id).filter(|_| !used).cloned()
        })
    }

    /// Removes images that have no name, or with the filter `dangling=false` all that no container uses; gives what went
    /// and its bytes.
    ///
    /// # Errors
    /// 400 for a filter that is unknown or has a wrong value.
    pub async fn prune_images(&self, filters: Filters) -> Result<(Vec<DeleteItem>, u64)> {
        self.traced("image.prune", Args::None, |engine| async move {
            let dangling = filters
                .boolean("dangling", true)
                .map_err(|error| ApiError::invalid(error.to_string()))?;
            let aim = Aim::new(filters, &["dangling"], engine.now())?;
            let used = engine.images_in_use();
            let all: Vec<(Arc<Image>, Vec<Reference>)> = engine.shared.images.with(|tables| {
                tables
                    .images
                    .values()
                    .map(|image| (image.clone(), tables.names_of(&image.id)))
                    .collect()
            });
            let bytes = |engine: &Engine<S>| {
                engine
                    .shared
                    .images
                    .with(|tables| tables.layers.values().map(|layer| layer.size).sum::<u64>())
            };
            let before = bytes(&engine);
            let mut items = Vec::new();
            for (image, names) in all {
                let labels = image.run_config().labels.unwrap_or_default();
                let created = image
                    .config
                    .created
                    .as_deref()
                    .and_then(time::parse_rfc3339);
                let named = dangling && !names.is_empty();
                if named || used.contains(image.id.as_str()) || !aim.takes(created, &labels) {
                    continue;
                }
                let _writing = engine.shared.images.writing.lock().await;
                if engine.conflict(&image, false).is_none() {
                    items.extend(engine.delete_by_id(&image, names, true).await?);
                }
            }
            Ok((items, before.saturating_sub(bytes(&engine))))
        })
        .await
    }
}

fn conflict_text(image: &Image, forcing: &str, why: &str) -> ApiError {
    ApiError::conflict(format!(
        "conflict: unable to delete {} ({forcing}) - {why}",
        digest::short(&image.id)
    ))
}
