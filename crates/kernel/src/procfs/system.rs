//! What is there once: `/proc/meminfo` and its like, and `/proc/sys`. A tree is a table of paths; a node is a place in
//! it.

use super::attr_of;
use crate::Kernel;
use crate::config::*;
use crate::ids::Tid;
use crate::ns::PID_MAX;
use crate::process::Run;
use crate::seccomp::action;
use glassdock_abi::types::Clock;
use glassdock_abi::types::mode::*;
use glassdock_abi::{Errno, Result};
use glassdock_cpu::{PAGE_SIZE, cpuid};
use glassdock_vfs::{NodeAttr, NodeEntry};

pub(super) type Make = fn(&Kernel, Tid) -> String;
type Write = fn(&mut Kernel, Tid, &str) -> Result<()>;

/// One path: its mode, and who makes its content (none for a directory).
pub(super) struct Entry {
    path: &'static str,
    mode: u32,
    make: Option<Make>,
    write: Option<Write>,
}

pub(super) const fn dir(path: &'static str) -> Entry {
    Entry {
        path,
        mode: S_IFDIR | 0o555,
        make: None,
        write: None,
    }
}
pub(super) const fn file(path: &'static str, make: Make) -> Entry {
    Entry {
        path,
        mode: S_IFREG | 0o444,
        make: Some(make),
        write: None,
    }
}
/// A symbolic link; its content is where it leads.
pub(super) const fn link(path: &'static str, make: Make) -> Entry {
    Entry {
        path,
        mode: S_IFLNK | 0o777,
        make: Some(make),
        write: None,
    }
}
const fn setting(path: &'static str, make: Make, write: Write) -> Entry {
    Entry {
        path,
        mode: S_IFREG | 0o644,
        make: Some(make),
        write: Some(write),
    }
}

fn empty(_: &Kernel, _: Tid) -> String {
    String::new()
}

fn host(kernel: &Kernel, tid: Tid, domain: bool) -> String {
    let ns = kernel
        .threads
        .get(&tid)
        .map_or(kernel.root_ns.uts, |thread| thread.ns.uts);
    let (host, name) = kernel.uts(ns);
    format!(
        "{}\n",
        String::from_utf8_lossy(if domain { &name } else { &host })
    )
}

fn line(text: &str) -> &[u8] {
    text.trim_end_matches('\n').as_bytes()
}

/// The names of a set of a filter's actions, a bit each.
fn names(set: u8) -> String {
    let names = action::NAMES.iter().enumerate();
    let names: Vec<&str> = names
        .filter(|(at, _)| set >> at & 1 != 0)
        .map(|(_, (_, name))| *name)
        .collect();
    names.join(" ") + "\n"
}

/// The set that names make: of all but `allow`, which is not logged (kernel/seccomp.c, `write_actions_logged`).
fn logged(text: &str) -> Result<u8> {
    let mut set = 0;
    for name in text.split_ascii_whitespace() {
        let at = action::NAMES.iter().position(|(_, known)| *known == name);
        set |= 1 << at.ok_or(Errno::EINVAL)?;
    }
    match set & 1 << (action::NAMES.len() - 1) {
        0 => Ok(set),
        _ => Err(Errno::EINVAL),
    }
}

/// A number up to a maximum, as `proc_dointvec_minmax` reads it.
fn level(text: &str, max: u8) -> Result<u8> {
    let value = text.trim().parse().map_err(|_| Errno::EINVAL)?;
    if value > max {
        return Err(Errno::EINVAL);
    }
    Ok(value)
}

