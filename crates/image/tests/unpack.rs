//! Archives unpacked on the real kernel. Needs root, for owners, devices and overlayfs' attributes; elsewhere these
//! tests say so and pass.

#![cfg(target_os = "linux")]

use bytes::Bytes;
use glassdock_abi::PathArg;
use glassdock_image::archive::load;
use glassdock_image::layer::{Unpacked, unpack};
use glassdock_image::{Error, Result, digest, fs};
use glassdock_linux::Direct;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tar::{Builder, EntryType, Header};

/// A directory that is removed when the test is over.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "glassdock-image-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn arg(&self) -> PathArg {
        PathArg::from(self.0.as_os_str().as_bytes())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        eprintln!("not root: nothing was tested");
    }
    root
}

/// Entries as (name, type, link, contents).
type Entries<'a> = &'a [(&'a str, EntryType, &'a str, &'a [u8])];

fn archive(entries: Entries<'_>) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, link, data) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(data.len() as u64);
        header.set_mode(if kind.is_dir() { 0o1755 } else { 0o4640 });
        header.set_uid(11);
        header.set_gid(22);
        header.set_mtime(1_000_000_000);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpack_into(dir: &Dir, data: Vec<u8>) -> Result<Unpacked> {
    let sys = Direct::new().unwrap();
    sys.block_on(async {
        let root = fs::open_dir(&sys, &dir.arg()).await?;
        unpack(&sys, root.fd(), Bytes::from(data)).await
    })
}

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const SYM: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

#[test]
fn every_kind_of_entry_arrives_with_its_attributes() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let data = archive(&[
        ("d/", DIR, "", b""),
        ("d/file", FILE, "", b"contents"),
        ("d/hard", HARD, "d/file", b""),
        ("sym", SYM, "d/file", b""),
        ("null", EntryType::Char, "", b""),
        ("fifo", EntryType::Fifo, "", b""),
        ("implied/deep/file", FILE, "", b"x"),
    ]);
    let unpacked = unpack_into(&dir, data.clone()).unwrap();
    assert_eq!(unpacked.diff_id, digest::of(&data));
    assert_eq!(unpacked.stream_size, data.len() as u64);
    assert_eq!(unpacked.size, 8 + 6 + 1);
    let stat = |name: &str| std::fs::symlink_metadata(dir.0.join(name)).unwrap();
    let file = stat("d/file");
    assert_eq!(
        (file.mode() & 0o7777, file.uid(), file.gid(), file.nlink()),
        (0o4640, 11, 22, 2)
    );
    assert_eq!(
        (file.mtime(), stat("d").mtime(), stat("sym").mtime()),
        (1_000_000_000, 1_000_000_000, 1_000_000_000)
    );
    assert_eq!(file.ino(), stat("d/hard").ino());
    assert_eq!(stat("d").mode() & 0o7777, 0o1755);
    assert_eq!(std::fs::read(dir.0.join("d/file")).unwrap(), b"contents");
    assert_eq!(
        std::fs::read_link(dir.0.join("sym")).unwrap(),
        Path::new("d/file")
    );
    assert!(stat("null").file_type().is_char_device() && stat("fifo").file_type().is_fifo());
    assert_eq!(stat("null").rdev(), 0x103);
    assert_eq!(
        (stat("implied/deep").mode() & 0o7777, stat("implied").uid()),
        (0o755, 0)
    );
}

#[test]
fn whiteouts_become_what_overlayfs_knows() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let data = archive(&[
        ("d/", DIR, "", b""),
        ("d/.wh.gone", FILE, "", b""),
        ("o/", DIR, "", b""),
        ("o/.wh..wh..opq", FILE, "", b""),
        ("o/new", FILE, "", b"n"),
    ]);
    unpack_into(&dir, data).unwrap();
    let gone = std::fs::symlink_metadata(dir.0.join("d/gone")).unwrap();
    assert!(gone.file_type().is_char_device());
    assert_eq!(gone.rdev(), 0);
    assert!(!dir.0.join("o/.wh..wh..opq").exists());
    let sys = Direct::new().unwrap();
    let path = dir.arg().join("o");
    let call = glassdock_abi::Call::Getxattr {
        path,
        name: b"trusted.overlay.opaque".to_vec(),
        follow: false,
    };
    let value = sys.block_on(glassdock_abi::Sys::call(&sys, call)).unwrap();
    assert_eq!(value.bytes().unwrap(), b"y");
    for name in [".wh.", ".wh..", ".wh..."] {
        let error = unpack_into(&Dir::new(), archive(&[(name, FILE, "", b"")])).unwrap_err();
        assert!(error.to_string().starts_with("mknod /"), "{error}");
    }
}

#[test]
fn an_opaque_mark_that_cannot_be_set_is_an_error() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let immutable = |flag: &str| {
        let mut chattr = std::process::Command::new("chattr");
        assert!(chattr.arg(flag).arg(&dir.0).status().unwrap().success());
    };
    immutable("+i");
    let unpacked = unpack_into(&dir, archive(&[(".wh..wh..opq", FILE, "", b"")]));
    immutable("-i");
    let error = unpacked.unwrap_err();
    assert_eq!(error.to_string(), "setxattr /: operation not permitted");
}

