//! A walk through a plan along what was seen: which step is next depends on how the one before it ended.

use anyhow::{Result, bail, ensure};
use glassdock_abi::flags::MountFlags;
use glassdock_abi::{Call, Errno, Fd, Pid};
use glassdock_playground::viewer::strace;
use glassdock_runtime::plan::{Alternative, Item, Plan, Slot, SlotValue, Step, bind};
use glassdock_runtime::run::lookup;

/// A call that was seen: its name, its arguments as `strace` prints them, and what it yielded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The system call.
    pub name: String,
    /// All arguments.
    pub args: String,
    /// The number that was yielded, or the errno.
    pub result: core::result::Result<i64, Errno>,
}

/// One of the two processes, with what it was seen to do.
struct Actor<'a> {
    seen: core::slice::Iter<'a, Seen>,
    slots: Vec<Option<SlotValue>>,
    calls: usize,
}

/// How a list of items ended.
type Ended = core::result::Result<(), Errno>;

/// Follows a plan; yields how many calls it had.
///
/// # Errors
/// The first call that was seen and is not planned, or is planned and was not seen.
pub fn follow(plan: &Plan, parent: &[Seen], child: &[Seen]) -> Result<usize> {
    let number = |name: &str| -> Option<SlotValue> {
        // What comes from outside has the number that the driver gives it.
        match name {
            "start" => Some(SlotValue::Fd(super::drive::START)),
            "console" => Some(SlotValue::Fd(super::drive::CONSOLE)),
            _ => None,
        }
    };
    let slots: Vec<_> = plan.slots.iter().map(|info| number(info.name)).collect();
    let mut first = Actor {
        seen: parent.iter(),
        slots,
        calls: 0,
    };
    // The child begins with what the parent knew at its birth.
    let born = first.until_birth(&plan.parent)?;
    let mut second = Actor {
        seen: child.iter(),
        slots: born,
        calls: 0,
    };
    if let Err(errno) = second.items(&plan.child)? {
        bail!("the child fails with {errno:?}");
    }
    ensure!(
        second.seen.next().is_none(),
        "the child makes calls that are not planned"
    );
    Ok(first.calls + second.calls)
}

impl Actor<'_> {
    /// Follows the parent; yields the slots as they were when it made its child.
    fn until_birth(&mut self, items: &[Item]) -> Result<Vec<Option<SlotValue>>> {
        let mut born = None;
        for item in items {
            let birth =
                matches!(item, Item::Step(step) if matches!(step.call, Call::Clone3 { .. }));
            if birth {
                born = Some(self.slots.clone());
            }
            if let Err(errno) = self.items(std::slice::from_ref(item))? {
                bail!("the parent fails with {errno:?}");
            }
        }
        born.ok_or_else(|| anyhow::anyhow!("the parent makes no child"))
    }

    fn items(&mut self, items: &[Item]) -> Result<Ended> {
        for item in items {
            let ended = match item {
                Item::Step(step) => self.step(step)?,
                Item::Find(find) => {
                    let mut found = Err(Errno::ENOENT);
                    for path in &find.candidates {
                        let [stat, access] = lookup(path);
                        if self.call(&stat)?.is_err() {
                            continue;
                        }
                        if self.call(&access)?.is_ok() {
                            self.set(find.yields, SlotValue::Path(path.clone()));
                            found = Ok(());
                            break;
                        }
                    }
                    found
                }
                // What they do is on the descriptors that carry barriers.
                Item::Prepared
                | Item::AwaitPrepared
                | Item::Ready
                | Item::AwaitReady
                | Item::Release
                | Item::AwaitRelease => Ok(()),
                Item::Hooks(_) | Item::Users(_) => bail!("what other processes do is not planned"),
            };
            if ended.is_err() {
                return Ok(ended);
            }
        }
        Ok(Ok(()))
    }

    fn step(&mut self, step: &Step) -> Result<Ended> {
        let filled = |slot: Slot| matches!(self.slots.get(usize::from(slot.0)), Some(Some(_)));
        if step.unless.is_some_and(filled) {
            return Ok(Ok(()));
        }
        let errno = match self.attempt(step)? {
            Ok(()) => return self.items(&step.then),
            Err(errno) => errno,
        };
        match step.on.iter().find(|(on, _)| *on == errno) {
            None => Ok(Err(errno)),
            Some((_, Alternative::Accept)) => Ok(Ok(())),
            Some((_, Alternative::Instead(items))) => self.items(items),
            Some((_, Alternative::Retry(items))) => {
                if let Err(errno) = self.items(items)? {
                    return Ok(Err(errno));
                }
                match self.attempt(step)? {
                    Ok(()) => self.items(&step.then),
                    Err(errno) => Ok(Err(errno)),
                }
            }
        }
    }

    fn attempt(&mut self, step: &Step) -> Result<Ended> {
        let call = bind(&step.call, &self.slots)
            .map_err(|_| anyhow::anyhow!("a slot is empty: {:?}", step.call))?;
        let yielded = match self.call(&call)? {
            Ok(yielded) => yielded,
            Err(errno) => return Ok(Err(errno)),
        };
        if let Some(slot) = step.yields {
            let number = i32::try_from(yielded)?;
            let value = match call {
                Call::Clone3 { .. } => SlotValue::Pid(Pid(number)),
                Call::Chdir { .. } => SlotValue::Done,
                _ => SlotValue::Fd(Fd(number)),
            };
            self.set(slot, value);
        }
        Ok(Ok(()))
    }

    fn set(&mut self, slot: Slot, value: SlotValue) {
        if let Some(place) = self.slots.get_mut(usize::from(slot.0)) {
            *place = Some(value);
        }
    }

    /// The next call that was seen must be this one; yields how it ended.
    fn call(&mut self, planned: &Call) -> Result<core::result::Result<i64, Errno>> {
        let expected = text(planned);
        let Some(seen) = self.seen.next() else {
            bail!("planned and not seen: {}({expected})", planned.name());
        };
        self.calls += 1;
        ensure!(
            seen.name == planned.name() && seen.args == expected,
            "planned: {}({expected})\n   seen: {}({})",
            planned.name(),
            seen.name,
            seen.args
        );
        Ok(seen.result)
    }
}

