//! Calls that name files.

use super::super::CallCx;
use super::fd;
use crate::Kernel;
use crate::ids::Tid;
use crate::wait::SysResult;
use glassdock_abi::flags::*;
use glassdock_abi::types::{Dev, MountAttr, OpenHow, TimeSet, Timespec};
use glassdock_abi::{Call, Errno, Fd, PathArg, Result, Ret};

const UTIME_NOW: u64 = 0x3fff_ffff;
const UTIME_OMIT: u64 = 0x3fff_fffe;
/// Flags of `open` that exist; the others are ignored, as always.
const OPEN_KNOWN: u32 = 0o37777777;

macro_rules! simple {
    ($($name:ident($kernel:ident, $cx:ident, $a:ident) $call:expr;)*) => {
        impl Kernel {
            $(pub(crate) fn $name(&mut self, $cx: &mut CallCx, $a: [u64; 6]) -> SysResult {
                let $kernel = &mut *self;
                let call = $call;
                self.call($cx, &call)
            })*
        }
    };
}

fn at_flags(word: u64) -> AtFlags {
    AtFlags::from_bits_retain(word as u32)
}

fn open(path: PathArg, dirfd: Fd, flags: u64, mode: u64) -> Call {
    let mut flags = OpenFlags::from_bits_retain(flags as u32 & OPEN_KNOWN);
    let creates = flags.intersects(OpenFlags::CREAT | OpenFlags::from_bits_retain(0o20000000));
    if flags.contains(OpenFlags::PATH) {
        flags &= OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC;
    }
    let how = OpenHow {
        flags,
        mode: if creates { mode as u32 & 0o7777 } else { 0 },
        resolve: ResolveFlags::empty(),
    };
    Call::Openat2 { dirfd, path, how }
}

