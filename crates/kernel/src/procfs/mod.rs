//! File systems whose content is made when it is looked at: proc, sysfs, cgroup2, devpts, mqueue, and the hidden ones
//! that give pipes, sockets, anonymous inodes and namespaces a place.
//!
//! A node's number tells all about it: its kind in the top byte, the rest as the kind says.

mod content;
mod pid;
mod status;
mod sysfs;
mod system;

use crate::Kernel;
use crate::file::Body;
use crate::ids::{FileId, ObjId, Tid};
use glassdock_abi::flags::OpenFlags;
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::NsId;
use glassdock_vfs::{
    Cred, Dynamic, Link, NodeAttr, NodeEntry, NodeId, SbId, SetAttr, SyntheticFs, Vfs,
};
use std::collections::BTreeMap;

/// Kinds of file systems, the top byte of a node's number.
const PROC: u64 = 1;
const SYSFS: u64 = 2;
pub(crate) const CGROUP: u64 = 3;
pub(crate) const DEVPTS: u64 = 4;
const MQUEUE: u64 = 5;
const PIPEFS: u64 = 6;
const SOCKFS: u64 = 7;
const ANON: u64 = 8;
const NSFS: u64 = 9;
const KIND_SHIFT: u32 = 56;

/// Magic numbers for `statfs` (`include/uapi/linux/magic.h`).
const MAGICS: [(u64, u64); 9] = [
    (PROC, 0x9fa0),
    (SYSFS, 0x6265_6572),
    (CGROUP, 0x6367_7270),
    (DEVPTS, 0x1cd1),
    (MQUEUE, 0x1980_0202),
    (PIPEFS, 0x5049_5045),
    (SOCKFS, 0x534f_434b),
    (ANON, 0x0904_1934),
    (NSFS, 0x6e73_6673),
];

/// What is remembered of mounted instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcFs {
    /// The thread on whose behalf the file system works now.
    pub(crate) viewer: Option<Tid>,
    /// The pid namespace of a proc instance.
    pid_ns: BTreeMap<SbId, NsId>,
    next_devpts: u64,
    /// Owner and permission bits of pipes and sockets, by object.
    owners: BTreeMap<u64, Owner>,
}

/// Whose a pipe or socket is: its maker's, until it is given away.
#[derive(Clone, Copy, Debug, Default)]
struct Owner {
    uid: u32,
    gid: u32,
    mode: u32,
}

pub(crate) fn node(kind: u64, rest: u64) -> NodeId {
    NodeId(kind << KIND_SHIFT | rest)
}
fn kind(node: NodeId) -> u64 {
    node.0 >> KIND_SHIFT
}
pub(crate) fn rest(node: NodeId) -> u64 {
    node.0 & ((1 << KIND_SHIFT) - 1)
}

/// The node of a hidden file system's object.
pub(crate) fn hidden_node(fstype: &str, id: u64) -> NodeId {
    let kind = match fstype {
        "pipefs" => PIPEFS,
        "sockfs" => SOCKFS,
        "nsfs" => NSFS,
        _ => ANON,
    };
    node(kind, id)
}

/// Attributes of a node of some type and mode.
pub(crate) fn attr_of(ino: u64, mode: u32, nlink: u32) -> NodeAttr {
    NodeAttr {
        ino,
        mode,
        nlink,
        ..NodeAttr::default()
    }
}

impl Kernel {
    /// Who serves a synthetic file.
    pub(crate) fn open_synthetic(
        &mut self,
        tid: Tid,
        sb: SbId,
        node: NodeId,
        flags: OpenFlags,
    ) -> Result<Body> {
        if kind(node) == NSFS {
            let id = NsId(rest(node));
            if flags.writable() {
                return Err(Errno::EPERM);
            }
            if !self.namespaces.contains_key(&id) {
                return Err(Errno::ENOENT);
            }
            self.hold_namespace(id);
            return Ok(Body::Ns(id));
        }
        if kind(node) == PROC {
            self.may_open_proc(tid, node, flags.writable())?;
        }
        Ok(Body::Synthetic {
            sb,
            node,
            content: None,
        })
    }

