//! Further processes in a running container (moby `daemon/exec.go`, `exec_linux.go`).

use crate::container::{Container, not_running};
use crate::engine::{Engine, Kernel, Tables, lock, system};
use crate::error::{ApiError, Result, start_error};
use crate::names;
use crate::spec::{self, user::Databases};
use crate::streams::attach::{Origin, Session};
use futures_channel::oneshot;
use glassdock_api::detach::{self, Detach};
use glassdock_api::exec::{ExecCreate, ExecInspect, ExecProcessConfig, ExecStart};
use glassdock_image::fs;
use glassdock_oci::runtime::Process;
use glassdock_runtime::ErrorKind;
use glassdock_runtime::client::Shim;
use glassdock_trace::{Args, Value};
use std::sync::{Arc, Mutex};

/// Most executed processes that are remembered; the oldest that has ended makes room, and where none has, there is none.
const MAX_EXECS: usize = 1024;

/// An executed process, from its creation on.
pub(crate) struct Exec<S: Kernel> {
    /// Its id.
    pub(crate) id: String,
    /// Its place in the order of creation.
    number: u64,
    /// Id of its container.
    pub(crate) container: String,
    config: ExecCreate,
    detach: Vec<u8>,
    progress: Mutex<Progress<S>>,
}

/// An executed process and its container.
type ExecIn<S> = (Arc<Exec<S>>, Arc<Container<S>>);

struct Progress<S: Kernel> {
    running: bool,
    pid: i32,
    exit_code: Option<i32>,
    shim: Option<Shim<S>>,
}

