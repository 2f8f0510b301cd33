//! `docker version`, `docker info` and `docker events`.

mod info;

pub use info::info;

use super::BUILD;
use super::containers::filters;
use crate::error::{Fail, Kind, Result};
use crate::flags::Parsed;
use crate::session::{CLIENT_VERSION, Call, Session};
use crate::table::{VERSION, align};
use crate::template::{Missing, Template};
use crate::time;
use crate::typed::typed;
use crate::value::{Field, Struct, Value};
use glassdock_abi::Sys;
use glassdock_api::stream::Event;
use glassdock_api::system::{ComponentVersion, Version};
use glassdock_api::version;
use glassdock_trace::Trace;

/// What the client calls itself.
const PLATFORM: &str = "Glassdock";
/// Bytes of one event at most.
const MAX_EVENT: usize = 1 << 20;

const VERSION_TEMPLATE: &str = r#"{{with .Client -}}
Client:{{if ne .Platform nil}}{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}{{end}}
 Version:	{{.Version}}
 API version:	{{.APIVersion}}{{if ne .APIVersion .DefaultAPIVersion}} (downgraded from {{.DefaultAPIVersion}}){{end}}
 Go version:	{{.GoVersion}}
 Git commit:	{{.GitCommit}}
 Built:	{{.BuildTime}}
 OS/Arch:	{{.Os}}/{{.Arch}}
 Context:	{{.Context}}
{{- end}}

{{- if ne .Server nil}}{{with .Server}}

Server:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
 {{- range $component := .Components}}
 {{$component.Name}}:
  {{- if eq $component.Name "Engine" }}
  Version:	{{.Version}}
  API version:	{{index .Details "ApiVersion"}} (minimum version {{index .Details "MinAPIVersion"}})
  Go version:	{{index .Details "GoVersion"}}
  Git commit:	{{index .Details "GitCommit"}}
  Built:	{{index .Details "BuildTime"}}
  OS/Arch:	{{index .Details "Os"}}/{{index .Details "Arch"}}
  Experimental:	{{index .Details "Experimental"}}
  {{- else }}
  Version:	{{$component.Version}}
  {{- $detailsOrder := getDetailsOrder $component}}
  {{- range $key := $detailsOrder}}
  {{$key}}:	{{index $component.Details $key}}
   {{- end}}
  {{- end}}
 {{- end}}
 {{- end}}{{- end}}"#;

/// A struct of texts; empty ones are left out of JSON where `omit`.
fn texts(kind: &'static str, fields: &[(&str, &str)], keep: &str) -> Struct {
    let field = |(json, value): &(&str, &str)| Field {
        json: (*json).to_owned(),
        value: Value::Text((*value).to_owned()),
        omitted: value.is_empty() && *json != keep,
    };
    Struct {
        kind,
        fields: fields.iter().map(field).collect(),
        methods: false,
    }
}

fn structure(kind: &'static str, fields: Vec<(&str, Value, bool)>) -> Value {
    let field = |(json, value, omitted): (&str, Value, bool)| Field {
        json: json.to_owned(),
        value,
        omitted,
    };
    Value::Struct(Struct {
        kind,
        fields: fields.into_iter().map(field).collect(),
        methods: false,
    })
}

/// What the client tells of itself.
pub fn client_version(api_version: &str, context: &str) -> Struct {
    let platform = texts("*system.platformInfo", &[("Name", PLATFORM)], "");
    let mut client = texts(
        "system.clientVersion",
        &[
            ("Version", CLIENT_VERSION),
            ("ApiVersion", api_version),
            ("DefaultAPIVersion", version::MAX),
            ("GitCommit", BUILD),
            ("GoVersion", "none (Rust)"),
            ("Os", "linux"),
            ("Arch", "amd64"),
            ("BuildTime", ""),
            ("Context", context),
        ],
        "Context",
    );
    let platform = Field {
        json: "Platform".into(),
        value: Value::Struct(platform),
        omitted: false,
    };
    client.fields.insert(0, platform);
    client
}

/// `docker version`
pub async fn version<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let source = match flags.text("format") {
        "" => VERSION_TEMPLATE,
        "json" => "{{json .}}",
        template => template,
    };
    let wrong = |error| Fail::new(format!("template parsing error: {error}")).with_status(64);
    let template = Template::parse_named("version", source).map_err(wrong)?;
    let asked = session.document::<Version>(Call::get("/version")).await;
    let (server, failure) = match asked {
        Ok(mut server) => {
            name_engine(&mut server);
            (typed("*types.Version", &server), None)
        }
        Err(fail) => (Value::NilPointer, Some(fail)),
    };
    let api_version = session.known_version();
    let client = Value::Struct(client_version(&api_version, session.context()));
    let document = structure(
        "system.versionInfo",
        vec![("Client", client, false), ("Server", server, false)],
    );
    let (text, rendered) = template.render_part(&document, Missing::NoValue);
    session.out(align(&format!("{text}\n"), VERSION)).await?;
    match (failure, rendered) {
        (Some(failure), _) => Err(failure),
        (None, rendered) => rendered.map_err(|error| Fail::new(error.to_string())),
    }
}

