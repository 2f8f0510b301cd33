//! Id-mapped mounts: files of one owner that another finds as his own, in a container with and without a user namespace.

use super::{GLASSDOCK, Place, possible, text};
use serde_json::json;

/// One id of the file system's, and whose it is to be.
fn map(from: u32, to: u32) -> serde_json::Value {
    json!([{"containerID": from, "hostID": to, "size": 10}])
}

#[test]
fn an_id_mapped_mount_shows_other_owners() {
    if !possible() {
        return;
    }
    let place = Place::new(&format!("{GLASSDOCK} runtime"));
    let made = place.shell(
        "mkdir -p files/sub && touch files/theirs && chown 5:6 files/theirs && chown 0:0 files && mount -t tmpfs none files/sub",
    );
    assert!(made.status.success(), "{made:?}");
    let files = place.dir.join("files").display().to_string();
    // The map of the mount, whether all below is mapped, and what the container has for users.
    let cases = [
        ("plain", map(0, 1000), "idmap", None),
        ("deep", map(0, 1000), "ridmap", None),
        // What is the host's 200000 is root in there.
        ("users", map(0, 200_000), "idmap", Some(map(0, 200_000))),
        ("same", json!([]), "idmap", Some(map(0, 200_000))),
    ];
    let mut told = String::new();
    for (name, map, option, users) in cases {
        let command = "ls -ln /files | sed 1d; touch /files/made && stat -c '%u:%g' /files/made; rm -f /files/made; grep ' /files' /proc/self/mountinfo | cut -d ' ' -f 6 | cut -d , -f 2-";
        let mount = json!({
            "destination": "/files", "type": "bind", "source": files,
            "options": ["rbind", option, "rw", "nosuid"], "uidMappings": map, "gidMappings": map,
        });
        let mut changes = vec![
            ("/process/args", json!(["sh", "-c", command])),
            ("/mounts/-", mount),
            ("/root/readonly", json!(false)),
        ];
        if let Some(users) = users {
            changes.extend([
                ("/linux/uidMappings", users.clone()),
                ("/linux/gidMappings", users),
                ("/linux/namespaces/-", json!({"type": "user"})),
            ]);
        }
        place.bundle(name, &changes);
        let installed = place.shell(&format!(
            "for n in ls touch stat rm grep cut sed; do ln -sf busybox {name}/rootfs/bin/$n; done; chown -R 200000:200000 {name}/rootfs"
        ));
        assert!(installed.status.success(), "{installed:?}");
        let output = place.shell(&format!("$R run -b {name} c"));
        told += &format!("{name}:\n{}{}", text(&output.stdout), text(&output.stderr));
    }
    let told = owners(&told);
    expect_test::expect![[r#"
        plain:
        drwxrwxrwt 0:0 sub
        -rw-r--r-- 1005:1006 theirs
        nosuid,relatime,idmapped
        relatime
        touch: /files/made: Value too large for defined data type
        deep:
        drwxrwxrwt 1000:1000 sub
        -rw-r--r-- 1005:1006 theirs
        nosuid,relatime,idmapped
        relatime,idmapped
        touch: /files/made: Value too large for defined data type
        users:
        drwxrwxrwt 65534:65534 sub
        -rw-r--r-- 5:6 theirs
        0:0
        nosuid,relatime,idmapped
        relatime
        same:
        drwxrwxrwt 65534:65534 sub
        -rw-r--r-- 5:6 theirs
        0:0
        nosuid,relatime,idmapped
        relatime
    "#]]
    .assert_eq(&told);
    let on_disk = place.shell("stat -c '%u:%g' files files/theirs; umount files/sub");
    assert_eq!(text(&on_disk.stdout), "0:0\n5:6\n");
    assert_eq!(place.left(), [""; 0]);
}

/// Lines of `ls` without sizes and times.
fn owners(told: &str) -> String {
    let line = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [mode, _, uid, gid, .., name] if mode.len() == 10 => format!("{mode} {uid}:{gid} {name}\n"),
        _ => format!("{line}\n"),
    };
    told.lines().map(line).collect()
}
