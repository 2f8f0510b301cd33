//! Carrying out a plan on a kernel.
//!
//! One interpreter serves both actors and every kernel. Parent and child are joined by a pipe, on which the child
//! reports that it is ready or where it failed; its end means that the program runs. After a failure the parent carries
//! out the rollback, so that nothing is left.

use crate::io::{Lines, send_all};
use crate::plan::{Alternative, Expect, Find, Hooks, Item, Plan, Slot, SlotKind, Step, Users};
use crate::plan::{SlotValue, bind, map_lines};
use crate::{ErrorKind, RuntimeError, error_text, hooks, users, why};
use glassdock_abi::files::write_all;
use glassdock_abi::flags::{AtFlags, OpenFlags};
use glassdock_abi::types::mode;
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, PathArg, Pid, Proc, Ret};
use glassdock_oci::runtime::State;
use glassdock_trace::{Args, Layer, Outcome, SpanId, Trace, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest report of a child in bytes.
const MAX_REPORT: usize = 64 << 10;
/// Longest text of a failure in a report in bytes; each may become six in JSON. What is left out stood in the middle.
const MAX_FAILURE: usize = 8 << 10;
/// `X_OK` of `man 2 access`.
const X_OK: u32 = 1;
/// `AT_EACCESS`: with the effective ids.
const AT_EACCESS: AtFlags = AtFlags::from_bits_retain(0x200);
/// Exit status of a child that failed before its program ran, or whose hook failed then, as runc's.
const FAILED: u8 = 1;
/// Exit status of a child whose program could not be run after the container was started, as runc's.
const EXEC_FAILED: u8 = 255;

/// What comes from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inputs {
    /// Where the child of a new container waits for one byte, its start.
    pub start: Option<Fd>,
    /// The socket that takes the terminal.
    pub console: Option<Fd>,
    /// The state that hooks are told, but for its status and process.
    pub state: Option<Arc<State>>,
}

/// A step that failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// What failed, and how: runc's text where it has one.
    pub text: String,
    /// The reason of the step.
    pub why: String,
    /// The system call.
    pub call: String,
    /// The errno; absent where there is none.
    pub errno: Option<Errno>,
    /// Whether it was the program to run.
    pub executable: bool,
}

impl From<Failure> for RuntimeError {
    fn from(failure: Failure) -> RuntimeError {
        let kind = if failure.executable {
            ErrorKind::Executable
        } else {
            ErrorKind::System
        };
        RuntimeError::new(kind, failure.text)
    }
}

/// What a child tells its parent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Report {
    Prepared,
    Ready,
    Failed(Failure),
}

/// Carries out a plan as its parent. Yields the child's process id when it is ready (a new container: it waits for its
/// start) or runs its program (a further process).
///
/// # Errors
/// The first step that failed, in either actor; the rollback has been carried out then.
pub async fn run<P: Proc + Trace>(
    proc: &P,
    plan: Arc<Plan>,
    inputs: Inputs,
) -> Result<Pid, Failure> {
    let span = proc.enter(Layer::Runtime, "plan", Args::None);
    let result = run_inside(&span, plan, inputs).await;
    span.exit(match &result {
        Ok(pid) => Outcome::Int(i64::from(pid.0)),
        Err(failure) => Outcome::Failed(failure.text.clone()),
    });
    result
}

