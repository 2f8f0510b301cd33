//! From a container's configuration to the OCI specification (moby `daemon/oci_linux.go`, `oci/defaults.go`).
//!
//! Pure: everything that had to be looked up is in [`SpecInput`].

pub mod caps;
pub mod mounts;
pub mod resources;
pub mod seccomp;
pub mod user;

use crate::engine::Facts;
use crate::error::{ApiError, Result};
use glassdock_api::container::{Config, HostConfig};
use glassdock_oci::runtime::{
    Capabilities, ConsoleSize, Linux, Mount, Namespace, NamespaceKind, Process, Resources, Rlimit,
    Root, Seccomp, Spec, User,
};
use mounts::Mounts;

/// Version of the OCI runtime specification that the documents follow.
pub const OCI_VERSION: &str = "1.2.0";
/// `PATH` of a container whose image says nothing.
pub const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Size of `/dev/shm` in bytes when nothing is said.
pub const DEFAULT_SHM_SIZE: i64 = 64 << 20;

/// Files of the kernel that a container must not read.
pub const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Files of the kernel that a container may only read.
pub const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Everything from which a specification is made.
#[derive(Clone, Debug)]
pub struct SpecInput<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The program.
    pub path: &'a str,
    /// Its arguments.
    pub args: &'a [String],
    /// What was asked for, merged with the image's.
    pub config: &'a Config,
    /// What was asked for of the host.
    pub host: &'a HostConfig,
    /// What the kernel has.
    pub facts: &'a Facts,
    /// Mounts that were asked for.
    pub mounts: &'a Mounts,
    /// Block devices that limits name, looked up.
    pub numbers: &'a resources::DeviceNumbers,
    /// The user, looked up.
    pub user: User,
    /// The mounted root file system.
    pub rootfs: &'a str,
    /// Host paths that become `/etc/resolv.conf`, `/etc/hostname` and `/etc/hosts`.
    pub files: [&'a str; 3],
}

/// Makes the specification.
///
/// # Errors
/// 400 where the configuration is wrong; creation has looked at it, so this comes of states from elsewhere only.
pub fn build(input: &SpecInput<'_>) -> Result<Spec> {
    let host = input.host;
    let capabilities = capability_sets(host, input.facts, input.user.uid)?;
    let filter = filter(host, input.facts, &capabilities.bounding)?;
    let own_uts = host.uts_mode != "host";
    let limits = Resources {
        devices: resources::devices(host),
        ..resources::first_limits(host, input.numbers)
    };
    Ok(Spec {
        oci_version: OCI_VERSION.to_string(),
        process: Some(Process {
            terminal: input.config.tty,
            console_size: console_size(input.config.tty.then_some(host.console_size)),
            user: input.user.clone(),
            args: core::iter::once(input.path.to_string())
                .chain(input.args.iter().cloned())
                .collect(),
            env: environment(input.config, input.config.tty),
            cwd: working_dir(&input.config.working_dir),
            capabilities: Some(capabilities),
            rlimits: rlimits(host),
            no_new_privileges: no_new_privileges(host),
            oom_score_adj: i32::try_from(host.oom_score_adj)
                .ok()
                .filter(|adjustment| *adjustment != 0),
            ..Process::default()
        }),
        root: Some(Root {
            path: input.rootfs.to_string(),
            readonly: host.readonly_rootfs,
        }),
        hostname: if own_uts {
            input.config.hostname.clone()
        } else {
            String::new()
        },
        domainname: if own_uts {
            input.config.domainname.clone()
        } else {
            String::new()
        },
        mounts: all_mounts(input),
        annotations: host.annotations.clone().unwrap_or_default(),
        linux: Some(Linux {
            sysctl: host.sysctls.clone().unwrap_or_default(),
            resources: Some(limits),
            cgroups_path: resources::path(host, input.facts, input.id),
            namespaces: namespaces(host, input.facts),
            seccomp: filter,
            rootfs_propagation: root_propagation(input.mounts),
            masked_paths: host.masked_paths.clone().unwrap_or_default(),
            readonly_paths: host.readonly_paths.clone().unwrap_or_default(),
            ..Linux::default()
        }),
        ..Spec::default()
    })
}

/// The working directory, the root where none is said.
pub fn working_dir(given: &str) -> String {
    if given.is_empty() {
        "/".to_string()
    } else {
        given.to_string()
    }
}