simple! {
    raw_open(k, cx, a) open(k.path(cx, a[0])?, Fd::CWD, a[1], a[2]);
    raw_openat(k, cx, a) open(k.path(cx, a[1])?, fd(a[0]), a[2], a[3]);
    raw_creat(k, cx, a) open(k.path(cx, a[0])?, Fd::CWD, (OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC).bits().into(), a[1]);
    raw_access(k, cx, a) Call::Faccessat2 { dirfd: Fd::CWD, path: k.path(cx, a[0])?, mode: a[1] as u32, flags: AtFlags::empty() };
    raw_faccessat(k, cx, a) Call::Faccessat2 { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32, flags: AtFlags::empty() };
    raw_faccessat2(k, cx, a) Call::Faccessat2 { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32, flags: at_flags(a[3]) };
    raw_mkdir(k, cx, a) Call::Mkdirat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, mode: a[1] as u32 & 0o7777 };
    raw_mkdirat(k, cx, a) Call::Mkdirat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32 & 0o7777 };
    raw_mknod(k, cx, a) Call::Mknodat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, mode: a[1] as u32, dev: Dev(a[2] & 0xffff_ffff) };
    raw_mknodat(k, cx, a) Call::Mknodat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32, dev: Dev(a[3] & 0xffff_ffff) };
    raw_unlink(k, cx, a) Call::Unlinkat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, flags: AtFlags::empty() };
    raw_rmdir(k, cx, a) Call::Unlinkat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, flags: AtFlags::REMOVEDIR };
    raw_unlinkat(k, cx, a) Call::Unlinkat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, flags: at_flags(a[2]) };
    raw_symlink(k, cx, a) Call::Symlinkat { target: k.path(cx, a[0])?, newdirfd: Fd::CWD, linkpath: k.path(cx, a[1])? };
    raw_symlinkat(k, cx, a) Call::Symlinkat { target: k.path(cx, a[0])?, newdirfd: fd(a[1]), linkpath: k.path(cx, a[2])? };
    raw_link(k, cx, a) Call::Linkat { olddirfd: Fd::CWD, oldpath: k.path(cx, a[0])?, newdirfd: Fd::CWD, newpath: k.path(cx, a[1])?, flags: AtFlags::empty() };
    raw_linkat(k, cx, a) Call::Linkat { olddirfd: fd(a[0]), oldpath: k.path(cx, a[1])?, newdirfd: fd(a[2]), newpath: k.path(cx, a[3])?, flags: at_flags(a[4]) };
    raw_rename(k, cx, a) Call::Renameat2 { olddirfd: Fd::CWD, oldpath: k.path(cx, a[0])?, newdirfd: Fd::CWD, newpath: k.path(cx, a[1])?, flags: RenameFlags::empty() };
    raw_renameat(k, cx, a) Call::Renameat2 { olddirfd: fd(a[0]), oldpath: k.path(cx, a[1])?, newdirfd: fd(a[2]), newpath: k.path(cx, a[3])?, flags: RenameFlags::empty() };
    raw_renameat2(k, cx, a) Call::Renameat2 { olddirfd: fd(a[0]), oldpath: k.path(cx, a[1])?, newdirfd: fd(a[2]), newpath: k.path(cx, a[3])?, flags: RenameFlags::from_bits_retain(a[4] as u32) };
    raw_chmod(k, cx, a) Call::Fchmodat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, mode: a[1] as u32 & 0o7777, flags: AtFlags::empty() };
    raw_fchmod(k, _cx, a) { let _ = k; Call::Fchmodat { dirfd: fd(a[0]), path: PathArg::default(), mode: a[1] as u32 & 0o7777, flags: AtFlags::EMPTY_PATH } };
    raw_fchmodat(k, cx, a) Call::Fchmodat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32 & 0o7777, flags: AtFlags::empty() };
    raw_fchmodat2(k, cx, a) Call::Fchmodat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, mode: a[2] as u32 & 0o7777, flags: at_flags(a[3]) };
    raw_chown(k, cx, a) Call::Fchownat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, uid: a[1] as u32, gid: a[2] as u32, flags: AtFlags::empty() };
    raw_lchown(k, cx, a) Call::Fchownat { dirfd: Fd::CWD, path: k.path(cx, a[0])?, uid: a[1] as u32, gid: a[2] as u32, flags: AtFlags::SYMLINK_NOFOLLOW };
    raw_fchown(k, _cx, a) { let _ = k; Call::Fchownat { dirfd: fd(a[0]), path: PathArg::default(), uid: a[1] as u32, gid: a[2] as u32, flags: AtFlags::EMPTY_PATH } };
    raw_fchownat(k, cx, a) Call::Fchownat { dirfd: fd(a[0]), path: k.path(cx, a[1])?, uid: a[2] as u32, gid: a[3] as u32, flags: at_flags(a[4]) };
    raw_chdir(k, cx, a) Call::Chdir { path: k.path(cx, a[0])? };
    raw_fchdir(k, _cx, a) { let _ = k; Call::Fchdir { fd: fd(a[0]) } };
    raw_chroot(k, cx, a) Call::Chroot { path: k.path(cx, a[0])? };
    raw_pivot_root(k, cx, a) Call::PivotRoot { new_root: k.path(cx, a[0])?, put_old: k.path(cx, a[1])? };
    raw_open_tree(k, cx, a) Call::OpenTree { dirfd: fd(a[0]), path: k.path(cx, a[1])?, flags: OpenTreeFlags::from_bits_retain(a[2] as u32) };
    raw_move_mount(k, cx, a) Call::MoveMount {
        from_dirfd: fd(a[0]),
        from_pathname: k.path(cx, a[1])?,
        to_dirfd: fd(a[2]),
        to_pathname: k.path(cx, a[3])?,
        flags: MoveMountFlags::from_bits_retain(a[4] as u32),
    };
    raw_umount2(k, cx, a) Call::Umount2 { target: k.path(cx, a[0])?, flags: UmountFlags::from_bits_retain(a[1] as u32) };
}

