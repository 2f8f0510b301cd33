//! What is changed inside the root: kernel parameters, paths that are read-only, paths that are hidden.

use super::mounts::mount;
use super::paths::{self, Slots};
use super::spaces::{Spaces, space};
use super::{Item, PlanError, Slot, Step, options};
use crate::why;
use glassdock_abi::flags::{MountFlags, OpenFlags, ResolveFlags};
use glassdock_abi::{Call, Errno};
use glassdock_oci::runtime::{Linux, NamespaceKind, Spec};

/// Kernel parameters that a namespace has for itself, as runc allows them.
///
/// They are opened from the mount at `/proc` on, without links and further mounts on the way: what a volume or an image put
/// there must not turn the write to another file of the kernel's (runc: CVE-2025-52881).
pub(super) fn sysctls(
    slots: &mut Slots,
    root: Slot,
    linux: &Linux,
    namespaces: &Spaces,
) -> Result<Vec<Item>, PlanError> {
    const IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let proc = slots.fd("proc");
    let mut items: Vec<Item> = Vec::new();
    if !linux.sysctl.is_empty() {
        let open = paths::open(root, &["proc"], OpenFlags::DIRECTORY, proc);
        items.push(paths::without_links(open).into());
    }
    for (name, value) in &linux.sysctl {
        let field = format!("linux.sysctl[{name:?}]");
        let dotted = name.replace('/', ".");
        let kind = if IPC.contains(&&*dotted) || dotted.starts_with("fs.mqueue.") {
            NamespaceKind::Ipc
        } else if dotted.starts_with("net.") {
            NamespaceKind::Network
        } else if dotted == "kernel.domainname" {
            NamespaceKind::Uts
        } else {
            return Err(PlanError::invalid(
                field,
                "it is not in a separate kernel namespace",
            ));
        };
        if !namespaces.own(kind) {
            return Err(PlanError::invalid(
                field,
                format!(
                    "it is not allowed in the host's {} namespace",
                    space(kind).0
                ),
            ));
        }
        let relative = format!("sys/{}", dotted.replace('.', "/"));
        let parts = paths::components(&relative, &field)?;
        let file = slots.fd("sysctl");
        let mut how = paths::inside(OpenFlags::WRONLY);
        how.resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let open = Call::Openat2 {
            dirfd: proc.fd(),
            path: relative.as_str().into(),
            how,
        };
        let write = Call::Write {
            fd: file.fd(),
            data: value.clone().into_bytes(),
        };
        let failure = format!("write sysctl {name}");
        items.extend([
            Step::new(open, why::OPEN_INSIDE, "config-linux.md#sysctl")
                .arg(format!("/proc/{}", parts.join("/")))
                .yields(file)
                .failure(&failure)
                .into(),
            Step::new(write, why::SYSCTL_WRITE, "config-linux.md#sysctl")
                .arg(name)
                .failure(failure)
                .into(),
            paths::close(file),
        ]);
    }
    if !items.is_empty() {
        items.push(paths::close(proc));
    }
    Ok(items)
}

/// Flags that a mount at or above `path` has been given and that a remount must not take away.
fn kept_flags(spec: &Spec, path: &[&str]) -> MountFlags {
    let keep = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    spec.mounts
        .iter()
        .enumerate()
        .filter_map(|(index, mount)| {
            let at = paths::components(&mount.destination, "").ok()?;
            let options = options::parse(&mount.options, &format!("mounts[{index}]")).ok()?;
            path.starts_with(&at)
                .then_some((at.len(), options.flags & keep))
        })
        .max_by_key(|(depth, _)| *depth)
        .map_or(MountFlags::empty(), |(_, flags)| flags)
}

/// Paths that are made read-only.
pub(super) fn readonly_paths(
    slots: &mut Slots,
    root: Slot,
    linux: &Linux,
    spec: &Spec,
) -> Result<Vec<Item>, PlanError> {
    const CLAUSE: &str = "config-linux.md#readonly-paths";
    let target = slots.fd("target");
    let mut items: Vec<Item> = Vec::new();
    for (index, path) in linux.readonly_paths.iter().enumerate() {
        let parts = below_root(path, &format!("linux.readonlyPaths[{index}]"))?;
        let failure = format!("can't make {path:?} read-only");
        let onto_itself = mount(
            target.proc_path(),
            target.proc_path(),
            "",
            MountFlags::BIND | MountFlags::REC,
            "",
        );
        let flags = MountFlags::BIND | MountFlags::REMOUNT | MountFlags::RDONLY;
        let remount = mount(
            "",
            target.proc_path(),
            "",
            flags | kept_flags(spec, &parts),
            "",
        );
        let open = paths::open(root, &parts, OpenFlags::empty(), target);
        let open = Step {
            clause: CLAUSE,
            ..open
        }
        .failure(&failure);
        let then = vec![
            Step::new(onto_itself, why::READONLY_BIND, CLAUSE)
                .arg(path)
                .failure(&failure)
                .into(),
            paths::close(target),
            open.clone().into(),
            Step::new(remount, why::READONLY_FLAGS, CLAUSE)
                .arg(path)
                .failure(&failure)
                .into(),
            paths::close(target),
        ];
        items.push(open.accept(Errno::ENOENT).then(then).into());
    }
    Ok(items)
}

/// Paths that are hidden, by nothing where they are files and by an empty directory where they are directories.
pub(super) fn masked_paths(
    slots: &mut Slots,
    root: Slot,
    linux: &Linux,
) -> Result<Vec<Item>, PlanError> {
    const CLAUSE: &str = "config-linux.md#masked-paths";
    let target = slots.fd("target");
    let mut items: Vec<Item> = Vec::new();
    for (index, path) in linux.masked_paths.iter().enumerate() {
        let parts = below_root(path, &format!("linux.maskedPaths[{index}]"))?;
        let failure = format!("can't mask path {path:?}");
        let null = mount("/dev/null", target.proc_path(), "", MountFlags::BIND, "");
        let empty = mount("tmpfs", target.proc_path(), "tmpfs", MountFlags::RDONLY, "");
        let directory = Step::new(empty, why::MASK_DIRECTORY, CLAUSE)
            .arg(path)
            .failure(&failure);
        let open = Step {
            clause: CLAUSE,
            ..paths::open(root, &parts, OpenFlags::empty(), target)
        };
        let then = vec![
            Step::new(null, why::MASK_FILE, CLAUSE)
                .arg(path)
                .failure(&failure)
                .instead(Errno::ENOTDIR, vec![directory.into()])
                .into(),
            paths::close(target),
        ];
        items.push(
            open.failure(failure)
                .accept(Errno::ENOENT)
                .then(then)
                .into(),
        );
    }
    Ok(items)
}

fn below_root<'a>(path: &'a str, field: &str) -> Result<Vec<&'a str>, PlanError> {
    let parts = paths::components(path, field)?;
    if parts.is_empty() || !path.starts_with('/') {
        return Err(PlanError::invalid(
            field,
            "it must be an absolute path below the root",
        ));
    }
    Ok(parts)
}
