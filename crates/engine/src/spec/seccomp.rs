//! Filters of system calls: Docker's own, and those in its file format (moby `profiles/seccomp`).

use crate::error::{ApiError, Result};
use glassdock_oci::runtime::{Seccomp, SeccompArg, SeccompRule};
use serde::Deserialize;

/// Calls that every container may make.
const ALLOWED: &str = "
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat
faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs
fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat
getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents
io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat
rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr
sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack
signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx
symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
process_vm_readv process_vm_writev ptrace arch_prctl modify_ldt";

/// Calls that only containers with a capability may make.
const BY_CAPABILITY: [(&str, &str); 14] = [
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount
        open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    (
        "CAP_SYS_NICE",
        "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    ),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// `personality` as it is, as Linux of 32 bits, both with a version from before 2.6.40, and asked for.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// `AF_VSOCK`: sockets to the machine's host.
const AF_VSOCK: u64 = 40;
/// `CLONE_NEW*`, without the time's.
const NAMESPACES: u64 = 0x7e02_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// Most bytes of a profile.
const MAX_PROFILE: usize = 1 << 20;

fn rule(names: &str, args: Vec<SeccompArg>) -> SeccompRule {
    SeccompRule {
        names: names.split_whitespace().map(str::to_string).collect(),
        action: "SCMP_ACT_ALLOW".to_string(),
        errno_ret: None,
        args,
    }
}

fn arg(value: u64, op: &str) -> Vec<SeccompArg> {
    vec![SeccompArg {
        index: 0,
        value,
        value_two: 0,
        op: format!("SCMP_CMP_{op}"),
    }]
}

/// Docker's own filter for a container with these capabilities.
pub fn builtin(capabilities: &[String]) -> Seccomp {
    let has = |name: &str| capabilities.iter().any(|known| known == name);
    let mut syscalls = vec![
        rule(ALLOWED, Vec::new()),
        rule("socket", arg(AF_VSOCK, "NE")),
    ];
    for personality in PERSONALITIES {
        syscalls.push(rule("personality", arg(personality, "EQ")));
    }
    for (capability, names) in BY_CAPABILITY {
        if has(capability) {
            syscalls.push(rule(names, Vec::new()));
        }
    }
    if !has("CAP_SYS_ADMIN") {
        syscalls.push(rule("clone", arg(NAMESPACES, "MASKED_EQ")));
        // Its flags lie in memory, where a filter cannot look; C libraries take clone instead.
        syscalls.push(SeccompRule {
            action: "SCMP_ACT_ERRNO".to_string(),
            errno_ret: Some(ENOSYS),
            ..rule("clone3", Vec::new())
        });
    }
    Seccomp {
        default_action: "SCMP_ACT_ERRNO".to_string(),
        default_errno_ret: Some(EPERM),
        architectures: vec!["SCMP_ARCH_X86_64".to_string()],
        syscalls,
        ..Seccomp::default()
    }
}

/// A profile of Docker's format: a filter whose rules may depend on the host and the container.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[serde(flatten)]
    filter: Bare,
    #[serde(default)]
    arch_map: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    syscalls: Option<Vec<Entry>>,
}

/// A filter without its rules.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bare {
    #[serde(default)]
    default_action: String,
    #[serde(default)]
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: String,
    #[serde(default)]
    listener_metadata: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    action: String,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<SeccompArg>>,
    #[serde(default)]
    includes: Option<Conditions>,
    #[serde(default)]
    excludes: Option<Conditions>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Conditions {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile for a container with these capabilities on a kernel of this release.
///
/// # Errors
/// 400 for what is no profile.
pub fn load(text: &str, capabilities: &[String], kernel: &str) -> Result<Seccomp> {
    let invalid =
        |what: String| ApiError::invalid(format!("Decoding seccomp profile failed: {what}"));
    if text.len() > MAX_PROFILE {
        return Err(invalid(format!("it is longer than {MAX_PROFILE} bytes")));
    }
    let profile: Profile =
        serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let bare = profile.filter;
    let given = bare.architectures.unwrap_or_default();
    if !given.is_empty() && profile.arch_map.as_ref().is_some_and(|map| !map.is_empty()) {
        return Err(invalid(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'"
                .to_string(),
        ));
    }
    let mut syscalls = Vec::new();
    for entry in profile.syscalls.unwrap_or_default() {
        let mut names = entry.names.unwrap_or_default();
        if !entry.name.is_empty() && !names.is_empty() {
            return Err(invalid(
                "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"
                    .to_string(),
            ));
        }
        names.extend((!entry.name.is_empty()).then_some(entry.name));
        let excluded = entry
            .excludes
            .is_some_and(|conditions| conditions.any(capabilities, kernel));
        let included = entry
            .includes
            .is_none_or(|conditions| conditions.all(capabilities, kernel));
        if included && !excluded {
            syscalls.push(SeccompRule {
                names,
                action: entry.action,
                errno_ret: entry.errno_ret,
                args: entry.args.unwrap_or_default(),
            });
        }
    }
    Ok(Seccomp {
        default_action: bare.default_action,
        default_errno_ret: bare.default_errno_ret,
        architectures: match given.is_empty() {
            true => vec!["SCMP_ARCH_X86_64".to_string()],
            false => given,
        },
        flags: bare.flags.unwrap_or_default(),
        listener_path: bare.listener_path,
        listener_metadata: bare.listener_metadata,
        syscalls,
    })
}

impl Conditions {
    const ARCH: &str = "amd64";

    fn kernel_is_at_least(kernel: &str, least: &str) -> bool {
        let version = |text: &str| {
            let mut parts = text.split(|c: char| !c.is_ascii_digit());
            let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
            (next().unwrap_or_default(), next().unwrap_or_default())
        };
        version(kernel) >= version(least)
    }

    /// Whether everything that is named holds.
    fn all(&self, capabilities: &[String], kernel: &str) -> bool {
        let caps = self.caps.iter().flatten();
        let arches = self.arches.as_deref().unwrap_or_default();
        let least = self.min_kernel.as_deref();
        (arches.is_empty() || arches.iter().any(|arch| arch == Self::ARCH))
            && caps.clone().all(|cap| capabilities.contains(cap))
            && least.is_none_or(|least| Self::kernel_is_at_least(kernel, least))
    }

    /// Whether anything that is named holds.
    fn any(&self, capabilities: &[String], kernel: &str) -> bool {
        let arches = self.arches.as_deref().unwrap_or_default();
        let least = self.min_kernel.as_deref();
        arches.iter().any(|arch| arch == Self::ARCH)
            || self
                .caps
                .iter()
                .flatten()
                .any(|cap| capabilities.contains(cap))
            || least.is_some_and(|least| Self::kernel_is_at_least(kernel, least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(filter: &Seccomp, name: &str) -> bool {
        let mut rules = filter.syscalls.iter();
        rules.any(|rule| {
            rule.action == "SCMP_ACT_ALLOW" && rule.names.iter().any(|known| known == name)
        })
    }

    #[test]
    fn capabilities_open_what_needs_them() {
        let none = builtin(&[]);
        let admin = builtin(&["CAP_SYS_ADMIN".to_string()]);
        for (name, without, with) in [
            ("read", true, true),
            ("mount", false, true),
            ("unshare", false, true),
            ("clone3", false, true),
            ("io_uring_setup", false, false),
            ("kexec_load", false, false),
            ("keyctl", false, false),
        ] {
            assert_eq!(
                (allows(&none, name), allows(&admin, name)),
                (without, with),
                "{name}"
            );
        }
        let clone = none
            .syscalls
            .iter()
            .find(|rule| rule.names == ["clone"])
            .unwrap();
        assert_eq!(clone.args[0].op, "SCMP_CMP_MASKED_EQ");
    }

    #[test]
    fn a_profile_s_rules_depend_on_host_and_container() {
        let text = r#"{
            "defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
            "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
                {"name": "write", "action": "SCMP_ACT_ALLOW", "args": null},
                {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["acct"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390"]}},
                {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}
            ]
        }"#;
        let names = |capabilities: &[&str], kernel: &str| -> Vec<String> {
            let capabilities: Vec<String> =
                capabilities.iter().map(|cap| cap.to_string()).collect();
            let filter = load(text, &capabilities, kernel).unwrap();
            filter
                .syscalls
                .into_iter()
                .flat_map(|rule| rule.names)
                .collect()
        };
        assert_eq!(
            names(&[], "6.18.1-x"),
            ["read", "write", "chroot", "ptrace"]
        );
        assert_eq!(names(&["CAP_SYS_ADMIN"], "4.7"), ["read", "write", "mount"]);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"defaultAction": 1}"#,
            r#"{"defaultAction": "x", "syscalls": [{"name": "a", "names": ["b"], "action": "c"}]}"#,
            r#"{"defaultAction": "x", "architectures": ["a"], "archMap": [{}]}"#,
        ] {
            let error = load(text, &[], "6.1").unwrap_err();
            assert!(
                error
                    .message
                    .starts_with("Decoding seccomp profile failed: "),
                "{}",
                error.message
            );
        }
    }
}
