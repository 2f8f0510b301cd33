//! What it takes to make a container, as data: the plan.
//!
//! [`create`] and [`exec`] are pure: a specification and the facts of a host become a [`Plan`], or a [`PlanError`] that
//! names the field. [`crate::run`] interprets it. A plan is a small typed program for two actors, the parent and the
//! child that it clones: [`Item`]s in order, most of which are system calls with their reasons ([`Step`]).

mod caps;
mod cgroup_mount;
mod cgroups;
mod create;
mod dev;
mod error;
mod exec;
mod facts;
mod ids;
mod inside;
mod mounts;
mod options;
mod paths;
mod process;
mod root;
mod slot;
mod spaces;
mod text;

pub use caps::capabilities;
pub(crate) use cgroups::is_known as has_groups;
pub use create::create;
pub use error::{PlanError, Problem};
pub use exec::{Target, exec};
pub use facts::{FileKind, HostFacts, Namespaces};
pub use ids::Ids;
pub(crate) use ids::map_lines;
pub(crate) use mounts::absolute;
pub use options::MOUNT_OPTIONS;
pub use slot::{Slot, SlotInfo, SlotKind, SlotValue, bind};
pub use spaces::namespaces;

use crate::seccomp::Filter;
use glassdock_abi::{Call, Errno, PathArg};
use glassdock_oci::runtime::{Hook, Status};
use serde::Serialize;

/// Most mounts in one specification.
pub const MAX_MOUNTS: usize = 1024;
/// Most masked, read-only, device and system-control entries together.
pub const MAX_PATHS: usize = 4096;
/// Most hooks at one moment of a container's life.
pub const MAX_HOOKS: usize = 256;
/// Most components of a path in the container.
pub const MAX_COMPONENTS: usize = 64;

/// Who carries out items.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// The helper.
    Parent,
    /// The process that becomes the container's program.
    Child,
}

/// A plan.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Plan {
    /// What descriptors, process ids and paths are called until they are known; a [`Slot`] is an index.
    pub slots: Vec<slot::SlotInfo>,
    /// What the parent does.
    pub parent: Vec<Item>,
    /// What the child does.
    pub child: Vec<Item>,
    /// What the parent does after a failure, on both sides; failures of these are passed over.
    pub rollback: Vec<Item>,
    /// What the specification asks for and is not done.
    pub warnings: Vec<String>,
}

/// One thing to do.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub enum Item {
    /// A system call.
    Step(Box<Step>),
    /// Finds the program to run; the first candidate that can be run becomes the slot's path.
    Find(Find),
    /// Makes a user namespace that nobody is in.
    Users(Users),
    /// Runs programs of the specification, one after the other.
    Hooks(Hooks),
    /// Tells the parent that everything is made but the change of root.
    Prepared,
    /// Waits until the child has prepared everything but the change of root.
    AwaitPrepared,
    /// Tells the parent that the child is ready.
    Ready,
    /// Waits until the child is ready or, where the child has nothing to wait for, runs its program.
    AwaitReady,
    /// Lets the child go on.
    Release,
    /// Waits until the parent lets the child go on.
    AwaitRelease,
}

/// A system call with its reason.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// The call; descriptors, pids and paths may be slots.
    pub call: Call,
    /// Where its result goes.
    pub yields: Option<Slot>,
    /// The step is passed over when this slot is filled.
    pub unless: Option<Slot>,
    /// What must hold of the result beyond success.
    pub expect: Option<Expect>,
    /// Why: a key of [`crate::WHYS`].
    pub why: &'static str,
    /// Arguments of the reason's text.
    pub args: Vec<String>,
    /// Clause of the runtime specification that it serves, as `document#section`.
    pub clause: &'static str,
    /// What the failure is called; the errno's text follows.
    pub failure: Option<String>,
    /// What is done on an errno, instead of failing.
    pub on: Vec<(Errno, Alternative)>,
    /// Done after success only, not after an alternative.
    pub then: Vec<Item>,
}

/// A user namespace for an id-mapped mount.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Users {
    /// Its maps.
    pub ids: Ids,
    /// Where its descriptor goes.
    pub yields: Slot,
    /// What the failure is called; the errno's text follows.
    pub failure: String,
}

