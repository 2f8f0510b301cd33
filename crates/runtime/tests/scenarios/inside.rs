//! What a process finds in its container.

use super::case::{Case, Place, bind, exists, own_root, process, text_of, words, write_file};
use glassdock_abi::flags::{AtFlags, MountFlags, UmountFlags};
use glassdock_abi::{Call, Fd, Io, PathArg, Sys};
use glassdock_oci::runtime::{IdMapping, Mount, Namespace, NamespaceKind};
use glassdock_runtime::io::make_dirs;
use glassdock_trace::Trace;
use std::fmt::Write;

scenarios! {
    output_and_exit_code(sys, place) {
        Case::new(&sys, &place, "c", "echo out; echo err >&2; exit 7").run().await
    }

    environment_and_working_directory(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "pwd; env | sort");
        let process = process(&mut case.spec);
        process.env.push("GREETING=hello, world".to_owned());
        process.cwd = "/made/for/this".to_owned();
        // The working directory is made in the root, so the root is one of its own.
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.run().await
    }

    user_and_groups(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "id; echo $HOME; umask; touch /x; echo again > /dev/stdout");
        let process = process(&mut case.spec);
        process.user.uid = 1000;
        process.user.gid = 1000;
        process.user.additional_gids = vec![10, 20];
        process.user.umask = Some(0o027);
        case.run().await
    }

    host_name_and_process_ids(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "hostname; cat /proc/sys/kernel/domainname; echo $$; all=$(ls /proc); echo \"$all\" | grep '^[0-9]'");
        case.spec.domainname = "example.org".to_owned();
        case.run().await
    }

    mounts_are_those_of_the_specification(sys, place) {
        let command = "cut -d' ' -f2-3 /proc/mounts | grep -v -e '^/ ' -e '^/proc/'; ls -l /dev | awk 'NR>1{print $1,$NF}'; \
                       echo written > /dev/shm/file && cat /dev/shm/file; echo lost > /dev/null; head -c 4 /dev/zero | wc -c";
        Case::new(&sys, &place, "c", command).run().await
    }

    the_root_can_be_read_only(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "touch /x; touch /dev/shm/x && echo elsewhere");
        case.spec.root.as_mut().expect("root").readonly = true;
        case.run().await
    }

    bind_mounts(sys, place) {
        let host = format!("{}/host", place.base);
        make_dirs(&sys, &PathArg::from(&host), 0o755).await.expect("made");
        write_file(&sys, &format!("{host}/file"), b"from the host\n".to_vec()).await;
        let command = "cat /data/file /etc/one; echo changed > /data/file; echo x > /ro/file; echo x > /etc/one; cat /data/file";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.spec.mounts.extend([
            bind(&host, "/data", &["rbind", "rprivate"]),
            bind(&host, "/ro", &["rbind", "ro", "nosuid", "rprivate"]),
            bind(&format!("{host}/file"), "/etc/one", &["bind", "ro"]),
        ]);
        let mut told = case.run().await;
        told += "host: ";
        told += &text_of(&sys, &format!("{host}/file")).await;
        told
    }

    a_bind_mount_can_be_read_only_with_all_below_it(sys, place) {
        let host = format!("{}/host", place.base);
        make_dirs(&sys, &PathArg::from(format!("{host}/sub")), 0o755).await.expect("made");
        let call = Call::Mount {
            source: "none".into(),
            target: format!("{host}/sub").into(),
            fstype: b"tmpfs".to_vec(),
            flags: MountFlags::empty(),
            data: Vec::new(),
        };
        sys.call(call).await.expect("mounted");
        let command = "touch /one/x; touch /one/sub/x && echo below; touch /all/x; touch /all/sub/x; \
                       grep ' /[oa]' /proc/self/mountinfo | cut -d' ' -f5,6";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.spec.mounts.extend([
            bind(&host, "/one", &["rbind", "ro"]),
            bind(&host, "/all", &["rbind", "rro", "rnosuid", "rnoatime"]),
        ]);
        let told = case.run().await;
        let call = Call::Umount2 { target: format!("{host}/sub").into(), flags: UmountFlags::empty() };
        sys.call(call).await.expect("unmounted");
        told
    }

    root_of_a_user_namespace_is_an_ordinary_user_outside(sys, place) {
        let root = own_root(&sys, &place).await;
        let private = format!("{}/private", place.base);
        // The container's root could not look the source up itself.
        for (dir, mode) in [("", 0o700), ("/data", 0o755)] {
            make_dirs(&sys, &PathArg::from(format!("{private}{dir}")), mode).await.expect("made");
        }
        write_file(&sys, &format!("{private}/data/file"), b"from the host\n".to_vec()).await;
        for (path, uid) in [(root.clone(), 100_000), (format!("{private}/data/file"), 100_007)] {
            let call = Call::Fchownat {
                dirfd: Fd::CWD,
                path: PathArg::from(path),
                uid,
                gid: uid,
                flags: AtFlags::empty(),
            };
            sys.call(call).await.expect("chown");
        }
        let command = "id; cat /proc/self/uid_map /proc/self/setgroups; cat /data/file; echo x > /data/new; ls -ln /data | awk 'NR>1{print $3,$4,$NF}'; \
                       mkdir /made && mount -t tmpfs t /made && echo mounted; hostname sea && hostname; \
                       mknod /made/sda b 8 0; echo lost > /dev/null; mount -o remount,rw,bind x /data; umount /data; ls /data; chown 70000 /made; kill -9 1; echo > /dev/stdout; exit 3";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = root.clone();
        let mut source = bind(&format!("{private}/data"), "/data", &["rbind", "ro", "rprivate"]);
        source.options.push("noexec".to_owned());
        case.spec.mounts.push(source);
        process(&mut case.spec).rlimits.clear();
        let linux = case.spec.linux.as_mut().expect("linux");
        let all = IdMapping { container_id: 0, host_id: 100_000, size: 65_536 };
        (linux.uid_mappings, linux.gid_mappings) = (vec![all], vec![all]);
        linux.namespaces.push(Namespace { kind: NamespaceKind::User, path: String::new() });
        let admin = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_CHOWN"].map(str::to_owned);
        let sets = process(&mut case.spec).capabilities.as_mut().expect("capabilities");
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            set.extend(admin.iter().cloned());
        }
        let mut told = case.run().await;
        let made = sys.statx(Fd::CWD, PathArg::from(format!("{root}/made")), AtFlags::empty()).await.expect("made");
        writeln!(told, "outside: {} {}", made.uid, made.gid).expect("text");
        told
    }

    masked_and_read_only_paths(sys, place) {
        let root = own_root(&sys, &place).await;
        make_dirs(&sys, &PathArg::from(format!("{root}/hidden/inner")), 0o755).await.expect("made");
        make_dirs(&sys, &PathArg::from(format!("{root}/fixed")), 0o755).await.expect("made");
        write_file(&sys, &format!("{root}/secret"), b"secret\n".to_vec()).await;
        let command = "cat /secret; ls /hidden; touch /hidden/x; touch /fixed/x; touch /free && echo free; \
                       echo 1 > /proc/sys/kernel/hostname";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = root;
        let linux = case.spec.linux.as_mut().expect("linux");
        linux.masked_paths = words(&["/secret", "/hidden", "/not/there"]);
        linux.readonly_paths = words(&["/fixed", "/proc/sys", "/not/there"]);
        case.run().await
    }

    links_in_the_image_lead_nowhere_else(sys, place) {
        let root = own_root(&sys, &place).await;
        let outside = format!("{}/outside", place.base);
        make_dirs(&sys, &PathArg::from(&outside), 0o755).await.expect("made");
        for (target, name) in [(outside.as_str(), "absolute"), ("../../../../../../../..", "up")] {
            let call = Call::Symlinkat {
                target: target.into(),
                newdirfd: Fd::CWD,
                linkpath: PathArg::from(format!("{root}/{name}")),
            };
            sys.call(call).await.expect("a link");
        }
        let mut case = Case::new(&sys, &place, "c", "ls /up/made && echo above is the root");
        case.spec.root.as_mut().expect("root").path = root;
        case.spec.mounts.push(Mount {
            destination: "/up/made".to_owned(),
            kind: "tmpfs".to_owned(),
            source: "tmpfs".to_owned(),
            ..Mount::default()
        });
        let mut told = case.run().await;
        // The target of this link does not exist in the root: it cannot be made through the link.
        case.id = "d".to_owned();
        case.spec.mounts.push(bind("/", "/absolute/in", &["rbind"]));
        told += &case.run().await;
        writeln!(told, "outside: {}", exists(&sys, &format!("{outside}/in")).await).expect("text");
        told
    }

    the_kernels_file_systems_are_not_mounted_through_links(sys, place) {
        let root = own_root(&sys, &place).await;
        make_dirs(&sys, &PathArg::from(format!("{root}/elsewhere")), 0o755).await.expect("made");
        let mut told = String::new();
        for name in ["proc", "sys"] {
            let link = PathArg::from(format!("{root}/{name}"));
            let call = Call::Symlinkat {
                target: "/elsewhere".into(),
                newdirfd: Fd::CWD,
                linkpath: link.clone(),
            };
            sys.call(call).await.expect("a link");
            let mut case = Case::new(&sys, &place, "c", "echo mounted");
            case.spec.root.as_mut().expect("root").path = root.clone();
            case.spec.mounts.push(Mount {
                destination: "/sys".to_owned(),
                kind: "sysfs".to_owned(),
                source: "sysfs".to_owned(),
                ..Mount::default()
            });
            told += &case.run().await;
            sys.unlinkat(Fd::CWD, link, AtFlags::empty()).await.expect("unlinked");
        }
        told
    }

    capabilities_and_no_new_privileges(sys, place) {
        let command = "grep -E '^(Cap|NoNew)' /proc/self/status";
        let mut case = Case::new(&sys, &place, "c", command);
        let mut told = case.run().await;
        process(&mut case.spec).user.uid = 1000;
        process(&mut case.spec).no_new_privileges = true;
        let capabilities = process(&mut case.spec).capabilities.as_mut().expect("capabilities");
        capabilities.inheritable = words(&["CAP_NET_RAW"]);
        capabilities.ambient = words(&["CAP_NET_RAW"]);
        case.id = "d".to_owned();
        told += &case.run().await;
        told
    }

    resource_limits(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "ulimit -n; ulimit -c");
        process(&mut case.spec).rlimits = serde_json::from_str(
            r#"[{"type":"RLIMIT_NOFILE","soft":100,"hard":200},{"type":"RLIMIT_CORE","soft":0,"hard":0}]"#,
        )
        .expect("limits");
        case.run().await
    }
}
