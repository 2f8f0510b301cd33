//! The session with the real engine (Debian's dockerd 20.10): the same output and exit codes but for what a table lists, with
//! a reason for each. What is listed must differ.

use super::harness::{Daemon, possible, real_client};
use super::{rows, told};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Reasons, each with the commands that it is for: lines that begin with `$` under a line that does not.
const DIFFERENCES: &str = include_str!("differences.txt");

fn differences() -> BTreeMap<&'static str, &'static str> {
    let mut reason = "";
    let mut found = BTreeMap::new();
    for line in DIFFERENCES.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("$ ") {
            Some(command) => drop(found.insert(command, reason)),
            None => reason = line,
        }
    }
    found
}

/// A network namespace of the daemon's own: it sets addresses and rules.
struct Network(String);

impl Network {
    fn new() -> Option<Network> {
        let name = format!("gdn{}", std::process::id());
        let ip = |args: &[&str]| {
            Command::new("ip")
                .args(args)
                .status()
                .is_ok_and(|status| status.success())
        };
        let made = ip(&["netns", "add", &name]);
        let network = Network(name);
        (made && ip(&["-n", &network.0, "link", "set", "lo", "up"])).then_some(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
fn the_real_engine_does_the_same_but_for_what_is_listed() {
    if !possible() || !real_client() {
        return;
    }
    if Command::new("dockerd").arg("--version").output().is_err() {
        return eprintln!("nothing was compared: there is no dockerd");
    }
    let network = Network::new().expect("a network namespace");
    let mut daemon = Daemon::place();
    let place = |name: &str| daemon.at(name);
    let child = Command::new("nsenter")
        .arg(format!("--net=/run/netns/{}", network.0))
        .args(["dockerd", "--host", &format!("unix://{}", place("s"))])
        .args(["--data-root", &place("data"), "--exec-root", &place("exec")])
        .args(["--pidfile", &place("pid")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place("log")).unwrap())
        .spawn()
        .unwrap();
    daemon.adopt(child);
    daemon.until("dockerd answers", |daemon| {
        daemon.docker(&["version"]).code == Some(0)
    });
    daemon.load();
    let listed = differences();
    let mut wrong = String::new();
    for (line, expected) in rows() {
        let real = told(line, &daemon.shell(line))
            .replace(&format!("{}/", daemon.dir.display()), "<DIR>/");
        match (real == expected, listed.get(line)) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(reason)) => {
                let _ = writeln!(wrong, "$ {line}\nis the same, and listed: {reason}");
            }
            (false, None) => {
                let _ = writeln!(wrong, "the real engine:\n{real}and not:\n{expected}");
            }
        }
    }
    let commands: Vec<&str> = rows().into_iter().map(|(line, _)| line).collect();
    for line in listed.keys().filter(|line| !commands.contains(line)) {
        let _ = writeln!(wrong, "$ {line}\nis listed, and no command of the session");
    }
    daemon.shell("docker rm -f $(docker ps -aq)");
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    assert!(wrong.is_empty(), "{wrong}");
}
