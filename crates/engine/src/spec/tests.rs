use super::*;
use expect_test::{Expect, expect};
use glassdock_api::StrSlice;
use glassdock_api::container::Ulimit;
use mounts::{Bind, Tmpfs};

fn host() -> HostConfig {
    HostConfig {
        network_mode: "none".to_string(),
        ipc_mode: "private".to_string(),
        cgroupns_mode: "host".to_string(),
        shm_size: DEFAULT_SHM_SIZE,
        ..HostConfig::default()
    }
}

fn spec(config: &Config, host: &HostConfig, mounts: &Mounts, uid: u32) -> Spec {
    build(&SpecInput {
        id: "0123456789abcdef",
        path: "sh",
        args: &["-c".to_string(), "true".to_string()],
        config,
        host,
        facts: &Facts {
            net_namespace: true,
            ..Facts::default()
        },
        mounts,
        numbers: &resources::DeviceNumbers::new(),
        user: User {
            uid,
            gid: uid,
            ..User::default()
        },
        rootfs: "/r",
        files: ["/c/resolv.conf", "/c/hostname", "/c/hosts"],
    })
    .unwrap()
}

fn listed(spec: &Spec) -> String {
    let one = |mount: &Mount| {
        format!(
            "{} {} {} {}\n",
            mount.destination,
            mount.kind,
            mount.source,
            mount.options.join(",")
        )
    };
    spec.mounts.iter().map(one).collect()
}

fn check(actual: &str, expected: Expect) {
    expected.assert_eq(actual);
}