async fn run_inside<P: Proc + Trace>(
    proc: &P,
    plan: Arc<Plan>,
    inputs: Inputs,
) -> Result<Pid, Failure> {
    let piped = |errno| Failure {
        text: format!("join the processes by a pipe: {}", error_text(errno)),
        why: String::new(),
        call: String::new(),
        errno: Some(errno),
        executable: false,
    };
    // Where the child waits for the parent too, both ends are for both.
    let ends = match plan.child.contains(&Item::AwaitRelease) {
        true => proc.socketpair_stream().await,
        false => proc.pipe2(OpenFlags::CLOEXEC).await,
    };
    let [reader, writer] = ends.map_err(piped)?;
    let mut parent = Actor {
        proc: proc.clone(),
        cause: proc.span(),
        slots: fill(&plan, &inputs),
        state: inputs.state,
        plan: Arc::clone(&plan),
        pipe: Pipe {
            reader: reader.fd(),
            writer: Some(writer.into_raw()),
        },
        reports: Some(Lines::new(reader)),
        child: false,
        ready: false,
    };
    let done = parent.items(&plan.parent).await;
    parent.close_writer();
    match done {
        Ok(()) => parent.child_pid().ok_or_else(|| Failure {
            text: "the plan made no process".to_owned(),
            why: String::new(),
            call: String::new(),
            errno: None,
            executable: false,
        }),
        Err(failure) => {
            for item in &plan.rollback {
                // What was not made needs no undoing; the failure that led here is the one to tell.
                let _ = parent.items(std::slice::from_ref(item)).await;
            }
            Err(failure)
        }
    }
}

fn fill(plan: &Plan, inputs: &Inputs) -> Vec<Option<SlotValue>> {
    let value = |name| match name {
        "start" => inputs.start.map(SlotValue::Fd),
        "console" => inputs.console.map(SlotValue::Fd),
        _ => None,
    };
    plan.slots.iter().map(|info| value(info.name)).collect()
}

/// The two ends of the pipe of reports, as numbers, which the child has too.
#[derive(Clone, Copy)]
struct Pipe {
    reader: Fd,
    writer: Option<Fd>,
}

/// One of the two processes at work.
struct Actor<P: Proc + Trace> {
    proc: P,
    /// The span that a child's steps come from.
    cause: Option<SpanId>,
    plan: Arc<Plan>,
    slots: Vec<Option<SlotValue>>,
    state: Option<Arc<State>>,
    pipe: Pipe,
    /// The parent's reading end.
    reports: Option<Lines<P>>,
    child: bool,
    ready: bool,
}

