//! `POST /containers/ID/start`.

use super::Container;
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result, start_error};
use crate::spec::mounts::Mounts;
use crate::spec::user::Databases;
use crate::spec::{self, SpecInput};
use glassdock_abi::call::Call;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::{Errno, Fd, PathArg};
use glassdock_image::fs;
use glassdock_runtime::ErrorKind;
use glassdock_runtime::client::Shim;
use glassdock_runtime::proto::ShimOptions;
use glassdock_trace::Args;
use std::sync::Arc;

/// Largest `/etc/resolv.conf` of the host that is taken over, in bytes.
const MAX_RESOLV_CONF: u64 = 64 << 10;

impl<S: Kernel> Engine<S> {
    /// Starts a container.
    ///
    /// # Errors
    /// 304 when it runs already; 409 when it is being removed; 400 and 500 when its program cannot be started, in words
    /// that clients read.
    pub async fn start_container(&self, given: &str) -> Result<()> {
        self.traced(
            "container.start",
            Args::text("container", given),
            |engine| async move {
                let container = engine.container(given)?;
                engine.start(&container).await
            },
        )
        .await
    }

    pub(crate) async fn start(&self, container: &Arc<Container<S>>) -> Result<()> {
        let changing = container.changing.lock().await;
        if self.is_shutting_down() {
            return Err(ApiError::unavailable("the daemon is shutting down"));
        }
        if container.is_paused() {
            return Err(ApiError::conflict(
                "cannot start a paused container, try unpause instead",
            ));
        }
        let (running, leaving) = container.with(|inner| {
            (
                inner.record.state.running,
                inner.removing || inner.removed || inner.record.state.dead,
            )
        });
        if leaving {
            return Err(ApiError::conflict(
                "container is marked for removal and cannot be started",
            ));
        }
        if running {
            return Err(ApiError::not_modified("container is already running"));
        }
        let error = match self.bring_up(container).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        self.change(container, |inner| {
            inner.record.state.error.clone_from(&error.message);
            if inner.record.state.exit_code == 0 {
                inner.record.state.exit_code = 128;
            }
            // Whoever attached gets the end of the stream.
            inner.attaching.clear();
            inner.shim = None;
        });
        self.clean_up(container).await;
        self.keep(container).await;
        drop(changing);
        if container.with(|inner| inner.record.host.auto_remove) {
            let _ = self.remove(container, true).await;
        }
        Err(error)
    }

    /// Mounts, makes the bundle, starts the shim, attaches who waits, and lets the program run.
    async fn bring_up(&self, container: &Arc<Container<S>>) -> Result<()> {
        let merged = self.mount_rootfs(container).await?;
        let record = container.record();
        let mounts = Mounts::of(&record.host)?;
        self.write_network_files(&record).await?;
        self.check_bind_sources(&mounts, true).await?;
        self.check_propagation(&mounts).await?;
        let user = {
            let root = fs::open_dir(&self.sys, &merged).await?;
            let add = record.host.group_add.clone().unwrap_or_default();
            let databases = Databases::read(&self.sys, root.fd()).await?;
            // A wrong user is the container's fault but found here: an error of the engine, as in moby.
            databases
                .find(&record.config.user, &add)
                .map_err(|error| ApiError::system(error.message))?
        };
        let numbers = self.device_numbers(&record.host).await?;
        let spec = spec::build(&SpecInput {
            numbers: &numbers,
            id: &container.id,
            path: &record.path,
            args: &record.args,
            config: &record.config,
            host: &record.host,
            facts: &self.shared.facts,
            mounts: &mounts,
            user: user.user,
            rootfs: &merged.to_string(),
            files: [
                &record.resolv_conf_path,
                &record.hostname_path,
                &record.hosts_path,
            ],
        })?;
        let bundle = self.bundle_dir(&container.id);
        fs::create_dir_all(&self.sys, &bundle, 0o711).await?;
        let json =
            serde_json::to_vec(&spec).map_err(|error| ApiError::system(error.to_string()))?;
        fs::write_file(&self.sys, &bundle.join("config.json"), &json, 0o600).await?;
        let shim = self.start_shim(container, &record).await?;
        let run = self.run(container, &shim).await;
        if run.is_err() {
            self.discard(container, &shim).await;
        }
        run
    }

    /// Ends a run that is not to be.
    pub(crate) async fn discard(&self, container: &Container<S>, shim: &Shim<S>) {
        if let Err(error) = shim.destroy().await {
            let id = &container.id;
            self.warn(format!("remove the shim of {id}: {error}")).await;
        }
    }

    fn bundle_dir(&self, id: &str) -> PathArg {
        PathArg::from(&self.shared.config.run)
            .join("bundles")
            .join(id)
    }

    pub(crate) fn state_dir(&self, id: &str) -> PathArg {
        PathArg::from(&self.shared.config.run)
            .join("runtime")
            .join(id)
    }

