on_this_kernel! {
    hooks_are_told_the_state_at_their_moments => expect![[r#"
        /
        {"ociVersion":"1.2.0","id":"c","status":"created","pid":1,"bundle":"BASE/bundles/c"}
        c0ffee
        exit 0
        first value
        {"ociVersion":"1.2.0","id":"c","status":"creating","pid":PID,"bundle":"BASE/bundles/c"}
        BASE/bundles/c
        second value
        {"ociVersion":"1.2.0","id":"c","status":"creating","pid":PID,"bundle":"BASE/bundles/c"}
        BASE/bundles/c
        runtime value
        {"ociVersion":"1.2.0","id":"c","status":"creating","pid":PID,"bundle":"BASE/bundles/c"}
        BASE/bundles/c
        container value
        {"ociVersion":"1.2.0","id":"c","status":"creating","pid":1,"bundle":"BASE/bundles/c"}
        BASE/root
    "#]];
    a_hook_that_fails_keeps_the_container_from_being_made => expect![[r#"
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: exit status 4, stdout: why
        , stderr: not

        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: exit status 4, stdout: why
        , stderr: not

        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: hook ran past specified timeout of 1.0s
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: hook ran past specified timeout of 1.0s
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: fork/exec /no/such: no such file or directory, stdout: , stderr: 
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: fork/exec /no/such: no such file or directory, stdout: , stderr: 
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: signal: TERM, stdout: , stderr: 
        System: runc create failed: unable to start container process: error during container init: error running hook #1: error running hook: signal: TERM, stdout: , stderr: 
    "#]];
    what_makes_no_sense_as_a_hook_is_refused => expect![[r#"
        Invalid: runc create failed: hooks.createRuntime[1].path: it must be an absolute path
        Invalid: runc create failed: hooks.startContainer[0].timeout: it must be greater than zero
        Unsupported: runc create failed: hooks.poststop: with a shim it is not supported
        Invalid: runc create failed: hooks.prestart: more than 256 programs
    "#]];
    output_and_exit_code => expect![[r#"
        out
        stderr: err
        exit 7
    "#]];
    environment_and_working_directory => expect![[r#"
        /made/for/this
        GREETING=hello, world
        HOME=/
        HOSTNAME=c0ffee
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        PWD=/made/for/this
        SHLVL=1
        exit 0
    "#]];
    user_and_groups => expect![[r#"
        uid=1000(user) gid=1000 groups=10,20
        /home/user
        0027
        again
        stderr: touch: /x: Permission denied
        exit 0
    "#]];
    host_name_and_process_ids => expect![[r#"
        c0ffee
        example.org
        1
        1
        4
        exit 0
    "#]];
    mounts_are_those_of_the_specification => expect![[r#"
        /proc proc
        /dev tmpfs
        /dev/pts devpts
        /dev/shm tmpfs
        lrwxrwxrwx /proc/self/fd
        crw-rw-rw- full
        crw-rw-rw- null
        lrwxrwxrwx pts/ptmx
        drwxr-xr-x pts
        crw-rw-rw- random
        drwxrwxrwt shm
        lrwxrwxrwx /proc/self/fd/2
        lrwxrwxrwx /proc/self/fd/0
        lrwxrwxrwx /proc/self/fd/1
        crw-rw-rw- tty
        crw-rw-rw- urandom
        crw-rw-rw- zero
        written
        4
        exit 0
    "#]];
    the_root_can_be_read_only => expect![[r#"
        elsewhere
        stderr: touch: /x: Read-only file system
        exit 0
    "#]];
    bind_mounts => expect![[r#"
        from the host
        from the host
        changed
        stderr: sh: can't create /ro/file: Read-only file system
        stderr: sh: can't create /etc/one: Read-only file system
        exit 0
        host: changed
    "#]];
    a_bind_mount_can_be_read_only_with_all_below_it => expect![[r#"
        below
        /one ro,relatime
        /one/sub rw,relatime
        /all ro,nosuid,noatime
        /all/sub ro,nosuid,noatime
        stderr: touch: /one/x: Read-only file system
        stderr: touch: /all/x: Read-only file system
        stderr: touch: /all/sub/x: Read-only file system
        exit 0
    "#]];
    root_of_a_user_namespace_is_an_ordinary_user_outside => expect![[r#"
        uid=0 gid=0
                 0     100000      65536
        allow
        from the host
        7 7 file
        mounted
        sea

        stderr: sh: can't create /data/new: Read-only file system
        stderr: mknod: /made/sda: Operation not permitted
        stderr: chown: /made: Invalid argument
        exit 3
        outside: 100000 100000
    "#]];
    masked_and_read_only_paths => expect![[r#"
        free
        stderr: touch: /hidden/x: Read-only file system
        stderr: touch: /fixed/x: Read-only file system
        stderr: sh: can't create /proc/sys/kernel/hostname: Read-only file system
        exit 1
    "#]];
    links_in_the_image_lead_nowhere_else => expect![[r#"
        above is the root
        exit 0
        System: runc create failed: unable to start container process: error during container init: openat2: no such file or directory
        outside: false
    "#]];
    the_kernels_file_systems_are_not_mounted_through_links => expect![[r#"
        System: runc create failed: unable to start container process: error during container init: error mounting "proc" to rootfs at "/proc": mount proc:/proc: too many levels of symbolic links
        System: runc create failed: unable to start container process: error during container init: error mounting "sysfs" to rootfs at "/sys": mount sysfs:/sys: too many levels of symbolic links
    "#]];
    capabilities_and_no_new_privileges => expect![[r#"
        CapInh:	0000000000000000
        CapPrm:	00000000a80425fb
        CapEff:	00000000a80425fb
        CapBnd:	00000000a80425fb
        CapAmb:	0000000000000000
        NoNewPrivs:	0
        exit 0
        CapInh:	0000000000002000
        CapPrm:	0000000000002000
        CapEff:	0000000000002000
        CapBnd:	00000000a80425fb
        CapAmb:	0000000000002000
        NoNewPrivs:	1
        exit 0
    "#]];
    resource_limits => expect![[r#"
        100
        0
        exit 0
    "#]];
    signals_end_it => expect![[r#"
        ready
        exit 137 by Some(9)
        WrongState: process already finished
        ready
        asked
        exit 3 by None
        WrongState: process already finished
    "#]];
    standard_input => expect![[r#"
        one
        200000 x, then "end\n"
        exit 0
    "#]];
    standard_input_that_stays_open => expect![[r#"
        exit 0
        {"log":"first second\n","stream":"stdout",…
    "#]];
    a_terminal => expect![[r#"
        /dev/pts/0
        33 101
        c
        hello
        got hello
        40 120
        through the terminal
        through the terminal
        exit 0
    "#]];
    a_terminal_interrupts => expect![[r#"
        ready
        ^Ccaught
        exit 5
    "#]];
    further_processes => expect![[r#"
        main
        c0ffee
        3
        1000
        /tmp
        stderr: oops
        exit 9
        to the second
        exit 0
        20 60\r
        exit 0
        exit 137
        Executable: exec failed: unable to start container process: exec: "nosuchthing": executable file not found in $PATH
        Executable: exec failed: unable to start container process: exec: "/no/such/thing": stat /no/such/thing: no such file or directory
        Executable: exec failed: unable to start container process: exec: "/etc": is a directory
        Executable: exec failed: unable to start container process: exec: "/etc/passwd": permission denied
        AlreadyExists: executed process e1 exists already
        exit 0
    "#]];
    programs_that_cannot_be_run => expect![[r#"
        Executable: runc create failed: unable to start container process: error during container init: exec: "nosuchthing": executable file not found in $PATH
        Executable: runc create failed: unable to start container process: error during container init: exec: "/no/such": stat /no/such: no such file or directory
        Executable: runc create failed: unable to start container process: error during container init: exec: "/etc": is a directory
        Executable: runc create failed: unable to start container process: error during container init: exec: "/plain": permission denied
        stderr: exec /orphan: no such file or directory
        exit 255
        stderr: exec /data: exec format error
        exit 255
    "#]];
    specifications_that_cannot_be => expect![[r#"
        Invalid: runc create failed: process.cwd: it must be an absolute path
        Invalid: runc create failed: process.args: it must name a program
        System: runc create failed: unable to start container process: error during container init: error mounting "/does/not/exist" to rootfs at "/dev/x": mount /does/not/exist:/dev/x: no such file or directory
        Unsupported: runc create failed: mounts[1].options[4]: "tmpcopyup" is not supported
        Invalid: runc create failed: mounts[4].destination: the root itself cannot be mounted over
        System: runc create failed: unable to start container process: error during container init: error preparing rootfs /does/not/exist: no such file or directory
        Invalid: runc create failed: process.user.uid: 4294967295 is no id
        Invalid: runc create failed: hostname: longer than 64 bytes
        Invalid: runc create failed: mounts: more than 1024 entries
        System: runc create failed: unable to start container process: error during container init: chdir to cwd ("/etc/passwd") set in config.json failed: not a directory
    "#]];
    states_and_records => expect![[r#"
        created true
        WrongState: cannot delete container c that is not stopped: created
        AlreadyExists
        exit 4
        WrongState: cannot start a container that has stopped
        stopped Some(4)
        exit 4
        recorded: true
        NotFound
    "#]];
    a_shim_that_is_killed => expect![[r#"
        stopped None
        left: false false
        created
    "#]];
    destroyed_in_any_state => expect![[r#"
        created: left false
        running: left false
        stopped: left false
        without its shim: left false
    "#]];
    clients_that_are_gone_are_let_go => expect![[r#"
        0 descriptors more
    "#]];
    a_slow_client_and_the_log_get_all => expect![[r#"
        the log true, the client true
    "#]];
    several_clients => expect![[r#"
        one, on: second
        two: first
        second
        late: second
    "#]];
    the_log => expect![[r#"
        a <tag>
        stderr: no end
        exit 0
        {"log":"a \u003ctag\u003e\n","stream":"stdout",…
        {"log":"no end","stream":"stderr",…
    "#]];
    the_log_tells_that_it_grows => expect![[r#"
        grown: true
        {"log":"line\n","stream":"stdout",…
        again: false
    "#]];
    much_output_is_not_lost => expect![[r#"
        3000000 y, 3000000 in the log, exit 0
    "#]];
}
