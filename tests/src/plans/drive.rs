//! The program that carries plans out, the same on both kernels.

use glassdock_abi::flags::{CloneFlags, MountFlags, MsgFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::WaitFor;
use glassdock_abi::{Call, Errno, Fd, Io, Pid, Proc, Result};
use glassdock_oci::runtime::{Process, Spec};
use glassdock_runtime::plan::{self, HostFacts, Ids, Plan, Target};
use glassdock_runtime::run::{Inputs, run};
use glassdock_trace::Trace;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where the child waits for its start.
pub const START: Fd = Fd(20);
/// The socket that takes the terminal.
pub const CONSOLE: Fd = Fd(21);
/// The other ends.
const GO: Fd = Fd(22);
const TAKE: Fd = Fd(23);

/// What is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// A container.
    pub spec: Spec,
    /// Where its relative paths begin.
    pub bundle: String,
    /// The facts of a host, the same for all.
    pub facts: HostFacts,
    /// A further process in it.
    pub exec: Option<Process>,
}

impl Document {
    /// Where the further process goes.
    pub fn target(&self, pid: Pid) -> Target {
        let linux = self.spec.linux.as_ref();
        let ids = linux.filter(|linux| !linux.uid_mappings.is_empty());
        let ids = ids.map(|linux| Ids {
            uids: linux.uid_mappings.clone(),
            gids: linux.gid_mappings.clone(),
        });
        let mut namespaces =
            CloneFlags::NEWNS | CloneFlags::NEWUTS | CloneFlags::NEWIPC | CloneFlags::NEWPID;
        namespaces.set(CloneFlags::NEWUSER, ids.is_some());
        Target {
            pid,
            namespaces,
            filter: None,
            ids,
        }
    }
}

/// Carries the plans out, one after the other.
///
/// # Errors
/// What failed, in words.
pub async fn drive<P: Proc + Trace>(
    proc: &P,
    document: &Document,
) -> core::result::Result<(), String> {
    let create = plan::create(&document.spec, &document.bundle, &document.facts)
        .map_err(|error| error.to_string())?;
    let failed = |errno: Errno| format!("{errno:?}");
    if let Some(group) = document.facts.groups.first() {
        show_groups(proc, &group.mount).await.map_err(failed)?;
    }
    ends(proc).await.map_err(failed)?;
    let pid = carry_out(proc, create).await?;
    if let Some(process) = &document.exec {
        // The container's own process waits for its start meanwhile, so that it is there in any case.
        let plan = plan::exec(process, &document.target(pid), &document.facts)
            .map_err(|error| error.to_string())?;
        let child = carry_out(proc, plan).await?;
        reap(proc, child).await.map_err(failed)?;
    }
    proc.write(GO, vec![0]).await.map_err(failed)?;
    let terminal = document
        .spec
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    if terminal {
        take(proc).await.map_err(failed)?;
    }
    reap(proc, pid).await.map_err(failed)
}

async fn carry_out<P: Proc + Trace>(proc: &P, plan: Plan) -> core::result::Result<Pid, String> {
    let inputs = Inputs {
        start: Some(START),
        console: Some(CONSOLE),
        state: None,
    };
    run(proc, Arc::new(plan), inputs)
        .await
        .map_err(|failure| failure.text)
}

/// Mounts the hierarchy of version 2.
async fn show_groups<P: Proc>(proc: &P, mount: &str) -> Result<()> {
    let call = Call::Mount {
        source: "none".into(),
        target: mount.into(),
        fstype: b"cgroup2".to_vec(),
        flags: MountFlags::empty(),
        data: Vec::new(),
    };
    proc.call(call).await.map(drop)
}

/// Makes the descriptors that come from outside, under the numbers that are known.
async fn ends<P: Proc>(proc: &P) -> Result<()> {
    // The first process of a machine has no standard streams.
    loop {
        let null = proc
            .openat(Fd::CWD, "/dev/null".into(), OpenFlags::RDWR, 0)
            .await?;
        if null.fd() > Fd::STDERR {
            break;
        }
        null.into_raw();
    }
    let [wait, go] = proc.pipe2(OpenFlags::CLOEXEC).await?;
    let [ours, theirs] = proc.socketpair_stream().await?;
    for (from, to) in [(&wait, START), (&go, GO), (&theirs, CONSOLE), (&ours, TAKE)] {
        let call = Call::Dup3 {
            oldfd: from.fd(),
            newfd: to,
            flags: OpenFlags::CLOEXEC,
        };
        proc.call(call).await?;
    }
    Ok(())
}

/// Takes the terminal, and keeps it open.
async fn take<P: Proc>(proc: &P) -> Result<()> {
    let call = Call::Recvmsg {
        fd: TAKE,
        count: 64,
        flags: MsgFlags::CMSG_CLOEXEC,
    };
    proc.call(call).await.map(drop)
}

async fn reap<P: Proc>(proc: &P, pid: Pid) -> Result<()> {
    proc.waitid(WaitFor::Pid(pid), WaitFlags::EXITED)
        .await
        .map(drop)
}