impl<S: Kernel> Exec<S> {
    fn command(&self) -> String {
        self.config
            .cmd
            .iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Makes room for one more executed process.
///
/// # Errors
/// 409 when all that are remembered are yet to end.
fn make_room<S: Kernel>(tables: &mut Tables<S>) -> Result<()> {
    if tables.execs.len() < MAX_EXECS {
        return Ok(());
    }
    let ended = |exec: &&Arc<Exec<S>>| lock(&exec.progress).exit_code.is_some();
    let oldest = tables
        .execs
        .values()
        .filter(ended)
        .min_by_key(|exec| exec.number);
    let Some(id) = oldest.map(|exec| exec.id.clone()) else {
        return Err(ApiError::conflict(format!(
            "there are {MAX_EXECS} exec commands that have not ended"
        )));
    };
    tables.execs.remove(&id);
    Ok(())
}

/// Whether a further process can be run in a container, by the name that it is called.
fn must_go<S: Kernel>(container: &Container<S>, called: &str) -> Result<()> {
    if !container.is_running() {
        return Err(not_running(&container.id));
    }
    if container.is_paused() {
        return Err(paused(called));
    }
    Ok(())
}

fn paused(called: &str) -> ApiError {
    ApiError::conflict(format!(
        "Container {called} is paused, unpause the container before exec"
    ))
}

impl<S: Kernel> Engine<S> {
    /// Enters a command to be executed; gives its id.
    ///
    /// # Errors
    /// 404, 409 when the container does not run, 400 without a command or with an unknown user.
    pub async fn create_exec(&self, given: &str, config: ExecCreate) -> Result<String> {
        let args = Args::text("container", given);
        self.traced("exec.create", args, |engine| async move {
            if config.cmd.as_ref().is_none_or(Vec::is_empty) {
                return Err(ApiError::invalid("No exec command specified"));
            }
            let container = engine.container(given)?;
            must_go(&container, given)?;
            let detach = detach::parse(&config.detach_keys).map_err(|_| {
                ApiError::invalid(format!(
                    "Invalid escape keys ({}) provided",
                    config.detach_keys
                ))
            })?;
            if !config.user.is_empty() {
                engine.find_user(&container, &config.user).await?;
            }
            let id = names::random_id(&engine.sys)
                .await
                .map_err(system("getrandom"))?;
            let progress = Mutex::new(Progress {
                running: false,
                pid: 0,
                exit_code: None,
                shim: None,
            });
            let mut tables = engine.tables();
            make_room(&mut tables)?;
            tables.exec_count += 1;
            let exec = Arc::new(Exec {
                id: id.clone(),
                number: tables.exec_count,
                container: container.id.clone(),
                config,
                detach,
                progress,
            });
            tables.execs.insert(id.clone(), exec.clone());
            drop(tables);
            let action = format!("exec_create: {}", exec.command());
            engine.container_event(&container, &action, &[("execID", id.clone())]);
            Ok(id)
        })
        .await
    }

    async fn find_user(&self, container: &Container<S>, user: &str) -> Result<spec::user::Found> {
        let (rootfs, add) = container.with(|inner| {
            (
                self.rootfs(&inner.layers),
                inner.record.host.group_add.clone(),
            )
        });
        let root = fs::open_dir(&self.sys, &rootfs).await?;
        Databases::read(&self.sys, root.fd())
            .await?
            .find(user, &add.unwrap_or_default())
    }

    fn exec(&self, id: &str) -> Result<Arc<Exec<S>>> {
        let found = self.tables().execs.get(id).cloned();
        found.ok_or_else(|| ApiError::not_found(format!("No such exec instance: {id}")))
    }

    /// An executed command and its container, which must run.
    fn exec_and_container(&self, id: &str) -> Result<ExecIn<S>> {
        let exec = self.exec(id)?;
        let found = self.tables().containers.get(&exec.container).cloned();
        let container = found.ok_or_else(|| ApiError::no_such_container(id))?;
        must_go(&container, &container.id)?;
        Ok((exec, container))
    }

    /// Whether a command can be started.
    pub fn check_exec(&self, id: &str) -> Result<()> {
        self.exec_and_container(id).map(drop)
    }

    /// Whether a command has a terminal.
    pub(crate) fn exec_has_tty(&self, id: &str) -> Result<bool> {
        Ok(self.exec(id)?.config.tty)
    }

    /// Starts a command and lets it run by itself.
    pub async fn start_exec_detached(&self, id: &str, start: ExecStart) -> Result<()> {
        self.start_exec(id, start, false).await.map(drop)
    }

    /// Starts a command; gives the session for the client's connection.
    pub(crate) async fn start_exec(
        &self,
        id: &str,
        start: ExecStart,
        attach: bool,
    ) -> Result<Option<Session<S>>> {
        let args = Args::text("exec", id).with("attach", Value::Int(attach.into()));
        self.traced("exec.start", args, |engine| async move {
            let (exec, container) = engine.exec_and_container(id)?;
            {
                let mut progress = lock(&exec.progress);
                if progress.exit_code.is_some() {
                    return Err(ApiError::conflict(format!(
                        "exec command {id} has already run"
                    )));
                }
                if core::mem::replace(&mut progress.running, true) {
                    return Err(ApiError::conflict(format!(
                        "exec command {id} is already running"
                    )));
                }
            }
            let action = format!("exec_start: {}", exec.command());
            engine.container_event(&container, &action, &[("execID", id.to_string())]);
            let started = engine.run_exec(&exec, &container, start, attach).await;
            if started.is_err() {
                let mut progress = lock(&exec.progress);
                progress.running = false;
                progress.exit_code.get_or_insert(126);
            }
            started
        })
        .await
    }

    async fn run_exec(
        &self,
        exec: &Arc<Exec<S>>,
        container: &Arc<Container<S>>,
        start: ExecStart,
        attach: bool,
    ) -> Result<Option<Session<S>>> {
        let process = self.exec_process(exec, container, &start).await?;
        let shim = container.running_shim()?;
        let config = &exec.config;
        let attach =
            attach && (config.attach_stdin || config.attach_stdout || config.attach_stderr);
        let stdin = config.attach_stdin && attach;
        let executed = match shim.exec(&exec.id, process, stdin, attach).await {
            Ok(executed) => executed,
            // It stands since it was looked at, or by somebody who did not ask the engine.
            Err(error) if error.kind == ErrorKind::WrongState && shim.is_paused().await => {
                return Err(paused(&container.id));
            }
            Err(error) => {
                let message = format!("OCI runtime exec failed: {}: unknown", error.message);
                let (code, error) = start_error(&message);
                lock(&exec.progress).exit_code = Some(code);
                return Err(error);
            }
        };
        {
            let mut progress = lock(&exec.progress);
            (progress.pid, progress.shim) = (executed.pid, Some(shim.clone()));
        }
        let ended = self.watch_exec(exec.clone(), container.clone(), shim);
        let tty = config.tty;
        Ok(executed.attachment.map(|attachment| Session {
            origin: Origin::Running(attachment),
            tty,
            stdin,
            detach: tty.then(|| Detach::new(exec.detach.clone())),
            history: None,
            ended: Some(ended),
        }))
    }

    async fn exec_process(
        &self,
        exec: &Exec<S>,
        container: &Container<S>,
        start: &ExecStart,
    ) -> Result<Process> {
        let record = container.record();
        let config = &exec.config;
        let pick = |own: &str, other: &str| {
            if own.is_empty() {
                other.to_string()
            } else {
                own.to_string()
            }
        };
        let user = self
            .find_user(container, &pick(&config.user, &record.config.user))
            .await?
            .user;
        let mut host = record.host.clone();
        host.privileged |= config.privileged;
        let mut env = spec::environment(&record.config, config.tty);
        spec::override_env(&mut env, config.env.as_deref().unwrap_or_default());
        Ok(Process {
            terminal: config.tty,
            console_size: spec::console_size(
                start
                    .console_size
                    .or(config.console_size)
                    .filter(|_| config.tty),
            ),
            capabilities: Some(spec::capability_sets(&host, &self.shared.facts, user.uid)?),
            no_new_privileges: spec::no_new_privileges(&record.host) && !config.privileged,
            user,
            args: config.cmd.clone().unwrap_or_default(),
            env,
            cwd: spec::working_dir(&pick(&config.working_dir, &record.config.working_dir)),
            ..Process::default()
        })
    }

    /// Waits for the end beside everything else, and enters it; what is given comes then.
    fn watch_exec(
        &self,
        exec: Arc<Exec<S>>,
        container: Arc<Container<S>>,
        shim: Shim<S>,
    ) -> oneshot::Receiver<()> {
        let engine = self.background();
        let (sender, ended) = oneshot::channel();
        self.shared.base.task(Box::pin(async move {
            let exit = engine.exit_of(&shim, Some(&exec.id)).await;
            engine.exec_ended(
                &exec,
                &container,
                exit.map_or(137, |exit| i32::from(exit.code)),
            );
            let _ = sender.send(());
        }));
        ended
    }

    fn exec_ended(&self, exec: &Exec<S>, container: &Arc<Container<S>>, code: i32) {
        {
            let mut progress = lock(&exec.progress);
            if !progress.running {
                return;
            }
            (progress.running, progress.exit_code, progress.shim) = (false, Some(code), None);
        }
        let attributes = [("execID", exec.id.clone()), ("exitCode", code.to_string())];
        self.container_event(container, "exec_die", &attributes);
    }

    /// Ends what is entered of a container's processes: they ended with it, and what was not started never will be.
    pub(crate) fn end_execs(&self, container: &Arc<Container<S>>) {
        let execs: Vec<_> = self
            .tables()
            .execs
            .values()
            .filter(|exec| exec.container == container.id)
            .cloned()
            .collect();
        for exec in execs {
            self.exec_ended(&exec, container, 137);
        }
    }

    /// Ids of a container's processes that run.
    pub(crate) fn running_execs(&self, container: &str) -> Vec<String> {
        let tables = self.tables();
        let running = tables
            .execs
            .values()
            .filter(|exec| exec.container == container && lock(&exec.progress).running);
        running.map(|exec| exec.id.clone()).collect()
    }

    /// Everything about a command.
    pub fn inspect_exec(&self, id: &str) -> Result<ExecInspect> {
        let exec = self.exec(id)?;
        let config = &exec.config;
        let mut words = config.cmd.iter().flatten().cloned();
        let progress = lock(&exec.progress);
        Ok(ExecInspect {
            id: exec.id.clone(),
            running: progress.running,
            exit_code: progress.exit_code.map(i64::from),
            process_config: Some(ExecProcessConfig {
                tty: config.tty,
                entrypoint: words.next().unwrap_or_default(),
                arguments: Some(words.collect()),
                privileged: Some(config.privileged),
                user: config.user.clone(),
            }),
            open_stdin: config.attach_stdin,
            open_stderr: config.attach_stderr,
            open_stdout: config.attach_stdout,
            container_id: exec.container.clone(),
            pid: progress.pid.into(),
            ..ExecInspect::default()
        })
    }

    /// Changes the size of a command's terminal.
    pub async fn resize_exec(&self, id: &str, rows: u16, cols: u16) -> Result<()> {
        let exec = self.exec(id)?;
        let shim = lock(&exec.progress).shim.clone();
        let shim =
            shim.ok_or_else(|| ApiError::conflict(format!("exec command {id} is not running")))?;
        Ok(shim.resize(Some(id), rows, cols).await?)
    }
}
