//! What goes wrong around the daemon: clients that leave, daemons that are killed, files that are damaged.

use crate::with_busybox;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A program that only `KILL` ends.
const STUBBORN: &str = r#""Cmd":["sh","-c","trap '' TERM; while :; do sleep 1; done"]"#;

fn mount_something(at: &Path) {
    fs::create_dir_all(at).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "left"])
        .arg(at)
        .status();
    assert!(mounted.unwrap().success());
}

#[test]
fn what_a_client_asked_for_is_done_although_it_hangs_up() {
    let Some(daemon) = with_busybox() else { return };
    daemon.create("stopped", STUBBORN);
    assert_eq!(daemon.post("/containers/stopped/start").status, 204);
    drop(daemon.send("POST", "/containers/stopped/stop?t=1", "", b""));
    assert_eq!(daemon.wait("stopped"), 137);
    assert_eq!(daemon.post("/containers/stopped/start").status, 204);
    drop(daemon.send("DELETE", "/containers/stopped?force=1", "", b""));
    daemon.until("the removal", |daemon| {
        daemon.get("/containers/stopped/json").status == 404
    });
    let create = r#"{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none"}}"#;
    let json = "Content-Type: application/json\r\n";
    drop(daemon.send(
        "POST",
        "/containers/create?name=made",
        json,
        create.as_bytes(),
    ));
    daemon.until("the creation", |daemon| {
        daemon.get("/containers/made/json").status == 200
    });
    assert_eq!(daemon.post("/containers/made/start").status, 204);
    assert_eq!(daemon.wait("made"), 0);
}