/// Hooks of one moment, and what they are told of the container.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Hooks {
    /// The programs.
    pub programs: Vec<Hook>,
    /// The directory in which they begin.
    pub dir: String,
    /// The container's status by then.
    pub status: Status,
}

/// What to do on an errno.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub enum Alternative {
    /// It is as good as success; what is yielded stays empty, and `then` is passed over.
    Accept,
    /// These items instead.
    Instead(Vec<Item>),
    /// These items, and the step once more.
    Retry(Vec<Item>),
}

/// What must hold of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Expect {
    /// A netlink acknowledgement without an error; an error in it is the step's errno.
    NetlinkAck,
    /// A path that is reachable from the root (`man 2 getcwd`: otherwise it begins with `(unreachable)`): `ENOENT` if not.
    Reachable,
    /// As many bytes as this; at the end of the stream `EPIPE`.
    Bytes(u64),
}

/// A search for the program to run (`execvp`; the texts are those of Go's `exec.LookPath`, which users know).
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Find {
    /// The name as it was given.
    pub name: String,
    /// Paths to try, in order.
    pub candidates: Vec<PathArg>,
    /// Whether the name has a slash and is the only candidate.
    pub direct: bool,
    /// Where the path goes.
    pub yields: Slot,
    /// Why: a key of [`crate::WHYS`].
    pub why: &'static str,
    /// Clause of the specification.
    pub clause: &'static str,
}

impl Step {
    pub(crate) fn new(call: Call, why: &'static str, clause: &'static str) -> Step {
        Step {
            call,
            yields: None,
            unless: None,
            expect: None,
            why,
            args: Vec::new(),
            clause,
            failure: None,
            on: Vec::new(),
            then: Vec::new(),
        }
    }
    pub(crate) fn yields(mut self, slot: Slot) -> Step {
        self.yields = Some(slot);
        self
    }
    pub(crate) fn unless(mut self, slot: Slot) -> Step {
        self.unless = Some(slot);
        self
    }
    pub(crate) fn expect(mut self, expect: Expect) -> Step {
        self.expect = Some(expect);
        self
    }
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Step {
        self.args.push(arg.into());
        self
    }
    pub(crate) fn failure(mut self, text: impl Into<String>) -> Step {
        self.failure = Some(text.into());
        self
    }
    pub(crate) fn accept(mut self, errno: Errno) -> Step {
        self.on.push((errno, Alternative::Accept));
        self
    }
    pub(crate) fn instead(mut self, errno: Errno, items: Vec<Item>) -> Step {
        self.on.push((errno, Alternative::Instead(items)));
        self
    }
    pub(crate) fn retry(mut self, errno: Errno, items: Vec<Item>) -> Step {
        self.on.push((errno, Alternative::Retry(items)));
        self
    }
    pub(crate) fn then(mut self, items: Vec<Item>) -> Step {
        self.then = items;
        self
    }
}

impl From<Step> for Item {
    fn from(step: Step) -> Item {
        Item::Step(Box::new(step))
    }
}

impl Plan {
    /// The filter that the child's system calls get.
    pub fn filter(&self) -> Option<Filter> {
        self.steps().into_iter().find_map(|step| match &step.call {
            Call::Seccomp { flags, filter } => Some(Filter {
                program: filter.clone(),
                flags: *flags,
            }),
            _ => None,
        })
    }

    /// Every step, alternatives included, parent first.
    pub fn steps(&self) -> Vec<&Step> {
        fn walk<'a>(items: &'a [Item], all: &mut Vec<&'a Step>) {
            for item in items {
                let Item::Step(step) = item else { continue };
                all.push(step);
                for (_, alternative) in &step.on {
                    match alternative {
                        Alternative::Accept => {}
                        Alternative::Instead(items) | Alternative::Retry(items) => walk(items, all),
                    }
                }
                walk(&step.then, all);
            }
        }
        let mut all = Vec::new();
        for items in [&self.parent, &self.child, &self.rollback] {
            walk(items, &mut all);
        }
        all
    }
}
