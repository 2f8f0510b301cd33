//! What requests are refused or warned of, and what clients leave behind.

use crate::harness::read_until;
use crate::with_busybox;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

#[test]
fn what_is_not_supported_is_told_when_a_container_is_made() {
    let Some(daemon) = with_busybox() else { return };
    let before = daemon.names("data/overlay2");
    let bind = |options: &str| {
        format!(r#"{{"Mounts":[{{"Type":"bind","Source":"/nope","Target":"/x"{options}}}]}}"#)
    };
    for (host, more, status, message) in [
        (
            bind(""),
            "",
            400,
            "invalid mount config for type \"bind\": bind source path does not exist: /nope",
        ),
        (
            bind(r#","ReadOnly":true,"BindOptions":{"ReadOnlyForceRecursive":true}"#),
            "",
            400,
            "invalid mount config for type \"bind\": recursively read-only mounts are not supported",
        ),
        (
            r#"{"LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}}}"#.to_string(),
            "",
            501,
            "log option max-size: not supported by this engine yet",
        ),
        (
            r#"{"ExtraHosts":["a:1.2.3.4\n6.6.6.6 b"]}"#.to_string(),
            "",
            400,
            "invalid IP address in add-host: \"1.2.3.4\\n6.6.6.6 b\"",
        ),
        (
            "{}".to_string(),
            r#","NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{"IPv4Address":"1.2.3.4"}}}}"#,
            501,
            "addresses in networks: not supported by this engine yet",
        ),
        (
            "{}".to_string(),
            r#","MacAddress":"02:00:00:00:00:01""#,
            501,
            "MAC addresses: not supported by this engine yet",
        ),
    ] {
        let json = format!(r#"{{"Image":"busybox","Cmd":["true"],"HostConfig":{host}{more}}}"#);
        let answer = daemon.post_json("/containers/create", &json);
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (status, message),
            "{json}"
        );
    }
    assert_eq!(daemon.names("data/overlay2"), before);
    let checked = r#"{"Image":"busybox","Cmd":["true"],"Healthcheck":{"Test":["CMD","true"]},"HostConfig":{"NetworkMode":"none"}}"#;
    let warnings = daemon.post_json("/containers/create", checked).json()["Warnings"].clone();
    assert_eq!(
        warnings,
        serde_json::json!([
            "This engine makes no health checks yet: the container's health stays unknown"
        ])
    );
}

#[test]
fn a_client_that_left_before_the_start_does_not_end_the_input() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create(
        "in",
        r#""Cmd":["cat"],"OpenStdin":true,"StdinOnce":true,"AttachStdin":true"#,
    );
    let attach = || {
        let upgrade = "Upgrade: tcp\r\nConnection: Upgrade\r\n";
        let path = "/containers/in/attach?stream=1&stdin=1&stdout=1";
        let mut stream = daemon.send("POST", path, upgrade, b"");
        read_until(&mut stream, "\r\n\r\n");
        stream
    };
    drop(attach());
    // It has left when the daemon has noticed; any other request comes after that.
    daemon.get("/_ping");
    let mut stays = attach();
    assert_eq!(daemon.post("/containers/in/start").status, 204);
    stays.write_all(b"hello").unwrap();
    stays.shutdown(Shutdown::Write).unwrap();
    let mut output = Vec::new();
    stays.read_to_end(&mut output).unwrap();
    assert_eq!(output, b"\x01\0\0\0\0\0\0\x05hello");
}

#[test]
fn commands_that_are_never_started_do_not_pile_up() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create("ex", r#""Cmd":["sleep","1000"]"#);
    assert_eq!(daemon.post("/containers/ex/start").status, 204);
    let exec = || daemon.post_json("/containers/ex/exec", r#"{"Cmd":["true"]}"#);
    let first = exec().json()["Id"].as_str().unwrap().to_string();
    let start = format!("/exec/{first}/start");
    assert_eq!(daemon.post_json(&start, r#"{"Detach":true}"#).status, 200);
    daemon.until("its end", |daemon| {
        daemon.get(&format!("/exec/{first}/json")).json()["Running"] == false
    });
    let second = exec().json()["Id"].as_str().unwrap().to_string();
    for _ in 2..1024 {
        assert_eq!(exec().status, 201);
    }
    // The one that has ended makes room, once.
    assert_eq!(exec().status, 201);
    assert_eq!(daemon.get(&format!("/exec/{first}/json")).status, 404);
    let refused = exec();
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (409, "there are 1024 exec commands that have not ended")
    );
    assert_eq!(daemon.get(&format!("/exec/{second}/json")).status, 200);
}

#[test]
fn images_are_pruned_by_age_and_label() {
    let Some(daemon) = with_busybox() else { return };
    let prune = |filters: &str| {
        let filters: String = filters.bytes().map(|byte| format!("%{byte:02X}")).collect();
        daemon.post(&format!("/images/prune?filters={filters}"))
    };
    let nothing = r#"{"ImagesDeleted":null,"SpaceReclaimed":0}"#;
    for (filters, status, told) in [
        (r#"{"nope":["x"]}"#, 400, "invalid filter 'nope'"),
        (
            r#"{"dangling":["false"],"until":["x"]}"#,
            400,
            "invalid filter 'until=x'",
        ),
        (r#"{"dangling":["false"],"until":["1h"]}"#, 200, nothing),
        (r#"{"dangling":["false"],"label":["a"]}"#, 200, nothing),
        (r#"{}"#, 200, nothing),
    ] {
        let answer = prune(filters);
        assert_eq!(answer.status, status, "{filters}");
        assert!(answer.body.contains(told), "{filters}: {}", answer.body);
    }
    let all = prune(r#"{"dangling":["false"],"label!":["a"]}"#).json();
    assert_eq!(
        all["ImagesDeleted"].as_array().map(Vec::len),
        Some(3),
        "{all}"
    );
}

#[test]
fn mounts_are_shared_only_where_the_host_shares_them() {
    let Some(daemon) = with_busybox() else { return };
    let place = daemon.dir.to_str().unwrap();
    let script = "mkdir private shared slave; \
        for name in private shared; do mount -t tmpfs none $name; mount --make-$name $name; mkdir $name/in; done; \
        mount --bind shared slave; mount --make-slave slave; ln -s private/in link";
    let made = Command::new("sh")
        .args(["-ec", script])
        .current_dir(place)
        .status();
    assert!(made.unwrap().success());
    let refused = |source: &str, point: &str, kinds: &str| {
        format!("path {place}/{source} is mounted on {place}/{point} but it is not a {kinds} mount")
    };
    let (shared, either) = ("shared", "shared or slave");
    for (number, (source, mode, told)) in [
        (
            "private/in",
            "rshared",
            refused("private/in", "private", shared),
        ),
        ("link", "shared", refused("link", "private", shared)),
        ("private", "rslave", refused("private", "private", either)),
        ("slave/in", "shared", refused("slave/in", "slave", shared)),
        ("private/in", "rprivate", String::new()),
        ("slave/in", "slave", String::new()),
        ("shared/in", "rslave", String::new()),
        ("shared/in", "rshared", String::new()),
    ]
    .into_iter()
    .enumerate()
    {
        let json = format!(
            r#"{{"Image":"busybox","Cmd":["true"],"HostConfig":{{"NetworkMode":"none","Binds":["{place}/{source}:/x:{mode}"]}}}}"#
        );
        let made = daemon.post_json(&format!("/containers/create?name=c{number}"), &json);
        assert_eq!(made.status, 201, "{made:?}");
        let started = daemon.post(&format!("/containers/c{number}/start"));
        let (status, message) = match started.status {
            204 => (204, String::new()),
            status => (status, started.message()),
        };
        let wanted = if told.is_empty() { 204 } else { 500 };
        assert_eq!((status, message), (wanted, told), "{source} {mode}");
    }
}
