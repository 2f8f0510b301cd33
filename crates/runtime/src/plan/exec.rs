//! The plan of a further process in a running container.

use super::ids::become_root;
use super::paths::{self, Slots};
use super::{HostFacts, Ids, Item, Plan, PlanError, Step, cgroups, create, dev, process};
use crate::seccomp::Filter;
use crate::why;
use glassdock_abi::call::PrctlOp;
use glassdock_abi::flags::CloneFlags;
use glassdock_abi::{Call, Pid};
use glassdock_oci::runtime::Process;

const CLAUSE: &str = "runtime.md#operations";

/// The container to go into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its process on the host.
    pub pid: Pid,
    /// The namespaces that it does not share with the host.
    pub namespaces: CloneFlags,
    /// The filter of its system calls.
    pub filter: Option<Filter>,
    /// The maps of its user namespace, where it has one of its own.
    pub ids: Option<Ids>,
}

/// Plans a process in a running container. The slot `console` is filled from outside when there is a terminal.
pub fn exec(process: &Process, target: &Target, facts: &HostFacts) -> Result<Plan, PlanError> {
    process::check(process)?;
    let mut slots = Slots::default();
    let container = slots.fd("container");
    let setns = |nstype, why| {
        let call = Call::Setns {
            fd: container.fd(),
            nstype,
        };
        Step::new(call, why, CLAUSE).failure("enter the container's namespaces")
    };
    let open = Call::PidfdOpen {
        pid: target.pid,
        flags: 0,
    };
    let mut parent: Vec<Item> = vec![
        Step::new(open, why::TARGET_OPEN, CLAUSE)
            .yields(container)
            .failure("open the container's process")
            .into(),
    ];
    if target.namespaces.contains(CloneFlags::NEWPID) {
        parent.push(setns(CloneFlags::NEWPID, why::TARGET_PID).into());
    }
    let groups = cgroups::join(&mut slots, &facts.groups);
    parent.extend(groups.before);
    let ids = target.ids.as_ref();
    if let Some(ids) = ids {
        parent.extend(process::streams_outside(process, facts, ids)?);
    }
    let (clone, rollback) = create::birth(
        &mut slots,
        CloneFlags::empty(),
        groups.born,
        why::CLONE_EXEC,
        String::new(),
    );
    parent.push(clone);
    parent.push(paths::close(container));
    parent.extend(groups.after);
    let mut child = Vec::new();
    if ids.is_some() {
        parent.extend(process::from_outside(&mut slots, process)?);
        parent.push(Item::Release);
        child.push(Item::AwaitRelease);
    }
    parent.push(Item::AwaitReady);
    child.extend(groups.enter);
    child.extend(process::begin(&mut slots, process, ids, facts)?);
    if ids.is_some() {
        // Until it is one of theirs, root in there must not look into it: it has files of the host (runc: CVE-2016-9962).
        let op = PrctlOp::SetDumpable(false);
        child.push(Step::new(Call::Prctl { op }, why::UNSEEN, CLAUSE).into());
    }
    let others = target.namespaces - CloneFlags::NEWPID;
    if !others.is_empty() {
        child.push(setns(others, why::TARGET_ENTER).into());
    }
    child.push(paths::close(container));
    if ids.is_some() {
        child.extend(become_root());
    }
    if process.terminal {
        let console = dev::console_slot(&mut slots);
        child.extend(dev::terminal(
            &mut slots,
            dev::From::Inside,
            console,
            process.console_size,
        ));
    }
    let finish = process::finish(&mut slots, process, target.filter.as_ref(), facts, ids)?;
    child.extend(finish.items);
    child.push(finish.exec);
    Ok(Plan {
        slots: slots.done(),
        parent,
        child,
        rollback,
        warnings: Vec::new(),
    })
}
