//! devpts: the names of pseudo-terminals (`man 4 pts`). Every mount is an instance of its own.

use crate::Kernel;
use crate::file::PTS;
use crate::ids::Tid;
use crate::procfs::{DEVPTS, attr_of, node, rest};
use glassdock_abi::types::Dev;
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};
use glassdock_vfs::{At, Lookup, NodeAttr, NodeEntry, NodeId, Path, SetAttr};

/// What an instance was mounted with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Devpts {
    gid: Option<u32>,
    mode: u32,
    ptmx_mode: u32,
}

/// Instance and item: 0 the root, 1 `ptmx`, from 2 on a terminal by index.
fn parts(at: NodeId) -> (u64, u64) {
    (rest(at) >> 24, rest(at) & 0xff_ffff)
}

impl Kernel {
    /// Parses mount options; yields what mountinfo shows.
    pub(crate) fn add_devpts(&mut self, instance: u64, data: &[u8]) -> Result<Vec<u8>> {
        let text = core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
        let viewer = self.proc_fs.viewer;
        let viewer = viewer
            .and_then(|viewer| self.threads.get(&viewer))
            .map(|thread| &thread.cred);
        let mut made = Devpts {
            gid: None,
            mode: 0o600,
            ptmx_mode: 0,
        };
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let octal = || u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL);
            match name {
                "gid" => {
                    let gid = value.parse().map_err(|_| Errno::EINVAL)?;
                    made.gid = Some(viewer.map_or(Ok(gid), |cred| cred.gid_outside(gid))?);
                }
                "mode" => made.mode = octal()? & 0o7777,
                "ptmxmode" => made.ptmx_mode = octal()? & 0o7777,
                "newinstance" | "uid" | "max" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        self.devpts.insert(instance, made);
        let gid = made.gid.map_or(String::new(), |gid| format!("gid={gid},"));
        Ok(format!(
            "{gid}mode={:03o},ptmxmode={:03o}",
            made.mode, made.ptmx_mode
        )
        .into_bytes())
    }

    /// The instance whose `ptmx` was opened: the file system of the node itself, or of `pts` beside it.
    pub(crate) fn devpts_of(&mut self, tid: Tid, ptmx: Path) -> Result<u64> {
        if let Ok(at) = self.vfs().synthetic_node(ptmx)
            && at.0 >> 56 == DEVPTS
        {
            return Ok(parts(at).0);
        }
        let root = self
            .threads
            .get(&tid)
            .and_then(|t| self.fs.get(t.fs))
            .map_or(self.vfs_root, |fs| fs.root);
        let path = self.vfs().d_path(root, ptmx);
        let cut = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let pts = [&path[..cut], b"/pts"].concat();
        let cred = glassdock_vfs::Cred::root();
        let place = self.with_vfs_as(tid, &cred, |vfs, cx| {
            vfs.lookup(cx, At::Cwd, &pts, Lookup::FOLLOW)
        })?;
        let at = self
            .vfs()
            .synthetic_node(place)
            .map_err(|_| Errno::ENODEV)?;
        if at.0 >> 56 == DEVPTS {
            Ok(parts(at).0)
        } else {
            Err(Errno::ENODEV)
        }
    }

    /// The terminal whose node this is; a device number outside devpts is none (`EIO`, `pts_unix98_lookup`).
    pub(crate) fn pts_at(&self, place: Path) -> Result<u32> {
        let at = self.vfs().synthetic_node(place).map_err(|_| Errno::EIO)?;
        if at.0 >> 56 != DEVPTS {
            return Err(Errno::EIO);
        }
        self.terminal_at(at).map_err(|_| Errno::EIO)
    }

    fn terminal_at(&self, at: NodeId) -> Result<u32> {
        let (instance, item) = parts(at);
        let found = self.ttys.named(instance);
        let row = found
            .into_iter()
            .find(|(index, _)| u64::from(*index) + 2 == item);
        row.map(|row| row.1).ok_or(Errno::ENOENT)
    }

    pub(crate) fn devpts_lookup(&self, dir: NodeId, name: &[u8]) -> Result<NodeId> {
        let (instance, item) = parts(dir);
        if item != 0 {
            return Err(Errno::ENOTDIR);
        }
        if name == b"ptmx" {
            return Ok(node(DEVPTS, instance << 24 | 1));
        }
        let text = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let index: u32 = text.parse().map_err(|_| Errno::ENOENT)?;
        let at = node(DEVPTS, instance << 24 | (u64::from(index) + 2));
        if index.to_string() != text {
            return Err(Errno::ENOENT);
        }
        self.terminal_at(at)?;
        Ok(at)
    }

    pub(crate) fn devpts_attr(&self, at: NodeId) -> Result<NodeAttr> {
        let (instance, item) = parts(at);
        let options = self.devpts.get(&instance);
        match item {
            0 => Ok(attr_of(1, S_IFDIR | 0o755, 2)),
            1 => {
                let mut attr = attr_of(2, S_IFCHR | options.map_or(0, |o| o.ptmx_mode), 1);
                attr.rdev = Dev::new(5, 2);
                Ok(attr)
            }
            item => {
                let number = self.terminal_at(at)?;
                let tty = self.ttys.tty(number).ok_or(Errno::ENOENT)?;
                let mode = tty.mode.unwrap_or(options.map_or(0o600, |o| o.mode));
                let mut attr = attr_of(item + 1, S_IFCHR | mode, 1);
                attr.rdev = Dev::new(PTS, number);
                attr.uid = tty.owner.0;
                attr.gid = tty.owner.1.or(options.and_then(|o| o.gid)).unwrap_or(0);
                Ok(attr)
            }
        }
    }

    pub(crate) fn devpts_set_attr(&mut self, at: NodeId, set: &SetAttr) -> Result<()> {
        let (instance, item) = parts(at);
        if item == 1 {
            if let (Some(options), Some(mode)) = (self.devpts.get_mut(&instance), set.mode) {
                options.ptmx_mode = mode & 0o7777;
            }
            return Ok(());
        }
        let number = self.terminal_at(at)?;
        let tty = self.ttys.tty_mut(number).ok_or(Errno::ENOENT)?;
        if let Some(mode) = set.mode {
            tty.mode = Some(mode & 0o7777);
        }
        if let Some(uid) = set.uid {
            tty.owner.0 = uid;
        }
        if let Some(gid) = set.gid {
            tty.owner.1 = Some(gid);
        }
        Ok(())
    }

    pub(crate) fn devpts_readdir(&self, dir: NodeId) -> Vec<NodeEntry> {
        let (instance, _) = parts(dir);
        let entry = |name: Vec<u8>, at: u64| NodeEntry {
            name,
            ino: at + 1,
            kind: S_IFCHR,
            cookie: 2 + at,
        };
        let terminals = self.ttys.named(instance);
        let terminals = terminals
            .into_iter()
            .map(|(index, _)| entry(index.to_string().into_bytes(), u64::from(index) + 2));
        std::iter::once(entry(b"ptmx".to_vec(), 1))
            .chain(terminals)
            .collect()
    }
}
