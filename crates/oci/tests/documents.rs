//! Documents of both specifications are read and written again without a change, and what is none is refused.

use glassdock_oci::image::{ImageConfig, Index, Layout, Manifest, media_type};
use glassdock_oci::runtime::{Spec, State};
use glassdock_oci::{Digest, DigestError};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What `runc spec` writes.
const RUNC: &str = include_str!("data/runc-spec.json");
/// Every field of the runtime specification that concerns Linux, with a value that is not its default.
const EVERY_FIELD: &str = include_str!("data/every-field.json");
/// What Docker adds to an image's configuration, with the nulls and zeros that it writes.
const DOCKER_CONFIG: &str = r#"{
    "created": "2024-09-26T21:31:42Z", "author": "somebody", "architecture": "amd64", "os": "linux",
    "os.version": "1", "os.features": ["a"], "variant": "v8", "comment": "none", "docker_version": "28.5.2",
    "config": {
        "User": "1000:1000", "ExposedPorts": {"80/tcp": {}}, "Env": ["PATH=/bin"], "Entrypoint": ["/init"],
        "Cmd": ["sh"], "Volumes": {"/data": {}}, "WorkingDir": "/", "Labels": {"a": "b"}, "StopSignal": "SIGINT",
        "ArgsEscaped": true, "OnBuild": ["RUN true"], "Shell": ["/bin/sh", "-c"], "StopTimeout": 10,
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"], "Interval": 1, "Timeout": 2, "StartPeriod": 3, "StartInterval": 4,
            "Retries": 5
        }
    },
    "rootfs": {"type": "layers", "diff_ids": ["sha256:1111111111111111111111111111111111111111111111111111111111111111"]},
    "history": [
        {"created": "2024-09-26T21:31:42Z", "created_by": "BusyBox 1.37.0 (glibc), Debian 12"},
        {"author": "somebody", "comment": "buildkit.dockerfile.v0", "empty_layer": true}
    ]
}"#;
const MANIFEST: &str = r#"{
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "artifactType": "application/vnd.example",
    "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "size": 7023,
        "digest": "sha256:2222222222222222222222222222222222222222222222222222222222222222"
    },
    "layers": [{
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 18446744073709551615,
        "digest": "sha512:33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333",
        "urls": ["https://example.org/layer"], "annotations": {"a": "b"}, "data": "e30="
    }],
    "subject": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 0,
        "digest": "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
    },
    "annotations": {"org.opencontainers.image.ref.name": "v1"}
}"#;
const INDEX: &str = r#"{
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
    "artifactType": "application/vnd.example",
    "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7143, "artifactType": "a",
        "digest": "sha256:4444444444444444444444444444444444444444444444444444444444444444",
        "platform": {
            "architecture": "arm64", "os": "linux", "os.version": "1", "os.features": ["f"], "variant": "v8"
        }
    }],
    "annotations": {"io.containerd.image.name": "docker.io/library/busybox:latest"}
}"#;
const STATE: &str = r#"{
    "ociVersion": "1.2.0", "id": "box", "status": "running", "pid": 4422, "bundle": "/containers/box",
    "annotations": {"key": "value"}
}"#;

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("a document of this test")
}

/// What is written of a document that was read.
fn through<T: DeserializeOwned + Serialize>(text: &str) -> Value {
    let read: T = serde_json::from_str(text).expect("our type reads it");
    serde_json::to_value(&read).expect("our type is written")
}

#[test]
fn a_document_is_written_as_it_was_read() {
    for (name, text, written) in [
        ("runc spec", RUNC, through::<Spec>(RUNC)),
        ("every field", EVERY_FIELD, through::<Spec>(EVERY_FIELD)),
        ("state", STATE, through::<State>(STATE)),
        ("manifest", MANIFEST, through::<Manifest>(MANIFEST)),
        ("index", INDEX, through::<Index>(INDEX)),
        (
            "configuration",
            DOCKER_CONFIG,
            through::<ImageConfig>(DOCKER_CONFIG),
        ),
        (
            "layout",
            r#"{"imageLayoutVersion":"1.0.0"}"#,
            through::<Layout>(r#"{"imageLayoutVersion":"1.0.0"}"#),
        ),
    ] {
        assert_eq!(written, value(text), "{name}");
    }
}

#[test]
fn what_is_absent_or_null_is_left_out_where_docker_leaves_it_out() {
    let minimal = r#"{"ociVersion":"1.0.2","process":{"cwd":"/","user":{"uid":0,"gid":0}}}"#;
    assert_eq!(through::<Spec>(minimal), value(minimal));
    let nulls = r#"{
        "architecture": "amd64", "os": "linux", "author": null,
        "config": {"Env": null, "Cmd": null, "Labels": null, "Volumes": null, "Unknown": 1},
        "rootfs": {"type": "layers"}, "container": "what old versions wrote"
    }"#;
    assert_eq!(
        through::<ImageConfig>(nulls),
        json!({
            "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}
        })
    );
    // A process that has ended has none; runc writes zero.
    let ended = r#"{"ociVersion":"1.2.0","id":"a","status":"stopped","pid":0,"bundle":"/b","annotations":{}}"#;
    assert_eq!(
        through::<State>(ended),
        json!({"ociVersion": "1.2.0", "id": "a", "status": "stopped", "bundle": "/b"})
    );
}

