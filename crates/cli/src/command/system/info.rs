//! `docker info`.

use super::{client_version, structure, unreachable};
use crate::error::{Fail, Result};
use crate::flags::Parsed;
use crate::session::{CLIENT_VERSION, Call, Session};
use crate::template::{Missing, Template};
use crate::typed::typed;
use crate::units;
use crate::value::{Field, Struct, Value};
use core::fmt::Write;
use glassdock_abi::Sys;
use glassdock_api::system::Info;
use glassdock_trace::Trace;

/// `docker info`
pub async fn info<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let format = flags.text("format");
    let asked = match needs_server(session, format) {
        true => Some(session.document::<Info>(Call::get("/info")).await),
        false => None,
    };
    match format {
        "" => pretty(session, asked).await,
        format => formatted(session, format, asked).await,
    }
}

/// A template that uses only what the client knows needs no answer.
fn needs_server<S: Sys>(session: &Session<S>, format: &str) -> bool {
    if matches!(format, "" | "json" | "{{json .}}") || !format.contains('.') {
        return true;
    }
    let client = structure(
        "system.sparseInfo",
        vec![
            ("ClientInfo", client_info(session), false),
            ("ClientErrors", Value::NilList, true),
        ],
    );
    let rendered =
        Template::parse(format).map(|template| template.render(&client, Missing::NoValue));
    !matches!(rendered, Ok(Ok(_)))
}

fn client_info<S: Sys>(session: &Session<S>) -> Value {
    let Struct { fields, .. } = client_version("", session.choice.name(&session.settings));
    let mut all = vec![Field {
        json: "Debug".into(),
        value: Value::Bool(session.debug),
        omitted: false,
    }];
    all.extend(fields);
    all.push(Field {
        json: "Plugins".into(),
        value: Value::List(Vec::new()),
        omitted: false,
    });
    all.push(Field {
        json: "Warnings".into(),
        value: Value::NilList,
        omitted: false,
    });
    Value::Struct(Struct {
        kind: "*system.clientInfo",
        fields: all,
        methods: false,
    })
}

async fn formatted<S: Sys + Trace>(
    session: &Session<S>,
    format: &str,
    asked: Option<Result<Info>>,
) -> Result<()> {
    let source = if format == "json" {
        "{{json .}}"
    } else {
        format
    };
    let wrong = |error| Fail::new(format!("template parsing error: {error}")).with_status(64);
    let template = Template::parse(source).map_err(wrong)?;
    let (mut failure, mut server_errors) = (None, Vec::new());
    let info = match asked {
        None => Info::default(),
        Some(Ok(info)) => info,
        Some(Err(fail)) if unreachable(&fail) => {
            failure = Some(fail);
            Info::default()
        }
        Some(Err(fail)) => {
            session.err(format!("{}\n", fail.message)).await?;
            server_errors.push(Value::Text(fail.message));
            Info::default()
        }
    };
    let mut fields = match typed("*system.Info", &info) {
        Value::Struct(info) => info.fields,
        _ => Vec::new(),
    };
    let none = server_errors.is_empty();
    fields.push(Field {
        json: "ServerErrors".into(),
        value: Value::List(server_errors),
        omitted: none,
    });
    fields.push(Field {
        json: "ClientInfo".into(),
        value: client_info(session),
        omitted: false,
    });
    fields.push(Field {
        json: "ClientErrors".into(),
        value: Value::NilList,
        omitted: true,
    });
    let document = Value::Struct(Struct {
        kind: "system.dockerInfo",
        fields,
        methods: false,
    });
    match template.render(&document, Missing::NoValue) {
        Ok(text) => session.out(text + "\n").await?,
        Err(error) => return Err(failure.unwrap_or_else(|| Fail::new(error.to_string()))),
    }
    failure.map_or(Ok(()), Err)
}

async fn pretty<S: Sys + Trace>(session: &Session<S>, asked: Option<Result<Info>>) -> Result<()> {
    let mut text = format!("Client: {}\n", super::PLATFORM);
    let _ = writeln!(
        text,
        " Version:    {CLIENT_VERSION}\n Context:    {}\n Debug Mode: {}\n\nServer:",
        session.context(),
        session.debug
    );
    match asked {
        Some(Ok(info)) => {
            text += &server(&info, session.debug);
            session.out(text).await?;
            for warning in info.warnings.iter().flatten() {
                session.err(format!("{warning}\n")).await?;
            }
            Ok(())
        }
        Some(Err(fail)) => {
            session.out(text).await?;
            if unreachable(&fail) {
                return Err(fail);
            }
            session.err(format!("ERROR: {}\n", fail.message)).await?;
            Err(Fail::new("errors pretty printing info"))
        }
        None => session.out(text).await,
    }
}

/// Lines with a label and a value.
struct Lines(String);

impl Lines {
    fn line(&mut self, label: &str, value: impl core::fmt::Display) {
        let _ = writeln!(self.0, "{label} {value}");
    }
    fn some(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            self.line(label, value);
        }
    }
    fn list(&mut self, title: &str, items: &[String]) {
        if !items.is_empty() {
            let _ = writeln!(self.0, "{title}");
            items
                .iter()
                .for_each(|item| self.0 += &format!("  {item}\n"));
        }
    }
}