/// The tree of `/proc` beside the processes; index 0 is the root.
pub(super) static PROC: &[Entry] = &[
    dir(""),
    dir("bus"),
    file("cgroups", |kernel, _| {
        let mut text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n".to_owned();
        for name in ["cpuset", "cpu", "memory", "pids"] {
            text += &format!("{name}\t0\t{}\t1\n", kernel.cgroups.count());
        }
        text
    }),
    file("cmdline", |_, _| "glassdock\n".into()),
    file("cpuinfo", cpuinfo),
    file("devices", |_, _| {
        "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n".into()
    }),
    file("diskstats", empty),
    file("filesystems", |_, _| {
        "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tdevpts\nnodev\tmqueue\nnodev\toverlay\n".into()
    }),
    dir("fs"),
    file("interrupts", |_, _| "           CPU0       \n".into()),
    dir("irq"),
    file("loadavg", loadavg),
    file("meminfo", meminfo),
    file("modules", empty),
    file("partitions", |_, _| "major minor  #blocks  name\n\n".into()),
    file("stat", stat),
    file("swaps", |_, _| {
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()
    }),
    dir("sys"),
    dir("sys/fs"),
    file("sys/fs/file-max", |_, _| "1048576\n".into()),
    file("sys/fs/file-nr", |k, _| {
        format!("{}\t0\t1048576\n", k.files.len())
    }),
    file("sys/fs/nr_open", |_, _| "1048576\n".into()),
    file("sys/fs/pipe-max-size", |_, _| "1048576\n".into()),
    setting(
        "sys/fs/protected_fifos",
        |k, _| format!("{}\n", k.vfs().protected.fifos),
        |k, _, s| level(s, 2).map(|n| k.vfs_mut().protected.fifos = n),
    ),
    setting(
        "sys/fs/protected_hardlinks",
        |k, _| format!("{}\n", k.vfs().protected.hardlinks),
        |k, _, s| level(s, 1).map(|n| k.vfs_mut().protected.hardlinks = n),
    ),
    setting(
        "sys/fs/protected_regular",
        |k, _| format!("{}\n", k.vfs().protected.regular),
        |k, _, s| level(s, 2).map(|n| k.vfs_mut().protected.regular = n),
    ),
    setting(
        "sys/fs/protected_symlinks",
        |k, _| format!("{}\n", k.vfs().protected.symlinks),
        |k, _, s| level(s, 1).map(|n| k.vfs_mut().protected.symlinks = n),
    ),
    dir("sys/kernel"),
    file("sys/kernel/cap_last_cap", |_, _| {
        format!("{}\n", crate::cred::CAP_LAST)
    }),
    setting(
        "sys/kernel/domainname",
        |k, t| host(k, t, true),
        |k, t, s| k.set_uts(t, line(s), false),
    ),
    setting(
        "sys/kernel/hostname",
        |k, t| host(k, t, false),
        |k, t, s| k.set_uts(t, line(s), true),
    ),
    file("sys/kernel/ngroups_max", |_, _| "65536\n".into()),
    file("sys/kernel/osrelease", |_, _| format!("{RELEASE}\n")),
    file("sys/kernel/ostype", |_, _| format!("{SYSNAME}\n")),
    file("sys/kernel/overflowgid", |_, _| "65534\n".into()),
    file("sys/kernel/overflowuid", |_, _| "65534\n".into()),
    file("sys/kernel/pid_max", |_, _| format!("{PID_MAX}\n")),
    file("sys/kernel/printk", |_, _| "4\t4\t1\t7\n".into()),
    dir("sys/kernel/pty"),
    file("sys/kernel/pty/max", |_, _| "4096\n".into()),
    file("sys/kernel/pty/nr", |k, _| {
        format!("{}\n", k.ttys.numbers().len())
    }),
    dir("sys/kernel/random"),
    file("sys/kernel/random/boot_id", |k, _| {
        uuid(&crate::random::Random::new(k.config.seed ^ 0xb007).bytes(16))
    }),
    file("sys/kernel/random/entropy_avail", |_, _| "256\n".into()),
    file("sys/kernel/random/uuid", |k, _| {
        // Time goes on with every call, so no two readers see the same.
        uuid(&crate::random::Random::new(k.config.seed ^ k.now()).bytes(16))
    }),
    dir("sys/kernel/seccomp"),
    file("sys/kernel/seccomp/actions_avail", |_, _| names(u8::MAX)),
    setting(
        "sys/kernel/seccomp/actions_logged",
        |k, _| names(k.actions_logged),
        |k, _, s| logged(s).map(|set| k.actions_logged = set),
    ),
    setting(
        "sys/kernel/threads-max",
        |k, _| format!("{}\n", k.tasks.max),
        |k, _, s| k.tasks.set_max(s),
    ),
    file("sys/kernel/version", |_, _| format!("{VERSION}\n")),
    dir("sys/vm"),
    file("sys/vm/max_map_count", |_, _| {
        format!("{}\n", crate::mm::MAPS_MAX)
    }),
    file("sys/vm/mmap_min_addr", |_, _| {
        format!("{}\n", crate::mm::MMAP_MIN)
    }),
    file("sys/vm/overcommit_memory", |_, _| "1\n".into()),
    Entry {
        path: "sysrq-trigger",
        mode: S_IFREG | 0o200,
        make: None,
        write: None,
    },
    file("uptime", uptime),
    file("version", |_, _| {
        format!("{SYSNAME} version {RELEASE} (glassdock) {VERSION}\n")
    }),
    file("vmstat", |k, _| {
        format!("nr_free_pages {}\n", k.frames.free())
    }),
];