#[test]
fn nothing_leaves_the_root() {
    if !is_root() {
        return;
    }
    // Where each would land if the root did not hold.
    let outside = Dir::new();
    let target = outside.0.to_str().unwrap();
    let root = outside.0.join("root");
    for (case, entries) in [
        ("..", vec![("../escaped", FILE, "", &b"x"[..])]),
        ("absolute", vec![("/escaped", FILE, "", b"x")]),
        (
            "through a relative link",
            vec![("l", SYM, "..", b""), ("l/escaped", FILE, "", b"x")],
        ),
        (
            "through an absolute link",
            vec![("l", SYM, target, b""), ("l/escaped", FILE, "", b"x")],
        ),
        (
            "through a link in a link",
            vec![
                ("a", SYM, "..", b""),
                ("b", SYM, "a/..", b""),
                ("b/escaped", FILE, "", b"x"),
            ],
        ),
        (
            "through a directory that becomes a link",
            vec![
                ("d/", DIR, "", b""),
                ("d/f", FILE, "", b""),
                ("d", SYM, target, b""),
                ("d/escaped", FILE, "", b"x"),
            ],
        ),
        (
            "a whiteout",
            vec![("l", SYM, "..", b""), ("l/.wh.escaped", FILE, "", b"")],
        ),
        (
            "over a link",
            vec![
                ("escaped", SYM, "../escaped", b""),
                ("escaped", FILE, "", b"x"),
            ],
        ),
    ] {
        std::fs::create_dir(&root).unwrap();
        let root_dir = Dir(root.clone());
        let _ = unpack_into(&root_dir, archive(&entries));
        let there: Vec<_> = std::fs::read_dir(&outside.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(there, ["root"], "{case}");
    }
    // A hard link to a file outside names one inside that is not there.
    std::fs::write(outside.0.join("secret"), "s").unwrap();
    let linked = format!("{target}/secret");
    for link in ["../secret", linked.as_str()] {
        let error = unpack_into(&Dir::new(), archive(&[("l", HARD, link, b"")])).unwrap_err();
        assert!(
            error.to_string().ends_with("no such file or directory"),
            "{error}"
        );
    }
}

#[test]
fn later_entries_replace_earlier_ones_and_directories_join() {
    if !is_root() {
        return;
    }
    let dir = Dir::new();
    let data = archive(&[
        ("a/", DIR, "", b""),
        ("a/x", FILE, "", b"1"),
        ("a/", DIR, "", b""),
        ("b/", DIR, "", b""),
        ("b/y", FILE, "", b"1"),
        ("b", FILE, "", b"now a file"),
        ("c", FILE, "", b"1"),
        ("c/", DIR, "", b""),
        ("c/z", FILE, "", b"2"),
    ]);
    unpack_into(&dir, data).unwrap();
    assert_eq!(std::fs::read(dir.0.join("a/x")).unwrap(), b"1");
    assert_eq!(std::fs::read(dir.0.join("b")).unwrap(), b"now a file");
    assert_eq!(std::fs::read(dir.0.join("c/z")).unwrap(), b"2");
}

#[test]
fn errors_name_the_path_as_docker_does() {
    if !is_root() {
        return;
    }
    for (entries, message) in [
        (
            vec![("l", HARD, "/nope", &b""[..])],
            "link /nope /l: no such file or directory",
        ),
        (
            vec![("x", FILE, "", b""), ("x/y", FILE, "", b"")],
            "open /x/y: not a directory",
        ),
        (
            vec![("x", EntryType::GNUSparse, "", b"")],
            "unhandled tar header type 83",
        ),
    ] {
        let error = unpack_into(&Dir::new(), archive(&entries)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

fn sha(data: &[u8]) -> String {
    digest::of(data).to_string()
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = layers
        .iter()
        .map(|layer| format!("\"{}\"", sha(layer)))
        .collect();
    let ids = ids.join(",");
    format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#
    )
    .into_bytes()
}

fn load_from(data: Vec<u8>) -> Result<Vec<(String, Vec<String>, usize)>> {
    let dir = Dir::new();
    let sys = Direct::new().unwrap();
    let images = sys.block_on(load(&sys, &dir.arg(), Bytes::from(data)))?;
    let tags = |image: &glassdock_image::archive::LoadedImage| {
        image.tags.iter().map(|tag| tag.familiar()).collect()
    };
    Ok(images
        .iter()
        .map(|image| (image.id.to_string(), tags(image), image.layers.len()))
        .collect())
}

#[test]
fn both_layouts_of_docker_save_and_an_oci_layout_load() {
    if !is_root() {
        return;
    }
    let layer = archive(&[("f", FILE, "", b"1")]);
    let config = config(&[&layer, &layer]);
    let (layer_blob, config_blob) = (
        format!("blobs/sha256/{}", &sha(&layer)[7..]),
        format!("blobs/sha256/{}", &sha(&config)[7..]),
    );
    let expected = vec![(sha(&config), vec!["a/b:1".to_string()], 2)];

    let manifest = format!(
        r#"[{{"Config":"{config_blob}","RepoTags":["a/b:1"],"Layers":["{layer_blob}","{layer_blob}"]}}]"#
    );
    let saved = archive(&[
        (&layer_blob, FILE, "", &layer),
        (&config_blob, FILE, "", &config),
        ("manifest.json", FILE, "", manifest.as_bytes()),
    ]);
    assert_eq!(load_from(saved).unwrap(), expected);

    let manifest =
        r#"[{"Config":"c.json","RepoTags":["a/b:1"],"Layers":["one/layer.tar","two/layer.tar"]}]"#;
    let legacy = archive(&[
        ("one/", DIR, "", b""),
        ("one/layer.tar", FILE, "", &layer),
        ("two/layer.tar", SYM, "../one/layer.tar", b""),
        ("c.json", FILE, "", &config),
        ("manifest.json", FILE, "", manifest.as_bytes()),
    ]);
    assert_eq!(load_from(legacy).unwrap(), expected);

    let descriptor = |kind: &str, data: &[u8]| {
        format!(
            r#""mediaType":"{kind}","digest":"{}","size":{}"#,
            sha(data),
            data.len()
        )
    };
    let (of_config, of_layer) = (descriptor("c", &config), descriptor("l", &layer));
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{{of_config}}},"layers":[{{{of_layer}}},{{{of_layer}}}]}}"#
    );
    let of_manifest = descriptor(
        "application/vnd.oci.image.manifest.v1+json",
        manifest.as_bytes(),
    );
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{{of_manifest},"annotations":{{"io.containerd.image.name":"docker.io/a/b:1"}}}}]}}"#
    );
    let manifest_blob = format!("blobs/sha256/{}", &sha(manifest.as_bytes())[7..]);
    let oci = archive(&[
        ("index.json", FILE, "", index.as_bytes()),
        (&layer_blob, FILE, "", &layer),
        (&manifest_blob, FILE, "", manifest.as_bytes()),
        (&config_blob, FILE, "", &config),
    ]);
    assert_eq!(load_from(oci).unwrap(), expected);
}

