//! Image archives with something wrong in them.

use glassdock_image::digest;
use tar::{Builder, EntryType, Header};

/// What is wrong with an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    None,
    NoManifest,
    ManifestText,
    ManifestEmpty,
    NoLayer,
    LayerDigest,
    NoConfig,
    ConfigDigest,
    ConfigText,
    MoreLayers,
    PathsOut,
}

/// A tar archive of regular files: path, permissions, contents.
pub fn plain(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, mode, data) in files {
        append(&mut builder, path, EntryType::Regular, "", *mode, data);
    }
    builder.into_inner().expect("in memory")
}

/// Puts an entry with a path as it stands, which the builder itself would refuse.
fn append(
    builder: &mut Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    link: &str,
    mode: u32,
    data: &[u8],
) {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().expect("a GNU header");
    gnu.name[..path.len()].copy_from_slice(path.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(data.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000_000);
    header.set_cksum();
    builder.append(&header, data).expect("in memory");
}

/// Layers whose entries want out of the root, with what they try.
pub fn leaving_the_root() -> Vec<(&'static str, Vec<u8>)> {
    use EntryType::{Link, Regular, Symlink};
    type Entry = (&'static str, EntryType, &'static str);
    let layers: [(&str, &[Entry]); 7] = [
        ("a path with ..", &[("../outside", Regular, "")]),
        (
            "a deep path with ..",
            &[("a/../../../outside", Regular, "")],
        ),
        ("an absolute path", &[("/outside", Regular, "")]),
        (
            "a file through a symbolic link upwards",
            &[("up", Symlink, "../../.."), ("up/outside", Regular, "")],
        ),
        (
            "a file through an absolute symbolic link",
            &[("top", Symlink, "/"), ("top/outside", Regular, "")],
        ),
        ("a hard link to ..", &[("in", Link, "../../engine-id")]),
        (
            "a hard link through a symbolic link",
            &[("up", Symlink, "../.."), ("in", Link, "up/engine-id")],
        ),
    ];
    let archive = |entries: &[Entry]| {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, link) in entries {
            let data: &[u8] = if *kind == Regular { b"data" } else { b"" };
            append(&mut builder, path, *kind, link, 0o644, data);
        }
        builder.into_inner().expect("in memory")
    };
    layers
        .into_iter()
        .map(|(what, entries)| (what, archive(entries)))
        .collect()
}

/// An archive of one image with one layer, as `docker save` writes it.
pub struct Archive {
    layer: Vec<u8>,
}

impl Archive {
    pub fn new(layer: &[u8]) -> Archive {
        Archive {
            layer: layer.to_vec(),
        }
    }

    /// The archive, with something changed.
    pub fn save(&self, change: Change) -> Vec<u8> {
        let diff_id = match change {
            Change::LayerDigest => digest::of(b"another"),
            _ => digest::of(&self.layer),
        };
        let config = match change {
            Change::ConfigText => "no JSON".to_owned(),
            _ => format!(
                r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#
            ),
        };
        let named = match change {
            Change::ConfigDigest => digest::of(b"another"),
            _ => digest::of(config.as_bytes()),
        };
        let blob =
            |digest: &digest::Digest| format!("blobs/{}", digest.to_string().replace(':', "/"));
        let config_path = blob(&named);
        let layer_path = blob(&digest::of(&self.layer));
        let layers = match change {
            Change::MoreLayers => format!(r#""{layer_path}","{layer_path}""#),
            Change::PathsOut => r#""../../../etc/passwd""#.to_owned(),
            _ => format!(r#""{layer_path}""#),
        };
        let manifest = match change {
            Change::ManifestText => "no JSON".to_owned(),
            Change::ManifestEmpty => "[]".to_owned(),
            _ => format!(
                r#"[{{"Config":"{config_path}","RepoTags":["wrong:latest"],"Layers":[{layers}]}}]"#
            ),
        };
        let mut files: Vec<(&str, u32, &[u8])> = Vec::new();
        if change != Change::NoConfig {
            files.push((&config_path, 0o644, config.as_bytes()));
        }
        if change != Change::NoLayer {
            files.push((&layer_path, 0o644, &self.layer));
        }
        if change != Change::NoManifest {
            files.push(("manifest.json", 0o644, manifest.as_bytes()));
        }
        plain(&files)
    }
}
