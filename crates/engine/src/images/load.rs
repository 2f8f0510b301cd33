//! `POST /images/load`: images out of an archive.

use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use glassdock_abi::PathArg;
use glassdock_api::stream::{JsonMessage, JsonProgress};
use glassdock_image::archive::{LoadedImage, LoadedLayer, load};
use glassdock_image::{Digest, Reference, Source, digest, fs};
use glassdock_trace::Args;
use std::collections::BTreeSet;

/// Where a long operation tells how far it is.
pub trait Progress: Send {
    /// Tells one message.
    fn tell(&mut self, message: JsonMessage);
}

impl<F: FnMut(JsonMessage) + Send> Progress for F {
    fn tell(&mut self, message: JsonMessage) {
        self(message);
    }
}

fn stream(text: String) -> JsonMessage {
    JsonMessage {
        stream: text,
        ..JsonMessage::default()
    }
}

impl<S: Kernel> Engine<S> {
    /// Loads an archive. Nothing is entered unless all of the archive is right.
    pub async fn load_images(
        &self,
        source: impl Source,
        progress: &mut impl Progress,
        quiet: bool,
    ) -> Result<()> {
        self.traced("image.load", Args::None, |engine| async move {
            let staging = engine.staging_dir().await?;
            let result = engine.load_staged(&staging, source, progress, quiet).await;
            let swept = fs::remove_path(&engine.sys, &staging).await;
            result.and(swept.map_err(ApiError::from))
        })
        .await
    }

    async fn load_staged(
        &self,
        staging: &PathArg,
        source: impl Source,
        progress: &mut impl Progress,
        quiet: bool,
    ) -> Result<()> {
        let images = load(&self.sys, staging, source).await?;
        let _writing = self.shared.images.writing.lock().await;
        let mut used = BTreeSet::new();
        let mut untagged = Vec::new();
        for image in images {
            let id = self.enter_image(&image, &mut used, progress, quiet).await?;
            for name in &image.tags {
                self.enter_loaded_name(name, &id, progress).await?;
            }
            self.image_event("load", &id, id.as_str());
            // As moby: ids are told when the last image of the archive has no name.
            untagged.push(id);
            if !image.tags.is_empty() {
                untagged.clear();
            }
        }
        for id in untagged {
            progress.tell(stream(format!("Loaded image ID: {id}\n")));
        }
        Ok(())
    }

    async fn enter_image(
        &self,
        image: &LoadedImage,
        used: &mut BTreeSet<PathArg>,
        progress: &mut impl Progress,
        quiet: bool,
    ) -> Result<Digest> {
        let mut parent: Option<Digest> = None;
        for layer in &image.layers {
            let diff_id = &layer.unpacked.diff_id;
            let chain_id = super::LayerStore::chain_id(parent.as_ref(), diff_id);
            if !self
                .shared
                .images
                .with(|tables| tables.layers.contains_key(&chain_id))
            {
                if !quiet {
                    progress.tell(loading(diff_id, layer.unpacked.stream_size));
                }
                self.enter_layer(parent.as_ref(), layer, used).await?;
            }
            parent = Some(chain_id);
        }
        self.add_image(&image.json, image.config.clone()).await
    }

    /// Puts `diff` into a directory of its own beside, and both in their place.
    async fn enter_layer(
        &self,
        parent: Option<&Digest>,
        layer: &LoadedLayer,
        used: &mut BTreeSet<PathArg>,
    ) -> Result<()> {
        let mut dir = layer.dir.clone();
        dir.0
            .extend_from_slice(format!("-{}", used.len()).as_bytes());
        self.make_layer_dir(&dir).await?;
        let diff = dir.join("diff");
        if used.insert(layer.dir.clone()) {
            // Copies for further uses are made of what is then in its final place; this is the first.
            self.replace_dir(&layer.dir, &diff).await?;
        } else {
            let unpacked = self.layer_with(&layer.unpacked.diff_id);
            let from =
                unpacked.ok_or_else(|| ApiError::system("a layer of the archive was lost"))?;
            self.copy_layer_tree(&from, &diff).await?;
        }
        self.add_layer(parent, &dir, &layer.unpacked)
            .await
            .map(drop)
    }

    async fn replace_dir(&self, from: &PathArg, to: &PathArg) -> Result<()> {
        use glassdock_abi::{Fd, Io, flags::RenameFlags};
        let rename = self
            .sys
            .renameat2(
                Fd::CWD,
                from.clone(),
                Fd::CWD,
                to.clone(),
                RenameFlags::empty(),
            )
            .await;
        rename.map_err(crate::engine::system(format_args!("rename {from}")))
    }

    /// The unpacked contents of some layer with this diff id.
    fn layer_with(&self, diff_id: &Digest) -> Option<PathArg> {
        let cache_id = self.shared.images.with(|tables| {
            let layer = tables
                .layers
                .values()
                .find(|layer| layer.diff_id == *diff_id);
            layer.map(|layer| layer.cache_id.clone())
        })?;
        Some(self.overlay_path(&cache_id).join("diff"))
    }

    async fn enter_loaded_name(
        &self,
        name: &Reference,
        id: &Digest,
        progress: &mut impl Progress,
    ) -> Result<()> {
        let before = self
            .shared
            .images
            .with(|tables| tables.names.get(name).cloned());
        let familiar = name.familiar();
        if let Some(other) = before.filter(|other| other != id) {
            progress.tell(stream(format!(
                "The image {familiar} already exists, renaming the old one with ID {other} to empty string\n"
            )));
        }
        self.set_name(name.clone(), id).await?;
        progress.tell(stream(format!("Loaded image: {familiar}\n")));
        Ok(())
    }
}

fn loading(diff_id: &Digest, size: u64) -> JsonMessage {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    JsonMessage {
        status: "Loading layer".to_string(),
        progress: Some(JsonProgress {
            current: size,
            total: size,
            ..JsonProgress::default()
        }),
        id: digest::short(diff_id).to_string(),
        ..JsonMessage::default()
    }
}
