//! What is written and read, by several clients and by the log.

use super::case::{
    Case, Place, attach, bind, descriptors, log_lines, output, output_until, own_root, shim_of,
    text_of_large,
};
use glassdock_abi::types::signal;
use glassdock_abi::{PathArg, Sys};
use glassdock_runtime::client::send_input;
use glassdock_runtime::io::{make_dirs, read_file};
use glassdock_trace::Trace;
use std::fmt::Write;

scenarios! {
    clients_that_are_gone_are_let_go(sys, place) {
        let case = Case::new(&sys, &place, "c", "sleep 100");
        let shim = case.create().await.expect("created");
        shim.run().await.expect("starts");
        let process = shim_of(&sys, &shim).await;
        let before = descriptors(&sys, process).await;
        for _ in 0..20 {
            drop(attach(&shim, None).await);
        }
        let mut tries = 0;
        while descriptors(&sys, process).await > before && tries < 100 {
            sys.sleep(10_000_000).await;
            tries += 1;
        }
        let left = descriptors(&sys, process).await.saturating_sub(before);
        shim.destroy().await.expect("destroyed");
        format!("{left} descriptors more\n")
    }

    a_slow_client_and_the_log_get_all(sys, place) {
        let counted = format!("{}/counted", place.base);
        make_dirs(&sys, &PathArg::from(&counted), 0o755).await.expect("made");
        let command = "block=$(head -c 8191 /dev/zero | tr '\\0' y); while true; do echo $block; echo >> /counted/lines; done";
        let mut case = Case::new(&sys, &place, "c", command);
        case.spec.root.as_mut().expect("root").path = own_root(&sys, &place).await;
        case.spec.mounts.push(bind(&counted, "/counted", &["bind"]));
        let shim = case.create().await.expect("created");
        let mut slow = attach(&shim, None).await;
        shim.run().await.expect("starts");
        // Until every queue is full.
        let mut written = 0;
        loop {
            sys.sleep(300_000_000).await;
            let lines = read_file(&sys, format!("{counted}/lines"), 1 << 20).await.unwrap_or_default();
            if lines.len() == written && written > 0 {
                break;
            }
            written = lines.len();
        }
        shim.kill(None, signal::KILL).await.expect("sent");
        shim.wait(None).await.expect("ends");
        let log = text_of_large(&sys, &case.log()).await.matches('y').count();
        shim.delete().await.expect("deleted");
        let client = output(&mut slow).await.matches('y').count();
        format!("the log {}, the client {}\n", log >= written * 8191, client == log)
    }

    several_clients(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "echo first; read line; echo second");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        let (mut one, mut two) = (attach(&shim, None).await, attach(&shim, None).await);
        shim.run().await.expect("starts");
        output_until(&mut one, "first\n").await;
        let mut late = attach(&shim, None).await;
        send_input(&sys, late.fd(), b"go\n".to_vec()).await.expect("sent");
        let told = format!(
            "one, on: {}two: {}late: {}",
            output(&mut one).await,
            output(&mut two).await,
            output(&mut late).await
        );
        shim.wait(None).await.expect("ends");
        shim.delete().await.expect("deleted");
        told
    }

    the_log(sys, place) {
        let case = Case::new(&sys, &place, "c", "echo 'a <tag>'; sleep 0.05; printf 'no end' >&2");
        let mut told = case.run().await;
        told += &log_lines(&sys, &case.log()).await;
        told
    }

    the_log_tells_that_it_grows(sys, place) {
        let mut case = Case::new(&sys, &place, "c", "read a; echo $a");
        case.stdin = true;
        let shim = case.create().await.expect("created");
        let mut watch = shim.watch_log().await.expect("watches");
        shim.run().await.expect("starts");
        let attachment = attach(&shim, None).await;
        send_input(&sys, attachment.fd(), b"line\n".to_vec()).await.expect("sent");
        let mut told = format!("grown: {}\n", watch.grown().await.expect("told"));
        told += &log_lines(&sys, &case.log()).await;
        writeln!(told, "again: {}", watch.grown().await.expect("told")).expect("text");
        shim.delete().await.expect("deleted");
        told
    }

    much_output_is_not_lost(sys, place) {
        let case = Case::new(&sys, &place, "c", "head -c 3000000 /dev/zero | tr '\\0' 'y'");
        let told = case.run().await;
        let log = text_of_large(&sys, &case.log()).await;
        format!("{} y, {} in the log, {}", told.matches('y').count(), log.matches('y').count(), told.trim_start_matches('y'))
    }
}