#[test]
fn a_plain_container() {
    let config = Config {
        hostname: "h".to_string(),
        tty: true,
        ..Config::default()
    };
    let spec = spec(&config, &host(), &Mounts::default(), 0);
    let json = serde_json::to_string_pretty(&Spec {
        mounts: Vec::new(),
        ..spec.clone()
    })
    .unwrap();
    check(
        &json,
        expect![[r#"
            {
              "ociVersion": "1.2.0",
              "process": {
                "terminal": true,
                "user": {
                  "uid": 0,
                  "gid": 0
                },
                "args": [
                  "sh",
                  "-c",
                  "true"
                ],
                "env": [
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                  "HOSTNAME=h",
                  "TERM=xterm"
                ],
                "cwd": "/",
                "capabilities": {
                  "bounding": [
                    "CAP_CHOWN",
                    "CAP_DAC_OVERRIDE",
                    "CAP_FSETID",
                    "CAP_FOWNER",
                    "CAP_MKNOD",
                    "CAP_NET_RAW",
                    "CAP_SETGID",
                    "CAP_SETUID",
                    "CAP_SETFCAP",
                    "CAP_SETPCAP",
                    "CAP_NET_BIND_SERVICE",
                    "CAP_SYS_CHROOT",
                    "CAP_KILL",
                    "CAP_AUDIT_WRITE"
                  ],
                  "effective": [
                    "CAP_CHOWN",
                    "CAP_DAC_OVERRIDE",
                    "CAP_FSETID",
                    "CAP_FOWNER",
                    "CAP_MKNOD",
                    "CAP_NET_RAW",
                    "CAP_SETGID",
                    "CAP_SETUID",
                    "CAP_SETFCAP",
                    "CAP_SETPCAP",
                    "CAP_NET_BIND_SERVICE",
                    "CAP_SYS_CHROOT",
                    "CAP_KILL",
                    "CAP_AUDIT_WRITE"
                  ],
                  "permitted": [
                    "CAP_CHOWN",
                    "CAP_DAC_OVERRIDE",
                    "CAP_FSETID",
                    "CAP_FOWNER",
                    "CAP_MKNOD",
                    "CAP_NET_RAW",
                    "CAP_SETGID",
                    "CAP_SETUID",
                    "CAP_SETFCAP",
                    "CAP_SETPCAP",
                    "CAP_NET_BIND_SERVICE",
                    "CAP_SYS_CHROOT",
                    "CAP_KILL",
                    "CAP_AUDIT_WRITE"
                  ]
                }
              },
              "root": {
                "path": "/r"
              },
              "hostname": "h",
              "linux": {
                "resources": {
                  "devices": [
                    {
                      "allow": false,
                      "access": "rwm"
                    }
                  ]
                },
                "namespaces": [
                  {
                    "type": "mount"
                  },
                  {
                    "type": "network"
                  },
                  {
                    "type": "uts"
                  },
                  {
                    "type": "pid"
                  },
                  {
                    "type": "ipc"
                  }
                ]
              }
            }"#]],
    );
    check(
        &listed(&spec),
        expect![[r#"
        /proc proc proc nosuid,noexec,nodev
        /dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k
        /dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5
        /sys sysfs sysfs nosuid,noexec,nodev,ro
        /dev/mqueue mqueue mqueue nosuid,noexec,nodev
        /dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864
        /etc/resolv.conf bind /c/resolv.conf rbind,rprivate
        /etc/hostname bind /c/hostname rbind,rprivate
        /etc/hosts bind /c/hosts rbind,rprivate
    "#]],
    );
}

#[test]
fn the_host_s_namespaces_are_used_where_asked() {
    let host = HostConfig {
        network_mode: "host".to_string(),
        pid_mode: "host".to_string(),
        uts_mode: "host".to_string(),
        ipc_mode: "host".to_string(),
        ..host()
    };
    let config = Config {
        hostname: "h".to_string(),
        ..Config::default()
    };
    let spec = spec(&config, &host, &Mounts::default(), 0);
    let kinds: Vec<_> = spec
        .linux
        .unwrap()
        .namespaces
        .iter()
        .map(|namespace| namespace.kind)
        .collect();
    assert_eq!(kinds, [NamespaceKind::Mount]);
    assert_eq!(spec.hostname, "");
}

#[test]
fn a_read_only_root_with_mounts() {
    let host = HostConfig {
        readonly_rootfs: true,
        ..host()
    };
    let bind = |source: &str, destination: &str, writable| Bind {
        source: source.to_string(),
        destination: destination.to_string(),
        mode: String::new(),
        writable,
        propagation: "rprivate".to_string(),
        non_recursive: false,
        create_source: true,
    };
    let mounts = Mounts {
        binds: vec![
            bind("/h/deep", "/a/b/c", true),
            bind("/h/a", "/a", false),
            bind("/h/hosts", "/etc/hosts", true),
        ],
        tmpfs: vec![Tmpfs {
            destination: "/dev/shm".to_string(),
            options: vec!["size=1m".to_string()],
        }],
    };
    check(
        &listed(&spec(&Config::default(), &host, &mounts, 0)),
        expect![[r#"
            /proc proc proc nosuid,noexec,nodev
            /dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k
            /dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5
            /sys sysfs sysfs nosuid,noexec,nodev,ro
            /dev/mqueue mqueue mqueue nosuid,noexec,nodev
            /a bind /h/a rbind,ro,rprivate
            /dev/shm tmpfs tmpfs size=1m
            /etc/hosts bind /h/hosts rbind,rprivate
            /etc/resolv.conf bind /c/resolv.conf rbind,rprivate,ro
            /etc/hostname bind /c/hostname rbind,rprivate,ro
            /a/b/c bind /h/deep rbind,rprivate
        "#]],
    );
}

#[test]
fn a_plain_user_has_capabilities_in_the_bounding_set_only() {
    let host = HostConfig {
        cap_add: Some(StrSlice(vec!["SYS_TIME".to_string()])),
        cap_drop: Some(StrSlice(vec!["all".to_string()])),
        ulimits: Some(vec![Ulimit {
            name: "nofile".to_string(),
            hard: -1,
            soft: 10,
        }]),
        security_opt: Some(vec!["no-new-privileges".to_string()]),
        ..host()
    };
    let process = spec(&Config::default(), &host, &Mounts::default(), 7)
        .process
        .unwrap();
    let capabilities = process.capabilities.unwrap();
    assert_eq!(capabilities.bounding, ["CAP_SYS_TIME"]);
    assert!(capabilities.effective.is_empty() && capabilities.permitted.is_empty());
    assert_eq!(
        process.rlimits,
        [Rlimit {
            kind: "RLIMIT_NOFILE".to_string(),
            hard: u64::MAX,
            soft: 10
        }]
    );
    assert!(process.no_new_privileges);
}

#[test]
fn variables_are_replaced_added_and_removed() {
    let config = Config {
        hostname: "h".to_string(),
        env: Some(
            ["PATH=/x", "A=1=2", "HOSTNAME"]
                .map(str::to_string)
                .to_vec(),
        ),
        ..Config::default()
    };
    assert_eq!(
        environment(&config, true),
        ["PATH=/x", "TERM=xterm", "A=1=2"]
    );
}

#[test]
fn device_files_are_made_where_there_are_no_disks_or_where_it_is_asked_for() {
    let disks = Facts {
        block_devices: true,
        ..Facts::default()
    };
    let list = |names: &[&str]| {
        let names = names.iter().map(|name| name.to_string()).collect();
        Some(glassdock_api::StrSlice(names))
    };
    for (facts, add, drop, privileged, may) in [
        (&Facts::default(), &[][..], &[][..], false, true),
        (&disks, &[], &[], false, false),
        (&disks, &["mknod"], &[], false, true),
        (&disks, &["CAP_MKNOD"], &[], false, true),
        (&disks, &["ALL"], &[], false, true),
        (&disks, &["SYS_TIME"], &[], false, false),
        (&disks, &["ALL"], &["MKNOD"], false, false),
        (&disks, &[], &[], true, true),
    ] {
        let host = HostConfig {
            cap_add: list(add),
            cap_drop: list(drop),
            privileged,
            ..host()
        };
        let sets = capability_sets(&host, facts, 0).unwrap();
        let has = sets.bounding.contains(&"CAP_MKNOD".to_string());
        assert_eq!(has, may, "{add:?} {drop:?} {privileged}");
    }
}