fn uuid(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-4{}-8{}-{}\n",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

fn uptime(kernel: &Kernel, viewer: Tid) -> String {
    let all = kernel.clock_seen(viewer, Clock::Boottime) / 10_000_000;
    let idle = (kernel.now() / 10_000_000).saturating_sub(busy_ticks(kernel));
    format!(
        "{}.{:02} {}.{:02}\n",
        all / 100,
        all % 100,
        idle / 100,
        idle % 100
    )
}

fn cpuinfo(_: &Kernel, _: Tid) -> String {
    let (family, model, stepping) = cpuid::SIGNATURE;
    let vendor = String::from_utf8_lossy(cpuid::VENDOR);
    format!(
        "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {}\n\
         stepping\t: {stepping}\ncpu MHz\t\t: 100.000\ncache size\t: 0 KB\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\n\
         cpu cores\t: 1\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t: {}\n\
         bogomips\t: 200.00\nclflush size\t: 64\ncache_alignment\t: 64\n\
         address sizes\t: 32 bits physical, 48 bits virtual\npower management:\n\n",
        cpuid::BRAND,
        cpuid::cpuid(0, 0)[0],
        cpuid::FLAGS,
    )
}

fn running(kernel: &Kernel) -> usize {
    kernel
        .threads
        .values()
        .filter(|thread| thread.run == Run::Ready)
        .count()
        .max(1)
}

fn loadavg(kernel: &Kernel, tid: Tid) -> String {
    let ns = kernel.pid_ns_of(tid);
    let last = kernel
        .namespaces
        .get(&ns)
        .and_then(|ns| ns.pids())
        .map_or(0, |pids| pids.last);
    format!(
        "{} {}/{} {last}\n",
        kernel.load.shown(),
        running(kernel),
        kernel.threads.len()
    )
}

fn meminfo(kernel: &Kernel, _: Tid) -> String {
    let usage = kernel.memory_usage();
    let cached = usage.shmem + usage.mapped;
    // Contents of tmpfs files cannot be given up without a swap device.
    let rows = [
        ("MemTotal", usage.total),
        ("MemFree", usage.free),
        ("MemAvailable", usage.free + usage.clean),
        ("Buffers", 0),
        ("Cached", cached),
        ("SwapCached", 0),
        ("Active", usage.mapped),
        ("Inactive", usage.anonymous + usage.shmem),
        ("Active(anon)", 0),
        ("Inactive(anon)", usage.anonymous + usage.shmem),
        ("Active(file)", usage.mapped),
        ("Inactive(file)", 0),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", usage.anonymous),
        ("Mapped", usage.mapped - usage.clean),
        ("Shmem", usage.shmem),
        ("KReclaimable", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("KernelStack", usage.stacks),
        ("PageTables", usage.tables),
    ];
    let line = |(name, pages): &(&str, u64)| {
        let kib = pages * (PAGE_SIZE / 1024);
        format!("{:<16}{kib:>8} kB\n", format!("{name}:"))
    };
    rows.iter().map(line).collect()
}

/// Hundredths of a second that programs ran.
fn busy_ticks(kernel: &Kernel) -> u64 {
    kernel.counters.instructions * INSTRUCTION_NS / 10_000_000
}

fn stat(kernel: &Kernel, _: Tid) -> String {
    let user = busy_ticks(kernel);
    let system = kernel.counters.syscalls * SYSCALL_NS / 10_000_000;
    let idle = (kernel.now() / 10_000_000).saturating_sub(user + system);
    let cpu = format!("{user} 0 {system} {idle} 0 0 0 0 0 0");
    format!(
        "cpu  {cpu}\ncpu0 {cpu}\nintr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n\
         softirq 0 0 0 0 0 0 0 0 0 0 0\n",
        kernel.counters.switches,
        kernel.config.boot_time / 1_000_000_000,
        kernel.total_forks,
        running(kernel),
    )
}

fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    Some(path.rsplit_once('/').map_or("", |(parent, _)| parent))
}
fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}
fn at(tree: &'static [Entry], index: u64) -> Result<&'static Entry> {
    tree.get(index as usize).ok_or(Errno::ENOENT)
}

/// The index of a name in a directory.
pub(super) fn lookup(tree: &'static [Entry], dir: u64, name: &[u8]) -> Result<u64> {
    let dir = at(tree, dir)?.path;
    // Most are told apart by their end.
    let is = |entry: &Entry| {
        entry.path.as_bytes().ends_with(name)
            && parent(entry.path) == Some(dir)
            && base(entry.path).as_bytes() == name
    };
    tree.iter()
        .position(is)
        .map(|at| at as u64)
        .ok_or(Errno::ENOENT)
}

pub(super) fn attr(tree: &'static [Entry], index: u64) -> Result<NodeAttr> {
    let entry = at(tree, index)?;
    let below = tree
        .iter()
        .filter(|other| other.mode & S_IFMT == S_IFDIR && parent(other.path) == Some(entry.path));
    let nlink = if entry.mode & S_IFMT == S_IFDIR {
        2 + below.count() as u32
    } else {
        1
    };
    Ok(attr_of(0x1000 + index, entry.mode, nlink))
}

pub(super) fn readdir(tree: &'static [Entry], dir: u64) -> Vec<NodeEntry> {
    let Ok(dir) = at(tree, dir) else {
        return Vec::new();
    };
    let rows = tree
        .iter()
        .enumerate()
        .filter(|(_, entry)| parent(entry.path) == Some(dir.path));
    rows.map(|(index, entry)| NodeEntry {
        name: base(entry.path).as_bytes().to_vec(),
        ino: 0x1000 + index as u64,
        kind: entry.mode & S_IFMT,
        cookie: 16 + index as u64,
    })
    .collect()
}

pub(super) fn content(
    kernel: &Kernel,
    tree: &'static [Entry],
    index: u64,
    viewer: Tid,
) -> Result<Vec<u8>> {
    let make = at(tree, index)?.make.ok_or(Errno::EINVAL)?;
    Ok(make(kernel, viewer).into_bytes())
}

pub(super) fn write(
    kernel: &mut Kernel,
    tree: &'static [Entry],
    index: u64,
    tid: Tid,
    data: &[u8],
) -> Result<()> {
    let write = at(tree, index)?.write.ok_or(Errno::EIO)?;
    write(
        kernel,
        tid,
        core::str::from_utf8(data).map_err(|_| Errno::EINVAL)?,
    )
}