/// Height and width, where both are known.
pub fn console_size(size: Option<[u32; 2]>) -> Option<ConsoleSize> {
    let [height, width] = size.filter(|[height, width]| *height > 0 && *width > 0)?;
    Some(ConsoleSize {
        height: height.into(),
        width: width.into(),
    })
}

/// Capability sets of a process: a user other than root has them in the bounding set only, as after an `execve`.
pub fn capability_sets(host: &HostConfig, facts: &Facts, uid: u32) -> Result<Capabilities> {
    let names = |slice: &Option<glassdock_api::StrSlice>| {
        slice
            .as_ref()
            .map(|words| words.0.clone())
            .unwrap_or_default()
    };
    let add = names(&host.cap_add);
    let mut set = caps::tweak(&add, &names(&host.cap_drop), host.privileged)?;
    // Without a control group of devices nothing else keeps a container from opening the host's disks.
    let open = facts.block_devices && !facts.cgroups.has("devices");
    if open && !host.privileged && !caps::asks_for(&add, caps::MKNOD) {
        set.retain(|name| name != caps::MKNOD);
    }
    let own = if uid == 0 { set.clone() } else { Vec::new() };
    Ok(Capabilities {
        bounding: set,
        effective: own.clone(),
        permitted: own,
        ..Capabilities::default()
    })
}

/// The environment: Docker's own variables, and over them those of the configuration.
pub fn environment(config: &Config, tty: bool) -> Vec<String> {
    let mut env = vec![
        DEFAULT_PATH.to_string(),
        format!("HOSTNAME={}", config.hostname),
    ];
    if tty {
        env.push("TERM=xterm".to_string());
    }
    override_env(&mut env, config.env.as_deref().unwrap_or_default());
    env
}

/// Sets variables: one that is there is replaced, a name without a value removes it.
pub fn override_env(env: &mut Vec<String>, overrides: &[String]) {
    for variable in overrides {
        let (name, value) = variable
            .split_once('=')
            .map_or((variable.as_str(), None), |(name, value)| {
                (name, Some(value))
            });
        let at = env
            .iter()
            .position(|known| known.split('=').next() == Some(name));
        match (at, value) {
            (Some(at), Some(_)) => env[at].clone_from(variable),
            (Some(at), None) => drop(env.remove(at)),
            (None, Some(_)) => env.push(variable.clone()),
            (None, None) => {}
        }
    }
}

fn rlimits(host: &HostConfig) -> Vec<Rlimit> {
    // -1 is "unlimited".
    let limit = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    let one = |ulimit: &glassdock_api::container::Ulimit| Rlimit {
        kind: format!("RLIMIT_{}", ulimit.name.to_uppercase()),
        hard: limit(ulimit.hard),
        soft: limit(ulimit.soft),
    };
    host.ulimits.iter().flatten().map(one).collect()
}

/// Whether `no-new-privileges` is among the security options.
pub fn no_new_privileges(host: &HostConfig) -> bool {
    let given = host.security_opt.iter().flatten();
    let on = |option: &String| {
        matches!(
            option.as_str(),
            "no-new-privileges" | "no-new-privileges=true" | "no-new-privileges:true"
        )
    };
    given
        .rev()
        .find(|option| option.starts_with("no-new-privileges"))
        .is_some_and(on)
}

/// The filter of system calls: none where the kernel has none, where none is wanted, and for a privileged container that asks
/// for none.
///
/// # Errors
/// 400 for a profile that is none, or that the kernel has no filter for.
pub fn filter(
    host: &HostConfig,
    facts: &Facts,
    capabilities: &[String],
) -> Result<Option<Seccomp>> {
    let options = host.security_opt.iter().flatten().rev();
    let asked = options
        .filter_map(|option| {
            let (key, value) = option.split_once(['=', ':'])?;
            (key == "seccomp").then_some(value)
        })
        .next();
    match asked {
        Some("unconfined") => Ok(None),
        None if host.privileged => Ok(None),
        None | Some("builtin") if !facts.seccomp => Ok(None),
        Some(_) if !facts.seccomp => Err(ApiError::invalid(
            "seccomp is not enabled in your kernel, cannot run a custom seccomp profile",
        )),
        None | Some("builtin") => Ok(Some(seccomp::builtin(capabilities))),
        Some(profile) => seccomp::load(profile, capabilities, &facts.kernel).map(Some),
    }
}

