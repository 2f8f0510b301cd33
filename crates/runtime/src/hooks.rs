//! Hooks: programs of the specification that run at moments of a container's life (config.md, "POSIX-platform Hooks").
//!
//! A hook reads the container's state from its standard input. Its three streams are files in memory: whoever runs it
//! need not read and write while it runs, and a program that it leaves behind keeps nobody waiting.

use crate::plan::{MAX_HOOKS, PlanError};
use crate::{error_text, why};
use glassdock_abi::flags::{
    AtFlags, CloneFlags, CloseRangeFlags, MemfdFlags, OpenFlags, PollEvents, WaitFlags,
};
use glassdock_abi::types::{CloneArgs, PollFd, WaitFor, WaitStatus, signal};
use glassdock_abi::{BoxFuture, Call, Errno, Fd, Io, OwnedFd, Pid, Proc};
use glassdock_oci::runtime::{Hook, Hooks, State};
use glassdock_trace::{Args, Layer, Outcome, Trace, Value};

/// The moments that hooks are for.
pub const MOMENTS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// Bytes of a failed hook's output that are told, of each stream.
const MAX_OUTPUT: u64 = 16 << 10;
/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// Exit status of a hook whose program could not be run.
const NOT_RUN: u8 = 127;

/// Refuses hooks that make no sense.
pub(crate) fn check(hooks: &Hooks) -> Result<(), PlanError> {
    let all = [
        &hooks.prestart,
        &hooks.create_runtime,
        &hooks.create_container,
        &hooks.start_container,
        &hooks.poststart,
        &hooks.poststop,
    ];
    for (moment, hooks) in MOMENTS.into_iter().zip(all) {
        if hooks.len() > MAX_HOOKS {
            let text = format!("more than {MAX_HOOKS} programs");
            return Err(PlanError::invalid(format!("hooks.{moment}"), text));
        }
        for (index, hook) in hooks.iter().enumerate() {
            let at = |name: &str| format!("hooks.{moment}[{index}].{name}");
            if !hook.path.starts_with('/') {
                return Err(PlanError::invalid(
                    at("path"),
                    "it must be an absolute path",
                ));
            }
            if hook.timeout.is_some_and(|seconds| seconds <= 0) {
                return Err(PlanError::invalid(
                    at("timeout"),
                    "it must be greater than zero",
                ));
            }
            let words = hook.args.iter().chain(&hook.env).chain([&hook.path]);
            if words.into_iter().any(|word| word.contains('\0')) {
                let field = format!("hooks.{moment}[{index}]");
                return Err(PlanError::invalid(field, "a NUL character is not allowed"));
            }
        }
    }
    Ok(())
}

/// Runs hooks in order, in the directory `dir`.
///
/// # Errors
/// The first that fails, in runc's words; those after it are not run.
pub(crate) fn run<'a, P: Proc + Trace>(
    proc: &'a P,
    hooks: &'a [Hook],
    dir: &'a str,
    state: &'a State,
) -> BoxFuture<'a, Result<(), String>> {
    Box::pin(async move {
        for (index, hook) in hooks.iter().enumerate() {
            let args = Args::Key(why::HOOK.into(), vec![Value::Text(hook.path.clone())]);
            let span = proc.enter(Layer::Runtime, why::HOOK, args);
            let done = one(&span, hook, dir, state).await;
            span.exit(match &done {
                Ok(()) => Outcome::Ok,
                Err(text) => Outcome::Failed(text.clone()),
            });
            done.map_err(|text| {
                format!("error running hook #{index}: error running hook: {text}")
            })?;
        }
        Ok(())
    })
}

/// What a hook has for streams, and where its failure to begin is told.
struct Streams<P: Proc> {
    input: OwnedFd<P>,
    out: OwnedFd<P>,
    err: OwnedFd<P>,
    failure: OwnedFd<P>,
}

impl<P: Proc> Streams<P> {
    async fn new(proc: &P, state: &State) -> glassdock_abi::Result<Streams<P>> {
        let streams = Streams {
            input: memory(proc).await?,
            out: memory(proc).await?,
            err: memory(proc).await?,
            failure: memory(proc).await?,
        };
        let text = serde_json::to_vec(state).map_err(|_| Errno::EINVAL)?;
        let mut at = 0;
        while at < text.len() {
            let (data, offset) = (text[at..].to_vec(), at as u64);
            let fd = streams.input.fd();
            let call = Call::Pwrite64 { fd, data, offset };
            let written = proc.call(call).await?.int()?;
            at += usize::try_from(written).map_err(|_| Errno::EIO)?.max(1);
        }
        Ok(streams)
    }
}

async fn memory<P: Proc>(proc: &P) -> glassdock_abi::Result<OwnedFd<P>> {
    let call = Call::MemfdCreate {
        name: b"hook".to_vec(),
        flags: MemfdFlags::CLOEXEC,
    };
    let fd = proc.call(call).await?.fd()?;
    Ok(proc.own(fd))
}

