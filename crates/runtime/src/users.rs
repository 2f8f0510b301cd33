//! User namespaces that are there for their maps only (`man 2 mount_setattr`, "ID-mapped mounts").

use crate::plan::Ids;
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{CloneFlags, OpenFlags, WaitFlags};
use glassdock_abi::types::{CloneArgs, WaitFor, signal};
use glassdock_abi::{BoxFuture, Fd, Io, OwnedFd, PathArg, Pid, Proc, Result};

/// Makes a user namespace with these maps: a descriptor holds it, and nobody is in it.
pub(crate) fn namespace<'a, P: Proc>(
    proc: &'a P,
    ids: &'a Ids,
) -> BoxFuture<'a, Result<OwnedFd<P>>> {
    Box::pin(async move {
        let [reader, writer] = proc.pipe2(OpenFlags::CLOEXEC).await?;
        let (reads, writes) = (reader.fd(), writer.fd());
        // Somebody must be in it until it is held. The pipe's end ends them, also when this process is gone.
        let child = move |proc: P| -> BoxFuture<'static, u8> {
            Box::pin(async move {
                proc.close(writes);
                let _ = proc.read(reads, 1).await;
                0
            })
        };
        let args = CloneArgs {
            flags: CloneFlags::NEWUSER,
            exit_signal: signal::CHLD,
            cgroup: None,
        };
        let pid = proc.clone_with(args, child).await?;
        let held = hold(proc, pid, ids).await;
        drop(writer);
        proc.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await?;
        held
    })
}

async fn hold<P: Proc>(proc: &P, pid: Pid, ids: &Ids) -> Result<OwnedFd<P>> {
    let dir = PathArg::from(format!("/proc/{}", pid.0));
    for (name, map) in [("uid_map", &ids.uids), ("gid_map", &ids.gids)] {
        let flags = OpenFlags::WRONLY | OpenFlags::CLOEXEC;
        let file = proc.openat(Fd::CWD, dir.join(name), flags, 0).await?;
        write_all(proc, file.fd(), crate::plan::map_lines(map).as_bytes()).await?;
    }
    let flags = OpenFlags::RDONLY | OpenFlags::CLOEXEC;
    proc.openat(Fd::CWD, dir.join("ns/user"), flags, 0).await
}
