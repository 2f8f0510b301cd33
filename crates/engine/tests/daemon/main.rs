//! The whole daemon on the real kernel, over its socket. Needs root, overlayfs and busybox-static; elsewhere these
//! tests say so and pass.

#![cfg(target_os = "linux")]

mod damage;
mod harness;
mod requests;
#[path = "../wrong/mod.rs"]
mod wrong;

use harness::{Daemon, pass_over, possible, read_until};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

fn with_busybox() -> Option<Daemon> {
    possible().then(|| {
        let daemon = Daemon::start();
        daemon.import_busybox();
        daemon
    })
}

#[test]
fn bad_requests_get_mobys_status_and_message_and_leave_nothing() {
    let Some(daemon) = with_busybox() else { return };
    let before = daemon.names("data/overlay2");
    let json = "Content-Type: application/json\r\n";
    let too_old = "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version";
    for (method, path, headers, body, status, message) in [
        ("GET", "/nope", "", "", 404, "page not found"),
        ("PUT", "/info", "", "", 404, "page not found"),
        (
            "GET",
            "/v1.99/info",
            "",
            "",
            400,
            "client version 1.99 is too new. Maximum supported API version is 1.51",
        ),
        ("GET", "/v1.23/info", "", "", 400, too_old),
        (
            "POST",
            "/containers/create",
            json,
            "{",
            400,
            "invalid JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "POST",
            "/containers/create",
            json,
            "{} x",
            400,
            "unexpected content after JSON",
        ),
        (
            "POST",
            "/containers/create",
            "",
            "{}",
            400,
            "malformed Content-Type header (): mime: no media type",
        ),
        (
            "POST",
            "/containers/create",
            json,
            r#"{"Image":"nope"}"#,
            404,
            "No such image: nope:latest",
        ),
        (
            "POST",
            "/containers/create?name=-x",
            json,
            r#"{"Image":"busybox"}"#,
            400,
            "Invalid container name (-x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        ),
        (
            "POST",
            "/containers/create?name=wd",
            json,
            r#"{"Image":"busybox","WorkingDir":"/bin/sh/x"}"#,
            500,
            "Cannot mkdir: /bin/sh/x is not a directory",
        ),
        (
            "GET",
            "/containers/zz/json",
            "",
            "",
            404,
            "No such container: zz",
        ),
        (
            "POST",
            "/containers/zz/start",
            "",
            "",
            404,
            "No such container: zz",
        ),
        (
            "GET",
            "/containers/json?filters=x",
            "",
            "",
            400,
            "invalid filter",
        ),
        (
            "POST",
            "/containers/zz/wait?condition=x",
            "",
            "",
            400,
            "invalid condition: \"x\"",
        ),
        (
            "POST",
            "/exec/zz/start",
            json,
            "{}",
            404,
            "No such exec instance: zz",
        ),
        (
            "DELETE",
            "/images/zz",
            "",
            "",
            404,
            "No such image: zz:latest",
        ),
        (
            "POST",
            "/images/create?fromSrc=-",
            "",
            "garbage",
            500,
            "unexpected EOF",
        ),
        (
            "POST",
            "/build",
            "",
            "",
            501,
            "building images: not supported by this engine yet",
        ),
    ] {
        let answer = daemon.request(method, path, headers, body.as_bytes());
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (status, message),
            "{method} {path} {body}"
        );
    }
    let loaded = daemon.request("POST", "/images/load", "", b"garbage");
    assert_eq!(
        (loaded.status, loaded.json()["error"].as_str()),
        (200, Some("unexpected EOF"))
    );
    assert_eq!(daemon.names("data/overlay2"), before);
    assert_eq!(daemon.names("data/overlay2/l").len(), 1);
    assert!(daemon.names("data/containers").is_empty() && daemon.names("data/tmp").is_empty());
    assert_eq!(daemon.get("/containers/json?all=1").body, "[]\n");
}

