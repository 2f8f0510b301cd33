//! `POST /containers/ID/{pause,unpause,update}`: what the control groups of a running container do
//! (moby `daemon/{pause,unpause,update}.go`).

use super::{Container, limits};
use crate::engine::{Engine, Kernel};
use crate::error::{ApiError, Result};
use crate::spec::resources;
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::mode;
use glassdock_abi::{Fd, Io};
use glassdock_api::container::HostConfig;
use glassdock_api::stats::{UpdateRequest, UpdateResponse};
use glassdock_trace::Args;
use std::sync::Arc;

impl<S: Kernel> Engine<S> {
    /// Stops a container's processes where they are.
    ///
    /// # Errors
    /// 409 when it does not run, or stands already.
    pub async fn pause_container(&self, given: &str) -> Result<()> {
        let args = Args::text("container", given);
        self.traced("container.pause", args, |engine| async move {
            let container = engine.container(given)?;
            let _changing = container.changing.lock().await;
            let shim = container.running_shim()?;
            let id = &container.id;
            if container.is_paused() {
                return Err(ApiError::conflict(format!(
                    "Container {id} is already paused"
                )));
            }
            shim.pause().await.map_err(|error| {
                ApiError::from(error).context(format_args!("cannot pause container {id}"))
            })?;
            engine.set_paused(&container, true).await;
            Ok(())
        })
        .await
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// 409 when it does not stand.
    pub async fn unpause_container(&self, given: &str) -> Result<()> {
        let args = Args::text("container", given);
        self.traced("container.unpause", args, |engine| async move {
            let container = engine.container(given)?;
            let _changing = container.changing.lock().await;
            let id = &container.id;
            if !container.is_paused() {
                return Err(ApiError::conflict(format!("Container {id} is not paused")));
            }
            let shim = container.running_shim()?;
            shim.resume().await.map_err(|error| {
                ApiError::from(error).context(format_args!("cannot unpause container {id}"))
            })?;
            engine.set_paused(&container, false).await;
            Ok(())
        })
        .await
    }

    /// Enters that a container's processes stand, or do not any more.
    pub(super) async fn set_paused(&self, container: &Arc<Container<S>>, paused: bool) {
        self.change(container, |inner| inner.record.state.paused = paused);
        self.keep(container).await;
        let action = if paused { "pause" } else { "unpause" };
        self.container_event(container, action, &[]);
    }

    /// Changes limits of a container, at once where it runs. What the request leaves out stays.
    ///
    /// # Errors
    /// 400 for what makes no sense, 409 for a container that is being removed.
    pub async fn update_container(
        &self,
        given: &str,
        request: UpdateRequest,
    ) -> Result<UpdateResponse> {
        let args = Args::text("container", given);
        self.traced("container.update", args, |engine| async move {
            let container = engine.container(given)?;
            let _changing = container.changing.lock().await;
            let mut asked = request.resources();
            let warnings = limits::check(&mut asked, &engine.shared.facts, true)?;
            let updated = engine.update(&container, asked, &request.restart_policy.name);
            updated.await.map_err(|error| {
                error.context(format_args!("Cannot update container {}", container.id))
            })?;
            Ok(UpdateResponse {
                warnings: Some(warnings),
            })
        })
        .await
    }

    async fn update(
        &self,
        container: &Arc<Container<S>>,
        mut asked: HostConfig,
        policy: &str,
    ) -> Result<()> {
        if !matches!(policy, "" | "no") {
            return Err(ApiError::not_implemented(
                "restart policy: this engine does not restart containers yet; use \"no\"",
            ));
        }
        let mut host = container.record().host;
        merge(&mut host, &asked)?;
        if let Ok(shim) = container.running_shim() {
            let numbers = self.device_numbers(&asked).await?;
            // Memory is limited with swap: one without the other is asked for as it will be.
            if asked.memory != 0 && asked.memory_swap == 0 {
                asked.memory_swap = host.memory_swap;
            }
            shim.update(&resources::limits(&asked, &numbers)).await?;
        }
        self.change(container, |inner| inner.record.host = host);
        self.save(container).await?;
        self.container_event(container, "update", &[]);
        Ok(())
    }

    /// Looks up the block devices that limits name.
    pub(crate) async fn device_numbers(
        &self,
        host: &HostConfig,
    ) -> Result<resources::DeviceNumbers> {
        let mut numbers = resources::DeviceNumbers::new();
        for path in resources::block_devices(host) {
            let missing = || ApiError::invalid(format!("{path}: no such block device"));
            let stat = self
                .sys
                .statx(Fd::CWD, path.as_str().into(), AtFlags::empty())
                .await
                .map_err(|_| missing())?;
            if !stat.is(mode::S_IFBLK) {
                return Err(missing());
            }
            numbers.insert(path, (stat.rdev.major(), stat.rdev.minor()));
        }
        Ok(numbers)
    }
}

/// Takes over what is asked for (moby `container.UpdateContainer`).
fn merge(host: &mut HostConfig, asked: &HostConfig) -> Result<()> {
    if asked.nano_cpus > 0 && (host.cpu_period > 0 || host.cpu_quota > 0) {
        return Err(ApiError::conflict(
            "Conflicting options: Nano CPUs cannot be updated as CPU Period or CPU Quota has already been set",
        ));
    }
    if (asked.cpu_period > 0 || asked.cpu_quota > 0) && host.nano_cpus > 0 {
        return Err(ApiError::conflict(
            "Conflicting options: CPU Period and CPU Quota cannot be updated as NanoCPUs has already been set",
        ));
    }
    // None, and one without end, are numbers below every other here, as with moby.
    if asked.memory != 0 && asked.memory_swap == 0 && asked.memory > host.memory_swap {
        return Err(ApiError::conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ));
    }
    for (own, new) in [
        (&mut host.memory, asked.memory),
        (&mut host.memory_swap, asked.memory_swap),
        (&mut host.memory_reservation, asked.memory_reservation),
        (&mut host.cpu_shares, asked.cpu_shares),
        (&mut host.nano_cpus, asked.nano_cpus),
        (&mut host.cpu_period, asked.cpu_period),
        (&mut host.cpu_quota, asked.cpu_quota),
    ] {
        if new != 0 {
            *own = new;
        }
    }
    for (own, new) in [
        (&mut host.cpuset_cpus, &asked.cpuset_cpus),
        (&mut host.cpuset_mems, &asked.cpuset_mems),
    ] {
        if !new.is_empty() {
            own.clone_from(new);
        }
    }
    if asked.blkio_weight != 0 {
        host.blkio_weight = asked.blkio_weight;
    }
    if asked.pids_limit.is_some() {
        host.pids_limit = asked.pids_limit;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_stays() {
        let mut host = HostConfig {
            memory: 8 << 20,
            memory_swap: 16 << 20,
            cpu_shares: 5,
            ..HostConfig::default()
        };
        let asked = HostConfig {
            cpu_shares: 7,
            pids_limit: Some(3),
            ..HostConfig::default()
        };
        merge(&mut host, &asked).unwrap();
        assert_eq!(
            (host.memory, host.cpu_shares, host.pids_limit),
            (8 << 20, 7, Some(3))
        );
        let more = HostConfig {
            memory: 32 << 20,
            ..HostConfig::default()
        };
        let error = merge(&mut host, &more).unwrap_err();
        assert_eq!(error.status.as_u16(), 409);
    }
}
