//! What a create request asks to be mounted (moby `volume/mounts/linux_parser.go`).

use crate::error::{ApiError, Result};
use glassdock_api::container::{BindOptions, HostConfig, Mount};

/// Most mounts that a request may ask for.
pub const MAX_MOUNTS: usize = 512;

/// A part of the host's file system that appears in a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bind {
    /// Absolute path on the host.
    pub source: String,
    /// Absolute path in the container.
    pub destination: String,
    /// The mode as it was written, for inspection.
    pub mode: String,
    /// Whether it may be written.
    pub writable: bool,
    /// Propagation, such as `rprivate`.
    pub propagation: String,
    /// Whether mounts below the source are left out.
    pub non_recursive: bool,
    /// Whether a source that is missing is made (`-v`) rather than an error (`--mount`).
    pub create_source: bool,
}

/// A tmpfs that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tmpfs {
    /// Absolute path in the container.
    pub destination: String,
    /// Options of the mount.
    pub options: Vec<String>,
}

/// Everything that is to be mounted beside the defaults.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mounts {
    /// Bind mounts in the order of the request.
    pub binds: Vec<Bind>,
    /// File systems in memory, by destination.
    pub tmpfs: Vec<Tmpfs>,
}

impl Mounts {
    /// Reads `Binds`, `Mounts` and `Tmpfs` of a request.
    ///
    /// # Errors
    /// 400 with moby's text for a specification that makes no sense; 501 for named volumes.
    pub fn of(host: &HostConfig) -> Result<Mounts> {
        let mut mounts = Mounts::default();
        for raw in host.binds.iter().flatten() {
            mounts.binds.push(parse_bind(raw)?);
        }
        for mount in host.mounts.iter().flatten() {
            mounts.add(mount)?;
        }
        for (destination, options) in host.tmpfs.iter().flatten() {
            let destination = absolute(destination)
                .map_err(|why| ApiError::invalid(format!("invalid tmpfs: {why}")))?;
            let given = options.split(',').filter(|option| !option.is_empty());
            mounts.tmpfs.push(Tmpfs {
                destination,
                options: tmpfs_options(given)?,
            });
        }
        mounts.refuse_duplicates()?;
        Ok(mounts)
    }

    fn add(&mut self, mount: &Mount) -> Result<()> {
        let fail = |why: String| {
            ApiError::invalid(format!(
                "invalid mount config for type {:?}: {why}",
                mount.kind
            ))
        };
        if mount.target.is_empty() {
            return Err(fail("field Target must not be empty".to_string()));
        }
        let destination = absolute(&mount.target).map_err(&fail)?;
        match mount.kind.as_str() {
            "bind" => {
                if mount.source.is_empty() {
                    return Err(fail("field Source must not be empty".to_string()));
                }
                let options = mount.bind_options.clone().unwrap_or_default();
                check_read_only(mount.read_only, &options).map_err(&fail)?;
                let propagation =
                    propagation_or_default(&options.propagation).ok_or_else(|| {
                        fail(format!("invalid propagation mode: {}", options.propagation))
                    })?;
                self.binds.push(Bind {
                    source: absolute(&mount.source).map_err(&fail)?,
                    destination,
                    mode: String::new(),
                    writable: !mount.read_only,
                    propagation,
                    non_recursive: options.non_recursive,
                    create_source: options.create_mountpoint,
                });
            }
            "tmpfs" => {
                if !mount.source.is_empty() {
                    return Err(fail("field Source must not be specified".to_string()));
                }
                let options = mount.tmpfs_options.clone().unwrap_or_default();
                let mut words = Vec::new();
                words.extend(mount.read_only.then(|| "ro".to_string()));
                words.extend((options.mode != 0).then(|| format!("mode={:o}", options.mode)));
                words.extend(
                    (options.size_bytes > 0).then(|| format!("size={}", options.size_bytes)),
                );
                words.extend(options.options.iter().flatten().map(|pair| pair.join("=")));
                let options = tmpfs_options(words.iter().map(String::as_str))?;
                self.tmpfs.push(Tmpfs {
                    destination,
                    options,
                });
            }
            kind @ ("volume" | "image" | "cluster") => {
                return Err(ApiError::not_implemented(format!(
                    "mounts of type {kind} are not supported by this engine yet"
                )));
            }
            _ => return Err(fail("mount type unknown".to_string())),
        }
        Ok(())
    }

