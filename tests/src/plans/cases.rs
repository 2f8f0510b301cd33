//! The containers that are compared.

use super::Document;
use anyhow::{Context, Result, bail};
use glassdock_oci::runtime::{
    Capabilities, Device, IdMapping, Linux, Mount, Namespace, NamespaceKind, Process, Resources,
    Rlimit, Seccomp, SeccompRule, Spec, TimeOffset,
};
use glassdock_runtime::cgroups::Group;
use glassdock_runtime::plan::{FileKind, HostFacts};

/// Their names.
pub const NAMES: [&str; 17] = [
    "plain",
    "terminal",
    "read-only root",
    "many mounts",
    "limits of the process and another user",
    "all capabilities",
    "no new privileges and ambient capabilities",
    "a filter of system calls",
    "a filter and no new privileges",
    "devices of its own",
    "parameters, names and a network",
    "the host's namespace of processes",
    "a user namespace",
    "a time namespace",
    "a control group",
    "a further process",
    "a further process in a user namespace",
];

/// Those that need controllers of version 2.
pub const UNIFIED_NAMES: [&str; 1] = ["limits of a control group"];

/// Where hosts show their control groups; those of version 2 alone have this file there.
const UNIFIED: &str = "/sys/fs/cgroup/cgroup.controllers";

/// The names of the cases that this host can have.
pub fn names() -> Vec<&'static str> {
    let unified = std::path::Path::new(UNIFIED).exists();
    let more = UNIFIED_NAMES.iter().filter(|_| unified);
    NAMES.iter().chain(more).copied().collect()
}

/// Directory of all that the containers have. Tests may be processes of their own, beside each other.
pub fn base() -> String {
    format!("/var/tmp/glassdock-plans-{}", std::process::id())
}

/// Where the hierarchy of version 2 is mounted for them.
pub fn groups_mount() -> String {
    format!("{}/groups", base())
}

/// The group's path in it.
pub fn group() -> String {
    format!("/{}", base().trim_start_matches('/').replace('/', "-"))
}

