//! Archives of images that are loaded.

use super::{DIR, Differences, FILE, SYM, archive, compare, fresh, gzip, sha};
use bytes::Bytes;
use glassdock_abi::{PathArg, Sys};
use glassdock_image::archive::{LoadedImage, load};
use tar::EntryType;

/// A layer, and another one.
fn layers() -> [Vec<u8>; 2] {
    [
        archive(&[("f", FILE, "", b"1")]),
        archive(&[("f", FILE, "", b"2")]),
    ]
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

fn blob(data: &[u8]) -> String {
    format!("blobs/sha256/{}", &sha(data)[7..])
}

fn descriptor(kind: &str, data: &[u8]) -> String {
    let (digest, size) = (sha(data), data.len());
    format!(r#""mediaType":"{kind}","digest":"{digest}","size":{size}"#)
}

/// What is loaded, and what is told of it: images with their names and numbers of layers, or the error.
type Case = (&'static str, Vec<u8>, String);

/// The layouts that there are, of an image of the same layer twice.
fn layouts() -> Vec<Case> {
    let [layer, _] = layers();
    let config = config(&[&layer, &layer]);
    let loaded = format!("{} a/b:1 2", sha(&config));
    let (layer_blob, config_blob) = (blob(&layer), blob(&config));

    let manifest = format!(
        r#"[{{"Config":"{config_blob}","RepoTags":["a/b:1"],"Layers":["{layer_blob}","{layer_blob}"]}}]"#
    );
    let saved = archive(&[
        (&layer_blob, FILE, "", &layer),
        (&config_blob, FILE, "", &config),
        ("manifest.json", FILE, "", manifest.as_bytes()),
    ]);

    let manifest =
        r#"[{"Config":"c.json","RepoTags":["a/b:1"],"Layers":["one/layer.tar","two/layer.tar"]}]"#;
    let legacy = archive(&[
        ("one/", DIR, "", b""),
        ("one/layer.tar", FILE, "", &layer),
        ("two/layer.tar", SYM, "../one/layer.tar", b""),
        ("c.json", FILE, "", &config),
        ("manifest.json", FILE, "", manifest.as_bytes()),
    ]);

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
    let oci = archive(&[
        ("index.json", FILE, "", index.as_bytes()),
        (&layer_blob, FILE, "", &layer),
        (&blob(manifest.as_bytes()), FILE, "", manifest.as_bytes()),
        (&config_blob, FILE, "", &config),
    ]);

    let zipped = gzip(&saved);
    let layer_zipped = gzip(&layer);
    let manifest = r#"[{"Config":"c.json","RepoTags":["a/b:1"],"Layers":["l.gz","l.gz"]}]"#;
    let zipped_layers = archive(&[
        ("l.gz", FILE, "", &layer_zipped),
        ("c.json", FILE, "", &config),
        ("manifest.json", FILE, "", manifest.as_bytes()),
    ]);
    let cut = zipped[..zipped.len() / 2].to_vec();
    vec![
        ("docker save", saved, loaded.clone()),
        ("docker save before 25", legacy, loaded.clone()),
        ("an OCI layout", oci, loaded.clone()),
        ("docker save, compressed", zipped, loaded.clone()),
        ("compressed layers", zipped_layers, loaded),
        ("compressed and cut short", cut, "unexpected EOF".to_owned()),
    ]
}

/// An image of one layer, `c.json` and `l.tar`.
fn image(config: &[u8], layer: &[u8], manifest: &[u8]) -> Vec<u8> {
    archive(&[
        ("l.tar", FILE, "", layer),
        ("c.json", FILE, "", config),
        ("manifest.json", FILE, "", manifest),
    ])
}

/// Images whose parts are wrong, or missing.
fn damaged() -> Vec<Case> {
    let [layer, other] = layers();
    let right = config(&[&layer]);
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]"#;
    let wrong_diff = |actual: &[u8]| {
        format!(
            "invalid diffID for layer 0: expected \"{}\", got \"{}\"",
            sha(&layer),
            sha(actual)
        )
    };
    let zeros = format!("blobs/sha256/{}", "0".repeat(64));
    let missing = br#"[{"Config":"../../nope.json","RepoTags":null,"Layers":[]}]"#;
    vec![
        (
            "another layer than the configuration says",
            image(&right, &other, manifest),
            wrong_diff(&other),
        ),
        (
            "a layer that is cut short",
            image(&right, &layer[..700], manifest),
            wrong_diff(&layer[..700]),
        ),
        (
            "fewer layers in the configuration",
            image(&config(&[]), &layer, manifest),
            "invalid manifest, layers length mismatch: expected 1, got 0".to_owned(),
        ),
        (
            "no manifest",
            image(&right, &layer, b"null"),
            "invalid manifest, manifest cannot be null (but can be [])".to_owned(),
        ),
        (
            "a manifest that is cut short",
            image(&right, &layer, b"["),
            "manifest.json: EOF while parsing a list at line 1 column 1".to_owned(),
        ),
        (
            "text for a layer",
            image(&right, b"no tar", manifest),
            "l.tar: archive/tar: invalid tar header".to_owned(),
        ),
        (
            "a blob that is not what its name says",
            archive(&[(&zeros, FILE, "", &layer)]),
            format!(
                "blob sha256:{} has the wrong digest {}",
                "0".repeat(64),
                sha(&layer)
            ),
        ),
        (
            "a configuration that is not there",
            archive(&[("manifest.json", FILE, "", missing)]),
            "open STAGING/nope.json: no such file or directory".to_owned(),
        ),
        (
            "a link around",
            archive(&[("manifest.json", SYM, "manifest.json", b"")]),
            "open STAGING/manifest.json: too many levels of symbolic links".to_owned(),
        ),
        (
            "nothing",
            Vec::new(),
            "invalid image archive: it has neither a manifest.json nor an index.json".to_owned(),
        ),
    ]
}

/// Beside an image, anything may be in an archive; named by the image, it must be right.
fn beside() -> Vec<Case> {
    let [layer, _] = layers();
    let config = config(&[&layer]);
    let large = vec![b'{'; 5 << 20];
    let mut cases: Vec<Case> = Vec::new();
    for (beside, named, blob, error) in [
        (
            "text beside an image",
            "text as layer",
            &b"(c) somebody"[..],
            "other: archive/tar: invalid tar header",
        ),
        (
            "zstd beside an image",
            "zstd as layer",
            b"\x28\xb5\x2f\xfd",
            "zstd compression is not supported by this build: use gzip or no compression",
        ),
        (
            "a large document beside an image",
            "a large document as layer",
            &large,
            "image document size in bytes exceeds the limit of 4194304",
        ),
    ] {
        let naming = |of_layer: &str| {
            let manifest = format!(r#"[{{"Config":"c.json","Layers":["{of_layer}"]}}]"#);
            archive(&[
                ("other", FILE, "", blob),
                ("l.tar", FILE, "", &layer),
                ("c.json", FILE, "", &config),
                ("manifest.json", FILE, "", manifest.as_bytes()),
            ])
        };
        let loaded = format!("{} 1", sha(&config));
        cases.push((beside, naming("l.tar"), loaded));
        cases.push((named, naming("other"), error.to_owned()));
    }
    // Each counts its name, its target and 256 bytes.
    let target = vec![b't'; 4096];
    let link = archive(&[
        ("././@LongLink", EntryType::GNULongLink, "", &target),
        ("l", SYM, "", b""),
    ]);
    cases.push((
        "more links than an archive may hold",
        link[..link.len() - 1024].repeat((64 << 20) / (4096 + 257) + 1),
        "size of all image documents in bytes exceeds the limit of 67108864".to_owned(),
    ));
    cases
}

fn told(image: &LoadedImage) -> String {
    let tags = image.tags.iter().map(|tag| tag.familiar() + " ");
    let tags: String = tags.collect();
    format!("{} {tags}{}", image.id, image.layers.len())
}

/// Loads each into an empty directory below `base`.
pub async fn loaded<S: Sys>(sys: S, base: PathArg) -> Differences {
    let mut differences = Vec::new();
    let staging = base.join("staging");
    for (case, data, expected) in layouts().into_iter().chain(damaged()).chain(beside()) {
        fresh(&sys, &staging).await.expect("a directory");
        let told = match load(&sys, &staging, Bytes::from(data)).await {
            Ok(images) => images.iter().map(told).collect::<Vec<_>>().join("\n"),
            Err(error) => error.to_string(),
        };
        let told = told.replace(&staging.to_string(), "STAGING");
        compare(&mut differences, case, &told, &expected);
    }
    differences
}
