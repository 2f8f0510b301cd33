//! `POST /containers/create`.

use super::record::Record;
use super::{Container, refusals, settings};
use crate::engine::{Engine, Kernel, system};
use crate::error::{ApiError, Result};
use crate::names;
use glassdock_abi::{Fd, Io};
use glassdock_api::container::{CreateRequest, CreateResponse};
use glassdock_image::fs;
use glassdock_trace::{Args, Value};
use std::sync::Arc;

impl<S: Kernel> Engine<S> {
    /// Makes a container. After an error nothing of it is left, not even its name.
    ///
    /// # Errors
    /// 404 for the image, 409 for the name, 400 and 501 for what the request asks.
    pub async fn create_container(
        &self,
        name: &str,
        request: CreateRequest,
    ) -> Result<CreateResponse> {
        let args =
            Args::text("name", name).with("image", Value::Text(request.config.image.clone()));
        self.traced("container.create", args, |engine| async move {
            engine.create_in_span(name, request).await
        })
        .await
    }

    async fn create_in_span(&self, name: &str, request: CreateRequest) -> Result<CreateResponse> {
        let CreateRequest {
            mut config,
            host_config,
            networking_config,
        } = request;
        let mut host = host_config.unwrap_or_default();
        settings::check_config(&mut config)?;
        refusals::check_networking(networking_config.as_ref())?;
        let (mut warnings, mounts) = settings::check_host(&mut host, &self.shared.facts)?;
        if host.uts_mode == "host" && !config.hostname.is_empty() {
            let text = "conflicting options: hostname and the UTS mode";
            return Err(ApiError::invalid(text));
        }
        self.check_bind_sources(&mounts, false).await?;
        // Until the container is entered, nothing else keeps its image.
        let _writing = self.shared.images.writing.lock().await;
        let image = self.image(&config.image)?;
        settings::merge_image(&mut config, &image.run_config())?;
        settings::check_config(&mut config)?;
        warnings.extend(refusals::unwatched(&config));
        for path in config
            .volumes
            .iter()
            .flatten()
            .map(|(path, _)| path)
            .filter(|path| !mounts.covers(path))
        {
            warnings.push(format!(
                "This engine has no volumes yet: {path} is an ordinary directory of the container"
            ));
        }
        let id = names::random_id(&self.sys)
            .await
            .map_err(system("getrandom"))?;
        let name = self.reserve_name(&id, name).await?;
        if config.hostname.is_empty() {
            let own = if host.network_mode == "host" {
                &self.shared.facts.hostname
            } else {
                names::short(&id)
            };
            config.hostname = own.to_string();
        }
        let (path, args) = settings::command(&config);
        let dir = self.container_dir(&id);
        let file = |name: &str| dir.join(name).to_string();
        let log = if host.log_config.kind == "none" {
            String::new()
        } else {
            file(&format!("{id}-json.log"))
        };
        let record = Record {
            id: id.clone(),
            created: Some(self.now()),
            path,
            args,
            image: image.id.to_string(),
            log_path: log,
            name: name.clone(),
            driver: crate::STORAGE_DRIVER.to_string(),
            os: "linux".to_string(),
            hostname_path: file("hostname"),
            hosts_path: file("hosts"),
            resolv_conf_path: file("resolv.conf"),
            config,
            host,
            ..Record::default()
        };
        match self.place(record, &image).await {
            Ok(container) => {
                self.container_event(&container, "create", &[]);
                Ok(CreateResponse { id, warnings })
            }
            Err(error) => {
                self.tables().names.remove(&name);
                let _ = fs::remove_path(&self.sys, &dir).await;
                Err(error)
            }
        }
    }

    /// Makes the container's files and enters it.
    async fn place(
        &self,
        record: Record,
        image: &crate::images::Image,
    ) -> Result<Arc<Container<S>>> {
        let id = record.id.clone();
        let layers = self.create_rw_layer(&id, image).await?;
        let container = Arc::new(Container::new(record, layers.clone()));
        let result = self.make_files(&container).await;
        if let Err(error) = result {
            let _ = self.unmount_rootfs(&container).await;
            let _ = self.remove_rw_layer(&id, &layers).await;
            return Err(error);
        }
        self.tables().containers.insert(id, container.clone());
        self.announce(&container);
        Ok(container)
    }

    async fn make_files(&self, container: &Container<S>) -> Result<()> {
        let dir = self.container_dir(&container.id);
        self.sys
            .mkdirat(Fd::CWD, dir.clone(), 0o710)
            .await
            .map_err(system(format_args!("mkdir {dir}")))?;
        let record = container.record();
        if !matches!(record.config.working_dir.as_str(), "" | "/") {
            self.make_working_dir(container, &record.config.working_dir)
                .await?;
        }
        self.save(container).await
    }

    /// Makes the working directory, where the image does not have it (moby `container/container_unix.go`).
    async fn make_working_dir(&self, container: &Container<S>, path: &str) -> Result<()> {
        let merged = self.mount_rootfs(container).await?;
        let made = match fs::open_dir(&self.sys, &merged).await {
            Ok(root) => match self.make_dirs_in_root(root.fd(), path, 0o755).await {
                Ok(_) => Ok(()),
                Err(error) if error.message.ends_with("not a directory") => Err(ApiError::system(
                    format!("Cannot mkdir: {path} is not a directory"),
                )),
                Err(error) => Err(error),
            },
            Err(error) => Err(error.into()),
        };
        self.unmount_rootfs(container).await?;
        made
    }
}
