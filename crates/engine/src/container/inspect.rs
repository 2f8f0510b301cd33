//! `GET /containers/ID/json` (moby `daemon/inspect.go`).

use super::Container;
use crate::engine::{Engine, Kernel};
use crate::error::Result;
use crate::spec::mounts::Mounts;
use crate::time;
use glassdock_api::container::MountPoint;
use glassdock_api::inspect::{ContainerInspect, DriverData, NetworkSettings, State};
use glassdock_api::network::EndpointSettings;
use std::collections::BTreeMap;

impl<S: Kernel> Engine<S> {
    /// Everything about a container.
    pub fn inspect_container(&self, given: &str) -> Result<ContainerInspect> {
        let container = self.container(given)?;
        let execs: Vec<String> = self.running_execs(&container.id);
        let (record, status) = container.with(|inner| (inner.record.clone(), inner.status()));
        let mounts = mount_points(&Mounts::of(&record.host).unwrap_or_default());
        let state = State {
            status: status.to_string(),
            running: record.state.running,
            paused: record.state.running && record.state.paused,
            oom_killed: record.state.oom_killed,
            dead: record.state.dead,
            pid: record.state.pid.into(),
            exit_code: record.state.exit_code.into(),
            error: record.state.error.clone(),
            started_at: time::rfc3339_or_never(record.state.started_at),
            finished_at: time::rfc3339_or_never(record.state.finished_at),
            ..State::default()
        };
        Ok(ContainerInspect {
            id: record.id,
            created: time::rfc3339_or_never(record.created),
            path: record.path,
            args: Some(record.args),
            state: Some(state),
            image: record.image,
            resolv_conf_path: record.resolv_conf_path,
            hostname_path: record.hostname_path,
            hosts_path: record.hosts_path,
            log_path: record.log_path,
            name: format!("/{}", record.name),
            restart_count: record.restart_count,
            driver: record.driver,
            platform: record.os,
            exec_ids: (!execs.is_empty()).then_some(execs),
            network_settings: Some(NetworkSettings {
                ports: Some(BTreeMap::new()),
                networks: Some(networks(&record.host.network_mode)),
                ..NetworkSettings::default()
            }),
            graph_driver: DriverData {
                name: crate::STORAGE_DRIVER.to_string(),
                data: Some(self.directories(&container)),
            },
            mounts: Some(mounts),
            config: Some(record.config),
            host_config: Some(record.host),
            ..ContainerInspect::default()
        })
    }

    fn directories(&self, container: &Container<S>) -> BTreeMap<String, String> {
        let layers = container.with(|inner| inner.layers.clone());
        let dir = self.overlay_path(&layers.mount_id);
        let diff = |id: &str| self.overlay_path(id).join("diff").to_string();
        let mut lower = vec![diff(&format!("{}-init", layers.mount_id))];
        let below = layers
            .parent
            .iter()
            .flat_map(|top| self.layers_down_from(top));
        lower.extend(below.map(|layer| diff(&layer.cache_id)));
        BTreeMap::from([
            ("ID".to_string(), container.id.clone()),
            ("LowerDir".to_string(), lower.join(":")),
            ("MergedDir".to_string(), dir.join("merged").to_string()),
            ("UpperDir".to_string(), dir.join("diff").to_string()),
            ("WorkDir".to_string(), dir.join("work").to_string()),
        ])
    }
}

/// The one network that a container is in, without addresses.
pub(super) fn networks(mode: &str) -> BTreeMap<String, EndpointSettings> {
    BTreeMap::from([(mode.to_string(), EndpointSettings::default())])
}

/// Mounts as inspection shows them.
pub(super) fn mount_points(mounts: &Mounts) -> Vec<MountPoint> {
    let binds = mounts.binds.iter().map(|bind| MountPoint {
        kind: "bind".to_string(),
        source: bind.source.clone(),
        destination: bind.destination.clone(),
        mode: bind.mode.clone(),
        rw: bind.writable,
        propagation: bind.propagation.clone(),
        ..MountPoint::default()
    });
    binds.collect()
}
