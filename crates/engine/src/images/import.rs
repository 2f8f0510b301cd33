//! `POST /images/create?fromSrc=-`: an image of one layer out of a root file system's archive.

use super::changes;
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::time;
use glassdock_abi::PathArg;
use glassdock_image::compress::Decompressed;
use glassdock_image::config::{History, ImageConfig, RootFs};
use glassdock_image::{Digest, Reference, Source, fs, layer};
use glassdock_trace::Args;

impl<S: Kernel> Engine<S> {
    /// Imports an archive as an image, with `changes` in a Dockerfile's words. Gives the image's id.
    pub async fn import_image(
        &self,
        source: impl Source,
        name: Option<Reference>,
        comment: &str,
        changes: &[String],
    ) -> Result<Digest> {
        let args = Args::text(
            "name",
            name.as_ref().map(Reference::familiar).unwrap_or_default(),
        );
        self.traced("image.import", args, |engine| async move {
            let config = changes::apply(changes)?;
            let staging = engine.staging_dir().await?;
            let result = engine
                .import_staged(&staging, source, name, config, comment)
                .await;
            let swept = fs::remove_path(&engine.sys, &staging)
                .await
                .map_err(ApiError::from);
            let id = result?;
            swept?;
            Ok(id)
        })
        .await
    }

    async fn import_staged(
        &self,
        staging: &PathArg,
        source: impl Source,
        name: Option<Reference>,
        config: glassdock_oci::image::RunConfig,
        comment: &str,
    ) -> Result<Digest> {
        let dir = staging.join("layer");
        self.make_layer_dir(&dir).await?;
        let unpacked = {
            let diff = fs::open_dir(&self.sys, &dir.join("diff")).await?;
            layer::unpack(&self.sys, diff.fd(), Decompressed::new(source).await?).await?
        };
        let created = Some(time::rfc3339(self.now()));
        let image = ImageConfig {
            created: created.clone(),
            architecture: "amd64".to_string(),
            os: "linux".to_string(),
            config: Some(config),
            rootfs: RootFs {
                kind: "layers".to_string(),
                diff_ids: vec![unpacked.diff_id.clone()],
            },
            history: vec![History {
                created,
                comment: Some(comment.to_string()),
                ..History::default()
            }],
            comment: Some(comment.to_string()),
            docker_version: Some(crate::VERSION.to_string()),
            ..ImageConfig::default()
        };
        let json =
            serde_json::to_vec(&image).map_err(|error| ApiError::system(error.to_string()))?;
        let _writing = self.shared.images.writing.lock().await;
        let chain_id = super::LayerStore::chain_id(None, &unpacked.diff_id);
        if !self
            .shared
            .images
            .with(|tables| tables.layers.contains_key(&chain_id))
        {
            self.add_layer(None, &dir, &unpacked).await?;
        }
        let id = self.add_image(&json, image).await?;
        if let Some(name) = name {
            let familiar = name.familiar();
            self.set_name(name, &id).await?;
            self.image_event("tag", &id, &familiar);
        }
        self.image_event("import", &id, id.as_str());
        Ok(id)
    }
}
