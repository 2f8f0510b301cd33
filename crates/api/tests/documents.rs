//! Documents that the real engine (20.10, API 1.41) and the real client (28.2.2) sent: read by our types and written
//! again, nothing changes but what the versions between 1.41 and 1.51 changed, which is listed.

use glassdock_api::container::{CreateRequest, CreateResponse, Summary, TopResponse, WaitResponse};
use glassdock_api::exec::ExecInspect;
use glassdock_api::image::{HistoryItem, ImageInspect, Summary as ImageSummary};
use glassdock_api::inspect::ContainerInspect;
use glassdock_api::network::Network;
use glassdock_api::stream::{Event, JsonMessage};
use glassdock_api::system::{Info, Version};
use glassdock_api::{ErrorResponse, IdResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The paths at which two documents differ: `-` only in the first, `+` only in the second, `~` other value.
fn differences(path: &str, left: &Value, right: &Value, found: &mut BTreeSet<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                match right.get(key) {
                    Some(other) => differences(&format!("{path}.{key}"), value, other, found),
                    None => drop(found.insert(format!("-{path}.{key}"))),
                }
            }
            let new = right.keys().filter(|key| !left.contains_key(*key));
            found.extend(new.map(|key| format!("+{path}.{key}")));
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter()
                .zip(right)
                .for_each(|(left, right)| differences(path, left, right, found));
        }
        (left, right) if left != right => drop(found.insert(format!("~{path}"))),
        _ => {}
    }
}

fn through<T: DeserializeOwned + Serialize>(text: &str) -> Vec<String> {
    let recorded: Value = serde_json::from_str(text).expect("a recorded document");
    let ours: T = serde_json::from_str(text).expect("our type reads it");
    let written = serde_json::to_value(&ours).expect("our type is written");
    let mut found = BTreeSet::new();
    differences("", &recorded, &written, &mut found);
    found.into_iter().collect()
}

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("recorded/", $name, ".json"))
    };
}