impl<P: Proc + Trace> Actor<P> {
    fn items<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for item in items {
                match item {
                    Item::Step(step) => self.step(step).await?,
                    Item::Find(find) => self.find(find).await?,
                    Item::Users(users) => self.users(users).await?,
                    Item::Hooks(hooks) => self.hooks(hooks).await?,
                    Item::Prepared => self.tell_prepared().await?,
                    Item::AwaitPrepared => self.await_report(Report::Prepared).await?,
                    Item::Ready => self.tell_ready().await?,
                    Item::AwaitReady => self.await_report(Report::Ready).await?,
                    Item::Release => self.release().await?,
                    Item::AwaitRelease => self.await_release().await?,
                }
            }
            Ok(())
        })
    }

    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        if step.unless.is_some_and(|slot| self.get(slot).is_some()) {
            return Ok(());
        }
        let Err(errno) = self.attempt(step).await else {
            return self.items(&step.then).await;
        };
        match step.on.iter().find(|(on, _)| *on == errno) {
            None => Err(failed(step, errno)),
            Some((_, Alternative::Accept)) => Ok(()),
            Some((_, Alternative::Instead(items))) => self.items(items).await,
            Some((_, Alternative::Retry(items))) => {
                self.items(items).await?;
                match self.attempt(step).await {
                    Ok(()) => self.items(&step.then).await,
                    Err(errno) => Err(failed(step, errno)),
                }
            }
        }
    }

    /// Makes a step's call and puts what it yields where it belongs.
    async fn attempt(&mut self, step: &Step) -> Result<(), Errno> {
        let call = bind(&step.call, &self.slots)?;
        let span = self.enter(step.why, &step.args);
        let is_exec = matches!(call, Call::Execveat { .. });
        if is_exec {
            // Nobody is left to close it afterwards.
            span.exit(Outcome::Ok);
        }
        let result = match call {
            Call::Clone3 { args } => self.clone_child(&span, args).await.map(Ret::Pid),
            call => span.call(call).await,
        };
        let result = result.and_then(|ret| match step.expect {
            Some(expect) => check(expect, &ret).map(|()| ret),
            None => Ok(ret),
        });
        if !is_exec {
            span.exit(match &result {
                Ok(_) => Outcome::Ok,
                Err(errno) => Outcome::Errno(*errno),
            });
        }
        if let Some(slot) = step.yields {
            let value = match result? {
                Ret::Fd(fd) => SlotValue::Fd(fd),
                Ret::Pid(pid) => SlotValue::Pid(pid),
                _ => SlotValue::Done,
            };
            self.set(slot, value);
            return Ok(());
        }
        result.map(|_| ())
    }

    fn enter(&self, why: &'static str, args: &[String]) -> P {
        let args = args.iter().cloned().map(Value::Text).collect();
        let args = Args::Key(why.into(), args);
        if self.child {
            self.proc.enter_from(self.cause, Layer::Runtime, why, args)
        } else {
            self.proc.enter(Layer::Runtime, why, args)
        }
    }

    async fn clone_child(
        &self,
        span: &P,
        args: glassdock_abi::types::CloneArgs,
    ) -> Result<Pid, Errno> {
        let (plan, slots, state, pipe, cause) = (
            Arc::clone(&self.plan),
            self.slots.clone(),
            self.state.clone(),
            self.pipe,
            self.cause,
        );
        let child = move |proc: P| -> BoxFuture<'static, u8> {
            Box::pin(async move {
                proc.close(pipe.reader);
                let actor = Actor {
                    proc,
                    cause,
                    plan: Arc::clone(&plan),
                    slots,
                    state,
                    pipe,
                    reports: None,
                    child: true,
                    ready: false,
                };
                actor.live().await
            })
        };
        span.clone_with(args, child).await
    }

    /// A child's life: its items, the last of which is not returned from.
    async fn live(mut self) -> u8 {
        let plan = Arc::clone(&self.plan);
        let Err(failure) = self.items(&plan.child).await else {
            return 0;
        };
        if self.ready {
            // The parent is gone; whoever reads the program's errors learns it.
            let text = format!("{}\n", failure.text).into_bytes();
            let _ = write_all(&self.proc, Fd::STDERR, &text).await;
            return match failure.executable {
                true => EXEC_FAILED,
                false => FAILED,
            };
        }
        let text = shortened(failure.text);
        let _ = self
            .report(&Report::Failed(Failure { text, ..failure }))
            .await;
        FAILED
    }

    async fn report(&self, report: &Report) -> Result<(), Errno> {
        let writer = self.pipe.writer.ok_or(Errno::EBADF)?;
        let mut line = serde_json::to_vec(report).map_err(|_| Errno::EINVAL)?;
        line.push(b'\n');
        write_all(&self.proc, writer, &line).await
    }

    async fn tell_ready(&mut self) -> Result<(), Failure> {
        self.report(&Report::Ready).await.map_err(|errno| {
            plain(format!(
                "tell that the container is created: {}",
                error_text(errno)
            ))
        })?;
        self.ready = true;
        self.close_writer();
        Ok(())
    }

    async fn users(&mut self, users: &Users) -> Result<(), Failure> {
        let span = self.enter(why::USERS, &[map_lines(&users.ids.uids)]);
        let made = users::namespace(&span, &users.ids).await;
        span.exit(match &made {
            Ok(_) => Outcome::Ok,
            Err(errno) => Outcome::Errno(*errno),
        });
        let made = made.map_err(|errno| Failure {
            errno: Some(errno),
            ..plain(format!("{}: {}", users.failure, error_text(errno)))
        })?;
        self.set(users.yields, SlotValue::Fd(made.into_raw()));
        Ok(())
    }

    /// Runs hooks. The child tells them its own process, by the number that it has in its namespace; the parent the child.
    async fn hooks(&mut self, hooks: &Hooks) -> Result<(), Failure> {
        let Some(state) = self.state.as_deref() else {
            return Err(plain("there is no state for hooks".to_owned()));
        };
        let pid = match self.child {
            true => self.proc.call(Call::Getpid {}).await.and_then(Ret::pid),
            false => Ok(self.child_pid().unwrap_or(Pid(0))),
        };
        let pid = pid.map_err(|errno| plain(format!("getpid: {}", error_text(errno))))?;
        let state = State {
            status: hooks.status,
            pid: pid.0,
            ..state.clone()
        };
        let ran = hooks::run(&self.proc, &hooks.programs, &hooks.dir, &state).await;
        ran.map_err(plain)
    }

    async fn tell_prepared(&mut self) -> Result<(), Failure> {
        let told = self.report(&Report::Prepared).await;
        told.map_err(|errno| {
            let how = error_text(errno);
            plain(format!("tell that the container is prepared: {how}"))
        })
    }

    /// Waits until the child has come to a point.
    async fn await_report(&mut self, expected: Report) -> Result<(), Failure> {
        self.close_writer();
        let waits = self.plan.child.contains(&Item::Ready);
        let reports = self
            .reports
            .as_mut()
            .ok_or_else(|| plain("a child waits for no child".to_owned()))?;
        let line = reports
            .line(MAX_REPORT)
            .await
            .map_err(|errno| plain(format!("read the child's report: {}", error_text(errno))))?;
        match line.map(|line| serde_json::from_slice::<Report>(&line)) {
            Some(Ok(Report::Failed(failure))) => Err(failure),
            Some(Ok(report)) if report == expected => Ok(()),
            Some(Ok(_)) => Err(plain("the child's report comes out of turn".to_owned())),
            Some(Err(error)) => Err(plain(format!("the child's report makes no sense: {error}"))),
            // The end of the pipe: the program runs, since nothing was to wait for.
            None if !waits => Ok(()),
            None => Err(plain("the process ended before it was ready".to_owned())),
        }
    }

    async fn release(&mut self) -> Result<(), Failure> {
        // A child that is gone is an error, not a signal that ends this process.
        let told = send_all(&self.proc, self.pipe.reader, vec![0]).await;
        told.map_err(|errno| plain(format!("let the process go on: {}", error_text(errno))))
    }

    async fn await_release(&mut self) -> Result<(), Failure> {
        let failed = |errno| plain(format!("wait to go on: {}", error_text(errno)));
        let writer = self.pipe.writer.ok_or_else(|| failed(Errno::EBADF))?;
        let byte = self.proc.read(writer, 1).await.map_err(failed)?;
        match byte.is_empty() {
            true => Err(failed(Errno::EPIPE)),
            false => Ok(()),
        }
    }

    async fn find(&mut self, find: &Find) -> Result<(), Failure> {
        let span = self.enter(find.why, std::slice::from_ref(&find.name));
        let found = search(&span, find).await;
        span.exit(match &found {
            Ok(_) => Outcome::Ok,
            Err((_, text)) => Outcome::Failed(text.clone()),
        });
        match found {
            Ok(path) => {
                self.set(find.yields, SlotValue::Path(path));
                Ok(())
            }
            Err((errno, text)) => Err(Failure {
                text: format!("exec: {:?}: {text}", find.name),
                why: find.why.to_owned(),
                call: "faccessat2".to_owned(),
                errno,
                executable: true,
            }),
        }
    }

    fn get(&self, slot: Slot) -> Option<&SlotValue> {
        self.slots.get(usize::from(slot.0)).and_then(Option::as_ref)
    }

    fn set(&mut self, slot: Slot, value: SlotValue) {
        if let Some(place) = self.slots.get_mut(usize::from(slot.0)) {
            *place = Some(value);
        }
    }

    fn child_pid(&self) -> Option<Pid> {
        let at = self
            .plan
            .slots
            .iter()
            .position(|info| info.kind == SlotKind::Pid && info.name == "child")?;
        match self.slots.get(at) {
            Some(Some(SlotValue::Pid(pid))) => Some(*pid),
            _ => None,
        }
    }

    fn close_writer(&mut self) {
        if let Some(writer) = self.pipe.writer.take() {
            self.proc.close(writer);
        }
    }
}

