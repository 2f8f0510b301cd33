//! Opening and making paths inside the root, so that no link leads out of it.

use super::slot::SlotInfo;
use super::{Item, MAX_COMPONENTS, PlanError, Slot, SlotKind, Step};
use crate::why;
use glassdock_abi::flags::{OpenFlags, ResolveFlags};
use glassdock_abi::types::OpenHow;
use glassdock_abi::{Call, Errno, Fd, PathArg};

/// Gives out slots.
#[derive(Default)]
pub(super) struct Slots(Vec<SlotInfo>);

impl Slots {
    /// A slot of this name and kind; the same one when the name is known.
    pub fn get(&mut self, name: &'static str, kind: SlotKind) -> Slot {
        let at = match self.0.iter().position(|info| info.name == name) {
            Some(at) => at,
            None => {
                self.0.push(SlotInfo { name, kind });
                self.0.len() - 1
            }
        };
        debug_assert!(
            at < super::slot::MAX_SLOTS,
            "names are constants of this crate, and mounts have a limit"
        );
        Slot(at as u16)
    }
    /// A further slot of this name, for one of many descriptors that are open at a time.
    pub fn another_fd(&mut self, name: &'static str) -> Slot {
        let kind = SlotKind::Fd;
        self.0.push(SlotInfo { name, kind });
        Slot((self.0.len() - 1) as u16)
    }
    /// A slot for a descriptor.
    pub fn fd(&mut self, name: &'static str) -> Slot {
        self.get(name, SlotKind::Fd)
    }
    /// All of them.
    pub fn done(self) -> Vec<SlotInfo> {
        self.0
    }
}

/// The components of a path in the container: absolute, without `.`, `..` taken as the specification's "cleaned" path
/// does. Empty for the root itself.
pub(super) fn components<'a>(path: &'a str, field: &str) -> Result<Vec<&'a str>, PlanError> {
    if path.contains('\0') {
        return Err(PlanError::invalid(field, "a NUL character is not allowed"));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.len() > MAX_COMPONENTS {
        return Err(PlanError::invalid(
            field,
            format!("more than {MAX_COMPONENTS} components"),
        ));
    }
    Ok(parts)
}

/// How paths inside the root are opened.
pub(super) fn inside(flags: OpenFlags) -> OpenHow {
    OpenHow {
        flags: flags | OpenFlags::CLOEXEC,
        mode: 0,
        resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    }
}

/// Opens `parts` below the directory in `root`, as a place only (`O_PATH`).
pub(super) fn open(root: Slot, parts: &[&str], flags: OpenFlags, into: Slot) -> Step {
    let path = if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    };
    let call = Call::Openat2 {
        dirfd: root.fd(),
        path: PathArg::from(path.as_str()),
        how: inside(flags | OpenFlags::PATH),
    };
    Step::new(call, why::OPEN_INSIDE, "config.md#mounts")
        .arg(format!("/{}", parts.join("/")))
        .yields(into)
}

/// What a missing last component becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Make {
    /// A directory.
    Directory,
    /// An empty file.
    File,
}

/// Steps that make `parts` below `root`, from the top down.
fn make(slots: &mut Slots, root: Slot, parts: &[&str], kind: Make) -> Vec<Item> {
    let failure = format!("create mountpoint for /{}", parts.join("/"));
    let (above, here) = (slots.fd("above"), slots.fd("here"));
    let mut items = Vec::new();
    for depth in 1..=parts.len() {
        let (done, name) = (&parts[..depth - 1], parts[depth - 1]);
        let last = depth == parts.len();
        let making = if last && kind == Make::File {
            let flags = OpenFlags::CREAT | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC;
            let file = slots.fd("file");
            vec![
                Step::new(
                    Call::Openat2 {
                        dirfd: above.fd(),
                        path: PathArg::from(name),
                        how: OpenHow {
                            flags,
                            mode: 0o755,
                            resolve: ResolveFlags::empty(),
                        },
                    },
                    why::MAKE_MOUNTPOINT,
                    "config.md#mounts",
                )
                .arg(format!("/{}", parts.join("/")))
                .failure(&failure)
                .yields(file)
                .into(),
                close(file),
            ]
        } else {
            let call = Call::Mkdirat {
                dirfd: above.fd(),
                path: PathArg::from(name),
                mode: 0o755,
            };
            vec![
                Step::new(call, why::MAKE_MOUNTPOINT, "config.md#mounts")
                    .arg(format!("/{}", parts[..depth].join("/")))
                    .failure(&failure)
                    .accept(Errno::EEXIST)
                    .into(),
            ]
        };
        let mut missing: Vec<Item> = vec![open(root, done, OpenFlags::DIRECTORY, above).into()];
        missing.extend(making);
        missing.push(close(above));
        items.push(
            open(root, &parts[..depth], OpenFlags::empty(), here)
                .instead(Errno::ENOENT, missing)
                .then(vec![close(here)])
                .into(),
        );
    }
    items
}

/// Opens `parts` below `root` as a place; what is missing is made first.
pub(super) fn open_or_make(
    slots: &mut Slots,
    root: Slot,
    parts: &[&str],
    kind: Make,
    into: Slot,
) -> Step {
    let flags = match kind {
        Make::Directory => OpenFlags::DIRECTORY,
        Make::File => OpenFlags::empty(),
    };
    let missing = make(slots, root, parts, kind);
    open(root, parts, flags, into).retry(Errno::ENOENT, missing)
}

/// Makes an opening refuse links on its way, where something else than the named place must not be meant.
pub(super) fn without_links(mut step: Step) -> Step {
    if let Call::Openat2 { how, .. } = &mut step.call {
        how.resolve.insert(ResolveFlags::NO_SYMLINKS);
    }
    step
}

/// Closes a slot's descriptor.
pub(super) fn close(slot: Slot) -> Item {
    Step::new(
        Call::Close { fd: slot.fd() },
        why::CLOSE,
        "runtime.md#create",
    )
    .into()
}

/// Opens an absolute path of the host.
pub(super) fn open_host(path: &str, flags: OpenFlags, into: Slot) -> Step {
    open_path(path.into(), flags, into).arg(path)
}

/// The same for a path in which there are slots.
pub(super) fn open_path(path: PathArg, flags: OpenFlags, into: Slot) -> Step {
    let call = Call::Openat2 {
        dirfd: Fd::CWD,
        path,
        how: OpenHow {
            flags: flags | OpenFlags::CLOEXEC,
            mode: 0,
            resolve: ResolveFlags::empty(),
        },
    };
    Step::new(call, why::OPEN_HOST, "runtime.md#create").yields(into)
}
