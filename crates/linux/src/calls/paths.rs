//! What is named by a path: files, their attributes, mounts.

use super::{fd, filled, none, path, sys, text};
use crate::decode::{self, words};
use glassdock_abi::flags::{AtFlags, ResolveFlags};
use glassdock_abi::types::{OpenHow, TimeSet};
use glassdock_abi::{Call, Errno, Fd, PathArg, Result, Ret, nr};

/// Longest link and directory path.
pub(super) const PATH_MAX: usize = 4096;
/// Longest extended attribute, and list of their names.
pub(super) const XATTR_MAX: usize = 65_536;

/// How often a path that must not lead out is followed while others rename and mount. The kernel gives up where it cannot
/// tell whether a `..` led out meanwhile (`EAGAIN` of `man 2 openat2`); runc tries as often.
const OPEN_TRIES: usize = 128;

fn openat2(dirfd: Fd, p: &PathArg, how: OpenHow) -> Result<Ret> {
    let p = path(p)?;
    let words = words([
        u64::from(how.flags.bits()),
        u64::from(how.mode),
        how.resolve.bits(),
    ]);
    let may_race = how
        .resolve
        .intersects(ResolveFlags::BENEATH | ResolveFlags::IN_ROOT);
    let open = || {
        let (bytes, size) = (words.as_slice(), words.len());
        fd(sys!(nr::openat2, dirfd.0, p.as_c_str(), bytes, size))
    };
    for _ in 1..OPEN_TRIES {
        match open() {
            Err(Errno::EAGAIN) if may_race => {}
            opened => return opened,
        }
    }
    open()
}