/// A text of at most [`MAX_FAILURE`] bytes: what failed stands at its beginning, how at its end.
fn shortened(text: String) -> String {
    if text.len() <= MAX_FAILURE {
        return text;
    }
    let half = MAX_FAILURE / 2 - "…".len();
    let (begin, end) = (
        text.floor_char_boundary(half),
        text.ceil_char_boundary(text.len() - half),
    );
    format!("{}…{}", &text[..begin], &text[end..])
}

fn plain(text: String) -> Failure {
    Failure {
        text,
        why: String::new(),
        call: String::new(),
        errno: None,
        executable: false,
    }
}

fn failed(step: &Step, errno: Errno) -> Failure {
    let what = step.failure.as_deref().unwrap_or(step.call.name());
    Failure {
        text: format!("{what}: {}", error_text(errno)),
        why: step.why.to_owned(),
        call: step.call.name().to_owned(),
        errno: Some(errno),
        executable: matches!(step.call, Call::Execveat { .. }),
    }
}

fn check(expect: Expect, ret: &Ret) -> Result<(), Errno> {
    match (expect, ret) {
        (Expect::Bytes(count), Ret::Bytes(bytes)) if bytes.len() as u64 == count => Ok(()),
        (Expect::Bytes(_), _) => Err(Errno::EPIPE),
        (Expect::Reachable, Ret::Bytes(path)) if path.starts_with(b"/") => Ok(()),
        (Expect::Reachable, _) => Err(Errno::ENOENT),
        (Expect::NetlinkAck, Ret::Msg(message)) => netlink_ack(&message.data),
        (Expect::NetlinkAck, _) => Err(Errno::EPROTO),
    }
}