#[test]
fn a_container_runs_with_what_was_asked_for() {
    let Some(daemon) = with_busybox() else { return };
    assert_eq!(
        daemon.run("plain", "echo hi; exit 3"),
        (3, "hi\r\n".to_string())
    );
    let id = daemon.create("asked", r#""Hostname":"h","User":"web","WorkingDir":"/a/b","Env":["A=1"],"Tty":true,
        "Entrypoint":["sh","-c"],"Cmd":["hostname; id; pwd; echo $A $PATH $HOME; cat /etc/hostname; ls -d /proc/[0-9]*"]"#);
    assert_eq!(daemon.post("/containers/asked/start").status, 204);
    assert_eq!(daemon.wait("asked"), 0);
    let log = daemon.get("/containers/asked/logs?stdout=1").body;
    let lines: Vec<&str> = log
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!("1 {path} /w");
    assert_eq!(lines[0], "h");
    assert!(
        lines[1].starts_with("uid=33") && lines[1].contains("gid=34"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2..5], ["/a/b", &expected, "h"]);
    assert!(lines[5..].contains(&"/proc/1"));
    // Found by the beginning of its id, too, and listed.
    assert_eq!(
        daemon
            .get(&format!("/containers/{}/json", &id[..10]))
            .json()["Id"],
        id.as_str()
    );
    let list = daemon
        .get("/containers/json?all=1&filters=%7B%22name%22%3A%5B%22asked%22%5D%7D")
        .json();
    assert_eq!(list[0]["State"], "exited");
    assert!(
        list[0]["Status"]
            .as_str()
            .unwrap()
            .starts_with("Exited (0) "),
        "{list}"
    );
    assert!(
        daemon.mounts().is_empty(),
        "a container that has ended leaves no mount"
    );
}

#[test]
fn a_program_that_cannot_be_started_is_told_in_words_and_numbers() {
    let Some(daemon) = with_busybox() else { return };
    for (name, program, code, words) in [
        ("none", "nope", 127, "executable file not found in $PATH"),
        ("missing", "/nope/x", 127, "no such file or directory"),
        ("directory", "/bin", 126, "permission denied"),
        ("plain", "/etc/passwd", 126, "permission denied"),
    ] {
        daemon.create(name, &format!(r#""Cmd":["{program}"]"#));
        let answer = daemon.post(&format!("/containers/{name}/start"));
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.message().contains(words), "{}", answer.message());
        let state = daemon.state(name);
        assert_eq!(
            (state["ExitCode"].as_i64(), state["Status"].as_str()),
            (Some(code), Some("created"))
        );
    }
    assert!(daemon.mounts().is_empty());
}

#[test]
fn the_sequence_of_a_run_misses_no_output_and_resolves_the_wait() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create(
        "seq",
        r#""Cmd":["sh","-c","echo out; echo err >&2; exit 7"],"AttachStdout":true"#,
    );
    let upgrade = "Upgrade: tcp\r\nConnection: Upgrade\r\n";
    let mut attached = daemon.send(
        "POST",
        "/containers/seq/attach?stream=1&stdout=1&stderr=1",
        upgrade,
        b"",
    );
    let head = read_until(&mut attached, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.contains("application/vnd.docker.multiplexed-stream"),
        "{head}"
    );
    // As a client without input does.
    attached.shutdown(Shutdown::Write).unwrap();
    let mut waiting = daemon.send(
        "POST",
        "/containers/seq/wait?condition=next-exit",
        "Connection: close\r\n",
        b"",
    );
    assert!(
        read_until(&mut waiting, "\r\n\r\n").starts_with("HTTP/1.1 200 "),
        "the head comes before the end"
    );
    assert_eq!(daemon.post("/containers/seq/start").status, 204);
    let mut output = Vec::new();
    attached.read_to_end(&mut output).unwrap();
    let frames = [
        &b"\x01\0\0\0\0\0\0\x04out\n"[..],
        &b"\x02\0\0\0\0\0\0\x04err\n"[..],
    ];
    assert_eq!(output.len(), 24);
    assert!(
        frames
            .iter()
            .all(|frame| output.windows(frame.len()).any(|window| window == *frame)),
        "{output:?}"
    );
    assert!(read_until(&mut waiting, "StatusCode").contains("\"StatusCode\":7"));
}

#[test]
fn input_reaches_the_process_and_its_end_too() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create(
        "in",
        r#""Cmd":["cat"],"OpenStdin":true,"StdinOnce":true,"AttachStdin":true"#,
    );
    let upgrade = "Upgrade: tcp\r\nConnection: Upgrade\r\n";
    let mut attached = daemon.send(
        "POST",
        "/containers/in/attach?stream=1&stdin=1&stdout=1",
        upgrade,
        b"",
    );
    read_until(&mut attached, "\r\n\r\n");
    assert_eq!(daemon.post("/containers/in/start").status, 204);
    attached.write_all(b"hello").unwrap();
    attached.shutdown(Shutdown::Write).unwrap();
    let mut output = Vec::new();
    attached.read_to_end(&mut output).unwrap();
    assert_eq!(output, b"\x01\0\0\0\0\0\0\x05hello");
    assert_eq!(daemon.wait("in"), 0);
}