/// Makes a call of this family.
pub(super) fn perform(call: Call) -> Result<Ret> {
    let number = call.nr();
    match call {
        Call::Openat2 {
            dirfd,
            path: p,
            how,
        } => openat2(dirfd, &p, how),
        Call::Statx {
            dirfd,
            path: p,
            flags,
        } => {
            const BASIC_BTIME_MNT: u32 = 0x7ff | 0x800 | 0x1000;
            let (p, mut buffer) = (path(&p)?, [0; 256]);
            sys!(
                number,
                dirfd.0,
                p.as_c_str(),
                flags.bits(),
                BASIC_BTIME_MNT,
                &mut buffer[..]
            )?;
            Ok(Ret::Stat(Box::new(decode::stat(&buffer))))
        }
        Call::Readlinkat { dirfd, path: p } => {
            let p = path(&p)?;
            filled(PATH_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, dirfd.0, p.as_c_str(), buffer, length)
            })
        }
        Call::Faccessat2 {
            dirfd,
            path: p,
            mode,
            flags,
        } => none(sys!(
            number,
            dirfd.0,
            path(&p)?.as_c_str(),
            mode,
            flags.bits()
        )),
        Call::Mkdirat {
            dirfd,
            path: p,
            mode,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), mode)),
        Call::Mknodat {
            dirfd,
            path: p,
            mode,
            dev,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), mode, dev.0)),
        Call::Unlinkat {
            dirfd,
            path: p,
            flags,
        } => none(sys!(number, dirfd.0, path(&p)?.as_c_str(), flags.bits())),
        Call::Symlinkat {
            target,
            newdirfd,
            linkpath,
        } => none(sys!(
            number,
            path(&target)?.as_c_str(),
            newdirfd.0,
            path(&linkpath)?.as_c_str()
        )),
        Call::Linkat {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags,
        } => {
            let (old, new) = (path(&oldpath)?, path(&newpath)?);
            none(sys!(
                number,
                olddirfd.0,
                old.as_c_str(),
                newdirfd.0,
                new.as_c_str(),
                flags.bits()
            ))
        }
        Call::Renameat2 {
            olddirfd,
            oldpath,
            newdirfd,
            newpath,
            flags,
        } => {
            let (old, new) = (path(&oldpath)?, path(&newpath)?);
            none(sys!(
                number,
                olddirfd.0,
                old.as_c_str(),
                newdirfd.0,
                new.as_c_str(),
                flags.bits()
            ))
        }
        Call::Fchmodat {
            dirfd,
            path: p,
            mode,
            flags,
        } => chmod(dirfd, &p, mode, flags),
        Call::Fchownat {
            dirfd,
            path: p,
            uid,
            gid,
            flags,
        } => none(sys!(
            number,
            dirfd.0,
            path(&p)?.as_c_str(),
            uid,
            gid,
            flags.bits()
        )),
        Call::Utimensat {
            dirfd,
            path: p,
            atime,
            mtime,
            flags,
        } => utimens(dirfd, &p, atime, mtime, flags),
        Call::Statfs { path: p } => {
            let (p, mut buffer) = (path(&p)?, [0; 120]);
            sys!(number, p.as_c_str(), &mut buffer[..])?;
            Ok(Ret::StatFs(Box::new(decode::statfs(&buffer))))
        }
        Call::Getxattr {
            path: p,
            name,
            follow,
        } => {
            let (p, name) = (path(&p)?, text(&name)?);
            let number = if follow { nr::getxattr } else { nr::lgetxattr };
            filled(XATTR_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, p.as_c_str(), name.as_c_str(), buffer, length)
            })
        }
        Call::Setxattr {
            path: p,
            name,
            value,
            flags,
            follow,
        } => {
            let (p, name) = (path(&p)?, text(&name)?);
            let number = if follow { nr::setxattr } else { nr::lsetxattr };
            none(sys!(
                number,
                p.as_c_str(),
                name.as_c_str(),
                value.as_slice(),
                value.len(),
                flags.bits()
            ))
        }
        Call::Listxattr { path: p, follow } => {
            let p = path(&p)?;
            let number = if follow {
                nr::listxattr
            } else {
                nr::llistxattr
            };
            filled(XATTR_MAX as u64, |buffer| {
                let length = buffer.len();
                sys!(number, p.as_c_str(), buffer, length)
            })
        }
        Call::Removexattr {
            path: p,
            name,
            follow,
        } => {
            let number = if follow {
                nr::removexattr
            } else {
                nr::lremovexattr
            };
            none(sys!(number, path(&p)?.as_c_str(), text(&name)?.as_c_str()))
        }
        Call::Mount {
            source,
            target,
            fstype,
            flags,
            data,
        } => {
            let (source, target) = (path(&source)?, path(&target)?);
            let (fstype, data) = (text(&fstype)?, text(&data)?);
            none(sys!(
                number,
                source.as_c_str(),
                target.as_c_str(),
                fstype.as_c_str(),
                flags.bits(),
                data.as_c_str()
            ))
        }
        Call::Umount2 { target, flags } => {
            none(sys!(number, path(&target)?.as_c_str(), flags.bits()))
        }
        Call::OpenTree {
            dirfd,
            path: p,
            flags,
        } => fd(sys!(number, dirfd.0, path(&p)?.as_c_str(), flags.bits())),
        Call::MoveMount {
            from_dirfd,
            from_pathname,
            to_dirfd,
            to_pathname,
            flags,
        } => none(sys!(
            number,
            from_dirfd.0,
            path(&from_pathname)?.as_c_str(),
            to_dirfd.0,
            path(&to_pathname)?.as_c_str(),
            flags.bits()
        )),
        Call::MountSetattr {
            dirfd,
            path: p,
            flags,
            attr,
        } => {
            let userns = attr.userns.map_or(0, |fd| u64::from(fd.0 as u32));
            let words = words([
                attr.set.bits(),
                attr.clear.bits(),
                attr.propagation.bits(),
                userns,
            ]);
            none(sys!(
                number,
                dirfd.0,
                path(&p)?.as_c_str(),
                flags.bits(),
                words.as_slice(),
                words.len()
            ))
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn chmod(dirfd: Fd, p: &PathArg, mode: u32, flags: AtFlags) -> Result<Ret> {
    // fchmodat2 is younger than the oldest kernels that are served; without flags the older call does the same.
    if flags.is_empty() {
        return none(sys!(nr::fchmodat, dirfd.0, path(p)?.as_c_str(), mode));
    }
    if flags == AtFlags::EMPTY_PATH && p.as_bytes().is_empty() {
        if dirfd == Fd::CWD {
            return none(sys!(nr::fchmodat, dirfd.0, c".", mode));
        }
        return none(sys!(nr::fchmod, dirfd.0, mode));
    }
    none(sys!(
        nr::fchmodat2,
        dirfd.0,
        path(p)?.as_c_str(),
        mode,
        flags.bits()
    ))
}

fn utimens(dirfd: Fd, p: &PathArg, atime: TimeSet, mtime: TimeSet, flags: AtFlags) -> Result<Ret> {
    const UTIME_NOW: u64 = (1 << 30) - 1;
    const UTIME_OMIT: u64 = (1 << 30) - 2;
    let time = |set| match set {
        TimeSet::Omit => [0, UTIME_OMIT],
        TimeSet::Now => [0, UTIME_NOW],
        TimeSet::At(time) => [time.sec as u64, u64::from(time.nsec)],
    };
    let times = [words(time(atime)), words(time(mtime))].concat();
    if p.as_bytes().is_empty() && !flags.contains(AtFlags::EMPTY_PATH) {
        // A null path means the descriptor itself.
        return none(sys!(
            nr::utimensat,
            dirfd.0,
            0u64,
            times.as_slice(),
            flags.bits()
        ));
    }
    none(sys!(
        nr::utimensat,
        dirfd.0,
        path(p)?.as_c_str(),
        times.as_slice(),
        flags.bits()
    ))
}