    fn refuse_duplicates(&self) -> Result<()> {
        let binds = self.binds.iter().map(|bind| &bind.destination);
        let mut all: Vec<&String> = binds
            .chain(self.tmpfs.iter().map(|tmpfs| &tmpfs.destination))
            .collect();
        if all.len() > MAX_MOUNTS {
            return Err(ApiError::invalid(format!(
                "too many mounts: at most {MAX_MOUNTS} are allowed"
            )));
        }
        all.sort();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(ApiError::invalid(format!(
                "Duplicate mount point: {}",
                pair[0]
            ))),
            None => Ok(()),
        }
    }

    /// Whether something is mounted on a path of the container.
    pub fn covers(&self, path: &str) -> bool {
        self.binds.iter().any(|bind| bind.destination == path)
            || self.tmpfs.iter().any(|tmpfs| tmpfs.destination == path)
    }
}

/// Reads `source:destination[:mode]`.
fn parse_bind(raw: &str) -> Result<Bind> {
    let invalid = |why: &str| {
        let colon = if why.is_empty() { "" } else { ": " };
        ApiError::invalid(format!("invalid volume specification: '{raw}'{colon}{why}"))
    };
    let mut parts = raw.splitn(3, ':');
    let (source, destination, mode) =
        (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if source.is_empty() {
        return Err(invalid(""));
    }
    let Some(destination) = destination else {
        return Err(ApiError::not_implemented(
            "anonymous volumes are not supported by this engine yet",
        ));
    };
    if mode.is_none() && is_mode(destination) && !destination.is_empty() {
        return Err(invalid(""));
    }
    if mode.is_some_and(|mode| !is_mode(mode)) {
        return Err(ApiError::invalid(format!(
            "invalid mode: {}",
            mode.unwrap_or_default()
        )));
    }
    let destination = absolute(destination).map_err(|why| invalid(&why))?;
    if !source.starts_with('/') {
        return Err(ApiError::not_implemented(format!(
            "volume {source}: named volumes are not supported by this engine yet; give an absolute path of the host"
        )));
    }
    let words = || mode.unwrap_or_default().split(',');
    Ok(Bind {
        source: absolute(source).map_err(|why| invalid(&why))?,
        destination,
        mode: mode.unwrap_or_default().to_string(),
        writable: !words().any(|word| word == "ro"),
        propagation: words()
            .find(|word| is_propagation(word))
            .unwrap_or("rprivate")
            .to_string(),
        non_recursive: false,
        create_source: true,
    })
}

/// At most one word of each group.
fn is_mode(mode: &str) -> bool {
    let group = |word: &str| match word {
        "ro" | "rw" => Some(0),
        "z" | "Z" => Some(1),
        "nocopy" => Some(2),
        "consistent" | "cached" | "delegated" => Some(3),
        _ if is_propagation(word) => Some(4),
        _ => None,
    };
    let mut seen = [false; 5];
    mode.is_empty()
        || mode.split(',').all(|word| match group(word) {
            Some(group) => !core::mem::replace(&mut seen[group], true),
            None => false,
        })
}

fn is_propagation(word: &str) -> bool {
    matches!(
        word,
        "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared"
    )
}

fn propagation_or_default(word: &str) -> Option<String> {
    match word {
        "" => Some("rprivate".to_string()),
        word if is_propagation(word) => Some(word.to_string()),
        _ => None,
    }
}

/// An absolute path other than the root, cleaned; otherwise moby's reason.
fn absolute(path: &str) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err(format!(
            "invalid mount path: '{path}' mount path must be absolute"
        ));
    }
    let path = clean(path);
    match path.as_str() {
        "/" => Err("invalid specification: destination can't be '/'".to_string()),
        _ => Ok(path),
    }
}

/// An absolute path with `.`, `..` and surplus slashes worked out.
pub fn clean(path: &str) -> String {
    let path = glassdock_image::layer::clean(path.as_bytes());
    format!("/{}", String::from_utf8_lossy(&path))
}

