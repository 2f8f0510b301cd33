//! Daemons and shims are killed at random moments: what a client was told holds afterwards, and nothing is left.

use super::harness::{Daemon, Done, GLASSDOCK, possible};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How many are killed, daemons and shims together.
const KILLS: u32 = 100;
/// How many times a daemon is ended in an orderly way.
const ENDS: u32 = 20;
/// Names of containers.
const NAMES: [&str; 4] = ["c0", "c1", "c2", "c3"];
/// A kill comes within this many times what an operation took when nothing interrupted it, so that about half of them hit
/// one, on whatever machine.
const WITHIN: u32 = 2;
/// Prints numbered lines, so that one that is lost is missed.
const SCRIPT: &str =
    "trap 'exit 0' TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done";

/// Numbers that follow from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// What is known of a container because a client was told; nothing where an operation had no answer.
#[derive(Clone, Copy, Default, Debug)]
struct Known {
    exists: Option<bool>,
    runs: Option<bool>,
    paused: Option<bool>,
}

const GONE: Known = Known {
    exists: Some(false),
    runs: Some(false),
    paused: Some(false),
};

impl Known {
    /// What a list tells by a container's state.
    fn listed(state: Option<&str>) -> Known {
        Known {
            exists: Some(state.is_some()),
            runs: Some(matches!(state, Some("running" | "paused"))),
            paused: Some(state == Some("paused")),
        }
    }

    /// Whether all that is known is true.
    fn holds(self, is: Known) -> bool {
        [
            (self.exists, is.exists),
            (self.runs, is.runs),
            (self.paused, is.paused),
        ]
        .iter()
        .all(|(known, is)| known.is_none() || known == is)
    }
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Run,
    Start,
    Stop,
    Kill,
    Remove,
    Exec,
    Restart,
    Pause,
    Unpause,
}

impl Operation {
    /// One that can be done to a container as it is known.
    fn on(known: Known, random: &mut Random) -> Operation {
        use Operation::*;
        match known {
            Known {
                exists: Some(false),
                ..
            } => random.of(&[Create, Run, Run]),
            Known {
                runs: Some(false), ..
            } => random.of(&[Start, Start, Remove, Restart]),
            Known {
                paused: Some(true), ..
            } => random.of(&[Unpause, Stop, Kill, Remove, Restart]),
            _ => random.of(&[Stop, Kill, Remove, Exec, Restart, Pause]),
        }
    }
}

fn args(operation: Operation, name: &str) -> Vec<&str> {
    let made = [
        "--name",
        name,
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        SCRIPT,
    ];
    let with =
        |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain([name]).collect() };
    match operation {
        Operation::Create => [&["create"][..], &made].concat(),
        Operation::Run => [&["run", "-d"][..], &made].concat(),
        Operation::Start => with(&["start"]),
        Operation::Stop => with(&["stop", "-t", "0"]),
        Operation::Kill => with(&["kill"]),
        Operation::Remove => with(&["rm", "-f"]),
        Operation::Exec => vec!["exec", name, "echo", "inside"],
        Operation::Restart => with(&["restart", "-t", "0"]),
        Operation::Pause => with(&["pause"]),
        Operation::Unpause => with(&["unpause"]),
    }
}

/// What follows from an operation. One that failed may have been done, in part or as a whole.
fn learn(known: &mut Known, operation: Operation, done: &Done) {
    if done.code != Some(0) {
        *known = match operation {
            Operation::Create | Operation::Run | Operation::Remove => Known::default(),
            Operation::Exec => *known,
            _ => Known {
                exists: known.exists,
                ..Known::default()
            },
        };
        return;
    }
    *known = Known::listed(match operation {
        Operation::Create => Some("created"),
        Operation::Run | Operation::Start | Operation::Restart | Operation::Unpause => {
            Some("running")
        }
        Operation::Pause => Some("paused"),
        Operation::Stop | Operation::Kill => Some("exited"),
        Operation::Remove => None,
        Operation::Exec => {
            assert_eq!(done.out, "inside\n");
            Some("running")
        }
    });
}

fn ours(daemon: &Daemon, args: &[&str]) -> Done {
    let mut command = daemon.client(GLASSDOCK);
    command.arg("docker").args(args).output().unwrap().into()
}

