//! A machine boots into busybox's shell.

mod common;
use common::*;
use glassdock_abi::flags::WaitFlags;
use glassdock_abi::types::{WaitFor, WaitStatus, signal};
use glassdock_abi::{BoxFuture, Call, Io, Spawn, Sys};
use glassdock_kernel::{Config, ImportNode, Limits, RunState, Task};
use glassdock_trace::{EventKind, Layer, Outcome};

#[test]
fn a_shell_command_writes_to_the_console_and_ends_the_machine() {
    let mut shell = Shell::boot(&["sh", "-c", "echo hi; ls -l / | head -3; exit 7"]);
    let out = shell.settle();
    assert!(out.starts_with("hi\r\ntotal 0\r\ndrwxr-xr-x"), "{out}");
    assert_eq!(
        format!("{:?}", shell.kernel.init_status()),
        "Some(Exited(7))"
    );
}

#[test]
fn the_trace_tells_how_a_process_ended_as_a_shell_does() {
    let mut shell = Shell::boot(&["sh", "-c", "(exit 7); sh -c 'kill -9 $$'; exit 3"]);
    shell.settle();
    let events = shell.kernel.tracer().read(0, usize::MAX);
    let is_task = |wanted| {
        events.iter().any(|(_, event)| {
            matches!(&event.kind, EventKind::Enter { span, layer: Layer::Sched, .. } if *span == wanted)
        })
    };
    let ends: Vec<i64> = events
        .iter()
        .filter_map(|(_, event)| match event.kind {
            EventKind::Exit {
                span,
                outcome: Outcome::Int(status),
            } if is_task(span) => Some(status),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [7, 137, 3]);
}

#[test]
fn what_needs_privileges_on_the_real_kernel_gives_what_it_gives_there() {
    let layers = "mkdir /mnt/o; mount -t tmpfs t /mnt/o; cd /mnt/o; mkdir a b c d up wk m1 m2 m3;";
    let overlay = "overlay() { mount -t overlay o -o $1 $2 2>/dev/null; echo -n $?; };";
    let stacked = "overlay lowerdir=a m1; overlay lowerdir=a:b m1; overlay lowerdir=m1:c m2; \
        overlay lowerdir=m2:d m3; overlay lowerdir=m1,upperdir=up,workdir=wk m3";
    // Scripts and what they wrote on Linux 6.18.
    let cases = [
        (
            "mknod /root/p c 136 0; cat </root/p".to_owned(),
            "sh: can't open /root/p: Input/output error\r\n",
        ),
        (format!("{layers} {overlay} {stacked}"), "255002550"),
        (
            "date -s 2300-01-01 >/dev/null".to_owned(),
            "date: can't set date: Invalid argument\r\n",
        ),
        (
            "sleep 1; date -s @0 >/dev/null".to_owned(),
            "date: can't set date: Invalid argument\r\n",
        ),
        (
            "mount -t tmpfs -o nr_blocks=9223372036854775807 t /mnt; grep -o size=.*k /proc/mounts"
                .to_owned(),
            "size=18446744073709551612k\r\n",
        ),
        (
            "unshare -pf sh -c '(sleep 9 & sleep 9) & sleep .1'; ps -o comm | grep -c sleep".to_owned(),
            "0\r\n",
        ),
        (
            "cp /bin/busybox /root/sleep; cd /root; ./sleep 1 & usleep 100000; echo x >sleep; wait; exec 7>>sleep; ./sleep 0".to_owned(),
            "sh: can't create sleep: Text file busy\r\nsh: ./sleep: Text file busy\r\n",
        ),
        (
            "cd /proc/sys/kernel/random; \
                test $(cat uuid) != $(cat uuid) && cat uuid | wc -c".to_owned(),
            "37\r\n",
        ),
    ];
    for (script, written) in cases {
        let mut shell = Shell::boot(&["sh", "-c", &script]);
        let out = shell.settle() + &shell.wait(2_000_000_000);
        assert_eq!(out, written, "{script}");
    }
}

/// Kills itself from a task beside its main one, which waits for ever.
fn kills_itself(task: Task, _argv: Vec<Vec<u8>>, _envp: Vec<Vec<u8>>) -> BoxFuture<'static, u8> {
    Box::pin(async move {
        let beside = task.clone();
        task.task(Box::pin(async move {
            let own = beside.call(Call::Getpid {}).await.and_then(|ret| ret.pid());
            let _ = beside.kill(own.expect("a number"), signal::KILL).await;
        }));
        task.sleep(3_600_000_000_000).await;
        0
    })
}

#[test]
fn a_built_in_program_that_signals_itself_gets_the_signal_at_once() {
    let mut kernel = common::machine(Config::default());
    kernel.register("victim", kills_itself);
    let script = ImportNode::File(b"#!glassdock-builtin victim\n");
    kernel
        .import(b"bin/victim", &common::meta(0o755), script)
        .expect("a file");
    kernel
        .boot_with(|task| {
            Box::pin(async move {
                let child = task.spawn(Spawn::new("/bin/victim", "victim", [] as [&str; 0]));
                let pid = child.await.expect("started").pid;
                let waited = task.waitid(WaitFor::Pid(pid), WaitFlags::EXITED).await;
                let status = waited.expect("a child").expect("ended").status;
                u8::from(status != WaitStatus::Killed(signal::KILL, false))
            })
        })
        .expect("starts");
    let begin = kernel.now();
    assert_eq!(kernel.run(Limits::jumping(1_000_000)), RunState::Halted);
    assert_eq!(format!("{:?}", kernel.init_status()), "Some(Exited(0))");
    assert!(kernel.now() - begin < 1_000_000_000);
}