impl Kernel {
    pub(crate) fn raw_openat2(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[1])?;
        let [flags, mode, resolve] = self.read_words(cx.tid, a[2], a[3])?;
        let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
        if flags & !OPEN_KNOWN != 0 || mode > 0o7777 {
            return Err(Errno::EINVAL.into());
        }
        let how = OpenHow {
            flags: OpenFlags::from_bits_retain(flags),
            mode: mode as u32,
            resolve: ResolveFlags::from_bits_retain(resolve),
        };
        self.call(
            cx,
            &Call::Openat2 {
                dirfd: fd(a[0]),
                path,
                how,
            },
        )
    }

    pub(crate) fn raw_mount_setattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[1])?;
        let [set, clear, propagation, userns] = self.read_words(cx.tid, a[3], a[4])?;
        let set = MountAttrFlags::from_bits_retain(set);
        let attr = MountAttr {
            set,
            clear: MountAttrFlags::from_bits_retain(clear),
            propagation: MountFlags::from_bits_retain(propagation),
            userns: set.contains(MountAttrFlags::IDMAP).then(|| fd(userns)),
        };
        let flags = at_flags(a[2]);
        self.call(
            cx,
            &Call::MountSetattr {
                dirfd: fd(a[0]),
                path,
                flags,
                attr,
            },
        )
    }

    /// A structure of words that may grow (`copy_struct_from_user`): `EINVAL` for a shorter one, `E2BIG` where what is not known
    /// here is not zero.
    fn read_words<const N: usize>(&mut self, tid: Tid, at: u64, size: u64) -> Result<[u64; N]> {
        let own = 8 * N;
        if size < own as u64 {
            return Err(Errno::EINVAL);
        }
        if size > 4096 {
            return Err(Errno::E2BIG);
        }
        let bytes = self.read_bytes(tid, at, size)?;
        if bytes.iter().skip(own).any(|byte| *byte != 0) {
            return Err(Errno::E2BIG);
        }
        let mut words = [0; N];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(words)
    }

    pub(crate) fn raw_stat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let call = Call::Statx {
            dirfd: Fd::CWD,
            path,
            flags: AtFlags::empty(),
        };
        self.stat_call(cx, &call, a[1])
    }

    pub(crate) fn raw_lstat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let call = Call::Statx {
            dirfd: Fd::CWD,
            path,
            flags: AtFlags::SYMLINK_NOFOLLOW,
        };
        self.stat_call(cx, &call, a[1])
    }

    pub(crate) fn raw_fstat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.file_id(cx.tid, fd(a[0]))?;
        let call = Call::Statx {
            dirfd: fd(a[0]),
            path: PathArg::default(),
            flags: AtFlags::EMPTY_PATH,
        };
        self.stat_call(cx, &call, a[1])
    }

    pub(crate) fn raw_newfstatat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[1])?;
        let call = Call::Statx {
            dirfd: fd(a[0]),
            path,
            flags: at_flags(a[3]),
        };
        self.stat_call(cx, &call, a[2])
    }

    pub(crate) fn raw_statx(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = match a[1] {
            0 => PathArg::default(),
            addr => self.path(cx, addr)?,
        };
        if a[3] & 0x8000_0000 != 0 {
            return Err(Errno::EINVAL.into());
        }
        let call = Call::Statx {
            dirfd: fd(a[0]),
            path,
            flags: at_flags(a[2] & !0x6000),
        };
        let stat = self.call(cx, &call)?.stat()?;
        self.write_statx(cx.tid, a[4], &stat)?;
        Ok(Ret::None)
    }

    fn readlink_to(&mut self, cx: &mut CallCx, call: &Call, addr: u64, size: u64) -> SysResult {
        if size as i32 <= 0 {
            return Err(Errno::EINVAL.into());
        }
        let target = self.call(cx, call)?.bytes()?;
        let n = size.min(target.len() as u64) as usize;
        self.answer_bytes(cx, addr, &target[..n])
    }

    pub(crate) fn raw_readlink(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        self.readlink_to(
            cx,
            &Call::Readlinkat {
                dirfd: Fd::CWD,
                path,
            },
            a[1],
            a[2],
        )
    }

    pub(crate) fn raw_readlinkat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[1])?;
        self.readlink_to(
            cx,
            &Call::Readlinkat {
                dirfd: fd(a[0]),
                path,
            },
            a[2],
            a[3],
        )
    }

    pub(crate) fn raw_getcwd(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let mut path = self.call(cx, &Call::Getcwd {})?.bytes()?;
        path.push(0);
        if path.len() as u64 > a[1] {
            return Err(Errno::ERANGE.into());
        }
        self.answer_bytes(cx, a[0], &path)
    }

    pub(crate) fn raw_truncate(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        if a[1] > i64::MAX as u64 {
            return Err(Errno::EINVAL.into());
        }
        self.with_vfs(cx.tid, |vfs, cx| {
            vfs.truncate(cx, glassdock_vfs::At::Cwd, path.as_bytes(), a[1])
        })?;
        Ok(Ret::None)
    }

    pub(crate) fn raw_statfs(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let stat = self.call(cx, &Call::Statfs { path })?.statfs()?;
        self.write_statfs(cx.tid, a[1], &stat)?;
        Ok(Ret::None)
    }

    pub(crate) fn raw_fstatfs(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let stat = self.call(cx, &Call::Fstatfs { fd: fd(a[0]) })?.statfs()?;
        self.write_statfs(cx.tid, a[1], &stat)?;
        Ok(Ret::None)
    }

    // Times.

    fn time_set(&mut self, cx: &CallCx, addr: u64) -> Result<TimeSet, Errno> {
        let sec = self.read_u64(cx.tid, addr)? as i64;
        match self.read_u64(cx.tid, addr.wrapping_add(8))? {
            UTIME_NOW => Ok(TimeSet::Now),
            UTIME_OMIT => Ok(TimeSet::Omit),
            nsec if nsec < 1_000_000_000 => Ok(TimeSet::At(Timespec {
                sec,
                nsec: nsec as u32,
            })),
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn raw_utimensat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = match a[1] {
            0 => PathArg::default(),
            addr => {
                let path = self.path(cx, addr)?;
                if path.as_bytes().is_empty() && !at_flags(a[3]).contains(AtFlags::EMPTY_PATH) {
                    return Err(Errno::ENOENT.into());
                }
                path
            }
        };
        let (atime, mtime) = match a[2] {
            0 => (TimeSet::Now, TimeSet::Now),
            addr => (
                self.time_set(cx, addr)?,
                self.time_set(cx, addr.wrapping_add(16))?,
            ),
        };
        self.call(
            cx,
            &Call::Utimensat {
                dirfd: fd(a[0]),
                path,
                atime,
                mtime,
                flags: at_flags(a[3]),
            },
        )
    }

    fn utime_call(
        &mut self,
        cx: &mut CallCx,
        dirfd: Fd,
        path: PathArg,
        times: Option<[Timespec; 2]>,
    ) -> SysResult {
        let [atime, mtime] = match times {
            None => [TimeSet::Now, TimeSet::Now],
            Some(times) => times.map(TimeSet::At),
        };
        self.call(
            cx,
            &Call::Utimensat {
                dirfd,
                path,
                atime,
                mtime,
                flags: AtFlags::empty(),
            },
        )
    }

    fn two_timevals(&mut self, cx: &CallCx, addr: u64) -> Result<Option<[Timespec; 2]>, Errno> {
        if addr == 0 {
            return Ok(None);
        }
        let first = self.read_timeval(cx.tid, addr)?;
        let second = self.read_timeval(cx.tid, addr.wrapping_add(16))?;
        Ok(Some([first, second].map(Timespec::from_nanos)))
    }

    pub(crate) fn raw_utimes(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let times = self.two_timevals(cx, a[1])?;
        self.utime_call(cx, Fd::CWD, path, times)
    }

    pub(crate) fn raw_futimesat(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[1])?;
        let times = self.two_timevals(cx, a[2])?;
        self.utime_call(cx, fd(a[0]), path, times)
    }

    pub(crate) fn raw_utime(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let times = match a[1] {
            0 => None,
            addr => {
                let sec = [
                    self.read_u64(cx.tid, addr)?,
                    self.read_u64(cx.tid, addr.wrapping_add(8))?,
                ];
                Some(sec.map(|sec| Timespec {
                    sec: sec as i64,
                    nsec: 0,
                }))
            }
        };
        self.utime_call(cx, Fd::CWD, path, times)
    }

    // Mounts and attributes.

    pub(crate) fn raw_mount(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let mut text = |addr: u64| match addr {
            0 => Ok(Vec::new()),
            addr => self.read_cstr(cx.tid, addr, 4096, Errno::EINVAL),
        };
        let (fstype, source) = (text(a[2])?, text(a[0])?);
        let target = self.read_path(cx.tid, a[1])?;
        let data = match a[4] {
            0 => Vec::new(),
            addr => self.read_cstr(cx.tid, addr, 4096, Errno::EINVAL)?,
        };
        // The magic number that very old programs put into the upper half of the flags.
        let flags = if a[3] & 0xffff_0000 == 0xc0ed_0000 {
            a[3] & 0xffff
        } else {
            a[3]
        };
        self.call(
            cx,
            &Call::Mount {
                source: source.into(),
                target: target.into(),
                fstype,
                flags: MountFlags::from_bits_retain(flags),
                data,
            },
        )
    }

    fn xattr_name(&mut self, cx: &CallCx, addr: u64) -> Result<Vec<u8>, Errno> {
        let name = self.read_cstr(cx.tid, addr, 256, Errno::ERANGE)?;
        if name.is_empty() {
            Err(Errno::ERANGE)
        } else {
            Ok(name)
        }
    }

    fn sized_answer(&mut self, cx: &mut CallCx, call: &Call, addr: u64, size: u64) -> SysResult {
        let bytes = self.call(cx, call)?.bytes()?;
        self.sized_bytes(cx, &bytes, addr, size)
    }

    fn sized_bytes(&mut self, cx: &CallCx, bytes: &[u8], addr: u64, size: u64) -> SysResult {
        if size == 0 {
            return Ok(Ret::Int(bytes.len() as i64));
        }
        if bytes.len() as u64 > size {
            return Err(Errno::ERANGE.into());
        }
        self.answer_bytes(cx, addr, bytes)
    }

    fn getxattr_call(&mut self, cx: &mut CallCx, a: [u64; 6], follow: bool) -> SysResult {
        let path = self.path(cx, a[0])?;
        let name = self.xattr_name(cx, a[1])?;
        self.sized_answer(cx, &Call::Getxattr { path, name, follow }, a[2], a[3])
    }
    pub(crate) fn raw_getxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.getxattr_call(cx, a, true)
    }
    pub(crate) fn raw_lgetxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.getxattr_call(cx, a, false)
    }
    pub(crate) fn raw_fgetxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let name = self.xattr_name(cx, a[1])?;
        self.sized_answer(cx, &Call::Fgetxattr { fd: fd(a[0]), name }, a[2], a[3])
    }

    fn xattr_value(&mut self, cx: &CallCx, addr: u64, size: u64) -> Result<Vec<u8>, Errno> {
        if size > 65_536 {
            return Err(Errno::E2BIG);
        }
        self.read_bytes(cx.tid, addr, size)
    }
    fn setxattr_call(&mut self, cx: &mut CallCx, a: [u64; 6], follow: bool) -> SysResult {
        let path = self.path(cx, a[0])?;
        let name = self.xattr_name(cx, a[1])?;
        let value = self.xattr_value(cx, a[2], a[3])?;
        let flags = XattrFlags::from_bits_retain(a[4] as u32);
        self.call(
            cx,
            &Call::Setxattr {
                path,
                name,
                value,
                flags,
                follow,
            },
        )
    }
    pub(crate) fn raw_setxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.setxattr_call(cx, a, true)
    }
    pub(crate) fn raw_lsetxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        self.setxattr_call(cx, a, false)
    }
    pub(crate) fn raw_fsetxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let name = self.xattr_name(cx, a[1])?;
        let value = self.xattr_value(cx, a[2], a[3])?;
        let flags = XattrFlags::from_bits_retain(a[4] as u32);
        self.call(
            cx,
            &Call::Fsetxattr {
                fd: fd(a[0]),
                name,
                value,
                flags,
            },
        )
    }
    pub(crate) fn raw_listxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        self.sized_answer(cx, &Call::Listxattr { path, follow: true }, a[1], a[2])
    }
    pub(crate) fn raw_llistxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        self.sized_answer(
            cx,
            &Call::Listxattr {
                path,
                follow: false,
            },
            a[1],
            a[2],
        )
    }
    pub(crate) fn raw_flistxattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let place = self.file(self.real_file_id(cx.tid, fd(a[0]))?)?.file.path;
        let names = self.with_vfs(cx.tid, |vfs, cx| vfs.listxattr(cx, place))?;
        self.sized_bytes(cx, &names, a[1], a[2])
    }
    pub(crate) fn raw_fremovexattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let place = self.file(self.real_file_id(cx.tid, fd(a[0]))?)?.file.path;
        let name = self.xattr_name(cx, a[1])?;
        self.with_vfs(cx.tid, |vfs, cx| vfs.removexattr(cx, place, &name))?;
        Ok(Ret::None)
    }
    pub(crate) fn raw_removexattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let name = self.xattr_name(cx, a[1])?;
        self.call(
            cx,
            &Call::Removexattr {
                path,
                name,
                follow: true,
            },
        )
    }
    pub(crate) fn raw_lremovexattr(&mut self, cx: &mut CallCx, a: [u64; 6]) -> SysResult {
        let path = self.path(cx, a[0])?;
        let name = self.xattr_name(cx, a[1])?;
        self.call(
            cx,
            &Call::Removexattr {
                path,
                name,
                follow: false,
            },
        )
    }
}