/// A document with the value at a path replaced.
fn with(text: &str, path: &str, new: Value) -> String {
    let mut document = value(text);
    *document.pointer_mut(path).expect("a path of the document") = new;
    document.to_string()
}

#[test]
fn numbers_and_words_out_of_range_are_refused_when_they_are_read() {
    for (path, good, wrong) in [
        ("/process/user/uid", json!(u32::MAX), json!(1_u64 << 32)),
        ("/process/user/gid", json!(0), json!(-1)),
        ("/process/rlimits/0/hard", json!(u64::MAX), json!(-1)),
        (
            "/process/oomScoreAdj",
            json!(i32::MIN),
            json!(i64::from(i32::MIN) - 1),
        ),
        (
            "/linux/resources/blockIO/weight",
            json!(u16::MAX),
            json!(65_536),
        ),
        (
            "/linux/resources/memory/limit",
            json!(i64::MIN),
            json!(u64::MAX),
        ),
        ("/linux/namespaces/0/type", json!("cgroup"), json!("Cgroup")),
        ("/process/args", json!([]), json!("sh")),
        ("/root", json!(null), json!([])),
    ] {
        for (new, fits) in [(good, true), (wrong, false)] {
            let text = with(EVERY_FIELD, path, new.clone());
            let read = serde_json::from_str::<Spec>(&text);
            assert_eq!(read.is_ok(), fits, "{path}: {new}");
        }
    }
    for status in ["creating", "created", "running", "stopped", "paused"] {
        let text = with(STATE, "/status", json!(status));
        let state: State = serde_json::from_str(&text).expect("a status");
        assert_eq!(state.status.as_str(), status);
    }
    assert!(serde_json::from_str::<State>(&with(STATE, "/status", json!("dead"))).is_err());
}

#[test]
fn a_digest_follows_the_grammar_and_its_algorithm() {
    let hex = |digits: usize| "0a".repeat(digits / 2);
    let long = format!("x:{}", "y".repeat(300));
    for (text, outcome) in [
        (format!("sha256:{}", hex(64)), Ok("sha256")),
        (format!("sha384:{}", hex(96)), Ok("sha384")),
        (format!("sha512:{}", hex(128)), Ok("sha512")),
        ("a+b.c_d-e:=Zz_-9".to_owned(), Ok("a+b.c_d-e")),
        (String::new(), Err(DigestError::NoSeparator)),
        (hex(64), Err(DigestError::NoSeparator)),
        (format!(":{}", hex(64)), Err(DigestError::Algorithm)),
        (format!("SHA256:{}", hex(64)), Err(DigestError::Algorithm)),
        (format!("sha256+:{}", hex(64)), Err(DigestError::Algorithm)),
        (format!("é:{}", hex(64)), Err(DigestError::Algorithm)),
        ("sha256:".to_owned(), Err(DigestError::Encoded)),
        (format!("sha256:{}", hex(62)), Err(DigestError::Length)),
        (
            format!("sha256:{}", hex(64).to_uppercase()),
            Err(DigestError::Encoded),
        ),
        (
            format!("sha256:{}", "é".repeat(32)),
            Err(DigestError::Encoded),
        ),
        ("other:a/b".to_owned(), Err(DigestError::Encoded)),
        ("other:".to_owned(), Err(DigestError::Encoded)),
        (long, Err(DigestError::TooLong)),
    ] {
        let digest = text.parse::<Digest>();
        let algorithm = digest
            .as_ref()
            .map(Digest::algorithm)
            .map_err(|error| *error);
        assert_eq!(algorithm, outcome, "{text}");
        if let Ok(digest) = digest {
            assert_eq!(digest.to_string(), text);
            let quoted = serde_json::to_string(&digest).expect("written");
            assert_eq!(serde_json::from_str::<Digest>(&quoted).ok(), Some(digest));
        } else {
            assert!(serde_json::from_value::<Digest>(json!(text)).is_err());
        }
    }
    let mut hash = [0; 32];
    (hash[0], hash[31]) = (0x0f, 0xf0);
    let digest = Digest::sha256(&hash);
    assert_eq!(digest.as_str(), format!("sha256:0f{}f0", "00".repeat(30)));
    assert_eq!(digest.to_string().parse(), Ok(digest));
}

