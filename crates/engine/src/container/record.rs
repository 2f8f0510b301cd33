//! What is kept of a container, in moby's two documents: `config.v2.json` and `hostconfig.json`.

use crate::error::{ApiError, Result};
use crate::images::MAX_FILE;
use crate::time;
use glassdock_abi::types::Timespec;
use glassdock_api::container::{Config, HostConfig};
use serde::{Deserialize, Serialize};

/// `config.v2.json`, with the host's part beside it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Record {
    /// How it runs, or ran.
    pub state: RunState,
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// When it was made.
    #[serde(with = "go_time")]
    pub created: Option<Timespec>,
    /// The program.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What was asked for, merged with the image's.
    pub config: Config,
    /// Id of its image.
    pub image: String,
    /// Where its output is kept.
    pub log_path: String,
    /// Its name with the slash, as moby writes it; here without.
    #[serde(with = "slashed")]
    pub name: String,
    /// Storage driver.
    pub driver: String,
    /// `linux`.
    #[serde(rename = "OS")]
    pub os: String,
    /// How often a policy started it again.
    pub restart_count: i64,
    /// Whether it ever ran.
    pub has_been_started_before: bool,
    /// Whether somebody stopped it.
    pub has_been_manually_stopped: bool,
    /// File that becomes `/etc/hostname`.
    pub hostname_path: String,
    /// File that becomes `/etc/hosts`.
    pub hosts_path: String,
    /// File that becomes `/etc/resolv.conf`.
    pub resolv_conf_path: String,
    /// `hostconfig.json`.
    #[serde(skip)]
    pub host: HostConfig,
}

/// How a container runs, or ran.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RunState {
    /// Its process runs.
    pub running: bool,
    /// Its processes stand.
    pub paused: bool,
    /// Killed for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Its removal failed half-way.
    pub dead: bool,
    /// Its first process on the host; zero when not running.
    pub pid: i32,
    /// Of its last run.
    pub exit_code: i32,
    /// Why it could not be started.
    pub error: String,
    /// Begin of its last run.
    #[serde(with = "go_time")]
    pub started_at: Option<Timespec>,
    /// End of its last run.
    #[serde(with = "go_time")]
    pub finished_at: Option<Timespec>,
}

impl Record {
    /// Both documents as bytes.
    ///
    /// # Errors
    /// 400 for one that could not be read back.
    pub fn documents(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let json = |error: serde_json::Error| ApiError::system(error.to_string());
        let documents = [
            serde_json::to_vec(self).map_err(json)?,
            serde_json::to_vec(&self.host).map_err(json)?,
        ];
        if documents
            .iter()
            .any(|document| document.len() as u64 > MAX_FILE)
        {
            return Err(ApiError::invalid(format!(
                "container configuration is larger than {MAX_FILE} bytes"
            )));
        }
        let [config, host] = documents;
        Ok((config, host))
    }

    /// Reads both documents; the host's is missing only when a removal was cut short.
    ///
    /// # Errors
    /// 500 where one is not JSON of this shape.
    pub fn read(config: &str, host: Option<&str>) -> Result<Record> {
        let bad = |error: serde_json::Error| {
            ApiError::system(format!("damaged container state: {error}"))
        };
        let host = host.map_or(Ok(HostConfig::default()), serde_json::from_str);
        let host = host.map_err(bad)?;
        Ok(Record {
            host,
            ..serde_json::from_str(config).map_err(bad)?
        })
    }

    /// The command in one line, as lists show it (moby `container/view.go`): words with spaces in quotes.
    pub fn command(&self) -> String {
        if self.args.is_empty() {
            return self.path.clone();
        }
        let word = |word: &String| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                word.clone()
            }
        };
        let args: Vec<String> = self.args.iter().map(word).collect();
        format!("{} {}", self.path, args.join(" "))
    }
}

/// A time as Go writes it; its zero time for none.
mod go_time {
    use super::{Timespec, time};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        value: &Option<Timespec>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time::rfc3339_or_never(*value))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timespec>, D::Error> {
        Ok(time::parse_rfc3339(&String::deserialize(deserializer)?))
    }
}

/// A name with a slash in front of it.
mod slashed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/{name}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(name.strip_prefix('/').unwrap_or(&name).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_documents_are_read_back() {
        let record = Record {
            id: "a".repeat(64),
            name: "web".to_string(),
            path: "sh".to_string(),
            args: vec!["-c".to_string(), "echo hi".to_string()],
            created: Some(Timespec { sec: 5, nsec: 7 }),
            state: RunState {
                running: true,
                pid: 3,
                ..RunState::default()
            },
            host: HostConfig {
                network_mode: "none".to_string(),
                ..HostConfig::default()
            },
            ..Record::default()
        };
        let (config, host) = record.documents().unwrap();
        let (config, host) = (
            String::from_utf8(config).unwrap(),
            String::from_utf8(host).unwrap(),
        );
        assert!(config.contains(r#""Name":"/web""#));
        assert!(config.contains(r#""StartedAt":"0001-01-01T00:00:00Z""#));
        assert_eq!(Record::read(&config, Some(&host)).unwrap(), record);
        assert_eq!(record.command(), "sh -c 'echo hi'");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_documents_never_panic(config: String, host: String) {
            let _ = Record::read(&config, Some(&host));
        }
    }
}
