//! The files of groups: one table.

use super::{Cgroups, Controllers, Group, controllers::Kind, pids, values};
use crate::Kernel;
use crate::ids::Tid;
use glassdock_abi::{Errno, Result};
use glassdock_trace::world::CgroupInfo;

type Read = fn(&Kernel, Tid, &str) -> Result<String>;
type Write = fn(&mut Kernel, Tid, &str, &str) -> Result<()>;

/// Which groups have a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    All,
    NotRoot,
    /// Groups below the root that have a controller.
    With(Controllers),
    /// The same, and the root.
    WithAndRoot(Controllers),
}

/// A file.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) mode: u32,
    at: Where,
    pub(super) read: Option<Read>,
    pub(super) write: Option<Write>,
}

impl Cgroups {
    /// Whether a group has a file.
    pub(super) fn shows(&self, path: &str, row: &Row) -> bool {
        let has = |controller| self.controllers(path).has(controller);
        match row.at {
            Where::All => true,
            Where::NotRoot => path != "/",
            Where::With(controller) => path != "/" && has(controller),
            Where::WithAndRoot(controller) => has(controller),
        }
    }
}

const fn shown(name: &'static str, at: Where, read: Read) -> Row {
    Row {
        name,
        mode: 0o444,
        at,
        read: Some(read),
        write: None,
    }
}

const fn set(name: &'static str, at: Where, read: Read, write: Write) -> Row {
    Row {
        name,
        mode: 0o644,
        at,
        read: Some(read),
        write: Some(write),
    }
}

const fn told(name: &'static str, at: Where, write: Write) -> Row {
    Row {
        name,
        mode: 0o200,
        at,
        read: None,
        write: Some(write),
    }
}

impl Kernel {
    fn group(&self, path: &str) -> Result<&Group> {
        self.cgroups.groups.get(path).ok_or(Errno::ENODEV)
    }
    fn group_mut(&mut self, path: &str) -> Result<&mut Group> {
        self.cgroups.groups.get_mut(path).ok_or(Errno::ENODEV)
    }
}

fn line(value: impl std::fmt::Display) -> Result<String> {
    Ok(format!("{value}\n"))
}

/// `max` or a number of groups or levels (`cgroup_max_depth_write`).
fn tree_limit(text: &str) -> Result<Option<u64>> {
    if text == "max" {
        return Ok(None);
    }
    let limit = values::signed(text)?;
    let limit = i32::try_from(limit)
        .ok()
        .and_then(|it| u64::try_from(it).ok());
    let limit = limit.ok_or(Errno::ERANGE)?;
    Ok((limit < i32::MAX as u64).then_some(limit))
}

const CPU: Where = Where::With(Controllers::CPU);
const CPUSET: Where = Where::With(Controllers::CPUSET);
const MEMORY: Where = Where::With(Controllers::MEMORY);
const PIDS: Where = Where::With(Controllers::PIDS);