/// Sees to it that the engine is among the parts, with its time of building as people read it.
fn name_engine(server: &mut Version) {
    let read = |time: &str| {
        time::parse(time).map_or_else(
            || time.to_owned(),
            |nanos| time::ansic(nanos.div_euclid(1_000_000_000)),
        )
    };
    let components = server.components.get_or_insert_default();
    if let Some(engine) = components.iter_mut().find(|part| part.name == "Engine") {
        if let Some(built) = engine
            .details
            .as_mut()
            .and_then(|details| details.get_mut("BuildTime"))
        {
            *built = read(built);
        }
        return;
    }
    let details = [
        ("ApiVersion", server.api_version.clone()),
        ("MinAPIVersion", server.min_api_version.clone()),
        ("GitCommit", server.git_commit.clone()),
        ("GoVersion", server.go_version.clone()),
        ("Os", server.os.clone()),
        ("Arch", server.arch.clone()),
        ("BuildTime", read(&server.build_time)),
        ("Experimental", server.experimental.to_string()),
    ];
    components.push(ComponentVersion {
        name: "Engine".into(),
        version: server.version.clone(),
        details: Some(
            details
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        ),
    });
}

/// `docker events`
pub async fn events<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let template = match flags.text("format") {
        "" => None,
        "json" => Some("{{json .}}"),
        template => Some(template),
    };
    let wrong = |error| Fail::new(format!("Error parsing format: {error}")).with_status(64);
    let template = template.map(Template::parse).transpose().map_err(wrong)?;
    if let Some(template) = &template {
        let empty = typed("*events.Message", &Event::default());
        template.render(&empty, Missing::NoValue).map_err(wrong)?;
    }
    let (filters, now) = (filters(flags).encode(), session.now_nanos());
    let (since, until) = (flags.text("since"), flags.text("until"));
    let call = Call::get("/events")
        .with_if(!filters.is_empty(), "filters", filters)
        .with_if(!since.is_empty(), "since", time::timestamp(since, now)?)
        .with_if(!until.is_empty(), "until", time::timestamp(until, now)?);
    let mut answer = session.send(call).await?;
    let mut buffer = Vec::new();
    loop {
        let piece = answer
            .next()
            .await
            .map_err(|error| Fail::new(error.to_string()))?;
        let ended = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        let (lines, used) = {
            let mut documents = serde_json::Deserializer::from_slice(&buffer).into_iter::<Event>();
            let (mut lines, mut used) = (String::new(), 0);
            while let Some(event) = documents.next() {
                match event {
                    Ok(event) => lines += &event_line(&event, template.as_ref())?,
                    Err(error) if error.is_eof() && !ended => break,
                    Err(error) => return Err(Fail::new(error.to_string())),
                }
                used = documents.byte_offset();
            }
            (lines, used)
        };
        session.out(lines).await?;
        buffer.drain(..used);
        if ended {
            return Ok(());
        }
        if buffer.len() > MAX_EVENT {
            return Err(Fail::new("an event is too long"));
        }
    }
}

fn event_line(event: &Event, template: Option<&Template>) -> Result<String> {
    if let Some(template) = template {
        let line = template.render(&typed("events.Message", event), Missing::NoValue);
        return line
            .map(|line| line + "\n")
            .map_err(|error| Fail::new(error.to_string()));
    }
    let time = match (event.time_nano, event.time) {
        (0, 0) => String::new(),
        (0, seconds) => time::rfc3339_nanos(seconds.saturating_mul(1_000_000_000)) + " ",
        (nanos, _) => time::rfc3339_nanos(nanos) + " ",
    };
    let attributes: Vec<_> = event
        .actor
        .attributes
        .iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let attributes = if attributes.is_empty() {
        String::new()
    } else {
        format!(" ({})", attributes.join(", "))
    };
    Ok(format!(
        "{time}{} {} {}{attributes}\n",
        event.kind, event.action, event.actor.id
    ))
}

/// Whether a failure means that nobody answered.
fn unreachable(fail: &Fail) -> bool {
    fail.kind == Kind::Connection
}
