//! The plan of a new container.

use super::mounts::{self, Sources, Surroundings};
use super::paths::Slots;
use super::root::root;
use super::spaces::{NAMESPACES, Spaces, loopback, space};
use super::{
    Expect, Hooks, HostFacts, Item, MAX_PATHS, Plan, PlanError, Slot, SlotKind, Step, absolute,
    cgroups, process,
};
use crate::{seccomp, why};
use glassdock_abi::Call;
use glassdock_abi::flags::{CloneFlags, WaitFlags};
use glassdock_abi::types::{CloneArgs, WaitFor, signal};
use glassdock_oci::runtime::{Hook, Linux, NamespaceKind, Process, Spec, Status};

/// Plans the container of a specification. `bundle` is the absolute path of its directory.
///
/// The slots `start` (the descriptor on which the child waits for its start) and `console` (the socket that takes the
/// terminal, when there is one) are filled from outside.
pub fn create(spec: &Spec, bundle: &str, facts: &HostFacts) -> Result<Plan, PlanError> {
    let default = Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&default);
    let process = spec
        .process
        .as_ref()
        .ok_or_else(|| PlanError::invalid("process", "it is missing"))?;
    let warnings = check(spec, linux, bundle, facts)?;
    process::check(process)?;
    let hooks = Moments::of(spec, bundle)?;
    let mut slots = Slots::default();
    let start = slots.fd("start");
    let namespaces = Spaces::of(linux, facts)?;
    let groups = cgroups::create(&mut slots, linux, &facts.groups)?;
    let ids = namespaces.ids.as_ref();
    let mut child: Vec<Item> = ids.map(|_| Item::AwaitRelease).into_iter().collect();
    child.extend(groups.enter.iter().cloned());
    if namespaces.new.contains(CloneFlags::NEWCGROUP) {
        child.push(cgroups::namespace());
    }
    let mapped = mounts::mapped(&mut slots, &spec.mounts, bundle, &namespaces)?;
    let around = Surroundings {
        bundle,
        facts,
        namespaces: &namespaces,
        sources: mapped.slots.clone(),
    };
    let (parent, rollback) = parent(
        &mut slots,
        &namespaces,
        groups,
        mapped,
        process,
        facts,
        &hooks,
    )?;
    child.extend(process::begin(&mut slots, process, ids, facts)?);
    child.extend(namespaces.enter(&mut slots));
    if namespaces.new.contains(CloneFlags::NEWNET) {
        child.extend(loopback(&mut slots));
    }
    let root = root(&mut slots, spec, linux, process, around)?;
    child.extend(root.prepare);
    child.extend(hooks.prepared());
    child.extend(root.change);
    // One that says nothing is none, as with runc.
    let asked = linux
        .seccomp
        .as_ref()
        .filter(|filter| !(filter.default_action.is_empty() && filter.syscalls.is_empty()));
    let filter = asked.map(seccomp::compile).transpose()?;
    if filter.is_some() && !facts.seccomp {
        return Err(PlanError::unsupported(
            "linux.seccomp",
            "a system-call filter",
        ));
    }
    let finish = process::finish(&mut slots, process, filter.as_ref(), facts, ids)?;
    child.extend(finish.items);
    child.push(Item::Ready);
    child.push(
        Step::new(
            Call::Read {
                fd: start.fd(),
                count: 1,
            },
            why::AWAIT_START,
            "runtime.md#start",
        )
        .expect(Expect::Bytes(1))
        .into(),
    );
    child.push(
        Step::new(
            Call::Close { fd: start.fd() },
            why::START_CLOSE,
            "runtime.md#start",
        )
        .into(),
    );
    child.extend(hooks.start);
    child.push(finish.exec);
    Ok(Plan {
        slots: slots.done(),
        parent,
        child,
        rollback,
        warnings,
    })
}

/// The hooks that are run while a container is made and started; none where there is nothing to run.
#[derive(Default)]
struct Moments {
    /// By the parent, when the container's namespaces and mounts are there.
    runtime: Vec<Item>,
    /// By the child, before it changes its root.
    container: Vec<Item>,
    /// By the child, when it is started.
    start: Vec<Item>,
}

impl Moments {
    fn of(spec: &Spec, bundle: &str) -> Result<Moments, PlanError> {
        let Some(hooks) = &spec.hooks else {
            return Ok(Moments::default());
        };
        crate::hooks::check(hooks)?;
        let item = |programs: &Vec<Hook>, dir: &str, status| {
            let (programs, dir) = (programs.clone(), dir.to_owned());
            (!programs.is_empty()).then_some(Item::Hooks(Hooks {
                programs,
                dir,
                status,
            }))
        };
        let root = spec.root.as_ref().map_or("", |root| &root.path);
        let creating = Status::Creating;
        let before = item(&hooks.prestart, bundle, creating);
        let runtime = item(&hooks.create_runtime, bundle, creating);
        let container = item(&hooks.create_container, &absolute(root, bundle), creating);
        Ok(Moments {
            runtime: before.into_iter().chain(runtime).collect(),
            container: container.into_iter().collect(),
            start: item(&hooks.start_container, "/", Status::Created)
                .into_iter()
                .collect(),
        })
    }