#[test]
fn documents_of_the_engine_pass_through_unchanged_but_for_what_newer_versions_changed() {
    let endpoint = ["+.GwPriority", "+.DNSNames"];
    let within = |prefix: &str, keys: &[&str]| -> Vec<String> {
        keys.iter()
            .map(|key| format!("{}{prefix}{}", &key[..1], &key[1..]))
            .collect()
    };
    let mut summary: Vec<String> = within(".NetworkSettings.Networks.bridge", &endpoint);
    summary.sort();
    let mut inspect = within(".NetworkSettings.Networks.bridge", &endpoint);
    // Zero is left out since 1.42, and deprecated since.
    inspect.extend([
        "-.HostConfig.KernelMemory".to_owned(),
        "-.HostConfig.KernelMemoryTCP".to_owned(),
    ]);
    inspect.sort();
    // Left out when empty since 1.45; and the image's own configuration has no such fields since 1.50.
    let config = [
        "-.Config.AttachStderr",
        "-.Config.AttachStdin",
        "-.Config.AttachStdout",
        "-.Config.Domainname",
        "-.Config.Entrypoint",
        "-.Config.Hostname",
        "-.Config.Image",
        "-.Config.Labels",
        "-.Config.OnBuild",
        "-.Config.OpenStdin",
        "-.Config.StdinOnce",
        "-.Config.Tty",
        "-.Config.User",
        "-.Config.Volumes",
        "-.Config.WorkingDir",
        "-.Container",
    ];
    let info = [
        "+.CDISpecDirs",
        "-.BridgeNfIp6tables",
        "-.BridgeNfIptables",
        "-.InitCommit.Expected",
        "-.RegistryConfig.AllowNondistributableArtifactsCIDRs",
        "-.RegistryConfig.AllowNondistributableArtifactsHostnames",
    ];
    for (name, found, want) in [
        ("version", through::<Version>(recorded!("version")), vec![]),
        (
            "info",
            through::<Info>(recorded!("info")),
            info.map(str::to_owned).to_vec(),
        ),
        (
            "containers",
            through::<Vec<Summary>>(recorded!("containers")),
            summary,
        ),
        (
            "container",
            through::<ContainerInspect>(recorded!("container")),
            inspect,
        ),
        (
            "images",
            through::<Vec<ImageSummary>>(recorded!("images")),
            vec![],
        ),
        (
            "image",
            through::<ImageInspect>(recorded!("image")),
            config.map(str::to_owned).to_vec(),
        ),
        (
            "history",
            through::<Vec<HistoryItem>>(recorded!("history")),
            vec![],
        ),
        ("exec", through::<ExecInspect>(recorded!("exec")), vec![]),
        ("top", through::<TopResponse>(recorded!("top")), vec![]),
        (
            "error",
            through::<ErrorResponse>(recorded!("error")),
            vec![],
        ),
        ("event", through::<Event>(recorded!("event")), vec![]),
        (
            "network",
            through::<Network>(recorded!("network")),
            vec!["+.EnableIPv4".to_owned()],
        ),
    ] {
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn requests_of_the_client_are_written_byte_for_byte() {
    for text in [
        recorded!("create-0"),
        recorded!("create-1"),
        recorded!("create-2"),
    ] {
        let request: CreateRequest = serde_json::from_str(text).expect("our type reads it");
        assert_eq!(serde_json::to_string(&request).unwrap(), text.trim_end());
    }
}

#[test]
fn null_and_absence_are_read_as_go_reads_them() {
    let request: CreateRequest = serde_json::from_str(
        r#"{"Image":null,"Tty":null,"Cmd":"echo hi","HostConfig":{"Binds":null,"Init":null}}"#,
    )
    .unwrap();
    assert_eq!(
        (request.config.image.as_str(), request.config.tty),
        ("", false)
    );
    assert_eq!(request.config.cmd.unwrap().0, ["echo hi"]);
    assert_eq!(request.host_config.unwrap().binds, None);
    let response: CreateResponse = serde_json::from_str(r#"{"Id":"x","Warnings":null}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&response).unwrap(),
        r#"{"Id":"x","Warnings":[]}"#
    );
}

#[test]
fn small_documents_are_spelled_as_moby_s() {
    let wait = WaitResponse {
        status_code: 3,
        ..WaitResponse::default()
    };
    assert_eq!(serde_json::to_string(&wait).unwrap(), r#"{"StatusCode":3}"#);
    assert_eq!(
        serde_json::to_string(&IdResponse { id: "a".into() }).unwrap(),
        r#"{"Id":"a"}"#
    );
    let message = JsonMessage {
        stream: "Loaded image: a\n".into(),
        ..JsonMessage::default()
    };
    assert_eq!(
        serde_json::to_string(&message).unwrap(),
        r#"{"stream":"Loaded image: a\n"}"#
    );
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn what_we_write_is_read_by_another_client_s_types() {
    use bollard_stubs::models;
    let container: ContainerInspect = serde_json::from_str(recorded!("container")).unwrap();
    let text = serde_json::to_string(&container).unwrap();
    let theirs: models::ContainerInspectResponse =
        serde_json::from_str(&text).expect("their type reads it");
    assert_eq!(theirs.id.as_deref(), Some(container.id.as_str()));
    assert_eq!(
        theirs.host_config.unwrap().cap_add.unwrap(),
        ["CAP_NET_ADMIN"]
    );

    let info: Info = serde_json::from_str(recorded!("info")).unwrap();
    let theirs: models::SystemInfo =
        serde_json::from_str(&serde_json::to_string(&info).unwrap()).unwrap();
    assert_eq!(theirs.ncpu, Some(info.n_cpu));

    let image: ImageInspect = serde_json::from_str(recorded!("image")).unwrap();
    let theirs: models::ImageInspect =
        serde_json::from_str(&serde_json::to_string(&image).unwrap()).unwrap();
    assert_eq!(theirs.config.unwrap().cmd.unwrap(), ["sh"]);

    let containers: Vec<Summary> = serde_json::from_str(recorded!("containers")).unwrap();
    let text = serde_json::to_string(&containers).unwrap();
    let theirs: Vec<models::ContainerSummary> = serde_json::from_str(&text).unwrap();
    assert_eq!(theirs[0].names.as_deref(), containers[0].names.as_deref());

    let event: Event = serde_json::from_str(recorded!("event")).unwrap();
    let theirs: models::EventMessage =
        serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
    assert_eq!(theirs.action.as_deref(), Some("create"));
}

proptest::proptest! {
    #[test]
    fn any_json_is_read_or_refused(text in r#"[{}\[\]":,a-zA-Z0-9 ]{0,60}"#) {
        let _ = serde_json::from_str::<CreateRequest>(&text);
        let _ = serde_json::from_str::<ContainerInspect>(&text);
    }
}

#[test]
fn names_fit_in_any_case_and_the_last_of_several_counts() {
    for (text, image, memory) in [
        (r#"{"Image":"a","HostConfig":{"Memory":1}}"#, "a", 1),
        (r#"{"image":"a","hostconfig":{"MEMORY":1}}"#, "a", 1),
        (
            r#"{"Image":"a","Image":"b","HostConfig":{"Memory":1,"memory":2}}"#,
            "b",
            2,
        ),
        (
            r#"{"Image":null,"HostConfig":{"Memory":null,"Nope":[{}]},"x":{"y":1}}"#,
            "",
            0,
        ),
    ] {
        let request: glassdock_api::container::CreateRequest = serde_json::from_str(text).unwrap();
        let host = request.host_config.unwrap_or_default();
        assert_eq!(
            (request.config.image.as_str(), host.memory),
            (image, memory),
            "{text}"
        );
    }
}