    /// Makes the content of a synthetic file for its reader, who sees this one until it seeks to the start.
    pub(crate) fn fill_synthetic(
        &mut self,
        tid: Tid,
        id: FileId,
        sb: SbId,
        node: NodeId,
    ) -> Result<Vec<u8>> {
        let made = match kind(node) {
            PROC => self.proc_content(tid, sb, node)?,
            SYSFS => system::content(self, sysfs::SYS, rest(node), tid)?,
            CGROUP => self.cgroup_content(tid, node)?,
            _ => return Err(Errno::EINVAL),
        };
        if let Some(file) = self.files.get_mut(id)
            && let Body::Synthetic { content, .. } = &mut file.body
        {
            *content = Some(made.clone());
        }
        Ok(made)
    }

    pub(crate) fn write_synthetic(
        &mut self,
        tid: Tid,
        file: FileId,
        node: NodeId,
        data: &[u8],
    ) -> Result<usize> {
        match kind(node) {
            PROC => self.write_proc(tid, file, node, data),
            CGROUP => self.write_cgroup(tid, node, data).map(|()| data.len()),
            _ => Err(Errno::EIO),
        }
    }

    fn ns_of_sb(&self, sb: SbId) -> NsId {
        self.proc_fs
            .pid_ns
            .get(&sb)
            .copied()
            .unwrap_or(self.root_ns.pid)
    }

    fn learn_proc(&mut self, sb: SbId, at: NodeId) {
        if let Some(ns) = pid::ns_of_root(at) {
            self.proc_fs.pid_ns.insert(sb, ns);
        }
    }

    /// A pipe or socket belongs to who makes it (`get_pipe_inode`, `sock_alloc`).
    pub(crate) fn own_object(&mut self, tid: Tid, id: ObjId, mode: u32) {
        let cred = self.threads.get(&tid).map(|thread| &thread.cred);
        let (uid, gid) = cred.map_or((0, 0), |cred| (cred.fsuid, cred.fsgid));
        let owner = Owner { uid, gid, mode };
        self.proc_fs.owners.insert(id.0, owner);
    }

    pub(crate) fn disown_object(&mut self, id: ObjId) {
        self.proc_fs.owners.remove(&id.0);
    }

    fn object_attr(&self, at: NodeId, kind: u32) -> NodeAttr {
        let owner = self.proc_fs.owners.get(&rest(at)).copied();
        let owner = owner.unwrap_or_default();
        NodeAttr {
            uid: owner.uid,
            gid: owner.gid,
            ..attr_of(rest(at), kind | owner.mode, 1)
        }
    }

    fn synthetic_attr(&mut self, sb: SbId, at: NodeId) -> Result<NodeAttr> {
        Ok(match kind(at) {
            PROC => {
                self.learn_proc(sb, at);
                self.proc_attr(at)?
            }
            SYSFS => system::attr(sysfs::SYS, rest(at))?,
            CGROUP => self.cgroup_attr(at)?,
            DEVPTS => self.devpts_attr(at)?,
            MQUEUE => attr_of(1, S_IFDIR | 0o1777, 2),
            PIPEFS => self.object_attr(at, S_IFIFO),
            SOCKFS => self.object_attr(at, S_IFSOCK),
            NSFS => attr_of(rest(at), S_IFREG | 0o444, 1),
            _ => attr_of(rest(at), 0o600, 1),
        })
    }
}

impl Dynamic for Kernel {
    fn mount(&mut self, _: &Vfs, fstype: &[u8], _: &[u8], data: &[u8]) -> Result<SyntheticFs> {
        let viewer = self.proc_fs.viewer.unwrap_or_default();
        self.may_mount_view(viewer, fstype)?;
        let mut options = Vec::new();
        let (number, key, root) = match fstype {
            b"proc" => {
                let ns = self.pid_ns_of(viewer);
                (PROC, ns.0, pid::root(ns))
            }
            b"sysfs" => (SYSFS, 0, node(SYSFS, 0)),
            b"cgroup2" => {
                let dir = self.cgroup_root_of(viewer);
                (CGROUP, dir, node(CGROUP, dir << 8))
            }
            b"devpts" => {
                let instance = self.proc_fs.next_devpts;
                self.proc_fs.next_devpts += 1;
                options = self.add_devpts(instance, data)?;
                (DEVPTS, instance, node(DEVPTS, instance << 24))
            }
            b"mqueue" => {
                let ipc = self
                    .namespaces_of_process(self.tgid_of(viewer))
                    .map_or(0, |ns| ns.ipc.0);
                (MQUEUE, ipc, node(MQUEUE, 0))
            }
            b"pipefs" => (PIPEFS, 0, node(PIPEFS, 0)),
            b"sockfs" => (SOCKFS, 0, node(SOCKFS, 0)),
            b"anon_inodefs" => (ANON, 0, node(ANON, 0)),
            b"nsfs" => (NSFS, 0, node(NSFS, 0)),
            _ => return Err(Errno::ENODEV),
        };
        let magic = MAGICS
            .iter()
            .find(|row| row.0 == number)
            .map_or(0, |row| row.1);
        Ok(SyntheticFs {
            key,
            root,
            magic,
            options,
        })
    }