#[test]
fn what_no_image_names_may_be_anything() {
    if !is_root() {
        return;
    }
    let layer = archive(&[("f", FILE, "", b"1")]);
    let config = config(&[&layer]);
    let large = vec![b'{'; 5 << 20];
    for (case, blob, named) in [
        ("text", &b"(c) somebody"[..], "invalid tar header"),
        (
            "zstd",
            b"\x28\xb5\x2f\xfd",
            "zstd compression is not supported",
        ),
        ("large", &large, "image document size in bytes exceeds"),
    ] {
        let load = |of_layer: &str| {
            let manifest = format!(r#"[{{"Config":"c.json","Layers":["{of_layer}"]}}]"#);
            load_from(archive(&[
                ("other", FILE, "", blob),
                ("l.tar", FILE, "", &layer),
                ("c.json", FILE, "", &config),
                ("manifest.json", FILE, "", manifest.as_bytes()),
            ]))
        };
        assert_eq!(load("l.tar").unwrap().len(), 1, "{case}");
        let error = load("other").unwrap_err().to_string();
        assert!(error.contains(named), "{case}: {error}");
    }
}

#[test]
fn links_count_against_what_an_archive_may_hold() {
    if !is_root() {
        return;
    }
    // Each counts its name, its target and 256 bytes.
    let link = archive(&[("l", SYM, &"t".repeat(99), b"")]);
    let bomb = link[..512].repeat((64 << 20) / 356 + 1);
    assert!(matches!(load_from(bomb), Err(Error::TooLarge(..))));
}

#[test]
fn digests_that_do_not_fit_and_missing_parts_are_refused() {
    if !is_root() {
        return;
    }
    let layer = archive(&[("f", FILE, "", b"1")]);
    let other = archive(&[("f", FILE, "", b"2")]);
    let right = config(&[&layer]);
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]"#;
    let with = |config: &[u8], layer: &[u8], manifest: &[u8]| {
        load_from(archive(&[
            ("l.tar", FILE, "", layer),
            ("c.json", FILE, "", config),
            ("manifest.json", FILE, "", manifest),
        ]))
        .unwrap_err()
    };
    let expected = format!(
        "invalid diffID for layer 0: expected \"{}\", got \"{}\"",
        sha(&layer),
        sha(&other)
    );
    assert_eq!(with(&right, &other, manifest).to_string(), expected);
    let mismatch = "invalid manifest, layers length mismatch: expected 1, got 0";
    assert_eq!(with(&config(&[]), &layer, manifest).to_string(), mismatch);
    let null = "invalid manifest, manifest cannot be null (but can be [])";
    assert_eq!(with(&right, &layer, b"null").to_string(), null);
    assert!(matches!(with(&right, &layer, b"{"), Error::Json(..)));
    assert!(
        with(&right, b"no tar", manifest)
            .to_string()
            .contains("invalid tar header")
    );
    assert!(
        with(&right, &layer[..700], manifest)
            .to_string()
            .contains("invalid diffID")
    );

    let blob = format!("blobs/sha256/{}", "0".repeat(64));
    let error = load_from(archive(&[(&blob, FILE, "", &layer)])).unwrap_err();
    assert!(matches!(error, Error::BlobDigest { .. }));
    let missing = br#"[{"Config":"../../nope.json","RepoTags":null,"Layers":[]}]"#;
    let error = load_from(archive(&[("manifest.json", FILE, "", missing)])).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("nope.json: no such file or directory"),
        "{error}"
    );
    let around = archive(&[("manifest.json", SYM, "manifest.json", b"")]);
    assert!(
        load_from(around)
            .unwrap_err()
            .to_string()
            .ends_with("too many levels of symbolic links")
    );
    assert!(
        load_from(Vec::new())
            .unwrap_err()
            .to_string()
            .starts_with("invalid image archive")
    );
}
