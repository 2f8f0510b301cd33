//! How containers and processes in them begin and end, and what is told when they cannot.

use super::case::{
    Case, Place, attach, bind, exists, log_lines, output, output_until, own_root, process, shim_of,
    words, write_file,
};
use glassdock_abi::flags::AtFlags;
use glassdock_abi::types::signal;
use glassdock_abi::{Call, Fd, Io, PathArg, Sys};
use glassdock_oci::runtime::{ConsoleSize, Spec};
use glassdock_runtime::client::{Shim, Streams, end_input, send_input};
use glassdock_trace::Trace;
use std::fmt::Write;

scenarios! {
    signals_end_it(sys, place) {
        let mut told = String::new();
        for (id, signal, command) in [
            ("a", signal::KILL, "echo ready; sleep 100"),
            ("b", signal::TERM, "trap 'echo asked; exit 3' TERM; echo ready; while true; do sleep 0.01; done"),
        ] {
            let case = Case::new(&sys, &place, id, command);
            let shim = case.create().await.expect("created");
            let mut attachment = attach(&shim, None).await;
            shim.run().await.expect("starts");
            told += &output_until(&mut attachment, "ready\n").await;
            shim.kill(None, signal).await.expect("sent");
            told += &output(&mut attachment).await;
            let exit = shim.wait(None).await.expect("ends");
            writeln!(told, "exit {} by {:?}", exit.code, exit.signal).expect("text");
            let again = shim.kill(None, signal).await.expect_err("it has ended");
            writeln!(told, "{:?}: {}", again.kind, again.message).expect("text");
            shim.delete().await.expect("deleted");
        }
        told
    }

    standard_input(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "cat; echo end");
        case.stdin = true;
        case.stdin_once = true;
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        send_input(&sys, attachment.fd(), b"one\n".to_vec()).await.expect("sent");
        let mut told = output_until(&mut attachment, "one\n").await;
        send_input(&sys, attachment.fd(), vec![b'x'; 200_000]).await.expect("sent");
        end_input(&sys, attachment.fd()).await.expect("ended");
        let rest = output(&mut attachment).await;
        writeln!(told, "{} x, then {:?}", rest.matches('x').count(), rest.trim_start_matches('x')).expect("text");
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    standard_input_that_stays_open(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "read a; read b; echo $a $b");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        for line in ["first\n", "second\n"] {
            // Each client ends its input and goes; the container's stays open.
            let attachment = attach(&shim, None).await;
            send_input(&sys, attachment.fd(), line.as_bytes().to_vec()).await.expect("sent");
            end_input(&sys, attachment.fd()).await.expect("ended");
        }
        let exit = shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        format!("exit {}\n{}", exit.code, log_lines(&sys, &case.log()).await)
    }

    a_terminal(sys, place) {
        let command = "tty; stty size; ls -l /dev/console | cut -c1; read line; echo got $line; stty size; head -n 1 < /dev/tty";
        let mut case = Case::new(&sys, &place, "c", command);
        process(&mut case.spec).terminal = true;
        process(&mut case.spec).console_size = Some(ConsoleSize { height: 33, width: 101 });
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "c\r\n").await;
        shim.resize(None, 40, 120).await.expect("resized");
        send_input(&sys, attachment.fd(), b"hello\n".to_vec()).await.expect("sent");
        told += &output_until(&mut attachment, "120\r\n").await;
        send_input(&sys, attachment.fd(), b"through the terminal\n".to_vec()).await.expect("sent");
        told += &output(&mut attachment).await;
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told.replace('\r', "")
    }

    a_terminal_interrupts(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "trap 'echo caught; exit 5' INT; echo ready; while true; do sleep 0.01; done");
        process(&mut case.spec).terminal = true;
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "ready\r\n").await;
        send_input(&sys, attachment.fd(), b"\x03".to_vec()).await.expect("sent");
        told += &output(&mut attachment).await;
        let exit = shim.wait(None).await.expect("ends");
        writeln!(told, "exit {}", exit.code).expect("text");
        shim.delete().await.expect("deleted");
        told.replace('\r', "")
    }

    further_processes(sys, place) {
        // One `sleep` and no more: the processes are listed and counted below.
        let case = Case::new(&sys, &place, "c", "trap 'exit 0' TERM; sleep 1000 & echo main; wait");
        let shim = case.create().await.expect("created");
        let mut attachment = attach(&shim, None).await;
        shim.run().await.expect("starts");
        let mut told = output_until(&mut attachment, "main\n").await;
        let mut process = case.spec.process.clone().expect("process");
        process.args = words(&["sh", "-c", "hostname; set -- /proc/[0-9]*; echo $#; id -u; pwd; echo oops >&2; exit 9"]);
        process.cwd = "/tmp".to_owned();
        process.user.uid = 1000;
        let mut executed = shim.exec("e1", process.clone(), false, true).await.expect("executed");
        told += &output(executed.attachment.as_mut().expect("attached")).await;
        writeln!(told, "exit {}", shim.wait(Some("e1")).await.expect("ends").code).expect("text");
        process.args = words(&["cat"]);
        let mut executed = shim.exec("e2", process.clone(), true, true).await.expect("executed");
        let streams = executed.attachment.as_mut().expect("attached");
        send_input(&sys, streams.fd(), b"to the second\n".to_vec()).await.expect("sent");
        end_input(&sys, streams.fd()).await.expect("ended");
        told += &output(streams).await;
        writeln!(told, "exit {}", shim.wait(Some("e2")).await.expect("ends").code).expect("text");
        process.args = words(&["sh", "-c", "test -t 0 && test -t 1 && stty size"]);
        process.terminal = true;
        process.console_size = Some(ConsoleSize { height: 20, width: 60 });
        let mut executed = shim.exec("e3", process.clone(), true, true).await.expect("executed");
        // A terminal ends lines with a carriage return, which must be seen here.
        told += &output(executed.attachment.as_mut().expect("attached")).await.replace('\r', "\\r");
        writeln!(told, "exit {}", shim.wait(Some("e3")).await.expect("ends").code).expect("text");
        process.terminal = false;
        process.args = words(&["sleep", "100"]);
        shim.exec("e4", process.clone(), false, false).await.expect("executed");
        shim.kill(Some("e4"), signal::KILL).await.expect("sent");
        writeln!(told, "exit {}", shim.wait(Some("e4")).await.expect("ends").code).expect("text");
        for args in [vec!["nosuchthing"], vec!["/no/such/thing"], vec!["/etc"], vec!["/etc/passwd"]] {
            process.args = words(&args);
            let error = shim.exec("e5", process.clone(), false, true).await.err().expect("no program");
            writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        }
        let error = shim.exec("e1", process, false, true).await.err().expect("taken");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        shim.kill(None, signal::TERM).await.expect("sent");
        writeln!(told, "exit {}", shim.wait(None).await.expect("ends").code).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    programs_that_cannot_be_run(sys, place) {
        let root = own_root(&sys, &place).await;
        for (name, text, mode) in [
            ("orphan", "#!/no/such/interpreter\n", 0o755),
            ("data", "neither ELF nor script", 0o755),
            ("plain", "#!/bin/sh\necho no\n", 0o644),
        ] {
            write_file(&sys, &format!("{root}/{name}"), text.as_bytes().to_vec()).await;
            let call = Call::Fchmodat {
                dirfd: Fd::CWD,
                path: PathArg::from(format!("{root}/{name}")),
                mode,
                flags: AtFlags::empty(),
            };
            sys.call(call).await.expect("chmod");
        }
        let mut told = String::new();
        for (at, name) in ["nosuchthing", "/no/such", "/etc", "/plain", "/orphan", "/data"].iter().enumerate() {
            let mut case = Case::new(&sys, &place, &format!("c{at}"), "");
            case.spec.root.as_mut().expect("root").path = root.clone();
            process(&mut case.spec).args = words(&[name]);
            told += &case.run().await;
        }
        told
    }

    specifications_that_cannot_be(sys, place) {
        let mut told = String::new();
        let mut attempt = async |edit: &(dyn Fn(&mut Spec) + Sync)| {
            let mut case = Case::new(&sys, &place, "c", "true");
            edit(&mut case.spec);
            told += &case.run().await;
        };
        attempt(&|spec| process(spec).cwd = "relative".to_owned()).await;
        attempt(&|spec| process(spec).args.clear()).await;
        attempt(&|spec| spec.mounts.push(bind("/does/not/exist", "/dev/x", &["bind"]))).await;
        attempt(&|spec| spec.mounts[1].options.push("tmpcopyup".to_owned())).await;
        attempt(&|spec| spec.mounts.push(bind("/tmp", "/", &["bind"]))).await;
        attempt(&|spec| spec.root.as_mut().expect("root").path = "/does/not/exist".to_owned()).await;
        attempt(&|spec| process(spec).user.uid = u32::MAX).await;
        attempt(&|spec| spec.hostname = "x".repeat(100)).await;
        attempt(&|spec| {
            let one = spec.mounts[1].clone();
            spec.mounts.extend(std::iter::repeat_n(one, 5000));
        })
        .await;
        attempt(&|spec| process(spec).cwd = "/etc/passwd".to_owned()).await;
        told
    }

    states_and_records(sys, place) {
        let case = Case::new(&sys, &place, "c", "exit 4");
        let shim = case.create().await.expect("created");
        let mut told = String::new();
        let report = shim.state().await.expect("state");
        writeln!(told, "{} {}", report.status.as_str(), report.pid > 0).expect("text");
        let error = shim.delete().await.expect_err("it is not stopped");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        let second = case.create().await.err().expect("the id is taken");
        writeln!(told, "{:?}", second.kind).expect("text");
        shim.run().await.expect("starts");
        writeln!(told, "exit {}", shim.wait(None).await.expect("ends").code).expect("text");
        let error = shim.run().await.expect_err("it has run");
        writeln!(told, "{:?}: {}", error.kind, error.message).expect("text");
        let (again, report) = Shim::reconnect(&sys, &case.dir()).await.expect("found");
        writeln!(told, "{} {:?}", report.status.as_str(), report.exit.map(|exit| exit.code)).expect("text");
        writeln!(told, "exit {}", again.wait(None).await.expect("known").code).expect("text");
        writeln!(told, "recorded: {}", exists(&sys, &format!("{}/exit.json", case.dir())).await).expect("text");
        again.delete().await.expect("deleted");
        let gone = Shim::reconnect(&sys, &case.dir()).await.err().expect("deleted");
        writeln!(told, "{:?}", gone.kind).expect("text");
        told
    }

    a_shim_that_is_killed(sys, place) {
        let case = Case::new(&sys, &place, "c", "sleep 100");
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        let pid = shim.state().await.expect("state").pid;
        sys.kill(shim_of(&sys, &shim).await, signal::KILL).await.expect("sent");
        // The end of a process takes a moment.
        let mut tries = 0;
        while shim.attach(None, Streams::ALL).await.is_ok() && tries < 100 {
            sys.sleep(10_000_000).await;
            tries += 1;
        }
        let (again, report) = Shim::reconnect(&sys, &case.dir()).await.expect("found");
        let mut told = format!("{} {:?}\n", report.status.as_str(), report.exit);
        again.delete().await.expect("deleted");
        writeln!(told, "left: {} {}", exists(&sys, &case.dir()).await, exists(&sys, &format!("/proc/{pid}/root/bin")).await)
            .expect("text");
        // The id is free again, also where nobody has deleted the rest.
        let shim = case.create().await.expect("created");
        let report = shim.state().await.expect("state");
        writeln!(told, "{}", report.status.as_str()).expect("text");
        shim.kill(None, signal::KILL).await.expect("sent");
        shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        told
    }

    destroyed_in_any_state(sys, place) {
        let case = Case::new(&sys, &place, "c", "trap '' TERM; sleep 100");
        let mut told = String::new();
        for state in ["created", "running", "stopped", "without its shim"] {
            let shim = case.create().await.expect("created");
            if state != "created" {
                shim.run().await.expect("starts");
            }
            if state == "stopped" {
                shim.kill(None, signal::KILL).await.expect("sent");
                shim.wait(None).await.expect("ends");
            }
            if state == "without its shim" {
                let shim = shim_of(&sys, &shim).await;
                sys.kill(shim, signal::KILL).await.expect("sent");
            }
            shim.destroy().await.expect(state);
            writeln!(told, "{state}: left {}", exists(&sys, &case.dir()).await).expect("text");
        }
        told
    }
}
