//! Images and layers read back from disk at the start; what is not whole is left out and swept.

use super::{Image, ImageStore, ImageTables, Layer};
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::time;
use glassdock_abi::{Errno, Fd, PathArg, Sys};
use glassdock_image::{Digest, Reference, config, digest, fs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest file of the databases in bytes.
pub(crate) const MAX_FILE: u64 = 16 << 20;

#[derive(serde::Deserialize)]
struct Repositories {
    #[serde(rename = "Repositories", default)]
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

impl ImageStore {
    /// Makes the directories that are missing and reads what is there. `root` is the engine's root.
    pub(crate) async fn restore<S: Kernel>(sys: &S, root: &PathArg) -> Result<ImageStore> {
        let base = root.join("image/overlay2");
        for below in [
            "imagedb/content/sha256",
            "imagedb/metadata/sha256",
            "layerdb/sha256",
            "layerdb/mounts",
        ] {
            fs::create_dir_all(sys, &base.join(below), 0o700).await?;
        }
        fs::create_dir_all(sys, &root.join("overlay2/l"), 0o710).await?;
        // Half-made things of a run that was cut short.
        fs::remove_path(sys, &base.join("layerdb/tmp")).await?;
        fs::create_dir_all(sys, &base.join("layerdb/tmp"), 0o700).await?;
        let mut tables = ImageTables::default();
        read_layers(sys, root, &base.join("layerdb/sha256"), &mut tables).await?;
        read_images(sys, &base.join("imagedb"), &mut tables).await?;
        read_names(sys, &base.join("repositories.json"), &mut tables).await?;
        let store = ImageStore::default();
        store.with(|empty| *empty = tables);
        Ok(store)
    }
}

pub(crate) async fn names_in<S: Sys>(sys: &S, dir: &PathArg) -> Result<Vec<String>> {
    let open = fs::open_dir(sys, dir).await?;
    let mut names: Vec<String> = fs::list(sys, open.fd())
        .await?
        .into_iter()
        .filter_map(|(name, _)| String::from_utf8(name).ok())
        .collect();
    names.sort();
    Ok(names)
}

/// A small file as text without white space around it.
pub(crate) async fn text<S: Sys>(sys: &S, path: &PathArg) -> Result<Option<String>> {
    match fs::read_file(sys, path, MAX_FILE).await {
        Ok(data) => Ok(Some(String::from_utf8_lossy(&data).trim().to_string())),
        Err(glassdock_image::Error::Os {
            errno: Errno::ENOENT,
            ..
        }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn read_layers<S: Sys>(
    sys: &S,
    root: &PathArg,
    dir: &PathArg,
    tables: &mut ImageTables,
) -> Result<()> {
    for hex in names_in(sys, dir).await? {
        if let Some(layer) = read_layer(sys, root, dir, &hex).await? {
            tables.layers.insert(layer.chain_id.clone(), layer);
        }
    }
    Ok(())
}

async fn read_layer<S: Sys>(
    sys: &S,
    root: &PathArg,
    dir: &PathArg,
    hex: &str,
) -> Result<Option<Layer>> {
    let entry = dir.join(hex);
    let (cache_id, diff) = (
        text(sys, &entry.join("cache-id")).await?,
        text(sys, &entry.join("diff")).await?,
    );
    let (size, parent) = (
        text(sys, &entry.join("size")).await?,
        text(sys, &entry.join("parent")).await?,
    );
    let (Some(chain_id), Some(cache_id)) = (digest::from_hex(hex), cache_id) else {
        return Ok(None);
    };
    let link = text(sys, &root.join("overlay2").join(&cache_id).join("link")).await?;
    let (Some(link), Some(Ok(diff_id))) = (link, diff.map(|diff| diff.parse())) else {
        return Ok(None);
    };
    Ok(Some(Layer {
        chain_id,
        diff_id,
        parent: parent.and_then(|parent| parent.parse().ok()),
        cache_id,
        link,
        size: size.and_then(|size| size.parse().ok()).unwrap_or_default(),
    }))
}

async fn read_images<S: Sys>(sys: &S, base: &PathArg, tables: &mut ImageTables) -> Result<()> {
    let dir = base.join("content/sha256");
    for hex in names_in(sys, &dir).await? {
        let Some(id) = digest::from_hex(&hex) else {
            continue;
        };
        let json = fs::read_file(sys, &dir.join(&hex), MAX_FILE).await?;
        let Ok(config) = config::parse(&json) else {
            continue;
        };
        // An image whose contents changed, or whose layers are not all there, is none.
        let whole = digest::chain_ids(&config.rootfs.diff_ids)
            .iter()
            .all(|layer| tables.layers.contains_key(layer));
        if digest::of(&json) != id || !whole {
            continue;
        }
        let metadata = base.join("metadata/sha256").join(&hex);
        let parent = text(sys, &metadata.join("parent"))
            .await?
            .and_then(|text| text.parse::<Digest>().ok());
        let tagged = text(sys, &metadata.join("lastUpdated")).await?;
        let last_tagged = tagged.as_deref().and_then(time::parse_rfc3339);
        tables.images.insert(
            id.clone(),
            Arc::new(Image {
                id,
                config,
                parent,
                last_tagged,
            }),
        );
    }
    Ok(())
}

async fn read_names<S: Sys>(sys: &S, path: &PathArg, tables: &mut ImageTables) -> Result<()> {
    let Some(json) = text(sys, path).await? else {
        return Ok(());
    };
    // As in moby the engine does not start: the next change of a name would lose all the others.
    let read: Repositories = serde_json::from_str(&json).map_err(|error| {
        ApiError::system(format!(
            "couldn't create reference store repository: {path}: {error}"
        ))
    })?;
    for (name, id) in read.repositories.into_values().flatten() {
        if let (Ok(name), Ok(id)) = (Reference::parse(&name), id.parse::<Digest>())
            && tables.images.contains_key(&id)
        {
            tables.names.insert(name, id);
        }
    }
    Ok(())
}

impl<S: Kernel> Engine<S> {
    /// Removes what a crash left of layers and containers that are not there: directories of `overlay2`, entries of the
    /// databases, layers that no image has any more. What cannot be removed stays, and is told.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let chain_ids: Vec<Digest> = self
            .shared
            .images
            .with(|tables| tables.layers.keys().cloned().collect());
        for chain_id in chain_ids {
            self.swept(&chain_id, self.release_layers(Some(chain_id.clone())).await)
                .await;
        }
        let containers: Vec<String> = self.containers().iter().map(|c| c.id.clone()).collect();
        let (mut directories, links) = self.layer_names();
        directories.push("l".to_string());
        for (dir, kept) in [
            (self.image_path("layerdb/mounts"), containers),
            (self.path("overlay2"), directories),
            (self.overlay_path("l"), links),
        ] {
            let names = names_in(&self.sys, &dir).await?;
            for path in names.iter().filter(|name| !kept.contains(name)) {
                let path = dir.join(path);
                self.swept(&path, self.remove_remains(&path).await).await;
            }
        }
        Ok(())
    }

    async fn remove_remains(&self, path: &PathArg) -> Result<()> {
        self.unmount_all(&path.join("merged")).await?;
        Ok(fs::remove_path(&self.sys, path).await?)
    }

    async fn swept(&self, what: impl std::fmt::Display, result: Result<()>) {
        if let Err(error) = result {
            self.warn(format!("remove {what}: {error}")).await;
        }
    }
}

/// Empties the directory for half-made things.
pub(crate) async fn sweep_tmp<S: Sys>(sys: &S, root: &PathArg) -> Result<()> {
    use glassdock_abi::Io;
    let tmp = root.join("tmp");
    fs::remove_path(sys, &tmp).await?;
    match sys.mkdirat(Fd::CWD, tmp.clone(), 0o700).await {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(system(format_args!("mkdir {tmp}"))(errno)),
    }
}
