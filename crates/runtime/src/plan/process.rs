//! What becomes of the process itself, in a new container and in a running one (config.md, "Process").

use super::paths::Slots;
use super::text::{list, plain};
use super::{Expect, Find, HostFacts, Ids, Item, PlanError, SlotKind, Step, caps, ids};
use crate::seccomp::Filter;
use crate::why;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::{CapSets, Rlimit, resource};
use glassdock_abi::{Call, Errno, Fd, PathArg, Pid};
use glassdock_oci::runtime::{Process, User};

const PROCESS: &str = "config.md#process";
const LINUX_PROCESS: &str = "config.md#linux-process";
const USER: &str = "config.md#posix-platform-user";

/// Mask of permission bits where the specification has none, as runc's.
const DEFAULT_UMASK: u32 = 0o022;

/// Refuses what no plan can do yet.
pub(super) fn check(process: &Process) -> Result<(), PlanError> {
    if process.args.first().is_none_or(String::is_empty) {
        return Err(PlanError::invalid("process.args", "it must name a program"));
    }
    if !process.cwd.starts_with('/') {
        return Err(PlanError::invalid(
            "process.cwd",
            "it must be an absolute path",
        ));
    }
    let refused = [
        (
            "process.apparmorProfile",
            !process.apparmor_profile.is_empty(),
            "AppArmor",
        ),
        (
            "process.selinuxLabel",
            !process.selinux_label.is_empty(),
            "SELinux",
        ),
        (
            "process.scheduler",
            process.scheduler.is_some(),
            "a scheduling policy",
        ),
        (
            "process.ioPriority",
            process.io_priority.is_some(),
            "an I/O priority",
        ),
        (
            "process.execCPUAffinity",
            process.exec_cpu_affinity.is_some(),
            "CPU affinity",
        ),
    ];
    match refused.into_iter().find(|(_, present, _)| *present) {
        Some((field, _, what)) => Err(PlanError::unsupported(field, what)),
        None => Ok(()),
    }
}

/// The first steps of the child: a session, and no open file that outlives the start of the program.
///
/// With a user namespace the parent sets how eagerly it is killed, [`from_outside`].
pub(super) fn begin(
    slots: &mut Slots,
    process: &Process,
    ids: Option<&Ids>,
    facts: &HostFacts,
) -> Result<Vec<Item>, PlanError> {
    let mut items: Vec<Item> = vec![
        Step::new(Call::Setsid {}, why::SESSION, PROCESS).into(),
        Step::new(
            Call::CloseRange {
                first: 3 + facts.preserved,
                last: u32::MAX,
                flags: glassdock_abi::flags::CloseRangeFlags::CLOEXEC,
            },
            why::CLOSE_ON_EXEC,
            "runtime.md#create",
        )
        .into(),
    ];
    if let (Some(adjust), None) = (oom_score_adj(process)?, ids) {
        items.extend(oom_score(slots, adjust));
    }
    Ok(items)
}

/// What the parent does for a child in a user namespace, since only the host's root may: raising limits, and letting it be killed
/// less eagerly.
pub(super) fn from_outside(slots: &mut Slots, process: &Process) -> Result<Vec<Item>, PlanError> {
    let mut items = match oom_score_adj(process)? {
        Some(adjust) => {
            let text = adjust.to_string();
            ids::put(
                slots,
                "oom_score_adj",
                &text,
                why::OOM_WRITE_OF_CHILD,
                LINUX_PROCESS,
            )
        }
        None => Vec::new(),
    };
    items.extend(rlimits(process, slots.get("child", SlotKind::Pid).pid())?);
    Ok(items)
}

/// The parent gives streams to the container's user by the host's id: nobody in the user namespace could.
pub(super) fn streams_outside(
    process: &Process,
    facts: &HostFacts,
    ids: &Ids,
) -> Result<Vec<Item>, PlanError> {
    let User { uid, gid, .. } = process.user;
    let uid = ids.user(uid, "process.user.uid")?;
    ids.group(gid, "process.user.gid")?;
    for (index, gid) in process.user.additional_gids.iter().enumerate() {
        ids.group(*gid, &format!("process.user.additionalGids[{index}]"))?;
    }
    match process.terminal {
        // It is made in there.
        true => Ok(Vec::new()),
        false => Ok(stream_owners(facts.stdio, uid)),
    }
}

