//! Layers on disk: `overlay2/<cache id>/{diff,link,lower,work,committed}`, `overlay2/l/<link>`, and
//! `image/overlay2/layerdb/sha256/<chain id>/{cache-id,diff,size,parent}` (moby `daemon/graphdriver/overlay2`,
//! `layer/filestore.go`).

use super::Layer;
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::names;
use glassdock_abi::call::Call;
use glassdock_abi::flags::RenameFlags;
use glassdock_abi::{Fd, Io, PathArg};
use glassdock_image::layer::Unpacked;
use glassdock_image::{Digest, digest, fs};

/// Letters and digits of a link's name (moby `overlay2/randomid.go`: base 32, so that mount options stay short).
const LINK_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LINK_LENGTH: usize = 26;
/// Permissions of a layer's directory: nobody but root looks in from outside.
const LAYER_MODE: u32 = 0o710;

/// Marker for the functions that keep layers on disk.
pub(crate) struct LayerStore;

impl<S: Kernel> Engine<S> {
    /// A path below `overlay2`.
    pub(crate) fn overlay_path(&self, below: &str) -> PathArg {
        self.path("overlay2").join(below)
    }

    /// Moves an unpacked layer into its place and enters it. `dir` is a directory with `diff` in it.
    pub(crate) async fn add_layer(
        &self,
        parent: Option<&Digest>,
        dir: &PathArg,
        unpacked: &Unpacked,
    ) -> Result<Digest> {
        let chain_id = LayerStore::chain_id(parent, &unpacked.diff_id);
        let cache_id = names::random_id(&self.sys)
            .await
            .map_err(system("getrandom"))?;
        let lower = self.lower_links(parent)?;
        let link = self.furnish_layer(dir, &cache_id, lower.as_deref()).await?;
        let committed = dir.join("committed");
        fs::write_atomic(&self.sys, &committed, b"", 0o600).await?;
        let layer = Layer {
            chain_id: chain_id.clone(),
            diff_id: unpacked.diff_id.clone(),
            parent: parent.cloned(),
            cache_id: cache_id.clone(),
            link,
            size: unpacked.size,
        };
        let place = self.overlay_path(&cache_id);
        let rename = self
            .sys
            .renameat2(Fd::CWD, dir.clone(), Fd::CWD, place, RenameFlags::NOREPLACE)
            .await;
        rename.map_err(system(format_args!("rename {dir}")))?;
        // The database's entry comes last: without it the directory is nobody's, and swept at the next start.
        self.write_layer_entry(&layer).await?;
        self.shared
            .images
            .with(|tables| drop(tables.layers.insert(chain_id.clone(), layer)));
        Ok(chain_id)
    }

    /// Writes `link`, and for a layer on others `lower` and `work`; makes the link. Gives the link's name.
    pub(crate) async fn furnish_layer(
        &self,
        dir: &PathArg,
        cache_id: &str,
        lower: Option<&str>,
    ) -> Result<String> {
        let link = self.random_link().await?;
        let target = PathArg::from(format!("../{cache_id}/diff"));
        let linkpath = self.overlay_path("l").join(&link);
        let call = Call::Symlinkat {
            target,
            newdirfd: Fd::CWD,
            linkpath,
        };
        self.sys.call(call).await.map_err(system("symlink"))?;
        fs::write_atomic(&self.sys, &dir.join("link"), link.as_bytes(), 0o644).await?;
        if let Some(lower) = lower {
            fs::write_atomic(&self.sys, &dir.join("lower"), lower.as_bytes(), 0o644).await?;
            self.sys
                .mkdirat(Fd::CWD, dir.join("work"), 0o700)
                .await
                .map_err(system("mkdir work"))?;
        }
        Ok(link)
    }

    /// A new directory for a layer with an empty `diff`.
    pub(crate) async fn make_layer_dir(&self, dir: &PathArg) -> Result<()> {
        self.sys
            .mkdirat(Fd::CWD, dir.clone(), LAYER_MODE)
            .await
            .map_err(system(format_args!("mkdir {dir}")))?;
        let diff = dir.join("diff");
        self.sys
            .mkdirat(Fd::CWD, diff.clone(), 0o755)
            .await
            .map_err(system(format_args!("mkdir {diff}")))
    }