    /// What the child does between the mounts and the change of root.
    fn prepared(&self) -> Vec<Item> {
        let mut items = Vec::new();
        if !self.runtime.is_empty() {
            items.extend([Item::Prepared, Item::AwaitRelease]);
        }
        items.extend(self.container.iter().cloned());
        items
    }
}

/// Refuses what is not supported and collects what is passed over.
fn check(
    spec: &Spec,
    linux: &Linux,
    bundle: &str,
    facts: &HostFacts,
) -> Result<Vec<String>, PlanError> {
    if !spec.oci_version.starts_with("1.") {
        return Err(PlanError::unsupported(
            "ociVersion",
            format!("version {:?}", spec.oci_version),
        ));
    }
    if !bundle.starts_with('/') {
        return Err(PlanError::invalid("bundle", "it must be an absolute path"));
    }
    let refused = [
        ("linux.mountLabel", !linux.mount_label.is_empty(), "SELinux"),
        (
            "linux.intelRdt",
            linux.intel_rdt.is_some(),
            "resource director technology",
        ),
        (
            "linux.netDevices",
            !linux.net_devices.is_empty(),
            "moving network devices",
        ),
        (
            "linux.personality",
            linux
                .personality
                .as_ref()
                .is_some_and(|p| p.domain != "LINUX" || !p.flags.is_empty()),
            "another execution domain",
        ),
    ];
    if let Some((field, _, what)) = refused.into_iter().find(|(_, present, _)| *present) {
        return Err(PlanError::unsupported(field, what));
    }
    let paths = linux.masked_paths.len()
        + linux.readonly_paths.len()
        + linux.devices.len()
        + linux.sysctl.len();
    if paths > MAX_PATHS {
        return Err(PlanError::invalid(
            "linux",
            format!("more than {MAX_PATHS} paths, devices and parameters"),
        ));
    }
    let mut warnings = Vec::new();
    let devices = linux
        .resources
        .as_ref()
        .map_or(0, |resources| resources.devices.len());
    if devices > 0 && !facts.groups.iter().any(|group| group.has("devices")) {
        warnings.push("linux.resources.devices: access to devices is not limited".to_owned());
    }
    if !linux.cgroups_path.is_empty() && facts.groups.is_empty() {
        warnings.push("linux.cgroupsPath: no control groups are mounted".to_owned());
    }
    Ok(warnings)
}

fn parent(
    slots: &mut Slots,
    namespaces: &Spaces,
    groups: cgroups::Steps,
    mapped: Sources,
    process: &Process,
    facts: &HostFacts,
    hooks: &Moments,
) -> Result<(Vec<Item>, Vec<Item>), PlanError> {
    let mut items = groups.before;
    items.extend(mapped.open);
    let around = namespaces.around_birth(slots);
    let ids = namespaces.ids.as_ref();
    if let Some(ids) = ids {
        items.extend(process::streams_outside(process, facts, ids)?);
    }
    items.extend(around.before);
    let names: Vec<&str> = [
        NamespaceKind::Pid,
        NamespaceKind::Mount,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Network,
        NamespaceKind::User,
        NamespaceKind::Time,
    ]
    .into_iter()
    .map(space)
    .filter(|(_, flag)| flag.is_some_and(|flag| namespaces.new.contains(flag)))
    .map(|(name, _)| name)
    .collect();
    // The child takes its view of the control groups when it is in its own; its clocks are there already.
    let flags = namespaces.new - CloneFlags::NEWCGROUP - CloneFlags::NEWTIME;
    let (clone, mut rollback) = birth(slots, flags, groups.born, why::CLONE, names.join(", "));
    items.push(clone);
    items.extend(around.after);
    items.extend(mapped.close);
    items.extend(groups.after);
    if let Some(ids) = ids {
        items.extend(ids.write(slots));
        items.extend(process::from_outside(slots, process)?);
        items.push(Item::Release);
    }
    match hooks.runtime.is_empty() {
        true => {
            items.push(Item::AwaitReady);
            items.extend(groups.limits);
        }
        // They may look at the limits, and the child may change its root after them only.
        false => {
            items.push(Item::AwaitPrepared);
            items.extend(groups.limits);
            items.extend(hooks.runtime.iter().cloned());
            items.extend([Item::Release, Item::AwaitReady]);
        }
    }
    rollback.extend(groups.undo);
    Ok((items, rollback))
}

/// The clone, and how it is undone.
pub(super) fn birth(
    slots: &mut Slots,
    flags: CloneFlags,
    cgroup: Option<Slot>,
    why: &'static str,
    arg: String,
) -> (Item, Vec<Item>) {
    let pid = slots.get("child", SlotKind::Pid);
    let args = CloneArgs {
        flags,
        exit_signal: signal::CHLD,
        cgroup: cgroup.map(Slot::fd),
    };
    let clone = Step::new(Call::Clone3 { args }, why, NAMESPACES)
        .arg(arg)
        .yields(pid)
        .failure("clone");
    let kill = Call::Kill {
        pid: pid.pid(),
        signal: signal::KILL,
    };
    let reap = Call::Waitid {
        which: WaitFor::Pid(pid.pid()),
        options: WaitFlags::EXITED,
    };
    let rollback = vec![
        Step::new(kill, why::KILL_CHILD, "runtime.md#create").into(),
        Step::new(reap, why::REAP_CHILD, "runtime.md#create").into(),
    ];
    (clone.into(), rollback)
}
