//! The engine killed at any moment of its work: nothing is leaked, and what a client was told holds.

use glassdock_abi::types::{Clock, Timespec, signal};
use glassdock_abi::{BoxFuture, Call, Child, Fd, Io, Result, Ret, Spawn, Sys};
use glassdock_kernel::{ImportMeta, ImportNode, Task};
use glassdock_playground::testing::Machine;
use glassdock_trace::{Args, Delta, Layer, Outcome, SpanId, Trace};
use std::cell::Cell;

/// System calls from one moment of a crash to the next.
const STEP: u64 = 11;

thread_local! {
    /// System calls that the engine still makes; none for an engine that lives on.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The kernel for an engine that is killed before a system call.
#[derive(Clone)]
struct Mortal(Task);

impl Mortal {
    async fn count(&self) {
        match LEFT.get() {
            Some(0) => {
                // The one that init starts next lives on.
                LEFT.set(None);
                let own = self.0.call(Call::Getpid {}).await.and_then(|ret| ret.pid());
                let _ = self.0.kill(own.expect("a number"), signal::KILL).await;
                std::future::pending().await
            }
            left => LEFT.set(left.map(|left| left - 1)),
        }
    }
}

impl Sys for Mortal {
    async fn call(&self, call: Call) -> Result<Ret> {
        self.count().await;
        self.0.call(call).await
    }
    async fn spawn(&self, program: Spawn) -> Result<Child<Self>> {
        self.count().await;
        let child = self.0.spawn(program).await?;
        let pidfd = self.own(child.pidfd.into_raw());
        Ok(Child {
            pid: child.pid,
            pidfd,
        })
    }
    fn close(&self, fd: Fd) {
        self.0.close(fd);
    }
    fn task(&self, future: BoxFuture<'static, ()>) {
        self.0.task(future);
    }
    fn now(&self, clock: Clock) -> Timespec {
        self.0.now(clock)
    }
}

impl Trace for Mortal {
    fn enter_from(&self, cause: Option<SpanId>, layer: Layer, name: &str, args: Args) -> Mortal {
        Mortal(self.0.enter_from(cause, layer, name, args))
    }
    fn exit(&self, outcome: Outcome) {
        self.0.exit(outcome);
    }
    fn delta(&self, delta: Delta) {
        self.0.delta(delta);
    }
    fn span(&self) -> Option<SpanId> {
        self.0.span()
    }
    fn cause_of(&self, fd: Fd) -> Option<SpanId> {
        self.0.cause_of(fd)
    }
}

fn mortal(task: Task, argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(glassdock_engine::daemon::main(Mortal(task), argv, envp))
}

/// A script that counts, on one line: directories of containers, entries of `overlay2` and of its links, writable layers
/// in the database, half-made things, overlay mounts, states and bundles of the runtime, shims.
const COUNTS: &str = "#!/bin/sh
exec 2>/dev/null
cd /var/lib/docker
count() { ls $1 | wc -l; }
echo $(count containers) $(count overlay2) $(count overlay2/l) $(count image/overlay2/layerdb/mounts) \\
    $(count tmp) $(count image/overlay2/layerdb/tmp) $(mount | grep -c overlay) \\
    $(count /run/docker/runtime) $(count /run/docker/bundles) $(ps -o args | grep -c '[g]lassdock-shim')
";

/// What is there, for so many containers of which so many run; one image of one layer is there.
fn counts(all: usize, running: usize) -> String {
    let (overlay, links) = (2 + 2 * all, 1 + 2 * all);
    format!("{all} {overlay} {links} {all} 0 0 {running} {running} {running} {running}\n")
}

/// Waits until the engine that init has started answers, and gives the containers' names, states and whether they
/// remove themselves.
fn containers(machine: &mut Machine) -> Vec<String> {
    machine.run("until docker version >/dev/null 2>&1; do sleep 1; done");
    let list = "docker inspect --format '{{.Name}} {{.State.Status}} {{.HostConfig.AutoRemove}}' $(docker ps -aq) 2>/dev/null";
    machine.run(list).lines().map(str::to_owned).collect()
}

/// Kills the engine before its `at`-th system call for a command. Whether it came to that.
fn crash(machine: &mut Machine, at: u64, case: &Case) -> bool {
    if !case.before.is_empty() {
        machine.run(case.before);
    }
    LEFT.set(Some(at));
    let told = machine.status(case.command);
    let crashed = LEFT.take().is_none();
    let found = containers(machine);
    let context = format!(
        "{} killed before call {at}: {told:?}, {found:?}",
        case.command
    );
    let success = told.ends_with("status 0\n");
    assert!(crashed || success, "{context}");
    let allowed = if success { case.then } else { case.else_ };
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(allowed.contains(&found.as_slice()), "{context}");
    let running = found.iter().filter(|one| one.contains("running")).count();
    // A shim that has answered its last request is still about to end.
    machine.pass(100_000_000);
    assert_eq!(
        machine.run("/root/counts"),
        counts(found.len(), running),
        "{context}"
    );
    machine.run("docker rm -f $(docker ps -aq) 2>/dev/null");
    machine.pass(100_000_000);
    assert_eq!(
        machine.run("/root/counts"),
        counts(0, 0),
        "removed after {context}"
    );
    crashed
}

struct Case {
    /// What makes the containers that the command finds.
    before: &'static str,
    command: &'static str,
    /// What may be there after a success, and after an error.
    then: &'static [&'static [&'static str]],
    else_: &'static [&'static [&'static str]],
}

const NONE: &[&str] = &[];
const CREATED: &[&str] = &["/box created false"];
const RUNNING: &[&str] = &["/box running false"];
const EXITED: &[&str] = &["/box exited false"];
const OF_ITSELF: &[&str] = &["/box running true"];

#[test]
fn a_killed_engine_leaks_nothing_and_what_it_told_holds() {
    let mut machine = Machine::boot_changed(|kernel| {
        kernel.register("dockerd", mortal);
        let meta = ImportMeta {
            mode: 0o755,
            ..ImportMeta::default()
        };
        let script = ImportNode::File(COUNTS.as_bytes());
        kernel
            .import(b"root/counts", &meta, script)
            .expect("a file");
    });
    for case in [
        Case {
            before: "",
            command: "docker create --name box -w /made/here busybox sleep 1000",
            then: &[CREATED],
            else_: &[NONE, CREATED],
        },
        Case {
            before: "docker create --name box busybox sleep 1000",
            command: "docker start box",
            then: &[RUNNING],
            else_: &[CREATED, RUNNING],
        },
        Case {
            before: "docker run -d --name box busybox sleep 1000",
            command: "docker kill box",
            then: &[EXITED],
            else_: &[RUNNING, EXITED],
        },
        Case {
            before: "docker run -d --rm --name box busybox sleep 1000",
            command: "docker restart -t 0 box",
            then: &[OF_ITSELF],
            else_: &[OF_ITSELF, NONE],
        },
        Case {
            before: "docker run -d --name box busybox sleep 1000",
            command: "docker rm -f box",
            then: &[NONE],
            else_: &[RUNNING, EXITED, NONE],
        },
    ] {
        let mut at = 0;
        while crash(&mut machine, at, &case) {
            at += STEP;
        }
    }
}
