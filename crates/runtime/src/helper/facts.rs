//! Reading the facts that a plan needs.

use crate::cgroups;
use crate::io::{read_file, read_to_end};
use crate::plan::{FileKind, HostFacts, Ids, Namespaces};
use glassdock_abi::call::PrctlOp;
use glassdock_abi::flags::{AtFlags, MountFlags, OpenFlags, ResolveFlags};
use glassdock_abi::types::{Dev, OpenHow, mode};
use glassdock_abi::{Call, Fd, Io, PathArg, Pid, Ret, Sys};
use glassdock_oci::runtime::{Process, Spec};
use std::collections::BTreeMap;

/// Longest `/etc/passwd` that is read, in bytes.
const MAX_PASSWD: usize = 1 << 20;
/// Longest `/proc/self/status` in bytes.
const MAX_STATUS: usize = 64 << 10;
/// The device number of `/dev/null`.
const NULL: Dev = Dev::new(1, 3);

/// The facts for a new container.
pub(super) async fn for_create<S: Sys>(sys: &S, spec: &Spec, bundle: &str, id: &str) -> HostFacts {
    let mut sources = BTreeMap::new();
    let own_users = Ids::own(spec.linux.as_ref()).is_some();
    let mut kept_flags = BTreeMap::new();
    for mount in &spec.mounts {
        let bind = matches!(&*mount.kind, "bind" | "rbind" | "none" | "")
            || mount
                .options
                .iter()
                .any(|option| option == "bind" || option == "rbind");
        if !bind {
            continue;
        }
        let path = crate::plan::absolute(&mount.source, bundle);
        if let Ok(stat) = sys
            .statx(Fd::CWD, path.as_str().into(), AtFlags::empty())
            .await
        {
            let kind = if stat.is(mode::S_IFDIR) {
                FileKind::Directory
            } else {
                FileKind::File
            };
            if own_users {
                kept_flags.extend(mount_flags(sys, &path).await);
            }
            sources.insert(path, kind);
        }
    }
    let mut home = None;
    if let (Some(process), Some(root)) = (&spec.process, &spec.root) {
        let root = crate::plan::absolute(&root.path, bundle);
        if own_users {
            kept_flags.extend(mount_flags(sys, &root).await);
        }
        home = home_of(sys, root, process).await;
    }
    HostFacts {
        sources,
        kept_flags,
        groups: groups(sys, spec, id).await,
        home,
        ..common(sys, own_users).await
    }
}

/// The flags of the mount that a path is on, where it has any.
async fn mount_flags<S: Sys>(sys: &S, path: &str) -> Option<(String, MountFlags)> {
    // `ST_*` of man 2 statfs: these have the numbers of `MS_*`.
    let same = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let ret = sys.call(Call::Statfs { path: path.into() }).await;
    let Ok(Ret::StatFs(stat)) = ret else {
        return None;
    };
    let flags = MountFlags::from_bits_retain(stat.flags) & same;
    (!flags.is_empty()).then(|| (path.to_owned(), flags))
}

/// Where the container's control groups are to be.
async fn groups<S: Sys>(sys: &S, spec: &Spec, id: &str) -> Vec<cgroups::Group> {
    let asked = spec.linux.as_ref().map_or("", |linux| &linux.cgroups_path);
    let mut groups = cgroups::place(cgroups::hierarchies(sys).await, asked, id);
    groups.retain(crate::plan::has_groups);
    for group in &mut groups {
        cgroups::nearest_cpuset(sys, group).await;
    }
    groups
}

/// The facts for a further process in the container of `pid`.
pub(super) async fn for_exec<S: Sys>(
    sys: &S,
    process: &Process,
    pid: Pid,
    groups: Vec<cgroups::Group>,
    own_users: bool,
) -> HostFacts {
    HostFacts {
        groups,
        home: home_of(sys, format!("/proc/{}/root", pid.0), process).await,
        ..common(sys, own_users).await
    }
}