#[test]
fn a_container_that_removes_itself_resolves_who_waits_for_that() {
    let Some(daemon) = with_busybox() else { return };
    for (name, command, code) in [("ok", "exit 5", 5), ("bad", "", 127)] {
        let command = if command.is_empty() {
            r#"["nope"]"#.to_string()
        } else {
            format!(r#"["sh","-c","{command}"]"#)
        };
        let json = format!(
            r#"{{"Image":"busybox","Cmd":{command},"HostConfig":{{"NetworkMode":"none","AutoRemove":true}}}}"#
        );
        assert_eq!(
            daemon
                .post_json(&format!("/containers/create?name={name}"), &json)
                .status,
            201
        );
        let path = format!("/containers/{name}/wait?condition=removed");
        let mut waiting = daemon.send("POST", &path, "Connection: close\r\n", b"");
        read_until(&mut waiting, "\r\n\r\n");
        daemon.post(&format!("/containers/{name}/start"));
        let body = read_until(&mut waiting, "}");
        assert!(
            body.contains(&format!("{{\"StatusCode\":{code}}}")),
            "{body}"
        );
        assert_eq!(daemon.get(&format!("/containers/{name}/json")).status, 404);
    }
    assert!(daemon.names("data/containers").is_empty() && daemon.names("run/runtime").is_empty());
    assert_eq!(
        daemon.names("data/overlay2").len(),
        2,
        "the image's layer and the links"
    );
}

#[test]
fn processes_are_executed_in_a_running_container() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create("ex", r#""Cmd":["sleep","1000"]"#);
    let exec = |cmd: &str| {
        let json =
            format!(r#"{{"AttachStdout":true,"AttachStderr":true,"User":"web","Cmd":{cmd}}}"#);
        daemon.post_json("/containers/ex/exec", &json)
    };
    let refused = exec(r#"["true"]"#);
    assert_eq!(refused.status, 409);
    assert!(refused.message().ends_with(" is not running"));
    assert_eq!(daemon.post("/containers/ex/start").status, 204);
    assert_eq!(daemon.post("/containers/ex/start").status, 304);
    for (cmd, code, output) in [
        (r#"["sh","-c","id; exit 4"]"#, 4, "uid=33"),
        (r#"["nope"]"#, 127, "executable file not found in $PATH"),
    ] {
        let id = exec(cmd).json()["Id"].as_str().unwrap().to_string();
        let upgrade = "Content-Type: application/json\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n";
        let mut stream = daemon.send("POST", &format!("/exec/{id}/start"), upgrade, b"{}");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let all = String::from_utf8_lossy(&all).into_owned();
        assert!(
            all.starts_with("HTTP/1.1 101 ") && all.contains(output),
            "{all}"
        );
        // The code is known as soon as the stream ends.
        let inspected = daemon.get(&format!("/exec/{id}/json")).json();
        assert_eq!(
            (
                inspected["ExitCode"].as_i64(),
                inspected["Running"].as_bool()
            ),
            (Some(code), Some(false))
        );
    }
    assert_eq!(exec("[]").message(), "No exec command specified");
    let removal = daemon.delete("/containers/ex");
    assert_eq!(removal.status, 409);
    assert_eq!(daemon.delete("/containers/ex?force=1").status, 204);
}

/// The file that makes a process's control group stand, and what is written there for that and for going on.
fn freezer(pid: i64) -> Option<(String, [&'static str; 2])> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = |kind: &str| {
        let group = groups.lines().find_map(|line| line.split_once(kind));
        group.map(|(_, path)| path)
    };
    let old = own(":freezer:").map(|path| {
        let file = format!("/sys/fs/cgroup/freezer{path}/freezer.state");
        (file, ["FROZEN", "THAWED"])
    });
    let unified = own("0::").map(|path| {
        let file = format!("/sys/fs/cgroup{path}/cgroup.freeze");
        (file, ["1", "0"])
    });
    let mut known = [old, unified].into_iter().flatten();
    known.find(|(file, _)| std::path::Path::new(file).exists())
}

#[test]
fn a_container_that_somebody_else_paused_gets_mobys_words_for_a_command() {
    let Some(daemon) = with_busybox() else { return };
    let id = daemon.create("still", r#""Cmd":["sleep","1000"]"#);
    assert_eq!(daemon.post("/containers/still/start").status, 204);
    let pid = daemon.state("still")["Pid"].as_i64().unwrap();
    let Some((file, [stand, go_on])) = freezer(pid) else {
        return pass_over("no control group can be made to stand");
    };
    let exec = daemon.post_json("/containers/still/exec", r#"{"Cmd":["true"]}"#);
    let start = format!("/exec/{}/start", exec.json()["Id"].as_str().unwrap());
    std::fs::write(&file, stand).unwrap();
    let refused = daemon.post_json(&start, r#"{"Detach":true}"#);
    std::fs::write(&file, go_on).unwrap();
    let words = format!("Container {id} is paused, unpause the container before exec");
    assert_eq!((refused.status, refused.message()), (409, words));
    assert_eq!(daemon.delete("/containers/still?force=1").status, 204);
}

#[test]
fn names_are_unique_until_they_are_free_again() {
    let Some(daemon) = with_busybox() else { return };
    let id = daemon.create("one", r#""Cmd":["true"]"#);
    let again = daemon.post_json("/containers/create?name=one", r#"{"Image":"busybox"}"#);
    let message = format!(
        "Conflict. The container name \"/one\" is already in use by container \"{id}\". You have to remove (or rename) \
         that container to be able to reuse that name."
    );
    assert_eq!((again.status, again.message()), (409, message));
    assert_eq!(daemon.post("/containers/one/rename?name=two").status, 204);
    daemon.create("one", r#""Cmd":["true"]"#);
    assert_eq!(daemon.delete("/containers/two").status, 204);
    daemon.create("two", r#""Cmd":["true"]"#);
}

#[test]
fn images_are_tagged_untagged_and_removed_with_their_layers() {
    let Some(daemon) = with_busybox() else { return };
    assert_eq!(
        daemon.post("/images/busybox/tag?repo=a/b&tag=1").status,
        201
    );
    let image = daemon.get("/images/a/b:1/json").json();
    assert_eq!(
        image["RepoTags"],
        serde_json::json!(["a/b:1", "busybox:latest"])
    );
    assert_eq!(
        daemon.delete("/images/a/b:1").json(),
        serde_json::json!([{"Untagged": "a/b:1"}])
    );
    daemon.create("user", r#""Cmd":["true"]"#);
    let refused = daemon.delete("/images/busybox");
    assert_eq!(refused.status, 409);
    assert!(
        refused.message().starts_with(
            "conflict: unable to remove repository reference \"busybox\" (must force)"
        )
    );
    assert_eq!(daemon.delete("/containers/user").status, 204);
    let removed = daemon.delete("/images/busybox").json();
    assert_eq!(
        removed.as_array().unwrap().len(),
        3,
        "untagged, the image, its layer: {removed}"
    );
    assert_eq!(daemon.names("data/overlay2"), ["l"]);
    assert!(daemon.names("data/overlay2/l").is_empty());
    assert_eq!(daemon.get("/images/json").body, "[]\n");
}

#[test]
fn a_killed_daemon_loses_neither_containers_nor_output_nor_exit_codes() {
    let Some(mut daemon) = with_busybox() else {
        return;
    };
    daemon.create(
        "keeps",
        r#""Cmd":["sh","-c","echo before; sleep 2; echo after; exit 9"],"Tty":true"#,
    );
    daemon.create("runs", r#""Cmd":["sleep","1000"]"#);
    daemon.create("idle", r#""Cmd":["true"]"#);
    for name in ["keeps", "runs"] {
        assert_eq!(
            daemon.post(&format!("/containers/{name}/start")).status,
            204
        );
    }
    let pid = daemon.state("runs")["Pid"].clone();
    daemon.end("KILL");
    daemon.launch();
    assert_eq!(daemon.state("runs")["Pid"], pid);
    assert_eq!(daemon.state("idle")["Status"], "created");
    assert_eq!(daemon.wait("keeps"), 9);
    assert_eq!(
        daemon.get("/containers/keeps/logs?stdout=1").body,
        "before\r\nafter\r\n"
    );
    assert_eq!(daemon.post("/containers/runs/kill").status, 204);
    assert_eq!(daemon.state("runs")["ExitCode"], 137);
    // A polite end stops what runs.
    assert_eq!(daemon.post("/containers/runs/start").status, 204);
    assert_eq!(daemon.post("/containers/runs/stop?t=0").status, 204);
    assert_eq!(daemon.end("TERM"), Some(0));
    assert!(daemon.mounts().is_empty());
    daemon.launch();
    assert_eq!(
        daemon
            .get("/containers/json?all=1")
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn a_second_daemon_on_the_same_root_is_refused() {
    let Some(mut daemon) = possible().then(Daemon::start) else {
        return;
    };
    let program = std::env::current_exe().unwrap();
    let program = program
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/dockerd-dev");
    let at = |name: &str| daemon.dir.join(name).to_str().unwrap().to_string();
    let second = Command::new(program)
        .args([
            "dockerd",
            "-H",
            &at("other"),
            "--data-root",
            &at("data"),
            "--exec-root",
            &at("run"),
        ])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another daemon is running"),
        "{second:?}"
    );
    assert_eq!(daemon.end("TERM"), Some(0));
    daemon.launch();
}

#[test]
fn the_real_client_runs_containers_where_it_is_installed() {
    let Some(daemon) = with_busybox() else { return };
    let docker = |args: &[&str]| {
        let host = format!("unix://{}", daemon.dir.join("s").display());
        let output = Command::new("docker")
            .arg("-H")
            .arg(host)
            .args(args)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some((
            output.status.code(),
            text,
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    };
    let Some(version) = docker(&["version", "--format", "{{.Server.APIVersion}}"]) else {
        pass_over("it needs the docker client");
        return;
    };
    assert_eq!(version.1, "1.51\n", "{version:?}");
    let run =
        |args: &[&str]| docker(&[&["run", "--rm", "--network", "none"], args].concat()).unwrap();
    let (code, stdout, stderr) = run(&["busybox", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(3), "out\n", "err\n")
    );
    assert_eq!(run(&["busybox", "nope"]).0, Some(127));
    assert_eq!(run(&["busybox", "/bin"]).0, Some(126));
    assert_eq!(run(&["nosuch"]).0, Some(125));
    let (code, id, _) = docker(&[
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "bg",
        "busybox",
        "sleep",
        "99",
    ])
    .unwrap();
    assert_eq!((code, id.len()), (Some(0), 65));
    let (_, list, _) = docker(&["ps", "--format", "{{.Names}} {{.Image}} {{.State}}"]).unwrap();
    assert_eq!(list, "bg busybox running\n");
    assert_eq!(
        docker(&["exec", "bg", "sh", "-c", "exit 6"]).unwrap().0,
        Some(6)
    );
    assert_eq!(docker(&["rm", "-f", "bg"]).unwrap().1, "bg\n");
}

#[test]
fn what_is_wrong_is_answered_as_in_the_simulation() {
    if !possible() {
        return;
    }
    let daemon = Daemon::start();
    let text = |name: &str| daemon.dir.join(name).to_str().unwrap().to_string();
    let place = wrong::Place {
        socket: text("s"),
        root: text("data"),
    };
    let busybox = std::fs::read("/bin/busybox").unwrap();
    let sys = glassdock_linux::Direct::new().unwrap();
    let told = sys.block_on(wrong::tell(&sys, &place, &busybox));
    expect_test::expect_file!["../wrong/expected.txt"].assert_eq(&told);
}
