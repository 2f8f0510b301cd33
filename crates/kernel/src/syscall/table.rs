//! The table of system calls: what a number means, how its arguments print, and what becomes of it when a handler
//! interrupts it.

use super::{CallCx, Restart};
use crate::Kernel;
use crate::wait::SysResult;
use glassdock_abi::nr;

/// Reads the arguments and makes the call.
pub(super) type Handler = fn(&mut Kernel, &mut CallCx, [u64; 6]) -> SysResult;

/// A system call that is supported.
pub(super) struct Row {
    pub(super) nr: u32,
    pub(super) handler: Handler,
    pub(super) restart: Restart,
    /// The handler makes a typed call, which traces its own arguments.
    pub(super) typed: bool,
    /// Argument formats: `d` number, `f` descriptor, `p` path, `x` flags or address, `s` buffer, `t` time.
    args: &'static str,
    note: &'static str,
}

/// One line of the support page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Support {
    /// Number.
    pub nr: u32,
    /// Name.
    pub name: &'static str,
    /// Whether the call does what Linux's does; otherwise it fails with `ENOSYS`.
    pub supported: bool,
    /// Argument formats: `d` number, `f` descriptor, `p` path, `x` flags or address, `s` buffer, `t` time.
    pub args: &'static str,
    /// What is missing or simplified; empty where nothing is.
    pub note: &'static str,
}

/// Every system call that Linux has, and what of it is here.
pub fn support() -> Vec<Support> {
    nr::ALL
        .iter()
        .map(|(number, name)| {
            let row = row(*number);
            Support {
                nr: *number,
                name,
                supported: row.is_some(),
                args: row.map_or("", |row| row.args),
                note: row.map_or("", |row| row.note),
            }
        })
        .collect()
}

/// The row of a number.
pub(super) fn row(number: u32) -> Option<&'static Row> {
    let at = ROWS.binary_search_by_key(&number, |row| row.nr).ok()?;
    ROWS.get(at)
}

macro_rules! rows {
    ($($name:ident $kind:ident $restart:ident $args:literal $handler:expr $(, $note:literal)?;)*) => {
        static ROWS: &[Row] = &[$(Row {
            nr: nr::$name,
            handler: $handler,
            restart: Restart::$restart,
            typed: rows!(@ $kind),
            args: $args,
            note: concat!($($note)?),
        },)*];
    };
    (@ typed) => { true };
    (@ raw) => { false };
}