fn oom_score_adj(process: &Process) -> Result<Option<i32>, PlanError> {
    match process.oom_score_adj {
        Some(adjust) if !(-1000..=1000).contains(&adjust) => Err(PlanError::invalid(
            "process.oomScoreAdj",
            format!("{adjust} is not within -1000..=1000"),
        )),
        adjust => Ok(adjust),
    }
}

fn oom_score(slots: &mut Slots, adjust: i32) -> Vec<Item> {
    let file = slots.fd("oom-score");
    let open = super::paths::open_host("/proc/self/oom_score_adj", OpenFlags::WRONLY, file);
    let write = Call::Write {
        fd: file.fd(),
        data: adjust.to_string().into_bytes(),
    };
    vec![
        Step {
            why: why::OOM_OPEN,
            clause: LINUX_PROCESS,
            args: Vec::new(),
            ..open
        }
        .into(),
        Step::new(write, why::OOM_WRITE, LINUX_PROCESS)
            .arg(adjust.to_string())
            .failure("write oom_score_adj")
            .into(),
        super::paths::close(file),
    ]
}

/// Everything from the changed root to the program's start, but the wait for it.
pub(super) fn finish(
    slots: &mut Slots,
    process: &Process,
    filter: Option<&Filter>,
    facts: &HostFacts,
    ids: Option<&Ids>,
) -> Result<Finish, PlanError> {
    let mut items = Vec::new();
    // In a user namespace of its own a process begins with all there are.
    let bounding = match ids {
        Some(_) => facts.capabilities,
        None => facts.bounding,
    };
    // Without new privileges a filter needs none, and comes last. Otherwise it comes while there still are some, as in runc.
    let (early, late) = match process.no_new_privileges {
        true => (None, filter),
        false => (filter, None),
    };
    if process.no_new_privileges {
        items.push(prctl(PrctlOp::SetNoNewPrivs, why::NO_NEW_PRIVS).into());
    }
    let umask = process.user.umask.unwrap_or(DEFAULT_UMASK);
    if umask > 0o777 {
        return Err(PlanError::invalid(
            "process.user.umask",
            format!("{umask:#o} has other than permission bits"),
        ));
    }
    items.push(Step::new(Call::Umask { mask: umask }, why::UMASK, USER).into());
    if ids.is_none() {
        items.extend(rlimits(process, Pid(0))?);
    }
    let sets = Sets::of(process, bounding)?;
    items.extend(early.map(load));
    items.extend(drop_bounding(&sets, bounding));
    items.extend(user(slots, process, facts, ids)?);
    items.extend(sets.apply());
    let find = find(slots, process)?;
    let exec = exec(process, facts, &find)?;
    items.push(Item::Find(find));
    items.extend(late.map(load));
    Ok(Finish { items, exec })
}

fn load(filter: &Filter) -> Item {
    let call = Call::Seccomp {
        flags: filter.flags,
        filter: filter.program.clone(),
    };
    Step::new(call, why::SECCOMP, "config-linux.md#seccomp")
        .arg(filter.program.len().to_string())
        .failure("unable to init seccomp")
        .into()
}

/// The end of a child's items.
pub(super) struct Finish {
    pub items: Vec<Item>,
    pub exec: Item,
}

fn prctl(op: PrctlOp, why: &'static str) -> Step {
    Step::new(Call::Prctl { op }, why, LINUX_PROCESS)
}