const CONFIG: &str = include_str!("../../../crates/runtime/tests/scenarios/docker.json");

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The document of a case.
///
/// # Errors
/// An unknown name.
pub fn document(name: &str) -> Result<Document> {
    let mut spec: Spec = serde_json::from_str(CONFIG)?;
    let mut exec = None;
    let mut sources = Vec::new();
    let mut groups = Vec::new();
    {
        let process = spec.process.as_mut().context("process")?;
        process.args = words(&["true"]);
        let linux = spec.linux.as_mut().context("linux")?;
        // A file, a directory, and what is not there, the same on both kernels.
        linux.masked_paths = words(&["/proc/version", "/tmp", "/proc/nothing"]);
        linux.readonly_paths = words(&["/proc/sys", "/proc/nothing"]);
        match name {
            "plain" => {}
            "terminal" => {
                process.terminal = true;
            }
            "read-only root" => {
                spec.root.as_mut().context("root")?.readonly = true;
                linux.rootfs_propagation = "slave".to_owned();
            }
            "many mounts" => {
                for at in 0..20 {
                    let source = format!("{}/sources/{}", base(), at % 2);
                    sources.push((source.clone(), FileKind::Directory));
                    spec.mounts.push(Mount {
                        destination: format!("/tmp/mounts/{at}/deep"),
                        kind: "bind".to_owned(),
                        source,
                        options: words(match at % 3 {
                            0 => &["rbind", "ro"],
                            1 => &["bind", "nosuid", "rro", "rnoatime", "private"],
                            _ => &["rbind", "rslave"],
                        }),
                        ..Mount::default()
                    });
                }
            }
            "limits of the process and another user" => {
                let limit = |kind: &str, soft, hard| Rlimit {
                    kind: kind.to_owned(),
                    soft,
                    hard,
                };
                process.rlimits = vec![
                    limit("RLIMIT_NOFILE", 64, 128),
                    limit("RLIMIT_CORE", 0, 0),
                    limit("RLIMIT_NPROC", 100, 200),
                ];
                process.user.uid = 1000;
                process.user.gid = 100;
                process.user.additional_gids = vec![5, 20];
                process.user.umask = Some(0o077);
                process.oom_score_adj = Some(500);
                process.cwd = "/tmp".to_owned();
            }
            "all capabilities" => {
                let all = glassdock_runtime::plan::capabilities();
                process.capabilities = Some(Capabilities {
                    bounding: all.clone(),
                    effective: all.clone(),
                    permitted: all.clone(),
                    inheritable: all.clone(),
                    ambient: all,
                });
            }
            "no new privileges and ambient capabilities" => {
                process.no_new_privileges = true;
                process.user.uid = 7;
                let few = words(&["CAP_NET_BIND_SERVICE", "CAP_KILL"]);
                process.capabilities = Some(Capabilities {
                    bounding: few.clone(),
                    effective: few.clone(),
                    permitted: few.clone(),
                    inheritable: few.clone(),
                    ambient: few,
                });
            }
            "a filter of system calls" | "a filter and no new privileges" => {
                process.no_new_privileges = name.ends_with("privileges");
                process.user.uid = 7;
                linux.seccomp = Some(Seccomp {
                    default_action: "SCMP_ACT_ALLOW".to_owned(),
                    syscalls: vec![SeccompRule {
                        names: words(&["mkdir", "mkdirat", "unshare"]),
                        action: "SCMP_ACT_ERRNO".to_owned(),
                        ..SeccompRule::default()
                    }],
                    ..Seccomp::default()
                });
            }
            "devices of its own" => {
                let device = |path: &str, kind: &str, major, minor| Device {
                    path: path.to_owned(),
                    kind: kind.to_owned(),
                    major,
                    minor,
                    file_mode: Some(0o640),
                    uid: Some(1),
                    gid: Some(2),
                };
                linux.devices = vec![
                    device("/dev/mine", "c", 1, 5),
                    device("/dev/deep/other", "c", 1, 3),
                    device("/dev/pipe", "p", 0, 0),
                ];
            }
            "parameters, names and a network" => {
                spec.domainname = "sea".to_owned();
                linux.sysctl = [("kernel.domainname".to_owned(), "glass".to_owned())].into();
                linux.namespaces.push(Namespace {
                    kind: NamespaceKind::Network,
                    path: String::new(),
                });
            }
            "the host's namespace of processes" => {
                linux
                    .namespaces
                    .retain(|namespace| namespace.kind != NamespaceKind::Pid);
                linux.namespaces.push(Namespace {
                    kind: NamespaceKind::Pid,
                    path: "/proc/self/ns/pid".to_owned(),
                });
            }
            "a user namespace" => {
                own_users(linux);
                process.user.uid = 1000;
                process.user.gid = 100;
                process.user.additional_gids = vec![5];
                process.rlimits = vec![Rlimit {
                    kind: "RLIMIT_NOFILE".to_owned(),
                    soft: 64,
                    hard: 128,
                }];
                process.oom_score_adj = Some(500);
                spec.root.as_mut().context("root")?.readonly = true;
                for (at, options) in [words(&["rbind", "ro"]), words(&["rbind"])]
                    .into_iter()
                    .enumerate()
                {
                    let source = format!("{}/sources/{at}", base());
                    sources.push((source.clone(), FileKind::Directory));
                    spec.mounts.push(Mount {
                        destination: format!("/mnt/{at}"),
                        kind: "bind".to_owned(),
                        source,
                        options,
                        ..Mount::default()
                    });
                }
            }
            "a time namespace" => {
                linux.namespaces.push(Namespace {
                    kind: NamespaceKind::Time,
                    path: String::new(),
                });
                let offset = |secs, nanosecs| TimeOffset { secs, nanosecs };
                linux.time_offsets = [
                    ("boottime".to_owned(), offset(1_000_000, 0)),
                    ("monotonic".to_owned(), offset(7, 500)),
                ]
                .into();
            }
            "a control group" => {
                linux.namespaces.push(Namespace {
                    kind: NamespaceKind::Cgroup,
                    path: String::new(),
                });
                spec.mounts.push(Mount {
                    destination: "/sys/fs/cgroup".to_owned(),
                    kind: "cgroup".to_owned(),
                    source: "cgroup".to_owned(),
                    options: words(&["nosuid", "noexec", "nodev", "ro"]),
                    ..Mount::default()
                });
                groups.push(Group {
                    // A hierarchy that both kernels have, with no controllers.
                    controllers: Vec::new(),
                    unified: true,
                    mount: groups_mount(),
                    path: group(),
                    cpuset: None,
                });
            }
            "limits of a control group" => {
                linux.resources = Some(limits()?);
                groups.push(Group {
                    controllers: words(&["cpuset", "cpu", "memory", "pids"]),
                    unified: true,
                    mount: groups_mount(),
                    path: group(),
                    cpuset: None,
                });
            }
            "a further process" | "a further process in a user namespace" => {
                if name.ends_with("user namespace") {
                    own_users(linux);
                }
                let further = Process {
                    args: words(&["true"]),
                    env: words(&["A=1", "PATH=/bin"]),
                    cwd: "/tmp".to_owned(),
                    ..process.clone()
                };
                exec = Some(further);
            }
            other => bail!("there is no case {other:?}"),
        }
    }
    Ok(Document {
        spec,
        bundle: base(),
        facts: HostFacts {
            bounding: bounding()?,
            sources: sources.into_iter().collect(),
            stdio: [None; 3],
            groups,
            ..HostFacts::default()
        },
        exec,
    })
}

/// Limits of every controller.
fn limits() -> Result<Resources> {
    let limits = serde_json::json!({
        "memory": {"limit": 67_108_864, "swap": 67_108_864, "reservation": 33_554_432},
        "pids": {"limit": 20},
        "cpu": {"shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0", "mems": "0"},
        "unified": {"memory.oom.group": "1", "cgroup.max.depth": "5"},
    });
    Ok(serde_json::from_value(limits)?)
}

/// Gives a container a user namespace, in which its root is an ordinary user of the host.
fn own_users(linux: &mut Linux) {
    linux.namespaces.push(Namespace {
        kind: NamespaceKind::User,
        path: String::new(),
    });
    let mappings = [(0, 100_000, 1000), (1000, 1000, 1), (1001, 101_000, 64_000)];
    linux.uid_mappings = mappings
        .into_iter()
        .map(|(container_id, host_id, size)| IdMapping {
            container_id,
            host_id,
            size,
        })
        .collect();
    linux.gid_mappings = linux.uid_mappings.clone();
}

/// What this machine's processes may have at most: no plan may ask for more, on either kernel.
fn bounding() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    Ok(u64::from_str_radix(line.context("CapBnd")?.trim(), 16)?)
}
