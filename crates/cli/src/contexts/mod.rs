//! Contexts: named addresses of engines, in files that the real client reads and writes as well (docker/cli
//! `cli/context/store`, `cli/command/defaultcontextstore.go`).

pub mod archive;
pub mod host;
pub mod meta;
pub mod store;

use crate::error::{Fail, Result};
use crate::flags::Parsed;
use crate::session::Session;
use crate::settings::Settings;
use glassdock_abi::Sys;
use glassdock_trace::Trace;
use meta::{DEFAULT, DOCKER, Endpoint, Meta};
use std::collections::BTreeMap;

/// What the command line and the environment say about the engine's address, and about where the client's files are.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    folder: Option<String>,
    hosts: Vec<String>,
    context: String,
    env_host: String,
    env_context: String,
    tls: bool,
}

impl Choice {
    /// Reads global flags and the environment.
    ///
    /// # Errors
    /// `--host` and `--context` say different things.
    pub fn new(globals: &Parsed, env: &BTreeMap<String, String>) -> Result<Choice> {
        let set = |name: &str| env.get(name).filter(|value| !value.is_empty());
        let flag = |name: &str, variable: &str| match globals.changed(name) {
            true => globals.bool(name),
            false => set(variable).is_some(),
        };
        let folder = match globals.text("config") {
            "" => set("DOCKER_CONFIG").cloned(),
            folder => Some(folder.to_owned()),
        };
        let at_home = || set("HOME").map(|home| format!("{home}/.docker"));
        let choice = Choice {
            folder: folder.or_else(at_home),
            hosts: globals.list("host").to_vec(),
            context: globals.text("context").to_owned(),
            env_host: set("DOCKER_HOST").cloned().unwrap_or_default(),
            env_context: set("DOCKER_CONTEXT").cloned().unwrap_or_default(),
            tls: flag("tls", "DOCKER_TLS") || flag("tlsverify", "DOCKER_TLS_VERIFY"),
        };
        if !choice.hosts.is_empty() && !choice.context.is_empty() {
            let why = "conflicting options: cannot specify both --host and --context";
            return Err(Fail::new(why));
        }
        Ok(choice)
    }

    /// The folder of settings and contexts.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub fn folder(&self) -> Result<&str> {
        let unknown = "the folder of settings and contexts is not known: set HOME or DOCKER_CONFIG, or give --config";
        self.folder.as_deref().ok_or_else(|| Fail::new(unknown))
    }

    /// Whether the environment names an engine, whatever context was chosen with `docker context use`.
    pub fn overridden(&self) -> bool {
        !self.env_host.is_empty()
    }

    /// The name of the context that is meant, in the real command's order (`resolveContextName`).
    pub fn name<'a>(&'a self, settings: &'a Settings) -> &'a str {
        let chosen = match () {
            () if !self.context.is_empty() => &self.context,
            () if !self.hosts.is_empty() || self.overridden() => return DEFAULT,
            () if !self.env_context.is_empty() => &self.env_context,
            () => &settings.current_context,
        };
        if chosen.is_empty() { DEFAULT } else { chosen }
    }

    /// The default context: it has no file.
    ///
    /// # Errors
    /// What was said is no address, or asks for TLS.
    pub fn default_meta(&self) -> Result<Meta> {
        if self.tls {
            return Err(Fail::new(NO_TLS));
        }
        let host = match self.hosts.as_slice() {
            [] => host::parse(&self.env_host)?,
            [host] => host::parse(host)?,
            _ => return Err(Fail::new("Specify only one -H")),
        };
        let endpoint = Endpoint {
            host,
            skip_tls_verify: false,
        };
        Ok(Meta::new(DEFAULT, "", &endpoint))
    }
}

/// What asks for TLS is told so.
pub const NO_TLS: &str = "TLS is not supported by this client yet";

/// The engine's address by the context that is meant.
///
/// # Errors
/// There is no such context, or it leads where this client cannot go.
pub async fn address<S: Sys + Trace>(session: &Session<S>) -> Result<String> {
    let resolved = resolve(session).await;
    resolved.map_err(|fail| {
        let why = fail.message;
        Fail::new(format!(
            "Failed to initialize: unable to resolve docker endpoint: {why}"
        ))
    })
}

async fn resolve<S: Sys + Trace>(session: &Session<S>) -> Result<String> {
    let name = session.context();
    let endpoint = store::get(session, name).await?.docker()?;
    let secret = name != DEFAULT
        && store::secret_names(session, name)
            .await?
            .contains_key(DOCKER);
    if endpoint.skip_tls_verify || secret {
        let name = crate::text::quote(name);
        return Err(Fail::new(format!("context {name}: {NO_TLS}")));
    }
    match endpoint.host.as_str() {
        "" => Ok(host::DEFAULT_HOST.to_owned()),
        host => Ok(host.to_owned()),
    }
}