/// Docker's defaults with the given options over them: of options that exclude each other the last stays.
fn tmpfs_options<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    const SWITCHES: [(&str, &str); 8] = [
        ("exec", "noexec"),
        ("suid", "nosuid"),
        ("dev", "nodev"),
        ("rw", "ro"),
        ("atime", "noatime"),
        ("diratime", "nodiratime"),
        ("relatime", "norelatime"),
        ("async", "sync"),
    ];
    let key = |option: &str| -> Option<String> {
        let name = option.split('=').next().unwrap_or_default();
        if matches!(
            name,
            "size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks" | "mpol"
        ) {
            return option.contains('=').then(|| name.to_string());
        }
        if is_propagation(option) {
            return Some("propagation".to_string());
        }
        SWITCHES
            .iter()
            .find(|(on, off)| option == *on || option == *off)
            .map(|(on, _)| on.to_string())
    };
    let mut options: Vec<(String, String)> = Vec::new();
    for option in ["noexec", "nosuid", "nodev", "rprivate"]
        .into_iter()
        .chain(given)
    {
        let key = key(option)
            .ok_or_else(|| ApiError::invalid(format!("invalid tmpfs option [{option:?}]")))?;
        options.retain(|(known, _)| *known != key);
        options.push((key, option.to_string()));
    }
    Ok(options.into_iter().map(|(_, option)| option).collect())
}

/// How far down a bind mount is read-only: at the top, as with moby on a kernel without `mount_setattr` (moby
/// `volume/mounts/linux_parser.go`, `daemon/oci_linux.go`).
fn check_read_only(read_only: bool, options: &BindOptions) -> Result<(), String> {
    let conflict = match (
        options.read_only_non_recursive,
        options.read_only_force_recursive,
    ) {
        (true, _) if !read_only => "!ReadOnly && BindOptions.ReadOnlyNonRecursive",
        (_, true) if !read_only => "!ReadOnly && BindOptions.ReadOnlyForceRecursive",
        (true, true) => "ReadOnlyNonRecursive && ReadOnlyForceRecursive",
        (false, true) => return Err("recursively read-only mounts are not supported".to_string()),
        _ => return Ok(()),
    };
    Err(format!("mount options conflict: {conflict}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_are_read_and_wrong_ones_get_mobys_message() {
        let bind = parse_bind("/a/../b:/c/:ro,rslave").unwrap();
        assert_eq!(
            (bind.source.as_str(), bind.destination.as_str()),
            ("/b", "/c")
        );
        assert_eq!(
            (bind.writable, bind.propagation.as_str()),
            (false, "rslave")
        );
        for (raw, status, message) in [
            (":/c", 400, "invalid volume specification: ':/c'"),
            ("/a:ro", 400, "invalid volume specification: '/a:ro'"),
            ("/a:/b:xx", 400, "invalid mode: xx"),
            ("/a:/b:ro,rw", 400, "invalid mode: ro,rw"),
            (
                "/a:/",
                400,
                "invalid volume specification: '/a:/': invalid specification: destination can't be '/'",
            ),
            (
                "/a:b",
                400,
                "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute",
            ),
        ] {
            let error = parse_bind(raw).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.message.as_str()),
                (status, message)
            );
        }
        assert_eq!(parse_bind("data:/b").unwrap_err().status.as_u16(), 501);
    }

    #[test]
    fn two_mounts_in_one_place_are_refused() {
        let host = HostConfig {
            binds: Some(vec!["/a:/x".to_string()]),
            tmpfs: Some([("/x".to_string(), String::new())].into()),
            ..HostConfig::default()
        };
        assert_eq!(
            Mounts::of(&host).unwrap_err().message,
            "Duplicate mount point: /x"
        );
    }

    #[test]
    fn the_last_of_conflicting_tmpfs_options_stays() {
        let merged = |given: &str| tmpfs_options(given.split(',').filter(|word| !word.is_empty()));
        assert_eq!(
            merged("").unwrap(),
            ["noexec", "nosuid", "nodev", "rprivate"]
        );
        assert_eq!(
            merged("exec,size=1m,size=2m").unwrap(),
            ["nosuid", "nodev", "rprivate", "exec", "size=2m"]
        );
        assert_eq!(
            merged("bogus").unwrap_err().message,
            "invalid tmpfs option [\"bogus\"]"
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_binds_never_panic(raw: String) {
            let _ = parse_bind(&raw);
        }
    }
}