fn server(info: &Info, client_debug: bool) -> String {
    let mut lines = Lines(String::new());
    lines.line(" Containers:", info.containers);
    lines.line("  Running:", info.containers_running);
    lines.line("  Paused:", info.containers_paused);
    lines.line("  Stopped:", info.containers_stopped);
    lines.line(" Images:", info.images);
    lines.some(" Server Version:", &info.server_version);
    lines.some(" Storage Driver:", &info.driver);
    for [name, value] in info.driver_status.iter().flatten() {
        lines.line(&format!("  {name}:"), value);
    }
    for [name, value] in info.system_status.iter().flatten() {
        lines.line(&format!(" {name}:"), value);
    }
    lines.some(" Logging Driver:", &info.logging_driver);
    lines.some(" Cgroup Driver:", &info.cgroup_driver);
    lines.some(" Cgroup Version:", &info.cgroup_version);
    plugins(&mut lines, info);
    lines.list(
        " CDI spec directories:",
        info.cdi_spec_dirs.as_deref().unwrap_or_default(),
    );
    lines.line(" Swarm:", &info.swarm.local_node_state);
    let runtimes: Vec<_> = info
        .runtimes
        .iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    if !runtimes.is_empty() {
        lines.line(" Runtimes:", runtimes.join(" "));
        lines.line(" Default Runtime:", &info.default_runtime);
    }
    if info.os_type == "linux" {
        lines.line(" Init Binary:", &info.init_binary);
        lines.line(" containerd version:", &info.containerd_commit.id);
        lines.line(" runc version:", &info.runc_commit.id);
        lines.line(" init version:", &info.init_commit.id);
        security(&mut lines, info);
    }
    host(&mut lines, info, client_debug);
    registries(&mut lines, info);
    lines.line(" Live Restore Enabled:", info.live_restore_enabled);
    lines.some(" Product License:", &info.product_license);
    let pools = info.default_address_pools.as_deref().unwrap_or_default();
    if !pools.is_empty() {
        lines.0 += " Default Address Pools:\n";
        pools
            .iter()
            .for_each(|pool| lines.0 += &format!("   Base: {}, Size: {}\n", pool.base, pool.size));
    }
    lines.0 + "\n"
}

fn plugins(lines: &mut Lines, info: &Info) {
    let words = |list: &Option<Vec<String>>| list.as_deref().unwrap_or_default().join(" ");
    lines.0 += " Plugins:\n";
    lines.line("  Volume:", words(&info.plugins.volume));
    lines.line("  Network:", words(&info.plugins.network));
    lines.some("  Authorization:", &words(&info.plugins.authorization));
    lines.line("  Log:", words(&info.plugins.log));
}

/// `name=seccomp,profile=builtin` as the name, and the profile below it.
fn security(lines: &mut Lines, info: &Info) {
    let options = info.security_options.as_deref().unwrap_or_default();
    if options.is_empty() {
        return;
    }
    lines.0 += " Security Options:\n";
    for option in options {
        let pairs: Vec<_> = option
            .split(',')
            .map(|pair| pair.split_once('=').unwrap_or(("name", pair)))
            .collect();
        for (_, name) in pairs.iter().filter(|(key, _)| *key == "name") {
            lines.0 += &format!("  {name}\n");
        }
        for (_, profile) in pairs.iter().filter(|(key, _)| *key == "profile") {
            lines.line("   Profile:", profile);
        }
    }
}

fn host(lines: &mut Lines, info: &Info, client_debug: bool) {
    lines.some(" Kernel Version:", &info.kernel_version);
    lines.some(" Operating System:", &info.operating_system);
    lines.some(" OSType:", &info.os_type);
    lines.some(" Architecture:", &info.architecture);
    lines.line(" CPUs:", info.n_cpu);
    lines.line(
        " Total Memory:",
        units::bytes_size(u64::try_from(info.mem_total).unwrap_or(0)),
    );
    lines.some(" Name:", &info.name);
    lines.some(" ID:", &info.id);
    lines.line(" Docker Root Dir:", &info.docker_root_dir);
    lines.line(" Debug Mode:", info.debug);
    if info.debug || client_debug {
        lines.line("  File Descriptors:", info.n_fd);
        lines.line("  Goroutines:", info.n_goroutines);
        lines.line("  System Time:", &info.system_time);
        lines.line("  EventsListeners:", info.n_events_listener);
    }
    lines.some(" HTTP Proxy:", &info.http_proxy);
    lines.some(" HTTPS Proxy:", &info.https_proxy);
    lines.some(" No Proxy:", &info.no_proxy);
    lines.list(" Labels:", info.labels.as_deref().unwrap_or_default());
    lines.line(" Experimental:", info.experimental_build);
}

fn registries(lines: &mut Lines, info: &Info) {
    let Some(config) = &info.registry_config else {
        return;
    };
    let cidrs = config
        .insecure_registry_cidrs
        .as_deref()
        .unwrap_or_default();
    let indexes: Vec<_> = config
        .index_configs
        .iter()
        .flatten()
        .map(|(_, index)| index)
        .collect();
    if !cidrs.is_empty() || !indexes.is_empty() {
        lines.0 += " Insecure Registries:\n";
        let insecure = indexes.iter().filter(|index| !index.secure);
        insecure.for_each(|index| lines.0 += &format!("  {}\n", index.name));
        cidrs
            .iter()
            .for_each(|cidr| lines.0 += &format!("  {cidr}\n"));
    }
    lines.list(
        " Registry Mirrors:",
        config.mirrors.as_deref().unwrap_or_default(),
    );
}