    async fn write_layer_entry(&self, layer: &Layer) -> Result<()> {
        let base = self.image_path("layerdb");
        let temporary = base.join("tmp").join(&layer.cache_id);
        fs::create_dir_all(&self.sys, &temporary, 0o755).await?;
        let mut files = vec![
            ("cache-id", layer.cache_id.clone()),
            ("diff", layer.diff_id.to_string()),
            ("size", layer.size.to_string()),
        ];
        files.extend(
            layer
                .parent
                .as_ref()
                .map(|parent| ("parent", parent.to_string())),
        );
        for (name, text) in files {
            fs::write_atomic(&self.sys, &temporary.join(name), text.as_bytes(), 0o644).await?;
        }
        let place = base.join("sha256").join(layer.chain_id.encoded());
        let rename = self
            .sys
            .renameat2(
                Fd::CWD,
                temporary,
                Fd::CWD,
                place.clone(),
                RenameFlags::NOREPLACE,
            )
            .await;
        rename.map_err(system(format_args!("rename {place}")))
    }

    /// The `lower` file of something on top of a layer: links, the topmost first; nothing where there is no layer.
    ///
    /// # Errors
    /// 500 when a layer is missing: without it, it would be another image.
    pub(crate) fn lower_links(&self, top: Option<&Digest>) -> Result<Option<String>> {
        let Some(top) = top else { return Ok(None) };
        let layers = self.layers_down_from(top);
        let lowest = layers.last();
        if let Some(missing) = lowest.map_or(Some(top), |layer| layer.parent.as_ref()) {
            return Err(ApiError::system(format!("layer does not exist: {missing}")));
        }
        let links: Vec<String> = layers
            .iter()
            .map(|layer| format!("l/{}", layer.link))
            .collect();
        Ok(Some(links.join(":")))
    }

    /// A layer and those below it, the topmost first, as far as they are there.
    pub(crate) fn layers_down_from(&self, top: &Digest) -> Vec<Layer> {
        self.shared.images.with(|tables| {
            let mut found = Vec::new();
            let mut next = Some(top.clone());
            while let Some(layer) = next.and_then(|chain_id| tables.layers.get(&chain_id)) {
                next = layer.parent.clone();
                found.push(layer.clone());
            }
            found
        })
    }

    /// Removes a layer that nothing uses any more: the database's entry first.
    pub(crate) async fn remove_layer(&self, layer: &Layer) -> Result<()> {
        let entry = self
            .image_path("layerdb/sha256")
            .join(layer.chain_id.encoded());
        fs::remove_path(&self.sys, &entry).await?;
        self.shared
            .images
            .with(|tables| drop(tables.layers.remove(&layer.chain_id)));
        self.remove_layer_dir(&layer.cache_id, &layer.link).await
    }

    /// Removes a directory of `overlay2` and its link.
    pub(crate) async fn remove_layer_dir(&self, cache_id: &str, link: &str) -> Result<()> {
        if !link.is_empty() {
            fs::remove_all(
                &self.sys,
                Fd::CWD,
                self.overlay_path("l").join(link).as_bytes(),
            )
            .await?;
        }
        Ok(fs::remove_path(&self.sys, &self.overlay_path(cache_id)).await?)
    }

    /// A name for a link that is not taken.
    async fn random_link(&self) -> Result<String> {
        let random = self
            .sys
            .getrandom(LINK_LENGTH as u64)
            .await
            .map_err(system("getrandom"))?;
        let letter = |byte: &u8| char::from(LINK_ALPHABET[usize::from(byte & 31)]);
        Ok(random.iter().map(letter).collect())
    }

    /// A directory under `tmp` that is nobody else's; the caller removes it.
    pub(crate) async fn staging_dir(&self) -> Result<PathArg> {
        let id = names::random_id(&self.sys)
            .await
            .map_err(system("getrandom"))?;
        let path = self
            .path("tmp")
            .join(format!("docker-import-{}", names::short(&id)));
        fs::create_dir_all(&self.sys, &self.path("tmp"), 0o700).await?;
        match self.sys.mkdirat(Fd::CWD, path.clone(), 0o700).await {
            Ok(()) => Ok(path),
            Err(errno) => Err(system(format_args!("mkdir {path}"))(errno)),
        }
    }

    /// Makes a copy of an unpacked layer that shares its files: for an image that has the same layer twice, since
    /// overlayfs does not take one directory twice.
    pub(crate) async fn copy_layer_tree(&self, from: &PathArg, to: &PathArg) -> Result<()> {
        glassdock_image::fs::link_tree(&self.sys, from, to)
            .await
            .map_err(Into::into)
    }
}

impl LayerStore {
    /// The chain id of a layer on another.
    pub(crate) fn chain_id(parent: Option<&Digest>, diff_id: &Digest) -> Digest {
        let chain: Vec<Digest> = parent.into_iter().chain([diff_id]).cloned().collect();
        // Of two elements the chain id of the second covers the first as it stands.
        digest::chain_ids(&chain)
            .pop()
            .unwrap_or_else(|| diff_id.clone())
    }
}
