//! An image archive as `docker save` writes it: OCI layout with `manifest.json` beside it.

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tree::{Node, Tree};

/// What the image says about itself.
pub struct About {
    /// Name and tag, e.g. `busybox:latest`.
    pub reference: &'static str,
    /// RFC 3339 time.
    pub created: String,
    /// The default command.
    pub command: Vec<&'static str>,
    /// The one history entry's text.
    pub comment: String,
}

/// The archive of an image with one layer.
///
/// # Errors
/// Paths that tar cannot hold.
pub fn save(layer: &Tree, about: &About, mtime: u64) -> Result<Vec<u8>> {
    let layer = layer.tar(mtime)?;
    let diff_id = format!("sha256:{}", hex(&layer));
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": about.created,
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": about.command,
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{
            "created": about.created,
            "created_by": "glassdock images",
            "comment": about.comment,
        }],
    });
    let mut archive = Tree::default();
    let layer = blob(
        &mut archive,
        "application/vnd.oci.image.layer.v1.tar",
        layer,
    );
    let config = blob(
        &mut archive,
        "application/vnd.oci.image.config.v1+json",
        config.to_string().into_bytes(),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor,
        "layers": [layer.descriptor],
    });
    let manifest = blob(
        &mut archive,
        "application/vnd.oci.image.manifest.v1+json",
        manifest.to_string().into_bytes(),
    );
    let (name, tag) = about
        .reference
        .split_once(':')
        .unwrap_or((about.reference, "latest"));
    let mut named = manifest.descriptor;
    named["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{}", about.reference),
        "org.opencontainers.image.ref.name": tag,
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [named],
    });
    archive.text("index.json", &index.to_string());
    archive.text("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    let listed = json!([{
        "Config": config.path,
        "RepoTags": [about.reference],
        "Layers": [layer.path],
    }]);
    archive.text("manifest.json", &listed.to_string());
    // `repositories` names the top layer by the digest's hexadecimal part.
    let top = layer.path.rsplit('/').next().unwrap_or_default();
    archive.text("repositories", &json!({name: {tag: top}}).to_string());
    archive.tar(mtime)
}

struct Blob {
    path: String,
    descriptor: Value,
}

fn blob(archive: &mut Tree, media_type: &str, content: Vec<u8>) -> Blob {
    let digest = hex(&content);
    let path = format!("blobs/sha256/{digest}");
    let descriptor = json!({
        "mediaType": media_type,
        "digest": format!("sha256:{digest}"),
        "size": content.len(),
    });
    archive.put(&path, Node::File(0o644, content));
    Blob { path, descriptor }
}

/// The SHA-256 digest in hexadecimal.
pub fn hex(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Read;

    fn archive() -> Vec<u8> {
        let mut layer = Tree::default();
        layer.text("hello", "world");
        let about = About {
            reference: "hello:latest",
            created: "2020-01-01T00:00:00Z".into(),
            command: vec!["/hello"],
            comment: "a test".into(),
        };
        save(&layer, &about, 0).unwrap()
    }

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (entry.path().unwrap().display().to_string(), content)
            })
            .collect()
    }

    #[test]
    fn every_blob_is_named_by_its_digest_and_every_reference_leads_to_one() {
        let files = files(&archive());
        for (path, content) in &files {
            if let Some(digest) = path.strip_prefix("blobs/sha256/").filter(|d| !d.is_empty()) {
                assert_eq!(digest, hex(content));
            }
        }
        let parse = |path: &str| serde_json::from_slice::<Value>(&files[path]).unwrap();
        let listed = parse("manifest.json");
        let config = parse(listed[0]["Config"].as_str().unwrap());
        let layer = &files[listed[0]["Layers"][0].as_str().unwrap()];
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            format!("sha256:{}", hex(layer))
        );
        let index = parse("index.json");
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let manifest = parse(&digest.replace("sha256:", "blobs/sha256/"));
        assert_eq!(manifest["layers"][0]["size"], layer.len());
    }

    #[test]
    fn the_archive_is_the_same_every_time() {
        assert_eq!(archive(), archive());
    }
}
