//! The image configuration (OCI image specification, `config.md`), whose digest is the image's id.

use crate::{Error, Result};
pub use glassdock_oci::image::{Empty, History, ImageConfig, RootFs, RunConfig};
use serde::de::DeserializeOwned;

/// Most layers that an image may have (moby `layer/layer_store.go`, `maxLayerDepth`).
pub const MAX_LAYERS: usize = 125;

/// Reads a configuration.
///
/// # Errors
/// Not JSON of this shape, no `rootfs`, another operating system's, or more than [`MAX_LAYERS`] layers, with moby's
/// texts.
pub fn parse(json: &[u8]) -> Result<ImageConfig> {
    #[derive(serde::Deserialize)]
    struct Outline {
        rootfs: Option<serde::de::IgnoredAny>,
    }
    if read::<Outline>(json)?.rootfs.is_none() {
        return Err(Error::Invalid(
            "invalid image JSON, no RootFS key".to_string(),
        ));
    }
    let config: ImageConfig = read(json)?;
    if config.rootfs.diff_ids.len() > MAX_LAYERS {
        return Err(Error::Invalid("max depth exceeded".to_string()));
    }
    if !matches!(config.os.as_str(), "" | "linux") {
        return Err(Error::Invalid(format!(
            "cannot load {} image on linux",
            config.os
        )));
    }
    Ok(config)
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_slice(json)
        .map_err(|error| Error::Json("invalid image JSON".to_string(), error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    #[test]
    fn a_docker_configuration_reads_with_its_nulls() {
        let config = parse(
            br#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":["sh"],"Labels":null,
                 "ExposedPorts":{"80/tcp":{}}},"container_config":{"Cmd":null},"rootfs":{"type":"layers"},
                 "history":[{"created":"2020-01-01T00:00:00Z","empty_layer":true}]}"#,
        )
        .unwrap();
        let run = config.config.unwrap();
        assert_eq!(run.cmd.as_deref(), Some(&["sh".to_string()][..]));
        assert!(run.exposed_ports.unwrap().contains_key("80/tcp"));
        assert_eq!(config.history[0].empty_layer, Some(true));
        assert!(config.rootfs.diff_ids.is_empty());
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let refused = |json: &[u8]| parse(json).unwrap_err().to_string();
        assert_eq!(refused(b"{}"), "invalid image JSON, no RootFS key");
        assert!(refused(b"[").starts_with("invalid image JSON: "));
        let rootfs = r#"{"architecture":"","os":"OS","rootfs":{"type":"layers","diff_ids":[IDS]}}"#;
        let with = |os: &str, ids: &str| rootfs.replace("OS", os).replace("IDS", ids).into_bytes();
        assert!(refused(&with("linux", "\"sha256:zz\"")).contains("digest"));
        assert_eq!(
            refused(&with("windows", "")),
            "cannot load windows image on linux"
        );
        let many = vec![format!("\"{}\"", digest::of(b"")); MAX_LAYERS + 1].join(",");
        assert_eq!(refused(&with("linux", &many)), "max depth exceeded");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data: Vec<u8>) {
            let _ = parse(&data);
        }
    }
}