fn rlimits(process: &Process, pid: Pid) -> Result<Vec<Item>, PlanError> {
    let mut items: Vec<Item> = Vec::new();
    for (index, limit) in process.rlimits.iter().enumerate() {
        let field = format!("process.rlimits[{index}]");
        let resource = resource::from_name(&limit.kind).ok_or_else(|| {
            PlanError::invalid(
                format!("{field}.type"),
                format!("invalid rlimit type {:?}", limit.kind),
            )
        })?;
        if process.rlimits[..index]
            .iter()
            .any(|other| other.kind == limit.kind)
        {
            return Err(PlanError::invalid(
                format!("{field}.type"),
                format!("{} is there twice", limit.kind),
            ));
        }
        if limit.soft > limit.hard {
            return Err(PlanError::invalid(
                format!("{field}.soft"),
                "it is above the hard limit",
            ));
        }
        let new = Some(Rlimit {
            cur: limit.soft,
            max: limit.hard,
        });
        let call = Call::Prlimit64 { pid, resource, new };
        let step = Step::new(call, why::RLIMIT, PROCESS)
            .arg(&limit.kind)
            .failure(format!("error setting rlimit type {resource}"));
        items.push(step.into());
    }
    Ok(items)
}

/// Capability sets, cut to the host's bounding set. Without `capabilities` all are empty, as runc has it.
struct Sets {
    bounding: u64,
    sets: CapSets,
    ambient: u64,
}

impl Sets {
    fn of(process: &Process, bounding: u64) -> Result<Sets, PlanError> {
        let given = process.capabilities.clone().unwrap_or_default();
        let set = |names: &[String], field| caps::set(names, field, bounding);
        let permitted = set(&given.permitted, "permitted")?;
        let inheritable = set(&given.inheritable, "inheritable")?;
        let ambient = set(&given.ambient, "ambient")?;
        let effective = set(&given.effective, "effective")?;
        if effective & !permitted != 0 {
            return Err(PlanError::invalid(
                "process.capabilities.effective",
                "it has capabilities that are not permitted",
            ));
        }
        Ok(Sets {
            bounding: set(&given.bounding, "bounding")?,
            sets: CapSets {
                effective,
                permitted,
                inheritable,
            },
            // The kernel raises only what is permitted and inheritable; runc passes over the rest with a warning.
            ambient: ambient & permitted & inheritable,
        })
    }

    fn apply(&self) -> Vec<Item> {
        let mut items: Vec<Item> = vec![
            Step::new(Call::Capset { sets: self.sets }, why::CAPSET, LINUX_PROCESS)
                .failure("unable to apply caps")
                .into(),
            prctl(PrctlOp::CapAmbientClearAll, why::AMBIENT_CLEAR).into(),
        ];
        for number in bits(self.ambient) {
            let step = prctl(PrctlOp::CapAmbientRaise(number), why::AMBIENT_RAISE);
            items.push(step.arg(caps::name(number)).into());
        }
        items
    }
}

fn bits(set: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |number| set & (1 << number) != 0)
}

fn drop_bounding(sets: &Sets, bounding: u64) -> Vec<Item> {
    bits(bounding & !sets.bounding)
        .map(|number| {
            prctl(PrctlOp::CapbsetDrop(number), why::BOUNDING_DROP)
                .arg(caps::name(number))
                .failure("unable to apply bounding set")
                .into()
        })
        .collect()
}

