//! The image configuration (OCI image specification, `config.md`), whose digest is the image's id.

use crate::digest::chain_ids;
use crate::{Digest, Error, Result};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Most layers that an image may have (moby `layer/layer_store.go`, `maxLayerDepth`).
pub const MAX_LAYERS: usize = 125;

/// What a configuration says, as far as anything here needs it. The document itself is kept as its bytes, since the
/// image's id is their digest.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// When the image was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub author: String,
    /// A remark of the maker's (Docker).
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub comment: String,
    /// The image that it was built on, on the machine where it was built (Docker).
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub parent: String,
    /// The engine that made it (Docker).
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub docker_version: String,
    /// Processor architecture in Go's words, such as `amd64`.
    #[serde(deserialize_with = "null_default")]
    pub architecture: String,
    /// Variant of the architecture, such as `v8`.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub variant: String,
    /// Operating system in Go's words.
    #[serde(deserialize_with = "null_default")]
    pub os: String,
    /// Version of the operating system.
    #[serde(
        rename = "os.version",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub os_version: String,
    /// Defaults of containers made from the image.
    #[serde(deserialize_with = "null_default")]
    pub config: RunConfig,
    /// The layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<RootFs>,
    /// How each layer came about, the oldest first.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub history: Vec<History>,
}

/// Defaults of a container: the `config` member.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RunConfig {
    /// `user[:group]`, names or numbers.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub user: String,
    /// Ports as `80/tcp`.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Environment, `NAME=value`.
    #[serde(deserialize_with = "null_default")]
    pub env: Vec<String>,
    /// What is run in front of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The command, or its arguments where there is an entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths that are to be volumes.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub volumes: BTreeMap<String, Empty>,
    /// Where the command starts.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub working_dir: String,
    /// Free labels.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the container to end.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub stop_signal: String,
    /// Instructions for a build on top (Docker).
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub on_build: Vec<String>,
    /// The shell of shell-form instructions (Docker).
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_default"
    )]
    pub shell: Vec<String>,
    /// How the container's health is asked (Docker), as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<serde_json::Value>,
}

/// A JSON object without members, as sets are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Empty {}

/// The `rootfs` member.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed layers, the lowest first.
    #[serde(default, deserialize_with = "null_default")]
    pub diff_ids: Vec<Digest>,
}

/// One step of an image's making.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub created_by: String,
    /// Who.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub author: String,
    /// A remark.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub comment: String,
    /// Whether it made no layer.
    #[serde(
        skip_serializing_if = "core::ops::Not::not",
        deserialize_with = "null_default"
    )]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Not JSON of this shape, no `rootfs`, or more than [`MAX_LAYERS`] layers, with moby's texts.
    pub fn parse(json: &[u8]) -> Result<ImageConfig> {
        let config: ImageConfig = serde_json::from_slice(json)
            .map_err(|error| Error::Json("invalid image JSON".to_string(), error.to_string()))?;
        match &config.rootfs {
            None => Err(Error::Invalid(
                "invalid image JSON, no RootFS key".to_string(),
            )),
            Some(rootfs) if rootfs.diff_ids.len() > MAX_LAYERS => {
                Err(Error::Invalid("max depth exceeded".to_string()))
            }
            Some(_) => Ok(config),
        }
    }

    /// Digests of the uncompressed layers, the lowest first.
    pub fn diff_ids(&self) -> &[Digest] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// Chain ids of the layers, the lowest first.
    pub fn chain_ids(&self) -> Vec<Digest> {
        chain_ids(self.diff_ids())
    }
}

/// Go writes `null` for an empty slice or map: it reads as the default.
fn null_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_configuration_reads_with_its_nulls() {
        let config = ImageConfig::parse(
            br#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":["sh"],"Labels":null,
                 "ExposedPorts":{"80/tcp":{}}},"container_config":{"Cmd":null},"rootfs":{"type":"layers","diff_ids":null},
                 "history":[{"created":"2020-01-01T00:00:00Z","empty_layer":true}]}"#,
        )
        .unwrap();
        assert_eq!(config.config.cmd.as_deref(), Some(&["sh".to_string()][..]));
        assert!(config.config.exposed_ports.contains_key("80/tcp"));
        assert!(config.history[0].empty_layer);
        assert!(config.diff_ids().is_empty());
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        assert_eq!(
            ImageConfig::parse(b"{}").unwrap_err().to_string(),
            "invalid image JSON, no RootFS key"
        );
        assert!(ImageConfig::parse(b"[").is_err());
        assert!(
            ImageConfig::parse(br#"{"rootfs":{"type":"layers","diff_ids":["sha256:zz"]}}"#)
                .is_err()
        );
        let many = RootFs {
            kind: "layers".to_string(),
            diff_ids: vec![Digest::of(b""); MAX_LAYERS + 1],
        };
        let json = serde_json::to_vec(&ImageConfig {
            rootfs: Some(many),
            ..ImageConfig::default()
        })
        .unwrap();
        assert_eq!(
            ImageConfig::parse(&json).unwrap_err().to_string(),
            "max depth exceeded"
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            let _ = ImageConfig::parse(&data);
        }
    }
}
