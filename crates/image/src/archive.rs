//! Archives of images, as `docker save` writes them: since 25 an OCI layout with a `manifest.json` beside it, before
//! that a folder for each layer. An OCI layout alone (`index.json`) is read too.
//!
//! An archive is read once, as a stream: what begins as a tar archive is a layer and is unpacked where it is found,
//! into a directory of its own under the staging directory; all else is a small document and kept in memory. What
//! belongs together is known at the end, and every digest is compared then.

use crate::compress::{Decompressed, is_compressed};
use crate::layer::{Unpacked, clean, unpack};
use crate::source::{Hashed, Peek, Source, read_all};
use crate::tar::{Kind, Reader, looks_like_tar};
use crate::{Digest, Error, ImageConfig, Reference, Result, config, digest, fs};
use glassdock_abi::{Errno, Io, PathArg, Sys};
use glassdock_oci::image::{Index, Manifest, annotation, media_type};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Largest document (manifest, configuration, …) in bytes.
pub const MAX_DOCUMENT: u64 = 4 << 20;
/// Bytes that the documents, links and names of an archive may have together.
pub const MAX_PARTS: u64 = 64 << 20;
/// Most layers in an archive.
pub const MAX_ARCHIVE_LAYERS: usize = 2048;
/// Most links from one name to another in a row.
const MAX_LINKS: usize = 8;
/// Deepest nesting of an index in an index.
const MAX_INDEXES: usize = 4;

/// An image of an archive, its digests compared.
#[derive(Clone, Debug)]
pub struct LoadedImage {
    /// Its id: the digest of its configuration.
    pub id: Digest,
    /// The configuration as it stands in the archive.
    pub json: Vec<u8>,
    /// The configuration, read.
    pub config: ImageConfig,
    /// Names that it is to have.
    pub tags: Vec<Reference>,
    /// Its layers, the lowest first. Several images may share one.
    pub layers: Vec<LoadedLayer>,
}

/// An unpacked layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedLayer {
    /// The directory under the staging directory that holds it.
    pub dir: PathArg,
    /// Its digest and sizes.
    pub unpacked: Unpacked,
}

/// Reads an archive to its end.
///
/// `staging` is an absolute path of an empty directory, which gets the layers; the caller moves them away and removes
/// it, also after an error.
///
/// # Errors
/// A damaged archive, a digest that does not fit, a document that is missing or wrong, or the kernel's.
pub async fn load<S: Sys>(
    sys: &S,
    staging: &PathArg,
    source: impl Source,
) -> Result<Vec<LoadedImage>> {
    let mut reader = Reader::new(Decompressed::new(source).await?);
    let mut archive = Archive {
        sys,
        staging,
        parts: BTreeMap::new(),
        layers: 0,
        part_bytes: 0,
    };
    while let Some(entry) = reader.next().await? {
        let path = clean(&entry.path);
        match entry.kind {
            Kind::File => archive.file(path, reader.contents()).await?,
            Kind::HardLink => archive.put(path, Part::Link(clean(&entry.link))).await?,
            Kind::Symlink => {
                let target = [path.as_slice(), b"..", &entry.link].join(&b'/');
                archive.put(path, Part::Link(clean(&target))).await?;
            }
            Kind::Dir | Kind::Char | Kind::Block | Kind::Fifo => {}
        }
    }
    archive.images()
}

enum Part {
    Document(Vec<u8>),
    Layer(LoadedLayer),
    Link(Vec<u8>),
    /// What cannot be read, which matters only to an image that names it.
    Refused(Error),
}

impl Part {
    /// Bytes held in memory, not counting the name.
    fn bytes(&self) -> usize {
        const ITSELF: usize = 256;
        match self {
            Part::Document(text) | Part::Link(text) => ITSELF + text.len(),
            Part::Layer(_) | Part::Refused(_) => ITSELF,
        }
    }
}

struct Archive<'a, S> {
    sys: &'a S,
    staging: &'a PathArg,
    parts: BTreeMap<Vec<u8>, Part>,
    layers: usize,
    /// Bytes of all parts held in memory, also of those replaced.
    part_bytes: u64,
}