/// A call's arguments as they are compared: those that go in.
pub fn text(call: &Call) -> String {
    /// Mounts that look at no type and no options.
    const BARE: MountFlags = MountFlags::REMOUNT
        .union(MountFlags::BIND)
        .union(MountFlags::SHARED)
        .union(MountFlags::PRIVATE)
        .union(MountFlags::SLAVE)
        .union(MountFlags::UNBINDABLE);
    match call {
        Call::Mount { flags, .. } if flags.intersects(BARE) => {
            let all = arguments(call);
            in_order(&format!("{}, {}, {}", all[0], all[1], all[3]))
        }
        // What comes out depends on the kernel, and so does how it is printed.
        Call::Statx { path, .. } => format!("{path}"),
        Call::Getcwd {} => String::new(),
        Call::Recvmsg { fd, .. } | Call::Sendmsg { fd, .. } => fd.0.to_string(),
        Call::Read { fd, count } => format!("{}, {count}", fd.0),
        Call::Seccomp { filter, .. } => filter.len().to_string(),
        Call::Ioctl { fd, request } => format!("{}, {}", fd.0, request_name(request)),
        Call::Execveat { path, argv, .. } => {
            let argv: Vec<_> = argv
                .iter()
                .map(|arg| String::from_utf8_lossy(arg))
                .collect();
            format!("{path} {argv:?}")
        }
        Call::Capset { sets } => capabilities([sets.effective, sets.permitted, sets.inheritable]),
        // Arguments that are not there are zero.
        Call::Prctl { .. } => arguments(call)
            .join(", ")
            .trim_end_matches(", 0")
            .to_owned(),
        call => in_order(&arguments(call).join(", ").replace("~0U", "4294967295")),
    }
}

fn arguments(call: &Call) -> Vec<String> {
    let arguments = strace::arguments(call.name(), call, None);
    arguments.into_iter().map(|(_, value)| value).collect()
}

/// Sets of capabilities, as bits.
pub fn capabilities(sets: [u64; 3]) -> String {
    sets.map(|set| format!("{set:#x}")).join(" ")
}

/// Flags in the order of their names: which comes first means nothing.
pub fn in_order(args: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_|<".contains(c);
    let mut told = String::new();
    let mut rest = args;
    while let Some(start) = rest.find(is_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        let mut parts: Vec<&str> = word.split('|').collect();
        parts.sort_unstable();
        told = told + before + &parts.join("|");
        rest = after;
    }
    told + rest
}

fn request_name(request: &glassdock_abi::call::IoctlReq) -> String {
    let debug = format!("{request:?}");
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_uppercase()
}
