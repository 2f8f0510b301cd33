//! Calls on files by path, their attributes, mounts.

use super::*;

pub(super) fn files() -> Vec<(Call, Ret)> {
    let (dirfd, path) = (Fd::CWD, || "/etc/passwd".into());
    let how = OpenHow {
        flags: OpenFlags::CREAT | OpenFlags::CLOEXEC,
        mode: 0o644,
        resolve: ResolveFlags::BENEATH,
    };
    let read = OpenHow::default();
    vec![
        (
            Call::Openat2 {
                dirfd,
                path: path(),
                how,
            },
            Ret::Fd(Fd(3)),
        ),
        (
            Call::Openat2 {
                dirfd: Fd(5),
                path: path(),
                how: read,
            },
            Ret::Fd(Fd(4)),
        ),
        (
            Call::Statx {
                dirfd,
                path: path(),
                flags: AtFlags::SYMLINK_NOFOLLOW,
            },
            Ret::Stat(Box::new(file())),
        ),
        (
            Call::Readlinkat {
                dirfd,
                path: "/proc/self".into(),
            },
            Ret::Bytes(b"12".to_vec()),
        ),
        (
            Call::Faccessat2 {
                dirfd,
                path: path(),
                mode: 5,
                flags: AtFlags::empty(),
            },
            Ret::None,
        ),
        (
            Call::Mkdirat {
                dirfd,
                path: "/tmp/d".into(),
                mode: 0o755,
            },
            Ret::None,
        ),
        (
            Call::Mknodat {
                dirfd: Fd(4),
                path: "null".into(),
                mode: 0o020666,
                dev: Dev::new(1, 3),
            },
            Ret::None,
        ),
        (
            Call::Unlinkat {
                dirfd,
                path: path(),
                flags: AtFlags::REMOVEDIR,
            },
            Ret::None,
        ),
        (
            Call::Symlinkat {
                target: "pts/ptmx".into(),
                newdirfd: Fd(4),
                linkpath: "ptmx".into(),
            },
            Ret::None,
        ),
        (
            Call::Linkat {
                olddirfd: dirfd,
                oldpath: "a".into(),
                newdirfd: dirfd,
                newpath: "b".into(),
                flags: AtFlags::empty(),
            },
            Ret::None,
        ),
        (
            Call::Renameat2 {
                olddirfd: dirfd,
                oldpath: "a".into(),
                newdirfd: dirfd,
                newpath: "b".into(),
                flags: RenameFlags::NOREPLACE,
            },
            Ret::None,
        ),
        (
            Call::Mount {
                source: "proc".into(),
                target: "/proc".into(),
                fstype: b"proc".to_vec(),
                flags: MountFlags::NOSUID | MountFlags::NODEV,
                data: Vec::new(),
            },
            Ret::None,
        ),
        (
            Call::Umount2 {
                target: ".".into(),
                flags: UmountFlags::DETACH,
            },
            Ret::None,
        ),
        (
            Call::OpenTree {
                dirfd: Fd::CWD,
                path: "/data".into(),
                flags: OpenTreeFlags::CLONE | OpenTreeFlags::CLOEXEC | OpenTreeFlags::RECURSIVE,
            },
            Ret::Fd(Fd(7)),
        ),
        (
            Call::MoveMount {
                from_dirfd: Fd(7),
                from_pathname: "".into(),
                to_dirfd: Fd(8),
                to_pathname: "".into(),
                flags: MoveMountFlags::F_EMPTY_PATH | MoveMountFlags::T_EMPTY_PATH,
            },
            Ret::None,
        ),
        (
            Call::MountSetattr {
                dirfd: Fd(7),
                path: "".into(),
                flags: AtFlags::EMPTY_PATH | AtFlags::RECURSIVE,
                attr: MountAttr {
                    set: MountAttrFlags::RDONLY | MountAttrFlags::IDMAP,
                    clear: MountAttrFlags::NOSUID,
                    propagation: MountFlags::SLAVE,
                    userns: Some(Fd(9)),
                },
            },
            Ret::None,
        ),
        (
            Call::Statfs { path: "/".into() },
            Ret::StatFs(Box::new(StatFs {
                kind: 0x794c_7630,
                bsize: 4096,
                blocks: 10,
                ..StatFs::default()
            })),
        ),
        (Call::Fstatfs { fd: Fd(3) }, Ret::StatFs(Box::default())),
    ]
}

pub(super) fn attributes() -> Vec<(Call, Ret)> {
    let (dirfd, path) = (Fd::CWD, || "/tmp/f".into());
    let name = || b"user.a".to_vec();
    vec![
        (
            Call::Fchmodat {
                dirfd,
                path: path(),
                mode: 0o4755,
                flags: AtFlags::empty(),
            },
            Ret::None,
        ),
        (
            Call::Fchownat {
                dirfd,
                path: path(),
                uid: 0,
                gid: u32::MAX,
                flags: AtFlags::SYMLINK_NOFOLLOW,
            },
            Ret::None,
        ),
        (
            Call::Utimensat {
                dirfd,
                path: path(),
                atime: TimeSet::Omit,
                mtime: TimeSet::At(SECOND),
                flags: AtFlags::empty(),
            },
            Ret::None,
        ),
        (
            Call::Getxattr {
                path: path(),
                name: name(),
                follow: true,
            },
            Ret::Bytes(b"v".to_vec()),
        ),
        (
            Call::Setxattr {
                path: path(),
                name: name(),
                value: b"v".to_vec(),
                flags: XattrFlags::CREATE,
                follow: true,
            },
            Ret::None,
        ),
        (
            Call::Listxattr {
                path: path(),
                follow: true,
            },
            Ret::Bytes(b"user.a\0".to_vec()),
        ),
        (
            Call::Removexattr {
                path: path(),
                name: name(),
                follow: true,
            },
            Ret::None,
        ),
        (
            Call::Fgetxattr {
                fd: Fd(3),
                name: name(),
            },
            Ret::Bytes(b"v".to_vec()),
        ),
        (
            Call::Fsetxattr {
                fd: Fd(3),
                name: name(),
                value: vec![b'v'; 300],
                flags: XattrFlags::empty(),
            },
            Ret::None,
        ),
    ]
}