/// An item of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

impl<S: Sys> Archive<'_, S> {
    async fn file(&mut self, path: Vec<u8>, contents: impl Source) -> Result<()> {
        const HEAD: usize = 512;
        let mut contents = Hashed::new(contents);
        let mut peek = Peek::new(&mut contents);
        let head = peek.peek(HEAD).await?;
        // Text never begins like that, and a tar archive's first block sums up.
        let part = if is_compressed(head) || looks_like_tar(head) {
            match Decompressed::new(peek).await {
                Ok(contents) => Part::Layer(self.layer(contents).await?),
                Err(error @ Error::Compression(_)) => Part::Refused(error),
                Err(error) => return Err(error),
            }
        } else {
            match read_all(peek, "image document size in bytes", MAX_DOCUMENT).await {
                Ok(document) => Part::Document(document),
                Err(error @ Error::TooLarge(..)) => Part::Refused(error),
                Err(error) => return Err(error),
            }
        };
        let (actual, _) = contents.finish().await?;
        if let Some(expected) = blob_name(&path)
            && expected != actual
        {
            return Err(Error::BlobDigest { expected, actual });
        }
        self.put(path, part).await
    }

    async fn layer(&mut self, contents: impl Source) -> Result<LoadedLayer> {
        if self.layers >= MAX_ARCHIVE_LAYERS {
            return Err(Error::TooLarge(
                "number of layers",
                MAX_ARCHIVE_LAYERS as u64,
            ));
        }
        let dir = self.staging.join(format!("layer-{}", self.layers));
        self.layers += 1;
        let made = self
            .sys
            .mkdirat(glassdock_abi::Fd::CWD, dir.clone(), 0o755)
            .await;
        made.map_err(Error::os("mkdir", dir.as_bytes()))?;
        let open = fs::open_dir(self.sys, &dir).await?;
        let unpacked = unpack(self.sys, open.fd(), contents).await?;
        Ok(LoadedLayer { dir, unpacked })
    }

    /// Enters a part; a later one of the same name takes its place, as a file would.
    async fn put(&mut self, path: Vec<u8>, part: Part) -> Result<()> {
        self.part_bytes += (path.len() + part.bytes()) as u64;
        if self.part_bytes > MAX_PARTS {
            return Err(Error::TooLarge(
                "size of all image documents in bytes",
                MAX_PARTS,
            ));
        }
        if let Some(Part::Layer(old)) = self.parts.insert(path, part) {
            fs::remove_path(self.sys, &old.dir).await?;
        }
        Ok(())
    }

    fn part(&self, path: &str) -> Result<&Part> {
        let mut name = clean(path.as_bytes());
        for _ in 0..MAX_LINKS {
            match self.parts.get(&name) {
                Some(Part::Link(target)) => name.clone_from(target),
                Some(Part::Refused(error)) => return Err(error.clone()),
                Some(part) => return Ok(part),
                None => {
                    return Err(Error::os("open", self.staging.join(&name).as_bytes())(
                        Errno::ENOENT,
                    ));
                }
            }
        }
        Err(Error::os("open", self.staging.join(&name).as_bytes())(
            Errno::ELOOP,
        ))
    }

    fn document(&self, path: &str) -> Result<&[u8]> {
        match self.part(path)? {
            Part::Document(document) => Ok(document),
            _ => Err(Error::Invalid(format!(
                "{path} is a layer, where a document belongs"
            ))),
        }
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        serde_json::from_slice(self.document(path)?)
            .map_err(|error| Error::Json(path.to_string(), error.to_string()))
    }

    fn images(&self) -> Result<Vec<LoadedImage>> {
        if self.parts.contains_key(b"manifest.json".as_slice()) {
            let items: Option<Vec<ManifestItem>> = self.json("manifest.json")?;
            let items = items.ok_or_else(|| {
                Error::Invalid(
                    "invalid manifest, manifest cannot be null (but can be [])".to_string(),
                )
            })?;
            return items.iter().map(|item| self.manifest_item(item)).collect();
        }
        if self.parts.contains_key(b"index.json".as_slice()) {
            let mut images = Vec::new();
            self.index(&self.json("index.json")?, &[], MAX_INDEXES, &mut images)?;
            return Ok(images);
        }
        Err(Error::Invalid(
            "invalid image archive: it has neither a manifest.json nor an index.json".to_string(),
        ))
    }

    fn manifest_item(&self, item: &ManifestItem) -> Result<LoadedImage> {
        let tags = item.repo_tags.as_deref().unwrap_or_default();
        let layers = item.layers.as_deref().unwrap_or_default();
        self.image(&item.config, layers, tags)
    }

    fn index(
        &self,
        index: &Index,
        names: &[String],
        depth: usize,
        images: &mut Vec<LoadedImage>,
    ) -> Result<()> {
        if depth == 0 {
            return Err(Error::TooLarge(
                "nesting of image indexes",
                MAX_INDEXES as u64,
            ));
        }
        for descriptor in &index.manifests {
            let platform = descriptor.platform.as_ref();
            // Other machines' variants, and attestations (`unknown/unknown`), are passed over.
            if !platform
                .is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
            {
                continue;
            }
            let named = [annotation::CONTAINERD_NAME, annotation::REF_NAME];
            let name = named
                .iter()
                .find_map(|key| descriptor.annotations.get(*key));
            // A reference name without a repository is a tag only, and names nothing here.
            let own: Vec<String> = name
                .filter(|name| name.contains([':', '/']))
                .cloned()
                .into_iter()
                .collect();
            let names = if own.is_empty() { names } else { &own };
            let path = blob_path(&descriptor.digest)?;
            if media_type::is_index(&descriptor.media_type) {
                self.index(&self.json(&path)?, names, depth - 1, images)?;
            } else {
                let manifest: Manifest = self.json(&path)?;
                let blobs = manifest.layers.iter().map(|layer| blob_path(&layer.digest));
                let layers = blobs.collect::<Result<Vec<String>>>()?;
                images.push(self.image(&blob_path(&manifest.config.digest)?, &layers, names)?);
            }
        }
        Ok(())
    }

    /// One image, its layers compared with its configuration.
    fn image(&self, config_path: &str, layers: &[String], tags: &[String]) -> Result<LoadedImage> {
        let json = self.document(config_path)?;
        let config = config::parse(json)?;
        let (expected, actual) = (layers.len(), config.rootfs.diff_ids.len());
        if expected != actual {
            return Err(Error::Invalid(format!(
                "invalid manifest, layers length mismatch: expected {expected}, got {actual}"
            )));
        }
        let mut found = Vec::with_capacity(layers.len());
        for (index, (path, expected)) in layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
            let Part::Layer(layer) = self.part(path)? else {
                return Err(Error::Invalid(format!("{path}: {}", Error::TarHeader)));
            };
            let actual = &layer.unpacked.diff_id;
            if actual != expected {
                return Err(Error::DiffId {
                    index,
                    expected: expected.clone(),
                    actual: actual.clone(),
                });
            }
            found.push(layer.clone());
        }
        let tags = tags
            .iter()
            .map(|tag| parse_tag(tag))
            .collect::<Result<_>>()?;
        Ok(LoadedImage {
            id: digest::of(json),
            json: json.to_vec(),
            config,
            tags,
            layers: found,
        })
    }
}

fn parse_tag(text: &str) -> Result<Reference> {
    let reference = Reference::parse(text).map_err(|error| Error::Invalid(error.to_string()))?;
    match reference.tag {
        Some(_) => Ok(reference),
        None => Err(Error::Invalid(format!("invalid tag {text:?}"))),
    }
}

fn blob_path(digest: &Digest) -> Result<String> {
    match digest.algorithm() {
        "sha256" => Ok(format!("blobs/sha256/{}", digest.encoded())),
        other => Err(Error::Invalid(format!(
            "unsupported digest algorithm {other}"
        ))),
    }
}

/// The digest that a path in an OCI layout promises.
fn blob_name(path: &[u8]) -> Option<Digest> {
    digest::from_hex(core::str::from_utf8(path.strip_prefix(b"blobs/sha256/")?).ok()?)
}