    async fn start_shim(
        &self,
        container: &Container<S>,
        record: &super::Record,
    ) -> Result<Shim<S>> {
        let runtime = PathArg::from(&self.shared.config.run).join("runtime");
        fs::create_dir_all(&self.sys, &runtime, 0o711).await?;
        let options = ShimOptions {
            id: container.id.clone(),
            dir: self.state_dir(&container.id).to_string(),
            bundle: self.bundle_dir(&container.id).to_string(),
            shim: self.shared.config.shim.clone(),
            runtime: self.shared.config.runtime.clone(),
            stdin: record.config.open_stdin,
            stdin_once: record.config.stdin_once,
            log: (!record.log_path.is_empty()).then(|| record.log_path.clone()),
        };
        // The words that moby and containerd put around a runtime's message.
        Shim::start(&self.sys, options).await.map_err(|error| {
            let what = match error.kind {
                ErrorKind::ShimGone => "failed to start shim",
                _ => "failed to create shim task: OCI runtime create failed",
            };
            let why = &error.message;
            let text = format!("failed to create task for container: {what}: {why}: unknown");
            self.failed_start(container, &text)
        })
    }

    /// Enters the exit code that an error stands for.
    fn failed_start(&self, container: &Container<S>, message: &str) -> ApiError {
        let (code, error) = start_error(message);
        self.change(container, |inner| inner.record.state.exit_code = code);
        error
    }

    async fn run(&self, container: &Arc<Container<S>>, shim: &Shim<S>) -> Result<()> {
        let report = shim.state().await?;
        // From here on clients attach to the shim themselves.
        let waiting = container.with(|inner| {
            inner.shim = Some(shim.clone());
            core::mem::take(&mut inner.attaching)
        });
        for client in waiting {
            client.connect(shim).await;
        }
        shim.run()
            .await
            .map_err(|error| self.failed_start(container, &error.message))?;
        let now = self.now();
        self.change(container, |inner| {
            let state = &mut inner.record.state;
            (state.running, state.pid, state.exit_code) = (true, report.pid, 0);
            (state.started_at, state.oom_killed) = (Some(now), false);
            state.error.clear();
            inner.record.has_been_started_before = true;
            inner.record.has_been_manually_stopped = false;
        });
        // It runs, so it is not killed for this.
        self.keep(container).await;
        self.container_event(container, "start", &[]);
        self.watch_exit(container.clone(), shim.clone());
        Ok(())
    }

    /// Undoes what a start did outside the shim.
    pub(crate) async fn clean_up(&self, container: &Container<S>) {
        let _ = self.unmount_rootfs(container).await;
        let _ = fs::remove_path(&self.sys, &self.bundle_dir(&container.id)).await;
    }

    /// `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` of the container.
    async fn write_network_files(&self, record: &super::Record) -> Result<()> {
        let hostname = format!("{}\n", record.config.hostname);
        let hosts = self.hosts(record).await?;
        let resolv_conf = self.resolv_conf(record).await;
        for (path, text) in [
            (&record.hostname_path, hostname),
            (&record.hosts_path, hosts),
            (&record.resolv_conf_path, resolv_conf),
        ] {
            fs::write_file(&self.sys, &PathArg::from(path), text.as_bytes(), 0o644).await?;
        }
        Ok(())
    }

    async fn hosts(&self, record: &super::Record) -> Result<String> {
        let mut hosts = match record.host.network_mode.as_str() {
            "host" => self.host_file("/etc/hosts").await,
            _ => "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\t\
                  ip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
                .to_string(),
        };
        for extra in record.host.extra_hosts.iter().flatten() {
            let (name, address) = extra.split_once(':').unwrap_or((extra, ""));
            hosts.push_str(&format!("{address}\t{name}\n"));
        }
        Ok(hosts)
    }

    async fn resolv_conf(&self, record: &super::Record) -> String {
        let lines = |word: &str, values: &Option<Vec<String>>| -> String {
            values
                .iter()
                .flatten()
                .map(|value| format!("{word} {value}\n"))
                .collect()
        };
        let own = [
            lines("nameserver", &record.host.dns),
            lines("search", &record.host.dns_search),
            lines("options", &record.host.dns_options),
        ];
        if own[0].is_empty() {
            self.host_file("/etc/resolv.conf").await + &own[1] + &own[2]
        } else {
            own.concat()
        }
    }

    /// A file of the host; nothing where it is not there.
    async fn host_file(&self, path: &str) -> String {
        let data = fs::read_file(&self.sys, &path.into(), MAX_RESOLV_CONF)
            .await
            .unwrap_or_default();
        String::from_utf8_lossy(&data).into_owned()
    }

    /// Checks that what is to be bound is there; `make` makes directories for sources that are missing, where that was
    /// asked for (`-v`).
    ///
    /// # Errors
    /// 400 for a source that is missing and is not to be made.
    pub(crate) async fn check_bind_sources(&self, mounts: &Mounts, make: bool) -> Result<()> {
        for bind in &mounts.binds {
            let source = PathArg::from(&bind.source);
            let stat = Call::Statx {
                dirfd: Fd::CWD,
                path: source.clone(),
                flags: AtFlags::empty(),
            };
            match self.sys.call(stat).await {
                Ok(_) => {}
                Err(Errno::ENOENT) if bind.create_source && !make => {}
                Err(Errno::ENOENT) if bind.create_source => {
                    fs::create_dir_all(&self.sys, &source, 0o755)
                        .await
                        .map_err(|error| {
                            ApiError::system(format!(
                                "error while creating mount source path '{source}': {error}"
                            ))
                        })?;
                }
                Err(Errno::ENOENT) => {
                    return Err(ApiError::invalid(format!(
                        "invalid mount config for type \"bind\": bind source path does not exist: {source}"
                    )));
                }
                Err(errno) => return Err(system(format_args!("stat {source}"))(errno)),
            }
        }
        Ok(())
    }
}
