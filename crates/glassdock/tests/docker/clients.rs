//! What clients know by asking the engine: how lines go on, and engines by the names of contexts.

use super::harness::{Daemon, GLASSDOCK, possible, real_client};
use std::process::Command;

/// A client of the daemon: the real one, or ours.
fn client(daemon: &Daemon, real: bool) -> Command {
    if real {
        return daemon.client("docker");
    }
    let mut ours = daemon.client(GLASSDOCK);
    ours.arg("docker");
    ours
}

/// The words of a client's answer, sorted.
fn answer(mut client: Command, line: &str) -> String {
    let done = client
        .arg("__completeNoDesc")
        .args(line.split(' '))
        .output()
        .unwrap();
    let told = String::from_utf8(done.stdout).unwrap();
    let mut words: Vec<&str> = told.lines().collect();
    words.sort_unstable();
    words.join(" ")
}

#[test]
fn names_are_completed_as_docker_28_2_2_completes_them() {
    if !possible() {
        return;
    }
    let daemon = Daemon::start();
    daemon.ok(&["tag", "busybox", "other:1"]);
    for (name, command) in [
        ("run1", "run"),
        ("run2", "run"),
        ("frozen", "run"),
        ("made", "create"),
    ] {
        let detach = (command == "run").then_some("-d");
        let args = [
            Some(command),
            detach,
            Some("--name"),
            Some(name),
            Some("--network"),
            Some("none"),
            Some("busybox"),
        ];
        let args: Vec<&str> = args
            .into_iter()
            .flatten()
            .chain(["sleep", "1000"])
            .collect();
        daemon.ok(&args);
    }
    daemon.ok(&[
        "run",
        "--name",
        "gone",
        "--network",
        "none",
        "busybox",
        "true",
    ]);
    daemon.ok(&["pause", "frozen"]);
    let (any, alive, ended) = (
        ":4 frozen gone made run1 run2",
        ":4 frozen run1 run2",
        ":4 gone made",
    );
    let images = ":4 busybox:latest other:1";
    for (line, words) in [
        ("attach ", ":4 run1 run2"),
        ("exec ", ":4 run1 run2"),
        ("pause ", ":4 run1 run2"),
        ("unpause ", ":4 frozen"),
        ("commit ", alive),
        ("diff ", alive),
        ("kill -s KILL ", alive),
        ("port ", alive),
        ("stats ", alive),
        ("stop ", alive),
        ("top ", alive),
        ("wait ", alive),
        ("container inspect ", any),
        ("export ", any),
        ("logs ", any),
        ("rename ", any),
        ("restart ", any),
        ("update ", any),
        ("rm -f ", any),
        ("run --volumes-from ", any),
        ("rm ", ended),
        ("rm ru", ended),
        ("start -a ", ended),
        ("run ", images),
        ("run --rm -- ", images),
        ("create busybox ", images),
        ("history ", images),
        ("rmi ", images),
        ("image rm busybox ", images),
        ("save ", images),
        ("tag x ", images),
        ("tag x y ", ":4"),
        ("run --link ", ":2 frozen: gone: made: run1: run2:"),
        (
            "run --pid container:r",
            ":4 container:frozen container:gone container:made container:run1 container:run2",
        ),
        ("run --network ", ":1"),
        ("-H unix:///nowhere rm ", ":1"),
    ] {
        for real in [true, false] {
            if !real || real_client() {
                assert_eq!(answer(client(&daemon, real), line), words, "{line}");
            }
        }
    }
    daemon.ok(&["unpause", "frozen"]);
    daemon.finish();
}

#[test]
fn an_engine_is_reached_by_the_name_of_a_context() {
    if !possible() {
        return;
    }
    let daemon = Daemon::start();
    let host = format!("host=unix://{}", daemon.at("s"));
    let made = client(&daemon, false)
        .args(["context", "create", "here", "--docker", &host])
        .output();
    assert!(made.unwrap().status.success());
    for real in [true, false] {
        if real && !real_client() {
            continue;
        }
        let listed = |given: &[&str], context: &str| {
            let mut client = client(&daemon, real);
            client.env("DOCKER_HOST", "").env("DOCKER_CONTEXT", context);
            let done = client.args(given).args(["images", "-q"]).output().unwrap();
            (done.status.success(), done.stdout.len())
        };
        assert_eq!(listed(&["-c", "here"], "elsewhere"), (true, 13));
        assert_eq!(listed(&[], "here"), (true, 13));
        assert_eq!(listed(&[], "elsewhere"), (false, 0));
    }
    daemon.finish();
}
