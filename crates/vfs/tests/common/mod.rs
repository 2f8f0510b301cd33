//! A caller with a root, a working directory and a clock that ticks once a call.

pub mod script;

use glassdock_abi::flags::*;
use glassdock_abi::types::{Dev, OpenHow, Stat, Timespec};
use glassdock_abi::{Errno, Result};
use glassdock_vfs::*;

pub struct Machine {
    pub vfs: Vfs,
    pub ns: MountNsId,
    pub root: Path,
    pub cwd: Path,
    pub cred: Cred,
    pub umask: u32,
    pub clock: u64,
    pub dynamic: Box<dyn Dynamic>,
}

impl Machine {
    pub fn new() -> Machine {
        let (mut vfs, ns, root) = Vfs::new(Config { memory: 1 << 30 }, Timespec::from_nanos(1));
        vfs.hold(root);
        vfs.hold(root);
        Machine {
            vfs,
            ns,
            root,
            cwd: root,
            cred: Cred::root(),
            umask: 0o022,
            clock: 1_000_000_000,
            dynamic: Box::new(NoDynamic),
        }
    }

    pub fn with<R>(&mut self, call: impl FnOnce(&mut Vfs, &mut Cx) -> R) -> R {
        self.clock += 1_000_000;
        let mut cx = Cx {
            cred: &self.cred,
            root: self.root,
            cwd: self.cwd,
            mnt_ns: self.ns,
            umask: self.umask,
            now: Timespec::from_nanos(self.clock),
            dynamic: self.dynamic.as_mut(),
        };
        call(&mut self.vfs, &mut cx)
    }

    pub fn lookup(&mut self, path: &str) -> Result<Path> {
        self.with(|vfs, cx| vfs.lookup(cx, At::Cwd, path.as_bytes(), Lookup::FOLLOW))
    }
    pub fn mkdir(&mut self, path: &str) -> Result<()> {
        self.with(|vfs, cx| vfs.mkdir(cx, At::Cwd, path.as_bytes(), 0o777))
    }
    pub fn rmdir(&mut self, path: &str) -> Result<()> {
        self.with(|vfs, cx| vfs.rmdir(cx, At::Cwd, path.as_bytes()))
    }
    pub fn unlink(&mut self, path: &str) -> Result<()> {
        self.with(|vfs, cx| vfs.unlink(cx, At::Cwd, path.as_bytes()))
    }
    pub fn symlink(&mut self, target: &str, path: &str) -> Result<()> {
        self.with(|vfs, cx| vfs.symlink(cx, target.as_bytes(), At::Cwd, path.as_bytes()))
    }
    pub fn link(&mut self, old: &str, new: &str) -> Result<()> {
        self.with(|vfs, cx| {
            vfs.link(
                cx,
                (At::Cwd, old.as_bytes()),
                (At::Cwd, new.as_bytes()),
                AtFlags::empty(),
            )
        })
    }
    pub fn mknod(&mut self, path: &str, mode: u32, dev: Dev) -> Result<()> {
        self.with(|vfs, cx| vfs.mknod(cx, At::Cwd, path.as_bytes(), mode, dev))
            .map(drop)
    }
    pub fn rename(&mut self, old: &str, new: &str, flags: RenameFlags) -> Result<()> {
        self.with(|vfs, cx| {
            vfs.rename(
                cx,
                (At::Cwd, old.as_bytes()),
                (At::Cwd, new.as_bytes()),
                flags,
            )
        })
    }
    pub fn open(&mut self, path: &str, flags: OpenFlags) -> Result<OpenFile> {
        self.openat2(path, &open_how(flags, 0o666))
    }
    pub fn openat2(&mut self, path: &str, how: &OpenHow) -> Result<OpenFile> {
        self.with(|vfs, cx| vfs.open(cx, At::Cwd, path.as_bytes(), how))
    }
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path, OpenFlags::RDONLY)?;
        let bytes = self.with(|vfs, cx| vfs.read(cx, &file, 0, 1 << 20));
        self.vfs.close(file);
        bytes
    }
    pub fn list(&mut self, path: &str) -> Result<Vec<String>> {
        let file = self.open(path, OpenFlags::DIRECTORY)?;
        let mut names = Vec::new();
        let mut position = 0;
        loop {
            let (entries, _) = self.with(|vfs, cx| vfs.getdents(cx, &file, position, 64 + 256))?;
            let Some(last) = entries.last() else { break };
            position = last.off;
            names.extend(
                entries
                    .iter()
                    .map(|entry| String::from_utf8_lossy(&entry.name).into_owned()),
            );
        }
        self.vfs.close(file);
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }
    pub fn stat(&mut self, path: &str) -> Result<Stat> {
        let path = self.lookup(path)?;
        self.with(|vfs, cx| vfs.stat(cx, path))
    }
    pub fn lstat(&mut self, path: &str) -> Result<Stat> {
        let path =
            self.with(|vfs, cx| vfs.lookup(cx, At::Cwd, path.as_bytes(), Lookup::NOFOLLOW))?;
        self.with(|vfs, cx| vfs.stat(cx, path))
    }
    pub fn mount(
        &mut self,
        source: &str,
        target: &str,
        fstype: &str,
        flags: MountFlags,
        data: &str,
    ) -> Result<()> {
        self.with(|vfs, cx| {
            vfs.mount(
                cx,
                source.as_bytes(),
                target.as_bytes(),
                fstype.as_bytes(),
                flags,
                data.as_bytes(),
            )
        })
    }
    pub fn umount(&mut self, target: &str, flags: UmountFlags) -> Result<()> {
        self.with(|vfs, cx| vfs.umount(cx, target.as_bytes(), flags))
    }
    pub fn chdir(&mut self, path: &str) -> Result<()> {
        let path = self.lookup(path)?;
        if self.with(|vfs, cx| vfs.stat(cx, path))?.mode & 0o170000 != 0o040000 {
            return Err(Errno::ENOTDIR);
        }
        self.vfs.hold(path);
        self.vfs.release(self.cwd);
        self.cwd = path;
        Ok(())
    }
    pub fn chroot(&mut self, path: &str) -> Result<()> {
        let path = self.lookup(path)?;
        self.vfs.hold(path);
        self.vfs.release(self.root);
        self.root = path;
        Ok(())
    }
    pub fn getcwd(&mut self) -> Result<String> {
        self.vfs
            .getcwd(self.root, self.cwd)
            .map(|path| String::from_utf8_lossy(&path).into_owned())
    }
}