/// The change of user and groups, with the working directory before it or, where only the user may go there, after it.
fn user(
    slots: &mut Slots,
    process: &Process,
    facts: &HostFacts,
    ids: Option<&Ids>,
) -> Result<Vec<Item>, PlanError> {
    let User { uid, gid, .. } = process.user;
    for (field, id) in [("process.user.uid", uid), ("process.user.gid", gid)] {
        if id == u32::MAX {
            return Err(PlanError::invalid(field, "4294967295 is no id"));
        }
    }
    // Streams that are not made in there have their owner already, `streams_outside`.
    let mut items = match (process.terminal, ids) {
        // A terminal is new, so it is root's; all three streams are one file.
        (true, _) => stream_owners([Some(0), None, None], uid),
        (false, None) => stream_owners(facts.stdio, uid),
        (false, Some(_)) => Vec::new(),
    };
    let went = slots.get("cwd", SlotKind::Done);
    let chdir = |why| {
        let path = PathArg::from(plain(&process.cwd, "process.cwd")?);
        Ok::<Step, PlanError>(
            Step::new(Call::Chdir { path }, why, PROCESS)
                .arg(&process.cwd)
                .failure(format!(
                    "chdir to cwd ({:?}) set in config.json failed",
                    process.cwd
                )),
        )
    };
    let first = chdir(why::CHDIR)?
        .yields(went)
        .accept(Errno::EACCES)
        .accept(Errno::EPERM);
    items.push(first.into());
    items.push(prctl(PrctlOp::SetKeepcaps(true), why::KEEP_CAPS).into());
    let groups = process.user.additional_gids.clone();
    items.push(
        Step::new(Call::Setgroups { groups }, why::GROUPS, USER)
            .failure("setgroups")
            .into(),
    );
    let call = Call::Setresgid {
        rgid: gid,
        egid: gid,
        sgid: gid,
    };
    items.push(
        Step::new(call, why::GID, USER)
            .arg(gid.to_string())
            .failure("setgid")
            .into(),
    );
    let call = Call::Setresuid {
        ruid: uid,
        euid: uid,
        suid: uid,
    };
    items.push(
        Step::new(call, why::UID, USER)
            .arg(uid.to_string())
            .failure("setuid")
            .into(),
    );
    items.push(chdir(why::CHDIR_USER)?.unless(went).into());
    items.push(
        Step::new(Call::Getcwd {}, why::CWD_CHECK, PROCESS)
            .expect(Expect::Reachable)
            .failure("current working directory is outside of container mount namespace root")
            .into(),
    );
    items.push(prctl(PrctlOp::SetKeepcaps(false), why::KEEP_CAPS_END).into());
    Ok(items)
}

/// Gives a user the streams that are not the user's yet.
fn stream_owners(owners: [Option<u32>; 3], uid: u32) -> Vec<Item> {
    let streams = owners.into_iter().zip([Fd::STDIN, Fd::STDOUT, Fd::STDERR]);
    streams
        .filter(|(owner, _)| owner.is_some_and(|owner| owner != uid))
        .map(|(_, fd)| {
            let call = Call::Fchownat {
                dirfd: fd,
                path: PathArg::default(),
                uid,
                gid: u32::MAX,
                flags: AtFlags::EMPTY_PATH,
            };
            // What cannot be given away stays usable through the descriptor, as in runc.
            Step::new(call, why::STDIO_OWNER, USER)
                .arg(fd.0.to_string())
                .accept(Errno::EINVAL)
                .accept(Errno::EPERM)
                .accept(Errno::EROFS)
                .into()
        })
        .collect()
}

fn variable<'a>(process: &'a Process, name: &str) -> Option<&'a str> {
    let mut values = process
        .env
        .iter()
        .rev()
        .filter_map(|entry| entry.split_once('='));
    values.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Where the program is looked for: the entries of `PATH` that are absolute, or the name itself when it has a slash.
fn find(slots: &mut Slots, process: &Process) -> Result<Find, PlanError> {
    let name = process.args.first().map(String::as_str).unwrap_or_default();
    plain(name, "process.args[0]")?;
    let direct = name.contains('/');
    let candidates = if direct {
        vec![PathArg::from(name)]
    } else {
        variable(process, "PATH")
            .unwrap_or_default()
            .split(':')
            .filter(|dir| dir.starts_with('/') && !dir.contains('\0'))
            .map(|dir| PathArg::from(dir).join(name))
            .collect()
    };
    Ok(Find {
        name: name.to_owned(),
        candidates,
        direct,
        yields: slots.get("program", SlotKind::Path),
        why: why::FIND,
        clause: PROCESS,
    })
}

fn exec(process: &Process, facts: &HostFacts, find: &Find) -> Result<Item, PlanError> {
    let argv = list(&process.args, "process.args")?;
    let mut envp = list(&process.env, "process.env")?;
    if variable(process, "HOME").is_none_or(str::is_empty)
        && let Some(home) = &facts.home
    {
        envp.push(format!("HOME={home}").into_bytes());
    }
    let call = Call::Execveat {
        dirfd: Fd::CWD,
        path: find.yields.path(),
        argv,
        envp,
        flags: AtFlags::empty(),
    };
    Ok(Step::new(call, why::EXEC, PROCESS)
        .failure(format!("exec {}", find.name))
        .into())
}
