//! A container's control groups: made and opened before its process is, entered by it at once, limited before it starts
//! (config-linux.md, "Control groups").
//!
//! A process is born into its group of version 2. It enters those of version 1 itself, by writing `0` to their `tasks`: for a
//! single thread that moves itself the kernel takes no lock over all processes, for which it would wait several milliseconds.
//! The files are opened by the parent, since the child may be nobody by then: the kernel asks who opened them.

use super::paths::{self, Slots};
use super::{Item, PlanError, Slot, Step};
use crate::cgroups::{Group, Setting, device_settings, settings};
use crate::why;
use glassdock_abi::flags::{AtFlags, CloneFlags, OpenFlags};
use glassdock_abi::{Call, Errno, Fd};
use glassdock_oci::runtime::Linux;

const CLAUSE: &str = "config-linux.md#cgroups-path";
const LIMITS: &str = "config-linux.md#control-groups";

/// Names of slots for the files of hierarchies of version 1, by their first controller. One that is not known here has no
/// group for containers.
const LEGACY: [(&str, &str); 14] = [
    ("cpu", "cgroup-cpu"),
    ("cpuacct", "cgroup-cpuacct"),
    ("cpuset", "cgroup-cpuset"),
    ("memory", "cgroup-memory"),
    ("devices", "cgroup-devices"),
    ("freezer", "cgroup-freezer"),
    ("blkio", "cgroup-blkio"),
    ("pids", "cgroup-pids"),
    ("hugetlb", "cgroup-hugetlb"),
    ("net_cls", "cgroup-net_cls"),
    ("net_prio", "cgroup-net_prio"),
    ("perf_event", "cgroup-perf_event"),
    ("rdma", "cgroup-rdma"),
    ("misc", "cgroup-misc"),
];

/// What is to be done about control groups, and by whom.
#[derive(Default)]
pub(super) struct Steps {
    /// The parent, before the child is born.
    pub before: Vec<Item>,
    /// The directory that the child is born into.
    pub born: Option<Slot>,
    /// The child, at once.
    pub enter: Vec<Item>,
    /// The parent, when the child is born: its own files.
    pub after: Vec<Item>,
    /// The parent, when everything in the container is made.
    pub limits: Vec<Item>,
    /// How the groups are removed.
    pub undo: Vec<Item>,
}

/// Whether containers have a group in a hierarchy.
pub(crate) fn is_known(group: &Group) -> bool {
    group.unified || slot_name(group).is_some()
}

fn slot_name(group: &Group) -> Option<&'static str> {
    let first = group.controllers.first()?;
    if first.starts_with("name=") {
        return Some("cgroup-named");
    }
    let known = LEGACY.iter().find(|(controller, _)| controller == first);
    known.map(|(_, slot)| *slot)
}

/// For a new container.
pub(super) fn create(
    slots: &mut Slots,
    linux: &Linux,
    groups: &[Group],
) -> Result<Steps, PlanError> {
    let mut steps = Steps::default();
    if let Some(group) = groups.iter().find(|group| group.path == "/") {
        return Err(PlanError::invalid(
            "linux.cgroupsPath",
            format!("it is the top of {}, which is everybody's", group.mount),
        ));
    }
    for group in groups {
        steps.before.extend(make(slots, group));
    }
    // Again, from the leaves up.
    for group in groups.iter().rev() {
        let call = Call::Unlinkat {
            dirfd: Fd::CWD,
            path: group.dir(),
            flags: AtFlags::REMOVEDIR,
        };
        let step = Step::new(call, why::CGROUP_REMOVE, CLAUSE).arg(group.dir().to_string());
        steps.undo.push(step.into());
    }
    enter(slots, groups, &mut steps);
    let default = Default::default();
    let resources = linux.resources.as_ref().unwrap_or(&default);
    let devices = device_settings(&resources.devices, groups)?;
    for setting in devices.into_iter().chain(settings(resources, groups)?) {
        steps.limits.extend(limit(slots, &setting));
    }
    Ok(steps)
}

/// For a further process of a container.
pub(super) fn join(slots: &mut Slots, groups: &[Group]) -> Steps {
    let mut steps = Steps::default();
    enter(slots, groups, &mut steps);
    steps
}

/// Makes the directories down to a group. Those that are there already are somebody's, and stay as they are.
fn make(slots: &mut Slots, group: &Group) -> Vec<Item> {
    let mut items = Vec::new();
    let mut above = group.mount.clone();
    for dir in group.dirs() {
        if group.unified && !group.controllers.is_empty() {
            items.extend(hand_down(slots, group, &above));
        }
        let call = Call::Mkdirat {
            dirfd: Fd::CWD,
            path: dir.as_str().into(),
            mode: 0o755,
        };
        let made = Step::new(call, why::CGROUP_MAKE, CLAUSE)
            .arg(&dir)
            .failure(format!("unable to apply cgroup configuration: mkdir {dir}"))
            .accept(Errno::EEXIST)
            .then(cpuset(slots, group, &dir));
        items.push(made.into());
        above = dir;
    }
    items
}