    fn lookup(&mut self, _: &Vfs, sb: SbId, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        match kind(dir) {
            PROC => {
                self.learn_proc(sb, dir);
                self.proc_lookup(sb, dir, name)
            }
            SYSFS => system::lookup(sysfs::SYS, rest(dir), name).map(|at| node(SYSFS, at)),
            CGROUP => self.cgroup_lookup(dir, name),
            DEVPTS => self.devpts_lookup(dir, name),
            _ => Err(Errno::ENOENT),
        }
    }

    fn uuid(&mut self) -> [u8; 16] {
        let mut uuid =
            (u128::from(self.random.next()) << 64 | u128::from(self.random.next())).to_be_bytes();
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        uuid
    }

    fn only_finds(&self, dir: NodeId) -> bool {
        kind(dir) == PROC
    }

    fn permits(&self, node: NodeId) -> bool {
        kind(node) == PROC && self.is_own_descriptors(node)
    }

    fn attr(&mut self, _: &Vfs, sb: SbId, at: NodeId) -> Result<NodeAttr> {
        let mut attr = self.synthetic_attr(sb, at)?;
        let now = self.realtime_spec();
        (attr.atime, attr.mtime, attr.ctime) = (now, now, now);
        Ok(attr)
    }

    fn set_attr(&mut self, _: &Vfs, _: SbId, at: NodeId, set: &SetAttr) -> Result<()> {
        let only_size = set.mode.is_none() && set.uid.is_none() && set.gid.is_none();
        match kind(at) {
            DEVPTS => self.devpts_set_attr(at, set),
            PIPEFS | SOCKFS => {
                if let Some(owner) = self.proc_fs.owners.get_mut(&rest(at)) {
                    owner.uid = set.uid.unwrap_or(owner.uid);
                    owner.gid = set.gid.unwrap_or(owner.gid);
                    owner.mode = set.mode.map_or(owner.mode, |mode| mode & 0o7777);
                }
                Ok(())
            }
            // Truncation on open for writing changes nothing.
            PROC | CGROUP | SYSFS if only_size => Ok(()),
            _ => Err(Errno::EPERM),
        }
    }

    fn readdir(&mut self, _: &Vfs, sb: SbId, dir: NodeId, after: u64) -> Result<Vec<NodeEntry>> {
        let mut entries = match kind(dir) {
            PROC => {
                self.learn_proc(sb, dir);
                self.proc_readdir(sb, dir)?
            }
            SYSFS => system::readdir(sysfs::SYS, rest(dir)),
            CGROUP => self.cgroup_readdir(dir)?,
            DEVPTS => self.devpts_readdir(dir),
            _ => Vec::new(),
        };
        entries.retain(|entry| entry.cookie > after);
        entries.sort_by_key(|entry| entry.cookie);
        Ok(entries)
    }

    fn follow(&mut self, _: &Vfs, sb: SbId, at: NodeId) -> Result<Link> {
        match kind(at) {
            PROC => self.proc_follow(sb, at),
            SYSFS => Ok(Link::Text(system::content(
                self,
                sysfs::SYS,
                rest(at),
                Tid(0),
            )?)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn readlink(&mut self, vfs: &Vfs, sb: SbId, at: NodeId) -> Result<Vec<u8>> {
        match kind(at) {
            PROC => self.proc_readlink(vfs, sb, at),
            SYSFS => system::content(self, sysfs::SYS, rest(at), Tid(0)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn mkdir(
        &mut self,
        _: &Vfs,
        _: SbId,
        dir: NodeId,
        name: &[u8],
        _: u32,
        _: &Cred,
    ) -> Result<NodeId> {
        match kind(dir) {
            CGROUP => self.cgroup_mkdir(dir, name),
            _ => Err(Errno::EPERM),
        }
    }

    fn rmdir(&mut self, _: &Vfs, _: SbId, dir: NodeId, name: &[u8]) -> Result<()> {
        match kind(dir) {
            CGROUP => self.cgroup_rmdir(dir, name),
            _ => Err(Errno::EPERM),
        }
    }
}