fn namespaces(host: &HostConfig, facts: &Facts) -> Vec<Namespace> {
    let private = |mode: &str| mode != "host";
    let kinds = [
        (NamespaceKind::Mount, true),
        (
            NamespaceKind::Network,
            facts.net_namespace && private(&host.network_mode),
        ),
        (NamespaceKind::Uts, private(&host.uts_mode)),
        (NamespaceKind::Pid, private(&host.pid_mode)),
        (NamespaceKind::Ipc, private(&host.ipc_mode)),
        (NamespaceKind::Cgroup, host.cgroupns_mode == "private"),
    ];
    let new = |kind| Namespace {
        kind,
        path: String::new(),
    };
    kinds
        .into_iter()
        .filter(|(_, private)| *private)
        .map(|(kind, _)| new(kind))
        .collect()
}

/// A mount that is to receive or to pass on mounts needs a root that does.
fn root_propagation(mounts: &Mounts) -> String {
    let any = |suffix: &str| {
        mounts
            .binds
            .iter()
            .any(|bind| bind.propagation.ends_with(suffix))
    };
    match () {
        () if any("shared") => "shared".to_string(),
        () if any("slave") => "rslave".to_string(),
        () => String::new(),
    }
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.to_string(),
        kind: kind.to_string(),
        source: source.to_string(),
        options: options.iter().map(|option| option.to_string()).collect(),
        ..Mount::default()
    }
}

fn default_mounts(host: &HostConfig, facts: &Facts) -> Vec<Mount> {
    let shm = format!("size={}", host.shm_size);
    let sys = if host.privileged { "rw" } else { "ro" };
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", sys],
        ),
        mount(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &shm],
        ),
    ];
    if facts.cgroups.mounted {
        let options = ["nosuid", "noexec", "nodev", "relatime", sys];
        mounts.push(mount("/sys/fs/cgroup", "cgroup", "cgroup", &options));
    }
    // A kernel built without them has nothing to show there; one that does not say is taken to have all.
    for kind in ["sysfs", "mqueue"] {
        if !facts.filesystems.is_empty() && !facts.filesystems.iter().any(|known| known == kind) {
            mounts.retain(|mount| mount.kind != kind);
        }
    }
    if host.ipc_mode == "none" {
        mounts.retain(|mount| mount.destination != "/dev/shm");
    }
    mounts
}

fn all_mounts(input: &SpecInput<'_>) -> Vec<Mount> {
    let asked = asked_mounts(input);
    let covers = |destination: &str| asked.iter().any(|mount| mount.destination == destination);
    let covers_dev = covers("/dev");
    let mut mounts = default_mounts(input.host, input.facts);
    mounts.retain(|mount| {
        !(covers(&mount.destination) || covers_dev && mount.destination.starts_with("/dev/"))
    });
    if input.host.readonly_rootfs {
        for mount in &mut mounts {
            let stays = ["/proc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"]
                .contains(&mount.destination.as_str());
            if !stays && !mount.options.iter().any(|option| option == "ro") {
                mount.options.push("ro".to_string());
            }
        }
    }
    mounts.extend(asked);
    mounts
}

/// What was asked for and Docker's own files, the shorter paths first, since a mount hides what is below it.
fn asked_mounts(input: &SpecInput<'_>) -> Vec<Mount> {
    let mut mounts = Vec::new();
    for tmpfs in &input.mounts.tmpfs {
        let options: Vec<&str> = tmpfs.options.iter().map(String::as_str).collect();
        mounts.push(mount(&tmpfs.destination, "tmpfs", "tmpfs", &options));
    }
    for bind in &input.mounts.binds {
        let mut options = vec![if bind.non_recursive { "bind" } else { "rbind" }];
        options.extend((!bind.writable).then_some("ro"));
        options.push(&bind.propagation);
        mounts.push(mount(&bind.destination, "bind", &bind.source, &options));
    }
    for (destination, source) in ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]
        .into_iter()
        .zip(input.files)
    {
        if !input.mounts.covers(destination) {
            let mut options = vec!["rbind", "rprivate"];
            options.extend(input.host.readonly_rootfs.then_some("ro"));
            mounts.push(mount(destination, "bind", source, &options));
        }
    }
    mounts.sort_by_key(|mount| mount.destination.matches('/').count());
    mounts
}

#[cfg(test)]
mod tests;
