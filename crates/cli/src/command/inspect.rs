//! `docker inspect` and its relatives (docker/cli `cli/command/inspect`).

use super::containers::path;
use crate::error::{Fail, Kind, Result};
use crate::flags::Parsed;
use crate::json;
use crate::session::{Call, Session};
use crate::template::{Missing, Template};
use crate::typed::typed;
use crate::url;
use crate::value::{Value, escape_html};
use glassdock_abi::Sys;
use glassdock_api::image::ImageInspect;
use glassdock_api::inspect::ContainerInspect;
use glassdock_api::network::Network;
use glassdock_api::system::Info;
use glassdock_trace::Trace;
use serde_json::Value as Json;

/// Types of objects, as `--type` names them.
pub const TYPES: [&str; 10] = [
    "config",
    "container",
    "image",
    "network",
    "node",
    "plugin",
    "secret",
    "service",
    "task",
    "volume",
];

/// An object as the engine told it, and with its type where that is known.
struct Object {
    raw: Vec<u8>,
    typed: Option<Value>,
    /// Its type is all there is to it: a template that does not fit is not tried on the document.
    own: bool,
}

impl Object {
    /// An object that no engine told: all of it is in its value.
    fn own(value: Value) -> Object {
        Object {
            raw: escape_html(&value.to_json()).into_bytes(),
            typed: Some(value),
            own: true,
        }
    }
}

/// What is shown of objects.
enum Show {
    Indented,
    Compact,
    Template(Template),
}

fn show(format: &str) -> Result<Show> {
    match format {
        "" => Ok(Show::Indented),
        "json" => Ok(Show::Compact),
        template => {
            let wrong =
                |error| Fail::new(format!("template parsing error: {error}")).with_status(64);
            Template::parse(template).map(Show::Template).map_err(wrong)
        }
    }
}

/// `docker inspect`
pub async fn any<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let kind = flags.text("type");
    let list = TYPES.join("\", \"");
    if kind.is_empty() && flags.changed("type") {
        return Err(Fail::new(format!(
            "type is empty: must be one of \"{list}\""
        )));
    }
    if !kind.is_empty() && !TYPES.contains(&kind) {
        return Err(Fail::new(format!(
            "unknown type: \"{kind}\": must be one of \"{list}\""
        )));
    }
    all(session, flags, &flags.args, Find::Any).await
}

/// `docker container inspect`
pub async fn containers<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    all(session, flags, &flags.args, Find::Container).await
}

/// `docker image inspect`
pub async fn images<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    all(session, flags, &flags.args, Find::Image).await
}

/// `docker context inspect`
pub async fn contexts<S: Sys + Trace>(session: &Session<S>, flags: &Parsed) -> Result<()> {
    let meant = [session.context().to_owned()];
    let names = match flags.args.as_slice() {
        [] => &meant,
        names => names,
    };
    all(session, flags, names, Find::Context).await
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Find {
    Any,
    Container,
    Image,
    Context,
}

async fn find<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    name: &str,
    what: Find,
) -> Result<Object> {
    match what {
        Find::Any => object(session, name, flags.text("type"), flags.bool("size")).await,
        Find::Container => container(session, name, flags.bool("size")).await,
        Find::Image => image(session, name).await,
        Find::Context => super::context::document(session, name)
            .await
            .map(Object::own),
    }
}

async fn all<S: Sys + Trace>(
    session: &Session<S>,
    flags: &Parsed,
    names: &[String],
    what: Find,
) -> Result<()> {
    let show = show(flags.text("format"))?;
    let (mut objects, mut text, mut errors) = (Vec::new(), String::new(), Vec::new());
    for name in names {
        match find(session, flags, name, what).await {
            Err(fail) => errors.push(fail.message),
            Ok(object) => match &show {
                Show::Template(template) => match render(template, &object) {
                    Ok(line) => text += &format!("{line}\n"),
                    Err(why) => errors.push(why),
                },
                _ => objects.push(object.raw),
            },
        }
    }
    let text = match &show {
        Show::Template(_) if text.is_empty() => "\n".to_owned(),
        Show::Template(_) => text,
        Show::Indented => indented(&objects)?,
        Show::Compact => compact(&objects)?,
    };
    session.out(text).await?;
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Fail::new(errors.join("\n"))),
    }
}

/// Renders by the known type first; where that fails, by the document as it came.
fn render(template: &Template, object: &Object) -> Result<String, String> {
    if let Some(typed) = &object.typed {
        match template.render(typed, Missing::NoValue) {
            Err(error) if object.own => return Err(format!("template parsing error: {error}")),
            Err(_) => {}
            Ok(line) => return Ok(line),
        }
    }
    let raw: Json = serde_json::from_slice(&object.raw)
        .map_err(|error| format!("unable to read inspect data: {error}"))?;
    let rendered = template.render(&Value::from_json(&raw), Missing::Error);
    rendered.map_err(|error| format!("template parsing error: {error}"))
}

/// A document as text, if it is one.
fn read(raw: &[u8]) -> Result<&str> {
    serde_json::from_slice::<serde::de::IgnoredAny>(raw)
        .map_err(|error| Fail::new(error.to_string()))?;
    core::str::from_utf8(raw).map_err(|error| Fail::new(error.to_string()))
}