async fn one<P: Proc>(proc: &P, hook: &Hook, dir: &str, state: &State) -> Result<(), String> {
    let failed = |errno| format!("run {}: {}", hook.path, error_text(errno));
    let streams = Streams::new(proc, state).await.map_err(failed)?;
    let fds = [&streams.input, &streams.out, &streams.err].map(OwnedFd::fd);
    let (own, failure, dir) = (hook.clone(), streams.failure.fd(), dir.to_owned());
    let child = move |proc: P| -> BoxFuture<'static, u8> {
        Box::pin(async move {
            let Err(errno) = become_hook(&proc, &own, &dir, fds).await else {
                return 0;
            };
            let text = error_text(errno).into_bytes();
            let _ = glassdock_abi::files::write_all(&proc, failure, &text).await;
            NOT_RUN
        })
    };
    let args = CloneArgs {
        flags: CloneFlags::empty(),
        exit_signal: signal::CHLD,
        cgroup: None,
    };
    let pid = proc.clone_with(args, child).await.map_err(failed)?;
    let how = ended(proc, pid, hook.timeout).await.map_err(failed)?;
    let told = output(proc, &streams.failure).await;
    if !told.is_empty() {
        return Err(format!(
            "fork/exec {}: {told}, stdout: , stderr: ",
            hook.path
        ));
    }
    match how {
        How::Ended(WaitStatus::Exited(0)) => Ok(()),
        How::Late(seconds) => Err(format!("hook ran past specified timeout of {seconds}.0s")),
        How::Ended(status) => {
            let (out, err) = (
                output(proc, &streams.out).await,
                output(proc, &streams.err).await,
            );
            let status = match status {
                WaitStatus::Killed(number, _) => match signal::name(number) {
                    Some(name) => format!("signal: {name}"),
                    None => format!("signal: {number}"),
                },
                status => format!("exit status {}", status.shell_code()),
            };
            Err(format!("{status}, stdout: {out}, stderr: {err}"))
        }
    }
}

/// The new process's own part: it becomes the hook.
async fn become_hook<P: Proc>(
    proc: &P,
    hook: &Hook,
    dir: &str,
    fds: [Fd; 3],
) -> glassdock_abi::Result<()> {
    for (from, to) in fds.into_iter().zip([Fd::STDIN, Fd::STDOUT, Fd::STDERR]) {
        let flags = OpenFlags::empty();
        let call = Call::Dup3 {
            oldfd: from,
            newfd: to,
            flags,
        };
        proc.call(call).await?;
    }
    let call = Call::CloseRange {
        first: 3,
        last: u32::MAX,
        flags: CloseRangeFlags::CLOEXEC,
    };
    proc.call(call).await?;
    let path = dir.into();
    proc.call(Call::Chdir { path }).await?;
    let words = |words: &[String]| words.iter().map(|word| word.clone().into_bytes()).collect();
    let named = match hook.args.is_empty() {
        true => vec![hook.path.clone().into_bytes()],
        false => words(&hook.args),
    };
    let call = Call::Execveat {
        dirfd: Fd::CWD,
        path: hook.path.as_str().into(),
        argv: named,
        envp: words(&hook.env),
        flags: AtFlags::empty(),
    };
    proc.call(call).await.map(drop)
}

/// How a hook came to its end.
enum How {
    Ended(WaitStatus),
    /// It was killed after so many seconds.
    Late(i64),
}

/// Waits for a hook, and kills it when its time is over.
async fn ended<P: Proc>(proc: &P, pid: Pid, timeout: Option<i64>) -> glassdock_abi::Result<How> {
    let mut late = None;
    if let Some(seconds) = timeout {
        let pidfd = proc.call(Call::PidfdOpen { pid, flags: 0 }).await?.fd()?;
        let pidfd = proc.own(pidfd);
        let fds = vec![PollFd {
            fd: pidfd.fd(),
            events: PollEvents::IN,
        }];
        let timeout = Some(u64::try_from(seconds).unwrap_or(0).saturating_mul(SECOND));
        let polled = proc.call(Call::Ppoll { fds, timeout }).await?.polled()?;
        if polled.iter().all(|events| events.is_empty()) {
            late = Some(seconds);
            proc.kill(pid, signal::KILL).await?;
        }
    }
    let waited = proc.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await?;
    let status = waited.ok_or(Errno::ECHILD)?.status;
    Ok(late.map_or(How::Ended(status), How::Late))
}

async fn output<P: Proc>(proc: &P, stream: &OwnedFd<P>) -> String {
    let call = Call::Pread64 {
        fd: stream.fd(),
        count: MAX_OUTPUT,
        offset: 0,
    };
    let bytes = proc.call(call).await.and_then(|ret| ret.bytes());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}
