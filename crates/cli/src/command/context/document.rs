//! A context as `docker context inspect` shows it, in the real command's types.

use crate::contexts::meta::{DEFAULT, DOCKER, Meta};
use crate::contexts::store;
use crate::error::Result;
use crate::session::Session;
use crate::value::{Field, Struct, Value};
use glassdock_abi::Sys;
use glassdock_trace::Trace;
use std::collections::BTreeMap;

/// A context as `docker context inspect` shows it.
///
/// # Errors
/// There is none of that name, or its files cannot be read.
pub async fn document<S: Sys + Trace>(session: &Session<S>, name: &str) -> Result<Value> {
    let meta = store::get(session, name).await?;
    let (secrets, paths) = match name {
        DEFAULT => (
            BTreeMap::new(),
            ["<IN MEMORY>".to_owned(), "<IN MEMORY>".to_owned()],
        ),
        name => {
            let place = store::place(session, name)?;
            (
                store::secret_names(session, name).await?,
                [place.meta, place.tls],
            )
        }
    };
    let texts = |files: Vec<String>| Value::List(files.into_iter().map(Value::Text).collect());
    let secrets = secrets
        .into_iter()
        .map(|(endpoint, files)| (endpoint, texts(files)));
    let [meta_path, tls_path] = paths.map(Value::Text);
    let storage = [("MetadataPath", meta_path), ("TLSPath", tls_path)];
    let metadata = meta.metadata.clone().unwrap_or_default();
    let endpoints = Value::Map(endpoints(&meta));
    let whole = [
        ("Name", Value::Text(meta.name.clone()), meta.name.is_empty()),
        // The real type holds this struct, and its fields as if they were its own.
        (
            "\0Metadata",
            structure("store.Metadata", known(&meta, &endpoints)),
            false,
        ),
        (
            "Metadata",
            Value::from_json(&metadata.into()),
            meta.metadata.is_none(),
        ),
        ("Endpoints", endpoints, meta.endpoints.is_empty()),
        ("TLSMaterial", Value::Map(secrets.collect()), false),
        ("Storage", structure("store.StorageInfo", storage), false),
    ];
    let field = |(json, value, omitted): (&str, Value, bool)| Field {
        json: json.to_owned(),
        value,
        omitted,
    };
    Ok(Value::Struct(Struct {
        kind: "context.contextWithTLSListing",
        fields: whole.into_iter().map(field).collect(),
        methods: false,
    }))
}

/// The fields of the real command's `store.Metadata`.
fn known(meta: &Meta, endpoints: &Value) -> [(&'static str, Value); 3] {
    let mut others = meta.metadata.clone().unwrap_or_default();
    others.remove("Description");
    let described = [
        ("Description", Value::Text(meta.description().to_owned())),
        ("AdditionalFields", Value::from_json(&others.into())),
    ];
    let described = match meta.metadata {
        Some(_) => structure("command.DockerContext", described),
        None => Value::Nil,
    };
    [
        ("Name", Value::Text(meta.name.clone())),
        ("Metadata", described),
        ("Endpoints", endpoints.clone()),
    ]
}

fn endpoints(meta: &Meta) -> BTreeMap<String, Value> {
    let endpoints = meta.endpoints.iter();
    let mut shown: BTreeMap<_, _> = endpoints
        .map(|(name, fields)| (name.clone(), Value::from_json(fields)))
        .collect();
    if let Ok(endpoint) = meta.docker() {
        let no_host = endpoint.host.is_empty();
        let mut this = Struct {
            kind: "context.EndpointMetaBase",
            ..Struct::default()
        };
        let host = Value::Text(endpoint.host);
        let skip = Value::Bool(endpoint.skip_tls_verify);
        for (json, value, omitted) in [("Host", host, no_host), ("SkipTLSVerify", skip, false)] {
            let json = json.to_owned();
            this.fields.push(Field {
                json,
                value,
                omitted,
            });
        }
        shown.insert(DOCKER.to_owned(), Value::Struct(this));
    }
    shown
}

fn structure<const N: usize>(kind: &'static str, fields: [(&str, Value); N]) -> Value {
    let field = |(json, value): (&str, Value)| Field {
        json: json.to_owned(),
        value,
        omitted: false,
    };
    Value::Struct(Struct {
        kind,
        fields: fields.into_iter().map(field).collect(),
        methods: false,
    })
}