#[test]
fn dockers_media_types_mean_what_the_specifications_mean() {
    for (name, index, manifest) in [
        (media_type::INDEX, true, false),
        (media_type::DOCKER_MANIFEST_LIST, true, false),
        (media_type::MANIFEST, false, true),
        (media_type::DOCKER_MANIFEST, false, true),
        (media_type::CONFIG, false, false),
        ("", false, false),
    ] {
        let is = (media_type::is_index(name), media_type::is_manifest(name));
        assert_eq!(is, (index, manifest), "{name}");
    }
}

/// Another implementation's types read and write the same names, where they have them.
#[cfg(not(target_arch = "wasm32"))]
mod beside_oci_spec {
    use super::*;
    use oci_spec::{image, runtime};

    /// Paths that `all` has and `part` has not, or has otherwise.
    fn lost(path: &str, all: &Value, part: &Value, found: &mut Vec<String>) {
        match (all, part) {
            (Value::Object(all), Value::Object(part)) => {
                for (key, value) in all {
                    let path = format!("{path}/{key}");
                    lost(&path, value, part.get(key).unwrap_or(&Value::Null), found);
                }
            }
            // Its sets of words are in no order.
            (Value::Array(all), Value::Array(part))
                if all.iter().all(Value::is_string) && all.len() == part.len() =>
            {
                if !all.iter().all(|word| part.contains(word)) {
                    found.push(path.to_owned());
                }
            }
            (Value::Array(all), Value::Array(part)) if all.len() == part.len() => {
                for (at, (value, other)) in all.iter().zip(part).enumerate() {
                    lost(&format!("{path}/{at}"), value, other, found);
                }
            }
            (all, part) if all == part => {}
            _ => found.push(path.to_owned()),
        }
    }

    fn lost_by<T: DeserializeOwned + Serialize>(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        lost("", &value(text), &through::<T>(text), &mut found);
        found
    }

    #[test]
    fn only_what_it_does_not_know_is_lost() {
        for (name, lost, known) in [
            ("runc spec", lost_by::<runtime::Spec>(RUNC), vec![]),
            (
                "every field",
                lost_by::<runtime::Spec>(EVERY_FIELD),
                vec![
                    "/linux/intelRdt/enableCMT",
                    "/linux/intelRdt/enableMBM",
                    "/mounts/0/gidMappings",
                    "/mounts/0/uidMappings",
                ],
            ),
            ("state", lost_by::<runtime::State>(STATE), vec![]),
            (
                "manifest",
                lost_by::<image::ImageManifest>(MANIFEST),
                vec![],
            ),
            // The specification's names have a dot, as ours do; theirs here have none.
            (
                "index",
                lost_by::<image::ImageIndex>(INDEX),
                vec![
                    "/manifests/0/platform/os.features",
                    "/manifests/0/platform/os.version",
                ],
            ),
            (
                // What is Docker's own.
                "configuration",
                lost_by::<image::ImageConfiguration>(DOCKER_CONFIG),
                vec![
                    "/comment",
                    "/config/ArgsEscaped",
                    "/config/Healthcheck",
                    "/config/OnBuild",
                    "/config/Shell",
                    "/config/StopTimeout",
                    "/docker_version",
                ],
            ),
        ] {
            let known: Vec<&str> = known;
            assert_eq!(lost, known, "{name}");
        }
    }
}

/// What could be read is written, and read as the same.
fn reads<T: DeserializeOwned + Serialize>(text: &str) {
    if let Ok(read) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_value(&read).expect("what was read is written");
        let again: T = serde_json::from_value(written.clone()).expect("what was written is read");
        assert_eq!(serde_json::to_value(&again).expect("written"), written);
    }
}

proptest! {
    #[test]
    fn spoilt_documents_are_read_or_refused(
        document in prop::sample::select(vec![RUNC, EVERY_FIELD, DOCKER_CONFIG, MANIFEST, INDEX, STATE]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
        whole: bool,
    ) {
        let mut bytes = document.as_bytes().to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let text = String::from_utf8_lossy(&bytes);
        reads::<Spec>(&text);
        reads::<State>(&text);
        reads::<ImageConfig>(&text);
        reads::<Manifest>(&text);
        reads::<Index>(&text);
    }

    #[test]
    fn any_text_is_a_digest_or_is_not(text in "(sha256:)?.{0,80}") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.as_str(), text);
        }
    }
}
