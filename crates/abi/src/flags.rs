//! Flag words of the system-call interface, with x86-64 Linux's values.
//!
//! Unknown bits are kept (`from_bits_retain`), so that a kernel can refuse them as Linux does.

use bitflags::bitflags;

macro_rules! flag_words {
    ($($(#[$doc:meta])* $word:ident: $int:ty { $($name:ident = $value:expr,)* })*) => {
        $(bitflags! {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
            pub struct $word: $int {
                $(#[doc = concat!("`", stringify!($name), "`")] const $name = $value;)*
                const _ = !0;
            }
        })*
    };
}

flag_words! {
    /// `man 2 open`. The access mode is the low two bits: [`OpenFlags::access`].
    OpenFlags: u32 {
        WRONLY = 0o1, RDWR = 0o2, CREAT = 0o100, EXCL = 0o200, NOCTTY = 0o400, TRUNC = 0o1000, APPEND = 0o2000,
        NONBLOCK = 0o4000, DSYNC = 0o10000, ASYNC = 0o20000, DIRECT = 0o40000, LARGEFILE = 0o100000,
        DIRECTORY = 0o200000, NOFOLLOW = 0o400000, NOATIME = 0o1000000, CLOEXEC = 0o2000000, SYNC = 0o4010000,
        PATH = 0o10000000, TMPFILE = 0o20200000,
    }
    /// `resolve` of `man 2 openat2`.
    ResolveFlags: u64 { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32, }
    /// The `AT_*` flags of the `*at` calls.
    AtFlags: u32 {
        SYMLINK_NOFOLLOW = 0x100, REMOVEDIR = 0x200, SYMLINK_FOLLOW = 0x400, NO_AUTOMOUNT = 0x800, EMPTY_PATH = 0x1000,
        RECURSIVE = 0x8000,
    }
    /// `man 2 renameat2`.
    RenameFlags: u32 { NOREPLACE = 1, EXCHANGE = 2, WHITEOUT = 4, }
    /// `CLONE_*` of `man 2 clone`, `man 2 unshare`, `man 2 setns`.
    CloneFlags: u64 {
        VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, PIDFD = 0x1000, PTRACE = 0x2000, VFORK = 0x4000,
        PARENT = 0x8000, THREAD = 0x10000, NEWNS = 0x20000, SYSVSEM = 0x40000, SETTLS = 0x80000,
        PARENT_SETTID = 0x100000, CHILD_CLEARTID = 0x200000, DETACHED = 0x400000, UNTRACED = 0x800000,
        CHILD_SETTID = 0x1000000, NEWCGROUP = 0x2000000, NEWUTS = 0x4000000, NEWIPC = 0x8000000, NEWUSER = 0x10000000,
        NEWPID = 0x20000000, NEWNET = 0x40000000, IO = 0x80000000, CLEAR_SIGHAND = 0x1_0000_0000,
        INTO_CGROUP = 0x2_0000_0000, NEWTIME = 0x80,
    }
    /// `MS_*` of `man 2 mount`.
    MountFlags: u64 {
        RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, SYNCHRONOUS = 16, REMOUNT = 32, MANDLOCK = 64, DIRSYNC = 128,
        NOSYMFOLLOW = 256, NOATIME = 1024, NODIRATIME = 2048, BIND = 4096, MOVE = 8192, REC = 16384, SILENT = 32768,
        UNBINDABLE = 1 << 17, PRIVATE = 1 << 18, SLAVE = 1 << 19, SHARED = 1 << 20, RELATIME = 1 << 21,
        STRICTATIME = 1 << 24, LAZYTIME = 1 << 25,
    }
    /// `man 2 umount2`.
    UmountFlags: u32 { FORCE = 1, DETACH = 2, EXPIRE = 4, NOFOLLOW = 8, }
    /// `OPEN_TREE_*`, and the `AT_*` flags that go with them, of `man 2 open_tree`.
    OpenTreeFlags: u32 {
        CLONE = 1, CLOEXEC = 0o2000000, SYMLINK_NOFOLLOW = 0x100, NO_AUTOMOUNT = 0x800, EMPTY_PATH = 0x1000,
        RECURSIVE = 0x8000,
    }
    /// `man 2 move_mount`.
    MoveMountFlags: u32 {
        F_SYMLINKS = 1, F_AUTOMOUNTS = 2, F_EMPTY_PATH = 4, T_SYMLINKS = 0x10, T_AUTOMOUNTS = 0x20, T_EMPTY_PATH = 0x40,
        SET_GROUP = 0x100, BENEATH = 0x200,
    }
    /// `MOUNT_ATTR_*` of `man 2 mount_setattr`. Without the three in [`MountAttrFlags::ATIME`] it is `MOUNT_ATTR_RELATIME`.
    MountAttrFlags: u64 {
        RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, NOATIME = 0x10, STRICTATIME = 0x20, NODIRATIME = 0x80,
        IDMAP = 0x10_0000, NOSYMFOLLOW = 0x20_0000,
    }
    /// Events of `man 2 poll`.
    PollEvents: u16 { IN = 1, PRI = 2, OUT = 4, ERR = 8, HUP = 16, NVAL = 32, RDNORM = 64, WRNORM = 256, RDHUP = 0x2000, }
    /// `MSG_*` of `man 2 recvmsg`.
    MsgFlags: u32 {
        OOB = 1, PEEK = 2, CTRUNC = 8, TRUNC = 0x20, DONTWAIT = 0x40, WAITALL = 0x100, NOSIGNAL = 0x4000,
        CMSG_CLOEXEC = 0x4000_0000,
    }
    /// Options of `man 2 wait4` and `man 2 waitid`.
    WaitFlags: u32 {
        NOHANG = 1, UNTRACED = 2, EXITED = 4, CONTINUED = 8, NOWAIT = 0x0100_0000, NOTHREAD = 0x2000_0000,
        ALL = 0x4000_0000, CLONE = 0x8000_0000,
    }
    /// `man 2 setxattr`.
    XattrFlags: u32 { CREATE = 1, REPLACE = 2, }
    /// `man 2 close_range`.
    CloseRangeFlags: u32 { UNSHARE = 2, CLOEXEC = 4, }
    /// `man 2 memfd_create`.
    MemfdFlags: u32 { CLOEXEC = 1, ALLOW_SEALING = 2, }
}

impl MountAttrFlags {
    /// `MOUNT_ATTR__ATIME`: the mask of what is one number.
    pub const ATIME: MountAttrFlags = MountAttrFlags::from_bits_retain(0x70);
}

impl OpenFlags {
    /// `O_RDONLY`: the access mode zero.
    pub const RDONLY: OpenFlags = OpenFlags::empty();
    /// The mask of the access mode.
    pub const ACCMODE: OpenFlags = OpenFlags::WRONLY.union(OpenFlags::RDWR);

    /// The access mode alone.
    pub const fn access(self) -> OpenFlags {
        self.intersection(OpenFlags::ACCMODE)
    }
    /// Whether the mode allows reading. The mode 3, which asks for both permissions, allows neither.
    pub const fn readable(self) -> bool {
        matches!(self.access().bits(), 0 | 2)
    }
    /// Whether the mode allows writing.
    pub const fn writable(self) -> bool {
        matches!(self.access().bits(), 1 | 2)
    }
}