fn begin(daemon: &Daemon, args: &[&str]) -> Child {
    let mut command = daemon.client(GLASSDOCK);
    command.arg("docker").args(args);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Names of the containers that there are, with ids and states.
fn listed(daemon: &Daemon) -> BTreeMap<String, (String, String)> {
    let format = "{{.Names}} {{.ID}} {{.State}}";
    let done = ours(daemon, &["ps", "-a", "--no-trunc", "--format", format]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let line = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut next = || words.next().unwrap();
        (next(), (next(), next()))
    };
    done.out.lines().map(line).collect()
}

/// The shims of this daemon, by their containers' ids.
fn shims(daemon: &Daemon) -> BTreeMap<String, Pid> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = line
            .split(|&b| b == 0)
            .map(String::from_utf8_lossy)
            .collect();
        let [name, dir, ..] = words.as_slice() else {
            continue;
        };
        let place = format!("{}/x/runtime/", daemon.dir.display());
        if let Some(id) = dir.strip_prefix(&place).filter(|_| name.ends_with("shim")) {
            let pid = entry.file_name().to_str().and_then(|pid| pid.parse().ok());
            found.insert(id.to_owned(), pid.and_then(Pid::from_raw).unwrap());
        }
    }
    found
}

/// A container's output is whole: each run counts from zero, and no line is left out or told twice.
fn check_log(daemon: &Daemon, name: &str) {
    let done = ours(daemon, &["logs", name]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let mut before = None;
    // The last line may be on its way.
    let end = done.out.rfind('\n').map_or(0, |at| at + 1);
    for line in done.out[..end].lines() {
        let number = line
            .strip_prefix("line ")
            .and_then(|text| text.parse::<u64>().ok());
        let number = number.unwrap_or_else(|| panic!("{name}: {line:?}"));
        let follows = number == 0 || before == Some(number - 1);
        assert!(follows, "{name}: {number} after {before:?}");
        before = Some(number);
    }
}

/// What was told must hold; what was not told is taken from here on as it is.
fn check(daemon: &Daemon, known: &mut BTreeMap<&'static str, Known>, context: &str) {
    // A container whose end is being dealt with is not at rest yet: those that run are those that have a shim.
    let at_rest = |daemon: &Daemon| {
        let (listed, shims) = (listed(daemon), shims(daemon));
        let settled = |(id, state): &(String, String)| {
            Known::listed(Some(state)).runs == Some(shims.contains_key(id))
        };
        listed.values().all(settled)
            && known.iter().all(|(name, known)| {
                let state = listed.get(*name).map(|(_, state)| state.as_str());
                known.holds(Known::listed(state))
            })
    };
    let begin = std::time::Instant::now();
    while !at_rest(daemon) {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "{context}\nknown: {known:?}\nlisted: {:?}\n{}\n{}",
            listed(daemon),
            ours(daemon, &["ps", "-a", "--format", "{{.Names}} {{.Status}}"]).out,
            fs::read_to_string(daemon.at("log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let listed = listed(daemon);
    for (name, known) in known.iter_mut() {
        let state = listed.get(*name).map(|(_, state)| state.as_str());
        *known = Known::listed(state);
        if state.is_some() {
            check_log(daemon, name);
        }
    }
}

/// Does an operation that nothing interrupts, which must succeed; gives how long it took.
fn undisturbed(
    daemon: &Daemon,
    known: &mut BTreeMap<&'static str, Known>,
    random: &mut Random,
) -> Duration {
    let name = random.of(&NAMES);
    let place = known.get_mut(name).unwrap();
    let operation = Operation::on(*place, random);
    let begin = std::time::Instant::now();
    let done = ours(daemon, &args(operation, name));
    let took = begin.elapsed();
    let context = || format!("{operation:?} {name}, {place:?}: {done:?}");
    assert_eq!(done.code, Some(0), "{}", context());
    println!("{operation:?} {name}");
    learn(place, operation, &done);
    took
}

/// Control groups of containers.
fn groups_of(ids: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        for id in ids {
            let path = hierarchy.path().join("docker").join(id);
            if path.exists() {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A daemon with containers that operations are done to, one after the other.
struct Scene {
    seed: u64,
    random: Random,
    daemon: Daemon,
    known: BTreeMap<&'static str, Known>,
    /// All containers that there were.
    ids: BTreeSet<String>,
    /// Who may have a signal on the way that nobody told of: one that stands still gets it when it goes on.
    doubtful: Vec<&'static str>,
}

/// An operation that is under way.
struct Begun {
    name: &'static str,
    operation: Operation,
    client: Child,
}

impl Scene {
    fn new() -> Scene {
        let seed = std::env::var("GLASSDOCK_SEED").ok();
        let seed = seed
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(0x6c61_7373);
        println!("GLASSDOCK_SEED={seed}");
        Scene {
            seed,
            random: Random(seed),
            daemon: Daemon::start(),
            known: NAMES.iter().map(|name| (*name, GONE)).collect(),
            ids: BTreeSet::new(),
            doubtful: Vec::new(),
        }
    }

    /// Begins an operation, and returns somewhere in it.
    fn begin(&mut self) -> Begun {
        let took = undisturbed(&self.daemon, &mut self.known, &mut self.random);
        self.note_ids();
        let name = self.random.of(&NAMES);
        let operation = Operation::on(self.known[name], &mut self.random);
        let client = begin(&self.daemon, &args(operation, name));
        std::thread::sleep(took * WITHIN * self.random.below(1000) as u32 / 1000);
        Begun {
            name,
            operation,
            client,
        }
    }

    /// Learns what the client was told.
    fn end(&mut self, begun: Begun) -> Done {
        let done: Done = begun.client.wait_with_output().unwrap().into();
        learn(
            self.known.get_mut(begun.name).unwrap(),
            begun.operation,
            &done,
        );
        use Operation::*;
        if done.code != Some(0) && matches!(begun.operation, Stop | Kill | Restart | Remove) {
            self.doubtful.push(begun.name);
        }
        done
    }

    /// A container has ended with what ended it, whatever was under way.
    fn has_ended(&mut self, name: &str, under_way: &str) {
        let ended = (name != under_way).then_some(false);
        let state = self.known.get_mut(name).unwrap();
        (state.runs, state.paused) = (ended, ended);
    }

    fn check(&mut self, context: &str) {
        println!("{context}");
        for name in self.doubtful.drain(..) {
            let removed = ours(&self.daemon, &["rm", "-f", name]);
            let gone = removed.code == Some(0) || removed.err.contains("No such container");
            assert!(gone, "{context}: {removed:?}");
            self.known.insert(name, GONE);
        }
        let context = format!("seed {}, {context}", self.seed);
        check(&self.daemon, &mut self.known, &context);
        self.note_ids();
    }

    fn note_ids(&mut self) {
        let listed = listed(&self.daemon);
        self.ids.extend(listed.into_values().map(|(id, _)| id));
    }

    fn finish(self) {
        self.daemon.finish();
        assert_eq!(groups_of(&self.ids), [""; 0]);
    }

    /// Kills the daemon during an operation.
    fn kill_daemon(&mut self) {
        let begun = self.begin();
        let context = format!("{:?} {}, the daemon", begun.operation, begun.name);
        assert_eq!(self.daemon.end(Signal::KILL), None);
        let client = self.end(begun);
        self.daemon.launch();
        self.check(&format!("{context}: {client:?}"));
    }

    /// Kills a shim during an operation; gives whether there was one.
    fn kill_shim(&mut self) -> bool {
        let begun = self.begin();
        let (name, operation) = (begun.name, begun.operation);
        let all: Vec<(String, Pid)> = shims(&self.daemon).into_iter().collect();
        let at = self.random.below(all.len().max(1) as u64) as usize;
        let victim = all.into_iter().nth(at);
        let before = listed(&self.daemon);
        if let Some((_, pid)) = &victim {
            let _ = kill_process(*pid, Signal::KILL);
            self.daemon.until("the shim is gone", |daemon| {
                !shims(daemon).values().any(|other| other == pid)
            });
        }
        let client = self.end(begun);
        if let Some((id, _)) = &victim {
            // Its container went with it: whose it was, if that is known already.
            let whose = before.iter().find(|(_, (other, _))| other == id);
            self.has_ended(whose.map_or(name, |(whose, _)| whose), name);
        }
        self.check(&format!(
            "{operation:?} {name}, the shim of {victim:?}: {client:?}"
        ));
        victim.is_some()
    }

    /// Ends the daemon during an operation as a service is ended, which ends the containers.
    fn end_daemon(&mut self) {
        let begun = self.begin();
        let (name, operation) = (begun.name, begun.operation);
        assert_eq!(self.daemon.end(Signal::TERM), Some(0));
        let client = self.end(begun);
        let context = format!("{operation:?} {name}, the daemon's end: {client:?}");
        assert_eq!(self.daemon.mounts(), [""; 0], "{context}");
        // A shim that has been told to end does so by itself.
        self.daemon
            .until(&context, |daemon| daemon.processes().is_empty());
        self.daemon.launch();
        for other in NAMES {
            self.has_ended(other, name);
        }
        self.check(&context);
    }
}

#[test]
fn what_was_told_holds_after_a_hundred_kills() {
    if !possible() {
        return;
    }
    let mut scene = Scene::new();
    let (mut of_daemons, mut of_shims) = (0, 0);
    while of_daemons + of_shims < KILLS {
        match scene.random.below(2) {
            0 => of_shims += u32::from(scene.kill_shim()),
            _ => {
                scene.kill_daemon();
                of_daemons += 1;
            }
        }
    }
    println!(
        "{of_daemons} kills of daemons, {of_shims} of shims; {} containers",
        scene.ids.len()
    );
    assert!(of_shims > 0 && of_daemons > 0);
    scene.finish();
}

#[test]
fn what_was_told_holds_after_a_daemon_is_ended_in_the_middle_of_something() {
    if !possible() {
        return;
    }
    let mut scene = Scene::new();
    for _ in 0..ENDS {
        scene.end_daemon();
    }
    scene.finish();
}