/// All files, in the order in which they are listed.
pub(super) static FILES: [Row; 44] = [
    set(
        "cgroup.type",
        Where::NotRoot,
        |kernel, _, path| match kernel.group_kind(path) {
            Kind::Domain => line("domain"),
            Kind::DomainThreaded => line("domain threaded"),
            Kind::DomainInvalid => line("domain invalid"),
        },
        // Groups of threads are not modelled; nothing else is a change.
        |_, _, _, text| match text {
            "threaded" => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::EINVAL),
        },
    ),
    set(
        "cgroup.procs",
        Where::All,
        |kernel, tid, path| Ok(kernel.cgroup_members(tid, path, false)),
        |kernel, tid, path, text| kernel.enter_cgroup(tid, path, text),
    ),
    set(
        "cgroup.threads",
        Where::All,
        |kernel, tid, path| Ok(kernel.cgroup_members(tid, path, true)),
        |_, _, _, _| Err(Errno::EOPNOTSUPP),
    ),
    shown("cgroup.controllers", Where::All, |kernel, _, path| {
        Ok(kernel.cgroups.controllers(path).line())
    }),
    set(
        "cgroup.subtree_control",
        Where::All,
        |kernel, _, path| Ok(kernel.cgroups.enabled(path).line()),
        |kernel, _, path, text| kernel.control_subtree(path, text),
    ),
    shown("cgroup.events", Where::NotRoot, |kernel, _, path| {
        let populated = u8::from(kernel.is_populated(path));
        let frozen = u8::from(kernel.is_group_frozen(path));
        line(format_args!("populated {populated}\nfrozen {frozen}"))
    }),
    set(
        "cgroup.max.descendants",
        Where::All,
        |kernel, _, path| Ok(values::shown(kernel.group(path)?.max_descendants)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.max_descendants = tree_limit(text)?;
            Ok(())
        },
    ),
    set(
        "cgroup.max.depth",
        Where::All,
        |kernel, _, path| Ok(values::shown(kernel.group(path)?.max_depth)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.max_depth = tree_limit(text)?;
            Ok(())
        },
    ),
    shown("cgroup.stat", Where::All, |kernel, _, path| {
        let below = kernel.cgroups.below(path).count();
        line(format_args!(
            "nr_descendants {below}\nnr_dying_descendants 0"
        ))
    }),
    set(
        "cgroup.freeze",
        Where::NotRoot,
        |kernel, _, path| line(u8::from(kernel.group(path)?.freeze)),
        |kernel, _, path, text| {
            kernel.freeze_group(path, values::switch(text, Errno::ERANGE)?);
            Ok(())
        },
    ),
    told("cgroup.kill", Where::NotRoot, |kernel, tid, path, text| {
        match values::signed(text)? {
            1 => kernel.kill_cgroup(tid, path),
            _ => return Err(Errno::ERANGE),
        }
        Ok(())
    }),
    shown("cpu.stat", Where::All, |kernel, _, path| {
        Ok(kernel.group_cpu_stat(path))
    }),
    shown("cpu.stat.local", CPU, |kernel, _, path| {
        Ok(kernel.group_throttled(path))
    }),
    set(
        "cpu.weight",
        CPU,
        |kernel, _, path| line(kernel.group(path)?.cpu.shown_weight()),
        |kernel, _, path, text| kernel.group_mut(path)?.cpu.set_weight(text),
    ),
    set(
        "cpu.weight.nice",
        CPU,
        |kernel, _, path| line(kernel.group(path)?.cpu.shown_nice()),
        |kernel, _, path, text| kernel.group_mut(path)?.cpu.set_nice(text),
    ),
    set(
        "cpu.idle",
        CPU,
        |kernel, _, path| line(u8::from(kernel.group(path)?.cpu.is_idle())),
        |kernel, _, path, text| kernel.group_mut(path)?.cpu.set_idle(text),
    ),
    set(
        "cpu.max",
        CPU,
        |kernel, _, path| Ok(kernel.group(path)?.cpu.shown_max()),
        |kernel, _, path, text| kernel.group_mut(path)?.cpu.set_max(text),
    ),
    set(
        "cpu.max.burst",
        CPU,
        |kernel, _, path| line(kernel.group(path)?.cpu.burst()),
        |kernel, _, path, text| kernel.group_mut(path)?.cpu.set_burst(text),
    ),
    set(
        "cpuset.cpus",
        CPUSET,
        |kernel, _, path| {
            line(if kernel.group(path)?.cpuset.cpus {
                "0"
            } else {
                ""
            })
        },
        |kernel, _, path, text| {
            kernel.group_mut(path)?.cpuset.cpus = values::list(text, 1)?;
            Ok(())
        },
    ),
    set(
        "cpuset.mems",
        CPUSET,
        |kernel, _, path| {
            line(if kernel.group(path)?.cpuset.mems {
                "0"
            } else {
                ""
            })
        },
        |kernel, _, path, text| {
            kernel.group_mut(path)?.cpuset.mems = values::list(text, MEMORY_NODES)?;
            Ok(())
        },
    ),
    shown(
        "cpuset.cpus.effective",
        Where::WithAndRoot(Controllers::CPUSET),
        |_, _, _| line(0),
    ),
    shown(
        "cpuset.mems.effective",
        Where::WithAndRoot(Controllers::CPUSET),
        |_, _, _| line(0),
    ),
    set(
        "cpuset.cpus.partition",
        CPUSET,
        |_, _, _| line("member"),
        // Processors of a group's own are not modelled.
        |_, _, _, text| match text {
            "member" => Ok(()),
            "root" | "isolated" => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::EINVAL),
        },
    ),
    shown("memory.current", MEMORY, |kernel, _, path| {
        line(kernel.group_pages(path).0 * glassdock_cpu::PAGE_SIZE)
    }),
    shown("memory.peak", MEMORY, |kernel, _, path| {
        line(kernel.group_pages(path).1 * glassdock_cpu::PAGE_SIZE)
    }),
    set(
        "memory.min",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.min)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.min = values::pages(text)?;
            Ok(())
        },
    ),
    set(
        "memory.low",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.low)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.low = values::pages(text)?;
            Ok(())
        },
    ),
    set(
        "memory.high",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.high)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.high = values::pages(text)?;
            Ok(())
        },
    ),
    set(
        "memory.max",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.max)),
        |kernel, tid, path, text| {
            kernel.limit_group_memory(tid, path, values::pages(text)?);
            Ok(())
        },
    ),
    shown("memory.events", MEMORY, |kernel, _, path| {
        Ok(kernel.group(path)?.memory.events.shown())
    }),
    shown("memory.events.local", MEMORY, |kernel, _, path| {
        Ok(kernel.group(path)?.memory.events_local.shown())
    }),
    shown(
        "memory.stat",
        Where::WithAndRoot(Controllers::MEMORY),
        |kernel, _, path| Ok(kernel.group_memory_stat(path)),
    ),
    set(
        "memory.oom.group",
        MEMORY,
        |kernel, _, path| line(u8::from(kernel.group(path)?.memory.oom_group)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.oom_group = values::switch(text, Errno::EINVAL)?;
            Ok(())
        },
    ),
    told(
        "memory.reclaim",
        Where::WithAndRoot(Controllers::MEMORY),
        |kernel, _, path, text| kernel.reclaim_from_group(path, values::pages(text)?),
    ),
    shown("memory.swap.current", MEMORY, |_, _, _| line(0)),
    shown("memory.swap.peak", MEMORY, |_, _, _| line(0)),
    set(
        "memory.swap.high",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.swap_high)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.swap_high = values::pages(text)?;
            Ok(())
        },
    ),
    set(
        "memory.swap.max",
        MEMORY,
        |kernel, _, path| Ok(values::shown_pages(kernel.group(path)?.memory.swap_max)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.memory.swap_max = values::pages(text)?;
            Ok(())
        },
    ),
    // Nothing is ever swapped, so nothing was ever refused.
    shown("memory.swap.events", MEMORY, |_, _, _| {
        line("high 0\nmax 0\nfail 0")
    }),
    shown("pids.current", PIDS, |kernel, _, path| {
        line(kernel.tasks_within(path))
    }),
    shown("pids.peak", PIDS, |kernel, _, path| {
        line(kernel.group(path)?.pids.peak)
    }),
    set(
        "pids.max",
        PIDS,
        |kernel, _, path| Ok(values::shown(kernel.group(path)?.pids.max)),
        |kernel, _, path, text| {
            kernel.group_mut(path)?.pids.max = pids::limit(text)?;
            Ok(())
        },
    ),
    shown("pids.events", PIDS, |kernel, _, path| {
        line(format_args!("max {}", kernel.group(path)?.pids.events))
    }),
    shown("pids.events.local", PIDS, |kernel, _, path| {
        line(format_args!(
            "max {}",
            kernel.group(path)?.pids.events_local
        ))
    }),
];