fn indented(objects: &[Vec<u8>]) -> Result<String> {
    let mut text = String::from("[");
    for (n, raw) in objects.iter().enumerate() {
        text += if n > 0 { ",\n" } else { "\n" };
        text += &json::indent(read(raw)?, 1, "    ");
    }
    text += if objects.is_empty() { "]\n" } else { "\n]\n" };
    Ok(text)
}

fn compact(objects: &[Vec<u8>]) -> Result<String> {
    let mut parts = Vec::new();
    for raw in objects {
        parts.push(json::compact(read(raw)?));
    }
    Ok(format!("[{}]\n", parts.join(",")))
}

async fn container<S: Sys + Trace>(session: &Session<S>, name: &str, size: bool) -> Result<Object> {
    if name.is_empty() {
        return Err(Fail::new("no such container: value is empty").of_kind(Kind::NotFound));
    }
    let raw = session
        .fetch(Call::get(path(name, "/json")).with_if(size, "size", "1"))
        .await?;
    let known = serde_json::from_slice::<ContainerInspect>(&raw).ok();
    Ok(Object {
        raw,
        typed: known.map(|container| typed("container.InspectResponse", &container)),
        own: false,
    })
}

async fn image<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Object> {
    let raw = session
        .fetch(Call::get(format!(
            "/images/{}/json",
            url::path_escape(name)
        )))
        .await?;
    let known = serde_json::from_slice::<ImageInspect>(&raw).ok();
    Ok(Object {
        raw,
        typed: known.map(|image| typed("image.InspectResponse", &image)),
        own: false,
    })
}

async fn network<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Object> {
    let raw = session
        .fetch(Call::get(format!("/networks/{}", url::path_escape(name))))
        .await?;
    let known = serde_json::from_slice::<Network>(&raw).ok();
    Ok(Object {
        raw,
        typed: known.map(|network| typed("network.Inspect", &network)),
        own: false,
    })
}

async fn untyped<S: Sys + Trace>(session: &Session<S>, path: String) -> Result<Object> {
    Ok(Object {
        raw: session.fetch(Call::get(path)).await?,
        typed: None,
        own: false,
    })
}

/// Looks for an object of any kind, in the real command's order.
async fn object<S: Sys + Trace>(
    session: &Session<S>,
    name: &str,
    kind: &str,
    size: bool,
) -> Result<Object> {
    let mut swarm = None;
    for this in [
        "container",
        "image",
        "network",
        "volume",
        "service",
        "task",
        "node",
        "plugin",
        "secret",
        "config",
    ] {
        if !kind.is_empty() && kind != this {
            continue;
        }
        let of_swarm = matches!(this, "service" | "task" | "node" | "secret" | "config");
        if kind.is_empty() && of_swarm {
            if swarm.is_none() {
                swarm = Some(is_swarm_manager(session).await?);
            }
            if swarm == Some(false) {
                continue;
            }
        }
        let escaped = url::path_escape(name);
        let found = match this {
            "container" => container(session, name, size).await,
            "image" => image(session, name).await,
            "network" => network(session, name).await,
            "volume" => untyped(session, format!("/volumes/{escaped}")).await,
            "plugin" => untyped(session, format!("/plugins/{escaped}/json")).await,
            of_swarm => untyped(session, format!("/{of_swarm}s/{escaped}")).await,
        };
        match found {
            Err(fail) if kind.is_empty() && skippable(&fail) => {}
            Err(fail) => return Err(fail),
            Ok(object) => {
                if size && this != "container" {
                    session
                        .err(format!("WARNING: --size ignored for {this}\n"))
                        .await?;
                }
                return Ok(object);
            }
        }
    }
    Err(Fail::new(format!("Error: No such object: {name}")))
}

fn skippable(fail: &Fail) -> bool {
    fail.kind == Kind::NotFound
        || fail.kind == Kind::NotSupported
        || fail.message.contains("not supported")
        || fail.message.contains("invalid reference format")
}

async fn is_swarm_manager<S: Sys + Trace>(session: &Session<S>) -> Result<bool> {
    match session.document::<Info>(Call::get("/info")).await {
        Ok(info) => Ok(info.swarm.control_available),
        Err(fail) => {
            session.err(format!("{}\n", fail.message)).await?;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_indented_as_they_came() {
        let raw = br#"{"b":1,"a":{"x":[],"y":{},"z":["1, {2}","q\"\\"]},"n":1.50}"#.to_vec();
        assert_eq!(
            indented(core::slice::from_ref(&raw)).unwrap(),
            "[\n    {\n        \"b\": 1,\n        \"a\": {\n            \"x\": [],\n            \"y\": {},\n            \
             \"z\": [\n                \"1, {2}\",\n                \"q\\\"\\\\\"\n            ]\n        },\n        \
             \"n\": 1.50\n    }\n]\n"
        );
        assert_eq!(
            compact(&[b"{ \"a\" : [ 1 , 2 ] }\n".to_vec(), raw])
                .unwrap()
                .matches(' ')
                .count(),
            1
        );
        assert_eq!(indented(&[]).unwrap(), "[]\n");
    }
}