/// Lets the groups below one of version 2 have its controllers. All at once; where one of them cannot be had, each alone: then a limit
/// that needs it fails, and nothing else.
fn hand_down(slots: &mut Slots, group: &Group, above: &str) -> Vec<Item> {
    let file = slots.fd("subtree");
    let path = format!("{above}/cgroup.subtree_control");
    let open = paths::open_host(&path, OpenFlags::WRONLY, file);
    let write = |controllers: &[String]| {
        let list: Vec<String> = controllers.iter().map(|name| format!("+{name}")).collect();
        let call = Call::Write {
            fd: file.fd(),
            data: list.join(" ").into_bytes(),
        };
        Step::new(call, why::CGROUP_HAND_DOWN, CLAUSE)
            .arg(controllers.join(", "))
            .arg(above)
    };
    // What the kernel answers for a controller that is not to be had: man 7 cgroups, "cgroup.subtree_control".
    let not_to_be_had = [
        Errno::ENOENT,
        Errno::EBUSY,
        Errno::EINVAL,
        Errno::EOPNOTSUPP,
    ];
    let each = || -> Vec<Item> {
        let alone = group.controllers.chunks(1);
        alone
            .map(|one| {
                let step = not_to_be_had
                    .into_iter()
                    .fold(write(one), |step, errno| step.accept(errno));
                step.into()
            })
            .collect()
    };
    let all = not_to_be_had
        .into_iter()
        .fold(write(&group.controllers), |step, errno| {
            step.instead(errno, each())
        });
    vec![
        Step {
            why: why::OPEN_HOST,
            clause: CLAUSE,
            args: vec![path.clone()],
            ..open
        }
        .failure(format!("unable to apply cgroup configuration: open {path}"))
        .into(),
        all.failure(format!(
            "unable to apply cgroup configuration: write {path}"
        ))
        .into(),
        paths::close(file),
    ]
}

/// Gives a new group of the cpuset controller of version 1 what the one above has.
fn cpuset(slots: &mut Slots, group: &Group, dir: &str) -> Vec<Item> {
    let Some(values) = &group.cpuset else {
        return Vec::new();
    };
    ["cpuset.cpus", "cpuset.mems"]
        .into_iter()
        .zip(values)
        .flat_map(|(name, value)| {
            let setting = Setting {
                path: format!("{dir}/{name}").into(),
                value: value.clone(),
            };
            put(slots, &setting, why::CGROUP_CPUSET)
        })
        .collect()
}

/// Opens, writes, closes.
fn put(slots: &mut Slots, setting: &Setting, why: &'static str) -> Vec<Item> {
    let file = slots.fd("limit");
    let path = setting.path.to_string();
    let failure = format!("error setting cgroup config for procHooks process: write {path}");
    let call = Call::Write {
        fd: file.fd(),
        data: setting.value.clone().into_bytes(),
    };
    vec![
        Step {
            clause: LIMITS,
            args: vec![path.clone()],
            ..paths::open_host(&path, OpenFlags::WRONLY, file)
        }
        .failure(&failure)
        .into(),
        Step::new(call, why, LIMITS)
            .arg(&path)
            .arg(&setting.value)
            .failure(failure)
            .into(),
        paths::close(file),
    ]
}

fn limit(slots: &mut Slots, setting: &Setting) -> Vec<Item> {
    put(slots, setting, why::CGROUP_LIMIT)
}

/// How a process gets into the groups.
fn enter(slots: &mut Slots, groups: &[Group], steps: &mut Steps) {
    for group in groups {
        let dir = group.dir().to_string();
        let failure = format!("unable to apply cgroup configuration: enter {dir}");
        let (slot, path, flags) = match slot_name(group) {
            _ if group.unified => (
                slots.fd("cgroup"),
                dir.clone(),
                OpenFlags::RDONLY | OpenFlags::DIRECTORY,
            ),
            Some(name) => (slots.fd(name), format!("{dir}/tasks"), OpenFlags::WRONLY),
            None => continue,
        };
        let open = Step {
            why: why::CGROUP_OPEN,
            clause: CLAUSE,
            args: vec![dir.clone()],
            ..paths::open_host(&path, flags, slot)
        }
        .failure(&failure);
        steps.before.push(open.into());
        steps.after.push(paths::close(slot));
        if group.unified {
            steps.born = Some(slot);
            continue;
        }
        let call = Call::Write {
            fd: slot.fd(),
            data: b"0".to_vec(),
        };
        steps.enter.push(
            Step::new(call, why::CGROUP_ENTER, CLAUSE)
                .arg(&dir)
                .failure(failure)
                .into(),
        );
    }
}

/// The container's own view of its groups, which begins where it is by then.
pub(super) fn namespace() -> Item {
    let call = Call::Unshare {
        flags: CloneFlags::NEWCGROUP,
    };
    Step::new(call, why::CGROUP_NAMESPACE, super::spaces::NAMESPACES)
        .failure("unshare the cgroup namespace")
        .into()
}