/// How many nodes of memory a list could name (`MAX_NUMNODES`); the machine has one.
const MEMORY_NODES: u64 = 1024;

/// Files that a new group has other contents in only once they are written, and what those are.
const LIMITS: [(&str, &str); 10] = [
    ("cpu.weight", "100"),
    ("cpu.max", "max 100000"),
    ("cpu.max.burst", "0"),
    ("cpuset.cpus", ""),
    ("cpuset.mems", ""),
    ("memory.min", "0"),
    ("memory.low", "0"),
    ("memory.high", "max"),
    ("memory.max", "max"),
    ("pids.max", "max"),
];

impl Kernel {
    /// A group as the picture of the machine shows it.
    pub(crate) fn describe_cgroup(&self, path: &str) -> CgroupInfo {
        match self.cgroups.rules {
            true => self.describe_by_rules(path),
            false => CgroupInfo::default(),
        }
    }

    #[inline(never)]
    fn describe_by_rules(&self, path: &str) -> CgroupInfo {
        let names = self.cgroups.enabled(path).names();
        let set = LIMITS.iter().filter_map(|(name, plain)| {
            let row = FILES.iter().find(|row| row.name == *name)?;
            let read = row.read.filter(|_| self.cgroups.shows(path, row))?;
            let text = read(self, Tid(0), path).ok()?;
            let text = text.trim_end();
            (text != *plain).then(|| ((*name).to_owned(), text.to_owned()))
        });
        CgroupInfo {
            enabled: names.map(str::to_owned).collect(),
            limits: set.collect(),
            frozen: self.cgroups.groups.get(path).is_some_and(|it| it.freeze),
        }
    }
}