/// The errno in an `NLMSG_ERROR` message (`man 7 netlink`): after the 16-byte header, negative, zero for success.
fn netlink_ack(message: &[u8]) -> Result<(), Errno> {
    const NLMSG_ERROR: [u8; 2] = 2u16.to_ne_bytes();
    if message.get(4..6) != Some(&NLMSG_ERROR) {
        return Err(Errno::EPROTO);
    }
    let error: [u8; 4] = message
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Errno::EPROTO)?;
    match i32::from_ne_bytes(error) {
        0 => Ok(()),
        error => Err(error
            .checked_neg()
            .and_then(Errno::from_raw)
            .unwrap_or(Errno::EPROTO)),
    }
}

/// The first candidate that can be run, as Go's `exec.LookPath` searches.
async fn search<P: Proc>(proc: &P, find: &Find) -> Result<PathArg, (Option<Errno>, String)> {
    for candidate in &find.candidates {
        match runnable(proc, candidate).await {
            Ok(()) => return Ok(candidate.clone()),
            Err((errno, text)) if find.direct => return Err((Some(errno), text)),
            Err(_) => {}
        }
    }
    Err((
        Some(Errno::ENOENT),
        "executable file not found in $PATH".to_owned(),
    ))
}

/// The two calls by which a program is looked for at a path, in order; the second only where the first succeeds.
pub fn lookup(path: &PathArg) -> [Call; 2] {
    [
        Call::Statx {
            dirfd: Fd::CWD,
            path: path.clone(),
            flags: AtFlags::empty(),
        },
        Call::Faccessat2 {
            dirfd: Fd::CWD,
            path: path.clone(),
            mode: X_OK,
            flags: AT_EACCESS,
        },
    ]
}

async fn runnable<P: Proc>(proc: &P, path: &PathArg) -> Result<(), (Errno, String)> {
    let [stat, access] = lookup(path);
    let stat = proc
        .call(stat)
        .await
        .and_then(Ret::stat)
        .map_err(|errno| (errno, format!("stat {path}: {}", error_text(errno))))?;
    if stat.is(mode::S_IFDIR) {
        return Err((Errno::EISDIR, error_text(Errno::EISDIR)));
    }
    match proc.call(access).await {
        Ok(_) => Ok(()),
        // Not available, or refused by a filter: the permission bits decide.
        Err(Errno::ENOSYS | Errno::EPERM) if stat.mode & 0o111 != 0 => Ok(()),
        Err(_) => Err((Errno::EACCES, error_text(Errno::EACCES))),
    }
}