rows! {
    read typed WithFlag "fsd" Kernel::raw_read;
    write typed WithFlag "fsd" Kernel::raw_write;
    open typed WithFlag "pxd" Kernel::raw_open;
    close typed Never "f" Kernel::raw_close;
    stat typed Never "px" Kernel::raw_stat;
    fstat typed Never "fx" Kernel::raw_fstat;
    lstat typed Never "px" Kernel::raw_lstat;
    poll typed WithoutHandler "xdd" Kernel::raw_poll;
    lseek typed Never "fdd" Kernel::raw_lseek;
    mmap raw Never "xdxxfd" Kernel::sys_mmap;
    mprotect raw Never "xdx" Kernel::sys_mprotect;
    munmap raw Never "xd" Kernel::sys_munmap;
    brk raw Never "x" Kernel::sys_brk;
    rt_sigaction raw Never "dxxd" Kernel::sys_rt_sigaction;
    rt_sigprocmask raw Never "dxxd" Kernel::sys_rt_sigprocmask;
    rt_sigreturn raw Never "" Kernel::sys_rt_sigreturn;
    ioctl typed WithFlag "fxx" Kernel::raw_ioctl;
    pread64 typed Never "fsdd" Kernel::raw_pread;
    pwrite64 typed Never "fsdd" Kernel::raw_pwrite;
    readv typed WithFlag "fxd" Kernel::raw_readv;
    writev typed WithFlag "fxd" Kernel::raw_writev;
    access typed Never "pd" Kernel::raw_access;
    pipe typed Never "x" Kernel::raw_pipe;
    select raw WithoutHandler "dxxxt" Kernel::raw_select;
    sched_yield raw Never "" Kernel::raw_sched_yield;
    mremap raw Never "xddxx" Kernel::sys_mremap;
    msync raw Never "xdx" Kernel::sys_msync;
    madvise raw Never "xdd" Kernel::sys_madvise;
    dup typed Never "f" Kernel::raw_dup;
    dup2 typed Never "ff" Kernel::raw_dup2;
    pause raw WithoutHandler "" Kernel::sys_pause;
    nanosleep typed WithoutHandler "tx" Kernel::raw_nanosleep;
    getitimer raw Never "dx" Kernel::raw_getitimer;
    alarm raw Never "d" Kernel::raw_alarm;
    setitimer raw Never "dxx" Kernel::raw_setitimer, "only ITIMER_REAL";
    getpid typed Never "" Kernel::raw_getpid;
    sendfile typed WithFlag "ffxd" Kernel::raw_sendfile;
    socket typed Never "ddd" Kernel::raw_socket, "only AF_UNIX streams";
    connect typed WithFlag "fxd" Kernel::raw_connect;
    accept typed WithFlag "fxx" Kernel::raw_accept;
    sendto typed WithFlag "fsdxxd" Kernel::raw_sendto;
    recvfrom typed WithFlag "fsdxxx" Kernel::raw_recvfrom;
    sendmsg typed WithFlag "fxx" Kernel::raw_sendmsg;
    recvmsg typed WithFlag "fxx" Kernel::raw_recvmsg;
    shutdown typed Never "fd" Kernel::raw_shutdown;
    bind typed Never "fxd" Kernel::raw_bind;
    listen typed Never "fd" Kernel::raw_listen;
    getsockname typed Never "fxx" Kernel::raw_getsockname;
    getpeername typed Never "fxx" Kernel::raw_getpeername;
    socketpair typed Never "dddx" Kernel::raw_socketpair;
    setsockopt typed Never "fddxd" Kernel::raw_setsockopt, "sizes and reuse are accepted and change nothing";
    getsockopt typed Never "fddxx" Kernel::raw_getsockopt;
    clone raw Killable "xxxxx" Kernel::raw_clone;
    fork raw Killable "" Kernel::raw_fork;
    vfork raw Killable "" Kernel::raw_vfork;
    execve typed Never "pxx" Kernel::raw_execve, "no dynamic linker yet: PT_INTERP is ENOEXEC";
    exit raw Never "d" Kernel::sys_exit;
    wait4 typed WithFlag "dxxx" Kernel::raw_wait4;
    kill typed Never "dd" Kernel::raw_kill;
    uname raw Never "x" Kernel::raw_uname;
    fcntl typed WithFlag "fdx" Kernel::raw_fcntl, "no leases and no owners";
    flock typed WithFlag "fd" Kernel::raw_flock;
    fsync typed Never "f" Kernel::raw_fsync;
    fdatasync typed Never "f" Kernel::raw_fdatasync;
    truncate raw Never "pd" Kernel::raw_truncate;
    ftruncate typed Never "fd" Kernel::raw_ftruncate;
    getcwd typed Never "sd" Kernel::raw_getcwd;
    chdir typed Never "p" Kernel::raw_chdir;
    fchdir typed Never "f" Kernel::raw_fchdir;
    rename typed Never "pp" Kernel::raw_rename;
    mkdir typed Never "pd" Kernel::raw_mkdir;
    rmdir typed Never "p" Kernel::raw_rmdir;
    creat typed WithFlag "pd" Kernel::raw_creat;
    link typed Never "pp" Kernel::raw_link;
    unlink typed Never "p" Kernel::raw_unlink;
    symlink typed Never "pp" Kernel::raw_symlink;
    readlink typed Never "psd" Kernel::raw_readlink;
    chmod typed Never "pd" Kernel::raw_chmod;
    fchmod typed Never "fd" Kernel::raw_fchmod;
    chown typed Never "pdd" Kernel::raw_chown;
    fchown typed Never "fdd" Kernel::raw_fchown;
    lchown typed Never "pdd" Kernel::raw_lchown;
    umask typed Never "d" Kernel::raw_umask;
    gettimeofday raw Never "xx" Kernel::raw_gettimeofday;
    getrlimit typed Never "dx" Kernel::raw_getrlimit;
    getrusage raw Never "dx" Kernel::raw_getrusage, "times only";
    sysinfo raw Never "x" Kernel::raw_sysinfo;
    times raw Never "x" Kernel::raw_times;
    getuid typed Never "" Kernel::raw_getuid;
    syslog raw Never "dsd" Kernel::raw_syslog, "an empty log";
    getgid typed Never "" Kernel::raw_getgid;
    setuid raw Never "d" Kernel::raw_setuid;
    setgid raw Never "d" Kernel::raw_setgid;
    geteuid typed Never "" Kernel::raw_geteuid;
    getegid typed Never "" Kernel::raw_getegid;
    setpgid typed Never "dd" Kernel::raw_setpgid;
    getppid typed Never "" Kernel::raw_getppid;
    getpgrp typed Never "" Kernel::raw_getpgrp;
    setsid typed Never "" Kernel::raw_setsid;
    setreuid raw Never "dd" Kernel::raw_setreuid;
    setregid raw Never "dd" Kernel::raw_setregid;
    getgroups typed Never "dx" Kernel::raw_getgroups;
    setgroups typed Never "dx" Kernel::raw_setgroups;
    setresuid typed Never "ddd" Kernel::raw_setresuid;
    getresuid raw Never "xxx" Kernel::raw_getresuid;
    setresgid typed Never "ddd" Kernel::raw_setresgid;
    getresgid raw Never "xxx" Kernel::raw_getresgid;
    getpgid typed Never "d" Kernel::raw_getpgid;
    setfsuid raw Never "d" Kernel::raw_setfsuid;
    setfsgid raw Never "d" Kernel::raw_setfsgid;
    getsid typed Never "d" Kernel::raw_getsid;
    capget typed Never "xx" Kernel::raw_capget;
    capset typed Never "xx" Kernel::raw_capset;
    rt_sigpending raw Never "xd" Kernel::sys_rt_sigpending;
    rt_sigtimedwait raw Never "xxtd" Kernel::sys_rt_sigtimedwait;
    rt_sigqueueinfo raw Never "ddx" Kernel::raw_sigqueue;
    rt_sigsuspend raw WithoutHandler "xd" Kernel::sys_rt_sigsuspend;
    sigaltstack raw Never "xx" Kernel::sys_sigaltstack;
    utime typed Never "px" Kernel::raw_utime;
    mknod typed Never "pdx" Kernel::raw_mknod;
    personality raw Never "x" Kernel::raw_personality, "only what uname says depends on it";
    statfs typed Never "px" Kernel::raw_statfs;
    fstatfs typed Never "fx" Kernel::raw_fstatfs;
    getpriority raw Never "dd" Kernel::raw_getpriority;
    setpriority raw Never "ddd" Kernel::raw_setpriority, "kept and shown; turns stay equal";
    sched_setparam raw Never "dx" Kernel::raw_sched_set, "kept nowhere; turns stay equal";
    sched_getparam raw Never "dx" Kernel::raw_sched_getparam;
    sched_setscheduler raw Never "ddx" Kernel::raw_sched_set, "only SCHED_OTHER has an effect";
    sched_getscheduler raw Never "d" Kernel::raw_sched_getscheduler;
    sched_get_priority_max raw Never "d" Kernel::raw_sched_priority_max;
    sched_get_priority_min raw Never "d" Kernel::raw_sched_priority_min;
    mlock raw Never "xd" Kernel::sys_mlock, "nothing is swapped";
    munlock raw Never "xd" Kernel::sys_mlock, "nothing is swapped";
    mlockall raw Never "x" Kernel::sys_mlock, "nothing is swapped";
    munlockall raw Never "" Kernel::sys_mlock, "nothing is swapped";
    pivot_root typed Never "pp" Kernel::raw_pivot_root;
    prctl typed Never "dxxxx" Kernel::raw_prctl;
    arch_prctl raw Never "dx" Kernel::raw_arch_prctl;
    setrlimit typed Never "dx" Kernel::raw_setrlimit;
    chroot typed Never "p" Kernel::raw_chroot;
    sync raw Never "" Kernel::raw_sync;
    settimeofday raw Never "xx" Kernel::raw_settimeofday;
    mount typed Never "ppsxs" Kernel::raw_mount;
    umount2 typed Never "px" Kernel::raw_umount2;
    swapon raw Never "px" Kernel::raw_swap, "no file system here can hold swap space";
    swapoff raw Never "p" Kernel::raw_swap, "no file system here can hold swap space";
    reboot raw Never "xxdx" Kernel::raw_reboot;
    sethostname typed Never "sd" Kernel::raw_sethostname;
    setdomainname typed Never "sd" Kernel::raw_setdomainname;
    gettid raw Never "" Kernel::raw_gettid;
    setxattr typed Never "psxdd" Kernel::raw_setxattr;
    lsetxattr typed Never "psxdd" Kernel::raw_lsetxattr;
    fsetxattr typed Never "fsxdd" Kernel::raw_fsetxattr;
    getxattr typed Never "psxd" Kernel::raw_getxattr;
    lgetxattr typed Never "psxd" Kernel::raw_lgetxattr;
    fgetxattr typed Never "fsxd" Kernel::raw_fgetxattr;
    listxattr typed Never "pxd" Kernel::raw_listxattr;
    llistxattr typed Never "pxd" Kernel::raw_llistxattr;
    flistxattr raw Never "fxd" Kernel::raw_flistxattr;
    removexattr typed Never "ps" Kernel::raw_removexattr;
    lremovexattr typed Never "ps" Kernel::raw_lremovexattr;
    fremovexattr raw Never "fs" Kernel::raw_fremovexattr;
    tkill raw Never "dd" Kernel::raw_tkill;
    time raw Never "x" Kernel::raw_time;
    futex raw WithFlag "xddtxd" Kernel::sys_futex, "no priority inheritance";
    sched_setaffinity raw Never "ddx" Kernel::raw_sched_setaffinity, "one processor";
    sched_getaffinity raw Never "ddx" Kernel::raw_sched_getaffinity;
    epoll_create raw Never "d" Kernel::raw_epoll_create;
    getdents64 typed Never "fsd" Kernel::raw_getdents64;
    set_tid_address raw Never "x" Kernel::raw_set_tid_address;
    fadvise64 raw Never "fddd" Kernel::raw_fadvise, "advice changes nothing";
    clock_settime raw Never "dx" Kernel::raw_clock_settime;
    clock_gettime raw Never "dx" Kernel::raw_clock_gettime;
    clock_getres raw Never "dx" Kernel::raw_clock_getres;
    clock_nanosleep typed WithoutHandler "ddtx" Kernel::raw_clock_nanosleep;
    exit_group typed Never "d" Kernel::raw_exit_group;
    epoll_wait raw Never "fxdd" Kernel::raw_epoll_wait;
    epoll_ctl raw Never "fdfx" Kernel::sys_epoll_ctl;
    tgkill raw Never "ddd" Kernel::raw_tgkill;
    utimes typed Never "px" Kernel::raw_utimes;
    waitid typed WithFlag "ddxxx" Kernel::raw_waitid;
    ioprio_set raw Never "ddd" Kernel::raw_ioprio_set, "kept nowhere";
    ioprio_get raw Never "dd" Kernel::raw_ioprio_get;
    openat typed WithFlag "fpxd" Kernel::raw_openat;
    mkdirat typed Never "fpd" Kernel::raw_mkdirat;
    mknodat typed Never "fpdx" Kernel::raw_mknodat;
    fchownat typed Never "fpddx" Kernel::raw_fchownat;
    futimesat typed Never "fpx" Kernel::raw_futimesat;
    newfstatat typed Never "fpxx" Kernel::raw_newfstatat;
    unlinkat typed Never "fpx" Kernel::raw_unlinkat;
    renameat typed Never "fpfp" Kernel::raw_renameat;
    linkat typed Never "fpfpx" Kernel::raw_linkat;
    symlinkat typed Never "pfp" Kernel::raw_symlinkat;
    readlinkat typed Never "fpsd" Kernel::raw_readlinkat;
    fchmodat typed Never "fpd" Kernel::raw_fchmodat;
    faccessat typed Never "fpd" Kernel::raw_faccessat;
    pselect6 raw WithoutHandler "dxxxtx" Kernel::raw_pselect;
    ppoll typed WithoutHandler "xdtxd" Kernel::raw_ppoll;
    unshare typed Never "x" Kernel::raw_unshare;
    set_robust_list raw Never "xd" Kernel::raw_set_robust_list;
    get_robust_list raw Never "dxx" Kernel::raw_get_robust_list;
    utimensat typed Never "fpxx" Kernel::raw_utimensat;
    epoll_pwait raw Never "fxddxd" Kernel::raw_epoll_wait;
    signalfd raw Never "fxd" Kernel::raw_signalfd;
    timerfd_create raw Never "dx" Kernel::raw_timerfd_create;
    eventfd raw Never "d" Kernel::raw_eventfd;
    fallocate typed Never "fxdd" Kernel::raw_fallocate;
    timerfd_settime raw Never "fxxx" Kernel::sys_timerfd_settime;
    timerfd_gettime raw Never "fx" Kernel::sys_timerfd_gettime;
    accept4 typed WithFlag "fxxx" Kernel::raw_accept4;
    signalfd4 raw Never "fxdx" Kernel::raw_signalfd4;
    eventfd2 raw Never "dx" Kernel::raw_eventfd2;
    epoll_create1 raw Never "x" Kernel::raw_epoll_create1;
    dup3 typed Never "ffx" Kernel::raw_dup3;
    pipe2 typed Never "xx" Kernel::raw_pipe2;
    preadv typed Never "fxdd" Kernel::raw_preadv;
    pwritev typed Never "fxdd" Kernel::raw_pwritev;
    rt_tgsigqueueinfo raw Never "dddx" Kernel::raw_tgsigqueue;
    prlimit64 typed Never "ddxx" Kernel::raw_prlimit64;
    syncfs raw Never "f" Kernel::raw_syncfs;
    setns typed Never "fx" Kernel::raw_setns;
    getcpu raw Never "xxx" Kernel::raw_getcpu;
    sched_setattr raw Never "dxx" Kernel::raw_sched_set, "kept nowhere; turns stay equal";
    renameat2 typed Never "fpfpx" Kernel::raw_renameat2;
    seccomp typed Never "xxx" Kernel::raw_seccomp, "no listeners: SECCOMP_FILTER_FLAG_NEW_LISTENER is EINVAL, as before Linux 5.0; nothing is logged; strict mode leaves rdtsc";
    getrandom typed Never "sdx" Kernel::raw_getrandom;
    memfd_create typed Never "sx" Kernel::raw_memfd_create, "no seals";
    execveat typed Never "fpxxx" Kernel::raw_execveat;
    mlock2 raw Never "xdx" Kernel::sys_mlock, "nothing is swapped";
    copy_file_range typed Never "fxfxdx" Kernel::raw_copy_file_range;
    preadv2 typed Never "fxddx" Kernel::raw_preadv, "flags are refused";
    pwritev2 typed Never "fxddx" Kernel::raw_pwritev, "flags are refused";
    statx typed Never "fpxxx" Kernel::raw_statx;
    pidfd_send_signal typed Never "fdxx" Kernel::raw_pidfd_send_signal;
    open_tree typed Never "fpx" Kernel::raw_open_tree;
    move_mount typed Never "fpfpx" Kernel::raw_move_mount, "mount groups and mounts beneath others are refused";
    pidfd_open typed Never "dx" Kernel::raw_pidfd_open;
    clone3 raw Killable "xd" Kernel::raw_clone3, "no chosen pids";
    close_range typed Never "ddx" Kernel::raw_close_range;
    openat2 typed WithFlag "fpxd" Kernel::raw_openat2;
    faccessat2 typed Never "fpdx" Kernel::raw_faccessat2;
    epoll_pwait2 raw Never "fxdtxd" Kernel::raw_epoll_pwait2;
    mount_setattr typed Never "fpxxd" Kernel::raw_mount_setattr, "id-mapped mounts are refused";
    fchmodat2 typed Never "fpdx" Kernel::raw_fchmodat2;
}

#[cfg(test)]
mod tests {
    use super::ROWS;

    #[test]
    fn rows_are_ascending_so_that_numbers_are_found() {
        assert!(ROWS.windows(2).all(|rows| rows[0].nr < rows[1].nr));
    }
}