#[test]
fn a_start_whose_record_cannot_be_kept_is_a_start() {
    let Some(daemon) = with_busybox() else { return };
    let id = daemon.create("box", r#""Cmd":["sleep","1000"]"#);
    let in_the_way = daemon
        .dir
        .join(format!("data/containers/{id}/config.v2.json.tmp"));
    fs::create_dir(&in_the_way).unwrap();
    assert_eq!(daemon.post("/containers/box/start").status, 204);
    assert_eq!(daemon.state("box")["Running"], true);
    assert_eq!(daemon.post("/containers/box/kill").status, 204);
    assert_eq!(daemon.wait("box"), 137);
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(daemon.post("/containers/box/start").status, 204);
    assert_eq!(daemon.delete("/containers/box?force=1").status, 204);
    assert!(daemon.mounts().is_empty() && daemon.names("run/runtime").is_empty());
}

#[test]
fn mounts_and_entries_that_a_killed_daemon_left_are_cleared_away() {
    let Some(mut daemon) = with_busybox() else {
        return;
    };
    let id = daemon.create("box", r#""Cmd":["true"]"#);
    let entry = format!("data/image/overlay2/layerdb/mounts/{id}/mount-id");
    let mount_id = fs::read_to_string(daemon.dir.join(entry)).unwrap();
    daemon.end("KILL");
    let overlay = daemon.dir.join("data/overlay2");
    let of_container = overlay.join(&mount_id).join("merged");
    for _ in 0..2 {
        mount_something(&of_container);
    }
    mount_something(&overlay.join("half-made-init/merged"));
    fs::create_dir(
        daemon
            .dir
            .join("data/image/overlay2/layerdb/mounts/half-made"),
    )
    .unwrap();
    daemon.launch();
    assert!(daemon.mounts().is_empty(), "{:?}", daemon.mounts());
    assert_eq!(daemon.names("data/overlay2").len(), 4);
    assert_eq!(daemon.names("data/image/overlay2/layerdb/mounts"), [id]);
    assert_eq!(daemon.post("/containers/box/start").status, 204);
    assert_eq!(daemon.wait("box"), 0);
}

#[test]
fn a_container_that_removes_itself_is_gone_after_a_restart_though_it_never_ran() {
    let Some(mut daemon) = with_busybox() else {
        return;
    };
    let before = daemon.names("data/overlay2");
    for signal in ["KILL", "TERM"] {
        let own = r#"{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none","AutoRemove":true}}"#;
        let made = daemon.post_json("/containers/create?name=brief", own);
        assert_eq!(made.status, 201, "{made:?}");
        let stays = daemon.create("stays", r#""Cmd":["true"]"#);
        daemon.end(signal);
        daemon.launch();
        assert_eq!(daemon.get("/containers/brief/json").status, 404);
        assert_eq!(daemon.names("data/containers"), [stays]);
        assert_eq!(daemon.delete("/containers/stays").status, 204);
        assert_eq!(daemon.names("data/overlay2"), before);
    }
}

#[test]
fn a_container_that_cannot_be_read_is_left_alone() {
    let Some(mut daemon) = with_busybox() else {
        return;
    };
    let id = daemon.create("damaged", r#""Cmd":["true"]"#);
    daemon.create("whole", r#""Cmd":["true"]"#);
    let before = daemon.names("data/overlay2");
    let record = daemon
        .dir
        .join(format!("data/containers/{id}/config.v2.json"));
    let good = fs::read(&record).unwrap();
    for damage in [&b"{\"State\":"[..], b"[]", b"\xff"] {
        daemon.end("KILL");
        fs::write(&record, damage).unwrap();
        daemon.launch();
        assert_eq!(daemon.get("/containers/damaged/json").status, 404);
        assert_eq!(daemon.state("whole")["Status"], "created");
        assert_eq!(daemon.names("data/overlay2"), before);
    }
    daemon.end("KILL");
    fs::write(&record, good).unwrap();
    daemon.launch();
    assert_eq!(daemon.post("/containers/damaged/start").status, 204);
    assert_eq!(daemon.wait("damaged"), 0);
}

#[test]
fn damaged_names_of_images_are_not_overwritten() {
    let Some(mut daemon) = with_busybox() else {
        return;
    };
    daemon.end("KILL");
    let path = daemon.dir.join("data/image/overlay2/repositories.json");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(daemon.launch_in_vain(), Some(1));
    assert_eq!(fs::read(&path).unwrap(), good[..good.len() / 2]);
    fs::write(&path, good).unwrap();
    daemon.launch();
    assert_eq!(daemon.get("/images/busybox/json").status, 200);
}

#[test]
fn the_layers_of_a_removed_image_go_with_the_last_container() {
    let Some(daemon) = with_busybox() else { return };
    for name in ["one", "two"] {
        daemon.create(name, r#""Cmd":["true"]"#);
    }
    assert_eq!(daemon.delete("/images/busybox?force=1").status, 200);
    assert_eq!(daemon.delete("/containers/one").status, 204);
    assert_eq!(daemon.post("/containers/two/start").status, 204);
    assert_eq!(daemon.wait("two"), 0);
    assert_eq!(daemon.delete("/containers/two").status, 204);
    assert_eq!(daemon.names("data/overlay2"), ["l"]);
    assert!(
        daemon
            .names("data/image/overlay2/layerdb/sha256")
            .is_empty()
    );
}

#[test]
fn an_image_removed_during_a_creation_is_there_whole_or_not_at_all() {
    let Some(daemon) = with_busybox() else { return };
    let create = r#"{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none"}}"#;
    for attempt in 0..8 {
        let name = format!("c{attempt}");
        let path = format!("/containers/create?name={name}");
        let (created, tagged) = std::thread::scope(|scope| {
            let created = scope.spawn(|| daemon.post_json(&path, create).status);
            let tagged = scope.spawn(|| daemon.post("/images/busybox/tag?repo=other").status);
            daemon.delete("/images/busybox?force=1");
            (created.join().unwrap(), tagged.join().unwrap())
        });
        if created == 201 {
            assert_eq!(
                daemon.post(&format!("/containers/{name}/start")).status,
                204
            );
            assert_eq!(daemon.wait(&name), 0);
            assert_eq!(daemon.delete(&format!("/containers/{name}")).status, 204);
        } else {
            assert_eq!(created, 404);
        }
        let other = daemon.get("/images/other/json").status;
        assert!(
            matches!((tagged, other), (201, 200) | (404, 404)),
            "{tagged} {other}"
        );
        daemon.delete("/images/other?force=1");
        daemon.delete("/images/busybox?force=1");
        let left: Vec<_> = daemon.names("data/overlay2");
        assert_eq!(left, ["l"]);
        daemon.import_busybox();
    }
}