async fn common<S: Sys>(sys: &S, own_users: bool) -> HostFacts {
    let kcore = sys
        .statx(Fd::CWD, "/proc/kcore".into(), AtFlags::empty())
        .await
        .is_ok();
    let mut stdio = [None; 3];
    for (fd, owner) in [Fd::STDIN, Fd::STDOUT, Fd::STDERR]
        .into_iter()
        .zip(&mut stdio)
    {
        if let Ok(stat) = sys.fstat(fd).await {
            let null = stat.is(mode::S_IFCHR) && stat.rdev == NULL;
            *owner = (!null).then_some(stat.uid);
        }
    }
    let bounding = bounding(sys).await;
    HostFacts {
        bounding,
        capabilities: match own_users {
            true => capabilities(sys).await.unwrap_or(bounding),
            false => bounding,
        },
        namespaces: namespaces(sys).await,
        seccomp: sys
            .statx(Fd::CWD, crate::seccomp::KERNEL_HAS.into(), AtFlags::empty())
            .await
            .is_ok(),
        kcore,
        sources: BTreeMap::new(),
        kept_flags: BTreeMap::new(),
        stdio,
        preserved: 0,
        groups: Vec::new(),
        home: None,
    }
}

async fn namespaces<S: Sys>(sys: &S) -> Namespaces {
    let has = |name: &'static str| async move {
        let path = PathArg::from("/proc/self/ns").join(name);
        sys.readlinkat(Fd::CWD, path).await.is_ok()
    };
    Namespaces {
        pid: has("pid").await,
        mnt: has("mnt").await,
        uts: has("uts").await,
        ipc: has("ipc").await,
        net: has("net").await,
        cgroup: has("cgroup").await,
        user: has("user").await,
        time: has("time").await,
    }
}

/// Every capability that the kernel knows.
async fn capabilities<S: Sys>(sys: &S) -> Option<u64> {
    const LAST: &str = "/proc/sys/kernel/cap_last_cap";
    let text = read_file(sys, LAST, MAX_STATUS).await.ok()?;
    let last: u32 = String::from_utf8_lossy(&text).trim().parse().ok()?;
    let above = u64::BITS.checked_sub(1)?.checked_sub(last)?;
    Some(u64::MAX >> above)
}

/// The bounding set: `CapBnd` of `/proc/self/status`, or one question for each capability.
async fn bounding<S: Sys>(sys: &S) -> u64 {
    let status = read_file(sys, "/proc/self/status", MAX_STATUS)
        .await
        .unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    if let Some(bits) = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()) {
        return bits;
    }
    let mut bits = 0;
    for number in 0..u64::BITS {
        let op = PrctlOp::CapbsetRead(number);
        match sys.call(Call::Prctl { op }).await {
            Ok(Ret::Int(1)) => bits |= 1 << number,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    bits
}

/// The user's home directory as the container's own `/etc/passwd` has it; `/` where it has none, as runc.
async fn home_of<S: Sys>(sys: &S, root: String, process: &Process) -> Option<String> {
    if process.env.iter().any(|entry| entry.starts_with("HOME=")) {
        return None;
    }
    let text = passwd(sys, root).await.unwrap_or_default();
    let home = home_in(&String::from_utf8_lossy(&text), process.user.uid);
    Some(home.unwrap_or_else(|| "/".to_owned()))
}

async fn passwd<S: Sys>(sys: &S, root: String) -> glassdock_abi::Result<Vec<u8>> {
    let flags = OpenFlags::PATH | OpenFlags::DIRECTORY;
    let root = sys.openat(Fd::CWD, root.into(), flags, 0).await?;
    let how = OpenHow {
        // Without waiting: an image may have put a FIFO there.
        flags: OpenFlags::RDONLY | OpenFlags::CLOEXEC | OpenFlags::NONBLOCK,
        mode: 0,
        resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    };
    let file = sys.openat2(root.fd(), "etc/passwd".into(), how).await?;
    if !sys.fstat(file.fd()).await?.is(mode::S_IFREG) {
        return Err(glassdock_abi::Errno::EINVAL);
    }
    read_to_end(sys, file.fd(), MAX_PASSWD).await
}

/// The sixth field of the first line whose third is `uid` (`man 5 passwd`).
fn home_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let id = fields.nth(2)?.trim();
        let home = fields.nth(2)?;
        (id.parse() == Ok(uid) && !home.is_empty() && !home.contains('\0')).then(|| home.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::home_in;

    #[test]
    fn the_home_is_that_of_the_first_line_with_the_id() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\na:x:7:7::/a:/bin/sh\nb:x:7:7::/b:\n";
        assert_eq!(home_in(passwd, 0).as_deref(), Some("/root"));
        assert_eq!(home_in(passwd, 7).as_deref(), Some("/a"));
        assert_eq!(home_in(passwd, 8), None);
    }
}
